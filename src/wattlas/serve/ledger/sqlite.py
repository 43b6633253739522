"""The journal in one SQLite file: write-ahead log, synchronised on every commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from wattlas.errors import MachineError
from wattlas.policy.cap import Counts
from wattlas.serve.ledger.chain import START, link
from wattlas.serve.ledger.journal import Account, Batch, Recorded, Row, Statement

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
            scripts = schema_scripts()
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
            new = self._new(batch.rows)
            self._insert(new)
            touched = {row.account for row in new if row.contract}
            touched |= {*batch.returned, *batch.charged, *(want.account for want in batch.wants)}
            before = {account: self.counts(account) for account in touched}
            counts = dict(before)
            for row in new:
                if row.contract and row.end == "whole":
                    counts[row.account] = counts[row.account].deliver()
            for account, permits in batch.returned.items():
                counts[account] = counts[account].give_back(permits)
            for account, permits in batch.charged.items():
                counts[account] = counts[account].grant(permits)
            granted = []
            for want in batch.wants:
                permits = counts[want.account].room(want.share_max, want.permits)
                counts[want.account] = counts[want.account].grant(permits)
                granted.append(permits)
            self._write({a: each for a, each in counts.items() if each != before[a]})
        return Recorded(len(new), tuple(granted), counts)

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        """Rows whose id is not recorded yet, each once."""
        by_id = {row.id: row for row in reversed(rows)}
        ids = list(by_id)
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for (id,) in self._db.execute(f"SELECT id FROM requests WHERE id IN ({marks})", some):
                del by_id[id]
        return [row for row in rows if by_id.pop(row.id, None) is not None]

    def _insert(self, rows: Sequence[Row]) -> None:
        heads: dict[str, tuple[int, bytes]] = {}
        linked = []
        for row in rows:
            number, head = heads.get(row.tenant) or self._head(row.tenant)
            head = link(head, row)
            heads[row.tenant] = number + 1, head
            linked.append((*row, number + 1, head))
        marks = ",".join("?" * (len(Row._fields) + 2))
        self._db.executemany(f"INSERT INTO requests VALUES ({marks})", linked)
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
        width = len(Row._fields)
        rows = [Row(*each[:width]) for each in found]
        return Statement(
            [row._replace(degraded=bool(row.degraded)) for row in rows],
            [each[width] for each in found],
            [bytes(each[width + 1]) for each in found],
        )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def schema_scripts() -> list[str]:
    """The numbered scripts of the schema, the first first."""
    folder = files("wattlas.serve.ledger") / "schema"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]
