"""Rows by columns: what a row at a time comes to, and sums over rows that one at a time give."""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.serve.accounts import figures, rows_of
from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.ledger.journal import Row, line_of
from wattlas.serve.names import BUCKETS_S
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import PointPart, RegionPart, SchedulePart
from wattlas.serve.table import Place
from wattlas.serve.totals import MetricTotals

START_S = datetime(2026, 11, 29, tzinfo=UTC).timestamp()
PLACES = [Place("oslo", "large"), Place("oslo", "small"), Place("pune", "large")]
STRANGE = [Place("atlantis", "large"), Place("oslo", "huge")]


def schedule() -> Schedule:
    """Two hours of other prices, of which some are not known; pune has none in the second."""
    usual = {"region": "oslo", "point": "large"}
    sets = [{"metro": "lagos", "class": "chat", "full": [usual]}]
    signals = [
        {"oslo": {"price_usd_per_mwh": -12.5, "average_g_per_kwh": 30.0},
         "pune": {"price_usd_per_mwh": 80.1, "average_g_per_kwh": 700.3,
                  "marginal_g_per_kwh": -4.4}},
        {"oslo": {"average_g_per_kwh": 31.7, "marginal_g_per_kwh": 900.9}},
    ]  # fmt: skip
    hours = [
        {"issued_utc": datetime.fromtimestamp(START_S + 3600 * n, UTC).isoformat(),
         "hold_s": 3600.0, "sets": sets, "signals": told, "vintage": f"v{n}"}
        for n, told in enumerate(signals)
    ]  # fmt: skip
    return Schedule(SchedulePart.model_validate_json(json.dumps({
        "format": "wattlas-schedule-1", "epoch": 3, "classes": [{"id": "chat"}, {"id": "code"}],
        "points": {"large": {"variant": "l", "prefill_j_per_token": 0.31,
                             "decode_j_per_token": 4.7, "request_j": 2.2},
                   "small": {"variant": "s", "decode_j_per_token": 0.53}},
        "regions": {"oslo": {"pue": 1.07}, "pune": {"pue": 1.61}},
        "usual": {"lagos": {"chat": usual}}, "hours": hours,
    })))  # fmt: skip


TOKENS = st.none() | st.integers(0, 2**31)


METERED = st.sampled_from([("", None), ("no-reading", None), ("odd-reading", None)]) | st.tuples(
    st.just("watts"), st.floats(1e-3, 1e12)
)


@st.composite
def endings(draw: Any) -> tuple[Decision, Settlement]:
    """A request that ended somehow, somewhere, in one of the two hours or outside of them."""
    utc_s = START_S + draw(st.floats(-100, 8000))
    facts = Facts(
        draw(st.text(max_size=4)), draw(st.sampled_from("ab")), draw(st.sampled_from(["", "g"])),
        draw(st.sampled_from(["lagos", "accra"])), draw(st.sampled_from(["chat", "code"])),
        draw(st.sampled_from(Asked)), utc_s,
    )  # fmt: skip
    reason = draw(st.sampled_from(Reason))
    decision = Decision(facts, "w", draw(st.booleans()), draw(st.sampled_from(PLACES)), reason, 3)
    outcome = Settlement(
        draw(st.sampled_from(End)), draw(st.sampled_from(PLACES + STRANGE)), draw(st.booleans()),
        utc_s + draw(st.floats(-1, 200)), draw(st.integers(0, 599)), "llama", "l", draw(TOKENS),
        draw(TOKENS), draw(st.sampled_from(["", "usage", "bytes"])), draw(st.integers(1, 3)),
        draw(st.none() | st.sampled_from(Reason)), None, *draw(METERED),
    )  # fmt: skip
    return decision, outcome


def row(made: Schedule, decision: Decision, outcome: Settlement) -> Row:
    """One row by itself."""
    facts, place, hour = decision.facts, outcome.place, made.at(decision.facts.utc_s)
    tokens = outcome.tokens_in, outcome.tokens_out
    within = START_S <= facts.utc_s < START_S + 7200
    profile_mj = _figures(made, hour, place, tokens)[0]
    energy, it_j = outcome.meter or "profile", outcome.metered_j
    if it_j is not None and _profile_j(made, place, tokens) > 0:
        ratio = it_j / _profile_j(made, place, tokens)
        if not 0.01 <= ratio <= 100:
            energy, it_j = "odd-reading", None
    own = _figures(made, hour, place, tokens, it_j)
    assert it_j is not None or own[0] == profile_mj
    home = made.usual.get((facts.metro, facts.klass))
    usual = (None,) * 5 if home is None else _figures(
        made, hour, home, tokens, it_j if home == place else None
    )  # fmt: skip
    return Row(
        facts.id, facts.tenant, facts.contract, decision.window, round(facts.utc_s * 1e6),
        round(outcome.ended_s * 1e6), facts.metro, facts.klass, facts.asked.value,
        outcome.degraded, (outcome.reason or decision.reason).value, outcome.end.value,
        outcome.status, outcome.attempts, outcome.model_asked, outcome.model_served,
        place.region, place.point, decision.epoch, *tokens, outcome.method, *own, *usual[1:],
        hour.vintage + ("" if within else ", of another hour"), None, energy,
        None if home is None else home.region,
    )  # fmt: skip


def _profile_j(made: Schedule, place: Place, tokens: Any) -> float:
    """By the formula as it is written; 0 where it is not known."""
    point = made.points.get(place.point)
    if point is None or place.region not in made.regions or None in tokens:
        return 0.0
    it_j = point.prefill_j_per_token * tokens[0] + point.decode_j_per_token * tokens[1]
    return it_j + point.request_j


def _figures(
    made: Schedule, hour: Any, place: Place, tokens: Any, metered_j: float | None = None
) -> tuple[int | None, ...]:
    """By the formulas as they are written, from the schedule as it stands."""
    point, region = made.points.get(place.point), made.regions.get(place.region)
    if metered_j is None and (point is None or region is None or None in tokens):
        return (None,) * 5
    it_j = _profile_j(made, place, tokens) if metered_j is None else metered_j
    if region is None:
        return round(it_j * 1e3), *(None,) * 4
    kwh = region.pue * it_j / 3.6e6
    signal = hour.signals.get(place.region)
    rates = (
        (signal.average_g_per_kwh, 1e6),
        (signal.marginal_g_per_kwh, 1e6),
        (signal.price_usd_per_mwh, 1e9 / 1e3),
    ) if signal else ((None, 1.0),) * 3  # fmt: skip
    amounts = [None if rate is None else round(kwh * rate * per) for rate, per in rates]
    return round(it_j * 1e3), round(region.pue * it_j * 1e3), *amounts


@examples(150)
@given(st.lists(endings(), max_size=12))
def test_rows_by_columns_are_rows_one_by_one(ended: list[tuple[Decision, Settlement]]) -> None:
    """In every field and type, over the hour's end, at places and of amounts that nobody knows."""
    made = schedule()
    found = rows_of(lambda: made)(ended)
    wanted = [row(made, *each) for each in ended]
    assert found == wanted
    assert [list(map(type, each)) for each in found] == [list(map(type, e)) for e in wanted]
    for each, (decision, outcome) in zip(found, ended, strict=True):
        tokens = outcome.tokens_in, outcome.tokens_out
        at = made.at(decision.facts.utc_s)
        told = figures(made, at, outcome.place, tokens, outcome.metered_j)
        assert each[22:27] == told


@given(each=endings())
def test_amounts_that_no_ledger_keeps_are_unknown(each: tuple[Decision, Settlement]) -> None:
    """Of the most that a schedule may say, and as many tokens as an answer may have."""
    made, (decision, outcome) = schedule(), each
    most = {"prefill_j_per_token": 1e6, "decode_j_per_token": 1e6, "request_j": 1e6}
    made.points["large"] = PointPart(variant="l", **most)
    made.regions["oslo"] = RegionPart(pue=100.0)
    outcome = outcome._replace(place=PLACES[0], tokens_in=10**8, tokens_out=10**8, meter="",
                               metered_j=None)  # fmt: skip
    (told,) = rows_of(lambda: made)([(decision, outcome)])
    hour = made.at(decision.facts.utc_s)
    wanted = _figures(made, hour, PLACES[0], (10**8, 10**8))
    assert wanted[1] is not None
    assert wanted[1] > 2**63
    assert told[22:27] == (wanted[0], None, *wanted[2:])
    assert told[22:27] == figures(made, hour, PLACES[0], (10**8, 10**8))
    assert line_of(told)


def test_without_a_schedule_amounts_are_unknown() -> None:
    """A row is kept all the same."""
    facts = Facts("1", "a", "g", "lagos", "chat", Asked.AUTO, START_S)
    decision = Decision(facts, "w", True, PLACES[1], Reason.SAVING, 3)
    (found,) = rows_of(lambda: None)([(decision, Settlement(End.WHOLE, PLACES[1], True, START_S))])
    assert found[22:] == (*[None] * 9, "", *[None] * 5)


@examples(100)
@given(st.lists(endings(), max_size=12))
def test_totals_are_those_of_rows_one_by_one(ended: list[tuple[Decision, Settlement]]) -> None:
    """Counts, histograms and sums, however rows are put together in batches."""
    made = schedule()
    rows = [row(made, *each) for each in ended]
    at_once, singly = MetricTotals(), MetricTotals()
    at_once.take(rows)
    for each in rows:
        singly.take([each])
    assert at_once.ended == singly.ended
    assert sum(at_once.ended.values()) == len(rows)
    assert at_once.tokens == singly.tokens
    buckets: dict[tuple[str, str], list[int]] = {}
    for each in rows:
        place = each.region, "degraded" if each.degraded else "full"
        counts = buckets.setdefault(place, [0] * (len(BUCKETS_S) + 1))
        took_us = max(each.ended_us - each.admitted_us, 0)
        counts[bisect_left([round(bound * 1e6) for bound in BUCKETS_S], took_us)] += 1
    for totals in (at_once, singly):
        assert {place: kept.counts for place, kept in totals.durations.items()} == buckets
    for name in ("joules", "grams", "marginal", "usual"):
        one, other = getattr(at_once, name), getattr(singly, name)
        assert one.keys() == other.keys()
        assert all(abs(one[key] - other[key]) <= 1e-9 * abs(other[key]) + 1e-9 for key in one)
