"""Replaying requests: routing, join-the-shortest-queue, batching and tier decision, one by one.

The alternative is the same model in simpy on the first of the same requests, with the same results.
The week streams requests from Parquet through a whole replay, cost and carbon included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.replay_srsim import us_per_request
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import ArrivalArrays, Desk
from wattlas.replays.service.model import ServiceModel
from wattlas.replays.service.pool import pools_of, run_to

SIZES = {"tiny": (5_000, 2_000, 20_000), "some": (2_000_000, 100_000, 3_000_000),
         "whole": (10_000_000, 100_000, 100_000_000)}  # fmt: skip
"""Requests through the kernel, through simpy, and from Parquet through a whole replay."""
REGIONS, REPLICAS, SOURCES, PLACES = 60, (12, 4), 200, 3
FULL = ServiceModel(0.015, 4e-5, 4e-8, batch=32, kv_tokens=400_000)
LOW = ServiceModel(0.008, 2e-5, 2e-8, batch=32, kv_tokens=400_000)
SHARE = (3, 20)
LEDGERS = 4
BUSY = 0.6
"""Share of what the fleet can serve that comes."""
PER_S = 3e6
RATIO, SRSIM = 60.0, 300.0
WEEK_S, WEEK_MIB = 100.0, 500.0


def run(options: RunOptions) -> Sequence[Figure]:
    """CPU microseconds per request of the kernel and of simpy; the week in seconds and MiB."""
    count, few, week = SIZES[options.size]
    came = requests(count)
    _kernel(came, 1000)
    ours = min(_kernel(came, count)[0] for _ in range(options.repeat)) / count * 1e6
    other = None
    if find_spec("simpy"):
        seconds, done = _simpy(came, few)
        other = seconds / few * 1e6
        _check_same(_kernel(came, few, records=True)[1], done)
    kernel = Figure(
        f"a request, {REGIONS} regions × {sum(REPLICAS)} replicas ({count:,} requests)", ours,
        "µs CPU", other, f"the same model in simpy ({few:,} requests)", target=RATIO, of_ratio=True,
        note=f"{1e6 / ours:,.0f} requests per CPU second, wanted {PER_S:,.0f}",
    )  # fmt: skip
    seconds, mib = _week(week)
    shapes = ((REGIONS, sum(REPLICAS)), (1, 16))
    theirs = [us_per_request(*shape, few // 50) for shape in shapes]
    return (
        kernel,
        *(
            Figure(
                f"the same, against vllm-sr-sim of {pools} × {gpus} accelerators",
                ours,
                "µs CPU",
                slower,
                f"its own model ({few // 50:,} requests)",
                target=SRSIM,
                of_ratio=True,
            )
            for slower, (pools, gpus) in zip(theirs, shapes, strict=True)
            if slower is not None
        ),
        Figure(f"{week:,} requests of a week from Parquet, wall", seconds, target=WEEK_S),
        Figure(f"{week:,} requests of a week from Parquet, memory", mib, "MiB", target=WEEK_MIB),
    )


def requests(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, sources and tokens of Poisson arrivals."""
    draw = np.random.default_rng(20261129)
    out = draw.geometric(1 / 250, count)
    step_s = FULL.step_s + FULL.token_s * FULL.batch * 5
    rate = REGIONS * sum(REPLICAS) * FULL.batch / (250 * step_s) * BUSY
    at_s = draw.exponential(1 / rate, count).cumsum()
    tokens = np.column_stack([draw.integers(100, 2000, count), out])
    return at_s, draw.integers(0, SOURCES, count), tokens


def _sets() -> tuple[np.ndarray, np.ndarray]:
    """Pools and shares of the places of every set, (2 · SOURCES, PLACES): full, then degraded."""
    draw = np.random.default_rng(7)
    region = draw.integers(0, REGIONS, (2 * SOURCES, PLACES))
    low = np.arange(2 * SOURCES)[:, None] % 2
    return 2 * region + low, draw.dirichlet(np.ones(PLACES), 2 * SOURCES)


def _kernel(
    came: tuple[np.ndarray, np.ndarray, np.ndarray], count: int, records: bool = False
) -> tuple[float, Any]:
    pool, share = _sets()
    at_s, source_of, tokens = came
    places = pool.size
    source = np.arange(SOURCES)
    pools = pools_of([FULL, LOW] * REGIONS, list(REPLICAS) * REGIONS, False)
    desk = Desk(
        np.arange(0, places + 1, PLACES), pool.ravel(), share.ravel().copy(), np.zeros(places),
        np.full(places, 0.05), np.full(places, 2.0), np.ones(SOURCES, np.int64),
        source % LEDGERS, source % LEDGERS, np.zeros((places, 3)), np.zeros(SOURCES, np.int64),
        np.array(list(REPLICAS) * REGIONS),
    )  # fmt: skip
    sums = S.new_sums(LEDGERS, np.array([SHARE] * LEDGERS), np.ones(LEDGERS, np.int64))
    out = S.new_records(count + FULL.batch if records else 0)
    part = ArrivalArrays(
        at_s[:count], source_of[:count], tokens[:count], np.arange(count), np.zeros(0)
    )
    fleet = S.new_fleet(pools, 1 << 16)
    began = time.process_time()
    run_to(pools, fleet, sums, desk, part, out, S.BIG)
    seconds = time.process_time() - began
    assert int(sums.served[:, :, S.SERVED].sum()) == count
    assert int(sums.counts[:, S.OVER].sum()) == 0
    return seconds, out


def _simpy(came: tuple[np.ndarray, np.ndarray, np.ndarray], count: int) -> tuple[float, list[Any]]:
    from benchmarks.replay_simpy import simulate

    pool, share = _sets()
    sets = [
        [
            ([0.0] * PLACES, share[2 * s + low].tolist(), pool[2 * s + low].tolist())
            for low in (0, 1)
        ]
        for s in range(SOURCES)
    ]
    ledgers = (np.arange(SOURCES) % LEDGERS).tolist()
    part = (came[0][:count], came[1][:count], came[2][:count])
    began = time.process_time()
    done = simulate([FULL, LOW] * REGIONS, list(REPLICAS) * REGIONS, part, sets, ledgers, SHARE)
    return time.process_time() - began, done


def _check_same(out: Any, done: list[Any]) -> None:
    """The same requests ended at the same times in both, degraded alike."""
    count = len(done)
    theirs = np.array(done, dtype=float)
    ours = np.column_stack([out.when[:count, :3], out.what[:count, 4]])
    for made in (ours, theirs):
        made[:] = made[np.argsort(made[:, 0], kind="stable")]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def _week(count: int) -> tuple[float, float]:
    """Wall seconds and peak MiB of a process that replays requests of a week from Parquet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "week.parquet"
        _write_week(path, count)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.replay_week", str(path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    seconds, mib = done.stdout.split()[-2:]
    return float(seconds), float(mib)


def _write_week(path: Path, count: int) -> None:
    """Requests over seven days, part by part, in one file."""
    import polars as pl

    draw = np.random.default_rng(3)
    step = 1 << 20
    folder = path.parent / "parts"
    folder.mkdir()
    span = 7 * 86400.0
    for number, begin in enumerate(range(0, count, step)):
        size = min(step, count - begin)
        at_s = (begin + np.sort(draw.random(size)) * size) / count * span
        frame = pl.DataFrame({
            "t_s": at_s,
            "input_tokens": draw.integers(100, 2000, size, dtype=np.int32),
            "output_tokens": draw.geometric(1 / 250, size).astype(np.int32),
            "trace": pl.repeat("week", size, eager=True),
        })  # fmt: skip
        frame.write_parquet(folder / f"{number:05d}.parquet")
    pl.scan_parquet(folder / "*.parquet").sink_parquet(path)


BENCHMARK = Benchmark(
    name="replay",
    tells="requests one by one: the kernel, the same in simpy, a week from Parquet",
    sizes=tuple(SIZES),
    run=run,
    usual="some",
)
