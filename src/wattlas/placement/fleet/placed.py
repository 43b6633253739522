"""Whether what a fleet is said to run can be run: its flows against every row, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.fleet import Fleet
from wattlas.model.plan import UNSERVED
from wattlas.model.waiting import due
from wattlas.placement.constraints.registry import hourly_rows
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.outage import lost_of
from wattlas.placement.fleet.statement import FleetStatement
from wattlas.placement.fleet.terms import idle_kw
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.unit_values import carbon
from wattlas.units import KG_PER_T

_TINY = 1e-300


def placed_residuals(statement: FleetStatement, fleet: Fleet) -> dict[str, float]:
    """By how much the flows of a fleet break each condition, relative to what it is on; inf where
    there are none, or of steps, sources or places that there are not."""
    if fleet.placed is None:
        return {"flows": float(np.inf)}
    instance, flows = statement.instance, SourceFlows(*fleet.placed)
    usable = fleet.optimal.gpu / statement.terms.held
    sources, regions, points = instance.allowed.shape
    spans = (instance.demand.shape[1], sources, regions, points)
    known = all(
        ((part >= (UNSERVED if n == 2 else 0)) & (part < span)).all()
        for n, (part, span) in enumerate(zip(flows[:4], spans, strict=True))
    )
    if not known or not np.isfinite(flows.value).all():
        return {"flows": float(np.inf)}
    ran = np.zeros(instance.demand.shape)
    np.add.at(ran, (flows.source, flows.hour), flows.value)
    return {
        "closed": _closed(statement, flows),
        **_served(statement, ran),
        "capacity": _capacity(statement, flows, usable),
        "sites": _sites(statement, flows, usable),
        "rows": _rows(statement, flows),
        "caps": _caps(statement, flows),
        "outages": _outages(statement, fleet, ran, usable),
        "cost": _cost(statement, fleet, flows, usable),
        "carbon": _carbon(statement, fleet, flows, usable),
    }


def _closed(statement: FleetStatement, flows: SourceFlows) -> float:
    """The largest flow below 0 or at a closed place, over the largest demand."""
    instance = statement.instance
    gone = flows.region == UNSERVED
    there = instance.allowed[flows.source, np.where(gone, 0, flows.region), flows.point]
    there = np.where(gone, ~np.isnan(instance.unserved_usd[flows.source]), there)
    wrong = np.where(there, np.maximum(-flows.value, 0.0), np.abs(flows.value))
    return float(wrong.max(initial=0.0) / max(float(instance.demand.max(initial=0.0)), _TINY))


def _served(statement: FleetStatement, ran: np.ndarray) -> dict[str, float]:
    """`served`: what does not wait runs as it arrives. `waiting`: the rest neither before it
    arrives nor after it is due; both over the largest demand of the source."""
    instance, scenario = statement.instance, statement.scenario
    steps = scenario.wait_steps[instance.klass]
    size = np.maximum(instance.demand.max(axis=1, initial=0.0), _TINY)
    at_once = (np.abs(ran - instance.demand).max(axis=1, initial=0.0) / size)[steps == 0]
    last, late = due(scenario.hours, steps), [0.0]
    for s in np.flatnonzero(steps).tolist():
        arrived, done = np.cumsum(instance.demand[s]), np.cumsum(ran[s])
        must = np.cumsum(np.bincount(last[s], instance.demand[s], ran.shape[1]))
        over = np.maximum(done - arrived, must - done).max(initial=0.0)
        late.append(float(over / size[s]))
    return {"served": float(at_once.max(initial=0.0)), "waiting": max(late)}


def _used(statement: FleetStatement, flows: SourceFlows) -> np.ndarray:
    """GPU-h/h in each region and hour, (R, T)."""
    on = flows.region != UNSERVED
    used = np.zeros(statement.instance.capacity.shape)
    busy = statement.instance.gpu_h[flows.source, flows.point] * flows.value
    np.add.at(used, (flows.region[on], flows.hour[on]), busy[on])
    return used


def _room(statement: FleetStatement, usable: np.ndarray) -> np.ndarray:
    """Accelerators of each region, on demand included, (R,)."""
    bought = usable + statement.instance.surplus[:, 0]
    return np.asarray(np.maximum(np.minimum(bought, statement.terms.site), usable))


def _capacity(statement: FleetStatement, flows: SourceFlows, usable: np.ndarray) -> float:
    """By what part more runs in a region than it has."""
    used, room = _used(statement, flows).max(axis=1, initial=0.0), _room(statement, usable)
    size = np.maximum(used, 1e-6 * float(usable.sum()) + _TINY)
    over = np.maximum(used - np.where(np.isfinite(room), room, used), 0.0)
    return float((over / size).max(initial=0.0))


def _sites(statement: FleetStatement, flows: SourceFlows, usable: np.ndarray) -> float:
    """By what part sites hold more of several kinds, those on demand among them, than they take;
    of one that takes none, by what part of the largest region."""
    sites = statement.instance.sites
    if sites is None:
        return 0.0
    there = usable[:, None] + _bought(statement, flows, usable)
    largest = max(float((sites.per_gpu * usable).max(initial=0.0)), _TINY)
    over = (sites.per_gpu @ there - sites.most[:, None]).max(axis=1, initial=0.0)
    return float((over / np.where(sites.most > 0, sites.most, largest)).max(initial=0.0))


def _rows(statement: FleetStatement, flows: SourceFlows) -> float:
    """By what part another row of an hour is broken."""
    instance, worst = statement.instance, 0.0
    column = instance.columns.find(flows.source, flows.region, flows.point)
    value = np.zeros((len(instance.columns), instance.demand.shape[1]))
    np.add.at(value, (column[column >= 0], flows.hour[column >= 0]), flows.value[column >= 0])
    for name, row in hourly_rows(instance).items():
        if name == "capacity":
            continue
        net, size = np.zeros(row.lower.shape), np.full(row.lower.shape, _TINY)
        np.add.at(net, row.row, row.value[:, None] * value[row.column])
        np.add.at(size, row.row, np.abs(row.value)[:, None] * value[row.column])
        over = np.maximum(np.maximum(net - row.upper, row.lower - net), 0.0)
        worst = max(worst, float((over / size).max(initial=0.0)))
    return worst


def _caps(statement: FleetStatement, flows: SourceFlows) -> float:
    """How far what counts in a window is beyond a cap, in shares of its requests."""
    worst = 0.0
    for limit in statement.limits():
        own = np.isin(flows.hour, limit.steps)
        if limit.counts is not None:
            own = limit.counts[flows.source, flows.hour]
        part = flows.where(own)
        units = limit.measure.units(statement.instance, *part[:4])
        used = float((units * part.value) @ statement.instance.hours[part.hour])
        worst = max(worst, (used - limit.bound) / max(limit.total, _TINY) if limit.total else 0.0)
    return worst


def _outages(statement: FleetStatement, fleet: Fleet, ran: np.ndarray, usable: np.ndarray) -> float:
    """The largest part of what runs in an hour that the rest cannot serve in some outage."""
    worst = 0.0
    terms = replace(statement.terms, instance=replace(statement.instance, demand=ran))
    for outage in fleet.survives:
        (lost,) = lost_of(terms, [outage.regions], outage.on_demand_gpu)
        worst = max(worst, short_part(lost.needs, usable))
    return worst


def short_part(needs: Needs, usable: np.ndarray) -> float:
    """The largest part of an hour's demand that a fleet cannot serve; 0 where it serves all."""
    if not needs.broken(usable):
        return 0.0
    every = np.arange(len(needs.load))
    return float((needs.shortage(every, usable).short / np.maximum(needs.load, _TINY)).max())


def _cost(statement: FleetStatement, fleet: Fleet, flows: SourceFlows, usable: np.ndarray) -> float:
    """How far what a fleet is said to cost is from its rent, its flows and what they buy."""
    hours = statement.instance.hours
    units = statement.measure.units(statement.instance, *flows[:4])
    bought = _bought(statement, flows, usable)
    total = float(statement.terms.rent_usd @ usable) + float(
        (units * flows.value) @ hours[flows.hour]
    )
    total += float(statement.measure.per_on_demand @ bought @ hours)
    off = abs(total - fleet.optimal.cost_usd) / max(abs(total), _TINY)
    return off if np.isfinite(off) else float(np.inf)


def _carbon(
    statement: FleetStatement, fleet: Fleet, flows: SourceFlows, usable: np.ndarray
) -> float:
    """How far what a fleet is said to emit is from its power at work and idle and what making it
    emits; or how far that is beyond a cap. A cap on cost likewise."""
    instance, scenario = statement.instance, statement.scenario
    hours, measure = instance.hours, carbon(instance)
    total = float(statement.terms.held_t @ usable)
    total += float((measure.units(instance, *flows[:4]) * flows.value) @ hours[flows.hour])
    mean_t = measure.per_kwh @ hours / float(hours.sum())
    total += float((mean_t * idle_kw(scenario)) @ _bought(statement, flows, usable) @ hours)
    said, asked = fleet.optimal.carbon_kg / KG_PER_T, fleet.asked.objective
    off = abs(total - said) / max(abs(total), _TINY)
    for used, cap in ((total, asked.carbon_cap_t), (fleet.optimal.cost_usd, asked.cost_cap_usd)):
        if cap is not None:
            off = max(off, (used - cap) / max(abs(cap), _TINY))
    return off if np.isfinite(off) else float(np.inf)


def _bought(statement: FleetStatement, flows: SourceFlows, usable: np.ndarray) -> np.ndarray:
    """Accelerators on demand in each hour, (R, T)."""
    bought = np.maximum(_used(statement, flows) - usable[:, None], 0.0)
    bought[statement.instance.surplus[:, 0] <= 0] = 0.0
    return np.asarray(bought)
