"""A client's request: read once, and written anew for the server that gets it."""

from __future__ import annotations

from typing import Any

import orjson

from wattlas.serve.gateway.api import Api, Chat
from wattlas.serve.gateway.completions import CHAT
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.json_text import Twice, changed, check_once

EDITED = ("model", "service_tier")
"""Keys of every request that servers get otherwise than clients write them."""


def read_chat(text: bytes, endpoint: Api = CHAT) -> Chat:
    """A request's body. Raises Refusal for what is no request."""
    return chat_of(text, read(text, endpoint), endpoint)


def read(text: bytes, endpoint: Api) -> dict[str, Any]:
    """What a request's body says. Raises Refusal for what is no request, but for its tier."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is not JSON: {error}", "invalid_json") from None
    if not isinstance(said, dict):
        raise Refusal(400, "The body must be a JSON object.", "invalid_json")
    try:
        check_once(text, said)
    except Twice as error:
        key = str(error)
        raise Refusal(400, f"`{key}` is there twice.", "duplicate_key", key) from None
    model = said.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "`model` must name a model.", "missing_model", "model")
    stream = said.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise Refusal(400, "`stream` must be true or false.", "invalid_type", "stream")
    if stream and not endpoint.streams:
        raise Refusal(400, "This endpoint does not stream.", "invalid_value", "stream")
    endpoint.check(said)
    return said


def chat_of(text: bytes, said: dict[str, Any], endpoint: Api) -> Chat:
    """A request whose body says so. Raises Refusal for a tier that there is not."""
    asked = endpoint.asked(said.get("service_tier"))
    named = {key: said[key] for key in (*EDITED, *endpoint.edited) if key in said}
    return Chat(
        endpoint, text, named, said["model"], asked, bool(said.get("stream")), _wants_usage(said)
    )


def _wants_usage(said: dict[str, Any]) -> bool:
    options = said.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def for_server(chat: Chat, model: str) -> bytes:
    """The request as a server gets it: its name of the model, no tier, and usage in streams."""
    values = chat.endpoint.values(chat)
    if chat.model != model:
        values["model"] = model
    if not values and "service_tier" not in chat.named:
        return chat.text
    return changed(chat.text, chat.named, values, drop="service_tier")
