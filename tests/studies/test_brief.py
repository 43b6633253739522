"""The verdict in one sentence and the actions: true to the tables, whatever the signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.shipped import shipped
from wattlas.model.table import rows_of, table_of
from wattlas.studies.brief import ACTIONS, brief
from wattlas.studies.study import Study, study


@pytest.fixture(scope="module")
def tiny() -> Study:
    """A study of the tiny example."""
    return study(shipped("tiny"), samples=3)


def said(tiny: Study, **changes: Any) -> str:
    """The sentence with some totals changed: `baseline_cost_usd=…`, `plan_carbon_kg=…`, …"""
    meta = meta_with(tiny.meta, **changes)
    return brief(meta, tiny.tables).sentence


def meta_with(meta: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The meta data with other totals and the headline that follows from them."""
    totals = {name: dict(values) for name, values in meta["totals"].items()}
    headline, objective = dict(meta["headline"]), dict(meta["objective"])
    for key, value in changes.items():
        policy, _, total = key.partition("_")
        if policy in totals:
            totals[policy][total] = value
        elif key == "static":
            headline["static_share_of_saving"] = value
        else:
            objective[key] = value
    for name, total in (("saving_usd", "cost_usd"), ("saving_kg", "carbon_kg")):
        headline[name] = totals["baseline"][total] - totals["plan"][total]
    return {**meta, "totals": totals, "headline": headline, "objective": objective}


def test_money_carbon_and_the_move(tiny: Study) -> None:
    """Each number names its kind, with the shares of the whole."""
    sentence = said(
        tiny,
        baseline_cost_usd=1000.0,
        plan_cost_usd=900.0,
        baseline_carbon_kg=50.0,
        plan_carbon_kg=40.0,
    )
    assert sentence.startswith("Move 17.8 % of the IT energy, the largest part from Mumbai to ")
    assert "−USD 100 (10 % of all cost) and −10 kg of CO₂e (20 % of all carbon) in 24 h" in sentence
    assert "against the nearest region; one fixed table keeps" in sentence


def test_the_share_that_moves(tiny: Study) -> None:
    """It is the energy of the pairs that differ, over the plan's energy."""
    table = tiny.tables["changes"]
    columns = (table["from_region"], table["to_region"], table["it_mwh"])
    moved = sum(mwh for a, b, mwh in zip(*columns, strict=True) if a != b)
    assert f"{moved / tiny.plan.totals.it_mwh:.1%}".replace("%", " %") in said(tiny)


def test_carbon_comes_first_where_it_is_made_least(tiny: Study) -> None:
    """And money keeps its sign."""
    sentence = said(
        tiny, minimise="carbon", baseline_cost_usd=100.0, plan_cost_usd=110.0,
        baseline_carbon_kg=50.0, plan_carbon_kg=40.0,
    )  # fmt: skip
    assert ": −10 kg of CO₂e (20 % of all carbon) and +USD 10 (10 % of all cost)" in sentence


def test_more_money_for_less_carbon(tiny: Study) -> None:
    """Both signs are there, and the actions are those of the largest savings of carbon."""
    meta = meta_with(
        tiny.meta, baseline_cost_usd=100.0, plan_cost_usd=110.0, baseline_carbon_kg=50.0,
        plan_carbon_kg=40.0,
    )  # fmt: skip
    answer = brief(meta, tiny.tables)
    assert "+USD 10 (10 % of all cost) and −10 kg of CO₂e" in answer.sentence
    kg = dict(zip(zip(*(tiny.tables["changes"][c] for c in ("class", "from_region", "to_region")),
                      strict=True), tiny.tables["changes"]["saving_kg"], strict=True))  # fmt: skip
    told = [kg[tuple(move.values())] for move in answer.moves]
    assert told == sorted(kg.values(), reverse=True)[: len(told)]
    assert all(": −" in action.rpartition("of the hours")[2] for action in answer.actions)


@pytest.mark.parametrize("minimise", ["cost", "carbon"])
def test_nothing_saved_is_said(tiny: Study, minimise: str) -> None:
    """No numbers, and what the baseline already has."""
    same = {"baseline_cost_usd": 5.0, "plan_cost_usd": 5.0, "baseline_carbon_kg": 1.0}
    sentence = said(tiny, **same, plan_carbon_kg=1.0, minimise=minimise)
    assert sentence.startswith("Change nothing")
    assert f"already has the least {minimise}" in sentence


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (10.0, -4.0, "−USD 14 (more than all cost, as the plan's is below zero)"),
        (-10.0, -14.0, "−USD 4 (no share, as the baseline's cost is not above zero)"),
        (10.0, 31.0, "+USD 21 (3.1 times the baseline's cost)"),
        (10.0, 10.5, "+USD 0.5 (5 % of all cost)"),
    ],
)
def test_shares_that_would_mislead(tiny: Study, before: float, after: float, words: str) -> None:
    """Above all of it, below zero, or more than double: words, not a percentage."""
    assert words in said(tiny, baseline_cost_usd=before, plan_cost_usd=after)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, ""), (float("nan"), ""), (1.0, "keeps all of it"), (0.97, "keeps 9 tenths of it"),
        (0.82, "keeps 8 tenths of it"), (0.1, "keeps 1 tenth of it"),
        (0.01, "keeps less than a tenth of it"), (-0.4, "keeps none of it"),
    ],
)  # fmt: skip
def test_one_fixed_table(tiny: Study, share: float | None, words: str) -> None:
    """Tenths of the saving; nothing is said while the share is unknown."""
    sentence = said(tiny, static=share)
    assert ("fixed table" in sentence) == bool(words)
    assert words in sentence


def test_unserved_demand_is_said(tiny: Study) -> None:
    """A plan that serves more than the baseline, or less, says so."""
    requests = tiny.plan.totals.requests
    more = said(tiny, baseline_unserved_requests=requests / 4)
    assert "it serves a further 25 % of the requests" in more
    less = said(tiny, plan_requests=requests * 0.9, plan_unserved_requests=requests * 0.1)
    assert "it leaves a further 10 % of the requests unserved" in less


def test_actions_are_the_largest_savings(tiny: Study) -> None:
    """In money, largest first, imperative, with class, regions and both numbers."""
    answer = brief(tiny.meta, tiny.tables)
    assert 1 <= len(answer.actions) <= ACTIONS
    assert len(answer.moves) == len(answer.actions)
    assert answer.actions[0].startswith("Send 62.5 % of offline (D) of Mumbai to Austin, in ")
    assert all("USD" in action and "of CO₂e" in action for action in answer.actions)
    saved = sorted(tiny.tables["changes"]["saving_usd"], reverse=True)
    assert saved[0] > 0


def test_next_to_nothing_is_no_action(tiny: Study) -> None:
    """A change must save a millionth of what the baseline costs, or emits where that is ranked."""
    changes = rows_of(tiny.tables["changes"])[:3]
    assert len(changes) == 3
    meta = meta_with(tiny.meta, baseline_cost_usd=1e6, baseline_carbon_kg=1e9)
    saved = [{**row, "saving_usd": usd, "saving_kg": kg} for row, usd, kg in zip(
        changes, (0.9, 1.1, -5.0), (1100.0, 900.0, 950.0), strict=True)]  # fmt: skip
    tables = {**tiny.tables, "changes": table_of(saved)}
    key = ("class", "from_region", "to_region")
    (by_cost,) = brief(meta, tables).moves
    assert by_cost == {name: changes[1][name] for name in key}
    carbon = {**meta, "objective": {**meta["objective"], "minimise": "carbon"}}
    (by_carbon,) = brief(carbon, tables).moves
    assert by_carbon == {name: changes[0][name] for name in key}


def test_the_study_carries_its_answer(tiny: Study) -> None:
    """Terminal and page read the same."""
    answer = brief(tiny.meta, tiny.tables)
    assert tiny.meta["brief"]["sentence"] == answer.sentence
    assert tuple(tiny.meta["brief"]["actions"]) == answer.actions


def test_a_change_of_models_in_one_region() -> None:
    """Where only the operating point changes, the action names the old and the new one."""
    found = study(shipped("tiny"), samples=3)
    rows = {
        "class": ["A"], "from_region": ["oslo"], "to_region": ["oslo"], "requests": [5.0],
        "requests_share": [1.0], "hours_share": [1.0], "it_mwh": [1.0], "saving_usd": [3.0],
        "saving_kg": [-1.0],
    }  # fmt: skip
    flow = {"class": ["A"], "region": ["oslo"], "requests": [1.0]}
    tables = {
        **found.tables, "changes": rows, "baseline_flows": {**flow, "point": ["large"]},
        "flows": {**flow, "point": ["small"]},
    }  # fmt: skip
    answer = brief(found.meta, tables)
    assert answer.sentence.startswith("Move nothing, but choose among the models")
    assert answer.actions == (
        "Serve interactive (A) in Oslo with small instead of large: −USD 3 and +1 kg of CO₂e",
    )
