"""Forecasts as they were issued: a table of moments, hours, zones and values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import read_table
from wattlas.data.schema.hours import FORECASTS, ISSUED, TIME
from wattlas.errors import InputError
from wattlas.model.issued import Issued

SIGNALS = {"price": "price_usd_per_mwh", "carbon": "carbon_g_per_kwh"}
"""Signal → its column."""


def read_forecasts(path: str | Path) -> Mapping[str, Issued]:
    """The forecasts in a CSV or Parquet file, by signal: `price` and `carbon`, one at least.

    Columns are those of `FORECASTS`. Raises InputError with every problem: cells that cannot be
    read, forecasts that are there twice, or issued after the hour that they speak of began.
    """
    table = read_table(Path(path), FORECASTS, str(path))
    cells = typed(table)
    frame, problems = cells.frame, list(cells.problems)
    problems += doubled(table, frame)[0]
    there = {name: column for name, column in SIGNALS.items() if cells.has(column)}
    if not there:
        what, fix = "there is no column of values", f"Add {' or '.join(SIGNALS.values())}."
        problems.append(table.problem(None, "(header)", what, fix))
    if cells.has(ISSUED, TIME):
        late = frame.filter(frame[ISSUED] > frame[TIME])
        if late.height:
            what = f"{late.height} forecasts were issued after their hour had begun"
            problems.append(table.problem(late[ROW][0],
                            ISSUED, what, "Leave them out."))  # fmt: skip
    if not problems and not frame.height:
        problems.append(table.problem(None, "(rows)", "there are none", "Give a forecast."))
    if problems:
        raise InputError(problems)
    zones = tuple(frame["zone"].unique(maintain_order=True).to_list())
    made = {}
    for name, column in there.items():
        kept = frame.drop_nulls(column)
        issued_s, time_s = (kept[at].dt.epoch("s").to_numpy() for at in (ISSUED, TIME))
        places = kept["zone"].replace_strict({zone: n for n, zone in enumerate(zones)})
        made[name] = Issued(zones, issued_s, time_s, places.to_numpy(), kept[column].to_numpy())
    return made
