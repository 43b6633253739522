"""What is refused."""

from __future__ import annotations

from typing import Any

from tests.golden.exchanges.parts import (
    ASKED,
    CHAT,
    HELLO,
    MESSAGES,
    RESPONSES,
    TEXT,
    VECTORS,
)
from tests.golden.talks import Talk, post
from tests.serve.live import KEYS


def get(path: str, *lines: str, method: str = "GET", key: str = "plain") -> bytes:
    """A request without a body."""
    told = [f"{method} {path} HTTP/1.1", "host: h", "connection: close", *lines]
    return "\r\n".join(
        [*told, *([f"authorization: Bearer {KEYS[key]}"] if key else []), "", ""]
    ).encode()


def less(path: str, **changes: Any) -> bytes:
    """A request with other entries; those that are None are left out."""
    said = {k: v for k, v in {**ASKED[path], **changes}.items() if v is not None}
    return post(path, said, key="plain")


REFUSED = (
    Talk("no key", post(CHAT, HELLO, key=None)),
    Talk("no key, messages", post(MESSAGES, HELLO, key=None)),
    Talk("an unknown key", post(CHAT, HELLO, key="sk-none")),
    Talk("another scheme", post(CHAT, HELLO, "authorization: Basic sk-acme", key=None)),
    Talk("keys of two tenants", post(CHAT, HELLO, f"x-api-key: {KEYS['plain']}")),
    Talk("a key twice", post(CHAT, HELLO, f"authorization: Bearer {KEYS['acme']}")),
    Talk("a type twice", post(CHAT, HELLO, "content-type: a", "content-type: a")),
    Talk("other headers twice", post(CHAT, HELLO, "x: a", "x: a")),
    Talk("encoded", post(CHAT, HELLO, "content-encoding: gzip")),
    Talk("encoded as it is", post(CHAT, HELLO, "content-encoding: identity")),
    *(
        Talk(f"body {body[:40]!r}", post(CHAT, body))
        for body in (
            b"",
            b"{",
            b"[]",
            b'{"model":"llama","model":"llama","messages":[]}',
            b'{"messages":[]}',
            b'{"model":"","messages":[]}',
            b'{"model":7,"messages":[]}',
            b'{"model":"llama"}',
            b'{"model":"' + 200 * b"g" + b'","messages":[]}',
        )
    ),
    Talk("a stream in words", less(CHAT, stream="true")),
    Talk("messages in words", less(CHAT, messages="x")),
    Talk("options in words", less(CHAT, stream_options="x")),
    Talk("a prompt that is a number", less(TEXT, prompt=7)),
    Talk("an unknown tier", less(CHAT, service_tier="gold")),
    Talk("a tier in the header that is unknown", post(CHAT, HELLO, "x-service-tier: gold")),
    Talk("a tier of messages elsewhere", less(CHAT, service_tier="standard")),
    Talk("a stream of vectors", less(VECTORS, stream=True)),
    Talk("an input that is an object", less(RESPONSES, input={})),
    *(
        Talk(f"responses with {key}", less(RESPONSES, **{key: value}))
        for key, value in (
            ("previous_response_id", "r"),
            ("conversation", {}),
            ("store", True),
            ("background", 1),
            ("input", [{"type": "message"}, {"type": "item_reference", "id": "m"}]),
        )
    ),
    Talk("a container", less(MESSAGES, container="c")),
    Talk("messages that are missing", less(MESSAGES, messages=None)),
    Talk("GET of an endpoint", get(CHAT)),
    Talk("HEAD of an endpoint", get(CHAT, method="HEAD")),
    Talk("OPTIONS", get(CHAT, method="OPTIONS")),
    Talk("a path beside", get("/v1/chat")),
    Talk("a path below messages", get("/v1/messages/count_tokens")),
    Talk("a path with a question", post(CHAT + "?a=b", HELLO)),
    Talk("models", get("/v1/models")),
    Talk("models without a key", get("/v1/models", key="")),
    Talk("POST of models", get("/v1/models", method="POST")),
    Talk("nothing is published", get("/.well-known/sustainability-data", key="")),
    Talk("nor at the path of before", get("/.well-known/sustainability", key="", method="HEAD")),
    Talk("POST of what is published", get("/.well-known/sustainability", key="", method="POST")),
    Talk("a body that is too long", post(CHAT, 20_001 * b" ")),
    Talk("a body that is as long as it may be", post(CHAT, b"{}" + 19_998 * b" ")),
    Talk("chunks that are too long", post(CHAT, 500 * 41 * b" ", chunks=True)),
    Talk("a head that is too long", get("/v1/models", "x: " + 2048 * "y")),
    Talk("a path that is too long", get("/" + 2048 * "y")),
    Talk("a head without an end", b"GET / HTTP/1.1\r\nx: " + 3000 * b"y"),
    Talk("two hosts", get("/v1/models", "Host: i")),
    Talk("no host", b"GET /v1/models HTTP/1.1\r\n\r\n"),
    Talk("no HTTP", b"\x16\x03\x01\x02\x00"),
    Talk("a length and chunks", post(CHAT, HELLO, "transfer-encoding: chunked")),
    Talk(
        "chunks that are none", post(CHAT, HELLO, chunks=True).replace(b"\r\n28\r\n", b"\r\nzz\r\n")
    ),
    Talk("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Talk("a tunnel", b"CONNECT h:1 HTTP/1.1\r\nhost: h\r\n\r\n"),
    Talk("a good one and a bad one", post(CHAT, HELLO, keeps=True) + b"nonsense\r\n\r\n"),
    Talk("refused, and on", (post(CHAT, {}, keeps=True), post(CHAT, HELLO, key="no"))),
    Talk("refused before the body is there", post(CHAT, HELLO, key="no", keeps=True)[:-5]),
)
