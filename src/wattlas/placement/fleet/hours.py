"""The oracle of fleets: what a fleet costs in every hour, and what one accelerator more is worth.

Given the usable accelerators K of each region the hours fall apart. Each is solved exactly by the
hour's solvers; the dual of its capacity is the slope of its optimum V_t in K. Whether every hour
can be served at all is asked first, of all at once: see `needs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.placement.constraints.shared_site import NAME as SHARED_SITE
from wattlas.placement.fleet.master import CutMaster, Cuts
from wattlas.placement.fleet.needs import SHORT, Needs
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.elastic import priced, priced_instance
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.flows import KeptFlows, SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

DEAR, DEARER = 10.0, 100.0
"""What an unserved request costs in an hour's program, in the most that one costs anywhere; and by
what that grows where it is shed although it could be served."""
MOST_RAISES = 4
SHED = 1e-8
"""What a solution sheds below this, relative to the hour's demand in GPU-h, is rounding: more than
what a shortage that is rounding can be."""
FAR = 0.1
"""Bases of a fleet that differs by more than this part of its accelerators are no help: an hour
starts from the one before it instead. A year of the embedded world took 3.5 CPU s from bases that
were far, and 1.4 from none."""


@dataclass(frozen=True)
class Sized:
    """What the hours answer for a fleet: `value` (T,) and `slope` (R, T), hours counted; `short`
    (T,) GPU-h/h that cannot be served, with its `short_slope` (R, T); and the flows in `instance`,
    which holds the fleet, as they are `kept`."""

    value: np.ndarray
    slope: np.ndarray
    short: np.ndarray
    short_slope: np.ndarray
    instance: Instance
    kept: KeptFlows
    duals: dict[str, np.ndarray]
    """Of every constraint that ties the demands of an hour, (J, T)."""

    @property
    def flows(self) -> SourceFlows:
        """What runs where, made anew whenever it is asked for."""
        return self.kept.all()


@dataclass
class FleetHours:
    """Hours of an instance whose accelerators are to be found.

    `site` (R,) is what reserved and on-demand accelerators may be together, inf where any;
    `measure` is what is made least, without what reserved accelerators cost. `steps` are the hours
    that are asked, in the order in which each is solved from the basis of the one before, and
    `group` (T,) says which have their cuts together. Where they are a sample, `weight` (T,) says
    for how many hours each stands.
    """

    instance: Instance
    measure: Measure
    site: np.ndarray
    steps: np.ndarray
    group: np.ndarray
    weight: np.ndarray
    memory: dict[str, Any] = field(default_factory=dict)
    solved_at: np.ndarray | None = None
    """The fleet (R,) that the bases in `memory` are of."""
    asked: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]] = field(default_factory=list)
    """Of every question the fleet (R,), the hours (H,), and the duals of each constraint (J, H)."""
    last: Sized | None = None
    """What they answered."""
    best: tuple[np.ndarray, Sized] | None = None
    """The fleet (R,) that cost least of those that were asked, and what they answered."""
    least_usd: float = np.inf
    """What that cost, the master's own cost included."""
    dearest: np.ndarray | None = None
    """What an unserved request of each source is taken to cost at most to serve, in the measure's
    unit, (S,), where the measure does not say: one that counts some sources alone."""

    def of_some(self, steps: np.ndarray, weight: np.ndarray) -> FleetHours:
        """The same of some hours, for so many each, (T,); nothing is known of them yet."""
        of_all = self.instance, self.measure, self.site
        return FleetHours(*of_all, steps, self.group, weight, dearest=self.dearest)

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """The cost of all hours at K = `y`, inf where any is short; the master learns."""
        sized = self.all_at(y)
        self._teach(master, sized, y, self.steps)
        self._note(y, self.steps, sized)
        total = float(self.weight[self.steps] @ sized.value[self.steps])
        if sized.short.any():
            return float(np.inf)
        if float(master.cost @ y) + total < self.least_usd:
            self.least_usd, self.best = float(master.cost @ y) + total, (y, sized)
        return total

    def ask_groups(self, y: np.ndarray, groups: np.ndarray, master: CutMaster) -> None:
        """Cuts of some groups at K = `y`, which serves their hours."""
        steps = self.steps[np.isin(self.group[self.steps], groups)]
        sized = self.at(y, steps, None)
        self._teach(master, sized, y, steps)
        self._note(y, steps, sized)

    def _note(self, y: np.ndarray, steps: np.ndarray, sized: Sized) -> None:
        """Keep the duals of a question, of its own hours alone."""
        own = {name: dual[:, steps] for name, dual in sized.duals.items()}
        self.asked.append((y, steps, own))

    def prices(self, cuts: Cuts, weight: np.ndarray) -> dict[str, np.ndarray]:
        """The mean of the duals of every constraint (J, T) that weighted cuts rest on."""
        mean: dict[str, np.ndarray] = {}
        groups, hours = int(self.group.max(initial=0)) + 1, len(self.group)
        for point, steps, duals in self.asked:
            here = (cuts.group >= 0) & (cuts.point == point).all(axis=1) & (weight > 0)
            here &= np.isin(cuts.group, self.group[steps])
            share = np.bincount(cuts.group[here], weight[here], groups)[self.group[steps]]
            weight = np.where(here, 0.0, weight)
            for name, dual in duals.items():
                mean.setdefault(name, np.zeros((len(dual), hours)))[:, steps] += share * dual
        return mean

    def _teach(self, master: CutMaster, sized: Sized, y: np.ndarray, steps: np.ndarray) -> None:
        """Cuts of the groups of some hours, all of whose asked hours they are."""
        group, weight, groups = self.group[steps], self.weight[steps], len(master.floor)
        value = np.bincount(group, weight * sized.value[steps], groups)
        slopes = weight * sized.slope[:, steps]
        slope = np.array([np.bincount(group, row, groups) for row in slopes]).T
        known = np.unique(group)
        master.learn(known, value[known], slope[known], y)

    def now_at(self, gpu: np.ndarray) -> Sized:
        """All asked hours at a fleet (R,), by the present measure."""
        return self.at(gpu, self.steps, self.bases(gpu))

    def all_at(self, gpu: np.ndarray) -> Sized:
        """All asked hours at a fleet (R,); known where it was the last, or the best."""
        if self.best is not None and (gpu == self.best[0]).all():
            return self.best[1]
        if self.last is None or self.solved_at is None or (gpu != self.solved_at).any():
            self.last = None  # as large as what is computed now
            self.last = self.now_at(gpu)
        return self.last

    def short_at(self, gpu: np.ndarray) -> np.ndarray:
        """The asked hours that shed at a fleet (R,) more than a shortage that is rounding."""
        sized = self.all_at(gpu)
        return _shed_hours(sized.instance, sized.flows, SHORT)

    def at(self, gpu: np.ndarray, steps: np.ndarray, memory: dict[str, Any] | None) -> Sized:
        """Some hours at a fleet (R,)."""
        part = with_fleet(self.instance, gpu, self.site)
        elastic = priced(part, self.measure, DEAR, self.dearest)
        solution = self._solved(part, elastic, steps, memory)
        kept, duals = KeptFlows.of(solution.flows), solution.duals
        value, slope = self.measure_by_hour(part, elastic, solution)
        short, shed = np.zeros(part.demand.shape[1]), _shed_hours(part, solution.flows)
        del solution  # its flows are wide
        short_slope = np.zeros(slope.shape)
        if len(shed):
            needs = Needs(self.instance, self.site)
            lacking = needs.shortage(shed, gpu)
            short[shed] = lacking.short
            short_slope[:, shed] = -np.array(
                [needs.stock.counts(p, gpu) for p in lacking.price.T]
            ).T
            again = shed[short[shed] == 0]
            kept = self._raised(part, again, kept, value, slope, duals)
        return Sized(value, slope, short, short_slope, part, kept, duals)

    def bases(self, gpu: np.ndarray) -> dict[str, Any]:
        """What the solvers keep, forgotten where the fleet is far from the last."""
        before, self.solved_at = self.solved_at, gpu
        if before is not None and np.abs(gpu - before).sum() > FAR * gpu.sum():
            self.memory.clear()
        return self.memory

    def _raised(
        self, part: Instance, steps: np.ndarray, kept: KeptFlows, value: np.ndarray,
        slope: np.ndarray, duals: dict[str, np.ndarray],
    ) -> KeptFlows:  # fmt: skip
        """Hours that shed what they could serve, at higher prices until they serve it; `value` and
        `slope` are put right. Returns all flows.
        """
        price = DEAR
        for _ in range(MOST_RAISES):
            if not len(steps):
                return kept
            price *= DEARER
            elastic = priced(part, self.measure, price, self.dearest)
            solution = self._solved(part, elastic, steps, None)
            more = self.measure_by_hour(part, elastic, solution)
            value[steps], slope[:, steps] = more[0][steps], more[1][:, steps]
            for name, dual in solution.duals.items():
                duals[name][:, steps] = dual[:, steps]
            kept = kept.with_steps(steps, solution.flows)
            steps = _shed_hours(part, solution.flows)
        if len(steps):
            raise SolverError("an hour sheds demand that it could serve, at any price")
        return kept

    def measure_by_hour(
        self, part: Instance, measure: Measure, solution: Solution
    ) -> tuple[np.ndarray, np.ndarray]:
        """(value, slope in K) of every hour, hours counted."""
        return solution.value, worth(part, measure, solution.duals, self.site) * part.hours

    def _solved(
        self, part: Instance, measure: Measure, steps: np.ndarray, memory: dict[str, Any] | None
    ) -> Solution:
        return solve_hours(priced_instance(part, measure), measure, None, steps, memory=memory)


def with_fleet(instance: Instance, gpu: np.ndarray, site: np.ndarray) -> Instance:
    """The instance with so many accelerators in each region, (R,), in all hours."""
    hours = instance.demand.shape[1]
    room = np.full_like(site, np.inf)
    np.subtract(site, gpu, out=room, where=np.isfinite(site))
    return replace(
        instance,
        capacity=np.repeat(gpu[:, None], hours, axis=1),
        surplus=np.minimum(instance.surplus, np.maximum(room, 0.0)[:, None]),
    )


def _shed_hours(instance: Instance, flows: SourceFlows, part: float = SHED) -> np.ndarray:
    """The hours in which more than a part of the demand goes unserved although it has no price for
    that."""
    out = ~flows.served & np.isnan(instance.unserved_usd[flows.source])
    lean, hours = instance.leanest_gpu_h, instance.demand.shape[1]
    shed = np.bincount(flows.hour[out], lean[flows.source[out]] * flows.value[out], hours)
    return np.flatnonzero(shed > part * (lean @ instance.demand))


def worth(
    instance: Instance, measure: Measure, duals: Mapping[str, np.ndarray], site: np.ndarray
) -> np.ndarray:
    """Change of the hour's optimum per further reserved accelerator, (R, T).

    Where the site is full, one more that is reserved is one fewer on demand: it saves that one's
    price at most; and of several kinds, it takes a place that others would pay for.
    """
    dual = np.minimum(duals["capacity"], 0.0)
    full = np.isfinite(site) & (instance.scenario.on_demand_gpu > 0)
    at_limit = full[:, None] & (instance.capacity + instance.surplus >= site[:, None])
    slope: np.ndarray = np.where(at_limit, np.maximum(dual, -measure.per_on_demand[:, None]), dual)
    if instance.sites is not None:
        slope = slope + instance.sites.charged(np.maximum(-duals[SHARED_SITE], 0.0))
    return slope


def groups_by_load(instance: Instance, steps: np.ndarray, bands: int) -> np.ndarray:
    """Numbers from 0 for some steps (H,): alike where they have the same UTC hour of the day and
    are in the same of so many bands of load.
    """
    load = (instance.leanest_gpu_h @ instance.demand)[steps]
    of_day = instance.scenario.hours.utc[steps].astype("datetime64[h]").astype(np.int64) % 24
    group = np.zeros(len(steps), dtype=np.int64)
    for n, hour in enumerate(np.unique(of_day)):
        at = np.flatnonzero(of_day == hour)
        rank = np.argsort(np.argsort(load[at], kind="stable"), kind="stable")
        group[at] = n * bands + rank * bands // len(at)
    return np.unique(group, return_inverse=True)[1]
