"""What a class meets at the baseline region: the means of intensity, prices and PUE where its
demand is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import feasibility


@dataclass(frozen=True)
class BaselineMeans:
    """Demand-weighted means over the hours and the nearest feasible region of each metro."""

    g_per_kwh: float
    intensity: str
    """`average` or `marginal`: the one that decisions use."""
    usd_per_mwh: float
    pue: float
    usd_per_gpu_h: float
    """What an accelerator hour that is used costs: nothing where they are reserved."""


def at_baseline(scenario: Scenario, klass: str) -> BaselineMeans:
    """The means of a class. Raises InputError for a class without demand, or with no baseline
    region."""
    k = [known.id for known in scenario.classes].index(klass)
    base = baseline_region(scenario, feasibility(scenario))[:, k]
    requests = scenario.demand_per_h[:, k] * scenario.hours.hours
    requests = np.where(base[:, None] >= 0, requests, 0.0)
    per_region = np.zeros((len(scenario.regions), scenario.hours.count))
    np.add.at(per_region, np.maximum(base, 0), requests)
    total = float(per_region.sum())
    if total <= 0:
        fix = "Give it demand, or state the intensity."
        raise InputError([Problem(f"classes.{klass}", "has no demand at any place", fix)])
    share = per_region / total
    return BaselineMeans(
        g_per_kwh=float((share * scenario.deciding_g_per_kwh).sum()),
        intensity=str(scenario.signals.deciding),
        usd_per_mwh=float((share * scenario.price_usd_per_mwh).sum()),
        pue=float(share.sum(axis=1) @ scenario.pue),
        usd_per_gpu_h=float(share.sum(axis=1) @ scenario.used_usd_per_gpu_h),
    )
