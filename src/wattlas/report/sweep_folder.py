"""A sweep's runs collected: `sweep.parquet` and `report.html` in its folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from wattlas.data.frame_file import write_frame
from wattlas.data.whole_file import write_text
from wattlas.report.report import render_report
from wattlas.report.results import Results
from wattlas.studies.sweeps.carry_out import carry_out
from wattlas.studies.sweeps.change import Written
from wattlas.studies.sweeps.design import SweepDesign
from wattlas.studies.sweeps.folder import SweepFolder, sweep_in
from wattlas.studies.sweeps.found import SweepFindings
from wattlas.studies.sweeps.workers import workers_of


def collect(sweep: SweepFolder) -> SweepFindings:
    """Write the table and the report of what is finished. Raises MachineError."""
    findings = SweepFindings(sweep, sweep.table())
    write_frame(findings.table_path, findings.rows)
    meta = {**findings.meta(), "created_utc": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(findings.report_path, render_report(Results(meta, findings.page_tables())))
    return findings


def sweep_into(
    folder: str | Path,
    scenario: str | Path,
    design: SweepDesign,
    *,
    set: tuple[str, ...] = (),
    jobs: int | None = 1,
    cluster: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> SweepFindings:
    """Carry out what is missing of a sweep in a folder, collect and rank it.

    `scenario` is a path or an example's name, `set` texts as `load` takes them. `jobs` runs at a
    time, in processes of their own where there are several, None for as many as there are cores;
    `cluster` is the address of a Ray or Dask cluster. A script that asks for processes keeps its
    work below `if __name__ == "__main__":`. Raises UsageError, InputError, MachineError.
    """
    sweep = sweep_in(Path(folder), Written(Path(scenario), settings=tuple(set)), design)
    todo = len(sweep.missing())
    if todo:
        carry_out(sweep, workers_of(cluster, jobs, todo), progress)
    return collect(sweep)
