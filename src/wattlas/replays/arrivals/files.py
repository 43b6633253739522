"""The rows of a file of requests as they stand, some at a time: CSV, JSON lines, Parquet, a JSON
object of lists, the ledger of the live service. CSV and JSON lines may be compressed by gzip.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from wattlas.data.reader.dialect import PIECE_BYTES, ROW, pieces
from wattlas.data.reader.packed import opened
from wattlas.errors import InputError, Problem
from wattlas.replays.arrivals import ledger
from wattlas.replays.arrivals.layouts import TraceLayout
from wattlas.replays.arrivals.sessions import Sessions

BATCH_ROWS = 1 << 17
_LINES = (".jsonl", ".ndjson")


def names_of(path: Path) -> list[str]:
    """The names of a file's columns. Raises InputError, ValueError, OSError, polars' errors."""
    kind = _kind(path)
    if ledger.is_database(path):
        return ledger.names(path)
    if kind == ".parquet":
        return list(pl.scan_parquet(path).collect_schema())
    if kind == ".json":
        return list(_body(path))
    if kind in _LINES:
        return _first_keys(path)
    return [name for name in next(iter(pieces(path))).columns if name != ROW]


def _kind(path: Path) -> str:
    names = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return names[-1] if names else ""


def _first_keys(path: Path) -> list[str]:
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            text = line.decode("utf-8-sig", errors="replace").strip()
            if text:
                return list(_object(path, number, text))
    raise InputError([Problem("(file)", "is empty", "Write a request to each line.", str(path))])


def _object(path: Path, number: int, text: str) -> dict[str, Any]:
    """A line of JSON. Raises InputError where it is no object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        what = f"is no JSON object: {text[:60]}"
        fix = "Write one request to a line; the last line of a cut file is to be dropped."
        raise InputError([Problem(f"line {number:,}", what, fix, str(path))])
    return value


def _body(path: Path) -> dict[str, Any]:
    """A file that is one JSON object. Raises InputError for anything else."""
    with opened(path) as file:
        text = file.read().decode("utf-8-sig", errors="replace")
    try:
        value = json.loads(text)
    except ValueError as fault:
        value, why = None, f"is not one JSON object: {fault}"
    else:
        why = "is not one JSON object"
    if not isinstance(value, dict):
        fix = "Give one result to a file; a file with a request to each line ends in .jsonl."
        raise InputError([Problem("(file)", why, fix, str(path))])
    return value


def frames(path: Path, layout: TraceLayout, told: list[str]) -> Iterator[pl.DataFrame]:
    """The rows of a file, batch by batch, with the columns of the layout; `told` gets a note of
    what was placed otherwise than the file says."""
    kind = _kind(path)
    if ledger.is_database(path):
        yield from ledger.frames(path, BATCH_ROWS)
    elif layout.prepare is not None:
        yield layout.prepare(_lists(path, layout))
    elif kind == ".parquet":
        yield from _parquet(path, layout)
    elif kind in _LINES:
        yield from _lines(path, layout, told)
    else:
        yield from pieces(path)


def _lists(path: Path, layout: TraceLayout) -> pl.DataFrame:
    """The lists of a JSON object, one row. Raises InputError where they are not of one length."""
    body = _body(path)
    fix = "Write the file again, with --save-detailed."
    problems, lengths = [], {}
    for name in layout.tells:
        if isinstance(body.get(name), list):
            lengths[name] = len(body[name])
        else:
            problems.append(Problem(name, "is no list, with a value per request", fix, str(path)))
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {count:,}" for name, count in lengths.items())
        problems.append(Problem("(file)", f"has lists of unequal length: {told}", fix, str(path)))
    if problems:
        raise InputError(problems)
    return pl.DataFrame({name: [body[name]] for name in layout.tells}, strict=False)


def _parquet(path: Path, layout: TraceLayout) -> Iterator[pl.DataFrame]:
    rows = pl.scan_parquet(path)
    has = rows.collect_schema().names()
    rows = rows.select([name for name in layout.names if name in has])
    count = int(rows.select(pl.len()).collect().item())
    for begin in range(0, count, BATCH_ROWS):
        yield rows.slice(begin, BATCH_ROWS).collect()


def _lines(path: Path, layout: TraceLayout, told: list[str]) -> Iterator[pl.DataFrame]:
    """JSON, an object to each line, a few megabytes at a time.

    Values come as text: a type that is found in the first lines need not be that of later ones.
    """
    sessions = Sessions(path, layout)
    number = 0
    for block in _blocks(path):
        yield from sessions.spread(_read(path, block, number, sessions.schema))
        number += block.count(b"\n")
    yield from sessions.rest()
    told += sessions.notes


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines of a file."""
    with opened(path) as file:
        rest = b""
        while block := file.read(PIECE_BYTES):
            rest += block
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
        if rest.strip():
            yield rest


def _read(path: Path, block: bytes, before: int, schema: dict[str, Any]) -> pl.DataFrame:
    """The rows of some lines, of which the first follows `before` others."""
    if before == 0 and block.startswith(b"\xef\xbb\xbf"):
        block = block[3:]
    try:
        return pl.read_ndjson(io.BytesIO(block), schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass  # a line that is empty, or no JSON, or says nan, or a list where a number should be
    rows = []
    for number, line in enumerate(block.split(b"\n"), before + 1):
        text = line.decode("utf-8", errors="replace").strip()
        if text:
            row = _object(path, number, text)
            rows.append({name: _cell(row.get(name), schema[name]) for name in schema})
    return pl.DataFrame(rows, schema=schema, strict=False)


def _cell(value: Any, kind: Any) -> Any:
    """A value as a column of text takes it."""
    if kind == pl.String:
        return None if value is None else value if isinstance(value, str) else json.dumps(value)
    return value if isinstance(value, list) else None
