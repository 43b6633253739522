"""Month-and-hour figures of real hourly series, and the latent figures that reproduce them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl

from wattlas.data import typical

SEED = 20230101
CALIBRATION_STEPS = 16
GAIN = 0.6
LEAST_EIGENVALUE = 0.005
LATENT_DECIMALS = 4


def read_series(file: Path, column: str, zones: list[str], year: int) -> np.ndarray:
    """Hourly values of the zones in their order, shape (zones, hours); no gap is allowed."""
    frame = (
        pl.read_parquet(file)
        .with_columns(pl.col("zone").cast(pl.String))
        .filter(pl.col("ts_utc").dt.year() == year, pl.col("zone").is_in(zones))
        .pivot("zone", index="ts_utc", values=column)
        .sort("ts_utc")
    )
    values = frame.select(zones).to_numpy().T.astype(float)
    hours = int(typical.days_in_months(year).sum()) * typical.HOURS_PER_DAY
    if values.shape[1] != hours or not np.isfinite(values).all():
        raise SystemExit(f"{file.name}: {column} of {year} has gaps: {values.shape[1]} hours")
    return values


def month_hour_figures(values: np.ndarray, year: int) -> typical.SeriesFigures:
    """Mean, deviation, tail and bounds of each month and hour, rounded as they are shipped."""
    zones = len(values)
    shape = (zones, 12, typical.HOURS_PER_DAY)
    mean, std, tail = np.empty(shape), np.empty(shape), np.empty(shape)
    low, high = np.empty((zones, 12)), np.empty((zones, 12))
    begin = 0
    for month, days in enumerate(typical.days_in_months(year)):
        end = begin + int(days) * typical.HOURS_PER_DAY
        block = values[:, begin:end].reshape(zones, days, typical.HOURS_PER_DAY)
        mean[:, month] = np.round(block.mean(axis=1), 2)
        std[:, month] = np.round(block.std(axis=1), 2)
        centred = block - block.mean(axis=1, keepdims=True)
        tail[:, month] = np.where((centred**3).mean(axis=1) >= 0, 1, -1)
        low[:, month] = np.floor(block.min(axis=(1, 2)) * 100) / 100
        high[:, month] = np.ceil(block.max(axis=(1, 2)) * 100) / 100
        begin = end
    return typical.SeriesFigures(mean, std, tail, low, high, np.zeros(zones))


def nearest_usable(correlation: np.ndarray) -> np.ndarray:
    """A positive definite correlation matrix near the given one: small eigenvalues are raised."""
    level, axes = np.linalg.eigh(correlation)
    usable = (axes * np.maximum(level, LEAST_EIGENVALUE)) @ axes.T
    size = np.sqrt(np.diag(usable))
    usable = np.round(usable / np.outer(size, size), LATENT_DECIMALS)
    np.fill_diagonal(usable, 1.0)
    return usable


def slow_share_of(persistence: np.ndarray) -> np.ndarray:
    """The share of the slow part that gives a latent series this persistence, 0..1."""
    share: np.ndarray = (persistence - typical.FAST) / (typical.SLOW - typical.FAST)
    return np.clip(share, 0.0, 1.0)


def calibrate(
    zones: list[str], price: np.ndarray, carbon: np.ndarray, year: int
) -> tuple[typical.TypicalFigures, np.ndarray, np.ndarray]:
    """Figures whose generated year has the persistence and correlations of the real one.

    The log-normal shapes bend correlations, so the latent ones are moved until the generated
    residuals have the real values. Returns the figures, and the real persistence (2Z,) and
    correlation (2Z, 2Z) of the standardised residuals.
    """
    price_figures = month_hour_figures(price, year)
    carbon_figures = month_hour_figures(carbon, year)
    real = typical.residuals(np.concatenate([price, carbon]), year)
    real_lag, real_correlation = typical.lag_one(real), np.corrcoef(real)
    share, correlation = slow_share_of(real_lag), real_correlation.copy()
    best: tuple[float, np.ndarray, np.ndarray] = (np.inf, share, correlation)
    figures = None
    for step in range(CALIBRATION_STEPS + 1):
        usable = nearest_usable(correlation)
        shipped = np.round(share, LATENT_DECIMALS)
        figures = _figures(zones, price_figures, carbon_figures, shipped, usable, year)
        generated = typical.generate(figures)
        unit = typical.residuals(
            np.concatenate([generated.price_usd_per_mwh, generated.average_g_per_kwh]), year
        )
        lag_gap = real_lag - typical.lag_one(unit)
        correlation_gap = real_correlation - np.corrcoef(unit)
        error = float(np.abs(lag_gap).mean() + np.abs(correlation_gap).mean())
        if error < best[0]:
            best = (error, shipped, usable)
        gain = GAIN if step < CALIBRATION_STEPS // 2 else GAIN / 3
        share = np.clip(share + 2.0 * gain * lag_gap, 0.0, 1.0)
        correlation = np.clip(usable + gain * correlation_gap, -0.98, 0.98)
        np.fill_diagonal(correlation, 1.0)
    _, share, usable = best
    figures = _figures(zones, price_figures, carbon_figures, share, usable, year)
    return figures, real_lag, real_correlation


def _figures(
    zones: list[str],
    price: typical.SeriesFigures,
    carbon: typical.SeriesFigures,
    slow_share: np.ndarray,
    correlation: np.ndarray,
    year: int,
) -> typical.TypicalFigures:
    """The two signals with their share of the latent figures."""
    count = len(zones)
    return typical.TypicalFigures(
        zones=tuple(zones),
        price=_with_share(price, slow_share[:count]),
        carbon=_with_share(carbon, slow_share[count:]),
        correlation=correlation,
        year=year,
        seed=SEED,
    )


def _with_share(figures: typical.SeriesFigures, slow_share: np.ndarray) -> typical.SeriesFigures:
    return dataclasses.replace(figures, slow_share=slow_share)
