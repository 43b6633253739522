"""Return on reach: what a further millisecond between users and accelerators saves of the fleet.

The fleet of least cost where demand may run only so far from its service node that the round trip
is at most x ms above that to its baseline region; its own latency budget holds as ever. The cost is
a step function of x: it falls where a pair opens, and nowhere else. Scaled budgets are another
question, which mixes reach with faster operating points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.fleet import Jump, Reach, ReachedFleet
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.cost import fleet_cost
from wattlas.placement.fleet.master import Cuts
from wattlas.placement.fleet.size import SAMPLED, Learnt, Sizing, groups_of, refuse_short
from wattlas.placement.fleet.terms import terms_of
from wattlas.placement.frontier.question import FrontierQuestion, breakpoints
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.problem.instance import Instance, build_instance

EXACT = 1e-4
"""Relative gap of each fleet: a jump below it is not told."""
MOST_MS = 300.0
SAMPLES = 8


@dataclass
class _ReachSearch:
    """Fleets along the axis, from the widest on; what was learnt at one is kept for narrower ones.

    A narrower reach never costs less: every cut of a wider one holds for it, and so does the bound.
    """

    scenario: Scenario
    opens: np.ndarray
    x: np.ndarray
    exact: float
    tell: Callable[[float], None]
    wanted: int
    """How many fleets are to be found at most."""
    known: Learnt | None = None
    """What was learnt of the scenario's own fleet, if that is known."""
    group: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    found: dict[int, Learnt] = field(default_factory=dict)
    sampled: dict[int, Cuts] = field(default_factory=dict)
    """Cuts of a sample of the hours, the same one at every reach."""

    def at(self, n: int) -> ReachedFleet:
        """The fleet at the n-th breakpoint."""
        if n not in self.found:
            self.found[n] = self._solve(n)
            self.tell(len(self.found) / self.wanted)
        return ReachedFleet(float(self.x[n]), self.found[n].cost, self.found[n].bound)

    def _solve(self, n: int) -> Learnt:
        allowed = np.asarray(self.opens <= self.x[n] * (1 + 1e-9) + 1e-9)
        wider = self._wider(n, allowed)
        if wider is not None and wider is self.known:
            self.group = wider.group
            if (allowed == self.own).all():
                return wider
        terms = terms_of(self.scenario, lambda asked: _opened(asked, allowed))
        if not len(self.group):
            self.group = groups_of(terms)
        sizing = Sizing.of(terms, self.group)
        refuse_short(terms, sizing.needs)
        if wider is None:
            least = sizing.nominal(self.exact)
            bound = least.bound
        else:
            # The wider fleet first: it costs no more than any here, if it serves.
            sizing.master.take(wider.cuts)
            start = np.clip(wider.usable, terms.lower, terms.upper)
            if len(self.group) >= SAMPLED:
                start = self._sampled(n, sizing, start)
            least = sizing.exactly([start], (), self.exact, lambda _: None)
            bound = max(least.bound, wider.bound)
        cost = fleet_cost(terms, sizing.hours, least.y)
        return replace(sizing.learnt(least, cost), bound=bound)

    def _sampled(self, n: int, sizing: Sizing, start: np.ndarray) -> np.ndarray:
        """The fleet for a sample of the hours, from what is known of that at a wider reach."""
        nearest = min((m for m in self.sampled if m > n), default=-1)
        known = self.sampled.get(nearest)
        start, self.sampled[n] = sizing.beside(start, known, self.exact)
        return start

    def _wider(self, n: int, allowed: np.ndarray) -> Learnt | None:
        """What was learnt of the nearest wider reach, or of the scenario where that is wider."""
        nearest = min((m for m in self.found if m > n), default=-1)
        if nearest >= 0:
            return self.found[nearest]
        return self.known if (allowed <= self.own).all() else None

    @cached_property
    def own(self) -> np.ndarray:
        """The places that the scenario itself opens."""
        return np.asarray(feasibility(self.scenario).allowed)

    def same(self, a: int, b: int) -> bool:
        """Whether two fleets cost the same, as far as they are known."""
        narrow, wide = self.at(a), self.at(b)
        return narrow.cost.cost_usd - wide.bound_usd <= 2 * self.exact * abs(wide.bound_usd)

    def jumps(self, a: int, b: int) -> list[int]:
        """The breakpoints after a, up to b, at which the fleet's cost falls; widest first."""
        if b <= a or self.same(a, b):
            return []
        if b == a + 1:
            return [b]
        middle = (a + b) // 2
        return [*self.jumps(middle, b), *self.jumps(a, middle)]


def reach(
    scenario: Scenario,
    *,
    variant: str = "added_ms",
    most: float = MOST_MS,
    samples: int | None = SAMPLES,
    exact: float = EXACT,
    known: Learnt | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Reach:
    """Fleet, cost, energy and carbon over what demand may be farther away than its baseline region.

    `variant` is `added_ms`: the round trip beyond the baseline region; `class:ID`: that of one
    class alone, the others being as they are; or `scale`: all relaxable budgets times a factor.
    `samples` fleets evenly over the steps up to `most`; all jumps where it is None. Each fleet is
    exact to a relative gap of `exact`. `known` is what was learnt of the fleet of the same scenario
    (`fleet_and_learnt`); it is no start where its own gap is wider.
    """
    if known is not None and known.cost.cost_usd - known.bound > exact * abs(known.bound):
        known = None
    opens = _opens(scenario, variant)
    steps = np.unique(np.round(opens[np.isfinite(opens)], 9))
    if not len(steps):
        steps = np.zeros(1)  # no place is open: all goes unserved at its price, whatever the reach
    x = steps[steps <= most] if (steps <= most).any() else steps[:1]
    last = len(x) - 1
    ranks = np.linspace(0, last, len(x) if samples is None else max(samples, 2)).round().astype(int)
    wanted = sorted(set(ranks.tolist()), reverse=True)
    search = _ReachSearch(scenario, opens, x, exact, progress, len(wanted), known)
    if samples is None:
        search.at(last)
        search.at(0)
        jumps = tuple(_jump(search, n) for n in sorted(search.jumps(0, last)))
    else:
        for n in wanted:
            search.at(n)
        jumps = ()
    fleets = tuple(search.at(n) for n in sorted(search.found))
    return Reach(variant, fleets, jumps, samples is None)


def _opens(scenario: Scenario, variant: str) -> np.ndarray:
    """The reach from which each place is open, inf for never, (I, K, R, O)."""
    if variant == "scale":
        axis = breakpoints(scenario, FrontierQuestion.of(scenario, variant, "cost", None))
        opens: np.ndarray = np.where(axis.opens <= axis.least, axis.least, axis.opens)
        return opens
    judged = feasibility(scenario)
    onward = scenario.network.rtt_node_region_ms[scenario.metro_node][:, None, :]
    base = baseline_region(scenario, judged)
    there = np.take_along_axis(
        np.broadcast_to(onward, (*base.shape, onward.shape[2])),
        np.maximum(base, 0)[:, :, None],
        axis=2,
    )
    beyond = np.where(base[:, :, None] >= 0, np.maximum(onward - there, 0.0), 0.0)
    kind, _, name = variant.partition(":")
    classes = [klass.id for klass in scenario.classes]
    if kind == "class":
        if name not in classes:
            raise UsageError(f"there is no class {name!r}; classes: {', '.join(classes)}")
        beyond[:, [k for k, other in enumerate(classes) if other != name]] = 0.0
    elif variant != "added_ms":
        raise UsageError(f"{variant!r} is no kind of reach: give added_ms, class:ID or scale")
    return np.where(judged.allowed, beyond[..., None], np.inf)


def _opened(scenario: Scenario, allowed: np.ndarray) -> Instance:
    """The program with some places open."""
    return build_instance(scenario, judged=replace(feasibility(scenario), allowed=allowed))


def _jump(search: _ReachSearch, n: int) -> Jump:
    """A reach at which the cost falls, and the pairs that open there."""
    scenario, at = search.scenario, float(search.x[n])
    opened = np.argwhere(np.abs(search.opens - at) <= 1e-8)
    pairs = {
        (scenario.metros[i].id, scenario.classes[k].id, scenario.regions[r].id)
        for i, k, r, _ in opened
    }
    return Jump(at, search.at(n - 1).cost, search.at(n).cost, tuple(sorted(pairs)))
