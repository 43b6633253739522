"""`wattlas plan`: where inference runs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.cli.common import (
    load_scenario,
    print_json,
    progress,
    ready_engine,
)
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption, out_option
from wattlas.cli.tables import number_text, show
from wattlas.data.target import try_file
from wattlas.errors import LimitError, UsageError

if TYPE_CHECKING:
    from wattlas.model.plan import Plan


FILE = ".parquet"
"""What a single file ends in; everything else is a folder."""


OutOption = Annotated[
    Path | None,
    out_option("Write the flows to this .parquet file, or to this folder chunk by chunk.", "PATH"),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with the plan in the folder of --out.")
]
ChunkOption = Annotated[
    int, typer.Option(help="Steps that a chunk has room for, in a folder.", min=1)
]
TimeLimitSOption = Annotated[
    float | None, typer.Option(help="Seconds for a program that is coupled in time.", min=0.0)
]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Check the plan for optimality from its own prices.")
]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    chunk: ChunkOption = 192,
    time_limit_s: TimeLimitSOption = None,
    verify: VerifyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Decide where inference runs under the scenario's objective.

    Into a folder the flows are written as they are solved: an interrupt keeps what is done, and
    --resume goes on after it.

    Exit 4 with the smallest conflict in words where nothing fits, 5 where a limit stopped the work
    before anything was found.
    """
    if out is not None and out.suffix.lower() != FILE:
        from wattlas.cli.streaming import Chosen, to_folder

        chosen = Chosen(path, scenario, tuple(set or ()))
        to_folder(chosen, out, chunk, resume, time_limit_s, as_json)
        return
    if resume:
        raise UsageError("--resume needs --out FOLDER: a single file is written at the end.")
    if out is not None:
        try_file(out)
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
        from wattlas.placement.api import plan
    ready_engine(loaded)
    with progress("Placing"):
        placement = plan(loaded, time_limit_s=time_limit_s)
    placement.raise_if_infeasible()
    if not placement.ok:
        raise LimitError("The time limit ended the work before a placement was found.")
    if out is not None:
        from wattlas.report.results import write_frame

        write_frame(out, placement.to_polars())
    if as_json:
        from wattlas.studies.plan_listings import plan_mapping

        print_json(plan_mapping(placement))
    else:
        show_plan(placement)
        if verify:
            show_certificate(placement)
        if out is not None:
            typer.echo(f"Flows: {out}")


def show_plan(placement: Plan) -> None:
    """The plan for the terminal."""
    from wattlas.studies.plan_listings import (
        caps_listing,
        energy_by_region,
        notes,
        regions_listing,
        totals_listing,
    )

    s, t, info = placement.scenario, placement.totals, placement.info
    typer.echo(f"{s.title or s.name}\n{s.notice}".strip())
    gap = f", gap {info.gap:.1e}" if info.gap else ""
    size = f", {info.programs} programs of {info.rows} rows × {info.columns} columns"
    typer.echo(
        f"{placement.status}{gap}: {s.hours.count} steps, {info.solver}{size}, "
        f"{info.seconds:.2f} s; {s.signals.deciding} carbon intensity decides"
    )
    show(totals_listing(t))
    if placement.abatement_usd_per_t is not None:
        duals = ", ".join(number_text(float(d), 4) for d in placement.abatement_usd_per_t)
        typer.echo(f"Marginal abatement cost: {duals} USD/t")
    caps = caps_listing(placement)
    if caps is not None:
        show(caps)
    show(regions_listing(energy_by_region(placement)))
    for note in notes(placement):
        typer.echo(note)


def show_certificate(placement: Plan) -> None:
    """The plan checked from its own prices, by none of the solver's code."""
    from wattlas.placement.explain.certificate import certify

    proof = certify(placement)
    typer.echo(
        f"Checked from its prices: objective {proof.objective:,.6f}, no placement is below "
        f"{proof.bound:,.6f}, gap {proof.gap:.1e}; worst residual {proof.worst:.1e} "
        f"({max(proof.residuals, key=lambda name: proof.residuals[name])})"
    )
