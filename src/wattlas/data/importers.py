"""Importing hours: from the CSV that Electricity Maps lets people download, and plain tables.

Readers turn files into the rows of a `price` or `carbon` table; `pack_import.import_hours` judges
them and writes them into a pack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from wattlas.data.reader.dialect import ROW, read_frame
from wattlas.data.reader.stamps import says_zone, wall, zoned
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import CARBON, PRICE, TIME
from wattlas.errors import InputError, Problem, UsageError

VALUE = {schema.name: schema.values[0] for schema in (PRICE, CARBON)}
"""The column that an import fills, per table."""
UNITS: Mapping[str, tuple[str, float]] = {
    "usd/mwh": ("price", 1.0),
    "usd/kwh": ("price", 1e3),
    "usct/kwh": ("price", 10.0),
    "g/kwh": ("carbon", 1.0),
    "kg/mwh": ("carbon", 1.0),
    "kg/kwh": ("carbon", 1e3),
    "t/mwh": ("carbon", 1e3),
    "lb/mwh": ("carbon", 0.45359237),
}
"""Units that an import takes: the table they belong to, and what one is in the table's unit."""
ODBL = "ODbL-1.0, https://opendatacommons.org/licenses/odbl/1-0/"
_DECIMALS = 6


@dataclass(frozen=True)
class Imported:
    """Rows that were read, in the columns of their table, and where they came from."""

    table: str
    frame: pl.DataFrame
    source: str
    licence: str
    unit: str
    note: str = ""
    intensity_kind: Literal["life-cycle", "direct"] = "life-cycle"


def read_electricity_maps(
    files: Sequence[Path], intensity: Literal["life-cycle", "direct"] = "life-cycle"
) -> Imported:
    """Hourly carbon intensity from downloaded CSV files, of one or more zones and years.

    The headers have changed over time; capitals, the subscript and the name of the life-cycle
    column (LCA) are recognised by their words. Raises InputError with all that cannot be read.
    """
    problems: list[Problem] = []
    frames, estimated = [], 0
    for file in files:
        try:
            frame, guesses = _electricity_maps_file(file, intensity)
        except InputError as error:
            problems += error.problems
            continue
        frames.append(frame)
        estimated += guesses
    if problems or not frames:
        raise InputError(problems or [Problem("files", "none was given", "Name the CSV files.")])
    rows = pl.concat(frames)
    unit, note = CARBON[VALUE["carbon"]].unit, f"{intensity} average"
    if estimated:
        note += f"; {estimated:,} of {rows.height:,} hours are estimates of the publisher"
    return Imported("carbon", rows, "Electricity Maps", ODBL, unit, note, intensity_kind=intensity)


def _electricity_maps_file(file: Path, intensity: str) -> tuple[pl.DataFrame, int]:
    """Rows of one file, and how many of them are marked as estimated."""
    raw = _raw(file)
    words = {name: _plain(name) for name in raw.columns}
    kinds = ("life cycle", "lca") if intensity == "life-cycle" else ("direct",)
    time = _find(words, lambda w: w.startswith("datetime") and "utc" in w)
    zone = _find(words, lambda w: w == "zone id")
    value = _find(words, lambda w: w.startswith("carbon intensity") and any(k in w for k in kinds))
    kind = "Life cycle" if intensity == "life-cycle" else "direct"
    names = {"Datetime (UTC)": time, "Zone id": zone, f"Carbon intensity … ({kind})": value}
    if time is None or zone is None or value is None:
        fix = "Use the hourly CSV as it was downloaded, or import it as a plain table."
        raise _lacking([name for name, column in names.items() if column is None], raw, fix, file)
    rows = raw.select(
        _utc_text(pl.col(time)).alias(TIME),
        pl.col(zone).alias("zone"),
        _number(pl.col(value)).alias(VALUE["carbon"]),
        pl.col(time).alias("_stamp"),
    )
    problems = _unreadable_times(rows, time, "UTC", file)
    if problems:
        raise InputError(problems)
    flag = _find(words, lambda w: w == "data estimated")
    guesses = 0
    if flag is not None:
        guesses = raw.select(pl.col(flag).str.to_lowercase().eq("true").sum()).item() or 0
    return rows.drop("_stamp"), int(guesses)


def _raw(file: Path) -> pl.DataFrame:
    """The rows of a file as they stand, without spaces around cells; InputError if it has none."""
    raw = read_frame(file, str(file), nested=False).drop(ROW)
    raw = raw.with_columns(pl.col(pl.String).str.strip_chars())
    if raw.is_empty():
        raise InputError([Problem("(rows)", "there are none", "Give an hour.", str(file))])
    return raw


def _lacking(names: Sequence[str], raw: pl.DataFrame, fix: str, file: Path) -> InputError:
    """What is wrong with a file that lacks some columns."""
    what = f"this column is missing; there are: {', '.join(raw.columns)}"
    return InputError([Problem(name, what, fix, str(file)) for name in names])


def _plain(name: str) -> str:
    """A header as plain lower-case words: `Carbon Intensity gCO₂eq/kWh (LCA)` keeps its words."""
    letters = "".join(c if c.isalnum() else " " for c in name.lower().replace("₂", "2"))
    return " ".join(letters.split())


def _find(words: Mapping[str, str], fits: Callable[[str], bool]) -> str | None:
    return next((name for name, plain in words.items() if fits(plain)), None)


@dataclass(frozen=True)
class PlainLayout:
    """How a plain table is laid out."""

    table: Literal["price", "carbon"]
    time_column: str = TIME
    zone_column: str | None = None
    """Column of zones in a long table; without it each other column is a zone (a wide table)."""
    value_column: str | None = None
    """Column of values in a long table; in a wide one, all columns but the time, unless given."""
    zone: str | None = None
    """The one zone of a table that has a value column and no zone column."""
    unit: str = ""
    """One of `UNITS`; the unit of the table unless given."""
    factor: float = 1.0
    """Multiplies every value, e.g. by a rate of exchange."""
    time_zone: str = "UTC"
    """IANA zone of stamps without an offset; clock changes are resolved by the order of rows."""
    average: bool = False
    """Take the mean of stamps within an hour, e.g. of quarter hours."""


def read_plain(
    file: Path,
    layout: PlainLayout,
    source: str,
    licence: str = "",
    intensity: Literal["life-cycle", "direct"] = "life-cycle",
) -> Imported:
    """Hours from a CSV or Parquet table, long or wide, in local or universal time.

    Raises UsageError for an unknown unit or zone, InputError for what is wrong in the file.
    """
    scale = _scale(layout)
    raw = _raw(file)
    rows = _long_rows(raw, layout, file)
    rows = rows.with_columns(_to_utc(rows, layout.time_zone))
    value = VALUE[layout.table]
    rows = rows.with_columns((_number(pl.col(value)) * scale).round(_DECIMALS))
    problems = _unreadable_times(rows, layout.time_column, layout.time_zone, file)
    if problems:
        raise InputError(problems)
    if layout.average:
        rows = (
            rows.group_by("zone", pl.col(TIME).dt.truncate("1h"), maintain_order=True)
            .agg(pl.col(value).mean().round(_DECIMALS))
            .select(TIME, "zone", value)
        )
    table, unit = layout.table, TABLES[layout.table][value].unit
    rows = rows.select(TIME, "zone", value)
    return Imported(table, rows, source, licence, unit, intensity_kind=intensity)


def joined(parts: Sequence[Imported]) -> Imported:
    """Several files of the same table as one."""
    first = parts[0]
    sources = "; ".join(dict.fromkeys(part.source for part in parts))
    return replace(first, frame=pl.concat([part.frame for part in parts]), source=sources)


def _scale(layout: PlainLayout) -> float:
    """What a value of the file is in the unit of the table."""
    try:
        ZoneInfo(layout.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"--time-zone: there is no zone `{layout.time_zone}`; use IANA names"
        raise UsageError(message) from error
    if not layout.unit:
        return layout.factor
    table, scale = UNITS.get(layout.unit.lower(), ("", 0.0))
    if table != layout.table:
        fit = ", ".join(
            unit for unit, (unit_table, _) in UNITS.items() if unit_table == layout.table
        )
        raise UsageError(
            f"--unit: `{layout.unit}` is no unit of {layout.table}; wanted one of: {fit}. "
            "Another currency takes a rate of exchange with --factor."
        )
    return scale * layout.factor


def _long_rows(raw: pl.DataFrame, layout: PlainLayout, file: Path) -> pl.DataFrame:
    """Rows of stamp, zone and value, in the order of the file."""
    value = VALUE[layout.table]
    names = (layout.time_column, layout.zone_column, layout.value_column)
    time_column, zone_column, value_column = named = [name and name.strip() for name in names]
    lacking = [name for name in named if name is not None and name not in raw.columns]
    if lacking:
        fix = "Name the columns with --time-column, --zone-column and --value-column."
        raise _lacking(lacking, raw, fix, file)
    stamp = pl.col(str(time_column)).alias("_stamp")
    if zone_column is not None:
        column = value_column or value
        if column not in raw.columns:
            column = next(n for n in raw.columns if n not in named)
        zone = pl.col(zone_column).cast(pl.String).alias("zone")
        return raw.select(stamp, zone, pl.col(column).alias(value))
    if value_column is not None:
        zone = pl.lit(layout.zone or value_column).alias("zone")
        return raw.select(stamp, zone, pl.col(value_column).alias(value))
    zones = [name for name in raw.columns if name != time_column]
    parts = [raw.select(stamp, pl.lit(z).alias("zone"), pl.col(z).alias(value)) for z in zones]
    return pl.concat(parts, how="vertical_relaxed")


def _to_utc(rows: pl.DataFrame, zone: str) -> pl.Expr:
    """Stamps as UTC; a local hour that comes twice is summer time first, by the order of rows."""
    kind = rows.schema["_stamp"]
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return pl.col("_stamp").dt.convert_time_zone("UTC").dt.cast_time_unit("us").alias(TIME)
    if kind == pl.String:
        stamp = pl.col("_stamp")
        local = _localise(wall(stamp), zone)
        return pl.when(says_zone(stamp)).then(zoned(stamp)).otherwise(local).alias(TIME)
    return _localise(pl.col("_stamp").cast(pl.Datetime("us"), strict=False), zone).alias(TIME)


def _localise(clock: pl.Expr, zone: str) -> pl.Expr:
    """Wall times of a zone as UTC; the second time that an ambiguous one comes is winter time."""
    turn = pl.int_range(pl.len()).over("zone", "_stamp")
    occurrence = pl.when(turn == 0).then(pl.lit("earliest")).otherwise(pl.lit("latest"))
    local = clock.dt.replace_time_zone(zone, ambiguous=occurrence, non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _utc_text(column: pl.Expr) -> pl.Expr:
    """ISO 8601 text with an offset, or without one and then taken as UTC, as UTC."""
    return pl.coalesce(zoned(column), wall(column).dt.replace_time_zone("UTC"))


def _number(column: pl.Expr) -> pl.Expr:
    """Text or numbers as numbers; other text becomes null, which the checks find."""
    return column.cast(pl.Float64, strict=False)


def _unreadable_times(rows: pl.DataFrame, column: str, zone: str, file: Path) -> list[Problem]:
    """One problem for all stamps that are no time, or no time of the zone."""
    bad = rows.filter(pl.col(TIME).is_null())
    if bad.is_empty():
        return []
    first = ", ".join(str(stamp) for stamp in bad["_stamp"].unique(maintain_order=True).head(3))
    what = f"{bad.height} stamps are no time of the zone {zone}, the first: {first}"
    fix = (
        "Stamps look like 2023-01-31T13:00, with or without seconds and offset. A clock skips an "
        "hour in spring: check --time-zone."
    )
    return [Problem(column, what, fix, str(file))]
