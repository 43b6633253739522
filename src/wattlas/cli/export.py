"""`wattlas export`: what a plan comes to, in the form that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import load_scenario, plain, print_json, ready_engine, say
from wattlas.cli.export_live import envoy, grafana, host_port, litellm, nginx
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption, out_option
from wattlas.cli.tables import show
from wattlas.data.target import try_folder
from wattlas.errors import UsageError
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.export.gateways import Setting
    from wattlas.studies.export.weights import Weights

app = typer.Typer(
    name="export",
    help="Write what a plan comes to for other programs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ONLY_FOR = {
    "endpoints": ("envoy", "litellm", "httproute", "aigatewayroute", "llm-d"),
    "class_header": ("envoy", "httproute", "aigatewayroute"),
    "metro_header": ("envoy", "httproute", "aigatewayroute"),
    "listen": ("envoy",),
    "gateway": ("httproute", "aigatewayroute"),
    "folder": ("envoy",),
}
"""Option → the formats that it has a meaning for."""

ToOption = Annotated[
    str,
    typer.Option(
        help="envoy, litellm, httproute, aigatewayroute or llm-d; without it a table.",
        metavar="NAME",
    ),
]
ByHourOption = Annotated[
    bool, typer.Option("--by-hour", help="A table for each UTC hour of the day.")
]
ByOption = Annotated[
    str, typer.Option(help="cost or carbon; what the scenario minimises unless given.")
]
OutOption = Annotated[
    Path | None,
    out_option("A .csv, .parquet, .json or .yaml file, or a folder of a gateway.", "PATH"),
]
EndpointsOption = Annotated[
    str | None,
    typer.Option(help="Table with region,url, or an URL with {region} in it.", metavar="FILE|URL"),
]
NodeOption = Annotated[
    str | None, typer.Option(help="Only this service node, which the gateway stands at.")
]
ClassHeaderOption = Annotated[
    str | None, typer.Option(help="Says a request's class; else x-wattlas-class.")
]
MetroHeaderOption = Annotated[
    str | None, typer.Option(help="Says its metro; else x-wattlas-metro.")
]
ListenOption = Annotated[
    str | None,
    typer.Option(help="Where Envoy listens; else 127.0.0.1:10000.", metavar="HOST:PORT"),
]
GatewayOption = Annotated[
    str | None, typer.Option(help="The Gateway of the routes; else inference.")
]
FolderOption = Annotated[
    str | None, typer.Option(help="Where Envoy finds the folder; else where it is started.")
]


@app.callback()
def export() -> None:
    """Write what a plan comes to for other programs."""


@app.command("weights", short_help="Write the best fixed table of shares for a gateway.")
def weights_command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    to: ToOption = "",
    by_hour: ByHourOption = False,
    by: ByOption = "",
    out: OutOption = None,
    endpoints: EndpointsOption = None,
    node: NodeOption = None,
    class_header: ClassHeaderOption = None,
    metro_header: MetroHeaderOption = None,
    listen: ListenOption = None,
    gateway: GatewayOption = None,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the best fixed table of shares as weights, and say what it keeps of the saving.

    A table holds each class and metro with the shares of the regions and operating points that
    serve it: one table for all hours, or one per UTC hour with a script that swaps them. Without
    --out the result is printed.
    """
    _check(to, by_hour, out)
    given = {
        "endpoints": endpoints, "class_header": class_header, "metro_header": metro_header,
        "listen": listen, "gateway": gateway, "folder": folder,
    }  # fmt: skip
    stated = {name: text for name, text in given.items() if text is not None}
    _check_options(to, stated)
    with bar("Weights") as tell:
        tell("reading", 0.0)
        world = load_scenario(path, scenario, set)
        ready_engine(world)
        setting = _setting(world, node, stated)
        from wattlas.studies.export.weights import weights

        shares = weights(world, by_hour=by_hour, kind=by or None, progress=tell)
    if to and not endpoints:
        say(f"note: the addresses {setting.endpoints.pattern} are made up; see --endpoints.")
    files = _written(shares, setting, to, out)
    _tell(shares, setting, to, files, as_json)


@app.command("routing", short_help="Write the routing of the next hours for `wattlas serve`.")
def routing_command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    hours: Annotated[int, typer.Option(help="Hours from the present one.", min=1, max=8760)] = 24,
    policy: Annotated[str, typer.Option(help="plan or nearest.")] = "plan",
    writer: Annotated[
        str | None, typer.Option(help="Who writes: the name of this machine unless given.")
    ] = None,
    out: Annotated[Path | None, out_option("A .json file.", "FILE")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write where requests go in the next hours, which are degraded, and what each costs and emits.

    The service takes a file that changes. Its epoch is the present second: a later file replaces
    an earlier one, and of two writers at one epoch the first holds. Without --out it is printed.
    """
    import platform
    from datetime import UTC, datetime

    from wattlas.data.whole_file import write_text
    from wattlas.policy.planned import Planned
    from wattlas.policy.registry import policy_of
    from wattlas.report.files import try_result
    from wattlas.studies.export.schedule import schedule_of

    try_result(out, (".json",))
    world = load_scenario(path, scenario, set)
    ready_engine(world)
    now = datetime.now(UTC)
    followed = policy_of(world, policy)
    if not isinstance(followed, Planned):
        raise UsageError(f"--policy `{policy}` decides as it goes. Choose plan or nearest.")
    name = platform.node() if writer is None else writer
    made = schedule_of(followed, now, hours, int(now.timestamp()), name)
    text = made.model_dump_json(by_alias=True) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    write_text(out, text)
    told = {"file": str(out), "hours": hours, "epoch": made.epoch, "policy": followed.name}
    if as_json:
        print_json(told)
        return
    if world.notice:
        typer.echo(world.notice)
    typer.echo(f"Routing of {hours} {noun(hours, 'hour')}: {out}")


app.command("envoy", short_help="Write Envoy's configuration for the live plane.")(envoy)
app.command("nginx", short_help="Write nginx's configuration for the live plane.")(nginx)
app.command("litellm", short_help="Write LiteLLM's configuration for the live plane.")(litellm)
app.command("grafana", short_help="Write a dashboard of the live plane for Grafana.")(grafana)


def _check(to: str, by_hour: bool, out: Path | None) -> None:
    """Raise UsageError for words and endings that do not go together."""
    from wattlas.model.suggest import did_you_mean
    from wattlas.report.files import TABLES, try_result
    from wattlas.studies.export.files import FORMATS

    if to and to not in FORMATS:
        raise UsageError(f"--to `{to}`: {did_you_mean(to, FORMATS)}")
    if by_hour and to and (out is None or out.suffix):
        raise UsageError(f"--by-hour --to {to} makes 25 files and more: name a folder with --out.")
    if out is not None and (out.suffix or not to):
        try_result(out, FORMATS[to].endings if to else TABLES)
    elif out is not None:
        try_folder(out)


def _check_options(to: str, stated: Mapping[str, str]) -> None:
    """Raise UsageError for an option that has no meaning for the format."""
    for name in stated:
        if to not in ONLY_FOR[name]:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is for --to {', '.join(ONLY_FOR[name])}; leave it out.")


def _setting(world: Scenario, node: str | None, stated: Mapping[str, str]) -> Setting:
    from wattlas.studies.export.gateways import Setting, check_node

    check_node(world, node)
    names: dict[str, Any] = {**stated, "node": node}
    listen = names.pop("listen", None)
    if listen is not None:
        host, port = host_port(listen)
        names |= {"listen_host": host, "listen_port": port}
    if "endpoints" in names:
        from wattlas.data.endpoints_file import read_endpoints

        names["endpoints"] = read_endpoints(names["endpoints"], world)
    return Setting(**names)


def _written(shares: Weights, setting: Setting, to: str, out: Path | None) -> list[Path]:
    """The files that were written; none without --out."""
    from wattlas.data.whole_file import write_text, write_texts
    from wattlas.report.files import write_table
    from wattlas.studies.export.files import SWAP, folder_files, single_file
    from wattlas.studies.export.listings import weights_mapping, weights_table

    if out is None:
        return []
    if not to:
        mapping = plain(weights_mapping(shares, setting.node))
        return [write_table(out, weights_table(shares, setting.node), mapping)]
    if out.suffix:
        return [write_text(out, single_file(shares, setting, to, out.suffix.lower()))]
    if (out / SWAP).exists() and not shares.by_hour:
        raise UsageError(
            f"{out} holds weights by hour, and their {SWAP} would undo these. Name another folder."
        )
    return write_texts(out, folder_files(shares, setting, to), executable=(SWAP,))


def _tell(shares: Weights, setting: Setting, to: str, files: list[Path], as_json: bool) -> None:
    from wattlas.studies.export.files import single_file
    from wattlas.studies.export.listings import sentences, weights_listing, weights_mapping

    if as_json:
        print_json({**weights_mapping(shares, setting.node), "files": files})
        return
    if to and not files:
        for sentence in sentences(shares):
            say(f"note: {sentence}")
        sys.stdout.write(single_file(shares, setting, to))
        return
    if shares.scenario.notice:
        typer.echo(shares.scenario.notice)
    show(weights_listing(shares, setting.node))
    for sentence in sentences(shares):
        typer.echo(sentence)
    if files:
        where = files[0] if len(files) == 1 else f"{files[0].parent}, {len(files)} files"
        typer.echo(f"Weights: {where}")
