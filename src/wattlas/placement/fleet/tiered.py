"""`tiered_fleet`: how many accelerators, where a contract lets a share of the requests be degraded.

    min  Σ_r f_r·K_r + Σ_t V_t(K)    such that  Σ_{t in w} degraded_t ≤ φ·Σ_{t in w} demand_t

over every billing window w. Which requests are degraded is decided with the fleet: in the hours in
which that lowers how many accelerators are held, and with what is left of the cap where it saves
energy. Section 14 of the model, with the degraded operating points of section 8 as columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.tiered_fleet import TieredFleet
from wattlas.placement.constraints.degraded_share import caps_on_sources
from wattlas.placement.fleet.capped import CappedHours, capped_hours
from wattlas.placement.fleet.capped_window import WindowAt
from wattlas.placement.fleet.cost import ROUNDING, cost_of
from wattlas.placement.fleet.hours import with_fleet
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.search import Least, search
from wattlas.placement.fleet.sites import refuse_rows
from wattlas.placement.fleet.size import (
    EXACT,
    ROUGH,
    SAMPLED,
    free_optimum,
    groups_of,
    refuse_short,
    sample,
)
from wattlas.placement.fleet.terms import FleetTerms, terms_of
from wattlas.placement.hour import highs
from wattlas.placement.problem.flows import join
from wattlas.placement.problem.instance import Instance, build_instance

MOST_LARGER = 4
"""How often a fleet that cannot keep the caps is made larger in one round."""


def tiered_fleet(
    scenario: Scenario,
    *,
    starts: Sequence[np.ndarray] = (),
    exact: float = EXACT,
    progress: Callable[[Least], None] = lambda _: None,
) -> TieredFleet:
    """The fleet of least cost for a scenario with one contract of one class, to a relative gap.

    `starts` are fleets (R,), accelerators held, that the search begins with: one that serves all
    in full is a good one. Raises InputError for what a fleet does not take, InfeasibleError where
    its bounds cannot serve the demand.
    """
    began = time.perf_counter()
    terms = _terms(scenario)
    refuse_rows(terms.rows)
    refuse_short(terms, Needs(terms.instance, terms.site))
    free = free_optimum(terms)
    begin = [np.clip(gpu / terms.held, terms.lower, terms.upper) for gpu in starts]
    begin = begin or [np.clip(terms.own_peaks, terms.lower, terms.upper)]
    hours = capped_hours(terms, free, exact)
    master = hours.master()
    if len(free) >= SAMPLED * len(hours.windows):
        part = capped_hours(terms, free, ROUGH, sample(groups_of(terms))[1])
        part.whole = hours, master
        begin = [_least(part, part.master(), begin, ROUGH, progress).y]
        for window, known in zip(hours.windows, part.windows, strict=True):
            window.price = known.price
    cheapest = _least(hours, master, begin, exact, progress)
    return _answer(terms, hours, cheapest, hours.prices(master), exact, began)


def _least(
    hours: CappedHours,
    master: CutMaster,
    starts: Sequence[np.ndarray],
    exact: float,
    tick: Callable[[Least], None],
) -> Least:
    """The best fleet within the caps.

    One that cannot keep them is asked again a little larger: the master's own fleets lie just below
    what is possible.
    """

    def ask(gpu: np.ndarray) -> tuple[float, np.ndarray]:
        value = np.inf
        for _ in range(MOST_LARGER):
            value, gpu = hours.ask(gpu, master)
            if np.isfinite(value):
                break
        return value, gpu

    return search(ask, master, starts, exact=exact, tick=tick)


def _terms(scenario: Scenario) -> FleetTerms:
    """The question of a fleet without its caps, over an instance that has them."""

    def build(stated: Scenario) -> Instance:
        return build_instance(replace(stated, share_caps=scenario.share_caps))

    return terms_of(replace(scenario, share_caps=()), build)


def _answer(
    terms: FleetTerms,
    hours: CappedHours,
    cheapest: Least,
    prices: np.ndarray,
    exact: float,
    began: float,
) -> TieredFleet:
    """What the best fleet costs, so much larger that no hour is short by rounding."""
    gpu = cheapest.y * (1.0 + ROUNDING)
    rent = float(terms.rent_usd @ gpu)
    placed = [WindowAt(window, gpu) for window in hours.windows]
    for each in placed:
        each.ask_fewest()
        each.ask(each.window.price)
    hours.settle(placed, rent)
    flows = join([each.flows() for each in placed])
    instance = with_fleet(terms.instance, gpu, terms.site)
    optimal = cost_of(terms, instance, flows, gpu)
    cap = caps_on_sources(instance, hourly=False)[0]
    on = np.flatnonzero(cap.degraded[flows.source, flows.point] & flows.served)
    steps = instance.demand.shape[1]
    degraded = np.bincount(flows.hour[on], flows.value[on], steps) * instance.hours
    gap = (optimal.cost_usd - cheapest.bound) / max(abs(optimal.cost_usd), 1e-300)
    return TieredFleet(
        status=Status.OPTIMAL if gap <= 2 * exact else Status.LIMIT,
        optimal=optimal,
        bound_usd=cheapest.bound,
        degraded=degraded,
        counted=cap.demand(instance) * instance.hours,
        total=np.array([float(window.counted.sum()) for window in hours.windows]),
        cap=np.array([window.cap for window in hours.windows]),
        used=np.array([float(degraded[window.steps].sum()) for window in hours.windows]),
        price_usd=prices,
        info=SolveInfo(
            solver=highs.version(),
            seconds=time.perf_counter() - began,
            programs=cheapest.rounds,
            gap=max(gap, 0.0),
        ),
    )
