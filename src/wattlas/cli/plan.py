"""`wattlas plan`: where inference runs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from wattlas.data.target import try_file
from wattlas.errors import LimitError, UsageError
from wattlas.model.cells import number_text
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.model.plan import Plan


OutOption = Annotated[
    Path | None,
    out_option(
        "Write the flows to this .csv, .parquet or .json file, or a folder chunk by chunk.", "PATH"
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with the plan in the folder of --out.")
]
ChunkOption = Annotated[
    int | None,
    typer.Option(help="Steps that a chunk has room for, in a folder; else 192.", min=1),
]
CHUNK = 192
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
    chunk: ChunkOption = None,
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
    if out is not None and _is_folder(out):
        from wattlas.cli.streaming import Chosen, to_folder

        chosen = Chosen(path, scenario, tuple(set or ()))
        if verify:
            raise UsageError("--verify looks at a plan in one piece; leave out --out FOLDER.")
        to_folder(chosen, out, chunk or CHUNK, resume, time_limit_s, as_json)
        return
    for option, given in (("--resume", resume), ("--chunk", chunk is not None)):
        if given:
            raise UsageError(f"{option} needs --out FOLDER: a file is written at the end.")
    if out is not None:
        try_file(out)
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
        from wattlas.placement.api import plan
    ready_engine(loaded)
    with bar("Plan", loaded.hours.count, "steps") as tell:
        tell("placing", 0.0)
        placement = plan(
            loaded, time_limit_s=time_limit_s, progress=lambda share: tell("placing", share)
        )
    placement.raise_if_infeasible()
    if not placement.ok:
        raise LimitError("The time limit ended the work before a placement was found.")
    if out is not None:
        _write(out, placement)
    if as_json:
        from wattlas.studies.plan_listings import plan_mapping

        told = {**plan_mapping(placement), "flows": out}
        print_json({**told, "certificate": _proof(placement)} if verify else told)
    else:
        show_plan(placement)
        if verify:
            show_certificate(placement)
        if out is not None:
            typer.echo(f"Flows: {out}")


def _is_folder(out: Path) -> bool:
    """Whether the flows go to a folder. Raises UsageError for a file that holds no table."""
    from wattlas.report.files import ending_of

    if out.is_dir() or not out.suffix:
        return True
    ending_of(out)
    return False


def _write(out: Path, placement: Plan) -> None:
    """The flows as one file; JSON holds what --json prints, too."""
    from wattlas.model.frames import with_texts
    from wattlas.report.files import write_table
    from wattlas.studies.plan_listings import plan_mapping

    flows = placement.to_polars()
    mapping = None
    if out.suffix.lower() == ".json":
        mapping = plain({**plan_mapping(placement), "flows": with_texts(flows).to_dicts()})
    write_table(out, flows, mapping)


def show_plan(placement: Plan) -> None:
    """The plan for the terminal."""
    from wattlas.model.totals_listing import totals_listing
    from wattlas.studies.plan_listings import (
        caps_listing,
        energy_by_region,
        notes,
        regions_listing,
    )
    from wattlas.studies.waits import waits_listing

    s, t, info = placement.scenario, placement.totals, placement.info
    typer.echo(f"{s.title or s.name}\n{s.notice}".strip())
    gap = f", gap {info.gap:.1e}" if info.gap else ""
    size = (
        f", {info.programs} {noun(info.programs, 'program')} of {info.rows} "
        f"{noun(info.rows, 'row')} × {info.columns} {noun(info.columns, 'column')}"
    )
    steps = s.hours.count
    typer.echo(
        f"{placement.status}{gap}: {steps} {noun(steps, 'step')}, {info.solver}{size}, "
        f"{info.seconds:.2f} s; {s.signals.deciding} carbon intensity decides"
    )
    show(totals_listing(t))
    if placement.abatement_usd_per_t is not None:
        duals = ", ".join(number_text(float(d), 4) for d in placement.abatement_usd_per_t)
        typer.echo(f"Marginal abatement cost: {duals} USD/t")
    for listing in (caps_listing(placement), waits_listing(placement)):
        if listing is not None:
            show(listing)
    show(regions_listing(energy_by_region(placement)))
    for note in notes(placement):
        typer.echo(note)


def _proof(placement: Plan) -> dict[str, Any]:
    """The certificate for JSON."""
    from wattlas.placement.explain.certificate import certify

    proof = certify(placement)
    return {name: getattr(proof, name) for name in ("objective", "bound", "gap", "residuals")}


def show_certificate(placement: Plan) -> None:
    """The plan checked from its own prices, by none of the solver's code."""
    from wattlas.placement.explain.certificate import certify

    proof = certify(placement)
    typer.echo(
        f"Checked from its prices: objective {proof.objective:,.6f}, no placement is below "
        f"{proof.bound:,.6f}, gap {proof.gap:.1e}; worst residual {proof.worst:.1e} "
        f"({max(proof.residuals, key=lambda name: proof.residuals[name])})"
    )
