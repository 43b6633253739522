"""Tables with a row for each day and a column for each hour of it, made long."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from wattlas.data.importers.layout import Layout, find
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.numbers import is_nothing
from wattlas.errors import UsageError

HOUR = "hour of the day"
VALUE = "value of the hour"
_NAME = re.compile(
    r"(?:(?:h|he|hour|hr|stunde|hora)?[ _.]*)?(\d{1,2})(?::?00(?::00)?)?(?: ?h)?", re.I
)
_RUNS = ((0, 23), (0, 24), (1, 24), (1, 25))


def long_hours(frame: pl.DataFrame, layout: Layout) -> tuple[pl.DataFrame, Layout, list[str]]:
    """The rows by the hour, and the layout that reads them; others as they are, without notes.

    An empty cell is an hour that the day does not have, or a gap that the checks find.
    """
    if not layout.timed or layout.hour_column or layout.value_column:
        return frame, layout, []
    numbers = {name: _number(name) for name in frame.columns if name != ROW}
    hours = [name for name, number in numbers.items() if number is not None]
    known = sorted(n for n in numbers.values() if n is not None)
    if not any(known == list(range(low, high + 1)) for low, high in _RUNS):
        return frame, layout, []
    if layout.zone is None and not layout.zone_column and not find(frame.columns, layout.keys[0]):
        raise UsageError(
            f"{layout.keys[0]}: the columns `{hours[0]}` to `{hours[-1]}` are hours of a day; "
            "say whose they are with --zone or --zone-column"
        )
    kept = [name for name in frame.columns if name not in hours]
    long = frame.unpivot(hours, index=kept, variable_name=HOUR, value_name=VALUE)
    # Row by row, each with its hours in order: what comes twice is told apart by the order.
    order = pl.col(HOUR).replace_strict(numbers, return_dtype=pl.Int64)
    long = long.with_columns(order.cast(pl.String).alias(HOUR), __n=order).sort(ROW, "__n")
    long = long.filter(~pl.col(VALUE).cast(pl.String).map_batches(is_nothing)).drop("__n")
    note = f"the columns `{hours[0]}` to `{hours[-1]}` were read as hours of the day"
    return long, replace(layout, hour_column=HOUR, value_column=VALUE), [note]


def _number(name: str) -> int | None:
    match = _NAME.fullmatch(name.strip())
    return int(match[1]) if match else None
