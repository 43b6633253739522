"""Judging a whole pack, or one table: everything that is wrong with it, each thing named once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from wattlas.data.clock_changes import DST_ZONES
from wattlas.data.hours_checks import HoursTable, check_hours
from wattlas.data.pack import (
    GENERATED,
    MANIFEST,
    Manifest,
    Pack,
    check_files,
    find_pack,
    read_manifest,
)
from wattlas.data.pack_tables import HOURLY_KEYS, LAYOUTS, TEXT, TIME, conform, read_raw
from wattlas.errors import InputError, Problem

KEYS = {
    "metros": ("metro",),
    "nodes": ("node",),
    "regions": ("region",),
    "rtt_metro_node": ("metro", "node"),
    "rtt_node_region": ("node", "region"),
    "egress": ("node", "region"),
    "points": ("point",),
    "profiles": ("point",),
    "point_accuracy": ("class", "point"),
    "classes": ("class",),
}
"""Columns that tell the rows of a table apart."""
OWNERS = {"metro": "metros", "node": "nodes", "region": "regions", "point": "points"}
"""The table whose rows a column of ids refers to."""
BOUNDS: dict[str, tuple[float, float]] = {
    "pue": (1.0, 3.0),
    "lat_deg": (-90.0, 90.0),
    "lon_deg": (-180.0, 180.0),
    "accuracy": (0.0, 1.0),
    "gpqa": (0.0, 1.0),
    "population": (0.0, 1e9),
    "rtt_ms": (0.0, 2000.0),
    "egress_usd_per_gb": (0.0, 10.0),
}
"""Least and greatest value that a column can have."""


@dataclass(frozen=True)
class Verdict:
    """What a check found, and what it looked at."""

    path: str
    name: str
    rows: dict[str, int]
    """Rows of each table that was judged."""
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    """What the pack itself says it lacks."""

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def check_path(name_or_path: str, table: str | None = None) -> Verdict:
    """Judge a pack by name or folder, or a single CSV or Parquet table.

    `table` names what a single file is where its columns do not tell. Raises InputError only
    where there is nothing to judge.
    """
    file = Path(name_or_path)
    if file.is_file() and file.name != MANIFEST:
        return _check_file(file, table)
    folder = file.parent if file.name == MANIFEST else find_pack(name_or_path)
    try:
        manifest = read_manifest(folder)
    except InputError as error:
        return Verdict(name_or_path, folder.name, {}, error.problems)
    return check_pack(folder, manifest)


def check_pack(folder: Path, manifest: Manifest) -> Verdict:
    """Judge all tables of a pack, alone and against each other."""
    problems = list(check_files(folder, manifest))
    frames: dict[str, pl.DataFrame] = {}
    files: dict[str, str] = {}
    for name, entry in manifest.tables.items():
        file = folder / entry.file
        if name in LAYOUTS and file.is_file():
            files[name] = str(file)
            problems += _read_into(frames, name, file)
    if manifest.kind == "typical":
        problems += _generate_into(frames, files, folder, manifest)
    zones = _time_zones(frames)
    for name, frame in frames.items():
        if name in HOURLY_KEYS:
            start = datetime.fromisoformat(manifest.time.start_utc)
            hours = manifest.time.hours
            problems += check_hours(HoursTable(name, frame, files[name], start, hours, zones))
        else:
            problems += check_facts(name, frame, files[name])
    problems += check_references(frames, files)
    problems += check_signals(frames, files)
    rows = {name: frame.height for name, frame in sorted(frames.items())}
    return Verdict(str(folder), manifest.name, rows, tuple(problems), manifest.missing)


def _check_file(file: Path, table: str | None) -> Verdict:
    frames: dict[str, pl.DataFrame] = {}
    name = table or guess_table(read_raw(file).columns, file)
    problems = list(_read_into(frames, name, file))
    for frame in frames.values():
        if name in HOURLY_KEYS:
            problems += check_hours(HoursTable(name, frame, str(file)))
        else:
            problems += check_facts(name, frame, str(file))
    rows = {table: frame.height for table, frame in frames.items()}
    return Verdict(str(file), name, rows, tuple(problems))


def guess_table(columns: list[str], file: Path) -> str:
    """The table whose required columns these are, by the most columns shared."""
    for name, layout in LAYOUTS.items():
        if file.stem == name and set(layout.required) & set(columns):
            return name
    fit = [name for name, layout in LAYOUTS.items() if set(layout.required) <= set(columns)]
    if fit:
        return max(fit, key=lambda name: len(LAYOUTS[name].required))
    raise InputError(
        [
            Problem(
                file.name,
                f"the columns fit no table that is known: {', '.join(columns)}",
                "Say which it is with `--table`, or import it with `wattlas data import`.",
                str(file),
            )
        ]
    )


def _read_into(frames: dict[str, pl.DataFrame], name: str, file: Path) -> list[Problem]:
    """Read a table; times that are no text stay as they are, so that they can be judged."""
    try:
        frame = read_raw(file, LAYOUTS[name])
    except (OSError, pl.exceptions.PolarsError) as error:
        return [Problem(name, f"it cannot be read: {error}", "Fix the file.", str(file))]
    if frame.schema.get(TIME) == TEXT:
        parsed = conform(frame.select(TIME), LAYOUTS[name])
        frame = frame.with_columns(parsed[TIME])
    frames[name] = frame
    return []


def _generate_into(
    frames: dict[str, pl.DataFrame], files: dict[str, str], folder: Path, manifest: Manifest
) -> list[Problem]:
    """Add the hours that a typical pack makes from its figures."""
    pack = Pack(folder, manifest)
    try:
        for made, figures in GENERATED.items():
            frames[made] = pack.frame(made)
            files[made] = files.get(figures, str(folder))
    except InputError as error:
        return list(error.problems)
    return []


def _time_zones(frames: dict[str, pl.DataFrame]) -> tuple[str, ...]:
    """Zones of the regions first, then the common ones."""
    regions = frames.get("regions")
    if regions is None or "timezone" not in regions.columns:
        return DST_ZONES
    known = [zone for zone in regions["timezone"].drop_nulls().unique().sort() if _is_zone(zone)]
    return tuple(dict.fromkeys([*known, *DST_ZONES]))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def check_facts(name: str, frame: pl.DataFrame, file: str) -> Iterator[Problem]:
    """A table without hours: missing columns, empty cells, doubled rows, impossible values."""
    for column in LAYOUTS[name].required:
        if column not in frame.columns:
            there = ", ".join(frame.columns)
            yield Problem(
                f"{name}.{column}", f"the column is missing; there are: {there}", "Add it.", file
            )
        elif empty := frame[column].null_count():
            yield Problem(f"{name}.{column}", f"{empty} rows have none", "Fill them in.", file)
    keys = [key for key in KEYS.get(name, ()) if key in frame.columns]
    if keys:
        doubled = frame.group_by(keys, maintain_order=True).len().filter(pl.col("len") > 1)
        for row in doubled.select(keys).iter_rows():
            where = f"{name}.{'.'.join(map(str, row))}"
            yield Problem(where, "it is there more than once", "Keep one row.", file)
    for column, (low, high) in BOUNDS.items():
        yield from _check_bounds(name, frame, column, low, high, file)
    if "timezone" in frame.columns:
        for zone in frame["timezone"].drop_nulls().unique().sort():
            if not _is_zone(zone):
                what = f"`{zone}` is not a time zone"
                yield Problem(f"{name}.timezone", what, "Use IANA names: Africa/Lagos.", file)


def _check_bounds(
    name: str, frame: pl.DataFrame, column: str, low: float, high: float, file: str
) -> Iterator[Problem]:
    if column not in frame.columns or not frame.schema[column].is_numeric():
        return
    keys = KEYS.get(name, ())
    for row in frame.filter(~pl.col(column).is_between(low, high)).iter_rows(named=True):
        where = ".".join([name, *(str(row.get(key)) for key in keys), column])
        what = f"found {row[column]:g}, wanted {low:g} to {high:g}"
        yield Problem(where, what, "Correct the value, or its unit.", file)


def check_references(frames: dict[str, pl.DataFrame], files: dict[str, str]) -> Iterator[Problem]:
    """Ids that no row of their table has."""
    for name, frame in frames.items():
        for column, owner in OWNERS.items():
            if owner == name or owner not in frames or column not in frame.columns:
                continue
            if KEYS.get(name) == (column,):  # rows of its own, not of another table
                continue
            if column not in frames[owner].columns:
                continue
            known = frames[owner][column].cast(pl.String)
            given = frame[column].cast(pl.String).drop_nulls().unique(maintain_order=True)
            for stray in given.filter(~given.is_in(known.to_list())):
                yield Problem(
                    f"{name}.{column}",
                    f"`{stray}` is not in the table {owner}",
                    f"Add it to {owner}, or leave the rows out.",
                    files[name],
                )


def check_signals(frames: dict[str, pl.DataFrame], files: dict[str, str]) -> Iterator[Problem]:
    """Zones without a price or without carbon: those of the regions, or any without regions."""
    have = {
        name: set(frames[name]["zone"].drop_nulls().cast(pl.String))
        for name in ("price", "carbon")
        if name in frames and "zone" in frames[name].columns
    }
    regions = frames.get("regions")
    if regions is not None and "zone" in regions.columns:
        wanted = set(regions["zone"].drop_nulls().cast(pl.String))
        at = files["regions"]
    elif len(have) == len(("price", "carbon")):
        wanted, at = have["price"] | have["carbon"], files["price"]
    else:
        return
    for signal in ("price", "carbon"):
        for zone in sorted(wanted - have.get(signal, set())):
            yield Problem(
                f"{signal}.{zone}",
                f"the zone {zone} has no {'price' if signal == 'price' else 'carbon intensity'}",
                f"Add its hours to the table {signal}, or leave out the regions on it.",
                files.get(signal, at),
            )
