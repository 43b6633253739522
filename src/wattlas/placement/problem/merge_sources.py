"""Sources with the same places at the same costs: one is as good as another.

Metros that reach different service nodes are different sources, and yet their nodes may offer the
same: then the demands can be added up, placed once, and the flows shared out in proportion.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.placement.hour.highs_hour import Flat
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

WORTH = 0.9
"""Sources are merged where at most this share of them is left."""


def kinds(
    instance: Instance, measures: tuple[Measure, ...], *, apart: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(one source of each kind, kind of each source); −1 for sources without any place.

    A class and its copy under contract are of one kind where both are served in full. Where a row
    ties the sources of a class together, `apart` keeps classes apart.
    """
    parts = [instance.allowed, instance.energy_kwh, instance.gpu_h, instance.unserved_usd,
             instance.excess, instance.degraded & instance.allowed.any(axis=1)]  # fmt: skip
    if apart:
        parts.append(instance.klass)
    for one in measures:
        parts += [one.per_request, one.per_unserved]
    width = [int(np.prod(part.shape[1:])) for part in parts]
    flat = [p.reshape(instance.sources, w) for p, w in zip(parts, width, strict=True)]
    table = np.concatenate(flat, axis=1, dtype=float)
    somewhere = instance.allowed.any(axis=(1, 2)) | ~np.isnan(instance.unserved_usd)
    known: dict[bytes, int] = {}
    first: list[int] = []
    of = np.full(instance.sources, -1, dtype=np.int64)
    for s in np.flatnonzero(somewhere):
        key = table[s].tobytes()
        if key not in known:
            known[key] = len(first)
            first.append(int(s))
        of[s] = known[key]
    return np.array(first, dtype=np.int64), of


def rows_of(instance: Instance, rows: np.ndarray) -> Instance:
    """Some sources of an instance. What goes from metro to source is not kept."""
    return replace(
        instance,
        klass=instance.klass[rows],
        node=instance.node[rows],
        demand=instance.demand[rows],
        allowed=instance.allowed[rows],
        energy_kwh=instance.energy_kwh[rows],
        gpu_h=instance.gpu_h[rows],
        accuracy=instance.accuracy[rows],
        unserved_usd=instance.unserved_usd[rows],
    )


def measure_of(measure: Measure, rows: np.ndarray) -> Measure:
    """A measure of some sources."""
    return replace(
        measure, per_request=measure.per_request[rows], per_unserved=measure.per_unserved[rows]
    )


def added_up(instance: Instance, measure: Measure) -> tuple[Instance, Measure, np.ndarray]:
    """The instance with alike sources as one, the measure of it, and the kind of each source."""
    first, of = kinds(instance, (measure,), apart=True)
    return _summed(instance, first, of), measure_of(measure, first), of


def merged(instance: Instance, measures: tuple[Measure, ...]) -> tuple[Instance, np.ndarray] | None:
    """The instance with alike sources as one, and the kind of each; None where few are alike."""
    first, of = kinds(instance, measures, apart=True)
    if len(first) > WORTH * instance.sources:
        return None
    return _summed(instance, first, of), of


def _summed(instance: Instance, first: np.ndarray, of: np.ndarray) -> Instance:
    """One source of each kind, with the demand of all of them."""
    demand = np.zeros((len(first), instance.demand.shape[1]))
    np.add.at(demand, of[of >= 0], instance.demand[of >= 0])
    return replace(rows_of(instance, first), demand=demand)


def shared_out(flows: Flat, instance: Instance, of: np.ndarray) -> Flat:
    """Flows of kinds as flows of the sources, in proportion to their demand in the hour."""
    hour, kind, region, point, value = flows
    order = np.argsort(of, kind="stable")
    order = order[of[order] >= 0]
    count = np.bincount(of[order], minlength=int(of.max(initial=-1)) + 1)
    begin = np.cumsum(count) - count
    length = count[kind]
    at = np.repeat(np.arange(len(kind)), length)
    within = np.arange(len(at)) - np.repeat(np.cumsum(length) - length, length)
    source = order[begin[kind[at]] + within]
    total = np.zeros((len(count), instance.demand.shape[1]))
    np.add.at(total, of[order], instance.demand[order])
    whole = total[kind[at], hour[at]]
    share = np.divide(
        instance.demand[source, hour[at]], whole, out=np.zeros(len(at)), where=whole > 0
    )
    keep = share > 0
    at, source = at[keep], source[keep]
    return hour[at], source, region[at], point[at], value[at] * share[keep]
