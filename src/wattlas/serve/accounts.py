"""What a request comes to: energy, money and carbon, and the same of full service at home.

    IT energy   prefill J/token · tokens in + decode J/token · tokens out + J/request
    facility    PUE · IT energy
    money       facility kWh · USD/MWh / 1000
    carbon      facility kWh · g/kWh, at the average and at the marginal intensity

Each is rounded once, to mJ, µg and nano-USD, and a statement adds the rounded figures: its sums are
exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wattlas.model.workload import it_j
from wattlas.serve.decision import Decision, Outcome
from wattlas.serve.ledger.journal import Row
from wattlas.serve.schedule import Hour, Rates, Schedule
from wattlas.serve.table import Place
from wattlas.units import J_PER_KWH, KWH_PER_MWH

MJ_PER_J = 1e3
UG_PER_G = 1e6
NANO = 1e9
_NANO_USD = NANO / KWH_PER_MWH


class Figures(NamedTuple):
    """mJ of IT and of facility energy, µg at the average and the marginal intensity, nano-USD.

    None where nobody can say.
    """

    it_mj: int | None = None
    facility_mj: int | None = None
    average_ug: int | None = None
    marginal_ug: int | None = None
    nano_usd: int | None = None


def figures(
    schedule: Schedule, hour: Hour, place: Place, tokens: tuple[int | None, int | None]
) -> Figures:
    """What so many tokens in and out come to at a place in an hour."""
    rates = hour.rates.get(place) or _rates(schedule, hour, place)
    tokens_in, tokens_out = tokens
    if rates is None or tokens_in is None or tokens_out is None:
        return Figures()
    server_j = it_j(rates, tokens_in, tokens_out)
    facility_j = rates.pue * server_j
    kwh = facility_j / J_PER_KWH
    average, marginal, price = rates.average_g_per_kwh, rates.marginal_g_per_kwh, rates.price
    return Figures(
        round(server_j * MJ_PER_J),
        round(facility_j * MJ_PER_J),
        None if average is None else round(kwh * average * UG_PER_G),
        None if marginal is None else round(kwh * marginal * UG_PER_G),
        None if price is None else round(kwh * price * _NANO_USD),
    )


def _rates(schedule: Schedule, hour: Hour, place: Place) -> Rates | None:
    """What a place costs in an hour, kept with the hour; None for one that nobody knows."""
    point, region = schedule.points.get(place.point), schedule.regions.get(place.region)
    if point is None or region is None:
        return None
    signal = hour.signals.get(place.region)
    found = Rates(
        point.prefill_j_per_token, point.decode_j_per_token, point.request_j, region.pue,
        *((None,) * 3 if signal is None else
          (signal.price_usd_per_mwh, signal.average_g_per_kwh, signal.marginal_g_per_kwh)),
    )  # fmt: skip
    hour.rates[place] = found
    return found


def row_of(schedule: Callable[[], Schedule | None]) -> Callable[[Decision, Outcome], Row]:
    """What makes the row of a request that has ended, by the schedule that holds then."""

    def made(decision: Decision, outcome: Outcome) -> Row:
        return _row(schedule(), decision, outcome)

    return made


def _row(schedule: Schedule | None, decision: Decision, outcome: Outcome) -> Row:
    facts, place = decision.facts, outcome.place
    own, usual, vintage = Figures(), Figures(), ""
    if schedule is not None:
        hour = schedule.at(facts.utc_s)
        tokens = outcome.tokens_in, outcome.tokens_out
        own, vintage = figures(schedule, hour, place, tokens), hour.vintage
        home = schedule.usual.get((facts.metro, facts.klass))
        if home is not None:
            usual = own if home == place else figures(schedule, hour, home, tokens)
    return tuple.__new__(Row, (  # its own constructor takes five times as long
        facts.id, facts.tenant, facts.contract, decision.window,
        round(facts.utc_s * 1e6), round(outcome.ended_s * 1e6),
        facts.metro, facts.klass, facts.asked._value_,
        outcome.degraded, (outcome.reason or decision.reason)._value_, outcome.end._value_,
        outcome.status, outcome.attempts, outcome.model_asked, outcome.model_served,
        place.region, place.point, decision.epoch,
        outcome.tokens_in, outcome.tokens_out, outcome.method,
        *own, *usual[1:], vintage,
        None if outcome.first_s is None else round(outcome.first_s * 1e6),
    ))  # fmt: skip
