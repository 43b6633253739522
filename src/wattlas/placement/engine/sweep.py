"""Many objectives over the same hours: each program starts from its neighbour's basis."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.program import F8, Basis, HourlyProgram
from wattlas.placement.engine.scaled import Scaled, scale
from wattlas.placement.engine.solve import Bench, Hours, Meter, solve_block, solve_hours
from wattlas.placement.engine.state import PIVOTS


@dataclass(frozen=True)
class Sweep:
    """N objectives over H hours: status[N, H], objective[N, H], meters[N, H, K]."""

    status: NDArray[np.int8]
    objective: F8
    meters: F8
    pivots: int
    cpu_s: float


def solve_sweep(
    program: HourlyProgram,
    per_kwh: Sequence[F8] | F8,
    per_request: Sequence[F8] | None = None,
    hours: Sequence[int] | Hours | None = None,
    threads: int = 1,
    meters: Sequence[Meter] = (),
) -> Sweep:
    """Solve every hour under every objective.

    per_kwh[n][R, T] replaces the program's in the nth objective, and per_request[n][S, R, O] its
    static costs. With `per_kwh` alone each hour runs through all objectives before the next hour
    begins; with `per_request` each objective runs through all hours, every hour from its own
    basis under the objective before.
    """
    wanted = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    wanted = wanted.astype(np.int64)
    if per_request is not None:
        return _by_objective(program, per_kwh, per_request, wanted, threads, meters)
    scaled = scale(program)
    rates = np.asarray(per_kwh)
    chunks = np.array_split(wanted, max(1, min(threads, len(wanted))))
    with ThreadPoolExecutor(len(chunks)) as pool:
        parts = list(pool.map(lambda chunk: _by_hour(scaled, rates, chunk, meters), chunks))
    return Sweep(
        status=np.concatenate([part.status for part in parts], axis=1),
        objective=np.concatenate([part.objective for part in parts], axis=1),
        meters=np.concatenate([part.meters for part in parts], axis=1),
        pivots=sum(part.pivots for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
    )


def _by_hour(scaled: Scaled, rates: F8, hours: Hours, meters: Sequence[Meter]) -> Sweep:
    """Back and forth through the objectives, hour by hour."""
    began = time.thread_time()
    n, sources = len(rates), scaled.per_unit.shape[0]
    bench = Bench(scaled)
    none, last = Basis.empty(0, sources, scaled.rows), Basis.empty(1, sources, scaled.rows)
    out = Sweep(
        status=np.zeros((n, len(hours)), np.int8),
        objective=np.zeros((n, len(hours))),
        meters=np.zeros((n, len(hours), len(meters))),
        pivots=0,
        cpu_s=0.0,
    )
    price = np.repeat(scaled.price(hours[:1]), n, axis=0)
    for place, hour in enumerate(hours):
        order = np.arange(n) if place % 2 == 0 else np.arange(n)[::-1]
        price[:] = scaled.price(np.array([hour]))
        price[:, 0, : rates.shape[1]] = rates[order, :, hour]
        raw = solve_block(scaled, bench, np.full(n, hour), none, last, meters, price=price)
        out.status[order, place] = raw.status
        out.objective[order, place] = raw.total[:, 0]
        out.meters[order, place] = raw.meters
    return replace(out, pivots=int(bench.count[PIVOTS]), cpu_s=time.thread_time() - began)


def _by_objective(
    program: HourlyProgram,
    per_kwh: Sequence[F8] | F8,
    per_request: Sequence[F8],
    hours: Hours,
    threads: int,
    meters: Sequence[Meter],
) -> Sweep:
    """Objective by objective, every hour from its own stored basis."""
    basis: Basis | None = None
    answers = []
    for rate, static in zip(per_kwh, per_request, strict=True):
        answer = solve_hours(
            replace(program, per_kwh=rate, per_request=static),
            hours,
            start=basis,
            threads=threads,
            want_duals=False,
            keep_bases=True,
            meters=meters,
        )
        basis = answer.basis
        answers.append(answer)
    return Sweep(
        status=np.stack([answer.status for answer in answers]),
        objective=np.stack([answer.objective for answer in answers]),
        meters=np.stack([answer.meters for answer in answers]),
        pivots=sum(answer.pivots for answer in answers),
        cpu_s=sum(answer.cpu_s for answer in answers),
    )
