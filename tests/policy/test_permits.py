"""Thresholds under the rule that permits come as answers do, and fallbacks in hours without one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import wattlas
from tests.replays.worlds import green, thin
from wattlas.model.objective import Window
from wattlas.placement.api import objective_measures
from wattlas.placement.problem.feasibility import degraded_points
from wattlas.policy.permits import fallbacks, thresholds, window_of
from wattlas.policy.planned import Planned, optimum
from wattlas.studies.foresight import Foresight

HOURS = 5


def _saved(level: float, saving: np.ndarray, demand: np.ndarray, share: Fraction) -> float:
    """What is saved hour by hour with a threshold: those wanted share the permits that are left."""
    came = granted = Fraction(0)
    total = 0.0
    for t in range(saving.shape[1]):
        came += sum(Fraction(float(d)) for d in demand[:, t])
        wanted = [i for i in range(len(saving)) if saving[i, t] >= level]
        volume = sum((Fraction(float(demand[i, t])) for i in wanted), Fraction(0))
        taken = min(volume, max(share * came - granted, Fraction(0)))
        granted += taken
        for i in wanted:
            part = Fraction(float(demand[i, t])) / volume if volume else Fraction(0)
            total += float(taken * part) * saving[i, t]
    return total


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_threshold_saves_most(data: st.DataObject) -> None:
    """No other level saves more in the window, by a count in fractions of request after request."""
    world = thin(green(0.2, Window.DAY), 0.01, HOURS)
    k = next(n for n, klass in enumerate(world.classes) if klass.contract)
    metros = len(world.metros)
    shape = (metros, len(world.classes), HOURS)
    number = st.integers(0, 8)
    saving, demand = np.full(shape, np.nan), np.zeros(shape)
    for i in range(metros):
        for t in range(HOURS):
            saving[i, k, t] = data.draw(number) - 2.0
            demand[i, k, t] = 10.0 * data.draw(number)
    got = thresholds(world, saving, demand)
    assert np.isinf(got[[n for n in range(len(world.classes)) if n != k]]).all()
    own, came = saving[:, k], demand[:, k]
    levels = np.unique(own[(own > 0) & (came > 0)])
    if not len(levels):
        assert np.isinf(got[k]).all()
        return
    assert len(set(got[k])) == 1
    share = Fraction(1, 5)
    best = max(_saved(level, own, came, share) for level in levels)
    np.testing.assert_allclose(_saved(got[k, 0], own, came, share), best, rtol=1e-9, atol=1e-9)


def test_fallbacks_take_no_more_than_full_service() -> None:
    """In hours in which a plan degrades nothing of a pair: in its regions, at lawful points that
    take no more accelerator time, for all of it; nowhere else.
    """
    world = thin(green(), 0.05, 24)
    planned = cast(Planned, optimum(world))
    flows, low = planned.placed.flows, degraded_points(world)
    assert flows is not None
    measure, _ = objective_measures(planned.instance)
    more = fallbacks(planned.instance, measure, flows, low)
    assert len(more.hour) > 0
    is_low = low[flows.klass, flows.point]
    had = set(zip(flows.metro[is_low], flows.klass[is_low], flows.hour[is_low], strict=True))
    full: dict[tuple[int, int, int], list[tuple[int, int, float]]] = {}
    for n in np.flatnonzero(~is_low):
        key = (flows.metro[n], flows.klass[n], flows.hour[n])
        full.setdefault(key, []).append((flows.region[n], flows.point[n], flows.requests_per_h[n]))
    judged, rates = planned.instance.judged.allowed, dict[tuple[int, int, int], float]()
    columns = (more.metro, more.klass, more.hour, more.region, more.point, more.requests_per_h)
    for i, k, t, r, o, rate in zip(*columns, strict=True):
        key = (i, k, t)
        assert key not in had
        assert low[k, o]
        assert judged[i, k, r, o]
        assert any(r == at and world.gpu_h[k, o] <= world.gpu_h[k, p] for at, p, _ in full[key])
        rates[key] = rates.get(key, 0.0) + rate
    for key, total in rates.items():
        np.testing.assert_allclose(total, sum(entry[2] for entry in full[key]))


def test_a_window_belongs_to_the_cap_of_its_class() -> None:
    """Classes without a contract have none; days of the contract's class are counted from 0."""
    world = green(0.15, Window.DAY)
    number = window_of(world)
    for k, klass in enumerate(world.classes):
        wanted = np.arange(world.hours.count) // 24 if klass.contract else -1
        np.testing.assert_array_equal(number[k], wanted)


def test_the_oracle_keeps_up_with_a_horizon_that_sees_all() -> None:
    """Where degrading pays most in early hours, of which a cap lets few be degraded: the plan uses
    the permits of later hours as well, and costs at most 2 % more than planning anew every step;
    with the least saving of its own hours as threshold it was 9.8 %.
    """
    world = thin(green(), 0.02, 24)
    price = np.sort(world.signals.price_usd_per_mwh, axis=1)[:, ::-1].copy()
    falling = replace(world, signals=replace(world.signals, price_usd_per_mwh=price))
    told = Foresight("perfect", look_ahead_h=24)
    made = wattlas.replay(
        falling,
        ["rolling"],
        wattlas.Traffic(even=True),
        trial=wattlas.Trial(hours=8),
        foresight=told,
    )
    rolling, oracle = made["rolling"], made["oracle"]
    assert oracle.totals.variable_usd <= rolling.totals.variable_usd * 1.02
    assert oracle.over_cap == 0
    assert oracle.to_polars("caps")["share"][-1] > 0.14
