"""Sums over the rows of one process, for Prometheus: durations, tokens, energy and emissions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from wattlas.serve.ledger.journal import Row
from wattlas.serve.names import BUCKETS_S, FIRST_BUCKETS_S

US_PER_S = 1e6
MJ_PER_J = 1e3
UG_PER_G = 1e6
_ENDED = attrgetter("tenant", "degraded", "model_asked", "model_served", "region", "end")


def tier_of(degraded: bool) -> str:
    """The tier that served."""
    return "degraded" if degraded else "full"


class Durations:
    """A histogram of durations over bounds; the last bucket is beyond all of them."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self.bounds_s = bounds_s
        self._bounds_us = [round(bound * US_PER_S) for bound in bounds_s]
        self.counts = [0] * (len(bounds_s) + 1)
        self.seconds = 0.0

    def take(self, took_us: Sequence[int]) -> None:
        """Add some durations."""
        for us in took_us:
            self.counts[bisect_left(self._bounds_us, us)] += 1
        self.seconds += sum(took_us) / US_PER_S


class Totals:
    """Takes rows as they are made; keys are labels in the order of the metric's."""

    def __init__(self) -> None:
        self.ended: Counter[tuple[Any, ...]] = Counter()
        """Requests by tenant, whether degraded, model asked and served, region and end."""
        self.durations: dict[tuple[str, ...], Durations] = {}
        self.firsts: dict[tuple[str, ...], Durations] = {}
        """Times to the first token."""
        self.tokens: Counter[tuple[str, ...]] = Counter()
        self.joules: dict[tuple[str, ...], float] = {}
        self.grams: dict[tuple[str, ...], float] = {}
        self.marginal: dict[tuple[str, ...], float] = {}
        self.usual: dict[tuple[str, ...], float] = {}

    def take(self, rows: Sequence[Row]) -> None:
        """Add rows; what nobody knows adds nothing."""
        self.ended.update(map(_ENDED, rows))
        groups: dict[tuple[str, bool, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row.region, row.degraded, row.method), []).append(row)
        for (region, degraded, method), own in groups.items():
            place = region, tier_of(degraded)
            took_us = [max(row.ended_us - row.admitted_us, 0) for row in own]
            _of(self.durations, place, BUCKETS_S).take(took_us)
            for kind, counts in (
                ("input", [row.tokens_in for row in own]),
                ("output", [row.tokens_out for row in own]),
            ):
                if count := sum(filter(None, counts)):
                    self.tokens[kind, method] += count
            _add(self.joules, place, [row.facility_mj for row in own], MJ_PER_J)
            _add(self.grams, place, [row.average_ug for row in own], UG_PER_G)
            _add(self.marginal, place, [row.marginal_ug for row in own], UG_PER_G)
            _add(self.usual, (), [row.usual_average_ug for row in own], UG_PER_G)

    def first(self, region: str, degraded: bool, us: int) -> None:
        """Add the time to the first token of a stream."""
        _of(self.firsts, (region, tier_of(degraded)), FIRST_BUCKETS_S).take([us])


def _of(
    made: dict[tuple[str, ...], Durations], key: tuple[str, ...], bounds_s: Sequence[float]
) -> Durations:
    found = made.get(key)
    if found is None:
        found = made[key] = Durations(bounds_s)
    return found


def _add(
    sums: dict[tuple[str, ...], float],
    key: tuple[str, ...],
    amounts: Sequence[int | None],
    per: float,
) -> None:
    known = [amount for amount in amounts if amount is not None]
    if known:
        sums[key] = sums.get(key, 0.0) + sum(known) / per
