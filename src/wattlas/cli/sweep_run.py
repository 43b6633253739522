"""`wattlas sweep SCENARIO --vary … --out FOLDER`: all runs, or those that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import (
    DEFAULT_EXAMPLE,
    print_json,
    progress,
    ready_engine,
    say,
    show_warnings,
)
from wattlas.cli.options import (
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    out_option,
)
from wattlas.cli.sweep_table import tell_table
from wattlas.errors import UsageError
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.studies.sweeps.design import SweepDesign

VaryOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A field and its values, regions.*.pue=1.1,1.3, a setting of the verb, "
        "policy=nearest,plan; with --design sobol a range, regions.*.pue=1.1:1.3. Several times.",
        metavar="FIELD=VALUES",
    ),
]
RunOption = Annotated[str, typer.Option("--run", help="What is run: plan, replay or fleet.")]
DesignOption = Annotated[
    str, typer.Option(help="grid: every combination. sobol: a sample for sensitivity indices.")
]
SamplesOption = Annotated[
    int, typer.Option(help="Points of a Sobol sample, a power of two.", min=0)
]
SeedsOption = Annotated[int, typer.Option(help="Replays of each point, with other draws.")]
WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with", help="A setting of the verb that stays: utilisation=0.9.", metavar="NAME=VALUE"
    ),
]
PolicyOption = Annotated[str | None, typer.Option(help="The policy of a replay.")]
TraceOption = Annotated[str | None, typer.Option(help="The requests of a replay.", metavar="FILE")]
ServiceOption = Annotated[
    str | None, typer.Option(help="Service models of a replay.", metavar="FILE")
]
OutOption = Annotated[
    Path, out_option("Folder of the sweep; its runs that are finished stay.", "FOLDER")
]
JobsOption = Annotated[
    int | None, typer.Option(help="Runs at once; as many as there are cores.", min=1)
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        help="Your Ray (ray://host:10001) or Dask (tcp://host:8786); needs wattlas[cluster].",
        metavar="ADDRESS",
    ),
]
AgainOption = Annotated[bool, typer.Option("--again", help="Run those that failed once more.")]

PrepareOption = Annotated[
    bool,
    typer.Option("--prepare", help="Only write sweep.json; `sweep one` carries out the runs."),
]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    vary: VaryOption = None,
    run: RunOption = "plan",
    policy: PolicyOption = None,
    trace: TraceOption = None,
    service: ServiceOption = None,
    settings: WithOption = None,
    design: DesignOption = "grid",
    samples: SamplesOption = 0,
    seeds: SeedsOption = 1,
    out: OutOption = Path("wattlas-sweep"),
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    again: AgainOption = False,
    prepare: PrepareOption = False,
    as_json: JsonOption = False,
) -> None:
    """Carry out a sweep, or what is missing of it, and rank what matters.

    The folder holds sweep.json, a file for each run, sweep.parquet with a row for each, and
    report.html. The same command again resumes. Runs that fail are rows with their error, and the
    exit code is that of the first of them.
    """
    with progress("Reading"):
        from wattlas.studies.sweeps.change import Written
        from wattlas.studies.sweeps.folder import sweep_in

        given = {"policy": policy, "trace": trace, "service": service}
        plan = asked_design(vary or (), run, design, samples, seeds, settings or (), given)
        base = Written(path or Path(DEFAULT_EXAMPLE), scenario, tuple(set or ()))
        show_warnings(base.loaded.warnings)
        made = sweep_in(out, base, plan)
    if again:
        made.forget_failed()
    if prepare:
        _tell_prepared(out, len(made.hashes), len(made.missing()), as_json)
        return
    ready_engine(base.loaded.scenario)
    todo = len(made.missing())
    total = len(made.hashes)
    if todo < total:
        are = "run is" if total == 1 else "runs are"
        say(f"{total - todo:,} of {total:,} {are} finished already")
    if todo:
        from wattlas.studies.sweeps.carry_out import carry_out
        from wattlas.studies.sweeps.workers import workers_of

        workers = workers_of(cluster, jobs, todo)
        with bar("Sweep", total=total, unit="runs") as tell:
            carry_out(made, workers, tell)
    tell_table(made, as_json)


def _tell_prepared(out: Path, runs: int, todo: int, as_json: bool) -> None:
    """How many runs there are, and how many of them `sweep one` still has to carry out."""
    if as_json:
        print_json({"folder": out, "runs": runs, "todo": todo})
    else:
        typer.echo(f"{out}: {runs:,} {noun(runs, 'run')}, {todo:,} of them to do")


def asked_design(
    vary: Sequence[str],
    run: str,
    design: str,
    samples: int,
    seeds: int,
    settings: Sequence[str],
    given: dict[str, str | None],
) -> SweepDesign:
    """The design that the options say. Raises UsageError."""
    from wattlas.data.compose import given_value
    from wattlas.model.suggest import did_you_mean
    from wattlas.studies.sweeps.design import DesignKind, SweepDesign, axis_of
    from wattlas.studies.sweeps.verbs import VERBS

    if design not in list(DesignKind):
        raise UsageError(
            f"--design: there is no `{design}`. {did_you_mean(design, list(DesignKind))}"
        )
    kind = DesignKind(design)
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--with wants NAME=VALUE, as in utilisation=0.9; got `{text}`")
        known[name.strip()] = given_value(value, f"--with {text}")
    if run in VERBS:
        for name, each in VERBS[run].settings.items():
            if each.is_file and isinstance(known.get(name), str):
                known[name] = str(Path(known[name]).resolve())  # a worker may be elsewhere
    axes = tuple(axis_of(text, kind) for text in vary)
    return SweepDesign(axes, run, kind, samples, seeds, known)
