"""`sweep`: one value varied, without reading anything again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.data.scenario_files import tiny_folder
from tests.shipped import shipped
from wattlas.data import scenario_file
from wattlas.errors import InputError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.studies.sweeps.change import with_value


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example."""
    return shipped("tiny")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("regions.oslo.pue", 1.3),
        ("classes.A.latency_budget_ms", 280.0),
        ("objective.carbon_price_usd_per_t", 80.0),
        ("regions.oslo.reserved_gpu", 3.0),
        ("points.small.decode_j_per_token", 3.0),
    ],
)
def test_a_value_is_what_a_file_would_say(path: str, value: float, tiny: Scenario) -> None:
    """The plan is that of the scenario read with the value in its file."""
    (swept,) = wattlas.sweep(tiny, path, [value]).plans
    read = wattlas.plan(shipped("tiny", set=[f"{path}={value}"]))
    assert swept.totals.cost_usd == pytest.approx(read.totals.cost_usd, rel=1e-12)
    assert swept.totals.carbon_kg == pytest.approx(read.totals.carbon_kg, rel=1e-9)


def test_a_star_is_all_of_them(tiny: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """All regions have the value, the rows say what it brings, and no file is opened."""
    monkeypatch.setattr(scenario_file, "read_yaml", None)
    swept = wattlas.sweep(tiny, "regions.*.pue", [1.1, 1.2, 1.4])
    assert [{r.pue for r in p.scenario.regions} for p in swept.plans] == [{1.1}, {1.2}, {1.4}]
    rows = swept.to_polars()
    assert rows["regions.*.pue"].to_list() == [1.1, 1.2, 1.4]
    assert rows["variable_usd"].is_sorted()
    assert "regions.*.pue varied" in swept._repr_html_()


def test_factors(tiny: Scenario) -> None:
    """With `times` the values multiply what is there, arrays as well as numbers."""
    demand = wattlas.sweep(tiny, "demand_per_h", [0.5, 1.0], times=True).plans
    assert demand[0].totals.requests == pytest.approx(demand[1].totals.requests / 2)
    changed = with_value(tiny, "regions.*.pue", 1.1, times=True)
    assert [r.pue for r in changed.regions] == pytest.approx([r.pue * 1.1 for r in tiny.regions])
    prices = with_value(tiny, "signals.price_usd_per_mwh", 2.0, times=True).signals
    assert np.array_equal(prices.price_usd_per_mwh, tiny.signals.price_usd_per_mwh * 2)


def test_accelerators_keep_how_they_vary(tiny: Scenario) -> None:
    """A region's reserved accelerators by the hour change in proportion; others stay."""
    hourly = np.array(tiny.reserved_gpu)
    hourly[0, ::2] *= 0.5
    varied = wattlas.Scenario(**{**_parts(tiny), "reserved_gpu": hourly})
    stated = varied.regions[0].reserved_gpu
    changed = with_value(varied, f"regions.{varied.regions[0].id}.reserved_gpu", stated * 2)
    assert np.array_equal(changed.reserved_gpu[0], hourly[0] * 2)
    assert np.array_equal(changed.reserved_gpu[1:], hourly[1:])


def _parts(s: Scenario) -> dict[str, Any]:
    return {name: getattr(s, name) for name in s.__dataclass_fields__}


def test_an_infeasible_value_says_so(tiny: Scenario) -> None:
    """It has no totals and its words; the others have theirs."""
    swept = wattlas.sweep(tiny, "classes.A.latency_budget_ms", [50.0, 300.0])
    assert swept.to_polars()["status"].to_list() == ["infeasible", "optimal"]
    assert swept.to_polars()["cost_usd"].null_count() == 1
    assert "class A" in swept.plans[0].conflict


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("regions.olso.pue", "Did you mean `oslo`"),
        ("regions.oslo.peu", "Did you mean `pue`"),
        ("region.oslo.pue", "Did you mean `regions`"),
        ("regions.pue", "no regions"),
        ("regions.oslo.pue.x", "nothing below"),
        ("objective", "name one of them"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, words: str, tiny: Scenario) -> None:
    """The part that is not there is named, with the nearest that is."""
    with pytest.raises(UsageError, match=words):
        wattlas.sweep(tiny, path, [1.0])


def test_an_id_may_hold_points(tiny: Scenario) -> None:
    """Also one that another id is the beginning of."""
    names = ("eu.north.1", "eu", "eu.north")
    regions = tuple(replace(r, id=name) for r, name in zip(tiny.regions, names, strict=True))
    new = dict(zip((region.id for region in tiny.regions), names, strict=True))
    nodes = tuple(replace(node, region=new[node.region]) for node in tiny.nodes)
    world = replace(tiny, regions=regions, nodes=nodes)
    for n, name in enumerate(names):
        made = with_value(world, f"regions.{name}.pue", 1.7)
        assert [region.pue == 1.7 for region in made.regions] == [k == n for k in range(3)]
    with pytest.raises(UsageError, match=r"no regions `us\.south`"):
        with_value(world, "regions.us.south.pue", 1.7)


def test_values_that_may_not_be(tiny: Scenario) -> None:
    """The object says what is wrong with a value; a sweep over nothing is refused."""
    with pytest.raises(InputError, match=r"regions\.oslo\.pue"):
        wattlas.sweep(tiny, "regions.oslo.pue", [0.5])
    with pytest.raises(UsageError, match="at least one value"):
        wattlas.sweep(tiny, "regions.oslo.pue", [])
    with pytest.raises(UsageError, match="cannot be multiplied"):
        wattlas.sweep(tiny, "objective.minimise", [2.0], times=True)


def test_a_name_of_an_example_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load` takes it, too, unless something of that name is there."""
    monkeypatch.chdir(tmp_path)
    assert wattlas.load("tiny").name == "tiny"
    tiny_folder(tmp_path / "tiny").edit("scenario.yaml", "name: tiny", "name: mine")
    assert wattlas.load("tiny").name == "mine"
