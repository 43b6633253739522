"""Accounts of hours that are over: what requests come to, corrections, and statements of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, nan
from pathlib import Path
from typing import Any

from tests.golden.pieces.ledgers import NOON_S, words
from tests.serve.live import schedule
from wattlas.errors import WattlasError
from wattlas.serve.accounts import figures, rows_of
from wattlas.serve.corrected_rows import shared
from wattlas.serve.corrections import Revised, correct, correct_request
from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.ledger.journal import Batch
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.metered_hours import correct_energy
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import parse_part
from wattlas.serve.statement_forms import FORMS, summary
from wattlas.serve.statement_page import exact, short
from wattlas.serve.statements import month_us, statement
from wattlas.serve.table import Place

HOUR_US = 3_600_000_000
PLACES = (Place("oslo", "large"), Place("austin", "large"), Place("oslo", "small"))
OTHERS = (Place("pune", "large"), Place("oslo", "tiny"), Place("mars", "x"))


def two_hours() -> Schedule:
    """Noon and one, of which one has no signals of austin and no price."""
    plan = schedule()
    (hour,) = plan["hours"]
    hour |= {"issued_utc": "2026-11-29T12:00:00Z", "hold_s": 3600.0}
    told = {"oslo": {"average_g_per_kwh": 70.0}}
    later = {**hour, "issued_utc": "2026-11-29T13:00:00Z", "signals": told, "vintage": "later"}
    plan["regions"]["pune"] = {"pue": 1.7}
    return Schedule(parse_part(json.dumps({**plan, "hours": [hour, later]}).encode(), "s"))


def requests() -> list[tuple[Decision, Settlement]]:
    """Requests in, before and after both hours, at every place, in every way of metering."""
    ended = []
    meters = (("", None), ("m", 120.0), ("no-reading", None), ("m", 1e9), ("odd-reading", None))
    for n in range(24):
        utc_s = NOON_S + (600.0 * n - 1200.0) * (1 if n < 20 else 40)
        place = (*PLACES, *OTHERS)[n % 6 if n % 4 == 0 else n % 3]
        facts = Facts(
            f"r-{n + 1}",
            ("acme", "plain")[n % 4 == 3],
            "green",
            ("lagos", "accra")[n % 5 == 4],
            ("chat", "chat~green")[n % 2],
            Asked.AUTO,
            utc_s,
        )
        decision = Decision(facts, "all", n % 3 == 2, place, list(Reason)[n % 10], 3)
        end = (End.WHOLE, End.WHOLE, End.BROKEN, End.FAILED, End.LOST)[n % 5]
        meter, joules = meters[n % 5]
        outcome = Settlement(
            end,
            place,
            decision.degraded,
            utc_s + 1.25,
            200,
            "llama",
            "l",
            None if n == 7 else 10 * n,
            3 * n,
            "usage",
            1 + n % 2,
            Reason.RECOVERED if n == 5 else None,
            utc_s + 0.5 if n % 2 else None,
            meter,
            joules,
        )
        ended.append((decision, outcome))
    return ended


def accounts(folder: Path) -> Iterator[str]:
    """Rows, corrections of all kinds, and what is refused."""
    made = two_hours()
    ended = requests()
    rows = rows_of(lambda: made)(ended)
    yield from map(words, rows)
    at_s = two_hours().hours[1].table.issued_s
    for begin_s, end_s in ((at_s, 1e12), (0.0, at_s - 600.0), (at_s - 3600.0, at_s)):
        some = [pair for pair in ended if begin_s <= pair[0].facts.utc_s < end_s]
        yield f"vintages of some: {[row.vintage for row in rows_of(lambda: made)(some)]}"
    yield from map(words, rows_of(lambda: None)([]))
    for place in (*PLACES, *OTHERS):
        for tokens, joules in (((10, 20), None), ((10, None), None), ((1, 1), 9.0), ((1, 1), 1e9)):
            said = figures(made, made.hours[0], place, tokens, joules)
            yield f"{tuple(place)} {tokens} {joules} {said}"
    store = SqliteStore(folder / "ledger.sqlite")
    store.record(Batch(rows[:12]))
    store.record(Batch(rows[12:]))
    yield from corrected(store)
    for tenant in store.tenants():
        for month in ("2026-11", "2026-10", "2026-12"):
            yield f"== {tenant} {month}"
            yield summary(statement(store, tenant, month))
            yield FORMS["csv"].made(store, tenant, month)
            yield FORMS["jsonl"].made(store, tenant, month)[:700]
    store.close()
    for amount, decimals in (
        (0, 3),
        (1, 3),
        (-1, 3),
        (1234567, 3),
        (-1234567, 6),
        (1000, 3),
        (5, 0),
    ):
        yield f"{amount} {decimals}: {exact(amount, decimals)}"
    for value in (0.0, 1.0, 1234.5678, -0.00012345, 99999.0, 1e9, 1e-9):
        yield f"{value} {short(value)} {short(value, 2)}"
    for month in ("2026-11", "2026-12", "2026-00", "2026-13", "26-11", "2026-1", "x"):
        try:
            yield f"{month} {month_us(month)}"
        except WattlasError as error:
            yield f"{month} {error}"
    for whole, weights in (
        (10, (1, 1, 1)),
        (7, (5, 3, 1)),
        (0, (1, 2)),
        (100, (1, 0, 3)),
        (11, (2, 2, 2, 2)),
    ):
        yield f"{whole} over {weights}: {shared(whole, weights)}"


def corrected(store: SqliteStore) -> Iterator[str]:
    """One correction after the other."""
    noon_us = int(NOON_S * 1e6)
    calls: tuple[tuple[Any, ...], ...] = (
        (correct, "acme", {}, "v1", "nothing"),
        (correct, "acme", {("oslo", noon_us): Revised(60.0, 25.0, 90.0)}, "v1", "revised"),
        (correct, "acme", {("oslo", noon_us): Revised(60.0, 25.0, 90.0)}, "v1", "again"),
        (correct, "acme", {("oslo", noon_us): Revised(None, 26.0)}, "v2", "once more"),
        (
            correct,
            "plain",
            {
                ("austin", noon_us + HOUR_US): Revised(5.0, 300.0, 500.0),
                ("oslo", noon_us + HOUR_US): Revised(7.0, None, 3.0),
            },
            "v1",
            "found",
        ),
        (
            correct,
            "acme",
            {
                ("austin", noon_us + HOUR_US): Revised(5.0, 300.0, 500.0),
                ("oslo", noon_us + HOUR_US): Revised(7.0, None, 3.0),
            },
            "v1",
            "found",
        ),
        (correct_request, "acme", "r-3", 1.0, "read wrong"),
        (correct_request, "acme", "r-3", 1.0, "again"),
        (correct_request, "acme", "r-3", 0.0, "nothing"),
        (correct_request, "acme", "r-9", None, "out"),
        (correct_request, "acme", "r-9", None, "out again"),
        (correct_request, "acme", "r-4", 1.0, "of plain"),
        (correct_request, "acme", "r-1", -1.0, "below"),
        (correct_request, "acme", "r-1", inf, "too much"),
        (correct_request, "acme", "r-1", nan, "no number"),
        (correct_request, "acme", "r-13", 5.0, "unknown"),
        (correct_request, "plain", "r-8", 3.0, "no tokens"),
        (correct_energy, {}, ("m", "none")),
        (correct_energy, {("oslo", noon_us): 3_000_000, ("pune", noon_us): 7}, ("m", "metered")),
        (correct_energy, {("oslo", noon_us): 3_000_000}, ("m", "again")),
        (correct_energy, {("oslo", noon_us): 3}, ("m", "another unit")),
        (
            correct_energy,
            {("austin", noon_us): 600_001, ("oslo", noon_us + HOUR_US): 700_001},
            ("m", "two"),
        ),
    )
    # Hours that were corrected as wholes, without any request left in them.
    calls += tuple(
        (correct_request, tenant, f"r-{n}", None, why)
        for tenant, numbers in (("acme", (1, 2, 3, 5, 6, 7, 9, 10)), ("plain", (4, 8, 12)))
        for why in ("each out", "each out again")
        for n in numbers
    )
    for call, *given in calls:
        for record in (False, True):
            told = f"{call.__name__} {given} {record}"
            try:
                made = call(store, *given, record=record)
            except WattlasError as error:
                yield f"{told}: {error}"
                continue
            rows = [len(store.rows(tenant, 0, 2**62).rows) for tenant in store.tenants()]
            if record:
                yield f"{told}: recorded, {rows} rows"
                continue
            yield f"{told}: {rows} rows"
            for row in made if isinstance(made, list) else [made]:
                yield f"   {words(row._replace(ended_us=0))}"


CASES = {"accounts": accounts}
