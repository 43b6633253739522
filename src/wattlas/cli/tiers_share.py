"""`wattlas tiers share`: how much of a class to degrade, and when, to stay under a carbon cap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import load_scenario, print_json, progress, say
from wattlas.cli.options import (
    ClassOption,
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    out_option,
)
from wattlas.cli.tables import show
from wattlas.errors import UsageError
from wattlas.model.cells import number_text, percent

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.board import Ways
    from wattlas.studies.share_answer import BoardQuestion, Rows, ShareAnswer, ShareQuestion

CAP_SHARE = 0.9
RULES = ("percentile", "budget")
TOLD_FROM = 5e-4
"""Share of the requests that are left out, from which on it is told."""


ZoneOption = Annotated[
    list[str] | None,
    typer.Option("--zone", "-z", help="Zone of the clients' baseline region; all unless given."),
]
CapShareOption = Annotated[
    float | None,
    typer.Option(help="Cap over the mean of full service at the baseline region; 0.9 by default."),
]
CapGOption = Annotated[
    float | None, typer.Option("--cap-g", help="Cap in grams per request instead.")
]
GreenOption = Annotated[
    str | None,
    typer.Option(help="Operating point of a degraded request; the next best unless given."),
]
GreenShareOption = Annotated[
    float | None, typer.Option(help="Degraded over full energy, 0..1, instead of a point.")
]
DesignOption = Annotated[
    bool, typer.Option("--design", help="Degraded as `wattlas tiers design` chooses.")
]
FullOption = Annotated[
    str | None,
    typer.Option(help="Operating point of full service; the thriftiest open unless given."),
]
LatencyFactorOption = Annotated[
    float, typer.Option(help="How many budgets a degraded request may take.")
]
RuleOption = Annotated[str, typer.Option(help="percentile, budget, or both.")]
RemoteOption = Annotated[
    bool, typer.Option("--remote", help="Also with requests at the cleanest place open.")
]
ToOption = Annotated[
    list[str] | None,
    typer.Option("--to", help="Only this region beside the baseline region, as often as you like."),
]
NetworkOption = Annotated[
    float, typer.Option("--network-kwh-per-gb", help="Of bytes to other regions, kWh per GB.")
]
AheadOption = Annotated[
    bool, typer.Option("--ahead", help="Plan day by day on a forecast, and judge the plan.")
]
ForecastOption = Annotated[
    Path | None,
    typer.Option(help="Table of forecast intensities; else persistence.", metavar="FILE"),
]
DaysOption = Annotated[
    int, typer.Option(help="Show the hours of so many days, the dirtiest.", min=0)
]
FirstOption = Annotated[bool, typer.Option("--first", help="Show the first days instead.")]
TargetsOption = Annotated[
    bool, typer.Option("--targets", help="Which accuracy and latency the hours leave.")
]
HoursOption = Annotated[
    Path | None,
    typer.Option(
        help="No scenario, but a table of time_utc, zone, average_g_per_kwh.", metavar="FILE"
    ),
]
OutOption = Annotated[Path | None, out_option("Write every day: .csv, .parquet or .json.", "FILE")]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: ClassOption = "",
    zone: ZoneOption = None,
    cap_share: CapShareOption = None,
    cap_g: CapGOption = None,
    green: GreenOption = None,
    green_share: GreenShareOption = None,
    design: DesignOption = False,
    full: FullOption = None,
    latency_factor: LatencyFactorOption = 1.0,
    rule: RuleOption = "both",
    remote: RemoteOption = False,
    to: ToOption = None,
    network: NetworkOption = 0.0,
    ahead: AheadOption = False,
    forecast: ForecastOption = None,
    days: DaysOption = 0,
    first: FirstOption = False,
    targets: TargetsOption = False,
    hours: HoursOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """How much of a class to degrade, and when, so that carbon stays under a cap.

    percentile: until what is served in full keeps the cap in the mean. budget: until all requests
    do, with as few as possible degraded. Exit 4 with the least attainable cap where no zone can.
    """
    from wattlas.report.files import try_result
    from wattlas.studies.board import Ways
    from wattlas.studies.share_answer import ShareQuestion
    from wattlas.studies.share_query import query_of_table, with_forecast

    _check_fallback(design, green, green_share, hours)
    _check({"--cap-share": cap_share, "--cap-g": cap_g}, rule, forecast, ahead)
    try_result(out)
    zones = tuple(dict.fromkeys(zone)) if zone else None
    question = ShareQuestion(
        zones=zones,
        rules=RULES if rule == "both" else (rule,),
        places=("local", "remote") if remote or to else ("local",),
        cap_share=CAP_SHARE if cap_share is None and cap_g is None else cap_share,
        cap_g=cap_g, days=days, first=first, every_day=out is not None, targets=targets,
    )  # fmt: skip
    ways = Ways(full, green, green_share, latency_factor, to or None, network)
    with progress("Reading"):
        if hours is None:
            world = load_scenario(path, scenario, set)
            query = _query_of_scenario(world, klass, question, ways, design)
        else:
            options = {"PATH": path, "--scenario": scenario, "--set": set, "--class": klass}
            _no_scenario({**options, "--targets": targets}, ways)
            query = query_of_table(hours, question, green_share)
        query = with_forecast(query, forecast) if ahead else query
    _answer(query, out, as_json)


def _query_of_scenario(
    world: Scenario, klass: str, question: ShareQuestion, ways: Ways, design: bool
) -> BoardQuestion:
    """The question to a scenario; with `design` its fallback is the one that a design offers."""
    from wattlas.studies.share_query import query_of_scenario, with_designed_fallback

    if design:
        world, ways = with_designed_fallback(world, klass, ways)
    return query_of_scenario(world, klass, question, ways)


def _answer(query: BoardQuestion, out: Path | None, as_json: bool) -> None:
    """Answer a question: into a file, on stdout for people or as JSON."""
    from wattlas.studies.share_answer import answer, shown_days
    from wattlas.studies.share_listings import answer_mapping

    with progress("Sharing"):
        answers = answer(query)
    if out is not None:
        _write(out, answers.days)
    answers = replace(answers, days=shown_days(query.question, answers.days))
    if as_json:
        print_json(answer_mapping(query, answers))
    else:
        _show(query, answers)
    if out is not None:
        say(f"Wrote {out}.")


def _exclude(options: dict[str, Any]) -> None:
    if all(value is not None for value in options.values()):
        raise UsageError(f"{' and '.join(options)} exclude each other")


def _check_fallback(
    design: bool, green: str | None, green_share: float | None, hours: Path | None
) -> None:
    _exclude({"--green": green, "--green-share": green_share})
    if design and not (green is None and green_share is None and hours is None):
        raise UsageError("--design chooses the fallback; leave out --green, --green-share, --hours")


def _check(caps: dict[str, float | None], rule: str, forecast: Path | None, ahead: bool) -> None:
    _exclude(caps)
    if rule not in (*RULES, "both"):
        raise UsageError(f"--rule is `{rule}`; choose percentile, budget or both")
    if forecast is not None and not ahead:
        raise UsageError("--forecast needs --ahead")


def _no_scenario(options: dict[str, Any], ways: Ways) -> None:
    """Raise UsageError for what has no meaning beside --hours."""
    options |= {
        "--green": ways.green,
        "--full": ways.full,
        "--to": ways.regions,
        "--network-kwh-per-gb": ways.network_kwh_per_gb,
        "--latency-factor": ways.latency_factor != 1.0,
    }
    wrong = [name for name, value in options.items() if value]
    if wrong:
        raise UsageError(f"--hours stands for a scenario; leave out {', '.join(wrong)}")


def _write(file: Path, rows: Rows) -> None:
    """Every day of every zone, place and rule, with its hours as letters."""
    import polars as pl

    from wattlas.report.files import write_table

    text, number = pl.String(), pl.Float64()
    names = dict.fromkeys(("zone", "place", "rule", "plan", "day"), text)
    frame = pl.DataFrame(
        rows, schema={**names, "full_g": number, "degraded_share": number, "hours": text}
    )
    write_table(file, frame)


def _show(query: BoardQuestion, answers: ShareAnswer) -> None:
    """What the figures are, shares, then what else was asked for."""
    from wattlas.studies.share_listings import answer_listings

    if query.world is not None and query.world.notice:
        typer.echo(query.world.notice)
    typer.echo("\n".join(_head(query)))
    for listing in answer_listings(query, answers):
        show(listing)
    if answers.days:
        typer.echo("Hours: · in full, ▒ split, █ degraded.")
    left_out = query.board.left_out
    if left_out > TOLD_FROM:
        say(f"note: {percent(left_out)} of the requests have no place in full service; left out.")


def _head(query: BoardQuestion) -> list[str]:
    """What the table's figures are."""
    from wattlas.studies.labels import class_label, class_names
    from wattlas.studies.share_listings import unit_of

    question, board, world = query.question, query.board, query.world
    if world is None:
        lines = [
            f"Degraded service takes {number_text(query.green_share)} of full. Demand is flat."
        ]
    else:
        lesser = board.green_point or f"{number_text(query.green_share)} of that energy"
        named = class_label(class_names(world), query.klass)
        lines = [f"class {named} in full: {', '.join(board.full_points)}; degraded: {lesser}"]
    cap = f"{number_text(question.cap_g)} {unit_of(query)}"
    if question.cap_share is not None:
        at = "full service at the baseline region"
        cap = f"{question.cap_share:.4g} of what {at} emits in the mean"
    deciding = f"the {world.signals.deciding}" if world else "the average"
    lines.append(f"Cap: {cap}, by {deciding} intensity.")
    if "percentile" in question.rules:
        lines.append("percentile: degrade until what is served in full keeps the cap in the mean.")
    if "budget" in question.rules:
        lines.append("budget: until all requests together do. even: the same without looking.")
    else:
        lines.append("even: until all requests together do, alike in every step.")
    if len(question.places) > 1:
        what = "what a request in full emits there, over one at the baseline region."
        lines.append(f"of baseline: {what}")
    return lines
