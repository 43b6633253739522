"""Writing packs: tables first, each under a temporary name that is renamed, the manifest last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from wattlas.data.digest import sha256_of
from wattlas.data.pack import MANIFEST, Generator, Manifest, ManifestEntry, PackTime
from wattlas.data.pack_lock import NEXT
from wattlas.data.reader.stamps import instant
from wattlas.data.schema import TABLES
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import TIME
from wattlas.data.whole_file import whole_file, write_text


@dataclass(frozen=True)
class NewTable:
    """A table to write, and what the manifest says of it."""

    frame: pl.DataFrame
    source: str
    licence: str = ""
    unit: str = ""
    note: str = ""
    file: str = ""
    """Path inside the pack; hours go to Parquet, all else to CSV unless given."""
    time_range: tuple[str, str] | None = None
    """Found from the hours unless given."""
    filled: Mapping[str, int] = field(default_factory=dict)
    unit_from: str = ""


@dataclass(frozen=True)
class PackHead:
    """What the manifest says of the pack as a whole."""

    name: str
    title: str
    time: PackTime | None = None
    """None for a pack without hours."""
    notice: str = ""
    kind: str = "hours"
    intensity_kind: str = "life-cycle"
    generator: Generator | None = None
    missing: Sequence[str] = ()


def write_pack(folder: Path, head: PackHead, tables: Mapping[str, NewTable]) -> Manifest:
    """Write all tables and the manifest; tables of a pack that is there already stay in it.

    A reader sees the old pack or the new one: all is written before the first file is renamed.
    Killed in between, the next writer finishes (`pack_lock`). Raises MachineError where the system
    refuses.
    """
    entries = dict(_entries_before(folder))
    with ExitStack() as renamed_together:
        for name, table in sorted(tables.items()):
            entries[name] = _write_table(folder, name, table, renamed_together)
        manifest = _manifest(head, entries)
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
        write_text(folder / NEXT, f"{text}\n")
    (folder / NEXT).replace(folder / MANIFEST)
    return manifest


def _manifest(head: PackHead, entries: Mapping[str, ManifestEntry]) -> Manifest:
    return Manifest.model_validate(
        {
            "name": head.name,
            "title": head.title,
            "notice": head.notice,
            "kind": head.kind,
            "time": head.time,
            "intensity_kind": head.intensity_kind,
            "generator": head.generator,
            "missing": tuple(head.missing),
            "tables": dict(sorted(entries.items())),
        }
    )


def _entries_before(folder: Path) -> dict[str, ManifestEntry]:
    file = folder / MANIFEST
    if not file.is_file():
        return {}
    return dict(Manifest.model_validate(json.loads(file.read_text(encoding="utf-8"))).tables)


def _write_table(
    folder: Path, name: str, table: NewTable, until_renamed: ExitStack
) -> ManifestEntry:
    schema = TABLES[name]
    frame = _stored(table.frame, schema)
    if schema.series:
        frame = frame.sort([*schema.series, TIME])
    file = table.file or f"{name}.{'parquet' if TIME in frame.columns else 'csv'}"
    temporary = until_renamed.enter_context(whole_file(folder / file))
    with temporary.open("wb") as written:
        if file.endswith(".parquet"):
            frame.write_parquet(written)
        else:
            frame.write_csv(written, datetime_format="%Y-%m-%dT%H:%M:%SZ")
    return ManifestEntry(
        file=file,
        source=table.source,
        licence=table.licence,
        unit=table.unit,
        time_range=table.time_range or _time_range(frame),
        sha256=sha256_of(temporary),
        rows=frame.height,
        note=table.note,
        filled=dict(table.filled),
        unit_from=table.unit_from,
    )


def _stored(frame: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    """Known columns in the types that files hold; a value that does not fit becomes null.

    A time without a zone is taken as UTC.
    """
    types = {"number": pl.Float64(), "whole": pl.Int64(), "flag": pl.Boolean()}
    frame = frame.with_columns(pl.selectors.datetime(time_zone=None).dt.replace_time_zone("UTC"))
    return frame.with_columns(
        instant(frame.schema[name], name)
        if column.kind == "time"
        else pl.col(name).cast(types.get(column.kind, pl.String()), strict=False)
        for column in schema.columns
        for name in (column.name, *column.also)
        if name in frame.columns
    )


def _time_range(frame: pl.DataFrame) -> tuple[str, str] | None:
    """First hour, and the end of the last one."""
    if TIME not in frame.columns or frame.is_empty():
        return None
    first, last = frame.select(
        first=pl.col(TIME).min().dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        last=(pl.col(TIME).max().dt.offset_by("1h")).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    ).row(0)
    return first, last
