"""How the book is brought to its store: how often, and in what portions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.serve.toys import NOON_S, contracts, facts, outcome, rows_of, run_apart, table
from wattlas.serve.decision import Reason, decide, settle
from wattlas.serve.ledger.book import FORGOTTEN_S, TOGETHER, Book
from wattlas.serve.ledger.journal import Row
from wattlas.serve.ledger.keeper import JUMP_S, LONGER_S, PER_ROW_S, SETTLED_S, SWEEP_S, Keeper
from wattlas.serve.ledger.sqlite import SqliteStore


def ended(book: Book, count: int, begin: int) -> None:
    """So many requests that ended whole."""
    routing = table()
    for n in range(begin, begin + count):
        decision = decide(facts(f"x-{n + 1}"), routing, book)
        assert decision is not None
        assert settle(book, decision.facts.id, outcome(decision))


def test_rows_are_made_in_portions_and_recorded_at_once(tmp_path: Path) -> None:
    """Others run between two portions; the pause grows with the rows, up to a bound, and falls."""
    shown: list[int] = []

    def watch(rows: Sequence[Row]) -> None:
        shown.append(len(rows))

    book = Book(rows_of, contracts(), watch)
    store = SqliteStore(tmp_path / "ledger.sqlite")

    async def record() -> int:
        between = 0

        async def other() -> None:
            nonlocal between
            while True:
                between += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        before = len(shown)
        await keeper.record()
        beside.cancel()
        assert between >= len([n for n in shown[before:] if n]) - 1
        return len(shown) - before

    async def main() -> None:
        ended(book, 2 * TOGETHER + 10, 0)
        assert book.pending == 2 * TOGETHER + 10
        assert await record() == 4  # and once more, of nothing
        assert (book.pending, keeper._longer_s) == (0, LONGER_S)
        ended(book, 20, 2 * TOGETHER + 10)
        await record()
        assert keeper._longer_s == 20 * PER_ROW_S
        await record()
        assert keeper._longer_s == 0.0

    keeper = Keeper(book, store)
    run_apart(main())
    store.close()
    assert shown[:3] == [TOGETHER, TOGETHER, 10]
    (counts,) = book.counts.values()
    assert counts.delivered == 2 * TOGETHER + 30


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_may_drift_by_less_than_a_jump_from_sweep_to_sweep(
    tmp_path: Path, sign: int
) -> None:
    """What drifts slowly is followed; what drifts by more than a jump between two sweeps was set.
    It is trusted again once it has run steadily for so long."""
    now = [0.0, 1e9]  # the steady clock, and the one that is watched
    store = SqliteStore(tmp_path / "ledger.sqlite")
    book = Book(rows_of, contracts())
    keeper = Keeper(book, store, lambda: now[1], lambda: now[0])

    def second(drift_s: float) -> Reason | None:
        now[0] += 1.0
        now[1] += 1.0 + sign * drift_s
        keeper.watch_clock()
        return book.trouble

    slow = 0.9 * JUMP_S / SWEEP_S
    assert {second(slow) for _ in range(round(5 * SWEEP_S))} == {None}
    fast = 2.5 * JUMP_S / SWEEP_S
    assert Reason.CLOCK in (second(fast) for _ in range(round(SWEEP_S) + 1))
    assert (keeper.jumps, book.trouble) == (1, Reason.CLOCK)
    assert [second(0.0) for _ in range(round(SETTLED_S) - 1)] == [Reason.CLOCK] * (
        round(SETTLED_S) - 1
    )
    assert second(0.0) is None
    assert keeper.jumps == 1
    store.close()


def test_what_nobody_settles_is_swept_now_and_then(tmp_path: Path) -> None:
    """Once it is too old and a sweep is due, it is booked as lost by the clock's own time."""
    now = [0.0, NOON_S]
    book, store = Book(rows_of, contracts()), SqliteStore(tmp_path / "ledger.sqlite")
    keeper = Keeper(book, store, lambda: now[1], lambda: now[0])
    assert decide(facts("old"), table(), book) is not None
    for hours in (FORGOTTEN_S / 3600 - 0.5, 1.0):
        now[0] += 3600 * hours
        now[1] += 3600 * hours
        assert decide(facts(f"new {hours}", utc_s=now[1]), table(), book) is not None
        keeper.watch_clock()
        assert book.trouble is None
    assert set(book.in_flight) == {"new 5.5", "new 1.0"}
    (row,) = book.collect().rows
    assert (row.id, row.end, row.ended_us) == ("old", "lost", round(now[1] * 1e6))
    store.close()
