"""`wattlas frontier`: what each millisecond of latency budget is worth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import (
    load_scenario,
    plain,
    print_json,
    progress,
    ready_engine,
)
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption, out_option
from wattlas.cli.tables import show
from wattlas.errors import UsageError
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario

VariantOption = Annotated[
    str,
    typer.Option(
        help="scale: all budgets times x. added_ms: x ms above each one's nearest region. "
        "class:NAME: the budget of one class. soft: mean latency instead of budgets. "
        "wait, wait:NAME: hours that classes may wait, at their own budgets."
    ),
]
ObjectiveOption = Annotated[
    str | None,
    typer.Option(help="cost, carbon, or weighted; else what the scenario makes least."),
]
CarbonPriceOption = Annotated[
    float | None,
    typer.Option("--carbon-price", help="USD/t of a weighted frontier.", min=0.0),
]
ExactOption = Annotated[
    bool, typer.Option("--exact", help="Every breakpoint, even where capacity may bind.")
]
SamplesOption = Annotated[int | None, typer.Option(help="Budgets, unless --exact; else 24.", min=3)]
SAMPLES = 24
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="Only these budgets, in × or ms, or waits in hours: 50,100,150.",
        metavar="X,X,…",
    ),
]
OutOption = Annotated[Path | None, out_option("Write the points: .csv, .parquet or .json.", "FILE")]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    variant: VariantOption = "scale",
    objective: ObjectiveOption = None,
    carbon_price: CarbonPriceOption = None,
    exact: ExactOption = False,
    samples: SamplesOption = None,
    at: AtOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trace the energy–latency frontier, or what waiting is worth.

    Over latency, switching costs, caps and waiting are left out.
    """
    from wattlas.placement.frontier.frontier import frontier, something_binds
    from wattlas.report.files import try_result

    budgets = _budgets(at, exact, samples)
    try_result(out)
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded, budgets=True)
    objective = objective or _own_objective(loaded, carbon_price)
    if variant.partition(":")[0] == "wait":
        _over_patience(loaded, variant, objective, carbon_price, budgets, out, as_json)
        return
    free = variant != "soft" and samples is None and not something_binds(loaded)
    with bar("Frontier") as tell:
        traced = frontier(
            loaded,
            variant,
            objective=objective,
            carbon_price_usd_per_t=carbon_price,
            samples=None if exact or free or budgets else samples or SAMPLES,
            x=budgets,
            progress=lambda share: tell(variant, share),
        )
    from wattlas.model import frontier_table as told

    mapping = plain(told.frontier_mapping(traced, variant))
    if out is not None:
        from wattlas.report.files import write_table

        write_table(out, told.points_table(traced), mapping)
    if as_json:
        print_json(mapping)
        return
    typer.echo(loaded.notice)
    info = traced.info
    typer.echo(
        f"{info.programs:,} {noun(info.programs, 'program')}, {info.solver}, "
        f"{info.seconds:.2f} s, {told.gap_words(traced)}"
    )
    show(told.frontier_listing(traced, variant))


def _own_objective(loaded: Scenario, carbon_price: float | None) -> str:
    """What the scenario makes least: its plan then lies on the curve."""
    if loaded.objective.minimise == "carbon":
        return "carbon"
    priced = carbon_price or loaded.objective.carbon_price_usd_per_t
    return "weighted" if priced else "cost"


def _over_patience(
    loaded: Scenario, variant: str, objective: str, carbon_price: float | None,
    hours: list[float] | None, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """What patience is worth, on the terminal, as JSON or as a table."""
    from wattlas.placement.frontier.patience import over_patience
    from wattlas.placement.frontier.question import FrontierQuestion
    from wattlas.studies.waits import patience_listing, patience_table

    least = FrontierQuestion.of(loaded, "scale", objective, carbon_price).as_objective()
    with bar("Frontier") as tell:
        waits_h, plans = over_patience(
            loaded,
            variant.partition(":")[2],
            hours,
            objective=least,
            progress=lambda share: tell(variant, share),
        )
    table = patience_table(waits_h, plans)
    mapping = plain({"variant": variant, "x_unit": "h", "objective": objective, "points": table})
    if out is not None:
        from wattlas.report.files import write_table

        write_table(out, table, mapping)
    if as_json:
        print_json(mapping)
        return
    typer.echo(loaded.notice)
    show(patience_listing(table))


def _budgets(at: str | None, exact: bool, samples: int | None) -> list[float] | None:
    """The budgets of --at; None without it. Raises UsageError for what is no list of numbers."""
    if exact and samples is not None:
        raise UsageError("--exact has every breakpoint; leave out --samples.")
    if at is None:
        return None
    if exact or samples is not None:
        raise UsageError("--at names the budgets; leave out --exact and --samples.")
    try:
        budgets = [float(text) for text in at.split(",")]
    except ValueError:
        budgets = []
    if not budgets or not all(math.isfinite(x) and x >= 0 for x in budgets):
        raise UsageError(f"--at is `{at}`. Give numbers of at least 0 with commas: 50,100,150.")
    return budgets
