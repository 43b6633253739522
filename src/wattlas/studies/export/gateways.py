"""What every format of a gateway needs to be told beside the weights."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from wattlas.errors import UsageError
from wattlas.model.endpoints import Endpoint, Endpoints
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean
from wattlas.studies.export.rounding import Route, routes
from wattlas.studies.export.weights import REFUSED, Weights

PLACEHOLDER = "http://{region}.internal:8000"
"""Addresses where none are given: to be replaced."""


@dataclass(frozen=True)
class Setting:
    """Addresses, headers and names that a gateway's file is written with.

    `node` limits it to the front door that it is for; the headers say which class a request is of
    and which metro it comes from. `folder` is where the files lie on the gateway's machine.
    """

    endpoints: Endpoints = field(default_factory=lambda: Endpoints(pattern=PLACEHOLDER))
    node: str | None = None
    class_header: str = "x-wattlas-class"
    metro_header: str = "x-wattlas-metro"
    listen_host: str = "127.0.0.1"
    listen_port: int = 10_000
    gateway: str = "inference"
    folder: str = ""

    def path(self, name: str) -> str:
        """A file of the gateway as the gateway opens it."""
        return f"{self.folder.rstrip('/') or '.'}/{name}"


def check_node(scenario: Scenario, node: str | None) -> None:
    """Raise UsageError for a service node that is not there."""
    nodes = [each.id for each in scenario.nodes]
    if node is not None and node not in nodes:
        raise UsageError(f"no service node is called `{node}`. {did_you_mean(node, nodes)}")


def routes_at(weights: Weights, setting: Setting, hour: int) -> list[Route]:
    """The routes of one table at the gateway's node."""
    node = setting.node
    if node not in weights.derived:
        weights.derived[node] = routes(weights.scenario, weights.at(node), node)
    made: list[Route] = weights.derived[node][hour]
    return made


def places_of(weights: Weights, setting: Setting) -> list[tuple[str, str]]:
    """Every place that some table leads to, in order; what is refused is none."""
    places = {place for rule in weights.at(setting.node) for place in rule.places}
    return sorted(place for place in places if place[0] != REFUSED)


def endpoint_of(weights: Weights, setting: Setting, place: tuple[str, str]) -> Endpoint:
    """The servers of a place."""
    return setting.endpoints.of(*place, weights.variant_of[place[1]])


def refuse_unserved(weights: Weights, setting: Setting, format: str) -> None:
    """Raise UsageError where a table leaves requests unserved and the gateway cannot refuse any."""
    rules = weights.at(setting.node)
    lost = sorted({r.klass for r in rules if any(region == REFUSED for region, _ in r.places)})
    if lost:
        raise UsageError(
            f"the table leaves a part of class {', '.join(lost)} unserved, and {format} has no "
            "weight for that. Take --to envoy, which answers 503 to that part, or add capacity."
        )


def dns_name(texts: Iterable[str]) -> str:
    """Ids as a name that Kubernetes takes: lower case, digits and hyphens, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "-", "-".join(texts).lower()).strip("-")
    return name if name[:1].isalpha() else f"r-{name}".strip("-")
