"""How long a command takes before it says anything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.registry import Asked, Benchmark, Figure

HELP_S = 0.4
IMPORT_S = 0.5
PLAN_S = 1.5
DAY = ["--set", "time.sample=null", "--set", "time.hours=24"]
RUNS = {"once": 1, "usual": 9}


def run(asked: Asked) -> Sequence[Figure]:
    """Wall seconds of fresh processes; the target is for the median, the least stands beside it."""
    command = str(Path(sys.executable).with_name("wattlas"))
    python = sys.executable
    bare = _seconds([python, "-c", "pass"], RUNS[asked.size])
    return (
        _figure("wattlas --help", [command, "--help"], HELP_S, bare, asked),
        _figure("import wattlas", [python, "-c", "import wattlas"], IMPORT_S, bare, asked),
        _figure("wattlas plan, a day of the world", [command, "plan", *DAY], PLAN_S, bare, asked),
    )


def _figure(
    phase: str, command: list[str], target: float, bare: list[float], asked: Asked
) -> Figure:
    found = _seconds(command, RUNS[asked.size])
    note = f"median of {len(found)}, least {min(found):.3f} s, bare Python {min(bare):.3f} s"
    return Figure(phase, median(found), target=target, note=note)


def _seconds(command: list[str], times: int) -> list[float]:
    """Wall seconds of each of so many runs, after one that fills the disk's cache."""
    found = []
    for n in range(times + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        if n:
            found.append(time.perf_counter() - began)
    return found


BENCHMARK = Benchmark(
    name="start",
    tells="`wattlas --help`, `import wattlas` and a day's `wattlas plan` in fresh processes",
    sizes=("once", "usual"),
    run=run,
)
