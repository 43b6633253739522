"""What the live plane is told for some hours: routings, and what a request costs and emits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.policy.routing import Routing
from wattlas.serve.hours_check import hours_problems
from wattlas.serve.schedule_parts import (
    HourPart,
    PlacePart,
    SchedulePart,
    SignalPart,
    issued_s,
    read_part,
)
from wattlas.serve.table import Place, RoutingTable


class Rates(NamedTuple):
    """What a request comes to at a place in an hour: J per token and request, PUE, signals.

    What is unknown is nan.
    """

    prefill_j_per_token: float
    decode_j_per_token: float
    request_j: float
    pue: float
    price: float
    """USD/MWh."""
    average_g_per_kwh: float
    marginal_g_per_kwh: float


@dataclass(frozen=True)
class ScheduleHour:
    """A table for single requests, and the signals by region while it holds."""

    table: RoutingTable
    signals: Mapping[str, SignalPart]
    vintage: str
    rates: dict[Place, Rates] = field(default_factory=dict)
    """Of the places that were asked for."""


class Schedule:
    """A schedule that was checked: the hour of a moment, and the class of a request."""

    def __init__(self, part: SchedulePart) -> None:
        _refuse(part)
        self.epoch = part.epoch
        self.writer = part.writer
        """Who wrote it: at one epoch one writer holds."""
        self.source = part.source
        self.points = dict(part.points)
        self.regions = dict(part.regions)
        self.usual = {
            (metro, klass): Place(place.region, place.point)
            for metro, by_class in part.usual.items()
            for klass, place in by_class.items()
        }
        self.hours = [_hour(part, hour) for hour in sorted(part.hours, key=issued_s)]
        self.metros = frozenset(each.metro for hour in part.hours for each in hour.sets)
        self.places = frozenset(
            Place(place.region, place.point)
            for hour in part.hours
            for each in hour.sets
            for place in (*each.full, *each.degraded)
        )
        self._starts = [hour.table.issued_s for hour in self.hours]
        self._found = inf, -inf, self.hours[0]
        """From when to when the hour holds that was looked for last, and that hour."""
        self._classes = {(each.base or each.id, each.contract): each.id for each in part.classes}

    def at(self, utc_s: float) -> ScheduleHour:
        """The hour that a moment lies in; the nearest earlier one, whose table says that it is old,
        where there is none, and the first before all."""
        kept = self._found
        if not kept[0] <= utc_s < kept[1]:
            n = max(bisect_right(self._starts, utc_s) - 1, 0)
            begins_s = -inf if n == 0 else self._starts[n]
            ends_s = self._starts[n + 1] if n + 1 < len(self._starts) else inf
            self._found = kept = begins_s, ends_s, self.hours[n]
        return kept[2]

    def class_of(self, base: str, contract: str) -> str:
        """The class of requests of a base class under a contract; the base where it has none."""
        return self._classes.get((base, contract), base)

    def under(self, base: str) -> list[str]:
        """The classes of a base class under contracts."""
        return [id for (own, contract), id in self._classes.items() if own == base and contract]

    @property
    def bases(self) -> list[str]:
        """Classes that requests may be of, without those under a contract."""
        return sorted({base for base, _ in self._classes})

    @property
    def until_s(self) -> float:
        """Until when the last hour holds."""
        return self.hours[-1].table.until_s


def read_schedule(path: Path) -> Schedule:
    """The schedule in a file. Raises InputError with everything that is wrong."""
    return Schedule(read_part(path))


def _refuse(part: SchedulePart) -> None:
    problems = [*_unknown(part), *hours_problems(part.hours)]
    if problems:
        raise InputError(problems)


def _unknown(part: SchedulePart) -> Iterator[Problem]:
    """Names in places, classes and signals that the file does not explain."""
    classes = {each.id for each in part.classes}
    fix = "Name what the file lists."
    for n, hour in enumerate(part.hours):
        seen: set[tuple[str, str]] = set()
        for each in hour.sets:
            at = f"hours.{n}.{each.metro}.{each.klass}"
            if each.klass not in classes:
                yield Problem(at, f"`{each.klass}` is no class", fix)
            if (each.metro, each.klass) in seen:
                yield Problem(at, "is there twice", "Give each metro and class one set.")
            seen.add((each.metro, each.klass))
            for place in (*each.full, *each.degraded):
                yield from _unknown_place(at, place, part)
        for region in hour.signals:
            if region not in part.regions:
                yield Problem(f"hours.{n}.signals", f"`{region}` is no region", fix)
        for klass in hour.threshold_usd:
            if klass not in classes:
                yield Problem(f"hours.{n}.threshold_usd", f"`{klass}` is no class", fix)
    for metro, by_class in part.usual.items():
        for klass, place in by_class.items():
            yield from _unknown_place(f"usual.{metro}.{klass}", place, part)


def _unknown_place(at: str, place: PlacePart, part: SchedulePart) -> Iterator[Problem]:
    for kind, name, known in (
        ("region", place.region, part.regions),
        ("operating point", place.point, part.points),
    ):
        if name not in known:
            yield Problem(at, f"`{name}` is no {kind}", "Name what the file lists.")


def _hour(part: SchedulePart, hour: HourPart) -> ScheduleHour:
    return ScheduleHour(RoutingTable(_routing(part, hour)), hour.signals, hour.vintage)


def _routing(part: SchedulePart, hour: HourPart) -> Routing:
    """The sets as a routing, which checks that shares add up."""
    metros = tuple(dict.fromkeys(each.metro for each in hour.sets))
    classes = tuple(each.id for each in part.classes)
    regions, points = tuple(part.regions), tuple(part.points)
    at = [{name: n for n, name in enumerate(ids)} for ids in (metros, classes, regions, points)]
    saving = np.full((len(metros), len(classes)), nan)
    rows: list[tuple[Any, ...]] = []
    for each in hour.sets:
        pair = at[0][each.metro], at[1][each.klass]
        saving[pair] = nan if each.saving_usd is None else each.saving_usd
        for degraded, places in ((False, each.full), (True, each.degraded)):
            rows += [(*pair, degraded, at[2][p.region], at[3][p.point], p.share) for p in places]
    columns: dict[str, Any] = {
        name: np.array([row[n] for row in rows], dtype=kind)
        for n, (name, kind) in enumerate(_COLUMNS.items())
    }
    limits = {k: (inf if v is None else v) for k, v in hour.threshold_usd.items()}
    threshold = np.array([limits.get(klass, inf) for klass in classes])
    issued = np.datetime64(round(issued_s(hour) * 1e3), "ms")
    return Routing(
        metros=metros,
        classes=classes,
        regions=regions,
        points=points,
        saving_usd=saving,
        threshold_usd=threshold,
        issued_utc=issued,
        hold_s=hour.hold_s,
        epoch=part.epoch,
        **columns,
    )


_COLUMNS: dict[str, type] = {
    "metro": int,
    "klass": int,
    "degraded": bool,
    "region": int,
    "point": int,
    "share": float,
}
"""Columns of a routing that have a row per place."""
