"""What changes with time and with what happens: windows, trust in servers, the ledger's book."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.serve.live import schedule
from tests.serve.toys import KEY, contracts, facts, outcome, row_of, rows_of, run_apart, table
from tests.serve.toys import NOON_S as ROUTED_S
from wattlas.model.objective import Window
from wattlas.serve.calendar import WindowCalendar
from wattlas.serve.decision import Asked, Decision, End, Reason, decide, failovers, settle
from wattlas.serve.gateway.health import Health
from wattlas.serve.ledger.book import FORGOTTEN_S, Book
from wattlas.serve.ledger.journal import Batch, ContractWindow, Recorded, Row, Store, Want
from wattlas.serve.ledger.keeper import Keeper
from wattlas.serve.ledger.spool import Spool
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import parse_part
from wattlas.serve.succession import Succession
from wattlas.serve.table import Place, Quota

NOON_S = 1_795_953_600.0
"""12:00 on 29 November 2026, UTC."""


class Said(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        logging.getLogger("wattlas").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(f"   log {record.levelname} {record.getMessage()}")

    def told(self) -> Iterator[str]:
        """What came since the last time."""
        yield from self.lines
        self.lines.clear()

    def close(self) -> None:
        """Listen no longer."""
        logging.getLogger("wattlas").removeHandler(self)
        super().close()


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
        yield f"{step or 'asked'}: resting {health.resting} {health.rests('u') if step != 'f' else ''} {health.rests('v')}"
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
        yield f"{degrades} {asked} {late}: {first.place} {first.degraded} {first.reason} then {tries}"
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
        yield f"to {share} after {wait_s} s: waits {waits:g} s, of two hours {own.wait_s((present, fresh), NOON_S + 60, now_s, 7200.0):g} s"
        if waits == 0:
            own.follow((present, fresh), NOON_S + 60, now_s)
            present = fresh


class Failing:
    """A store that can be told to fail; else it is what it holds."""

    def __init__(self, store: Store) -> None:
        self._store, self.fails = store, False

    def record(self, batch: Batch) -> Recorded:
        """Record, or fail."""
        if self.fails:
            raise OSError("the disk is full")
        return self._store.record(batch)


def recordings(folder: Path) -> Iterator[str]:
    """A book that is brought to its store: permits, troubles, what is lost and what is swept."""
    said = Said()
    store = SqliteStore(folder / "deep" / "ledger.sqlite")
    failing: Any = Failing(store)
    now = [0.0, ROUTED_S]
    book = Book(rows_of, contracts(Fraction(1, 3)), lambda rows: None)
    spool = Spool(folder / "ended")

    async def play() -> list[str]:
        keeper = Keeper(book, failing, lambda: now[1], lambda: now[0], spool)
        lines: list[str] = []

        def tell(name: str) -> None:
            held = {k: (h.account.window, h.free, h.taken) for k, h in book._held.items()}
            lines.append(
                f"{name}: trouble {book.trouble} held {held} counts {dict(book.counts)} open {sorted(book.in_flight)}"
                f" pending {book.pending} stirred {book.stirred} lost {book.lost_rows} failures {keeper.failures}"
                f" jumps {keeper.jumps} longer {keeper._longer_s:g} files {sizes()}"
            )
            lines.extend(said.told())

        def sizes() -> list[int]:
            return [(folder / f"ended-0{half}").stat().st_size for half in "ab"]

        def some(count: int, end: End = End.WHOLE, asked: Asked = Asked.AUTO) -> None:
            for _ in range(count):
                number[0] += 1
                decision = decide(facts(f"n-{number[0]}", asked, now[1]), table(), book)
                assert decision is not None
                if end is not End.LOST:
                    settled = outcome(decision, end, now[1] + 1)
                    spool.keep(decision.facts.id.encode())
                    assert settle(book, decision.facts.id, settled)
                    assert not settle(book, decision.facts.id, settled)

        number = [0]
        tell("new")
        for count, end in (
            (3, End.WHOLE),
            (4, End.WHOLE),
            (2, End.FAILED),
            (2, End.BROKEN),
            (1, End.LOST),
        ):
            some(count, end)
            tell(f"{count} {end}")
            await keeper.record()
            tell("recorded")
        failing.fails = True
        for _ in range(2):
            some(2)
            await keeper.record()
            tell("the disk is full")
        failing.fails = False
        some(1)
        await keeper.record()
        tell("it answers again")
        for moved, passed in (
            (1.9, 1.0),
            (2.2, 1.0),
            (0.0, 59.0),
            (0.0, 2.0),
            (-30.0, 1.0),
            (0.0, 61.0),
            (0.5, 61.0),
        ):
            now[0] += passed
            now[1] += passed + moved
            keeper.watch_clock()
            tell(f"the clock moves by {moved:+g} s in {passed:g} s")
        some(1)
        now[0] += FORGOTTEN_S + 1
        now[1] += FORGOTTEN_S + 1
        keeper.watch_clock()
        tell("what nobody settled is swept")
        book.configure(contracts(Fraction(1, 4)))
        tell("another share")
        await keeper.record()
        tell("recorded")
        some(3)
        book.configure({})
        tell("no contract")
        stopped = asyncio.create_task(keeper.run())
        keeper.stop()
        await stopped
        tell("stopped")
        return lines

    yield from run_apart(play())
    spool.close()
    yield f"files {sorted(path.name for path in folder.iterdir())}"
    for row, number, head in zip(*store.rows(KEY[0], 0, 2**62), strict=True):
        yield f"row {number} {' '.join('-' if v in (None, '') else str(v) for v in row)} {head.hex()[:8]}"
    yield f"heads {[store.head(KEY[0], n).hex()[:8] for n in (0, 1, 5, 99)]} {store.tenants()}"
    store.close()
    said.close()


def spools(folder: Path) -> Iterator[str]:
    """Files of processes that live, ended or were killed, and what the next one finds."""
    said, path = Said(), folder / "ended"

    def tell(name: str, spool: Spool) -> str:
        files = {each.name: each.read_bytes() for each in sorted(folder.iterdir())}
        return f"{name}: left {spool.left} failures {spool.failures} {files}"

    first = Spool(path)
    for name, work in (
        ("nothing", lambda: None),
        ("a", lambda: first.keep(b"a")),
        ("turned", first.turn),
        ("b", lambda: first.keep(b"b")),
        ("turned in vain", first.turn),
        ("recorded", first.recorded),
        ("recorded again", first.recorded),
        ("turned again", first.turn),
        ("c", lambda: first.keep(b"c")),
        ("recorded what was before", first.recorded),
    ):
        work()
        yield tell(name, first)
    second = Spool(path)
    second.keep(b"x")
    yield tell("beside", second)
    for each in first._slot.files:
        os.close(each)  # as a kill does
    third = Spool(path)
    yield tell("after a kill", third)
    for each in (*second._slot.files, *third._slot.files):
        os.close(each)
    (folder / "ended-1b").write_bytes(b"y\nhalf a li")
    fourth = Spool(path)
    yield tell("after two kills", fourth)
    for each in fourth._slot.files:
        os.close(each)
    fourth.keep(b"z")
    fourth.keep(b"z")
    fourth.recorded()
    fourth.turn()
    fourth.recorded()
    yield tell("a disk that fails", fourth)
    fifth = Spool(path)
    fifth.turn()
    fifth.recorded()
    fifth.turn()
    fifth.recorded()
    fifth.close()
    yield tell("closed", fifth)
    yield from said.told()
    said.close()


def journals(store: Store) -> Iterator[str]:
    """What a store makes of batches."""
    account = ContractWindow(*KEY, "all")
    other = ContractWindow("plain", "green", "2026-11")
    half, third = Fraction(1, 2), Fraction(1, 3)

    def row(id: str, **changes: Any) -> Row:
        decision = Decision(
            facts(id, Asked.FLEX, NOON_S), "all", False, Place("oslo", "large"), Reason.CAP, 7
        )
        return row_of(decision, outcome(decision, utc_s=NOON_S + 1))._replace(**changes)

    late = {"admitted_us": int(NOON_S * 1e6) + 5_000_000}
    batches = {
        "nothing": Batch(),
        "three, one twice": Batch([row("s-1"), row("s-2"), row("s-1")]),
        "wants": Batch(wants=[Want(account, half, 5), Want(other, half, 5)]),
        "again and more": Batch(
            [row("s-2"), row("s-3", end="broken"), row("s-4", **late)],
            wants=[Want(account, half, 1)],
        ),
        "charged": Batch([row("s-5"), row("s-6", contract="")], charged={"s-5", "s-6", "s-1"}),
        "returned": Batch(returned={account: 1, other: 0}, wants=[Want(account, third, 9)]),
        "another tenant": Batch(
            [
                row("t-1", tenant="plain", window="2026-11"),
                row(
                    "t-2",
                    tenant="plain",
                    degraded=True,
                    first_us=9,
                    energy="profile",
                    corrects="x",
                    filled=2,
                ),
            ]
        ),
        "both": Batch(
            [row("u-1"), row("t-3", tenant="plain"), row("u-2", corrects='a"],["b')],
            wants=[Want(other, half, 9)],
        ),
    }
    for name, batch in batches.items():
        done = store.record(batch)
        yield f"{name}: {done.rows} rows, granted {done.granted}, {sorted((tuple(a), tuple(vars(c).values()) if hasattr(c, '__dict__') else c) for a, c in done.counts.items())}"
    yield f"{store.counts(account)} {store.counts(other)} {store.counts(ContractWindow('x', 'y', 'z'))}"  # type: ignore[attr-defined]
    for tenant, since, until in (
        ("acme", 0, 2**62),
        ("plain", 0, 2**62),
        ("acme", int(NOON_S * 1e6) + 1, 2**62),
        ("acme", 0, int(NOON_S * 1e6)),
        ("acme", int(NOON_S * 1e6), int(NOON_S * 1e6) + 5_000_000),
        ("none", 0, 2**62),
    ):
        yield f"{tenant} {since} {until}"
        for each, number, head in zip(*store.rows(tenant, since, until), strict=True):
            yield f"   {number} {head.hex()[:8]} {' '.join('-' if v in (None, '') else str(v) for v in each)}"
    yield f"{[store.head('acme', n).hex()[:8] for n in range(9)]} {store.tenants()}"
    yield f"{store.secret('seal', b'one')} {store.secret('seal', b'two')} {store.secret('other', b'three')}"


def in_sqlite(folder: Path) -> Iterator[str]:
    """The journal in a file."""
    store = SqliteStore(folder / "ledger.sqlite")
    yield from journals(store)
    store.close()


CASES = {
    "calendar": calendar,
    "trust": trust,
    "quotas": quotas,
    "succession": succession,
    "recordings": recordings,
    "spools": spools,
    "in_sqlite": in_sqlite,
}
