"""Fleets that nobody had in mind: a class without demand, carbon at a price or made least, demand
that is nearly nothing, full service that loses money."""

from __future__ import annotations

import math

import numpy as np
import pytest

import wattlas
from tests.sceptic import Sceptic, rows
from tests.shipped import shipped
from tests.tiers.markets import PRICE, people, service
from wattlas.errors import InputError
from wattlas.model.cells import cell, count_text
from wattlas.model.frontier_table import frontier_listing
from wattlas.model.scenario import Scenario
from wattlas.model.table import Column, Kind
from wattlas.placement.tables.changes import matched
from wattlas.placement.tables.views import hourly
from wattlas.studies import words
from wattlas.studies.design_listings import verdict_words
from wattlas.studies.figures.benefit import limits_removed
from wattlas.studies.figures.frontier import latency
from wattlas.studies.figures.regions import where
from wattlas.studies.study import Study
from wattlas.tiers.market import Contract, market
from wattlas.tiers.offer import judge
from wattlas.tiers.verdict import offer_verdict, profit_share

GAMMA = 400.0
USERS = ("users={usd_per_mtok_in: 0.3, usd_per_mtok_out: 0.9, count: 50}",)


def tiny(*settings: str) -> Scenario:
    """The tiny example, changed."""
    return shipped("tiny", set=list(settings))


@pytest.fixture(scope="module")
def priced() -> Study:
    """A study with carbon at a price, in which nobody asks for a class."""
    gamma = f"objective.carbon_price_usd_per_t={GAMMA}"
    return wattlas.study(
        tiny(gamma, "demand.population.classes={A: {share: 1}, D: {share: 0}}", *USERS), samples=3
    )


@pytest.fixture(scope="module")
def clean() -> Study:
    """A study of least carbon in which capacity is short."""
    return wattlas.study(tiny("objective.minimise=carbon", "capacity.scale=0.4"), samples=3)


# -- a class that nobody is served in ----------------------------------------------------------


def test_a_class_without_demand_has_no_tier(priced: Study) -> None:
    """The study is made all the same, designs tiers for the others, and says why not for it."""
    assert {row["class"] for row in rows(priced.tables["tier_verdicts"])} == {"A"}
    assert (
        "Class offline (D): no tier was designed, because the plan serves no request of it."
        in priced.meta["limits"]
    )


def test_a_class_that_goes_unserved_has_no_tier() -> None:
    """So it is where all of a class goes unserved; asked for by name it is told what to change."""
    lost = tiny("classes.D.unserved_usd_per_request=0", *USERS)
    design = wattlas.design_tiers(lost, size=10, sensitive=False)
    assert design.idle == ("D",)
    assert list(verdict_words(design))[-1].startswith("Class offline (D): no tier was designed")
    with pytest.raises(InputError, match="goes unserved"):
        wattlas.design_tiers(lost, terms=wattlas.Terms(classes=("D",)), size=10, sensitive=False)


# -- carbon at a price -------------------------------------------------------------------------


def test_every_policy_pays_for_carbon(priced: Study) -> None:
    """The plan of least carbon, too, has carbon at its price in its cost: no policy is cheaper than
    the plan, and none keeps more than all of its saving."""
    table = {row["policy"]: row for row in rows(priced.tables["policies"])}
    best = table["optimum"]
    for name, row in table.items():
        parts = row["energy_usd"] + row["egress_usd"] + row["on_demand_usd"] + row["unserved_usd"]
        paid = parts + GAMMA * row["carbon_kg"] / 1e3
        assert row["variable_usd"] == pytest.approx(paid), name
        assert row["variable_usd"] >= best["variable_usd"] * (1 - 1e-9), name
        assert row["share_of_saving"] is None or row["share_of_saving"] <= 1 + 1e-6, name


def test_the_curve_that_is_told_is_that_of_the_plan(priced: Study) -> None:
    """With a price of carbon the terminal shows the curve on which the plan lies."""
    listing = latency(priced)
    assert listing is not None
    assert "saved at least cost with carbon, USD" in [column.head for column in listing.columns]
    curve = next(
        f for f in priced.frontiers if str(f.variant) == "scale" and f.objective == "weighted"
    )
    own = curve.at(curve.users_x)
    paid = priced.meta["totals"]["plan"]["variable_usd"]
    assert curve.value[own] == pytest.approx(paid)
    shown = frontier_listing(curve, "scale").table
    mine = list(shown["mark"]).index("← yours")
    assert shown["value"][mine] == pytest.approx(priced.meta["totals"]["plan"]["cost_usd"])
    saved = np.asarray(listing.table["saved_usd"])[list(listing.table["mark"]).index("yours")]
    assert saved == pytest.approx(curve.value[0] - paid)


# -- carbon made least -------------------------------------------------------------------------


def test_a_price_of_capacity_has_the_unit_of_the_objective(clean: Study) -> None:
    """Where carbon is made least one more GPU-h saves kilograms: by so much the least carbon falls
    with one more accelerator, and nothing of it is told as USD."""
    plan, sceptic = clean.plan, Sceptic(clean.plan.scenario)
    assert plan.capacity_price_usd_per_gpu_h is None
    table = clean.tables["hourly"]
    assert np.isnan(np.asarray(table["capacity_price_usd_per_gpu_h"], dtype=float)).all()
    price = np.asarray(table["capacity_price_kg_per_gpu_h"], dtype=float)
    price = price.reshape(len(sceptic.t), -1).T
    r, t = np.unravel_index(int(price.argmax()), price.shape)
    assert price[r, t] > 0
    least = []
    for step in (0.0, 1e-3):
        more = Sceptic(clean.plan.scenario)
        more.reserved = sceptic.reserved.copy()
        more.reserved[r, t] += step
        least.append(more.account(more.least_kg().flows)["carbon_kg"])
    assert price[r, t] * 1e-3 == pytest.approx(least[0] - least[1], rel=1e-3)
    listing = where(clean)
    assert "one more GPU-h, kg" in [column.head for column in listing.columns]
    said = [row["binding"] for row in rows(clean.tables["candidates"]) if row["binding"]]
    assert said
    assert all(each.endswith("kg of CO₂e") for each in said)


def test_a_fixed_table_keeps_a_share_of_what_is_made_least(clean: Study) -> None:
    """With least carbon the verdict tells what one table keeps of the carbon that is saved."""
    base = clean.meta["totals"]["baseline"]["carbon_kg"]
    table = {row["policy"]: row for row in rows(clean.tables["policies"])}
    saved = base - table["optimum"]["carbon_kg"]
    kept = (base - table["static_carbon"]["carbon_kg"]) / saved
    assert clean.meta["headline"]["static_share_of_saving"] == pytest.approx(kept, rel=1e-6)
    assert "one fixed table keeps" in clean.meta["brief"]["sentence"]


def test_money_of_least_cost_stays_money() -> None:
    """Where cost is made least the price is in USD, and the kilograms are not known."""
    plan = wattlas.plan(tiny("regions.oslo.reserved_gpu=3"))
    table = hourly(plan, plan)
    assert plan.capacity_price_kg_per_gpu_h is None
    assert np.isnan(table["capacity_price_kg_per_gpu_h"]).all()
    assert np.max(table["capacity_price_usd_per_gpu_h"]) > 0


# -- a fleet that costs nothing ----------------------------------------------------------------


def test_a_fleet_for_nothing_is_refused() -> None:
    """A region whose reserved accelerators have no price is named, and the ways out."""
    with pytest.raises(InputError) as refused:
        wattlas.fleet(tiny("regions.oslo.reserved_usd_per_gpu_year=0"))
    (problem,) = refused.value.problems
    assert problem.where == "regions.oslo.reserved_usd_per_gpu_year"
    assert "reserved_gpu_max: 0" in problem.fix
    rented = "{reserved_gpu: 0, reserved_gpu_max: 0, on_demand_gpu: 99, on_demand_usd_per_gpu_h: 9}"
    assert wattlas.fleet(tiny(f"regions.oslo={rented}")).optimal.gpu[0] == 0


# -- whose demand moves ------------------------------------------------------------------------


def test_a_move_is_of_the_metros_that_move(clean: Study) -> None:
    """Those with fewer requests in the first region than before, and more in the second, in one
    hour at least."""
    assert clean.plan.flows is not None
    assert clean.baseline.flows is not None
    found = matched(clean.plan.scenario, clean.baseline.flows, clean.plan.flows)
    sceptic = Sceptic(clean.plan.scenario)
    before, after = (
        sceptic.dense(flows)[0].sum(axis=3) for flows in (clean.baseline.flows, clean.plan.flows)
    )
    tiny_part = 1e-9 * sceptic.demand[:, :, None]
    fewer, more = before - after > tiny_part, after - before > tiny_part
    for k in sceptic.k:
        for h in sceptic.r:
            for r in sceptic.r:
                both = (fewer[:, k, h] & more[:, k, r]).any(axis=1)
                assert list(found.metros(k, h, r)) == list(np.flatnonzero(both)) * (h != r)


# -- numbers as they are written ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.26e-10, "1.26e−10"), (-3e-9, "−3.00e−09"), (0.0, "0"), (-0.0, "0"), (0.012345, "0.0123")],
)
def test_small_numbers_keep_their_digits(value: float, text: str) -> None:
    """No row of zeros that is cut off, and nothing less than nothing."""
    assert words.number(value) == text


def test_counts_of_less_than_one() -> None:
    """A whole number is written without digits, less than half of one with them, never as `-0`."""
    assert [count_text(x) for x in (1234.4, 0.0, -0.0, 0.003, -2e-10)] == [
        "1,234", "0", "0", "0.003", "-2e-10",
    ]  # fmt: skip
    assert cell(-1e-12, Column("x", Kind.COUNT)) == "-1e-12"


def test_a_share_above_all_has_a_word(priced: Study) -> None:
    """Where less is left to save without a limit than with it, the table says why."""
    assert not any("above 100%" in note for note in limits_removed(priced).notes)
    benefit = dict(priced.tables["benefit"])
    ratio = np.array(benefit["realised_ratio_usd"], dtype=float)
    ratio[-1] = 1.02
    changed = Study(
        priced.meta, {**priced.tables, "benefit": {**benefit, "realised_ratio_usd": ratio}},
        priced.plan, priced.baseline, priced.frontiers,
    )  # fmt: skip
    assert any("above 100%" in note for note in limits_removed(changed).notes)


def test_a_loss_has_no_share_of_profit() -> None:
    """Where full service loses money an offer is told beside the loss, not as so much more
    profit."""
    made = {}
    for cost in (0.5, 2.0):
        sold = market(service(full_cost=cost, seed=3), people(seed=3), PRICE)
        offer = judge(sold, Contract(0, 0.01, 0.2))
        made[cost] = (profit_share(sold, offer), offer_verdict(sold, offer, offer, "profit").reason)
    assert made[0.5][0] > 0
    assert "more profit" in made[0.5][1]
    assert math.isnan(made[2.0][0])
    assert "full service loses money, and this is" in made[2.0][1]
    assert "more profit" not in made[2.0][1]
