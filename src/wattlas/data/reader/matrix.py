"""Tables of pairs as most publish them: a matrix, rows of one kind and columns of the other."""

from __future__ import annotations

import polars as pl

from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.numbers import decimal_mark, is_nothing, numbers
from wattlas.data.schema.columns import TableSchema

LEAST_COLUMNS = 2


Wrong = tuple[int, str, str]
"""Row, column and text of a cell that is no number."""


def unpivoted(frame: pl.DataFrame, schema: TableSchema) -> tuple[pl.DataFrame, list[Wrong]]:
    """The rows of a table of pairs, of a matrix those of its cells; empty cells are no rows.

    A matrix has none of the table's columns of numbers and not both of its key's, and most of its
    other cells are numbers: those that are not are given back, and are no rows. Anything else is
    left as it is.
    """
    names = [name for name in frame.columns if name != ROW]
    known = {name for column in schema.columns for name in (column.name, *column.also)}
    numeric = set(schema.values) & set(names)
    pairs = len(schema.key) == LEAST_COLUMNS and not schema.series and len(schema.values) == 1
    if not pairs or numeric or set(schema.key) <= set(names) or len(names) < LEAST_COLUMNS:
        return frame, []
    first, others = names[0], names[1:]
    if known & set(others):
        return frame, []
    key, target = schema.key if first != schema.key[1] else schema.key[::-1]
    (value,) = schema.values
    cells = frame.with_columns(pl.col(others).cast(pl.String).str.strip_chars())
    long = cells.unpivot(others, index=[ROW, first], variable_name=target, value_name=value)
    long = long.filter(~is_nothing(long[value])).rename({first: key}).sort(ROW, maintain_order=True)
    long = long.with_columns(_bare(long[value]))
    marks = {name: decimal_mark(part[value]) or "." for (name,), part in long.group_by(target)}
    figures = pl.concat(
        [
            part.select(ROW, target, value, n=numbers(part[value], marks[name]))
            for (name,), part in long.group_by(target, maintain_order=True)
        ]
        or [long.select(ROW, target, value, n=pl.lit(None, pl.Float64))]
    )
    wrong = figures.filter(pl.col("n").is_null()).sort(ROW, maintain_order=True)
    if long.is_empty() or 2 * wrong.height >= long.height:
        return frame, []
    long = long.join(wrong, on=[ROW, target], how="anti", maintain_order="left")
    return long, list(wrong.select(ROW, target, value).iter_rows())


def _bare(cells: pl.Series) -> pl.Series:
    """Cells without the unit that some publish in each of them."""
    return cells.str.replace(r"(?i)\s*ms\s*$", "").str.strip_chars()
