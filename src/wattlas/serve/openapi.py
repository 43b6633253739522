"""OpenAPI 3.1 of what a port serves, made from the table of routes that the port is served by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from wattlas import __version__

Schema = Mapping[str, Any]
JSON_TYPE, EVENTS_TYPE = "application/json", "text/event-stream"
PATH = b"/openapi.json"


class ApiPath(NamedTuple):
    """A path that is served: what it takes, and what it answers.

    `refuses` are statuses with an error in the form of `error`; `headers` are those of the answer
    that always stand there.
    """

    method: str
    path: str
    summary: str
    answer: Schema | None
    body: Schema | None = None
    refuses: Sequence[int] = ()
    streams: bool = False
    headers: Sequence[str] = ()
    error: str = "Error"


def document(
    title: str, routes: Iterable[ApiPath], schemes: Mapping[str, Schema], needs: Sequence[str]
) -> dict[str, Any]:
    """The description. `schemes` are ways to show a key; each request `needs` one of them."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "paths": paths,
        "components": {"schemas": ERRORS, "securitySchemes": dict(schemes)},
        "security": [{name: []} for name in needs],
    }


def _operation(route: ApiPath) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "As it was asked for."}
    if route.answer is not None:
        answer["content"] = {JSON_TYPE: {"schema": route.answer}}
        if route.streams:
            answer["content"][EVENTS_TYPE] = {"schema": STREAM}
    if route.headers:
        parameter = {"required": True, "schema": {"type": "string"}}
        answer["headers"] = dict.fromkeys(route.headers, parameter)
    refusal = {"schema": {"$ref": f"#/components/schemas/{route.error}"}}
    refused = {
        str(status): {"description": WORDS[status], "content": {JSON_TYPE: refusal}}
        for status in sorted({401, 405, *route.refuses})
    }
    made = {"summary": route.summary, "responses": {"200": answer, **refused}}
    if route.body is not None:
        content = {JSON_TYPE: {"schema": route.body}}
        made["requestBody"] = {"required": True, "content": content}
    return made


WORDS = {
    400: "The request is not as it should be.",
    401: "The key is missing or unknown.",
    403: "The request is not as it should be.",
    404: "What it names does not exist.",
    405: "The path has another method.",
    408: "The body came too slowly.",
    413: "The body is too long.",
    415: "The body is encoded.",
    422: "A server refuses the request.",
    429: "Too many requests are in flight, or every server is too busy.",
    502: "No server could answer.",
    503: "Nobody serves this now.",
    504: "No server answered in time.",
}


def _object(required: Sequence[str], **properties: Schema) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


TEXT: Schema = {"type": "string"}
STREAM: Schema = {"type": ["string", "object"], "properties": {"data": TEXT, "event": TEXT}}
"""Some tools see a stream as a text, some each of its events as an object."""
ERRORS: dict[str, Any] = {
    "Error": _object(
        ["error"],
        error=_object(
            ["message", "type", "code"],
            message=TEXT, type=TEXT, code={"type": ["string", "null"]},
            param={"type": ["string", "null"]},
        ),
    ),
    "MessagesError": _object(
        ["type", "error"],
        type={"const": "error"},
        error=_object(["type", "message"], type=TEXT, message=TEXT, code=TEXT),
    ),
}  # fmt: skip
