"""Envoy with the live plane behind it: each request is decided, routed by headers, and settled.

The decision service is asked through HTTP `ext_authz` with the request's body; it answers with
headers that the routes match. Headers that begin with `x-wattlas-` are taken from clients before
anything looks at them. Where the service does not answer, requests pass in full service. What
became of each is written to the access log, which the service follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wattlas.errors import UsageError
from wattlas.serve.config import ServeConfig, host_port
from wattlas.serve.gateway.endpoints import ENDPOINTS
from wattlas.serve.gateway.upstream import header_text
from wattlas.serve.schedule import Schedule
from wattlas.serve.table import Place
from wattlas.studies.export.envoy import CONNECT_TIMEOUT, cluster, cluster_name, socket_address

_TYPES = "type.googleapis.com/envoy"
_FILTERS = f"{_TYPES}.extensions.filters.http"
DECISIONS = "wattlas-decisions"
SERVED = {"safe_regex": {"regex": "|".join(path.decode() for path in ENDPOINTS)}}
"""Matches the paths that are decided."""
DECIDED_IN = "0.5s"
"""How long a request waits for its decision; then it is served in full."""
TOLD = ("id", "region", "point", "model", "tier", "reason")
"""Words of the headers that a decision consists of."""
TOTAL_WEIGHT = 10_000
_OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"


def live_bootstrap(
    config: ServeConfig, schedule: Schedule, listen: str, utc_s: float, token: str = ""
) -> dict[str, Any]:
    """A complete configuration. `utc_s` says which hour's shares stand in while no decision can be
    had. Raises UsageError where the configuration opens no port for decisions."""
    decisions = config.document.decisions
    if decisions is None:
        raise UsageError("the configuration has no `decisions`. Add it, so that Envoy can ask.")
    if decisions.token_sha256 is not None and not token:
        raise UsageError("`decisions` asks for a token. Give --token-file, or use `socket`.")
    host, port = host_port(listen)
    places = sorted(place for place in schedule.places)
    return {
        "node": {"id": "wattlas", "cluster": "wattlas"},
        "static_resources": {
            "listeners": [
                {
                    "name": "inference",
                    "address": socket_address(host, port),
                    "filter_chains": [{"filters": [_manager(config, schedule, utc_s, token)]}],
                }
            ],
            "clusters": [
                *(_servers(config, schedule, place) for place in places),
                _decision_cluster(config),
            ],
        },
    }


def _manager(config: ServeConfig, schedule: Schedule, utc_s: float, token: str) -> dict[str, Any]:
    log = config.document.access_log
    if log is None:
        raise UsageError("the configuration has no `access_log`. Add it: it settles requests.")
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3"
            ".HttpConnectionManager",
            "stat_prefix": "inference",
            "early_header_mutation_extensions": [_strip()],
            "http_filters": [
                _ask(config, token),
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": f"{_FILTERS}.router.v3.Router"},
                },
            ],
            "route_config": _routes(config, schedule, utc_s),
            "access_log": [_access_log(str((config.folder / log).resolve()))],
        },
    }


def _strip() -> dict[str, Any]:
    """Headers of ours that a client sends are dropped."""
    matcher = {"key_matcher": {"prefix": "x-wattlas-"}}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.http.early_header_mutation.header_mutation.v3"
            ".HeaderMutation",
            "mutations": [{"remove_on_match": matcher}],
        },
    }


def _ask(config: ServeConfig, token: str) -> dict[str, Any]:
    """The question to the decision service."""
    headers = ("authorization", "x-api-key", "content-type", "content-encoding", "x-service-tier")
    refused = ("content-type", "x-should-retry", "retry-after", "www-authenticate")
    request = {"headers_to_add": [{"key": "x-wattlas-token", "value": token}]} if token else {}
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{_FILTERS}.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "failure_mode_allow": True,
            "clear_route_cache": True,
            "with_request_body": {
                "max_request_bytes": config.document.limits.body_bytes,
                "allow_partial_message": False,
            },
            "allowed_headers": {"patterns": [{"exact": name} for name in headers]},
            "http_service": {
                "server_uri": {
                    "uri": "http://wattlas",
                    "cluster": DECISIONS,
                    "timeout": DECIDED_IN,
                },
                "path_prefix": "/authz",
                "authorization_request": request,
                "authorization_response": {
                    "allowed_upstream_headers": {
                        "patterns": [{"exact": f"x-wattlas-{word}"} for word in TOLD]
                    },
                    "allowed_client_headers": {"patterns": [{"exact": n} for n in refused]},
                },
            },
        },
    }


def _routes(config: ServeConfig, schedule: Schedule, utc_s: float) -> dict[str, Any]:
    own = [_route(config, place) for place in sorted(schedule.places)]
    none = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 404, "body": {"inline_string": "no such endpoint\n"}},
    }
    hosts = [
        {
            "name": "inference",
            "domains": ["*"],
            "routes": [*own, _undecided(config, schedule, utc_s), none],
        }
    ]
    return {"name": "wattlas", "virtual_hosts": hosts}


def _route(config: ServeConfig, place: Place) -> dict[str, Any]:
    """Requests that were decided to go to a place."""
    headers = [
        {"name": f"x-wattlas-{word}", "string_match": {"exact": header_text(value)}}
        for word, value in _named(place)
    ]
    shown = [_header(f"x-wattlas-{w}", f"%REQ(x-wattlas-{w})%") for w in TOLD if w != "id"]
    return {
        "match": {**SERVED, "headers": headers},
        "route": {"cluster": cluster_name(place), **_TO_SERVERS},
        "request_headers_to_remove": ["authorization", "x-api-key"],
        "request_headers_to_add": _keys(config, place),
        "response_headers_to_add": shown,
    }


def _named(place: Place) -> Sequence[tuple[str, str]]:
    return ("region", place.region), ("point", place.point)


def _as_is(name: str) -> str:
    """A name as a value that Envoy takes for no format."""
    return header_text(name).replace("%", "%%")


_TO_SERVERS = {"timeout": "0s", "idle_timeout": "300s", "auto_host_rewrite": True}
"""An answer may stream for longer than the 15 s that are the default."""


def _keys(config: ServeConfig, place: Place) -> list[dict[str, Any]]:
    upstream = config.document.upstreams.get(place.region)
    if upstream is None or upstream.key_env is None:
        return []
    return [_header("authorization", f"Bearer %ENVIRONMENT({upstream.key_env})%")]


def _header(key: str, value: str) -> dict[str, Any]:
    return {"header": {"key": key, "value": value}, "append_action": _OVERWRITE}


def _undecided(config: ServeConfig, schedule: Schedule, utc_s: float) -> dict[str, Any]:
    """Full service by fixed weights, for what could not be decided."""
    shares: dict[Place, float] = {}
    for pair in schedule.at(utc_s).table.pairs.values():
        for place, share in pair.full.shares:
            shares[place] = shares.get(place, 0.0) + share
    whole = sum(shares.values())
    weights = {place: round(share / whole * TOTAL_WEIGHT) for place, share in shares.items()}
    told = [_header("x-wattlas-tier", "full"), _header("x-wattlas-reason", "undecided")]
    parts = [
        {
            "name": cluster_name(place),
            "weight": weight,
            "request_headers_to_add": _keys(config, place),
            "request_headers_to_remove": ["authorization", "x-api-key"],
            "response_headers_to_add": [
                *told,
                *(_header(f"x-wattlas-{word}", _as_is(name)) for word, name in _named(place)),
            ],
        }
        for place, weight in sorted(weights.items())
        if weight
    ]
    return {
        "match": SERVED,
        "route": {"weighted_clusters": {"clusters": parts}, **_TO_SERVERS},
    }


def _servers(config: ServeConfig, schedule: Schedule, place: Place) -> dict[str, Any]:
    variant = schedule.points[place.point].variant
    address = config.endpoints.of(place.region, place.point, variant).address
    return cluster(cluster_name(place), address)


def _decision_cluster(config: ServeConfig) -> dict[str, Any]:
    decisions = config.document.decisions
    assert decisions is not None
    if decisions.socket is not None:
        path = str((config.folder / decisions.socket).resolve())
        address: dict[str, Any] = {"pipe": {"path": path}}
    else:
        assert decisions.listen is not None
        address = socket_address(*host_port(decisions.listen))
    host = {"endpoint": {"address": address}}
    return {
        "name": DECISIONS,
        "type": "STATIC",
        "connect_timeout": CONNECT_TIMEOUT,
        "load_assignment": {"cluster_name": DECISIONS, "endpoints": [{"lb_endpoints": [host]}]},
    }


def _access_log(path: str) -> dict[str, Any]:
    """What became of each request, as a line of JSON."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {
                "json_format": {
                    "id": "%REQ(x-wattlas-id)%",
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "cluster": "%UPSTREAM_CLUSTER_RAW%",
                    "type": "%RESP(content-type)%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                    "duration_ms": "%DURATION%",
                }
            },
        },
    }
