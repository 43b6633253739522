"""From a study to the folder that can be mailed: meta.json, Parquet tables, report.html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.data.target import try_folder
from wattlas.model.frames import frame
from wattlas.report.report import render_report
from wattlas.report.results import REPORT, names_in, write_results
from wattlas.report.vendor import fixed_bytes
from wattlas.report.whole_folder import refuse_others

if TYPE_CHECKING:
    from wattlas.studies.replays import Replayed
    from wattlas.studies.study import Study


def save(study: Study | Replayed, folder: str | Path) -> Path:
    """Write the results folder of a study or a replay; returns the path of its report.

    A folder that holds earlier results gets the new ones as a whole. Raises UsageError for a folder
    that holds other things, MachineError where the system refuses to write.
    """
    frames = {name: frame(columns) for name, columns in study.named_tables().items()}
    write_results(folder, study.meta, frames, render_report)
    return Path(folder) / REPORT


def claim(folder: Path) -> None:
    """Find out whether a study can be saved there, before it is made. Raises as `save` does."""
    refuse_others(folder, names_in(folder))
    try_folder(folder, need_bytes=fixed_bytes())
