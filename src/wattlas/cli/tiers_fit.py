"""`wattlas tiers fit`: users' taste from a choice experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import print_json, progress, say
from wattlas.cli.options import JsonOption, out_option
from wattlas.cli.tables import show
from wattlas.errors import UsageError
from wattlas.model.cells import number_text

if TYPE_CHECKING:
    from wattlas.model.choices import Choices
    from wattlas.model.users import Scale

ESTIMATED = "fit"


def _end(help: str) -> Any:
    return typer.Option(help=f"{help}; of the table unless given.")


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
        out_option("Write `users:` of scenario.yaml.", "FILE.yaml"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit users' taste to a choice experiment: θ, k_a, k_l, W, μ and what they would pay."""
    from wattlas.report.files import try_result
    from wattlas.studies.fit import as_choices, fit_users
    from wattlas.studies.fit_listings import fit_listings, fit_mapping, fit_notes, users_yaml

    rho = _curvature(curvature)
    try_result(out, (".yaml", ".yml"))
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
        from wattlas.data.whole_file import write_text

        write_text(out, users_yaml(fitted, choices.name))
    if as_json:
        print_json(fit_mapping(fitted))
        return
    typer.echo(
        f"{fitted.tasks:,} choices by {fitted.respondents:,} respondents; "
        f"McFadden's rho² {number_text(fitted.rho2)}, ln L {fitted.loglik:,.1f}"
    )
    for listing in fit_listings(fitted):
        show(listing)
    for note in fit_notes(fitted):
        say(f"note: {note}")
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
