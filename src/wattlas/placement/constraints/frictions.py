"""What starting capacity and moving state costs, for the program and for any set of flows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wattlas.model.frictions import Initial
from wattlas.model.plan import UNSERVED
from wattlas.model.workload import State
from wattlas.placement.problem.instance import Instance
from wattlas.units import BYTES_PER_GB, KWH_PER_MWH

Place = tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sticky(instance: Instance) -> np.ndarray:
    """Sources that pay for state when they move; bool, shape (S,)."""
    if not instance.scenario.frictions.move_state:
        return np.zeros(instance.sources, dtype=bool)
    by_class = np.array([k.state is State.STICKY for k in instance.scenario.classes])
    mask: np.ndarray = by_class[instance.klass]
    return mask


def start_usd_per_gpu_h(instance: Instance) -> np.ndarray:
    """F[r,m,t]: USD per GPU-h/h started, shape (R, M, T).

    The given price, the warm-up energy at PUE · price, and the model's bytes at the mean egress
    price into the region where weights are carried. Never below zero: a negative price does not
    pay for starting what is not needed, without end.
    """
    scenario, frictions = instance.scenario, instance.scenario.frictions
    names, variant = instance.variants
    base = np.array(
        [
            frictions.start_usd_by_region.get(r.id, frictions.start_usd_per_gpu_h)
            for r in scenario.regions
        ]
    )
    warm_up = (
        frictions.start_kwh_per_gpu_h
        * scenario.pue[:, None]
        * scenario.price_usd_per_mwh
        / KWH_PER_MWH
    )
    carried = np.zeros((len(scenario.regions), len(names)))
    if frictions.carry_weights:
        weights_gb = np.zeros(len(names))
        for point, m in zip(scenario.points, variant, strict=True):
            weights_gb[m] = max(weights_gb[m], point.weights_bytes / BYTES_PER_GB)
        inbound = scenario.network.egress_usd_per_gb.mean(axis=0)
        carried = inbound[:, None] * weights_gb[None, :]
    total = base[:, None, None] + warm_up[:, None, :] + carried[:, :, None]
    never_paid: np.ndarray = np.maximum(total, 0.0)
    return never_paid


def state_usd(instance: Instance) -> np.ndarray:
    """USD per request/h whose state moves to a region: η[s,r] · S_k; shape (S, R)."""
    state_gb = np.array([k.state_gb_per_request for k in instance.scenario.classes])
    egress = instance.scenario.network.egress_usd_per_gb[instance.node]
    moved: np.ndarray = egress * state_gb[instance.klass][:, None]
    return moved


def home_requests(instance: Instance, hours: np.ndarray) -> Iterator[Place]:
    """All demand at home at its cheapest point there, per step: (h, source, region, point, rate).

    Capacity is not looked at: home is where demand would go by itself.
    """
    from wattlas.placement.problem.unit_values import cost

    measure = cost(instance)
    source = np.flatnonzero(instance.home >= 0)
    region = instance.home[source]
    for h, t in enumerate(hours):
        units = (
            instance.energy_kwh[source] * measure.per_kwh[region, t][:, None]
            + measure.per_request[source, region]
        )
        full = instance.allowed[source, region] & ~instance.degraded[source]
        point = np.where(full, units, np.inf).argmin(axis=1)
        yield h, source, region, point, instance.demand[source, t]


def friction_usd(
    instance: Instance,
    hour: np.ndarray,
    source: np.ndarray,
    region: np.ndarray,
    point: np.ndarray,
    value: np.ndarray,
) -> np.ndarray:
    """USD of frictions that a set of flows pays, per step (not weighted), shape (T,).

    The closed form of the program's `starting` and `moving`: the positive part of each rise.
    """
    total = np.zeros(instance.scenario.hours.count)
    if not instance.scenario.frictions.couples:
        return total
    runs = region != UNSERVED
    flows = (hour[runs], source[runs], region[runs], point[runs], value[runs])
    if instance.scenario.frictions.starts:
        level, before = _gpu_levels(instance, *flows)
        total += (start_usd_per_gpu_h(instance) * _rise(instance, level, before)).sum(axis=(0, 1))
    moved = sticky(instance)
    if moved.any():
        level, before = _request_levels(instance, moved, *flows)
        rise = _rise(instance, level, before)
        total += (state_usd(instance)[moved][:, :, None] * rise).sum(axis=(0, 1))
    return total


def _rise(instance: Instance, level: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """max(0, level[t] − level[t−1]) with `before` at each step that follows none; (…, T)."""
    follows = instance.scenario.hours.follows
    last = np.roll(level, 1, axis=-1)
    if before is None:
        last[..., ~follows] = level[..., ~follows]
    else:
        last[..., ~follows] = before[..., ~follows]
    rise: np.ndarray = np.maximum(level - last, 0.0)
    return rise


def _gpu_levels(
    instance: Instance,
    hour: np.ndarray,
    source: np.ndarray,
    region: np.ndarray,
    point: np.ndarray,
    value: np.ndarray,
) -> tuple[np.ndarray, np.ndarray | None]:
    names, variant = instance.variants
    shape = (len(instance.capacity), len(names), instance.scenario.hours.count)
    level = np.zeros(shape)
    np.add.at(level, (region, variant[point], hour), instance.gpu_h[source, point] * value)
    before = _initial(instance, shape)
    if before is not None and instance.scenario.frictions.initial is Initial.HOME:
        for t, s, r, o, rate in home_requests(instance, np.arange(shape[-1])):
            np.add.at(before[:, :, t], (r, variant[o]), instance.gpu_h[s, o] * rate)
    return level, before


def _request_levels(
    instance: Instance,
    moved: np.ndarray,
    hour: np.ndarray,
    source: np.ndarray,
    region: np.ndarray,
    point: np.ndarray,
    value: np.ndarray,
) -> tuple[np.ndarray, np.ndarray | None]:
    shape = (instance.sources, len(instance.capacity), instance.scenario.hours.count)
    level = np.zeros(shape)
    np.add.at(level, (source, region, hour), value)
    before = _initial(instance, shape)
    if before is not None and instance.scenario.frictions.initial is Initial.HOME:
        for t, s, r, _, rate in home_requests(instance, np.arange(shape[-1])):
            np.add.at(before[:, :, t], (s, r), rate)
    return level[moved], None if before is None else before[moved]


def _initial(instance: Instance, shape: tuple[int, ...]) -> np.ndarray | None:
    """Zeros to fill in, or None where the first step is free."""
    if instance.scenario.frictions.initial is Initial.FREE:
        return None
    return np.zeros(shape)
