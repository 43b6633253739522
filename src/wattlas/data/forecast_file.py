"""Tables of what was issued: forecasts and vintages of price and carbon, the weather of zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from wattlas.data.reader.cells import Cells, doubled, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, read_table
from wattlas.data.schema.hours import FORECASTS, ISSUED, TIME, WEATHER, WEATHER_ISSUED
from wattlas.errors import InputError, Problem
from wattlas.model.issued import Issued

SIGNALS = {"price": "price_usd_per_mwh", "carbon": "carbon_g_per_kwh"}
"""Signal → its column."""
QUANTITIES = tuple(c.name for c in WEATHER.columns if c.name not in WEATHER.key)
"""Columns of the weather."""
_HOUR = pl.duration(hours=1)


def read_forecasts(path: str | Path) -> Mapping[str, Issued]:
    """The forecasts in a CSV or Parquet file, by signal: `price` and `carbon`, one at least.

    Columns are those of `FORECASTS`. Raises InputError with every problem: cells that cannot be
    read, forecasts that are there twice, or issued after the hour that they speak of began.
    """
    table = read_table(Path(path), FORECASTS, str(path))
    cells = typed(table)
    problems = []
    if cells.has(ISSUED, TIME):
        late = cells.frame.filter(pl.col(ISSUED) > pl.col(TIME))
        if late.height:
            what = f"{late.height} forecasts were issued after their hour had begun"
            problems.append(table.problem(late[ROW][0], ISSUED, what, "Leave them out."))
    return _signals(table, cells, problems)


def read_vintages(path: str | Path) -> Mapping[str, Issued]:
    """What was known of price and carbon of hours that are over, and from when on, in a CSV or
    Parquet file with the columns of `FORECASTS`.

    Raises InputError with every problem: cells that cannot be read, rows that are there twice, and
    those from before their hour was over, which are forecasts.
    """
    table = read_table(Path(path), FORECASTS, str(path))
    cells = typed(table)
    problems = []
    if cells.has(ISSUED, TIME):
        early = cells.frame.filter(pl.col(ISSUED) < pl.col(TIME) + _HOUR)
        if early.height:
            what = f"{early.height} rows are from before their hour was over"
            fix = "Forecasts belong in a file of their own: --forecast FILE."
            problems.append(table.problem(early[ROW][0], ISSUED, what, fix))
    return _signals(table, cells, problems)


def read_weather(path: str | Path) -> tuple[Issued, ...]:
    """The quantities of the weather in a CSV or Parquet file, those that it has of `QUANTITIES`.

    Columns are those of `WEATHER`, each hour known once it is over; with `issued_utc` (those of
    `WEATHER_ISSUED`) from then on. Raises InputError with every problem.
    """
    table = read_table(Path(path), WEATHER, str(path))
    measured = ISSUED not in table.columns
    if not measured:
        table = replace(table, schema=WEATHER_ISSUED)
    cells = typed(table)
    if measured and cells.has(TIME):
        known = cells.frame.with_columns((pl.col(TIME) + _HOUR).alias(ISSUED))
        cells = replace(cells, frame=known)
    return tuple(_issued(table, cells, QUANTITIES, []).values())


def _signals(table: SourceTable, cells: Cells, problems: list[Problem]) -> Mapping[str, Issued]:
    by_column = _issued(table, cells, tuple(SIGNALS.values()), problems)
    return {name: by_column[column] for name, column in SIGNALS.items() if column in by_column}


def _issued(
    table: SourceTable, cells: Cells, columns: tuple[str, ...], problems: list[Problem]
) -> dict[str, Issued]:
    """The columns that are there, by name. Raises InputError with all problems, those given too."""
    frame = cells.frame
    problems = [*cells.problems, *doubled(table, frame)[0], *problems]
    there = [column for column in columns if cells.has(column)]
    if not there:
        what, fix = "there is no column of values", f"Add {' or '.join(columns)}."
        problems.append(table.problem(None, "(header)", what, fix))
    if not problems and not frame.height:
        problems.append(table.problem(None, "(rows)", "there are none", "Give a row."))
    if problems:
        raise InputError(problems)
    zones = tuple(frame["zone"].unique(maintain_order=True).to_list())
    by_column = {}
    for column in there:
        kept = frame.drop_nulls(column)
        issued_s, time_s = (kept[at].dt.epoch("s").to_numpy() for at in (ISSUED, TIME))
        places = kept["zone"].replace_strict({zone: n for n, zone in enumerate(zones)})
        values = kept[column].to_numpy()
        by_column[column] = Issued(zones, issued_s, time_s, places.to_numpy(), values)
    return by_column
