"""OpenAI's `/v1/responses`, without what a server would have to remember.

Requests go to another region each time, so that what one of them keeps is of no use to the next:
what refers to it is refused, and servers are told to keep nothing. A stream ends with
`response.completed` or `response.incomplete`, which carry usage and tier; there is no `[DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wattlas.serve.gateway.api import (
    AnswerContext,
    Api,
    Chat,
    EventPart,
    Events,
    check_model,
    said_of,
    told_inside,
    with_data,
    with_tier,
)
from wattlas.serve.gateway.errors import Refusal, error_of
from wattlas.serve.gateway.upstream import Failure
from wattlas.serve.gateway.usage import TokenMeter

REMEMBERED = ("previous_response_id", "conversation")
"""Keys that refer to what a server remembers."""
ASKED = ("store", "background")
"""Keys that ask a server to remember."""
BEFORE = frozenset(
    (
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
    )
)
"""Events before the first content."""
LAST = frozenset(("response.completed", "response.incomplete"))
FAILED = frozenset(("response.failed", "response.cancelled", "error"))


class ResponsesApi(Api):
    """The endpoint."""

    name, path = "responses", "/v1/responses"
    edited = ("store",)
    asks, kinds, answers = "input", (str, list), "output"

    def check(self, said: Mapping[str, Any]) -> None:
        """Raise Refusal for what the endpoint does not take."""
        super().check(said)
        for key in REMEMBERED:
            if said.get(key) is not None:
                raise _stateful(key, f"`{key}` refers to what a server keeps. Send the whole input")
        for key in ASKED:
            if said.get(key) is not None and said[key] is not False:
                raise _stateful(key, f"`{key}` asks a server to keep the answer. Leave it out")
        if isinstance(said["input"], list):
            for item in said["input"]:
                if isinstance(item, dict) and item.get("type") == "item_reference":
                    text = "An item refers to what a server keeps. Send the item itself"
                    raise _stateful("input", text)

    def schema(self) -> dict[str, Any]:
        """What a request may be."""
        never: dict[str, Any] = {key: {"type": "null"} for key in REMEMBERED}
        return {**super().schema(), **never, **{key: {"enum": [False, None]} for key in ASKED}}

    def values(self, chat: Chat) -> dict[str, Any]:
        """Nothing is kept, whatever a server would do by itself."""
        return {} if chat.named.get("store") is False else {"store": False}

    def answer(self, body: bytes, seen: AnswerContext) -> bytes:
        """A whole answer with its tier. Raises Failure."""
        said = said_of(body)
        check_model(said, seen.model)
        if not isinstance(said.get(self.answers), list):
            raise Failure(f"no {self.answers}")
        if said.get("status", "completed") not in ("completed", "incomplete"):
            raise Failure("not completed")
        _count(seen.meter, said.get("usage"))
        seen.meter.told(said)
        return with_tier(body, said, self.tier(seen.degraded))

    def events(self, seen: AnswerContext) -> Events:
        """Reads a stream."""
        return ResponseEvents(seen)


def _stateful(key: str, text: str) -> Refusal:
    why = "requests go to another region each time."
    return Refusal(400, f"{text}: {why}", "stateful_not_served", key, retry=False)


def _count(meter: TokenMeter, usage: Any) -> None:
    if isinstance(usage, dict):
        meter.counted(usage.get("input_tokens"), usage.get("output_tokens"))


class ResponseEvents(Events):
    """Events with a type and a number each."""

    def __init__(self, seen: AnswerContext) -> None:
        super().__init__(seen)
        self._number = -1
        """That of the last event."""

    def event(self, event: bytes, data: bytes) -> tuple[bytes, EventPart]:
        """An event as it is passed on. Raises Failure."""
        said = said_of(data)
        kind, number, response = said.get("type"), said.get("sequence_number"), said.get("response")
        if not isinstance(kind, str):
            raise Failure("an event without type")
        if kind in FAILED:
            raise Failure("error in band")
        if type(number) is int:
            self._number = number
        if isinstance(response, dict):
            check_model(response, self.seen.model)
            tier = self.seen.chat.endpoint.tier(self.seen.degraded)
            event = with_data(event, data, told_inside(data, ("response", "service_tier"), tier))
        if kind in LAST:
            _count(self.seen.meter, response.get("usage") if isinstance(response, dict) else None)
            self.seen.meter.told(response)
            return event, EventPart.LAST
        if kind in BEFORE:
            return event, EventPart.HELD
        if kind.endswith(".delta"):
            self.seen.meter.event(len(data))
        return event, EventPart.CONTENT

    def broke(self, status: int, message: str) -> bytes:
        """The event that says that the stream broke off: as it is described, with `error` beside,
        by which OpenAI's library knows it."""
        error = error_of(status, message, "upstream_broke")
        said = {
            "type": "error",
            "sequence_number": self._number + 1,
            "code": error["code"],
            "message": message,
            "param": None,
            "error": error,
        }
        return b"event: error\ndata: " + json.dumps(said, ensure_ascii=False).encode() + b"\n\n"


RESPONSES = ResponsesApi()
