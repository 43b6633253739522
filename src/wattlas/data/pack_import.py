"""Putting imported hours into a pack: judged first, then written whole.

Nothing is written where the rows have problems, unless gaps are allowed; then the manifest
names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from wattlas.data.clock_changes import DST_ZONES
from wattlas.data.hours_checks import HoursTable, check_hours
from wattlas.data.importers import Imported
from wattlas.data.pack import MANIFEST, Manifest, read_manifest
from wattlas.data.pack_lock import holding_pack
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import read_table, source_of
from wattlas.data.schema import TABLES
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, Problem

HOURLY = {name for name, schema in TABLES.items() if schema.series}
"""Tables over time."""


def zones_to_suspect(time_zone: str) -> tuple[str, ...]:
    """Zones whose clock changes a check looks for: that of the stamps first."""
    return tuple(dict.fromkeys([time_zone, *DST_ZONES]))


@dataclass(frozen=True)
class ImportResult:
    """What an import wrote."""

    folder: Path
    manifest: Manifest
    table: str
    rows: int
    zones: tuple[str, ...]
    gaps: tuple[Problem, ...]
    """What is wrong with the hours, where gaps were allowed."""


@holding_pack
def import_hours(
    new: Imported,
    folder: Path,
    *,
    name: str = "",
    title: str = "",
    allow_gaps: bool = False,
    overwrite: bool = False,
    time_zones: Sequence[str] = DST_ZONES,
) -> ImportResult:
    """Judge the rows, then write them as a table of a new pack, or into the one in the folder.

    Zones that the table of the pack has already are kept beside the new ones; the same zone
    needs `overwrite`. Raises InputError with every problem; nothing is written then.
    """
    schema = TABLES[new.table]
    rows = new.frame.sort(*schema.series, TIME)
    before = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    _check_fits(new, before, folder)
    source = replace(source_of(rows, schema, ""), titled=True)
    problems = check_hours(HoursTable(source, time_zones=tuple(time_zones)))
    if problems and not allow_gaps:
        raise InputError(problems)
    entry = None if before is None else before.tables.get(new.table)
    if before is not None and entry is not None:
        rows = _merged(folder / entry.file, rows, schema, overwrite)
    start, hours = _time_of(rows, before, new.table)
    kind = new.intensity_kind
    missing = [*(before.missing if before else ()), *(f"{p.where}: {p.what}." for p in problems)]
    sources = [s for s in ((entry.source if entry else ""), new.source) if s]
    head = PackHead(
        name=name or (before.name if before else folder.name),
        title=title or (before.title if before else f"Hours imported into {folder.name}"),
        start_utc=start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        hours=hours,
        notice=before.notice if before else "",
        intensity_kind=before.intensity_kind if before and new.table != "carbon" else kind,
        missing=tuple(dict.fromkeys(missing)),
    )
    licences = [s for s in ((entry.licence if entry else ""), new.licence) if s]
    table = NewTable(
        rows,
        source="; ".join(dict.fromkeys(sources)),
        licence="; ".join(dict.fromkeys(licences)),
        unit=new.unit,
        note=new.note,
    )
    manifest = write_pack(folder, head, {new.table: table})
    zones = tuple(rows["zone"].unique().sort())
    return ImportResult(folder, manifest, new.table, rows.height, zones, tuple(problems))


def _check_fits(new: Imported, before: Manifest | None, folder: Path) -> None:
    """Hours do not go into a typical pack, nor direct intensities beside life-cycle ones."""
    if before is None:
        return
    what = ""
    both_carbon = "carbon" in before.tables and new.table == "carbon"
    if before.kind == "typical":
        what = "the pack makes its hours from figures of a typical year"
    elif both_carbon and before.intensity_kind != new.intensity_kind:
        what = f"the pack has {before.intensity_kind} intensities, the files {new.intensity_kind}"
    if what:
        where = f"pack {before.name}"
        fix = "Import into another folder."
        raise InputError([Problem(where, what, fix, str(folder / MANIFEST))])


def _merged(file: Path, rows: pl.DataFrame, schema: TableSchema, overwrite: bool) -> pl.DataFrame:
    """The rows in the pack and the new ones; a zone in both is an error unless replaced."""
    old = typed(read_table(file, schema, str(file)), bounds=False).frame.drop(ROW)
    shared_zones = sorted(set(old["zone"]) & set(rows["zone"]))
    if shared_zones and not overwrite:
        what = "the pack has hours of this zone already"
        fix = "Import into another folder, or give --replace."
        raise InputError(
            [Problem(f"{schema.name}.{z}", what, fix, str(file)) for z in shared_zones]
        )
    remaining = old.filter(~pl.col("zone").is_in(shared_zones))
    return pl.concat([remaining, rows], how="diagonal_relaxed")


def _time_of(rows: pl.DataFrame, before: Manifest | None, table: str) -> tuple[datetime, int]:
    """First hour and number of hours that all hourly tables of the pack share.

    A table may reach further: a study uses the hours that all have.
    """
    low, high = rows[TIME].min(), rows[TIME].max()
    assert isinstance(low, datetime)
    assert isinstance(high, datetime)
    ends = [high + timedelta(hours=1)]
    starts = [low]
    for name, entry in (before.tables if before else {}).items():
        if name != table and name in HOURLY and entry.time_range:
            starts.append(datetime.fromisoformat(entry.time_range[0]))
            ends.append(datetime.fromisoformat(entry.time_range[1]))
    start, end = max(starts), min(ends)
    if end <= start:
        what = f"its hours ({low:%Y-%m-%d} to {high:%Y-%m-%d}) share none with the other tables"
        raise InputError([Problem(table, what, "Import the same hours, or into another folder.")])
    return start, int((end - start) / timedelta(hours=1))
