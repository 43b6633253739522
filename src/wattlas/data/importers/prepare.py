"""Rows that were read → rows that a pack holds: judged first, then filled, then averaged.

Checks see the rows of all files as they are, at their own steps. What is filled is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Literal

import polars as pl

from wattlas.data.clock_changes import DST_ZONES, hour_text
from wattlas.data.hours_checks import (
    HoursTable,
    check_duplicates_and_gaps,
    check_hours,
)
from wattlas.data.hours_units import suspicions
from wattlas.data.importers.rows import DECIMALS, Imported
from wattlas.data.reader.source import source_of
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import DEMAND, PARTS, TIME
from wattlas.data.steps import HOUR_MIN, STEP, off_grid, ragged_ends, resampled, with_steps
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import SHOWN

Method = Literal["linear", "previous"]
FILL_MOST = 3
_AVERAGED = tuple(n for n in range(1, HOUR_MIN + 1) if HOUR_MIN % n == 0)
"""Steps that hours can be averaged from, minutes."""
_FIX = (
    "Fill short gaps with `--fill linear`, keep others with `--only`, or write what there is with \
`--allow-gaps`."
)


@dataclass(frozen=True)
class Rules:
    """What may be done to rows."""

    fill: Method | None = None
    fill_most: int = FILL_MOST
    """The longest gap that is filled, steps."""
    average: bool = False
    keep_steps: bool = False
    """Keep steps that are shorter than an hour; without either, they are asked about."""
    allow_gaps: bool = False
    per_step: bool = False
    """Whether values are counts of a step, to be made figures per hour."""


@dataclass(frozen=True)
class PreparedRows:
    """Rows that can be written, and what is wrong with them, where gaps were allowed."""

    rows: Imported
    gaps: tuple[Problem, ...]


def prepare(new: Imported, rules: Rules) -> PreparedRows:
    """Judge, fill and average. Raises InputError with every problem, unless gaps are allowed."""
    key = _key(new)
    frame = with_key(new.frame, new).sort(key, TIME)
    names = _names(frame, new)
    frame, ends = _without_ends(frame, key) if rules.average else (frame, [])
    filled: dict[str, int] = {}
    problems: list[Problem] = []
    if rules.fill is not None:
        problems = _clock_problems(new, frame)
        frame, filled = _fill(with_steps(frame, key), key, new.values, rules)
    table = _table(new, frame, rules.average)
    problems += [p for p in check_hours(table) if p not in problems]
    if not problems and not (rules.average or rules.keep_steps):
        problems += _step_problems(table)
    count_problems = _count_problems(new, table)
    if count_problems or (problems and not rules.allow_gaps):
        raise InputError([*problems, *count_problems])
    rows = with_steps(table.timed, key)
    if problems:
        rows = _sound(rows, key, new.values)
    notes = [*new.notes, *ends, *_unit_doubts(new, table)]
    if rules.per_step:
        per_h = HOUR_MIN / pl.col(STEP)
        rows = rows.with_columns((pl.col(v) * per_h).round(DECIMALS) for v in new.values)
    rows, told = _on_steps(rows, key, list(new.values), rules.average)
    steps = rows.group_by(key).agg(pl.col(STEP).unique())
    notes += told + _step_notes(steps, key)
    for series, n in filled.items():
        count = "1 step" if n == 1 else f"{n:,} steps"
        notes.append(f"{count} of {series} filled in ({rules.fill})")
    if rows.is_empty():
        raise InputError([*problems, Problem(new.table, "nothing is left to write", _FIX)])
    made = replace(
        new, frame=_without_key(rows, new, names), notes=tuple(dict.fromkeys(notes)), filled=filled
    )
    return PreparedRows(made, tuple(problems))


def _key(new: Imported) -> str:
    series = TABLES[new.table].series
    return series[0] if len(series) == 1 else "__series"


def with_key(frame: pl.DataFrame, new: Imported) -> pl.DataFrame:
    """The rows with one column that tells their series."""
    series = TABLES[new.table].series
    if len(series) == 1:
        return frame
    return frame.with_columns(pl.concat_str(series, separator="/").alias("__series"))


def _names(frame: pl.DataFrame, new: Imported) -> pl.DataFrame:
    """What each series of several names is of: a name may hold what stands between them."""
    series = TABLES[new.table].series
    if len(series) == 1:
        return frame.clear()
    names = frame.select("__series", *series).unique(maintain_order=True).drop_nulls()
    twice = names.filter(pl.col("__series").is_duplicated())["__series"]
    if not twice.is_empty():
        fix = "Rename one of them with `--rename`."
        raise InputError([Problem(new.table, f"two series are called `{twice[0]}`", fix)])
    return names


def _without_key(rows: pl.DataFrame, new: Imported, names: pl.DataFrame) -> pl.DataFrame:
    series = TABLES[new.table].series
    if len(series) > 1:
        rows = rows.drop(series, strict=False)
        rows = rows.join(names, on="__series", how="left", maintain_order="left")
    return rows.select(TIME, *series, *new.values)


def _without_ends(frame: pl.DataFrame, key: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows without those that begin or end a series within an hour that is left out anyway."""
    timed = with_steps(frame.drop_nulls([TIME, key]), key)
    ragged = ragged_ends(timed, key)
    if not ragged.any():
        return frame, []
    first = hour_text(timed.filter(ragged)[TIME].sort().to_list()[0])
    count = int(ragged.sum())
    rows = "1 row lies" if count == 1 else f"{count:,} rows lie"
    note = f"{rows} between the steps, in hours left out at the ends, the first {first}"
    return frame.join(timed.filter(ragged).select(key, TIME), on=[key, TIME], how="anti"), [note]


def _step_problems(table: HoursTable) -> list[Problem]:
    """Series in steps that are no hours, or hours that begin within one: what is meant is asked."""
    minute = pl.col(TIME).dt.minute()
    whole = (pl.col(STEP) == HOUR_MIN) & (minute == 0)
    other = table.stepped.filter(~whole).group_by(table.key, maintain_order=True).first()
    fix = "Make hours of it with `--average`, or keep its steps with `--keep-steps`."
    problems = []
    for name, step, first in other.select(table.key, STEP, minute).iter_rows():
        what = f"it is in steps of {step} min"
        if step == HOUR_MIN:
            what = f"its hours begin {first} min past the hour, UTC"
        problems.append(table.problem(name, what, fix))
    return problems


def _count_problems(new: Imported, table: HoursTable) -> list[Problem]:
    """Requests in steps that are no hours, where nobody says what they are counted over."""
    other = table.stepped.filter(pl.col(STEP) != HOUR_MIN)
    if new.table != DEMAND.name or new.unit_from or other.is_empty():
        return []
    name, step = other.select(table.key, STEP).row(0)
    what = f"nothing says whether its requests are of {step} min or of an hour"
    fix = "Say `--unit requests` for those of a step, or `--unit requests/h`."
    return [table.problem(name, what, fix)]


def _table(new: Imported, frame: pl.DataFrame, average: bool = False) -> HoursTable:
    schema = TABLES[new.table]
    columns = [TIME, *schema.series, *new.values]
    source = replace(source_of(frame.select(columns), schema, ""), titled=True)
    zones = tuple(dict.fromkeys([new.time_zone, *DST_ZONES]))
    parts = _AVERAGED if average else PARTS
    return HoursTable(source, time_zones=zones, need=new.values, parts=parts, fill_fix=_FIX)


def _clock_problems(new: Imported, frame: pl.DataFrame) -> list[Problem]:
    """Local time passed off as UTC: no gap to be filled."""
    told = check_duplicates_and_gaps(_table(new, frame))
    return [problem for problem in told if "clock change" in problem.what]


def _unit_doubts(new: Imported, table: HoursTable) -> list[str]:
    """Values of an unusual size whose unit nobody states; one that is stated is believed."""
    if new.unit_from:
        return []
    way = "`--unit` says which it is, and silences this"
    return [f"{p.where}: {p.what}; {way}" for p in suspicions(table)]


def _fill(
    rows: pl.DataFrame, key: str, values: tuple[str, ...], rules: Rules
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Gaps and empty values of at most `fill_most` steps between two values, and their number."""
    sound = rows.filter(~off_grid(rows, key)).unique([key, TIME], keep="none", maintain_order=True)
    sound = sound.drop_nulls(list(values)).sort(key, TIME)
    after = [pl.col(c).shift(-1).over(key).alias(f"__next_{c}") for c in (TIME, *values)]
    pairs = sound.with_columns(after).drop_nulls(f"__next_{TIME}")
    minutes = (pl.col(f"__next_{TIME}") - pl.col(TIME)).dt.total_minutes()
    pairs = pairs.with_columns(__gap=minutes // pl.col(STEP) - 1)
    short = pairs.filter(
        pl.col("__gap").is_between(1, rules.fill_most),
        minutes % pl.col(STEP) == 0,
    )
    made = short.with_columns(__k=pl.int_ranges(1, pl.col("__gap") + 1)).explode("__k")
    part = pl.col("__k") / (pl.col("__gap") + 1) if rules.fill == "linear" else pl.lit(0.0)
    made = made.with_columns(
        (pl.col(TIME) + pl.duration(minutes=pl.col("__k") * pl.col(STEP))).alias(TIME),
        *(
            (pl.col(v) + part * (pl.col(f"__next_{v}") - pl.col(v))).round(DECIMALS).alias(v)
            for v in values
        ),
    ).select(rows.columns)
    there = rows.group_by(key, TIME).len().filter(pl.col("len") > 1)
    made = made.join(there, on=[key, TIME], how="anti")
    if made.is_empty():
        return rows.drop(STEP), {}
    kept = rows.join(made, on=[key, TIME], how="anti", maintain_order="left")
    count = made.group_by(key, maintain_order=True).len().sort(key)
    return pl.concat([kept, made]).sort(key, TIME).drop(STEP), dict(count.iter_rows())


def _sound(rows: pl.DataFrame, key: str, values: tuple[str, ...]) -> pl.DataFrame:
    """The rows without those that are doubled, between the steps, or without a number."""
    rows = rows.filter(~off_grid(rows, key)).unique([key, TIME], keep="none", maintain_order=True)
    finite = pl.all_horizontal(pl.col(v).is_finite().fill_null(False) for v in values)
    return rows.filter(finite)


def _on_steps(
    rows: pl.DataFrame, key: str, values: list[str], average: bool
) -> tuple[pl.DataFrame, list[str]]:
    """Rows that begin at steps of the hour: hours at half past become half hours, or are split."""
    minute = rows.select(pl.col(TIME).dt.minute()).to_series()
    lengths = rows[STEP].unique().to_list()
    shifts = [int(m) for m in (minute % rows[STEP]).unique()]
    if not average and not any(shifts):
        return rows, []
    step = HOUR_MIN if average else gcd(*lengths, *shifts)
    if lengths == [step] and not any(shifts):
        return rows, []
    if not average:
        return _cut(rows, key, values, step)
    made = resampled(rows, key, values, HOUR_MIN)
    whole = made.filter((pl.col("__covered") - HOUR_MIN).abs() < 1e-6)
    notes = []
    if made.height > whole.height:
        part = made.filter((pl.col("__covered") - HOUR_MIN).abs() >= 1e-6)
        first = part[TIME][0].strftime("%Y-%m-%dT%H:%MZ")
        notes.append(
            f"{part.height:,} hours that rows cover only in part are left out, the first {first}"
        )
    if any(shifts):
        notes.append("values that begin within an hour were split over the two hours they reach")
    return _rounded(whole, values).with_columns(pl.lit(HOUR_MIN, pl.Int64).alias(STEP)), notes


def _cut(
    rows: pl.DataFrame, key: str, values: list[str], step: int
) -> tuple[pl.DataFrame, list[str]]:
    """Only the series that begin within the hour, cut into steps that begin at it."""
    shifted = (pl.col(TIME).dt.minute() % pl.col(STEP) != 0).any().over(key)
    moved = rows.filter(shifted)
    made = _rounded(resampled(moved, key, values, step), values)
    made = made.with_columns(pl.lit(step, pl.Int64).alias(STEP))
    names = ", ".join(sorted(moved[key].unique()))
    note = f"{names}: hours that begin within an hour are kept as steps of {step} min"
    rest = rows.filter(~shifted).select(made.drop("__covered").columns)
    return pl.concat([rest, made.drop("__covered")]), [note]


def _rounded(rows: pl.DataFrame, values: list[str]) -> pl.DataFrame:
    return rows.with_columns(pl.col(v).round(DECIMALS) for v in values)


def _step_notes(steps: pl.DataFrame, key: str) -> list[str]:
    """Series that are not in hours."""
    notes, by_words = [], dict[str, list[str]]()
    for name, lengths in steps.sort(key).iter_rows():
        if lengths != [HOUR_MIN]:
            words = " and ".join(str(n) for n in sorted(lengths))
            by_words.setdefault(words, []).append(str(name))
    for words, names in by_words.items():
        shown = ", ".join(names[:SHOWN]) + (
            f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
        )
        notes.append(f"{shown}: in steps of {words} min")
    return notes
