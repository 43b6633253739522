"""Candidates: the columns that may enter, one of each source that gains, and what they gain.

All sources are looked at once for many pivots: in between, only the columns that were found then
are priced again.
"""

from __future__ import annotations

from wattlas.placement.engine.basis import cost_of, row_price
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.pricing import ROUNDING, fill_table, least_of_source, price_sources
from wattlas.placement.engine.state import (
    BIG,
    CANDIDATES,
    DUAL,
    F8,
    NEGATIVE,
    POINT,
    REGION,
    SOURCE,
    Hour,
    Program,
    Scratch,
    Working,
)

_MOVED = 1e-14
"""A dual that moved by less than this part of itself was computed anew, with other rounding: less
than what counts as a gain, and the proof of an optimum takes none."""

_MANY = 32
"""Regions above which a candidate's best column is found anew where it is used: another one is best
more often, and an hour takes fewer pivots. A plan of 60 regions takes 0.44 ms an hour so instead of
0.74; the frontiers of 18 a fifth more time. Between them it was not measured."""


@kernel
def finds_anew(h: Hour, b: Working) -> bool:
    """Whether a candidate's best column is found anew where it is used: where rows tie regions, as
    then the price of every column of a source moves with each pivot, and among many regions."""
    width = h.tariff.shape[1]
    return bool(b.vec.shape[1] > width or width > _MANY)


@kernel
def set_column(p: Program, tariff: F8, w: Scratch, n: int, column: tuple[int, int]) -> None:
    """Candidate n is this column (point, region) of its source."""
    o, r = column
    w.candidate[n, POINT], w.candidate[n, REGION] = o, r
    w.candidate_cost[n] = cost_of(p.fixed, p.unit, tariff, w.candidate[n, SOURCE], o, r)


@kernel
def least_column(p: Program, tariff: F8, vec: F8, w: Scratch, s: int) -> tuple[int, int]:
    """The column (point, region) of a source that `least` is the reduced cost of."""
    width = tariff.shape[1]
    for r in range(width):
        if w.by_region[r, s] <= w.least[s]:
            best, at = BIG, -1
            for o in range(p.points[s]):
                v = cost_of(p.fixed, p.unit, tariff, s, o, r)
                v -= row_price(p.unit, vec, width, s, o, r)
                if v < best:
                    best, at = v, o
            return at, r
    return -1, -1


@kernel
def set_gains(unit: F8, b: Working, width: int, penalty: float, least: F8, gain: F8) -> None:
    """What the best column of each source gains: how much less it costs than the key."""
    key, vec = b.key, b.vec
    for s in range(gain.shape[0]):
        own = b.key_cost[s] - row_price(unit, vec, width, s, key[s, POINT], key[s, REGION])
        gain[s] = own - penalty * key[s, NEGATIVE] - least[s]


@kernel
def find_candidates(
    p: Program, h: Hour, b: Working, w: Scratch,
    penalty: float, least_gain: float, least_row_gain: float,
) -> float:  # fmt: skip
    """List the best column of every source that gains, and every slack that does, with a score of
    gain × weight; returns the highest score.

    No gain worth having is below rounding, below `least_gain` over the whole demand, or for a row
    below `least_row_gain`.
    """
    demand, vec, tariff, gain, anew = h.demand, b.vec, h.tariff, w.gain, finds_anew(h, b)
    price_sources(p, tariff, vec, w, _MOVED)
    set_gains(p.unit, b, tariff.shape[1], penalty, w.least, gain)
    n, top = 0, 0.0
    for s in range(demand.shape[0]):
        terms = abs(b.key_cost[s]) + abs(w.least[s])
        if gain[s] * demand[s] > least_gain and gain[s] > ROUNDING * terms:
            w.candidate[n, SOURCE] = s
            if not anew:
                set_column(p, tariff, w, n, least_column(p, tariff, vec, w, s))
            w.score[n] = gain[s] * w.weight[s]
            top = max(top, w.score[n])
            n += 1
    for k in range(vec.shape[1]):
        if vec[DUAL, k] > least_row_gain:  # the slack of a row whose price has the wrong sign
            w.candidate[n, SOURCE], w.candidate[n, POINT], w.candidate[n, REGION] = -1, -1, k
            w.score[n] = vec[DUAL, k] * w.weight[demand.shape[0] + k]
            top = max(top, w.score[n])
            n += 1
    w.counters[CANDIDATES] = n
    return top


@kernel
def key_price(p: Program, b: Working, width: int, s: int) -> float:
    """The reduced cost of a source's key."""
    price: float = b.key_cost[s]
    return price - row_price(p.unit, b.vec, width, s, b.key[s, POINT], b.key[s, REGION])


@kernel
def gain_of(p: Program, b: Working, w: Scratch, width: int, penalty: float, n: int) -> float:
    """What candidate n gains under the present duals."""
    s, o, r = w.candidate[n, SOURCE], w.candidate[n, POINT], w.candidate[n, REGION]
    if s < 0:
        price: float = b.vec[DUAL, r]
        return price
    gain: float = key_price(p, b, width, s) - penalty * b.key[s, NEGATIVE] - w.candidate_cost[n]
    return gain + row_price(p.unit, b.vec, width, s, o, r)


@kernel
def price_candidates(
    p: Program, h: Hour, b: Working, w: Scratch, least_gain: float, least_row_gain: float
) -> float:
    """Score the candidates again, and drop those that gain nothing; returns the highest score."""
    candidate, sources, kept, top = w.candidate, h.demand.shape[0], 0, 0.0
    anew, width = finds_anew(h, b), h.tariff.shape[1]
    if anew:
        fill_table(p.unit, h.tariff, b.vec, p.rep, w.table)
    for n in range(w.counters[CANDIDATES]):
        s = candidate[n, SOURCE]
        if anew and s >= 0:
            least = least_of_source(p, w.table, width, s)
            gain = key_price(p, b, width, s) - least
        else:
            least = w.candidate_cost[n]
            gain = gain_of(p, b, w, width, 0.0, n)
        if s >= 0:
            terms = abs(b.key_cost[s]) + abs(least)
            worth = gain * h.demand[s] > least_gain and gain > ROUNDING * terms
            value = gain * w.weight[s]
        else:
            worth = gain > least_row_gain
            value = gain * w.weight[sources + candidate[n, REGION]]
        if worth:
            for m in range(3):
                candidate[kept, m] = candidate[n, m]
            w.candidate_cost[kept] = w.candidate_cost[n]
            w.score[kept] = value
            top = max(top, value)
            kept += 1
    w.counters[CANDIDATES] = kept
    return top
