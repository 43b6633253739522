"""Tables of choice experiments, CSV or Parquet → `model.Choices`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, read_table, source_of
from wattlas.data.schema.workload import CHOICES
from wattlas.data.table_form import refuse_form
from wattlas.errors import InputError, Problem
from wattlas.model.choices import ATTRIBUTES, Choices, Fault, faults, range_faults, task_faults

SEGMENT = "segment"
TEXTS = tuple(column.name for column in CHOICES.columns if column.kind == "text")
BAD = "__bad"
LABEL = "choices"
"""What messages call a table that came without a file."""


def read_choices(path: str | Path) -> Choices:
    """The choices in a file, one row per alternative; docs/fit.md lists the columns.

    Raises InputError with every cell, task and respondent that is wrong, by file and line.
    """
    file = Path(path)
    fix = "Give a table of choices in CSV or Parquet."
    missing = Problem("(file)", "is not there", fix, str(path))
    return _choices(read_table(file, CHOICES, str(path), missing))


def choices_of(frame: pl.DataFrame, label: str = LABEL) -> Choices:
    """As `read_choices`, of a table that is already in memory."""
    return _choices(source_of(frame, CHOICES, label))


def _choices(table: SourceTable) -> Choices:
    refuse_form(table, CHOICES.required, "alternative")
    texts = [name for name in TEXTS if name != SEGMENT or SEGMENT in table.columns]
    names = typed(table, need=[*texts, "chosen"], only=[*texts, "chosen"])
    empty = [_empty(table, name) for name in ATTRIBUTES if name in table.columns]
    nothing_offered = pl.all_horizontal(empty or pl.lit(False))
    offered = replace(table, frame=table.frame.filter(~nothing_offered))
    figures = typed(offered, only=ATTRIBUTES)
    problems = [*names.problems, *figures.problems]
    if not {*CHOICES.required} <= set(table.columns):
        raise InputError(problems)
    bad = sorted({row for cells in (names, figures) for rows in cells.bad.values() for row in rows})
    share = names.frame.join(figures.frame, on=ROW, how="left", maintain_order="left")
    share = share.with_columns(pl.col(ROW).is_in(bad).alias(BAD))
    choices = _arrays(share, table)
    sound = share.filter(~pl.col(BAD).any().over("respondent", "task"))
    if not share.height:
        problems += _at_rows(table, share, faults(choices))
    problems += _at_rows(table, share, range_faults(choices))
    problems += _at_rows(table, sound, task_faults(_arrays(sound, table)))
    if problems:
        raise InputError(problems)
    return choices


def _at_rows(
    table: SourceTable, frame: pl.DataFrame, faults_of_rows: Iterable[Fault]
) -> Iterator[Problem]:
    """Faults of some rows of a table, where they stand in it."""
    rows = frame[ROW].to_list()
    for fault in faults_of_rows:
        row = None if fault.row is None else rows[fault.row]
        yield table.problem(row, fault.column, fault.what, fault.fix)


def _empty(table: SourceTable, name: str) -> pl.Expr:
    if table.frame.schema[name] == pl.String:
        return pl.col(name).str.strip_chars().fill_null("") == ""
    return pl.col(name).is_null()


def _arrays(sound: pl.DataFrame, table: SourceTable) -> Choices:
    unused = [c for c in table.columns if c not in CHOICES.by_name]
    notes = [f"column `{name}` of {table.label} is not used" for name in unused]

    def text(name: str) -> np.ndarray:
        return sound[name].to_numpy().astype(str)

    figures = {n: sound[n].fill_null(np.nan).to_numpy().astype(float) for n in ATTRIBUTES}
    return Choices(
        respondent=text("respondent"),
        task=text("task"),
        alternative=text("alternative"),
        chosen=sound["chosen"].fill_null(False).to_numpy().astype(bool),
        segment=text(SEGMENT) if SEGMENT in sound.columns else None,
        label=table.label,
        notes=tuple(notes),
        **figures,
    )
