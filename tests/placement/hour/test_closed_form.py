"""The best place of every source, place by place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.placement.worlds import world
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import carbon


@pytest.mark.parametrize("sign", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("seed", range(2))
def test_the_best_of_equals_is_that_of_the_least_tie(seed: int, sign: float) -> None:
    """What is made least may be below 0, or nothing at all: among equal places the one of the least
    second measure is taken, in each hour for itself."""
    instance, draw = build_instance(world(seed)), np.random.default_rng(seed)
    plain = carbon(instance)
    measure = replace(
        plain,
        per_kwh=np.zeros_like(plain.per_kwh),
        per_request=sign * draw.integers(1, 4, plain.per_request.shape),
        per_unserved=np.where(np.isnan(plain.per_unserved), np.nan, 2.0 * sign),
    )
    second = replace(
        plain,
        per_kwh=draw.uniform(-1.0, 1.0, plain.per_kwh.shape),
        per_request=draw.uniform(-1e-4, 1e-4, plain.per_request.shape),
    )
    hours, ties = np.arange(instance.demand.shape[1]), 0
    best, least = Slots.of(instance).best(measure, second, hours)
    slots = Slots.of(instance)
    for s in range(instance.sources):
        places = [*zip(*np.nonzero(instance.allowed[s]), strict=True)]
        for t in hours.tolist():
            units = {(int(r), int(o)): float(measure.per_request[s, r, o]) for r, o in places}
            if not np.isnan(instance.unserved_usd[s]):
                units[-1, 0] = 2.0 * sign
            lowest = min(units.values())
            equal = [at for at, unit in units.items() if unit <= lowest + 1e-12 * abs(lowest)]
            ties += len(equal) > 1
            tie = {
                (r, o): float(
                    instance.energy_kwh[s, o] * second.per_kwh[r, t] + second.per_request[s, r, o]
                )
                if r >= 0
                else float(second.per_unserved[s])
                for r, o in equal
            }
            slot = best[s, t]
            at = int(slots.region[s, slot]), int(slots.point[s, slot])
            assert at == min(tie, key=lambda place: tie[place])
            assert least[s, t] == pytest.approx(lowest, rel=1e-12)
    assert ties > 0
