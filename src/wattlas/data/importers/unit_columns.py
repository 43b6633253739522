"""The unit of a column of values: of a column of units beside it, else of its header."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.layout import Layout
from wattlas.data.importers.units import StatedUnit, stated, unit_column
from wattlas.data.reader.dialect import ROW
from wattlas.errors import Problem
from wattlas.model.suggest import SHOWN


def stated_of(raw: Raw, column: str, layout: Layout) -> StatedUnit | None:
    """The unit that a column of units beside the values states, else that of their header."""
    beside = _unit_column(raw)
    if beside is not None and not layout.unit:
        cell = _units(raw, beside)[0]
        if cell.lower() in layout.units:
            return StatedUnit(beside, layout.units[cell.lower()] or 1.0)
        if cell.lower() in ("usd", "us$", "$"):
            return stated(f"{cell} {column}", layout)
        # A column of currencies says nothing of the amount: the header of the values may.
        told = stated(cell, layout)
        if told is not None and "/" not in told.currency:
            told = stated(f"{cell} {column}", layout) or told
        return replace(told, header=beside) if told else StatedUnit(beside, unknown=cell)
    if raw.columns.wide is not None and not layout.timed:
        return None  # the columns of a matrix are named for places
    return stated(column, layout)


def _unit_column(raw: Raw) -> str | None:
    """The column that says the unit of each row, where one does."""
    used = {*raw.columns.time, *raw.columns.keys, *raw.columns.values, ROW}
    beside = unit_column(c for c in raw.frame.columns if c not in used)
    return beside if beside is not None and _units(raw, beside) else None


def _units(raw: Raw, beside: str) -> list[str]:
    cells = raw.frame[beside].cast(pl.String).str.strip_chars()
    return [c for c in cells.drop_nulls().unique(maintain_order=True).to_list() if c]


def mixed_units(raw: Raw, layout: Layout) -> list[Problem]:
    """Rows of several units in one column of values."""
    beside = _unit_column(raw)
    cells = [] if beside is None else _units(raw, beside)
    if beside is None or len(cells) < 2 or layout.unit:
        return []
    what = f"rows are in several units: {', '.join(cells[:SHOWN])}"
    fix = f"Import them one by one with `--where {beside}={cells[0]}`, or say `--unit` for all."
    return [raw.problem(beside, what, fix)]


def unit_problem(raw: Raw, column: str, header: StatedUnit | None, layout: Layout) -> Problem:
    """A unit that asks for an option."""
    where = header.header if header else column
    if header is not None and header.unknown:
        what = f"is in `{header.unknown}`, which is not known of {layout.table}"
        fix = f"Say what it is with `--unit` ({', '.join(layout.units)}) and `--factor`."
        return raw.problem(where, what, fix)
    what = f"is in {layout.currency or (header and header.currency)}, wanted USD"
    fix = "Give what one of it is worth with `--factor` (1 leaves it as it is)."
    return raw.problem(where, what, fix)
