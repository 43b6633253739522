"""What a study says of the fleet: the one of least cost, what it survives, what reach is worth.

A study asks for it once. Where a scenario has no fleet to ask for, it has the reason instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wattlas.errors import InfeasibleError, InputError, SolverError
from wattlas.model.fleet import VARIANTS, Fleet, FleetCost, Reach
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.fleet import fleet_and_learnt
from wattlas.placement.fleet.margin import takes_margin, with_margin
from wattlas.placement.fleet.patience import Patience
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.search import Least
from wattlas.placement.fleet.size import Learnt
from wattlas.units import some

Tell = Callable[[float], None]
"""Called with the share that is done, 0..1."""

EXACT = 1e-4
"""Relative gap of a study's fleets: what is told of them has three digits."""
HELD_BACK = 0.2
"""Share of each accelerator's time that is not counted on where the same is told without perfect
foresight."""
NAMED = 3
"""So many regions are named in a sentence."""


@dataclass(frozen=True)
class FleetAnswer:
    """A fleet, with the one that survives the loss of any one region where there is one."""

    fleet: Fleet
    reach: Reach | None = None
    no_outage: str = ""
    """Why there is no fleet that survives."""
    no_reach: str = ""
    """Why what reach is worth is not known."""
    patience: tuple[Patience, ...] = ()
    """The fleets of several waits, where they were asked for."""

    @property
    def variants(self) -> dict[str, FleetCost]:
        """The fleets that are compared."""
        known = {**self.fleet.variants, **self._alone()}
        return {name: known[name] for name in VARIANTS if name in known}

    def _alone(self) -> dict[str, FleetCost]:
        """The fleet of least cost where no demand goes beyond its baseline region."""
        if self.reach is None or self.reach.fleets[0].x > 0:
            return {}
        return {"alone": self.reach.fleets[0].cost}

    @property
    def with_margin(self) -> dict[str, FleetCost]:
        """Those that are found, with `HELD_BACK` of each accelerator's time not counted on; none
        where the scenario states a utilisation or a bound."""
        scenario = self.fleet.scenario
        if not takes_margin(scenario):
            return {}
        sized = ("own_peaks", "alone", "optimal", "outage")
        return {
            name: with_margin(scenario, cost, 1.0 - HELD_BACK)
            for name, cost in self.variants.items()
            if name in sized
        }


def fleet_answer(scenario: Scenario, tell: Callable[[str, float], None]) -> FleetAnswer | str:
    """The fleet of a scenario for a study, or why it has none, in a clause."""
    unpriced = _unpriced(scenario)
    if unpriced:
        return unpriced
    if not by_money(scenario):
        return "a study tells the fleet of least cost without a cap; ask wattlas fleet for this one"
    try:
        tell("fleet", 0.0)
        fleet, learnt, no_outage = _fleet(scenario, lambda share: tell("fleet", share))
        tell("fleet along the reach", 0.0)
        along = partial(tell, "fleet along the reach")
        reached, no_reach = _reach(scenario, learnt, along)
    except InputError as error:
        return "; ".join(f"{problem.where} {problem.what}" for problem in error.problems)
    except (InfeasibleError, SolverError) as error:
        return str(error).rstrip(".")
    return FleetAnswer(fleet, reached, no_outage, no_reach)


def _fleet(scenario: Scenario, tell: Tell) -> tuple[Fleet, Learnt | None, str]:
    """The fleet that survives the loss of any one region, and what was learnt of the one that
    survives nothing; where there is no such fleet, without, and why."""

    def hear(best: Least) -> None:
        tell(search_share(best, EXACT))

    any_one = [list(site) for site in scenario.sites]
    if len(any_one) == 1:
        nominal = fleet_and_learnt(scenario, exact=EXACT, progress=hear)
        return *nominal, "there is one region only"
    try:
        return *fleet_and_learnt(scenario, survive=any_one, exact=EXACT, progress=hear), ""
    except (InfeasibleError, SolverError):
        nominal = fleet_and_learnt(scenario, exact=EXACT, progress=hear)
        return *nominal, "no fleet within the bounds survives the loss of any one region"


def _reach(scenario: Scenario, learnt: Learnt | None, tell: Tell) -> tuple[Reach | None, str]:
    """What reach is worth; where narrow ones cannot serve, nothing, and why."""
    try:
        return reach(scenario, exact=EXACT, known=learnt, progress=tell), ""
    except (InfeasibleError, SolverError):
        return None, "with less reach no fleet within the bounds serves the demand"


def _unpriced(scenario: Scenario) -> str:
    """Regions that a fleet would fill for nothing, as nobody said what is reserved costs there."""
    ids = [
        region.id
        for region in scenario.regions
        if region.reserved_usd_per_gpu_year == 0 and region.reserved_gpu_max > 0
    ]
    if not ids:
        return ""
    if len(ids) == len(scenario.regions):
        rented = scenario.only_on_demand.all()
        head = "every accelerator is rented by the hour, and " if rented else ""
        return f"{head}no region has a reserved_usd_per_gpu_year"
    verb = "has" if len(ids) == 1 else "have"
    return f"{some(ids, NAMED)} {verb} no reserved_usd_per_gpu_year"


def by_money(scenario: Scenario) -> bool:
    """Whether the better of two fleets is the one that costs less: nothing is capped."""
    objective = scenario.objective
    caps = (
        objective.carbon_cap_t,
        objective.carbon_cap_share,
        objective.cost_cap_usd,
        objective.cost_cap_share,
    )
    return objective.minimise is Minimise.COST and all(cap is None for cap in caps)


def search_share(best: Least, exact: float) -> float:
    """How far a search has come, 0..1: its gap on a logarithmic scale."""
    known = math.isfinite(best.gap) and best.gap > 0
    done = math.log10(best.gap) / math.log10(exact) if known else 0.0
    return min(max(done, 0.0), 1.0)
