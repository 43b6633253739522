"""Answers that are whole."""

from __future__ import annotations

import json

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
    completed,
    json_answer,
)
from tests.golden.talks import Talk, post
from tests.serve.live import KEYS

PRETTY = json.dumps(
    {"service_tier": "flex", **HELLO, "n": [{"model": 1}], "stop": "\\u0041"}, indent=1
).encode()
WHOLE = (
    *(
        Talk(
            f"{path}, {key}, {tier}",
            post(path, {**said, "service_tier": tier}, key=key),
            ((("good" if tier == "auto" else "brief"),),),
        )
        for key, tier in (("acme", "auto"), ("acme", "flex"), ("plain", "priority"))
        for path, said in ASKED.items()
    ),
    Talk("a body with blanks, escapes and a tier in front", post(CHAT, PRETTY)),
    Talk(
        "a tier behind the model",
        post(CHAT, b'{"messages":[],"model":"llama","service_tier":"flex"}'),
    ),
    Talk(
        "a tier alone with the model escaped",
        post(CHAT, b'{"messages":[],"model":"ll\\u0061ma" , "service_tier" : null }'),
    ),
    Talk(
        "a key that is spelled",
        post(CHAT, b'{"messages":[],"\\u006dodel":"llama","service_tier":"scale"}'),
    ),
    Talk("a tier in the header", post(CHAT, HELLO, "x-service-tier: default")),
    Talk(
        "a tier in both", post(CHAT, {**HELLO, "service_tier": "flex"}, "x-service-tier: default")
    ),
    Talk("standard_only", post(MESSAGES, {**ASKED[MESSAGES], "service_tier": "standard_only"})),
    Talk(
        "headers of messages",
        post(
            MESSAGES,
            ASKED[MESSAGES],
            f"x-api-key: {KEYS['plain']}",
            "anthropic-version: 2024-01-01",
            "anthropic-beta: a,b",
            "x-other: c",
            key=None,
        ),
    ),
    Talk("both keys of one tenant", post(CHAT, HELLO, f"x-api-key: {KEYS['acme']}")),
    Talk("store is stated", post(RESPONSES, {**INPUT, "store": False, "background": None})),
    Talk(
        "energy in the body",
        post(CHAT, {**HELLO, **FULL}),
        2
        * (
            (
                json_answer(
                    completed(
                        energy={"energy_joules": 40.5},
                        usage={"prompt_tokens": 100, "completion_tokens": 50},
                    ),
                    "X-Joules: 12.5",
                ),
            ),
        ),
    ),
    Talk(
        "energy elsewhere",
        post(CHAT, {**HELLO, **FULL}),
        2 * ((json_answer(completed(energy={"energy_joules": "40"}), "X-Joules: many"),),),
    ),
    Talk("energy nowhere", post(CHAT, {**HELLO, **FULL}), ((json_answer(completed()),),)),
    Talk("no counts", post(CHAT, HELLO), ((json_answer(completed(usage={"prompt_tokens": -1})),),)),
    Talk(
        "counts of a prompt alone",
        post(CHAT, HELLO),
        ((json_answer(completed(usage={"prompt_tokens": 0})),),),
    ),
    Talk(
        "counts that are no numbers",
        post(MESSAGES, ASKED[MESSAGES]),
        (
            (
                json_answer(
                    {
                        "model": LARGE,
                        "content": [],
                        "usage": {"input_tokens": True, "output_tokens": 1},
                    }
                ),
            ),
        ),
    ),
    Talk(
        "counts of a cache",
        post(MESSAGES, ASKED[MESSAGES]),
        (
            (
                json_answer(
                    {
                        "content": [],
                        "usage": {
                            "input_tokens": 1,
                            "cache_creation_input_tokens": 20,
                            "cache_read_input_tokens": 300,
                            "output_tokens": 4000,
                        },
                    }
                ),
            ),
        ),
    ),
    Talk(
        "an answer that is incomplete",
        post(RESPONSES, INPUT),
        ((json_answer({"output": [], "status": "incomplete", "usage": None}),),),
    ),
    Talk(
        "an answer without a length",
        post(CHAT, HELLO),
        ((b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(completed()).encode(), "close"),),
    ),
    Talk(
        "an interim answer",
        post(CHAT, HELLO),
        ((b"HTTP/1.1 103 Early\r\nx: y\r\n\r\n", "pause", json_answer(completed())),),
    ),
    Talk(
        "a server that closes behind it",
        post(CHAT, HELLO),
        ((json_answer(completed(), "connection: close"),),),
    ),
    Talk(
        "connections are kept on both sides",
        (post(CHAT, HELLO, keeps=True), post(TEXT, ASKED[TEXT], keeps=True), post(CHAT, HELLO)),
    ),
    Talk("HTTP/1.0", post(CHAT, HELLO, version="1.0")),
    Talk(
        "HTTP/1.0, kept",
        (
            post(CHAT, HELLO, "connection: keep-alive", version="1.0", keeps=True),
            post(CHAT, HELLO, version="1.0", keeps=True),
        ),
    ),
    Talk("a body in chunks", post(CHAT, HELLO, chunks=True)),
    Talk(
        "three at once",
        post(CHAT, HELLO, keeps=True)
        + post(TEXT, ASKED[TEXT], keeps=True)
        + b"GET /v1/models HTTP/1.1\r\nhost: h\r\nauthorization: bearer  sk-plain \r\n"
        b"connection: close\r\n\r\n",
    ),
    Talk(
        "bytes that come one after the other",
        tuple(bytes([b]) for b in post(CHAT, HELLO, key="plain")[-30:])
        and (
            post(CHAT, HELLO, key="plain")[:50],
            post(CHAT, HELLO, key="plain")[50:-5],
            post(CHAT, HELLO, key="plain")[-5:],
        ),
    ),
    Talk(
        "it waits to be asked for the body",
        (
            post(CHAT, HELLO, "expect: 100-continue").partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
            b"",
            json.dumps(HELLO).encode(),
        ),
    ),
    Talk(
        "a wish to speak otherwise",
        post(CHAT, HELLO, "upgrade: h2c", "connection: upgrade, close", keeps=True),
    ),
)
