"""`wattlas tiers fit`: users' taste from a choice experiment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import JsonOption, print_json, progress, say
from wattlas.errors import UsageError

if TYPE_CHECKING:
    from wattlas.model.choices import Choices
    from wattlas.model.users import Scale
    from wattlas.tiers.fitted import Fit, SegmentFit
    from wattlas.tiers.worth import Estimate

ESTIMATED = "fit"
SEGMENT_FIELDS = (
    "share", "consciousness", "weight_accuracy", "weight_latency", "curvature", "usd_per_utility",
)  # fmt: skip


def _end(help: str) -> Any:
    return typer.Option(help=f"{help}; of the table unless given.", show_default=False)


def command(
    choices: Annotated[Path, typer.Argument(help="CSV or Parquet, one row per alternative.")],
    curvature: Annotated[
        str, typer.Option(help="ρ of the utility curves; `fit` estimates it.", metavar="X|fit")
    ] = "0",
    additive: Annotated[bool, typer.Option("--additive", help="Fix k_a + k_l = 1.")] = False,
    requests: Annotated[
        float, typer.Option(help="Price and carbon in the table are for so many requests.")
    ] = 1.0,
    accuracy_min: Annotated[float | None, _end("Accuracy that scores 0")] = None,
    accuracy_max: Annotated[float | None, _end("Accuracy that scores 1")] = None,
    latency_min_ms: Annotated[float | None, _end("Latency that scores 1")] = None,
    latency_max_ms: Annotated[float | None, _end("Latency that scores 0")] = None,
    reference_g: Annotated[float | None, _end("Grams per request at which carbon scores 0")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write `users:` of scenario.yaml.", metavar="FILE.yaml"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit users' taste to a choice experiment: θ, k_a, k_l, W, μ and what they would pay."""
    from wattlas.studies.fit import as_choices, fit_users

    rho = _curvature(curvature)
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder. Name a file.")
    with progress("Fitting"):
        table = as_choices(choices)
        ends = {
            "accuracy_min": accuracy_min,
            "accuracy_max": accuracy_max,
            "latency_min_ms": latency_min_ms,
            "latency_max_ms": latency_max_ms,
            "reference_g": reference_g,
        }
        scale = _scale(table, requests, {k: v for k, v in ends.items() if v is not None})
        fitted = fit_users(table, scale=scale, curvature=rho, additive=additive, requests=requests)
    if out is not None:
        from wattlas.report.results import write_text

        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, users_yaml(fitted, choices.name))
    if as_json:
        print_json(_as_data(fitted))
        return
    _show(fitted)
    if out is not None:
        say(f"Wrote {out}.")


def _curvature(text: str) -> float | None:
    if text == ESTIMATED:
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--curvature is `{text}`. Give a number, or `{ESTIMATED}` to estimate it."
        ) from None


def _scale(choices: Choices, requests: float, ends: dict[str, float]) -> Scale | None:
    """The ranges of the table but for the ends that were given; None where none was."""
    from wattlas.tiers.choices import scale_of

    return replace(scale_of(choices, requests), **ends) if ends and requests > 0 else None


def _show(fitted: Fit) -> None:
    from wattlas.cli.show import figure, table

    typer.echo(
        f"{fitted.tasks:,} choices by {fitted.respondents:,} respondents; "
        f"McFadden's rho² {figure(fitted.rho2)}, ln L {fitted.loglik:,.1f}"
    )
    several = len(fitted.segments) > 1
    heads = ["estimate", "standard error", "z", "95 % interval", "unit"]
    for title, name, figures in (
        ("taste", "parameter", fitted.estimates),
        ("willingness to pay", "for", fitted.worth),
    ):
        head = [*(["segment"] if several else []), name, *heads]
        table(title, head, [_row(estimate, several) for estimate in figures])
    for note in _notes(fitted):
        say(f"note: {note}")


def _row(estimate: Estimate, several: bool) -> list[Any]:
    from wattlas.cli.show import figure

    interval = f"{figure(estimate.low)} to {figure(estimate.high)}"
    cells = [
        estimate.parameter,
        estimate.value,
        estimate.standard_error,
        f"{estimate.z:.1f}",
        interval,
        estimate.unit,
    ]
    return [estimate.segment, *cells] if several else cells


def _notes(fitted: Fit) -> Iterable[str]:
    yield from fitted.notes
    for segment in fitted.segments:
        before = f"segment {segment.id}: " if len(fitted.segments) > 1 else ""
        yield from (before + note for note in segment.notes)


def _as_data(fitted: Fit) -> dict[str, Any]:
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
    return {
        "parameter": estimate.parameter,
        "value": estimate.value,
        "standard_error": estimate.standard_error,
        "z": estimate.z,
        "low": estimate.low,
        "high": estimate.high,
        "unit": estimate.unit,
    }


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
        *_notes(fitted),
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
