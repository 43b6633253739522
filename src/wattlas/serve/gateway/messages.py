"""Anthropic's `/v1/messages`: its own words for tiers, usage, errors and events.

`service_tier` is `auto` or `standard_only` there; OpenAI's words are understood, too. The tier that
serves stands in `usage.service_tier`: `standard`, or `flex` where the answer was degraded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wattlas.serve.decision import Asked
from wattlas.serve.gateway.api import (
    AnswerContext,
    Api,
    EventPart,
    Events,
    asked_of,
    check_model,
    said_of,
    told_inside,
    with_data,
)
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.upstream import Failure

PASSED_ON = ("anthropic-version", "anthropic-beta")
"""Headers that are a part of the request."""
VERSION = "2023-06-01"
"""What a server is told where the client says no version."""
BEFORE = frozenset(("message_start", "ping", "content_block_start"))
"""Events before the first content."""
READ = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""Tokens of the prompt: those that were read anew, and those of a cache."""
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class MessagesApi(Api):
    """The endpoint."""

    name, path = "messages", "/v1/messages"
    asks, answers = "messages", "content"
    error_schema = "MessagesError"
    tiers = (*Api.tiers, "standard", "standard_only")
    full = "standard"

    def check(self, said: Mapping[str, Any]) -> None:
        """Raise Refusal for what the endpoint does not take."""
        super().check(said)
        if said.get("container") is not None:
            text = "`container` refers to what a server keeps: requests go to another region."
            raise Refusal(400, text, "stateful_not_served", "container", retry=False)

    def schema(self) -> dict[str, Any]:
        """What a request may be."""
        return {**super().schema(), "container": {"type": "null"}}

    def asked(self, tier: Any) -> Asked:
        """The tier that a request asks for. Raises Refusal."""
        return Asked.DEFAULT if tier in ("standard_only", "standard") else asked_of(tier)

    def headers(self, given: Mapping[bytes, bytes]) -> Mapping[str, str]:
        """The API's version, and what a client wants to try."""
        passed = {"anthropic-version": VERSION}
        for name in PASSED_ON:
            value = given.get(name.encode(), b"").decode("latin-1")
            if value and value.isascii() and value.isprintable():
                passed[name] = value
        return passed

    def key(self, key: str) -> Mapping[str, str]:
        """As servers of either habit look for it."""
        return {"authorization": f"Bearer {key}", "x-api-key": key}

    def answer(self, body: bytes, seen: AnswerContext) -> bytes:
        """A whole answer with its tier. Raises Failure."""
        said = said_of(body)
        check_model(said, seen.model)
        if not isinstance(said.get(self.answers), list):
            raise Failure(f"no {self.answers}")
        usage = _usage(said)
        seen.meter.counted(_read(usage), usage.get("output_tokens"))
        seen.meter.told(said)
        return told_inside(body, ("usage", "service_tier"), self.tier(seen.degraded))

    def events(self, seen: AnswerContext) -> Events:
        """Reads a stream."""
        return MessageEvents(seen)

    def told(self, id: str) -> list[tuple[bytes, bytes]]:
        """The request's id, where Anthropic's library looks for it."""
        return [(b"request-id", id.encode())]

    def error(self, status: int, message: str, code: str, param: str | None = None) -> bytes:
        """The body of an error; `code` is ours beside."""
        other = "api_error" if status >= 500 else "invalid_request_error"
        error = {"type": _TYPES.get(status, other), "message": message, "code": code}
        return json.dumps({"type": "error", "error": error}, ensure_ascii=False).encode()


def _usage(said: Any) -> Mapping[str, Any]:
    usage = said.get("usage") if isinstance(said, dict) else None
    return usage if isinstance(usage, dict) else {}


def _read(usage: Mapping[str, Any]) -> Any:
    """Tokens of the prompt in all; None where they are not stated."""
    parts = [usage.get(name) or 0 for name in READ]
    stated = usage.get("input_tokens") is not None and all(type(n) is int for n in parts)
    return sum(parts) if stated and min(parts) >= 0 else None


class MessageEvents(Events):
    """From `message_start` to `message_stop`."""

    def __init__(self, seen: AnswerContext) -> None:
        super().__init__(seen)
        self._started = False
        self._read: Any = None
        """Tokens of the prompt, as the beginning states them."""

    def event(self, event: bytes, data: bytes) -> tuple[bytes, EventPart]:
        """An event as it is passed on. Raises Failure."""
        said, meter = said_of(data), self.seen.meter
        kind = said.get("type")
        if kind == "error":
            raise Failure("error in band")
        if kind == "message_start":
            event = self._start(event, data, said.get("message"))
        elif not self._started and kind != "ping":
            raise Failure("no message_start")
        elif kind == "content_block_delta":
            meter.event(len(data))
        elif kind == "message_delta":
            usage = _usage(said)
            read = _read(usage)
            meter.counted(self._read if read is None else read, usage.get("output_tokens"))
            meter.told(said)
        elif kind == "message_stop":
            meter.told(said)
            return event, EventPart.LAST
        return event, EventPart.HELD if kind in BEFORE else EventPart.CONTENT

    def _start(self, event: bytes, data: bytes, message: Any) -> bytes:
        if not isinstance(message, dict):
            raise Failure("no message")
        check_model(message, self.seen.model)
        self._started = True
        self._read = _read(_usage(message))
        self.seen.meter.began(self._read)
        tier = self.seen.chat.endpoint.tier(self.seen.degraded)
        told = told_inside(data, ("message", "usage", "service_tier"), tier)
        return with_data(event, data, told)

    def broke(self, status: int, message: str) -> bytes:
        """The event that says that the stream broke off."""
        error = self.seen.chat.endpoint.error(status, message, "upstream_broke")
        return b"event: error\ndata: " + error + b"\n\n"


MESSAGES = MessagesApi()
