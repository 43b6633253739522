"""Plans made day by day: a linear program a day, a ledger, and the truth at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattlas.errors import InputError
from wattlas.tiers.ahead import Ahead, CatchUp, day_ahead, plan_ahead
from wattlas.tiers.days import by_day, daily
from wattlas.tiers.share import green_share


def wave(days: int, noise: float = 20.0, seed: int = 5) -> np.ndarray:
    """Grams that swing by day, with noise."""
    hours = np.arange(24 * days)
    swing = 300.0 + 100.0 * np.cos(hours / 24 * 2 * np.pi)
    drawn: np.ndarray = swing + np.random.default_rng(seed).normal(0, noise, len(hours))
    return drawn


def test_days_before_are_the_forecast() -> None:
    """A series that repeats each day is foretold exactly from the second day on."""
    day = 300.0 + 100.0 * np.cos(np.arange(24) / 24 * 2 * np.pi)
    series = np.tile(day, 5)
    ahead = day_ahead(series)
    assert np.isnan(ahead[:24]).all()
    np.testing.assert_allclose(ahead[24:], series[24:])


def test_the_forecast_is_a_mean_of_days() -> None:
    """Of as many as there are, at most those asked for; a last part of a day, and rows, too."""
    rows = np.random.default_rng(2).uniform(1, 9, (2, 4 * 5 + 3))
    found = day_ahead(rows, days=3, steps_per_day=4)
    for row in range(2):
        for t in range(23):
            before = [rows[row, t - 4 * back] for back in (1, 2, 3) if t - 4 * back >= 0]
            want = np.mean(before) if before else np.nan
            assert found[row, t] == pytest.approx(want, nan_ok=True)


@pytest.mark.parametrize("rule", ["budget", "percentile"])
@pytest.mark.parametrize("reserve", [0.0, 2.0])
def test_each_day_is_a_linear_program(rule: str, reserve: float) -> None:
    """Written out: the day and those before it as forecast, what is owed spread over the horizon,
    and the least degraded volume by linear programming.
    """
    from scipy.optimize import linprog

    draw = np.random.default_rng(11)
    per_day, days, horizon = 4, 9, 3
    full = draw.uniform(100, 500, per_day * days)
    green = full * draw.uniform(0.3, 0.6, len(full))
    seen, seen_green = full * draw.uniform(0.8, 1.25, len(full)), green * 1.02
    seen[:per_day] = np.nan
    asked = draw.uniform(1, 5, len(full))
    cap, degraded, owed, missed = 250.0, np.zeros(len(full)), 0.0, []

    def beyond(f: np.ndarray, g: np.ndarray, at: slice) -> float:
        one, n = degraded[at], asked[at]
        if rule == "percentile":
            return float((n * (1 - one) * (f[at] - cap)).sum())
        return float((n * ((1 - one) * f[at] + one * g[at] - cap)).sum())

    for day in range(days):
        at = slice(day * per_day, (day + 1) * per_day)
        if day > 0:
            left = min(horizon, days - day)
            past = max(day - left + 1, 1)
            span = slice(past * per_day, at.stop)
            carried = owed + (reserve * np.sqrt(np.mean(np.square(missed))) if missed else 0.0)
            carried *= (day - past + 1) / left
            f, n = seen[span], asked[span]
            g = seen_green[span]
            row = n * (f - cap if rule == "percentile" else f - g)
            # Degraded volume is made least; what degrading takes away must be what is too much.
            needed = (n * (f - cap)).sum() + carried
            judge = linprog(n, A_ub=-row[None], b_ub=[-needed], bounds=(0, 1))
            best = judge.x if judge.status == 0 else (f > cap if rule == "percentile" else g < f)
            degraded[at] = np.asarray(best, dtype=float)[-per_day:]
            missed.append(beyond(full, green, at) - beyond(seen, seen_green, at))
        owed += beyond(full, green, at)
    found = plan_ahead(
        full, green, cap, seen, seen_green, asked, rule,
        CatchUp(horizon, reserve, per_day),
    )  # fmt: skip
    np.testing.assert_allclose(found.degraded, degraded, atol=1e-6)
    weight = asked * (1 - degraded) if rule == "percentile" else asked
    emitted = full if rule == "percentile" else full - degraded * (full - green)
    assert found.held_g == pytest.approx(float((weight * emitted).sum() / weight.sum()))
    assert found.kept == (found.held_g <= cap)


def test_a_perfect_forecast_keeps_the_cap() -> None:
    """Planned and delivered are one, the cap holds, and little more is degraded than need be."""
    series = wave(60)
    cap = 0.9 * series.mean()
    found = plan_ahead(series, series / 2, cap, series, series / 2, ledger=CatchUp(reserve=0.0))
    assert found.mean_g == pytest.approx(found.planned_g)
    assert found.kept
    least = green_share(series, series / 2, cap).share
    assert least <= found.share <= least + 0.01


def test_a_flat_grid_is_shared_every_day() -> None:
    """Where all hours are alike each day takes its part, not the oldest or the newest alone."""
    flat = np.full(24 * 40, 300.0)
    found = plan_ahead(flat, flat / 2, 270.0)
    assert found.kept
    np.testing.assert_allclose(found.degraded[24 * 28 : 24 * 39], 0.2, atol=0.02)


def test_the_ledger_makes_good_what_a_forecast_gets_wrong() -> None:
    """A forecast that is a third too clean is found out: the cap is missed by less than 0.5 %."""
    series = wave(60)
    cap = 0.9 * series.mean()
    rosy = plan_ahead(series, series / 2, cap, 0.7 * series)
    assert rosy.planned_g < cap * 0.9
    assert cap * 0.98 < rosy.mean_g < cap * 1.005


def test_what_could_not_be_known_is_told() -> None:
    """Where the last days are dirtier than anyone thought, the cap is broken, and said to be."""
    series = wave(30)
    cap = 0.9 * series.mean()
    worse = series.copy()
    worse[-48:] *= 4
    found = plan_ahead(worse, worse / 2, cap, series, series / 2)
    assert not found.kept
    assert found.mean_g > cap


def test_days_that_no_share_would_do_are_counted() -> None:
    """Everything is degraded that helps; a cap above full service needs nothing."""
    series = wave(10, noise=0.0)
    found = plan_ahead(series, series / 2, 0.4 * series.mean())
    assert found.short_days == 9
    assert (found.degraded[24:] == 1.0).all()
    assert not found.kept
    easy = plan_ahead(series, series / 2, 500.0)
    assert easy.share == 0.0
    assert easy.kept


def test_one_forecast_serves_both() -> None:
    """Of a forecast in full alone, degraded service is foretold by the ratio of the means."""
    series = wave(20)
    ahead = day_ahead(series)
    one = plan_ahead(series, 0.4 * series, 270.0, ahead)
    both = plan_ahead(series, 0.4 * series, 270.0, ahead, 0.4 * ahead)
    np.testing.assert_allclose(one.degraded, both.degraded)


def test_bad_questions_are_told_at_once() -> None:
    """Every mistake in one error."""
    with pytest.raises(InputError) as caught:
        plan_ahead(
            np.array([1.0, np.nan]), np.array([1.0]), -1.0, np.array([-1.0, 2.0]),
            np.array([1.0, 1.0]), np.zeros(2), "best", CatchUp(0, -1.0, 0),
        )  # fmt: skip
    assert [p.where for p in caught.value.problems] == [
        "rule", "green_g", "full_g", "requests", "cap_g", "forecast_full_g", "horizon_days",
        "steps_per_day", "reserve",
    ]  # fmt: skip
    with pytest.raises(InputError, match="emits more than a full one"):
        plan_ahead(np.ones(24), 2 * np.ones(24), 1.0)
    with pytest.raises(InputError, match="is empty"):
        plan_ahead(np.zeros(0), np.zeros(0), 1.0)


def test_the_days_of_a_plan() -> None:
    """A row per UTC day: its share by requests, not by hours, and a letter for each step."""
    degraded = np.array([0.0, 1.0, 0.5, 0.0, 0.0])
    plan = Ahead("budget", degraded, 0.0, 1.0, 1.0, 1.0, 1.0, 0)
    utc = np.datetime64("2023-01-01T22", "h") + np.arange(5)
    table = by_day(plan, utc, np.array([3.0, 1.0, 2.0, 2.0, 0.0]))
    assert table == {
        "day": ["2023-01-01", "2023-01-02"],
        "degraded_share": [0.25, 0.25],
        "hours": ["fd", "sff"],
    }
    idle = daily(degraded, utc, np.array([0.0, 0.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(idle, [0.5, 0.5 / 3])
    assert by_day(plan, utc)["degraded_share"] == pytest.approx([0.5, 0.5 / 3])


@pytest.fixture(scope="module")
def years(shared: Path) -> dict[int, dict[str, np.ndarray]]:
    """Life-cycle intensities of every zone that has the whole of a year, 2021 to 2024."""
    import polars as pl

    table = pl.read_parquet(shared / "data" / "carbon_intensity_hourly_em.parquet")
    found: dict[int, dict[str, np.ndarray]] = {}
    for (zone, year), rows in table.group_by(
        pl.col("zone").cast(pl.String), pl.col("ts_utc").dt.year(), maintain_order=True
    ):
        grams = rows.sort("ts_utc")["ci_lca_g_per_kwh"].to_numpy().astype(float)
        if len(grams) >= 8760 and not np.isnan(grams).any():
            found.setdefault(int(str(year)), {})[str(zone)] = grams
    return found


BANDS = {
    (0.0, 0.05): (13, 1, 6, 1, 4),
    (0.05, 0.1): (4, 6, 13, 4, 8),
    (0.1, 0.2): (15, 8, 21, 7, 16),
    (0.2, 0.3): (18, 22, 40, 7, 27),
    (0.3, 0.4): (12, 31, 45, -3, 32),
    (0.4, 0.6): (7, 37, 56, -7, 37),
}
"""Variation: zone-years, and how many per cent fewer than evenly, from and to, in hindsight and
ahead; the table of docs/shares.md."""


@pytest.mark.shared
def test_real_years_by_budget(years: dict[int, dict[str, np.ndarray]]) -> None:
    """On yesterday's hours the cap of 90 % is kept in all zones of four years but Norway's 2021,
    and what is degraded lies between hindsight and 11 points above it.
    """
    broken, rows = [], []
    for year, zones in years.items():
        for zone, grams in zones.items():
            cap = 0.9 * grams.mean()
            plan = plan_ahead(grams, grams / 2, cap)
            least = green_share(grams, grams / 2, cap).share
            rows.append((grams.std() / grams.mean(), least, plan.share))
            if not plan.kept:
                broken.append((year, zone, round(plan.mean_g / cap, 4)))
    assert broken == [(2021, "NO", 1.0017)]
    table = np.array(rows)
    assert table[:, 1].mean() == pytest.approx(0.154, abs=0.0005)
    assert table[:, 2].mean() == pytest.approx(0.174, abs=0.0005)
    over = table[:, 2] - table[:, 1]
    assert over.min() > 0
    assert over.max() < 0.11
    assert (table[:, 2] >= 0.2).sum() == 2
    for (low, high), told in BANDS.items():
        band = table[(table[:, 0] >= low) & (table[:, 0] < high)]
        fewer = np.round(100 * (1 - band[:, 1:] / 0.2)).astype(int)
        ends = [int(end) for column in fewer.T for end in (column.min(), column.max())]
        assert (len(band), *ends) == told


@pytest.mark.shared
def test_real_years_by_percentile(years: dict[int, dict[str, np.ndarray]]) -> None:
    """The percentile rule does not lend itself to it: kept in 30 of 71, by 8 to 13 points more."""
    kept, over = 0, []
    for zones in years.values():
        for grams in zones.values():
            cap = 0.9 * grams.mean()
            plan = plan_ahead(grams, grams / 2, cap, rule="percentile")
            kept += plan.kept
            over.append(plan.share - green_share(grams, grams / 2, cap, rule="percentile").share)
    assert (kept, len(over)) == (30, 71)
    assert np.mean(over) == pytest.approx(0.112, abs=0.002)
