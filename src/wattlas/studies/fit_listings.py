"""A fit of users' taste as listings, as JSON, and as `users:` of scenario.yaml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.tiers.fitted import Fit, SegmentFit
from wattlas.tiers.worth import Estimate

SEGMENT_FIELDS = (
    "share", "consciousness", "weight_accuracy", "weight_latency", "curvature", "usd_per_utility",
)  # fmt: skip


def fit_listings(fitted: Fit) -> Iterator[Listing]:
    """Taste, and what users would pay, each estimate with its error."""
    segment = [Column("segment", Kind.TEXT)] if len(fitted.segments) > 1 else []
    for title, head, estimates in (
        ("taste", "parameter", fitted.estimates),
        ("willingness to pay", "for", fitted.worth),
    ):
        columns = (
            *segment,
            Column("parameter", Kind.TEXT, head=head),
            Column("value", head="estimate"),
            Column("standard_error"),
            Column("z", digits=2),
            Column("low", head="95 % interval"),
            Column("high", head="to"),
            Column("unit", Kind.TEXT, wide=True),
        )
        names = [column.name for column in columns]
        rows = ({name: getattr(estimate, name) for name in names} for estimate in estimates)
        yield Listing(title, columns, table_of(rows, names))


def fit_notes(fitted: Fit) -> Iterator[str]:
    """What a reader should know of the fit, and of each segment."""
    yield from fitted.notes
    for segment in fitted.segments:
        before = f"segment {segment.id}: " if len(fitted.segments) > 1 else ""
        yield from (before + note for note in segment.notes)


def fit_mapping(fitted: Fit) -> dict[str, Any]:
    """A fit for JSON."""
    return {
        "choices": fitted.tasks,
        "respondents": fitted.respondents,
        "requests": fitted.requests,
        "loglik": fitted.loglik,
        "rho2": fitted.rho2,
        "scale": asdict(fitted.scale),
        "segments": [_segment_data(segment) for segment in fitted.segments],
        "users": _users_data(fitted),
        "notes": fitted.notes,
    }


def _segment_data(segment: SegmentFit) -> dict[str, Any]:
    return {
        "id": segment.id,
        "share": segment.share,
        "choices": segment.tasks,
        "respondents": segment.respondents,
        "clustered": segment.clustered,
        "loglik": segment.loglik,
        "rho2": segment.rho2,
        "estimates": [_estimate_data(e) for e in segment.estimates],
        "willingness_to_pay": [_estimate_data(e) for e in segment.worth],
        "notes": segment.notes,
    }


def _estimate_data(estimate: Estimate) -> dict[str, Any]:
    names = ("parameter", "value", "standard_error", "z", "low", "high", "unit")
    return {name: getattr(estimate, name) for name in names}


def _users_data(fitted: Fit) -> dict[str, Any]:
    """The population as scenario.yaml says it."""
    users = fitted.users()
    data: dict[str, Any] = {"scale_usd": users.scale_usd, "ends": asdict(fitted.scale)}
    if users.may_leave:
        data |= {"may_leave": True, "outside_usd": users.outside_usd}
    data["segments"] = {
        segment.id: {name: getattr(segment, name) for name in SEGMENT_FIELDS}
        for segment in users.segments
    }
    return data


def users_yaml(fitted: Fit, source: str) -> str:
    """`users:` of scenario.yaml, with where it comes from and the scale that it is on."""
    data = _users_data(fitted)
    segments = data.pop("segments")
    head = [
        f"Fitted to {source} by `wattlas tiers fit`: {fitted.tasks:,} choices by "
        f"{fitted.respondents:,} respondents.",
        *fit_notes(fitted),
    ]
    lines = [*(f"# {line}" for line in head), "users:"]
    ends = ", ".join(f"{name}: {_yaml(value)}" for name, value in data.pop("ends").items())
    lines += [f"  {name}: {_yaml(value)}" for name, value in data.items()]
    lines.append(f"  ends: {{{ends}}}")
    lines.append("  segments:")
    for name, fields in segments.items():
        lines.append(f"    {_yaml(name)}:")
        lines += [f"      {key}: {_yaml(value)}" for key, value in fields.items()]
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    """A text in quotes, a truth value, or a number to seven figures."""
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.7g}"
