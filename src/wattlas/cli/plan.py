"""`wattlas plan`: where inference runs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from wattlas.cli.tables import figure, percent, table
from wattlas.errors import InfeasibleError, LimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattlas.model.plan import Plan, Totals


FILE = ".parquet"
"""What a single file ends in; everything else is a folder."""


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write the flows to this .parquet file, or to this folder chunk by chunk.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the plan in the folder of --out.")
    ] = False,
    chunk: Annotated[
        int, typer.Option(help="Steps that a chunk has room for, in a folder.", min=1)
    ] = 192,
    time_limit_s: Annotated[
        float | None, typer.Option(help="Seconds for a program that is coupled in time.", min=0.0)
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the plan for optimality from its own prices.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Decide where inference runs under the scenario's objective.

    Into a folder the flows are written as they are solved: an interrupt keeps what is done, and
    --resume goes on after it.

    Exit 4 with the smallest conflict in words where nothing fits, 5 where a limit stopped the work
    before anything was found.
    """
    if out is not None and out.suffix.lower() != FILE:
        from wattlas.cli.streaming import Asked, to_folder

        to_folder(
            Asked(path, scenario, tuple(set or ())), out, chunk, resume, time_limit_s, as_json
        )
        return
    if resume:
        raise UsageError("--resume needs --out FOLDER: a single file is written at the end.")
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
        from wattlas.placement.api import plan
    ready_engine(loaded)
    with progress("Placing"):
        found = plan(loaded, time_limit_s=time_limit_s)
    if str(found.status) == "infeasible":
        raise InfeasibleError(found.conflict)
    if not found.ok:
        raise LimitError("The time limit ended the work before a placement was found.")
    if out is not None:
        from wattlas.report.results import write_frame

        write_frame(out, found.to_polars())
    if as_json:
        print_json(as_mapping(found))
    else:
        show(found)
        if verify:
            show_certificate(found)
        if out is not None:
            typer.echo(f"Flows: {out}")


def as_mapping(found: Plan) -> dict[str, object]:
    """The plan for JSON: how it ended, totals, and energy by region."""
    from wattlas.studies.meta import totals_dict

    return {
        "status": str(found.status),
        "info": found.info,
        "objective": found.objective,
        "intensity": str(found.scenario.signals.deciding),
        "notice": found.scenario.notice,
        "totals": totals_dict(found.totals),
        "abatement_usd_per_t": found.abatement_usd_per_t,
        "limits": found.limits,
        "regions": by_region(found),
    }


def by_region(found: Plan) -> dict[str, float]:
    """IT energy of each region over the window, MWh."""
    from wattlas.placement.streaming.stream import it_mwh_by_region

    energy = it_mwh_by_region(found)
    return {r.id: float(mwh) for r, mwh in zip(found.scenario.regions, energy, strict=True)}


def show(found: Plan) -> None:
    """The plan for the terminal."""
    s, t, info = found.scenario, found.totals, found.info
    typer.echo(f"{s.title or s.name}\n{s.notice}".strip())
    gap = f", gap {info.gap:.1e}" if info.gap else ""
    size = f", {info.programs} programs of {info.rows} rows × {info.columns} columns"
    typer.echo(
        f"{found.status}{gap}: {s.hours.count} steps, {info.solver}{size}, {info.seconds:.2f} s; "
        f"{s.signals.deciding} carbon intensity decides"
    )
    show_totals(t)
    if found.abatement_usd_per_t is not None:
        duals = ", ".join(figure(float(d), 4) for d in found.abatement_usd_per_t)
        typer.echo(f"Marginal abatement cost: {duals} USD/t")
    show_promises(found)
    show_regions(by_region(found), t.it_mwh)


def show_promises(found: Plan) -> None:
    """Each promise of a tier: what it allows, what was degraded, what one more percent is worth."""
    kept = [one for one in found.limits if one.share_max == one.share_max]
    by_carbon = str(found.scenario.objective.minimise) == "carbon"
    rows = []
    for name in dict.fromkeys(one.id for one in kept):
        of = [one for one in kept if one.id == name]
        shares = [max(one.share, 0.0) for one in of]
        low, high = percent(min(shares)), percent(max(shares))
        degraded = high if low == high else f"{low} to {high}"
        worth = sum(one.per_percent for one in of)
        rows.append([name, len(of), percent(of[0].share_max), degraded, figure(worth, 4)])
    if rows:
        unit = "t" if by_carbon else "USD"
        heads = ["class", "windows", "promised", "degraded", f"one more percent saves, {unit}"]
        table("Degraded at most, as promised", heads, rows)


def show_certificate(found: Plan) -> None:
    """The plan checked from its own prices, by none of the solver's code."""
    from wattlas.placement.explain.certificate import certify

    proof = certify(found)
    typer.echo(
        f"Checked from its prices: objective {proof.objective:,.6f}, no placement is below "
        f"{proof.bound:,.6f}, gap {proof.gap:.1e}; worst residual {proof.worst:.1e} "
        f"({max(proof.residuals, key=lambda name: proof.residuals[name])})"
    )


def show_totals(t: Totals) -> None:
    """Money, carbon, energy and requests over the window."""
    rows = [
        ["cost, USD", t.cost_usd],
        ["  energy", t.energy_usd],
        ["  accelerator rent", t.rent_usd],
        ["  egress", t.egress_usd],
        ["  frictions", t.friction_usd],
        ["  unserved demand", t.unserved_usd],
        ["  carbon at its price", t.carbon_price_usd],
        ["carbon, kg", t.carbon_kg],
        ["IT energy, MWh", t.it_mwh],
        ["requests served", t.requests],
        ["requests unserved", t.unserved_requests],
        ["requests late", t.late_requests],
        ["mean round trip, ms", t.rtt_mean_ms],
    ]
    table("Totals over the window", ["", "value"], [[name, figure(v, 4)] for name, v in rows])


def show_regions(energy: Mapping[str, float], it_mwh: float) -> None:
    """Where it runs, most energy first."""
    total = max(it_mwh, 1e-300)
    ranked = sorted(energy.items(), key=lambda item: -item[1])
    table(
        "Where it runs", ["region", "MWh", "share"], [[r, m, percent(m / total)] for r, m in ranked]
    )
