"""Sharing ahead of time: decide on a forecast, be judged by what comes.

Each day is planned when it begins. The rule finds its threshold over the forecast of the day and
those of the weeks before, and the steps of the day beyond it are degraded. A ledger keeps the
grams beyond the cap that the days so far have left, or spared; they are made good over the days to
come, at most the horizon. Without it, the errors of forecasts and the drift of the seasons would
add up: nothing in a single day's plan knows what became of the last one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.tiers.share import decide, mean_of, series_problems

STEPS_PER_DAY = 24
PAST_DAYS = 1
HORIZON_DAYS = 28
ALL = slice(None)
RESERVE = 2.0
"""So many times the usual miss of a day is kept in hand."""


@dataclass(frozen=True)
class Ahead:
    """A plan made day by day, `degraded` (T,), and how it turned out.

    In the mean of the window, g per request: `mean_g` is what a request emitted, `served_g` what
    one did that was served in full (nan where none was); `planned_g` is what the plans thought
    that the one of the two would be that the rule holds to the cap. `short_days` are days on which,
    by the forecast, no share would have made good what was owed; all that helps was degraded.
    """

    rule: str
    degraded: np.ndarray
    share: float
    planned_g: float
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
class CatchUp:
    """How misses are made good.

    Debts and savings are spread over `horizon_days`, or the days that are left. `reserve` times the
    root mean square of a day's miss so far is kept in hand, so that the last day, too, may miss; 0
    aims at the cap itself.
    """

    horizon_days: int = HORIZON_DAYS
    reserve: float = RESERVE
    steps_per_day: int = STEPS_PER_DAY


DEFAULT_LEDGER = CatchUp()


@dataclass(frozen=True)
class _Grams:
    """g per request in full and degraded, (T,) each."""

    full: np.ndarray
    green: np.ndarray

    def emitted(self, degraded: np.ndarray, steps: slice = ALL) -> np.ndarray:
        """g per request where such a share is degraded, (T,), or in some of the steps."""
        full = self.full[steps]
        grams: np.ndarray = full - degraded[steps] * (full - self.green[steps])
        return grams


@dataclass(frozen=True)
class _Question:
    """What happens and what is forecast; requests (T,), and the cap that a rule holds."""

    truth: _Grams
    forecast: _Grams
    demand: np.ndarray
    cap_g: float
    rule: str

    @property
    def unknown(self) -> np.ndarray:
        """Which steps have no forecast, (T,)."""
        unknown: np.ndarray = np.isnan(self.forecast.full + self.forecast.green)
        return unknown

    def held_g(self, grams: _Grams, degraded: np.ndarray) -> float:
        """The mean that the rule holds to the cap, g per request; nan where there is none."""
        if self.rule == "percentile":
            return mean_of(grams.full, self.demand * (1.0 - degraded))
        return mean_of(grams.emitted(degraded), self.demand)

    def beyond_g(self, grams: _Grams, degraded: np.ndarray, day: slice) -> float:
        """Grams beyond the cap of a day, of what the rule holds to it; below 0 what is spared."""
        demand = self.demand[day]
        if self.rule == "percentile":
            counted, over = demand * (1.0 - degraded[day]), grams.full[day] - self.cap_g
        else:
            counted, over = demand, grams.emitted(degraded, day) - self.cap_g
        return float((counted * over).sum())


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
    ledger: CatchUp = DEFAULT_LEDGER,
) -> Ahead:
    """Degrade day by day on a forecast of grams per request, `day_ahead` by default.

    `full_g` and `green_g` (T,) are what a request emits in truth, in full and degraded. A forecast
    of `full_g` alone serves for `green_g`, too, by the ratio of their means. Days of which any step
    has no forecast (nan) are served in full. `requests` are known in advance.

    Raises InputError with everything that is wrong.
    """
    truth = _Grams(np.asarray(full_g, dtype=float), np.asarray(green_g, dtype=float))
    demand = np.ones(len(truth.full)) if requests is None else np.asarray(requests, dtype=float)
    forecast = _forecast(truth, forecast_full_g, forecast_green_g, ledger.steps_per_day)
    question = _Question(truth, forecast, demand, cap_g, rule)
    problems = list(_problems(question, ledger))
    if problems:
        raise InputError(problems)
    degraded, short = _day_by_day(question, ledger)
    thought = _Grams(
        np.where(question.unknown, truth.full, forecast.full),
        np.where(question.unknown, truth.green, forecast.green),
    )
    return Ahead(
        rule=rule,
        degraded=degraded,
        share=mean_of(degraded, demand),
        planned_g=question.held_g(thought, degraded),
        mean_g=mean_of(truth.emitted(degraded), demand),
        served_g=mean_of(truth.full, demand * (1.0 - degraded)),
        cap_g=cap_g,
        short_days=short,
    )


def _day_by_day(question: _Question, ledger: CatchUp) -> tuple[np.ndarray, int]:
    """(share degraded in each step, days on which the cap was out of reach)."""
    steps, per_day = len(question.demand), ledger.steps_per_day
    degraded, owed, short = np.zeros(steps), 0.0, 0
    squares, planned = 0.0, 0
    starts = range(0, steps, per_day)
    unknown = question.unknown
    known = [not unknown[begin : begin + per_day].any() for begin in starts]
    foreseen = np.repeat(known, per_day)
    for n, begin in enumerate(starts):
        day = slice(begin, min(begin + per_day, steps))
        if known[n] and question.demand[day].any():
            horizon = min(ledger.horizon_days, len(starts) - n)
            first = max(n - horizon + 1, 0)
            ahead = np.arange(first * per_day, day.stop)
            ahead = ahead[foreseen[ahead]]
            spare = ledger.reserve * math.sqrt(squares / planned) if planned else 0.0
            carried = (owed + spare) * sum(known[first : n + 1]) / horizon
            part, met = _planned(question, ahead, carried)
            degraded[day] = part[begin - day.stop :]
            short += not met
            thought = question.beyond_g(question.forecast, degraded, day)
            squares += (question.beyond_g(question.truth, degraded, day) - thought) ** 2
            planned += 1
        owed += question.beyond_g(question.truth, degraded, day)
    return degraded, short


def _planned(question: _Question, steps: np.ndarray, carried: float) -> tuple[np.ndarray, bool]:
    """(share degraded in each of some steps by the forecast, whether that may keep the cap)."""
    full, green = question.forecast.full[steps], question.forecast.green[steps]
    rule, cap = question.rule, question.cap_g
    try:
        return decide(full, green, question.demand[steps], cap, rule, carried)[0], True
    except InfeasibleError:
        helps = full > cap if rule == "percentile" else green < full
        return helps.astype(float), False


def _forecast(
    truth: _Grams, full: np.ndarray | None, green: np.ndarray | None, per_day: int
) -> _Grams:
    if full is None:
        if truth.full.shape != truth.green.shape or per_day < 1:
            return truth
        days = (day_ahead(grams, steps_per_day=per_day) for grams in (truth.full, truth.green))
        return _Grams(*days)
    grams_full = np.asarray(full, dtype=float)
    if green is not None:
        return _Grams(grams_full, np.asarray(green, dtype=float))
    ratio = float(truth.green.sum() / truth.full.sum()) if truth.full.sum() > 0 else 0.0
    return _Grams(grams_full, ratio * grams_full)


def _problems(question: _Question, ledger: CatchUp) -> Iterator[Problem]:
    truth, forecast = question.truth, question.forecast
    yield from series_problems(
        truth.full, truth.green, question.demand, [question.cap_g], question.rule
    )
    for name, values in (
        ("forecast_full_g", forecast.full),
        ("forecast_green_g", forecast.green),
    ):
        if values.shape != truth.full.shape:
            what = f"has {values.size} steps where full_g has {truth.full.size}"
            yield Problem(name, what, "Give one value per step.")
        if (np.isinf(values) | (values < 0)).any():
            yield Problem(name, "has values that are negative or no numbers", "Fix the series.")
    for name, value, least in (
        ("horizon_days", ledger.horizon_days, 1),
        ("steps_per_day", ledger.steps_per_day, 1),
        ("reserve", ledger.reserve, 0),
    ):
        if not value >= least:
            yield Problem(name, f"is {value:g}, wanted at least {least}", "Give a larger number.")
