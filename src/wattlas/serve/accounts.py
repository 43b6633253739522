"""What a request comes to: energy, money and carbon, and the same of full service at home.

    IT energy   prefill J/token · tokens in + decode J/token · tokens out + J/request, or what the
                server's own meter said of the answer
    facility    PUE · IT energy
    money       facility kWh · USD/MWh / 1000
    carbon      facility kWh · g/kWh, at the average and at the marginal intensity

Each is rounded once, to mJ, µg and nano-USD, and a statement adds the rounded figures: its sums are
exact. What full service at home would have taken is by the profile, unless that is where the
request was served: then it is the same, however it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import nan
from typing import Any, NamedTuple

import numpy as np

from wattlas.model.workload import it_j
from wattlas.serve.decision import Decision, Settlement
from wattlas.serve.ledger.journal import Row
from wattlas.serve.meters import ODD, PROFILE, is_odd
from wattlas.serve.schedule import Rates, Schedule, ScheduleHour
from wattlas.serve.table import Place
from wattlas.units import J_PER_KWH, KWH_PER_MWH

MJ_PER_J = 1e3
UG_PER_G = 1e6
US_PER_S = 1e6
NANO = 1e9
BEYOND = 2.0**63
"""No ledger keeps whole numbers of so much."""
_NANO_USD = NANO / KWH_PER_MWH
_UNKNOWN = Rates(*(nan,) * len(Rates._fields))

Ended = Sequence[tuple[Decision, Settlement]]
"""Requests that came to their end."""


class Figures(NamedTuple):
    """mJ of IT and of facility energy, µg at the average and the marginal intensity, nano-USD.

    None where nobody can say.
    """

    it_mj: int | None = None
    facility_mj: int | None = None
    average_ug: int | None = None
    marginal_ug: int | None = None
    nano_usd: int | None = None


def _amounts(rates: Any, server_j: Any) -> tuple[Any, ...]:
    """The figures of so much IT energy before they are rounded, of numbers or of arrays; what is
    unknown is nan."""
    facility_j = rates.pue * server_j
    kwh = facility_j / J_PER_KWH
    return (
        server_j * MJ_PER_J,
        facility_j * MJ_PER_J,
        kwh * rates.average_g_per_kwh * UG_PER_G,
        kwh * rates.marginal_g_per_kwh * UG_PER_G,
        kwh * rates.price * _NANO_USD,
    )


def figures(
    schedule: Schedule,
    hour: ScheduleHour,
    place: Place,
    tokens: tuple[int | None, int | None],
    metered_j: float | None = None,
) -> Figures:
    """What so many tokens in and out come to at a place in an hour, or what was metered there."""
    rates = _rates(schedule, hour, place)
    server_j = it_j(rates, *(nan if each is None else each for each in tokens))
    if metered_j is not None and not is_odd(metered_j, server_j):
        server_j = metered_j
    amounts = _amounts(rates, server_j)
    return Figures(*(round(x) if abs(x) < BEYOND else None for x in amounts))


def _rates(schedule: Schedule, hour: ScheduleHour, place: Place) -> Rates:
    """What a place costs in an hour, kept with the hour; nan is unknown."""
    rates = hour.rates.get(place)
    if rates is None:
        rates = _UNKNOWN
        point, region = schedule.points.get(place.point), schedule.regions.get(place.region)
        if region is not None:
            signal = hour.signals.get(place.region)
            told = (None,) * 3 if signal is None else (
                signal.price_usd_per_mwh, signal.average_g_per_kwh, signal.marginal_g_per_kwh
            )  # fmt: skip
            profile = (nan,) * 3 if point is None else (
                point.prefill_j_per_token, point.decode_j_per_token, point.request_j
            )  # fmt: skip
            rates = Rates(*profile, region.pue, *(nan if each is None else each for each in told))
            if point is not None:
                hour.rates[place] = rates
    return rates


def rows_of(schedule: Callable[[], Schedule | None]) -> Callable[[Ended], list[Row]]:
    """What makes the rows of requests that have ended, by the schedule that holds then."""
    return lambda ended: _rows(schedule(), ended) if ended else []


OTHER_HOUR = ", of another hour"
"""Stands behind the vintage of signals whose own hour is not that of the request."""
_OF_CORRECTIONS = ("corrects", "filled")
"""Fields that requests have not."""
_row = partial(tuple.__new__, Row)  # its own constructor takes five times as long


def _rows(schedule: Schedule | None, ended: Ended) -> list[Row]:
    """Column by column: a loop over requests in Python took three times as long."""
    decisions, outcomes = zip(*ended, strict=True)
    facts, windows, _, _, reasons, epochs = zip(*decisions, strict=True)
    ids, tenants, contracts, metros, classes, asked, utc_s = zip(*facts, strict=True)
    (
        ends, places, degraded, ended_s, statuses, models_asked, models_served, tokens_in,
        tokens_out, methods, attempts, later, first_s, meters, metered_j,
    ) = zip(*outcomes, strict=True)  # fmt: skip
    regions, points = zip(*places, strict=True)
    why = [(now or first)._value_ for now, first in zip(later, reasons, strict=True)]
    amounts = _Accounts.unknown(len(ended))
    if schedule is not None:
        hours = _hours(schedule, utc_s)
        homes = list(map(schedule.usual.get, zip(metros, classes, strict=True)))
        tokens = [np.array(each, dtype=float) for each in (tokens_in, tokens_out)]
        amounts = _accounts(schedule, hours, (places, homes), tokens, (meters, metered_j))
        amounts = amounts._replace(vintages=_vintages(hours, utc_s))
    columns = (
        ids, tenants, contracts, windows, _whole_us(utc_s), _whole_us(ended_s),
        metros, classes, [each._value_ for each in asked],
        degraded, why, [end._value_ for end in ends],
        statuses, attempts, models_asked, models_served,
        regions, points, epochs, tokens_in, tokens_out, methods,
        *amounts.own, *amounts.usual[1:], amounts.vintages,
        [None if each is None else round(each * US_PER_S) for each in first_s],
        amounts.energy, amounts.usual_regions, *[[None] * len(ended)] * len(_OF_CORRECTIONS),
    )  # fmt: skip
    return list(map(_row, zip(*columns, strict=True)))


class _Accounts(NamedTuple):
    """What requests come to, by columns: figures where they were served and as usual, vintages of
    the signals, how energy was found, and the baseline regions."""

    own: Sequence[Sequence[int | None]]
    usual: Sequence[Sequence[int | None]]
    vintages: Sequence[str]
    energy: Sequence[str | None]
    usual_regions: Sequence[str | None]

    @classmethod
    def unknown(cls, requests: int) -> _Accounts:
        """Of so many requests nothing is known."""
        none = [None] * requests
        return cls([none] * 5, [none] * 5, [""] * requests, none, none)


def _accounts(
    schedule: Schedule,
    hours: Sequence[ScheduleHour],
    where: tuple[Sequence[Place], Sequence[Place | None]],
    tokens: Sequence[Any],
    readings: tuple[Sequence[str], Sequence[float | None]],
) -> _Accounts:
    """What requests come to at their places, and at home."""
    places, homes = where
    rates, profile_j = _energies(schedule, hours, places, tokens)
    server_j, energy = _metered(profile_j, *readings)
    own = [_rounded(each) for each in _amounts(rates, server_j)]
    usual = own
    if homes != list(places):
        rates, usual_j = _energies(schedule, hours, homes, tokens)
        if server_j is not profile_j:
            at_home = [home == place for home, place in zip(homes, places, strict=True)]
            usual_j = np.where(at_home, server_j, usual_j)
        usual = [_rounded(each) for each in _amounts(rates, usual_j)]
    regions = [None if home is None else home.region for home in homes]
    return _Accounts(own, usual, (), energy, regions)


def _vintages(hours: Sequence[ScheduleHour], utc_s: Sequence[float]) -> list[str]:
    """Of when the signals are that account for each moment; those of another hour say so."""
    if hours.count(hours[0]) == len(hours) and _holds(hours[0], min(utc_s), max(utc_s)):
        return [hours[0].vintage] * len(hours)
    return [
        hour.vintage if _holds(hour, at_s, at_s) else f"{hour.vintage}{OTHER_HOUR}"
        for hour, at_s in zip(hours, utc_s, strict=True)
    ]


def _holds(hour: ScheduleHour, since_s: float, until_s: float) -> bool:
    """Whether moments lie in an hour."""
    return hour.table.issued_s <= since_s and until_s < hour.table.until_s


def _hours(schedule: Schedule, utc_s: Sequence[float]) -> Sequence[ScheduleHour]:
    """The hour of each moment; nearly always they lie in one."""
    first = schedule.at(min(utc_s))
    if schedule.at(max(utc_s)) is first:
        return (first,) * len(utc_s)
    return [schedule.at(each) for each in utc_s]


def _whole_us(moments_s: Sequence[float]) -> list[int]:
    whole: list[int] = np.rint(np.array(moments_s) * US_PER_S).astype(np.int64).tolist()
    return whole


def _energies(
    schedule: Schedule,
    hours: Sequence[ScheduleHour],
    places: Sequence[Place | None],
    tokens: Sequence[Any],
) -> tuple[Rates, Any]:
    """Rates of requests at places, and IT energy by the profile, J: an entry for each."""
    numbers: dict[tuple[int, Place | None], int] = {}
    keys = zip(map(id, hours), places, strict=True)
    which = [numbers.setdefault(key, len(numbers)) for key in keys]
    at = dict(zip(map(id, hours), hours, strict=True))
    table = np.array(
        [_UNKNOWN if place is None else _rates(schedule, at[hour], place)
         for hour, place in numbers]
    )  # fmt: skip
    rates = Rates(*table[which].T)
    return rates, it_j(rates, *tokens)


def _metered(
    profile_j: Any, meters: Sequence[str], metered_j: Sequence[float | None]
) -> tuple[Any, list[str | None]]:
    """IT energy, J, by meters where they say something that can be, and how each was found."""
    methods: list[str | None] = [PROFILE] * len(meters)
    if not any(meters):
        return profile_j, methods
    server_j = profile_j.copy()
    for n, (meter, joules) in enumerate(zip(meters, metered_j, strict=True)):
        methods[n] = meter or PROFILE
        if joules is not None:
            if is_odd(joules, float(profile_j[n])):
                methods[n] = ODD
            else:
                server_j[n] = joules
    return server_j, methods


def _rounded(amounts: Any) -> list[int | None]:
    """Whole numbers; None for nan, and for what no store keeps."""
    known = np.abs(amounts) < BEYOND
    if known.all():
        whole: list[int | None] = np.rint(amounts).astype(np.int64).tolist()
        return whole
    return [round(x) if abs(x) < BEYOND else None for x in amounts.tolist()]
