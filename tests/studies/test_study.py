"""The whole of the main job: every table, its columns, and sentences that are true."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import wattlas
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.errors import InfeasibleError
from wattlas.model.contract import Tier
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.table import rows_of, table_of
from wattlas.model.users import Users
from wattlas.report.columns import COLUMNS
from wattlas.studies.figures.breakeven import moves as moves_that_pay
from wattlas.studies.figures.regions import _models
from wattlas.studies.findings import Findings
from wattlas.studies.labels import POLICY_LABELS
from wattlas.studies.meta import limit_sentences
from wattlas.studies.moves import largest_moves
from wattlas.studies.study import Study, study


@pytest.fixture(scope="module")
def tiny() -> Study:
    """A study of the tiny example."""
    return study(shipped("tiny"), samples=4)


def test_every_table_is_there(tiny: Study) -> None:
    """The tables have the columns that the results folder documents, all of one length."""
    assert set(tiny.tables) <= set(COLUMNS)
    for name, table in tiny.tables.items():
        assert set(table) <= set(COLUMNS[name]), name
        assert len({len(column) for column in table.values()}) == 1, name
        assert len(next(iter(table.values()))) > 0, name


def test_policies_are_all_told(tiny: Study) -> None:
    """Each policy has a row, a label and a verdict; the optimum costs least of the feasible."""
    table = tiny.tables["policies"]
    assert set(table["policy"]) == set(POLICY_LABELS)
    rows = list(zip(table["policy"], table["feasible"], table["cost_usd"], table["carbon_kg"],
                    table["reason"], strict=True))  # fmt: skip
    cost = {name: usd for name, ok, usd, *_ in rows if ok}
    carbon = {name: kg for name, ok, _, kg, _ in rows if ok}
    assert cost["optimum"] <= min(cost.values()) * (1 + 1e-9)
    assert carbon["carbon_optimum"] <= min(carbon.values()) * (1 + 1e-9)
    assert all(bool(why) != ok for _, ok, *_, why in rows)


def test_shares_of_the_saving_are_of_one_kind_of_cost(tiny: Study) -> None:
    """Each share recomputed from the table's own totals; the freer table keeps no less."""
    table = tiny.tables["policies"]
    rows = {row["policy"]: row for row in rows_of(table)}
    base = rows[tiny.baseline.policy]
    for share, total, best in (
        ("share_of_saving", "variable_usd", "optimum"),
        ("share_of_carbon_saving", "carbon_kg", "carbon_optimum"),
    ):
        saving = base[total] - rows[best][total]
        assert saving > 0
        for row in rows.values():
            expected = (base[total] - row[total]) / saving if row["feasible"] else None
            assert row[share] == (None if expected is None else pytest.approx(expected))
            assert expected is None or expected <= 1 + 1e-9
        assert rows[best][share] == pytest.approx(1.0)
        assert rows[tiny.baseline.policy][share] == pytest.approx(0.0)
    fixed, by_hour = (rows[n]["share_of_saving"] for n in ("static_cost", "hourly_table_cost"))
    assert 0 <= fixed <= by_hour + 1e-9 <= 1 + 2e-9
    assert tiny.meta["headline"]["static_share_of_saving"] == fixed
    assert tiny.meta["headline"]["hourly_table_share_of_saving"] == by_hour


def test_no_share_where_there_is_no_saving_or_a_cap_that_binds_the_plan_alone() -> None:
    """Under a cap only what is held to it has a share; against itself the baseline saves none."""
    used = study(shipped("tiny"), samples=3)
    kg = {row["policy"]: row["carbon_kg"] for row in rows_of(used.tables["policies"])}
    tons = 0.5 * (kg["optimum"] + kg["carbon_optimum"]) / 1e3
    capped = study(shipped("tiny", set=[f"objective.carbon_cap_t={tons}"]), samples=3)
    rows = {row["policy"]: row for row in rows_of(capped.tables["policies"])}
    assert rows["greedy_cost"]["share_of_saving"] is None
    assert rows["optimum"]["share_of_saving"] == pytest.approx(1.0)
    cleanest = shipped("tiny", set=["objective.minimise=carbon"])
    least = study(cleanest, samples=3)
    by_policy = {row["policy"]: row for row in rows_of(least.tables["policies"])}
    kept = by_policy["static_carbon"]["share_of_carbon_saving"]
    assert least.meta["headline"]["static_share_of_saving"] == kept
    assert all(row["share_of_saving"] is None for row in by_policy.values())


def test_the_headline_is_the_difference(tiny: Study) -> None:
    """Savings are the baseline's total minus the plan's."""
    line = tiny.meta["headline"]
    assert line["saving_usd"] == pytest.approx(
        tiny.baseline.totals.cost_usd - tiny.plan.totals.cost_usd
    )
    assert line["saving_kg"] == pytest.approx(
        tiny.baseline.totals.carbon_kg - tiny.plan.totals.carbon_kg
    )
    assert tiny.meta["status"] == "optimal"
    assert tiny.meta["intensity"]["deciding"] == "marginal"
    assert tiny.meta["scenario"]["notice"]


def test_the_pareto_set_is_convex(tiny: Study) -> None:
    """Less carbon costs more, at a rising price per tonne."""
    table = tiny.tables["abatement"]
    kg, usd = np.asarray(table["carbon_kg"]), np.asarray(table["cost_usd"])
    price = np.asarray(table["abatement_usd_per_t"])
    assert (np.diff(kg) <= 1e-9 * kg[0]).all()
    assert (np.diff(usd) >= -1e-9 * usd[0]).all()
    assert (np.diff(price) >= -1e-6 * price[-1]).all()


def test_what_is_not_in_the_numbers(tiny: Study) -> None:
    """The limits say what prices are, and that the average decides where it does."""
    said = " ".join(tiny.meta["limits"])
    assert "prices are what the signals give" in said
    assert "marginal intensity is not in the data" not in said
    averages = shipped("tiny", set=["signals.decide_by=average"])
    assert "marginal intensity is not in the data" in " ".join(limit_sentences(averages))


def test_the_largest_moves_leave_the_baseline_region(tiny: Study) -> None:
    """Moves go from one region to another, and the table of break-evens is about them."""
    moves = largest_moves(shipped("tiny"))
    table = tiny.tables["breakeven"]
    told = set(zip(table["class"], table["from_region"], table["to_region"], strict=True))
    assert told <= {(move.klass, move.origin, move.target) for move in moves}
    assert all(move.origin != move.target for move in moves)


def test_a_move_is_at_the_point_that_most_energy_runs_at_where_it_goes() -> None:
    """Each region runs other models; elsewhere the class runs at another point."""
    sets = ("regions.austin.variants=[small]", "classes.A.accuracy_min=0.7")
    others = [f"regions.{name}.variants=[large]" for name in ("oslo", "mumbai")]
    s = shipped("tiny", set=[*sets, *others])
    flows = wattlas.plan(s).to_polars().to_dicts()
    request_j = {
        (k.id, o.id): o.prefill_j_per_token * k.tokens_in + o.decode_j_per_token * k.tokens_out
        for k in s.classes
        for o in s.points
    }
    told = {}
    for move in largest_moves(s):
        energy: dict[str, dict[str, float]] = {"here": {}, "everywhere": {}}
        for row in flows:
            if row["class"] != move.klass:
                continue
            for where in ("everywhere", *(["here"] if row["region"] == move.target else [])):
                point = row["point"]
                joule = row["requests_per_h"] * request_j[move.klass, point]
                energy[where][point] = energy[where].get(point, 0.0) + joule
        assert move.point == max(energy["here"], key=lambda point: energy["here"][point])
        told[move.klass, move.point] = max(energy["everywhere"].items(), key=lambda i: i[1])[0]
    assert any(own != most for (_, own), most in told.items())


def test_the_moves_that_pay_are_listed_by_gap_and_payload() -> None:
    """Each column from the row of its quantity; a move that lacks one of the two is left out."""
    rows = [
        {"class": k, "from_region": a, "to_region": b, "quantity": q, "value": v, "verdict": w}
        for k, a, b, q, v, w in (
            ("A", "x", "y", "payload_bytes", 5e6, "loses"),
            ("A", "x", "y", "price_gap_usd_per_mwh", 12.5, "pays"),
            ("A", "x", "y", "stay_h", 7.0, "never"),
            ("B", "x", "z", "payload_bytes", 3.0, "pays"),
            ("B", "y", "x", "price_gap_usd_per_mwh", 40.0, "always"),
            ("B", "y", "x", "payload_bytes", 2e3, "never"),
        )
    ]
    stated: Any = SimpleNamespace(
        tables={"breakeven": table_of(rows)}, meta={"classes": {"A": "chat", "B": ""}}
    )
    told = moves_that_pay(stated)
    assert told is not None
    assert rows_of(told.table) == [
        {"class": "chat (A)", "from_region": "x", "to_region": "y", "verdict": "pays",
         "gap": 12.5, "payload": 5e6},
        {"class": "B", "from_region": "y", "to_region": "x", "verdict": "always",
         "gap": 40.0, "payload": 2e3},
    ]  # fmt: skip
    stated.tables["breakeven"] = table_of(rows[:1])
    assert moves_that_pay(stated) is None


def test_models_of_a_region_are_named_by_their_share_of_its_requests() -> None:
    """The two that answer most, points of one model together; what answers next to nothing, and the
    third, are counted. Regions of few requests are judged by their own.
    """
    points = [("a-1", "a"), ("a-2", "a"), ("b", "b"), ("c", "c"), ("d", "d")]
    flows = {
        "region": ["x", "x", "x", "x", "y", "y", "y", "unserved", "z", "z"],
        "point": ["b", "a-1", "a-2", "c", "b", "c", "d", "b", "c", "d"],
        "requests": [500.0, 300.0, 200.5, 4.0, 0.02, 0.05, 0.03, 7e6, 1.0, 200.0],
    }
    stated: Any = SimpleNamespace(
        flow_sums=flows,
        scenario=SimpleNamespace(points=[SimpleNamespace(id=i, variant=v) for i, v in points]),
    )
    assert _models(stated, ["x", "y", "none", "z"]) == [
        "a 50%, b 50%, 1 more",
        "c 50%, d 30%, 1 more",
        "",
        "d 100%, 1 more",
    ]


def test_no_tiers_are_designed_where_requests_may_wait() -> None:
    """Offers know nothing of waiting; nor is there one where nobody says who subscribes."""
    users = wattlas.Users(count=20, usd_per_mtok_in=2.0, usd_per_mtok_out=10.0)
    tiny = replace(shipped("tiny"), users=users)
    patient = replace(tiny, classes=tuple(replace(klass, may_wait_h=2.0) for klass in tiny.classes))
    assert Findings(patient).tiers is None
    assert Findings(replace(tiny, users=None)).tiers is None


def test_progress_is_told() -> None:
    """What is being done is named, and shares stay within 0..1."""
    seen: list[tuple[str, float]] = []
    study(shipped("tiny"), samples=3, progress=lambda what, share: seen.append((what, share)))
    assert {"plan", "baselines", "frontier", "realised benefit"} <= {what for what, _ in seen}
    assert all(0 <= share <= 1 for _, share in seen)


def test_each_frontier_is_there(tiny: Study) -> None:
    """Budgets of all and of the tightest class, in money and carbon; sampled if capacity binds."""
    table = tiny.tables["frontier"]
    names = list(zip(table["variant"], table["objective"], strict=True))
    assert list(dict.fromkeys(names)) == [
        ("scale", "cost"), ("scale", "carbon"), ("scale", "weighted"), ("added_ms", "cost"),
        ("added_ms", "carbon"), ("class:A", "cost"), ("class:A", "carbon"), ("soft", "cost"),
    ]  # fmt: skip
    budgets = [n for n, (variant, _) in enumerate(names) if variant != "soft"]
    assert not any(table["exact"][n] for n in budgets)
    assert names.count(("scale", "cost")) <= 4
    free = study(shipped("tiny", set=["capacity.free=true"]), samples=3).tables["frontier"]
    for variant, exact in zip(free["variant"], free["exact"], strict=True):
        assert variant == "soft" or exact


def test_tiers_are_designed_on_full_service() -> None:
    """A scenario with a tier on offer is studied for the same tiers as one without."""
    users = Users(count=200, usd_per_mtok_in=2.0, usd_per_mtok_out=10.0)
    world = replace(shipped("tiny", set=["classes.A.accuracy_min=0.8"]), users=users)
    world = world.at_hours([0, 1])
    with_one = offer(world, [Tier("old", 0.3, 0.4, classes=("A",))])
    plain, again = (study(s, samples=3).tables["tier_verdicts"] for s in (world, with_one))
    assert list(again["class"]) == list(plain["class"]) == ["A", "D"]
    assert list(again["full_cost_usd"]) == pytest.approx(list(plain["full_cost_usd"]))


@given(scenarios(max_hours=2, max_metros=3, max_regions=3, max_classes=2, max_points=2))
@examples(8)
def test_any_scenario_is_studied_or_refused(s: Scenario) -> None:
    """A study ends with its tables or with a conflict in words, never with another error."""
    try:
        found = study(s, samples=3)
    except InfeasibleError as error:
        assert error.conflict  # noqa: PT017
        return
    assert found.tables["policies"]
