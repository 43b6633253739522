"""What may wait: arrivals of sources, and how much of them must and may have run by each step.

    low[n,t] ≤ Σ_{τ≤t} z[n,τ] ≤ high[n,t]        z[n,t] requests/h of source n that run in step t

`high` is what arrived up to t, `low` what is due by t. Any z within has a first-in, first-out
assignment in which no request waits longer than it may (earliest deadline first).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.model.waiting import due
from wattlas.placement.problem.instance import Instance


@dataclass(frozen=True)
class Queue:
    """The sources that may wait: `source` (N,) are their indices in the instance, `arrived` (N, T)
    requests/h by the step of arrival, `due` (N, T) the last step in which those may run.
    """

    source: np.ndarray
    arrived: np.ndarray
    due: np.ndarray

    @staticmethod
    def of(instance: Instance) -> Queue:
        """The queue of an instance; empty where no class may wait."""
        scenario = instance.scenario
        wait_steps = scenario.wait_steps[instance.klass]
        source = np.flatnonzero(wait_steps)
        return Queue(source, instance.demand[source], due(scenario.hours, wait_steps[source]))

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def high(self) -> np.ndarray:
        """What arrived up to the end of each step, (N, T)."""
        return np.cumsum(self.arrived, axis=1)

    @cached_property
    def low(self) -> np.ndarray:
        """What is due by the end of each step, (N, T)."""
        low = np.zeros_like(self.high)
        for n, last in enumerate(self.due):
            # `due` never decreases: what is due by t are the arrivals up to one step.
            count = np.searchsorted(last, np.arange(len(last)), side="right")
            low[n] = np.concatenate([[0.0], self.high[n]])[count]
        return low

    @cached_property
    def most_waiting(self) -> np.ndarray:
        """How many may be left at the end of each step, requests/h, (N, T)."""
        left: np.ndarray = np.maximum(self.high - self.low, 0.0)
        return left

    @cached_property
    def most_running(self) -> np.ndarray:
        """How many may run in each step, requests/h, (N, T): all that have come and need not have
        run."""
        already = np.concatenate([np.zeros((len(self), 1)), self.low[:, :-1]], axis=1)
        return np.asarray(self.high - already)

    def most_asked(self, instance: Instance) -> np.ndarray:
        """The most that may run of each source of the instance in each step, (S, T)."""
        return self.running(instance, self.most_running).demand

    def within(self, ran: np.ndarray) -> np.ndarray:
        """The rates next to `ran` (N, T) that keep every bound exactly."""
        ran = np.where(ran > 1e-11 * self.arrived.max(axis=1, keepdims=True, initial=0.0), ran, 0.0)
        done = np.clip(np.cumsum(ran, axis=1), self.low, self.high)
        done = np.maximum.accumulate(done, axis=1)
        rate = np.diff(done, axis=1, prepend=0.0)
        rate[rate < 1e-12 * done] = 0.0
        return np.asarray(rate)

    def running(self, instance: Instance, ran: np.ndarray) -> Instance:
        """The instance whose waiting sources ask for what runs of them, (N, T); its scenario stays
        as it is, see `Arrivals.as_run`."""
        demand = instance.demand.copy()
        demand[self.source] = ran
        return replace(instance, demand=demand)

    def excess(self, ran: np.ndarray) -> float:
        """How far rates (N, T) are beyond a bound at most, relative to what is in the queue."""
        done = np.cumsum(ran, axis=1)
        over = np.maximum(done - self.high, self.low - done)
        size = self.arrived.max(axis=1, keepdims=True, initial=0.0) + 1e-300
        return float((over / np.maximum(size, 1e-6 * self.high)).max(initial=0.0))

    def cheapest(self, price: np.ndarray, slack: float) -> np.ndarray:
        """When requests run that each take the cheapest step within their patience, (N, T), by a
        price (N, T) per request; the earliest among those that differ by `slack`, relative.
        """
        ran = np.zeros_like(self.arrived)
        every = np.arange(self.arrived.shape[1])
        for n in range(len(self)):
            at = every.copy()
            least = price[n].copy()
            for later in range(1, int((self.due[n] - every).max(initial=0)) + 1):
                open_to = np.flatnonzero(every + later <= self.due[n])
                better = price[n, open_to + later] < least[open_to] - slack * np.abs(least[open_to])
                moved = open_to[better]
                at[moved], least[moved] = moved + later, price[n, moved + later]
            ran[n] = np.bincount(at, self.arrived[n], len(every))
        return ran

    def least(self, price: np.ndarray) -> np.ndarray:
        """The least price within the patience of each arrival, (N, T): a sliding minimum."""
        out = price.copy()
        every = np.arange(price.shape[1])
        for n in range(len(self)):
            for later in range(1, int((self.due[n] - every).max(initial=0)) + 1):
                open_to = np.flatnonzero(every + later <= self.due[n])
                out[n, open_to] = np.minimum(out[n, open_to], price[n, open_to + later])
        return out
