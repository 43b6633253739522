"""What an endpoint of an API has of its own: its requests, its answers, its streams and its errors.

The exchange between a client and the servers is the same for all of them; it asks an `Api` for the
rest. To add an endpoint is to write one of these and to name it in `endpoints`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from wattlas.serve.decision import Asked
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.json_text import Twice, changed, check_once, edited_inside
from wattlas.serve.gateway.upstream import Failure
from wattlas.serve.gateway.usage import TokenMeter

NO_HEADERS: Mapping[str, str] = {}


class Lacks(Failure):
    """A server has not this endpoint, or not this model: it may serve others well."""


class Chat(NamedTuple):
    """A request that was read: its text, what it says of the keys that are edited, and what that
    means. `headers` are those of the client that a server gets, too.
    """

    endpoint: Api
    text: bytes
    named: dict[str, Any]
    model: str
    asked: Asked
    stream: bool
    wants_usage: bool
    headers: Mapping[str, str] = NO_HEADERS


class AnswerContext(NamedTuple):
    """What is known when an answer is read: the request, who serves it, and what counts it."""

    chat: Chat
    model: str
    degraded: bool
    meter: TokenMeter


class EventPart(IntEnum):
    """What an event of a stream is."""

    HELD = 0
    """Comes before the content: it is passed on with the first of it."""
    CONTENT = 1
    LAST = 2


class Events:
    """Reads the events of one stream."""

    def __init__(self, seen: AnswerContext) -> None:
        self.seen = seen

    def plain(self, data: bytes) -> bool:
        """Whether an event is content in the midst of a stream that is passed on as it is. Such
        events are counted by `event` alone."""
        return False

    def event(self, event: bytes, data: bytes) -> tuple[bytes, EventPart]:
        """An event as it is passed on. Raises Failure for what no stream should have."""
        raise NotImplementedError

    def broke(self, status: int, message: str) -> bytes:
        """The event that says that the stream broke off."""
        raise NotImplementedError


class Api:
    """One endpoint. `name` is its word in the configuration, `asks` the key that a request must
    have, and `kinds` what that may be."""

    name: str
    path: str
    asks: str
    kinds: tuple[type, ...] = (list,)
    streams = True
    operation = "chat"
    """OpenTelemetry's word for what is done."""
    answers = ""
    """The key of an answer that holds a list."""
    error_schema = "Error"
    tiers: tuple[str, ...] = ("auto", "default", "flex", "scale", "priority", "fast")
    edited: tuple[str, ...] = ()
    """Keys that servers may get otherwise, beside `model` and `service_tier`."""
    full = "default"
    """What the answer's tier is called where nothing was degraded."""

    def check(self, said: Mapping[str, Any]) -> None:
        """Raise Refusal for what the endpoint does not take."""
        if not isinstance(said.get(self.asks), self.kinds):
            words = " or ".join("text" if kind is str else "a list" for kind in self.kinds)
            raise Refusal(400, f"`{self.asks}` must be {words}.", "invalid_type", self.asks)

    def schema(self) -> dict[str, Any]:
        """What a request may be, as JSON Schema; what is not named goes to the server."""
        kinds = ["string" if kind is str else "array" for kind in self.kinds]
        return {
            self.asks: {"type": kinds},
            "stream": {"type": ["boolean", "null"]} if self.streams else {"enum": [False, None]},
            "service_tier": {"enum": [*self.tiers, None]},
        }

    def asked(self, tier: Any) -> Asked:
        """The tier that a request asks for. Raises Refusal."""
        return asked_of(tier)

    def values(self, chat: Chat) -> dict[str, Any]:
        """Entries that a server gets otherwise than the client wrote them, beside the model."""
        return {}

    def headers(self, given: Mapping[bytes, bytes]) -> Mapping[str, str]:
        """Headers of a client that are passed on."""
        return NO_HEADERS

    def key(self, key: str) -> Mapping[str, str]:
        """Headers that show a server our key."""
        return {"authorization": f"Bearer {key}"}

    def tier(self, degraded: bool) -> str:
        """The tier that serves, in the API's words."""
        return "flex" if degraded else self.full

    def answer(self, body: bytes, seen: AnswerContext) -> bytes:
        """A whole answer as it is passed on; its usage is given to the meter. Raises Failure."""
        raise NotImplementedError

    def events(self, seen: AnswerContext) -> Events:
        """Reads a stream."""
        raise NotImplementedError

    def told(self, id: str) -> list[tuple[bytes, bytes]]:
        """Headers of an answer beside those that all have."""
        return []

    def error(self, status: int, message: str, code: str, param: str | None = None) -> bytes:
        """The body of an error."""
        return error_body(status, message, code, param)


def asked_of(tier: Any) -> Asked:
    """The tier that is asked for; `scale` and `fast` are full service as well."""
    if tier in (None, "auto"):
        return Asked.AUTO
    if tier == "flex":
        return Asked.FLEX
    if tier in ("default", "scale"):
        return Asked.DEFAULT
    if tier in ("priority", "fast"):
        return Asked.PRIORITY
    message = "`service_tier` must be auto, default, flex, scale, priority or fast."
    raise Refusal(400, message, "invalid_value", "service_tier")


def said_of(text: bytes) -> dict[str, Any]:
    """What a server says, as an object. Raises Failure for an error and for what is no object."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Failure("not JSON") from None
    if not isinstance(said, dict):
        raise Failure("not an object")
    if said.get("error"):
        raise Failure("error in band")
    return said


def check_model(said: Mapping[str, Any], model: str) -> None:
    """Raise Failure where a server says that another model answers."""
    if said.get("model", model) != model:
        raise Failure("another model")


def with_tier(text: bytes, said: Mapping[str, Any], tier: str) -> bytes:
    """An answer, which says `said`, with its tier at the top level. Raises Failure."""
    try:
        check_once(text, said)
    except Twice:
        raise Failure("a key twice") from None
    return changed(text, said, {"service_tier": tier})


def told_inside(text: bytes, path: tuple[str, ...], value: str) -> bytes:
    """An answer with another value at a path of keys. Raises Failure."""
    try:
        return edited_inside(text, path, value)
    except Twice:
        raise Failure("a key twice") from None


def with_data(event: bytes, data: bytes, fresh: bytes) -> bytes:
    """An event with other data; one whose data is spread over lines stays as it is."""
    return event.replace(data, fresh, 1) if b"\n" not in data else event
