"""Tables of pairs as most publish them: a matrix, rows of one kind and columns of the other."""

from __future__ import annotations

import polars as pl

from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.numbers import decimal_mark, is_nothing, numbers
from wattlas.data.schema.columns import TableSchema

LEAST_COLUMNS = 2


def unpivoted(frame: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    """The rows of a table of pairs, of a matrix those of its cells; empty cells are no rows.

    A matrix has none of the table's columns of numbers and not both of its key's, and its other
    cells are numbers. Anything else is left as it is.
    """
    names = [name for name in frame.columns if name != ROW]
    known = {name for column in schema.columns for name in (column.name, *column.also)}
    numeric = set(schema.values) & set(names)
    pairs = len(schema.key) == LEAST_COLUMNS and not schema.series and len(schema.values) == 1
    if not pairs or numeric or set(schema.key) <= set(names) or len(names) < LEAST_COLUMNS:
        return frame
    first, others = names[0], names[1:]
    if known & set(others) or not all(_numbers(frame[name]) for name in others):
        return frame
    (value,) = schema.values
    long = frame.unpivot(
        others, index=[ROW, first], variable_name=schema.key[1], value_name=value
    ).rename({first: schema.key[0]})
    if long.schema[value] == pl.String:
        long = long.filter(~is_nothing(long[value]))
        long = long.with_columns(_bare(long[value]))
    return long.drop_nulls(value).sort(ROW, maintain_order=True)


def _numbers(cells: pl.Series) -> bool:
    """Whether all cells that say anything are numbers."""
    if cells.dtype != pl.String:
        return bool(cells.dtype.is_numeric())
    text = _bare(cells.filter(~is_nothing(cells)))
    return numbers(text, decimal_mark(text) or ".").null_count() == 0


def _bare(cells: pl.Series) -> pl.Series:
    """Cells without the unit that some publish in each of them."""
    return cells.str.replace(r"(?i)\s*ms\s*$", "").str.strip_chars()
