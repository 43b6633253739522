"""What the engine is given and what it gives back: plain arrays, no names, no units of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.state import F8, I4, I8

I2 = NDArray[np.int16]


@dataclass(frozen=True)
class HourlyProgram:
    """T hours that do not touch each other, over S sources, R regions, O points, J coupling rows.

        min  Σ (energy·per_kwh + gpu_h·per_gpu_h + per_request) x + Σ unserved·z
        s.t. Σ_{r,o} x[s,r,o] + z[s] = demand[s,t]
             Σ_{s,o} gpu_h[s,o] x[s,r,o] ≤ capacity[r,t]
             Σ_{s,r,o} row_coef[j,s,o] x[s,r,o] ≥ row_lower[j,t]
             x ≥ 0, z ≥ 0,  x = 0 where not allowed

    demand[S, T] requests/h; energy_kwh[S, O] and gpu_h[S, O] per request; allowed[S, R, O];
    per_kwh[R, T] and per_request[S, R, O] in the objective's unit; capacity[R, T] GPU-h/h, inf
    where free; unserved[S] in the objective's unit per request, inf where demand must be served.
    `row_coef` may be empty (J = 0) and `row_lower` None, which means zero; so may `per_gpu_h`
    [R, O, T], a price of accelerator time that changes with the hour.
    """

    demand: F8
    energy_kwh: F8
    gpu_h: F8
    allowed: NDArray[np.bool_]
    per_kwh: F8
    per_request: F8
    capacity: F8
    unserved: F8
    row_coef: F8
    row_lower: F8 | None = None
    per_gpu_h: F8 | None = None

    def __post_init__(self) -> None:
        s, r, o = self.allowed.shape
        t = self.demand.shape[1]
        j = self.row_coef.shape[0]
        shapes = {
            "demand": (s, t),
            "energy_kwh": (s, o),
            "gpu_h": (s, o),
            "per_kwh": (r, t),
            "per_request": (s, r, o),
            "capacity": (r, t),
            "unserved": (s,),
            "row_coef": (j, s, o),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, want {shape}")
        if self.row_lower is not None and self.row_lower.shape != (j, t):
            raise ValueError(f"row_lower has shape {self.row_lower.shape}, want {(j, t)}")
        if self.per_gpu_h is not None and self.per_gpu_h.shape != (r, o, t):
            raise ValueError(f"per_gpu_h has shape {self.per_gpu_h.shape}, want {(r, o, t)}")
        if not (np.isfinite(self.demand).all() and (self.demand >= 0).all()):
            raise ValueError("demand must be finite and not negative")
        if not (np.isfinite(self.gpu_h).all() and (self.gpu_h >= 0).all()):
            raise ValueError("gpu_h must be finite and not negative")
        if np.isnan(self.capacity).any() or (self.capacity < 0).any():
            raise ValueError("capacity must not be negative; inf where it is free")

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """(sources, regions, points, coupling rows, hours)."""
        s, r, o = self.allowed.shape
        return s, r, o, self.row_coef.shape[0], self.demand.shape[1]

    def lower(self) -> F8:
        """Right-hand sides of the coupling rows, [J, T]."""
        if self.row_lower is None:
            return np.zeros((self.row_coef.shape[0], self.demand.shape[1]))
        return self.row_lower


@dataclass(frozen=True)
class Basis:
    """Bases of N hours to start from.

    keys[N, S, 2] the key column (point, region) of each source, (-1, -1) = unserved;
    basics[N, P, 3] (source, point, region) of the basic columns; source -1 is the slack of the
    row that stands in place of the region. P counts the padded working rows.
    """

    keys: I4
    basics: I4

    def __len__(self) -> int:
        return int(self.keys.shape[0])

    def __getitem__(self, item: slice) -> Basis:
        return Basis(self.keys[item], self.basics[item])

    def with_hours(self, hours: np.ndarray, others: Basis) -> Basis:
        """The same with the bases of some hours, a mask (N,), taken from others in their order."""
        keys, basics = self.keys.copy(), self.basics.copy()
        keys[hours], basics[hours] = others.keys, others.basics
        return Basis(keys, basics)

    @staticmethod
    def empty(hours: int, sources: int, rows: int) -> Basis:
        """Room for the bases of some hours."""
        return Basis(
            np.full((hours, sources, 2), -1, np.int32), np.full((hours, rows, 3), -1, np.int32)
        )

    @staticmethod
    def join(parts: list[Basis]) -> Basis:
        """Bases of consecutive hours, one after the other."""
        return Basis(
            np.concatenate([part.keys for part in parts]),
            np.concatenate([part.basics for part in parts]),
        )


@dataclass(frozen=True)
class HourlySolution:
    """The selected hours in their order; H of them.

    status[H]      0 optimal, 1 infeasible, 2 gave up (another solver should take the hour)
    objective[H]   NaN where not optimal;  gap[H] primal − dual objective, from the duals below
    indptr[H+1], source, region (-1 = unserved), point (-1 = unserved), value: positive flows
    capacity_dual[R, H] ≤ 0: change of the objective per further GPU-h/h of capacity
    demand_dual[S, H]: change of the objective per further request/h; (S, 0) where not wanted
    row_dual[J, H] ≥ 0: change of the objective per unit of row_lower
    basis          of every hour (keep_bases) or of the last one
    """

    hours: I8
    status: NDArray[np.int8]
    objective: F8
    gap: F8
    indptr: I8
    source: I4
    region: I2
    point: I2
    value: F8
    capacity_dual: F8
    demand_dual: F8
    row_dual: F8
    basis: Basis
    pivots: int = 0

    def flows(self, place: int) -> tuple[I4, I2, I2, F8]:
        """(source, region, point, requests/h) of the hour at this place of the answer."""
        part = slice(int(self.indptr[place]), int(self.indptr[place + 1]))
        return self.source[part], self.region[part], self.point[part], self.value[part]
