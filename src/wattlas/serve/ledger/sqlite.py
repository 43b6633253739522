"""The journal in one SQLite file: write-ahead log, synchronised on every commit.

Rows that a tenant got in one recording are one segment of its chain, as JSON: a line of a table
for each request, with three indexes, took four times as much CPU time. The view `requests` shows
them as a table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from wattlas.errors import MachineError
from wattlas.policy.cap import Counts
from wattlas.serve.ledger.ids import Block, Taken
from wattlas.serve.ledger.journal import (
    HEAD_BYTES,
    START,
    Batch,
    ContractWindow,
    Recorded,
    Row,
    Statement,
    accounts_of,
    counted,
    links,
    padded,
    schema_scripts,
    statement_of,
)

BUSY_MS = 2_000
"""How long another process may hold the file before a batch fails."""


class SqliteStore:
    """A journal in a file, made where it is missing and brought to the present schema.

    Raises MachineError where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise MachineError(
                f"{path}: the ledger cannot be used ({error}). Name another file."
            ) from error

    def _migrate(self) -> None:
        """Run the numbered scripts that this file has not seen."""
        with self._transaction():
            (seen,) = self._db.execute("PRAGMA user_version").fetchone()
            scripts = schema_scripts("sqlite")
            if seen > len(scripts):
                raise MachineError(
                    f"{self.path} was written by a later version of Wattlas (schema {seen}, known "
                    f"here {len(scripts)}). Use that version, or name another file."
                )
            for number, script in enumerate(scripts[seen:], seen + 1):
                for statement in filter(str.strip, script.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def record(self, batch: Batch) -> Recorded:
        """Record a batch, whole and durable."""
        with self._transaction():
            taken = Taken(self._bits)
            new = [row for row in batch.rows if taken.take(row.id)]
            self._insert(new, taken)
            before = {account: self.counts(account) for account in accounts_of(new, batch)}
            counts, granted = counted(before, new, batch)
            self._write({a: each for a, each in counts.items() if each != before[a]})
        return Recorded(len(new), granted, counts)

    def _bits(self, block: Block) -> bytes | None:
        records = self._db.execute("SELECT bits FROM taken WHERE series = ? AND block = ?", block)
        (bits,) = records.fetchone() or (None,)
        return bits

    def _insert(self, rows: Sequence[Row], taken: Taken) -> None:
        """Keep rows: those of a tenant together, as a segment of its chain."""
        by_tenant: dict[str, list[Row]] = {}
        for row in rows:
            by_tenant.setdefault(row.tenant, []).append(row)
        for tenant, own in by_tenant.items():
            number, head = self._head(tenant)
            text, heads = links(own, head)
            admitted = [row.admitted_us for row in own]
            self._db.execute(
                "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)",
                (tenant, number + 1, min(admitted), max(admitted), text.decode(), b"".join(heads)),
            )  # fmt: skip
            self._db.execute(
                "INSERT OR REPLACE INTO chains VALUES (?, ?, ?)",
                (tenant, number + len(own), heads[-1]),
            )
        self._db.executemany(
            "INSERT OR REPLACE INTO taken VALUES (?, ?, ?)",
            [(*block, bits) for block, bits in taken.changed.items()],
        )

    def _head(self, tenant: str) -> tuple[int, bytes]:
        record = self._db.execute("SELECT number, head FROM chains WHERE tenant = ?", (tenant,))
        return record.fetchone() or (0, START)

    def counts(self, account: ContractWindow) -> Counts:
        """What is recorded of a window."""
        record = self._db.execute(
            "SELECT delivered, granted FROM windows WHERE tenant=? AND contract=? AND window=?",
            account,
        ).fetchone()
        return Counts(*record) if record else Counts()

    def _write(self, counts: dict[ContractWindow, Counts]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?, ?)",
            [(*account, each.delivered, each.granted) for account, each in counts.items()],
        )

    def secret(self, name: str, fresh: bytes) -> bytes:
        """A secret that all processes on this journal share; `fresh` becomes it where none is."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, fresh))
            (value,) = self._db.execute(
                "SELECT value FROM secrets WHERE name = ?", (name,)
            ).fetchone()
        return bytes(value)

    def rows(self, tenant: str, since_us: int, until_us: int) -> Statement:
        """A tenant's rows that were admitted in [since, until), by a connection of its own."""
        with closing(sqlite3.connect(self.path)) as db:
            records = db.execute(
                "SELECT first, lines, heads FROM segments "
                "WHERE tenant = ? AND until_us >= ? AND since_us < ? ORDER BY first",
                (tenant, since_us, until_us),
            )
            kept = [each for segment in records for each in _unpacked(*segment)]
        return statement_of(each for each in kept if since_us <= each[_ADMITTED] < until_us)

    def head(self, tenant: str, number: int) -> bytes:
        """The head after a row, by a connection of its own."""
        with closing(sqlite3.connect(self.path)) as db:
            record = db.execute(
                "SELECT first, heads FROM segments WHERE tenant = ? AND first <= ? "
                "ORDER BY first DESC LIMIT 1",
                (tenant, number),
            ).fetchone()
        if record is None:
            return START
        first, heads = record
        at = HEAD_BYTES * (number - first)
        return bytes(heads[at : at + HEAD_BYTES])

    def tenants(self) -> list[str]:
        """Whoever has rows, by name."""
        with closing(sqlite3.connect(self.path)) as db:
            return [name for (name,) in db.execute("SELECT tenant FROM chains ORDER BY tenant")]

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


_ADMITTED = Row._fields.index("admitted_us")


def _unpacked(first: int, lines: str, heads: bytes) -> Iterator[tuple[Any, ...]]:
    """Rows of a segment, each with its number and the head after it."""
    for n, row in enumerate(orjson.loads(f"[{lines}]")):
        yield (*padded(row), first + n, heads[HEAD_BYTES * n : HEAD_BYTES * (n + 1)])
