"""From a program to the arrays of the kernels: units, padding, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.engine.state import BIG, F8, I4, Static

_LANES = 8


def padded(n: int) -> int:
    """n, rounded up to whole vector registers."""
    return -(-n // _LANES) * _LANES


@dataclass(frozen=True)
class Scaled:
    """A program in the engine's units.

    per_unit[S]    GPU-h (or requests, where a source needs no accelerator) per engine unit
    row_scale[J]   the largest entry of each coupling row, in engine units
    width          padded number of regions;  rows: padded number of working rows
    """

    program: HourlyProgram
    static: Static
    per_unit: F8
    row_scale: F8
    width: int
    rows: int

    def demand(self, hours: slice | np.ndarray) -> F8:
        """demand[H, S] in engine units."""
        return np.ascontiguousarray(self.program.demand[:, hours].T * self.per_unit)

    def per_kwh(self, hours: slice | np.ndarray) -> F8:
        """per_kwh[H, width]."""
        values = self.program.per_kwh[:, hours].T
        out = np.zeros((values.shape[0], self.width))
        out[:, : values.shape[1]] = values
        return out

    def limits(self, hours: slice | np.ndarray, demand: F8) -> F8:
        """Right-hand sides [H, rows]; a free region gets a limit that no demand can reach."""
        regions, couplings = self.program.capacity.shape[0], self.row_scale.shape[0]
        free = 2.0 * demand.sum(axis=1, keepdims=True) + 1.0
        out = np.repeat(free, self.rows, axis=1)
        out[:, :regions] = np.minimum(self.program.capacity[:, hours].T, free)
        lower = self.program.lower()[:, hours].T / self.row_scale
        out[:, self.width : self.width + couplings] = -lower
        return out


def scale(program: HourlyProgram) -> Scaled:
    """Scale and pad a program. Costs stay in the objective's unit."""
    sources, regions, points, couplings, _ = program.sizes
    per_unit = program.gpu_h.max(axis=1, initial=0.0)
    per_unit = np.where(per_unit > 0, per_unit, 1.0)
    width = padded(regions)
    with np.errstate(invalid="ignore"):
        static_cost = np.where(program.allowed, program.per_request, np.inf)
    static_cost = static_cost.transpose(0, 2, 1) / per_unit[:, None, None]
    fixed = np.full((sources, points, width), BIG)
    fixed[:, :, :regions] = np.where(np.isfinite(static_cost), static_cost, BIG)
    unserved = np.where(np.isfinite(program.unserved), program.unserved / per_unit, BIG)
    first, row, coef, row_scale = _couplings(program, per_unit, width)
    static = Static(
        fixed=np.ascontiguousarray(fixed.reshape(sources, points * width)),
        energy=np.ascontiguousarray(program.energy_kwh / per_unit[:, None]),
        gpu=np.ascontiguousarray(program.gpu_h / per_unit[:, None]),
        unserved=np.ascontiguousarray(unserved),
        first=first,
        row=row,
        coef=coef,
    )
    return Scaled(program, static, per_unit, row_scale, width, width + padded(couplings))


def _couplings(program: HourlyProgram, per_unit: F8, width: int) -> tuple[I4, I4, F8, F8]:
    """Entries of the coupling rows by source, turned to "≤" and scaled to at most 1."""
    points = program.gpu_h.shape[1]
    entries = -program.row_coef / per_unit[None, :, None]
    row_scale = np.abs(entries).max(axis=(1, 2), initial=0.0)
    row_scale = np.where(row_scale > 0, row_scale, 1.0)
    entries = entries / row_scale[:, None, None]
    present = (entries != 0).any(axis=2).T
    first = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    source, j = np.nonzero(present)
    coef = np.ascontiguousarray(entries[j, source].reshape(-1, points))
    return first, (width + j).astype(np.int32), coef, row_scale
