"""What a ledger's store keeps, and the one thing that is asked of it: record a batch, whole.

In one transaction, durable when it returns: rows that are new are kept and counted, permits are
returned and charged, and blocks of permits are granted by the rule of the degradation cap,
m + k ≤ φ·(n + k), with n and m as they are recorded then. A block is granted when the transaction
is, whether or not whoever asked for it lives to use it.

The rows of a tenant are a chain of hashes, so that nobody can change one later unnoticed. The head
after the last row of a statement stands in it beside that of the statement before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from importlib.resources import files
from operator import itemgetter
from socket import gaierror
from typing import Any, NamedTuple, Protocol

import orjson

from wattlas.policy.cap import Counts


class ContractWindow(NamedTuple):
    """A window of a tenant's contract."""

    tenant: str
    contract: str
    window: str


class Row(NamedTuple):
    """A request as it is kept. Energy in mJ, carbon in µg, money in nano-USD: sums are exact.

    `_usual` figures are those of the same request in full service at its baseline region. Amounts
    are None where nobody can say, `method` says how tokens were found, `vintage` from when the
    signals are. `first_us` is when the first content of a stream was sent, None where it is not
    known: replay reads the rows as a trace, and calibrates a server by these times.

    `energy` says how the energy was found: `profile`, or a server's meter. `usual_region` is the
    baseline region. Both are None in rows of earlier versions, whose energy is by the profile.

    A row that `corrects` another is no request: its amounts are differences, of the request of that
    id, or of all that were admitted in an hour, named by its beginning, and served in `region` with
    `usual_region` as their baseline. `filled` is of how many every amount is known only with it.
    """

    id: str
    tenant: str
    contract: str
    window: str
    admitted_us: int
    ended_us: int
    metro: str
    klass: str
    asked: str
    degraded: bool
    reason: str
    end: str
    status: int
    attempts: int
    model_asked: str
    model_served: str
    region: str
    point: str
    epoch: int
    tokens_in: int | None
    tokens_out: int | None
    method: str
    it_mj: int | None
    facility_mj: int | None
    average_ug: int | None
    marginal_ug: int | None
    nano_usd: int | None
    usual_mj: int | None
    usual_average_ug: int | None
    usual_marginal_ug: int | None
    usual_nano_usd: int | None
    vintage: str
    first_us: int | None = None
    energy: str | None = None
    usual_region: str | None = None
    corrects: str | None = None
    filled: int | None = None


_ALWAYS = Row._fields.index("first_us") + 1
"""Columns that every row has."""
_OF = itemgetter(*map(Row._fields.index, ContractWindow._fields))
"""Whose a row is."""


HEAD_BYTES = 32
START = bytes(HEAD_BYTES)
"""The head of a chain before its first row."""


def _filled(row: Row) -> tuple[Any, ...]:
    """A row without what is empty at its end: so a later column changes no line of before."""
    width = len(row)
    while width > _ALWAYS and row[width - 1] is None:
        width -= 1
    return row[:width]


def line_of(row: Row) -> bytes:
    """A row as it is hashed: compact JSON, without what is empty at its end."""
    return orjson.dumps(_filled(row))


def link(head: bytes, row: Row) -> bytes:
    """The head after one more row: SHA-256(head ‖ the row as a line)."""
    return sha256(head + line_of(row)).digest()


_BETWEEN = b"],["


def links(rows: Sequence[Row], head: bytes) -> tuple[bytes, list[bytes]]:
    """Rows as compact JSON with commas between them, and the heads after each.

    They are written at once and taken apart where one ends and the next begins: a row is a flat
    list, so there are more pieces than rows where a text has the same three letters in it.
    """
    kept = [_filled(row) for row in rows]
    text = orjson.dumps(kept)[1:-1]
    lines = text[1:-1].split(_BETWEEN)
    if len(lines) != len(rows):
        lines = [orjson.dumps(row)[1:-1] for row in kept]
    heads = []
    for line in lines:
        head = sha256(b"%b[%b]" % (head, line)).digest()
        heads.append(head)
    return text, heads


def head_after(rows: Iterable[Row], head: bytes = START) -> bytes:
    """The head after some rows, in their order."""
    for row in rows:
        head = link(head, row)
    return head


CORRECTION = "correction"
"""The `end` of a row that corrects others."""


class Want(NamedTuple):
    """Permits that are asked for under a contract's share."""

    account: ContractWindow
    share_max: Fraction
    permits: int


@dataclass(frozen=True)
class Batch:
    """What is to be recorded at once. Rows may be given again after a failure, the rest may not:
    permits that were returned twice would be used twice.
    """

    rows: Sequence[Row] = ()
    returned: Mapping[ContractWindow, int] = field(default_factory=dict)
    charged: Collection[str] = ()
    """Ids of rows that were degraded without a permit: one is granted with each that is new."""
    wants: Sequence[Want] = ()


@dataclass(frozen=True)
class Recorded:
    """What a store did with a batch: rows that were new, permits granted (one entry per want), and
    the counts of every window that the batch touched."""

    rows: int
    granted: tuple[int, ...]
    counts: Mapping[ContractWindow, Counts]


def counted(
    before: Mapping[ContractWindow, Counts], new: Sequence[Row], batch: Batch
) -> tuple[dict[ContractWindow, Counts], tuple[int, ...]]:
    """The counts after a batch of which these rows are new, and the permits granted per want.

    `before` holds every account of `accounts_of`.
    """
    counts = dict(before)
    whole = Counter(map(_OF, [row for row in new if row.contract and row.end == "whole"]))
    for window, answers in whole.items():
        account = ContractWindow(*window)
        counts[account] = counts[account].deliver(answers)
    for account, permits in batch.returned.items():
        counts[account] = counts[account].give_back(permits)
    for row in new if batch.charged else ():
        if row.contract and row.id in batch.charged:
            account = ContractWindow(*_OF(row))
            counts[account] = counts[account].grant(1)
    granted = []
    for want in batch.wants:
        permits = counts[want.account].room(want.share_max, want.permits)
        counts[want.account] = counts[want.account].grant(permits)
        granted.append(permits)
    return counts, tuple(granted)


def accounts_of(new: Sequence[Row], batch: Batch) -> list[ContractWindow]:
    """The windows that a batch touches, in an order that every process takes them in."""
    touched = {ContractWindow(*key) for key in set(map(_OF, new)) if key[1]}
    return sorted(
        {
            *touched,
            *batch.returned,
            *(w.account for w in batch.wants),
        }
    )


def fresh(rows: Sequence[Row], known: Collection[str]) -> list[Row]:
    """Rows whose id is not known yet, each once."""
    seen = set(known)
    return [row for row in rows if not (row.id in seen or seen.add(row.id))]  # type: ignore[func-returns-value]


def linked(rows: Sequence[Row], heads: dict[str, tuple[int, bytes]]) -> list[tuple[Any, ...]]:
    """Rows with their number in the chain of their tenant and the head after them. `heads` holds
    (number, head) of each tenant, and is brought up to date."""
    made: list[tuple[Any, ...]] = []
    for row in rows:
        number, head = heads[row.tenant]
        head = link(head, row)
        heads[row.tenant] = number + 1, head
        made.append((*row, number + 1, head))
    return made


def padded(row: Sequence[Any]) -> tuple[Any, ...]:
    """A row of a line, with the columns that were left out."""
    return (*row, *[None] * (len(Row._fields) - len(row)))


def schema_scripts(kind: str) -> list[str]:
    """The numbered scripts of a kind of store, the first first."""
    folder = files("wattlas.serve.ledger") / "schema" / kind
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


class Statement(NamedTuple):
    """Rows in the order of their chain, their numbers in it, and the head after each."""

    rows: list[Row]
    numbers: list[int]
    heads: list[bytes]


def statement_of(records: Iterable[Sequence[Any]]) -> Statement:
    """A statement from what a store keeps of each row: its columns, its number, the head after."""
    kept = [tuple(each) for each in records]
    width = len(Row._fields)
    rows = [Row(*each[:width]) for each in kept]
    return Statement(
        [row._replace(degraded=bool(row.degraded)) for row in rows],
        [each[width] for each in kept],
        [bytes(each[width + 1]) for each in kept],
    )


AWAY = "The ledger does not answer. Try again."


def is_away(error: Exception) -> bool:
    """Whether an error is one of a store's library: it does not answer, or is no ledger."""
    library = type(error).__module__.partition(".")[0] in ("sqlite3", "asyncpg")
    return library or isinstance(error, ConnectionError | TimeoutError | gaierror)


class Store(Protocol):
    """Keeps a journal. Any exception means that nothing is known of what was recorded."""

    def record(self, batch: Batch) -> Recorded:
        """Record a batch, whole and durable."""
        ...

    def secret(self, name: str, fresh: bytes) -> bytes:
        """A secret that all processes on this journal share; `fresh` becomes it where none is."""
        ...

    def rows(self, tenant: str, since_us: int, until_us: int) -> Statement:
        """A tenant's rows that were admitted in [since, until)."""
        ...

    def head(self, tenant: str, number: int) -> bytes:
        """The head of a tenant's chain after its row of a number; `START` before the first."""
        ...

    def tenants(self) -> list[str]:
        """Whoever has rows, by name."""
        ...

    def close(self) -> None:
        """Let go of the journal."""
        ...
