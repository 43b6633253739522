"""Files of measurements → records: the quantities of each measurement, by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import isfinite
from pathlib import Path
from typing import Any

import polars as pl

from wattlas.data.measured.layouts import LAYOUTS, Field, ToolLayout
from wattlas.data.reader.dialect import ROW, read_frame
from wattlas.data.schema.workload import POINTS
from wattlas.errors import InputError, Problem

TABLES = (".csv", ".parquet")
JSONS = (".json", ".jsonl")
TEXTS = ("model", "hardware", "run")
AT_LEAST_SOME = (
    "duration_s", "requests", "requests_per_s", "tokens_out", "total_tokens_out",
    "tokens_out_per_s", "pue",
)  # fmt: skip
"""Quantities that something is divided by."""
TO_UNIT = {
    ("s", "s"): 1.0, ("sec", "s"): 1.0, ("seconds", "s"): 1.0, ("ms", "s"): 1e-3,
    ("ms", "ms"): 1.0, ("s", "ms"): 1e3, ("sec", "ms"): 1e3, ("us", "ms"): 1e-3,
    ("ns", "ms"): 1e-6, ("J", "J"): 1.0, ("mJ", "J"): 1e-3, ("kJ", "J"): 1e3, ("MJ", "J"): 1e6,
    ("W", "W"): 1.0, ("mW", "W"): 1e-3, ("kW", "W"): 1e3,
}  # fmt: skip
"""(unit that a file states, unit wanted) → factor."""


@dataclass(frozen=True)
class Record:
    """One measurement: its quantities by name, as `layouts.QUANTITIES` has them."""

    layout: ToolLayout
    label: str
    values: Mapping[str, Any]
    count: int = 1
    """Rows of the file that it is the mean of."""


@dataclass(frozen=True)
class Opened:
    """A file as it was read: its objects or rows, or its frame; and the layout that it is in."""

    layout: ToolLayout
    label: str
    items: Sequence[Mapping[str, Any]] = ()
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)


def open_file(path: Path, layout: str = "") -> Opened:
    """A file of measurements in a layout, or in the one that it shows. Raises InputError."""
    label, suffix = str(path), path.suffix.lower()
    if not path.is_file():
        raise InputError([Problem("(file)", "is not there", "Check the path.", label)])
    if suffix in JSONS:
        items = _objects(path, label)
        layout_of_file = _layout(items[0], "json", label, layout)
        return Opened(layout_of_file, label, items)
    if suffix in TABLES:
        frame = read_frame(path, label).drop(ROW)
        row = dict.fromkeys(frame.columns, "")
        layout_of_file = _layout(row, "table", label, layout)
        return Opened(
            layout_of_file, label, frame.to_dicts() if layout_of_file.kind == "table" else (), frame
        )
    what = f"ends in `{path.suffix}`, wanted {', '.join((*JSONS, *TABLES))}"
    raise InputError([Problem("(file)", what, "Give what the tool wrote, unpacked.", label)])


def records(opened: Opened) -> list[Record]:
    """The measurements in a file. Raises InputError with every value that is wrong."""
    layout = opened.layout
    problems: list[Problem] = []
    measured: list[Record] = []
    for n, item in enumerate(opened.items):
        values, faults = _values(layout, item)
        at = f", {n + 1}" if len(opened.items) > 1 else ""
        problems += [Problem(f"{w}{at}", what, fix, opened.label) for w, what, fix in faults]
        measured.append(Record(layout, opened.label, values))
    if problems:
        raise InputError(problems)
    if not measured:
        raise InputError([Problem("(rows)", "there are none", "Give a result.", opened.label)])
    return _merged(layout, opened.items, measured)


def _objects(path: Path, label: str) -> list[Mapping[str, Any]]:
    """The objects of a JSON file: one, a list, or one per line."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    line = 0
    try:
        data = json.loads(text)
    except json.JSONDecodeError as whole:
        data = []
        try:
            for line, part in enumerate(text.splitlines(), 1):  # noqa: B007
                data += [json.loads(part)] if part.strip() else []
        except json.JSONDecodeError:
            what, fix = "is no JSON", "Give the file as the tool wrote it."
            raise InputError([Problem("(file)", what, fix, label, whole.lineno)]) from None
    objects = data if isinstance(data, list) else [data]
    if not objects or not all(isinstance(o, dict) for o in objects):
        what = "holds no result: wanted an object, a list of them, or one per line"
        raise InputError([Problem("(file)", what, "Give the file as the tool wrote it.", label)])
    return objects


def _layout(item: Mapping[str, Any], kind: str, label: str, wanted: str) -> ToolLayout:
    if wanted:
        layout = LAYOUTS[wanted]
        lacking = [_named(sign) for sign in layout.signs if not list(_at(item, sign))]
        if lacking or (layout.kind == "json") != (kind == "json"):
            what = f"is not what {layout.title} writes: it lacks {', '.join(lacking) or kind}"
            fix = "Leave `--from` out to have the layout recognised."
            raise InputError([Problem("(file)", what, fix, label)])
        return layout
    recognised = layout_of(item, json=kind == "json")
    if recognised is not None:
        return recognised
    known = ", ".join(layout.title for layout in LAYOUTS.values())
    if set(POINTS.key) <= set(item):
        what, fix = "is a table of points already", "Use it as it is, as `points:` or profiles."
    else:
        what = f"is in no layout that is known: {known}"
        fix = "Write its figures into a table of points; docs/menu.md lists the columns."
    raise InputError([Problem("(file)", what, fix, label)])


def layout_of(item: Mapping[str, Any], *, json: bool) -> ToolLayout | None:
    """The layout whose signs an object, or the names of a table's columns, have."""
    for layout in LAYOUTS.values():
        fits = (layout.kind == "json") == json
        if fits and all(any(True for _ in _at(item, sign)) for sign in layout.signs):
            return layout
    return None


def _named(path: Sequence[str | int]) -> str:
    return f"`{'.'.join(str(key) for key in path)}`"


def _at(item: Any, path: Sequence[str | int]) -> Iterator[tuple[Any, Any]]:
    """Every value at a path, with what holds it."""
    if isinstance(item, Mapping):
        name = str(path[0])
        keys = [k for k in item if fnmatchcase(k, name)] if "*" in name else [name]
        inner = [item[k] for k in keys if k in item]
    else:
        index = path[0]
        fits = isinstance(item, list) and isinstance(index, int) and index < len(item)
        inner = [item[index]] if fits else []
    for value in inner:
        if len(path) == 1:
            yield value, item
        else:
            yield from _at(value, path[1:])


Fault = tuple[str, str, str]


def _values(layout: ToolLayout, item: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The quantities of one object or row, and what is wrong with them."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for where in layout.fields:
        if where.quantity in values:
            continue
        cells = [(v, holder) for v, holder in _at(item, where.path) if _filled(v)]
        if not cells:
            continue
        if where.quantity in TEXTS:
            values[where.quantity] = str(cells[0][0]).strip()
            continue
        number = _number(where, cells, faults)
        if number is not None:
            values[where.quantity] = number
    return values, faults


def _filled(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return value is not None and str(value).strip().lower() not in ("", "nan", "none", "inf")


def _number(where: Field, cells: list[tuple[Any, Any]], faults: list[Fault]) -> float | None:
    if where.how == "count":
        return float(len(cells))
    total = 0.0
    for value, holder in cells:  # several where all are summed
        try:
            number = float(value)
        except (TypeError, ValueError):
            fix = "Give the file as the tool wrote it."
            faults.append((_named(where.path), f"is `{value}`, wanted a number", fix))
            return None
        unit = holder.get("unit", where.unit) if isinstance(holder, Mapping) else where.unit
        factor = TO_UNIT.get((str(unit), where.unit)) if where.unit else 1.0
        if factor is None:
            fix = f"Wanted {where.unit}: convert it, or leave it out and give the option."
            faults.append((_named(where.path), f"is in `{unit}`", fix))
            return None
        total += number * factor * where.factor
    least = "above 0" if where.quantity in AT_LEAST_SOME else "of at least 0"
    if total < 0 or (total == 0 and least == "above 0"):
        fix = "Leave out what measured nothing."
        faults.append((_named(where.path), f"is {total:g}, wanted a number {least}", fix))
        return None
    return total


def _merged(
    layout: ToolLayout, items: Sequence[Mapping[str, Any]], measured: list[Record]
) -> list[Record]:
    """Rows of one key as one measurement: the last of them, or their mean."""
    if layout.rows == "each":
        return measured
    groups: dict[tuple[str, ...], list[Record]] = {}
    for item, record in zip(items, measured, strict=True):
        key = tuple(str(item.get(name) or "") for name in layout.key)
        groups.setdefault(key, []).append(record)
    if layout.rows == "last":
        return [group[-1] for group in groups.values()]
    return [_mean(group) for group in groups.values()]


def _mean(group: list[Record]) -> Record:
    first = group[0]
    means = {
        name: value
        if isinstance(value, str)
        else sum(r.values.get(name, 0.0) for r in group) / len(group)
        for name, value in first.values.items()
    }
    return Record(first.layout, first.label, means, len(group))
