"""What the kernels read and write: packed arrays in five groups.

H hours, S sources, R regions, M models. Source s runs one model, model[s], in whatever region;
sources stand in order of their models. Of an hour h there are J = R + M·R *rows*

    h·J + r                Σ_s f[h,s,r] + t = K[h,r]                               capacity
    h·J + R + m·R + r      Σ_{s of m} f[h,s,r] − Σ_{s of m} f[h−1,s,r] + t = b     a level's rise

with f in GPU-h/h and b zero but for what runs before the first hour. The *slack* t of a row is
free: below zero it costs top[row], a start or more than anything. So every point that serves all
demand is feasible.

The column of source s in region r of hour h is (h·S + s)·R + r. Each source of an hour has one
*key* column, which takes what its other basic columns leave. The *working basis* holds n = H·J
further variables in as many *slots*: columns, and slacks, told as −1 − row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
U4 = NDArray[np.uint32]
"What is never negative: numba asks of every other index which end it counts from."
B1 = NDArray[np.bool_]

CLOSED = 1e6
"Cost of a closed column; the largest open cost is 100."

FAR = 1e300
"More than any price or step."

OPTIMAL, GAVE_UP = 0, 1
"How a run ends."

NONE = -(1 << 40)
"A slot that nothing is in yet."
OWN = 1 << 40
"What leaves where an entering slack only comes to its own kink."

COLUMNS, PIVOTS, FREE, LOWER, ETAS, ENTERED, RATES, BREAKS, CROSSED, NONZEROS, HOUR, MOVES = range(
    12
)
"""Places of `counters`: columns in the basis, those that were factorised, rows whose slack is
basic, rows of L that have entries, etas since, which variable enters, keys that move, breakpoints,
kinks that were passed, entries of the entering column, rows of an hour, and pivots and steps of
this call."""

COLUMN, ROW, PRICE, VECTOR = range(4)
"""Rows of `vec`: the entering column by slot; the pivot row and what duals change by, by row; and
room for factorising."""

SLOPE, TARGET, SIGN, SIDE, REACH, STEP = range(6)
"""Places of `entering`: what the objective changes by, what the duals have to, which way a slack
goes, its price then, where its own kink is, and how far the step goes."""

AT, RISE, PIVOT = range(3)
"Rows of `breaks`: where, by how much the slope rises there (< 0: the step ends), and the pivot."


class LevelProgram(NamedTuple):
    """A program: cost[H,S,R], demand[H·S], limit[n] the right-hand sides, top[n], model[S], and
    first[M + 1], where the sources of each model begin."""

    cost: F8
    demand: F8
    limit: F8
    top: F8
    model: U4
    first: U4


class WindowBasis(NamedTuple):
    """The basis at hand.

    key[H·S] region of the key, key_value[H·S]; slot[n] what is basic there, value[n] of it
    place[H·S·R]     slot of a column, −1 of one that is not in the working basis
    price[n]         of a row's slack while it is basic: 0, top, or between where it stays at zero
    shift[n]         value of a slack that is not basic
    dual[n], level_price[H,M,R]  what a GPU-h/h more costs in its rows together
    weight[H,S,R], row_weight[n]  Devex reference weights
    """

    key: U4
    key_value: F8
    slot: I8
    value: F8
    place: I4
    price: F8
    shift: F8
    dual: F8
    level_price: F8
    weight: F8
    row_weight: F8


class Sparse(NamedTuple):
    """Vectors one after the other: vector k is at[start[k]:start[k + 1]], value likewise."""

    start: U4
    at: U4
    value: F8


class Factors(NamedTuple):
    """L and U of the columns in the working basis, and etas for what changed since.

    pivot_row[k], diagonal[k] of the k-th column; L and U by columns, and by rows with the pivot
    row of each column as index. Rows whose slack is basic stand before all columns, and behind them
    in L: lower_order[q] are its rows with entries, from the last one on. An eta of kind
    0 replaces what is in `eta_slot`, its first entry the pivot; one of kind 1 makes the column in
    `eta_slot` the key of its source, whose slots are its entries. eta_row[i, t] is what the t-th of
    kind 0 has in slot i besides its pivot, eta_sum room for a number for each.
    """

    pivot_row: U4
    diagonal: F8
    lower: Sparse
    upper: Sparse
    lower_row: Sparse
    upper_row: Sparse
    free_row: U4
    lower_order: U4
    eta_kind: I8
    eta_slot: U4
    eta: Sparse
    eta_row: F8
    eta_sum: F8


class Order(NamedTuple):
    """Room for factorising: the columns' ids and entries, the columns of each row, how many are
    left in a row and in a column, the order, and marks."""

    column: U4
    matrix: Sparse
    row_start: U4
    row_column: U4
    left_in_row: U4
    left_in_column: U4
    order: U4
    pivot: I8
    stack: U4
    done_row: B1
    done_column: B1
    position: I8
    mark: I8
    reach: U4
    pointer: U4


class Work(NamedTuple):
    """Room that no result stays in.

    best[H·(M + 1)], best_id  the best entering variable of the sources of a model in an hour, and
                              of its slacks
    stale                     which of them have to be priced again
    tight[n]                  rows whose slack is not basic
    nonzero                   slots of the entering column's entries
    owner, rate, moving       sources whose key moves; how fast it falls, and whether, by source of
                              an hour
    breaks[3, 3n], breaker    of the ratio test; passed
    """

    counters: I8
    entering: F8
    vec: F8
    best: F8
    best_id: I8
    stale: B1
    tight: B1
    entry_row: U4
    entry: F8
    block: F8
    nonzero: U4
    owner: U4
    rate: F8
    moving: B1
    breaks: F8
    breaker: I8
    used: B1
    passed: U4
    order: Order
