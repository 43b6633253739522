"""A typical year: 8,760 h made from month-and-hour figures, the same on every machine.

Each signal of each zone (a series) has, per month and hour of the day (UTC), a mean, a standard
deviation and the direction of its longer tail; per month, the least and the greatest value; and
a persistence from hour to hour. One matrix correlates all series.

1. A latent Gaussian series per signal: the weighted sum of a slow part (weather, days) and a fast
   part (hours), each autoregressive of first order with one persistence for all series, each
   correlated between series by the same matrix. The weight sets the persistence of the series.
2. Per series, month and hour of the day (a cell of 28 to 31 values), the latent values pass
   through a shifted log-normal that starts at the month's bound on the side of the shorter tail.
   Its two parameters are solved for, so that the cell's mean and deviation are those given.
3. Values beyond the month's bounds are cut, and the rest of the cell shifted until its mean is
   right again. The mean always holds; the deviation only as far as nothing was cut.

The random bits are the raw stream of the counter-based Philox generator, turned into normal
numbers here: numpy guarantees the stream, but not its own distributions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HOURS_PER_DAY = 24
BURN_IN_H = 1000
SLOW, FAST = 0.99, 0.5
"""Correlation with the hour before of the slow and of the fast part."""
DECIMALS = 2
_LEAST = 1e-9
_WORDS_AT_ONCE = 4
"""Philox makes so many 64-bit words at a time, and is advanced by such steps."""
_MAX_SHAPE = 12.0
_NEWTON_STEPS = 25
_RECENTRE_STEPS = 60


@dataclass(frozen=True)
class SeriesFigures:
    """Month-and-hour figures of one signal; axes (zones, 12 months, 24 hours UTC)."""

    mean: np.ndarray
    std: np.ndarray
    """Deviation of the days around the mean of their cell (divided by n), same unit."""
    tail: np.ndarray
    """+1 where the longer tail is upward, -1 where it is downward."""
    low: np.ndarray
    """Least value of the month, shape (zones, 12)."""
    high: np.ndarray
    """Greatest value of the month, shape (zones, 12)."""
    slow_share: np.ndarray
    """Share of the slow part in the variance of the latent series, 0..1, shape (zones,)."""


@dataclass(frozen=True)
class TypicalFigures:
    """All that a typical year is made from."""

    zones: tuple[str, ...]
    price: SeriesFigures
    carbon: SeriesFigures
    correlation: np.ndarray
    """Of the latent series at the same hour: prices of all zones, then carbon; (2Z, 2Z)."""
    year: int
    seed: int


@dataclass(frozen=True)
class TypicalYear:
    """Hourly series, shape (zones, hours of the year or its first months), from `start` (UTC)."""

    zones: tuple[str, ...]
    start: np.datetime64
    price_usd_per_mwh: np.ndarray
    average_g_per_kwh: np.ndarray


def standard_normal(seed: int, count: int) -> np.ndarray:
    """`count` independent standard normal numbers by Box and Muller, shape (count,).

    Source: the raw 64-bit stream of Philox with key `seed`, its upper 53 bits as uniforms.
    """
    pairs = (count + 1) // 2
    return normal_pairs(seed, pairs, pairs).ravel()[:count]


def normal_pairs(seed: int, pairs: int, first: int) -> np.ndarray:
    """Of the 2 · `pairs` numbers of `standard_normal` the first ones of either half, (2, first)."""
    skipped, offset = divmod(pairs, _WORDS_AT_ONCE)
    later = np.random.Philox(key=seed).advance(skipped).random_raw(offset + first)[offset:]
    raw = np.stack([np.random.Philox(key=seed).random_raw(first), later])
    uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[0]))
    angle = 2.0 * np.pi * uniform[1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])


def latent_series(
    correlation: np.ndarray, slow_share: np.ndarray, hours: int, seed: int, first: int | None = None
) -> np.ndarray:
    """Correlated, persistent Gaussian series of variance 1, shape (series, hours).

    u = √w·s + √(1−w)·f, with s_t = a·s_{t−1} + √(1−a²)·e_t for the slow part s, likewise for the
    fast part f, both with innovations e of the given correlation. `first`: so many hours only.
    """
    series = len(slow_share)
    steps = BURN_IN_H + (hours if first is None else first)
    factor = np.linalg.cholesky(correlation)
    normal = normal_pairs(seed, (hours + BURN_IN_H) * series, steps * series)
    noise = normal.reshape(2, steps, series) @ factor.T
    keep = np.array([[SLOW], [FAST]])
    parts = noise * np.sqrt(1.0 - keep**2)[:, None]
    for t in range(1, steps):
        parts[:, t] += keep * parts[:, t - 1]
    weight = np.sqrt(np.stack([slow_share, 1.0 - slow_share]))
    out = (weight[:, None] * parts[:, BURN_IN_H:]).sum(axis=0)
    return np.ascontiguousarray(out.T)


def _lognormal_weights(latent: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """exp(s·z) scaled to mean 1 over the days, with s such that its deviation is `spread`.

    `latent` (cells, days), `spread` (cells,). Newton's method inside a bracket on
    g(s) = ln(mean(e^{2sz}) / mean(e^{sz})²), which rises with s; wanted is ln(1 + spread²).
    """
    reachable = np.minimum(spread, np.sqrt(latent.shape[1]))
    target = np.log1p(reachable**2)
    low, high = np.zeros(len(latent)), np.full(len(latent), _MAX_SHAPE)
    shape = np.minimum(np.sqrt(target) / np.maximum(latent.std(axis=1), 1e-3), _MAX_SHAPE / 2)
    centred = latent - latent.max(axis=1, keepdims=True)
    for _ in range(_NEWTON_STEPS):
        once = np.exp(shape[:, None] * centred)
        twice = once * once
        sum_once, sum_twice = once.sum(axis=1), twice.sum(axis=1)
        gap = np.log(sum_twice * latent.shape[1] / sum_once**2) - target
        low, high = np.where(gap < 0, shape, low), np.where(gap < 0, high, shape)
        slope = 2.0 * (
            (twice * centred).sum(axis=1) / sum_twice - (once * centred).sum(axis=1) / sum_once
        )
        step = shape - gap / np.maximum(slope, 1e-9)
        inside = (step >= low) & (step <= high)
        following = np.where(inside, step, 0.5 * (low + high))
        if np.abs(following - shape).max() < 1e-12:
            break
        shape = following
    weights = np.exp(shape[:, None] * centred)
    return np.asarray(weights / weights.mean(axis=1, keepdims=True))


def _recentre(
    values: np.ndarray, mean: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Cut to [low, high], then shift what was not cut until each row has its mean again."""
    values = np.clip(values, low[:, None], high[:, None])
    for _ in range(_RECENTRE_STEPS):
        lack = mean - values.mean(axis=1)
        if np.abs(lack).max() < 1e-12:
            break
        room = np.where(lack[:, None] > 0, values < high[:, None], values > low[:, None])
        share = room.mean(axis=1)
        shift = np.divide(lack, share, out=np.zeros_like(lack), where=share > 0)
        values = np.clip(values + room * shift[:, None], low[:, None], high[:, None])
    return values


def shape_cells(
    latent: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    tail: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Latent values (cells, days) to values of the given mean, deviation, tail and bounds.

    An upward tail is low + (mean − low)·w, a downward one high − (high − mean)·w with the sign of
    the latent value turned, w log-normal with mean 1. All arguments but the first: (cells,).
    """
    reach = np.where(tail > 0, mean - low, high - mean)
    moves = (std > _LEAST) & (reach > _LEAST)
    spread = np.divide(std, reach, out=np.zeros_like(std), where=moves)
    weights = _lognormal_weights(latent * np.where(tail > 0, 1.0, -1.0)[:, None], spread)
    rising = low[:, None] + reach[:, None] * weights
    falling = high[:, None] - reach[:, None] * weights
    values = np.where((tail > 0)[:, None], rising, falling)
    values = np.where(moves[:, None], values, mean[:, None])
    return _recentre(values, mean, low, high)


def days_in_months(year: int) -> np.ndarray:
    """Number of days of each month, shape (12,)."""
    firsts = np.arange(f"{year}-01", f"{year + 1}-02", dtype="datetime64[M]")
    return np.diff(firsts.astype("datetime64[D]").astype(np.int64))


def shape_year(figures: SeriesFigures, latent: np.ndarray, year: int) -> np.ndarray:
    """One signal's latent series (zones, hours) to its values, rounded to 0.01 of its unit.

    The hours are those of the year, or of its first months.
    """
    zones = len(latent)
    values = np.empty_like(latent)
    begin = 0
    for month, days in enumerate(days_in_months(year)):
        if begin == latent.shape[1]:
            break
        end = begin + int(days) * HOURS_PER_DAY
        cells = latent[:, begin:end].reshape(zones, days, HOURS_PER_DAY).transpose(0, 2, 1)
        shaped = shape_cells(
            cells.reshape(zones * HOURS_PER_DAY, days),
            figures.mean[:, month].ravel(),
            figures.std[:, month].ravel(),
            figures.tail[:, month].ravel(),
            np.repeat(figures.low[:, month], HOURS_PER_DAY),
            np.repeat(figures.high[:, month], HOURS_PER_DAY),
        )
        back = shaped.reshape(zones, HOURS_PER_DAY, days).transpose(0, 2, 1)
        values[:, begin:end] = back.reshape(zones, end - begin)
        begin = end
    rounded: np.ndarray = np.round(values, DECIMALS) + 0.0
    return rounded


def generate(figures: TypicalFigures, months: int = 12) -> TypicalYear:
    """The typical year of these figures: the same values on every machine.

    `months`: so many from January on, with the values that they have in the year.
    """
    days = days_in_months(figures.year)
    hours, first = (int(part.sum()) * HOURS_PER_DAY for part in (days, days[:months]))
    slow_share = np.concatenate([figures.price.slow_share, figures.carbon.slow_share])
    latent = latent_series(figures.correlation, slow_share, hours, figures.seed, first)
    zones = len(figures.zones)
    return TypicalYear(
        zones=figures.zones,
        start=np.datetime64(f"{figures.year}-01-01T00:00:00", "s"),
        price_usd_per_mwh=shape_year(figures.price, latent[:zones], figures.year),
        average_g_per_kwh=shape_year(figures.carbon, latent[zones:], figures.year),
    )


def residuals(values: np.ndarray, year: int) -> np.ndarray:
    """Standardised residuals around the mean of each month and hour, shape as `values`.

    `values` (series, hours of the year); a cell without spread gives 0.
    """
    out = np.zeros_like(values)
    begin = 0
    for days in days_in_months(year):
        end = begin + int(days) * HOURS_PER_DAY
        block = values[:, begin:end].reshape(len(values), days, HOURS_PER_DAY)
        centred = block - block.mean(axis=1, keepdims=True)
        std = block.std(axis=1, keepdims=True)
        unit = np.divide(centred, std, out=np.zeros_like(centred), where=std > 1e-9)
        out[:, begin:end] = unit.reshape(len(values), end - begin)
        begin = end
    return out


def lag_one(series: np.ndarray) -> np.ndarray:
    """Correlation of each row with itself one step before, shape (rows,)."""
    centred = series - series.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1)
    shared = (centred[:, 1:] * centred[:, :-1]).mean(axis=1)
    return np.asarray(np.divide(shared, variance, out=np.zeros_like(shared), where=variance > 0))
