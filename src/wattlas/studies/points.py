"""Operating points from measurements, as values, as a table and as a listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from wattlas.data.measured.build import Measured, ReadingTerms, log_energy, read_points
from wattlas.data.measured.facts import given
from wattlas.data.measured.layouts import LAYOUTS
from wattlas.data.measured.write import columns, point_row
from wattlas.errors import InputError, UsageError
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.units import some

NAMED = 3
"""Points that a refusal names."""


def measured_points(
    files: Sequence[str | Path],
    facts: Mapping[str, Sequence[str]] | None = None,
    *,
    layout: str = "",
    energy_log: str | Path | None = None,
    window: str = "",
    prompt_share: float = 0.0,
    only: str = "",
) -> Measured:
    """The operating points that files of measurements hold, and what to know of them.

    `facts` are what the tools do not tell, by name (`accuracy`, `accelerators`, …), each a list of
    `VALUE` for all or `NAME=VALUE` for a model, run or file. `layout` is the tool, recognised
    unless given. `energy_log` gives the energy of one measurement, its `window` where it holds
    several. `prompt_share` 0..1 of energy and accelerator time is of prompts. `only` keeps points
    with that text in their name.

    Raises UsageError for what cannot go together, InputError with all that is wrong or lacking.
    """
    if layout and layout not in LAYOUTS:
        raise UsageError(f"--from is `{layout}`. {did_you_mean(layout, LAYOUTS)}")
    if not 0.0 <= prompt_share <= 1.0:
        raise UsageError(f"--prompt-share is {prompt_share:g}. Give a part, 0 to 1.")
    facts = facts or {}
    if energy_log is None and window:
        raise UsageError("--window names one of --energy-log. Give the log.")
    if energy_log is not None and ("energy_j" in facts or "power_w" in facts):
        raise UsageError("--energy-log tells the energy. Leave out --energy-j and --power-w.")
    if energy_log is not None and len(files) > 1:
        raise UsageError("--energy-log is the energy of one measurement. Give one file at a time.")
    known, problems = given(facts)
    if problems:
        raise InputError(problems)
    more = () if energy_log is None else (log_energy(Path(energy_log), window, known),)
    measured = read_points(
        [Path(f) for f in files], known, ReadingTerms(layout, prompt_share, only)
    )
    if energy_log is not None and len(measured.points) > 1:
        names = some([point.id for point in measured.points], NAMED)
        raise UsageError(f"--energy-log is the energy of one measurement; there are {names}.")
    return Measured(measured.points, (*measured.notes, *more))


def points_frame(measured: Measured) -> pl.DataFrame:
    """The points as a table of points; cells that do not apply are empty."""
    rows = [point_row(point) for point in measured.points]
    names = columns(rows)
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, strict=False)


def points_listing(measured: Measured) -> Listing:
    """The figures that people compare."""
    rows = [point_row(point) for point in measured.points]
    shown = [column for column in _SHOWN if any(column.name in row for row in rows)]
    names = [column.name for column in shown]
    values = ({name: row.get(name, _nothing(name)) for name in names} for row in rows)
    return Listing("operating points", tuple(shown), table_of(values, names))


def _nothing(name: str) -> str | float:
    return "" if name == "point" else float("nan")


_SHOWN = (
    Column("point", Kind.TEXT),
    Column("accuracy", head="score"),
    Column("prefill_j_per_token", head="J/prompt token", wide=True),
    Column("decode_j_per_token", head="J/token"),
    Column("decode_gpu_s_per_token", head="GPU-s/token"),
    Column("request_j", head="J/request"),
    Column("request_gpu_s", head="GPU-s/request"),
    Column("ttft_ms", head="first ms"),
    Column("itl_ms", head="between ms"),
)
