"""timm's tables of images per second, with the facts that they lack beside them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from wattlas.data.measured.facts import FACTS, Given
from wattlas.data.measured.files import Opened
from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, source_of
from wattlas.data.schema.workload import VISION
from wattlas.data.vision_file import BOARD_W, vision_id, vision_points
from wattlas.errors import InputError, Problem
from wattlas.model.workload import OperatingPoint

COLUMNS = {"hardware": "device", "accuracy": "accuracy", "power_w": "power_w"}
"""A fact → the column that it fills where the table has none."""


def vision_table_points(opened: Opened, given: Given, only: str) -> tuple[OperatingPoint, ...]:
    """The points of a table of images per second, of those with a text in their name.

    An option may name a model or a device. Raises InputError with every problem.
    """
    frame = opened.frame.with_row_index(ROW)
    for fact, column in COLUMNS.items():
        table = source_of(frame, VISION, opened.label)
        if column not in table.columns and "model" in table.columns:
            values = [given.of(fact, names) for names in _names(table)]
            if any(value is not None for value in values):
                frame = frame.with_columns(pl.Series(column, values, strict=False))
    table = source_of(frame, VISION, opened.label)
    cells = typed(table)
    if only and cells.has("model"):
        keep = [
            row[ROW]
            for row in cells.frame.iter_rows(named=True)
            if row["model"] is None or only.lower() in vision_id(row).lower()
        ]
        table = source_of(frame.filter(pl.col(ROW).is_in(keep)), VISION, opened.label)
        if not table.frame.height:
            return ()
    lacking = list(_lacking(table))
    if lacking:
        raise InputError(lacking)
    return vision_points(table)


def _names(table: SourceTable) -> Iterator[list[str]]:
    """What an option may call each row: its model, its device."""
    columns = [name for name in ("model", "device") if name in table.columns]
    for row in table.frame.select(columns).iter_rows():
        yield [str(name).strip() for name in row if name is not None]


def _lacking(table: SourceTable) -> Iterator[Problem]:
    """Facts that a table of timm lacks, with the options that give them."""
    if "accuracy" not in table.columns:
        fact = FACTS["accuracy"]
        what = "lacks accuracy, as timm's benchmark does not tell"
        yield table.problem(None, "accuracy", what, f"Add {fact.option} {fact.metavar}.")
    if {"power_w", "energy_j"} & {*table.columns}:
        return
    devices = table.frame["device"].unique().to_list() if "device" in table.columns else [None]
    unknown = sorted(str(name) for name in devices if name not in BOARD_W)
    if unknown:
        where = ", ".join(f"`{name}`" for name in unknown) if devices != [None] else "any device"
        what = f"lacks energy, and board power is not known of {where}"
        fix = f"Add {FACTS['power_w'].option} W, or DEVICE=W for each; or --hardware, if known."
        yield table.problem(None, "power_w", what, fix)
