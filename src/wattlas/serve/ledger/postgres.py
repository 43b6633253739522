"""The journal in PostgreSQL, for several processes at once: each holds blocks of its own.

The lock on a tenant's chain makes its rows one after the other, the lock on a window its permits.
Both are taken in the same order everywhere. What a process was granted and did not use is lost
with it, which costs savings and never the cap.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import asyncpg

from wattlas.errors import MachineError
from wattlas.policy.cap import Counts
from wattlas.serve.ledger.journal import (
    START,
    Batch,
    ContractWindow,
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

T = TypeVar("T")
CONNECT_S = 5.0
COMMAND_S = 10.0
MIGRATION = 7_719_305_221
"""Number of the lock under which the schema is changed."""
_COLUMNS = [*Row._fields, "number", "head"]
_NAMED = ", ".join(f'"{name}"' for name in _COLUMNS)
_WINDOW = 'tenant = $1 AND contract = $2 AND "window" = $3'


class PostgresStore:
    """A journal in a database, by its address postgresql://…; its tables are made where missing.

    Raises MachineError where the database cannot be used at the start.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._db: asyncpg.Connection[Any] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lock = asyncio.Lock()
        try:
            self._do(self._migrate())
        except MachineError:
            self.close()
            raise
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.close()
            raise MachineError(
                f"the ledger's database cannot be used ({error}). Check its address and its rights."
            ) from error

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns, on the loop of this store."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CONNECT_S + 2 * COMMAND_S)

    async def _connection(self) -> asyncpg.Connection[Any]:
        if self._db is None or self._db.is_closed():
            self._db = await asyncpg.connect(
                self._address, timeout=CONNECT_S, command_timeout=COMMAND_S
            )
            await self._db.execute("SET synchronous_commit = on")
        return self._db

    async def _migrate(self) -> None:
        db = await self._connection()
        async with db.transaction():
            await db.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION)
            await db.execute("CREATE TABLE IF NOT EXISTS wattlas_schema (number BIGINT NOT NULL)")
            seen = await db.fetchval("SELECT coalesce(max(number), 0) FROM wattlas_schema")
            scripts = schema_scripts("postgres")
            if seen > len(scripts):
                raise MachineError(
                    f"the ledger's database was written by a later version of Wattlas (schema "
                    f"{seen}, known here {len(scripts)}). Use that version."
                )
            for number, script in enumerate(scripts[seen:], seen + 1):
                await db.execute(script)
                await db.execute("INSERT INTO wattlas_schema VALUES ($1)", number)

    def record(self, batch: Batch) -> Recorded:
        """Record a batch, whole and durable."""
        return self._do(self._record(batch))

    async def _record(self, batch: Batch) -> Recorded:
        async with self._lock:
            db = await self._connection()
            async with db.transaction():
                heads = await self._heads(db, batch.rows)
                ids = [row.id for row in batch.rows]
                known = await db.fetch("SELECT id FROM requests WHERE id = ANY($1)", ids)
                new = fresh(batch.rows, {record["id"] for record in known})
                await self._insert(db, new, heads)
                accounts = accounts_of(new, batch)
                before = {account: await self._locked(db, account) for account in accounts}
                counts, granted = counted(before, new, batch)
                for account, each in counts.items():
                    if each != before[account]:
                        await db.execute(
                            f"UPDATE windows SET delivered = $4, granted = $5 WHERE {_WINDOW}",
                            *account, each.delivered, each.granted,
                        )  # fmt: skip
        return Recorded(len(new), granted, counts)

    async def _heads(
        self, db: asyncpg.Connection[Any], rows: Sequence[Row]
    ) -> dict[str, tuple[int, bytes]]:
        """The chains of the rows' tenants, locked."""
        heads = {}
        for tenant in sorted({row.tenant for row in rows}):
            await db.execute(
                "INSERT INTO chains VALUES ($1, 0, $2) ON CONFLICT DO NOTHING", tenant, START
            )
            record = await db.fetchrow(
                "SELECT number, head FROM chains WHERE tenant = $1 FOR UPDATE", tenant
            )
            assert record is not None
            heads[tenant] = record["number"], record["head"]
        return heads

    async def _insert(
        self, db: asyncpg.Connection[Any], rows: Sequence[Row], heads: dict[str, tuple[int, bytes]]
    ) -> None:
        if not rows:
            return
        records = linked(rows, heads)
        await db.copy_records_to_table("requests", records=records, columns=_COLUMNS)
        for tenant, (number, head) in heads.items():
            await db.execute(
                "UPDATE chains SET number = $2, head = $3 WHERE tenant = $1", tenant, number, head
            )

    async def _locked(self, db: asyncpg.Connection[Any], account: ContractWindow) -> Counts:
        await db.execute(
            "INSERT INTO windows VALUES ($1, $2, $3, 0, 0) ON CONFLICT DO NOTHING", *account
        )
        return await self._counts(db, account, " FOR UPDATE")

    async def _counts(
        self, db: asyncpg.Connection[Any], account: ContractWindow, lock: str = ""
    ) -> Counts:
        record = await db.fetchrow(
            f"SELECT delivered, granted FROM windows WHERE {_WINDOW}{lock}", *account
        )
        return Counts(record["delivered"], record["granted"]) if record else Counts()

    def counts(self, account: ContractWindow) -> Counts:
        """What is recorded of a window."""

        async def asked() -> Counts:
            async with self._lock:
                return await self._counts(await self._connection(), account)

        return self._do(asked())

    def secret(self, name: str, fresh: bytes) -> bytes:
        """A secret that all processes on this journal share; `fresh` becomes it where none is."""

        async def asked() -> bytes:
            async with self._lock:
                db = await self._connection()
                await db.execute(
                    "INSERT INTO secrets VALUES ($1, $2) ON CONFLICT DO NOTHING", name, fresh
                )
                return bytes(await db.fetchval("SELECT value FROM secrets WHERE name = $1", name))

        return self._do(asked())

    def rows(self, tenant: str, since_us: int, until_us: int) -> Statement:
        """A tenant's rows that were admitted in [since, until)."""

        async def asked() -> Sequence[Any]:
            async with self._lock:
                db = await self._connection()
                records: Sequence[Any] = await db.fetch(
                    f"SELECT {_NAMED} FROM requests WHERE tenant = $1 AND admitted_us >= $2 "
                    "AND admitted_us < $3 ORDER BY number",
                    tenant, since_us, until_us,
                )  # fmt: skip
                return records

        return statement_of(self._do(asked()))

    def head(self, tenant: str, number: int) -> bytes:
        """The head after a row."""

        async def asked() -> bytes:
            async with self._lock:
                db = await self._connection()
                record = await db.fetchval(
                    "SELECT head FROM requests WHERE tenant = $1 AND number = $2", tenant, number
                )
                return START if record is None else bytes(record)

        return self._do(asked())

    def tenants(self) -> list[str]:
        """Whoever has rows, by name."""

        async def asked() -> Sequence[Any]:
            async with self._lock:
                db = await self._connection()
                records: Sequence[Any] = await db.fetch("SELECT tenant FROM chains ORDER BY tenant")
                return records

        return [records["tenant"] for records in self._do(asked())]

    def close(self) -> None:
        """Let go of the database."""

        async def end() -> None:
            if self._db is not None and not self._db.is_closed():
                await self._db.close(timeout=COMMAND_S)

        if not self._loop.is_closed():
            self._do(end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(COMMAND_S)
            self._loop.close()
