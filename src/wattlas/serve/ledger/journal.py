"""What a ledger's store keeps, and the one thing that is asked of it: record a batch, whole.

In one transaction, durable when it returns: rows that are new are kept and counted, permits are
returned and charged, and blocks of permits are granted by the rule of the degradation cap,
m + k ≤ φ·(n + k), with n and m as they are recorded then. A block is granted when the transaction
is, whether or not whoever asked for it lives to use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol

from wattlas.policy.cap import Counts


class Account(NamedTuple):
    """A window of a tenant's contract."""

    tenant: str
    contract: str
    window: str


class Row(NamedTuple):
    """A request as it is kept. Energy in mJ, carbon in µg, money in nano-USD: sums are exact.

    `_usual` figures are those of the same request in full service at its baseline region. Amounts
    are None where nobody can say, `method` says how tokens were found, `vintage` from when the
    signals are.
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

    @property
    def account(self) -> Account:
        """Whose it is."""
        return Account(self.tenant, self.contract, self.window)


class Want(NamedTuple):
    """Permits that are asked for under a contract's share."""

    account: Account
    share_max: Fraction
    permits: int


@dataclass(frozen=True)
class Batch:
    """What is to be recorded at once. Rows may be given again after a failure, the rest may not:
    permits that were returned twice would be used twice.
    """

    rows: Sequence[Row] = ()
    returned: Mapping[Account, int] = field(default_factory=dict)
    charged: Mapping[Account, int] = field(default_factory=dict)
    wants: Sequence[Want] = ()


@dataclass(frozen=True)
class Recorded:
    """What a store did with a batch: rows that were new, permits granted (one entry per want), and
    the counts of every window that the batch touched."""

    rows: int
    granted: tuple[int, ...]
    counts: Mapping[Account, Counts]


class Statement(NamedTuple):
    """Rows in the order of their chain, their numbers in it, and the head after each."""

    rows: list[Row]
    numbers: list[int]
    heads: list[bytes]


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

    def close(self) -> None:
        """Let go of the journal."""
        ...
