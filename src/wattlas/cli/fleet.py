"""`wattlas fleet`: how many accelerators, and where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.bar import Tell, bar
from wattlas.cli.common import load_scenario, plain, print_json, progress, ready_engine, say
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption, out_option
from wattlas.cli.tables import show
from wattlas.errors import UsageError

if TYPE_CHECKING:
    from wattlas.model.fleet import Fleet, Reach
    from wattlas.model.scenario import Scenario
    from wattlas.placement.fleet.certificate import FleetCertificate
    from wattlas.placement.fleet.patience import Patience
    from wattlas.placement.fleet.search import Least
    from wattlas.placement.fleet.size import Learnt
    from wattlas.studies.fleet_answer import FleetAnswer

SurviveOption = Annotated[
    list[str] | None,
    typer.Option(
        help="region: any one region may be lost. zone: any grid zone. cloud: all regions of any "
        "one provider (aws:…). Or the regions that are lost together, once for each set: "
        "--survive oslo,stockholm",
        metavar="WHAT",
    ),
]
OnDemandOption = Annotated[
    float | None,
    typer.Option(help="On-demand accelerators per region during an outage.", min=0.0),
]
ReachOption = Annotated[
    str | None,
    typer.Option(
        help="What reach is worth: added_ms, class:NAME or scale.", metavar="KIND",
    ),
]  # fmt: skip
MostOption = Annotated[float | None, typer.Option(help="Farthest reach, ms or ×; 300 ms.", min=0.0)]
JumpsOption = Annotated[bool, typer.Option("--jumps", help="Every jump of the reach. Slow.")]
PatienceOption = Annotated[
    str | None,
    typer.Option(
        help="What waiting is worth: a class and the hours that it may wait, D:0,1,6. Slow.",
        metavar="CLASS:HOURS",
    ),
]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Check the fleet for optimality from its own prices.")
]
ExactOption = Annotated[float, typer.Option(help="Relative gap to end at.", min=1e-9, max=0.1)]
OutOption = Annotated[
    Path | None,
    out_option("The regions as .csv or .parquet, all as .json, or a folder of tables.", "PATH"),
]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    survive: SurviveOption = None,
    outage_on_demand: OnDemandOption = None,
    reach: ReachOption = None,
    most: MostOption = None,
    jumps: JumpsOption = False,
    patience: PatienceOption = None,
    exact: ExactOption = 1e-6,
    verify: VerifyOption = False,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many accelerators each region should reserve so that all demand is served.

    Beside it: the fleet as given, every region sized for its own peak, and the least that any
    fleet needs. With --survive it still serves when regions are lost; with --reach it says what
    each further millisecond between users and accelerators is worth, with --patience each hour
    that requests may wait.
    """
    from wattlas.placement.fleet.certificate import certify_fleet
    from wattlas.placement.fleet.fleet import fleet_and_learnt
    from wattlas.studies.fleet_answer import FleetAnswer
    from wattlas.studies.fleet_tables import fleet_patience_table
    from wattlas.studies.fleets import certificate_mapping, fleet_mapping

    _check(reach, most, jumps, outage_on_demand, survive)
    waits = _waits(patience)
    if out is not None:
        _claim(out)
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded)
    options: dict[str, Any] = {
        "survive": lost_sets(loaded, survive or ()),
        "outage_on_demand_gpu": math.inf if outage_on_demand is None else outage_on_demand,
        "exact": exact,
    }
    with bar("Fleet") as tell:
        fleet, learnt = fleet_and_learnt(loaded, progress=_told(tell, exact), **options)
        reached = _reach(loaded, reach, most, jumps, learnt, tell)
        patient = _patience(loaded, waits, fleet, tell, options)
        proof = certify_fleet(fleet) if verify else None
    answer = FleetAnswer(fleet, reached, patience=patient)
    mapping = plain(fleet_mapping(fleet, reached))
    if patient:
        mapping["patience"] = plain(fleet_patience_table(patient))
    if proof is not None:
        mapping["certificate"] = plain(certificate_mapping(proof))
    if out is not None:
        _write(out, answer, mapping)
        say(f"Wrote {out}.")
    if as_json:
        print_json(mapping)
        return
    _show(answer, proof)


def _show(answer: FleetAnswer, proof: FleetCertificate | None) -> None:
    """The answer as people read it."""
    from wattlas.studies import fleets

    notice = answer.fleet.scenario.notice
    if notice:
        typer.echo(notice)
    for listing in fleets.fleet_listings(answer.fleet, answer.reach):
        show(listing)
    if proof is not None:
        typer.echo(fleets.certificate_words(proof))
    if answer.reach is not None:
        show(fleets.reach_listing(answer.reach))
        if answer.reach.complete:
            show(fleets.jumps_listing(answer.reach))
    if answer.patience:
        show(fleets.patience_fleet_listing(answer.patience))


def lost_sets(scenario: Scenario, survive: Sequence[str]) -> list[list[str]]:
    """The sets of regions that words name: `region`, `zone`, `cloud`, or ids with commas between.

    The cloud of a region is what stands before the colon of its id, as in `aws:eu-north-1`.
    """
    sets: list[list[str]] = []
    for word in survive:
        if word == "region":
            sets += [[region.id] for region in scenario.regions]
        elif word == "zone":
            zones = dict.fromkeys(region.zone for region in scenario.regions)
            sets += [[r.id for r in scenario.regions if r.zone == zone] for zone in zones]
        elif word == "cloud":
            ids = [region.id for region in scenario.regions]
            clouds = dict.fromkeys(name.partition(":")[0] for name in ids if ":" in name)
            if not clouds:
                raise UsageError(
                    "--survive cloud needs regions whose ids name their provider, as "
                    "aws:eu-north-1 does. Give the regions that are lost together instead."
                )
            sets += [[name for name in ids if name.startswith(f"{cloud}:")] for cloud in clouds]
        else:
            sets.append([name.strip() for name in word.split(",")])
    return sets


def _check(
    reach: str | None,
    most: float | None,
    jumps: bool,
    outage_on_demand: float | None,
    survive: list[str] | None,
) -> None:
    """Options that say nothing without another are no options."""
    if reach is None and (jumps or most is not None):
        raise UsageError("--jumps and --most are of --reach. Give --reach added_ms.")
    if outage_on_demand is not None and not survive:
        raise UsageError("--outage-on-demand is of --survive. Give --survive region.")


def _is_file(out: Path) -> bool:
    """Whether a path means one file: it is one, or ends as files do."""
    from wattlas.report.files import FILES

    return out.is_file() or (out.suffix.lower() in FILES and not out.is_dir())


def _claim(out: Path) -> None:
    """Find out whether it can be written, before anything is computed."""
    from wattlas.report.files import try_result
    from wattlas.report.table_folder import claim_tables

    if _is_file(out):
        try_result(out)
    else:
        claim_tables(out)


def _write(out: Path, answer: FleetAnswer, mapping: dict[str, Any]) -> None:
    """The regions as a table, all of it as JSON, or a folder of tables."""
    from wattlas.placement.problem.instance import build_instance
    from wattlas.report.files import write_table
    from wattlas.report.table_folder import save_tables
    from wattlas.studies.fleet_tables import fleet_tables

    if _is_file(out):
        write_table(out, answer.fleet.named_tables()["regions"], mapping)
    else:
        save_tables(out, fleet_tables(answer, build_instance(answer.fleet.scenario)))


def _told(tell: Tell, exact: float) -> Callable[[Least], None]:
    """Tells how far the gap of a search has come, on a logarithmic scale."""

    from wattlas.studies.fleet_answer import search_share

    def hear(best: Least) -> None:
        tell("search", search_share(best, exact))

    return hear


def _reach(
    loaded: Scenario,
    kind: str | None,
    most: float | None,
    jumps: bool,
    learnt: Learnt | None,
    tell: Tell,
) -> Reach | None:
    if kind is None:
        return None
    from wattlas.placement.fleet.reach import MOST_MS, SAMPLES, reach

    farthest = (math.inf if kind == "scale" else MOST_MS) if most is None else most
    return reach(
        loaded,
        variant=kind,
        most=farthest,
        samples=None if jumps else SAMPLES,
        known=learnt,
        progress=lambda share: tell("reach", share),
    )


def _waits(text: str | None) -> tuple[str, tuple[float, ...]] | None:
    """The class and the hours of `D:0,1,6`; without a class all that may wait."""
    if text is None:
        return None
    klass, _, hours = text.rpartition(":")
    try:
        waits = tuple(float(hour) for hour in hours.split(","))
    except ValueError:
        raise UsageError(
            f"--patience is `{text}`. Give a class and hours with commas: D:0,1,6"
        ) from None
    return klass, waits


def _patience(
    loaded: Scenario,
    waits: tuple[str, tuple[float, ...]] | None,
    fleet: Fleet,
    tell: Tell,
    options: dict[str, Any],
) -> tuple[Patience, ...]:
    if waits is None:
        return ()
    from wattlas.placement.fleet.patience import patience

    def hear(share: float) -> None:
        tell("patience", share)

    return patience(loaded, *waits, known=fleet, progress=hear, **options)
