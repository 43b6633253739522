"""What the tables of a study are made from: plans and frontiers, computed when first wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cached_property

from wattlas.errors import InfeasibleError
from wattlas.model.frontier import Frontier
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.model.workload import WorkloadClass
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import (
    BASELINES,
    baseline,
    baseline_and_tables,
    baselines,
    policy_names,
    tried_baselines,
)
from wattlas.placement.compare.fixed_shares import FixedShares
from wattlas.placement.frontier.frontier import feasible_axis, frontier, something_binds
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.tables import metrics, views
from wattlas.placement.tables.changes import Matched
from wattlas.placement.window.blocks import one_by_one
from wattlas.studies.fleet_answer import FleetAnswer, fleet_answer
from wattlas.studies.offers import TierDesign, design_tiers

Progress = Callable[[str, float], None]

WEIGHTED_USD_PER_T = 100.0
"""Carbon price of the weighted frontier where the scenario has none of its own."""
SAMPLES = 16
TIER_GRID = 100
"""Discounts and shares that each class's offers are looked for among; refined as ever."""
LOOKS_S = 0.2
"""So often what waits looks whether all is over."""


class Findings:
    """One scenario and what a study finds of it. Each part is computed once, when it is wanted.

    `samples` is the number of budgets of each frontier where capacity or mean accuracy may bind.
    `progress` is called with what is being done and how much of it is.
    """

    def __init__(
        self, scenario: Scenario, samples: int = SAMPLES, progress: Progress | None = None
    ) -> None:
        self.scenario = scenario
        self.samples = samples
        self.tell = progress or (lambda _what, _share: None)
        self._made: dict[str, tuple[Plan, FixedShares | None]] = {}
        self._coming: Future[FleetAnswer | str] | None = None
        self._placed: Future[dict[str, Plan]] | None = None
        self._waits = threading.Event()

    @cached_property
    def plan(self) -> Plan:
        """The best placement. Raises InfeasibleError with the smallest conflict found."""
        self.tell("plan", 0.0)
        best = plan(self.scenario, progress=lambda share: self.tell("plan", share))
        if not best.ok:
            raise InfeasibleError(best.conflict)
        return best

    @cached_property
    def instance(self) -> Instance:
        """The scenario as arrays, with the places that are open."""
        return build_instance(self.scenario)

    @cached_property
    def policies(self) -> dict[str, Plan]:
        """Simpler policies by name; but for the baseline without their flows."""
        placed = {} if self._placed is None else self._placed.result()
        known = {**placed, **{tried.policy: tried for tried in self._baselines}}
        return baselines(self.instance, flows=False, known=known)

    def policy(self, name: str) -> Plan:
        """The plan, that of least carbon, or a simpler policy, which is made alone if need be."""
        if name in ("optimum", "carbon_optimum"):
            return self.plan if name == "optimum" else self.carbon_optimum
        if "policies" in self.__dict__:
            return self.policies[name]
        return self.baseline if name == self.baseline.policy else self.with_tables(name)[0]

    def with_tables(self, name: str) -> tuple[Plan, FixedShares | None]:
        """A simpler policy with the tables of shares that it follows, made once."""
        if name not in self._made:
            self._made[name] = baseline_and_tables(self.instance, name, flows=False)
        return self._made[name]

    @cached_property
    def baseline(self) -> Plan:
        """What the plan is compared with: everyone in the nearest region, if that keeps every
        limit, else in the nearest region with capacity."""
        return self._baselines[-1]

    @cached_property
    def _baselines(self) -> list[Plan]:
        self.tell("baselines", 0.0)
        return tried_baselines(self.instance)

    @cached_property
    def changed(self) -> Matched:
        """What changes from the baseline to the plan, by class and pair of regions."""
        self.tell("changes", 0.0)
        return metrics.changed(self.plan, self.baseline)

    @cached_property
    def hourly(self) -> Table:
        """Load, prices and intensities of every region in every step, and the baseline's load."""
        return views.hourly(self.plan, self.baseline)

    @cached_property
    def flow_sums(self) -> Table:
        """What the plan serves where, summed over the window."""
        return views.flow_sums(self.scenario, metrics.flows_of(self.plan))

    @cached_property
    def carbon_optimum(self) -> Plan:
        """What the placement of least carbon comes to, in the money of the plan: carbon at its
        price, too."""
        return plan(self.scenario, objective=self._cleanest, keep_flows=False)

    @property
    def _cleanest(self) -> Objective:
        gamma = self.scenario.objective.carbon_price_usd_per_t
        return Objective(minimise=Minimise.CARBON, carbon_price_usd_per_t=gamma)

    def planned(self, scenario: Scenario, objective: Objective) -> Plan:
        """A placement of which what it makes least is wanted; of this scenario those that are
        known."""
        if scenario is self.scenario and objective == self.scenario.objective:
            return self.plan
        if scenario is self.scenario and objective == self._cleanest:
            return self.carbon_optimum
        return metrics.least(scenario, objective)

    @cached_property
    def frontiers(self) -> tuple[Frontier, ...]:
        """Frontiers of every variant and objective that a study traces."""
        return tuple(_frontiers(self.scenario, self.samples, self.tell))

    @cached_property
    def tiers(self) -> TierDesign | None:
        """The tiers of each class; None where nobody said who subscribes and what they pay, or
        what serving costs, and where requests may wait, of which offers know nothing.
        """
        unknown = self.scenario.users is None or not self.scenario.signals.priced
        if unknown or self.scenario.waits:
            return None
        placed = None if self.scenario.tiers else self.plan
        return design_tiers(self.scenario, placed=placed, size=TIER_GRID, progress=self.tell)

    @contextmanager
    def policies_meanwhile(self) -> Iterator[None]:
        """Begin the simpler policies in a thread of their own.

        All but the baseline's need nothing of the engine, which may be compiled meanwhile. An error
        or an interrupt ends them after the one that is being placed.
        """
        ends, instance = threading.Event(), self.instance

        def place() -> dict[str, Plan]:
            plans = {}
            for name in policy_names(self.scenario):
                if ends.is_set():
                    raise CancelledError
                if name not in BASELINES:
                    plans[name] = baseline(instance, name, flows=False)
            return plans

        with ThreadPoolExecutor(1, initializer=one_by_one) as pool:
            self._placed = pool.submit(place)
            try:
                yield
            finally:
                ends.set()

    @contextmanager
    def fleet_meanwhile(self) -> Iterator[None]:
        """Begin the fleet in a thread of its own, which fills the gaps of what else is computed,
        once the policies are placed: three at a time would take no less time, and hold more memory.

        It tells of its progress once somebody waits for it. An error or an interrupt ends it at
        the next share that it tells.
        """
        ends = threading.Event()

        def tell(what: str, share: float) -> None:
            if ends.is_set():
                raise CancelledError
            if self._waits.is_set():
                self.tell(what, share)

        def size() -> FleetAnswer | str:
            # Whoever ends early does not wait for policies, which are told of it later.
            while self._placed is not None and not self._placed.done() and not ends.is_set():
                wait([self._placed], timeout=LOOKS_S)
            return fleet_answer(self.scenario, tell)

        with ThreadPoolExecutor(1) as pool:
            self._coming = pool.submit(size)
            try:
                yield
            finally:
                ends.set()

    @cached_property
    def fleet(self) -> FleetAnswer | str:
        """How many accelerators are needed, and where; or why there is no such question."""
        if self._coming is None:
            return fleet_answer(self.scenario, self.tell)
        self._waits.set()
        return self._coming.result()


def _frontiers(scenario: Scenario, samples: int, tell: Progress) -> Iterator[Frontier]:
    """Every breakpoint where nothing binds, else `samples` budgets of the main variants and half
    as many of the others."""
    price = scenario.objective.carbon_price_usd_per_t or WEIGHTED_USD_PER_T
    traced = list(_traced(scenario, samples))
    bound = something_binds(scenario)
    variants = dict.fromkeys(variant for variant, _, _ in traced)
    axes = {v: None if v == "soft" else feasible_axis(scenario, v) for v in variants}
    for n, (variant, objective, count) in enumerate(traced):
        tell("frontier", n / len(traced))
        yield frontier(
            scenario,
            variant,
            objective=objective,
            carbon_price_usd_per_t=price,
            samples=count if variant == "soft" or bound else None,
            axis=axes[variant],
        )


def _traced(scenario: Scenario, samples: int) -> Iterator[tuple[str, str, int]]:
    """(variant, objective, samples) of each frontier: of carbon alone where nothing has a price."""
    priced = scenario.signals.priced
    return (t for t in _every_frontier(scenario, samples) if priced or t[1] == "carbon")


def _every_frontier(scenario: Scenario, samples: int) -> Iterator[tuple[str, str, int]]:
    fewer = max(samples // 2, 3)
    yield "scale", "cost", samples
    yield "scale", "carbon", samples
    yield "scale", "weighted", fewer
    yield "added_ms", "cost", fewer
    yield "added_ms", "carbon", fewer
    relaxable = [k for k in scenario.classes if k.relaxable]
    if relaxable:
        tightest = min(relaxable, key=_budget_ms)
        yield f"class:{tightest.id}", "cost", fewer
        yield f"class:{tightest.id}", "carbon", fewer
        yield "soft", "cost", fewer


def _budget_ms(klass: WorkloadClass) -> float:
    return klass.latency_budget_ms
