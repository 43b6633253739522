"""Tables behind the pictures: where demand ran, why there, and in which order.

Each function returns a mapping of column names to arrays or lists; sums over the window count
every step as the hours it stands for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.model.objective import Minimise
from wattlas.model.plan import UNSERVED, Flows, Plan
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.problem import feasibility as masks
from wattlas.placement.problem.instance import Instance, unmerged
from wattlas.placement.problem.unit_values import Measure, carbon, stated_cost
from wattlas.placement.solution.expanded import PerFlow, slices
from wattlas.placement.tables.hour_load import HourLoad, deciding
from wattlas.placement.tables.metrics import flows_of
from wattlas.units import KG_PER_T

QUANTILES = 201
FULL = 1e-9
"""Relative: a region with less capacity left than this is full."""


def places(scenario: Scenario) -> Table:
    """Every metro, node and region with its coordinates."""
    rows: list[dict[str, Any]] = [
        {**_place("metro", m), "population": m.population, "node": m.node} for m in scenario.metros
    ]
    rows += [_place("node", n) for n in scenario.nodes]
    rows += [{**_place("region", r), "zone": r.zone, "pue": r.pue} for r in scenario.regions]
    return {name: [row.get(name) for row in rows] for name in _PLACE_COLUMNS}


_PLACE_COLUMNS = (
    "kind id name lat_deg lon_deg zone jurisdiction country population pue node".split()
)


def _place(kind: str, place: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": place.id,
        "name": place.name or place.id,
        "lat_deg": None if np.isnan(place.lat_deg) else place.lat_deg,
        "lon_deg": None if np.isnan(place.lon_deg) else place.lon_deg,
        "jurisdiction": place.jurisdiction,
        "country": getattr(place, "country", ""),
    }


def flow_sums(scenario: Scenario, flows: Flows) -> Table:
    """Window sums per (metro, class, region, point); region `unserved` where not served."""
    i, k, r, o, _ = scenario.shape
    names = ("requests", "it_mwh", "facility_mwh", "energy_usd", "carbon_kg", "waited")
    grid = {name: np.zeros(i * k * (r + 1) * o) for name in names}
    per_flow = PerFlow(scenario, (*names[1:-1], "rtt_ms"))
    for piece in slices(flows):
        unit = per_flow(piece)
        unit["waited"] = unit["requests"] * unit["rtt_ms"]
        key = (piece.metro.astype(np.int64) * k + piece.klass) * (r + 1)
        key = (key + np.where(piece.served, piece.region, r)) * o + piece.point
        for name, total in grid.items():
            total += np.bincount(key, unit[name], len(total))
    unique = np.flatnonzero(grid["requests"] > 0)
    point, rest = unique % o, unique // o
    region, rest = rest % (r + 1), rest // (r + 1)
    klass, metro = rest % k, rest // k
    sums = {name: total[unique] for name, total in grid.items()}
    waited = sums.pop("waited")
    return {
        "metro": np.array([m.id for m in scenario.metros])[metro],
        "class": np.array([k.id for k in scenario.classes])[klass],
        "region": np.array([*(x.id for x in scenario.regions), "unserved"])[region],
        "point": np.where(region < r, np.array([p.id for p in scenario.points])[point], ""),
        **sums,
        "rtt_ms": np.where(region < r, waited / sums["requests"], np.nan),
    }


def hourly(plan: Plan, baseline: Plan) -> Table:
    """Load, prices and intensities of every region in every step, and the baseline's load."""
    scenario = plan.scenario
    r, t = len(scenario.regions), scenario.hours.count
    mine, base = _region_sums(plan), _region_sums(baseline)
    span = scenario.hours.hours[None, :]
    most = scenario.most_gpu
    grids = {
        "requests": mine["requests"],
        "it_mw": mine["it_mwh"] / span,
        "facility_mw": mine["facility_mwh"] / span,
        "gpu": mine["gpu_h"] / span,
        "capacity_gpu": np.where(np.isfinite(most), most, np.nan),
        "price_usd_per_mwh": scenario.price_usd_per_mwh,
        "average_g_per_kwh": scenario.average_g_per_kwh,
        "deciding_g_per_kwh": scenario.deciding_g_per_kwh,
        **_capacity_prices(plan),
        "baseline_it_mw": base["it_mwh"] / span,
    }
    return {
        "time_utc": np.repeat(scenario.hours.utc.astype("datetime64[ms]"), r),
        "hours_represented": np.repeat(scenario.hours.hours, r),
        "region": [x.id for x in scenario.regions] * t,
        **{name: grid.T.ravel() for name, grid in grids.items()},
    }


def candidates(instance: Instance, plan: Plan) -> Table:
    """For every metro and class: each region at its best point, what it would cost, and why not.

    Cost and carbon per request are demand-weighted means over the window.
    """
    scenario, judged = instance.scenario, instance.judged
    usd, kg = _unit_means(scenario)
    served, by_region = _requests(plan)
    full = _binding(plan)
    rows: list[tuple[Any, ...]] = []
    for i, k in zip(*np.nonzero(served > 0), strict=True):
        for r in range(len(scenario.regions)):
            o = _best_point(judged.closed[i, k, r], judged.allowed[i, k, r], usd[i, k, r])
            open_here = bool(judged.allowed[i, k, r, o])
            reason = "" if open_here else masks.words(int(judged.closed[i, k, r, o]))
            rows.append(
                (
                    scenario.metros[i].id,
                    scenario.classes[k].id,
                    scenario.regions[r].id,
                    scenario.points[o].id,
                    judged.latency_ms[i, k, r, o],
                    judged.budget_ms[i, k],
                    usd[i, k, r, o] * 1e6,
                    kg[i, k, r, o] * 1e3,
                    reason,
                    by_region[i, k, r] / served[i, k],
                    full[r] if open_here else "",
                )
            )
    names = (
        "metro class region point latency_ms budget_ms cost_usd_per_million carbon_g_per_request "
        "reason chosen_share binding"
    ).split()
    columns = zip(*rows, strict=True) if rows else [[] for _ in names]
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def merit(plan: Plan) -> Table:
    """Regions by what the demand of an hour costs there, per MWh of IT energy, in telling hours.

    The mean over the requests that the hour serves and that may run in the region, each at the
    operating point that it runs at: everything that decides, and its parts. Null where none may.
    Reserved accelerators cost nothing more; where all of them are in use the next one is on demand.
    A capacity in MW is at the power per accelerator of what runs there, else of what may.
    """
    scenario = plan.scenario
    every, allowed = unmerged(scenario), masks.feasibility(scenario).allowed
    parts = deciding(every)
    flows = flows_of(plan)
    load = _region_sums(plan)
    it_mw, gpu = load["it_mwh"] / scenario.hours.hours, load["gpu_h"] / scenario.hours.hours
    beyond = np.where(scenario.buys_surplus, scenario.on_demand_usd_per_gpu_h, 0.0)
    rows: dict[str, list[Any]] = {name: [] for name in _MERIT_COLUMNS}
    for t in _telling_hours(scenario, it_mw.sum(axis=0)):
        served = np.flatnonzero((flows.hour == t) & flows.served)
        hour = HourLoad.of(every, flows, served)
        unit = {name: hour.per_mwh(measure, t, allowed) for name, measure in parts.items()}
        mw_per_gpu = hour.mw_per_gpu(allowed)
        # The next accelerator is on demand where what is reserved is in use.
        full = (gpu[:, t] >= scenario.reserved_gpu[:, t] * (1 - FULL)) & (beyond > 0)
        bought = np.where(full, beyond / np.where(mw_per_gpu > 0, mw_per_gpu, np.nan), 0.0)
        unit["cost"], unit["accelerator"] = unit["cost"] + bought, unit["accelerator"] + bought
        for rank, r in enumerate(np.argsort(unit["cost"], kind="stable")):
            limit = scenario.most_gpu[r, t]
            rows["hour"].append(scenario.hours.utc[t])
            rows["rank"].append(rank + 1)
            rows["region"].append(scenario.regions[r].id)
            for name in parts:
                rows[f"{name}_usd_per_it_mwh"].append(unit[name][r])
            rows["capacity_mw"].append(limit * mw_per_gpu[r] if np.isfinite(limit) else None)
            rows["used_mw"].append(it_mw[r, t])
            rows["demand_mw"].append(it_mw[:, t].sum())
    return {**rows, "hour": np.array(rows["hour"], dtype="datetime64[ms]")}


_MERIT_COLUMNS = (
    "hour rank region cost_usd_per_it_mwh energy_usd_per_it_mwh accelerator_usd_per_it_mwh "
    "egress_usd_per_it_mwh carbon_usd_per_it_mwh capacity_mw used_mw demand_mw"
).split()


def duration(plan: Plan, base: Plan) -> Table:
    """Price and intensity over the share of facility energy, highest first, plan and baseline.

    A curve begins at the highest value at which energy ran; there is none where none did.
    """
    share = np.linspace(0.0, 1.0, QUANTILES)
    rows: dict[str, list[Any]] = {n: [] for n in ("policy", "quantity", "share_of_energy", "value")}
    for policy, placement in (("plan", plan), ("baseline", base)):
        weight = _region_sums(placement)["facility_mwh"].ravel()
        ran = np.flatnonzero(weight > 0)
        if not len(ran):
            continue
        scenario = placement.scenario
        signals = {"price": scenario.price_usd_per_mwh, "carbon": scenario.deciding_g_per_kwh}
        if not scenario.signals.priced:
            del signals["price"]
        for quantity, grid in signals.items():
            value = grid.ravel()[ran]
            order = np.argsort(-value, kind="stable")
            reach = np.cumsum(weight[ran][order])
            at = np.searchsorted(reach, share * reach[-1] * (1 - 1e-12), side="left")
            rows["policy"] += [policy] * QUANTILES
            rows["quantity"] += [quantity] * QUANTILES
            rows["share_of_energy"] += share.tolist()
            rows["value"] += value[order][np.minimum(at, len(order) - 1)].tolist()
    return rows


def _telling_hours(scenario: Scenario, demand_mw: np.ndarray) -> list[int]:
    """Steps of most and least demand, of the highest and the lowest price, in time order."""
    price = scenario.price_usd_per_mwh.mean(axis=0)
    picks = {demand_mw.argmax(), demand_mw.argmin(), price.argmax(), price.argmin()}
    return sorted(int(t) for t in picks)


def _region_sums(plan: Plan) -> dict[str, np.ndarray]:
    """Requests, MWh and GPU-h per region and step, hours counted, each (R, T)."""
    scenario = plan.scenario
    shape = (len(scenario.regions), scenario.hours.count)
    size = shape[0] * shape[1]
    grid = {n: np.zeros(size) for n in ("requests", "it_mwh", "facility_mwh", "gpu_h")}
    per_flow = PerFlow(scenario, ("it_mwh", "facility_mwh", "gpu_h"))
    for flows in slices(flows_of(plan)):
        unit, on = per_flow(flows), flows.served
        at = flows.region[on].astype(np.int64) * shape[1] + flows.hour[on]
        for name, total in grid.items():
            total += np.bincount(at, unit[name][on], size)
    return {name: total.reshape(shape) for name, total in grid.items()}


def _requests(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Requests of (metro, class), and of (metro, class, region), over the window."""
    scenario = plan.scenario
    i, k, r = scenario.shape[:3]
    served, by_region = np.zeros(i * k), np.zeros(i * k * r)
    for flows in slices(flows_of(plan)):
        requests = flows.requests_per_h * scenario.hours.hours[flows.hour]
        key, on = flows.metro.astype(np.int64) * k + flows.klass, flows.region != UNSERVED
        served += np.bincount(key, requests, i * k)
        by_region += np.bincount((key * r + flows.region)[on], requests[on], i * k * r)
    return served.reshape(i, k), by_region.reshape(i, k, r)


def _unit_means(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Demand-weighted mean USD (with carbon price) and kg per request, each (I, K, R, O)."""
    weight = scenario.demand_per_h * scenario.hours.hours
    total = weight.sum(axis=2)
    norm = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    every = unmerged(scenario)

    def mean(measure: Measure) -> np.ndarray:
        per_kwh = np.einsum("ikt,rt->ikr", weight, measure.per_kwh) * norm[:, :, None]
        fixed = measure.per_request.reshape(*norm.shape, *measure.per_request.shape[1:])
        return np.asarray(scenario.it_kwh[None, :, None, :] * per_kwh[..., None] + fixed)

    return mean(stated_cost(every)), mean(carbon(every).times(KG_PER_T, "kg"))


def _best_point(closed: np.ndarray, allowed: np.ndarray, usd: np.ndarray) -> int:
    """The cheapest open point; where none is open, the one that the fewest masks close."""
    if allowed.any():
        return int(np.where(allowed, usd, np.inf).argmin())
    reasons = np.array([int(c).bit_count() for c in closed])
    return int(np.lexsort((usd, reasons))[0])


def _capacity_prices(plan: Plan) -> dict[str, np.ndarray]:
    """What one more GPU-h is worth, (R, T): in USD where cost is made least, else in kg."""
    unknown = np.full((len(plan.scenario.regions), plan.scenario.hours.count), np.nan)
    usd, kg = plan.capacity_price_usd_per_gpu_h, plan.capacity_price_kg_per_gpu_h
    if plan.scenario.objective.minimise is Minimise.CARBON:
        usd, kg = unknown, np.zeros_like(unknown) if kg is None else kg
    else:
        usd, kg = np.zeros_like(unknown) if usd is None else usd, unknown
    return {"capacity_price_usd_per_gpu_h": usd, "capacity_price_kg_per_gpu_h": kg}


def _binding(plan: Plan) -> list[str]:
    """In words, how often each region's capacity binds and what one more GPU-h is worth there."""
    kg = plan.capacity_price_kg_per_gpu_h
    price, unit = (plan.capacity_price, "USD") if kg is None else (kg, "kg of CO₂e")
    regions = len(plan.scenario.regions)
    if price is None:
        return [""] * regions
    hours = plan.scenario.hours.hours
    share = ((price > 1e-9) * hours).sum(axis=1) / hours.sum()
    mean = (price * hours).sum(axis=1) / hours.sum()
    return [
        f"full in {s:.0%} of hours, one more GPU-h worth {m:.3g} {unit}" if s > 0 else ""
        for s, m in zip(share, mean, strict=True)
    ]
