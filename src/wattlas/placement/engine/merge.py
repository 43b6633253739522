"""Sources that no column tells apart are one source whose demand is the sum: exact, and faster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.program import HourlyProgram


@dataclass(frozen=True)
class Merged:
    """A smaller program and where each original source went.

    into[S] the merged source of each original one, -1 where its demand is zero in every hour.
    """

    program: HourlyProgram
    into: NDArray[np.int64]


def merge(program: HourlyProgram) -> Merged:
    """Merge sources with the same energy, accelerator time, columns, costs and row entries."""
    sources = program.demand.shape[0]
    static = np.where(program.allowed, program.per_request, np.inf)
    parts = [program.energy_kwh, program.gpu_h, static, program.unserved,
             program.row_coef.transpose(1, 0, 2)]  # fmt: skip
    rows = np.concatenate([np.asarray(part).reshape(sources, -1) for part in parts], axis=1)
    rows = np.ascontiguousarray(rows + 0.0)
    asked = program.demand.any(axis=1)
    places: dict[bytes, int] = {}
    into = np.full(sources, -1, np.int64)
    for s in np.nonzero(asked)[0]:
        into[s] = places.setdefault(rows[s].tobytes(), len(places))
    if not places:
        places[b""] = 0
        into[:1] = 0
    first = np.array([int(np.nonzero(into == n)[0][0]) for n in range(len(places))])
    demand = np.zeros((len(places), program.demand.shape[1]))
    np.add.at(demand, into[into >= 0], program.demand[into >= 0])
    smaller = replace(
        program,
        demand=demand,
        energy_kwh=program.energy_kwh[first],
        gpu_h=program.gpu_h[first],
        allowed=program.allowed[first],
        per_request=program.per_request[first],
        unserved=program.unserved[first],
        row_coef=program.row_coef[:, first],
    )
    return Merged(smaller, into)
