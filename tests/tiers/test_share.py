"""Which requests to degrade: the published shares, the linear program, and what is monotone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattlas.errors import InfeasibleError, InputError
from wattlas.tiers.ahead import by_day, day_ahead, plan_ahead
from wattlas.tiers.share import green_share, least_g, verdict

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
        st.lists(st.floats(0, 1), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 1.0, 2.5, 7.0]), min_size=n, max_size=n),
    )
)


@given(series, st.floats(0.3, 1.1))
@settings(max_examples=150)
def test_budget_is_the_linear_program(
    drawn: tuple[list[float], list[float], list[float]], level: float
) -> None:
    """The fractional knapsack degrades what a linear program degrades, no more."""
    from scipy.optimize import linprog

    full, asked = np.array(drawn[0]), np.array(drawn[2])
    green = full * np.array(drawn[1])
    if asked.sum() == 0:
        return
    cap = level * float((asked * full).sum() / asked.sum())
    over = float((asked * full).sum() - cap * asked.sum())
    judge = linprog(asked, A_ub=-(asked * (full - green))[None], b_ub=[-over], bounds=(0, 1))
    if judge.status == 2:
        with pytest.raises(InfeasibleError, match="cannot be met"):
            green_share(full, green, cap * (1 - 1e-9), asked)
        return
    found = green_share(full, green, cap * (1 + 1e-12), asked)
    assert found.share == pytest.approx(judge.fun / asked.sum(), abs=1e-7)
    assert found.mean_g <= cap * (1 + 1e-9)
    assert ((found.degraded > 0) & (found.degraded < 1)).sum() <= 1


@given(series)
@settings(max_examples=60)
def test_percentile_holds_its_cap_and_no_less(
    drawn: tuple[list[float], list[float], list[float]],
) -> None:
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
@settings(max_examples=60)
def test_looser_caps_need_no_larger_share(
    drawn: tuple[list[float], list[float], list[float]], rule: str
) -> None:
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
    with pytest.raises(InputError, match="emits more than a full one"):
        green_share(np.array([1.0, 2.0]), np.array([1.0, 3.0]), 1.0)


def test_the_cleanest_place_counts_its_network() -> None:
    """A clean place far away counts the energy of the way there."""
    grams = np.array([[400.0, 400.0], [50.0, 390.0]])
    found = least_g(0.001, np.array([1.2, 1.0]), grams, np.array([0.0, 0.0005]))
    np.testing.assert_allclose(found, [0.001 * 50 + 0.0005 * 50, 0.0012 * 400])


def test_a_flat_grid_is_told() -> None:
    """Where intensity does not vary, looking at it earns nothing, and that is said."""
    flat = np.full(48, 300.0)
    aware, blind = (green_share(flat, flat / 2, 270.0, rule=r) for r in ("budget", "blind"))
    assert verdict(aware, blind).startswith("not worth it")
    wavy = 300.0 + 200.0 * np.sin(np.arange(48) / 24 * 2 * np.pi)
    aware, blind = (green_share(wavy, wavy / 2, 270.0, rule=r) for r in ("budget", "blind"))
    assert "fewer requests" in verdict(aware, blind)


def test_days_before_are_the_forecast() -> None:
    """A series that repeats each day is foretold exactly from the second day on."""
    day = 300.0 + 100.0 * np.cos(np.arange(24) / 24 * 2 * np.pi)
    series = np.tile(day, 5)
    ahead = day_ahead(series)
    assert np.isnan(ahead[:24]).all()
    np.testing.assert_allclose(ahead[24:], series[24:])


def test_planning_ahead_is_judged_by_what_comes() -> None:
    """With a perfect forecast the promise is kept; with one that is too clean it is not."""
    draw = np.random.default_rng(5)
    series = 300.0 + 100.0 * np.cos(np.arange(24 * 30) / 24 * 2 * np.pi) + draw.normal(0, 20, 720)
    cap = 0.9 * series.mean()
    honest = plan_ahead(series, 0.5, cap, forecast_g=series)
    assert honest.mean_g == pytest.approx(honest.promised_g)
    assert honest.mean_g <= cap * 1.01
    rosy = plan_ahead(series, 0.5, cap, forecast_g=0.7 * series)
    assert not rosy.kept
    assert rosy.mean_g > rosy.promised_g
    table = by_day(honest, np.datetime64("2023-01-01T00", "h") + np.arange(720))
    assert len(table["day"]) == 30
    assert set("".join(str(h) for h in table["hours"])) <= set("fsd")
    with pytest.raises(InputError, match="green_share_of_full"):
        plan_ahead(series, 1.5, cap)
