"""A quantity between places written as a matrix: origins down, targets across, empty: unknown."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from wattlas.data.entities import Entities
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.errors import Problem


def as_rows(table: SourceTable, target: Entities) -> tuple[SourceTable, list[Problem]]:
    """A matrix as rows of origin, target and value; any other table as it is.

    It is one where the header names a target, and neither the value nor the second id is a column.
    """
    (origin_name, target_name), (value,) = table.schema.key, table.schema.values
    known = {entity.id for entity in target.every}
    first, *header = table.columns or [""]
    if {target_name, value} & set(table.columns) or not known & set(header):
        return table, []
    cells = table.frame.select(ROW, first, *(pl.col(name).cast(pl.String) for name in header))
    rows = cells.unpivot(header, index=[ROW, first], variable_name=target_name, value_name=value)
    text = pl.col(value).str.strip_chars()
    rows = rows.filter(text != "").with_columns(text.cast(pl.Float64, strict=False).alias("__n"))
    number = pl.col("__n")
    wrong = rows.filter(number.is_null() | ~number.is_finite() | (number < 0))
    problems = [
        table.problem(row, name, f"is `{cell}`, wanted a number of at least 0", "Correct it.")
        for row, name, cell in wrong.select(ROW, target_name, value).iter_rows()
    ]
    right = rows.filter(number.is_finite() & (number >= 0)).drop(value)
    frame = right.rename({first: origin_name, "__n": value}).sort(ROW, maintain_order=True)
    return replace(table, frame=frame), problems
