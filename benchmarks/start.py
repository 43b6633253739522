"""How long a command takes before it says anything."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.files import write_scenario
from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.study import Ran, measured
from benchmarks.worlds import world

HELP_S = 0.4
IMPORT_S = 0.5
PLAN_S = 2.5
DAY = ["--set", "time.sample=null", "--set", "time.hours=24"]
RUNS = {"once": 1, "usual": 9}


def run(options: RunOptions) -> Sequence[Figure]:
    """Wall seconds of fresh processes; the target is for the median, the least stands beside it.

    What is planned: 15 regions, 20 metros, 4 classes, 3 points and 24 hours in CSV files, and as
    many hours of the embedded world.
    """
    command = str(Path(sys.executable).with_name("wattlas"))
    python = sys.executable
    bare = _runs([python, "-c", "pass"], RUNS[options.size])
    with tempfile.TemporaryDirectory() as folder:
        small = str(write_scenario(Path(folder), world("S")))
        return (
            _figure("wattlas --help", [command, "--help"], HELP_S, bare, options),
            _figure("import wattlas", [python, "-c", "import wattlas"], IMPORT_S, bare, options),
            _figure("wattlas plan, S from files", [command, "plan", small], PLAN_S, bare, options),
            _figure("wattlas plan, a day of the world", [command, "plan", *DAY], PLAN_S, bare,
                    options),
        )  # fmt: skip


def _figure(
    phase: str, command: list[str], target: float, bare: list[Ran], options: RunOptions
) -> Figure:
    runs = _runs(command, RUNS[options.size])
    wall, cpu = [process.wall_s for process in runs], [process.cpu_s for process in runs]
    note = f"median of {len(runs)}, least {min(wall):.3f} s; CPU time {median(cpu):.3f} s, least "
    note += f"{min(cpu):.3f} s; bare Python {min(process.wall_s for process in bare):.3f} s"
    return Figure(phase, median(wall), target=target, note=note)


def _runs(command: list[str], times: int) -> list[Ran]:
    """So many runs; where they are compared, after one that fills the disk's cache."""
    return [measured(command) for _ in range(times + (times > 1))][-times:]


BENCHMARK = Benchmark(
    name="start",
    tells="`wattlas --help`, `import wattlas` and `wattlas plan` of a day in fresh processes",
    sizes=("once", "usual"),
    run=run,
)
