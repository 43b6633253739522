"""Weights for Kubernetes: routes of the Gateway API whose backends have weights.

HTTPRoutes lead to services. AIGatewayRoutes, of Envoy AI Gateway, lead to AIServiceBackends, and
become HTTPRoutes there: the bounds of these hold for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wattlas.errors import UsageError
from wattlas.studies.export.gateways import (
    Setting,
    dns_name,
    endpoint_of,
    places_of,
    refuse_unserved,
    routes_at,
)
from wattlas.studies.export.rounding import Route
from wattlas.studies.export.weights import Weights

# Bounds of gateway.networking.k8s.io/v1, HTTPRoute, stated in its specification.
MOST_BACKENDS = 16
MOST_MATCHES = 64
MOST_NAME = 63
GATEWAY_API = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class RouteKind:
    """A kind of route: its name and version, what its parent is said to be, and whether a backend
    is a service, which has a port."""

    name: str
    version: str
    parent: dict[str, str]
    services: bool


HTTP_ROUTE = RouteKind("HTTPRoute", f"{GATEWAY_API}/v1", {}, services=True)
AI_GATEWAY_ROUTE = RouteKind(
    "AIGatewayRoute",
    "aigateway.envoyproxy.io/v1beta1",
    {"kind": "Gateway", "group": GATEWAY_API},
    services=False,
)


def http_routes(weights: Weights, setting: Setting, hour: int) -> list[dict[str, Any]]:
    """One HTTPRoute per rule, all at the same gateway, which takes them as one.

    Raises UsageError where a table leaves requests unserved, and where more places share a rule
    than an HTTPRoute takes.
    """
    return _routes(HTTP_ROUTE, weights, setting, hour)


def ai_gateway_routes(weights: Weights, setting: Setting, hour: int) -> list[dict[str, Any]]:
    """The same as AIGatewayRoutes, whose backends are AIServiceBackends of the services' names."""
    return _routes(AI_GATEWAY_ROUTE, weights, setting, hour)


def _routes(kind: RouteKind, weights: Weights, setting: Setting, hour: int) -> list[dict[str, Any]]:
    refuse_unserved(weights, setting, f"an {kind.name}")
    _check_services(weights, setting)
    routes = [part for route in routes_at(weights, setting, hour) for part in _in_parts(route)]
    return [_document(kind, weights, setting, n, route) for n, route in enumerate(routes, 1)]


def _in_parts(route: Route) -> Iterator[Route]:
    """A route whose metros are no more than the matches of a rule."""
    if len(route.places) > MOST_BACKENDS:
        raise UsageError(
            f"class {route.klass} goes to {len(route.places)} places, and a rule of an HTTPRoute "
            f"takes {MOST_BACKENDS}. Take --to envoy, or --node NAME for one front door."
        )
    for first in range(0, max(len(route.metros), 1), MOST_MATCHES):
        some = route.metros[first : first + MOST_MATCHES]
        yield Route(route.klass, some, route.places, route.weights)


def _document(
    kind: RouteKind, weights: Weights, setting: Setting, number: int, route: Route
) -> dict[str, Any]:
    return {
        "apiVersion": kind.version,
        "kind": kind.name,
        "metadata": {
            "name": dns_name(("wattlas", str(number))),
            "labels": {"app.kubernetes.io/managed-by": "wattlas"},
        },
        "spec": {
            "parentRefs": [{"name": setting.gateway, **kind.parent}],
            "rules": [
                {
                    "matches": [{"headers": each} for each in _headers(setting, route)],
                    "backendRefs": [
                        _backend(kind, weights, setting, place, weight)
                        for place, weight in zip(route.places, route.weights, strict=True)
                    ],
                }
            ],
        },
    }


def _headers(setting: Setting, route: Route) -> Iterator[list[dict[str, str]]]:
    """The headers of each match: of the class alone, or with each metro."""
    klass = {"type": "Exact", "name": setting.class_header, "value": route.klass}
    if not route.metros:
        yield [klass]
    for metro in route.metros:
        yield [klass, {"type": "Exact", "name": setting.metro_header, "value": metro}]


def _backend(
    kind: RouteKind, weights: Weights, setting: Setting, place: tuple[str, str], weight: int
) -> dict[str, Any]:
    endpoint = endpoint_of(weights, setting, place)
    port = {"port": endpoint.address.port} if kind.services else {}
    return {"name": endpoint.service or dns_name(place), **port, "weight": weight}


def _check_services(weights: Weights, setting: Setting) -> None:
    """Raise UsageError for names that are too long, or that two places would share."""
    made: dict[str, tuple[str, str]] = {}
    for place in places_of(weights, setting):
        if endpoint_of(weights, setting, place).service:
            continue
        name = dns_name(place)
        other = made.setdefault(name, place)
        words = f"the service of `{'` `'.join(place)}` would be called `{name}`"
        fix = "Name it in the column service of --endpoints FILE."
        if len(name) > MOST_NAME:
            raise UsageError(f"{words}, longer than {MOST_NAME} characters. {fix}")
        if other != place:
            raise UsageError(f"{words}, and so would that of `{'` `'.join(other)}`. {fix}")
