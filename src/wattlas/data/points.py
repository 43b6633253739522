"""Operating points: what each must state, and how its fields become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wattlas.data.entities import Entity
from wattlas.data.schema.workload import POINTS
from wattlas.errors import Problem
from wattlas.model.workload import OperatingPoint

ALWAYS = tuple(name for name in POINTS.required if name not in POINTS.key)
PER_TOKEN = (
    "prefill_j_per_token",
    "decode_j_per_token",
    "prefill_gpu_s_per_token",
    "decode_gpu_s_per_token",
)
PER_REQUEST = ("request_j", "request_gpu_s")


def incomplete(point: Entity) -> Iterator[Problem]:
    """What a point lacks: figures per token, or per request where it speaks of those alone."""
    stated = {name for name in (*PER_TOKEN, *PER_REQUEST) if point.get(name) is not None}
    figures = PER_REQUEST if stated and stated <= set(PER_REQUEST) else PER_TOKEN
    lacking = [name for name in (*ALWAYS, *figures) if point.get(name) is None]
    if lacking:
        names = ", ".join(f"`{name}`" for name in lacking)
        yield point.problem("", f"lacks {names}", "Add them.")


def per_token(point: Entity) -> bool:
    """Whether what a point takes depends on the tokens of a request."""
    return any(point.get(name) for name in (*PER_TOKEN, "prefill_ms_per_token", "itl_ms"))


def point_of(entity: Entity, scores: Mapping[str, float] | None = None) -> OperatingPoint:
    """The point that an entity describes; `scores` by class come before those of its own."""
    fields = {**entity.fields}
    by_class = {**(scores or {}), **(fields.pop("accuracy_by_class", None) or {})}
    values = {name: fields[name] for name in POINTS.by_name if fields.get(name) is not None}
    return OperatingPoint(id=entity.id, accuracy_by_class=by_class, **values)
