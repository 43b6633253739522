"""Requests that may wait, apart by the window in which they arrive.

A degraded request counts in the window of its arrival, wherever it runs. So a source that may wait
is as many sources as there are windows whose requests are in its queue at once: the requests of one
window are one of them, those of the next another, and once the last of the first has run it takes
the requests of a later one. Each has a queue of its own, so that in every step it is known which
window the requests of a source are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.model.contract import ShareCap
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waited, due, shared_first_in
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, windows
from wattlas.placement.problem.queue import Queue

FINEST_FIRST = (Window.HOUR, Window.DAY, Window.MONTH)
"""Windows that a request may leave by waiting; each lies within one of the next."""


def left_by_waiting(scenario: Scenario, cap: ShareCap) -> bool:
    """Whether a request that a cap counts may run in another window than it arrives in."""
    patient = {klass.id for klass in scenario.classes if klass.may_wait_h > 0}
    return cap.window is not Window.ALL and not patient.isdisjoint(cap.classes)


@dataclass(frozen=True)
class Arrivals:
    """The sources of `whole` apart by window of arrival: `instance` has S' sources.

    `origin` (S',) is the source of the whole, `part` (S',) which part of it. `arrives` (S', T) says
    whose requests of a step are whose. `came` (S', T) is the first step of the window in which
    those that may run in a step arrived: of the shortest window over which they are counted, and
    the step itself where nothing waits.
    """

    whole: Instance
    instance: Instance
    origin: np.ndarray
    part: np.ndarray
    arrives: np.ndarray
    came: np.ndarray

    @staticmethod
    def of(whole: Instance) -> Arrivals:
        """Those of an instance; every source by itself where no window is left by waiting."""
        scenario, steps = whole.scenario, whole.demand.shape[1]
        kinds = {k: _parts(scenario, k) for k in np.unique(whole.klass).tolist()}
        count = np.array([len(kinds[k][0]) for k in whole.klass.tolist()], dtype=np.int64)
        origin = np.repeat(np.arange(whole.sources), count)
        part = np.arange(len(origin)) - np.repeat(np.cumsum(count) - count, count)
        if len(origin) == whole.sources:
            every = np.ones((whole.sources, steps), dtype=bool)
            came = np.broadcast_to(np.arange(steps), every.shape)
            return Arrivals(whole, whole, origin, part, every, came)
        each = [kinds[k] for k in whole.klass[origin].tolist()]
        arrives = np.stack([kind[0][p] for kind, p in zip(each, part.tolist(), strict=True)])
        came = np.stack([kind[1][p] for kind, p in zip(each, part.tolist(), strict=True)])
        demand = np.where(arrives, whole.demand[origin], 0.0)
        return Arrivals(
            whole, replace(whole.rows_of(origin), demand=demand), origin, part, arrives, came
        )

    @cached_property
    def queue(self) -> Queue:
        """What may wait of each source that is apart."""
        return Queue.of(self.instance)

    @cached_property
    def alive(self) -> np.ndarray:
        """Whether anything of a source may run in a step, (S', T)."""
        alive = self.instance.demand > 0
        alive[self.queue.source] = self.queue.most_running > 0
        return np.asarray(alive)

    @cached_property
    def _source(self) -> np.ndarray:
        """The source of each (source of the whole, part), −1 where there is none."""
        table = np.full((self.whole.sources, int(self.part.max(initial=0)) + 1), -1)
        table[self.origin, self.part] = np.arange(len(self.origin))
        return table

    def source(self, origin: np.ndarray, part: np.ndarray) -> np.ndarray:
        """The source of a part of a source of the whole."""
        return np.asarray(self._source[origin, part])

    def limits(self, limits: Sequence[Limit]) -> list[Limit]:
        """Limits of the whole as limits of what is apart."""
        if self.instance is self.whole:
            return list(limits)
        # One measure has many windows, and stays one.
        own = {id(limit.measure): limit.measure.of_sources(self.origin) for limit in limits}
        return [
            replace(
                limit,
                measure=own[id(limit.measure)],
                counts=np.isin(self.came, limit.steps) if limit.by_arrival else None,
            )
            for limit in limits
        ]

    def of_whole(self, flows: SourceFlows) -> SourceFlows:
        """Flows of what is apart as flows of the whole, in the same order."""
        return flows._replace(source=self.origin[flows.source])

    def waited(self, ran: np.ndarray) -> Waited:
        """When the requests of each metro and class run, where `ran` (N', T) is what runs of each
        source that is apart; the members of a source run first in, first out."""
        scenario = self.whole.scenario
        patient = np.flatnonzero(scenario.wait_steps)
        parts = [_parts(scenario, k)[0] for k in patient.tolist()]
        klass = np.repeat(patient, [len(part) for part in parts])
        first = np.searchsorted(klass, np.arange(len(scenario.classes)))
        ran_per_h = np.zeros((len(scenario.metros), len(klass), ran.shape[1]))
        pointer, metro, of_klass = self.whole.members
        for n, s in enumerate(self.queue.source.tolist()):
            own = slice(pointer[self.origin[s]], pointer[self.origin[s] + 1])
            arrived = scenario.demand_per_h[metro[own], of_klass[own]] * self.arrives[s]
            row = first[of_klass[own]] + self.part[s]
            ran_per_h[metro[own], row] = shared_first_in(arrived, ran[n], scenario.hours)
        arrives = np.concatenate(parts) if parts else np.ones((0, ran.shape[1]), dtype=bool)
        return Waited(klass, ran_per_h, arrives)

    def as_run(self, ran: np.ndarray, waited: Waited) -> Instance:
        """The whole in which requests are asked for in the step in which they run."""
        running = Queue.of(self.whole).running(self.whole, self.ran_of_whole(ran))
        return replace(running, scenario=waited.as_run(self.whole.scenario))

    def ran_of_whole(self, ran: np.ndarray) -> np.ndarray:
        """What runs of each waiting source of the whole, (N, T), from what is apart, (N', T)."""
        source = Queue.of(self.whole).source
        row = np.searchsorted(source, self.origin[self.queue.source])
        out = np.zeros((len(source), ran.shape[1]))
        np.add.at(out, row, ran)
        return out


def _parts(scenario: Scenario, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(`arrives`, `came`) of the parts of a source of a class, each (parts, T)."""
    every = np.arange(scenario.hours.count)
    klass = scenario.classes[k]
    counted = {
        cap.window
        for cap in scenario.share_caps
        if klass.id in cap.classes and left_by_waiting(scenario, cap)
    }
    if not counted or not scenario.wait_steps[k]:
        return np.ones((1, len(every)), dtype=bool), every[None, :]
    finest = next(window for window in FINEST_FIRST if window in counted)
    stretches = windows(scenario.hours, finest)
    first = np.array([steps[0] for steps in stretches])
    number = np.zeros(len(every), dtype=np.int64)
    for n, steps in enumerate(stretches):
        number[steps] = n
    last = due(scenario.hours, scenario.wait_steps[[k]])[0]
    # Windows up to this one have begun while the last request of each may still run.
    begun = number[np.array([last[steps].max() for steps in stretches])]
    parts = int((begun - np.arange(len(stretches))).max()) + 1
    arrives = np.stack([number % parts == p for p in range(parts)])
    latest = np.stack([number - (number - p) % parts for p in range(parts)])
    came = np.where(latest >= 0, first[np.maximum(latest, 0)], every)
    return arrives, came
