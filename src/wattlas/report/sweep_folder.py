"""A sweep's runs collected: `sweep.parquet` and `report.html` in its folder."""

from __future__ import annotations

from datetime import UTC, datetime

from wattlas.data.frame_file import write_frame
from wattlas.data.whole_file import write_text
from wattlas.report.report import render_report
from wattlas.report.results import Results
from wattlas.studies.sweeps.folder import Sweep
from wattlas.studies.sweeps.found import Found


def collect(sweep: Sweep) -> Found:
    """Write the table and the report of what is finished. Raises MachineError."""
    found = Found(sweep, sweep.table())
    write_frame(found.table_path, found.rows)
    meta = {**found.meta(), "created_utc": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(found.report_path, render_report(Results(meta, found.page_tables())))
    return found
