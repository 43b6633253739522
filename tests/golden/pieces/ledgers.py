"""The ledger: its book, the files of what has ended, and its stores."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.serve.toys import KEY, contracts, facts, outcome, row_of, rows_of, run_apart, table
from tests.serve.toys import NOON_S as ROUTED_S
from wattlas.errors import WattlasError
from wattlas.model.objective import Window
from wattlas.serve.decision import Asked, Decision, End, Reason, decide, settle
from wattlas.serve.ledger import book as books
from wattlas.serve.ledger.book import FORGOTTEN_S, Book
from wattlas.serve.ledger.journal import Batch, ContractWindow, Recorded, Row, Store, Want
from wattlas.serve.ledger.keeper import Keeper
from wattlas.serve.ledger.spool import Spool
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.table import Place

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
                f"{name}: trouble {book.trouble} held {held} counts {dict(book.counts)}"
                f" open {sorted(book.in_flight)} pending {book.pending} stirred {book.stirred}"
                f" lost {book.lost_rows} failures {keeper.failures}"
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
        await keeper.record()
        for passed, open_first in ((0.75, 0), (0.25, 0), (0.125, 0), (0.5, 1), (0.5, 0)):
            some(open_first)
            before = keeper.recorded_s
            now[0], now[1] = now[0] + passed, now[1] + passed
            await keeper._turn()
            tell(f"{passed} s later, recorded {keeper.recorded_s - before:g} s later")
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
        lines.append(f"its thread has ended: {keeper._thread._shutdown}")
        return lines

    yield from run_apart(play())
    spool.close()
    yield f"files {sorted(path.name for path in folder.iterdir())}"
    for row, number, head in zip(*store.rows(KEY[0], 0, 2**62), strict=True):
        yield f"row {number} {words(row)} {head.hex()[:8]}"
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
        work()  # type: ignore[no-untyped-call]
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


def words(row: Row) -> str:
    """A row, with a dash for what is empty."""
    return " ".join("-" if v in (None, "") else str(v) for v in row)


def journals(store: Any) -> Iterator[str]:
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
        yield f"{name}: {done.rows} rows, granted {done.granted}"
        yield from (f"   {tuple(each)} {done.counts[each]}" for each in sorted(done.counts))
    for window in (account, other, ContractWindow("x", "y", "z")):
        yield f"{store.counts(window)}"
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
            yield f"   {number} {head.hex()[:8]} {words(each)}"
    yield f"{[store.head('acme', n).hex()[:8] for n in range(9)]} {store.tenants()}"
    for secret, fresh in (("seal", b"one"), ("seal", b"two"), ("other", b"three")):
        yield f"{secret} {store.secret(secret, fresh)!r}"


def in_sqlite(folder: Path) -> Iterator[str]:
    """The journal in a file."""
    store = SqliteStore(folder / "ledger.sqlite")
    yield from journals(store)
    store.close()


def turns(folder: Path) -> Iterator[str]:
    """Windows that end while requests are open, contracts that change while a batch is under way,
    rows that are lost, and a store that answers nonsense."""
    store = SqliteStore(folder / "ledger.sqlite")
    shown: list[int] = []
    book = Book(
        rows_of, contracts(Fraction(1, 2), Window.HOUR), lambda rows: shown.append(len(rows))
    )
    now, number = ROUTED_S, 0

    def tell(name: str) -> str:
        held = {k: (h.account.window, h.free, h.taken) for k, h in book._held.items()}
        returned = {tuple(k): v for k, v in book._returned.items()}
        return f"{name}: {held} returned {returned} pending {book.pending} lost {book.lost_rows}"

    def some(count: int) -> list[Decision]:
        nonlocal number
        made = []
        for _ in range(count):
            number += 1
            decision = decide(facts(f"t-{number}", utc_s=now), table(), book)
            assert decision is not None
            made.append(decision)
        return made

    def record() -> str:
        batch = book.collect()
        done = store.record(batch)
        book.recorded(batch, done)
        wants = [(w.account.window, str(w.share_max), w.permits) for w in batch.wants]
        return f"   {len(batch.rows)} rows, wants {wants}, granted {done.granted}"

    for decision in some(8):
        settle(book, decision.facts.id, outcome(decision))
    yield from (tell("eight"), record(), tell("recorded"))
    open_now = some(3)
    now += 3600.0
    later = some(1)
    yield f"{[d.degraded for d in open_now]} {[d.window for d in (*open_now, *later)]}"
    yield tell("an hour later")
    for decision, end in zip(open_now, (End.FAILED, End.WHOLE, End.LOST), strict=True):
        settle(book, decision.facts.id, outcome(decision, end))
    yield from (tell("settled"), record(), tell("recorded"), record())
    batch = book.collect()
    book.configure(contracts(Fraction(1, 3), Window.HOUR))
    account = ContractWindow(*KEY, later[0].window)
    given = Batch(batch.rows, wants=[Want(account, Fraction(1, 2), 2)])
    book.recorded(given, Recorded(0, (2,), {account: store.counts(account)}))
    yield tell("another share meanwhile")
    book.window(*KEY, now)
    book.recorded(given, Recorded(0, (2,), {account: store.counts(account)}))
    yield from (tell("and again"), f"   {dict(book.counts)}")
    for decision in (*later, *some(2)):
        settle(book, decision.facts.id, outcome(decision))
    books.MOST_PENDING, most = 2, books.MOST_PENDING
    failed = book.collect()
    book.failed(replace(failed, charged={failed.rows[-1].id}))
    book.failed(Batch(failed.rows[:1]))
    books.MOST_PENDING = most
    yield tell("of three two are kept")
    yield f"   {[r.id for r in book._kept]} {sorted(book._charged)} {book.make()} {shown}"
    book.release()
    yield tell("released")
    for pragma in ("journal_mode", "synchronous", "busy_timeout", "user_version"):
        yield f"{pragma} {store._db.execute(f'PRAGMA {pragma}').fetchone()}"
    store.close()
    yield from run_apart(nonsense(folder))
    for name, text in (
        ("later.sqlite", None),
        ("text.sqlite", "no database, and long enough to be one"),
        ("text.sqlite/x", None),
    ):
        if text is not None:
            (folder / name).write_text(text * 30)
        elif name == "later.sqlite":
            with closing(sqlite3.connect(folder / name)) as db:
                db.execute("PRAGMA user_version = 99")
        try:
            SqliteStore(folder / name)
        except WattlasError as error:
            yield f"{name}: {error}"


async def nonsense(folder: Path) -> list[str]:
    """A keeper whose store is of another kind: it goes on, in full service."""
    said = Said()
    book = Book(rows_of, contracts())
    store: Any = SqliteStore(folder / "other.sqlite")
    keeper = Keeper(book, store, lambda: ROUTED_S, lambda: 0.0)
    told: list[str] = []
    real, store.record = store.record, lambda batch: 7
    decision = decide(facts("k"), table(), book)
    assert decision is not None
    settle(book, "k", outcome(decision))
    running = asyncio.create_task(keeper.run())
    while not keeper.failures:
        await asyncio.sleep(0.002)
    told.append(f"{book.trouble} {keeper.failures}")
    store.record = real
    keeper.stop()
    await running
    told += [f"{book.trouble} {len(store.rows(KEY[0], 0, 2**62).rows)}", *said.told()]
    said.close()
    store.close()
    return told


CASES = {"recordings": recordings, "spools": spools, "in_sqlite": in_sqlite, "turns": turns}
