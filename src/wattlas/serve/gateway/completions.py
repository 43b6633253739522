"""OpenAI's older endpoints: chat, completions, embeddings; their answers are a list of a kind."""

from __future__ import annotations

import re
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
    with_tier,
)
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.upstream import Failure

DONE = b"[DONE]"
_OPERATIONS = {"completions": "text_completion", "embeddings": "embeddings"}
_NO_USAGE = re.compile(rb'"usage"\s*:\s*null')


class ListApi(Api):
    """An endpoint whose answer has a list under the key `answers`."""

    edited = ("stream_options",)

    def __init__(
        self, name: str, asks: str, kinds: tuple[type, ...], answers: str, streams: bool = True
    ) -> None:
        self.name, self.path = name, f"/v1/{name}"
        self.asks, self.kinds, self.answers, self.streams = asks, kinds, answers, streams
        self.operation = _OPERATIONS.get(name, "chat")

    def check(self, said: Mapping[str, Any]) -> None:
        """Raise Refusal for what the endpoint does not take."""
        if not isinstance(said.get(self.asks), self.kinds):
            super().check(said)  # says what is wrong
        options = said.get("stream_options")
        if options is not None and not isinstance(options, dict):
            text = "`stream_options` must be an object."
            raise Refusal(400, text, "invalid_type", "stream_options")

    def schema(self) -> dict[str, Any]:
        """What a request may be."""
        return {**super().schema(), "stream_options": {"type": ["object", "null"]}}

    def values(self, chat: Chat) -> dict[str, Any]:
        """Usage is asked for in streams, also where the client does not."""
        if not chat.stream or chat.wants_usage:
            return {}
        given = chat.named.get("stream_options") or {}
        return {"stream_options": {**given, "include_usage": True}}

    def answer(self, body: bytes, seen: AnswerContext) -> bytes:
        """A whole answer with its tier. Raises Failure."""
        said = said_of(body)
        check_model(said, seen.model)
        if not isinstance(said.get(self.answers), list):
            raise Failure(f"no {self.answers}")
        seen.meter.usage(said.get("usage"))
        seen.meter.told(said)
        return with_tier(body, said, self.tier(seen.degraded))

    def events(self, seen: AnswerContext) -> Events:
        """Reads a stream."""
        return ChunkEvents(seen)


class ChunkEvents(Events):
    """Chunks of an answer, and `[DONE]` at the end."""

    def plain(self, data: bytes) -> bool:
        """Whether an event is one of the tokens after the first, without usage or an error."""
        meter = self.seen.meter
        told = b'"error"' in data or (b'"usage"' in data and not _NO_USAGE.search(data))
        told = told or (meter.key != b"" and meter.key in data)
        return meter.events > 0 and not told and data != DONE

    def event(self, event: bytes, data: bytes) -> tuple[bytes, EventPart]:
        """An event as it is passed on. Raises Failure."""
        meter = self.seen.meter
        if data == DONE:
            if not meter.events:
                raise Failure("empty stream")
            return event, EventPart.LAST
        first = not meter.events
        if not self.plain(data):
            said = said_of(data)
            check_model(said, self.seen.model)
            meter.usage(said.get("usage"))
            meter.told(said)
            only_usage = not said.get("choices") and isinstance(said.get("usage"), dict)
            if only_usage:
                return (event if self.seen.chat.wants_usage else b""), EventPart.HELD
            if first and b"\n" not in data:
                tier = self.seen.chat.endpoint.tier(self.seen.degraded)
                event = b"data: " + with_tier(data, said, tier) + b"\n\n"
        meter.event(len(data))
        return event, EventPart.CONTENT

    def broke(self, status: int, message: str) -> bytes:
        """The event that says that the stream broke off."""
        return b"data: " + error_body(status, message, "upstream_broke") + b"\n\n"


CHAT = ListApi("chat/completions", "messages", (list,), "choices")
COMPLETIONS = ListApi("completions", "prompt", (str, list), "choices")
EMBEDDINGS = ListApi("embeddings", "input", (str, list), "data", streams=False)
