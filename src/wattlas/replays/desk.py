"""From a routing to what the kernel reads: sets of places, replicas that are on, and the rules.

Replicas of a region are shared among its operating points every time a routing is issued, in
proportion to the accelerator time that each is expected to need, all accelerators of the region
together. Where a region has accelerators without end there are as many as keep them BUSY busy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import refuse
from wattlas.model.scenario import Scenario
from wattlas.model.workload import LatencyTo
from wattlas.placement.problem.feasibility import allowance_ms
from wattlas.policy.routing import Routing
from wattlas.replays.kernel import state as S

BUSY = 0.7
"""Utilisation that replicas are chosen for where accelerators have no end."""
FULL = 1e-6
"""What a routing may ask of a region beyond its accelerators, relative: rounding of a solver."""


@dataclass
class DeskPlaces:
    """Static facts of a scenario that a desk needs, and how far each place is behind its share.

    A place of a source is (region, point), numbered region · points + point; the last region is
    going unserved. `network_s` (I, R), and `longest_s` (K, O): budget and allowance.
    """

    scenario: Scenario
    behind: np.ndarray = field(init=False)
    network_s: np.ndarray = field(init=False)
    longest_s: np.ndarray = field(init=False)
    accelerators: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        s = self.scenario
        i, k, r, o, _ = s.shape
        node = s.metro_node
        reach = s.network.rtt_metro_node_ms[np.arange(i), node]
        trips = np.array([c.round_trips for c in s.classes])
        onward = s.network.rtt_node_region_ms[node]
        ms = reach[:, None, None] + trips[None, :, None] * onward[:, None, :]
        self.network_s = np.minimum(ms / 1e3, S.BIG)
        budget = np.array([c.latency_budget_ms for c in s.classes])[:, None] + allowance_ms(s)
        self.longest_s = np.minimum(budget / 1e3, S.BIG)
        self.accelerators = np.array([point.accelerators for point in s.points])
        self.behind = np.zeros((i * k * 2, (r + 1) * o))

    @property
    def to_first(self) -> np.ndarray:
        """Whether the budget of each class ends at the first token, int64 (K,)."""
        first = [k.latency_to is LatencyTo.FIRST_TOKEN for k in self.scenario.classes]
        return np.array(first, dtype=np.int64)


@dataclass(frozen=True)
class Set:
    """A routing as parallel arrays in the order of its sets: `start` (2·I·K + 1,) of each set, and
    of each place the set, region, point (E,) and share.
    """

    start: np.ndarray
    number: np.ndarray
    region: np.ndarray
    point: np.ndarray
    share: np.ndarray

    @staticmethod
    def of(routing: Routing) -> Set:
        """The places of a routing; source · 2 + degraded is the number of a set."""
        k = len(routing.classes)
        number = (routing.metro * k + routing.klass) * 2 + routing.degraded.astype(np.int64)
        order = np.argsort(number, kind="stable")
        sets = 2 * len(routing.metros) * k
        start = np.searchsorted(number[order], np.arange(sets + 1))
        return Set(
            start, number[order], routing.region[order], routing.point[order], routing.share[order]
        )


def needed_gpu(
    scenario: Scenario, sets: Set, demand_per_h: np.ndarray, low_share: np.ndarray
) -> np.ndarray:
    """Accelerators that a routing is expected to keep busy, GPU-h/h, (R, O).

    `demand_per_h` (I, K) is expected, and `low_share` (K,) of the requests are degraded where the
    routing wants it.
    """
    _, k, r, o, _ = scenario.shape
    source, low = sets.number // 2, sets.number % 2
    klass = source % k
    part = np.where(low == 1, low_share[klass], 1.0)
    has_low = np.zeros(demand_per_h.size, dtype=bool)
    has_low[source[low == 1]] = True
    part = np.where((low == 0) & has_low[source], 1.0 - low_share[klass], part)
    rate = demand_per_h.ravel()[source] * part * sets.share
    served = sets.region < r
    use = rate * scenario.gpu_h[klass, sets.point]
    place = np.where(served, sets.region * o + sets.point, 0)
    total = np.bincount(place, np.where(served, use, 0.0), r * o)
    return np.asarray(total.reshape(r, o))


def replicas_on(
    places: DeskPlaces,
    sets: Set,
    need: np.ndarray,
    capacity_gpu: np.ndarray,
    when: np.datetime64,
    policy: str,
) -> np.ndarray:
    """How many replicas of each (region, point) take requests, (R, O).

    Every place with a share has one at least, even where whole replicas of all points take more
    than the region has: `crowded` says how much. Raises InputError where a region has too few
    accelerators for any of them: the first request that is sent there is named.
    """
    r, o = need.shape
    wanted = np.zeros((r, o), dtype=bool)
    served = (sets.region < r) & (sets.share > 0)
    wanted[sets.region[served], sets.point[served]] = True
    on = np.zeros((r, o), dtype=np.int64)
    problems = []
    for region in np.flatnonzero(wanted.any(axis=1)):
        points = np.flatnonzero(wanted[region])
        each, use = places.accelerators[points], need[region, points]
        have = capacity_gpu[region]
        if not np.isfinite(have):
            on[region, points] = np.maximum(np.ceil(use / BUSY / each), 1)
            continue
        if each.min() > have * (1 + FULL):
            problems.append(_full(places.scenario, sets, int(region), float(have), when, policy))
            continue
        on[region, points] = _shared_out(use, each, float(have))
    refuse(problems)
    return on


def crowded(places: DeskPlaces, on: np.ndarray, capacity_gpu: np.ndarray) -> float:
    """Accelerators that whole replicas take beyond those that a region has, at most."""
    return float((on @ places.accelerators - capacity_gpu).max(initial=0.0))


def _shared_out(use: np.ndarray, each: np.ndarray, have: float) -> np.ndarray:
    """Whole replicas in proportion to their use, one at least, of `each` accelerators, within
    `have`: each next one to the point that is furthest below its part.
    """
    use = use if use.sum() > 0 else each.astype(float)
    wanted = use / use.sum() * have / each
    count = np.maximum(np.floor(wanted), 1).astype(np.int64)
    if each.sum() >= have:
        return np.ones(len(use), dtype=np.int64)
    while (count * each).sum() > have * (1 + FULL):
        over = np.where(count > 1, count / np.maximum(wanted, 1e-12), -1.0)
        count[over.argmax()] -= 1
    while True:
        left = have * (1 + FULL) - (count * each).sum()
        short = np.where(each <= left, wanted - count, -np.inf)
        if short.max(initial=-np.inf) == -np.inf:
            return np.asarray(count)
        count[short.argmax()] += 1


def _full(
    scenario: Scenario, sets: Set, region: int, have: float, when: np.datetime64, policy: str
) -> Problem:
    at = int(np.argmax((sets.region == region) & (sets.share > 0)))
    source = int(sets.number[at]) // 2
    metro, klass = divmod(source, len(scenario.classes))
    point = scenario.points[int(sets.point[at])].id
    what = (
        f"sends requests of {scenario.metros[metro].id}, class {scenario.classes[klass].id}, from "
        f"{when}Z on to {scenario.regions[region].id} at {point}, which is full: it has "
        f"{have:g} accelerators, too few for one replica"
    )
    return Problem(f"policy.{policy}", what, "Route to regions with accelerators.")


def overfull(
    scenario: Scenario,
    need: np.ndarray,
    capacity_gpu: np.ndarray,
    sets: Set,
    when: np.datetime64,
    policy: str,
) -> None:
    """InputError where expected requests need more accelerators than a region has."""
    use = need.sum(axis=1)
    problems = []
    for region in np.flatnonzero(use > capacity_gpu * (1 + FULL) + 1e-9):
        problem = _full(scenario, sets, int(region), float(capacity_gpu[region]), when, policy)
        what = problem.what.partition(": it has")[0]
        amounts = f"{use[region]:.6g} are needed of {capacity_gpu[region]:.6g}"
        problems.append(Problem(problem.where, f"{what}: {amounts}", problem.fix))
    refuse(problems)
