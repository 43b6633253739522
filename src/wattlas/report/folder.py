"""From a study to the folder that can be mailed: meta.json, Parquet tables, report.html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.model.frames import frame
from wattlas.report.report import write_report
from wattlas.report.results import write_results

if TYPE_CHECKING:
    from wattlas.studies.study import Study


def save(study: Study, folder: str | Path) -> Path:
    """Write a study's results folder; returns the path of its report.

    Every file is written under a temporary name and renamed, and meta.json comes last, so that a
    folder whose writing was cut short is recognised. Raises InputError for a folder that cannot
    hold the tables.
    """
    frames = {name: frame(columns) for name, columns in study.tables.items()}
    return write_report(write_results(folder, study.meta, frames))
