"""Sources with the same places at the same costs: one is as good as another.

Metros that reach different service nodes are different sources, and yet their nodes may offer the
same: then the demands can be added up, placed once, and the flows shared out in proportion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wattlas.placement.constraints.registry import hourly_rows
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance, summed_by
from wattlas.placement.problem.unit_values import Measure

WORTH = 0.9
"""Sources are merged where at most this share of them is left."""


def kinds(
    instance: Instance, measures: Sequence[Measure], *, apart: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(one source of each kind, kind of each source); −1 for sources without any place.

    A class and its copy under contract are of one kind where both are served in full. `apart`
    keeps classes apart, as it must be where a constraint is of one class.
    """
    parts = [instance.allowed, instance.energy_kwh, instance.gpu_h, instance.unserved_usd,
             instance.degraded & instance.allowed.any(axis=1)]  # fmt: skip
    if apart:
        parts.append(instance.klass)
    if instance.after_loss is not None:
        copied = (instance.after_loss & ~instance.allowed).any(axis=(1, 2))
        parts += [instance.after_loss, np.where(copied, instance.state_region, -1)]
    for measure in measures:
        parts += [measure.per_request, measure.per_unserved]
    somewhere = np.flatnonzero(instance.allowed.any(axis=(1, 2)) | ~np.isnan(instance.unserved_usd))
    kind = np.full(instance.sources, -1, dtype=np.int64)
    kind[somewhere] = _numbered(parts, somewhere)
    if kind.max(initial=-1) + 1 < len(somewhere):  # else rows cannot part what is apart
        dense = [array for rows in hourly_rows(instance).values() for array in rows.dense]
        kind[somewhere] = _numbered([kind, *dense], somewhere)
    return somewhere[np.unique(kind[somewhere], return_index=True)[1]], kind


def _numbered(parts: Sequence[np.ndarray], sources: np.ndarray) -> np.ndarray:
    """The kind of some sources, in the order in which they come, by what all parts have of each."""
    flat = [part.reshape(len(part), math.prod(part.shape[1:])) for part in parts]
    table = np.concatenate(flat, axis=1, dtype=float)[sources]
    known: dict[bytes, int] = {}
    kinds = [known.setdefault(row.tobytes(), len(known)) for row in table]
    return np.array(kinds, dtype=np.int64)


def merged(
    instance: Instance, measures: Sequence[Measure]
) -> tuple[Instance, np.ndarray, np.ndarray] | None:
    """The instance with alike sources as one, the source that stands for each kind, and the kind
    of each source; None where few are alike and all have a place.
    """
    if instance.sources < 2:
        return None
    first, kind = kinds(instance, measures, apart=True)
    somewhere = kind >= 0
    if len(first) > WORTH * instance.sources and somewhere.all():
        return None
    demand = summed_by(instance.demand[somewhere], kind[somewhere], len(first))
    return replace(instance.rows_of(first), demand=demand), first, kind


def alike_as_one(
    instance: Instance, measure: Measure
) -> tuple[Instance, Measure, np.ndarray | None]:
    """The instance with alike sources as one, the measure of it, and the kind of each source; both
    as they are, and None, where `merged` is."""
    made = merged(instance, [measure])
    if made is None:
        return instance, measure, None
    few, first, kind = made
    return few, measure.of_sources(first), kind


def shared_out(flows: SourceFlows, instance: Instance, kind_of: np.ndarray) -> SourceFlows:
    """Flows of kinds as flows of the sources, in proportion to their demand in the hour."""
    hour, kind, region, point, value = flows
    order = np.argsort(kind_of, kind="stable")
    order = order[kind_of[order] >= 0]
    count = np.bincount(kind_of[order], minlength=int(kind_of.max(initial=-1)) + 1)
    begin = np.cumsum(count) - count
    length = count[kind]
    at = np.repeat(np.arange(len(kind)), length)
    within = np.arange(len(at)) - np.repeat(np.cumsum(length) - length, length)
    source = order[begin[kind[at]] + within]
    total = np.zeros((len(count), instance.demand.shape[1]))
    np.add.at(total, kind_of[order], instance.demand[order])
    whole = total[kind[at], hour[at]]
    demand = instance.demand[source, hour[at]]
    share = np.divide(demand, whole, out=np.zeros(len(at)), where=whole > 0)
    keep = share > 0
    at, source = at[keep], source[keep]
    return SourceFlows(hour[at], source, region[at], point[at], value[at] * share[keep])
