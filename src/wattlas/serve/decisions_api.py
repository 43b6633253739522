"""The routes of the decision service: what each takes and answers. The service is served by this
table, and describes itself by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wattlas.serve.decision import End, Reason
from wattlas.serve.gateway.api import Api
from wattlas.serve.gateway.endpoints import ALL, KEYS, body_schema
from wattlas.serve.openapi import PATH, TEXT, ApiPath, Schema, document
from wattlas.serve.plane import Plane

FORWARD = b"/forward"
TOKEN_HEADER = "x-wattlas-token"
TOLD = ("x-wattlas-id", "x-wattlas-region", "x-wattlas-point", "x-wattlas-tier", "x-wattlas-reason")
"""Headers of a decision that is told in headers."""
COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
DECISION: Schema = {
    "type": "object",
    "required": ["id", "degraded", "service_tier", "region", "point", "model", "reason"],
    "properties": {
        "id": TEXT,
        "degraded": {"type": "boolean"},
        "service_tier": {"enum": ["flex", "default"]},
        "region": TEXT,
        "point": TEXT,
        "model": TEXT,
        "reason": {"enum": [reason.value for reason in Reason]},
        "window": TEXT,
        "epoch": {"type": "integer"},
    },
}
SETTLEMENT: Schema = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": TEXT,
        "end": {"enum": [end.value for end in End]},
        "region": TEXT,
        "point": TEXT,
        "model": TEXT,
        "model_asked": TEXT,
        "method": TEXT,
        "status": COUNT,
        "tokens_in": COUNT,
        "tokens_out": COUNT,
        "energy_j": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "attempts": COUNT,
    },
}
SETTLED: Schema = {
    "type": "object",
    "required": ["settled", "refused"],
    "properties": {"settled": COUNT, "refused": COUNT},
}
HEALTH: Schema = {
    "type": "object",
    "required": ["status", "trouble", "in_flight", "rows_pending", "epoch"],
    "properties": {
        "status": {"enum": ["ok", "full service"]},
        "trouble": {"type": ["string", "null"]},
        "in_flight": COUNT,
        "rows_pending": COUNT,
        "epoch": COUNT,
    },
}
ROUTING: Schema = {
    "type": "object",
    "required": ["epoch", "until_s", "sets"],
    "properties": {"epoch": COUNT, "until_s": {"type": "number"}, "sets": {"type": "array"}},
}
ROUTES = (
    ApiPath("POST", "/decide", "Where one request goes.", DECISION, {}, (400, 404, 408, 413, 503)),
    ApiPath(
        "POST", "/settle", "What became of requests; what makes no sense is counted as refused.",
        SETTLED, {"type": "array", "items": SETTLEMENT, "maxItems": 10_000}, (400, 408, 413),
    ),
    ApiPath("GET", "/routing", "The table that holds now.", ROUTING),
    ApiPath("GET", "/healthz", "Whether anything may be degraded.", HEALTH),
    ApiPath("GET", PATH.decode(), "This description.", {"type": "object"}),
)  # fmt: skip
PATHS = {route.path.encode(): route for route in ROUTES}


def described(plane: Plane, guarded: bool) -> dict[str, Any]:
    """OpenAPI of the decision service, with the names that it knows; `guarded` by a token."""
    scheme = {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}
    schemes = {**KEYS, "service_token": scheme} if guarded else {**KEYS}
    made = document("Wattlas decisions", _routes(plane), schemes, ["service_token"] * guarded)
    for path, operations in made["paths"].items():
        if path.startswith(("/authz/", FORWARD.decode())):
            token: dict[str, list[str]] = {"service_token": []} if guarded else {}
            for operation in operations.values():
                operation["security"] = [{name: [], **token} for name in KEYS]
    return made


def _routes(plane: Plane) -> Iterator[ApiPath]:
    for route in ROUTES:
        yield route._replace(body=_question(plane)) if route.path == "/decide" else route
    models = list(plane.config.document.models)
    for api in ALL:
        body = body_schema(api, models)
        refuses = (400, 404, 408, 413, 503)
        yield ApiPath(
            "POST", f"/authz{api.path}", _asked(api), None, body, refuses, headers=TOLD,
            error=api.error_schema,
        )  # fmt: skip
    text = "A client's request by its headers alone: key, `x-model`, `x-service-tier`."
    yield ApiPath("GET", FORWARD.decode(), text, None, None, (403, 503), headers=TOLD)


def _asked(api: Api) -> str:
    return f"A client's request of `{api.name}`, as a gateway shows it."


def _question(plane: Plane) -> dict[str, Any]:
    """What `/decide` is asked."""
    document = plane.config.document
    known = {"properties": {"model": {"enum": list(document.models)}}, "required": ["model"]}
    return {
        "type": "object",
        "required": ["tenant"],
        "anyOf": [{"required": ["class"]}, *([known] if document.models else [])],
        "properties": {
            "tenant": {"enum": list(document.tenants)},
            "model": TEXT,
            "class": {"enum": plane.schedule.bases},
            "metro": {"enum": [*sorted(plane.schedule.metros), None]},
            "service_tier": {"enum": [*Api.tiers, None]},
        },
    }
