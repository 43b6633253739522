"""Starting capacity: weights once for each copy of a model, and warm-up as energy and carbon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wattlas
from tests.acceptance.small_world import POINT, small_world
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.start_up import start_usd_per_gpu_h
from wattlas.placement.problem.instance import build_instance

GB = 1e9


def two_regions(folder: Path, **more: object) -> Scenario:
    """Ten requests of 1 kWh and 1 GPU-h an hour; cheap power first in `a`, then in `b`."""
    return small_world(
        folder,
        price={"a": [40.0, 90.0], "b": [50.0, 20.0]},
        carbon={"a": [500.0, 500.0], "b": [100.0, 300.0]},
        demand={"A": {"m": [10.0, 10.0]}},
        rtt_ms={"m": {"a": 10, "b": 20}},
        classes={"A": {}},
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("spans", [1, 8])
def test_weights_are_carried_once_for_each_copy(tmp_path: Path, spans: int) -> None:
    """Ten GPUs that hold ten copies carry the weights ten times; in copies of eight, 10/8 times."""
    point = {**POINT, "weights_bytes": 0.5 * GB, "accelerators": spans}
    world = two_regions(
        tmp_path,
        points={"model": point},
        network={"egress": {"default_usd_per_gb": 0, "pairs": {"m": {"a": 0.01, "b": 0.01}}}},
    )
    world = replace(world, frictions=Frictions(carry_weights=True, initial=Initial.COLD))
    found = wattlas.plan(world)
    # Each start of 10 GPUs costs at most 0.05 USD, and running in b at once 0.1 more than in a.
    assert found.totals.friction_usd == pytest.approx(2 * 10 * 0.5 * 0.01 / spans)
    assert found.totals.energy_usd == pytest.approx(10 * (0.04 + 0.02))


def test_copies_of_other_sizes_carry_other_shares(tmp_path: Path) -> None:
    """Each size of copy carries its own share of the weights per GPU: the smallest is taken."""
    common = {**POINT, "variant": "model", "weights_bytes": 4 * GB}
    world = two_regions(
        tmp_path,
        points={"two": {**common, "accelerators": 2}, "eight": {**common, "accelerators": 8}},
        network={"egress": {"default_usd_per_gb": 0, "pairs": {"m": {"a": 0.01, "b": 0.01}}}},
    )
    world = replace(world, frictions=Frictions(carry_weights=True, initial=Initial.COLD))
    # Alike in all else, the copies of eight carry an eighth of the weights per GPU and are taken.
    found = wattlas.plan(world)
    assert found.totals.friction_usd == pytest.approx(2 * 10 * 4 * 0.01 / 8)


@pytest.mark.parametrize("carbon_price", [0.0, 200.0])
def test_warm_up_is_energy_and_carbon(tmp_path: Path, carbon_price: float) -> None:
    """Its bill is part of the energy bill, its carbon of all carbon, at the price of carbon."""
    kwh = 0.3
    world = replace(
        two_regions(tmp_path, regions={"b": {"pue": 1.5}}),
        frictions=Frictions(start_kwh_per_gpu_h=kwh, initial=Initial.COLD),
        objective=Objective(carbon_price_usd_per_t=carbon_price),
    )
    t = wattlas.plan(world).totals
    # In a: 40 USD/MWh and 500 g, then 90 and 500; in b: 50 and 100, then 20 and 300, PUE 1.5.
    price = {"a": (40.0, 90.0), "b": (50.0, 20.0)}
    grams, pue = {"a": (500.0, 500.0), "b": (100.0, 300.0)}, {"a": 1.0, "b": 1.5}
    best = None
    for first in "ab":
        for second in "ab":
            runs = [(first, 0, 10 * (1 + kwh)), (second, 1, 10 + 10 * kwh * (first != second))]
            it = sum(energy for _, _, energy in runs)
            meter = sum(pue[r] * energy for r, _, energy in runs)
            usd = sum(pue[r] * energy * price[r][h] / 1e3 for r, h, energy in runs)
            kg = sum(pue[r] * energy * grams[r][h] / 1e3 for r, h, energy in runs)
            row = (usd + carbon_price * kg / 1e3, it, meter, usd, kg)
            best = row if best is None or row < best else best
    assert best is not None
    cost, it, meter, usd, kg = best
    assert t.cost_usd == pytest.approx(cost)
    assert t.it_mwh == pytest.approx(it / 1e3)
    assert t.facility_mwh == pytest.approx(meter / 1e3)
    assert t.energy_usd == pytest.approx(usd)
    assert t.carbon_kg == pytest.approx(kg)
    assert t.carbon_average_kg == pytest.approx(kg)
    assert t.carbon_price_usd == pytest.approx(carbon_price * kg / 1e3)
    assert t.friction_usd == pytest.approx(0.0, abs=1e-12)


def test_least_carbon_counts_warm_up(tmp_path: Path) -> None:
    """The second hour is cleaner in `a`, by less than warming up there emits: nothing moves."""
    world = small_world(
        tmp_path,
        price={"a": [40.0, 40.0], "b": [40.0, 40.0]},
        carbon={"a": [500.0, 280.0], "b": [100.0, 300.0]},
        demand={"A": {"m": [10.0, 10.0]}},
        rtt_ms={"m": {"a": 10, "b": 20}},
        classes={"A": {}},
    )
    for kwh, stays in ((0.05, False), (0.2, True)):
        frictions = Frictions(start_kwh_per_gpu_h=kwh, initial=Initial.COLD)
        found = wattlas.plan(replace(world, frictions=frictions), objective="carbon")
        kept = 10 * (1 + kwh) * 0.1 + (10 * 0.3 if stays else 10 * (1 + kwh) * 0.28)
        assert found.totals.carbon_kg == pytest.approx(kept)
        assert found.objective == pytest.approx(kept / 1e3)


def test_a_cap_on_carbon_counts_warm_up(tmp_path: Path) -> None:
    """A cap that the requests alone would keep, and warm-up would not, is out of reach."""
    frictions = Frictions(start_kwh_per_gpu_h=0.2, initial=Initial.COLD)
    world = replace(two_regions(tmp_path), frictions=frictions)
    least = (10 * 1.2 * 0.1 + 10 * 0.3) / 1e3
    capped = wattlas.plan(world, objective=Objective(carbon_cap_t=least * (1 + 1e-9)))
    assert capped.ok
    assert capped.limits[0].used == pytest.approx(least)
    assert capped.totals.carbon_kg == pytest.approx(least * 1e3)
    short = wattlas.plan(world, objective=Objective(carbon_cap_t=(10 * 0.1 + 10 * 0.3) / 1e3))
    assert not short.ok
    assert "0.0042" in short.conflict


def test_a_negative_price_does_not_pay_for_starting(tmp_path: Path) -> None:
    """What a negative price would pay for warming up is taken back: no start costs less than 0."""
    world = small_world(
        tmp_path,
        price={"a": [-100.0]},
        carbon={"a": [500.0]},
        demand={"A": {"m": [10.0]}},
        rtt_ms={"m": {"a": 10}},
        classes={"A": {}},
    )
    frictions = Frictions(start_kwh_per_gpu_h=0.2, initial=Initial.COLD)
    t = wattlas.plan(replace(world, frictions=frictions)).totals
    assert t.energy_usd == pytest.approx(-100 * (10 + 2) / 1e3)
    assert t.friction_usd == pytest.approx(100 * 2 / 1e3)
    assert t.cost_usd == pytest.approx(-100 * 10 / 1e3)


@pytest.mark.parametrize(
    ("site", "stated", "usd"),
    [("both", {"both": 2.0, "b": 0.5}, [2.0, 0.5]), ("", {"b": 0.5}, [7.0, 0.5])],
)
def test_a_price_of_a_site_is_that_of_its_kinds(
    tmp_path: Path, site: str, stated: dict[str, float], usd: list[float]
) -> None:
    """What starting costs is said of a region, else of its site, else of all."""
    s = two_regions(tmp_path)
    kinds = zip(s.regions, "xy", strict=True)
    s = replace(
        s,
        regions=tuple(replace(region, site=site, hardware=kind) for region, kind in kinds),
        frictions=Frictions(7.0, stated, initial=Initial.COLD),
    )
    price = start_usd_per_gpu_h(build_instance(s))
    np.testing.assert_allclose(price[:, 0], np.outer(usd, np.ones(2)))
