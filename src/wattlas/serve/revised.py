"""Signals of hours that are over as they are known now: a table, for corrections of accounts."""

from __future__ import annotations

from pathlib import Path

from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import read_table
from wattlas.data.schema.hours import REVISED, TIME
from wattlas.errors import InputError, Problem
from wattlas.serve.corrections import HOUR_US, Revised

SIGNALS = Revised._fields
LEAST_G, MOST_G = 2.0, 1500.0
"""Between these lies the median average intensity of every zone: beyond is another unit."""


def read_revised(path: Path) -> dict[tuple[str, int], Revised]:
    """Signals by region and beginning of the hour, µs since 1970.

    Columns are those of `REVISED`; an empty cell is not revised. Raises InputError with every
    problem: cells that cannot be read, hours that are there twice or begin within one, a table
    without values, intensities of another unit.
    """
    table = read_table(path, REVISED, str(path))
    cells = typed(table)
    frame, problems = cells.frame, list(cells.problems)
    problems += doubled(table, frame)[0]
    there = [name for name in SIGNALS if cells.has(name)]
    if not there:
        what, fix = "there is no column of values", f"Add {', '.join(SIGNALS)}."
        problems.append(table.problem(None, "(header)", what, fix))
    made: dict[tuple[str, int], Revised] = {}
    if cells.has(TIME, "region"):
        moments = frame[TIME].dt.epoch("us")
        for row, hour_us in zip(frame.iter_rows(named=True), moments, strict=True):
            if hour_us is None or row["region"] is None:
                continue
            if hour_us % HOUR_US:
                what = f"{row[TIME]} is no beginning of an hour, UTC"
                problems.append(table.problem(row[ROW], TIME, what, "Give hours."))
            made[row["region"], hour_us] = Revised(**{name: row[name] for name in there})
    problems += _of_another_unit(made, path)
    if not problems and not any(any(v is not None for v in each) for each in made.values()):
        problems.append(table.problem(None, "(rows)", "nothing is revised", "Give a value."))
    if problems:
        raise InputError(problems)
    return made


def _of_another_unit(made: dict[tuple[str, int], Revised], path: Path) -> list[Problem]:
    """Average intensities that no zone has: kg instead of g, or per MWh instead of per kWh."""
    told = sorted(v.average_g_per_kwh for v in made.values() if v.average_g_per_kwh is not None)
    if not told or LEAST_G <= told[len(told) // 2] <= MOST_G:
        return []
    what = f"half of the intensities lie about {told[len(told) // 2]:g} g/kWh, as nowhere"
    return [Problem("average_g_per_kwh", what, "Give gCO2e per kWh.", str(path))]
