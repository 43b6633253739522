"""Operating points as rows of a table of points."""

from __future__ import annotations

from typing import Any

from wattlas.data.points import ALWAYS, PER_REQUEST, PER_TOKEN
from wattlas.data.schema.workload import POINTS
from wattlas.model.workload import OperatingPoint

STATED = ("hardware", *ALWAYS, "ttft_ms", "accelerators", "source")
TIMES = ("itl_ms", "itl_p95_ms")


def point_row(point: OperatingPoint) -> dict[str, Any]:
    """What a table of points says of a point; figures that it has not are left out."""
    tokens = any(getattr(point, name) for name in PER_TOKEN)
    names = {*STATED, *(PER_TOKEN + TIMES if tokens else PER_REQUEST)}
    row = {name: getattr(point, name) for name in POINTS.by_name if name in names}
    return {"point": point.id, **{k: v for k, v in row.items() if v != "" and not _unknown(k, v)}}


def _unknown(name: str, value: object) -> bool:
    return name == "itl_p95_ms" and not value


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """The columns that some row fills, in the order of the schema."""
    return [name for name in POINTS.by_name if any(name in row for row in rows)]
