"""Tables over time → arrays: every hour once, in UTC, on the grid of the study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.hours import TIME
from wattlas.data.steps import HOUR_MIN, STEP, resampled, steps_by_key, with_steps
from wattlas.errors import Problem
from wattlas.model.signals import Hours

CODE = "__code"
SLACK_MIN = 1e-6


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


def time_step_h(frame: pl.DataFrame, key: Sequence[str] = ()) -> float:
    """The step of a typed frame, h; of its series the longest, so that none has to be cut.

    The step of a series is the commonest distance between neighbouring times; 1 h for one time.
    """
    series = "__series"
    name = pl.concat_str(key, separator="/") if key else pl.lit("")
    steps = steps_by_key(frame.with_columns(name.alias(series)), series)
    return max(steps.values(), default=HOUR_MIN) / HOUR_MIN


def on_grid(
    table: SourceTable,
    frame: pl.DataFrame,
    key: Sequence[str],
    value: str,
    keys: Sequence[tuple[str, ...]],
    hours: Hours,
) -> tuple[np.ndarray, np.ndarray, list[Problem]]:
    """One value column on the grid: array (keys, T), which keys have rows (keys,), problems.

    `keys` lists them in the order of the rows of the array. A key with no row at all is for
    the caller to judge; one with some has every hour exactly once, or it is named. A series in
    other steps than the study's is brought to them: the mean of shorter ones, longer ones repeated.
    """
    problems: list[Problem] = []
    flat, on, other = _places(frame, key, keys, hours)
    shape = (len(keys), hours.count)
    count_at = np.bincount(flat, minlength=math.prod(shape)).reshape(shape)
    whole = bool(np.all((count_at == 1).all(axis=1) | (count_at == 0).all(axis=1)))
    if other or not whole:
        frame, problems = _at_steps(table, frame, key, value, keys, hours)
        flat, on, _ = _places(frame, key, keys, hours)
        count_at = np.bincount(flat, minlength=math.prod(shape)).reshape(shape)
    values = np.full(math.prod(shape), np.nan)
    values[flat] = frame[value].to_numpy()[on]
    rows = frame[ROW].gather(pl.Series(on))
    problems += _twice(table, rows, flat, count_at, keys, hours, value)
    problems += _lacking(table, count_at, keys, hours, value)
    have: np.ndarray = np.any(count_at, axis=1)
    return values.reshape(shape), have, problems


def _places(
    frame: pl.DataFrame, key: Sequence[str], keys: Sequence[tuple[str, ...]], hours: Hours
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Where rows that are wanted lie in the flat array, which rows they are, and whether there are
    others of these keys between the first and the last step.
    """
    code, step_of = _codes(frame, key, keys), _steps(frame, hours)
    on = np.flatnonzero((code >= 0) & (step_of >= 0))
    end = hours.utc[-1] + np.timedelta64(round(hours.step_h * 3600), "s")
    inside = (pl.col(TIME) >= _utc(hours.utc[0])) & (pl.col(TIME) < _utc(end))
    between = frame.select(inside).to_series()
    other = bool(np.any((code >= 0) & (step_of < 0) & between.fill_null(False).to_numpy()))
    return code[on] * hours.count + step_of[on], on, other


def _at_steps(
    table: SourceTable,
    frame: pl.DataFrame,
    key: Sequence[str],
    value: str,
    keys: Sequence[tuple[str, ...]],
    hours: Hours,
) -> tuple[pl.DataFrame, list[Problem]]:
    """The rows of series in other steps than the study's, at the study's; others as they are."""
    code, reach = _codes(frame, key, keys), np.timedelta64(1, "h")
    begin, end = (_utc(t) for t in (hours.utc[0] - reach, hours.utc[-1] + reach))
    near = pl.col(TIME).is_between(begin, end) | pl.col(TIME).is_null()
    wanted = frame.with_columns(pl.Series(CODE, code).cast(pl.String))
    wanted = wanted.filter(near & (pl.col(CODE) != "-1"))
    rows = with_steps(wanted.drop_nulls(TIME), CODE)
    step_min = round(hours.step_h * HOUR_MIN)
    start = int(hours.start.astype("datetime64[m]").astype(np.int64))
    phase = (pl.col(TIME).dt.timestamp("ms") // 60_000 - start) % pl.col(STEP)
    usual = phase.mode().min().over(CODE, STEP)
    problems = list[Problem]()
    rows = rows.with_columns(__stray=phase != usual, __phase=usual)
    strays = rows.filter("__stray")
    if strays.height:
        step_h = int(strays[STEP][0]) / HOUR_MIN
        what = f"{strays[TIME][0]:%Y-%m-%dT%H:%M:%SZ} is not a step of {step_h:g} h"
        more = f" ({strays.height} rows)" if strays.height > 1 else ""
        fix = "Bring the rows to the steps of their series; hours begin at :00 UTC."
        problems.append(table.problem(strays[ROW][0], TIME, what + more, fix))
        rows = rows.filter(~pl.col("__stray"))
    other = (pl.col(STEP) != step_min) | (pl.col("__phase") != 0)
    moved, rest = rows.filter(other), rows.filter(~other).select(frame.columns)
    if moved.is_empty():
        return rest, problems
    again = moved.filter(pl.struct(CODE, TIME).is_duplicated())
    if again.height:
        what = f"{again[TIME][0]:%Y-%m-%dT%H:%M:%SZ} is given more than once"
        problems.append(table.problem(again[ROW][-1], value, what, "Keep one of the rows."))
        moved = moved.unique([CODE, TIME], keep="first", maintain_order=True)
    made = resampled(moved.drop_nulls(value), CODE, [value], step_min, start % step_min)
    part = (pl.col("__covered") - step_min).abs() > SLACK_MIN
    inside = pl.col(TIME).is_between(_utc(hours.utc[0]), _utc(hours.utc[-1]))
    made = made.filter(inside & ~part)
    names = [pl.col(CODE).replace_strict(_names(keys, n)).alias(k) for n, k in enumerate(key)]
    first = moved.group_by(CODE).agg(pl.first(ROW))
    made = made.join(first, on=CODE).with_columns(names).select(ROW, TIME, *key, value)
    made = made.with_columns(pl.col(TIME).cast(frame.schema[TIME]))
    return pl.concat([rest.select(ROW, TIME, *key, value), made]), problems


def _names(keys: Sequence[tuple[str, ...]], part: int) -> dict[str, str]:
    return {str(n): key[part] for n, key in enumerate(keys)}


def _utc(time: np.datetime64) -> pl.Expr:
    return pl.lit(time.astype("datetime64[us]")).dt.replace_time_zone("UTC")


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
        words = "hours" if hours.step_h == 1 else f"steps of {hours.step_h:g} h"
        what = (
            f"{_named(keys[code])} lacks {len(steps)} of {hours.count} {words}, "
            f"the first {stamp(hours.utc[steps[0]])}"
        )
        fix = "Add the rows, or study other hours with `time:`."
        place = table.place(None)
        problems.append(Problem(value, what, fix, place.file, None))
    return problems


def _named(key: tuple[str, ...]) -> str:
    return "/".join(f"`{part}`" for part in key)
