"""What the kernels read and write: a few packed arrays in four groups.

S sources, R regions, O points, J coupling rows. W is R padded to whole vector registers, P = W + J
padded alike: the number of *working rows*, which are all "≤".

A *source* s is one row of demand. Its columns are (point o, region r), and (-1, -1) is demand
left unserved. Inside the engine a source's volume is counted in units of its largest accelerator
time, so that entries of the capacity rows are at most 1 and volumes are GPU-h/h.

Each source has one *key* column, basic by definition, which takes what its other columns leave. The
*working basis* holds the P further basic columns, one for each working row; a slack among them
carries source -1 and its row in the place of the region.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]

BIG = 1e30
"The cost of a closed column; finite, because kernels may not meet infinities."
OPEN = 1e29
"Columns that cost less than this are open."

OPTIMAL, INFEASIBLE, GAVE_UP = 0, 1, 2
"How an hour ends."

GPU, ENERGY, ROWS = 0, 1, 2
"Places in `unit[s, o]`; the coupling rows follow from ROWS on."

SOURCE, POINT, REGION, NEGATIVE, SLOT = range(5)
"Columns of `basic` and of `key`. NEGATIVE marks a value below zero; SLOT is scratch of `key`."
BASICS = 0
"Column of `key`: how many basic columns the source has beside its key."
FREE = 3
"Column of `saved`: whether a row waits for a column."

VALUE, COST, DUAL, ALPHA, RHS, SPARE, LIMIT, PRICED = range(8)
"""Rows of `vec`. VALUE, COST, ALPHA, SPARE go by basic column; DUAL, RHS, LIMIT, PRICED (the duals
of `by_region`) by working row."""

PIVOTS, SINCE, STALLED, NEGATIVES, SEED, PERTURBED, CANDIDATES = range(7)
"""Places of `counters`: pivots ever, basis changes since the refactorisation, pivots in a row
without progress, negative variables, state of the random numbers, whether limits are perturbed,
columns in `candidate`."""


class Program(NamedTuple):
    """What all hours share.

    fixed[S, O·W + 4]  static cost of column o·W + r, BIG where closed; at O·W of a unit unserved
    unit[S, O, 2 + Jp] accelerator time, energy, entries of the (padded) coupling rows per unit
    kind[S], rep[N]    sources with the same `unit` are of one kind n, and rep[n] is one of them
    points[S]          a source has columns at its first so many points only
    across[O·W + 4, S], rate[O, 2 + Jp, S]  `fixed` and `unit`, sources along the last axis
    """

    fixed: F8
    unit: F8
    kind: I4
    rep: I4
    points: I4
    across: F8
    rate: F8


class Hour(NamedTuple):
    """tariff[1 + O, W] prices per kWh, then per GPU-h at each point; demand[S]; limit[P]."""

    tariff: F8
    demand: F8
    limit: F8


class Working(NamedTuple):
    """The basis at hand.

    key[S, 5]      of each source: basic columns beside the key, point, region, marks
    key_cost[S], key_value[S]
    basic[P, 4]    (source, point, region, mark) of the basic columns
    vec[8, P]      vectors over the basic columns or over the working rows
    inverse[P, P]  inverse[k, i] is entry (i, k) of the inverse of the working basis: stored by
                   columns, so that the long loops, which go along i, are contiguous
    """

    key: I4
    key_cost: F8
    key_value: F8
    basic: I4
    vec: F8
    inverse: F8


class Scratch(NamedTuple):
    """Room that no result stays in, but for `counters`.

    touched[P + 1], rate[P + 1]  sources whose key moves with the entering column, and how fast
    breakpoints[2, 2P + 1]       of the long-step ratio test: where, and by how much the slope rises
    weight[S + P]                of sources and rows in the choice of a pivot
    candidate[S + P, 3]          (source, point, region) of columns that may enter, or (-1, -1, row)
    candidate_cost[S + P], score[S + P]  of the candidates
    by_region[W, S]              least reduced cost of a source's columns in a region, at the duals
                                 PRICED
    least[S], gain[S]            least reduced cost of all columns of a source; how far its key's is
                                 above it
    reduced[W]                   reduced costs of one source at one point
    table[N, O·W + 4]            what columns of a kind cost beyond `fixed`
    saved[P, 4]                  columns on their way through a refactorisation
    counters[8]                  see PIVOTS and the following
    """

    touched: I4
    rate: F8
    breakpoints: F8
    weight: F8
    candidate: I4
    candidate_cost: F8
    score: F8
    by_region: F8
    least: F8
    gain: F8
    reduced: F8
    table: F8
    saved: I4
    counters: I8


class HourlyOutput(NamedTuple):
    """What is written for H hours, in engine units; flows in S + P slots an hour.

    status[H]; total[H, 2] objective and duality gap; dual[H, P] of the rows; value[H, S] of demand;
    flow[H, S + P] with place[H, S + P, 3] (source, point, region) in the first used[H] slots
    """

    status: I8
    total: F8
    dual: F8
    value: F8
    flow: F8
    place: I4
    used: I8

    @staticmethod
    def room(hours: int, sources: int, rows: int) -> HourlyOutput:
        """Room for some hours; nan where nothing is written."""
        return HourlyOutput(
            status=np.zeros(hours, np.int64),
            total=np.full((hours, 2), np.nan),
            dual=np.full((hours, rows), np.nan),
            value=np.full((hours, sources), np.nan),
            flow=np.zeros((hours, sources + rows)),
            place=np.zeros((hours, sources + rows, 3), np.int32),
            used=np.zeros(hours, np.int64),
        )
