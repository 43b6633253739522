"""Rows of a JSON body as text: what programming interfaces answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from wattlas.data.reader.dialect import ROW
from wattlas.errors import InputError, Problem


def json_rows(file: Path, label: str) -> pl.DataFrame:
    """A list of records, lists beside each other, or a matrix of objects, as text."""
    try:
        body = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError):
        fix = "Download it again, or give a CSV file."
        raise InputError([Problem("(file)", "is no JSON", fix, label)]) from None
    records = _records(body)
    if not records:
        what = "holds no rows: a list of objects, or lists of one length, was wanted"
        raise InputError([Problem("(file)", what, "Give a CSV file.", label)])
    names = dict.fromkeys(name for record in records for name in record)
    columns = {n: [_cell(record.get(n)) for record in records] for n in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)).with_row_index(ROW)


def _cell(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)


def _records(body: Any) -> list[dict[str, Any]]:
    if isinstance(body, list):
        return [row for record in body if isinstance(record, dict) for row in _flat(record)]
    if not isinstance(body, dict):
        return []
    lists = {n: v for n, v in body.items() if isinstance(v, list) and v}
    flat = {n: v for n, v in lists.items() if not isinstance(v[0], (dict, list))}
    if flat:
        longest = max(len(v) for v in flat.values())
        alike = {n: v for n, v in flat.items() if len(v) == longest}
        return [dict(zip(alike, row, strict=True)) for row in zip(*alike.values(), strict=True)]
    for records in lists.values():
        return _records(records)
    objects = {n: v for n, v in body.items() if isinstance(v, dict)}
    numeric = {
        n: v
        for n, v in objects.items()
        if v and all(isinstance(cell, (int, float)) or cell is None for cell in v.values())
    }
    if len(numeric) > 1:
        return [{"from": name, **row} for name, row in numeric.items()]
    for inner in objects.values():
        if inner_rows := _records(inner):
            return inner_rows
    return []


def _flat(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Objects within a record as columns, `intensity.actual`; a list within it as rows."""
    rows: list[dict[str, Any]] = [{}]
    for name, value in record.items():
        inner = [value] if isinstance(value, dict) else value
        if isinstance(inner, list) and inner and all(isinstance(v, dict) for v in inner):
            parts = [part for v in inner for part in _flat(v)]
            named = [{f"{name}.{n}": cell for n, cell in part.items()} for part in parts]
            rows = [{**row, **part} for row in rows for part in named]
        else:
            rows = [{**row, name: value} for row in rows]
    return rows
