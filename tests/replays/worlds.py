"""Small worlds to replay: the tiny example with a green tier, and a policy that always degrades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.shipped import shipped
from wattlas.model.contract import Tier
from wattlas.model.objective import Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import degraded_points, feasibility
from wattlas.policy.protocol import Forecast, Observed, State
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.stream import Came
from wattlas.replays.kernel.state import Records


def green(share_max: float = 0.15, window: Window = Window.DAY) -> Scenario:
    """The tiny example with all of class A under a tier."""
    tier = Tier("green", share_max, 1.0, latency_factor=2.0, classes=("A",), window=window)
    return offer(shipped("tiny"), [tier])


def only_green(share_max: float, window: Window = Window.ALL) -> Scenario:
    """The same with one hour of nothing but the tier's class, from one metro."""
    s = green(share_max, window).at_hours([0])
    k = next(n for n, klass in enumerate(s.classes) if klass.contract)
    demand = np.zeros_like(s.demand_per_h)
    demand[0, k] = 100.0
    free = np.full_like(s.reserved_gpu, 64.0)
    return replace(s, demand_per_h=demand, reserved_gpu=free)


def thin(scenario: Scenario, share: float, hours: int = 4) -> Scenario:
    """A share of the demand of the first hours, on all accelerators."""
    some = scenario.at_hours(range(hours))
    return replace(some, demand_per_h=some.demand_per_h * share)


@dataclass
class Fixed:
    """One place in full service and one degraded for each class; degrading always pays.

    `change` is applied to the routing that would do.
    """

    scenario: Scenario
    name: str = "fixed"
    change: object = None

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The nearest open place of each class, and its nearest degraded one."""
        s = self.scenario
        judged = feasibility(s)
        low = degraded_points(s)
        rows = []
        for i, k in np.ndindex(*s.shape[:2]):
            for degraded in (False, True):
                open_ = judged.allowed[i, k] & (low[k] == degraded)[None, :]
                if open_.any():
                    latency = judged.latency_ms[i, k]
                    r, o = np.unravel_index(self.place(open_, latency, observed), latency.shape)
                    rows.append((i, k, degraded, int(r), int(o)))
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        routing = Routing(
            *(tuple(x.id for x in named) for named in (s.metros, s.classes, s.regions, s.points)),
            *columns, np.ones(len(rows)), np.ones(s.shape[:2]), np.zeros(s.shape[1]),
            observed.utc, 3600.0,
        )  # fmt: skip
        return (self.change(routing) if callable(self.change) else routing), state

    def place(self, open_: np.ndarray, latency_ms: np.ndarray, observed: Observed) -> int:
        """The flat index of the place that is taken among the open ones."""
        return int(np.where(open_, latency_ms, np.inf).argmin())


@dataclass
class Given:
    """Requests written down: times, sources, tokens; in batches of so many."""

    at_s: np.ndarray
    source: np.ndarray
    tokens: np.ndarray
    size: int = 1 << 20

    def batches(self) -> Iterator[Came]:
        """As a stream."""
        row = np.arange(len(self.at_s))
        for n in range(0, len(row), self.size):
            part = slice(n, n + self.size)
            source = self.source[part].astype(np.int64)
            yield Came(self.at_s[part], source, self.tokens[part].astype(np.int64), row[part])

    def notes(self) -> Sequence[str]:
        """Nothing to say."""
        return ()


class Kept:
    """A sink that keeps what ended, in order."""

    def __init__(self) -> None:
        self.when: list[np.ndarray] = []
        self.what: list[np.ndarray] = []

    def __call__(self, records: Records, count: int) -> None:
        self.when.append(records.when[:count].copy())
        self.what.append(records.what[:count].copy())

    def all(self) -> tuple[np.ndarray, np.ndarray]:
        """(when, what) of every request that ended."""
        return np.concatenate(self.when), np.concatenate(self.what)
