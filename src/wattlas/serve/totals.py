"""Sums over the rows of one process, for Prometheus: durations, tokens, energy and emissions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from wattlas.serve.ledger.journal import Row
from wattlas.serve.names import BUCKETS_S

US_PER_S = 1e6
MJ_PER_J = 1e3
UG_PER_G = 1e6


def tier_of(row: Row) -> str:
    """The tier that served a row."""
    return "degraded" if row.degraded else "full"


class Totals:
    """Takes rows as they are made; keys are labels in the order of the metric's."""

    def __init__(self) -> None:
        self.durations: dict[tuple[str, ...], list[int]] = {}
        """Requests by bucket; the last is beyond all bounds."""
        self.seconds: dict[tuple[str, ...], float] = {}
        self.tokens: Counter[tuple[str, ...]] = Counter()
        self.joules: dict[tuple[str, ...], float] = {}
        self.grams: dict[tuple[str, ...], float] = {}
        self.marginal: dict[tuple[str, ...], float] = {}
        self.usual: dict[tuple[str, ...], float] = {}

    def take(self, row: Row) -> None:
        """Add a row; what nobody knows adds nothing."""
        place = row.region, tier_of(row)
        seconds = max(row.ended_us - row.admitted_us, 0) / US_PER_S
        counts = self.durations.setdefault(place, [0] * (len(BUCKETS_S) + 1))
        counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.seconds[place] = self.seconds.get(place, 0.0) + seconds
        for kind, count in (("input", row.tokens_in), ("output", row.tokens_out)):
            if count:
                self.tokens[kind, row.method] += count
        _add(self.joules, place, row.facility_mj, MJ_PER_J)
        _add(self.grams, place, row.average_ug, UG_PER_G)
        _add(self.marginal, place, row.marginal_ug, UG_PER_G)
        _add(self.usual, (), row.usual_average_ug, UG_PER_G)


def _add(
    sums: dict[tuple[str, ...], float], key: tuple[str, ...], amount: int | None, per: float
) -> None:
    if amount is not None:
        sums[key] = sums.get(key, 0.0) + amount / per
