"""Servers that fail, one after the other."""

from __future__ import annotations

from tests.golden.exchanges.parts import (
    ASKED,
    CHAT,
    FULL,
    HELLO,
    INPUT,
    LARGE,
    MESSAGES,
    RESPONSES,
    TEXT,
    VECTORS,
    completed,
    json_answer,
    status,
)
from tests.golden.talks import Talk, post
from tests.serve.live import head

FAULTS = (
    *(
        Talk(f"status {code}", post(CHAT, HELLO), (status(code), ("brief",)))
        for code in (400, 401, 404, 413, 415, 422, 429, 500, 501, 503, 529)
    ),
    Talk(
        "400 without JSON",
        post(CHAT, HELLO),
        ((json_answer(b"no", status=400).replace(b"application/json", b"text/plain"),), ("brief",)),
    ),
    Talk(
        "400 with a set of letters",
        post(CHAT, HELLO),
        ((json_answer({}, status=400).replace(b"/json", b"/json; charset=utf-8"),), ("brief",)),
    ),
    Talk("429 everywhere", post(CHAT, HELLO), (status(429), status(429), status(429))),
    Talk("503, then 500", post(CHAT, {**HELLO, **FULL}), (status(503), status(500))),
    Talk("500, then 429", post(MESSAGES, {**ASKED[MESSAGES], **FULL}), (status(500), status(429))),
    Talk("nobody has the endpoint", post(VECTORS, {**INPUT, **FULL}), (status(404), status(405))),
    *(
        Talk(
            f"{what}, then good",
            post(path, {**ASKED[path], **FULL}),
            ((json_answer(said, *lines),), ("brief",)),
        )
        for what, path, said, lines in (
            ("encoded unasked", CHAT, completed(), ("content-encoding: gzip",)),
            ("another model", CHAT, completed("gpt"), ()),
            ("no JSON", CHAT, b"<html>", ()),
            ("no object", CHAT, [1], ()),
            ("an error in band", CHAT, {"error": {"message": "x"}}, ()),
            ("no choices", TEXT, {"choices": None}, ()),
            ("no data", VECTORS, {"model": LARGE}, ()),
            ("no content", MESSAGES, {"content": "x"}, ()),
            ("another model", MESSAGES, {"content": [], "model": "x"}, ()),
            ("no output", RESPONSES, {"output": {}}, ()),
            ("failed", RESPONSES, {"output": [], "status": "failed"}, ()),
            ("a tier twice", CHAT, b'{"choices":[],"service_tier":1,"service_tier":2}', ()),
            ("usage twice", MESSAGES, b'{"content":[],"usage":{},"usage":{}}', ()),
            ("too long", CHAT, b'{"choices":[]' + 30_000 * b" " + b"}", ()),
        )
    ),
    *(
        Talk(f"{what}, then good", post(CHAT, {**HELLO, **FULL}), (steps, ("brief",)))
        for what, steps in (
            ("reset", ("reset",)),
            ("closed", ("close",)),
            ("cut in the head", (b"HTTP/1.1 200 OK\r\nconte", "close")),
            ("cut in the body", (json_answer(completed(), length=500), "close")),
            ("cut in chunks", (head() + b'5\r\n{"cho\r\n', "close")),
            ("no HTTP", (b"SSH-2.0\r\n\r\n",)),
            ("a long head", (b"HTTP/1.1 200 OK\r\nx: " + 70_000 * b"y",)),
            ("two lengths", (json_answer({}, "content-length: 7"),)),
        )
    ),
    Talk("reset, everywhere", post(CHAT, {**HELLO, **FULL}), (("reset",), ("reset",))),
    Talk(
        "every place of both tiers",
        post(CHAT, {**HELLO, "service_tier": "flex"}),
        (("reset",), status(500), status(503), ("close",)),
    ),
    Talk(
        "a second answer behind the first",
        post(CHAT, HELLO),
        ((json_answer(completed()) + b"HTTP/1.1 200 OK\r\n\r\n",),),
    ),
    Talk(
        "a connection that died, once more",
        (
            post(CHAT, {**HELLO, **FULL}, keeps=True),
            post(CHAT, {**HELLO, **FULL}, keeps=True),
            post(CHAT, {**HELLO, **FULL}),
        ),
        (("brief",), ("brief",), ("close",), ("brief",)),
    ),
    Talk(
        "the client leaves while a server thinks",
        post(CHAT, HELLO, keeps=True),
        (("hang",),),
        "asked",
    ),
    Talk(
        "what a server says of the request, to messages",
        post(MESSAGES, ASKED[MESSAGES]),
        (status(422),),
    ),
    *(
        Talk(
            f"failures in a row, {n}",
            post(CHAT, {**HELLO, **FULL}, key="plain"),
            (status(500), status(502)),
            rested=n == 0,
        )
        for n in range(7)
    ),
)
