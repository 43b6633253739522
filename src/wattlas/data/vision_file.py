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
from dataclasses import dataclass
from typing import Any

import polars as pl

from wattlas.data.tables import ROW, Column, Table, typed
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean
from wattlas.model.workload import OperatingPoint

NAMES = {
    "model": ("model", "arch"),
    "accuracy": ("accuracy", "top1"),
    "images_per_s": ("images_per_s", "throughput", "infer_samples_per_sec"),
    "device": ("device",),
    "batch": ("batch", "infer_batch_size"),
    "pixels": ("pixels", "infer_img_size"),
    "power_w": ("power_w",),
    "energy_j": ("energy_j",),
}
"""What a column means, and what tables call it; the second name of most is that of timm."""
PERCENT = "top1"
"""The one name whose values are a percentage."""
NEEDED = ("model", "accuracy", "images_per_s")
BOARD_W = {
    "H100": 700.0,
    "B200": 1000.0,
    "RTX 3090": 350.0,
    "RTX 4090": 450.0,
    "RTX 5090": 575.0,
    "RTX PRO 6000 Max-Q": 300.0,
}
"""Board power as the maker states it, W."""


Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Read:
    """A table with its columns under our names, in their types."""

    table: Table
    frame: pl.DataFrame
    own: Mapping[str, str]
    """Our name → the table's."""


def is_vision(table: Table) -> bool:
    """Whether a table speaks of images per second and not of tokens."""
    columns = set(table.columns)
    return "point" not in columns and bool(columns & set(NAMES["images_per_s"]))


def vision_points(
    table: Table, board_w: Mapping[str, float] | None = None
) -> tuple[OperatingPoint, ...]:
    """One point per row, named after model, pixels, device and batch; one device each.

    `board_w` adds or replaces the board power of devices. Raises InputError with every problem.
    """
    read = _read(table)
    power = {**BOARD_W, **(board_w or {})}
    rows = list(read.frame.iter_rows(named=True))
    problems = list(_problems(read, rows, power))
    if problems:
        raise InputError(problems)
    return tuple(_point(read, row, power) for row in rows)


def _read(table: Table) -> _Read:
    own = {
        ours: found[0]
        for ours, theirs in NAMES.items()
        if (found := [name for name in theirs if name in table.columns])
    }
    lacking = [name for name in NEEDED if name not in own]
    text = ("model", "device")
    columns = [
        Column(theirs, "text")
        if ours in text
        else Column(theirs, "number", required=ours in NEEDED, at_least=0.0)
        for ours, theirs in own.items()
    ]
    frame, problems = typed(table, columns)
    for name in lacking:
        fix = f"Name it {' or '.join(f'`{n}`' for n in NAMES[name])}."
        problems.append(table.problem(None, name, "this column is missing", fix))
    if not problems and not frame.height:
        problems.append(table.problem(None, "(rows)", "there are none", "Give a model."))
    if problems:
        raise InputError(problems)
    frame = frame.rename({theirs: ours for ours, theirs in own.items()})
    if own["accuracy"] == PERCENT:
        frame = frame.with_columns(pl.col("accuracy") / 100)
    return _Read(table, frame, own)


def _problems(
    read: _Read, rows: list[dict[str, Any]], power: Mapping[str, float]
) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    unknown: dict[str, list[int]] = {}
    for row in rows:
        n = int(row[ROW])
        if row["accuracy"] > 1:
            what = f"is {row['accuracy']:g}, wanted 0..1"
            fix = "Divide a percentage by 100."
            yield read.table.problem(n, read.own["accuracy"], what, fix)
        if row["images_per_s"] == 0:
            fix = "Give images per second."
            yield read.table.problem(n, read.own["images_per_s"], "is 0", fix)
        first = seen.setdefault(_id(row), n)
        if first != n:
            what = f"`{_id(row)}` is there twice, first on line {read.table.place(first).line}"
            yield read.table.problem(n, read.own["model"], what, "Keep one of the rows.")
        if _power_w(row, power) is None and row.get("energy_j") is None:
            unknown.setdefault(str(row.get("device") or ""), []).append(n)
    for device, lines in unknown.items():
        named = f"`{device}` has no known board power" if device else "nothing tells the power"
        what = f"{named}, and {len(lines)} rows state neither power_w nor energy_j"
        fix = f"Add a column power_w or energy_j. {did_you_mean(device, power)}"
        yield read.table.problem(lines[0], read.own.get("device", "power_w"), what, fix)


def _power_w(row: Row, power: Mapping[str, float]) -> float | None:
    stated = row.get("power_w")
    return float(stated) if stated is not None else power.get(str(row.get("device")))


def _id(row: Row) -> str:
    parts = [str(row["model"])]
    if row.get("pixels") is not None:
        parts.append(f"{row['pixels']:g}px")
    if row.get("device") is not None:
        parts.append("-".join(str(row["device"]).lower().split()))
    if row.get("batch") is not None:
        parts.append(f"b{row['batch']:g}")
    return "-".join(parts)


def _point(read: _Read, row: Row, power: Mapping[str, float]) -> OperatingPoint:
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
        id=_id(row),
        variant=str(row["model"]),
        accuracy=float(row["accuracy"]),
        request_j=request_j,
        request_gpu_s=1.0 / rate,
        ttft_ms=at_once / rate * 1e3,
        hardware=str(row.get("device") or ""),
        source=f"{read.table.label}: throughput as stated; {how}",
    )
