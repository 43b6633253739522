"""The cap of a contract in the order of completion, whatever happens: a machine of random steps.

A client counts what it receives. After every answer the degraded ones among those delivered whole
are at most the largest share that was in force, also over crashes of the service and of its store.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.serve.toys import NOON_S, contracts, facts, outcome, rows_of, table
from wattlas.model.objective import Window
from wattlas.policy.cap import Counts
from wattlas.serve.decision import Asked, Decision, End, decide, settle
from wattlas.serve.ledger.book import Book
from wattlas.serve.ledger.journal import ContractWindow
from wattlas.serve.ledger.sqlite import SqliteStore

SHARES = st.sampled_from(
    [Fraction(0), Fraction(3, 20), Fraction(1, 3), Fraction(1, 2), Fraction(1)]
)
HOUR_S = 3600.0


class Cap(RuleBasedStateMachine):
    """A service with a journal in memory, and a client that counts."""

    book_kind: type[Book] = Book
    settles = True
    """Whether n is what was delivered; a variant counts when it decides."""
    durable = True

    @initialize(share=SHARES)
    def start(self, share: Fraction) -> None:
        """An empty journal."""
        self.store = SqliteStore(Path(":memory:"))
        self.share = share
        self.most: dict[str, Fraction] = {}
        self.whole: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.running: list[Decision] = []
        self.now = NOON_S
        self.table = table()
        self.count = 0
        self.begin()

    def begin(self) -> None:
        """Start the service on what the journal holds."""
        self.book = self.book_kind(rows_of, contracts(self.share, Window.HOUR))

    def teardown(self) -> None:
        """Close the journal."""
        if hasattr(self, "store"):
            self.store.close()

    @rule(asked=st.sampled_from([Asked.AUTO, Asked.AUTO, Asked.FLEX, Asked.DEFAULT]),
          number=st.integers(1, 8))  # fmt: skip
    def admit(self, asked: Asked, number: int) -> None:
        """Some requests arrive."""
        for _ in range(number):
            self.count += 1
            decision = decide(facts(str(self.count), asked, self.now), self.table, self.book)
            assert decision is not None
            self.running.append(decision)
            window = decision.window
            self.most[window] = max(self.most.get(window, self.share), self.share)
            if not self.settles:
                self.book.book(decision, outcome(decision))

    @rule(pick=st.randoms(use_true_random=False), number=st.integers(1, 8),
          end=st.sampled_from([End.WHOLE, End.WHOLE, End.WHOLE, End.BROKEN, End.FAILED]),
          degraded_first=st.booleans())  # fmt: skip
    def end(self, pick, number: int, end: End, degraded_first: bool) -> None:  # type: ignore[no-untyped-def]
        """Some of the answers end, in any order; the client counts first, then we are told."""
        for _ in range(min(number, len(self.running))):
            fast = [d for d in self.running if d.degraded] if degraded_first else []
            decision = pick.choice(fast or self.running)
            self.running.remove(decision)
            if end is End.WHOLE:
                self.whole[decision.window] = self.whole.get(decision.window, 0) + 1
                self.low[decision.window] = self.low.get(decision.window, 0) + decision.degraded
                self.check()
            if self.settles:
                settle(self.book, decision.facts.id, outcome(decision, end))

    @rule()
    def record(self) -> None:
        """A batch is recorded. A block is granted only if the rule then holds with all of it."""
        batch = self.book.collect()
        before = {want.account: self.store.counts(want.account) for want in batch.wants}
        done = self.store.record(batch)
        for want, granted in zip(batch.wants, done.granted, strict=True):
            counts = self.store.counts(want.account)
            if granted:
                bound = want.share_max * (counts.delivered + granted)
                assert want.share_max == 1 or counts.granted <= bound
            if not self.durable:
                self._forget(want.account, before[want.account])
        self.book.recorded(batch, done)

    def _forget(self, account: ContractWindow, before: Counts) -> None:
        """A variant writes no block down: after a crash the journal does not know of it."""
        self.unwritten = getattr(self, "unwritten", {})
        self.unwritten.setdefault(account, before.granted)

    @rule()
    def store_fails(self) -> None:
        """What was to be recorded is not, or is without our knowing."""
        batch = self.book.collect()
        if self.count % 2:
            self.store.record(batch)
        self.book.failed(batch)

    @rule()
    def crash(self) -> None:
        """The service is killed; answers in flight are still delivered, and nobody tells us."""
        if not self.durable:
            for account, granted in getattr(self, "unwritten", {}).items():
                counts = self.store.counts(account)
                self.store._write({account: Counts(counts.delivered, granted)})
            self.unwritten = {}
        self.begin()

    @rule(share=SHARES)
    def renegotiate(self, share: Fraction) -> None:
        """Another share is in force from now on."""
        self.share = share
        self.book.configure(contracts(share, Window.HOUR))
        for window in self.most:
            self.most[window] = max(self.most[window], share)

    @rule(hours=st.sampled_from([-24.0, -1.0, -0.3, 0.3, 1.0, 24.0]))
    def clock(self, hours: float) -> None:
        """Time passes, or the clock is set, back too."""
        self.now += hours * HOUR_S

    @invariant()
    def check(self) -> None:
        """The cap, in every window, as the client counts."""
        for window, whole in getattr(self, "whole", {}).items():
            assert self.low[window] <= self.most[window] * whole, (window, self.low, self.whole)


class CountsWhenDeciding(Cap):
    """A variant: n is counted when a request is decided."""

    settles = False


class PermitsInMemory(Cap):
    """A variant: blocks are granted without being written down."""

    durable = False


STEPS = settings(max_examples=40, stateful_step_count=50)


def test_the_cap_holds_whatever_happens() -> None:
    """Requests, answers in any order, failures, crashes, another share, another time."""
    run_state_machine_as_test(Cap, settings=STEPS)  # type: ignore[no-untyped-call]


def _ended_first(machine: Cap, degraded: bool) -> None:
    """All of one kind that are running end whole."""
    for decision in [d for d in machine.running if d.degraded is degraded]:
        machine.running.remove(decision)
        machine.whole[decision.window] = machine.whole.get(decision.window, 0) + 1
        machine.low[decision.window] = machine.low.get(decision.window, 0) + degraded
        machine.check()
        if machine.settles:
            settle(machine.book, decision.facts.id, outcome(decision))


def fast_answers_overtake(machine: Cap) -> None:
    """Requests arrive in batches; degraded answers are faster than full ones."""
    for _ in range(6):
        machine.admit(Asked.AUTO, 40)
        machine.record()
    _ended_first(machine, degraded=True)
    _ended_first(machine, degraded=False)
    machine.record()
    machine.admit(Asked.AUTO, 40)
    _ended_first(machine, degraded=True)


def crashes_between(machine: Cap) -> None:
    """Crash after crash, with answers in flight that are delivered nevertheless."""
    machine.admit(Asked.AUTO, 40)
    _ended_first(machine, degraded=False)
    for _ in range(8):
        machine.admit(Asked.AUTO, 1)
        machine.record()
        machine.admit(Asked.AUTO, 8)
        machine.crash()
    _ended_first(machine, degraded=True)
    _ended_first(machine, degraded=False)


@pytest.mark.parametrize(
    ("variant", "story"),
    [(CountsWhenDeciding, fast_answers_overtake), (PermitsInMemory, crashes_between)],
)
def test_the_two_known_mistakes_break_the_cap(
    variant: type[Cap], story: Callable[[Cap], None]
) -> None:
    """The same story keeps the cap with the rule, and breaks it with the mistake."""
    for kind in (Cap, variant):
        machine = kind()
        machine.start(Fraction(3, 20))
        try:
            if kind is Cap:
                story(machine)
                assert sum(machine.low.values()) > 0
            else:
                with pytest.raises(AssertionError):
                    story(machine)
        finally:
            machine.teardown()


def test_most_of_the_share_is_used() -> None:
    """With 240 in flight, and degraded answers twice as fast as full ones."""
    machine = Cap()
    machine.start(Fraction(3, 20))
    ends: dict[int, list[Decision]] = {}
    whole = low = 0
    for second in range(300):
        for n in range(20):
            decision = decide(facts(f"{second}/{n}"), machine.table, machine.book)
            assert decision is not None
            ends.setdefault(second + (6 if decision.degraded else 12), []).append(decision)
        for decision in ends.pop(second, ()):
            whole, low = whole + 1, low + decision.degraded
            assert low <= Fraction(3, 20) * whole
            settle(machine.book, decision.facts.id, outcome(decision))
        machine.record()
    machine.teardown()
    assert low >= 0.14 * whole
