"""Fleets that wait or are under caps of tiers, checked from their own prices and flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.placement.fleet.test_fleet_exact import asked_alike as asked
from tests.placement.waiting.test_fleet_under_caps import under_caps
from tests.placement.waiting.test_waiting_fleet import QUESTIONS, oracle_fleet, patient
from wattlas.model.fleet import Fleet, NeedPrice, Placed
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet import waiting
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.statement import FleetStatement


def question(name: str, seed: int = 1, window: Window | None = None) -> Scenario:
    s = patient(asked(seed, **QUESTIONS[name]), 2)
    return s if window is None else under_caps(s, window)


@cache
def found(name: str, seed: int = 1, window: Window | None = None) -> Fleet:
    return fleet(question(name, seed, window))


def by_cuts(monkeypatch: pytest.MonkeyPatch, s: Scenario) -> Fleet:
    """As where one program would be too large."""
    monkeypatch.setattr(waiting, "joint", lambda *_: None)
    return fleet(s)


@pytest.mark.parametrize("window", [None, Window.DAY, Window.HOUR])
@pytest.mark.parametrize("name", QUESTIONS)
def test_prices_prove_a_fleet_that_waits(name: str, window: Window | None) -> None:
    """The bound of the prices alone is what the fleet costs, and below what GLPK finds; its flows
    keep every row."""
    proof = certify_fleet(found(name, 1, window))
    assert abs(proof.gap) <= 1e-7
    assert proof.worst <= 1e-7
    assert proof.bound <= oracle_fleet(question(name, 1, window)) * (1 + 1e-8)


@pytest.mark.parametrize("name", ["on demand", "bounds"])
def test_prices_of_cuts_prove_what_cuts_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fleet and waiting are found by cuts the prices prove the bound that is said."""
    cuts = by_cuts(monkeypatch, question(name))
    proof = certify_fleet(cuts)
    assert proof.bound == pytest.approx(cuts.bound_usd, rel=1e-9)
    assert proof.worst <= 1e-7
    assert proof.bound <= oracle_fleet(cuts.asked) * (1 + 1e-8)


@given(
    window=st.sampled_from([None, Window.DAY]),
    name=st.sampled_from(sorted(QUESTIONS)),
    seed=st.integers(0, 2**32 - 1),
    size=st.floats(0.0, 2.0),
)
@examples(40)
def test_no_prices_prove_too_much(window: Window | None, name: str, seed: int, size: float) -> None:
    """Whatever the prices, also of the wrong sign, of needs of outages that are none or of caps,
    the bound is below what the fleet costs: weak duality."""
    right = found(name, 1, window)
    random = np.random.default_rng(seed)

    def wrong(values: np.ndarray) -> np.ndarray:
        scale = max(float(np.abs(values).max(initial=0.0)), 1e-3)
        return np.asarray(values + size * scale * random.normal(size=values.shape))

    prices = right.prices
    regions, hours = prices.duals["capacity"].shape
    lost = (right.asked.regions[0].id,) if random.random() < 0.5 else ()
    need = NeedPrice(lost, np.abs(random.normal(size=regions)), 0.0, random.normal(size=hours))
    tampered = replace(
        prices,
        duals={each: wrong(dual) for each, dual in prices.duals.items()},
        needs=(need,),
        caps=wrong(prices.caps),
    )
    proof = certify_fleet(replace(right, prices=tampered))
    assert proof.bound <= right.optimal.cost_usd * (1 + 1e-9)


def test_wrong_prices_leave_a_gap() -> None:
    """Prices of accelerators or of caps that are changed prove less."""
    right = found("both", 1, Window.DAY)
    assert (right.prices.caps > 0).any()
    for tampered in (
        replace(right.prices, duals={**right.prices.duals,
                                     "capacity": 0.5 * right.prices.duals["capacity"]}),
        replace(right.prices, caps=1.5 * right.prices.caps),
        replace(right.prices, caps=0.0 * right.prices.caps),
    ):  # fmt: skip
        assert certify_fleet(replace(right, prices=tampered)).gap > 1e-6


def _most_of(right: Fleet, mask: np.ndarray) -> np.ndarray:
    """The largest of some flows, as an index in a list."""
    assert right.placed is not None
    return np.array([int(np.where(mask, right.placed.value, -1.0).argmax())])


def _late(right: Fleet) -> Placed:
    """A flow of a class that may wait 2 hours goes to the last hour."""
    assert right.placed is not None
    on = _most_of(right, (right.placed.hour <= 2) & _patient(right))
    hour = right.placed.hour.copy()
    hour[on] = right.asked.hours.count - 1
    return right.placed._replace(hour=hour)


def _patient(right: Fleet) -> np.ndarray:
    assert right.placed is not None
    may = right.asked.wait_steps[FleetStatement.of(right.asked).instance.klass] > 0
    return np.asarray(may[right.placed.source])


def _scaled(right: Fleet) -> Placed:
    assert right.placed is not None
    return right.placed._replace(value=0.99 * right.placed.value)


def _closed(right: Fleet) -> Placed:
    """A flow goes unserved that may not."""
    assert right.placed is not None
    must = np.isnan(FleetStatement.of(right.asked).instance.unserved_usd)
    on = _most_of(right, must[right.placed.source])
    region = right.placed.region.copy()
    region[on] = -1
    return right.placed._replace(region=region)


@pytest.mark.parametrize(
    ("tampered", "broken"), [(_late, "waiting"), (_scaled, "served"), (_closed, "closed")]
)
def test_wrong_flows_do_not_pass(tampered: Callable[[Fleet], Placed], broken: str) -> None:
    """Flows that run too late, serve too little or go where they may not are told, by name."""
    right = found("reserved")
    proof = certify_fleet(replace(right, placed=tampered(right)))
    assert proof.residuals[broken] > 1e-3


def test_a_wrong_fleet_or_cost_does_not_pass() -> None:
    """Fewer accelerators than the flows use, another cost, no flows at all, or of regions that
    there are not."""
    right = found("reserved")
    fewer = replace(right.optimal, gpu=0.9 * right.optimal.gpu)
    assert certify_fleet(replace(right, optimal=fewer)).residuals["capacity"] > 1e-2
    cheaper = replace(right.optimal, rent_usd=0.9 * right.optimal.rent_usd)
    proof = certify_fleet(replace(right, optimal=cheaper))
    assert proof.residuals["cost"] > 1e-3
    assert proof.gap < -1e-3
    assert certify_fleet(replace(right, placed=None)).worst == np.inf
    assert right.placed is not None
    for name, index in (("region", 9), ("region", -2), ("hour", -1), ("source", -1), ("point", -1)):
        wrong = getattr(right.placed, name).copy()
        wrong[0] = index
        nowhere = right.placed._replace(**{name: wrong})
        assert certify_fleet(replace(right, placed=nowhere)).worst == np.inf
    for value in (np.nan, np.inf):
        unclear = right.placed.value.copy()
        unclear[0] = value
        nothing = right.placed._replace(value=unclear)
        assert certify_fleet(replace(right, placed=nothing)).worst == np.inf


def test_more_degraded_than_a_cap_allows_does_not_pass() -> None:
    """The flows of a wider cap break a narrower one."""
    wide = found("reserved", 1, Window.DAY)
    (cap,) = wide.asked.share_caps
    narrow = replace(wide.asked, share_caps=(replace(cap, share_max=0.5 * cap.share_max),))
    assert certify_fleet(replace(wide, asked=narrow)).residuals["caps"] > 1e-3
