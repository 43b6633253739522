"""Sharing ahead of time: decide on a forecast, be judged by what comes.

Each day is planned when it begins. The rule finds its threshold over the forecast of the day and
those of the weeks before, and the steps of the day beyond it are degraded. A ledger keeps the
grams beyond the cap that the days so far have left, or spared; they are made good over the days to
come, at most the horizon. Without it, the errors of forecasts and the drift of the seasons would
add up: nothing in a single day's plan knows what became of the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.tiers.share import NEAR, RULES, decide, mean_of

STEPS_PER_DAY = 24
PAST_DAYS = 1
HORIZON_DAYS = 28
RESERVE = 2.0
"""So many times the usual miss of a day is kept in hand; 0 aims at the cap itself."""


@dataclass(frozen=True)
class Ahead:
    """A plan made day by day, `degraded` (T,), and how it turned out.

    In the mean of the window, g per request: `mean_g` is what a request emitted, `served_g` what
    one did that was served in full (nan where none was); `promised_g` is what the plans thought
    that the one of the two would be that the rule holds to the cap. `short_days` are days on which,
    by the forecast, no share would have made good what was owed; all that helps was degraded.
    """

    rule: str
    degraded: np.ndarray
    share: float
    promised_g: float
    mean_g: float
    served_g: float
    cap_g: float
    short_days: int

    @property
    def held_g(self) -> float:
        """What the rule holds to the cap: of the percentile rule, requests served in full."""
        return self.served_g if self.rule == "percentile" else self.mean_g

    @property
    def kept(self) -> bool:
        """Whether the cap held in truth."""
        return not self.held_g > self.cap_g * (1 + 1e-9)


@dataclass(frozen=True)
class _Series:
    """Grams per request in truth and as forecast, requests, all (T,)."""

    full: np.ndarray
    green: np.ndarray
    full_ahead: np.ndarray
    green_ahead: np.ndarray
    asked: np.ndarray


def day_ahead(
    series: np.ndarray, days: int = PAST_DAYS, steps_per_day: int = STEPS_PER_DAY
) -> np.ndarray:
    """Each step as the mean of the same step of the days before, (…, T); nan on the first day.

    What anyone can do without a weather model; up to `days` days are used, as many as there are.
    The day before alone has served best (docs/shares.md).
    """
    steps = series.shape[-1]
    whole = steps // steps_per_day
    table = series[..., : whole * steps_per_day]
    table = table.reshape(*series.shape[:-1], whole, steps_per_day)
    ahead = np.full(series.shape, np.nan)
    for day in range(1, -(-steps // steps_per_day)):
        past = table[..., max(day - days, 0) : min(day, whole), :].mean(axis=-2)
        begin = day * steps_per_day
        ahead[..., begin : begin + steps_per_day] = past[..., : steps - begin]
    return ahead


def plan_ahead(
    full_g: np.ndarray,
    green_g: np.ndarray,
    cap_g: float,
    forecast_full_g: np.ndarray | None = None,
    forecast_green_g: np.ndarray | None = None,
    requests: np.ndarray | None = None,
    rule: str = "budget",
    *,
    horizon_days: int = HORIZON_DAYS,
    reserve: float = RESERVE,
    steps_per_day: int = STEPS_PER_DAY,
) -> Ahead:
    """Degrade day by day on a forecast of grams per request, `day_ahead` by default.

    `full_g` and `green_g` (T,) are what a request emits in truth, in full and degraded. A forecast
    of `full_g` alone serves for `green_g`, too, by the ratio of their means. Days of which any step
    has no forecast (nan) are served in full. `requests` are known in advance.

    Debts and savings are spread over `horizon_days`, or the days that are left. `reserve` times the
    root mean square of a day's miss so far is kept in hand, so that the last day, too, may miss.

    Raises InputError with everything that is wrong.
    """
    full, green = np.asarray(full_g, dtype=float), np.asarray(green_g, dtype=float)
    asked = np.ones(len(full)) if requests is None else np.asarray(requests, dtype=float)
    foreseen = _forecasts(full, green, forecast_full_g, forecast_green_g, steps_per_day)
    of = _Series(full, green, *foreseen, asked)
    problems = list(_problems(of, cap_g, rule, horizon_days, reserve, steps_per_day))
    if problems:
        raise InputError(problems)
    degraded, short = _day_by_day(of, cap_g, rule, horizon_days, reserve, steps_per_day)
    known = ~np.isnan(of.full_ahead + of.green_ahead)
    thought_full = np.where(known, of.full_ahead, full)
    thought_green = np.where(known, of.green_ahead, green)
    return Ahead(
        rule=rule,
        degraded=degraded,
        share=mean_of(degraded, asked),
        promised_g=mean_of(thought_full, asked * (1.0 - degraded))
        if rule == "percentile"
        else mean_of(thought_full - degraded * (thought_full - thought_green), asked),
        mean_g=mean_of(full - degraded * (full - green), asked),
        served_g=mean_of(full, asked * (1.0 - degraded)),
        cap_g=cap_g,
        short_days=short,
    )


def _day_by_day(
    of: _Series, cap: float, rule: str, horizon_days: int, reserve: float, per_day: int
) -> tuple[np.ndarray, int]:
    """(share degraded in each step, days on which the cap was out of reach)."""
    degraded, owed, short = np.zeros(len(of.full)), 0.0, 0
    misses: list[float] = []
    unknown = np.isnan(of.full_ahead + of.green_ahead)
    starts = range(0, len(of.full), per_day)
    known = [not unknown[begin : begin + per_day].any() for begin in starts]
    foreseen = np.repeat(known, per_day)
    for n, begin in enumerate(starts):
        day = slice(begin, min(begin + per_day, len(of.full)))
        if known[n] and of.asked[day].any():
            horizon = min(horizon_days, len(starts) - n)
            seen = np.arange(max(n - horizon + 1, 0) * per_day, day.stop)
            seen = seen[foreseen[seen]]
            days_seen = sum(known[max(n - horizon + 1, 0) : n + 1])
            spare = reserve * float(np.sqrt(np.mean(np.square(misses)))) if misses else 0.0
            carried = (owed + spare) * days_seen / horizon
            part, met = _planned(of, seen, cap, rule, carried)
            degraded[day] = part[begin - day.stop :]
            short += not met
            thought = _beyond(of.full_ahead, of.green_ahead, of.asked, degraded, cap, rule, day)
            misses.append(_beyond(of.full, of.green, of.asked, degraded, cap, rule, day) - thought)
        owed += _beyond(of.full, of.green, of.asked, degraded, cap, rule, day)
    return degraded, short


def _planned(
    of: _Series, seen: np.ndarray, cap: float, rule: str, carried: float
) -> tuple[np.ndarray, bool]:
    """(share degraded in each of some steps by the forecast, whether that may keep the cap)."""
    full, green, asked = of.full_ahead[seen], of.green_ahead[seen], of.asked[seen]
    try:
        return decide(full, green, asked, cap, rule, carried)[0], True
    except InfeasibleError:
        helps = full > cap if rule == "percentile" else green < full
        return helps.astype(float), False


def _beyond(
    full: np.ndarray,
    green: np.ndarray,
    asked: np.ndarray,
    degraded: np.ndarray,
    cap: float,
    rule: str,
    day: slice,
) -> float:
    """Grams beyond the cap of a day, of what the rule holds to it; below 0 what is spared."""
    full, green, asked, part = full[day], green[day], asked[day], degraded[day]
    if rule == "percentile":
        return float((asked * (1.0 - part) * (full - cap)).sum())
    return float((asked * (full - part * (full - green) - cap)).sum())


def _forecasts(
    full: np.ndarray,
    green: np.ndarray,
    full_ahead: np.ndarray | None,
    green_ahead: np.ndarray | None,
    per_day: int,
) -> tuple[np.ndarray, np.ndarray]:
    if full_ahead is None:
        if full.shape != green.shape or per_day < 1:
            return full, green
        return day_ahead(full, steps_per_day=per_day), day_ahead(green, steps_per_day=per_day)
    given = np.asarray(full_ahead, dtype=float)
    if green_ahead is not None:
        return given, np.asarray(green_ahead, dtype=float)
    ratio = float(green.sum() / full.sum()) if full.sum() > 0 else 0.0
    return given, ratio * given


def _problems(
    of: _Series, cap: float, rule: str, horizon_days: int, reserve: float, per_day: int
) -> Iterator[Problem]:
    if rule not in RULES:
        yield Problem("rule", f"is `{rule}`", f"Choose {', '.join(RULES)}.")
    if not len(of.full):
        yield Problem("full_g", "is empty", "Give the grams of at least one day.")
    named = {
        "full_g": of.full,
        "green_g": of.green,
        "requests": of.asked,
        "forecast_full_g": of.full_ahead,
        "forecast_green_g": of.green_ahead,
    }
    for name, values in named.items():
        if values.shape != of.full.shape:
            what = f"has {values.size} steps where full_g has {of.full.size}"
            yield Problem(name, what, "Give one value per step.")
        bad = np.isinf(values) | (values < 0)
        if not name.startswith("forecast"):
            bad |= np.isnan(values)
        if bad.any():
            yield Problem(name, "has values that are negative or no numbers", "Fix the series.")
    if of.asked.shape == of.full.shape and len(of.full) and not of.asked.sum() > 0:
        yield Problem("requests", "add up to nothing", "Give requests in at least one step.")
    if of.green.shape == of.full.shape and of.green.sum() > of.full.sum() * (1 + NEAR):
        what = "is above full_g in the mean: a degraded request emits more than a full one"
        yield Problem("green_g", what, "Exchange the two, or choose a greener point.")
    if not 0 <= cap < np.inf:
        yield Problem("cap_g", f"is {cap:g}, wanted a number of at least 0", "Give g per request.")
    for name, value, least in (
        ("horizon_days", horizon_days, 1),
        ("steps_per_day", per_day, 1),
        ("reserve", reserve, 0),
    ):
        if not value >= least:
            yield Problem(name, f"is {value:g}, wanted at least {least}", "Give a larger number.")
