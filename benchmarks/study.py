"""The main job in a process of its own: seconds and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import page
from benchmarks.registry import Benchmark, Figure, RunOptions

SCENARIOS: dict[str, tuple[str, list[str], float, float]] = {
    "tiny": ("tiny", [], 20.0, 500.0),
    "sample": ("typical-2023", ["--scenario", "sample"], 20.0, 500.0),
    "year": ("typical-2023", [], 100.0, 900.0),
}
"""Example, arguments, seconds and MiB that are aimed at."""
LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class Ran:
    """A finished process: wall and CPU seconds, peak resident memory in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def run(options: RunOptions) -> Sequence[Figure]:
    """`wattlas study` on an example, results written to a folder that is thrown away."""
    command = str(Path(sys.executable).with_name("wattlas"))
    example, arguments, seconds, mebibytes = SCENARIOS[options.size]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [command, "init", "--example", example, folder], check=True, capture_output=True
        )
        scenario = str(Path(folder) / "scenario.yaml")
        out = ["--out", str(Path(folder) / "results")]
        process = measured([command, "study", scenario, *arguments, *out])
        shown = tuple(page(Path(folder) / "results" / "report.html"))
    note = f"{process.cpu_s:.1f} s of CPU time, {example}"
    return (
        Figure("seconds", process.wall_s, target=seconds, note=note),
        Figure("peak memory", process.peak_mib, unit="MiB", target=mebibytes),
        *shown,
    )


def measured(command: list[str], cwd: Path | None = None) -> Ran:
    """Run a command to its end; RuntimeError with its last words where it fails.

    A process of its own starts the command (`launcher`), so that the memory of this one, which
    may have run other benchmarks before, is not counted.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as used:
        began = [sys.executable, "-I", "-S", str(LAUNCHER), str(used.fileno())]
        done = subprocess.run(
            [*began, *command],
            stdout=output, stderr=subprocess.STDOUT, cwd=cwd, pass_fds=[used.fileno()],
        )  # fmt: skip
        if done.returncode:
            output.seek(0)
            words = output.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{words}")
        used.seek(0)
        return Ran(**json.load(used))


BENCHMARK = Benchmark(
    name="study",
    tells="`wattlas study` on an example: seconds, peak memory, and the page in a browser",
    sizes=("tiny", "sample", "year"),
    run=run,
)
