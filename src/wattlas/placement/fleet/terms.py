"""What is asked of a fleet: prices and bounds of accelerators, and the hours that they must serve."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.registry import links
from wattlas.placement.fleet.hours import leanest
from wattlas.placement.hour.merge_sources import merged
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import Measure, cost
from wattlas.units import HOURS_PER_YEAR


@dataclass(frozen=True)
class Terms:
    """The question of a fleet: min Σ rent·K + Σ_t V_t(K), lower ≤ K ≤ upper.

    `rent_usd` (R,) is what a usable accelerator costs over the horizon; `site` (R,) what reserved
    and on-demand accelerators may be together; all in usable accelerators, GPU-h per h.
    """

    instance: Instance
    measure: Measure
    rent_usd: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    site: np.ndarray


def terms_of(scenario: Scenario, budget_ms: np.ndarray | None = None) -> Terms:
    """The question of a scenario; what it has reserved is not looked at.

    Raises InputError for what no fleet answers.
    """
    _check(scenario)
    regions = scenario.regions
    # Every region counts as one that has reserved accelerators, so that what is on demand is beyond
    # them; how many there are is what is asked.
    open_scenario = replace(scenario, reserved_gpu=np.ones(scenario.reserved_gpu.shape))
    instance = build_instance(open_scenario, budget_ms)
    instance = replace(
        instance,
        surplus=np.repeat(open_scenario.on_demand_gpu[:, None], scenario.hours.count, axis=1),
    )
    measure = cost(instance)
    alike = merged(instance, [measure])
    if alike is not None:
        instance, measure = alike[0], measure.of_sources(alike[1])
    horizon = float(scenario.hours.hours.sum()) / HOURS_PER_YEAR
    rent = np.array([region.reserved_usd_per_gpu_year for region in regions]) * horizon
    useful = (instance.most_gpu_h.T @ instance.demand).max(axis=1, initial=0.0)
    site = np.full(len(regions), np.inf)
    upper = np.minimum(useful, site)
    return Terms(instance, measure, rent, np.zeros(len(regions)), upper, site)


def _check(scenario: Scenario) -> None:
    problems = []
    if links(scenario):
        problems.append(Problem("frictions", "tie the hours of a fleet together",
                                "Leave switching costs out of the question of the fleet."))  # fmt: skip
    if not any(region.reserved_usd_per_gpu_year > 0 for region in scenario.regions):
        problems.append(Problem("regions.*.reserved_usd_per_gpu_year", "is 0 in every region",
                                "Say what a reserved accelerator costs a year."))  # fmt: skip
    if problems:
        raise InputError(problems)


def own_peaks(terms: Terms) -> np.ndarray:
    """The fleet if every region served its own baseline demand alone, (R,): the peak of each, at
    the leanest operating point there.
    """
    instance = terms.instance
    at, every = instance.baseline_region, np.arange(instance.sources)
    lean = np.where(instance.allowed, instance.gpu_h[:, None, :], np.inf).min(axis=2)
    gpu_h = np.where(at >= 0, lean[every, np.maximum(at, 0)], np.inf)
    load = np.where(np.isfinite(gpu_h), gpu_h, 0.0)[:, None] * instance.demand
    peaks = np.zeros(len(terms.rent_usd))
    for r in np.unique(at[at >= 0]):
        peaks[r] = load[at == r].sum(axis=0).max(initial=0.0)
    return peaks


def peak_of_sum(instance: Instance) -> float:
    """No fleet that serves everything from reserved accelerators has fewer: the largest hour's
    demand at each source's leanest operating point.
    """
    must = np.isnan(instance.unserved_usd)
    return float(((leanest(instance) * must) @ instance.demand).max(initial=0.0))
