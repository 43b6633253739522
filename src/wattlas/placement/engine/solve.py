"""Python's side of the engine: chunks, threads, and the answer in the caller's units."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.hours import Answer, Stored, walk
from wattlas.placement.engine.jit import has_cache
from wattlas.placement.engine.program import OPTIMAL, Basis, HourlyProgram, HourlySolution
from wattlas.placement.engine.scaled import Scaled, scale
from wattlas.placement.engine.state import F8, PIVOTS, SCANS, Work

_BLOCK = 256
_MAX_PIVOTS = 50_000


@dataclass(frozen=True)
class Meter:
    """A second linear account of the flows: per_kwh[R, T] per IT kWh, per_request[S, O] or None."""

    per_kwh: F8
    per_request: F8 | None = None


def new_work(sources: int, rows: int, width: int) -> Work:
    """Arrays for one thread."""
    f, i = np.zeros, np.int32
    return Work(
        key_o=np.full(sources, -1, i),
        key_r=np.full(sources, -1, i),
        key_cost=f(sources),
        key_x=f(sources),
        split=f(sources, i),
        basic_s=np.full(rows, -1, i),
        basic_o=np.full(rows, -1, i),
        basic_r=np.arange(rows, dtype=i),
        basic_cost=f(rows),
        basic_x=f(rows),
        inverse=np.eye(rows),
        dual=f(rows),
        alpha=f(rows),
        penalty=f(rows),
        bad_key=f(sources, i),
        slot=np.full(sources, -1, i),
        touched=f(rows + 1, i),
        rate=f(rows + 1),
        step=f(2 * rows + 1),
        weight=f(2 * rows + 1),
        best=f(sources + rows),
        buffer=f(width),
        rhs=f(rows),
        spare=f(rows),
        true_limit=f(rows),
        saved=f((3, rows), i),
        count=np.zeros(8, np.int64),
    )


def new_basis(hours: int, sources: int, rows: int) -> Basis:
    """Room for the bases of some hours."""
    i = np.int32
    return Basis(
        np.full((hours, sources), -1, i),
        np.full((hours, sources), -1, i),
        np.full((hours, rows), -1, i),
        np.full((hours, rows), -1, i),
        np.full((hours, rows), -1, i),
    )


def _stored(basis: Basis) -> Stored:
    return Stored(
        basis.key_point,
        basis.key_region,
        basis.basic_source,
        basis.basic_point,
        basis.basic_region,
    )


def _answer(hours: int, sources: int, rows: int, meters: int) -> Answer:
    slots = sources + rows
    return Answer(
        status=np.zeros(hours, np.int64),
        objective=np.full(hours, np.nan),
        gap=np.full(hours, np.nan),
        dual=np.full((hours, rows), np.nan),
        value=np.full((hours, sources), np.nan),
        source=np.zeros((hours, slots), np.int32),
        region=np.zeros((hours, slots), np.int32),
        point=np.zeros((hours, slots), np.int32),
        flow=np.zeros((hours, slots)),
        used=np.zeros(hours, np.int64),
        meters=np.zeros((hours, meters)),
    )


def _meter_arrays(scaled: Scaled, meters: Sequence[Meter], hours: NDArray[np.int64]) -> tuple[F8, F8]:
    sources, _, points, _, _ = scaled.program.sizes
    rate = np.zeros((len(hours), len(meters), scaled.width))
    fixed = np.zeros((len(meters), sources, points))
    for m, meter in enumerate(meters):
        rate[:, m, : meter.per_kwh.shape[0]] = meter.per_kwh[:, hours].T
        if meter.per_request is not None:
            fixed[m] = meter.per_request / scaled.per_unit[:, None]
    return rate, fixed


def _solve_chunk(
    scaled: Scaled,
    hours: NDArray[np.int64],
    start: Basis | None,
    meters: Sequence[Meter],
    want_duals: bool,
    keep_bases: bool,
) -> HourlySolution:
    """One thread's hours, block by block, hot all along."""
    began = time.thread_time()
    sources, regions, _, couplings, _ = scaled.program.sizes
    work = new_work(sources, scaled.rows, scaled.width)
    own_starts = start is not None and len(start) == len(hours) and len(hours) > 1
    parts: list[HourlySolution] = []
    latest = start
    for at in range(0, max(len(hours), 1), _BLOCK):
        block = hours[at : at + _BLOCK]
        demand = scaled.demand(block)
        rate, fixed = _meter_arrays(scaled, meters, block)
        keep = new_basis(len(block) if keep_bases else 1, sources, scaled.rows)
        begin = start[at : at + _BLOCK] if own_starts and start is not None else latest
        out = _answer(len(block), sources, scaled.rows, len(meters))
        pivots, scans = int(work.count[PIVOTS]), int(work.count[SCANS])
        walk(
            scaled.static,
            work,
            scaled.per_kwh(block),
            demand,
            scaled.limits(block, demand),
            rate,
            fixed,
            _stored(begin if begin is not None else new_basis(0, sources, scaled.rows)),
            _stored(keep),
            out,
            _MAX_PIVOTS,
        )
        latest = keep[-1:]
        parts.append(
            _in_callers_units(
                scaled, block, out, keep, want_duals,
                int(work.count[PIVOTS]) - pivots, int(work.count[SCANS]) - scans,
            )
        )
    return _join(parts, keep_bases, time.thread_time() - began)


def _in_callers_units(
    scaled: Scaled, hours: NDArray[np.int64], out: Answer, keep: Basis, want_duals: bool,
    pivots: int, scans: int,
) -> HourlySolution:
    sources, regions, _, couplings, _ = scaled.program.sizes
    present = np.arange(out.flow.shape[1])[None, :] < out.used[:, None]
    source = out.source[present]
    width = scaled.width
    if want_duals:
        demand_dual = out.value.T * scaled.per_unit[:, None]
        demand_dual[demand_dual > 1e25] = np.inf
        capacity_dual = np.ascontiguousarray(out.dual[:, :regions].T)
        row_dual = -out.dual[:, width : width + couplings].T / scaled.row_scale[:, None]
    else:
        demand_dual, capacity_dual, row_dual = np.empty((0, 0)), np.empty((0, 0)), np.empty((0, 0))
    return HourlySolution(
        hours=hours,
        status=out.status.astype(np.int8),
        objective=out.objective,
        gap=out.gap,
        indptr=np.concatenate([[0], np.cumsum(out.used)]).astype(np.int64),
        source=source,
        region=out.region[present].astype(np.int16),
        point=out.point[present].astype(np.int16),
        value=out.flow[present] / scaled.per_unit[source],
        capacity_dual=capacity_dual,
        demand_dual=demand_dual,
        row_dual=row_dual,
        meters=out.meters,
        basis=keep,
        pivots=pivots,
        scans=scans,
    )


def _join(parts: list[HourlySolution], keep_bases: bool, cpu_s: float) -> HourlySolution:
    """Answers of consecutive hours as one."""
    def along(name: str, axis: int = 0) -> NDArray[np.generic]:
        return np.concatenate([getattr(part, name) for part in parts], axis=axis)

    offsets = np.cumsum([0] + [int(part.indptr[-1]) for part in parts])
    indptr = np.concatenate(
        [[0]] + [part.indptr[1:] + offsets[n] for n, part in enumerate(parts)]
    ).astype(np.int64)
    basis = Basis.join([part.basis for part in parts]) if keep_bases else parts[-1].basis
    return HourlySolution(
        **{n: along(n) for n in ("hours", "status", "objective", "gap", "source", "region",
                                 "point", "value", "meters")},  # type: ignore[arg-type]
        **{n: along(n, 1) for n in ("capacity_dual", "demand_dual", "row_dual")},  # type: ignore[arg-type]
        indptr=indptr,
        basis=basis,
        pivots=sum(part.pivots for part in parts),
        scans=sum(part.scans for part in parts),
        cpu_s=cpu_s,
    )


def solve_hours(
    program: HourlyProgram,
    hours: Sequence[int] | NDArray[np.int64] | None = None,
    start: Basis | None = None,
    threads: int = 1,
    want_duals: bool = True,
    keep_bases: bool = False,
    meters: Sequence[Meter] = (),
    scaled: Scaled | None = None,
) -> HourlySolution:
    """Solve hours of a program exactly, each starting from the basis of the one before.

    `start` holds one basis (for the first hour of every chunk) or one per hour asked for.
    """
    scaled = scaled or scale(program)
    wanted = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    wanted = wanted.astype(np.int64)
    chunks = np.array_split(wanted, max(1, min(threads, len(wanted))))
    cuts = np.cumsum([0] + [len(chunk) for chunk in chunks])
    each = start is not None and len(start) == len(wanted)

    def one(n: int) -> HourlySolution:
        begin = start[int(cuts[n]) : int(cuts[n + 1])] if each and start is not None else start
        return _solve_chunk(scaled, chunks[n], begin, meters, want_duals, keep_bases)

    if len(chunks) == 1:
        return one(0)
    with ThreadPoolExecutor(len(chunks)) as pool:
        parts = list(pool.map(one, range(len(chunks))))
    return _join(parts, keep_bases, sum(part.cpu_s for part in parts))


__all__ = ["OPTIMAL", "Callable", "has_cache"]
