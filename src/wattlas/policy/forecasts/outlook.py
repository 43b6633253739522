"""What a policy is told of the hours ahead, step by step, from what was known when it was told.

A forecast is issued as a step begins, from hours that are over by then. Published prices stand in
it as they are. What came is the demand of the steps before, as the replay saw it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.checks import part_of
from wattlas.model.issued import Issued
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean
from wattlas.policy.forecasts.archived import Archived
from wattlas.policy.forecasts.features import PreparedHistory
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History, is_published
from wattlas.policy.forecasts.holes import dry, holes, late
from wattlas.policy.forecasts.lookup import Lookup
from wattlas.policy.forecasts.markets import known_of
from wattlas.policy.forecasts.models import (
    AHEAD_H,
    MEDIAN,
    QUANTILES,
    Climatology,
    Forecaster,
    Persistence,
    boosted,
    last_known,
    prepared_for,
    with_published,
)
from wattlas.policy.forecasts.past import Pasts, pasts_of
from wattlas.policy.forecasts.renewals import renewed
from wattlas.policy.forecasts.vintages import REMEMBERED_H, AsKnown, known_at
from wattlas.policy.protocol import Forecast

LOOK_AHEAD_H = 24
BLOCK_H = 168
"""Hours of issue whose signals are forecast in one go: what a model takes for a call is the same
for few as for many."""
GAPS_H = HOURS_PER_DAY // 2
"""Hours that may be missing in the past that a forecast needs."""


@dataclass(frozen=True)
class Files:
    """What files say beside a scenario: an `archive` of forecasts by signal, as somebody issued
    them; quantities of the `weather` of zones, which `boosted` learns from, too; `vintages` by
    signal, what was known of hours that are over, and when.
    """

    archive: Mapping[str, Issued] | None = None
    weather: tuple[Issued, ...] = ()
    vintages: Mapping[str, Issued] = field(default_factory=dict)


NO_FILES = Files()


class Outlook(Protocol):
    """Issues the forecast of every step of a scenario."""

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    def at(self, step: int, came_per_h: np.ndarray) -> Forecast:
        """What is expected as a step begins; `came_per_h` (metros, classes, step) came before."""
        ...


@dataclass(frozen=True)
class Perfect:
    """What the scenario says of all steps from this one on: a forecast that comes true."""

    scenario: Scenario
    name: str = "perfect"

    def at(self, step: int, came_per_h: np.ndarray) -> Forecast:
        """The truth until the last step."""
        s = self.scenario
        price = s.price_usd_per_mwh[:, step:]
        return Forecast(
            issued_utc=s.hours.utc[step],
            utc=s.hours.utc[step:],
            step_h=s.hours.step_h,
            price_usd_per_mwh=price,
            carbon_g_per_kwh=s.deciding_g_per_kwh[:, step:],
            demand_per_h=s.demand_per_h[:, :, step:],
            published=np.ones(price.shape, dtype=bool),
        )


@dataclass
class FromPast:
    """Forecasts from the past alone. `forecast_outlook` makes it."""

    scenario: Scenario
    pasts: Pasts
    models: Mapping[str, Forecaster]
    """Of `price`, `carbon` and `demand`."""
    look_ahead_h: int
    name: str
    notes: tuple[str, ...] = ()
    """What a reader of results should know of the forecasts."""
    _blocks: dict[tuple[str, int], np.ndarray] = field(default_factory=dict, repr=False)
    _prepared: dict[str, PreparedHistory] = field(default_factory=dict, repr=False)

    @property
    def has_vintages(self) -> bool:
        """Whether any signal is known as its vintages say."""
        return any(isinstance(model, AsKnown) for model in self.models.values())

    def at(self, step: int, came_per_h: np.ndarray) -> Forecast:
        """The median of what may come in each of the next hours, up to the scenario's end."""
        s = self.scenario
        ahead = min(self.look_ahead_h, s.hours.count - step)
        rows = [self.pasts.zones.index(region.zone) for region in s.regions]
        carbon = self._signal("carbon", self.pasts.carbon, step)[rows, :ahead]
        price, published = np.full_like(carbon, np.nan), np.zeros(carbon.shape, dtype=bool)
        if self.pasts.price is not None:
            price = self._signal("price", self.pasts.price, step)[rows, :ahead]
            issued = np.array([self.pasts.span.first + step - 1])
            told = np.arange(1, ahead + 1)
            published = is_published(self.pasts.price, self.pasts.price.known, issued, told)[rows]
        return Forecast(
            issued_utc=s.hours.utc[step],
            utc=s.hours.utc[step : step + ahead],
            step_h=s.hours.step_h,
            price_usd_per_mwh=price,
            carbon_g_per_kwh=carbon,
            demand_per_h=self._demand(step, ahead, came_per_h),
            published=published,
        )

    def _signal(self, name: str, history: History, step: int) -> np.ndarray:
        """(series, look-ahead) as a step begins; from a block of steps that is made once, where
        no step knows other values of the past than the next."""
        model = self.models[name]
        if isinstance(model, AsKnown):
            issue = self.pasts.span.first + step - 1
            seen, at = model.seen(history, issue, self.look_ahead_h)
            ready = prepared_for(model.model, seen)
            return _middles(model.model, ready, np.array([at]), self.look_ahead_h)[:, 0]
        block, within = divmod(step, BLOCK_H)
        if (name, block) not in self._blocks:
            for old in [key for key in self._blocks if key[0] == name and key[1] < block - 1]:
                del self._blocks[old]
            if name not in self._prepared:
                self._prepared[name] = prepared_for(model, history)
            first = self.pasts.span.first + block * BLOCK_H
            issued = np.arange(first, min(first + BLOCK_H, history.hours)) - 1
            made = _middles(model, self._prepared[name], issued, self.look_ahead_h)
            self._blocks[name, block] = made
        return self._blocks[name, block][:, within]

    def _demand(self, step: int, ahead: int, came_per_h: np.ndarray) -> np.ndarray:
        """(metros, classes, ahead): from the past and from what came; never below zero."""
        i, k = self.scenario.shape[:2]
        whole, first = self.pasts.demand, self.pasts.span.first
        now = first + step
        low = max(now - REMEMBERED_H, 0)
        before = whole.value[:, low : max(low, first)]
        came = came_per_h.reshape(i * k, step)[:, max(low - first, 0) :]
        known = part_of(whole.between(low, now), value=np.concatenate([before, came], axis=1))
        model = self.models["demand"]
        made = _middles(model, prepared_for(model, known), np.array([now - low - 1]), ahead)
        return np.asarray(np.maximum(made[:, 0], 0.0).reshape(i, k, ahead))


def _middles(
    model: Forecaster, prepared: PreparedHistory, issued: np.ndarray, look_ahead_h: int
) -> np.ndarray:
    """Medians with what is published, (series, n, look-ahead); where a model knows nothing, the
    last value that was measured.
    """
    history, columns = prepared.history, []
    for ahead in range(1, look_ahead_h + 1):
        made = model.quantiles(prepared, issued, ahead)
        told = with_published(history, made, issued, ahead)
        columns.append(told[..., told.shape[-1] // 2])
    middle = np.stack(columns, axis=-1)
    known = np.isfinite(middle)
    if known.all():
        return middle
    return np.where(known, middle, last_known(history.value, issued)[..., None])


HistoryAt = Callable[[int], History]
"""A history as it was known when an hour began."""


def _persistence(_history_at: HistoryAt, _first: int, _end: int, _ahead: int) -> Forecaster:
    return Persistence()


def _climatology(_history_at: HistoryAt, _first: int, _end: int, _ahead: int) -> Forecaster:
    return Climatology()


def _boosted(history_at: HistoryAt, first: int, end: int, look_ahead_h: int) -> Forecaster:
    horizons = sorted({h for h in AHEAD_H if h < look_ahead_h} | {look_ahead_h})
    model = boosted(
        history_at(first), 0, first, ahead_h=horizons, quantiles=QUANTILES[MEDIAN : MEDIAN + 1]
    )
    return renewed(model, history_at, 0, first, end)


LEARNT = "boosted"
FORECASTS: Mapping[str, tuple[Callable[[HistoryAt, int, int, int], Forecaster], int]] = {
    "persistence": (_persistence, 1),
    "climatology": (_climatology, 7),
    LEARNT: (_boosted, 42),
}
"""Name → how a forecast is learnt (history, first hour that it forecasts, the hour after the last
before which it may learn anew, horizon), and days of past that it needs at least. `perfect` needs
none."""
PERFECT = "perfect"
SIGNALS = ("price", "carbon", "demand")


def forecast_outlook(
    scenario: Scenario,
    name: str,
    *,
    past: Scenario | None = None,
    look_ahead_h: int = LOOK_AHEAD_H,
    published: Mapping[str, str] | None = None,
    signals: Sequence[str] = SIGNALS,
    files: Files = NO_FILES,
) -> Outlook:
    """The forecasts of a name for the steps of a scenario: `perfect`, a row of `FORECASTS`, or
    those of an archive, as they were issued.

    `past` holds earlier hours, `published` says of zones when their price is known (`MARKETS` has
    those of the embedded world); only what is in `signals` is learnt. `files` are what
    stands beside the scenario. Raises UsageError for a name that is none, for weather and vintages
    that nobody looks at, InputError for a past that is too short, and for steps that are no hours.
    """
    weather, archive = files.weather, files.archive
    _refuse_idle(name, files)
    if name == PERFECT:
        return Perfect(scenario)
    kind = name if archive is None else Persistence.name  # what stands in where a file is silent
    if kind not in FORECASTS:
        names = [PERFECT, *FORECASTS]
        raise UsageError(f"--forecast: there is no `{name}`. {did_you_mean(name, names)}")
    learn, days = FORECASTS[kind]
    archived = archive or {}
    zones = tuple(dict.fromkeys(region.zone for region in scenario.regions))
    kinds = dict(zip(zones, known_of(zones, published), strict=True))
    pasts = pasts_of(scenario, past, kinds, weather)
    _long_enough(scenario, pasts, name, max(days, -(-look_ahead_h // HOURS_PER_DAY)))
    named = {"price": pasts.price, "carbon": pasts.carbon, "demand": pasts.demand}
    models = {}
    for signal, history in named.items():
        if history is not None and signal in signals:
            # Of demand the replay sees what comes, which need not be what the scenario says.
            end = pasts.span.first if signal == "demand" else history.hours
            models[signal] = _model(
                learn, history, (pasts.span.first, end), look_ahead_h,
                archived.get(signal), files.vintages.get(signal),
            )  # fmt: skip
    notes = () if archive is None else holes(named, pasts.span, models, look_ahead_h)
    notes += dry(zones, weather) + late(zones, files.vintages)
    return FromPast(scenario, pasts, models, look_ahead_h, name, notes)


def _refuse_idle(name: str, files: Files) -> None:
    """UsageError where a file is given that a forecast does not look at."""
    if files.vintages and name == PERFECT:
        raise UsageError(f"--vintages: `{PERFECT}` knows the truth. Take another --forecast.")
    if files.weather and name != LEARNT:
        raise UsageError(f"--weather: `{name}` looks at none. Take --forecast {LEARNT}.")


def _model(
    learn: Callable[[HistoryAt, int, int, int], Forecaster],
    history: History,
    span: tuple[int, int],
    look_ahead_h: int,
    archived: Issued | None,
    vintages: Issued | None,
) -> Forecaster:
    """What forecasts a signal from the first hour of a span to its end: an archive, or what is
    learnt from what was known by the first, and anew by later ones; either from what was known at
    each."""
    lookup = None if vintages is None else Lookup(vintages)
    if archived is None:

        def history_at(hour: int) -> History:
            return history if lookup is None else known_at(lookup, history, hour - 1)

        model = learn(history_at, *span, look_ahead_h)
    else:
        model = Archived(archived)
    return model if lookup is None else AsKnown(model, lookup)


def _long_enough(scenario: Scenario, pasts: Pasts, name: str, days: int) -> None:
    """InputError where some signal has too few hours before the first step."""
    first, wanted = pasts.span.first, days * HOURS_PER_DAY
    short = first
    for history in (pasts.price, pasts.carbon, pasts.demand):
        if history is not None and len(history.ids):
            known = np.isfinite(history.value[:, max(first - wanted, 0) : first])
            short = min(short, int(known.sum(axis=1).min()))
    if short < wanted - GAPS_H:
        begin = np.datetime_as_string(scenario.hours.utc[0], unit="m")
        what = f"has {short} hours of past before {begin}Z, and needs {wanted} of every signal"
        fix = "Begin later in the scenario (--begin), or name a scenario of earlier hours (--past)."
        raise InputError([Problem(f"forecast.{name}", what, fix)])
