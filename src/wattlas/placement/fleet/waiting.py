"""Fleets that serve requests which may wait.

Accelerators and waiting are one program: small ones are solved as one (`waiting_program`), up to a
month, and with outages, by cuts (`waiting_cuts`). Beyond that

1. work is levelled: the least number of accelerators L that gets everything done in time, if
   everything could run everywhere, is the largest, over stretches of hours [a, b), of the GPU-h
   that arrive from a on and are due by b, over b − a. Earliest deadline first under L does it.
2. that work is what a fleet is sized for, exactly (`size`).
3. at that fleet requests wait for the cheapest hours (`window.queue_search`).

How far the fleet is from the best one at most is told as its gap: prices of accelerators prove a
bound on every fleet, that of the densest stretch above all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.fleet import Fleet, FleetCost, FleetPrices, Placed
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waits, waited_steps, waits_of
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet.cost import ROUNDING, fleet_cost
from wattlas.placement.fleet.hours import with_fleet
from wattlas.placement.fleet.levelled import Dense, Levelled
from wattlas.placement.fleet.outage import Lost
from wattlas.placement.fleet.size import Sizing
from wattlas.placement.fleet.statement import FleetStatement
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.fleet.waiting_cuts import EXACT, JointHours, too_large
from wattlas.placement.fleet.waiting_program import Joint, joint
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.queue import Queue
from wattlas.placement.window.queue_search import search

PROVEN = 1e-6
"""A relative gap of one program that is rounding."""
PARTS = (1.0, 0.7, 0.4, 0.0)
"""Parts of the prices of the hours at the fleet that are tried for the bound."""
CLOSE = 1e-4
"""Relative gap of the hours at the fleet, of the cost without reserved rent, at which they end."""
ROUNDS = 20
"""Rounds of the hours at the fleet. It is full in its densest stretch, where a search in small
steps leaves a little undone for long: levelled work is what it starts from, and falls back to."""


def fleet_that_waits(
    scenario: Scenario,
    size: Callable[[Scenario], Fleet],
    one_program: Callable[[Scenario], Fleet],
    lost: Callable[[FleetTerms], Sequence[Lost]],
) -> Fleet:
    """The fleet of a scenario whose classes may wait; `size` finds that of one in which none does,
    `one_program` that of one that is solved as a whole, or by cuts, whatever else is known. `lost`
    are the sets of regions, any of which may be lost.

    Raises InputError for what does not go together with waiting or with fleets.
    """
    question = WaitingQuestion.of(scenario)
    try:
        unwaited = size(without_waiting(scenario))
    except InfeasibleError:  # What does not fit at once may fit in time.
        unwaited = None
    terms, instance, outages = question.terms, question.instance, lost(question.terms)
    small = joint(terms, instance, terms.measure)
    if small is not None and not outages:
        if unwaited is None:
            return one_program(scenario)
        return _together(question, small, unwaited, 0.0)
    stated = build_instance(scenario)
    levelled_work = Arrivals.of(stated).waited(question.levelled.ran(stated)).as_run(scenario)
    try:
        sized = size(without_waiting(levelled_work))
    except InfeasibleError:  # What levelled work does not fit, other hours may.
        if too_large(question.queue, len(terms.site)):
            raise
        return one_program(scenario)
    return _by_cuts(question, sized, unwaited, small, outages) or _at_fleet(
        question, sized, unwaited, outages
    )


def _by_cuts(
    question: WaitingQuestion,
    sized: Fleet,
    unwaited: Fleet | None,
    small: Joint | None,
    lost: Sequence[Lost],
) -> Fleet | None:
    """The fleet by cuts, from the one that is `sized` for levelled work; None where that is too
    large. With outages the fleet that survives nothing is told, too: `small` where it is known."""
    terms, queue, start = question.terms, question.queue, question.start
    if too_large(queue, len(terms.site)):
        return None
    hours, exact = JointHours(terms, question.instance, queue), PROVEN if small else EXACT
    prices, nominal = sized.prices.needs, None
    if lost and sized.nominal is not None:
        nominal = small or hours.least(sized.nominal.gpu / terms.held, start, prices)
    least = hours.least(sized.optimal.gpu / terms.held, start, prices, lost, exact)
    if least is None:
        return None
    together = _together(question, least, unwaited or sized, exact)
    if nominal is not None:
        gpu = np.minimum(nominal.gpu * (1.0 + ROUNDING), np.maximum(terms.upper, nominal.gpu))
        together = replace(together, nominal=_cost(terms, queue, nominal.ran, gpu)[0])
    return replace(together, unwaited=None if unwaited is None else unwaited.optimal)


@dataclass(frozen=True)
class WaitingQuestion:
    """What is asked if nothing waited, and its instance with the classes that may wait."""

    scenario: Scenario
    terms: FleetTerms
    instance: Instance

    @staticmethod
    def of(scenario: Scenario) -> WaitingQuestion:
        """That of a scenario. Raises what `terms_of` raises."""
        patient = FleetStatement.of(scenario)
        return WaitingQuestion(scenario, patient.terms, patient.instance)

    @cached_property
    def queue(self) -> Queue:
        """What may wait."""
        return Queue.of(self.instance)

    @cached_property
    def levelled(self) -> Levelled:
        """The level of its work."""
        return Levelled.of(self.instance)

    @cached_property
    def start(self) -> np.ndarray:
        """What runs when in levelled work, (N, T)."""
        return self.levelled.ran(self.instance)

    @property
    def least_count(self) -> float:
        """Accelerators held that no fleet has fewer of; nan where not everything must be served
        from what is reserved."""
        if self.instance.surplus.any() or not np.isnan(self.instance.unserved_usd).all():
            return float("nan")
        return self.levelled.dense.level * float(self.terms.held.min())


def _together(question: WaitingQuestion, together: Joint, unwaited: Fleet, exact: float) -> Fleet:
    """The fleet of accelerators and waiting that were found together, to a gap of `exact`, relative
    to the cost without reserved rent."""
    scenario, terms, queue = question.scenario, question.terms, question.queue
    gpu = np.minimum(together.gpu * (1.0 + ROUNDING), np.maximum(terms.upper, together.gpu))
    best, placed = _cost(terms, queue, together.ran, gpu)
    gap = max((best.cost_usd - together.bound_usd) / max(abs(best.cost_usd), 1e-300), 0.0)
    allowed = exact * abs(best.variable_usd) / max(abs(best.cost_usd), 1e-300)
    return replace(
        unwaited,
        status=Status.OPTIMAL if gap <= max(PROVEN, allowed) else Status.LIMIT,
        scenario=replace(unwaited.scenario, classes=scenario.classes,
                         reserved_gpu=np.repeat(gpu[:, None], scenario.hours.count, axis=1)),
        asked=scenario,
        least_rent_usd=float("nan"),
        optimal=best,
        bound_usd=together.bound_usd,
        whole=_cost(terms, queue, together.ran,
                    np.ceil(gpu * terms.held - 1e-6) / terms.held)[0],
        least_count=question.least_count,
        saved_by_one_usd=np.full(len(gpu), np.nan),
        info=replace(unwaited.info, gap=gap),
        prices=FleetPrices(together.duals, together.needs, 0.0, sites=tuple(together.sites)),
        unwaited=unwaited.optimal,
        waits=waits_at(question.instance, queue, together.ran),
        placed=placed,
    )  # fmt: skip


def _at_fleet(
    question: WaitingQuestion, sized: Fleet, unwaited: Fleet | None, lost: Sequence[Lost]
) -> Fleet:
    """The fleet with the cheapest hours at it, and what is proven of all fleets."""
    scenario, terms, instance = question.scenario, question.terms, question.instance
    queue, gpu = question.queue, sized.optimal.gpu / terms.held
    at_fleet = with_fleet(instance, gpu, terms.site)
    dense, start = question.levelled.dense, question.start
    rates = search(at_fleet, queue, terms.measure, exact=CLOSE, start=start, rounds=ROUNDS)
    ran, (best, placed) = rates.ran, _cost(terms, queue, rates.ran, gpu)
    running = queue.running(instance, ran).demand
    survives = not any(each.needs.asking(running[each.sources]).broken(gpu) for each in lost)
    if not (survives and best.cost_usd <= sized.optimal.cost_usd):  # nan: something is late
        ran, (best, placed) = start, _cost(terms, queue, start, gpu)
    bound, price = _bound(terms, instance, queue, dense, -rates.duals["capacity"])
    gap = (best.cost_usd - bound) / abs(best.cost_usd) if best.cost_usd else 0.0
    return replace(
        sized,
        status=Status.LIMIT,
        levelled=True,
        scenario=replace(sized.scenario, classes=scenario.classes,
                         demand_per_h=scenario.demand_per_h),
        asked=scenario,
        least_rent_usd=float("nan"),
        optimal=best,
        bound_usd=bound,
        own_peaks=(unwaited or sized).own_peaks,
        given=(unwaited or sized).given,
        whole=sized.whole,
        least_count=question.least_count,
        info=replace(sized.info, gap=max(gap, 0.0)),
        prices=FleetPrices({"capacity": -price}, (), 0.0),
        unwaited=None if unwaited is None else unwaited.optimal,
        waits=waits_at(instance, queue, ran),
        placed=placed,
    )  # fmt: skip


def _cost(
    terms: FleetTerms, queue: Queue, ran: np.ndarray, gpu: np.ndarray
) -> tuple[FleetCost, Placed]:
    """What the fleet costs where so much runs in each hour, and what then runs where."""
    at_work = replace(terms, instance=queue.running(terms.instance, ran))
    hours = Sizing.of(at_work).hours
    return fleet_cost(at_work, hours, gpu), Placed(*hours.all_at(gpu).flows)


def _bound(
    terms: FleetTerms, instance: Instance, queue: Queue, dense: Dense, price: np.ndarray
) -> tuple[float, np.ndarray]:
    """Below every fleet: the most that prices of accelerators prove, USD, and those prices.

    `price` (R, T) are those of hours at a fleet, USD per GPU-h. They are tried as they are, at
    parts of it and not at all; what of its rent a region does not earn by them it earns in the
    densest stretch of hours, where nothing can escape.
    """
    hours, stretch = instance.hours, np.zeros(len(instance.hours), dtype=bool)
    stretch[dense.first : dense.after] = True
    most, best = -np.inf, price
    for part in PARTS:
        tried = np.where(stretch, 0.0, part * price)
        left = np.maximum(terms.rent_usd - tried @ hours, 0.0) / float(hours[stretch].sum())
        tried = np.where(stretch, left[:, None], tried)
        if instance.sites is not None:  # A dearer hour is bought, as no price of its place is here.
            bought = instance.sites.own[:, None] & (instance.surplus > 0)
            dearest = np.where(bought, terms.measure.per_on_demand[:, None], np.inf)
            tried = np.minimum(tried, dearest)
        proven = _proven(terms, instance, queue, tried)
        most, best = (proven, tried) if proven > most else (most, best)
    return most, best


def _proven(terms: FleetTerms, instance: Instance, queue: Queue, price: np.ndarray) -> float:
    """By weak duality: each request pays the least that it costs within its patience, accelerators
    at `price` (R, T) ≥ 0; a region is left with what its rent is above its prices.

        Σ d · min over hours of patience and places of (c + g·π) + Σ_r min over K of (f − Σ_t π)·K
            + Σ min(0, w − π)·O of what can be bought by the hour
    """
    slots, hours = Slots.of(instance), instance.hours
    least = np.empty(instance.demand.shape)
    for steps in slots.chunks(np.arange(len(hours))):
        paid = slots.gpu_h[..., None] * price[:, steps][slots.region]
        least[:, steps] = (slots.units(terms.measure, steps) + paid).min(axis=1)
    least[queue.source] = queue.least(least[queue.source])
    served = np.where(instance.demand > 0, least, 0.0) * instance.demand
    over = terms.rent_usd - price @ hours
    held = float((over * np.where(over > 0, terms.lower, terms.upper)).sum())
    bought = np.minimum(terms.measure.per_on_demand[:, None] - price, 0.0)
    most = np.minimum(instance.surplus, (instance.most_gpu_h.T @ instance.demand).sum())
    return float((served @ hours).sum()) + held + float((bought * most @ hours).sum())


def waits_at(instance: Instance, queue: Queue, ran: np.ndarray) -> tuple[Waits, ...]:
    """How long the requests of each class waited."""
    scenario, out = instance.scenario, []
    wanted = np.arange(ran.shape[1]) + scenario.wait_steps[instance.klass[queue.source]][:, None]
    requests = queue.arrived * scenario.hours.hours
    for k in np.unique(instance.klass[queue.source]).tolist():
        own = instance.klass[queue.source] == k
        steps, count = waited_steps(queue.arrived[own], ran[own], scenario.hours)
        cut = float(requests[own][queue.due[own] < wanted[own]].sum())
        out.append(waits_of(scenario, k, steps, count, cut))
    return tuple(out)
