"""Some tables of a study in a folder of their own, without a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.data.frame_file import write_frame
from wattlas.data.target import try_folder
from wattlas.model.frames import frame
from wattlas.report.columns import columns_of_tables
from wattlas.report.whole_folder import refuse_others, whole_folder

if TYPE_CHECKING:
    from wattlas.model.table import Table


def claim_tables(folder: Path) -> None:
    """Find out whether tables can be saved there, before they are made. Raises as `save_tables`."""
    refuse_others(folder, _names())
    try_folder(folder)


def save_tables(folder: Path, tables: Mapping[str, Table]) -> None:
    """Write tables of registered names as Parquet, whole; those of an earlier time are replaced.

    Raises UsageError for a folder that holds other things, MachineError where the system refuses.
    """
    with whole_folder(folder, _names()) as staging:
        for name, columns in tables.items():
            write_frame(staging / f"{name}.parquet", frame(columns))


def _names() -> set[str]:
    return {f"{name}.parquet" for name in columns_of_tables()}
