"""What every way in shares: configuration, schedule, ledger, and one decision per request.

A schedule or a configuration that cannot be read never replaces one that could.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import count
from pathlib import Path
from typing import NamedTuple

from wattlas.errors import InputError, MachineError, Problem
from wattlas.serve.accounts import rows_of
from wattlas.serve.agreement import agreed, mismatches
from wattlas.serve.config import ServeConfig, read_config
from wattlas.serve.decision import Asked, Decision, Facts, Settlement, decide, settle, settle_late
from wattlas.serve.gateway.trail import Ended
from wattlas.serve.ledger.book import Book
from wattlas.serve.ledger.journal import Row, Store
from wattlas.serve.ledger.keeper import Keeper
from wattlas.serve.ledger.spool import Spool
from wattlas.serve.names import METHODS
from wattlas.serve.schedule import Schedule, ScheduleHour, read_schedule
from wattlas.serve.seal import Seal
from wattlas.serve.succession import Succession
from wattlas.serve.table import Place

log = logging.getLogger("wattlas.serve")


class PlaneClock(NamedTuple):
    """The time, s since 1970, and a clock that nobody sets, by which others are judged."""

    utc_s: Callable[[], float]
    steady_s: Callable[[], float]


TRUE_CLOCK = PlaneClock(time.time, time.monotonic)


class Plane:
    """The live plane of one process. `watch` is shown all rows, as they are made."""

    def __init__(
        self,
        config: ServeConfig,
        schedule: Schedule,
        store: Store,
        clock: PlaneClock = TRUE_CLOCK,
        watch: Callable[[Sequence[Row]], None] = lambda rows: None,
        spool: Spool | None = None,
    ) -> None:
        self.config, self.schedule, self.store, self.clock = config, schedule, store, clock.utc_s
        self.book = Book(rows_of(lambda: self.schedule), config.contracts, watch)
        self.spool = spool
        self.keeper = Keeper(self.book, store, clock.utc_s, clock.steady_s, spool)
        self.reasons: Counter[str] = Counter()
        """Decisions by reason."""
        self.events: Counter[str] = Counter()
        """What else happened, by name."""
        self.on_end: Callable[[Ended], None] = lambda ended: None
        """Is shown each request of the gateway when it has ended."""
        self.boot = secrets.token_hex(6)
        """Tells the ids of this process from those of others."""
        self.seal = Seal(store.secret("seal", secrets.token_bytes(32)))
        self._succession, self._steady_s = Succession(), clock.steady_s
        self.due_s: float | None = None
        """When a schedule that waits may follow, on the steady clock; None where none does."""
        self._numbers = count(1)
        self._models: dict[str, str] = {}
        """What servers call the models of points that were asked for."""
        self._urls: dict[tuple[str, str], str] = {}
        self._known: Mapping[str, Set[str]] | None = None
        if spool is not None:
            self._recover(spool)

    def _recover(self, spool: Spool) -> None:
        """Book what ended in a process that did not live to record it."""
        for line in spool.left:
            ended = self.seal.ended(line)
            self.events["ended_refused" if ended is None else "ended_recovered"] += 1
            if ended is not None:
                settle_late(self.book, *ended)

    def new_id(self) -> str:
        """An id that no other request has."""
        return f"{self.boot}-{next(self._numbers)}"

    def hour(self, utc_s: float) -> ScheduleHour:
        """Table and signals of a moment."""
        return self.schedule.at(utc_s)

    def facts(self, id: str, tenant: str, klass: str, asked: Asked, metro: str) -> Facts:
        """What is known of a request now. `klass` is the base class."""
        contract = self.config.document.tenants[tenant].contract or ""
        own = self.schedule.class_of(klass, contract)
        return Facts(id, tenant, contract, metro, own, asked, self.clock())

    def decide(self, facts: Facts) -> Decision | None:
        """Where a request goes; None where nobody serves it."""
        decision = decide(facts, self.hour(facts.utc_s).table, self.book)
        self.reasons["no-place" if decision is None else decision.reason._value_] += 1
        return decision

    def settle(self, id: str, outcome: Settlement, spooled: bool = True) -> bool:
        """Account for a request, once. It is `spooled` unless a killed process's successor is told
        again."""
        decision = self.book.in_flight.get(id)
        if not settle(self.book, id, outcome) or decision is None:
            self.events["settlements_refused"] += 1
            return False
        if spooled:
            self._spool(decision, outcome)
        return True

    def _spool(self, decision: Decision, outcome: Settlement) -> None:
        """Write down what has ended, where files are kept for it."""
        if self.spool is not None:
            self.spool.keep(self.seal.line(decision, outcome))

    def sealed(self, decision: Decision) -> str:
        """An open decision as the text that settles it. While it is open the text is known: it
        needs no proof when it comes back."""
        text = self.seal.sealed(decision)
        self.book.handed[text] = decision
        return text

    def settle_sealed(
        self, text: str, outcome: Callable[[Decision], Settlement], spooled: bool = True
    ) -> bool:
        """Account for a request whose sealed decision somebody brings back, once.

        One that an earlier process decided, or another on the same ledger, is booked as it is
        sealed; the ledger takes each id once.
        """
        known = self.book.handed.pop(text, None)
        sealed = self.seal.opened(text) if known is None else None
        if sealed is not None:
            known = self.book.in_flight.get(sealed.facts.id)
        if known is not None:
            return self.settle(known.facts.id, outcome(known), spooled)
        if sealed is None or sealed.facts.id.startswith(self.boot):
            self.events["settlements_refused"] += 1
            return False
        late = outcome(sealed)
        settle_late(self.book, sealed, late)
        if spooled:
            self._spool(sealed, late)
        self.events["settlements_late"] += 1
        return True

    def served_at(self, decision: Decision, place: Place | None) -> tuple[Place, bool]:
        """Where somebody says that a request was served, and whether it was degraded there: it was
        at any place that is none of full service."""
        if place is None or place == decision.place:
            return decision.place, decision.degraded
        facts = decision.facts
        pair = self.hour(facts.utc_s).table.pairs.get((facts.metro, facts.klass))
        return place, pair is None or place not in pair.full.places

    def model_of(self, point: str) -> str:
        """What servers call the model of an operating point."""
        name = self._models.get(point)
        if name is None:
            name = self._model_of(point)
            if point in self.schedule.points:
                self._models[point] = name
        return name

    def _model_of(self, point: str) -> str:
        served, profile = self.config.document.served, self.schedule.points.get(point)
        variant = profile.variant if profile else point
        return served.get(point) or served.get(variant) or variant

    def url_of(self, region: str, point: str) -> str:
        """Where the servers of a place are. Raises InputError where it has none."""
        url = self._urls.get((region, point))
        if url is None:
            profile = self.schedule.points.get(point)
            variant = profile.variant if profile else point
            url = self.config.endpoints.of(region, point, variant).address.url
            self._urls[region, point] = url
        return url

    @property
    def known_names(self) -> Mapping[str, Set[str]]:
        """Names that fields of a row may have as labels: those of configuration and schedule, and
        none."""
        if self._known is None:
            served = map(self.model_of, self.schedule.points)
            self._known = {
                "model_asked": frozenset((*self.config.document.models, "")),
                "model_served": frozenset((*served, "")),
                "region": frozenset(self.schedule.regions),
                "method": METHODS,
            }
        return self._known

    def _forget(self) -> None:
        """Names and addresses may be others after a reload."""
        self._models, self._urls, self._known = {}, {}, None

    def take_schedule(self, path: Path, *, at_once: bool = True) -> list[Problem]:
        """Take the schedule in a file, if it is sound and may follow the present one. Where it need
        not be `at_once` it waits until the present one was followed for long enough."""
        try:
            fresh = read_schedule(path)
        except InputError as error:
            return self._refused("schedule", "schedules", error.problems)
        fenced = list(self._succession.fenced(self.schedule, fresh))
        self.events["schedules_fenced"] += len(fenced)
        problems = [*mismatches(self.config, fresh), *fenced]
        if problems:
            return self._refused("schedule", "schedules", problems)
        if not self._waits(fresh, at_once):
            self._follow(fresh)
        return []

    def _waits(self, fresh: Schedule, at_once: bool) -> bool:
        """Whether a schedule has to wait; `due_s` is when to look at its file again."""
        least_s = self.config.document.limits.follow_s
        both, now_s = (self.schedule, fresh), self._steady_s()
        wait_s = 0.0 if at_once else self._succession.wait_s(both, self.clock(), now_s, least_s)
        self.due_s = now_s + wait_s if wait_s else None
        if wait_s:
            self.events["schedules_deferred"] += 1
            log.warning("a schedule that moves requests again waits for %.0f s", wait_s)
        return bool(wait_s)

    def _follow(self, fresh: Schedule) -> None:
        if fresh.writer != self.schedule.writer:
            self.events["schedule_writers_changed"] += 1
            log.warning("`%s` writes schedules now, after `%s`", fresh.writer, self.schedule.writer)
        self._succession.follow((self.schedule, fresh), self.clock(), self._steady_s())
        self.schedule = fresh
        self._forget()
        self.events["schedules_taken"] += 1

    @property
    def is_due(self) -> bool:
        """Whether a schedule that waited may follow now."""
        return self.due_s is not None and self._steady_s() >= self.due_s

    def take_config(self, path: Path) -> list[Problem]:
        """Take the configuration in a file, if it is sound. Ports and ledger stay as they are."""
        try:
            fresh = read_config(path)
        except InputError as error:
            return self._refused("configuration", "configs", error.problems)
        problems = agreed(fresh, self.schedule)
        if problems:
            return self._refused("configuration", "configs", problems)
        self.config = fresh
        self._forget()
        self.book.configure(fresh.contracts)
        self.events["configs_taken"] += 1
        return []

    def _refused(self, what: str, events: str, problems: Sequence[Problem]) -> list[Problem]:
        """Count and tell that something is not taken; the problems."""
        self.events[f"{events}_refused"] += 1
        for problem in problems:
            log.error("the %s is not taken: %s", what, problem)
        return list(problems)


def open_plane(
    path: Path,
    store_of: Callable[[ServeConfig], Store],
    clock: PlaneClock = TRUE_CLOCK,
    watch: Callable[[Sequence[Row]], None] = lambda rows: None,
) -> Plane:
    """The plane of a configuration's file. Raises InputError with everything that is wrong."""
    config = read_config(path)
    schedule = read_schedule(config.schedule_path)
    problems = list(mismatches(config, schedule))
    if problems:
        raise InputError(problems)
    return Plane(config, schedule, store_of(config), clock, watch, _spool_of(config))


def _spool_of(config: ServeConfig) -> Spool | None:
    """Where ended requests are kept until they are recorded; nowhere where no file is named."""
    path = config.spool_path
    if path is None:
        return None
    try:
        return Spool(path)
    except OSError as error:
        raise MachineError(
            f"{path}: ended requests cannot be kept there ({error}). Name another file: `spool`."
        ) from error
