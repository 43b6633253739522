"""Judging a whole pack, or one table: everything that is wrong with it, each thing named once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from wattlas.data.clock_changes import DST_ZONES
from wattlas.data.hours_checks import HoursTable, check_hours, told_gaps
from wattlas.data.hours_units import suspicions
from wattlas.data.pack import (
    GENERATED,
    MANIFEST,
    Manifest,
    Pack,
    check_files,
    find_pack,
    read_manifest,
)
from wattlas.data.place_checks import Site, implausible_trip, misplaced
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW, read_frame
from wattlas.data.reader.source import SourceTable, read_table, source_of
from wattlas.data.schema import TABLES
from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.geography import is_timezone
from wattlas.model.suggest import did_you_mean

Sources = dict[str, SourceTable]
"""Tables by name."""


@dataclass(frozen=True)
class DataCheck:
    """What a check found, and what it looked at."""

    path: str
    name: str
    rows: dict[str, int]
    """Rows of each table that was judged."""
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """What looks wrong and may be right."""
    notes: tuple[str, ...] = ()
    """What the pack itself says it lacks."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong; what is only unusual is a warning."""
        return not self.problems


def check_path(name_or_path: str, table: str | None = None) -> DataCheck:
    """Judge a pack by name or folder, or a single CSV or Parquet table.

    `table` names what a single file is where its columns do not show it. Raises InputError only
    where there is nothing to judge.
    """
    file = Path(name_or_path)
    if file.is_file() and file.name != MANIFEST:
        return _check_file(file, table)
    folder = file.parent if file.name == MANIFEST else find_pack(name_or_path)
    try:
        manifest = read_manifest(folder)
    except InputError as error:
        return DataCheck(name_or_path, folder.name, {}, error.problems)
    return check_pack(folder, manifest)


def check_pack(folder: Path, manifest: Manifest) -> DataCheck:
    """Judge all tables of a pack, alone and against each other."""
    problems = list(check_files(folder, manifest))
    tables: Sources = {}
    for name, entry in manifest.tables.items():
        file = folder / entry.file
        if name in TABLES and file.is_file():
            problems += _read_into(tables, name, file)
    if manifest.kind == "typical":
        problems += _generate_into(tables, folder, manifest)
    time, zones = manifest.time, _time_zones(tables)
    start = None if time is None else datetime.fromisoformat(time.start_utc)
    warnings: list[Problem] = []
    for name, table in tables.items():
        if table.schema.series:
            gaps = frozenset(manifest.told_gaps(name))
            judged = HoursTable(table, start, None if time is None else time.hours, zones, gaps)
            problems += check_hours(judged)
            warnings += told_gaps(judged) if gaps else []
            known = manifest.tables.get(name)
            warnings += [] if known is not None and known.unit_from else suspicions(judged)
        else:
            problems += check_facts(table)
    problems += check_references(tables)
    problems += check_signals(tables)
    warnings += check_places(tables)
    rows = {name: table.frame.height for name, table in sorted(tables.items())}
    verdict = (tuple(dict.fromkeys(problems)), tuple(warnings))
    return DataCheck(str(folder), manifest.name, rows, *verdict, manifest.missing)


def _check_file(file: Path, named: str | None) -> DataCheck:
    tables: Sources = {}
    if named is not None and named not in TABLES:
        raise UsageError(f"--table: there is no table `{named}`; {did_you_mean(named, TABLES)}")
    name = named or guess_table(_columns(file), file)
    problems = _read_into(tables, name, file)
    warnings: list[Problem] = []
    for table in tables.values():
        if table.schema.series:
            judged = HoursTable(table)
            problems += check_hours(judged)
            warnings += suspicions(judged)
        else:
            problems += check_facts(table)
    warnings += check_places(tables)
    rows = {name: table.frame.height for name, table in tables.items()}
    return DataCheck(str(file), name, rows, tuple(problems), tuple(warnings))


def _columns(file: Path) -> list[str]:
    """The names of a file's columns; the header is the first line that fits a table."""

    def fits(cells: Sequence[str]) -> bool:
        return any(set(schema.in_packs) <= set(cells) for schema in TABLES.values())

    return [name for name in read_frame(file, str(file), fits).columns if name != ROW]


def guess_table(columns: list[str], file: Path) -> str:
    """The table whose required columns these are, by the most columns shared."""
    for name, schema in TABLES.items():
        pairs = len(schema.key) == 2 and len(schema.values) == 1 and not schema.series
        if file.stem == name and (pairs or set(schema.in_packs) & set(columns)):
            return name
    fit = [name for name, schema in TABLES.items() if set(schema.in_packs) <= set(columns)]
    if fit:
        return max(fit, key=lambda name: len(TABLES[name].in_packs))
    what = f"the columns fit no table that is known: {', '.join(columns)}"
    fix = "Say which it is with `--table`, or import it with `wattlas data import`."
    raise InputError([Problem(file.name, what, fix, str(file))])


def _read_into(tables: Sources, name: str, file: Path) -> list[Problem]:
    """Read a table, or say why it cannot be read."""
    try:
        tables[name] = replace(read_table(file, TABLES[name], str(file)), titled=True)
    except InputError as error:
        return list(error.problems)
    return []


def _generate_into(tables: Sources, folder: Path, manifest: Manifest) -> list[Problem]:
    """Add the hours that a typical pack makes from its figures."""
    pack = Pack(folder, manifest)
    try:
        for made, figures in GENERATED.items():
            label = str(pack.file(figures) or folder)
            made_table = source_of(pack.frame(made), TABLES[made], label)
            tables[made] = replace(made_table, titled=True)
    except InputError as error:
        return list(error.problems)
    return []


def _time_zones(tables: Sources) -> tuple[str, ...]:
    """Zones of the regions first, then the common ones."""
    known = sorted(zone for zone in _values(tables, "regions", "timezone") if is_timezone(zone))
    return tuple(dict.fromkeys([*known, *DST_ZONES]))


def _values(tables: Sources, name: str, column: str) -> list[str]:
    """The distinct texts of a column, in order; none where there is no such column."""
    if name not in tables or column not in tables[name].columns:
        return []
    texts = tables[name].frame[column].cast(pl.String).str.strip_chars().drop_nulls()
    return [text for text in texts.unique(maintain_order=True) if text]


def check_facts(table: SourceTable) -> Iterator[Problem]:
    """A table without hours: missing columns, wrong cells, doubled rows, unusual values."""
    cells = typed(table, need=table.schema.in_packs)
    yield from cells.problems
    yield from doubled(table, cells.frame)[0]
    for column in table.schema.columns:
        if column.usual is not None and column.name in cells.frame.columns:
            low, high = column.usual
            already_reported = pl.col(ROW).is_in(sorted(cells.bad.get(column.name, ())))
            beyond = cells.frame.filter(
                ~pl.col(column.name).is_between(low, high) & ~already_reported
            )
            for row, value in beyond.select(ROW, column.name).iter_rows():
                what = f"is {value:g}, which is unusual: wanted {low:g} to {high:g}"
                yield table.problem(row, column.name, what, "Correct the value, or its unit.")
    for zone in _values({"": table}, "", "timezone"):
        if not is_timezone(zone):
            what = f"`{zone}` is not a time zone"
            yield table.problem(None, "timezone", what, "Use IANA names: Africa/Lagos.")


def check_references(tables: Sources) -> Iterator[Problem]:
    """Ids that no row of their table has."""
    for name, table in tables.items():
        for column in table.schema.columns:
            owner = column.refers
            if owner not in tables or column.name not in table.columns:
                continue
            known = set(_values(tables, owner, TABLES[owner].key[0]))
            for stray in _values(tables, name, column.name):
                if known and stray not in known:
                    what = f"`{stray}` is not in the table {owner}"
                    fix = f"Add it to {owner}, or leave the rows out."
                    yield table.problem(None, column.name, what, fix)


def check_places(tables: Sources) -> Iterator[Problem]:
    """Places that do not fit their time zone, and round trips that light cannot make."""
    places: dict[str, dict[str, Site]] = {}
    for name in ("metros", "nodes", "regions"):
        if name not in tables:
            continue
        cells = typed(tables[name], need=())
        if not cells.has("lat_deg", "lon_deg", TABLES[name].key[0]):
            continue
        zones = cells.frame["timezone"] if cells.has("timezone") else [None] * cells.frame.height
        rows = cells.frame.select(TABLES[name].key[0], "lat_deg", "lon_deg", ROW).iter_rows()
        for (identity, lat, lon, row), zone in zip(rows, zones, strict=True):
            if identity is None or lat is None or lon is None:
                continue
            places.setdefault(name, {})[identity] = Site(lat, lon)
            told = misplaced(Site(lat, lon), zone)
            if told is not None:
                yield tables[name].problem(row, "lon_deg", *told)
    for name in ("rtt_metro_node", "rtt_node_region"):
        if name not in tables:
            continue
        origin, target = (f"{key}s" for key in TABLES[name].key)
        cells = typed(tables[name], need=())
        if not cells.has(*TABLES[name].key, "rtt_ms"):
            continue
        pairs = cells.frame.select(*TABLES[name].key, "rtt_ms", ROW).drop_nulls()
        for a, b, rtt_ms, row in pairs.iter_rows():
            ends = places.get(origin, {}).get(a), places.get(target, {}).get(b)
            told = implausible_trip(*ends, rtt_ms)
            if told is not None:
                yield tables[name].problem(row, "rtt_ms", *told)


def check_signals(tables: Sources) -> Iterator[Problem]:
    """Zones without a price or without carbon: those of the regions, or any without regions."""
    have = {name: set(_values(tables, name, "zone")) for name in ("price", "carbon")}
    needed_zones, needed_by = set(_values(tables, "regions", "zone")), "regions"
    if "regions" not in tables:
        if not all(have.values()):
            return
        needed_zones, needed_by = have["price"] | have["carbon"], "price"
    for signal, zones in have.items():
        for zone in sorted(needed_zones - zones):
            yield Problem(
                f"{signal}.{zone}",
                f"the zone {zone} has no {'price' if signal == 'price' else 'carbon intensity'}",
                f"Add its hours to the table {signal}, or leave out the regions on it.",
                tables[signal if signal in tables else needed_by].label,
            )
