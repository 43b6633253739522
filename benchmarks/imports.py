"""Hours from CSV files into a pack, and the check of it, in processes of their own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.study import measured

SIZES = {"tiny": (2, 240, 0, 0), "usual": (60, 8760, 100, 1_000_000)}
"""Zones, hours, megabytes of a large file, columns of one that is on its side."""
IMPORT_S, CHECK_S, LARGE_MIB, WIDE_S = 15.0, 6.0, 1024.0, 5.0
COLUMNS = ["--as", "price", "--time-column", "t", "--zone-column", "zone", "--value-column", "p"]


def run(options: RunOptions) -> Sequence[Figure]:
    """Seconds and peak memory; files are written before the clock runs."""
    zones, hours, megabytes, columns = SIZES[options.size]
    command = str(Path(sys.executable).with_name("wattlas"))
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bring = [command, "data", "import"]
        _long(folder / "long.csv", zones, hours, timedelta(hours=1))
        pack = str(folder / "pack")
        brought = measured([*bring, str(folder / "long.csv"), *COLUMNS, "--into", pack])
        judged = measured([command, "data", "check", pack])
        what = f"{zones} zones × {hours:,} h, CPU time"
        note = f"{what} {brought.cpu_s:.1f} s"
        figures.append(Figure("import", brought.wall_s, target=IMPORT_S, note=note))
        note = f"{what} {judged.cpu_s:.1f} s"
        figures.append(Figure("check", judged.wall_s, target=CHECK_S, note=note))
        if megabytes:
            rows = megabytes * 1_000_000 // 38
            _long(folder / "large.csv", 27, rows // 27, timedelta(minutes=5))
            large = [*bring, str(folder / "large.csv"), *COLUMNS, "--average"]
            ran = measured([*large, "--allow-gaps", "--into", str(folder / "large")])
            size = (folder / "large.csv").stat().st_size / 1e6
            told = f"{size:.0f} MB of steps of 5 min, {ran.wall_s:.0f} s"
            figures.append(Figure("peak memory", ran.peak_mib, "MiB", target=LARGE_MIB, note=told))
        if columns:
            wide = folder / "wide.csv"
            wide.write_text("t," + ",".join(f"c{n}" for n in range(columns)) + "\n", "utf-8")
            refused = f"'{command}' data import '{wide}' --as price --into '{folder / 'no'}'"
            ran = measured(["sh", "-c", f"{refused}; test $? = 3"])
            note = f"{columns:,} columns"
            figures.append(Figure("refusal", ran.wall_s, target=WIDE_S, note=note))
    return figures


def _long(file: Path, zones: int, steps: int, step: timedelta) -> None:
    """A table of stamps, zones and prices that follow no pattern."""
    begin = datetime(2023, 1, 1)
    stamps = [f"{begin + n * step:%Y-%m-%dT%H:%M:%SZ}" for n in range(steps)]
    with file.open("w", encoding="utf-8") as out:
        out.write("t,zone,p\n")
        for zone in range(zones):
            out.writelines(
                f"{stamp},ZONE{zone:02d},{(n * 7919 + zone * 104729) % 99991 / 1000:.6f}\n"
                for n, stamp in enumerate(stamps)
            )


BENCHMARK = Benchmark(
    name="imports",
    tells="`wattlas data import` and `check` of CSV files: seconds and peak memory",
    sizes=("tiny", "usual"),
    run=run,
)
