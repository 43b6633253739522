"""`wattlas replay SCENARIO`: a policy on requests that came."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import load_scenario, print_json, progress, ready_engine
from wattlas.cli.foresight import (
    BeginOption,
    EveryOption,
    ForecastOption,
    LookAheadOption,
    PastOption,
    PublishedOption,
    VintagesOption,
    WeatherOption,
    foresight_of,
)
from wattlas.cli.options import (
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    TablesOption,
    out_path,
)
from wattlas.cli.replay_trace import (
    InColumnOption,
    LayoutOption,
    OutColumnOption,
    TimeColumnOption,
    TraceNameOption,
    UnitOption,
    changed_fields,
)
from wattlas.cli.tables import show

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.replays.run import Sink
    from wattlas.replays.service.serving import Serving
    from wattlas.studies.replays import Replayed

TraceOption = Annotated[
    Path | None, typer.Option(help="Requests that came; at the scenario's rates without.")
]
PolicyOption = Annotated[
    list[str],
    typer.Option(
        help="nearest, plan, rolling, oracle, …, all, or ./file.py:Class; several with commas.",
        metavar="NAME",
    ),
]
AgainstOption = Annotated[
    str | None, typer.Option(help="A policy to compare all with.", metavar="NAME")
]
ScaleOption = Annotated[
    float, typer.Option(help="Requests for each of the trace's, or of the rates.")
]
WorldOption = Annotated[
    float, typer.Option(help="Share of demand and accelerators that is replayed.", min=1e-9)
]
ClassOption = Annotated[
    str | None, typer.Option("--class", "-k", help="Class of every request of the trace.")
]
EvenOption = Annotated[bool, typer.Option("--even", help="Requests at equal distances, by rates.")]
HoursOption = Annotated[
    int | None,
    typer.Option(help="Replay the first so many steps; those of the trace unless given."),
]
UtilisationOption = Annotated[
    float, typer.Option(help="Share of the accelerators that the policy may plan with.")
]
SeedsOption = Annotated[int, typer.Option(help="Replays with other draws, for intervals.", min=1)]
ServiceOption = Annotated[
    Path | None, typer.Option(help="Service models by point, as calibrate writes them.")
]
PooledOption = Annotated[bool, typer.Option("--pooled", help="One queue for replicas of a pool.")]
StartOption = Annotated[
    float, typer.Option("--start-s", help="Seconds that a replica takes to start.")
]
JitterOption = Annotated[
    float,
    typer.Option("--rtt-p95", help="95th percentile of a round trip over its median; 1: none."),
]
RequestsOption = Annotated[
    Path | None,
    typer.Option(
        "--requests", help="Write every request to Parquet files in this folder.", parser=out_path,
        metavar="FOLDER",
    ),
]  # fmt: skip


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    trace: TraceOption = None,
    policy: PolicyOption = ["plan"],  # noqa: B006
    against: AgainstOption = None,
    layout: LayoutOption = None,
    trace_name: TraceNameOption = None,
    time_column: TimeColumnOption = None,
    unit: UnitOption = None,
    in_column: InColumnOption = None,
    out_column: OutColumnOption = None,
    scale: ScaleOption = 1.0,
    world: WorldOption = 1.0,
    klass: ClassOption = None,
    even: EvenOption = False,
    hours: HoursOption = None,
    utilisation: UtilisationOption = 1.0,
    seeds: SeedsOption = 1,
    service: ServiceOption = None,
    pooled: PooledOption = False,
    start_s: StartOption = 0.0,
    rtt_p95: JitterOption = 1.0,
    requests: RequestsOption = None,
    begin: BeginOption = None,
    forecast: ForecastOption = "persistence",
    look_ahead: LookAheadOption = "24h",
    every: EveryOption = 1,
    past: PastOption = None,
    published: PublishedOption = None,
    weather: WeatherOption = None,
    vintages: VintagesOption = None,
    out: TablesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay policies request by request, beside the baseline on the same requests.

    Cost, carbon, latencies, shares degraded, and where it ran; tables and a report with --out.
    """
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
        from wattlas.replays.arrivals.trace import open_trace
        from wattlas.report.folder import claim, save
        from wattlas.studies.replay_runs import Traffic, Trial
        from wattlas.studies.replays import replayed
    if out is not None:
        claim(out)
    changed = changed_fields(time_column, unit, in_column, out_column)
    opened = None if trace is None else open_trace(trace, layout, only=trace_name, changed=changed)
    foresight = foresight_of(forecast, look_ahead, every, past, published, weather, vintages)
    serving, sink = _serving(service, pooled, start_s, rtt_p95), _sink(requests, loaded)
    ready_engine(loaded, hours)
    trial = Trial(begin, hours, seeds, utilisation=utilisation, sink=sink)
    with bar("Replay") as tell:
        made = replayed(
            loaded, policy, Traffic(opened, scale, world, klass, even), trial=trial,
            against=against, serving=serving, foresight=foresight, progress=tell,
        )  # fmt: skip
    _tell(made, None if out is None else save(made, out), as_json)


def _sink(requests: Path | None, scenario: Scenario) -> Sink | None:
    from wattlas.report.replay_records import records_to

    return None if requests is None else records_to(requests, scenario)


def _serving(service: Path | None, pooled: bool, start_s: float, rtt_p95: float) -> Serving:
    from wattlas.replays.service.file import read_services
    from wattlas.replays.service.serving import Serving

    return Serving({} if service is None else read_services(service), pooled, start_s, rtt_p95)


def _tell(made: Replayed, report: Path | None, as_json: bool) -> None:
    """What came out, and where the report lies."""
    from wattlas.studies.replay_tables import listings, sentence

    if as_json:
        print_json({**made.meta, **made.named_tables(), "report": report})
        return
    typer.echo(sentence(made))
    for listing in listings(made):
        show(listing)
    if report is not None:
        typer.echo(f"Report: {report}")
