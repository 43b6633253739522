"""The search for what of a queue runs when: hours by their solvers, patience by their prices.

With z[n,t] of each waiting source in each hour the hours fall apart. V_t, the optimum of an hour,
is convex in z[t]; the price of demand λ is its slope. Each round asks all hours at one z and keeps,
for each hour, what it learnt as a cut

    V_t(z') ≥ V_t(z) + λ·(z' − z)

A few steps of primal–dual hybrid gradient over the cuts and the queue's bounds (`engine.patience`)
give the next z, and a weight for each cut of an hour. The weights prove a bound on all placements:
by weak duality each request costs at least the least weighted price within its patience,

    Σ_t Σ_k w[t,k]·(V_k − λ_k·z_k) + Σ_n,a d[n,a] · min over a ≤ t ≤ due of Σ_k w[t,k]·λ[n,t,k]

Nothing is cut into windows, so patience of a day takes no longer than patience of six hours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.placement.constraints.registry import hourly_rows
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.elastic import priced, priced_instance
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.unit_values import Measure

EXACT = 1e-4
"""Relative gap, of the cost without reserved rent, at which the search ends. The last halving of it
takes about a third of the time."""
MOST_ROUNDS = 60
"""Rounds until it ends with the gap that it has. A year takes about twenty."""
CUTS = 9
"""Cuts that an hour keeps: those without weight that lie lowest go first. With 6 patience of a day
takes 26 rounds for a month instead of 18, with 12 a round takes longer and there are as many."""
STEPS, TIMES = 25, 3
"""Steps between two looks at the gap of the cuts, and how many looks a round has. Twice as many
take longer in all: far from the hours that were asked cuts say little."""
STRIDE, LONGER, LONGEST = 0.015, 1.4, 0.5
"""How far z goes against prices in the first round: a source whose prices are one standard
deviation apart moves by so much of its mean; by what that grows from round to round, and up to
what. Long ones are wild while little is known, short ones take twice the rounds at the end."""
SAFE = 0.99
"""Product of the two steps and the squared norm between them; below 1 it converges."""
SHED = 20.0
"""What an unserved request costs in the search, in the most that one costs anywhere. More makes
hours that cannot be served steep, and steps short."""
DEARER, MOST_RAISES = 10.0, 3
"""By what that grows where the end still sheds, and how often."""


@dataclass(frozen=True)
class QueueRates:
    """The best rates (N, T) that were asked, what they cost, and the bound below every placement.

    `duals` are those of the constraints of an hour that prove the bound; `shed` says that demand
    which must be served is not.
    """

    ran: np.ndarray
    value: float
    bound: float
    duals: dict[str, np.ndarray]
    shed: bool
    rounds: int

    @property
    def gap(self) -> float:
        """(value − bound) / |value|."""
        return max((self.value - self.bound) / max(abs(self.value), 1e-300), 0.0)


@dataclass
class QueueHours:
    """The oracle: what hours cost where so much runs in them, and what one more request costs."""

    instance: Instance
    queue: Queue
    measure: Measure
    memory: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        waiting = self.queue.source
        self.few, self.few_measure = (
            self.instance.rows_of(waiting),
            self.measure.of_sources(waiting),
        )
        self.slots = Slots.of(self.few)
        self.must = np.isnan(self.instance.unserved_usd)

    def elastic(self, times: float) -> tuple[Instance, Measure]:
        """Demand that must be served may be shed at `times` the most that a request costs."""
        measure = priced(self.instance, self.measure, times)
        return priced_instance(self.instance, measure), measure

    def ask(self, ran: np.ndarray, times: float) -> tuple[np.ndarray, np.ndarray, Solution, bool]:
        """(value (T,), price of one more request (N, T), the hours, whether any is shed)."""
        instance, measure = self.elastic(times)
        part = self.queue.running(instance, ran)
        solution = solve_hours(part, measure, memory=self.memory)
        flows = solution.flows
        out = ~flows.served & self.must[flows.source]
        shed = bool((flows.value[out] > 1e-9 * part.demand.max(axis=1)[flows.source[out]]).any())
        value = measure.by_hour(part, flows)
        return value, self.price(solution.duals, measure), solution, shed

    def price(self, duals: dict[str, np.ndarray], measure: Measure) -> np.ndarray:
        """The least reduced cost of each waiting source by duals of the rows of each hour (J, T),
        hours counted, (N, T)."""
        few_measure = measure.of_sources(self.queue.source)
        hours = self.instance.hours
        price = np.empty(self.queue.arrived.shape)
        rows = hourly_rows(self.few)
        column = self.slots.column
        for steps in self.slots.chunks(np.arange(len(hours))):
            reduced = self.slots.units(few_measure, steps)
            for name, row in rows.items():
                paid = row.weighed(duals[name][:, steps])
                reduced -= np.where(column[..., None] >= 0, paid[column], 0.0)
            price[:, steps] = reduced.min(axis=1)
        shed = measure.per_unserved[self.queue.source]
        price = np.fmin(price, np.where(np.isnan(shed), np.inf, shed)[:, None])
        return np.asarray(price * hours)


class HourCuts:
    """What is known of the hours, CUTS of each, with their weights and the duals behind them."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        sources, hours = queue.arrived.shape
        self.constant = np.zeros((hours, 0))
        self.slope = np.zeros((hours, 0, sources))
        self.weight = np.zeros((hours, 0))
        self.duals: dict[str, np.ndarray] = {}

    def learn(
        self, value: np.ndarray, price: np.ndarray, ran: np.ndarray, duals: dict[str, np.ndarray]
    ) -> None:
        """A cut of every hour, at rates `ran` (N, T)."""
        constant = value - (price * ran).sum(axis=0)
        count, hours = self.constant.shape[1], np.arange(len(value))
        if count < CUTS:
            first = count == 0
            fresh = np.full((len(value), 1), float(first))
            self.constant = np.concatenate([self.constant, constant[:, None]], axis=1)
            self.slope = np.concatenate([self.slope, price.T[:, None]], axis=1)
            self.weight = np.concatenate([self.weight, fresh], axis=1)
            self.duals = {
                name: dual[None].copy() if first else np.concatenate([self.duals[name], dual[None]])
                for name, dual in duals.items()
            }
            return
        height = self.constant + np.einsum("tkn,nt->tk", self.slope, ran)
        height = np.where(self.weight > 0, np.inf, height)
        worst = np.where(np.isfinite(height).any(axis=1), height.argmin(axis=1),
                         self.weight.argmin(axis=1))  # fmt: skip
        self.constant[hours, worst], self.slope[hours, worst] = constant, price.T
        self.weight[hours, worst] = 0.0
        self.weight /= self.weight.sum(axis=1, keepdims=True)
        for name, dual in duals.items():
            self.duals[name][worst, :, hours] = dual.T

    def height(self, ran: np.ndarray) -> float:
        """What all hours cost at least at rates (N, T), by what is known."""
        by_cut = self.constant + np.einsum("tkn,nt->tk", self.slope, ran)
        return float(by_cut.max(axis=1).sum())

    def bound(self, weight: np.ndarray) -> float:
        """What weights (T, K) prove of all placements."""
        price = np.einsum("tk,tkn->nt", weight, self.slope)
        paid = float((self.queue.least(price) * self.queue.arrived).sum())
        return float((weight * self.constant).sum()) + paid

    def weighed_duals(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """The duals of each hour's rows at weights (T, K), by constraint, (J, T)."""
        return {name: np.einsum("tk,kjt->jt", weight, dual) for name, dual in self.duals.items()}

    def steps(self, stride: float) -> tuple[np.ndarray, np.ndarray]:
        """How far rates go per price, (N, T), and weights per value, (T,)."""
        arrived = self.queue.arrived
        spread = self.slope.mean(axis=1).std(axis=0)
        spread = np.maximum(spread, 1e-6 * np.abs(self.slope).max() + 1e-300)
        step_run = stride * arrived.mean(axis=1) / spread
        apart = (self.slope - self.slope.mean(axis=1, keepdims=True)) * np.sqrt(step_run)
        norm = (apart**2).sum(axis=(1, 2))
        # Cuts that say the same are no reason for long steps.
        size = float((self.slope**2 * step_run).sum(axis=2).max(initial=0.0))
        norm = np.maximum(norm, max(1e-6 * float(norm.max(initial=0.0)), 1e-6 * size, 1e-300))
        # A steep hour shares its steepness between both steps.
        slower = np.minimum(np.sqrt(np.median(norm) / norm), 1.0)
        return step_run[:, None] * slower, SAFE / (norm * slower)


@dataclass
class Pace:
    """Where the steps over the cuts are: rates (N, T)."""

    cuts: HourCuts
    ran: np.ndarray

    def __post_init__(self) -> None:
        sources, hours = self.ran.shape
        self.price, self.after = np.zeros((hours, sources)), np.zeros((sources, hours))
        self.scratch = np.zeros((6, 2 * hours + 8))

    def go(self, stride: float) -> float:
        """Go `TIMES` times `STEPS` on; the best bound on the way. The mean replaces the last point
        where its gap is smaller."""
        from wattlas.placement.engine.patience import descend

        cuts, queue, best = self.cuts, self.cuts.queue, -np.inf
        step_run, step_weight = cuts.steps(stride)
        for _ in range(TIMES):
            ran, weight = self.ran.copy(), cuts.weight.copy()
            mean_run, mean_weight = np.zeros_like(ran), np.zeros_like(weight)
            descend(
                cuts.constant, cuts.slope, weight, ran, step_run, step_weight, queue.low,
                queue.high, STEPS, self.price, self.after, self.scratch, mean_run, mean_weight,
            )  # fmt: skip
            mean_run /= STEPS
            # The bound holds for weights that sum to one: rounding may not make it too high.
            weight /= weight.sum(axis=1, keepdims=True)
            mean_weight /= mean_weight.sum(axis=1, keepdims=True)
            bounds = cuts.bound(weight), cuts.bound(mean_weight)
            gaps = cuts.height(ran) - bounds[0], cuts.height(mean_run) - bounds[1]
            best = max(best, *bounds)
            mean = gaps[1] < gaps[0]
            self.ran = mean_run if mean else ran
            cuts.weight = mean_weight if mean else weight
        return best


def search(
    instance: Instance,
    queue: Queue,
    measure: Measure,
    *,
    exact: float = EXACT,
    deadline: float | None = None,
    start: np.ndarray | None = None,
    rounds: int = MOST_ROUNDS,
) -> QueueRates:
    """The rates of least cost, to a relative gap of `exact` or until the rounds or the time end.

    The first round asks at `start` (N, T): what arrives, when it arrives, by default. Where the
    best still sheds demand that must be served, shedding becomes dearer.
    """
    hours = QueueHours(instance, queue, measure)
    ends = Ends(exact, deadline, rounds)
    best = _search(hours, queue, SHED, ends, queue.arrived if start is None else start)
    times = SHED
    for _ in range(MOST_RAISES):
        if not best.shed:
            break
        times *= DEARER
        best = _search(hours, queue, times, ends, best.ran)
    return best


@dataclass(frozen=True)
class Ends:
    """When a search ends: at a gap, at a time, after so many rounds."""

    exact: float
    deadline: float | None
    rounds: int


def _search(
    hours: QueueHours, queue: Queue, times: float, ends: Ends, rates: np.ndarray
) -> QueueRates:
    cuts = HourCuts(queue)
    pace = Pace(cuts, rates.copy())
    best = QueueRates(rates, np.inf, -np.inf, {}, True, 0)
    for n in range(ends.rounds):
        value, price, solution, shed = hours.ask(rates, times)
        total = float(value.sum())
        better = (shed, total) < (best.shed, best.value)
        best = replace(best, rounds=n + 1)
        if better:
            best = replace(best, ran=rates, value=total, shed=shed)
        cuts.learn(value, price, rates, solution.duals)
        stride = min(STRIDE * LONGER**n, LONGEST)
        bound = pace.go(stride)
        if bound > best.bound:
            best = replace(best, bound=bound, duals=cuts.weighed_duals(cuts.weight))
        late = ends.deadline is not None and time.perf_counter() > ends.deadline
        if late or (not best.shed and best.gap <= ends.exact):
            break
        rates = queue.within(pace.ran)
    return best
