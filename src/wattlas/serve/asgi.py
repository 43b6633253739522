"""An ASGI application behind a front of ours: whole answers, as the admin port gives."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from wattlas.serve.config import LimitsSection
from wattlas.serve.gateway.client import Client, Request
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.front import Handler
from wattlas.serve.gateway.tell import Headers

_OWN = (b"content-length", b"transfer-encoding", b"connection")
"""Headers that the connection writes."""


def handler_of(app: Any, limits: LimitsSection) -> Handler:
    """What answers requests by an application."""

    async def answered(request: Request, client: Client) -> None:
        try:
            body = await client.body(limits.body_bytes, limits.body_s)
        except Refusal as refusal:
            if not client.left:
                await client.send(refusal.status, refusal.headers, refusal.body)
            return
        status, headers, text = await _asked(app, request, body)
        await client.send(status, headers, text)

    return answered


async def _asked(app: Any, request: Request, body: bytes) -> tuple[int, Headers, bytes]:
    given = [{"type": "http.request", "body": body, "more_body": False}]
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    path = unquote(request.path.decode("latin-1"))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": request.method, "path": path, "raw_path": request.path,
        "query_string": request.query, "root_path": "", "headers": request.headers,
        "client": None, "server": None,
    }  # fmt: skip
    await app(scope, receive, send)
    start, *parts = told
    headers = [pair for pair in start.get("headers", []) if pair[0].lower() not in _OWN]
    return start["status"], headers, b"".join(part.get("body", b"") for part in parts)
