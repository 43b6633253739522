"""What the kernels read and write: a few packed arrays, and the names of their columns.

A *source* s is one row of demand. Its columns are (point o, region r), and (-1, -1) is demand
left unserved. Inside the engine a source's volume is counted in units of its largest accelerator
time, so that entries of the capacity rows are at most 1 and volumes are GPU-h/h. All rows are
"≤": first the regions, padded to a multiple of eight, then the coupling rows, padded alike.

Kernels take the arrays one by one: a bundle would be taken apart, and its reference counts
touched, at every access.

    fixed[S, O·W + 8]  static cost of column o·W + r, BIG where closed (W = padded regions);
                       at O·W the cost of leaving a unit unserved
    unit[S, O, 2 + Jp] accelerator time, energy, entries of the (padded) coupling rows per unit
    tariff[1 + O, W]                    an hour: prices per kWh, then per GPU-h at each point
    demand[S], limit[P]                 its volumes and right-hand sides
    src[S, 5], amount[S, 2]             a source's key column: where, cost, value
    bas[P, 4], vec[7, P], inverse[P, P] the basic columns, vectors over them or over rows
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]

BIG = 1e30
"The cost of a closed column; finite, because kernels may not meet infinities."
OPEN = 1e29
"Columns that cost less than this are open."

GPU, ENERGY, ROWS = 0, 1, 2
"Places in `unit[s, o]`; the coupling rows follow from ROWS on."

KEY_O, KEY_R, SPLIT, BAD_KEY, SLOT = range(5)
"Columns of `src`: the key column, how many basic columns the source has, two marks."

KEY_COST, KEY_X = range(2)
"Columns of `amount`."

SOURCE, POINT, REGION, BAD = range(4)
"Columns of `bas`; SOURCE is -1 for the slack of row REGION. BAD marks a negative value."

X, COST, DUAL, ALPHA, RHS, SPARE, LIMIT = range(7)
"Rows of `vec`. X, COST, ALPHA go by basic place; DUAL, RHS, LIMIT by row."

PIVOTS, SINCE, STALLED, BADS, TOUCHED, SEED, PERTURBED, SCANS = range(8)
"Places of `count`."
