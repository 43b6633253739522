"""The decision on one request: whether it is degraded, why, and where it goes."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.live import KEYS, TOKEN, Live, configuration, schedule
from tests.serve.toys import KEY, NOON_S, book, contracts, facts, outcome, rows_of, table
from wattlas.model.objective import Window
from wattlas.serve import seal as seal_module
from wattlas.serve.calendar import WindowCalendar
from wattlas.serve.decision import (
    Asked,
    Decision,
    End,
    Facts,
    Reason,
    Settlement,
    decide,
    failovers,
    settle,
)
from wattlas.serve.decisions import Decisions
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.heads import Head
from wattlas.serve.ledger.book import Book
from wattlas.serve.ledger.journal import Recorded
from wattlas.serve.plane import open_plane
from wattlas.serve.run import store_of
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import parse_part
from wattlas.serve.seal import Seal
from wattlas.serve.table import Place, Quota

FULL = {Place("oslo", "large"), Place("austin", "large")}
LOW = Place("oslo", "small")


def stocked(permits: int = 10, **changes: Any) -> Book:
    """A book with permits in hand."""
    made = book(**changes)
    made.window(*KEY, NOON_S)
    batch = made.collect()
    made.recorded(batch, Recorded(0, (permits,), {}))
    return made


def decided(ledger: Book, request: Facts, **changes: Any) -> Decision:
    """The decision on a request that has a place."""
    decision = decide(request, table(**changes), ledger)
    assert decision is not None
    return decision


def test_a_request_is_degraded_where_contract_saving_and_permit_agree() -> None:
    """It goes to the fallback, and the decision says so."""
    decision = decided(stocked(), facts("1"))
    assert (decision.degraded, decision.reason) == (True, Reason.SAVING)
    assert decision.place == LOW
    assert (decision.window, decision.epoch) == ("all", 7)


@pytest.mark.parametrize(
    ("request_", "changes", "reason"),
    [
        (facts("1", contract=""), {}, Reason.NO_CONTRACT),
        (facts("1", Asked.DEFAULT), {}, Reason.ASKED),
        (facts("1", Asked.PRIORITY), {}, Reason.ASKED),
        (facts("1"), {"threshold_usd": np.array([3e-4, 0.0])}, Reason.THRESHOLD),
        (facts("1", klass="batch"), {"threshold_usd": np.array([0.0, 0.0])}, Reason.THRESHOLD),
        (facts("1"), {"hold_s": 60.0}, Reason.STALE),
        (facts("1", utc_s=NOON_S - 61), {}, Reason.STALE),
    ],
)
def test_full_service_has_a_reason(
    request_: Facts, changes: dict[str, Any], reason: Reason
) -> None:
    """No permit is used for it."""
    ledger = stocked(1)
    decision = decided(ledger, request_, **changes)
    assert (decision.degraded, decision.reason) == (False, reason)
    assert decision.place in FULL
    assert decided(ledger, facts("2")).degraded


@pytest.mark.parametrize("trouble", [Reason.STORE, Reason.CLOCK])
def test_trouble_means_full_service(trouble: Reason) -> None:
    """Although permits are in hand."""
    ledger = stocked()
    ledger.trouble = trouble
    assert decided(ledger, facts("1")).reason is trouble
    ledger.trouble = None
    assert decided(ledger, facts("2")).reason is Reason.SAVING


def test_without_permit_the_cap_is_the_reason() -> None:
    """Each permit serves one request."""
    ledger = stocked(2)
    reasons = [decided(ledger, facts(str(n))).reason for n in range(3)]
    assert reasons == [Reason.SAVING, Reason.SAVING, Reason.CAP]


def test_what_has_no_place_is_not_decided() -> None:
    """Nothing is opened for it either."""
    ledger = stocked()
    assert decide(facts("1", metro="atlantis"), table(), ledger) is None
    assert not ledger.in_flight


def test_who_has_no_place_is_told_the_class_and_the_metro(tmp_path: Path) -> None:
    """Alike where Envoy asks and where a question names the class."""
    live = Live(tmp_path)
    stated = schedule()
    (hour,) = stated["hours"]
    hour["sets"].append({**hour["sets"][1], "metro": "tokyo", "class": "film"})
    stated["classes"].append({"id": "film"})
    config = configuration(
        {r: s.url for r, s in live.stubs.items()}, models={"f": {"class": "film"}}
    )
    plane = open_plane(live.write(config, stated), store_of)
    key = b"authorization", b"Bearer " + KEYS["plain"].encode()
    asked = [
        (b"/authz/v1/chat/completions", [key], b'{"model": "f", "messages": []}'),
        (b"/decide", [], b'{"tenant": "plain", "model": "f"}'),
    ]
    port = plane.config.document.decisions
    assert port is not None
    answers = Decisions(plane, port)
    for path, headers, body in asked:
        with pytest.raises(Refusal) as refused:
            answers(
                Head(b"POST", path, [*headers, (b"x-wattlas-token", TOKEN.encode())], True, False),
                body,
            )
        assert (refused.value.status, refused.value.code) == (503, "no_place")
        assert str(refused.value) == "No place serves class `film` from `lagos`."
    plane.store.close()
    live.end()


MODELS = {
    "llama": {"class": "chat"},
    "sure": {"class": "chat", "tier": "default"},
    "film": {"class": "film", "tier": "flex"},
}
BODIES = [
    (model, tier) for model in MODELS for tier in (None, "auto", "default", "flex", "priority")
]


@pytest.mark.parametrize(
    ("threshold", "saving", "degrades"),
    [
        ({"chat~green": 1e-4}, 2e-4, True), ({"chat~green": 2e-4}, 2e-4, True),
        ({"chat~green": 3e-4}, 2e-4, False), ({"chat~green": None}, 2e-4, False),
        ({}, 2e-4, False), ({"chat": 1e-4}, 2e-4, False), ({"chat~green": 1e-4}, None, False),
        ({"chat~green": -1.0}, -0.5, True),
    ],
)  # fmt: skip
def test_what_a_schedule_leaves_out_means_full_service(
    threshold: dict[str, Any], saving: float | None, degrades: bool
) -> None:
    """Without a threshold, or a saving, nothing is degraded."""
    stated = schedule()
    (hour,) = stated["hours"]
    hour["threshold_usd"], hour["sets"][0]["saving_usd"] = threshold, saving
    made = Schedule(parse_part(json.dumps(stated).encode(), "schedule.json"))
    pairs = made.hours[0].table.pairs
    assert pairs["lagos", "chat~green"].degrades is degrades
    assert not pairs["lagos", "chat"].degrades


def test_what_a_head_was_asked_before_changes_no_answer(tmp_path: Path) -> None:
    """One head, again and again with other bodies: each is judged by its own model and tier, and
    where the body names none by the header's, then by the model's."""
    live = Live(tmp_path)
    stated = schedule()
    (hour,) = stated["hours"]
    hour["sets"].append({**hour["sets"][1], "class": "film"})
    stated["classes"].append({"id": "film"})
    config = configuration({r: s.url for r, s in live.stubs.items()}, models=MODELS)
    plane = open_plane(live.write(config, stated), store_of)
    assert plane.config.document.decisions is not None
    answers = Decisions(plane, plane.config.document.decisions)
    asked: dict[str, Asked] = {}
    classes: dict[str, str] = {}
    decide_here = plane.decide

    def seen(facts: Facts) -> Decision | None:
        asked[facts.id], classes[facts.id] = facts.asked, facts.klass
        return decide_here(facts)

    plane.decide = seen  # type: ignore[method-assign]
    key = b"authorization", b"Bearer " + KEYS["acme"].encode()
    for header in (None, "flex", "default"):
        own = [] if header is None else [(b"x-service-tier", header.encode())]
        given = [key, (b"x-wattlas-token", TOKEN.encode()), *own]
        head = Head(b"POST", b"/authz/v1/chat/completions", given, True, False)
        for model, tier in [*BODIES, *reversed(BODIES), *BODIES[::3]]:
            said = {"model": model, "messages": []} | (
                {} if tier is None else {"service_tier": tier}
            )
            text = answers(head, json.dumps(said).encode())
            assert isinstance(text, bytes)
            last = list(asked)[-1]
            words = [tier, header, MODELS[model].get("tier")]
            wanted = next((each for each in words if each not in (None, "auto")), "auto")
            assert asked[last] == wanted, (model, tier, header)
            assert classes[last] == {"chat": "chat~green", "film": "film"}[MODELS[model]["class"]]
            full = wanted in ("default", "priority")
            assert (b"x-wattlas-reason: asked\r\n" in text) is full
    again = json.dumps({"model": "llama", "messages": []}).encode()
    revoked = {**config["tenants"]["acme"], "keys_sha256": ["0" * 64]}
    live.write({**config, "tenants": {**config["tenants"], "acme": revoked}}, stated)
    assert plane.take_config(live.folder / "serve.yaml") == []  # the schedule stays as it is
    with pytest.raises(Refusal, match="key is missing or unknown"):
        answers(head, again)
    plane.store.close()
    live.end()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=7).filter(any), st.integers(1, 200))
def test_every_prefix_is_dealt_as_its_shares_say(parts: list[int], count: int) -> None:
    """One without share gets none; each other is off by less than the number of places."""
    shares = [part / sum(parts) for part in parts]
    places = [Place(str(n), "p") for n in range(len(parts))]
    quota = Quota(places, shares)
    got: Counter[Place] = Counter()
    used = sum(map(bool, parts))
    for n in range(1, count + 1):
        got[quota.next()] += 1
        for place, share in zip(places, shares, strict=True):
            assert abs(got[place] - share * n) <= max(1, used - 1) + 1e-4
    assert all(got[place] == 0 for place, part in zip(places, parts, strict=True) if part == 0)


def test_equal_requests_go_to_equal_places() -> None:
    """The order is the same in every run."""
    first, second = ([decided(stocked(0), facts(str(n))).place for n in range(1)] for _ in "ab")
    ours, theirs = table(), table()
    assert [ours.pairs["lagos", "chat"].full.next() for _ in range(8)] == [
        theirs.pairs["lagos", "chat"].full.next() for _ in range(8)
    ]
    assert first == second


def permits(ledger: Book) -> int:
    """Permits in hand."""
    taken = 0
    while ledger.take(*KEY, "all"):
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("end", "left"), [(End.FAILED, 3), (End.BROKEN, 2), (End.WHOLE, 2), (End.LOST, 2)]
)
def test_only_a_failure_before_the_first_byte_returns_the_permit(end: End, left: int) -> None:
    """From the first byte on a degraded answer keeps it."""
    ledger = stocked(3)
    decision = decided(ledger, facts("1"))
    assert settle(ledger, "1", outcome(decision, end))
    assert permits(ledger) == left


def test_a_permit_is_of_its_window_alone() -> None:
    """What is in hand in one hour serves no request of the hour before, and returns to its own."""
    ledger = book(window=Window.HOUR)
    now = ledger.window(*KEY, NOON_S)
    ledger.recorded(ledger.collect(), Recorded(0, (3,), {}))
    before = WindowCalendar(Window.HOUR).at(NOON_S - 3600).label
    assert before != now
    assert not ledger.take(*KEY, before)
    assert ledger.take(*KEY, now)
    ledger.give_back(*KEY, before)
    assert ledger.collect().returned == {(*KEY, before): 1}
    ledger.give_back(*KEY, now)
    assert ledger.collect().returned == {}
    assert [ledger.take(*KEY, now) for _ in range(4)] == [True] * 3 + [False]
    ledger.give_back(*KEY, now)
    after = ledger.window(*KEY, NOON_S + 3600)
    assert not ledger.take(*KEY, after)
    assert ledger.collect().returned == {(*KEY, now): 1}


def test_a_request_is_settled_once_and_only_if_known() -> None:
    """A second settlement, and one of an id that was never given, do nothing."""
    ledger = stocked(3)
    decision = decided(ledger, facts("1"))
    assert settle(ledger, "1", outcome(decision, End.FAILED))
    assert not settle(ledger, "1", outcome(decision, End.FAILED))
    assert not settle(ledger, "forged", outcome(decision))
    assert permits(ledger) == 3
    assert len(ledger.collect().rows) == 1


def test_failover_in_full_service_stays_there() -> None:
    """`default` never falls: after its own places there is nothing left."""
    ledger = stocked()
    decision = decided(ledger, facts("1", Asked.DEFAULT))
    tried = [decision, *failovers(decision, table(), ledger)]
    assert {each.place for each in tried} == FULL
    assert not any(each.degraded for each in tried)


def test_failover_to_the_fallback_takes_a_permit() -> None:
    """It counts as degraded; without a permit it is refused."""
    for held in (0, 1):
        ledger = stocked(held)
        ledger.trouble = Reason.STORE
        decision = decided(ledger, facts("1"))
        ledger.trouble = None
        *full, last = [decision, *failovers(decision, table(), ledger)]
        if held:
            assert {each.place for each in full} == FULL
            assert (last.place, last.degraded, last.reason) == (LOW, True, Reason.FAILOVER)
            assert ledger.in_flight["1"].degraded
            settle(ledger, "1", outcome(last, End.FAILED))
            assert permits(ledger) == 1
        else:
            assert {each.place for each in (*full, last)} == FULL


def test_a_fallback_that_fails_rises_and_returns_its_permit() -> None:
    """What full service delivered is no degraded answer."""
    ledger = stocked(1)
    decision = decided(ledger, facts("1"))
    risen = list(failovers(decision, table(), ledger))
    assert {each.place for each in risen} == FULL
    assert {(each.degraded, each.reason) for each in risen} == {(False, Reason.RECOVERED)}
    settle(ledger, "1", outcome(risen[0]))
    assert permits(ledger) == 1
    (row,) = ledger.collect().rows
    assert (row.degraded, row.end) == (False, "whole")


def test_degrading_without_a_permit_is_charged() -> None:
    """Whoever served the fallback although full service was decided uses up the share."""
    ledger = stocked(0)
    decided(ledger, facts("1"))
    settle(ledger, "1", Settlement(End.WHOLE, LOW, True, NOON_S))
    assert ledger.collect().charged == {"1"}


def test_what_nobody_settles_is_lost_in_the_end() -> None:
    """Its permit stays granted, and it has a row."""
    ledger = stocked(1)
    decided(ledger, facts("1"))
    ledger.sweep(NOON_S + 3600)
    assert ledger.in_flight
    ledger.sweep(NOON_S + 7 * 3600)
    (row,) = ledger.collect().rows
    assert (row.end, row.degraded) == ("lost", True)
    assert permits(ledger) == 0


def test_rows_keep_the_share_of_a_contract_apart() -> None:
    """Another tenant's requests are no reason to degrade this one's."""
    other = contracts(Fraction(1))[KEY]
    made = Book(rows_of, {**contracts(), ("other", "green"): other})
    made.window(*KEY, NOON_S)
    made.window("other", "green", NOON_S)
    batch = made.collect()
    made.recorded(batch, Recorded(0, (0, 5), {}))
    assert not made.take(*KEY, "all")
    assert made.take("other", "green", "all")


def test_what_is_returned_is_recorded_soon() -> None:
    """Permits of a contract that changed, in hand or on their way, wait for no request."""
    made = Book(rows_of, contracts())
    made.window(*KEY, NOON_S)
    batch = made.collect()
    made.recorded(batch, Recorded(0, (5,), {}))
    assert not made.stirred
    made.configure(contracts(Fraction(1, 2)))
    assert made.stirred
    assert sum(made.collect().returned.values()) == 5
    made.window(*KEY, NOON_S)
    batch = made.collect()
    made.configure(contracts(Fraction(1, 3)))
    assert not made.stirred
    made.recorded(batch, Recorded(0, (4,), {}))
    assert made.stirred
    assert sum(made.collect().returned.values()) == 4


def test_only_so_many_sealed_texts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends requests of ever other kinds fills no memory, and each opens all the same."""
    monkeypatch.setattr(seal_module, "MOST_KNOWN", 8)
    seal, made = Seal(b"k" * 32), []
    for n in range(30):
        decision = decided(stocked(0), facts(f"{n}", tenant=f"t{n % 11}", utc_s=NOON_S + n))
        made.append((decision, seal.sealed(decision)))
        assert len(seal._known) <= 8
    assert all(seal.opened(text) == decision for decision, text in made)
    assert len({text for _, text in made}) == 30
