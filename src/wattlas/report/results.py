"""A results folder: `meta.json` and Parquet tables, written whole, read with every mistake named.

The folder is complete in itself: it can be mailed, and `wattlas view FOLDER` shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattlas.data.digest import sha256_of
from wattlas.data.frame_file import write_frame
from wattlas.data.whole_file import write_text
from wattlas.errors import InputError, Problem
from wattlas.model.shown import Tables
from wattlas.report.columns import META_REQUIRED, columns_of_tables
from wattlas.report.embed import finite
from wattlas.report.whole_folder import whole_folder

if TYPE_CHECKING:
    import polars as pl

META = "meta.json"
REPORT = "report.html"
_AGAIN = "Write the folder again with this version of `wattlas study`"


@dataclass(frozen=True)
class Results(Tables):
    """What a study found. `meta` says how it ended; `tables` holds what it found.

    Tables that the study did not make are absent; their columns are in `columns.COLUMNS`.
    """

    meta: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    folder: Path | None = None

    def __repr__(self) -> str:
        return f"Results({self.title!r}, {self.status}, tables={sorted(self.tables)})"

    @property
    def status(self) -> str:
        """How the study ended: optimal, limit, infeasible or failed."""
        return str(self.meta.get("status", "unknown"))

    @property
    def title(self) -> str:
        """The scenario's title, or its name."""
        scenario = self.meta.get("scenario") or {}
        return str(scenario.get("title") or scenario.get("name") or "Untitled scenario")

    @property
    def notice(self) -> str:
        """What every output must say about the data."""
        return str((self.meta.get("scenario") or {}).get("notice") or "")

    def named_tables(self) -> Mapping[str, pl.DataFrame]:
        """Its tables by name."""
        return self.tables

    def _repr_html_(self) -> str:
        from wattlas.studies.brief import brief_html

        return brief_html(self.meta)

    def has(self, table: str) -> bool:
        """Whether the table is there and has a row."""
        return table in self.tables and self.tables[table].height > 0

    def table(self, name: str) -> pl.DataFrame:
        """One table by its name; KeyError names those that are there."""
        if name not in self.tables:
            raise KeyError(f"no table {name!r}; there are {', '.join(sorted(self.tables))}")
        return self.tables[name]


def write_results(
    folder: str | Path,
    meta: Mapping[str, Any],
    tables: Mapping[str, pl.DataFrame],
    render: Callable[[Results], str] | None = None,
) -> Results:
    """Write a results folder and return what was written, with its report by `render`.

    All of it is written apart and then moved up, `meta.json`, with the hash of each table, last:
    an earlier result in the same folder is replaced as a whole. Raises InputError where a table or
    the meta data is not what `columns.COLUMNS` says, UsageError for a folder that holds other
    things, MachineError where the system refuses.
    """
    problems = [*_check_meta(meta), *_check_tables(tables)]
    if problems:
        raise InputError(problems)
    target = Path(folder)
    shaped = {name: _shape(name, frame) for name, frame in tables.items()}
    index: dict[str, dict[str, Any]] = {}
    with whole_folder(target, names_in(target), seals=(REPORT, META)) as staging:
        for name, frame in shaped.items():
            path = write_frame(staging / f"{name}.parquet", frame)
            index[name] = {"rows": frame.height, "sha256": sha256_of(path)}
        results = Results(meta={**meta, "tables": index}, tables=shaped, folder=target)
        if render is not None:
            write_text(staging / REPORT, render(results))
        write_text(staging / META, json_text(results.meta))
    return results


def json_text(meta: Mapping[str, Any]) -> str:
    """Meta data as JSON; what is not finite becomes null."""
    text = json.dumps(finite(meta), indent=2, ensure_ascii=False, default=str, allow_nan=False)
    return f"{text}\n"


def names_in(folder: Path) -> set[str]:
    """Names of the files that a results folder holds, or those that one of another version lists.

    A plan's folder has a `meta.json`, too; its other files are not among the names.
    """
    tables = set(columns_of_tables())
    with suppress(OSError, ValueError, AttributeError):
        tables |= set(json.loads((folder / META).read_text(encoding="utf-8"))["tables"])
    return {META, REPORT, *(f"{name}.parquet" for name in tables)}


def open_results(folder: str | Path) -> Results:
    """Read a results folder. Raises InputError with everything that is wrong in it."""
    import polars as pl

    source = Path(folder)
    meta = _read_meta(source)
    problems = list(_check_meta(meta, str(source / META)))
    tables: dict[str, pl.DataFrame] = {}
    index, known = meta.get("tables"), columns_of_tables()
    for name in index if isinstance(index, dict) else known:
        path = source / f"{name}.parquet"
        if name not in known:
            continue
        if not path.is_file():
            if isinstance(index, dict):
                what = f"{META} lists it, but the file is not there"
                problems.append(Problem(name, what, _AGAIN, str(path)))
            continue
        if isinstance(index, dict) and sha256_of(path) != (index[name] or {}).get("sha256"):
            what = f"its content is not what {META} was written with"
            problems.append(Problem(name, what, _AGAIN, str(path)))
            continue
        try:
            tables[name] = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            problems.append(Problem(name, f"not readable as Parquet: {error}", _AGAIN, str(path)))
    problems += _check_tables(tables, source)
    if problems:
        raise InputError(problems)
    return Results(meta=meta, tables=tables, folder=source)


def _read_meta(source: Path) -> dict[str, Any]:
    path = source / META
    if not source.is_dir():
        what, fix = "there is no such folder", "Give the folder that `wattlas study` wrote"
        raise InputError([Problem("results", what, fix, str(source))])
    if not path.is_file():
        what = f"no {META} in it: not a results folder, or one whose writing was cut short"
        raise InputError([Problem("results", what, _AGAIN, str(source))])
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError([Problem("meta", f"not JSON: {error}", _AGAIN, str(path))]) from error
    if not isinstance(meta, dict):
        raise InputError([Problem("meta", "not an object", _AGAIN, str(path))])
    return meta


def _check_meta(meta: Mapping[str, Any], file: str | None = None) -> Iterator[Problem]:
    for key, kind in META_REQUIRED.items():
        if key not in meta:
            yield Problem(f"meta.{key}", "missing", _AGAIN, file)
        elif not isinstance(meta[key], kind):
            what = f"a {type(meta[key]).__name__} where a {kind.__name__} belongs"
            yield Problem(f"meta.{key}", what, _AGAIN, file)


def _check_tables(
    tables: Mapping[str, pl.DataFrame], source: Path | None = None
) -> Iterator[Problem]:
    known = columns_of_tables()
    for name, frame in tables.items():
        file = str(source / f"{name}.parquet") if source else None
        if name not in known:
            what = f"no such table; there are {', '.join(known)}"
            yield Problem(name, what, "Rename it", file)
            continue
        for column, kind in known[name].items():
            what = _wrong(frame, column, kind)
            if what:
                yield Problem(f"{name}.{column}", what, _AGAIN, file)


def _wrong(frame: pl.DataFrame, column: str, kind: str) -> str:
    """What is wrong with one column, or nothing."""
    import polars as pl

    if column not in frame.columns:
        return "the column is missing"
    series, wanted = frame[column], kind.rstrip("?")
    dtype = series.dtype
    nulls = series.null_count()
    if dtype.is_float():
        nulls += int(series.is_nan().sum())
    if nulls and not kind.endswith("?"):
        return f"{nulls} of {series.len()} values are missing"
    if dtype == pl.Null:
        return ""
    right = {
        "number": dtype.is_numeric(),
        "text": dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum),
        "flag": dtype == pl.Boolean,
        "time": isinstance(dtype, pl.Datetime) and dtype.time_zone == "UTC",
    }[wanted]
    return "" if right else f"of type {dtype}, where {_KINDS[wanted]} belong"


_KINDS = {
    "number": "numbers",
    "text": "texts",
    "flag": "true or false",
    "time": "times with the UTC zone",
}


def _shape(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns in their documented order and types, further ones after them."""
    import polars as pl

    types: dict[str, Any] = {
        "text": pl.String,
        "flag": pl.Boolean,
        "time": pl.Datetime("ms", "UTC"),
    }
    known, casts = columns_of_tables()[name], []
    for column, kind in known.items():
        dtype = types.get(kind.rstrip("?"), pl.Float64)
        cast = pl.col(column).cast(dtype)
        casts.append(cast.fill_nan(None) if dtype == pl.Float64 else cast)
    extra = [c for c in frame.columns if c not in known]
    return frame.select(*casts, *extra)
