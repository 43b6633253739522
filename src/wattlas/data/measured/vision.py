"""timm's tables of images per second, with the facts that they lack beside them."""

from __future__ import annotations

import polars as pl

from wattlas.data.measured.facts import Given
from wattlas.data.measured.files import Opened
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import source_of
from wattlas.data.schema.workload import VISION
from wattlas.data.vision_file import vision_points
from wattlas.model.workload import OperatingPoint

COLUMNS = {"accuracy": "accuracy", "power_w": "power_w", "hardware": "device"}
"""A fact → the column that it fills where the table has none."""


def vision_table_points(opened: Opened, given: Given) -> tuple[OperatingPoint, ...]:
    """The points of a table of images per second. Raises InputError with every problem."""
    frame = opened.frame.with_row_index(ROW)
    table = source_of(frame, VISION, opened.label)
    for fact, column in COLUMNS.items():
        if column in table.columns or "model" not in table.columns:
            continue
        values = [given.of(fact, [str(name)]) for name in table.frame["model"]]
        if any(value is not None for value in values):
            frame = frame.with_columns(pl.Series(column, values, strict=False))
    return vision_points(source_of(frame, VISION, opened.label))
