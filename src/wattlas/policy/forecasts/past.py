"""The hourly past of a scenario's signals and demand, up to and over the hours that are decided.

The past comes from a scenario that holds earlier hours: the same one before it was cut, or another
year of the same zones. What it does not hold is unknown. Values of the hours that are decided stand
in the history, too, and a forecast must not look at them: `tests` change them and compare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.issued import Issued
from wattlas.model.scenario import Scenario
from wattlas.policy.forecasts.history import History, Known

_HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True)
class Span:
    """Hours from `start_utc` on, (T,): the past, then the decided ones from `first` to the end."""

    start_utc: np.datetime64
    first: int
    hours: int

    @staticmethod
    def of(scenario: Scenario, past: Scenario | None) -> Span:
        """From the first hour of the past. Raises InputError where steps are not hours in a row."""
        for each in (scenario,) if past is None else (scenario, past):
            whole = each.hours.step_h == 1.0 and bool(each.hours.follows[1:].all())
            if not whole:
                what = f"of {each.name} are not hours in a row, and a forecast is hourly"
                fix = "Give hourly signals without a sample, or take the forecast `perfect`."
                raise InputError([Problem("time", what, fix)])
        begin = scenario.hours.utc[0]
        start = begin if past is None else min(begin, past.hours.utc[0])
        first = int((begin - start) / _HOUR)
        return Span(start, first, first + scenario.hours.count)

    def at(self, scenario: Scenario) -> np.ndarray:
        """Which hour of the span each step of a scenario is, (T',); also beyond its ends."""
        return np.asarray((scenario.hours.utc - self.start_utc) // _HOUR).astype(np.int64)

    def filled(
        self, now: np.ndarray, scenario: Scenario, before: np.ndarray | None, past: Scenario | None
    ) -> np.ndarray:
        """Rows (n, T) of the decided hours and of those before, nan where there is no value."""
        out = np.full((len(now), self.hours), np.nan)
        if past is not None and before is not None:
            at = self.at(past)
            inside = at < self.first
            out[:, at[inside]] = before[:, inside]
        out[:, self.at(scenario)] = now
        return out

    def offsets(self, zones: list[str]) -> np.ndarray:
        """Local time less UTC by the clocks of some time zones, h, (n, T)."""
        utc = self.start_utc + np.arange(self.hours) * _HOUR
        day = utc.astype("datetime64[D]")
        days, which = np.unique(day, return_inverse=True)
        known: dict[str, np.ndarray] = {}
        for zone in dict.fromkeys(zones):
            # Clocks change at night: the offset at noon of a day is that of its hours, but two.
            clock = ZoneInfo(zone)
            noons = (np.asarray(days) + np.timedelta64(12, "h")).astype("datetime64[s]")
            known[zone] = np.array([_offset_h(noon, clock) for noon in noons])[which]
        return np.array([known[zone] for zone in zones]).reshape(len(zones), self.hours)


def _offset_h(utc: np.datetime64, clock: ZoneInfo) -> float:
    from datetime import UTC

    offset = utc.astype(object).replace(tzinfo=UTC).astimezone(clock).utcoffset()
    return 0.0 if offset is None else float(offset.total_seconds() / 3600.0)


@dataclass(frozen=True)
class Pasts:
    """Histories over a span: `price` and `carbon` by zone, `demand` by metro and class (row
    metro · classes + class). `price` is None where nobody states one.
    """

    span: Span
    zones: tuple[str, ...]
    price: History | None
    carbon: History
    demand: History


def pasts_of(
    scenario: Scenario,
    past: Scenario | None,
    known: dict[str, Known] | None = None,
    weather: tuple[Issued, ...] = (),
) -> Pasts:
    """The histories of a scenario's regions and demand; `known` by zone, measured where not named.
    Price and carbon have the `weather` of their zones beside them.

    Zones, metros and classes of the past are found by their ids.
    """
    span = Span.of(scenario, past)
    zones = tuple(dict.fromkeys(region.zone for region in scenario.regions))
    clock = {region.zone: region.timezone for region in reversed(scenario.regions)}
    offsets = span.offsets([clock[zone] for zone in zones])
    kinds = tuple((known or {}).get(zone, Known.MEASURED) for zone in zones)

    def signal(name: str) -> np.ndarray:
        now = getattr(scenario.signals, name)[[scenario.signals.zone_index(z) for z in zones]]
        before = None if past is None else _by_id(getattr(past.signals, name), past, zones)
        return span.filled(now, scenario, before, past)

    price = None
    if scenario.signals.priced:
        price = History(
            zones, span.start_utc, signal("price_usd_per_mwh"), offsets, kinds, weather=weather
        )
    measured = (Known.MEASURED,) * len(zones)
    carbon = History(
        zones, span.start_utc, signal("deciding_g_per_kwh"), offsets, measured, weather=weather
    )
    if price is not None:
        carbon = replace(carbon, clue=price.value, clue_known=kinds)
    return Pasts(span, zones, price, carbon, _demand(scenario, past, span))


def _by_id(values: np.ndarray, past: Scenario, zones: tuple[str, ...]) -> np.ndarray:
    out = np.full((len(zones), values.shape[1]), np.nan)
    for n, zone in enumerate(zones):
        if zone in past.signals.zones:
            out[n] = values[past.signals.zone_index(zone)]
    return out


def _demand(scenario: Scenario, past: Scenario | None, span: Span) -> History:
    ids = [(m.id, k.id) for m in scenario.metros for k in scenario.classes]
    before = None
    if past is not None:
        i, k, t = past.demand_per_h.shape
        names = [(m.id, c.id) for m in past.metros for c in past.classes]
        at = {name: n for n, name in enumerate(names)}
        rows = past.demand_per_h.reshape(i * k, t)
        nothing = np.full(t, np.nan)
        before = np.array([rows[at[each]] if each in at else nothing for each in ids])
    count = scenario.hours.count
    now = scenario.demand_per_h.reshape(len(ids), count)
    clocks = [metro.timezone for metro in scenario.metros for _ in scenario.classes]
    return History(
        tuple(f"{metro}/{klass}" for metro, klass in ids),
        span.start_utc,
        span.filled(now, scenario, before, past),
        span.offsets(clocks),
        (Known.MEASURED,) * len(ids),
    )
