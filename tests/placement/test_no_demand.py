"""Where nobody asks for anything, every kind of plan is an empty one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.shipped import shipped
from wattlas.model.contract import Tier
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.explain.certificate import certify
from wattlas.placement.frontier.frontier import frontier
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.window.rolling_horizon import Horizon

OBJECTIVES = {
    "cost": Objective(),
    "carbon": Objective(minimise=Minimise.CARBON),
    "share": Objective(carbon_cap_share=0.9),
    "days": Objective(carbon_cap_t=1.0, window=Window.DAY),
    "money": Objective(minimise=Minimise.CARBON, cost_cap_share=0.9),
}
FRICTIONS = {
    "none": Frictions(),
    "starts": Frictions(start_usd_per_gpu_h=1.0),
    "moves": Frictions(move_state=True),
}


@pytest.fixture(scope="module")
def silent() -> Scenario:
    """The tiny example without any demand."""
    s = shipped("tiny")
    return replace(s, demand_per_h=np.zeros_like(s.demand_per_h))


@pytest.mark.parametrize("solver", Solver)
@pytest.mark.parametrize("friction", FRICTIONS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_empty_plan(silent: Scenario, name: str, friction: str, solver: Solver) -> None:
    """With and without degradation caps it is optimal, costs nothing, and is proven to."""
    frictions = FRICTIONS[friction]
    if solver is Solver.ENGINE:
        frictions = Frictions()
    s = replace(silent, objective=OBJECTIVES[name], frictions=frictions, solver=solver)
    tier = Tier("green", 0.2, 0.5, accuracy_min=0.0)
    for one in (
        s,
        offer(s, [replace(tier, window=Window.ALL)]),
        offer(s, [replace(tier, window=Window.HOUR)]),
    ):
        found = plan(one)
        assert found.ok, found.conflict
        assert found.objective == 0.0
        assert found.flows is not None
        assert not len(found.flows.hour)
        if not frictions.couples:
            assert certify(found).gap == 0.0


def test_an_empty_plan_by_windows(silent: Scenario) -> None:
    """Rolling windows over nothing are optimal, too, and their bound is zero."""
    found = plan(
        replace(silent, frictions=FRICTIONS["starts"]), tactics=Tactics(horizon=Horizon(largest=-1))
    )
    assert (found.status, found.objective, found.info.gap) == (Status.OPTIMAL, 0.0, 0.0)


@pytest.mark.parametrize("solver", Solver)
@pytest.mark.parametrize("variant", ["scale", "added_ms", "class", "soft"])
def test_an_empty_frontier(silent: Scenario, variant: str, solver: Solver) -> None:
    """V is zero at every budget."""
    which = f"class:{silent.classes[0].id}" if variant == "class" else variant
    found = frontier(replace(silent, solver=solver), which)
    assert (found.value == 0.0).all()
