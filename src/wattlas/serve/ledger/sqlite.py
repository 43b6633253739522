"""The journal in one SQLite file: write-ahead log, synchronised on every commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from wattlas.errors import MachineError
from wattlas.policy.cap import Counts
from wattlas.serve.ledger.journal import (
    START,
    Account,
    Batch,
    Recorded,
    Row,
    Statement,
    accounts_of,
    counted,
    fresh,
    linked,
    schema_scripts,
    statement_of,
)

BUSY_MS = 2_000
"""How long another process may hold the file before a batch fails."""
_AT_ONCE = 500
"""Ids in one question; SQLite takes 32,766 at most."""


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
            new = fresh(batch.rows, self._known([row.id for row in batch.rows]))
            self._insert(new)
            before = {account: self.counts(account) for account in accounts_of(new, batch)}
            counts, granted = counted(before, new, batch)
            self._write({a: each for a, each in counts.items() if each != before[a]})
        return Recorded(len(new), granted, counts)

    def _known(self, ids: Sequence[str]) -> set[str]:
        """Which of some ids are recorded already."""
        known: set[str] = set()
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            found = self._db.execute(f"SELECT id FROM requests WHERE id IN ({marks})", some)
            known.update(id for (id,) in found)
        return known

    def _insert(self, rows: Sequence[Row]) -> None:
        heads = {tenant: self._head(tenant) for tenant in {row.tenant for row in rows}}
        marks = ",".join("?" * (len(Row._fields) + 2))
        self._db.executemany(f"INSERT INTO requests VALUES ({marks})", linked(rows, heads))
        self._db.executemany(
            "INSERT OR REPLACE INTO chains VALUES (?, ?, ?)",
            [(tenant, number, head) for tenant, (number, head) in heads.items()],
        )

    def _head(self, tenant: str) -> tuple[int, bytes]:
        found = self._db.execute("SELECT number, head FROM chains WHERE tenant = ?", (tenant,))
        return found.fetchone() or (0, START)

    def counts(self, account: Account) -> Counts:
        """What is recorded of a window."""
        found = self._db.execute(
            "SELECT delivered, granted FROM windows WHERE tenant=? AND contract=? AND window=?",
            account,
        ).fetchone()
        return Counts(*found) if found else Counts()

    def _write(self, counts: dict[Account, Counts]) -> None:
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
            found = db.execute(
                "SELECT * FROM requests WHERE tenant = ? AND admitted_us >= ? AND admitted_us < ? "
                "ORDER BY number",
                (tenant, since_us, until_us),
            ).fetchall()
        return statement_of(found)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
