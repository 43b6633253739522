"""Sharing ahead of time: decide on a forecast, be judged by what comes.

Each day is planned when it begins, from what was seen so far and a forecast of the day: the rule
finds its threshold over the last weeks and the day ahead; the day's steps above it are degraded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.tiers.share import Share, green_share

STEPS_PER_DAY = 24
PAST_DAYS = 7
HISTORY_DAYS = 28
FULL, SPLIT, DEGRADED = "full", "split", "degraded"


@dataclass(frozen=True)
class Ahead:
    """A plan made day by day, `degraded` (T,), and how it turned out.

    `promised_g` is what the plans thought a request would emit, `mean_g` what it did, each in the
    mean; `kept` whether the cap held. `short_days` are days on which no share would have met the
    cap by the forecast, and everything was degraded.
    """

    degraded: np.ndarray
    share: float
    promised_g: float
    mean_g: float
    cap_g: float
    short_days: int

    @property
    def kept(self) -> bool:
        """Whether the cap held in truth."""
        return self.mean_g <= self.cap_g * (1 + 1e-12)


def day_ahead(series: np.ndarray, days: int = PAST_DAYS) -> np.ndarray:
    """Each hour as the mean of the same hour of the days before, (T,); nan on the first day.

    What anyone can do without a weather model; up to `days` days are used, as many as there are.
    """
    whole = len(series) // STEPS_PER_DAY
    table = series[: whole * STEPS_PER_DAY].reshape(whole, STEPS_PER_DAY)
    ahead = np.full(len(series), np.nan)
    for day in range(1, -(-len(series) // STEPS_PER_DAY)):
        past = table[max(day - days, 0) : min(day, whole)].mean(axis=0)
        begin = day * STEPS_PER_DAY
        ahead[begin : begin + STEPS_PER_DAY] = past[: len(series) - begin]
    return ahead


def plan_ahead(
    full_g: np.ndarray,
    green_share_of_full: float,
    cap_g: float,
    forecast_g: np.ndarray | None = None,
    requests: np.ndarray | None = None,
    rule: str = "budget",
    history_days: int = HISTORY_DAYS,
) -> Ahead:
    """Degrade day by day on a forecast of `full_g` (T,), hourly; `day_ahead` by default.

    `green_share_of_full` is what a degraded request emits of a full one, 0..1. Days without a
    forecast are served in full. Raises InputError for shares outside 0..1 and series that do not
    fit.
    """
    full = np.asarray(full_g, dtype=float)
    ahead = day_ahead(full) if forecast_g is None else np.asarray(forecast_g, dtype=float)
    asked = np.ones(len(full)) if requests is None else np.asarray(requests, dtype=float)
    _check(full, ahead, asked, green_share_of_full)
    degraded, promised, short = np.zeros(len(full)), full.copy(), 0
    for begin in range(0, len(full), STEPS_PER_DAY):
        day = slice(begin, min(begin + STEPS_PER_DAY, len(full)))
        if np.isnan(ahead[day]).any():
            continue
        past = slice(max(begin - history_days * STEPS_PER_DAY, 0), begin)
        seen = np.concatenate([full[past], ahead[day]])
        volume = np.concatenate([asked[past], asked[day]])
        try:
            found = green_share(seen, green_share_of_full * seen, cap_g, volume, rule)
            degraded[day] = found.degraded[-(day.stop - day.start) :]
        except InfeasibleError:
            degraded[day] = 1.0
            short += 1
        promised[day] = ahead[day]
    saved = degraded * (1 - green_share_of_full)
    total = float(asked.sum())
    return Ahead(
        degraded=degraded,
        share=float((asked * degraded).sum()) / total,
        promised_g=float((asked * promised * (1 - saved)).sum()) / total,
        mean_g=float((asked * full * (1 - saved)).sum()) / total,
        cap_g=cap_g,
        short_days=short,
    )


def by_day(found: Share | Ahead, utc: np.ndarray) -> dict[str, list[object]]:
    """Which hours of each day are served how: day, share degraded, and a letter per hour.

    f is full, s split, d degraded; `utc` (T,) are the times of the steps.
    """
    day = utc.astype("datetime64[D]")
    letter = np.where(found.degraded >= 1.0, "d", np.where(found.degraded > 0.0, "s", "f"))
    out: dict[str, list[object]] = {"day": [], "degraded_share": [], "hours": []}
    for one in np.unique(day):
        at = day == one
        out["day"].append(str(one))
        out["degraded_share"].append(float(found.degraded[at].mean()))
        out["hours"].append("".join(letter[at]))
    return out


def _check(full: np.ndarray, ahead: np.ndarray, asked: np.ndarray, green: float) -> None:
    problems = []
    if not 0.0 <= green <= 1.0:
        what = f"is {green:g}, wanted 0..1"
        problems.append(Problem("green_share_of_full", what, "Give green over full emissions."))
    for name, values in (("forecast_g", ahead), ("requests", asked)):
        if values.shape != full.shape:
            what = f"has {values.size} steps where full_g has {full.size}"
            problems.append(Problem(name, what, "Give one value per hour."))
    if problems:
        raise InputError(problems)
