"""The first command of the README, word for word, from a fresh clone to the report."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.study import measured

ROOT = Path(__file__).resolve().parent.parent
REPORT = Path("wattlas-results") / "report.html"
SECONDS = 180.0


def first_command(root: Path = ROOT) -> str:
    """The first line of the README that makes a virtual environment and runs the study."""
    text = (root / "README.md").read_text(encoding="utf-8")
    match = re.search(r"^\s*(python3 -m venv .*wattlas study)\s*$", text, re.MULTILINE)
    if match is None:
        raise ValueError("README.md has no line that installs Wattlas and runs the study")
    return match[1]


def run(options: RunOptions) -> Sequence[Figure]:
    """Clone what is committed, run the command in a shell, look for the report."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "wattlas"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        process = measured(["bash", "-euc", first_command(clone)], cwd=clone)
        if not (clone / REPORT).stat().st_size:
            raise ValueError("the report is empty")
    note = (
        f"{process.cpu_s:.0f} s of CPU time; packages from the installer's cache where it has them"
    )
    return (Figure("fresh clone to report", process.wall_s, target=SECONDS, note=note),)


BENCHMARK = Benchmark(
    name="first-command",
    tells="the README's first command, from a fresh clone to the report",
    sizes=("whole",),
    run=run,
)
