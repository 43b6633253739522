"""The arrays of one placement program, with equal sources merged.

Two demands (metro, class) with the same class, service node, open places and baseline region differ
in nothing that a unit cost sees: they are one source whose demand is the sum. The merge is exact,
and a flow of the source is shared among its members in proportion to their demand. Sticky classes
whose moves are charged stay apart, because a swap between two members would look like standing
still.

S sources, R regions, O operating points, M model variants, K classes, T hours.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.problem.allowance import Allowance
from wattlas.placement.problem.baseline_region import Baseline, baseline_of, refuse_unlawful
from wattlas.placement.problem.feasibility import (
    Feasibility,
    accuracy,
    degraded_points,
    feasibility,
    open_after_loss,
    pinned_region,
)
from wattlas.placement.problem.shared_sites import SharedSites
from wattlas.placement.problem.tactics import Tactics


@dataclass(frozen=True)
class Columns:
    """What one hour's program decides, C columns: requests/h of a source at a place, or unserved.

    `source`, `region` (`UNSERVED` for going unserved) and `point` are indices, each (C,); the
    places come first, by source, region and point.
    """

    source: np.ndarray
    region: np.ndarray
    point: np.ndarray
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def served(self) -> np.ndarray:
        """Mask of the columns that are places, (C,)."""
        mask: np.ndarray = self.region != UNSERVED
        return mask

    @cached_property
    def _rank(self) -> np.ndarray:
        """Column of each (source, region, point), −1 where there is none; the last region is −1."""
        sources, regions, points = self.shape
        rank = np.full((sources, regions + 1, points), -1, dtype=np.int64)
        rank[self.source, self.region, self.point] = np.arange(len(self))
        return rank

    def find(self, source: np.ndarray, region: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Column of each flow, −1 where its place is closed; shape of `source`."""
        at: np.ndarray = self._rank[source, region, np.where(region == UNSERVED, 0, point)]
        return at


_TIMELESS = ("members", "degraded", "copies")
"""What is derived of an instance and is the same in all of its steps, like its columns."""


@dataclass(frozen=True)
class Instance:
    """One program's arrays, without an objective.

    Shapes: `klass`, `node`, `unserved_usd` (S,) — nan where demand must be served; `source_of`
    (I, K) with −1 for demand that is always zero; `demand` (S, T), requests/h; `allowed`
    (S, R, O); `energy_kwh`, `gpu_h`, `accuracy` (S, O), IT energy and accelerator time per
    request; `capacity` (R, T), GPU-h/h; `surplus` (R, T), how much more can be bought by the hour
    beyond it; `mean_accuracy_min` (K,), nan where there is none.
    """

    scenario: Scenario
    judged: Feasibility
    klass: np.ndarray
    node: np.ndarray
    source_of: np.ndarray
    demand: np.ndarray
    allowed: np.ndarray
    energy_kwh: np.ndarray
    gpu_h: np.ndarray
    accuracy: np.ndarray
    capacity: np.ndarray
    surplus: np.ndarray
    unserved_usd: np.ndarray
    mean_accuracy_min: np.ndarray
    baseline_use: np.ndarray | None = None
    """What the nearest-available baseline uses of the objective's relative cap, (T,), if known."""
    tactics: Tactics = field(default_factory=Tactics)
    """Who solves what, where the default is not wanted."""
    after_loss: np.ndarray | None = None
    """What serves a source whose pinned state's region is lost, (S, R, O); see
    `with_state_copies`. None where nobody asks, or no state has a copy."""
    stranded: tuple[tuple[int, int], ...] = field(default=())
    """Demands (metro, class) with no open place and no price for going unserved."""
    by_arrival: bool = False
    """Whether requests wait here, and count in the window of their arrival where a cap counts them:
    else they run when they arrive, and there is no difference."""
    allowance: Allowance | None = None
    """How many requests may be degraded in each step, where caps over windows are dealt out so."""
    sites: SharedSites | None = None
    """Sites that take so many accelerators, those by the hour among them, where a fleet is sought.
    """
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What others made of this instance and would make again; a changed copy begins empty."""

    def by(self, tactics: Tactics) -> Instance:
        """The same, solved by other tactics."""
        return replace(self, tactics=tactics)

    def at(
        self, steps: np.ndarray, scenario: Scenario, demand: np.ndarray | None = None
    ) -> Instance:
        """The same over some steps, those of `scenario`, in which every demand is there; `demand`
        (S, T) where that is another.

        What the baseline uses of a relative cap is for the part to say.
        """
        part = replace(
            self,
            scenario=scenario,
            demand=self.demand[:, steps] if demand is None else demand,
            capacity=self.capacity[:, steps],
            surplus=self.surplus[:, steps],
            baseline_use=None,
            allowance=None if self.allowance is None else self.allowance.at(steps),
        )
        made = {name: vars(self)[name] for name in _TIMELESS if name in vars(self)}
        vars(part).update(made, columns=self.columns)
        return part

    def rows_of(self, rows: np.ndarray) -> Instance:
        """Some sources of the instance. What goes from metro to source is not kept."""
        return replace(
            self,
            klass=self.klass[rows],
            node=self.node[rows],
            demand=self.demand[rows],
            allowed=self.allowed[rows],
            energy_kwh=self.energy_kwh[rows],
            gpu_h=self.gpu_h[rows],
            accuracy=self.accuracy[rows],
            unserved_usd=self.unserved_usd[rows],
            after_loss=None if self.after_loss is None else self.after_loss[rows],
            allowance=None if self.allowance is None else self.allowance.rows_of(rows),
        )

    @property
    def state_region(self) -> np.ndarray:
        """Region that holds each source's state if it is pinned, int, shape (S,)."""
        return np.asarray(pinned_region(self.scenario)[self.node])

    @property
    def sources(self) -> int:
        """S."""
        return len(self.klass)

    @cached_property
    def columns(self) -> Columns:
        """The columns of one hour: every open place of every source, then going unserved."""
        source, region, point = np.nonzero(self.allowed)
        priced = np.flatnonzero(~np.isnan(self.unserved_usd))
        return Columns(
            np.concatenate([source, priced]),
            np.concatenate([region, np.full(len(priced), UNSERVED)]),
            np.concatenate([point, np.zeros_like(priced)]),
            self.allowed.shape,
        )

    @cached_property
    def most_gpu_h(self) -> np.ndarray:
        """GPU-h that a request of each source takes at most in each region, (S, R)."""
        most: np.ndarray = np.where(self.allowed, self.gpu_h[:, None, :], 0.0).max(
            axis=2, initial=0.0
        )
        return most

    @cached_property
    def least_gpu_h(self) -> np.ndarray:
        """Least GPU-h of a request of each source in each region, (S, R); inf where closed."""
        least: np.ndarray = np.where(self.allowed, self.gpu_h[:, None, :], np.inf).min(
            axis=2, initial=np.inf
        )
        return least

    @cached_property
    def leanest_gpu_h(self) -> np.ndarray:
        """The least accelerator time of a request of each source anywhere, GPU-h, (S,); 0 where no
        place is open."""
        least = self.least_gpu_h.min(axis=1, initial=np.inf)
        return np.asarray(np.where(np.isfinite(least), least, 0.0))

    @cached_property
    def hours(self) -> np.ndarray:
        """Hours that each step stands for, shape (T,)."""
        return self.scenario.hours.hours

    @cached_property
    def degraded(self) -> np.ndarray:
        """Whether a source's request at a point counts as degraded; bool, shape (S, O)."""
        mask: np.ndarray = degraded_points(self.scenario)[self.klass]
        return mask

    @cached_property
    def excess(self) -> np.ndarray:
        """Accuracy above the class's least mean, a[s,o] − A_k, shape (S, O).

        Zero where the class has no least mean, and for degraded requests: it holds for those
        that are served in full.
        """
        above = self.accuracy - self.mean_accuracy_min[self.klass][:, None]
        counted: np.ndarray = np.where(np.isnan(above) | self.degraded, 0.0, above)
        return counted

    @cached_property
    def copies(self) -> tuple[tuple[tuple[str, float], ...], np.ndarray]:
        """Kinds of copies of a model, and that of each point, int, shape (O,).

        A kind is a model variant and the accelerators that a copy of it spans.
        """
        points = self.scenario.points
        kinds = tuple(dict.fromkeys((p.variant, p.accelerators) for p in points))
        at = {kind: m for m, kind in enumerate(kinds)}
        kind_of = [at[p.variant, p.accelerators] for p in points]
        return kinds, np.array(kind_of, dtype=np.int64)

    @cached_property
    def baseline(self) -> Baseline:
        """The baseline region of each demand, stated or nearest."""
        return baseline_of(self.scenario, self.judged)

    @cached_property
    def baseline_region(self) -> np.ndarray:
        """Baseline region of each source, −1 where none, int, shape (S,)."""
        return self._of_sources(self.baseline.region, -1)

    @cached_property
    def baseline_stated(self) -> np.ndarray:
        """Whether the scenario states a source's baseline region, bool, shape (S,)."""
        return self._of_sources(self.baseline.stated, False)

    def _of_sources(self, per_demand: np.ndarray, missing: int) -> np.ndarray:
        """What all demands of a source share, (I, K), by source, (S,)."""
        i, k = np.nonzero(self.source_of >= 0)
        values = np.full(self.sources, missing, dtype=per_demand.dtype)
        values[self.source_of[i, k]] = per_demand[i, k]
        return values

    def source_in(self, whole: Instance) -> np.ndarray:
        """Of each source, the one of the whole that its demands are of; int, (S,).

        A part of the hours may lack demands that the whole has, never the reverse.
        """
        i, k = np.nonzero(self.source_of >= 0)
        at = np.full(self.sources, -1, dtype=np.int64)
        at[self.source_of[i, k]] = whole.source_of[i, k]
        return at

    @cached_property
    def members(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Metros of each source: (pointer (S+1,), metro, class) in compressed rows."""
        i, k = np.nonzero(self.source_of >= 0)
        source = self.source_of[i, k]
        order = np.argsort(source, kind="stable")
        pointer = np.zeros(self.sources + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=self.sources), out=pointer[1:])
        return pointer, i[order], k[order]


def build_instance(
    scenario: Scenario,
    budget_ms: np.ndarray | None = None,
    *,
    judged: Feasibility | None = None,
    alike: np.ndarray | None = None,
) -> Instance:
    """The arrays of the scenario's program; `budget_ms` (I, K) replaces the classes' budgets.

    `judged` gives the open places instead of the masks. `alike` (I, K, …) is what demands of a
    class and node must share to be merged; their open places by default.
    """
    if judged is None:
        judged = feasibility(scenario, budget_ms)
        if budget_ms is None and scenario.baseline:
            refuse_unlawful(scenario, judged)
    alike = judged.allowed if alike is None else alike
    present = np.asarray((scenario.demand_per_h > 0).any(axis=2))
    base = baseline_of(scenario, judged).region
    source_of, first = _sources(scenario, alike, base, present)
    return _arrays(scenario, judged, source_of, first)


def with_state_copies(scenario: Scenario) -> Instance:
    """The arrays of a scenario, with the places that serve pinned state whose region is lost."""
    if not any(klass.state_copies for klass in scenario.classes):
        return build_instance(scenario)
    judged = feasibility(scenario)
    after = open_after_loss(scenario, judged)
    instance = build_instance(scenario, alike=np.stack([judged.allowed, after], axis=-1))
    i, k = np.nonzero(instance.source_of >= 0)
    of_sources = np.zeros(instance.allowed.shape, dtype=bool)
    of_sources[instance.source_of[i, k]] = after[i, k]
    return replace(instance, after_loss=of_sources)


def _sources(
    scenario: Scenario, alike: np.ndarray, base: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Source of each demand (−1: none), and the first demand of each source."""
    apart = {
        k
        for k, c in enumerate(scenario.classes)
        if c.state is State.STICKY and scenario.frictions.move_state
    }
    known: dict[tuple[object, ...], int] = {}
    first: list[tuple[int, int]] = []
    source_of = np.full(present.shape, -1, dtype=np.int64)
    for k in range(present.shape[1]):
        for i in np.flatnonzero(present[:, k]):
            metro = i if k in apart else -1
            key = (k, metro, scenario.metro_node[i], int(base[i, k]), alike[i, k].tobytes())
            if key not in known:
                known[key] = len(first)
                first.append((int(i), k))
            source_of[i, k] = known[key]
    return source_of, first


def _arrays(
    scenario: Scenario,
    judged: Feasibility,
    source_of: np.ndarray,
    first: list[tuple[int, int]],
) -> Instance:
    count, (_, _, r, o, _) = len(first), scenario.shape
    lead_i = np.array([i for i, _ in first], dtype=np.int64)
    klass = np.array([k for _, k in first], dtype=np.int64)
    i, k = np.nonzero(source_of >= 0)
    demand = summed_by(scenario.demand_per_h[i, k], source_of[i, k], count)
    price = np.array(
        [_nan_if_none(c.unserved_usd_per_request) for c in scenario.classes], dtype=float
    )
    allowed = judged.allowed[lead_i, klass] if count else np.zeros((0, r, o), dtype=bool)
    closed_out = ~judged.allowed[i, k].any(axis=(1, 2)) & np.isnan(price[k])
    capacity, surplus = accelerators(scenario)
    return Instance(
        scenario=scenario,
        judged=judged,
        klass=klass,
        node=scenario.metro_node[lead_i] if count else lead_i,
        source_of=source_of,
        demand=demand,
        allowed=allowed,
        energy_kwh=scenario.it_kwh[klass],
        gpu_h=scenario.gpu_h[klass],
        accuracy=accuracy(scenario)[klass],
        capacity=capacity,
        surplus=surplus,
        unserved_usd=price[klass],
        mean_accuracy_min=np.array([_nan_if_none(c.mean_accuracy_min) for c in scenario.classes]),
        stranded=tuple((int(a), int(b)) for a, b in zip(i[closed_out], k[closed_out], strict=True)),
    )


def accelerators(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """(`capacity`, `surplus`) of an instance, each (R, T).

    What is on demand is surplus where something is reserved and it has a price; elsewhere it is
    plain capacity, each GPU-h of which costs its price, or nothing.
    """
    more, reserved = scenario.on_demand_gpu[:, None], np.asarray(scenario.reserved_gpu, dtype=float)
    bought = scenario.buys_surplus[:, None] & np.isfinite(reserved)
    return np.where(bought, reserved, reserved + more), np.where(bought, more, 0.0)


def summed_by(rows: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """The sums of rows (n, T) by group, an index (n,) below `count`; (count, T).

    The first of every group at once, then all second ones: `np.add.at` gives the same, to the last
    digit, in several times the time.
    """
    order = np.argsort(group, kind="stable")
    rank = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    summed = np.zeros((count, rows.shape[1]))
    for n in range(rank.max(initial=-1) + 1):
        at = order[rank == n]
        summed[group[at]] += rows[at]
    return summed


def _nan_if_none(value: float | None) -> float:
    return float("nan") if value is None else value


def unmerged(scenario: Scenario) -> Instance:
    """Every (metro, class) as a source of its own, in that order, with every place open.

    For what is asked of single demands: it is no program to be solved.
    """
    i, k, r, o, t = scenario.shape
    klass, metro = np.tile(np.arange(k), i), np.repeat(np.arange(i), k)
    every = np.broadcast_to(np.ones((), dtype=bool), (i * k, r, o))
    none = np.zeros((i, k, 1, 1), dtype=bool)
    judged = Feasibility(none, none, none, np.zeros((i, k)), np.zeros((i, k), dtype=bool))
    price = np.array([_nan_if_none(c.unserved_usd_per_request) for c in scenario.classes])
    capacity, surplus = accelerators(scenario)
    return Instance(
        scenario=scenario,
        judged=judged,
        klass=klass,
        node=scenario.metro_node[metro],
        source_of=np.arange(i * k).reshape(i, k),
        demand=scenario.demand_per_h.reshape(i * k, t),
        allowed=every,
        energy_kwh=scenario.it_kwh[klass],
        gpu_h=scenario.gpu_h[klass],
        accuracy=accuracy(scenario)[klass],
        capacity=capacity,
        surplus=surplus,
        unserved_usd=price[klass],
        mean_accuracy_min=np.array([_nan_if_none(c.mean_accuracy_min) for c in scenario.classes]),
    )
