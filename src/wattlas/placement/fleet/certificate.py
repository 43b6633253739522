"""Is a fleet of least cost? Its own prices say so, or they do not: nothing of the search is used.

The duals μ of the hours give what no hour is below at the fleet K, and how that falls with K. What
hours need in an outage, at its prices π, gives rows Σ π·K ≥ need. By weak duality no fleet within
the bounds costs less than

    f·K + Σ_t L_t(μ, K) + Σ_q w_q·(need_q − π_q·K)  +  min over K' of  a·(K' − K)
    a_r = f_r − Σ_t μ_rt − Σ_q w_q·π_qr

whatever the prices are. They prove the fleet where the bound is what it costs: a is then above 0
only where the fleet is at its least, and below 0 only where it is at its most.

Fleets that wait or are under caps of tiers carry their flows, which are checked row by row
(`placed`), and prove a bound of their own (`proven`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.fleet import Fleet, NeedPrice
from wattlas.placement.explain.certificate import bound_by_hour
from wattlas.placement.fleet.carbon_price import at_price
from wattlas.placement.fleet.cost import at_own_price, fleet_cost
from wattlas.placement.fleet.hours import with_fleet, worth
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.outage import lost_of
from wattlas.placement.fleet.placed import placed_residuals, short_part
from wattlas.placement.fleet.proven import proven_bound
from wattlas.placement.fleet.size import Sizing
from wattlas.placement.fleet.statement import FleetStatement, caps_couple
from wattlas.placement.fleet.terms import FleetTerms, terms_of
from wattlas.units import KG_PER_T

_TINY = 1e-300


@dataclass(frozen=True)
class FleetCertificate:
    """What was found, USD. `gap` is (objective − bound) / |objective|. `residuals` are relative:
    `bounds`, by how much the fleet is outside of them; `served` and `outages`, what hours that must
    be served are short of, at most; `cost`, how far it is from what is said. Where requests may
    wait or caps of tiers hold, also `closed`, `waiting`, `capacity`, `sites`, `rows` and `caps` of
    flows, and `carbon`, how far what they emit is from what is said, or beyond a cap."""

    objective: float
    bound: float
    gap: float
    residuals: dict[str, float]

    @property
    def worst(self) -> float:
        """The largest residual."""
        return max(self.residuals.values())


def certify_fleet(fleet: Fleet) -> FleetCertificate:
    """Check a fleet: what it costs, what it serves, and that none costs less, from its prices."""
    if fleet.asked.waits or caps_couple(fleet.asked):
        return _certify_placed(fleet)
    prices = fleet.prices
    terms = terms_of(at_price(fleet.asked, prices.usd_per_t))
    usable = fleet.optimal.gpu / terms.held
    lost: dict[tuple[str, ...], Needs] = {(): Needs(terms.instance, terms.site)}
    for outage in fleet.survives:
        (each,) = lost_of(terms, [outage.regions], outage.on_demand_gpu)
        lost[outage.regions] = each.needs
    claimed, emitted = fleet.optimal.cost_usd, fleet.optimal.carbon_kg / KG_PER_T
    bound = _bound(fleet, terms, usable, lost) - prices.usd_per_t * emitted
    short = {names: short_part(needs, usable) for names, needs in lost.items()}
    residuals = {
        "bounds": _outside(terms, usable),
        "served": short.pop(()),
        "outages": max(short.values(), default=0.0),
        "cost": _cost_off(fleet, terms, usable),
    }
    return FleetCertificate(claimed, bound, (claimed - bound) / max(abs(claimed), _TINY), residuals)


def _certify_placed(fleet: Fleet) -> FleetCertificate:
    """The same of a fleet that waits or is under caps of tiers: its flows, and its prices."""
    claimed, usd_per_t = fleet.optimal.cost_usd, fleet.prices.usd_per_t
    statement = FleetStatement.of(at_price(fleet.asked, 0.0))
    priced = FleetStatement.of(at_price(fleet.asked, usd_per_t)) if usd_per_t else statement
    cap_t = fleet.asked.objective.carbon_cap_t
    most_t = fleet.optimal.carbon_kg / KG_PER_T if cap_t is None else cap_t
    bound = proven_bound(priced, fleet.prices, fleet.survives) - usd_per_t * most_t
    residuals = {
        "bounds": _outside(statement.terms, fleet.optimal.gpu / statement.terms.held),
        **placed_residuals(statement, fleet),
    }
    return FleetCertificate(claimed, bound, (claimed - bound) / max(abs(claimed), _TINY), residuals)


def _bound(
    fleet: Fleet, terms: FleetTerms, usable: np.ndarray, lost: dict[tuple[str, ...], Needs]
) -> float:
    """What no fleet is below, carbon at the price of the cap included."""
    part = with_fleet(terms.instance, usable, terms.site)
    duals = fleet.prices.duals
    hours = bound_by_hour(part, terms.measure, duals) @ part.hours
    slope = worth(part, terms.measure, duals, terms.site)
    total, price = float(terms.rent_usd @ usable + hours), terms.rent_usd + slope @ part.hours
    for each in fleet.prices.needs:
        needs, usd = lost[each.lost], max(each.usd, 0.0)
        at = needs.stock.priced(np.maximum(np.concatenate([each.price, each.sites]), 0.0))
        total += usd * (_needed(needs, each, at) - needs.stock.value(at, usable))
        price = price - usd * needs.stock.counts(at, usable)
    for row, said in zip(terms.rows, fleet.prices.sites, strict=True):
        usd = max(said, 0.0)
        total += usd * (float(row.per_gpu @ usable) - row.most)
        price = price + usd * row.per_gpu
    return total + float(price @ (np.where(price > 0, terms.lower, terms.upper) - usable))


def _needed(needs: Needs, said: NeedPrice, at: np.ndarray) -> float:
    """What an hour needs at prices (R + J,) of accelerators and places, GPU-h: the hour that needs
    most by these alone, or one of which other duals are told, by weak duality."""
    if said.step is None:
        return needs.most_at(at, needs.use_at(at)).gpu_h
    part, measure = needs.shedding(np.array([said.step]))
    nothing = np.zeros_like(part.capacity)
    part = replace(part, capacity=nothing, surplus=nothing, sites=None)
    duals = {"capacity": -at[: len(needs.site)]} | dict(said.beside)
    told = {name: dual[:, None] for name, dual in duals.items()}
    return float(bound_by_hour(part, measure, told)[0])


def _outside(terms: FleetTerms, usable: np.ndarray) -> float:
    """By how much a fleet is outside of its bounds, of all its accelerators, or of what a site
    takes."""
    beyond = np.maximum(np.maximum(terms.lower - usable, usable - terms.upper), 0.0)
    over = max((row.over(usable) for row in terms.rows), default=0.0)
    return max(float(beyond.max() / max(float(usable.sum()), _TINY)), over)


def _cost_off(fleet: Fleet, terms: FleetTerms, usable: np.ndarray) -> float:
    """How far what a fleet is said to cost is from what its hours come to; under a cap on what
    several placements of an hour share, how far it is below."""
    sizing, usd_per_t = Sizing.of(terms), fleet.prices.usd_per_t
    priced = fleet_cost(terms, sizing.hours, usable)
    said = fleet.optimal
    if usd_per_t:
        added = usd_per_t * said.carbon_kg / KG_PER_T
        below = priced.cost_usd - said.cost_usd - added
        return max(below, 0.0) / max(abs(said.cost_usd + added), _TINY)
    again = at_own_price(terms, priced, usable, 0.0)
    off = abs(again.cost_usd - said.cost_usd) / max(abs(said.cost_usd), _TINY)
    return off if np.isfinite(off) else float(np.inf)
