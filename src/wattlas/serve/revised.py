"""Tables of hours that are over, for corrections of accounts: signals as they are known now, and
energy as servers metered it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, read_table
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import METERED, REVISED, TIME
from wattlas.errors import InputError, Problem
from wattlas.serve.corrected_rows import HOUR_US
from wattlas.serve.corrections import Revised
from wattlas.serve.statements import MJ_PER_KWH

SIGNALS = Revised._fields
LEAST_G, MOST_G = 2.0, 1500.0
"""Between these lies the median average intensity of every zone: beyond is another unit."""


def read_revised(path: Path) -> dict[tuple[str, int], Revised]:
    """Signals by region and beginning of the hour, µs since 1970.

    Columns are those of `REVISED`; an empty cell is not revised. Raises InputError with every
    problem: cells that cannot be read, hours that are there twice or begin within one, a table
    without values, intensities of another unit.
    """
    hours, table, problems = _hours_of(path, REVISED)
    there = [name for name in SIGNALS if any(name in row for row in hours.values())]
    if not there and not problems:
        what, fix = "there is no column of values", f"Add {', '.join(SIGNALS)}."
        problems.append(table.problem(None, "(header)", what, fix))
    made = {key: Revised(**{name: row[name] for name in there}) for key, row in hours.items()}
    problems += _of_another_unit(made, path)
    if not problems and not any(any(v is not None for v in each) for each in made.values()):
        problems.append(table.problem(None, "(rows)", "nothing is revised", "Give a value."))
    if problems:
        raise InputError(problems)
    return made


def read_metered(path: Path) -> dict[tuple[str, int], int]:
    """IT energy by region and beginning of the hour, mJ, by the columns of `METERED`. Raises
    InputError with every problem."""
    hours, table, problems = _hours_of(path, METERED)
    if not problems and not hours:
        problems.append(table.problem(None, "(rows)", "there are none", "Give an hour."))
    if problems:
        raise InputError(problems)
    return {key: round(row["it_kwh"] * MJ_PER_KWH) for key, row in hours.items()}


def _hours_of(
    path: Path, schema: TableSchema
) -> tuple[dict[tuple[str, int], dict[str, Any]], SourceTable, list[Problem]]:
    """Rows of a table by region and hour, the table, and what is wrong with it."""
    table = read_table(path, schema, str(path))
    cells = typed(table)
    frame, problems = cells.frame, list(cells.problems)
    problems += doubled(table, frame)[0]
    hours: dict[tuple[str, int], dict[str, Any]] = {}
    if cells.has(TIME, "region"):
        moments = frame[TIME].dt.epoch("us")
        for row, hour_us in zip(frame.iter_rows(named=True), moments, strict=True):
            if hour_us is None or row["region"] is None:
                continue
            if hour_us % HOUR_US:
                what = f"{row[TIME]} is no beginning of an hour, UTC"
                problems.append(table.problem(row[ROW], TIME, what, "Give hours."))
            hours[row["region"], hour_us] = row
    return hours, table, problems


def _of_another_unit(made: dict[tuple[str, int], Revised], path: Path) -> list[Problem]:
    """Average intensities that no zone has: kg instead of g, or per MWh instead of per kWh."""
    told = sorted(v.average_g_per_kwh for v in made.values() if v.average_g_per_kwh is not None)
    if not told or LEAST_G <= told[len(told) // 2] <= MOST_G:
        return []
    what = f"half of the intensities lie about {told[len(told) // 2]:g} g/kWh, as nowhere"
    return [Problem("average_g_per_kwh", what, "Give gCO2e per kWh.", str(path))]
