"""Tiers designed on a scenario: what is offered, what the placement makes of it, what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.shipped import shipped
from tests.tiers.markets import service
from wattlas.errors import InputError
from wattlas.model.contract import Tier
from wattlas.model.frames import frame
from wattlas.model.offer import offer, withdrawn
from wattlas.model.scenario import Scenario
from wattlas.model.service import Service
from wattlas.model.table import rows_of
from wattlas.model.users import Prior, Segment, Terms, Users
from wattlas.placement.api import plan
from wattlas.report.columns import COLUMNS
from wattlas.report.results import write_results
from wattlas.studies import design_listings as listings
from wattlas.studies.board import Ways
from wattlas.studies.figures.tier_menu import menu
from wattlas.studies.offer_card import card, trigger_words
from wattlas.studies.offers import TierDesign, design_tiers, price_of
from wattlas.studies.share_query import with_designed_fallback
from wattlas.studies.tier_tables import CARD, split_table, tier_tables
from wattlas.tiers.market import Contract
from wattlas.tiers.offer import Offer, judge

USERS = Users(
    Prior(consciousness_mean=0.15),
    count=400,
    usd_per_mtok_in=2.0,
    usd_per_mtok_out=10.0,
    status_quo=0.05,
    scale=0.05,
)


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example by the hour, with users, and a class that must have the large model in full
    service.
    """
    world = shipped("tiny", scenario="on-demand", set=["classes.A.accuracy_min=0.8"])
    return replace(world, users=USERS)


@pytest.fixture(scope="module")
def found(tiny: Scenario) -> TierDesign:
    """Offers of most profit."""
    return design_tiers(tiny, size=40)


def test_every_class_has_a_verdict(found: TierDesign, tiny: Scenario) -> None:
    """One design per class; one that is worth it has an offer, the others a reason."""
    assert [one.service.klass for one in found.designs] == [k.id for k in tiny.classes]
    assert any(one.verdict.worth for one in found.designs)
    for one in found.designs:
        assert one.verdict.reason
        assert (one.chosen is not None) == one.verdict.worth


def test_what_is_offered_is_what_is_placed(found: TierDesign) -> None:
    """The contracts reach the placement with their share, adoption and fallback, and are kept."""
    tiers = found.tiers()
    offered = [one for one in found.designs if one.chosen is not None]
    assert len(tiers) == len(offered)
    placed = plan(found.scenario())
    assert placed.ok
    for tier, one in zip(tiers, offered, strict=True):
        assert one.chosen is not None
        assert tier.points == (one.chosen.fallback,)
        assert tier.adoption == pytest.approx(one.chosen.adoption)
        assert tier.share_max == pytest.approx(one.chosen.degraded)
        assert tier.discount == one.chosen.discount
        assert tier.accuracy_min == one.service.accuracy[one.chosen.contract.point]
    shares = [report for report in placed.limits if not np.isnan(report.share_max)]
    for report in shares:
        assert report.share <= report.share_max * (1 + 1e-9)
    assert any(report.share > 0 for report in shares)


def test_the_placement_delivers_the_carbon_that_the_offers_state(found: TierDesign) -> None:
    """With the tiers on offer all requests emit at most full service's carbon less the saving."""
    stated = sum(offer.chosen.carbon_saved_kg for offer in found.designs if offer.chosen)
    placed = plan(found.scenario())
    assert stated > 0
    assert placed.totals.carbon_kg <= (found.plan.totals.carbon_kg - stated) * (1 + 1e-8)
    caps = [report for report in placed.limits if report.id == "carbon of the tiers"]
    assert caps
    assert all(report.used <= report.limit * (1 + 1e-9) for report in caps)
    # Without the cap the same contracts would be kept, and nothing else changes.
    loose = plan(replace(found.scenario(), carbon_caps=()))
    assert loose.totals.cost_usd <= placed.totals.cost_usd * (1 + 1e-9)


def test_fallbacks_are_listed_as_they_are_judged(
    found: TierDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of classes with an offer; what is not worth offering has no figures, and one is the best."""
    rows = rows_of(tier_tables(found)["tier_fallbacks"])
    chosen = {d.service.klass: d.chosen.fallback for d in found.designs if d.chosen is not None}
    mine = [row for row in rows if row["class"] in chosen]
    title = "Each candidate fallback at its best"
    table = tier_tables(found)["tier_fallbacks"]
    worthless = {**table, "worth": [False] * len(rows)}
    for row in rows_of(listings._fallbacks(worthless, list(found.designs)).table):
        assert {row[name] for name in ("discount", "share", "adoption", "profit_gain_usd")} == {
            None
        }
    for most in (len(mine), len(mine) - 1):
        monkeypatch.setattr(listings, "MOST_FALLBACKS", most)
        told = [each for each in listings.design_listings(found) if each.title == title]
        assert len(told) == (1 if most == len(mine) else 0)
        for listing in told:
            for row, one in zip(rows_of(listing.table), mine, strict=True):
                assert row["fallback"] == one["fallback"]
                assert row["best"] == ("best" if chosen[one["class"]] == row["fallback"] else "")
                for name in ("discount", "share", "adoption", "profit_gain_usd"):
                    assert row[name] == (one[name] if one["worth"] else None)


def test_the_menu_says_who_serves_in_full_and_who_falls_back(found: TierDesign) -> None:
    """The first point of full service and the chosen fallback, of each class."""
    rows = rows_of(tier_tables(found)["tier_menu"])
    for design in found.designs:
        role = {row["point"]: row["role"] for row in rows if row["class"] == design.service.klass}
        wanted = {design.service.full_points[0]: "full"}
        if design.chosen is not None:
            wanted[design.chosen.fallback] = "fallback"
        assert {point: name for point, name in role.items() if name} == wanted
        assert set(design.service.full_points) <= set(role)


def test_a_card_tells_money_three_ways_and_one_number_everywhere(found: TierDesign) -> None:
    """Card, designer, Pareto set, fallbacks and tornado state the same profit of an offer."""
    tables = {name: rows_of(table) for name, table in tier_tables(found).items()}
    for row in tables["tier_verdicts"]:
        if not row["worth"]:
            continue
        design = next(d for d in found.designs if d.service.klass == row["class"])
        assert design.chosen is not None
        assert design.market is not None
        stated = row["profit_gain_usd"]
        assert stated == design.chosen.profit_gain_usd
        revenue = design.market.volume * design.price_usd
        assert row["revenue_gain_share"] == pytest.approx(stated / revenue)
        profit = revenue - float(design.service.full_cost_usd @ design.service.requests)
        assert row["profit_gain_share"] == pytest.approx(stated / abs(profit))
        same = [
            each["profit_gain_usd"]
            for name in ("tier_grid", "tier_pareto", "tier_fallbacks")
            for each in tables[name]
            if each["class"] == row["class"]
            and (each["fallback"], each["discount"], each["share"])
            == (row["fallback"], row["discount"], row["share"])
        ]
        assert len(same) >= 3
        assert same == pytest.approx([stated] * len(same), rel=1e-9)
        varied = [each for each in tables["tier_sensitivity"] if each["class"] == row["class"]]
        assert [each["profit_gain_base_usd"] for each in varied] == pytest.approx(
            [stated] * len(varied), rel=1e-9
        )
        assert [each["passed"] is None for each in varied] == [False] * 3 + [True] * 5
        assert row["tests_passed"] == sum(each["passed"] for each in varied[:3])
        assert row["mean_accuracy"] <= row["full_accuracy"]
        assert row["trigger"]
        assert 0 <= row["losing_share"] <= 1


def test_every_figure_of_a_card_is_its_offers(found: TierDesign) -> None:
    """Column by column, of an offer whose cap is not used up, and whose groups fare differently."""
    design = next(design for design in found.designs if design.chosen is not None)
    assert design.chosen is not None
    assert design.market is not None
    rows = [
        replace(row, name=name, requests_share=share, adoption=adoption, losing_share=losing)
        for row, (name, share, adoption, losing) in zip(
            design.segments * 3,
            (("most", 0.5, 0.8, 0.1), ("worst", 0.2, 0.6, 0.9), ("few", 0.3, 0.1, 1.0)),
            strict=False,
        )
    ]
    offer = replace(design.chosen, degraded=0.25 * design.chosen.share, discount=0.0004)
    served, at = design.service, offer.contract.point
    told = card(replace(design, chosen=offer, segments=tuple(rows)))
    assert set(told) == {part.partition(":")[0].rstrip("?") for part in CARD.split()}
    for name in ("fallback", "discount", "share", "adoption", "profit_gain_usd", "carbon_saved_kg"):
        assert told[name] == getattr(offer, name)
    grams = float(served.full_carbon_g @ served.requests)
    assert told["carbon_saved_share"] == pytest.approx(1e3 * offer.carbon_saved_kg / grams)
    assert told["fallback_accuracy"] == served.accuracy[at]
    assert told["fallback_latency_ms"] == served.latency_ms[at]
    for name, fallback in (
        ("accuracy", served.accuracy[at]),
        ("latency_ms", served.latency_ms[at]),
    ):
        full = getattr(served, f"full_{name}")
        assert fallback != full
        expected = (1 - offer.degraded) * full + offer.degraded * fallback
        assert told[f"mean_{name}"] == pytest.approx(expected)
    assert told["losing_share"] == pytest.approx((0.04 + 0.108 + 0.03) / (0.4 + 0.12 + 0.03))
    assert told["losing_most"] == "worst"
    assert told["kind"] == "change of default service"
    passed = {row.assumption.parameter: row.passed for row in design.sensitivities}
    names = {"billing": "billing", "usd_per_t": "willingness", "scale": "no noise"}
    words = [f"{'passes' if passed[key] else 'fails'} {name}" for key, name in names.items()]
    assert sorted(told["tests"].split(", ")) == sorted(words)
    assert told["tests_passed"] == sum(bool(passed[key]) for key in names)
    nobody = [replace(row, adoption=0.0) for row in rows]
    none = card(replace(design, segments=tuple(nobody)))
    assert (none["losing_share"], none["losing_most"]) == (0.0, None)


def test_targets_are_for_caps_over_what_a_request_emits_in_the_mean(found: TierDesign) -> None:
    """By requests, not by steps; below each other intensity, with the point's own figures."""
    rows = rows_of(tier_tables(found)["tier_targets"])
    for design in (design for design in found.designs if design.market is not None):
        served = design.service
        grams = zip(served.requests.tolist(), served.full_carbon_g.tolist(), strict=True)
        mean = sum(n * g for n, g in grams) / served.requests.sum()
        assert mean != pytest.approx(served.full_carbon_g.mean(), rel=1e-3)
        own = [row for row in rows if row["class"] == served.klass]
        caps = list(dict.fromkeys(row["cap_g"] for row in own))
        assert caps == pytest.approx([0.5 * mean, 0.75 * mean, mean])
        for cap in caps:
            steps = [row for row in own if row["cap_g"] == cap]
            ends = [row["to_g_per_kwh"] for row in steps]
            assert ends[:-1] == [row["from_g_per_kwh"] for row in steps[1:]]
            assert steps[0]["from_g_per_kwh"] == 0
        for row in own:
            point = next(o for o in found.plan.scenario.points if o.id == row["point"])
            assert row["accuracy"] == point.accuracy


def test_the_split_is_against_the_same_baseline(found: TierDesign) -> None:
    """Tiers and geography each save, both at least as much as either."""
    parts = split_table(found)
    assert parts is not None
    offered = [d.service.klass for d in found.designs if d.chosen is not None]
    assert set(parts["class"]) == {", ".join(offered)}
    saved = dict(zip(parts["part"], parts["saving_usd"], strict=True))
    assert saved["tiers"] > 0
    assert saved["both"] >= max(saved["tiers"], saved["geography"]) - 1e-9


def test_the_tables_are_those_of_a_results_folder(found: TierDesign, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Every table has the columns that the folder documents, and is accepted by it."""
    tables = tier_tables(found)
    parts = split_table(found)
    assert parts is not None
    tables["tier_split"] = parts
    for name, table in tables.items():
        assert set(table) == set(COLUMNS[name]), name
        assert len({len(column) for column in table.values()}) == 1
    assert set(tables) == {name for name in COLUMNS if name.startswith("tier_")} - {"tier_shares"}
    meta = {"wattlas": "0", "created_utc": "now", "scenario": {}, "window": {}, "intensity": {},
            "status": "optimal"}  # fmt: skip
    write_results(tmp_path, meta, {name: frame(table) for name, table in tables.items()})


def test_a_carbon_cap_bounds_the_degradation_cap(tiny: Scenario) -> None:
    """A looser cap asks for no larger share, and a cap of everything for none."""
    shares = []
    for cap in (0.5, 0.7, 0.9, 0.99):
        asked = Terms(objective="carbon", cap_share=cap, classes=("A",))
        one = design_tiers(tiny, terms=asked, size=40, sensitive=False).designs[0]
        shares.append(0.0 if one.cleanest is None else one.cleanest.degraded)
        if one.cleanest is not None and one.market is not None:
            grams = one.market.full_carbon_g
            saved = one.cleanest.carbon_saved_kg * 1e3
            adopted = one.cleanest.adoption * one.market.volume
            assert saved / adopted <= (1 - cap) * grams * (1 + 1e-6)
    assert (np.diff(shares) <= 1e-9).all()
    assert shares[0] > shares[-1]


def test_scarce_capacity_makes_a_tier_worth_more(tiny: Scenario) -> None:
    """A dollar more on each accelerator hour is worth what a degraded request frees of them."""
    asked, placed = Terms(classes=("A",), cap_share=None), plan(tiny)
    costlier = replace(placed, duals={"capacity": -np.ones_like(tiny.reserved_gpu)})
    one, two = (
        design_tiers(tiny, terms=asked, placed=each, size=40, sensitive=False).designs[0]
        for each in (placed, costlier)
    )
    assert one.market is not None
    assert two.market is not None
    contract = Contract(len(one.service.points) - 1, 0.1, 1.0)
    before, after = judge(one.market, contract), judge(two.market, contract)
    klass = next(k for k in tiny.classes if k.id == "A")
    by_id = {o.id: o for o in tiny.points}
    full = klass.gpu_h(by_id[one.service.full_points[0]])
    freed = full - klass.gpu_h(by_id[one.service.points[-1]])
    assert len(one.service.full_points) == 1
    assert freed > 0
    gained = (after.profit_gain_usd - before.profit_gain_usd) / (
        before.adoption * one.market.volume
    )
    assert gained == pytest.approx(freed, rel=1e-9)


def test_several_contracts_are_tiers_of_their_own(tiny: Scenario) -> None:
    """Two contracts for one class become two tiers that share its demand."""
    users = replace(
        USERS,
        segments=(
            Segment("easy", 1.0, 0.0, 0.5, 0.3, value=0.6),
            Segment("picky", 3.0, 0.0, 0.5, 0.3, value=4.0),
        ),
        scale=0.0,
        status_quo=0.0,
    )
    world = replace(tiny, users=users)
    found = design_tiers(world, terms=Terms(most=2, classes=("A",)), size=40, sensitive=False)
    ids = [tier.id for tier in found.tiers()]
    assert ids[0] == "green"
    offers = found.designs[0].ladder.offers
    assert [tier.discount for tier in found.tiers()] == [one.discount for one in offers]
    assert sum(tier.adoption for tier in found.tiers()) <= 1 + 1e-9


def test_tiers_that_are_there_are_withdrawn_first(tiny: Scenario) -> None:
    """A scenario with a tier on offer is designed for as if it had none."""
    with_one = offer(tiny, [Tier("old", 0.3, 0.4, classes=("A",))])
    back = withdrawn(with_one)
    assert [k.id for k in back.classes] == [k.id for k in tiny.classes]
    np.testing.assert_allclose(back.demand_per_h, tiny.demand_per_h)
    a, b = (design_tiers(w, size=30, sensitive=False) for w in (tiny, with_one))
    for one, two in zip(a.designs, b.designs, strict=True):
        assert (one.chosen is None) == (two.chosen is None)
        if one.chosen is not None and two.chosen is not None:
            assert two.chosen.profit_gain_usd == pytest.approx(one.chosen.profit_gain_usd, rel=1e-6)


def test_candidates_from_elsewhere(tiny: Scenario) -> None:
    """Fallbacks may be points that the scenario does not have; the placement gets them too."""
    other = replace(tiny.points[0], id="elsewhere", accuracy=0.7, decode_j_per_token=0.01,
                    decode_gpu_s_per_token=1e-6, accuracy_by_class={})  # fmt: skip
    found = design_tiers(tiny, points=(other,), terms=Terms(classes=("A",)), size=40)
    assert found.designs[0].chosen is not None
    placed = plan(found.scenario())
    assert placed.ok
    assert any("elsewhere" in o.id for o in placed.scenario.points)


def test_everything_that_is_wrong_is_told_at_once(tiny: Scenario) -> None:
    """Classes, price and the lack of users, each by its place."""
    asked = Terms(classes=("A", "Z"))
    with pytest.raises(InputError) as caught:
        design_tiers(replace(tiny, users=Users(count=10)), terms=asked)
    assert [p.where for p in caught.value.problems] == ["offer.classes", "price"]
    with pytest.raises(InputError, match="who subscribes"):
        design_tiers(shipped("tiny"))
    with pytest.raises(InputError, match="the menu is empty"):
        design_tiers(tiny, points=())


def test_no_tier_says_why(tiny: Scenario) -> None:
    """Users who pay much for quality alone get none, with the figures that decide."""
    expensive = replace(
        USERS, segments=(Segment("all", 1.0, 0.0, 1.0, 0.0, value=500.0),), scale=0.01
    )
    found = design_tiers(replace(tiny, users=expensive), terms=Terms(classes=("A",)), size=40)
    said = found.designs[0].verdict
    assert not said.worth
    assert "while the tenth of the users who ask least want" in said.reason
    assert found.tiers() == ()
    assert split_table(found) is None
    assert found.scenario().classes == found.plan.scenario.classes


def test_a_fallback_from_elsewhere_is_open_to_its_contract_alone(tiny: Scenario) -> None:
    """Two classes: a point that only a contract may use answers nobody in full service."""
    other = replace(tiny.points[0], id="elsewhere", decode_j_per_token=0.01, accuracy=0.85,
                    decode_gpu_s_per_token=1e-6, accuracy_by_class={})  # fmt: skip
    found = design_tiers(
        tiny, points=(other,), terms=Terms(classes=("A",)), size=40, sensitive=False
    )
    scenario = found.scenario()
    assert [k.id for k in scenario.classes] == ["A", "D", "A~green"]
    placed = plan(scenario)
    used = {
        (scenario.classes[k].id, scenario.points[o].id)
        for k, o in zip(placed.flows.klass, placed.flows.point, strict=True)
    }
    assert {k for k, o in used if o.startswith("elsewhere")} == {"A~green"}
    open_to = {k.id: k.points for k in scenario.classes}
    everywhere = tuple(o.id for o in tiny.points)
    assert open_to["A"] == open_to["D"] == everywhere


def test_a_fallback_may_be_slower_than_the_class_allows(tiny: Scenario) -> None:
    """A contract on a fallback within twice the budget is placed on that fallback."""
    slow = replace(tiny.points[2], id="slow", ttft_ms=350.0, accuracy=0.85, accuracy_by_class={})
    terms = Terms(classes=("A",), cap_share=None)
    found = design_tiers(tiny, points=(slow,), terms=terms, size=40, sensitive=False)
    design, budget = found.designs[0], tiny.classes[0].latency_budget_ms
    assert design.chosen is not None
    latest = float(design.service.latest_ms[0])
    assert budget < latest <= 2 * budget
    (tier,) = found.tiers()
    assert latest / budget < tier.latency_factor == pytest.approx(latest / budget)
    sooner = replace(design.service, latest_ms=np.array([budget / 2]))
    assert sooner.latency_factor(0) == 1.0
    few = replace(
        tiny, points=(*tiny.points[:2], slow), users=replace(USERS, count=40), terms=terms
    )
    _, ways = with_designed_fallback(few, "A", Ways(latency_factor=1.1))
    assert (ways.green, ways.latency_factor) == ("slow", pytest.approx(tier.latency_factor))
    limits = plan(found.scenario()).limits
    (report,) = (each for each in limits if not np.isnan(each.share_max))
    assert report.share == pytest.approx(report.share_max)


def test_a_price_per_request_stands_before_prices_per_token(tiny: Scenario) -> None:
    """A class that states its own price is designed for at it, the others at their tokens."""
    own = replace(tiny.classes[0], price_usd_per_request=0.02)
    both = replace(tiny, classes=(own, tiny.classes[1]))
    priced = [price_of(both, USERS, k.id) for k in both.classes]
    tokens = tiny.classes[1]
    assert priced == [0.02, (2.0 * tokens.tokens_in + 10.0 * tokens.tokens_out) / 1e6]


def test_the_offer_is_that_of_the_objective(tiny: Scenario) -> None:
    """`chosen` is the offer of most profit, or of least carbon, as asked; here they differ."""
    terms = {
        goal: Terms(objective=goal, classes=("A",), cap_share=None) for goal in ("profit", "carbon")
    }
    expensive = replace(tiny, users=replace(USERS, status_quo=0.3))
    by_profit, by_carbon = (
        design_tiers(expensive, terms=one, size=40, sensitive=False) for one in terms.values()
    )
    profit, carbon = by_profit.designs[0], by_carbon.designs[0]
    assert profit.chosen is not None
    assert carbon.chosen is not None
    assert profit.chosen == profit.most
    assert [tier.discount for tier in by_carbon.tiers()] == [carbon.chosen.discount]
    assert carbon.chosen.discount > 0
    assert carbon.chosen == carbon.cleanest
    assert carbon.chosen.carbon_saved_kg > profit.chosen.carbon_saved_kg
    assert carbon.chosen.profit_gain_usd < profit.chosen.profit_gain_usd


def test_when_requests_are_degraded_is_told_from_the_least_month_to_the_most() -> None:
    """Whatever the order of months; of each, the least of the steps in which some are degraded."""
    grams = np.array([100.0, 10.0, 900.0, 10.0, 300.0, 10.0])
    world = service(fallbacks=1)
    served = replace(
        world, window=np.repeat([0, 1, 2], 2), requests=np.ones(6), full_carbon_g=grams,
        carbon_g=0.5 * grams[None],
    )  # fmt: skip

    def told(share: float, part: Service) -> str:
        offer = Offer(
            "o0", 0.1, share, 1.0, min(share, 0.99), 1.0, 1.0, 0.0, Contract(0, 0.1, share)
        )
        return trigger_words(part, offer)

    assert told(0.2, served) == "above 100 to 900, by month, g a request in full service"
    assert told(0.2, replace(served, full_kwh=np.full(6, 2.0))).startswith("above 50 to 450, by")
    assert told(0.8, served) == "above 10 g a request in full service"
    assert told(0.0, served) == "never"


def test_the_menu_marks_the_point_that_full_service_uses_most(found: TierDesign) -> None:
    """Where a plan uses several, the first of them alone."""
    design = found.designs[0]
    names = [o.id for o in found.plan.scenario.points if o.id != design.service.full_points[0]][:1]
    names = [design.service.full_points[0], *names]
    for full in (names, names[::-1]):
        several = replace(design, service=replace(design.service, full_points=tuple(full)))
        rows = list(menu(found.plan.scenario, several, found))
        assert [row["point"] for row in rows if row["role"] == "full"] == full[:1]
