"""What a fleet costs and emits: the one account of fleets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.fleet import FleetCost
from wattlas.model.unit_values import carbon_t_per_kwh
from wattlas.placement.fleet.hours import FleetHours
from wattlas.placement.fleet.terms import FleetTerms, carbon_t, idle_kw
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import bought_gpu, carbon, it_energy, used_gpu
from wattlas.units import KG_PER_T, KWH_PER_MWH

ROUNDING = 1e-8
"""A fleet is held so much larger than the search found it, so that no hour is short by rounding."""


def fleet_cost(terms: FleetTerms, hours: FleetHours, gpu: np.ndarray) -> FleetCost:
    """What usable accelerators (R,) cost and emit over all hours; nan where one is short."""
    sized = hours.all_at(gpu)
    cost = cost_of(terms, sized.instance, sized.flows, gpu)
    variable = float("nan") if sized.short.any() else float(sized.value.sum())
    return replace(cost, variable_usd=variable)


def cost_of(terms: FleetTerms, part: Instance, flows: SourceFlows, gpu: np.ndarray) -> FleetCost:
    """What usable accelerators (R,) cost and emit with these flows over an instance that has
    them; all demand is served."""
    scenario, held = part.scenario, gpu * terms.held
    emitted_t = float(carbon(part).by_hour(part, flows).sum()) + float(carbon_t(scenario) @ held)
    span = part.hours
    bought_h = bought_gpu(part, flows) @ span
    mean_t = carbon_t_per_kwh(scenario.pue[:, None], scenario.deciding_g_per_kwh) @ span
    idle = idle_kw(scenario)
    idle_kwh = float(idle @ held) * float(span.sum()) + float(idle @ bought_h)
    emitted_t += float(mean_t / float(span.sum()) * idle @ bought_h)
    return FleetCost(
        gpu=held,
        rent_usd=float(terms.rent_usd @ gpu),
        variable_usd=float(terms.measure.by_hour(part, flows).sum()),
        carbon_kg=emitted_t * KG_PER_T,
        it_mwh=float(it_energy(part).by_hour(part, flows).sum()) + idle_kwh / KWH_PER_MWH,
        used_gpu_h=used_gpu(part, flows) @ span,
        on_demand_gpu_h=bought_h,
        unserved_share=_unserved_share(part, flows),
    )


def _unserved_share(part: Instance, flows: SourceFlows) -> float:
    """Share of the requests of all hours that the flows leave unserved."""
    requests = flows.value * part.hours[flows.hour]
    total = float(requests.sum())
    return float(requests[~flows.served].sum()) / total if total > 0 else 0.0


def at_own_price(
    terms: FleetTerms, cost: FleetCost, usable: np.ndarray, usd_per_t: float
) -> FleetCost:
    """A cost that has so much for a tonne of carbon in it, without that."""
    held = usd_per_t * float(terms.held_t @ usable)
    run = usd_per_t * cost.carbon_kg / KG_PER_T - held
    rent, variable = cost.rent_usd - held, cost.variable_usd - run
    return replace(cost, rent_usd=rent, variable_usd=variable)
