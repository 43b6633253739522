"""The quality–carbon menu: what the operating points of a class give, and what they take.

Section 7 of the model. A point is worth offering if no other is at least as accurate, as quick and
as thrifty, and better in one of the three.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.unit_values import energy_usd_per_kwh
from wattlas.model.workload import OperatingPoint, WorkloadClass


@dataclass(frozen=True)
class Menu:
    """The points that a class may use; arrays (O,) with an entry per point, in the order given.

    `accuracy` 0..1; `service_ms` to the moment that the class's budget speaks of, `service_p95_ms`
    the same with slow tokens (nan where unknown); `energy_kwh` of IT and `gpu_h` of accelerators
    per request; `cost_usd` per request (nan before `priced`); `pareto` whether the point is on
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

    def take(self, index: np.ndarray | Sequence[int]) -> Menu:
        """The menu of some points, by their positions or a mask; the front is still the whole's."""
        chosen = np.arange(len(self.ids))[np.asarray(index)]
        parts: dict[str, Any] = {}
        for field in fields(self):
            whole = getattr(self, field.name)
            if isinstance(whole, tuple):
                parts[field.name] = tuple(whole[n] for n in chosen)
            else:
                parts[field.name] = whole if field.name == "klass" else whole[chosen]
        return Menu(**parts)

    def front(self) -> Menu:
        """The points that none is better than in all, most energy first."""
        chosen = np.flatnonzero(self.pareto)
        return self.take(chosen[np.argsort(-self.energy_kwh[chosen], kind="stable")])

    def carbon_g(self, g_per_kwh: float, pue: float = 1.0) -> np.ndarray:
        """c = e · PUE · κ, grams per request at an intensity, (O,)."""
        grams: np.ndarray = self.energy_kwh * pue * g_per_kwh
        return grams

    def priced(self, usd_per_mwh: float, usd_per_gpu_h: float, pue: float = 1.0) -> Menu:
        """The menu with costs: energy at the meter and accelerator hours, per request."""
        energy_usd = self.energy_kwh * energy_usd_per_kwh(pue, np.asarray(usd_per_mwh))
        return replace(self, cost_usd=energy_usd + self.gpu_h * usd_per_gpu_h)


def menu(klass: WorkloadClass, points: Sequence[OperatingPoint]) -> Menu:
    """The menu of a class over the points that it may use, without costs.

    Points below the class's own least accuracy stay on it: a degraded request may use them. Raises
    InputError with everything that is wrong: no point at all, doubled ids, figures that are no
    numbers or out of range.
    """
    usable = [o for o in points if klass.points is None or o.id in klass.points]
    measured = _measured(klass, usable)
    problems = list(_problems(klass, usable, measured))
    if problems:
        raise InputError(problems)
    return measured


def front_mask(accuracy: np.ndarray, service_ms: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Which points no other beats: bool (O,). Of exact duplicates the first stays.

    Down the list by energy, the points so far are a staircase of service time and accuracy: a
    point is beaten iff the best accuracy that is as quick is no lower. O(n log n) comparisons.
    """
    order = np.lexsort((np.arange(len(energy)), -accuracy, service_ms, energy))
    on_front = np.zeros(len(energy), dtype=bool)
    quick: list[float] = []
    best: list[float] = []
    for n in order.tolist():
        at = bisect_right(quick, service_ms[n])
        if at and best[at - 1] >= accuracy[n]:
            continue
        on_front[n] = True
        begin = at - 1 if at and quick[at - 1] == service_ms[n] else at
        end = begin
        while end < len(best) and best[end] <= accuracy[n]:
            end += 1
        quick[begin:end] = [float(service_ms[n])]
        best[begin:end] = [float(accuracy[n])]
    return on_front


def _measured(klass: WorkloadClass, points: list[OperatingPoint]) -> Menu:
    def column(figure: Callable[[OperatingPoint], float]) -> np.ndarray:
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
        cost_usd=np.full(len(points), np.nan),
        pareto=front_mask(accuracy, service, energy),
    )


def _problems(klass: WorkloadClass, points: list[OperatingPoint], menu: Menu) -> Iterator[Problem]:
    if not points:
        where = f"classes.{klass.id}.points"
        what = "leave nothing on the menu: none of the points given is one that the class may use"
        yield Problem(where, what, "Give points, or let the class use them.")
    for n, o in enumerate(points):
        if o.id in menu.ids[:n]:
            yield Problem(f"points.{o.id}", "is there twice", "Give each point an id of its own.")
