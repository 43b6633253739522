"""V(τ) at every breakpoint of the budget, without solving at each one anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.objective import Solver
from wattlas.model.plan import SolveInfo
from wattlas.placement.explain import conflict
from wattlas.placement.hour.dispatch import ENGINE
from wattlas.placement.hour.engine_hour import THREADED, compact, program, with_tie, worth_it
from wattlas.placement.hour.highs_hour import HourProgram
from wattlas.placement.hour.protocol import SLACK, HourProblem
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

Progress = Callable[[float], None]

EQUAL = 1e-12


@dataclass(frozen=True)
class OpeningProgram:
    """A program whose places open one after the other.

    `opens` (S, R, O) is the budget from which a place is open, inf for never; `x` are the budgets
    asked for, increasing; `reported` are the measures to add up at each.
    """

    instance: Instance
    opens: np.ndarray
    x: np.ndarray
    main: Measure
    tie: Measure | None
    reported: tuple[Measure, ...]

    @property
    def problem(self) -> HourProblem:
        """The hours with every place open."""
        return HourProblem(self.instance, self.main, self.tie)


def running_minimum(sweep: OpeningProgram, progress: Progress | None = None) -> np.ndarray:
    """What is reported at every x where nothing binds, shape (measures, len(x)).

    Each source takes the best place that is open, so adding places in the order in which they
    open gives its value at every budget in one pass.
    """
    instance = sweep.instance
    out = np.zeros((len(sweep.reported), len(sweep.x)))
    for s in range(instance.sources):
        opened, totals = _one_source(sweep, s)
        active = np.searchsorted(opened, sweep.x * (1 + EQUAL), side="right") - 1
        on = active >= 0
        out[:, on] += totals[:, active[on]]
        if progress:
            progress((s + 1) / instance.sources)
    return out


def _one_source(sweep: OpeningProgram, s: int) -> tuple[np.ndarray, np.ndarray]:
    """(x at which each place opens, increasing; the reported from there, (measures, places))."""
    instance = sweep.instance
    places = _places_in_order(sweep, s)
    rate = instance.demand[s] * instance.hours
    best = np.full(len(rate), np.inf)
    equal = np.full(len(rate), np.inf)
    held = np.zeros((len(sweep.reported), len(rate)))
    totals = np.zeros((len(sweep.reported), len(places)))
    for n, place in enumerate(places):
        main = _units(instance, sweep.main, s, place)
        better = main < best - SLACK * np.abs(main)
        if sweep.tie is not None:
            second = _units(instance, sweep.tie, s, place)
            better |= (main <= best + SLACK * np.abs(main)) & (second < equal)
            equal = np.where(better, second, equal)
        best = np.where(better, main, best)
        for a, measure in enumerate(sweep.reported):
            held[a] = np.where(better, _units(instance, measure, s, place), held[a])
        totals[:, n] = held @ rate
    return np.array([x for _, _, x in places]), totals


def _places_in_order(sweep: OpeningProgram, s: int) -> list[tuple[int, int, float]]:
    """(region, point, x) of a source's places as they open; region −1 is going unserved."""
    region, point = np.nonzero(sweep.opens[s] < np.inf)
    x = sweep.opens[s][region, point]
    order = np.argsort(x, kind="stable")
    places = [(int(region[n]), int(point[n]), float(x[n])) for n in order]
    unpriced = np.isnan(sweep.instance.unserved_usd[s])
    return places if unpriced else [(-1, 0, -np.inf), *places]


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
    """What is reported at every x, shape (measures, len(x)), and who solved how many programs."""

    value: np.ndarray
    info: SolveInfo


def column_by_column(sweep: OpeningProgram, progress: Progress | None = None) -> Exact:
    """What is reported at every x where a constraint may bind.

    Each hour is solved at the first budget with all later places closed. A closed place whose
    reduced cost is not negative does not change the optimum when it opens, so V stays as it is up
    to the first place that prices out, and only there is the hour solved again, from its basis.
    """
    every = np.arange(sweep.instance.demand.shape[1])
    if _engine_opens(sweep, every):
        return _by_engine(sweep, progress)
    return _by_highs(sweep, every, progress)


def _engine_opens(sweep: OpeningProgram, every: np.ndarray) -> bool:
    """Whether the engine opens the places: it takes them, and is asked for or worth it."""
    word = sweep.instance.scenario.solver
    if word is Solver.HIGHS or not ENGINE.takes(sweep.problem, every):
        return False
    return word is Solver.ENGINE or worth_it(sweep.instance, len(every) * len(sweep.x))


def _by_engine(sweep: OpeningProgram, progress: Progress | None) -> Exact:
    """Hot in the engine; hours that it does not finish go to HiGHS."""
    from wattlas.placement.engine import Meter, solve_opening

    every = np.arange(sweep.instance.demand.shape[1])
    instance = pruned(sweep.instance, sweep.problem.measures, every, opens=sweep.opens)
    weighed = with_tie(HourProblem(instance, sweep.main, sweep.tie))
    count, done = instance.demand.shape[1], [0]

    def tell(hours: int) -> None:
        done[0] += hours
        if progress:
            progress(done[0] / count)

    whole, places = program(HourProblem(instance, weighed))
    surplus = places.surplus
    narrow, point_of = compact(whole)
    by_place = np.broadcast_to(point_of[:, None, :], narrow.allowed.shape)

    def few(array: np.ndarray, fill: float = 0.0) -> np.ndarray:
        return np.take_along_axis(surplus.places(array, fill), by_place, axis=2)

    def meter(measure: Measure) -> Meter:
        """What is bought is the buying sources' unserved demand."""
        shed = np.concatenate([measure.per_unserved, surplus.price(measure)])
        return Meter(measure.per_kwh, few(measure.per_request), shed)

    opened = solve_opening(
        narrow,
        few(sweep.opens, -np.inf),
        sweep.x * (1 + EQUAL),
        [meter(measure) for measure in sweep.reported],
        instance.hours,
        threads=2 if count >= THREADED else 1,
        progress=tell,
    )
    rest = _by_highs(sweep, opened.left, None)
    solved = SolveInfo(solver="", engine_hours=count - len(opened.left), programs=opened.programs)
    return Exact(opened.total + rest.value, SolveInfo.together([solved, rest.info]))


def _by_highs(sweep: OpeningProgram, hours: np.ndarray, progress: Progress | None) -> Exact:
    """The hour's program of HiGHS, the places that are not open yet held at zero."""
    instance, columns = sweep.instance, sweep.instance.columns
    worker = HourProgram(sweep.problem)
    opens = np.full(len(columns), -np.inf)
    on = columns.served
    opens[on] = sweep.opens[columns.source[on], columns.region[on], columns.point[on]]
    out = np.zeros((len(sweep.reported), len(sweep.x)))
    budgets = sweep.x * (1 + EQUAL)
    for n, t in enumerate(hours):
        at = 0
        while at < len(sweep.x):
            flows, enters = worker.solve_open(int(t), opens > budgets[at])
            if flows is None:
                allowed = sweep.opens <= budgets[at]
                clash = np.array([int(t)])
                raise InfeasibleError(
                    conflict.hour_words(replace(instance, allowed=allowed), clash)
                )
            later = float(opens[enters].min(initial=np.inf))
            stop = max(int(np.searchsorted(budgets, later)), at + 1)
            value = [measure.by_hour(instance, flows)[t] for measure in sweep.reported]
            out[:, at:stop] += np.array(value)[:, None]
            at = stop
        if progress:
            progress((n + 1) / len(hours))
    info = SolveInfo(solver="", highs_hours=len(hours), programs=worker.programs)
    return Exact(out, info)
