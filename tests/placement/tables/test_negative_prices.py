"""A plan that wastes energy at negative prices says so, and how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.worlds import flows_of
from tests.shipped import shipped
from wattlas.model.scenario import Scenario
from wattlas.placement.tables.negative_prices import negative_price_words, wasted_mwh
from wattlas.studies.plan_listings import notes


def paid_to_use(usd_per_mwh: float) -> Scenario:
    """Tiny with a second point beside the batched one: as fast, as accurate, half the energy;
    half-hour steps that stand for one, two or five."""
    s = shipped("tiny", set=["points.only=[large-batched]"])
    lean = replace(
        s.points[0],
        id="lean",
        prefill_j_per_token=s.points[0].prefill_j_per_token / 2,
        decode_j_per_token=s.points[0].decode_j_per_token / 2,
    )
    price = s.signals.price_usd_per_mwh.copy()
    price[:, :6] = usd_per_mwh
    signals = replace(s.signals, price_usd_per_mwh=price)
    hours = replace(s.hours, weight=np.tile([1.0, 2.0, 5.0], 8), step_h=0.5)
    return replace(s, points=(*s.points, lean), signals=signals, hours=hours)


def test_waste_is_told_and_counted() -> None:
    """In the six hours that pay for energy the hungry point runs: half of it is waste."""
    found = wattlas.plan(paid_to_use(-20.0))
    s = found.scenario
    wasted = sum(
        f.rate * float(s.hours.hours[f.t]) * oracle.it_kwh(s, f.k, f.o) / 2e3
        for f in flows_of(found)
        if f.o == 0
    )
    assert wasted > 0
    assert wasted_mwh(found) == pytest.approx(wasted)
    assert {f.t for f in flows_of(found) if f.o == 0} == set(range(6))
    assert f"{wasted:,.4g} MWh" in notes(found)[0]


def test_no_waste_is_not_told() -> None:
    """Where energy costs something, or carbon has a price that outweighs it."""
    assert notes(wattlas.plan(paid_to_use(20.0))) == []
    s = paid_to_use(-1.0)
    clean = replace(s, objective=replace(s.objective, carbon_price_usd_per_t=1e5))
    assert negative_price_words(wattlas.plan(clean)) == ""
    assert np.isfinite(wattlas.plan(clean).objective)
