"""What one request is given, and what became of it: the rule of the live plane, without I/O.

    decide(facts, table, ledger) -> Decision          settle(ledger, id, outcome) -> bool

A request is degraded only if its contract allows it now: the ledger hands out permits so that at
every moment m + 1 ≤ φ·(n + 1), with n answers delivered whole and m permits granted of this
contract's window. Among those allowed it is degraded iff that saves at least the table's threshold.
Anything uncertain means full service, and the decision says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import NamedTuple, Protocol

from wattlas.serve.table import Pair, Place, RoutingTable


class Asked(StrEnum):
    """What the client asks for: `service_tier`, in the words of OpenAI's clients."""

    AUTO = "auto"
    """As the contract says."""
    FLEX = "flex"
    """Green: may be degraded within the contract."""
    DEFAULT = "default"
    """Never degraded."""
    PRIORITY = "priority"
    """Never degraded."""


_DEFAULT, _PRIORITY = Asked.DEFAULT, Asked.PRIORITY  # a member's name costs as much as a decision


def never_degraded(asked: Asked) -> bool:
    """Whether a client insists on full service."""
    return asked is _DEFAULT or asked is _PRIORITY


class Reason(StrEnum):
    """Why a request is degraded, or why it is not."""

    SAVING = "saving"
    """Degraded: the contract allows it, and it saves at least the threshold."""
    FAILOVER = "failover"
    """Degraded: no place in full service answered, and the contract allowed the fallback."""
    NO_CONTRACT = "no-contract"
    ASKED = "asked"
    """The client asked for full service."""
    THRESHOLD = "threshold"
    """Degrading would save less than the threshold, or there is no fallback."""
    CAP = "cap"
    """No permit is free: the contract's share is used up for now."""
    STALE = "stale-table"
    """The routing is older than it holds."""
    STORE = "store"
    """The ledger's store does not answer."""
    CLOCK = "clock"
    """The clock was set while requests ran."""
    RECOVERED = "recovered"
    """The fallback failed, and full service took over."""


_SAVING, _CAP = Reason.SAVING, Reason.CAP


class Facts(NamedTuple):
    """What is known of a request when it is decided. `contract` is empty for full service."""

    id: str
    tenant: str
    contract: str
    metro: str
    klass: str
    asked: Asked
    utc_s: float


class Decision(NamedTuple):
    """Where a request goes, and why. `window` is that of its admission."""

    facts: Facts
    window: str
    degraded: bool
    place: Place
    reason: Reason
    epoch: int


_decision = partial(tuple.__new__, Decision)  # its own constructor takes three times as long


class End(StrEnum):
    """How an answer ended."""

    WHOLE = "whole"
    BROKEN = "broken"
    """After its first content byte: what was degraded keeps its permit."""
    FAILED = "failed"
    """Before its first content byte: what was degraded returns its permit."""
    LOST = "lost"
    """Nobody told: what was degraded keeps its permit."""


FAILED, WHOLE = End.FAILED, End.WHOLE


class Settlement(NamedTuple):
    """What became of a request. `place` and `degraded` are what served it in the end.

    Tokens are None where nobody counted them; `method` says how they were found.
    """

    end: End
    place: Place
    degraded: bool
    ended_s: float
    status: int = 200
    model_asked: str = ""
    model_served: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    method: str = ""
    attempts: int = 1
    reason: Reason | None = None
    """Why it was served so, where that is no longer what was decided."""
    first_s: float | None = None
    """When its first content was sent, where that was seen."""
    meter: str = ""
    """How its energy was metered: the meter's name, or why there is no reading; empty for none."""
    metered_j: float | None = None
    """IT energy by that meter."""


NOT_METERED = ("", None)
"""The last fields of an outcome of which no meter tells."""


class Ledger(Protocol):
    """Hands out permits that are durable, and remembers what is open."""

    trouble: Reason | None
    """Why nothing may be degraded now; None where all is well."""

    def window(self, tenant: str, contract: str, utc_s: float) -> str:
        """The window that a moment belongs to under a contract; empty without one."""
        ...

    def take(self, tenant: str, contract: str, window: str) -> bool:
        """Use up a permit of a window, if there is one that is durable."""
        ...

    def give_back(self, tenant: str, contract: str, window: str) -> None:
        """Return a permit that was taken, and for which nothing was delivered."""
        ...

    def charge(self, id: str) -> None:
        """Count a permit as granted with the row of a request, which had taken none."""
        ...

    def open(self, decision: Decision) -> None:
        """Remember a decision until it is settled; a later one of the same id replaces it."""
        ...

    def close(self, id: str) -> Decision | None:
        """Forget a decision; None where none of that id is open."""
        ...

    def book(self, decision: Decision, outcome: Settlement) -> None:
        """Keep what became of a decision: n is the number of those booked as whole."""
        ...


def decide(facts: Facts, table: RoutingTable, ledger: Ledger) -> Decision | None:
    """Where a request goes. None where the table has no place for its metro and class."""
    _, tenant, contract, metro, klass, _, utc_s = facts
    pair = table.pairs.get((metro, klass))
    if pair is None:
        return None
    window = ledger.window(tenant, contract, utc_s)
    reason = _full_service(facts, table, pair, ledger)
    degraded = False
    if reason is None:
        degraded = ledger.take(tenant, contract, window)
        reason = _SAVING if degraded else _CAP
    quota = pair.low if degraded and pair.low is not None else pair.full
    decision = _decision((facts, window, degraded, quota.next(), reason, table.epoch))
    ledger.open(decision)
    return decision


def _full_service(facts: Facts, table: RoutingTable, pair: Pair, ledger: Ledger) -> Reason | None:
    """Why a request is served in full whatever its contract's counts; None where they decide."""
    _, _, contract, _, _, asked, utc_s = facts
    if not contract:
        return Reason.NO_CONTRACT
    if asked is _DEFAULT or asked is _PRIORITY:
        return Reason.ASKED
    if ledger.trouble is not None:
        return ledger.trouble
    if not table.issued_s <= utc_s < table.until_s:
        return Reason.STALE
    return None if pair.degrades else Reason.THRESHOLD


def settle(ledger: Ledger, id: str, outcome: Settlement) -> bool:
    """Account for what became of a request, once. False for an id that is not open.

    What failed before its first content byte returns its permit, and so does what was served in
    full after all. What ended whole is counted as delivered, when it is booked.
    """
    decision = ledger.close(id)
    if decision is None:
        return False
    if decision.degraded and not _keeps(outcome):
        ledger.give_back(decision.facts.tenant, decision.facts.contract, decision.window)
    settle_late(ledger, decision, outcome)
    return True


def settle_as_decided(ledger: Ledger, decision: Decision, outcome: Settlement) -> bool:
    """Account for a request that was answered whole where it was decided to go: no permit moves.
    False, and nothing happens, where it is not open."""
    if ledger.close(decision.facts.id) is None:
        return False
    ledger.book(decision, outcome)
    return True


def settle_late(ledger: Ledger, decision: Decision, outcome: Settlement) -> None:
    """Account for a request that another process decided: what it took stays granted."""
    if _keeps(outcome) and not decision.degraded:
        ledger.charge(decision.facts.id)
    ledger.book(decision, outcome)


def _keeps(outcome: Settlement) -> bool:
    """Whether an answer uses up a permit."""
    return outcome.degraded and outcome.end is not FAILED


def failovers(decision: Decision, table: RoutingTable, ledger: Ledger) -> Iterator[Decision]:
    """What to try, one after the other, when the place of a decision fails before its first byte.

    A request stays in the set that it was promised. From full service it goes to the fallback only
    with a permit, and then counts as degraded; from the fallback it may rise to full service. What
    is yielded is what the ledger now holds of the request.
    """
    facts = decision.facts
    pair = table.pairs.get((facts.metro, facts.klass))
    if pair is None:
        return
    own = pair.low if decision.degraded and pair.low is not None else pair.full
    for place in own.others(decision.place):
        yield decision._replace(place=place)
    if decision.degraded:
        risen = decision._replace(degraded=False, reason=Reason.RECOVERED)
        first = pair.full.next()
        for place in (first, *pair.full.others(first)):
            yield risen._replace(place=place)
    elif pair.low is not None and _may_fall(decision, table, ledger):
        fallen = decision._replace(degraded=True, place=pair.low.next(), reason=Reason.FAILOVER)
        ledger.open(fallen)
        for place in (fallen.place, *pair.low.others(fallen.place)):
            yield fallen._replace(place=place)


def _may_fall(decision: Decision, table: RoutingTable, ledger: Ledger) -> bool:
    """Whether a failure turns full service into the fallback: then a permit was taken for it."""
    facts = decision.facts
    return (
        bool(facts.contract)
        and not never_degraded(facts.asked)
        and ledger.trouble is None
        and table.issued_s <= facts.utc_s < table.until_s
        and ledger.take(facts.tenant, facts.contract, decision.window)
    )
