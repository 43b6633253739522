"""What a plan makes of a class: full service as it is placed, and lower points at the same places.

    cost   Σ_r share[r,t] · { PUE_r·e_o·(p/1000 + γ·κ/10⁶) + value[r,t]·g_o } + egress[t]
    carbon Σ_r share[r,t] · PUE_r·e_o·κ

with share[r,t] the class's requests that the plan serves at r. An accelerator hour is valued at its
on-demand price where none is reserved and at the plan's capacity price: what a freed one is worth
there. Reserved ones cost the same whatever runs, so their price is in neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.objective import Window
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.service import Service
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.model.users import Accelerators
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.placement.problem.limit import window_of
from wattlas.placement.solution.expanded import slices
from wattlas.units import G_PER_T, HOURS_PER_YEAR

SAVES = 1e-6
"""A candidate costs or emits less than full service by this at least, relative."""


@dataclass(frozen=True)
class _Placed:
    """A class in a plan: requests (R, T), hours counted; egress (T,) USD; means over its flows."""

    requests: np.ndarray
    egress_usd: np.ndarray
    gpu_h: np.ndarray
    it_kwh: np.ndarray
    accuracy: float
    network_ms: float
    farthest_ms: float
    service_ms: float
    points: tuple[str, ...]


def serving(
    plan: Plan,
    klass: str,
    points: Sequence[OperatingPoint] | None = None,
    *,
    accelerators: Accelerators = Accelerators.STATED,
    latest: float = 2.0,
    window: Window = Window.MONTH,
    every: bool = False,
) -> Service:
    """The service of a class under a plan of full service, and the candidates below it.

    `points` are the scenario's own by default. Candidates are those that the plan's places can
    run, that are no better than full service in both accuracy and latency, that cost or emit less,
    and that are at most `latest` times the budget late; with `every` all that the places can run.
    `window` is the billing window. Raises
    InfeasibleError for a plan without a placement, InputError for a class that is unknown or of
    which nothing is served.
    """
    scenario = plan.scenario
    k = _class_index(scenario, klass)
    placed, units = _placed(plan, k), _units(plan, accelerators)
    workload = scenario.classes[k]
    service = replace(
        _full_service(workload, scenario, placed, units),
        accelerators=str(accelerators),
        window=np.unique(window_of(scenario.hours.utc, window), return_inverse=True)[1],
    )
    per_kwh, per_gpu_h, grams = units
    safe = np.where(service.requests > 0, service.requests, 1.0)
    fixed = placed.egress_usd / safe
    share = placed.requests / safe
    kwh_usd, gpu_usd = (share * per_kwh).sum(axis=0), (share * per_gpu_h).sum(axis=0)
    kwh_g = (share * grams).sum(axis=0)
    rows = [
        _Candidate(
            o.id,
            workload.accuracy(o),
            placed.network_ms + workload.service_ms(o),
            placed.farthest_ms + workload.service_ms(o),
            workload.it_kwh(o) * kwh_usd + workload.gpu_h(o) * gpu_usd + fixed,
            workload.it_kwh(o) * kwh_g,
        )
        for o in (scenario.points if points is None else points)
        if _runs(scenario, placed, o)
    ]
    return _with(service, [row for row in rows if every or _below(service, row, latest)])


def _full_service(
    workload: WorkloadClass,
    scenario: Scenario,
    placed: _Placed,
    units: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Service:
    """What the plan does, per request and step; no candidates yet."""
    per_kwh, per_gpu_h, grams = units
    total = placed.requests.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    fixed = placed.egress_usd / safe
    full_usd = ((placed.it_kwh * per_kwh + placed.gpu_h * per_gpu_h).sum(axis=0)) / safe + fixed
    full_g = (placed.it_kwh * grams).sum(axis=0) / safe
    return Service(
        klass=workload.id,
        latency_budget_ms=workload.latency_budget_ms,
        requests=total,
        full_accuracy=placed.accuracy,
        full_latency_ms=placed.network_ms + placed.service_ms,
        full_cost_usd=full_usd,
        full_carbon_g=full_g,
        points=(),
        accuracy=np.zeros(0),
        latency_ms=np.zeros(0),
        latest_ms=np.zeros(0),
        cost_usd=np.zeros((0, len(total))),
        carbon_g=np.zeros((0, len(total))),
        full_points=placed.points,
        full_kwh=(placed.it_kwh * scenario.pue[:, None]).sum(axis=0) / safe,
        gpu_usd_per_h=_mean(per_gpu_h, placed.gpu_h),
    )


def carbon_t(plan: Plan) -> np.ndarray:
    """What a plan emits in each step, hours counted, tCO2e at the deciding intensity; (T,)."""
    if plan.flows is None:
        raise InfeasibleError(plan.conflict)
    s = plan.scenario
    per_kwh = carbon_t_per_kwh(s.pue[:, None], s.deciding_g_per_kwh)
    tonnes = np.zeros(s.hours.count)
    for part in slices(plan.flows):
        on = part.served
        r, k, o, t = part.region[on], part.klass[on], part.point[on], part.hour[on]
        requests = part.requests_per_h[on] * s.hours.hours[t]
        tonnes += np.bincount(t, requests * s.it_kwh[k, o] * per_kwh[r, t], s.hours.count)
    return tonnes


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    total = float(weight.sum())
    return float((values * weight).sum()) / total if total > 0 else 0.0


@dataclass(frozen=True)
class _Candidate:
    """A point at the places of a plan: per request; cost and carbon (T,)."""

    id: str
    accuracy: float
    latency_ms: float
    latest_ms: float
    cost_usd: np.ndarray
    carbon_g: np.ndarray


def _below(service: Service, candidate: _Candidate, latest: float) -> bool:
    """Whether a point may be a fallback: below full service, saving something, not too late."""
    better = (
        candidate.accuracy > service.full_accuracy
        and candidate.latency_ms < service.full_latency_ms
    )
    saves = _less(service, candidate.carbon_g, service.full_carbon_g) or _less(
        service, candidate.cost_usd, service.full_cost_usd
    )
    in_time = candidate.latest_ms <= latest * service.latency_budget_ms * (1 + 1e-12)
    return bool(saves and in_time and not better)


def _less(service: Service, values: np.ndarray, full: np.ndarray) -> bool:
    """Whether a series is less than that of full service in the mean; costs may be below 0."""
    mean = float(service.mean(full))
    return float(service.mean(values)) < mean - SAVES * abs(mean)


def _with(service: Service, rows: list[_Candidate]) -> Service:
    steps = len(service.requests)
    return replace(
        service,
        points=tuple(row.id for row in rows),
        accuracy=np.array([row.accuracy for row in rows]),
        latency_ms=np.array([row.latency_ms for row in rows]),
        latest_ms=np.array([row.latest_ms for row in rows]),
        cost_usd=np.array([row.cost_usd for row in rows]).reshape(len(rows), steps),
        carbon_g=np.array([row.carbon_g for row in rows]).reshape(len(rows), steps),
    )


def _units(plan: Plan, value: Accelerators) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(USD/kWh of IT, USD/GPU-h, g/kWh of IT), each (R, T)."""
    s = plan.scenario
    gamma, pue = s.objective.carbon_price_usd_per_t, s.pue[:, None]
    tonnes = carbon_t_per_kwh(pue, s.deciding_g_per_kwh)
    per_kwh = energy_usd_per_kwh(pue, s.price_usd_per_mwh) + gamma * tonnes
    usd_per_gpu_h = accelerator_usd_per_gpu_h(plan, value)
    return per_kwh, usd_per_gpu_h, tonnes * G_PER_T


def accelerator_usd_per_gpu_h(plan: Plan, value: Accelerators) -> np.ndarray:
    """What a freed accelerator hour is worth under a plan, USD/GPU-h, (R, T)."""
    s = plan.scenario
    dual = plan.capacity_price_usd_per_gpu_h
    scarce = np.zeros((len(s.regions), s.hours.count))
    if dual is not None and s.objective.minimise == "cost":
        scarce = scarce + dual
    stated: np.ndarray = s.used_usd_per_gpu_h[:, None] + scarce
    if value is Accelerators.STATED:
        return stated
    if value is Accelerators.RESERVED:
        return scarce
    hourly = [
        region.on_demand_usd_per_gpu_h or region.reserved_usd_per_gpu_year / HOURS_PER_YEAR
        for region in s.regions
    ]
    by_the_hour: np.ndarray = np.maximum(stated, np.array(hourly)[:, None])
    return by_the_hour


def _placed(plan: Plan, k: int) -> _Placed:
    """The class's flows added up. Requests that go unserved are in no service."""
    if plan.flows is None:
        raise InfeasibleError(plan.conflict)
    s = plan.scenario
    shape = (len(s.regions), s.hours.count)
    by_point = np.zeros((len(s.points), *shape))
    egress, waited, farthest = np.zeros(shape[1]), 0.0, 0.0
    workload, net = s.classes[k], s.network
    for part in slices(plan.flows):
        on = part.served & (part.klass == k)
        r, o, t, node = part.region[on], part.point[on], part.hour[on], s.metro_node[part.metro[on]]
        requests = part.requests_per_h[on] * s.hours.hours[t]
        np.add.at(by_point, (o, r, t), requests)
        price = net.egress_usd_per_gb[node, r]
        egress += np.bincount(t, requests * workload.transfer_gb * price, shape[1])
        queue = np.array([x.queue_ms for x in s.regions])[r]
        reach = net.rtt_metro_node_ms[part.metro[on], node]
        onward = workload.round_trips * net.rtt_node_region_ms[node, r]
        waited += float((requests * (reach + onward + queue)).sum())
        farthest = max(farthest, float((reach + onward + queue).max(initial=0.0)))
    per_point = by_point.sum(axis=(1, 2))
    total = float(per_point.sum())
    if total <= 0:
        lost = bool((plan.flows.klass == k).any())
        what = "goes unserved" if lost else "has no demand"
        fix = "Raise its unserved_usd_per_request." if lost else "Give it demand."
        raise InputError([Problem(f"classes.{workload.id}", what, fix)])
    weight = per_point / total
    return _Placed(
        requests=by_point.sum(axis=0),
        egress_usd=egress,
        gpu_h=np.tensordot(s.gpu_h[k], by_point, axes=1),
        it_kwh=np.tensordot(s.it_kwh[k], by_point, axes=1),
        accuracy=float(weight @ np.array([workload.accuracy(o) for o in s.points])),
        network_ms=waited / total,
        farthest_ms=farthest,
        service_ms=float(weight @ np.array([workload.service_ms(o) for o in s.points])),
        points=tuple(s.points[n].id for n in np.flatnonzero(per_point > 0)),
    )


def _runs(scenario: Scenario, placed: _Placed, point: OperatingPoint) -> bool:
    """Whether every region that serves the class runs the model."""
    regions = np.flatnonzero(placed.requests.sum(axis=1) > 0)
    allowed = (scenario.regions[r].variants for r in regions)
    return all(variants is None or point.variant in variants for variants in allowed)


def _class_index(scenario: Scenario, klass: str) -> int:
    ids = [workload.id for workload in scenario.classes]
    if klass not in ids:
        fix = f"Choose among {', '.join(ids)}."
        raise InputError([Problem("class", f"there is no `{klass}`", fix)])
    return ids.index(klass)
