"""Tables over time → arrays: every hour once, in UTC, on the grid of the study."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.hours import TIME
from wattlas.errors import Problem
from wattlas.model.signals import Hours


def stamp(time: np.datetime64) -> str:
    """`2023-01-01T00:00:00Z`."""
    return f"{time.astype('datetime64[s]')}Z"


def parse_utc(text: str) -> np.datetime64 | None:
    """A time stamp that says its zone, as UTC at second resolution; None if it does not."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if time.tzinfo is None:
        return None
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "s")


def time_range(frame: pl.DataFrame) -> tuple[np.datetime64, np.datetime64] | None:
    """First and last time of a typed frame, or None where it has none."""
    times = frame[TIME].drop_nulls()
    if times.is_empty():
        return None
    physical = times.to_physical().to_numpy().astype("datetime64[us]").astype("datetime64[s]")
    return physical.min(), physical.max()


def time_step_h(frame: pl.DataFrame) -> float:
    """The commonest distance between neighbouring times of a typed frame, h; 1 if there is one."""
    times = frame[TIME].drop_nulls().unique().sort()
    gaps = times.diff().drop_nulls()
    if gaps.is_empty():
        return 1.0
    return float(gaps.mode().min().total_seconds()) / 3600.0  # type: ignore[union-attr]


def on_grid(
    table: SourceTable,
    frame: pl.DataFrame,
    key: Sequence[str],
    value: str,
    keys: Sequence[tuple[str, ...]],
    hours: Hours,
) -> tuple[np.ndarray, np.ndarray, list[Problem]]:
    """One value column on the grid: array (keys, T), which keys have rows (keys,), problems.

    `wanted` lists the keys in the order of the rows of the array. A key with no row at all is for
    the caller to judge; one with some has every hour exactly once, or it is named.
    """
    count = hours.count
    code, step_of = _codes(frame, key, keys), _steps(frame, hours)
    on = np.flatnonzero((code >= 0) & (step_of >= 0))
    flat = code[on] * count + step_of[on]
    seen_flat: np.ndarray = np.bincount(flat, minlength=len(keys) * count)
    values = np.full(len(keys) * count, np.nan)
    values[flat] = frame[value].to_numpy()[on]
    count_at: np.ndarray = seen_flat.reshape(len(keys), count)
    rows = pl.Series(on)
    problems = _off_grid(table, frame, hours)
    problems += _twice(table, frame[ROW].gather(rows), flat, count_at, keys, hours, value)
    problems += _lacking(table, count_at, keys, hours, value)
    have: np.ndarray = np.any(count_at, axis=1)
    return values.reshape(len(keys), count), have, problems


def _codes(frame: pl.DataFrame, key: Sequence[str], keys: Sequence[tuple[str, ...]]) -> np.ndarray:
    """The place of each row's key among the wanted ones, −1 where it is not wanted; int64.

    Each part of a key is looked up by itself, so that no text is copied.
    """
    if not keys:
        return np.full(frame.height, -1, dtype=np.int64)
    parts = [
        {text: n for n, text in enumerate(dict.fromkeys(texts))}
        for texts in zip(*keys, strict=True)
    ]
    shape = tuple(len(part) + 1 for part in parts)
    place = np.full(shape, -1, dtype=np.int64)
    for n, texts in enumerate(keys):
        place[tuple(part[text] for part, text in zip(parts, texts, strict=True))] = n
    index = []
    for name, part in zip(key, parts, strict=True):
        # The last place of each axis is for what is not wanted.
        codes = frame[name].replace_strict(part, default=len(part), return_dtype=pl.Int32)
        index.append(codes.fill_null(len(part)).to_numpy())
    return np.asarray(place[tuple(index)])


def _steps(frame: pl.DataFrame, hours: Hours) -> np.ndarray:
    """The step of the study at each row's time, −1 where there is none; int64."""
    steps = hours.utc.astype("datetime64[us]").astype(np.int64)
    before_all = int(steps[0]) - 1
    time = frame[TIME].to_physical().fill_null(before_all).to_numpy()
    nearest = np.minimum(np.searchsorted(steps, time), len(steps) - 1)
    return np.where(steps[nearest] == time, nearest, -1)


def _off_grid(table: SourceTable, frame: pl.DataFrame, hours: Hours) -> list[Problem]:
    step_us = round(hours.step_h * 3.6e9)
    start_us = int(hours.start.astype("datetime64[us]").astype(np.int64))
    off = (pl.col(TIME).to_physical() - start_us) % step_us != 0
    bad = frame.filter(off)
    if bad.is_empty():
        return []
    what = f"{bad[TIME][0]:%Y-%m-%dT%H:%M:%SZ} is not a step of {hours.step_h:g} h"
    more = f" ({bad.height} rows)" if bad.height > 1 else ""
    fix = "Bring the table to the study's steps; hours begin at :00 UTC."
    return [table.problem(bad[ROW][0], TIME, what + more, fix)]


def _twice(
    table: SourceTable,
    rows: pl.Series,
    flat: np.ndarray,
    count_at: np.ndarray,
    keys: Sequence[tuple[str, ...]],
    hours: Hours,
    value: str,
) -> list[Problem]:
    """Keys with an hour that is given more than once; `rows` and `flat` are of the rows on it."""
    problems = []
    for code in map(int, np.flatnonzero(np.any(count_at > 1, axis=1))):
        steps = np.flatnonzero(count_at[code] > 1)
        again = rows.filter(pl.Series(flat == code * hours.count + int(steps[0]))).sort()
        what = f"{_named(keys[code])}: {stamp(hours.utc[steps[0]])} is given {len(again)} times"
        more = f", and {len(steps) - 1} more hours" if len(steps) > 1 else ""
        fix = "Keep one. A local clock doubles an hour in autumn: convert it to UTC."
        problems.append(table.problem(again[1], value, what + more, fix))
    return problems


def _lacking(
    table: SourceTable,
    count_at: np.ndarray,
    keys: Sequence[tuple[str, ...]],
    hours: Hours,
    value: str,
) -> list[Problem]:
    problems = []
    lacks = (count_at == 0) & np.any(count_at, axis=1, keepdims=True)
    for code in map(int, np.flatnonzero(np.any(lacks, axis=1))):
        steps = np.flatnonzero(lacks[code])
        what = (
            f"{_named(keys[code])} lacks {len(steps)} of {hours.count} hours, "
            f"the first {stamp(hours.utc[steps[0]])}"
        )
        fix = "Add the rows, or study other hours with `time:`."
        place = table.place(None)
        problems.append(Problem(value, what, fix, place.file, None))
    return problems


def _named(key: tuple[str, ...]) -> str:
    return "/".join(f"`{part}`" for part in key)
