"""The files of an export: their names and texts; whoever writes them looks at nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wattlas.studies.export import envoy, httproute, litellm, llmd
from wattlas.studies.export.gateways import Setting
from wattlas.studies.export.listings import sentences
from wattlas.studies.export.weights import Weights
from wattlas.studies.export.yaml_text import yaml_text

SWAP = "swap.sh"
HOURS = "hours"
"""The folder of the files by hour."""
Documents = Callable[[Weights, Setting, int], Sequence[Mapping[str, Any]]]
OfAllHours = Callable[[Weights, Setting], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Format:
    """A gateway: what it is called, the file with its weights, and what stands in it.

    `once` are further files that do not change by the hour. `whole` is one file that holds all,
    where that is another than the one with the weights. `endings` are those of a single file.
    """

    label: str
    file: str
    documents: Documents
    whole: OfAllHours | None = None
    once: Mapping[str, OfAllHours] | None = None
    endings: tuple[str, ...] = (".yaml", ".yml")


FORMATS: dict[str, Format] = {
    "envoy": Format(
        "Envoy",
        envoy.ROUTES_FILE,
        lambda w, s, hour: [envoy.route_file(w, s, hour)],
        whole=lambda w, s: [envoy.bootstrap(w, s)],
        once={"envoy.yaml": lambda w, s: [envoy.bootstrap(w, s, watch=True)]},
        endings=(".yaml", ".yml", ".json"),
    ),
    "litellm": Format("LiteLLM", "config.yaml", lambda w, s, hour: [litellm.config(w, s, hour)]),
    "httproute": Format("an HTTPRoute", "routes.yaml", httproute.http_routes),
    "aigatewayroute": Format("an AIGatewayRoute", "routes.yaml", httproute.ai_gateway_routes),
    "llm-d": Format("llm-d", "endpoints.yaml", llmd.peers),
}


def single_file(weights: Weights, setting: Setting, name: str, ending: str = ".yaml") -> str:
    """The text of one file that holds everything, for one table for all hours."""
    gateway = FORMATS[name]
    make, of_hour = gateway.whole, gateway.documents
    documents = of_hour(weights, setting, 0) if make is None else make(weights, setting)
    if ending == ".json":
        return json.dumps(documents[0], indent=2, ensure_ascii=False) + "\n"
    return yaml_text(documents, _head(weights))


def folder_files(weights: Weights, setting: Setting, name: str) -> dict[str, str]:
    """Name → text of every file of a folder.

    By hour these are 24 files with weights in a folder of their own, which change as one, a script
    that puts one in place, and the file in place, which is that of the present UTC hour.
    """
    gateway = FORMATS[name]
    files = {
        other: yaml_text(make(weights, setting), _head(weights))
        for other, make in (gateway.once or {}).items()
    }
    if not weights.by_hour:
        text = yaml_text(gateway.documents(weights, setting, 0), _head(weights))
        return {**files, gateway.file: text}
    for hour in range(weights.hours):
        text = yaml_text(gateway.documents(weights, setting, hour), _head(weights, hour))
        files[hour_file(gateway.file, hour)] = text
    files[gateway.file] = files[hour_file(gateway.file, datetime.now(UTC).hour)]
    return {**files, SWAP: swap_script(gateway.file)}


def hour_file(name: str, hour: int | str) -> str:
    """The file of a UTC hour: `hours/routes-07.yaml`."""
    stem, _, ending = name.rpartition(".")
    number = f"{hour:02d}" if isinstance(hour, int) else hour
    return f"{HOURS}/{stem}-{number}.{ending}"


def swap_script(file: str) -> str:
    """A script that puts the weights of the present UTC hour in place by renaming."""
    return f"""#!/bin/sh
# Puts the weights of the present UTC hour in place. Run it at the start of every hour:
#   0 * * * *  /path/to/{SWAP}
# A command behind it runs once they are there: {SWAP} kubectl apply -f {file}
set -eu
cd "$(dirname "$0")"
hour=${{WATTLAS_HOUR:-$(date -u +%H)}}
new=".{file}.$$"
trap 'rm -f "$new"' EXIT
cp "{hour_file(file, "$hour")}" "$new"
mv -f "$new" "{file}"
if [ "$#" -gt 0 ]; then "$@"; fi
"""


def _head(weights: Weights, hour: int | None = None) -> list[str]:
    """The comments that a file begins with."""
    scenario = weights.scenario
    when = "" if hour is None else f", UTC hour {hour:02d}"
    return [
        f"Weights of {scenario.title or scenario.name}{when}, by `wattlas export weights`.",
        *([scenario.notice] if scenario.notice else []),
        *sentences(weights),
    ]
