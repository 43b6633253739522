"""A replay: a scenario, a policy and requests that come, served one by one.

At every step of the scenario the policy is asked for a routing (`policy.loop`, which the live
service drives with another clock). Each request goes where its metro and class are furthest behind
their shares, degraded iff the contract's counts allow it and it pays; there it joins the replica
with the fewest requests. Counts move when answers are delivered. docs/replay.md says what is left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import refuse
from wattlas.model.scenario import Scenario
from wattlas.policy.cap import Counts
from wattlas.policy.forecasts.outlook import Outlook, Perfect
from wattlas.policy.forecasts.told import Told, as_known
from wattlas.policy.loop import Loop
from wattlas.policy.protocol import Observed, Policy
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.cut import NOTHING, Source
from wattlas.replays.arrivals.stream import Came, Stream
from wattlas.replays.desk import DeskPlaces, Set, crowded, needed_gpu, overfull, replicas_on
from wattlas.replays.fleet import Replicas
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import ArrivalArrays, Desk, Records, Sums
from wattlas.replays.ledgers import Ledgers
from wattlas.replays.outcome import Outcome, outcome_of
from wattlas.replays.service.pool import run_to
from wattlas.replays.service.serving import Serving
from wattlas.replays.tally import Tally

ROOM = 1 << 17
"""Records that are kept before they are handed on."""
Sink = Callable[[Records, int], None]
"""Takes the first so many records."""


@dataclass
class Replay:
    """One replay under way. `replay` makes it, runs it and returns what came out."""

    scenario: Scenario
    loop: Loop
    stream: Stream
    replicas: Replicas
    expected: bool
    """Whether the scenario's demand is what comes, so that a routing may be judged by it."""
    scale: float = 1.0
    """Requests that come for each of the scenario's."""
    sink: Sink | None = None
    progress: Callable[[float], None] | None = None
    told: Outlook | None = None
    """What issues the forecasts: those that come true unless given."""
    places: DeskPlaces = field(init=False)
    ledgers: Ledgers = field(init=False)
    sums: Sums = field(init=False)
    tally: Tally = field(init=False)
    meter: list[np.ndarray] = field(default_factory=list)
    """Of each step: energy and idle energy, J, of each pool, (2, P)."""
    caps: list[np.ndarray] = field(default_factory=list)
    """Of each step: the counts of all ledgers, (L, 4)."""
    refused: int = 0
    came: int = 0
    steps: int = 0
    crowded: float = 0.0
    """Accelerators that whole replicas took beyond those that a region has, at most."""

    def __post_init__(self) -> None:
        _check_hours(self.scenario)
        self.outlook = self.told or Perfect(self.scenario)
        self.places = DeskPlaces(self.scenario)
        self.ledgers = Ledgers.of(self.scenario)
        classes = len(self.scenario.classes)
        self.sums = S.new_sums(classes, self.ledgers.share, self.places.to_first)
        self.tally = Tally(self.scenario)
        self.records = S.new_records(0 if self.sink is None else ROOM + self._widest())
        self.demand = np.zeros(self.scenario.shape[:2])
        self.came_per_h = np.zeros(self.scenario.demand_per_h.shape)

    def _widest(self) -> int:
        return max(model.batch for model in self.replicas.models)

    def run(self) -> None:
        """Step by step until the requests end, then until the last is answered."""
        for _ in self.each_step():
            pass

    def each_step(self) -> Iterator[int]:
        """The same, giving the number of each step when it is done; the end follows the last."""
        step_s = self.scenario.hours.step_h * 3600.0
        source = Source(self.stream)
        for hour in range(self.scenario.hours.count):
            if source.ended():
                break
            self._step(hour, source, (hour + 1) * step_s)
            if self.progress:
                self.progress((hour + 1) / self.scenario.hours.count)
            yield hour
        source.refuse_later(self.scenario)
        self._drain(self.steps * step_s)

    def _step(self, hour: int, source: Source, end_s: float) -> None:
        from wattlas.replays.kernel.loop import charge_all

        begin_s = end_s - self.scenario.hours.step_h * 3600.0
        forecast = self.outlook.at(hour, self.came_per_h[:, :, :hour])
        observed = self.observed(hour)
        if not isinstance(self.outlook, Perfect):
            observed = as_known(observed, forecast)
        routing = self.loop.tick(observed, forecast)
        sets = Set.of(routing)
        self._switch(hour, routing, sets, begin_s)
        desk = self._desk(hour, routing, sets)
        before = self.replicas.fleet.energy_j.copy()
        while True:
            part = source.part(end_s)
            self.came += len(part.at_s)
            # Time may not pass the next batch's first request.
            self._advance(desk, part, source.until(end_s))
            if source.past(end_s):
                break
        fleet = self.replicas.fleet
        charge_all(self.replicas.pools, fleet, end_s)
        idle = self.replicas.idle_w() * (end_s - begin_s)
        self.meter.append(np.array([fleet.energy_j - before, idle]))
        self.tally.add(hour, sets.number, sets.region, sets.point, desk.sums)
        k = len(self.scenario.classes)
        wanted = np.bincount(sets.number // 2, desk.sums[:, 0], self.demand.size) + desk.refused
        self.demand = wanted.reshape(-1, k) / self.scenario.hours.step_h
        self.came_per_h[:, :, hour] = self.demand
        self.refused += int(desk.refused.sum())
        self.caps.append(self.sums.counts.copy())
        self.places.behind[sets.number, sets.region * self.scenario.shape[3] + sets.point] = (
            desk.behind
        )
        self.steps = hour + 1

    def _switch(self, hour: int, routing: Routing, sets: Set, begin_s: float) -> None:
        s, policy = self.scenario, self.loop.policy.name
        wants = routing.degrades
        low_share = np.array(
            [0.0 if n < 0 else self.ledgers.share[n, 0] / self.ledgers.share[n, 1]
             for n in self.ledgers.at[:, hour]]
        )  # fmt: skip
        low_share = np.where(wants.any(axis=0), low_share, 0.0)
        need = needed_gpu(s, sets, s.demand_per_h[:, :, hour], low_share)
        capacity = s.most_gpu[:, hour]
        if self.expected:
            overfull(s, need * self.scale, capacity, sets, routing.issued_utc, policy)
        on = replicas_on(self.places, sets, need, capacity, routing.issued_utc, policy)
        self.crowded = max(self.crowded, crowded(self.places, on, capacity))
        self.replicas.switch(on.ravel(), begin_s)

    def _desk(self, hour: int, routing: Routing, sets: Set) -> Desk:
        i, k, r, o, _ = self.scenario.shape
        source = sets.number // 2
        metro, klass = source // k, source % k
        served = sets.region < r
        region = np.where(served, sets.region, 0)
        return Desk(
            start=sets.start,
            pool=np.where(served, region * o + sets.point, -1),
            share=np.ascontiguousarray(sets.share),
            behind=self.places.behind[sets.number, sets.region * o + sets.point],
            network_s=self.places.network_s[metro, klass, region],
            longest_s=self.places.longest_s[klass, sets.point],
            wants=routing.degrades.ravel().astype(np.int64),
            ledger=np.tile(self.ledgers.at[:, hour], i),
            klass=np.tile(np.arange(k), i),
            sums=np.zeros((len(source), 3)),
            refused=np.zeros(i * k, np.int64),
            active=self.replicas.on,
        )

    def _advance(self, desk: Desk, came: Came, until_s: float) -> None:
        """Serve until a moment; records go to the sink whenever there is no room for more."""
        fleet = self.replicas.fleet
        fleet.tellers[S.TAKEN] = 0
        # Another type of array, read-only ones included, would be another function to compile.
        whole = (np.float64, np.int64, np.int64, np.int64, np.float64)
        columns = (*came, self.replicas.serving.longer(came.row))
        arrivals = ArrivalArrays(
            *(
                np.require(column, kind, ["C", "W"])
                for column, kind in zip(columns, whole, strict=True)
            )
        )
        while True:
            fleet = run_to(
                self.replicas.pools, fleet, self.sums, desk, arrivals, self.records,
                until_s,
            )  # fmt: skip
            self.replicas.fleet = fleet
            if self.sink is not None:
                self.sink(self.records, int(fleet.tellers[S.WRITTEN]))
                fleet.tellers[S.WRITTEN] = 0
            if fleet.tellers[S.STATUS] != S.FULL:
                return

    def _drain(self, end_s: float) -> None:
        """After the last step nothing comes; what still runs is finished, and metered in it."""
        self.replicas.switch(np.zeros_like(self.replicas.on), end_s)
        before = self.replicas.fleet.energy_j.copy()
        routing_of_none = self._empty_desk()
        self._advance(routing_of_none, NOTHING, S.BIG)
        if self.meter:
            self.meter[-1][0] += self.replicas.fleet.energy_j - before
            self.caps[-1] = self.sums.counts.copy()

    def _empty_desk(self) -> Desk:
        i, k, _, _, _ = self.scenario.shape
        none, empty = np.zeros(0), np.zeros(0, np.int64)
        sources = np.zeros(i * k, np.int64)
        return Desk(
            np.zeros(2 * i * k + 1, np.int64), empty, none, none, none, none, sources, sources,
            sources, np.zeros((0, 3)), sources, self.replicas.on,
        )  # fmt: skip

    def observed(self, hour: int) -> Observed:
        """What a policy sees at the beginning of a step."""
        s = self.scenario
        o = s.shape[3]
        busy = (self.replicas.busy() * np.tile(self.places.accelerators, s.shape[2])).reshape(-1, o)
        counts = {
            s.share_caps[c].id: Counts(int(n), int(m))
            for row, c in enumerate(self.ledgers.cap)
            if row in self.ledgers.at[:, hour]
            for n, m in [self.sums.counts[row, [S.DELIVERED, S.GRANTED]]]
        }
        return Observed(
            utc=s.hours.utc[hour],
            price_usd_per_mwh=s.price_usd_per_mwh[:, hour],
            carbon_g_per_kwh=s.deciding_g_per_kwh[:, hour],
            signal_age_s=np.zeros(s.shape[2]),
            demand_per_h=self.demand,
            load_gpu=busy.sum(axis=1),
            capacity_gpu=s.most_gpu[:, hour],
            counts=counts,
        )


def _check_hours(scenario: Scenario) -> None:
    hours = scenario.hours
    if (hours.weight != 1.0).any() or not hours.follows[1:].all():
        what = "are a sample, and requests follow each other in time"
        refuse([Problem("time", what, "Replay hours in a row: set time.hours, and no sample.")])


def replay(
    scenario: Scenario,
    policy: Policy,
    stream: Stream,
    *,
    serving: Serving | None = None,
    expected: bool = False,
    scale: float = 1.0,
    sink: Sink | None = None,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Replay requests under a policy.

    `serving` says how they are served. `expected`: the scenario's demand times `scale` is what
    comes, so that a routing beyond a region's accelerators is an error; with forecasts that may
    miss it none is. A policy that is `Told` forecasts gets those of its outlook, others perfect
    ones. `sink` takes the records of the requests as they end.
    `progress` is called with the share of the steps that are done. Raises InputError for requests
    and routings that break a rule, LimitError where the queues grow beyond all bounds.
    """
    serving = serving or Serving()
    serving.check(scenario)
    outlook = policy.outlook if isinstance(policy, Told) else Perfect(scenario)
    run = Replay(
        scenario, Loop.of(scenario, policy), stream, Replicas.of(scenario, serving),
        expected and isinstance(outlook, Perfect), scale, sink, progress, outlook,
    )  # fmt: skip
    run.run()
    return outcome_of(run, policy.name)


def shrunk(scenario: Scenario, share: float) -> Scenario:
    """A smaller copy of the world: a share of the demand on the same share of the accelerators."""
    regions = tuple(
        replace(region, on_demand_gpu=region.on_demand_gpu * share) for region in scenario.regions
    )
    return replace(
        scenario,
        regions=regions,
        demand_per_h=scenario.demand_per_h * share,
        reserved_gpu=scenario.reserved_gpu * share,
    )
