"""Weights for Envoy: a bootstrap that holds all, or one that watches a file of routes.

A request is matched by the header of its class and, where metros go different ways, by that of its
metro. Every place is a cluster of its own; the header `x-wattlas-point` tells its servers which
operating point was meant, and both headers tell the client where it was served.
"""

from __future__ import annotations

import re
from typing import Any

from wattlas.model.endpoints import Address
from wattlas.serve.table import slashed
from wattlas.studies.export.gateways import Setting, endpoint_of, places_of, routes_at
from wattlas.studies.export.rounding import Route
from wattlas.studies.export.weights import REFUSED, Weights

ROUTES = "wattlas"
"""Name of the route configuration."""
ROUTES_FILE = "routes.yaml"
_TYPES = "type.googleapis.com/envoy"
CONNECT_TIMEOUT = "5s"
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
"""Certificates that upstream TLS is checked against: where Debian and Alpine keep them."""
NO_ROUTE = "wattlas: no weights for this class and metro\n"


def bootstrap(weights: Weights, setting: Setting, watch: bool = False) -> dict[str, Any]:
    """A complete configuration; with `watch` its routes are in the file `ROUTES_FILE`."""
    manager: dict[str, Any] = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "inference",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    if watch:
        manager["rds"] = {
            "route_config_name": ROUTES,
            "config_source": {
                "resource_api_version": "V3",
                "path_config_source": {"path": setting.path(ROUTES_FILE)},
            },
        }
    else:
        manager["route_config"] = _routes(weights, setting, 0)
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    address = socket_address(setting.listen_host, setting.listen_port)
    return {
        "node": {"id": "wattlas", "cluster": "wattlas"},
        "static_resources": {
            "listeners": [
                {"name": "inference", "address": address, "filter_chains": [{"filters": filters}]}
            ],
            "clusters": _clusters(weights, setting),
        },
    }


def route_file(weights: Weights, setting: Setting, hour: int) -> dict[str, Any]:
    """The routes of one table as the file that Envoy watches."""
    kind = {"@type": f"{_TYPES}.config.route.v3.RouteConfiguration"}
    return {"resources": [{**kind, **_routes(weights, setting, hour)}]}


def cluster_name(place: tuple[str, str]) -> str:
    """`oslo/small`; what is refused has a name of its own."""
    return slashed(*filter(None, place))


def _routes(weights: Weights, setting: Setting, hour: int) -> dict[str, Any]:
    own = [_route(route, setting) for route in routes_at(weights, setting, hour)]
    none = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 404, "body": {"inline_string": NO_ROUTE}},
    }
    hosts = [{"name": "inference", "domains": ["*"], "routes": [*own, none]}]
    return {"name": ROUTES, "virtual_hosts": hosts}


def _route(route: Route, setting: Setting) -> dict[str, Any]:
    headers = [_header(setting.class_header, (route.klass,))]
    if route.metros:
        headers.append(_header(setting.metro_header, route.metros))
    parts = zip(route.places, route.weights, strict=True)
    return {
        "match": {"prefix": "/", "headers": headers},
        "route": {
            "weighted_clusters": {"clusters": [_part(place, weight) for place, weight in parts]},
            "timeout": "0s",  # an answer may stream for longer than the 15 s that are the default
            "auto_host_rewrite": True,
        },
    }


def _header(name: str, values: tuple[str, ...]) -> dict[str, Any]:
    """A header that has one of some values."""
    if len(values) == 1:
        return {"name": name, "string_match": {"exact": values[0]}}
    regex = "|".join(re.escape(value) for value in values)
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}


def _part(place: tuple[str, str], weight: int) -> dict[str, Any]:
    region, point = place
    told = {"x-wattlas-region": region, "x-wattlas-point": point}
    headers = [
        {
            "header": {"key": key, "value": value.replace("%", "%%")},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for key, value in told.items()
        if value
    ]
    return {
        "name": cluster_name(place),
        "weight": weight,
        "request_headers_to_add": headers,
        "response_headers_to_add": headers,
    }


def _clusters(weights: Weights, setting: Setting) -> list[dict[str, Any]]:
    """One cluster per place; where requests are refused, one without servers, which answers 503."""
    clusters = [_cluster(weights, setting, place) for place in places_of(weights, setting)]
    rules = weights.at(setting.node)
    if any(place[0] == REFUSED for rule in rules for place in rule.places):
        clusters.append({"name": REFUSED, "type": "STATIC", "connect_timeout": CONNECT_TIMEOUT})
    return clusters


def _cluster(weights: Weights, setting: Setting, place: tuple[str, str]) -> dict[str, Any]:
    return cluster(cluster_name(place), endpoint_of(weights, setting, place).address)


def cluster(name: str, address: Address) -> dict[str, Any]:
    """The servers at an address as a cluster, whose certificate is checked where they speak TLS."""
    host = {"endpoint": {"address": socket_address(address.bare_host, address.port)}}
    made: dict[str, Any] = {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": CONNECT_TIMEOUT,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [host]}]},
    }
    if address.tls:
        names = [{"san_type": "DNS", "matcher": {"exact": address.host}}]
        checked = {
            "trusted_ca": {"filename": TRUSTED},
            "match_typed_subject_alt_names": names,
        }
        made["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": address.host,
                "common_tls_context": {"validation_context": checked},
            },
        }
    return made


def socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
