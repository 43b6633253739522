"""Tables of choice experiments, CSV or Parquet → `model.Choices`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from wattlas.data.tables import ROW, SHOWN_PER_COLUMN, Column, Table, read_table, table_of, typed
from wattlas.errors import InputError, Problem
from wattlas.model.choices import ATTRIBUTES, Choices, Fault, faults, range_faults, task_faults

TEXTS = ("respondent", "task", "alternative", "chosen")
NUMBERS = tuple(Column(name, "number") for name in ATTRIBUTES)
SEGMENT = "segment"
CHOSEN = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
BAD = "__bad"
LABEL = "choices"
"""What messages call a table that came without a file."""


def read_choices(path: str | Path) -> Choices:
    """The choices in a file, one row per alternative; docs/fit.md lists the columns.

    Raises InputError with every cell, task and respondent that is wrong, by file and line.
    """
    file = Path(path)
    fix = "Give a table of choices in CSV or Parquet."
    return _choices(read_table(file, str(path), Problem("(file)", "is not there", fix, str(path))))


def choices_of(frame: pl.DataFrame, label: str = LABEL) -> Choices:
    """As `read_choices`, of a table that is already in memory."""
    return _choices(table_of(frame, label))


def _choices(table: Table) -> Choices:
    segment = [SEGMENT] if SEGMENT in table.columns else []
    texts, problems = typed(table, [Column(name) for name in (*TEXTS, *segment)])
    given = [name for name in ATTRIBUTES if name in table.columns]
    none = pl.all_horizontal([_empty(table, name) for name in given] or pl.lit(False))
    offered = Table(table.label, table.frame.filter(~none), table.path)
    numbers, more = typed(offered, NUMBERS)
    problems += more
    if not {*TEXTS, *ATTRIBUTES} <= set(table.columns):
        raise InputError(problems)
    whole = texts.join(numbers, on=ROW, how="left", maintain_order="left")
    whole = whole.with_columns(
        pl.col("chosen").str.to_lowercase().replace_strict(CHOSEN, default=None).alias("mark")
    )
    problems += _unclear(table, whole)
    whole = whole.with_columns(_bad(segment, none=~pl.col(ROW).is_in(numbers[ROW].implode())))
    made = _arrays(whole, table, segment)
    sound = whole.filter(~pl.col(BAD).any().over("respondent", "task"))
    if not whole.height:
        problems += _at_rows(table, whole, faults(made))
    problems += _at_rows(table, whole, range_faults(made))
    problems += _at_rows(table, sound, task_faults(_arrays(sound, table, segment)))
    if problems:
        raise InputError(problems)
    return made


def _at_rows(table: Table, frame: pl.DataFrame, found: Iterable[Fault]) -> Iterator[Problem]:
    """Faults of some rows of a table, where they stand in it."""
    rows = frame[ROW].to_list()
    for fault in found:
        row = None if fault.row is None else rows[fault.row]
        yield table.problem(row, fault.column, fault.what, fault.fix)


def _empty(table: Table, name: str) -> pl.Expr:
    if table.frame.schema[name] == pl.String:
        return pl.col(name).str.strip_chars().fill_null("") == ""
    return pl.col(name).is_null()


def _unclear(table: Table, whole: pl.DataFrame) -> Iterator[Problem]:
    """Marks that say neither chosen nor not; empty ones are told elsewhere."""
    bad = whole.filter(pl.col("mark").is_null() & (pl.col("chosen") != ""))
    for row, got in bad.select(ROW, "chosen").head(SHOWN_PER_COLUMN).iter_rows():
        what = f"is `{got}`, wanted 0 or 1"
        yield table.problem(row, "chosen", what, "Write 1 for the chosen alternative, else 0.")
    if bad.height > SHOWN_PER_COLUMN:
        what = f"{bad.height - SHOWN_PER_COLUMN} more rows are wrong in the same column"
        yield table.problem(bad[ROW][-1], "chosen", what, "Fix them all alike.")


def _bad(segment: list[str], none: pl.Expr) -> pl.Expr:
    """Rows with a cell that was told as wrong: their tasks are not judged any further."""
    texts = [pl.col(n).is_null() | (pl.col(n) == "") for n in (*TEXTS, *segment)]
    figures = [~pl.col(n).is_finite().fill_null(False) & ~none for n in ATTRIBUTES]
    return pl.any_horizontal(*texts, *figures, pl.col("mark").is_null()).alias(BAD)


def _arrays(sound: pl.DataFrame, table: Table, segment: list[str]) -> Choices:
    unused = [c for c in table.columns if c not in (*TEXTS, *ATTRIBUTES, SEGMENT)]
    notes = [f"column `{name}` of {table.label} is not used" for name in unused]

    def text(name: str) -> np.ndarray:
        return sound[name].to_numpy().astype(str)

    figures = {n: sound[n].fill_null(np.nan).to_numpy().astype(float) for n in ATTRIBUTES}
    return Choices(
        respondent=text("respondent"),
        task=text("task"),
        alternative=text("alternative"),
        chosen=sound["mark"].to_numpy().astype(bool),
        segment=text(SEGMENT) if segment else None,
        label=table.label,
        notes=tuple(notes),
        **figures,
    )
