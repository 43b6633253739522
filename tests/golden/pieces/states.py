"""What changes with time and with what happens: windows, trust in servers, the ledger's book."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.serve.live import schedule
from tests.serve.toys import KEY, contracts, facts, rows_of, table
from tests.serve.toys import NOON_S as ROUTED_S
from wattlas.model.objective import Window
from wattlas.serve.calendar import WindowCalendar
from wattlas.serve.decision import Asked, decide, failovers
from wattlas.serve.gateway.health import Health
from wattlas.serve.ledger.book import Book
from wattlas.serve.ledger.journal import Batch, ContractWindow, Recorded, Want
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import parse_part
from wattlas.serve.succession import Succession
from wattlas.serve.table import Place, Quota

NOON_S = 1_795_953_600.0
"""12:00 on 29 November 2026, UTC."""


def calendar(_folder: Path) -> Iterator[str]:
    """Windows around midnights, changes of clocks and ends of months."""
    moments = {
        "noon": NOON_S,
        "new year": 1_798_761_600.0,
        "before it": 1_798_761_599.5,
        "spring": 1_774_746_000.0,
        "autumn": 1_792_890_000.0,
        "an hour later": 1_792_893_600.0,
        "leap day": 1_835_395_200.0,
        "half past": NOON_S + 1800.0,
    }
    for zone in ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Africa/Cairo"):
        for window in Window:
            made = WindowCalendar(window, zone)
            for name, moment in moments.items():
                span = made.at(moment)
                begins, ends = span.begins_s - moment, span.ends_s - moment
                yield f"{zone} {window.value} {name}: {span.label} {begins:g} {ends:g}"


def trust(_folder: Path) -> Iterator[str]:
    """Servers that fail in a row, rest, and are tried again; the budget of second tries."""
    now = [100.0]
    health = Health(lambda: now[0])
    for step in (
        "f",
        "f",
        "f",
        "f",
        "f",
        "4.9",
        "0.2",
        "",
        "0",
        "f",
        "9",
        "2",
        "f",
        "f",
        "f",
        "f",
        "f",
        "61",
        "a",
        "f",
        "1",
    ):
        if step == "f":
            health.failed("u")
        elif step == "a":
            health.answered("u")
        elif step:
            now[0] += float(step)
        resting = health.resting
        rests = [health.rests("u") if step != "f" else "", health.rests("v")]
        yield f"{step or 'asked'}: resting {resting} {rests}"
    yield f"{sum(health.may_retry() for _ in range(30))} tries at once"
    for requests in (4, 5, 1, 200):
        for _ in range(requests):
            health.request()
        yield f"after {requests} more: {sum(health.may_retry() for _ in range(30))}"


def quotas(_folder: Path) -> Iterator[str]:
    """How requests are dealt, and where to go when a place fails."""
    a, b, c = Place("a", "p"), Place("b", "p"), Place("c", "p")
    for shares in (
        (1.0,),
        (0.5, 0.5),
        (0.7, 0.3),
        (0.2, 0.3, 0.5),
        (0.99999999, 1e-8),
        (0.0, 1.0),
        (0.6, 0.4, 0.0),
    ):
        quota = Quota((a, b, c)[: len(shares)], shares)
        dealt = "".join(quota.next().region for _ in range(20))
        others = ["".join(p.region for p in quota.others(place)) for place in (a, b, c)]
        yield f"{shares} {dealt} {others} {[(p.region, s) for p, s in quota.shares]}"
    for degrades, asked, late in (
        (d, t, u) for d in (True, False) for t in Asked for u in (False, True)
    ):
        made = table(**({} if degrades else {"threshold_usd": [1.0, 1.0]}))
        book = Book(rows_of, contracts(Fraction(1, 2)))
        account = ContractWindow(*KEY, book.window(*KEY, ROUTED_S))
        book.recorded(Batch(wants=[Want(account, Fraction(1, 2), 3)]), Recorded(0, (3,), {}))
        moment = made.until_s if late else made.issued_s
        first = decide(facts("x", asked, moment), made, book)
        assert first is not None
        tries = [
            f"{d.place.region}/{d.place.point} {d.degraded} {d.reason}"
            for d in failovers(first, made, book)
        ]
        where = f"{first.place.region}/{first.place.point} {first.degraded} {first.reason}"
        yield f"{degrades} {asked} {late}: {where} then {tries}"
    yield f"{decide(facts('x', klass='video'), table(), Book(rows_of, contracts()))}"


def part(**changes: Any) -> Schedule:
    """A schedule of noon, with other shares."""
    stated = schedule(**{k: v for k, v in changes.items() if k != "share"})
    (hour,) = stated["hours"]
    hour["issued_utc"] = "2026-11-29T12:00:00Z"
    if "share" in changes:
        for each in hour["sets"]:
            for place, share in zip(
                each["full"], (changes["share"], 1 - changes["share"]), strict=True
            ):
                place["share"] = share
    return Schedule(parse_part(json.dumps(stated).encode(), "s"))


def succession(_folder: Path) -> Iterator[str]:
    """Who may follow whom, and how long one waits."""
    for epochs, writers in (((3, 2), "aa"), ((3, 3), "aa"), ((3, 3), "ab"), ((3, 4), "ab")):
        made = [part(epoch=n, writer=w) for n, w in zip(epochs, writers, strict=True)]
        yield f"{epochs} {writers}: {[str(p) for p in Succession().fenced(*made)]}"
    own, now_s = Succession(), 1000.0
    present = part(share=0.5)
    for share, wait_s in (
        (0.5, 0),
        (0.6, 1),
        (0.5, 1),
        (0.6, 130),
        (0.5, 300),
        (0.7, 10),
        (0.5, 10),
        (0.7, 3000),
        (0.5, 9000),
        (0.7, 99999),
    ):
        fresh = part(share=share)
        now_s += wait_s
        waits = own.wait_s((present, fresh), NOON_S + 60, now_s, 60.0)
        longer = own.wait_s((present, fresh), NOON_S + 60, now_s, 7200.0)
        yield f"to {share} after {wait_s} s: waits {waits:g} s, of two hours {longer:g} s"
        if waits == 0:
            own.follow((present, fresh), NOON_S + 60, now_s)
            present = fresh


CASES = {"calendar": calendar, "trust": trust, "quotas": quotas, "succession": succession}
