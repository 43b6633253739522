"""What nobody states is absent from every result, never 0; what is stated is studied as ever."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wattlas
from tests.abstract import RATES, abstract_folder
from tests.data.scenario_files import Folder
from wattlas.data.scenario_file import read
from wattlas.data.summary import facts_text, scenario_facts
from wattlas.errors import InputError
from wattlas.model.objective import Minimise
from wattlas.studies.study import Study, study


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study of the abstract scenario."""
    return study(wattlas.load(abstract_folder(tmp_path_factory.mktemp("abstract"))), samples=3)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A copy that a test may change."""
    return Folder(abstract_folder(tmp_path))


def test_carbon_is_made_least_and_cost_is_not_stated(found: Study) -> None:
    """All of it runs on water power; carbon is known by hand, money is nan."""
    totals = found.plan.totals
    requests = 6 * sum(RATES.values())
    assert totals.carbon_kg == pytest.approx(requests * 900 / 3.6e6 * 1.1 * 90 / 1000)
    for name in ("cost_usd", "variable_usd", "energy_usd", "egress_usd"):
        assert np.isnan(getattr(totals, name)), name
    base = found.baseline.totals
    assert np.isnan(base.cost_usd)
    assert base.carbon_kg > totals.carbon_kg


def test_the_study_says_what_is_absent(found: Study, tmp_path: Path) -> None:
    """The sentence speaks of carbon alone, a note says why, and tables of money are left out."""
    sentence = found.meta["brief"]["sentence"]
    assert "of CO₂e" in sentence
    assert "cost" not in sentence
    assert "Nobody stated what electricity costs" in found.meta["limits"][0]
    assert {"breakeven", "abatement"}.isdisjoint(found.tables)
    assert not any("cost" in name for name in found.tables["policies"]["policy"])
    assert np.isnan(found.tables["regions"]["paid_usd_per_mwh"]).all()
    wattlas.save(found, tmp_path / "out")
    text = (tmp_path / "out" / "meta.json").read_text(encoding="utf-8")
    meta = json.loads(text, parse_constant=pytest.fail)
    assert meta["totals"]["plan"]["cost_usd"] is None
    assert set(found.tables["places"]["lat_deg"]) == {None}


def test_check_says_it_too(folder: Folder) -> None:
    """The summary names the price as not stated, and speaks of no tokens."""
    facts = scenario_facts(read(folder.document))
    half = {**facts, "window": {**facts["window"], "step_h": 0.5, "steps": 1234}}
    assert "in 1,234 steps of 30 min" in facts_text(half)
    text = facts_text(facts)
    assert "price      not stated" in text
    assert "tokens" not in text


def test_what_needs_prices_asks_for_them(folder: Folder) -> None:
    """Least cost without prices is refused, and so is a cap on a cost that is not known."""
    said = "\n".join(map(str, folder.problems("objective.minimise=cost")))
    assert "a zone without price" in said
    settings = ("signals.price.unknown=true", "objective.cost_cap_usd=5")
    said = "\n".join(map(str, folder.problems(*settings)))
    assert "`signals.price.unknown` says that it is not known" in said
    scenario = folder.load()
    with pytest.raises(InputError, match="which has no price"):
        wattlas.plan(scenario, objective="cost")
    for cap in ({"cost_cap_usd": 5.0}, {"cost_cap_share": 0.9}):
        with pytest.raises(InputError, match="which has no price"):
            replace(scenario, objective=wattlas.Objective(minimise=Minimise.CARBON, **cap))
    with pytest.raises(InputError, match="a question of money"):
        wattlas.breakeven(scenario, "score", "coal", "hydro")


def test_a_distance_needs_places(folder: Folder) -> None:
    """Round trips by distance name a place without coordinates, and advise what helps."""
    folder.edit("scenario.yaml", "{pairs: {hydro: {coal: 60}, coal: {hydro: 60}}}", "fitted")
    (problem,) = folder.problems()
    assert "without coordinates of `hydro`, `coal` no distance is known" in problem.fix
    assert "fitted" not in problem.fix


def test_tokens_are_asked_for_where_a_point_counts_them(folder: Folder) -> None:
    """A class that may use a point with figures per token says how long its requests are."""
    folder.edit("scenario.yaml", "request_j: 900, ", "request_j: 900, itl_ms: 9, ")
    (problem,) = folder.problems()
    assert "lacks `tokens_in` and `tokens_out`" in problem.what
    assert not folder.problems("classes.score.points=[little]", "classes.score.accuracy_min=0.5")


def test_local_demand_and_residency_ask_for_their_fields(folder: Folder) -> None:
    """A time zone is needed by demand that follows the clock, a jurisdiction by a rule."""
    totals = "demand={totals: {requests_per_day: {north: {score: 9}}, hour_weights: waking}}"
    rule = ("residency={eu: {EU: [EU]}}", "classes.score.residency=eu")
    said = "\n".join(map(str, folder.problems(totals, *rule)))
    assert "metros.north.timezone: is missing" in said
    assert "regions.coal.jurisdiction: is missing" in said


def test_tiers_need_prices(folder: Folder) -> None:
    """With users a study leaves tiers out where serving has no price; a design is refused."""
    folder.edit(
        "scenario.yaml", "demand: demand.csv", "demand: demand.csv\nusers: {usd_per_mtok_in: 1}"
    )
    folder.edit("scenario.yaml", "accuracy_min: 0.7", "price_usd_per_request: 0.01")
    scenario = folder.load()
    with pytest.raises(InputError, match="hangs on what serving costs"):
        wattlas.design_tiers(scenario)
    assert not any(name.startswith("tier") for name in study(scenario, samples=3).tables)
