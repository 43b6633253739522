"""What other gateways ask the port of decisions, settle there, and write to their log."""

from __future__ import annotations

import json
from typing import Any

from tests.golden.exchanges.parts import ASKED, CHAT, HELLO, MESSAGES, RESPONSES
from tests.golden.talks import Talk
from tests.serve.live import KEYS, TOKEN

GUARD, ACCOUNT = f"x-wattlas-token: {TOKEN}", f"authorization: Bearer {KEYS['acme']}"
PLAIN = f"authorization: Bearer {KEYS['plain']}"


def call(path: str, said: Any = None, *lines: str, keeps: bool = False, method: str = "") -> bytes:
    """A request to a port."""
    body = b"" if said is None else said if isinstance(said, bytes) else json.dumps(said).encode()
    told = [f"{method or ('GET' if said is None else 'POST')} {path} HTTP/1.1", "host: h", *lines]
    told += [*([] if keeps else ["connection: close"]), f"content-length: {len(body)}"]
    return "\r\n".join([*told, "", ""]).encode() + body


def decided(said: dict[str, Any], **more: Any) -> bytes:
    """A question to `/decide`."""
    return call("/decide", said, GUARD, **more)


def authz(path: str, said: Any, *lines: str, keeps: bool = False, method: str = "") -> bytes:
    """A client's request as Envoy shows it."""
    return call(f"/authz{path}", said, GUARD, *lines, keeps=keeps, method=method)


ACME: dict[str, Any] = {"tenant": "acme", "model": "llama"}
DECISIONS = (
    Talk("a decision", decided(ACME)),
    Talk("flex by class", decided({"tenant": "acme", "class": "chat", "service_tier": "flex"})),
    Talk("everything stated", decided({**ACME, "metro": "lagos", "service_tier": "default"})),
    Talk("no metro", decided({**ACME, "tenant": "plain", "metro": None, "class": "chat"})),
    Talk("a class that is null", decided({**ACME, "class": None})),
    Talk("no model", decided({"tenant": "acme"})),
    Talk("a model that is unknown, with a class", decided({**ACME, "model": "x", "class": "chat"})),
    Talk("a tier that is unknown", decided({**ACME, "service_tier": "gold"})),
    Talk("no token", call("/decide", ACME)),
    Talk("a wrong token", call("/decide", ACME, "x-wattlas-token: no")),
    Talk("two tokens", call("/decide", ACME, GUARD, GUARD)),
    Talk("a path with a question", call("/healthz?a=b", None, GUARD)),
    Talk("HEAD", call("/routing", None, GUARD, method="HEAD")),
    Talk("no JSON", call("/decide", b"{", GUARD)),
    Talk("too long", call("/decide", 20_001 * b" ", GUARD)),
    Talk("as long as it may be", call("/decide", 20_000 * b" ", GUARD)),
    Talk("a length with a sign", decided(ACME).replace(b"content-length: ", b"content-length: +")),
    Talk(
        "in chunks, too long",
        b"POST /decide HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked"
        b"\r\n\r\n5000\r\n" + 20_480 * b" ",
    ),
    Talk("no host", b"GET /healthz HTTP/1.1\r\n\r\n"),
    Talk(
        "asks to go on",
        (
            decided(ACME)
            .replace(b"host", b"expect: 100-continue\r\nhost")
            .partition(b"\r\n\r\n")[0]
            + b"\r\n\r\n",
            json.dumps(ACME).encode(),
        ),
    ),
    Talk(
        "three on a connection",
        (
            decided(ACME, keeps=True),
            decided({**ACME, "tenant": "plain"}, keeps=True),
            call("/nothing", None, GUARD, keeps=True) + decided(ACME),
        ),
    ),
    Talk("in pieces", (decided(ACME)[:20], decided(ACME)[20:-9], decided(ACME)[-9:])),
    Talk("HTTP/1.0", decided(ACME, keeps=True).replace(b"1.1", b"1.0")),
    Talk(
        "upgrade",
        call("/healthz", None, GUARD, "upgrade: x", "connection: upgrade, close", keeps=True),
    ),
    Talk(
        "the same question three times",
        (
            authz(CHAT, HELLO, ACCOUNT, keeps=True),
            authz(CHAT, {**HELLO, "service_tier": "flex"}, ACCOUNT, keeps=True),
            authz(CHAT, HELLO, ACCOUNT, keeps=True),
            authz(CHAT, HELLO, PLAIN),
        ),
    ),
    Talk(
        "the same head, refused, and on",
        (
            authz(CHAT, HELLO, PLAIN, keeps=True),
            authz(CHAT, b"{}", PLAIN, keeps=True),
            authz(CHAT, {**HELLO, "model": "x"}, PLAIN, keeps=True),
            authz(CHAT, 20_001 * b" ", PLAIN, keeps=True),
        ),
    ),
    Talk("a tier in the header", authz(CHAT, HELLO, ACCOUNT, "x-service-tier: default")),
    Talk("messages", authz(MESSAGES, ASKED[MESSAGES], f"x-api-key: {KEYS['plain']}")),
    Talk("messages that are refused", authz(MESSAGES, {}, f"x-api-key: {KEYS['plain']}")),
    Talk(
        "responses that refer to others",
        authz(RESPONSES, {**ASKED[RESPONSES], "store": True}, PLAIN),
    ),
    Talk("no key", authz(CHAT, HELLO)),
    Talk("GET of authz", authz(CHAT, None, ACCOUNT)),
    Talk("an unknown endpoint", authz("/v1/nothing", HELLO, ACCOUNT)),
    Talk("headers alone", call("/forward", None, GUARD, ACCOUNT)),
    Talk(
        "with a model and a tier",
        call("/forward", None, GUARD, PLAIN, "x-model: llama", "x-service-tier: priority"),
    ),
    Talk("with another model", call("/forward", None, GUARD, PLAIN, "x-model: gpt")),
    Talk("with another tier", call("/forward", None, GUARD, PLAIN, "x-service-tier: gold")),
    Talk("without a key", call("/forward", None, GUARD)),
    Talk("with a key twice", call("/forward", None, GUARD, PLAIN, PLAIN)),
    Talk("POST of headers", call("/forward", {}, GUARD, PLAIN)),
    Talk("routing", call("/routing", None, GUARD)),
)
SETTLEMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"end": "whole", "status": 200, "tokens_in": 10, "tokens_out": 20, "attempts": 2},
    {"end": "broken", "status": 502, "tokens_in": -1, "tokens_out": True, "method": "mine"},
    {"end": "failed", "status": 10**9, "attempts": 0, "model_asked": "llama", "model": "x\n"},
    {"end": "lost"},
    {"end": "other"},
    {"end": "whole", "region": "oslo", "point": "small"},
    {"region": "austin", "point": "large", "energy_j": 12.5, "tokens_in": 1, "tokens_out": 1},
    {"energy_j": -1, "method": 300 * "m"},
    {"energy_j": "9"},
    {"energy_j": 1e9, "tokens_in": 1, "tokens_out": 1},
    {"region": 7, "point": None, "model": "own", "method": "mine"},
)
LINES: tuple[dict[str, Any], ...] = (
    {},
    {"type": "text/event-stream; charset=utf-8"},
    {"attempts": 0},
    {"attempts": "left out"},
    {"attempts": 3},
    {"status": 503},
    {"status": True},
    {"flags": "DC"},
    {"flags": "UF", "bytes_out": 0},
    {"flags": None},
    {"flags": ""},
    {"bytes_in": -1},
    {"bytes_out": 2**40},
    {"bytes_out": 2**40 - 1},
    {"bytes_out": 1.5},
    {"cluster": "austin/large"},
    {"cluster": "oslo/small"},
    {"cluster": "x/y/z"},
    {"cluster": "none"},
    {"cluster": None},
    {"type": None},
    {"type": "left out"},
    {"id": "", "status": 200},
    {"id": None, "status": 200},
    {"id": "forged", "status": 200},
    {"id": "left out"},
    {"id": "", "status": 500},
    {"cluster": "oslo/small", "type": "text/event-stream", "flags": "DC", "bytes_out": 3600},
)
