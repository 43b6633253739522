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
    from wattlas.tiers.fit import Fit, SegmentFit
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

    bent = _curvature(curvature)
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
        found = fit_users(table, scale=scale, curvature=bent, additive=additive, requests=requests)
    if out is not None:
        from wattlas.report.results import write_text

        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, users_yaml(found, choices.name))
    if as_json:
        print_json(_as_data(found))
        return
    _show(found)
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


def _show(found: Fit) -> None:
    from wattlas.cli.tables import figure, table

    typer.echo(
        f"{found.tasks:,} choices by {found.respondents:,} respondents; "
        f"McFadden's rho² {figure(found.rho2)}, ln L {found.loglik:,.1f}"
    )
    several = len(found.segments) > 1
    heads = ["estimate", "standard error", "z", "95 % interval", "unit"]
    for title, name, figures in (
        ("taste", "parameter", found.estimates),
        ("willingness to pay", "for", found.worth),
    ):
        head = [*(["segment"] if several else []), name, *heads]
        table(title, head, [_row(one, several) for one in figures])
    for note in _notes(found):
        say(f"note: {note}")


def _row(one: Estimate, several: bool) -> list[Any]:
    from wattlas.cli.tables import figure

    interval = f"{figure(one.low)} to {figure(one.high)}"
    told = [one.parameter, one.value, one.standard_error, f"{one.z:.1f}", interval, one.unit]
    return [one.segment, *told] if several else told


def _notes(found: Fit) -> Iterable[str]:
    yield from found.notes
    for one in found.segments:
        before = f"segment {one.id}: " if len(found.segments) > 1 else ""
        yield from (before + note for note in one.notes)


def _as_data(found: Fit) -> dict[str, Any]:
    return {
        "choices": found.tasks,
        "respondents": found.respondents,
        "requests": found.requests,
        "loglik": found.loglik,
        "rho2": found.rho2,
        "scale": asdict(found.scale),
        "segments": [_segment_data(one) for one in found.segments],
        "users": _users_data(found),
        "notes": found.notes,
    }


def _segment_data(one: SegmentFit) -> dict[str, Any]:
    return {
        "id": one.id,
        "share": one.share,
        "choices": one.tasks,
        "respondents": one.respondents,
        "clustered": one.clustered,
        "loglik": one.loglik,
        "rho2": one.rho2,
        "estimates": [_estimate_data(e) for e in one.estimates],
        "willingness_to_pay": [_estimate_data(e) for e in one.worth],
        "notes": one.notes,
    }


def _estimate_data(one: Estimate) -> dict[str, Any]:
    return {
        "parameter": one.parameter,
        "value": one.value,
        "standard_error": one.standard_error,
        "z": one.z,
        "low": one.low,
        "high": one.high,
        "unit": one.unit,
    }


def _users_data(found: Fit) -> dict[str, Any]:
    """The population as scenario.yaml says it."""
    users = found.users()
    data: dict[str, Any] = {"scale_usd": users.scale_usd, "ends": asdict(found.scale)}
    if users.may_leave:
        data |= {"may_leave": True, "outside_usd": users.outside_usd}
    data["segments"] = {
        one.id: {name: getattr(one, name) for name in SEGMENT_FIELDS} for one in users.segments
    }
    return data


def users_yaml(found: Fit, source: str) -> str:
    """`users:` of scenario.yaml, with where it comes from and the scale that it is on."""
    data = _users_data(found)
    segments = data.pop("segments")
    head = [
        f"Fitted to {source} by `wattlas tiers fit`: {found.tasks:,} choices by "
        f"{found.respondents:,} respondents.",
        *_notes(found),
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
