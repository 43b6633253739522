"""The first call after an installation compiles the engine; here one can ask and say so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256

import numpy as np

from wattlas.placement.engine import kept
from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.engine.solve import solve_hours, walk

MESSAGE = "compiling the placement engine for this processor (once after an installation)"


def is_compiled() -> bool:
    """Whether compiled code is loaded or lies on disk, so that the next call starts at once."""
    if walk.is_linked or kept.fresh("hours.walk-*.obj") or kept.fresh("hours.walk-*.nbc"):
        return True
    from wattlas.placement.engine.hours import walk as by_numba
    from wattlas.placement.engine.jit import has_cache

    return has_cache(by_numba)


def warm_up(progress: Callable[[str], None] | None = None) -> bool:
    """Compile or load the engine by solving a program of one column.

    Calls `progress` with a sentence if that means compiling. Returns True if it did.
    """
    cold = not is_compiled()
    if cold and progress is not None:
        progress(MESSAGE)
    solve_hours(trial(1, 1, 0, 1))
    return cold


def trial(sources: int, regions: int, couplings: int, hours: int) -> HourlyProgram:
    """A small program, always the same, in which capacities and coupling rows bind."""
    draw = np.random.default_rng(7)
    demand = draw.uniform(1.0, 2.0, (sources, hours))
    room = 1.2 * demand.sum(axis=0).max() / regions
    return HourlyProgram(
        demand=demand,
        energy_kwh=draw.uniform(0.5, 1.0, (sources, 2)),
        gpu_h=draw.uniform(0.5, 1.0, (sources, 2)),
        allowed=draw.uniform(size=(sources, regions, 2)) < 0.8,
        per_kwh=draw.uniform(0.1, 1.0, (regions, hours)),
        per_request=draw.uniform(0.0, 0.2, (sources, regions, 2)),
        capacity=np.full((regions, hours), room),
        unserved=np.full(sources, 5.0),
        row_coef=draw.uniform(-0.2, 1.0, (couplings, sources, 2)),
    )


def found_in_trial() -> str:
    """A digest of all that is found in the trial program."""
    found = solve_hours(trial(12, 5, 2, 24))
    columns = (found.status, found.objective, found.source, found.region, found.value)
    digest = sha256()
    for one in (*columns, found.capacity_dual, found.row_dual):
        digest.update(np.ascontiguousarray(one).tobytes())
    return f"{found.pivots} pivots, {digest.hexdigest()}"


def try_object() -> None:
    """Link the object code on stdin, solve the trial program with it, and print what it finds."""
    walk.link(sys.stdin.buffer.read())
    if not walk.is_linked:
        raise SystemExit("this object code cannot be linked")
    sys.stdout.write(found_in_trial())
