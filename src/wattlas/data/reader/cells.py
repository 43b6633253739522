"""The cells of a table in the types of its schema, and every one that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.numbers import decimal_mark, numbers
from wattlas.data.reader.parquet import is_single
from wattlas.data.reader.source import SourceTable
from wattlas.data.reader.stamps import are_ranges, instant
from wattlas.data.schema.columns import ColumnSchema
from wattlas.data.schema.hours import TIME
from wattlas.errors import Problem
from wattlas.model.suggest import SHOWN, did_you_mean

SHOWN_PER_COLUMN = 5
"""Bad cells of a column that are reported one by one; the others as a number."""
FEW_ROWS = 1000
"""Tables of so few rows are looked through for keys given twice in Python: polars takes longer to
begin."""
LIST_SEPARATOR = ";"
RANGES_FIX = (
    "`wattlas data import` takes their beginnings; or write UTC, hour-beginning, with its zone: "
    "2023-01-01T00:00:00Z."
)
FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


@dataclass(frozen=True)
class Cells:
    """The known columns in their types, with the numbers of rows; what does not fit is null."""

    frame: pl.DataFrame
    problems: list[Problem]
    bad: Mapping[str, frozenset[int]]
    """Column → rows whose cell is wrong."""

    def has(self, *columns: str) -> bool:
        """Whether these columns are there."""
        return set(columns) <= set(self.frame.columns)


def typed(
    table: SourceTable,
    need: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    bounds: bool = True,
) -> Cells:
    """The columns of the table's schema, typed, and every missing column and wrong cell.

    `need` names the columns that must be there and filled: those that a scenario requires, unless
    given. `only` limits what is looked at; without `bounds`, any number will do.
    """
    schema = table.schema
    need = schema.required if need is None else need
    columns = [c for c in schema.columns if only is None or c.name in only]
    lacking = missing_columns(table, [c.name for c in columns if c.name in need])
    problems = [*lacking, *table.faults]
    columns = [column for column in columns if column.name in table.columns]
    frame, wrong = _frame(table, columns, bounds)
    bad: dict[str, frozenset[int]] = {}
    for column in columns:
        if column.name in wrong:
            rows = _bad_rows(table, frame, column, column.name in need, bounds)
            bad[column.name] = frozenset(rows)
            problems += _report_cells(table, frame, column, rows)
    return Cells(frame, problems, bad)


def _frame(
    table: SourceTable, columns: Sequence[ColumnSchema], bounds: bool
) -> tuple[pl.DataFrame, frozenset[str]]:
    """The columns typed, and the names of those that have a wrong cell."""
    key = (*(column.name for column in columns), bounds)
    if table.made is not None and key in table.made and table.made[key][0] is table.frame:
        _, frame, wrong = table.made[key]
        return frame, wrong
    frame = table.frame.select(pl.col(ROW), *(_cast(table, column) for column in columns))
    # One look at all columns: most tables have nothing wrong in any of them.
    any_ = frame.select(_wrong(column, bounds).any().alias(column.name) for column in columns)
    wrong = frozenset(name for name in any_.columns if any_[name][0])
    if table.made is not None:
        table.made[key] = table.frame, frame, wrong
    return frame, wrong


def doubled(table: SourceTable, frame: pl.DataFrame) -> tuple[list[Problem], list[int]]:
    """Rows whose key an earlier row has, as problems and as numbers; `frame` is typed."""
    key = list(table.schema.key)
    if not key or not set(key) <= set(frame.columns):
        return [], []
    if frame.height <= FEW_ROWS:
        rows = list(zip(*(frame[name].to_physical().to_list() for name in key), strict=True))
        if len(set(rows)) == len(rows):
            return [], []
    keyed = frame.drop_nulls(key).with_columns(pl.col(ROW).first().over(key).alias("__first"))
    again = keyed.filter(pl.col(ROW) != pl.col("__first"))
    problems = []
    for *ids, row, first in again.select(*key, ROW, "__first").head(SHOWN_PER_COLUMN).iter_rows():
        line = table.place(first).line
        what = f"{' to '.join(f'`{i}`' for i in ids)} is given twice"
        what += f", first on line {line}" if line else ""
        problems.append(table.problem(row, key[-1], what, "Keep one of the rows."))
    if again.height > SHOWN_PER_COLUMN:
        what = f"{again.height - SHOWN_PER_COLUMN} more rows are given twice"
        problems.append(table.problem(again[ROW][-1], key[-1], what, "Keep one of each."))
    return problems, again[ROW].to_list()


def missing_columns(table: SourceTable, need: Sequence[str]) -> Iterator[Problem]:
    """Columns that are not there; the fix names a likely misspelling."""
    unknown = set(table.columns) - set(table.schema.by_name)
    schema, there = table.schema, set(table.columns)
    if schema.series and unknown and TIME in there and not {*schema.series, *schema.values} & there:
        what = f"is wide: no column `{schema.series[0]}`, but {', '.join(sorted(unknown)[:SHOWN])}"
        fix = f"Import it: `wattlas data import FILE --as {table.schema.name} --into hours`."
        yield table.problem(None, "(header)", what, fix)
        return
    for column in table.schema.columns:
        if column.name not in need or column.name in table.columns:
            continue
        guess = did_you_mean(column.name, unknown)
        names = " or ".join(f"`{name}`" for name in (column.name, *column.also))
        fix = f"Add a column {names}."
        if guess.startswith("Did"):
            fix = f"Rename {guess.split('`')[1]}."
        elif unknown:
            fix = f"Add a column {names}, or rename another: {', '.join(sorted(unknown)[:SHOWN])}."
        yield table.problem(None, column.name, "this column is missing", fix)


def _cast(table: SourceTable, column: ColumnSchema) -> pl.Expr:
    """A column in the type of its kind; cells that do not fit become null."""
    kind, cell = table.frame.schema[column.name], pl.col(column.name)
    if column.kind == "time":
        return instant(kind, column.name)
    if column.kind == "list" and isinstance(kind, pl.List):
        return cell.cast(pl.List(pl.String), strict=False)
    if not is_single(kind):
        return pl.lit(None, pl.Float64() if column.numeric else pl.String()).alias(column.name)
    text = cell.str.strip_chars() if kind == pl.String else cell
    if column.numeric:
        text = text.map_batches(_with_points, return_dtype=pl.String) if kind == pl.String else text
        return _number(column, text, kind, _unit(table, column)).alias(column.name)
    text = text.cast(pl.String).str.strip_chars()
    if column.kind == "flag":
        marks = text.str.to_lowercase()
        return marks.replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)
    if column.kind == "list":
        parts = text.str.split(LIST_SEPARATOR).list.eval(pl.element().str.strip_chars())
        parts = parts.list.eval(pl.element().filter(pl.element() != ""))
        return pl.when(text != "").then(parts)
    return pl.when(text != "").then(text)


def _with_points(text: pl.Series) -> pl.Series:
    """Numbers with the decimal comma as those with a point; what may be either stays as it is."""
    if not text.str.contains(",", literal=True).any() or decimal_mark(text) != ",":
        return text
    return numbers(text, ",").cast(pl.String).fill_null(text)


def _number(column: ColumnSchema, cell: pl.Expr, kind: pl.DataType, unit: float) -> pl.Expr:
    number = cell.cast(pl.Float64, strict=False)
    if column.kind == "whole":
        return pl.when(number == number.floor()).then(number).cast(pl.Int64, strict=False)
    if column.unlimited and kind == pl.String:
        number = pl.when(cell == column.unlimited).then(float("inf")).otherwise(number)
    return number if unit == 1.0 else number * unit


def _unit(table: SourceTable, column: ColumnSchema) -> float:
    """What one in the table's unit is in ours."""
    return column.also.get(table.theirs.get(column.name, ""), 1.0)


def _wrong(column: ColumnSchema, bounds: bool) -> pl.Expr:
    """Whether a typed cell is not what the column must hold; an empty one is looked at again."""
    cell = pl.col(column.name)
    wrong = cell.is_null()
    if column.options:
        wrong |= ~cell.is_in(column.options)
    if column.kind != "number" or not bounds:
        return wrong.fill_null(True)
    wrong |= cell.is_nan() | (cell == float("-inf"))
    wrong |= pl.lit(False) if column.unlimited else cell == float("inf")
    for bound, beyond in (
        (column.lower, cell.lt),
        (column.upper, cell.gt),
        (column.above, cell.le),
    ):
        if bound is not None:
            wrong |= beyond(bound)
    return wrong.fill_null(True)


def _bad_rows(
    table: SourceTable, frame: pl.DataFrame, column: ColumnSchema, needed: bool, bounds: bool
) -> list[int]:
    """Rows with a wrong cell; one that is empty is wrong where it is needed."""
    wrong = frame.select(_wrong(column, bounds))[column.name]
    if not needed:
        cells = table.frame[column.name]
        filled = cells.is_not_null()
        if cells.dtype == pl.String:
            filled &= (cells.str.strip_chars() != "").fill_null(False)
        wrong &= filled
    return frame[ROW].filter(wrong).to_list()


def _report_cells(
    table: SourceTable, frame: pl.DataFrame, column: ColumnSchema, rows: list[int]
) -> Iterator[Problem]:
    kind = table.frame.schema[column.name]
    zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
    if rows and column.kind == "time" and kind != pl.String and not zoned:
        content = "times without a zone" if isinstance(kind, pl.Datetime) else f"{kind} values"
        what = f"holds {content}, wanted UTC, each time with its zone"
        fix = "`wattlas data import --time-zone ZONE` converts local times."
        yield table.problem(None, column.name, what, fix)
        return
    if column.kind == "time" and kind == pl.String:
        first = _first_range(table.frame[column.name], frame[ROW].is_in(rows))
        if first is not None:
            what = f"holds ranges, the first `{first}`, wanted each beginning with its zone"
            yield table.problem(None, column.name, what, RANGES_FIX)
            return
    for row in rows[:SHOWN_PER_COLUMN]:
        yield _bad_cell(table, frame, column, row)
    if len(rows) > SHOWN_PER_COLUMN:
        what = f"{len(rows) - SHOWN_PER_COLUMN} more rows are wrong in the same column"
        yield table.problem(rows[-1], column.name, what, "Fix them all alike.")


def _first_range(cells: pl.Series, wrong: pl.Series) -> str | None:
    """The first of the wrong cells of a column of times that is a range."""
    unread = cells.filter(wrong)
    spans = unread.filter(are_ranges(unread))
    return None if spans.is_empty() else str(spans[0])


def _bad_cell(table: SourceTable, frame: pl.DataFrame, column: ColumnSchema, row: int) -> Problem:
    at_row = pl.col(ROW) == row
    found_value, typed_value = (
        table.frame.filter(at_row)[column.name][0],
        frame.filter(at_row)[column.name][0],
    )
    found_value = found_value.to_list() if isinstance(found_value, pl.Series) else found_value
    empty = found_value is None or not str(found_value).strip()
    shown = "is empty" if empty else f"is `{found_value}`"
    number = typed_value if column.numeric else None
    expected = column.expected(number, _unit(table, column))
    if column.name in table.schema.key and table.schema.thing:
        expected = "an id"
    fix = _fix(column, found_value, number, expected)
    return table.problem(row, column.name, f"{shown}, wanted {expected}", fix)


def _fix(column: ColumnSchema, found_value: object, number: float | None, expected: str) -> str:
    """What to do about a cell."""
    if column.kind == "time":
        return "Write UTC, hour-beginning, with its zone: 2023-01-01T00:00:00Z."
    if column.options:
        return did_you_mean(str(found_value), column.options)
    if column.numeric and number is None and isinstance(found_value, str) and found_value.strip():
        return "Write the number with a point, and no unit."
    if column.fix or not column.numeric:
        return column.fix or "Fill it in."
    return f"Give {expected}." if " of " in expected else "Give the figure, or leave the row out."
