"""One day of a fleet: what runs in each region, by where the demand comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.fleet import Fleet
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import plan
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.instance import Instance

ELSEWHERE = "none"
"""Origin of demand that no region is the baseline of."""
_USED = 1e-6
"""Accelerators below which a flow is rounding."""


def fleet_day_table(fleet: Fleet, instance: Instance) -> Table:
    """Accelerators in use by step, region and origin, on the day of the largest demand.

    The origin is the baseline region of the demand. `instance` is that of the fleet's scenario,
    whatever is reserved in it. All is placed at least cost on the fleet that survives nothing.
    """
    scenario = _of_day(fleet, instance)
    placed = plan(scenario).raise_if_infeasible()
    flows = placed.flows
    if flows is None:
        raise ValueError("the plan of a day has its flows")
    ids = [region.id for region in scenario.regions]
    grid = np.zeros((scenario.hours.count, len(ids), len(ids) + 1))
    runs = flows.where(flows.served)
    origin = baseline_region(scenario, instance.judged)[runs.metro, runs.klass]
    gpu = runs.requests_per_h * scenario.gpu_h[runs.klass, runs.point]
    np.add.at(grid, (runs.hour, runs.region, origin), gpu)  # the last origin is that of none, −1
    hour, region, origin = np.nonzero(grid > _USED)
    return {
        "time_utc": scenario.hours.utc.astype("datetime64[ms]")[hour],
        "region": np.array(ids)[region],
        "origin": np.array([*ids, ELSEWHERE])[origin],
        "gpu": grid[hour, region, origin],
    }


def _of_day(fleet: Fleet, instance: Instance) -> Scenario:
    """The scenario over the UTC day of the largest demand, counted in accelerators, with the fleet
    of least cost as what is reserved."""
    scenario = fleet.scenario
    day = scenario.hours.utc.astype("datetime64[D]")
    fullest = int((instance.leanest_gpu_h @ instance.demand).argmax())
    part = scenario.at_hours(np.flatnonzero(day == day[fullest]))
    if fleet.nominal is None:
        return part
    usable = fleet.nominal.gpu * [region.utilisation_max for region in scenario.regions]
    return replace(part, reserved_gpu=np.repeat(usable[:, None], part.hours.count, axis=1))
