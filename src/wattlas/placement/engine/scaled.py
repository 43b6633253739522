"""From a program to the arrays of the kernels: units, padding, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.engine.state import BIG, ENERGY, F8, GPU, I4, OPEN, ROWS, Program

_LANES = 4
"""Doubles in the vector registers that compilers use by default. With 8, 18 regions fill 24 lanes
instead of 20, and a frontier of them takes a tenth longer."""


def padded(n: int) -> int:
    """n, rounded up to whole vector registers."""
    return -(-n // _LANES) * _LANES


@dataclass(frozen=True)
class Scaled:
    """A program in the engine's units.

    fixed, unit    see `state`
    kind[S], rep   sources with the same `unit` are of one kind, and rep[kind] is one of them
    points[S]      a source has columns at its first so many points only
    per_unit[S]    GPU-h (or requests, where a source needs no accelerator) per engine unit
    row_scale[J]   the largest entry of each coupling row, in engine units
    width          padded number of regions;  rows: padded number of working rows
    """

    program: HourlyProgram
    fixed: F8
    unit: F8
    kind: I4
    rep: I4
    points: I4
    per_unit: F8
    row_scale: F8
    width: int
    rows: int

    def kernel_program(self) -> Program:
        """What the kernels read of it."""
        return self._kernel_program

    @cached_property
    def _kernel_program(self) -> Program:
        across = np.ascontiguousarray(self.fixed.T)
        rate = np.ascontiguousarray(self.unit.transpose(1, 2, 0))
        return Program(self.fixed, self.unit, self.kind, self.rep, self.points, across, rate)

    def demand(self, hours: slice | np.ndarray) -> F8:
        """demand[H, S] in engine units."""
        return np.ascontiguousarray(self.program.demand[:, hours].T * self.per_unit)

    def price(self, hours: slice | np.ndarray) -> F8:
        """price[H, 1 + O, width]: per kWh, then per GPU-h at each point."""
        program = self.program
        values = program.per_kwh[:, hours].T
        out = np.zeros((values.shape[0], 1 + program.allowed.shape[2], self.width))
        out[:, 0, : values.shape[1]] = values
        if program.per_gpu_h is not None:
            out[:, 1:, : values.shape[1]] = program.per_gpu_h[:, :, hours].transpose(2, 1, 0)
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
        cost = np.where(program.allowed, program.per_request, np.inf).transpose(0, 2, 1)
        cost = cost / per_unit[:, None, None]
    fixed = np.full((sources, points * width + _LANES), BIG)
    by_point = fixed[:, : points * width].reshape(sources, points, width)
    by_point[:, :, :regions] = np.where(np.isfinite(cost), cost, BIG)
    unserved = program.unserved / per_unit
    fixed[:, points * width] = np.where(np.isfinite(unserved), unserved, BIG)
    entries = -program.row_coef / per_unit[None, :, None]
    row_scale = np.abs(entries).max(axis=(1, 2), initial=0.0)
    row_scale = np.where(row_scale > 0, row_scale, 1.0)
    unit = np.zeros((sources, points, ROWS + padded(couplings)))
    unit[:, :, GPU] = program.gpu_h / per_unit[:, None]
    unit[:, :, ENERGY] = program.energy_kwh / per_unit[:, None]
    unit[:, :, ROWS : ROWS + couplings] = (entries / row_scale[:, None, None]).transpose(1, 2, 0)
    _, rep, kind = np.unique(
        unit.reshape(sources, unit.shape[1] * unit.shape[2]),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    return Scaled(
        program=program,
        fixed=fixed,
        unit=unit,
        kind=kind.reshape(-1).astype(np.int32),
        rep=rep.astype(np.int32),
        points=_points(by_point < OPEN),
        per_unit=per_unit,
        row_scale=row_scale,
        width=width,
        rows=width + padded(couplings),
    )


def _points(is_open: np.ndarray) -> I4:
    """How many points reach up to the last one with a column, for columns (S, O, W); (S,)."""
    numbered = np.arange(1, is_open.shape[1] + 1)
    counts: I4 = (is_open.any(axis=2) * numbered).max(axis=1, initial=0).astype(np.int32)
    return counts
