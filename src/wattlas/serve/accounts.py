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
from wattlas.serve.schedule import Hour, Schedule
from wattlas.serve.table import Place
from wattlas.units import J_PER_KWH, KWH_PER_MWH

MJ_PER_J = 1e3
UG_PER_G = 1e6
NANO = 1e9


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
    point, region = schedule.points.get(place.point), schedule.regions.get(place.region)
    tokens_in, tokens_out = tokens
    if point is None or region is None or tokens_in is None or tokens_out is None:
        return Figures()
    server_j = it_j(point, tokens_in, tokens_out)
    facility_j = region.pue * server_j
    kwh = facility_j / J_PER_KWH
    signal = hour.signals.get(place.region)
    price = signal.price_usd_per_mwh if signal else None
    return Figures(
        round(server_j * MJ_PER_J),
        round(facility_j * MJ_PER_J),
        _rounded(kwh, signal.average_g_per_kwh if signal else None, UG_PER_G),
        _rounded(kwh, signal.marginal_g_per_kwh if signal else None, UG_PER_G),
        _rounded(kwh, price, NANO / KWH_PER_MWH),
    )


def _rounded(kwh: float, per_kwh: float | None, factor: float) -> int | None:
    return None if per_kwh is None else round(kwh * per_kwh * factor)


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
        usual = figures(schedule, hour, home, tokens) if home else usual
    return Row(
        id=facts.id,
        tenant=facts.tenant,
        contract=facts.contract,
        window=decision.window,
        admitted_us=round(facts.utc_s * 1e6),
        ended_us=round(outcome.ended_s * 1e6),
        metro=facts.metro,
        klass=facts.klass,
        asked=facts.asked.value,
        degraded=outcome.degraded,
        reason=(outcome.reason or decision.reason).value,
        end=outcome.end.value,
        status=outcome.status,
        attempts=outcome.attempts,
        model_asked=outcome.model_asked,
        model_served=outcome.model_served,
        region=place.region,
        point=place.point,
        epoch=decision.epoch,
        tokens_in=outcome.tokens_in,
        tokens_out=outcome.tokens_out,
        method=outcome.method,
        it_mj=own.it_mj,
        facility_mj=own.facility_mj,
        average_ug=own.average_ug,
        marginal_ug=own.marginal_ug,
        nano_usd=own.nano_usd,
        usual_mj=usual.facility_mj,
        usual_average_ug=usual.average_ug,
        usual_marginal_ug=usual.marginal_ug,
        usual_nano_usd=usual.nano_usd,
        vintage=vintage,
    )
