"""The typical year: the same on every machine, and like the year that it was derived from."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data import typical
from wattlas.data.pack import open_pack, typical_figures

# SHA-256 of both arrays in hundredths, as 64-bit integers, price first.
EXPECTED_SHA256 = "48f372dc7174bd594f5784722c1f10919bb1657ba86b1771d23ebd9eed0e79fd"
ZONES, HOURS = 18, 8760


@pytest.fixture(scope="module")
def figures() -> typical.TypicalFigures:
    """The shipped figures."""
    return typical_figures(open_pack("typical-2023"))


@pytest.fixture(scope="module")
def year(figures: typical.TypicalFigures) -> typical.TypicalYear:
    """The typical year that they make."""
    return typical.generate(figures)


@pytest.fixture(scope="module")
def real(shared: Path, figures: typical.TypicalFigures) -> tuple[np.ndarray, np.ndarray]:
    """Prices and intensities of 2023, shape (zones, hours) each."""

    def read(file: str, column: str) -> np.ndarray:
        frame = (
            pl.read_parquet(shared / "data" / file)
            .with_columns(pl.col("zone").cast(pl.String))
            .filter(pl.col("ts_utc").dt.year() == 2023)
            .pivot("zone", index="ts_utc", values=column)
            .sort("ts_utc")
        )
        return frame.select(figures.zones).to_numpy().T.astype(float)

    return (
        read("electricity_price_hourly.parquet", "price_usd_per_mwh"),
        read("carbon_intensity_hourly_em.parquet", "ci_lca_g_per_kwh"),
    )


def both(year: typical.TypicalYear) -> np.ndarray:
    """Prices above intensities, shape (2 · zones, hours)."""
    return np.concatenate([year.price_usd_per_mwh, year.average_g_per_kwh])


def cell_means(values: np.ndarray) -> np.ndarray:
    """Means per month and hour of the day, shape (series, 12, 24)."""
    ends = np.cumsum(typical.days_in_months(2023)) * 24
    months = np.split(values, ends[:-1], axis=1)
    return np.stack([m.reshape(len(m), -1, 24).mean(axis=1) for m in months], axis=1)


def test_normal_numbers_are_what_they_were() -> None:
    """The random stream is that of Philox, whatever numpy does to its distributions."""
    found = typical.standard_normal(20230101, 5)
    assert found == pytest.approx(
        [
            1.273361590604542,
            0.432034879033262,
            0.062778692783980,
            0.974791823216184,
            0.219606467619257,
        ],
        abs=1e-12,
    )


def test_normal_numbers_are_normal() -> None:
    """Mean 0, variance 1, no correlation between the two halves of Box and Muller."""
    sample = typical.standard_normal(1, 200_000)
    assert abs(sample.mean()) < 0.01
    assert abs(sample.var() - 1) < 0.01
    assert abs(np.corrcoef(sample[:100_000], sample[100_000:])[0, 1]) < 0.01


def test_the_year_is_the_same_everywhere(year: typical.TypicalYear) -> None:
    """The generated hours have the hash that they had when they were derived."""
    hundredths = np.rint(both(year) * 100).astype("<i8")
    assert hashlib.sha256(hundredths.tobytes()).hexdigest() == EXPECTED_SHA256


@pytest.mark.parametrize("months", [1, 2, 7, 11, 12])
def test_first_months_are_those_of_the_year(
    figures: typical.TypicalFigures, year: typical.TypicalYear, months: int
) -> None:
    """Made alone, they have the values that they have in the year."""
    hours = int(typical.days_in_months(2023)[:months].sum()) * 24
    found = typical.generate(figures, months)
    assert found.price_usd_per_mwh.shape[1] == hours
    np.testing.assert_array_equal(both(found), both(year)[:, :hours])


@pytest.mark.parametrize("pairs", [1, 2, 7, 8, 1001])
def test_the_first_of_either_half(pairs: int) -> None:
    """Pairs of normal numbers are where they stand among all of them."""
    whole = typical.standard_normal(5, 2 * pairs).reshape(2, pairs)
    for first in {1, pairs // 2, pairs}:
        np.testing.assert_array_equal(typical.normal_pairs(5, pairs, first), whole[:, :first])


def test_generation_is_fast(figures: typical.TypicalFigures) -> None:
    """A year of 18 zones takes less than half a second of processor time."""
    best = 9.9
    for _ in range(3):
        begin = time.process_time()
        typical.generate(figures)
        best = min(best, time.process_time() - begin)
    assert best < 0.5


def test_the_figures_are_reproduced(
    figures: typical.TypicalFigures, year: typical.TypicalYear
) -> None:
    """Each month and hour has the mean that its figures say, and stays inside its bounds."""
    for part, values in (
        (figures.price, year.price_usd_per_mwh),
        (figures.carbon, year.average_g_per_kwh),
    ):
        assert values.shape == (ZONES, HOURS)
        assert np.abs(cell_means(values) - part.mean).max() < 0.01
        month = np.repeat(np.arange(12), typical.days_in_months(2023) * 24)
        assert (values >= part.low[:, month] - 0.005).all()
        assert (values <= part.high[:, month] + 0.005).all()


def test_prices_may_be_negative_and_intensities_may_not(year: typical.TypicalYear) -> None:
    """Germany and Victoria have hours below zero; no grid emits less than nothing."""
    negative = (year.price_usd_per_mwh < 0).mean(axis=1)
    assert negative[year.zones.index("AU-VIC")] > 0.1
    assert negative[year.zones.index("DE")] > 0.01
    assert (year.average_g_per_kwh > 0).all()


def test_means_match_the_real_year(
    year: typical.TypicalYear, real: tuple[np.ndarray, np.ndarray]
) -> None:
    """Per month and hour within rounding (0.01), and so the yearly mean."""
    real_both = np.concatenate(real)
    assert np.abs(cell_means(both(year)) - cell_means(real_both)).max() < 0.0151
    assert np.abs(both(year).mean(axis=1) - real_both.mean(axis=1)).max() < 0.01


def test_spread_matches_the_real_year(
    year: typical.TypicalYear, real: tuple[np.ndarray, np.ndarray]
) -> None:
    """The deviation over the year is never above the real one, and at most 10 % below."""
    ratio = both(year).std(axis=1) / np.concatenate(real).std(axis=1)
    assert ratio.max() < 1.001
    assert ratio.min() > 0.90


def test_persistence_matches_the_real_year(
    year: typical.TypicalYear, real: tuple[np.ndarray, np.ndarray]
) -> None:
    """Correlation of the standardised residuals with the hour before: within 0.03."""
    made = typical.lag_one(typical.residuals(both(year), 2023))
    true = typical.lag_one(typical.residuals(np.concatenate(real), 2023))
    assert np.abs(made - true).max() < 0.03


def test_correlations_match_the_real_year(
    year: typical.TypicalYear, real: tuple[np.ndarray, np.ndarray]
) -> None:
    """Price with carbon, and every zone with every other: within 0.05 of the real residuals."""
    made = np.corrcoef(typical.residuals(both(year), 2023))
    true = np.corrcoef(typical.residuals(np.concatenate(real), 2023))
    assert np.abs(made - true).max() < 0.05
    own = np.arange(ZONES)
    assert np.abs((made - true)[own, own + ZONES]).max() < 0.02


def test_the_cleanest_and_the_cheapest_zone_of_an_hour(
    year: typical.TypicalYear, real: tuple[np.ndarray, np.ndarray]
) -> None:
    """What relocation lives on, the mean of the hourly least over zones, within 1 of the real."""
    price, carbon = real
    assert year.price_usd_per_mwh.min(axis=0).mean() == pytest.approx(
        price.min(axis=0).mean(), abs=1.0
    )
    assert year.average_g_per_kwh.min(axis=0).mean() == pytest.approx(
        carbon.min(axis=0).mean(), abs=1.0
    )


@given(
    days=st.integers(28, 31),
    mean=st.floats(-50, 200),
    room=st.floats(5, 300),
    share=st.floats(0.001, 0.45),
    tail=st.sampled_from([-1.0, 1.0]),
    seed=st.integers(0, 10_000),
)
@examples(100)
def test_a_cell_has_its_mean_and_deviation(
    days: int, mean: float, room: float, share: float, tail: float, seed: int
) -> None:
    """Any latent values become values of the mean and, where nothing is cut, the deviation."""
    latent = typical.standard_normal(seed, days)[None, :]
    std = share * room
    far = 1e6
    low, high = (mean - room, mean + far) if tail > 0 else (mean - far, mean + room)
    values = typical.shape_cells(latent, *(np.array([v]) for v in (mean, std, tail, low, high)))
    assert values.mean() == pytest.approx(mean, abs=1e-6)
    assert values.std() == pytest.approx(std, abs=1e-6 * room + 1e-9)
    assert np.corrcoef(latent[0], values[0])[0, 1] > 0.7


@given(mean=st.floats(0.0, 1.0), width=st.floats(0.0, 2.0), seed=st.integers(0, 10_000))
@examples(100)
def test_a_cell_keeps_its_bounds(mean: float, width: float, seed: int) -> None:
    """However wide the deviation, the values stay inside the bounds and keep their mean."""
    latent = typical.standard_normal(seed, 30)[None, :]
    values = typical.shape_cells(latent, *(np.array([v]) for v in (mean, width, 1.0, 0.0, 1.0)))
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.mean() == pytest.approx(mean, abs=1e-6)


def test_a_leap_year_is_generated(figures: typical.TypicalFigures) -> None:
    """February of a leap year has 29 days, and the year 8,784 hours."""
    assert typical.days_in_months(2024)[1] == 29
    values = typical.shape_year(figures.carbon, np.zeros((ZONES, 8784)), 2024)
    assert values.shape == (ZONES, 8784)


def test_residuals_of_a_constant_are_zero() -> None:
    """A cell without spread does not divide by zero."""
    flat = np.full((1, HOURS), 3.0)
    assert not typical.residuals(flat, 2023).any()
    assert typical.lag_one(flat) == 0
