"""`wattlas frontier`: what each millisecond of latency budget is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.common import (
    load_scenario,
    print_json,
    progress,
    ready_engine,
)
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption, out_option
from wattlas.cli.tables import show, ticker
from wattlas.data.target import try_file

VariantOption = Annotated[
    str,
    typer.Option(
        help="scale: all budgets times x. added_ms: x ms above each one's nearest region. "
        "class:NAME: the budget of one class. soft: mean latency instead of budgets."
    ),
]
ObjectiveOption = Annotated[str, typer.Option(help="cost, carbon, or weighted.")]
CarbonPriceOption = Annotated[
    float | None,
    typer.Option("--carbon-price", help="USD/t of a weighted frontier.", min=0.0),
]
ExactOption = Annotated[
    bool, typer.Option("--exact", help="Every breakpoint, even where capacity may bind.")
]
SamplesOption = Annotated[int, typer.Option(help="Budgets, unless --exact.", min=3)]
OutOption = Annotated[Path | None, out_option("Write the points to this Parquet file.", "FILE")]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    variant: VariantOption = "scale",
    objective: ObjectiveOption = "cost",
    carbon_price: CarbonPriceOption = None,
    exact: ExactOption = False,
    samples: SamplesOption = 24,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trace the energy–latency frontier. Switching costs and caps are left out."""
    from wattlas.placement.frontier.frontier import frontier, something_binds

    if out is not None:
        try_file(out)
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded)
    free = variant != "soft" and not something_binds(loaded)
    with ticker("Frontier") as tell:
        traced = frontier(
            loaded,
            variant,
            objective=objective,
            carbon_price_usd_per_t=carbon_price,
            samples=None if exact or free else samples,
            progress=lambda share: tell(variant, share),
        )
    from wattlas.studies.frontiers import frontier_listing, frontier_mapping, points_table

    if out is not None:
        from wattlas.report.frames import frame
        from wattlas.report.results import write_frame

        write_frame(out, frame(points_table(traced)))
    if as_json:
        print_json(frontier_mapping(traced, variant))
        return
    typer.echo(loaded.notice)
    info = traced.info
    typer.echo(
        f"{info.programs:,} programs, {info.solver}, {info.seconds:.2f} s, gap {traced.gap:.1g}"
    )
    show(frontier_listing(traced, variant))
