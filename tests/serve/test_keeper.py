"""How the book is brought to its store: how often, and in what portions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.serve.toys import contracts, facts, outcome, rows_of, table
from wattlas.serve.decision import decide, settle
from wattlas.serve.ledger.book import TOGETHER, Book
from wattlas.serve.ledger.journal import Row
from wattlas.serve.ledger.keeper import LONGER_S, PER_ROW_S, Keeper
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
    asyncio.run(main())
    store.close()
    assert shown[:3] == [TOGETHER, TOGETHER, 10]
    (counts,) = book.counts.values()
    assert counts.delivered == 2 * TOGETHER + 30
