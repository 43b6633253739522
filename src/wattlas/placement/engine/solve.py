"""Python's side of the engine: chunks, threads, and the answer in the caller's units."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.hours import walk
from wattlas.placement.engine.program import Basis, HourlyProgram, HourlySolution
from wattlas.placement.engine.scaled import Scaled, scale
from wattlas.placement.engine.state import F8, I4, PIVOTS, SCANS

Hours = NDArray[np.int64]

_BLOCK = 256
"Hours per call of the kernel: long enough to hide the call, short enough to bound memory."
_MAX_PIVOTS = 50_000


@dataclass(frozen=True)
class Meter:
    """A further linear account of the flows, per hour.

    per_kwh[R, T] per IT kWh, and per_request[S, O] (None: nothing).
    """

    per_kwh: F8
    per_request: F8 | None = None


class Bench:
    """The arrays that one thread works in; the basis in them stays hot between calls."""

    def __init__(self, scaled: Scaled) -> None:
        sources, p = scaled.per_unit.shape[0], scaled.rows
        i = np.int32
        self.src = np.full((sources, 5), -1, i)
        self.src[:, 2:4] = 0
        self.amount = np.zeros((sources, 2))
        self.bas = np.full((p, 4), -1, i)
        self.bas[:, 2], self.bas[:, 3] = np.arange(p), 0
        self.vec = np.zeros((7, p))
        self.inverse = np.eye(p)
        self.touched = np.zeros(p + 1, i)
        self.rate = np.zeros(p + 1)
        self.step = np.zeros((2, 2 * p + 1))
        self.best = np.zeros(sources + p)
        self.weight = np.zeros(sources + p)
        self.buffer = np.zeros(scaled.width)
        self.table = np.zeros((scaled.rep.shape[0], scaled.fixed.shape[1]))
        self.saved = np.zeros((p, 4), i)
        self.count = np.zeros(8, np.int64)

    def state(self) -> tuple[Any, ...]:
        """In the order in which the kernels take them."""
        return (
            self.src, self.amount, self.bas, self.vec, self.inverse, self.touched, self.rate,
            self.step, self.best, self.weight, self.buffer, self.table, self.saved, self.count,
        )  # fmt: skip


@dataclass(frozen=True)
class Raw:
    """What the kernel writes for H hours, in engine units; flows in S + P slots an hour."""

    status: NDArray[np.int64]
    total: F8
    dual: F8
    value: F8
    flow: F8
    place: I4
    used: NDArray[np.int64]
    meters: F8

    @staticmethod
    def room(hours: int, scaled: Scaled, meters: int) -> Raw:
        sources, p = scaled.per_unit.shape[0], scaled.rows
        return Raw(
            status=np.zeros(hours, np.int64),
            total=np.full((hours, 2), np.nan),
            dual=np.full((hours, p), np.nan),
            value=np.full((hours, sources), np.nan),
            flow=np.zeros((hours, sources + p)),
            place=np.zeros((hours, sources + p, 3), np.int32),
            used=np.zeros(hours, np.int64),
            meters=np.zeros((hours, meters)),
        )


def solve_block(
    scaled: Scaled,
    bench: Bench,
    hours: Hours,
    start: Basis,
    keep: Basis,
    meters: Sequence[Meter],
    price: F8 | None = None,
) -> Raw:
    """Hand some hours to the kernel; price[H, 1 + O, width] stands in for the program's."""
    sources, _, points, _, _ = scaled.program.sizes
    rates = np.zeros((len(hours), len(meters), scaled.width))
    static = np.zeros((len(meters), sources, points))
    for m, meter in enumerate(meters):
        rates[:, m, : meter.per_kwh.shape[0]] = meter.per_kwh[:, hours].T
        if meter.per_request is not None:
            static[m] = meter.per_request / scaled.per_unit[:, None]
    raw = Raw.room(len(hours), scaled, len(meters))
    demand = scaled.demand(hours)
    solve: Any = walk
    solve(
        scaled.fixed, scaled.unit, scaled.kind, scaled.rep,
        scaled.price(hours) if price is None else price, demand, scaled.limits(hours, demand),
        *bench.state(),
        start.keys, start.basics, keep.keys, keep.basics,
        raw.status, raw.total, raw.dual, raw.value, raw.flow, raw.place, raw.used,
        rates, static, raw.meters, _MAX_PIVOTS,
    )  # fmt: skip
    return raw


def _translate(
    scaled: Scaled, hours: Hours, raw: Raw, basis: Basis, want_duals: bool
) -> HourlySolution:
    """From engine units to the caller's."""
    _, regions, _, couplings, _ = scaled.program.sizes
    present = np.arange(raw.flow.shape[1])[None, :] < raw.used[:, None]
    place = raw.place[present]
    width, n = scaled.width, len(hours) if want_duals else 0
    demand_dual = raw.value[:n].T * scaled.per_unit[:, None]
    demand_dual[demand_dual > 1e25] = np.inf
    return HourlySolution(
        hours=hours,
        status=raw.status.astype(np.int8),
        objective=raw.total[:, 0],
        gap=raw.total[:, 1],
        indptr=np.concatenate([[0], np.cumsum(raw.used)]).astype(np.int64),
        source=np.ascontiguousarray(place[:, 0]),
        point=place[:, 1].astype(np.int16),
        region=place[:, 2].astype(np.int16),
        value=raw.flow[present] / scaled.per_unit[place[:, 0]],
        capacity_dual=np.ascontiguousarray(raw.dual[:n, :regions].T),
        demand_dual=demand_dual,
        row_dual=-raw.dual[:n, width : width + couplings].T / scaled.row_scale[:, None],
        meters=raw.meters,
        basis=basis,
    )


def _solve_chunk(
    scaled: Scaled,
    hours: Hours,
    start: Basis | None,
    meters: Sequence[Meter],
    want_duals: bool,
    keep_bases: bool,
) -> HourlySolution:
    """One thread's hours, block by block, hot all along."""
    began = time.thread_time()
    sources, rows = scaled.per_unit.shape[0], scaled.rows
    bench = Bench(scaled)
    parts: list[HourlySolution] = []
    for at in range(0, len(hours), _BLOCK):
        block = hours[at : at + _BLOCK]
        keep = Basis.empty(len(block) if keep_bases else 1, sources, rows)
        begin = Basis.empty(0, sources, rows) if start is None else start[at : at + _BLOCK]
        raw = solve_block(scaled, bench, block, begin, keep, meters)
        parts.append(_translate(scaled, block, raw, keep, want_duals))
    return _join(
        parts,
        keep_bases,
        pivots=int(bench.count[PIVOTS]),
        scans=int(bench.count[SCANS]),
        cpu_s=time.thread_time() - began,
    )


def _join(
    parts: list[HourlySolution], keep_bases: bool, pivots: int, scans: int, cpu_s: float
) -> HourlySolution:
    """Answers of consecutive hours as one."""

    def along(name: str, axis: int = 0) -> Any:
        return np.concatenate([getattr(part, name) for part in parts], axis=axis)

    ends = np.cumsum([0] + [int(part.indptr[-1]) for part in parts])
    inner = [part.indptr[1:] + ends[n] for n, part in enumerate(parts)]
    return HourlySolution(
        hours=along("hours"),
        status=along("status"),
        objective=along("objective"),
        gap=along("gap"),
        indptr=np.concatenate([np.zeros(1, np.int64), *inner]),
        source=along("source"),
        region=along("region"),
        point=along("point"),
        value=along("value"),
        capacity_dual=along("capacity_dual", 1),
        demand_dual=along("demand_dual", 1),
        row_dual=along("row_dual", 1),
        meters=along("meters"),
        basis=Basis.join([part.basis for part in parts]) if keep_bases else parts[-1].basis,
        pivots=pivots,
        scans=scans,
        cpu_s=cpu_s,
    )


def _check_start(scaled: Scaled, start: Basis) -> None:
    """Kernels trust the indices of a basis: what lies outside of the program stops here."""
    sources, _, points, _, _ = scaled.program.sizes
    if start.keys.shape[1:] != (sources, 2) or start.basics.shape[1:] != (scaled.rows, 3):
        raise ValueError(f"the basis is not one of {sources} sources and {scaled.rows} rows")
    limits = np.array([sources, points, scaled.width])
    slack = start.basics[..., 0] < 0
    served = start.basics[~slack]
    inside = bool((start.keys < limits[1:]).all() and (served < limits).all())
    if not inside or bool((start.basics[slack][:, 2] >= scaled.rows).any()):
        raise ValueError("the basis names a point, region or row that the program does not have")


def solve_hours(
    program: HourlyProgram,
    hours: Sequence[int] | Hours | None = None,
    start: Basis | None = None,
    threads: int = 1,
    want_duals: bool = True,
    keep_bases: bool = False,
    meters: Sequence[Meter] = (),
    scaled: Scaled | None = None,
) -> HourlySolution:
    """Solve hours of a program exactly, each starting from the basis of the one before.

    `start` holds one basis (for the first hour of every chunk) or one per hour asked for. Raises
    ValueError where it names a source, point or region that the program does not have.
    """
    scaled = scaled or scale(program)
    wanted = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    wanted = wanted.astype(np.int64)
    if start is not None:
        _check_start(scaled, start)
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
    return _join(
        parts,
        keep_bases,
        pivots=sum(part.pivots for part in parts),
        scans=sum(part.scans for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
    )
