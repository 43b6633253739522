"""What a class meets at the baseline region against sums written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import oracle
from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import feasibility
from wattlas.studies.baseline_means import at_baseline


def test_means_where_the_demand_is() -> None:
    """Metro by metro and hour by hour, at the nearest feasible region of each."""
    s = shipped("tiny")
    base = baseline_region(s, feasibility(s))
    for k, klass in enumerate(s.classes):
        total = grams = usd = pue = paid = 0.0
        for i in range(len(s.metros)):
            region = s.regions[base[i, k]]
            zone = s.signals.zones.index(region.zone)
            for t in range(s.hours.count):
                n = s.demand_per_h[i, k, t] * s.hours.hours[t]
                total += n
                grams += n * s.signals.deciding_g_per_kwh[zone, t]
                usd += n * s.signals.price_usd_per_mwh[zone, t]
                pue += n * region.pue
                paid += n * oracle.used_usd_per_gpu_h(s, int(base[i, k]))
        found = at_baseline(s, klass.id)
        want = [x / total for x in (grams, usd, pue, paid)]
        have = [found.g_per_kwh, found.usd_per_mwh, found.pue, found.usd_per_gpu_h]
        assert have == pytest.approx(want)
        assert found.intensity == str(s.signals.deciding)


def test_a_class_that_nobody_asks_for() -> None:
    """It has no baseline region, and the fix says what to do."""
    s = shipped("tiny")
    idle = replace(s, demand_per_h=np.zeros_like(s.demand_per_h))
    with pytest.raises(InputError, match="has no demand at any place"):
        at_baseline(idle, s.classes[0].id)
