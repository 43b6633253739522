"""Operating points: what each must state, and how its fields become one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

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
TOKEN_TIME = "itl_ms"
FULL_ANSWER = "full_answer"
SHOWN = 4


FIRST_TOKEN = ("ttft_ms", "prefill_ms_per_token")
"""Either tells when an answer begins; of a point without tokens, when it is there."""


def incomplete(point: Entity, *, any_class: bool = False) -> Iterator[Problem]:
    """What a point lacks: figures per token, or per request where it speaks of those alone.

    And its service time: what is not stated would count as an answer in no time. Of a point with
    tokens that `any_class` may use, the time between tokens is part of it.
    """
    tokens = not _per_request(point)
    figures: tuple[str, ...] = PER_TOKEN if tokens else PER_REQUEST
    if tokens and any_class:
        figures = (*figures, TOKEN_TIME)
    lacking = [name for name in (*ALWAYS, *figures) if point.get(name) is None]
    if lacking:
        names = ", ".join(f"`{name}`" for name in lacking)
        yield point.problem("", f"lacks {names}", "Add them.")
    timed = FIRST_TOKEN if tokens else FIRST_TOKEN[:1]
    if all(point.get(name) is None for name in timed):
        what = "lacks its service time, `ttft_ms`"
        kind = "the time to the first token" if tokens else "the time of a whole request"
        yield point.problem("", what, f"Add {kind}, ms; 0 if it truly takes none.")


def without_token_time(points: Sequence[Entity], classes: Sequence[Entity]) -> Iterator[Problem]:
    """Points without a time between tokens that a class with a budget to the full answer may use.

    `classes` as the scenario has them; one whose answers have no tokens needs none.
    """
    for klass in classes:
        answers = klass.get("tokens_out") is not None or klass.get("token_profile") is not None
        if klass.get("latency_to") != FULL_ANSWER or not answers:
            continue
        usable = klass.get("points")
        lacking = [
            point
            for point in points
            if point.get(TOKEN_TIME) is None
            and not _per_request(point)
            and (usable is None or point.id in usable)
        ]
        if lacking:
            names = ", ".join(f"`{point.id}`" for point in lacking[:SHOWN])
            more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
            what = (
                f"lacks `{TOKEN_TIME}`, and the budget of class `{klass.id}` ends with the full "
                f"answer (points {names}{more})"
            )
            yield lacking[0].problem("", what, "Add the time between answer tokens, ms.")


def needed_columns(columns: Collection[str]) -> tuple[str, ...]:
    """The columns that a table of profiles cannot do without, from those that it has.

    Its points may serve any class, so the time between tokens is among them.
    """
    tokens = any(name in columns for name in PER_TOKEN) or PER_REQUEST[0] not in columns
    figures = (*PER_TOKEN, TOKEN_TIME) if tokens else PER_REQUEST
    timed = any(name in columns for name in (FIRST_TOKEN if tokens else FIRST_TOKEN[:1]))
    return (*POINTS.key, *ALWAYS, *figures, *(() if timed else FIRST_TOKEN[:1]))


def _per_request(point: Entity) -> bool:
    stated = {name for name in (*PER_TOKEN, *PER_REQUEST) if point.get(name) is not None}
    return bool(stated) and stated <= set(PER_REQUEST)


def per_token(point: Entity) -> bool:
    """Whether what a point takes depends on the tokens of a request."""
    return any(point.get(name) for name in (*PER_TOKEN, "prefill_ms_per_token", "itl_ms"))


def point_of(entity: Entity, scores: Mapping[str, float] | None = None) -> OperatingPoint:
    """The point that an entity describes; `scores` by class come before those of its own."""
    fields = {**entity.fields}
    by_class = {**(scores or {}), **(fields.pop("accuracy_by_class", None) or {})}
    values = {name: fields[name] for name in POINTS.by_name if fields.get(name) is not None}
    return OperatingPoint(id=entity.id, accuracy_by_class=by_class, **values)
