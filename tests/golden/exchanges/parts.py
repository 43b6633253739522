"""Pieces of requests and of answers."""

from __future__ import annotations

import json
from typing import Any

from tests.golden.talks import Step
from tests.serve.live import head

CHAT, TEXT, VECTORS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
HELLO: dict[str, Any] = {"model": "llama", "messages": [{"role": "user", "content": "hej ✓"}]}
INPUT: dict[str, Any] = {"model": "llama", "input": "hej"}
ASKED: dict[str, dict[str, Any]] = {
    CHAT: HELLO,
    TEXT: {"model": "llama", "prompt": ["a", "b"]},
    VECTORS: INPUT,
    RESPONSES: INPUT,
    MESSAGES: {**HELLO, "max_tokens": 9},
}
LARGE = "llama-70b"


def json_answer(said: Any, *lines: str, status: int = 200, length: int = 0) -> bytes:
    """A whole answer of a server."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    told = [f"HTTP/1.1 {status} Words", "content-type: application/json", *lines]
    told.append(f"content-length: {length or len(body)}")
    return "\r\n".join([*told, "", ""]).encode() + body


def completed(model: str = LARGE, **more: Any) -> dict[str, Any]:
    """What a model says to a chat."""
    return {"choices": [{"index": 0}], "model": model, "service_tier": "auto", **more}


def status(code: int) -> tuple[Step, ...]:
    """A server that refuses."""
    return (json_answer({"error": {"message": "no", "code": code}}, status=code),)


def chunked(*events: bytes, end: bytes = b"0\r\n\r\n", kind: str = "text/event-stream") -> bytes:
    """A stream of a server."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    return head(kind=kind) + parts + end


def rest(*events: bytes) -> bytes:
    """The rest of a stream."""
    return chunked(*events).partition(b"\r\n\r\n")[2]


def word(text: str, **more: Any) -> bytes:
    """An event of a chat with a word."""
    said = {"model": LARGE, "choices": [{"index": 0, "delta": {"content": text}}], **more}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


USAGE = json.dumps(
    {"model": LARGE, "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
).encode()
USAGE = b"data: " + USAGE + b"\n\n"
DONE = b"data: [DONE]\n\n"
FULL = {"service_tier": "default"}
