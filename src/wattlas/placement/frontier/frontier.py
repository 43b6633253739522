"""The energy–latency frontier V(τ): exact at its breakpoints, sampled, and soft.

V changes only where a budget lets a new place in. Where no capacity and no mean floor binds, each
demand takes the best place that its budget opens, so a running minimum over places in the order of
their breakpoints gives V at every one of them. Where something binds, the hours whose running
minimum does not fit are solved again at the breakpoints where a new place could enter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.objective import Minimise, Objective
from wattlas.model.offer import full_service
from wattlas.model.plan import SolveInfo
from wattlas.model.scenario import Scenario
from wattlas.placement.api import solver_words
from wattlas.placement.explain import conflict
from wattlas.placement.frontier.sweep import (
    Account,
    Stepped,
    column_by_column,
    engine_opens,
    running_minimum,
)
from wattlas.placement.hour import highs
from wattlas.placement.hour.solver import Solution, feasible, solve_hours
from wattlas.placement.problem.blocks import weeks
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import (
    Measure,
    carbon,
    carbon_to_minimise,
    cost,
    it_energy,
    onward_rtt,
    rent,
)
from wattlas.placement.solution.plan_totals import at_once, merged_totals
from wattlas.units import KG_PER_T

Progress = Callable[[float], None]

SAMPLES = 24
FULLEST = 168
"""Hours of most demand that a budget must serve before all hours are looked at."""
EQUAL = 1e-12
"""Two breakpoints closer than this, relative, are one."""


@dataclass(frozen=True)
class Question:
    """What is varied and what is made least."""

    variant: Variant = Variant.SCALE
    klass: str = ""
    objective: str = "cost"
    carbon_price_usd_per_t: float = 0.0


def frontier(
    scenario: Scenario,
    variant: str = "scale",
    *,
    klass: str = "",
    objective: str = "cost",
    carbon_price_usd_per_t: float | None = None,
    samples: int | None = None,
    x: Sequence[float] | None = None,
    axis: Axis | None = None,
    progress: Progress | None = None,
) -> Frontier:
    """V(τ) of a scenario in full service, without its frictions and caps.

    `variant` is scale, added_ms, class (then `klass` names it) or soft; `objective` cost, carbon
    or weighted (cost with carbon at `carbon_price_usd_per_t`). Exact at every breakpoint unless
    `samples` asks for so many of them, or `x` for these budgets. `axis` is what `feasible_axis`
    found for the same question, where it is asked more than once. Raises UsageError for a question
    that makes no sense and InfeasibleError where no budget serves all demand. Demand that its
    class would serve late has no place below its first breakpoint.
    """
    began = time.perf_counter()
    scenario = full_service(scenario)
    asked = _question(scenario, variant, klass, objective, carbon_price_usd_per_t)
    tally = Tally()
    bare = replace(scenario, objective=_objective(asked))
    if asked.variant is Variant.SOFT:
        from wattlas.placement.frontier.soft import soft_frontier

        curve = soft_frontier(bare, asked, samples or SAMPLES, progress, tally)
        return replace(curve, info=tally.info(time.perf_counter() - began))
    if axis is None:
        axis = _from_first_feasible(bare, asked, breakpoints(bare, asked))
    chosen = _chosen(axis, samples, x)
    exact = x is None and len(chosen) == len(axis.x)
    values = _values(bare, asked, axis, chosen, every=exact, progress=progress, tally=tally)
    curve = _assemble(asked, axis, chosen, values, exact=exact)
    return replace(curve, info=tally.info(time.perf_counter() - began))


@dataclass
class Tally:
    """Who solved how many programs of a frontier, added up as it goes."""

    solver: str = "closed form per hour"
    programs: int = 0

    def add(self, solution: Solution) -> None:
        """One more budget solved."""
        self.programs += solution.programs
        self.solver = solver_words(solution) if solution.programs else self.solver

    def plus(self, other: Tally) -> None:
        """What another tally counted."""
        self.programs += other.programs
        self.solver = other.solver if other.programs else self.solver

    def info(self, seconds: float) -> SolveInfo:
        """What a result says of how it was found."""
        return SolveInfo(solver=self.solver, seconds=seconds, programs=self.programs)


@dataclass(frozen=True)
class Axis:
    """The axis of a frontier: where each place opens.

    `opens` (I, K, R, O) is the x at which a place opens, inf for never, −inf for always; `x` are
    the distinct breakpoints from `least` on, the x from which all demand has a place.
    """

    opens: np.ndarray
    x: np.ndarray
    least: float
    users: float


def breakpoints(scenario: Scenario, asked: Question) -> Axis:
    """Where every place opens along the question's axis, and the distinct breakpoints."""
    judged = feasibility(scenario)
    present = np.asarray((scenario.demand_per_h > 0).any(axis=2))
    latency = np.where(judged.lawful, judged.latency_ms, np.inf)
    varied = np.array([_varies(scenario, k, asked) for k in range(len(scenario.classes))])
    budget = np.array([k.latency_budget_ms for k in scenario.classes])
    base = _base(asked, latency, budget)
    opens = np.where(varied[None, :, None, None], base, np.inf)
    still = ~varied[None, :, None, None] & judged.allowed
    opens = np.where(still, -np.inf, opens)
    opens[~present] = np.inf
    first = np.where(present, opens.min(axis=(2, 3)), -np.inf)
    priced = np.array([k.unserved_usd_per_request is not None for k in scenario.classes])
    least = float(np.where(priced[None, :], -np.inf, first).max(initial=-np.inf))
    if least == np.inf:
        raise InfeasibleError(conflict.stranded_words(build_instance(_unbounded(scenario, asked))))
    finite = np.unique(opens[np.isfinite(opens)])
    merged = (
        finite[np.concatenate([[True], np.diff(finite) > EQUAL * np.abs(finite[1:])])]
        if len(finite)
        else np.zeros(0)
    )
    users = _users_x(scenario, asked)
    if not len(merged):  # nothing varies: V is what it is at the scenario's own budgets
        merged = np.array([users if np.isfinite(users) else 0.0])
    start = least if np.isfinite(least) else float(merged[0])
    return Axis(opens, merged[merged >= start * (1 - EQUAL)], start, users)


def feasible_axis(scenario: Scenario, variant: str, klass: str = "") -> Axis:
    """The axis of a hard frontier from the first budget that serves all demand."""
    scenario = full_service(scenario)
    asked = _question(scenario, variant, klass, "cost", None)
    return _from_first_feasible(scenario, asked, breakpoints(scenario, asked))


def _from_first_feasible(scenario: Scenario, asked: Question, axis: Axis) -> Axis:
    """The axis from the first breakpoint at which capacity and mean accuracy can be kept.

    A budget that serves all demand goes on doing so when it grows, so bisection finds it.
    """
    if not something_binds(scenario) or not len(axis.x):
        return axis
    every = np.arange(scenario.hours.count)
    last = len(axis.x) - 1
    if not _all_served(scenario, axis, last, every):
        widest = instance_at(scenario, axis, float(axis.x[last]))
        clash = solve_hours(widest, onward_rtt(widest)).infeasible
        raise InfeasibleError(conflict.hour_words(widest, clash))
    # What the fullest hours need, all need; so most budgets are judged by a few of them.
    full = np.sort(np.argsort(-scenario.demand_per_h.sum(axis=(0, 1)), kind="stable")[:FULLEST])
    low = _first(lambda n: _all_served(scenario, axis, n, full), 0, last)
    low = _first(lambda n: _all_served(scenario, axis, n, every), low, last)
    return replace(axis, x=axis.x[low:], least=float(axis.x[low]))


def _first(true_from: Callable[[int], bool], low: int, high: int) -> int:
    """The first n ≥ low of which it is true; it is true of `high`, and stays so once it is."""
    if low == high or true_from(low):
        return low
    low += 1
    while low < high:
        middle = (low + high) // 2
        if true_from(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _all_served(scenario: Scenario, axis: Axis, n: int, steps: np.ndarray) -> bool:
    """Whether breakpoint n serves all demand of some steps within every limit."""
    return feasible(instance_at(scenario, axis, float(axis.x[n])), steps)


def _base(asked: Question, latency: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """Breakpoint of every place along the axis, shape of `latency`."""
    if asked.variant is Variant.SCALE:
        return np.asarray(latency / budget[None, :, None, None])
    if asked.variant is Variant.ADDED_MS:
        nearest = latency.min(axis=(2, 3), keepdims=True)
        added: np.ndarray = np.where(
            np.isfinite(latency), latency - np.where(np.isfinite(nearest), nearest, 0.0), np.inf
        )
        return added
    return np.asarray(latency)


def _varies(scenario: Scenario, k: int, asked: Question) -> bool:
    if asked.variant is Variant.CLASS:
        return scenario.classes[k].id == asked.klass
    return scenario.classes[k].relaxable


def _users_x(scenario: Scenario, asked: Question) -> float:
    if asked.variant is Variant.SCALE:
        return 1.0
    if asked.variant is Variant.CLASS:
        return next(k.latency_budget_ms for k in scenario.classes if k.id == asked.klass)
    return float("nan")


def _unbounded(scenario: Scenario, asked: Question) -> Scenario:
    classes = tuple(
        replace(c, latency_budget_ms=float("inf")) if _varies(scenario, k, asked) else c
        for k, c in enumerate(scenario.classes)
    )
    return replace(scenario, classes=classes)


def _chosen(axis: Axis, samples: int | None, x: Sequence[float] | None) -> np.ndarray:
    """The budgets to solve at: all breakpoints, evenly many of them by rank, or as given."""
    if x is not None:
        given = np.unique(np.asarray(x, dtype=float))
        if (given < axis.least * (1 - EQUAL)).any():
            raise UsageError(f"below {axis.least:.6g} some demand has no place; ask for more")
        return given
    if samples is None or samples >= len(axis.x):
        return axis.x
    spread = np.linspace(0, len(axis.x) - 1, max(samples - 1, 2)).round().astype(int)
    own = axis.x[max(int(np.searchsorted(axis.x, axis.users * (1 + EQUAL))) - 1, 0)]
    keep = [own] if np.isfinite(axis.users) else []
    return np.unique(np.concatenate([axis.x[spread], keep]))


def _question(
    scenario: Scenario, variant: str, klass: str, objective: str, price: float | None
) -> Question:
    if variant.startswith("class:"):
        variant, klass = "class", variant.removeprefix("class:")
    known = {k.id for k in scenario.classes}
    if variant not in set(Variant):
        raise UsageError(f"unknown frontier {variant!r}; choose {', '.join(Variant)}")
    if variant == Variant.CLASS and klass not in known:
        raise UsageError(f"unknown class {klass!r}; choose one of {', '.join(sorted(known))}")
    if objective not in ("cost", "carbon", "weighted"):
        raise UsageError(f"unknown objective {objective!r}; choose cost, carbon or weighted")
    own = scenario.objective.carbon_price_usd_per_t
    given = own if price is None else price
    if objective == "weighted" and given <= 0:
        raise UsageError("a weighted frontier needs a carbon price above 0 USD/t")
    return Question(Variant(variant), klass, objective, given if objective == "weighted" else 0.0)


def _objective(asked: Question) -> Objective:
    least = Minimise.CARBON if asked.objective == "carbon" else Minimise.COST
    return Objective(minimise=least, carbon_price_usd_per_t=asked.carbon_price_usd_per_t)


def _values(
    scenario: Scenario,
    asked: Question,
    axis: Axis,
    chosen: np.ndarray,
    *,
    every: bool,
    progress: Progress | None,
    tally: Tally,
) -> np.ndarray:
    """The account at each chosen budget, shape (5, len(chosen))."""
    if not something_binds(scenario):
        return running_minimum(_stepped(scenario, asked, axis, chosen), progress)
    stepped = _stepped(scenario, asked, axis, chosen)
    if every or engine_opens(stepped):
        found = column_by_column(stepped, progress)
        tally.solver = "wattlas engine" if found.by_engine else highs.version()
        tally.programs = found.by_engine + found.by_highs
        return found.value
    out = np.zeros((5, len(chosen)))

    def at(x: float) -> tuple[np.ndarray, Tally]:
        own = Tally()
        return solve_at(scenario, asked, axis, float(x), own), own

    for n, (value, own) in enumerate(at_once(at, chosen)):
        out[:, n] = value
        tally.plus(own)
        if progress:
            progress((n + 1) / len(chosen))
    return out


def _stepped(scenario: Scenario, asked: Question, axis: Axis, chosen: np.ndarray) -> Stepped:
    """All places of every demand that open at a chosen budget, and the first at which each does.

    Demands whose places open at the same budgets are one source, so that fewer budgets make fewer.
    """
    level = np.searchsorted(chosen * (1 + EQUAL), axis.opens, side="left")
    opens_at = np.append(chosen, np.inf)[level]
    judged = replace(feasibility(scenario), allowed=opens_at < np.inf)
    instance = build_instance(scenario, judged=judged, alike=opens_at)
    pointer, metro, klass = instance.members
    first = pointer[:-1]
    opens = opens_at[metro[first], klass[first]]
    main, tie = measures(instance, asked)
    return Stepped(instance, opens, chosen, main, tie, _account(instance, asked))


def _account(instance: Instance, asked: Question) -> Account:
    """Measures that a frontier reports: the objective, USD, USD of rent, kg and MWh."""
    usd, tonnes = cost(instance, 0.0), carbon(instance)
    money = usd.plus(tonnes, asked.carbon_price_usd_per_t)
    first = tonnes if asked.objective == "carbon" else money
    return first, usd, rent(instance), tonnes.times(KG_PER_T, "kg"), it_energy(instance)


def something_binds(scenario: Scenario) -> bool:
    """Whether a capacity or a mean accuracy may bind and tie demands to each other."""
    return bool(np.isfinite(scenario.capacity_gpu).any()) or any(
        k.mean_accuracy_min is not None for k in scenario.classes
    )


def solve_at(
    scenario: Scenario, asked: Question, axis: Axis, x: float, tally: Tally | None = None
) -> np.ndarray:
    """The account of the optimum at budget x."""
    whole = instance_at(scenario, axis, x)
    value = np.zeros(5)
    for steps in weeks(scenario.hours):
        instance = build_instance(scenario.at_hours(steps), judged=whole.judged)
        main, tie = measures(instance, asked)
        solution = solve_hours(instance, main, tie)
        if tally:
            tally.add(solution)
        if len(solution.infeasible):
            raise InfeasibleError(conflict.hour_words(instance, solution.infeasible))
        value += value_of(instance, asked, solution)
    return value


def instance_at(scenario: Scenario, axis: Axis, x: float) -> Instance:
    """The program of budget x: the places that are open from there on.

    Demand that its class would serve late at the nearest place has none before it opens.
    """
    judged = replace(feasibility(scenario), allowed=axis.opens <= x * (1 + EQUAL))
    return build_instance(scenario, judged=judged)


def measures(instance: Instance, asked: Question) -> tuple[Measure, Measure | None]:
    """What is made least, and what breaks ties."""
    if asked.objective == "carbon":
        return carbon_to_minimise(instance), cost(instance, 0.0)
    return cost(instance, asked.carbon_price_usd_per_t), None


def value_of(instance: Instance, asked: Question, solution: Solution) -> np.ndarray:
    """The account of a solution: objective, USD, USD of rent, kg, MWh; frictions aside."""
    found = merged_totals(instance, solution, frictions=False)
    usd = found.energy_usd + found.rent_usd + found.egress_usd + found.unserved_usd
    tonnes = found.carbon_kg / KG_PER_T
    first = tonnes if asked.objective == "carbon" else usd + asked.carbon_price_usd_per_t * tonnes
    return np.array([first, usd, found.rent_usd, found.carbon_kg, found.it_mwh])


def _assemble(
    asked: Question, axis: Axis, chosen: np.ndarray, values: np.ndarray, *, exact: bool
) -> Frontier:
    return Frontier(
        variant=asked.variant,
        klass=asked.klass,
        objective=asked.objective,
        carbon_price_usd_per_t=asked.carbon_price_usd_per_t,
        x=chosen,
        value=values[0],
        cost_usd=values[1],
        rent_usd=values[2],
        carbon_kg=values[3],
        it_mwh=values[4],
        dual_per_ms=np.full(len(chosen), np.nan),
        exact=exact,
        users_x=axis.users,
        least_x=axis.least,
    )
