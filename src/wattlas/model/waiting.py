"""Requests that wait: how long they may, and how long they did.

Requests of a metro and class are alike and counted first in, first out. What arrives in a step and
what runs in a step are rates; their running sums say which request is which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wattlas.model.checks import part_of
from wattlas.model.signals import Hours

if TYPE_CHECKING:
    from wattlas.model.plan import Flows, Totals
    from wattlas.model.scenario import Scenario

ROUNDING = 1e-9
"""A stretch of a running sum that is shorter than this, relative to its end, is rounding."""


def run_ends(hours: Hours) -> np.ndarray:
    """Last step of the run that each step is in, int, (T,): nothing waits beyond it.

    Steps of a run follow each other in time and stand for equally many.
    """
    begins = ~hours.follows
    begins[1:] |= hours.weight[1:] != hours.weight[:-1]
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], hours.count) - 1
    last: np.ndarray = ends[np.cumsum(begins) - 1]
    return last


def due(hours: Hours, wait_steps: np.ndarray) -> np.ndarray:
    """Last step in which a request may run, by the step of its arrival; int, (n, T), for
    `wait_steps` (n,). The end of the run cuts patience short.
    """
    every = np.arange(hours.count)
    last: np.ndarray = np.minimum(every + wait_steps[:, None], run_ends(hours))
    return last


@dataclass(frozen=True)
class Waits:
    """How long the requests of a class waited, hours."""

    klass: str
    may_wait_h: float
    requests: float
    later_requests: float
    """Requests that ran after the step of their arrival."""
    cut_requests: float
    """Requests whose patience the end of the horizon, or of a stretch of a sample, cut short."""
    mean_h: float
    p95_h: float
    most_h: float


@dataclass(frozen=True)
class Waited:
    """When the requests of the classes that may wait ran.

    Rows are those classes, apart by window of arrival where a cap counts them by windows: `klass`
    (n,) is the class of each row, `ran_per_h` (metros, n, T) requests/h by the step in which they
    run, those that go unserved included, `arrives` (n, T) whether those that arrive in a step are
    of the row. `row` (F,) is the row of each flow of the plan, −1 of a class that does not wait;
    None where there are no flows. `without` is what the best placement comes to
    if nothing waits; None where there is none. `unlimited` says that a region without a limit on
    accelerators has a price below 0: what waiting would save there is no number to be shown.
    """

    klass: np.ndarray
    ran_per_h: np.ndarray
    arrives: np.ndarray
    without: Totals | None = None
    unlimited: bool = False
    row: np.ndarray | None = None

    def as_run(self, scenario: Scenario) -> Scenario:
        """The scenario with each request in the step in which it runs."""
        demand = scenario.demand_per_h.copy()
        demand[:, self.klass] = 0.0
        for n, k in enumerate(self.klass.tolist()):
            demand[:, k] += self.ran_per_h[:, n]
        return part_of(scenario, demand_per_h=demand)

    def arrived(self, scenario: Scenario, row: int) -> np.ndarray:
        """Requests/h of a row by the step of arrival, (metros, T)."""
        rate: np.ndarray = scenario.demand_per_h[:, self.klass[row]] * self.arrives[row]
        return rate

    def arrivals(self, scenario: Scenario, flows: Flows) -> tuple[np.ndarray, ...]:
        """(flow, step of arrival, share) of what flows are made of, in the order of the flows: each
        flow of a class that waits in parts that arrived together, every other one whole.
        """
        keys, parts = [], []
        step = scenario.hours.count
        for n, k in enumerate(self.klass.tolist()):
            groups = first_in(self.arrived(scenario, n), self.ran_per_h[:, n], scenario.hours)
            keys.append((groups.row * len(scenario.classes) + k) * step + groups.ran)
            parts.append((groups.arrived, groups.per_h))
        key = np.concatenate(keys)
        order = np.argsort(key, kind="stable")
        key = key[order]
        arrived = np.concatenate([part[0] for part in parts])[order]
        per_h = np.concatenate([part[1] for part in parts])[order]
        own = (flows.metro.astype(np.int64) * len(scenario.classes) + flows.klass) * step
        own = own + flows.hour
        low, high = np.searchsorted(key, own), np.searchsorted(key, own, side="right")
        count = high - low
        flow = np.repeat(np.arange(len(own)), np.maximum(count, 1))
        nth = np.arange(len(flow)) - np.repeat(
            np.cumsum(np.maximum(count, 1)) - np.maximum(count, 1), np.maximum(count, 1)
        )
        known = count[flow] > 0
        at = np.where(known, low[flow] + nth, 0)
        weight = np.where(known, per_h[at] if len(per_h) else 1.0, 1.0)
        total = np.bincount(flow, weight, len(own))
        when = np.where(known, arrived[at] if len(arrived) else 0, flows.hour[flow])
        return flow, when, weight / total[flow]

    def by_class(self, scenario: Scenario) -> tuple[Waits, ...]:
        """How long the requests of each class waited."""
        out = []
        for k in np.unique(self.klass).tolist():
            groups = [
                waited_steps(self.arrived(scenario, n), self.ran_per_h[:, n], scenario.hours)
                for n in np.flatnonzero(self.klass == k).tolist()
            ]
            steps, count = (np.concatenate(each) for each in zip(*groups, strict=True))
            patience = scenario.wait_steps[[k]]
            short = due(scenario.hours, patience)[0] < np.arange(scenario.hours.count) + patience
            cut = float((scenario.demand_per_h[:, k] * scenario.hours.hours)[:, short].sum())
            out.append(waits_of(scenario, k, steps, count, cut))
        return tuple(out)


def waits_of(scenario: Scenario, k: int, steps: np.ndarray, count: np.ndarray, cut: float) -> Waits:
    """The distribution of a class from pairs (steps waited, requests)."""
    by_step = np.bincount(steps, count, 1)
    total = float(by_step.sum())
    below = np.cumsum(by_step)
    waited = np.flatnonzero(by_step)
    p95 = int(np.searchsorted(below, 0.95 * total * (1.0 - ROUNDING)))
    step_h, klass = scenario.hours.step_h, scenario.classes[k]
    mean = float(by_step @ np.arange(len(by_step))) / total if total else 0.0
    return Waits(
        klass=klass.id,
        may_wait_h=klass.may_wait_h,
        requests=total,
        later_requests=total - float(by_step[0]),
        cut_requests=cut,
        mean_h=mean * step_h,
        p95_h=p95 * step_h if total else 0.0,
        most_h=float(waited[-1]) * step_h if len(waited) else 0.0,
    )


@dataclass(frozen=True)
class Runs:
    """Groups of requests that arrive in one step and run in one, each (G,): `row` says whose they
    are, `arrived` and `ran` are steps, `per_h` requests/h.
    """

    row: np.ndarray
    arrived: np.ndarray
    ran: np.ndarray
    per_h: np.ndarray


def first_in(arrived: np.ndarray, ran: np.ndarray, hours: Hours) -> Runs:
    """Which requests run when, first in, first out, for rates by the step of arrival and by that of
    running, each (n, T); in the order of rows and of running.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for row, (all_came, all_went) in enumerate(zip(arrived, ran, strict=True)):
        for first, last in _runs(hours):
            came, went = all_came[first : last + 1], all_went[first : last + 1]
            high, done = np.cumsum(came), np.cumsum(went)
            edges = np.sort(np.concatenate([[0.0], high, done]))
            length = np.diff(edges)
            real = length > ROUNDING * max(float(edges[-1]), 1e-300) / len(came)
            middle = edges[:-1][real] + 0.5 * length[real]
            run = np.minimum(np.searchsorted(done, middle), len(done) - 1)
            at = np.minimum(np.searchsorted(high, middle), run)
            parts.append((np.full(len(run), row), first + at, first + run, length[real]))
    columns = zip(*parts, strict=True) if parts else [[np.zeros(0, np.int64)]] * 4
    return Runs(*(np.concatenate(column) for column in columns))


def waited_steps(
    arrived: np.ndarray, ran: np.ndarray, hours: Hours
) -> tuple[np.ndarray, np.ndarray]:
    """(steps waited, requests) of the groups of `first_in`."""
    groups = first_in(arrived, ran, hours)
    return groups.ran - groups.arrived, groups.per_h * hours.hours[groups.ran]


def shared_first_in(arrived: np.ndarray, ran: np.ndarray, hours: Hours) -> np.ndarray:
    """What of each of several alike demands runs in each step, (n, T), where `arrived` (n, T) are
    their arrivals and `ran` (T,) is what runs of their sum, first in, first out.
    """
    out = np.zeros_like(arrived)
    for first, last in _runs(hours):
        at = slice(first, last + 1)
        went = ran[at]
        high = np.concatenate([[0.0], np.cumsum(arrived[:, at].sum(axis=0))])
        done = np.cumsum(went)
        for n, own in enumerate(arrived[:, at]):
            served = np.interp(done, high, np.concatenate([[0.0], np.cumsum(own)]))
            out[n, at] = np.diff(served, prepend=0.0)
    # What is left of differences of long sums is rounding: those that stay put move by nothing.
    out[out < ROUNDING * out.max(axis=1, keepdims=True, initial=0.0)] = 0.0
    total = out.sum(axis=0)
    return np.asarray(out * np.divide(ran, total, out=np.zeros_like(total), where=total > 0))


def _runs(hours: Hours) -> list[tuple[int, int]]:
    """(first, last) step of each run."""
    ends = np.unique(run_ends(hours))
    starts = np.concatenate([[0], ends[:-1] + 1])
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
