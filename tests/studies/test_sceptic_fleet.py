"""The fleets of a study against one program of all hours by GLPK, over the regression fleets."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fleets import PRICED, StudiedFleet, studied
from tests.placement.fleet.fleet_oracle import oracle_fleet
from wattlas.model.scenario import Scenario
from wattlas.studies.fleet_answer import EXACT

YEAR_H = 8760.0


@pytest.fixture(scope="module", params=PRICED)
def fleet(request: pytest.FixtureRequest, run_folder: Path) -> StudiedFleet:
    """Each of the regression fleets that has a fleet of least cost."""
    return studied(request.param, run_folder)


@pytest.fixture
def fleets(fleet: StudiedFleet) -> dict[str, dict[str, Any]]:
    """The fleets of a study without a margin, by variant."""
    return {row["variant"]: row for row in fleet.rows("fleets") if not row["held_back_share"]}


def held(scenario: Scenario, gpu: list[float]) -> Scenario:
    """The scenario in which just so many accelerators can be reserved in each region."""
    regions = tuple(
        replace(region, reserved_gpu_min=count, reserved_gpu_max=count)
        for region, count in zip(scenario.regions, gpu, strict=True)
    )
    return replace(scenario, regions=regions)


def test_least_costs(fleet: StudiedFleet, fleets: dict[str, dict[str, Any]]) -> None:
    """The fleet of least cost, and that which may lose any one region."""
    least = oracle_fleet(fleet.scenario).cost_usd
    assert fleets["optimal"]["cost_usd"] == pytest.approx(least, rel=EXACT)
    if "outage" in fleets:
        lost = [[r] for r in range(len(fleet.scenario.regions))]
        least = oracle_fleet(fleet.scenario, lost).cost_usd
        assert fleets["outage"]["bound_usd"] <= least * (1 + 1e-7)
        assert fleets["outage"]["cost_usd"] == pytest.approx(least, rel=EXACT)


@pytest.mark.parametrize("variant", ["given", "own_peaks"])
def test_what_a_stated_fleet_costs(
    fleet: StudiedFleet, fleets: dict[str, dict[str, Any]], variant: str
) -> None:
    """As given, and each region's own peak; no cost where it cannot serve an hour."""
    s, sceptic = fleet.scenario, fleet.sceptic
    gpu = [r["gpu"] for r in fleet.rows("fleet_regions") if r["variant"] == variant]
    if variant == "given":
        assert gpu == pytest.approx(list(s.reserved_gpu[:, 0]))
    else:
        load = np.zeros((len(s.regions), s.hours.count))
        for i in sceptic.i:
            for k in sceptic.k:
                base = sceptic.baseline_region[i, k]
                if base >= 0:
                    lean = sceptic.gpu[k][sceptic.open[i, k, base]].min()
                    load[base] += lean * sceptic.demand[i, k]
        usable = np.array([region.utilisation_max for region in s.regions])
        assert gpu == pytest.approx(list(load.max(axis=1) / usable))
    own = oracle_fleet(held(s, gpu))
    assert fleets[variant]["cost_usd"] == pytest.approx(own.cost_usd, rel=1e-6, nan_ok=True)
    hours = float(s.hours.hours.sum())
    rent = math.fsum(
        count * region.reserved_usd_per_gpu_year * hours / YEAR_H
        for count, region in zip(gpu, s.regions, strict=True)
    )
    assert fleets[variant]["rent_usd"] == pytest.approx(rent)


def test_reach(fleet: StudiedFleet, fleets: dict[str, dict[str, Any]]) -> None:
    """With no reach, with some, and with all of it."""
    rows, sceptic = fleet.rows("fleet_reach"), fleet.sceptic
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):

        def within(i: int, k: int, r: int, most: float = row["reach"]) -> bool:
            base = sceptic.baseline_region[i, k]
            beyond = sceptic.rtt[i, r] - sceptic.rtt[i, base] if base >= 0 else 0.0
            return bool(beyond <= most + 1e-6)

        least = oracle_fleet(fleet.scenario, within=within).cost_usd
        assert row["cost_usd"] == pytest.approx(least, rel=EXACT)
        assert row["bound_usd"] <= least * (1 + 1e-7)


def test_the_day(fleet: StudiedFleet, fleets: dict[str, dict[str, Any]]) -> None:
    """Nothing runs above what is held and can be rented, and the demand of each baseline region
    takes no less than at its leanest points and no more than at its hungriest."""
    s, sceptic, day = fleet.scenario, fleet.sceptic, fleet.rows("fleet_day")
    ids = [region.id for region in s.regions]
    used = np.zeros((len(ids), len(ids), s.hours.count))
    stamps = [str(np.datetime64(t, "m")) for t in s.hours.utc]
    for row in day:
        at = stamps.index(str(np.datetime64(row["time_utc"], "m")))
        used[ids.index(row["region"]), ids.index(row["origin"]), at] += row["gpu"]
    shown = sorted({at for at in range(s.hours.count) if used[..., at].any()})
    gpu = [r["usable_gpu"] for r in fleet.rows("fleet_regions") if r["variant"] == "optimal"]
    most = np.array(gpu) + [region.on_demand_gpu for region in s.regions]
    assert (used.sum(axis=1) <= most[:, None] * (1 + 1e-6)).all()
    low, high = np.zeros((2, len(ids), s.hours.count))
    for i in sceptic.i:
        for k in sceptic.k:
            if sceptic.baseline_region[i, k] < 0:
                continue
            points = sceptic.gpu[k][sceptic.open[i, k].any(axis=0)]
            must = sceptic.shed_usd[k] is None
            low[sceptic.baseline_region[i, k]] += must * points.min() * sceptic.demand[i, k]
            high[sceptic.baseline_region[i, k]] += points.max() * sceptic.demand[i, k]
    by_origin = used.sum(axis=0)[:, shown]
    assert (by_origin >= low[:, shown] * (1 - 1e-6) - 1e-4).all()
    assert (by_origin <= high[:, shown] * (1 + 1e-6) + 1e-4).all()
    # The day of the largest demand.
    assert any(math.isclose(at, low.sum(axis=0).max()) for at in low.sum(axis=0)[shown])
