"""The endpoints that are served, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wattlas.serve.gateway.api import Api
from wattlas.serve.gateway.completions import CHAT, COMPLETIONS, EMBEDDINGS
from wattlas.serve.gateway.errors import Form
from wattlas.serve.gateway.messages import MESSAGES
from wattlas.serve.gateway.responses import RESPONSES
from wattlas.serve.openapi import PATH, ApiPath, document

ALL: tuple[Api, ...] = (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, MESSAGES)
MODELS = b"/v1/models"
TOLD = (
    "x-request-id", "x-wattlas-tier", "x-wattlas-region", "x-wattlas-point", "x-wattlas-reason",
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
)  # fmt: skip
"""Headers that each answer has."""
REFUSES = (400, 404, 408, 413, 415, 422, 429, 502, 503, 504)
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
ENDPOINTS = {api.path.encode(): api for api in ALL}


def form_of(path: bytes) -> Form:
    """The form of errors of the API that a path is of."""
    return (MESSAGES if path.startswith(MESSAGES.path.encode()) else CHAT).error


def routes(models: Iterable[str]) -> Iterator[ApiPath]:
    """What the gateway serves: the endpoints, and two paths beside."""
    for api in ALL:
        yield ApiPath(
            "POST", api.path, f"Ask a model by `{api.name}`.", answer_schema(api),
            body_schema(api, models), REFUSES, api.streams, TOLD, api.error_schema,
        )  # fmt: skip
    listed = {"type": "object", "required": ["object", "data"]}
    yield ApiPath("GET", MODELS.decode(), "The models that there are.", listed)
    yield ApiPath("GET", PATH.decode(), "This description.", {"type": "object"})


def body_schema(api: Api, models: Iterable[str]) -> dict[str, Any]:
    """A request of an endpoint."""
    properties = {"model": {"enum": list(models)}, **api.schema()}
    return {"type": "object", "required": ["model", api.asks], "properties": properties}


def answer_schema(api: Api) -> dict[str, Any]:
    """An answer of an endpoint."""
    properties = {"model": {"type": "string"}, api.answers: {"type": "array"}}
    return {"type": "object", "required": list(properties), "properties": properties}


def described(models: Iterable[str]) -> dict[str, Any]:
    """OpenAPI of the gateway."""
    return document("Wattlas gateway", routes(list(models)), KEYS, list(KEYS))
