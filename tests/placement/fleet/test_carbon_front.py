"""Caps on carbon and cost: against one program, back and forth, and where none can be met."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.placement.fleet.fleet_oracle import oracle_fleet
from tests.placement.fleet.test_fleet_exact import QUESTIONS, asked
from wattlas.errors import InfeasibleError, InputError
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.terms import rent_usd

CHEAPEST, CLEANEST = Objective(), Objective(Minimise.CARBON)


def served(seed: int, question: str) -> Scenario:
    """A world in which nothing may go unserved; what is held draws power, was made, and is not used
    to the last hour.
    """
    s = asked(seed, **QUESTIONS[question])
    regions = tuple(
        replace(region, utilisation_max=0.8, idle_w=20.0, embodied_kg_per_gpu_year=250.0)
        for region in s.regions
    )
    s = replace(s, regions=regions)
    return replace(s, classes=tuple(replace(k, unserved_usd_per_request=None) for k in s.classes))


def under(s: Scenario, **objective: object) -> Scenario:
    return replace(s, objective=Objective(**objective))  # type: ignore[arg-type]


@pytest.mark.parametrize(("seed", "question"), [(0, "all"), (1, "on demand"), (2, "held")])
def test_a_fleet_under_a_carbon_cap_is_the_optimum_of_one_program(seed: int, question: str) -> None:
    """Its cost and the bound are GLPK's, what is emitted is the cap, and prices prove it; the
    fleet of least carbon that costs no more emits as much."""
    s = served(seed, question)
    most = fleet(replace(s, objective=CHEAPEST)).optimal.carbon_kg / 1000
    least = fleet(replace(s, objective=CLEANEST)).optimal.carbon_kg / 1000
    assert least < 0.97 * most
    cap = 0.6 * least + 0.4 * most
    found = fleet(under(s, carbon_cap_t=cap))
    expected = oracle_fleet(replace(s, objective=CHEAPEST), carbon_cap_t=cap)
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=2e-6)
    assert found.bound_usd <= expected.cost_usd * (1 + 1e-9)
    assert found.optimal.carbon_kg / 1000 <= cap * (1 + 1e-9)
    assert found.limit is not None
    assert found.limit.price > 0
    # No part of the price of carbon is left in the rent.
    rent = float(rent_usd(under(s)) @ found.optimal.gpu)
    assert found.optimal.rent_usd == pytest.approx(rent, rel=1e-6)
    # Between two fleets the prices of one prove a little less of their mix.
    proof = certify_fleet(found)
    assert proof.bound <= expected.cost_usd * (1 + 1e-9)
    assert proof.gap <= 1e-3
    assert proof.worst <= 1e-6
    back = fleet(under(s, minimise="carbon", cost_cap_usd=found.optimal.cost_usd))
    assert back.optimal.carbon_kg / 1000 == pytest.approx(cap, rel=1e-4)
    assert back.optimal.cost_usd <= found.optimal.cost_usd * (1 + 1e-9)


def test_a_cap_that_does_not_bind_has_no_price() -> None:
    """The fleet is the cheapest one, or the cleanest one."""
    s = served(0, "held")
    loose = fleet(under(s, carbon_cap_t=1e3))
    cheapest = fleet(replace(s, objective=CHEAPEST)).optimal.cost_usd
    assert loose.optimal.cost_usd == pytest.approx(cheapest, rel=2e-6)
    assert loose.limit is not None
    assert loose.limit.price == 0.0
    rich = fleet(under(s, minimise="carbon", cost_cap_usd=1e9))
    cleanest = fleet(replace(s, objective=CLEANEST))
    assert rich.optimal.carbon_kg == pytest.approx(cleanest.optimal.carbon_kg, rel=1e-9)


def test_a_cap_that_cannot_be_met_names_the_least() -> None:
    """And the least is what the fleet of least carbon emits, or the cheapest costs."""
    s = served(1, "held")
    least = fleet(replace(s, objective=CLEANEST)).optimal.carbon_kg / 1000
    with pytest.raises(InfeasibleError, match="least attainable is") as refused:
        fleet(under(s, carbon_cap_t=0.9 * least))
    assert f"least attainable is {least:,.4g}"[:-1] in str(refused.value)
    with pytest.raises(InfeasibleError, match="cost of the fleet is capped at 1 USD"):
        fleet(under(s, minimise="carbon", cost_cap_usd=1.0))


def test_caps_that_a_fleet_does_not_take() -> None:
    """Relative ones, shorter windows, and least carbon where demand may go unserved."""
    s = served(0, "held")
    with pytest.raises(InputError, match=r"Give objective\.carbon_cap_t"):
        fleet(under(s, carbon_cap_share=0.9))
    with pytest.raises(InputError, match="over all hours"):
        fleet(under(s, carbon_cap_t=1.0, window=Window.MONTH))
    priced = tuple(replace(k, unserved_usd_per_request=1.0) for k in s.classes)
    with pytest.raises(InputError, match="emits nothing"):
        fleet(replace(s, classes=priced, objective=CLEANEST))


def test_a_tighter_cap_never_costs_less() -> None:
    """Along the front cost rises, and so does the price of a tonne."""
    s = served(2, "all")
    most = fleet(replace(s, objective=CHEAPEST)).optimal.carbon_kg / 1000
    least = fleet(replace(s, objective=CLEANEST)).optimal.carbon_kg / 1000
    found = [fleet(under(s, carbon_cap_t=least + x * (most - least))) for x in (0.9, 0.5, 0.2)]
    costs = [each.optimal.cost_usd for each in found]
    prices = [each.limit.price for each in found if each.limit is not None]
    assert (np.diff(costs) > 0).all()
    assert (np.diff(prices) >= -1e-6 * prices[-1]).all()
