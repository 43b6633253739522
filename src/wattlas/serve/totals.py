"""Sums over the rows of one process, for Prometheus: durations, tokens, energy and emissions."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from operator import itemgetter, sub
from typing import Any

from wattlas.serve.ledger.journal import Row
from wattlas.serve.names import BUCKETS_S, FIRST_BUCKETS_S, OTHER

US_PER_S = 1e6
MJ_PER_J = 1e3
UG_PER_G = 1e6
_AT = {name: n for n, name in enumerate(Row._fields)}
UNKNOWN = "unknown"
_GROUP = itemgetter(*map(_AT.__getitem__, (
    "tenant", "degraded", "model_asked", "model_served", "region", "end", "method", "energy",
)))  # fmt: skip


def counted_as(rows: Sequence[Row], known: Mapping[str, Set[str]]) -> Sequence[Row]:
    """Rows as they are counted: what stands in a field and is none of its known names is `other`.
    Who settles requests says where they were served, and by which model."""
    odd = [name for name, own in known.items() if not own >= set(map(itemgetter(_AT[name]), rows))]
    if not odd:
        return rows
    return [
        row._replace(**{n: OTHER for n in odd if row[_AT[n]] not in known[n]})  # type: ignore[arg-type]
        for row in rows
    ]


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
        """Add some durations; a clock that was set makes none of them negative."""
        ordered = sorted(took_us)
        if ordered and ordered[0] < 0:
            ordered = [max(us, 0) for us in ordered]
        before = 0
        for n, bound_us in enumerate(self._bounds_us):
            upto = bisect_right(ordered, bound_us)
            self.counts[n] += upto - before
            before = upto
        self.counts[-1] += len(ordered) - before
        self.seconds += sum(ordered) / US_PER_S


class MetricTotals:
    """Takes rows as they are made; keys are labels in the order of the metric's."""

    def __init__(self) -> None:
        self.ended: Counter[tuple[Any, ...]] = Counter()
        """Requests by tenant, whether degraded, model asked and served, region and end."""
        self.durations: dict[tuple[str, ...], Durations] = {}
        self.firsts: dict[tuple[str, ...], Durations] = {}
        """Times to the first token."""
        self.tokens: Counter[tuple[str, ...]] = Counter()
        self.readings: Counter[tuple[str, ...]] = Counter()
        """Requests by region and by how their energy was found."""
        self.joules: dict[tuple[str, ...], float] = {}
        self.grams: dict[tuple[str, ...], float] = {}
        self.marginal: dict[tuple[str, ...], float] = {}
        self.usual: dict[tuple[str, ...], float] = {}

    def take(self, rows: Sequence[Row]) -> None:
        """Add rows; what nobody knows adds nothing."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for group, row in zip(map(_GROUP, rows), rows, strict=True):
            own = groups.get(group)
            if own is None:
                groups[group] = [row]
            else:
                own.append(row)
        for group, own in groups.items():
            self.ended[group[:-2]] += len(own)
            self.readings[group[4], group[-1] or UNKNOWN] += len(own)
            self._take(group[4], group[1], group[-2], own)

    def _take(self, region: str, degraded: bool, method: str, rows: Sequence[Row]) -> None:
        """Add rows that have region, tier and method in common."""
        place, columns = (region, tier_of(degraded)), list(zip(*rows, strict=True))
        ended_us, admitted_us = columns[_AT["ended_us"]], columns[_AT["admitted_us"]]
        took_us = list(map(sub, ended_us, admitted_us))
        _of(self.durations, place, BUCKETS_S).take(took_us)
        for kind, name in (("input", "tokens_in"), ("output", "tokens_out")):
            if count := sum(filter(None, columns[_AT[name]])):
                self.tokens[kind, method] += count
        _add(self.joules, place, columns[_AT["facility_mj"]], MJ_PER_J)
        _add(self.grams, place, columns[_AT["average_ug"]], UG_PER_G)
        _add(self.marginal, place, columns[_AT["marginal_ug"]], UG_PER_G)
        _add(self.usual, (), columns[_AT["usual_average_ug"]], UG_PER_G)

    def first(self, region: str, degraded: bool, us: int) -> None:
        """Add the time to the first token of a stream."""
        _of(self.firsts, (region, tier_of(degraded)), FIRST_BUCKETS_S).take([us])


def _of(
    made: dict[tuple[str, ...], Durations], key: tuple[str, ...], bounds_s: Sequence[float]
) -> Durations:
    durations = made.get(key)
    if durations is None:
        durations = made[key] = Durations(bounds_s)
    return durations


def _add(
    sums: dict[tuple[str, ...], float],
    key: tuple[str, ...],
    amounts: Sequence[int | None],
    per: float,
) -> None:
    if amounts.count(None) < len(amounts):
        sums[key] = sums.get(key, 0.0) + sum(filter(None, amounts)) / per
