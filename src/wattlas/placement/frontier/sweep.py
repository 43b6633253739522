"""V(τ) at every breakpoint of the budget, without solving at each one anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.objective import Solver
from wattlas.model.plan import Status
from wattlas.placement.explain import conflict
from wattlas.placement.hour import engine_hour as fast
from wattlas.placement.hour import highs
from wattlas.placement.hour.closed_form import SLACK
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout, Rows, hour_units, rows
from wattlas.placement.problem.prune import pruned
from wattlas.placement.problem.unit_values import Measure

Account = tuple[Measure, ...]
Progress = Callable[[float], None]

EQUAL = 1e-12
ENTERS = 1e-9
"""A closed place with a scaled reduced cost below minus this would improve the optimum."""


@dataclass(frozen=True)
class Stepped:
    """A program whose places open one after the other.

    `opens` (S, R, O) is the budget from which a place is open, inf for never; `x` are the budgets
    asked for, increasing; `account` are the measures to report at each.
    """

    instance: Instance
    opens: np.ndarray
    x: np.ndarray
    main: Measure
    tie: Measure | None
    account: Account


def running_minimum(asked: Stepped, progress: Progress | None = None) -> np.ndarray:
    """The account at every x where nothing binds, shape (measures, len(x)).

    Each source takes the best place that is open, so adding places in the order in which they
    open gives its value at every budget in one pass.
    """
    instance = asked.instance
    out = np.zeros((len(asked.account), len(asked.x)))
    for s in range(instance.sources):
        opened, totals = _one_source(asked, s)
        active = np.searchsorted(opened, asked.x * (1 + EQUAL), side="right") - 1
        on = active >= 0
        out[:, on] += totals[:, active[on]]
        if progress:
            progress((s + 1) / instance.sources)
    return out


def _one_source(asked: Stepped, s: int) -> tuple[np.ndarray, np.ndarray]:
    """(x at which each place opens, increasing; the account from there on, (measures, places))."""
    instance = asked.instance
    places = _places_in_order(asked, s)
    rate = instance.demand[s] * instance.hours
    best = np.full(len(rate), np.inf)
    equal = np.full(len(rate), np.inf)
    held = np.zeros((len(asked.account), len(rate)))
    totals = np.zeros((len(asked.account), len(places)))
    for n, place in enumerate(places):
        main = _units(instance, asked.main, s, place)
        better = main < best - SLACK * np.abs(main)
        if asked.tie is not None:
            second = _units(instance, asked.tie, s, place)
            better |= (main <= best + SLACK * np.abs(main)) & (second < equal)
            equal = np.where(better, second, equal)
        best = np.where(better, main, best)
        for a, one in enumerate(asked.account):
            held[a] = np.where(better, _units(instance, one, s, place), held[a])
        totals[:, n] = held @ rate
    return np.array([x for _, _, x in places]), totals


def _places_in_order(asked: Stepped, s: int) -> list[tuple[int, int, float]]:
    """(region, point, x) of a source's places as they open; region −1 is going unserved."""
    region, point = np.nonzero(asked.opens[s] < np.inf)
    x = asked.opens[s][region, point]
    order = np.argsort(x, kind="stable")
    found = [(int(region[n]), int(point[n]), float(x[n])) for n in order]
    unpriced = np.isnan(asked.instance.unserved_usd[s])
    return found if unpriced else [(-1, 0, -np.inf), *found]


def _units(
    instance: Instance, measure: Measure, s: int, place: tuple[int, int, float]
) -> np.ndarray:
    region, point, _ = place
    if region < 0:
        return np.full(instance.demand.shape[1], measure.per_unserved[s])
    units: np.ndarray = (
        instance.energy_kwh[s, point] * measure.per_kwh[region]
        + measure.per_request[s, region, point]
    )
    return units


@dataclass(frozen=True)
class Exact:
    """The account at every x, shape (measures, len(x)), and who solved how many programs."""

    value: np.ndarray
    by_engine: int = 0
    by_highs: int = 0


def column_by_column(asked: Stepped, progress: Progress | None = None) -> Exact:
    """The account at every x where capacity or mean accuracy may bind.

    Each hour is solved at the first budget with all later places closed. A closed place whose
    reduced cost is not negative does not change the optimum when it opens, so V stays as it is up
    to the first place that prices out, and only there is the hour solved again, from its basis.
    """
    if engine_opens(asked):
        return _by_engine(asked, progress)
    return _by_highs(asked, np.arange(asked.instance.demand.shape[1]), progress)


def engine_opens(asked: Stepped) -> bool:
    """Whether the engine opens the places: it is asked for, or there is enough to solve."""
    solver = asked.instance.scenario.solver
    if solver is not Solver.AUTO:
        return solver is Solver.ENGINE
    return fast.worth_it(asked.instance, asked.instance.demand.shape[1] * len(asked.x))


def _by_engine(asked: Stepped, progress: Progress | None) -> Exact:
    """Hot in the engine; hours that it does not finish go to HiGHS."""
    from wattlas.placement.engine import Account as Meter
    from wattlas.placement.engine import solve_opening

    measures = (asked.main,) if asked.tie is None else (asked.main, asked.tie)
    every = np.arange(asked.instance.demand.shape[1])
    instance = pruned(asked.instance, measures, every, opens=asked.opens)
    weighed = fast.with_tie(instance, asked.main, asked.tie)
    count, done = instance.demand.shape[1], [0]

    def tell(hours: int) -> None:
        done[0] += hours
        if progress:
            progress(done[0] / count)

    narrow, point_of = fast.compact(fast.program(instance, weighed))
    by_place = np.broadcast_to(point_of[:, None, :], narrow.allowed.shape)

    def few(whole: np.ndarray) -> np.ndarray:
        return np.take_along_axis(whole, by_place, axis=2)

    found = solve_opening(
        narrow,
        few(asked.opens),
        asked.x * (1 + EQUAL),
        [Meter(one.per_kwh, few(one.per_request), one.per_unserved) for one in asked.account],
        instance.hours,
        threads=2 if count >= fast.THREADED else 1,
        progress=tell,
    )
    rest = _by_highs(asked, found.left, None)
    return Exact(found.total + rest.value, found.programs, rest.by_highs)


def _by_highs(asked: Stepped, hours: np.ndarray, progress: Progress | None) -> Exact:
    worker = _OpeningProgram(asked)
    out = np.zeros((len(asked.account), len(asked.x)))
    for n, t in enumerate(hours):
        worker.sweep(int(t), out)
        if progress:
            progress((n + 1) / len(hours))
    return Exact(out, by_highs=worker.programs)


class _OpeningProgram:
    """One hour's program over all places, those that are not open yet held at zero."""

    def __init__(self, asked: Stepped) -> None:
        self.asked, self.instance = asked, asked.instance
        self.programs = 0
        self.layout = Layout(asked.instance, np.array([0]))
        source, region, point = self.layout.places
        self.opens = np.concatenate(
            [asked.opens[source, region, point], np.full(len(self.layout.priced), -np.inf)]
        )
        self.index = np.arange(len(self.opens), dtype=np.int32)

    def sweep(self, t: int, out: np.ndarray) -> None:
        """Add the account of hour t to every x."""
        layout = Layout(self.instance, np.array([t]))
        main = hour_units(self.layout, self.asked.main, t)
        if self.asked.tie is not None:
            main = _with_tie(main, hour_units(self.layout, self.asked.tie, t))
        account = np.stack([hour_units(self.layout, one, t) for one in self.asked.account])
        solver, scale = self._load(layout, main, t)
        x, n = float(self.asked.x[0]), 0
        while True:
            closed = self.opens > x * (1 + EQUAL)
            solver.changeColsBounds(
                len(closed), self.index, np.zeros(len(closed)), np.where(closed, 0.0, np.inf)
            )
            answer = highs.checked(highs.run(solver))
            self.programs += 1
            if answer.status is Status.INFEASIBLE:
                raise InfeasibleError(conflict.hour_words(self._at(x), np.array([t])))
            entering = closed & (answer.reduced < -ENTERS)
            later = float(self.opens[entering].min(initial=np.inf))
            stop = int(np.searchsorted(self.asked.x * (1 + EQUAL), later))
            value = account @ (answer.x / scale) * self.instance.hours[t]
            out[:, n:stop] += value[:, None]
            if stop >= len(self.asked.x):
                return
            x, n = float(self.asked.x[stop]), stop

    def _at(self, x: float) -> Instance:
        return replace(self.instance, allowed=self.asked.opens <= x * (1 + EQUAL))

    def _load(self, layout: Layout, main: np.ndarray, t: int) -> tuple[Any, float]:
        scale = 100.0 / max(float(self.instance.demand[:, t].max(initial=0.0)), 1e-300)
        blocks = [
            Rows(b.name, b.lower * scale, b.upper * scale, b.start, b.index, b.value)
            for b in rows(layout)
        ]
        solver = highs.new_solver()
        cost = main * (100.0 / max(float(np.abs(main).max(initial=0.0)), 1e-300))
        n = len(cost)
        highs.load(solver, highs.Lp(cost, np.zeros(n), np.full(n, np.inf), blocks))
        return solver, scale


def _with_tie(main: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """A tenth of a billionth of the tie-breaker, relative: enough to choose among equals."""
    spread = float(np.abs(tie).max(initial=0.0))
    return main + 1e-10 * float(np.abs(main).max(initial=0.0)) * tie / max(spread, 1e-300)
