"""The peak that a contract lowers, and the contract that is looked for with what it saves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.oracle import Program
from tests.tiers.markets import made
from wattlas.tiers.market import Contract
from wattlas.tiers.peak import Peaks
from wattlas.tiers.resized import Delivered, best_resized, judged


def level_by_glpk(peaks: Peaks, freed: float, adopted: float, share: float) -> float:
    """min P with the GPU-h taken off each hour as columns."""
    lp = Program()
    lp.cost["P",] = 1.0
    for w in np.unique(peaks.window):
        steps = np.flatnonzero(peaks.window == w)
        most = adopted * freed * peaks.requests
        lp.row(("cap", w), {("u", int(t)): 1.0 for t in steps}, -np.inf, share * most[steps].sum())
    for t, load in enumerate(peaks.load):
        lp.cost["u", t] = 0.0
        hours = float(peaks.hours[t])
        lp.row(("most", t), {("u", t): 1.0}, -np.inf, adopted * freed * float(peaks.requests[t]))
        lp.row(("load", t), {("P",): 1.0, ("u", t): 1.0 / hours}, float(load), np.inf)
    status, values, _ = lp.solve()
    assert status == "optimal"
    return float(values["P",])


@given(
    load=st.lists(st.floats(1.0, 9.0), min_size=2, max_size=7),
    part=st.floats(0.1, 1.0),
    adopted=st.floats(0.05, 1.0),
    share=st.floats(0.02, 1.0),
    seed=st.integers(0, 9),
)
@examples(25)
def test_the_peak_is_lowered_as_far_as_the_caps_allow(
    load: list[float], part: float, adopted: float, share: float, seed: int
) -> None:
    """The level is that of a linear program; more adoption or a wider cap never lowers it less."""
    draw = np.random.default_rng(seed)
    steps = len(load)
    hours = draw.integers(1, 3, steps).astype(float)
    requests = part * np.array(load) * hours * draw.uniform(0.2, 1.0, steps)
    peaks = Peaks(np.array(load), requests, hours, draw.integers(0, 2, steps))
    fewer = peaks.lowered(0.7, adopted, share)
    assert max(load) - fewer == pytest.approx(level_by_glpk(peaks, 0.7, adopted, share), abs=1e-6)
    assert peaks.lowered(0.7, min(1.2 * adopted, 1.0), share) >= fewer - 1e-9
    assert peaks.lowered(0.7, adopted, min(1.2 * share, 1.0)) >= fewer - 1e-9
    for nothing in ((0.0, adopted, share), (0.7, 0.0, share), (0.7, adopted, 0.0)):
        assert peaks.lowered(*nothing) == 0.0


def saved_usd(point: int, adopted: float, share: float) -> float:
    """Concave in what is degraded, and more for lower fallbacks."""
    return float(4.0 * (1.0 + 0.3 * point) * (1.0 - np.exp(-6.0 * adopted * share)))


@pytest.mark.parametrize(
    ("seed", "objective", "fair"),
    [*((n, kind, True) for n in range(4) for kind in ("profit", "carbon")), (0, "profit", False)],
)
def test_no_contract_of_a_fine_grid_is_better(seed: int, objective: str, fair: bool) -> None:
    """The contract that is found against every fallback, cap and discount of a grid, each with the
    adoption that it brings itself; those who adopt it gain in the mean, unless it may be unfair."""
    market = made(seed, count=6, fallbacks=2, scale=0.05 if fair else 0.2)
    grams = np.array([10.0, 30.0])

    def brought(contract: Contract) -> tuple[float, float, float]:
        flat = Delivered(float(grams[contract.point]) * contract.share, 0.0, contract.share)
        offer = judged(market, contract, flat)
        usd = saved_usd(contract.point, offer.adoption, contract.share)
        return offer.profit_gain_usd + usd, offer.carbon_saved_kg, offer.gain_usd

    def value(contract: Contract) -> float:
        profit, carbon, gain = brought(contract)
        if (fair and gain < 0) or (objective == "carbon" and profit < 0):
            return -np.inf
        return profit if objective == "profit" else carbon

    found = best_resized(market, grams, saved_usd, objective=objective, fair=fair)
    grid = [
        Contract(f, float(d), float(c))
        for f in range(2)
        for d in np.linspace(0, 0.6, 25)
        for c in market.savings.usable[f] * np.linspace(0.02, 1, 25)
    ]
    top = max(map(value, grid))
    assert found is not None
    assert value(found) >= top - 0.03 * abs(top)
    assert fair == (brought(found)[2] >= -1e-9)


def test_nothing_saved_is_no_contract() -> None:
    """A fleet that is no smaller pays no discount, and a fallback that emits more is none."""
    market = made(1, count=6, fallbacks=2, scale=0.0, theta=0.0)
    assert best_resized(market, np.array([5.0, 5.0]), lambda *_: 0.0) is None
    assert best_resized(market, np.array([-5.0, 0.0]), saved_usd) is None


def test_an_offer_brings_what_it_delivers() -> None:
    """Profit is the saving less the discount, carbon the grams, over those who adopt."""
    market = made(2, count=6, fallbacks=2)
    offer = judged(market, Contract(1, 0.1, 0.3), Delivered(7.0, 0.2, 0.25))
    requests = offer.adoption * market.volume
    assert offer.degraded == 0.25
    assert offer.profit_gain_usd == pytest.approx(requests * (0.2 - 0.1 * market.price_usd))
    assert offer.carbon_saved_kg == pytest.approx(requests * 7.0 / 1000.0)
