"""Packs: folders of documented tables with a manifest that says where each came from.

A pack gives facts about the world; what the user chooses stands in the scenario. `open_pack`
reads one that ships with Wattlas by name, or any folder by path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wattlas.data import typical
from wattlas.data.digest import sha256_of
from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, read_table, source_of
from wattlas.data.reader.stamps import INSTANT
from wattlas.data.reader.stretch import Stretch
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, Problem
from wattlas.model.signals import Provenance

MANIFEST = "manifest.json"
EMBEDDED = Path(__file__).parent / "packs"
GENERATED = {"price": "price_figures", "carbon": "carbon_figures"}
"""Tables that a typical pack generates, and the table of figures that they come from."""
MONTHS = 12


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestEntry(_Strict):
    """What the manifest says of one table."""

    file: str
    """Path of the file, relative to the manifest."""
    source: str
    """Who published it, and where from."""
    licence: str = ""
    unit: str = ""
    time_range: tuple[str, str] | None = None
    """First hour and the end of the last one, UTC; None for a table without time."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int = Field(ge=0)
    note: str = ""
    filled: dict[str, int] = Field(default_factory=dict)
    """Series → steps that an import filled in."""
    unit_from: str = ""
    """Who states the unit of the values; it is believed then, whatever their size."""


class PackTime(_Strict):
    """The hours that the signals cover."""

    start_utc: str
    hours: int = Field(gt=0)
    step_h: float = Field(default=1.0, gt=0)


class Generator(_Strict):
    """How a typical pack makes its hours; `data/typical.py` documents the method."""

    method: Literal["month-hour-1"]
    seed: int = Field(ge=0)


class Manifest(_Strict):
    """`manifest.json` of a pack."""

    name: str
    title: str
    notice: str = ""
    """What every output must say about the data, or empty."""
    kind: Literal["hours", "typical", "facts"]
    """Whether it holds hours, figures that hours are made from, or nothing over time."""
    time: PackTime | None = None
    """None for a pack without hours."""
    intensity_kind: Literal["life-cycle", "direct"] = "life-cycle"
    generator: Generator | None = None
    missing: tuple[str, ...] = ()
    """What the pack lacks, in plain sentences; gaps of a series begin with `table.series: `."""
    tables: dict[str, ManifestEntry]

    def told_gaps(self, table: str) -> dict[str, str]:
        """Series of a table whose gaps are named → the sentence."""
        head = f"{table}."
        told = [text for text in self.missing if text.startswith(head) and ": " in text]
        return {text.split(": ")[0].removeprefix(head): text for text in told}


@dataclass(frozen=True)
class Pack:
    """An opened pack: its manifest has been checked and its files have the hashes it names."""

    folder: Path
    manifest: Manifest
    _frames: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name in the manifest."""
        return self.manifest.name

    @property
    def notice(self) -> str:
        """What every output must say about the data, or empty."""
        return self.manifest.notice

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that `frame` gives, sorted."""
        names = set(self.manifest.tables)
        if self.manifest.kind == "typical":
            names |= {made for made, figures in GENERATED.items() if figures in names}
        return tuple(sorted(names))

    def has(self, table: str) -> bool:
        """Whether `frame(table)` works."""
        return table in self.tables

    def file(self, table: str) -> Path | None:
        """The file of a table; None where it is generated, or not there."""
        entry = self.manifest.tables.get(table)
        return None if entry is None else self.folder / entry.file

    def table(
        self, name: str, stretch: Stretch | None = None, until: np.datetime64 | None = None
    ) -> SourceTable:
        """The rows of a table as they stand in its file, or are generated.

        Of a file over time the rows in `stretch` only. `until` (UTC) is the end of what is needed
        of generated hours: they end with that month. Raises InputError where the pack has no such
        table, or its file cannot be read.
        """
        schema, label, file = TABLES.get(name), label_of(self.name, name), self.file(name)
        if schema is None or not self.has(name):
            have = ", ".join(self.tables)
            fix = f"Give the table in the scenario. The pack has: {have}."
            manifest_file = str(self.folder / MANIFEST)
            what = f"it has no table `{name}`"
            raise InputError([Problem(f"pack {self.name}", what, fix, manifest_file)])
        if file is None:
            frame = self._generated(name, until)
            return replace(source_of(frame, schema, label), shared=True)
        read = read_table(file, schema, label, stretch=stretch if schema.series else None)
        return replace(read, shared=True)

    def frame(self, name: str, until: np.datetime64 | None = None) -> pl.DataFrame:
        """The rows of a table, columns typed and named as documented.

        Raises InputError where the pack has no such table, or something is wrong in its file.
        """
        if self.file(name) is None and self.has(name):
            return self._generated(name, until)
        if name not in self._frames:
            table = replace(self.table(name), label=str(self.file(name)), titled=True)
            cells = typed(table, need=table.schema.in_packs)
            if cells.problems:
                raise InputError(cells.problems)
            self._frames[name] = cells.frame.drop(ROW)
        return self._frames[name]

    def _generated(self, table: str, until: np.datetime64 | None) -> pl.DataFrame:
        months = MONTHS if until is None else self._months(until)
        key = table if months == MONTHS else f"{table}, {months} months"
        if key not in self._frames:
            self._frames[key] = self._made(table, months)
        return self._frames[key]

    def _made(self, table: str, months: int) -> pl.DataFrame:
        """A generated table; the other one is kept, because both are made at once."""
        frames = _typical_hours(self.folder, self.manifest.model_dump_json(), months)
        suffix = "" if months == MONTHS else f", {months} months"
        self._frames.update({f"{name}{suffix}": frame for name, frame in frames.items()})
        return frames[table]

    def _months(self, until: np.datetime64) -> int:
        """Months of the pack's year that begin before a time; one at least, all at most."""
        year = np.datetime64(_start(self.manifest)[:4], "Y").astype("datetime64[M]")
        last = (until - np.timedelta64(1, "s")).astype("datetime64[M]")
        return int(np.clip((last - year).astype(np.int64) + 1, 1, MONTHS))

    def provenance(self) -> tuple[Provenance, ...]:
        """Where each table comes from; figures behind generated hours name what they make."""
        made_from = {figures: table for table, figures in GENERATED.items()}
        return tuple(
            Provenance(
                what=made_from.get(name, name),
                source=entry.source,
                licence=entry.licence,
                period=" to ".join(entry.time_range or ()),
                note=entry.note,
            )
            for name, entry in sorted(self.manifest.tables.items())
        )


def _start(manifest: Manifest) -> str:
    """The first hour of a typical pack."""
    if manifest.time is None:
        fix = "docs/data.md describes the manifest."
        raise InputError([Problem("time", "a typical pack has its year here", fix, MANIFEST)])
    return manifest.time.start_utc


def embedded_packs() -> tuple[str, ...]:
    """Names of the packs that ship with Wattlas."""
    return tuple(sorted(p.parent.name for p in EMBEDDED.glob(f"*/{MANIFEST}")))


def label_of(pack: str, table: str) -> str:
    """What messages call a table of a pack."""
    return f"pack {pack}: {table}"


def shipped(table: str, zone: str) -> list[str]:
    """Packs of hours that ship and have a zone in a table."""
    packs = (open_pack(name) for name in embedded_packs())
    return [
        pack.name
        for pack in packs
        if pack.manifest.kind == "hours"
        and pack.has(table)
        and zone in set(pack.frame(table)["zone"])
    ]


def open_pack(name_or_path: str, relative_to: Path | None = None) -> Pack:
    """Open an embedded pack by name, or the pack in a folder.

    A relative path starts at `relative_to`, or at the current folder without it. Raises
    InputError with every problem of the manifest, and every file missing or changed since.
    """
    folder = find_pack(name_or_path, relative_to)
    manifest = read_manifest(folder)
    problems = list(check_files(folder, manifest))
    if problems:
        raise InputError(problems)
    return Pack(folder, manifest)


def find_pack(name_or_path: str, relative_to: Path | None = None) -> Path:
    """The folder of an embedded pack, or of one by path; InputError where there is none."""
    if name_or_path in embedded_packs():
        return EMBEDDED / name_or_path
    folder = (relative_to or Path()) / Path(name_or_path).expanduser()
    if (folder / MANIFEST).is_file():
        return folder
    what = f"`{folder}` has no {MANIFEST}" if folder.is_dir() else f"there is no pack `{folder}`"
    known = ", ".join(embedded_packs())
    fix = (
        f"Give the folder of a pack, or one that ships with Wattlas: {known}. "
        "`wattlas data import` makes a pack from your hours."
    )
    raise InputError([Problem(f"pack {name_or_path}", what, fix)])


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a folder; InputError names all that is wrong with it."""
    file = folder / MANIFEST
    try:
        return Manifest.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = [
            Problem(
                ".".join(map(str, mistake["loc"])) or MANIFEST,
                f"{mistake['msg']}, found {str(mistake['input'])[:60]!r}",
                "docs/data.md describes the manifest.",
                str(file),
            )
            for mistake in error.errors()
        ]
    except (OSError, ValueError) as error:
        problems = [Problem(MANIFEST, f"it cannot be read: {error}", "Fix it.", str(file))]
    raise InputError(problems)


def check_files(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    """Every table that is unknown, missing, outside of the folder, or not what was hashed."""
    manifest_file = str(folder / MANIFEST)
    for name, entry in manifest.tables.items():
        file, where = folder / entry.file, f"tables.{name}"
        if name not in TABLES:
            fix = f"Name it as one of: {', '.join(sorted(TABLES))}."
            yield Problem(where, "no table of this name is known", fix, manifest_file)
        if not file.resolve().is_relative_to(folder.resolve()):
            what = f"`{entry.file}` lies outside of the pack"
            yield Problem(f"{where}.file", what, "Move it in.", manifest_file)
        elif not file.is_file():
            yield Problem(
                f"{where}.file", f"there is no file `{entry.file}`", "Restore it.", manifest_file
            )
        elif (digest := sha256_of(file)) != entry.sha256:
            what = (
                f"`{entry.file}` is not the file that the manifest describes: its SHA-256 is "
                f"{digest[:12]}…, not {entry.sha256[:12]}…"
            )
            fix = "Restore the file, or import it again if the change was meant."
            yield Problem(f"{where}.sha256", what, fix, manifest_file)


def _figures_of(
    frame: pl.DataFrame, zones: tuple[str, ...], columns: list[str], shape: tuple[int, ...]
) -> list[np.ndarray]:
    """Columns of a table of figures as arrays (zones, *shape), in the order of `zones`."""
    keys = [name for name in ("month", "hour_utc") if name in frame.columns]
    order = pl.DataFrame({"zone": zones, "_row": range(len(zones))})
    ordered = order.join(frame, on="zone", how="left").sort(["_row", *keys])
    expected = len(zones) * int(np.prod(shape, dtype=np.int64))
    holes = ordered.select(columns).null_count().sum_horizontal().sum()
    if ordered.height != expected or holes:
        what = f"{ordered.height} figures with {holes} holes, wanted {expected} and none"
        fix = "A zone needs each month (and hour of the day) exactly once."
        raise InputError([Problem(", ".join(columns), what, fix)])
    return [ordered[name].to_numpy().astype(float).reshape(-1, *shape) for name in columns]


def _series_figures(
    frames: Mapping[str, pl.DataFrame], signal: str, unit: str, zones: tuple[str, ...]
) -> typical.SeriesFigures:
    mean, std, tail = _figures_of(
        frames[f"{signal}_figures"], zones, [f"mean_{unit}", f"std_{unit}", "tail"], (12, 24)
    )
    low, high = _figures_of(
        frames[f"{signal}_months"], zones, [f"low_{unit}", f"high_{unit}"], (12,)
    )
    (slow_share,) = _figures_of(frames[f"{signal}_series"], zones, ["slow_share"], ())
    return typical.SeriesFigures(mean, std, tail, low, high, slow_share)


def typical_figures(pack: Pack) -> typical.TypicalFigures:
    """The figures in a typical pack, as `typical.generate` takes them."""
    names = [f"{s}_{t}" for s in ("price", "carbon") for t in ("figures", "months", "series")]
    frames = {name: pack.frame(name) for name in [*names, "correlation"]}
    zones = tuple(sorted(frames["price_series"]["zone"]))
    at = {("price", z): i for i, z in enumerate(zones)}
    at |= {("carbon", z): i + len(zones) for i, z in enumerate(zones)}
    correlation = np.eye(2 * len(zones))
    for signal, zone, with_signal, with_zone, value in frames["correlation"].iter_rows():
        i, j = at[signal, zone], at[with_signal, with_zone]
        correlation[i, j] = correlation[j, i] = value
    generator = pack.manifest.generator
    return typical.TypicalFigures(
        zones=zones,
        price=_series_figures(frames, "price", "usd_per_mwh", zones),
        carbon=_series_figures(frames, "carbon", "g_per_kwh", zones),
        correlation=correlation,
        year=int(_start(pack.manifest)[:4]),
        seed=generator.seed if generator else 0,
    )


@lru_cache(maxsize=2)
def _typical_hours(folder: Path, manifest: str, months: int) -> Mapping[str, pl.DataFrame]:
    """The hours of a typical pack whose manifest, as JSON, holds the hashes of its figures.

    Whoever reads the same world again, as each run of a sweep does, would make the same hours.
    """
    pack = Pack(folder, Manifest.model_validate_json(manifest))
    year = typical.generate(typical_figures(pack), months)
    return {
        "price": _long(year, "price_usd_per_mwh", year.price_usd_per_mwh),
        "carbon": _long(year, "average_g_per_kwh", year.average_g_per_kwh),
    }


def _long(year: typical.TypicalYear, column: str, values: np.ndarray) -> pl.DataFrame:
    """Arrays (zones, hours) as rows of time, zone and value, sorted by zone, then time."""
    zones, hours = values.shape
    times = year.start + np.arange(hours).astype("timedelta64[h]")
    stamps = pl.Series(TIME, np.tile(times.astype("datetime64[us]"), zones))
    names = pl.Series("zone", year.zones, dtype=pl.String)
    return pl.DataFrame(
        {
            TIME: stamps.dt.replace_time_zone("UTC").cast(INSTANT),
            "zone": names.gather(np.repeat(np.arange(zones), hours)),
            column: values.ravel(),
        }
    )
