"""Hourly carbon intensity from a table of one's own: every zone, every hour once, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattlas.data.reader.cells import typed
from wattlas.data.reader.source import read_table
from wattlas.data.schema.hours import CARBON, TIME
from wattlas.data.series import on_grid, time_range, time_step_h
from wattlas.errors import InputError, Problem
from wattlas.model.signals import Hours

VALUE = "average_g_per_kwh"


@dataclass(frozen=True)
class Intensities:
    """`g_per_kwh` (zones, T) at `hours`; zones in the order in which they first appear."""

    zones: tuple[str, ...]
    hours: Hours
    g_per_kwh: np.ndarray


def read_intensities(path: str | Path, hours: Hours | None = None) -> Intensities:
    """The intensities in a CSV or Parquet file with `time_utc`, `zone` and `average_g_per_kwh`.

    As `signals.carbon` of a scenario has them; other columns are left alone. From the first time
    of the table to its last, or over `hours`. Raises InputError with every problem: cells that
    cannot be read or are below 0, hours that a zone lacks or has twice.
    """
    file = Path(path)
    fix = "Give hourly intensities in CSV or Parquet."
    missing = Problem(str(path), "there is no such file", fix)
    table = read_table(file, CARBON, str(path), missing)
    cells = typed(table, only=CARBON.required)
    frame, problems = cells.frame, cells.problems
    span = time_range(frame) if cells.has(TIME) else None
    if problems or span is None:
        none = table.problem(None, "(rows)", "there are none", "Give an hour.")
        raise InputError(problems or [none])
    if hours is None:
        step_h = time_step_h(frame)
        count = round((span[1] - span[0]) / np.timedelta64(1, "s") / (step_h * 3600)) + 1
        hours = Hours.range(str(span[0]), count, step_h)
    zones = tuple(frame["zone"].unique(maintain_order=True).to_list())
    keys = [(zone,) for zone in zones]
    values, have, problems = on_grid(table, frame, ["zone"], VALUE, keys, hours)
    for zone, has_rows in zip(zones, have, strict=True):
        if not has_rows:
            what = f"`{zone}` has none of the hours from {hours.utc[0]}Z on"
            problems.append(table.problem(None, VALUE, what, "Add the rows."))
    if problems:
        raise InputError(problems)
    return Intensities(zones, hours, values)
