"""The tables of a tier design in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.data.target import try_folder
from wattlas.model.frames import frame
from wattlas.report.columns import columns_of_tables
from wattlas.report.results import write_frame
from wattlas.report.whole_folder import refuse_others, whole_folder
from wattlas.studies.tier_tables import tier_tables

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.offers import TierDesign


def claim_tiers(folder: Path) -> None:
    """Find out whether a design can be saved there, before it is made. Raises as `save_tiers`."""
    refuse_others(folder, _names())
    try_folder(folder)


def save_tiers(folder: Path, design: TierDesign, parts: Table | None) -> None:
    """Write the tables of a design, and how its saving is split where that is known.

    Raises UsageError for a folder that holds other things, MachineError where the system refuses.
    """
    tables = tier_tables(design)
    if parts is not None:
        tables["tier_split"] = parts
    with whole_folder(folder, _names()) as staging:
        for name, columns in tables.items():
            write_frame(staging / f"{name}.parquet", frame(columns))


def _names() -> set[str]:
    return {f"{name}.parquet" for name in columns_of_tables()}
