"""Streams."""

from __future__ import annotations

from typing import Any

from tests.golden.exchanges.parts import (
    ASKED,
    CHAT,
    DONE,
    FULL,
    HELLO,
    LARGE,
    MESSAGES,
    RESPONSES,
    TEXT,
    USAGE,
    VECTORS,
    chunked,
    rest,
    word,
)
from tests.golden.talks import Talk, post
from tests.serve.live import head
from tests.serve.shapes import named


def started(**usage: Any) -> bytes:
    """The beginning of a stream of messages."""
    return named("message_start", message={"model": LARGE, "usage": usage, "content": []})


STREAM = {"stream": True}
KINDS = (
    (
        "words as they come",
        CHAT,
        (
            head(kind="text/event-stream"),
            *(
                s
                for text in "abc"
                for s in (b"%x\r\n%b\r\n" % (len(word(text)), word(text)), "taken")
            ),
            rest(USAGE, DONE),
        ),
    ),
    (
        "all at once, with a comment before and after",
        CHAT,
        (
            chunked(
                b": hello\n\n",
                word("a"),
                b': energy {"energy_joules": 20.5}\n\n',
                word("b"),
                USAGE,
                DONE,
            ),
        ),
    ),
    (
        "ends of lines of other kinds",
        CHAT,
        (
            chunked(
                *(e.replace(b"\n", b"\r\n") for e in (word("a"), word("b"))),
                word("c").replace(b"\n", b"\r"),
                DONE,
            ),
        ),
    ),
    (
        "cut within events",
        CHAT,
        (
            chunked(
                *(
                    e[:n] if k == 0 else e[n:]
                    for e in (word("å"), word("b"), DONE)
                    for k, n in ((0, 9), (1, 9))
                )
            ),
        ),
    ),
    (
        "data over two lines",
        CHAT,
        (chunked(b'data: {"model":"llama-70b",\ndata: "choices":[{}]}\n\n', DONE),),
    ),
    (
        "usage in each",
        CHAT,
        (
            chunked(
                word("a", usage=None),
                word("b", usage={"prompt_tokens": 1, "completion_tokens": 2}),
                word("c", usage={"prompt_tokens": 1, "completion_tokens": 3}),
                DONE,
            ),
        ),
    ),
    (
        "an error in the midst",
        CHAT,
        (chunked(word("a"), end=b""), "taken", rest(b'data: {"error":{"message":"x"}}\n\n', DONE)),
    ),
    (
        "another model in the midst of it",
        CHAT,
        (chunked(word("a"), end=b""), "taken", rest(word("b", model="gpt", usage={}), DONE)),
    ),
    ("no end", CHAT, (chunked(word("a"), end=b""), "taken", rest(word("b")))),
    ("cut off", CHAT, (chunked(word("a"), word("b"), end=b""), "taken", "close")),
    ("reset", CHAT, (chunked(word("a"), end=b""), "taken", "reset")),
    (
        "an event that is too long",
        CHAT,
        (chunked(word("a"), end=b""), "taken", rest(word(4000 * "b"), DONE)),
    ),
    ("text behind the end", CHAT, (chunked(word("a"), DONE, word("b")),)),
    (
        "started in the body",
        MESSAGES,
        (
            chunked(
                started(input_tokens=4),
                named("ping"),
                named("content_block_delta", delta={"text": "a"}),
                named("content_block_delta", delta={"text": "b"}),
                named("message_delta", usage={"output_tokens": 2}),
                named("message_stop"),
            ),
        ),
    ),
    (
        "counts again at the end",
        MESSAGES,
        (
            chunked(
                started(input_tokens=4, service_tier="x"),
                named("content_block_delta", delta={}),
                named("message_delta", usage={"input_tokens": 5, "output_tokens": 9}),
                named("message_stop"),
                named("ping"),
            ),
        ),
    ),
    (
        "without counts",
        MESSAGES,
        (
            chunked(
                started(input_tokens=6),
                named("content_block_delta", delta={}),
                named("message_stop"),
            ),
        ),
    ),
    (
        "an error of messages",
        MESSAGES,
        (
            chunked(started(), named("content_block_delta", delta={}), end=b""),
            "taken",
            rest(named("error", error={})),
        ),
    ),
    (
        "two events of responses",
        RESPONSES,
        (
            chunked(
                named("response.created", sequence_number=0, response={"model": LARGE}),
                named("response.output_text.delta", sequence_number=1, delta="a"),
                named("response.done", sequence_number=2),
                named(
                    "response.incomplete",
                    response={"usage": {"input_tokens": 3, "output_tokens": 4}},
                ),
            ),
        ),
    ),
    (
        "responses that fail",
        RESPONSES,
        (
            chunked(named("response.output_text.delta", sequence_number=8), end=b""),
            "taken",
            rest(named("response.failed", response={})),
        ),
    ),
    (
        "responses without counts",
        RESPONSES,
        (chunked(named("response.output_text.delta"), named("response.completed")),),
    ),
    (
        "responses that break",
        RESPONSES,
        (chunked(named("response.output_text.delta", sequence_number=8), end=b""), "taken", rest()),
    ),
)
BEFORE = (
    ("an error at once", CHAT, chunked(b'data: {"error":{"message":"x"}}\n\n')),
    ("nothing but the end", CHAT, chunked(DONE)),
    ("usage alone", CHAT, chunked(USAGE)),
    ("no stream of events", CHAT, chunked(word("a"), kind="application/json")),
    (
        "no content for long",
        CHAT,
        chunked(*(b": " + 900 * b"x" + b"\n\n" for _ in range(2)), *5 * (USAGE,), 4000 * b"y"),
    ),
    ("much before the content", MESSAGES, chunked(started(), *60 * (named("ping", pad=80 * "x"),))),
    ("no start", MESSAGES, chunked(named("content_block_delta"))),
    ("a start without message", MESSAGES, chunked(named("message_start"))),
    (
        "another model of messages",
        MESSAGES,
        chunked(named("message_start", message={"model": "x"})),
    ),
    ("an event without a type", RESPONSES, chunked(b"data: {}\n\n")),
    (
        "another model of responses",
        RESPONSES,
        chunked(named("response.created", response={"model": "x"})),
    ),
)
STREAMS = (
    *(
        Talk(
            f"{path}, {key}, stream",
            post(path, {**said, **STREAM}, key=key),
            ((("good" if (key, path) == ("plain", CHAT) else "brief"),),),
        )
        for key in ("acme", "plain")
        for path, said in ASKED.items()
        if path != VECTORS
    ),
    *(
        Talk(what, post(path, {**ASKED[path], **STREAM, **FULL}), (steps,))
        for what, path, steps in KINDS
    ),
    *(
        Talk(
            f"{what}, then good",
            post(path, {**ASKED[path], **STREAM, **FULL}),
            ((text,), ("brief",)),
        )
        for what, path, text in BEFORE
    ),
    Talk(
        "usage that the client wants",
        post(CHAT, {**HELLO, **STREAM, "stream_options": {"include_usage": True}}),
        ((chunked(word("a"), USAGE, DONE),),),
    ),
    Talk(
        "usage that it does not want",
        post(CHAT, {**HELLO, **STREAM, "stream_options": {"include_usage": False, "x": 1}}),
        ((chunked(word("a"), USAGE, DONE),),),
    ),
    Talk(
        "a set of letters",
        post(CHAT, {**HELLO, **STREAM}),
        ((chunked(word("a"), DONE, kind="Text/Event-Stream; charset=utf-8"),),),
    ),
    Talk("options that are null", post(TEXT, {**ASKED[TEXT], **STREAM, "stream_options": None})),
    Talk(
        "a stream in HTTP/1.0",
        post(CHAT, {**HELLO, **STREAM}, version="1.0"),
        ((chunked(word("a"), DONE),),),
    ),
    Talk(
        "streams on a connection that is kept",
        (post(CHAT, {**HELLO, **STREAM}, keeps=True), post(CHAT, {**HELLO, **STREAM})),
        2 * ((chunked(word("a"), DONE),),),
    ),
    Talk(
        "the client leaves within it",
        post(CHAT, {**HELLO, **STREAM}, keeps=True),
        ((chunked(word("a"), end=b""), "hang"),),
        "answered",
    ),
)
