"""Python's side of the engine: chunks, threads, and the answer in the caller's units."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.hours import walk
from wattlas.placement.engine.program import Basis, HourlyProgram, HourlySolution
from wattlas.placement.engine.scaled import Scaled, scale
from wattlas.placement.engine.state import (
    BASICS,
    BIG,
    NEGATIVE,
    PIVOTS,
    PRICED,
    REGION,
    HourlyOutput,
    Scratch,
    Working,
)
from wattlas.placement.engine.threads import at_most

Hours = NDArray[np.int64]

_BLOCK = 256
"""Hours per call of the kernel: long enough to hide the call, short enough to bound memory. Half
and twice take the same time within the noise (0.6 to 0.8 ms an hour of L)."""
MAX_PIVOTS = 5_000
"""Of one hour; then it goes to another solver. An hour of L takes about 110 pivots with one point,
400 with three."""


class Bench:
    """The arrays that one thread works in; the basis in them stays hot between calls."""

    def __init__(self, scaled: Scaled) -> None:
        sources, p = scaled.per_unit.shape[0], scaled.rows
        key = np.full((sources, 5), -1, np.int32)
        key[:, BASICS], key[:, NEGATIVE] = 0, 0
        basic = np.full((p, 4), -1, np.int32)
        basic[:, REGION], basic[:, NEGATIVE] = np.arange(p), 0
        vec = np.zeros((8, p))
        vec[PRICED] = BIG  # nothing is priced yet
        self.working = Working(
            key=key,
            key_cost=np.zeros(sources),
            key_value=np.zeros(sources),
            basic=basic,
            vec=vec,
            inverse=np.eye(p),
        )
        self.scratch = Scratch(
            touched=np.zeros(p + 1, np.int32),
            rate=np.zeros(p + 1),
            breakpoints=np.zeros((2, 2 * p + 1)),
            weight=np.zeros(sources + p),
            candidate=np.zeros((sources + p, 3), np.int32),
            candidate_cost=np.zeros(sources + p),
            score=np.zeros(sources + p),
            by_region=np.zeros((scaled.width, sources)),
            least=np.zeros(sources),
            gain=np.zeros(sources),
            reduced=np.zeros(scaled.width),
            table=np.zeros((scaled.rep.shape[0], scaled.fixed.shape[1])),
            saved=np.zeros((p, 4), np.int32),
            counters=np.zeros(8, np.int64),
        )


class AnswerParts(NamedTuple):
    """What an answer is to carry beside its flows."""

    duals: bool
    demand_duals: bool
    bases: bool


def _solve_block(
    scaled: Scaled, bench: Bench, hours: Hours, start: Basis, keep: Basis
) -> HourlyOutput:
    """Hand some hours to the kernel."""
    demand = scaled.demand(hours)
    answer = HourlyOutput.room(len(hours), scaled.per_unit.shape[0], scaled.rows)
    walk(
        scaled.kernel_program(),
        scaled.price(hours),
        demand,
        scaled.limits(hours, demand),
        bench.working,
        bench.scratch,
        start.keys,
        start.basics,
        keep.keys,
        keep.basics,
        answer,
        MAX_PIVOTS,
    )
    return answer


def _translate(
    scaled: Scaled, hours: Hours, raw: HourlyOutput, basis: Basis, want: AnswerParts
) -> HourlySolution:
    """From engine units to the caller's."""
    _, regions, _, couplings, _ = scaled.program.sizes
    present = np.flatnonzero(np.arange(raw.flow.shape[1])[None, :] < raw.used[:, None])
    place = raw.place.reshape(-1, 3).take(present, axis=0)
    width, n = scaled.width, len(hours) if want.duals else 0
    priced = n if want.demand_duals else 0
    demand_dual = raw.value[:priced].T * scaled.per_unit[:, None]
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
        value=raw.flow.ravel().take(present) / scaled.per_unit[place[:, 0]],
        capacity_dual=np.ascontiguousarray(raw.dual[:n, :regions].T),
        demand_dual=demand_dual,
        row_dual=-raw.dual[:n, width : width + couplings].T / scaled.row_scale[:, None],
        basis=basis,
    )


def _solve_chunk(
    scaled: Scaled,
    hours: Hours,
    start: Basis | None,
    want: AnswerParts,
) -> HourlySolution:
    """One thread's hours, block by block, hot all along."""
    sources, rows = scaled.per_unit.shape[0], scaled.rows
    bench = Bench(scaled)
    parts: list[HourlySolution] = []
    for low in range(0, len(hours), _BLOCK):
        block = hours[low : low + _BLOCK]
        keep = Basis.empty(len(block) if want.bases else 1, sources, rows)
        begin = Basis.empty(0, sources, rows) if start is None else start[low : low + _BLOCK]
        raw = _solve_block(scaled, bench, block, begin, keep)
        parts.append(_translate(scaled, block, raw, keep, want))
    return _join(parts, want.bases, pivots=int(bench.scratch.counters[PIVOTS]))


def _join(parts: list[HourlySolution], keep_bases: bool, pivots: int) -> HourlySolution:
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
        basis=Basis.join([part.basis for part in parts]) if keep_bases else parts[-1].basis,
        pivots=pivots,
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


def solve_program(
    program: HourlyProgram,
    hours: Sequence[int] | Hours | None = None,
    start: Basis | None = None,
    threads: int = 1,
    want_duals: bool = True,
    keep_bases: bool = False,
    want_demand_duals: bool = True,
) -> HourlySolution:
    """Solve hours of a program exactly, each starting from the basis of the one before.

    Duals of the demands, which are as large as the demand itself, may be left out alone.
    `start` holds one basis (for the first hour of every chunk) or one per selected hour. Raises
    ValueError where it names a source, point or region that the program does not have.
    """
    scaled, want = scale(program), AnswerParts(want_duals, want_demand_duals, keep_bases)
    selected = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    selected = selected.astype(np.int64)
    if start is not None:
        _check_start(scaled, start)
    chunks = np.array_split(selected, max(1, min(threads, len(selected))))
    cuts = np.cumsum([0] + [len(chunk) for chunk in chunks])

    def solve_part(n: int) -> HourlySolution:
        begin = start
        if start is not None and len(start) == len(selected):
            begin = start[int(cuts[n]) : int(cuts[n + 1])]
        return _solve_chunk(scaled, chunks[n], begin, want)

    if len(chunks) == 1:
        return solve_part(0)
    with ThreadPoolExecutor(at_most(len(chunks))) as pool:
        parts = list(pool.map(solve_part, range(len(chunks))))
    return _join(parts, keep_bases, pivots=sum(part.pivots for part in parts))
