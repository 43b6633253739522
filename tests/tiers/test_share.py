"""Which requests to degrade: the published shares, the linear program, and what is monotone."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.errors import InfeasibleError, InputError
from wattlas.tiers.share import RULES, against_blind, decide, green_share, least_mean_g, shares_at

REFERENCE = {
    "DE": (0.134, 0.120),
    "GB": (0.132, 0.120),
    "US-CAL-CISO": (0.209, 0.141),
    "US-TEX-ERCO": (0.270, 0.151),
    "US-MIDA-PJM": (0.736, 0.176),
    "SG": (1.0, 0.197),
}
"""Percentile and budget share: 2023, flat demand, cap 90 % of the mean, half the energy."""


@pytest.mark.shared
@pytest.mark.parametrize("zone", REFERENCE)
def test_reference_shares(shared: Path, zone: str) -> None:
    """The shares of six zones over the life-cycle intensities of 2023, both rules and the blind."""
    import polars as pl

    table = pl.read_parquet(shared / "data" / "carbon_intensity_hourly_em.parquet")
    year = table.filter(
        (pl.col("zone").cast(pl.String) == zone) & (pl.col("ts_utc").dt.year() == 2023)
    )
    grams = year["ci_lca_g_per_kwh"].drop_nulls().to_numpy().astype(float)
    assert len(grams) > 8700
    cap = 0.9 * grams.mean()
    percentile, budget = REFERENCE[zone]
    assert green_share(grams, grams / 2, cap, rule="percentile").share == pytest.approx(
        percentile, abs=0.002
    )
    assert green_share(grams, grams / 2, cap).share == pytest.approx(budget, abs=0.002)
    assert green_share(grams, grams / 2, cap, rule="blind").share == pytest.approx(0.2, abs=1e-9)


series = st.integers(2, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(1, 900), min_size=n, max_size=n),
        st.lists(st.floats(0, 1.4), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 1.0, 2.5, 7.0]), min_size=n, max_size=n),
    )
)
"""Grams in full, degraded over full (at another place it may be more), and requests."""
Drawn = tuple[list[float], list[float], list[float]]


@given(series, st.floats(0.3, 1.1), st.sampled_from([0.0, 40.0, -40.0]))
@examples(40)
def test_budget_is_the_linear_program(drawn: Drawn, level: float, carried: float) -> None:
    """The fractional knapsack degrades what a linear program degrades, no more."""
    from scipy.optimize import linprog

    full, asked = np.array(drawn[0]), np.array(drawn[2])
    green = full * np.array(drawn[1])
    if asked.sum() == 0 or (asked * green).sum() > (asked * full).sum():
        return
    cap = level * float((asked * full).sum() / asked.sum())
    over = float((asked * full).sum() - cap * asked.sum()) + carried
    judge = linprog(asked, A_ub=-(asked * (full - green))[None], b_ub=[-over], bounds=(0, 1))
    if judge.status == 2:
        with pytest.raises(InfeasibleError, match="cannot be met"):
            decide(full, green, asked, cap * (1 - 1e-9), "budget", carried)
        return
    degraded, threshold = decide(full, green, asked, cap * (1 + 1e-12), "budget", carried)
    assert asked @ degraded == pytest.approx(judge.fun, abs=1e-7 * asked.sum())
    emitted = float((asked * (full - degraded * (full - green))).sum())
    assert emitted + carried <= cap * asked.sum() * (1 + 1e-9) + 1e-6
    split = (degraded > 0) & (degraded < 1)
    np.testing.assert_allclose((full - green)[split], threshold)
    assert (degraded[full < green] == 0).all()


@given(series, st.floats(0.3, 1.1), st.sampled_from([0.0, 40.0, -40.0]))
@examples(40)
def test_percentile_is_a_linear_program(drawn: Drawn, level: float, carried: float) -> None:
    """It serves in full as much as a linear program that holds the mean of it to the cap."""
    from scipy.optimize import linprog

    full, asked = np.array(drawn[0]), np.array(drawn[2])
    if asked.sum() == 0:
        return
    cap = level * float((asked * full).sum() / asked.sum())
    judge = linprog(-asked, A_ub=(asked * (full - cap))[None], b_ub=[-carried], bounds=(0, 1))
    if judge.status == 2:
        with pytest.raises(InfeasibleError):
            decide(full, full / 2, asked, cap * (1 - 1e-9), "percentile", carried)
        return
    if carried > 0 and judge.fun > -1e-6:
        return
    degraded, _ = decide(full, full / 2, asked, cap * (1 + 1e-12), "percentile", carried)
    served = asked * (1 - degraded)
    assert served.sum() == pytest.approx(-judge.fun, rel=1e-6, abs=1e-6)


@given(series, st.sampled_from(RULES), st.randoms(use_true_random=False))
@examples(40)
def test_the_order_of_the_steps_decides_nothing(drawn: Drawn, rule: str, mix: Random) -> None:
    """Steps of the same value are degraded alike, wherever they stand."""
    full, asked = np.round(np.array(drawn[0]), -2) + 50, np.array(drawn[2]) + 0.5
    cap = 0.85 * float((asked * full).sum() / asked.sum())
    order = np.array(mix.sample(range(len(full)), len(full)))
    here = green_share(full, full / 2, cap, asked, rule)
    there = green_share(full[order], full[order] / 2, cap, asked[order], rule)
    np.testing.assert_allclose(there.degraded, here.degraded[order], atol=1e-9)
    for value in np.unique(full):
        assert np.ptp(here.degraded[full == value]) == 0


@given(series, st.sampled_from(RULES))
@examples(40)
def test_many_caps_at_once(drawn: Drawn, rule: str) -> None:
    """The shares at some caps are those of each cap by itself; nan where none would do."""
    full, asked = np.array(drawn[0]), np.array(drawn[2]) + 0.5
    green = np.minimum(full * np.array(drawn[1]), full)
    mean = float((asked * full).sum() / asked.sum())
    caps = mean * np.array([0.0, 0.3, 0.62, 0.8, 0.9, 1.0, 1.3])
    for cap, share in zip(caps, shares_at(full, green, caps, asked, rule), strict=True):
        if np.isnan(share):
            with pytest.raises(InfeasibleError):
                green_share(full, green, cap, asked, rule)
        else:
            found = green_share(full, green, cap, asked, rule)
            assert found.share == pytest.approx(share, abs=1e-9)
            assert found.mean_g <= mean * (1 + 1e-9)
    least = least_mean_g(full, green, asked)
    assert least == pytest.approx(float((asked * green).sum() / asked.sum()))
    if rule == "budget" and least > 0:
        assert np.isnan(shares_at(full, green, [least * 0.999], asked)).all()
        assert np.isfinite(shares_at(full, green, [least * 1.001], asked)).all()


@given(series)
@examples(40)
def test_percentile_holds_its_cap_and_no_less(drawn: Drawn) -> None:
    """The mean of what is served in full is at the cap, or everything is served in full."""
    full, asked = np.array(drawn[0]), np.array(drawn[2]) + 0.5
    cap = 0.9 * float((asked * full).sum() / asked.sum())
    found = green_share(full, 0.5 * full, cap, asked, rule="percentile")
    kept = asked * (1 - found.degraded)
    if kept.sum() > 1e-9 * asked.sum():
        assert float((kept * full).sum() / kept.sum()) == pytest.approx(cap, rel=1e-6)
    else:
        assert full.min() >= cap * (1 - 1e-9)


@given(series, st.sampled_from(["percentile", "budget", "blind"]))
@examples(40)
def test_looser_caps_need_no_larger_share(drawn: Drawn, rule: str) -> None:
    """Share falls with the cap, and what is saved falls with the share."""
    full, asked = np.array(drawn[0]), np.array(drawn[2]) + 0.5
    mean = float((asked * full).sum() / asked.sum())
    shares, saved = [], []
    for level in (0.6, 0.7, 0.85, 1.0, 1.2):
        found = green_share(full, 0.5 * full, level * mean, asked, rule=rule)
        shares.append(found.share)
        saved.append(found.saved)
    assert (np.diff(shares) <= 1e-9).all()
    assert (np.diff(saved) <= 1e-9).all()


def test_the_least_cap_is_named() -> None:
    """A cap below degrading everything says what can be had."""
    with pytest.raises(InfeasibleError, match=r"is 150 g, 50\.0% of full service"):
        green_share(np.array([200.0, 400.0]), np.array([100.0, 200.0]), 140.0)


def test_bad_series_are_told_at_once() -> None:
    """Every mistake in one error."""
    with pytest.raises(InputError) as caught:
        green_share(np.array([1.0, -2.0]), np.array([3.0]), -1.0, np.array([0.0, 0.0]), "best")
    assert [p.where for p in caught.value.problems] == [
        "rule", "green_g", "full_g", "requests", "cap_g",
    ]  # fmt: skip
    with pytest.raises(InputError, match="cap_g"):
        shares_at(np.array([1.0, 2.0]), np.array([0.5, 1.0]), [1.0, -1.0])
    with pytest.raises(InputError, match="emits more than a full one"):
        green_share(np.array([1.0, 2.0]), np.array([1.0, 3.0]), 1.0)


def test_a_flat_grid_is_told() -> None:
    """Where intensity does not vary, looking at it earns nothing, and that is said."""
    flat = np.full(48, 300.0)
    aware, blind = (green_share(flat, flat / 2, 270.0, rule=r) for r in ("budget", "blind"))
    assert against_blind(aware, blind).startswith("not worth it")
    wavy = 300.0 + 200.0 * np.sin(np.arange(48) / 24 * 2 * np.pi)
    aware, blind = (green_share(wavy, wavy / 2, 270.0, rule=r) for r in ("budget", "blind"))
    assert "fewer requests" in against_blind(aware, blind)
    never = green_share(flat, flat / 2, 270.0, rule="percentile")
    assert "every request would be degraded" in against_blind(never, blind)
    aware, blind = (green_share(wavy, wavy / 2, 300.1, rule=r) for r in ("budget", "blind"))
    assert against_blind(aware, blind).startswith("nothing to degrade")


def test_a_flat_grid_is_degraded_evenly() -> None:
    """Where every step is alike, so is what is done to it, by each rule that can."""
    flat = np.full(48, 300.0)
    for rule in ("budget", "blind"):
        np.testing.assert_allclose(green_share(flat, flat / 2, 270.0, rule=rule).degraded, 0.2)
    assert green_share(flat, flat / 2, 270.0, rule="percentile").share == 1.0


def test_what_is_served_in_full_is_told() -> None:
    """Its mean is the percentile rule's cap; nan where nothing is served in full."""
    found = green_share(np.array([100.0, 200.0, 600.0]), np.zeros(3), 200.0, rule="percentile")
    assert found.served_g == pytest.approx(200.0)
    assert found.share == pytest.approx((1 - 100 / 400) / 3)
    assert found.threshold_g == 600.0
    none = green_share(np.array([100.0, 200.0]), np.zeros(2), 50.0, rule="percentile")
    assert none.share == 1.0
    assert np.isnan(none.served_g)


def test_the_least_attainable_degrades_where_that_saves() -> None:
    """By requests; where the fallback emits more, full service stays."""
    full, green = np.array([100.0, 100.0, 40.0]), np.array([50.0, 150.0, 40.0])
    assert least_mean_g(full, green) == pytest.approx((50 + 100 + 40) / 3)
    assert least_mean_g(full, green, np.array([1.0, 3.0, 4.0])) == pytest.approx(510 / 8)
