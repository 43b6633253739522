"""Models without tokens: tables of images per second and accuracy as operating points.

Each row is a model on a device at a batch size. A request is one image:

    accelerator time   1 / throughput                              s
    energy             power / throughput                          J
    service time       batch / throughput: the batch comes back as one, waiting for it is not in it

Power is a column, or the board power of a device that is known here: then it is modelled, from
above, and the point's source says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.workload import VISION
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean
from wattlas.model.workload import OperatingPoint

BOARD_W = {
    "H100": 700.0,
    "B200": 1000.0,
    "RTX 3090": 350.0,
    "RTX 4090": 450.0,
    "RTX 5090": 575.0,
    "RTX PRO 6000 Max-Q": 300.0,
}
"""Board power as the maker states it, W."""


def is_vision(table: SourceTable) -> bool:
    """Whether a table speaks of images per second and not of tokens."""
    columns, rate = set(table.columns), VISION["images_per_s"]
    return "point" not in columns and bool(columns & {rate.name, *rate.also})


def vision_points(
    table: SourceTable, board_w: Mapping[str, float] | None = None
) -> tuple[OperatingPoint, ...]:
    """One point per row, named after model, pixels, device and batch; one device each.

    `board_w` adds or replaces the board power of devices. Raises InputError with every problem.
    """
    power = {**BOARD_W, **(board_w or {})}
    cells = typed(table)
    rows = list(cells.frame.iter_rows(named=True))
    problems = cells.problems
    if not problems and not rows:
        problems.append(table.problem(None, "(rows)", "there are none", "Give a model."))
    problems += _fractions(table, rows)
    if cells.has(*VISION.required):
        problems += _problems(table, rows, power)
    if problems:
        raise InputError(problems)
    return tuple(_point(table, row, power) for row in rows)


def _fractions(table: SourceTable, rows: list[dict[str, Any]]) -> Iterator[Problem]:
    """A column in percent of which nothing is above 1: it holds fractions."""
    theirs = table.theirs.get("accuracy", "")
    scores = [row["accuracy"] for row in rows if row.get("accuracy") is not None]
    percent = VISION["accuracy"].also.get(theirs)
    if percent is not None and scores and max(scores) <= percent:
        highest = max(scores) / percent
        what = f"is read in percent, and no row is above 1 (the highest is {highest:g})"
        fix = "Name the column `accuracy` if it holds fractions, 0..1."
        yield table.problem(None, "accuracy", what, fix)


def _problems(
    table: SourceTable, rows: list[dict[str, Any]], power: Mapping[str, float]
) -> Iterator[Problem]:
    """Models that are there twice, and devices of unknown power."""
    first_row: dict[str, int] = {}
    unknown: dict[str, list[int]] = {}
    for row in rows:
        n = int(row[ROW])
        first = first_row.setdefault(vision_id(row), n)
        if first != n:
            what = f"`{vision_id(row)}` is there twice, first on line {table.place(first).line}"
            yield table.problem(n, "model", what, "Keep one of the rows.")
        if _power_w(row, power) is None and row.get("energy_j") is None:
            unknown.setdefault(str(row.get("device") or ""), []).append(n)
    for device, lines in unknown.items():
        named = f"`{device}` has no known board power" if device else "nothing tells the power"
        what = f"{named}, and {len(lines)} rows state neither power_w nor energy_j"
        fix = f"Add a column power_w or energy_j. {did_you_mean(device, power)}"
        column = "device" if "device" in table.columns else "power_w"
        yield table.problem(lines[0], column, what, fix)


def _power_w(row: Mapping[str, Any], power: Mapping[str, float]) -> float | None:
    stated = row.get("power_w")
    return float(stated) if stated is not None else power.get(str(row.get("device")))


def vision_id(row: Mapping[str, Any]) -> str:
    """What a row is called: model, pixels, device and batch, as far as it has them."""
    parts = [str(row["model"])]
    if row.get("pixels") is not None:
        parts.append(f"{row['pixels']:g}px")
    if row.get("device") is not None:
        parts.append("-".join(str(row["device"]).lower().split()))
    if row.get("batch") is not None:
        parts.append(f"b{row['batch']:g}")
    return "-".join(parts)


def _point(
    table: SourceTable, row: Mapping[str, Any], power: Mapping[str, float]
) -> OperatingPoint:
    rate = float(row["images_per_s"])
    energy, watt, batch = row.get("energy_j"), _power_w(row, power), row.get("batch")
    if energy is not None:
        request_j, how = float(energy), "energy as stated"
    else:
        assert watt is not None
        request_j = watt / rate
        stated = row.get("power_w") is not None
        how = "power as stated" if stated else f"energy modelled at board power, {watt:g} W"
    at_once = 1.0 if batch is None else float(batch)
    return OperatingPoint(
        id=vision_id(row),
        variant=str(row["model"]),
        accuracy=float(row["accuracy"]),
        request_j=request_j,
        request_gpu_s=1.0 / rate,
        ttft_ms=at_once / rate * 1e3,
        hardware=str(row.get("device") or ""),
        source=f"{table.label}: throughput as stated; {how}",
    )
