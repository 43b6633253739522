"""Putting imported rows into a pack: judged first, merged with what is there, then written whole.

Nothing is written where something is wrong, unless gaps are allowed; then the manifest names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from wattlas.data.hours_checks import HoursTable, lacks
from wattlas.data.importers import Imported, Rules, prepare
from wattlas.data.pack import MANIFEST, Manifest, ManifestEntry, PackTime, read_manifest
from wattlas.data.pack_lock import holding_pack
from wattlas.data.pack_merge import MergeCounts, merged_hours, merged_pairs
from wattlas.data.pack_span import shared_time
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import read_table, source_of
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, Problem


@dataclass(frozen=True)
class ImportResult:
    """What an import wrote."""

    folder: Path
    manifest: Manifest
    table: str
    rows: int
    """Rows of the table, those of before with them."""
    zones: tuple[str, ...]
    """Series of the table: zones, metros, regions or nodes."""
    counts: MergeCounts
    notes: tuple[str, ...]
    """What a reader should know of how the files were read, and what was done to them."""
    gaps: tuple[Problem, ...]
    """What is wrong with the hours, where gaps were allowed."""


@holding_pack
def import_hours(
    new: Imported,
    folder: Path,
    rules: Rules | None = None,
    *,
    name: str = "",
    title: str = "",
    overwrite: bool = False,
) -> ImportResult:
    """Judge the rows, then write them as a table of a new pack, or into the one in the folder.

    Hours that the pack lacks are added; hours that it has with other values need `overwrite`, and
    are then replaced one by one. Raises InputError with every problem; nothing is written then.
    """
    schema, rules = TABLES[new.table], rules or Rules()
    before = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    _check_fits(new, before, folder)
    gaps: tuple[Problem, ...] = ()
    if schema.series:
        new, gaps = (made := prepare(new, rules)).rows, made.gaps
    else:
        new = _pairs(new)
    entry = None if before is None else before.tables.get(new.table)
    rows, counts = new.frame, MergeCounts(added=new.frame.height)
    if entry is not None:
        file = folder / entry.file
        need = (TIME, *schema.series) if schema.series else schema.key
        old = typed(read_table(file, schema, str(file)), need=need, bounds=False).frame.drop(ROW)
        if schema.series:
            rows, counts = merged_hours(old, new, str(file), overwrite, rules.allow_gaps)
        else:
            rows, counts = merged_pairs(old, new, str(file), overwrite)
    time = shared_time(folder, before, new.table, rows)
    head = PackHead(
        name=name or (before.name if before else folder.resolve().name),
        title=title or (before.title if before else f"Imported into {folder.resolve().name}"),
        time=time,
        notice=before.notice if before else "",
        kind="hours" if schema.series else before.kind if before else "facts",
        generator=before.generator if before else None,
        intensity_kind=before.intensity_kind if before and not _average(new) else new.intensity,
        missing=_missing(before, new.table, rows, time, rules.allow_gaps),
    )
    manifest = write_pack(folder, head, {new.table: _table(rows, new, entry)})
    zones = tuple(rows[(schema.series or schema.key)[0]].unique().sort())
    return ImportResult(folder, manifest, new.table, rows.height, zones, counts, new.notes, gaps)


def _missing(
    before: Manifest | None, table: str, rows: pl.DataFrame, time: PackTime | None, told: bool
) -> tuple[str, ...]:
    """What the pack lacks: of this table what its rows lack now, of others what was known."""
    known = before.missing if before else ()
    gaps = before.told_gaps(table) if before else {}
    if not TABLES[table].series or time is None or not (told or gaps):
        return known
    start = datetime.fromisoformat(time.start_utc)
    judged = HoursTable(source_of(rows, TABLES[table], ""), start, time.hours)
    others = [text for text in known if text not in gaps.values()]
    return (*others, *(f"{table}.{series}: {what}." for series, what in lacks(judged)))


def _average(new: Imported) -> bool:
    return "average_g_per_kwh" in new.values


def _check_fits(new: Imported, before: Manifest | None, folder: Path) -> None:
    """Hours do not go into a typical pack, nor direct intensities beside life-cycle ones."""
    if before is None:
        return
    what = ""
    both_carbon = "carbon" in before.tables and _average(new)
    if before.kind == "typical" and TABLES[new.table].series:
        what = "the pack makes its hours from figures of a typical year"
    elif both_carbon and before.intensity_kind != new.intensity:
        what = f"the pack has {before.intensity_kind} intensities, the files {new.intensity}"
    if what:
        where = f"pack {before.name}"
        fix = "Import into another folder."
        raise InputError([Problem(where, what, fix, str(folder / MANIFEST))])


def _table(rows: pl.DataFrame, new: Imported, entry: ManifestEntry | None) -> NewTable:
    """What is written, and what the manifest says of it: sources and notes of before with it."""

    def joined(*texts: str) -> str:
        parts = [part for text in texts for part in text.split("; ") if part]
        return "; ".join(dict.fromkeys(parts))

    filled = dict(entry.filled if entry else {})
    for series, count in new.filled.items():
        filled[series] = filled.get(series, 0) + count
    unit = TABLES[new.table][new.values[0]].unit
    return NewTable(
        rows,
        source=joined(entry.source if entry else "", new.source),
        licence=joined(entry.licence if entry else "", new.licence),
        unit=unit,
        note=joined(entry.note if entry else "", *_lasting(new)),
        filled=filled,
        unit_from=new.unit_from if entry is None or entry.unit_from else "",
    )


def _lasting(new: Imported) -> Sequence[str]:
    kind = [f"{new.intensity} average"] if _average(new) else []
    return [*kind, *(note.replace("; ", ", ") for note in new.notes)]


def _pairs(new: Imported) -> Imported:
    """Pairs judged: what has no figure is left out and told, what is wrong is refused."""
    schema, value = TABLES[new.table], new.values[0]
    known = new.frame.drop_nulls(value)
    source = replace(source_of(known, schema, ""), titled=True)
    cells = typed(source, need=(*schema.key, value))
    problems = [*cells.problems, *doubled(source, cells.frame)[0]]
    if known.is_empty():
        problems.append(Problem(new.table, "no pair has a figure", "Check --value-column."))
    if problems:
        raise InputError(problems)
    empty = new.frame.height - known.height
    notes = [f"{empty} pairs have no figure and are left out"] if empty else []
    method = known.with_columns(pl.lit("measured").alias("method"))
    return replace(new, frame=method, notes=(*new.notes, *notes))
