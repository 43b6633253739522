"""`wattlas frontier`: what each millisecond of latency budget is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.common import (
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    load_scenario,
    print_json,
    progress,
    ready_engine,
)
from wattlas.cli.tables import figure, table, ticker

ROWS = 24


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    variant: Annotated[
        str,
        typer.Option(
            help="scale: all budgets times x. added_ms: x ms above each one's nearest place. "
            "class:NAME: the budget of one class. soft: mean latency instead of budgets."
        ),
    ] = "scale",
    objective: Annotated[str, typer.Option(help="cost, carbon, or weighted.")] = "cost",
    carbon_price: Annotated[
        float | None,
        typer.Option("--carbon-price", help="USD/t of a weighted frontier.", min=0.0),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Every breakpoint, even where capacity may bind.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Budgets, unless --exact.", min=3)] = 24,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the points to this Parquet file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Trace the energy–latency frontier. Frictions and caps are left out."""
    import numpy as np

    from wattlas.placement.frontier.frontier import frontier, something_binds

    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded)
    free = variant != "soft" and not something_binds(loaded)
    with ticker("Frontier") as tell:
        found = frontier(
            loaded,
            variant,
            objective=objective,
            carbon_price_usd_per_t=carbon_price,
            samples=None if exact or free else samples,
            progress=lambda share: tell(variant, share),
        )
    usd, kg = found.returns()
    usd_per_mwh, g_per_kwh = found.returns_per_energy()
    points = {
        "x": found.x,
        "cost_usd": found.cost_usd,
        "carbon_kg": found.carbon_kg,
        "it_mwh": found.it_mwh,
        "dual_per_ms": found.dual_per_ms,
        "return_usd_per_ms": usd,
        "return_kg_per_ms": kg,
        "return_usd_per_mwh_ms": usd_per_mwh,
        "return_g_per_kwh_ms": g_per_kwh,
    }
    if out is not None:
        from wattlas.report.frames import frame
        from wattlas.report.results import write_frame

        write_frame(out, frame(points))
    if as_json:
        facts = {
            n: getattr(found, n)
            for n in ("objective", "exact", "users_x", "least_x", "gap", "info")
        }
        print_json({"variant": variant, "x_unit": found.x_unit, **facts, "points": points})
        return
    keep = np.unique(np.linspace(0, len(found.x) - 1, ROWS).round().astype(int))
    if 0 <= found.at(found.users_x) < len(found.x):
        keep = np.unique(np.append(keep, found.at(found.users_x)))
    rows = [
        [
            figure(float(found.x[n]), 4) + (" ←" if n == found.at(found.users_x) else ""),
            figure(float(found.cost_usd[n]), 7),
            figure(float(found.carbon_kg[n]), 7),
            float(found.cost_usd[0] - found.cost_usd[n]),
            float(found.carbon_kg[0] - found.carbon_kg[n]),
        ]
        for n in keep
    ]
    kind = "exact" if found.exact else "sampled"
    shown = "" if len(keep) == len(found.x) else f", {len(keep)} of {len(found.x)} points shown"
    title = f"{variant}, least {objective} ({kind}{shown})"
    heads = [found.x_unit, "cost, USD", "carbon, kg", "saved, USD", "saved, kg"]
    typer.echo(loaded.notice)
    info = found.info
    typer.echo(
        f"{info.programs:,} programs, {info.solver}, {info.seconds:.2f} s, gap {found.gap:.1g}"
    )
    table(title, heads, rows)
