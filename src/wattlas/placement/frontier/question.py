"""What a frontier is asked, what it reports, and the axis that its budgets lie on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import SolveInfo
from wattlas.model.scenario import Scenario
from wattlas.placement.explain import conflict
from wattlas.placement.problem import unit_values as units
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import Feasibility, feasibility
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.solution.account import Account
from wattlas.placement.solution.concat import solver_words
from wattlas.units import KG_PER_T

EQUAL = 1e-12
"""Two breakpoints closer than this, relative, are one."""


@dataclass(frozen=True)
class FrontierQuestion:
    """What is varied and what is made least."""

    variant: Variant = Variant.SCALE
    klass: str = ""
    objective: str = "cost"
    carbon_price_usd_per_t: float = 0.0

    @staticmethod
    def of(
        scenario: Scenario, variant: str, objective: str, price: float | None
    ) -> FrontierQuestion:
        """A question in words; UsageError where it makes no sense."""
        variant, _, klass = variant.partition(":")
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
        weight = given if objective == "weighted" else 0.0
        return FrontierQuestion(Variant(variant), klass, objective, weight)

    def as_objective(self) -> Objective:
        """What is made least, as the objective of a scenario."""
        least = Minimise.CARBON if self.objective == "carbon" else Minimise.COST
        return Objective(minimise=least, carbon_price_usd_per_t=self.carbon_price_usd_per_t)

    def measures(self, instance: Instance) -> tuple[Measure, Measure | None]:
        """What is made least, and what breaks ties."""
        if self.objective == "carbon":
            return units.carbon_to_minimise(instance), units.cost(instance, 0.0)
        return units.cost(instance, self.carbon_price_usd_per_t), None

    def reported(self, instance: Instance) -> tuple[Measure, ...]:
        """What a frontier reports: the objective, variable USD, kg, MWh, requests unserved."""
        usd, tonnes = units.stated_cost(instance, 0.0), units.carbon(instance)
        money = usd.plus(tonnes, self.carbon_price_usd_per_t)
        first = tonnes if self.objective == "carbon" else money
        kg = tonnes.times(KG_PER_T, "kg")
        return first, usd, kg, units.it_energy(instance), units.unserved(instance)

    def value_of(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """What is reported of a placement, shape (5,); what ties hours together aside."""
        account = Account.of(instance, flows)
        return np.array([account.total(measure) for measure in self.reported(instance)])

    def varies(self, scenario: Scenario, k: int) -> bool:
        """Whether the budget of a class is varied."""
        if self.variant is Variant.CLASS:
            return scenario.classes[k].id == self.klass
        return scenario.classes[k].relaxable

    def users_x(self, scenario: Scenario) -> float:
        """Where the scenario is on the axis: its own budgets, or nothing added to the baseline
        region's latency; nan where it has no place there.
        """
        if self.variant is Variant.SCALE:
            return 1.0
        if self.variant is Variant.ADDED_MS:
            return 0.0
        if self.variant is Variant.CLASS:
            return next(k.latency_budget_ms for k in scenario.classes if k.id == self.klass)
        return float("nan")


@dataclass
class SolverTally:
    """Who solved how many programs of a frontier, added up as it goes."""

    parts: list[SolveInfo] = field(default_factory=list)

    def info(self, seconds: float) -> SolveInfo:
        """What a result says of how it was found."""
        whole = SolveInfo.together(self.parts or [SolveInfo(solver="")])
        return SolveInfo(
            solver=solver_words(whole),
            seconds=seconds,
            engine_hours=whole.engine_hours,
            highs_hours=whole.highs_hours,
            programs=whole.programs,
        )


@dataclass(frozen=True)
class BudgetAxis:
    """The axis of a frontier: where each place opens.

    `opens` (I, K, R, O) is the x at which a place opens, inf for never, −inf for always; `x` are
    the distinct breakpoints from `least` on, the x from which all demand has a place.
    """

    opens: np.ndarray
    x: np.ndarray
    least: float
    users: float

    def chosen(self, samples: int | None, x: Sequence[float] | None) -> np.ndarray:
        """The budgets to solve at: all breakpoints, evenly many of them by rank, or as given."""
        if x is not None:
            given = np.unique(np.asarray(x, dtype=float))
            if not len(given) or not np.isfinite(given).all():
                raise UsageError("the budgets of a frontier are finite numbers, at least one")
            if (given < self.least * (1 - EQUAL)).any():
                raise UsageError(f"below {self.least:.6g} some demand has no place; ask for more")
            return given
        if samples is None or samples >= len(self.x):
            return self.x
        spread = np.linspace(0, len(self.x) - 1, max(samples - 1, 2)).round().astype(int)
        own = self.x[max(int(np.searchsorted(self.x, self.users * (1 + EQUAL))) - 1, 0)]
        keep = [own] if np.isfinite(self.users) else []
        return np.unique(np.concatenate([self.x[spread], keep]))

    def instance_at(self, scenario: Scenario, x: float) -> Instance:
        """The program of budget x: the places that are open from there on.

        Demand that its class would serve late at the nearest place has none before it opens.
        """
        judged = replace(feasibility(scenario), allowed=self.opens <= x * (1 + EQUAL))
        return build_instance(scenario, judged=judged)


def breakpoints(scenario: Scenario, question: FrontierQuestion) -> BudgetAxis:
    """Where every place opens along the question's axis, and the distinct breakpoints."""
    judged = feasibility(scenario)
    present = np.asarray((scenario.demand_per_h > 0).any(axis=2))
    latency = np.where(judged.lawful, judged.latency_ms, np.inf)
    varied = np.array([question.varies(scenario, k) for k in range(len(scenario.classes))])
    budget = np.array([k.latency_budget_ms for k in scenario.classes])
    base = _base(question, latency, budget, baseline_ms(scenario, judged))
    opens = np.where(varied[None, :, None, None], base, np.inf)
    still = ~varied[None, :, None, None] & judged.allowed
    opens = np.where(still, -np.inf, opens)
    opens[~present] = np.inf
    first = np.where(present, opens.min(axis=(2, 3)), -np.inf)
    priced = np.array([k.unserved_usd_per_request is not None for k in scenario.classes])
    least = float(np.where(priced[None, :], -np.inf, first).max(initial=-np.inf))
    if least == np.inf:
        unbounded = build_instance(_unbounded(scenario, question))
        raise InfeasibleError(conflict.stranded_words(unbounded))
    x, users = _distinct(opens), question.users_x(scenario)
    if not len(x):  # nothing varies: V is what it is at the scenario's own budgets
        x = np.array([users if np.isfinite(users) else 0.0])
    start = least if np.isfinite(least) else float(x[0])
    return BudgetAxis(opens, x[x >= start * (1 - EQUAL)], start, users)


def _distinct(opens: np.ndarray) -> np.ndarray:
    """The distinct finite breakpoints, increasing."""
    finite = np.unique(opens[np.isfinite(opens)])
    if not len(finite):
        return finite
    kept: np.ndarray = finite[np.append(True, np.diff(finite) > EQUAL * np.abs(finite[1:]))]
    return kept


def baseline_ms(scenario: Scenario, judged: Feasibility) -> np.ndarray:
    """Least latency of each demand at its baseline region, law kept; (I, K), ms.

    Where no region is feasible within the budget there is no baseline region: the least latency
    anywhere then, inf where no place is lawful.
    """
    latency = np.where(judged.lawful, judged.latency_ms, np.inf).min(axis=3)
    base = baseline_region(scenario, judged)
    there = np.take_along_axis(latency, np.maximum(base, 0)[:, :, None], axis=2)[:, :, 0]
    least: np.ndarray = np.where(base >= 0, there, latency.min(axis=2))
    return least


def _base(
    question: FrontierQuestion, latency: np.ndarray, budget: np.ndarray, baseline: np.ndarray
) -> np.ndarray:
    """Breakpoint of every place along the axis, shape of `latency`."""
    if question.variant is Variant.SCALE:
        return np.asarray(latency / budget[None, :, None, None])
    if question.variant is Variant.ADDED_MS:
        nothing = np.where(np.isfinite(baseline), baseline, 0.0)[:, :, None, None]
        # A place that is no slower than the baseline region needs nothing added.
        added: np.ndarray = np.maximum(latency - nothing, 0.0)
        return added
    return np.asarray(latency)


def _unbounded(scenario: Scenario, question: FrontierQuestion) -> Scenario:
    classes = tuple(
        replace(c, latency_budget_ms=float("inf")) if question.varies(scenario, k) else c
        for k, c in enumerate(scenario.classes)
    )
    return replace(scenario, classes=classes)


def frontier_of(
    scenario: Scenario,
    question: FrontierQuestion,
    x: np.ndarray,
    reported: np.ndarray,
    *,
    exact: bool,
    users_x: float,
    least_x: float,
) -> Frontier:
    """The frontier of what is reported at each x, (5, len(x)); what is reserved is added."""
    value, usd, kg, it_mwh, unserved = reported
    requests = float((scenario.demand_per_h * scenario.hours.hours).sum())
    reserved = np.full(len(x), scenario.reserved_usd.sum())
    return Frontier(
        variant=question.variant,
        klass=question.klass,
        objective=question.objective,
        carbon_price_usd_per_t=question.carbon_price_usd_per_t,
        x=x,
        value=value,
        cost_usd=usd + reserved,
        reserved_usd=reserved,
        carbon_kg=kg,
        it_mwh=it_mwh,
        unserved_share=unserved / max(requests, 1e-300),
        dual_per_ms=np.full(len(x), np.nan),
        exact=exact,
        users_x=users_x,
        least_x=least_x,
    )
