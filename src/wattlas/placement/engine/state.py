"""What the kernels read and write: named bundles of arrays, no code.

A *source* s is one row of demand. Its columns are (point o, region r), and (-1, -1) is demand
left unserved. Inside the engine a source's volume is counted in units of its largest accelerator
time, so that entries of the capacity rows are at most 1 and volumes are GPU-h/h. All rows are
"≤": first the regions, padded to a multiple of eight, then the coupling rows, padded alike.
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


class Static(NamedTuple):
    """What does not change from hour to hour, scaled.

    fixed[S, O*Rp]   static cost of a column, BIG where closed
    energy[S, O]     kWh per unit;  gpu[S, O] accelerator time per unit, at most 1
    unserved[S]      cost of leaving a unit unserved, BIG where not allowed
    first[S+1], row[n], coef[n, O]   entries of the coupling rows (row counts from 0 over all rows)
    """

    fixed: F8
    energy: F8
    gpu: F8
    unserved: F8
    first: I4
    row: I4
    coef: F8


class Hour(NamedTuple):
    """What an hour brings: per_kwh[Rp], demand[S], limit[P] (right-hand sides of the rows)."""

    per_kwh: F8
    demand: F8
    limit: F8


class Work(NamedTuple):
    """The simplex state: a key column per source, P basic columns, the inverse, values, duals.

    inverse[k, i] is entry (i, k) of the inverse: stored by columns, so that every long loop is
    contiguous. A basic column has source -1 when it is the slack of row `basic_r`.
    """

    key_o: I4
    key_r: I4
    key_cost: F8
    key_x: F8
    split: I4
    basic_s: I4
    basic_o: I4
    basic_r: I4
    basic_cost: F8
    basic_x: F8
    inverse: F8
    dual: F8
    alpha: F8
    penalty: F8
    bad_key: I4
    slot: I4
    touched: I4
    rate: F8
    step: F8
    weight: F8
    best: F8
    buffer: F8
    rhs: F8
    spare: F8
    true_limit: F8
    saved: I4
    count: I8


# Places of `Work.count`.
PIVOTS, SINCE_REFACTOR, STALLED, BAD, TOUCHED, SEED, PERTURBED, SCANS = range(8)
