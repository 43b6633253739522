"""The quality–carbon menu: what the operating points of a class give, and what they take.

Section 7 of the model. A point is worth offering if no other is at least as accurate, as quick and
as thrifty, and better in one of the three.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.workload import OperatingPoint, WorkloadClass, accuracy_falls


@dataclass(frozen=True)
class Menu:
    """The points that a class may use; arrays (O,) with an entry per point, in the order given.

    `accuracy` 0..1; `service_ms` to the moment that the class's budget speaks of, `service_p95_ms`
    the same with slow tokens (nan where unknown); `energy_kwh` of IT and `gpu_h` of accelerators
    per request; `cost_usd` per request (nan where nobody gave it); `pareto` whether the point is on
    the front of accuracy up, service time down, energy down.
    """

    klass: str
    ids: tuple[str, ...]
    variants: tuple[str, ...]
    hardware: tuple[str, ...]
    accuracy: np.ndarray
    service_ms: np.ndarray
    service_p95_ms: np.ndarray
    energy_kwh: np.ndarray
    gpu_h: np.ndarray
    cost_usd: np.ndarray
    pareto: np.ndarray

    @property
    def level(self) -> np.ndarray:
        """How many scores of the menu lie above the point's own, int (O,): 0 is full quality."""
        scores = np.unique(self.accuracy)
        below: np.ndarray = len(scores) - 1 - np.searchsorted(scores, self.accuracy)
        return below

    def take(self, index: np.ndarray | Sequence[int]) -> Menu:
        """The menu of some points, by their positions or a mask; the front is still the whole's."""
        chosen = np.arange(len(self.ids))[np.asarray(index)]
        parts: dict[str, Any] = {}
        for one in fields(self):
            whole = getattr(self, one.name)
            if isinstance(whole, tuple):
                parts[one.name] = tuple(whole[n] for n in chosen)
            else:
                parts[one.name] = whole if one.name == "klass" else whole[chosen]
        return Menu(**parts)

    def front(self) -> Menu:
        """The points that none is better than in all, most energy first."""
        chosen = np.flatnonzero(self.pareto)
        return self.take(chosen[np.argsort(-self.energy_kwh[chosen], kind="stable")])

    def carbon_g(self, g_per_kwh: float, pue: float = 1.0) -> np.ndarray:
        """c = e · PUE · κ, grams per request at an intensity, (O,)."""
        grams: np.ndarray = self.energy_kwh * pue * g_per_kwh
        return grams


def menu(
    klass: WorkloadClass,
    points: Sequence[OperatingPoint],
    *,
    cost_usd: Sequence[float] | np.ndarray | None = None,
    level: Sequence[float] | None = None,
) -> Menu:
    """The menu of a class over the points that it may use.

    Points below the class's own least accuracy stay on it: a degraded request may use them.
    `cost_usd` and `level` hold one value per point in `points`; accuracy must not fall where the
    level rises. Raises InputError with everything that is wrong: no point at all, doubled ids,
    figures that are no numbers or out of range, a score that falls with the level.
    """
    usable = [n for n, o in enumerate(points) if klass.points is None or o.id in klass.points]
    chosen = [points[n] for n in usable]
    lengths = list(_lengths(len(points), cost_usd=cost_usd, level=level))
    cost = np.full(len(points), np.nan) if cost_usd is None or lengths else np.asarray(cost_usd)
    found = _measured(klass, chosen, cost[usable].astype(float))
    problems = [*lengths, *_problems(klass, chosen, found)]
    if level is not None and not lengths:
        problems += _falling(chosen, [float(level[n]) for n in usable], found.accuracy)
    if problems:
        raise InputError(problems)
    return found


def candidates(one: Menu, full: str) -> np.ndarray:
    """Points that a degraded request might get instead of point `full`: positions, int (C,).

    On the front, with less energy than `full`; the most accurate first, of those the quickest.
    Raises InputError where `full` is not on the menu.
    """
    if full not in one.ids:
        fix = f"Choose among {', '.join(one.ids)}."
        raise InputError([Problem("full", f"`{full}` is not on the menu", fix)])
    less = one.energy_kwh < one.energy_kwh[one.ids.index(full)]
    order = np.lexsort((one.energy_kwh, one.service_ms, -one.accuracy))
    found: np.ndarray = order[(one.pareto & less)[order]]
    return found


def front_mask(accuracy: np.ndarray, service_ms: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Which points no other beats: bool (O,). Of exact duplicates the first stays.

    Down the list by energy, the points so far are a staircase of service time and accuracy: a
    point is beaten iff the best accuracy that is as quick is no lower. O(n log n) comparisons.
    """
    order = np.lexsort((np.arange(len(energy)), -accuracy, service_ms, energy))
    kept = np.zeros(len(energy), dtype=bool)
    quick: list[float] = []
    best: list[float] = []
    for n in order.tolist():
        at = bisect_right(quick, service_ms[n])
        if at and best[at - 1] >= accuracy[n]:
            continue
        kept[n] = True
        begin = at - 1 if at and quick[at - 1] == service_ms[n] else at
        end = begin
        while end < len(best) and best[end] <= accuracy[n]:
            end += 1
        quick[begin:end] = [float(service_ms[n])]
        best[begin:end] = [float(accuracy[n])]
    return kept


def _measured(klass: WorkloadClass, points: list[OperatingPoint], cost: np.ndarray) -> Menu:
    def column(figure: object) -> np.ndarray:
        assert callable(figure)
        return np.array([figure(o) for o in points], dtype=float)

    accuracy, service = column(klass.accuracy), column(klass.service_ms)
    energy = column(klass.it_kwh)
    return Menu(
        klass=klass.id,
        ids=tuple(o.id for o in points),
        variants=tuple(o.variant for o in points),
        hardware=tuple(o.hardware for o in points),
        accuracy=accuracy,
        service_ms=service,
        service_p95_ms=column(klass.service_p95_ms),
        energy_kwh=energy,
        gpu_h=column(klass.gpu_h),
        cost_usd=cost,
        pareto=front_mask(accuracy, service, energy),
    )


def _lengths(count: int, **given: Sequence[float] | np.ndarray | None) -> Iterator[Problem]:
    for name, values in given.items():
        if values is not None and len(values) != count:
            what = f"has {len(values)} values where there are {count} points"
            yield Problem(name, what, "Give one value per point.")


def _problems(klass: WorkloadClass, points: list[OperatingPoint], found: Menu) -> Iterator[Problem]:
    if not points:
        where = f"classes.{klass.id}.points"
        what = "leave nothing on the menu: none of the points given is one that the class may use"
        yield Problem(where, what, "Give points, or let the class use them.")
    for n, o in enumerate(points):
        if o.id in found.ids[:n]:
            yield Problem(f"points.{o.id}", "is there twice", "Give each point an id of its own.")


def _falling(
    points: list[OperatingPoint], level: list[float], accuracy: np.ndarray
) -> Iterator[Problem]:
    for low, high in accuracy_falls(level, accuracy.tolist()):
        what = (
            f"has level {level[high]:g} and scores {accuracy[high]:g}, while "
            f"{points[low].id} of level {level[low]:g} scores {accuracy[low]:g}"
        )
        yield Problem(f"points.{points[high].id}.level", what, "Fix a score, or the levels.")
