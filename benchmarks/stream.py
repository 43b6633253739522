"""A long plan written as it is solved: memory against the years, CPU time an hour against a week.

Once as a library, each month drawn when it is needed; once from the shell, `wattlas plan
--out FOLDER`, from Parquet tables in which every hour of every demand is a row. Each run is a
process of its own. About half of the capacities bind.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.files import write_scenario
from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.study import measured
from benchmarks.worlds import month_hours, months_world
from wattlas.cli.heap import give_memory_back
from wattlas.model.scenario import Scenario
from wattlas.placement.engine import warm_up
from wattlas.report.stream_folder import Long, write_plan

MEBIBYTES = 300.0
DRIFT = 1.10
SIZES = {"tiny": ("tiny", 1, 2), "year": ("L", 12, 36)}
"""World, months of the short run, months of the long one."""
FIRST_H = 168


@dataclass(frozen=True)
class Streamed:
    """One run: hours, CPU seconds an hour after the first week and at the end, peak MiB."""

    hours: int
    week_ms_per_h: float
    last_ms_per_h: float
    peak_mib: float
    folder_mib: float


def _hours(months: int) -> int:
    """Hours of so many months from January 2023 on."""
    first = np.datetime64("2023-01")
    return sum(month_hours(first + np.timedelta64(n, "M")) for n in range(months))


def run(options: RunOptions) -> Sequence[Figure]:
    """Stream a short and a long run either way."""
    size, short, long = SIZES[options.size]
    warm_up()  # compiles the engine, once after an installation
    return (*_drawn(size, short, long), *_from_files(size, short, long))


def _drawn(size: str, short: int, long: int) -> Iterator[Figure]:
    short_run, long_run = (streamed(size, months) for months in (short, long))
    note = f"{size}, {short} and {long} months"
    yield Figure(
        "peak memory, short run", short_run.peak_mib, unit="MiB", target=MEBIBYTES, note=note
    )
    yield Figure("peak memory, long run", long_run.peak_mib, unit="MiB", target=MEBIBYTES)
    yield Figure(
        "memory, long over short", long_run.peak_mib / short_run.peak_mib, unit="×", target=DRIFT
    )
    yield Figure(
        "CPU time an hour, end over first weeks",
        long_run.last_ms_per_h / long_run.week_ms_per_h,
        unit="×",
        target=DRIFT,
        note=f"{long_run.week_ms_per_h:.2f} and {long_run.last_ms_per_h:.2f} ms an hour, making "
        f"the hours and writing {long_run.folder_mib:.0f} MiB included",
    )


def _from_files(size: str, short: int, long: int) -> Iterator[Figure]:
    """The same hours from the shell, read from files."""
    peaks = []
    for name, months in (("short", short), ("long", long)):
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder) / "files"
            write_scenario(files, months_world(size, months), ".parquet")
            rows = (files / "demand.parquet").stat().st_size / 2**20
            command = str(Path(sys.executable).with_name("wattlas"))
            out = ["--out", str(Path(folder) / "plan"), "--json"]
            process = measured([command, "plan", str(files), *out])
        hours = _hours(months)
        peaks.append(process.peak_mib)
        note = f"{1e3 * process.cpu_s / hours:.2f} ms of CPU time an hour, start and reading "
        note += f"{rows:.0f} MiB of demand included"
        yield Figure(f"from files, peak memory, {name} run", peaks[-1], unit="MiB",
                     target=MEBIBYTES, note=note)  # fmt: skip
    yield Figure("from files, memory, long over short", peaks[1] / peaks[0], unit="×",
                 target=DRIFT)  # fmt: skip


def streamed(size: str, months: int) -> Streamed:
    """One run in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        figures_file = Path(folder) / "figures.json"
        out = Path(folder) / "plan"
        command = [sys.executable, "-m", "benchmarks.stream"]
        used = measured([*command, size, str(months), str(out), str(figures_file)])
        mib = sum(file.stat().st_size for file in out.iterdir()) / 2**20
        times = json.loads(figures_file.read_text("utf-8"))
        return Streamed(**times, peak_mib=used.peak_mib, folder_mib=mib)


def main(size: str, months: int, out: Path, figures_file: Path) -> None:
    """Stream so many months of a world into a folder and write the figures to a file."""
    give_memory_back()  # as `wattlas plan --out FOLDER` does
    begin: list[float] = []
    marks: list[tuple[int, float]] = []

    def stretches() -> Iterator[Scenario]:
        for month in months_world(size, months):
            if not begin:
                begin.append(time.process_time())
            yield month

    def done(count: int) -> None:
        marks.append((count, time.process_time()))

    hours = _hours(months)
    write_plan(out, Long(f"{size} {months}", hours, stretches()), done=done)
    quarter = marks[-max(len(marks) // 4, 1) :]
    first = next(mark for mark in marks if mark[0] >= 4 * FIRST_H)
    week = (first[1] - begin[0]) / first[0]
    last = (quarter[-1][1] - quarter[0][1]) / max(quarter[-1][0] - quarter[0][0], 1)
    figures = {"hours": marks[-1][0], "week_ms_per_h": week * 1e3, "last_ms_per_h": last * 1e3}
    figures_file.write_text(json.dumps(figures), "utf-8")


BENCHMARK = Benchmark(
    name="stream",
    tells="a plan written as it is solved: memory and time an hour as the years grow",
    sizes=tuple(SIZES),
    run=run,
)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
