"""`wattlas export` for the live plane: files of gateways in front of it, and a page over it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.options import out_option
from wattlas.data.target import try_folder
from wattlas.errors import UsageError

ConfigArgument = Annotated[Path, typer.Argument(help="The file serve.yaml of `wattlas serve`.")]
TokenFileOption = Annotated[
    Path | None, typer.Option(help="Holds the token of `decisions`, where it has one.")
]


def envoy(
    config: ConfigArgument,
    listen: Annotated[
        str, typer.Option(help="Where Envoy listens.", metavar="HOST:PORT")
    ] = "127.0.0.1:10000",
    out: Annotated[Path | None, out_option("A .yaml or .json file.", "FILE")] = None,
    token_file: TokenFileOption = None,
) -> None:
    """Write a configuration in which Envoy asks `wattlas serve` about every request.

    It strips our headers from clients, bounds bodies, serves in full where nobody answers, and
    writes the access log that settles requests. Without --out it is printed.
    """
    import json
    import time

    from wattlas.report.files import try_result
    from wattlas.serve.config import read_config
    from wattlas.serve.extra import check_extra
    from wattlas.serve.schedule import read_schedule
    from wattlas.studies.export.live_envoy import live_bootstrap
    from wattlas.studies.export.yaml_text import yaml_text

    check_extra()
    try_result(out, (".yaml", ".yml", ".json"))
    host_port(listen)
    read = read_config(config)
    token = _token(token_file)
    schedule = read_schedule(read.schedule_path)
    made = live_bootstrap(read, schedule, listen, time.time(), token)
    if out is not None and out.suffix.lower() == ".json":
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    else:
        text = yaml_text([made], [f"Envoy for {config}, by `wattlas export envoy`."])
    _tell("Envoy", text, out, secret=bool(token))


def nginx(
    config: ConfigArgument,
    listen: Annotated[
        str, typer.Option(help="Where nginx listens.", metavar="HOST:PORT")
    ] = "127.0.0.1:10000",
    out: Annotated[Path | None, out_option("A .conf file.", "FILE")] = None,
    token_file: TokenFileOption = None,
) -> None:
    """Write a configuration in which nginx asks `wattlas serve` about every request.

    nginx shows headers alone: `x-model` names the model where there are several, `x-service-tier`
    the tier. Where nobody answers, requests pass in full service. Without --out it is printed.
    """
    import time

    from wattlas.report.files import try_result
    from wattlas.serve.config import read_config
    from wattlas.serve.extra import check_extra
    from wattlas.serve.schedule import read_schedule
    from wattlas.studies.export.live_nginx import live_nginx

    check_extra()
    try_result(out, (".conf",))
    host_port(listen)
    read = read_config(config)
    token = _token(token_file)
    text = live_nginx(read, read_schedule(read.schedule_path), listen, time.time(), token)
    _tell("nginx", text, out, secret=True)  # it may hold keys


def _tell(name: str, text: str, out: Path | None, *, secret: bool = False) -> None:
    """Write what a gateway reads, for its owner's eyes alone if it is secret; print it without a
    file."""
    from wattlas.data.whole_file import write_text

    if out is None:
        sys.stdout.write(text)
        return
    write_text(out, text, 0o600 if secret else 0o666)
    typer.echo(f"{name}: {out}")


def _token(file: Path | None) -> str:
    """The token in a file; empty without one. Raises UsageError."""
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {file} cannot be read: {error}") from None


def grafana(
    out: Annotated[Path | None, out_option("A .json file.", "FILE")] = None,
) -> None:
    """Write a dashboard over the metrics of `wattlas serve`, to be imported. Without --out it is
    printed.
    """
    import json

    from wattlas.report.files import try_result
    from wattlas.studies.export.grafana import dashboard

    try_result(out, (".json",))
    text = json.dumps(dashboard(), indent=2) + "\n"
    _tell("Grafana", text, out)


def litellm(
    config: ConfigArgument,
    out: Annotated[Path | None, out_option("A folder.", "FOLDER")] = None,
) -> None:
    """Write a configuration of LiteLLM's proxy, and the callback that asks `wattlas serve`.

    WATTLAS_URL says where the service is (http://HOST:PORT or unix:PATH), WATTLAS_TOKEN its token,
    WATTLAS_TENANT whose requests are that no key of the proxy names. Without --out the
    configuration is printed.
    """
    from wattlas.data.whole_file import write_texts
    from wattlas.serve.config import read_config
    from wattlas.serve.extra import check_extra
    from wattlas.serve.schedule import read_schedule
    from wattlas.studies.export.live_litellm import MODULE, callback_file, live_config
    from wattlas.studies.export.yaml_text import yaml_text

    check_extra()
    if out is not None:
        try_folder(out)
    read = read_config(config)
    made = live_config(read, read_schedule(read.schedule_path))
    text = yaml_text([made], [f"LiteLLM for {config}, by `wattlas export litellm`."])
    if out is None:
        sys.stdout.write(text)
        return
    write_texts(out, {"config.yaml": text, f"{MODULE}.py": callback_file()})
    typer.echo(f"LiteLLM: {out}")


def host_port(listen: str) -> tuple[str, int]:
    """HOST and PORT. Raises UsageError for what is neither."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise UsageError(f"--listen is `{listen}`. Give HOST:PORT, e.g. 0.0.0.0:10000.")
    return host.strip("[]"), int(port)
