"""The part of the ledger that is in memory: permits in hand, requests in flight, rows to record.

Nothing here waits for a disk. A permit is in hand only after its block was recorded; `collect`
gives what is to be recorded next, `recorded` or `failed` takes in what came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from wattlas.policy.cap import Counts
from wattlas.serve.calendar import WindowCalendar
from wattlas.serve.decision import Decision, End, Reason, Settlement
from wattlas.serve.ledger.journal import Batch, ContractWindow, Recorded, Row, Want

LEAST_HELD = 4
MOST_HELD = 1024
"""Permits in hand. More survive a burst between two recordings; fewer are lost with a process."""
TOGETHER = 256
"""Rows are made of so many requests at once: more would keep others waiting."""
MOST_PENDING = 200_000
"""Rows that wait while the store is away: about 100 MB. What comes beyond them is lost."""
FORGOTTEN_S = 6 * 3600.0
"""A request that nobody settled for so long is booked as lost."""

RowsOf = Callable[[Sequence[tuple[Decision, Settlement]]], list[Row]]


@dataclass(frozen=True)
class TenantContract:
    """At most `share_max` of a tenant's requests in a window of `calendar` are degraded."""

    share_max: Fraction
    calendar: WindowCalendar = field(default_factory=WindowCalendar)


class _Held:
    """Permits in hand of the current window of one tenant's contract."""

    __slots__ = ("account", "begins_s", "contract", "ends_s", "free", "taken")

    def __init__(self, contract: TenantContract) -> None:
        self.contract = contract
        self.account = ContractWindow("", "", "")
        self.begins_s, self.ends_s = 0.0, 0.0
        self.free = 0
        self.taken = 0
        """Permits taken since the last batch."""


class Book:
    """The ledger that decisions ask. `rows_of` makes the rows of requests that have ended, `watch`
    is shown those of a batch."""

    def __init__(
        self,
        rows_of: RowsOf,
        contracts: Mapping[tuple[str, str], TenantContract],
        watch: Callable[[Sequence[Row]], None] = lambda rows: None,
    ) -> None:
        self.trouble: Reason | None = None
        self.lost_rows = 0
        self.stirred = False
        """Whether something happened since the last batch that recording may answer."""
        self.in_flight: dict[str, Decision] = {}
        self.handed: dict[str, Decision] = {}
        """Those that somebody else carries, by the text that settles them."""
        self.counts: dict[ContractWindow, Counts] = {}
        """As they were recorded last, of current windows."""
        self._rows_of, self._watch = rows_of, watch
        self._held: dict[tuple[str, str], _Held] = {}
        self._ended: list[tuple[Decision, Settlement]] = []
        self._made: list[Row] = []
        """Rows for the next batch."""
        self._kept: list[Row] = []
        """Rows of a batch that failed."""
        self._under_way = 0
        """Rows of a batch of which nothing is known yet."""
        self._returned: Counter[ContractWindow] = Counter()
        self._charged: set[str] = set()
        self.configure(contracts)

    def configure(self, contracts: Mapping[tuple[str, str], TenantContract]) -> None:
        """Take contracts by (tenant, id). Permits in hand of one that changed are returned: new
        ones are granted when the rule holds under the new share."""
        for key, held in list(self._held.items()):
            if contracts.get(key) != held.contract:
                self._let_go(held)
                del self._held[key]
        for key, contract in contracts.items():
            self._held.setdefault(key, _Held(contract))

    def window(self, tenant: str, contract: str, utc_s: float) -> str:
        """The window of a moment; empty without a contract."""
        held = self._held.get((tenant, contract))
        if held is None:
            return ""
        if not held.begins_s <= utc_s < held.ends_s:
            self._turn(held, tenant, contract, utc_s)
        return held.account.window

    def _turn(self, held: _Held, tenant: str, contract: str, utc_s: float) -> None:
        """Begin another window: permits in hand were of the one before."""
        self._let_go(held)
        span = held.contract.calendar.at(utc_s)
        held.account = ContractWindow(tenant, contract, span.label)
        held.begins_s, held.ends_s = span.begins_s, span.ends_s
        self.stirred = True

    def _let_go(self, held: _Held) -> None:
        if held.free:
            self._returned[held.account] += held.free
            self.stirred = True
        self.counts.pop(held.account, None)
        held.free = held.taken = 0

    def take(self, tenant: str, contract: str, window: str) -> bool:
        """Use a permit in hand of the current window."""
        held = self._held.get((tenant, contract))
        if held is None or held.free <= 0 or held.account.window != window:
            return False
        held.free -= 1
        held.taken += 1
        self.stirred = True
        return True

    def give_back(self, tenant: str, contract: str, window: str) -> None:
        """Return a permit: to the hand, or to the record where its window is another."""
        account = ContractWindow(tenant, contract, window)
        held = self._held.get((tenant, contract))
        if held is not None and held.account == account:
            held.free += 1
        else:
            self._returned[account] += 1
            self.stirred = True

    def charge(self, id: str) -> None:
        """Count a permit as granted with the row of a request, which had taken none."""
        self._charged.add(id)

    def open(self, decision: Decision) -> None:
        """Remember a decision until it is settled."""
        self.in_flight[decision.facts.id] = decision

    def close(self, id: str) -> Decision | None:
        """Forget a decision; None where none of that id is open."""
        return self.in_flight.pop(id, None)

    def book(self, decision: Decision, outcome: Settlement) -> None:
        """Keep a request that ended for the next batch."""
        self._ended.append((decision, outcome))
        self.stirred = True

    def make(self, most: int = TOGETHER) -> bool:
        """Make rows of what has ended, of so many at most; whether there is more."""
        made = self._rows_of(self._ended[:most])
        del self._ended[:most]
        self._made += made
        self._watch(made)
        return bool(self._ended)

    @property
    def pending(self) -> int:
        """Rows that are not recorded yet."""
        return len(self._ended) + len(self._made) + len(self._kept) + self._under_way

    def sweep(self, utc_s: float) -> None:
        """Book requests as lost that nobody settled for long."""
        old = [d for d in self.in_flight.values() if d.facts.utc_s < utc_s - FORGOTTEN_S]
        for decision in old:
            del self.in_flight[decision.facts.id]
            lost = Settlement(End.LOST, decision.place, decision.degraded, utc_s, status=0)
            self.book(decision, lost)
        if old:
            open_now = self.in_flight
            self.handed = {t: d for t, d in self.handed.items() if d.facts.id in open_now}

    def collect(self) -> Batch:
        """What is to be recorded now; it is no longer in hand."""
        self.stirred = False
        self.make(len(self._ended))
        rows = [*self._kept, *self._made]
        self._made, self._kept = [], []
        self._under_way = len(rows)
        returned, self._returned = self._returned, Counter()
        charged, self._charged = self._charged, set()
        return Batch(rows, returned, charged, tuple(self._wants()))

    def _wants(self) -> Iterator[Want]:
        for held in self._held.values():
            aim = min(max(2 * held.taken, LEAST_HELD), MOST_HELD)
            held.taken = 0
            if held.account.window and held.free < aim:
                yield Want(held.account, held.contract.share_max, aim - held.free)

    def recorded(self, batch: Batch, done: Recorded) -> None:
        """Take the permits that were granted into the hand."""
        self._under_way = 0
        current = {held.account for held in self._held.values()}
        self.counts.update({a: counts for a, counts in done.counts.items() if a in current})
        for want, granted in zip(batch.wants, done.granted, strict=True):
            held = self._held.get(want.account[:2])
            same = held is not None and held.account == want.account
            if held is not None and same and held.contract.share_max == want.share_max:
                held.free += granted
            elif granted:
                self._returned[want.account] += granted
                self.stirred = True

    def failed(self, batch: Batch) -> None:
        """Keep the rows for another try. Permits that were returned are lost: nobody knows whether
        the record has them. Rows that were degraded without a permit are always kept."""
        self._under_way = 0
        room = max(MOST_PENDING - len(self._kept), 0)
        kept = [r for n, r in enumerate(batch.rows) if n < room or r.id in batch.charged]
        self._kept = [*kept, *self._kept]
        self.lost_rows += len(batch.rows) - len(kept)
        self._charged.update(batch.charged)
        self.stirred = True

    def release(self) -> None:
        """Return every permit in hand, before the last batch; no more are asked for."""
        for held in self._held.values():
            self._let_go(held)
            held.account, held.ends_s = ContractWindow("", "", ""), held.begins_s
