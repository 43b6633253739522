"""Texts that are cut and edited: JSON, events, heads and requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from wattlas.serve.decision import Asked, Decision, Facts, Reason
from wattlas.serve.gateway.endpoints import ALL
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.events import Splitter, data_of
from wattlas.serve.gateway.json_text import Twice, changed, check_once, edited_inside, top_level
from wattlas.serve.gateway.quota import quota_lines
from wattlas.serve.gateway.request import for_server, read_chat
from wattlas.serve.gateway.tell import decided_headers, grams_comment, headers_of
from wattlas.serve.gateway.upstream import header_of
from wattlas.serve.heads import Head, Heads, answer_of, body_of, cut, head_of
from wattlas.serve.table import Place

OBJECTS = (
    b"{}",
    b"{ }",
    b'{"a":1}',
    b'{ "a" : 1 , "b" : [1,{"a":2}] }',
    b'{"a":null,"b":"x"}',
    b'{"b":"x","a":true}',
    b'{"b":"x" ,\n "a":false\n}',
    b'{"a":"a","b":"a"}',
    b'{"c":{"a":1},"a":"z"}',
    b'{"\\u0061":"y","b":1}',
    b'{"a":"\\u0041","b":1}',
    b'{"c":"\\u0062","b":2}',
    b'{"a":"\\n","b":"\\""}',
    b'{"c":",\\"a\\":1","a":3}',
    b'\t{"a" :"x"}\r\n',
    b'{"a":1.50,"b":1e3}',
    b'{"c":"}","a":"]","b":"{"}',
)
TWICE = (
    b'{"\xc3\xa5": 1, "\\u00e5": 2}',
    b'{"a":1,"a":2}',
    b'{"a":1,"\\u0061":2}',
    b'{"b":{"a":1,"a":2}}',
    b'{"a b":1,"a b":2}',
    b'{"a":"a","b":"a"}',
    b'{"a": 1, "a": 2}',
    b'{"\xc3\xa5":1,"b":2}',
)


def json_texts(_folder: Path) -> Iterator[str]:
    """Edits of the same objects, one after the other, by the value that each stands for."""
    for text in OBJECTS:
        said = json.loads(text)
        spans = {k: text[s.value : s.end].decode() for k, s in top_level(text).items()}
        yield f"{text!r} {spans}"
        for values, drop in (
            ({"a": "N"}, None),
            ({}, "a"),
            ({"n": 1, "a": 2}, "b"),
            ({"n": {}}, "b"),
        ):
            made = changed(text, said, values, drop)
            wanted = {**{k: v for k, v in said.items() if k != drop}, **values}
            assert json.loads(made) == wanted, (text, made)
            yield f"   {values} without {drop}: {made!r}"
        for path in (("a",), ("c", "a"), ("b", "c"), ("c", "a", "d")):
            yield f"   {'.'.join(path)}: {edited_inside(text, path, 'E')!r}"
    for text in (*TWICE, *OBJECTS):
        try:
            check_once(text, json.loads(text))
            yield f"{text!r} once"
        except Twice as error:
            yield f"{text!r} twice: {error}"


STREAM = (
    b"data: a\n\n: c\n\ndata:b\ndata: c\n\nevent: x\r\ndata: d\r\n\r\n",
    b"data: e\r\r",
    b"data: f\r\n\r\n",
    b"data: " + 9 * b"g" + b"\n\n",
)


def events(_folder: Path) -> Iterator[str]:
    """A stream cut at every byte gives the same events, but for those that are too long."""
    text = b"".join(STREAM)
    whole = Splitter(100).feed(text)
    yield from (f"{event!r} {data_of(event)!r}" for event in whole)
    for size in range(1, 40):
        splitter = Splitter(100)
        pieces = [text[n : n + size] for n in range(0, len(text), size)]
        assert [event for piece in pieces for event in splitter.feed(piece)] == whole
    for most in (11, 12, 16, 17):
        splitter = Splitter(most)
        yield f"at most {most}: {splitter.feed(text)} {splitter.too_long}"
    for piece in (
        b"data: a\n\n",
        b"data:a\n\n",
        b"data: a\n\ndata: b\n\n",
        b"data: a\r\n\r\n",
        b"data: a\nid: b\n\n",
        b"data: \n\n",
        b"x\n\n",
        b"data: a\n",
        b"data: 0123456789\n\n",
        b"data: 01234567890\n\n",
    ):
        splitter = Splitter(18)
        alone = splitter.alone(piece)
        fed, then = splitter.feed(piece), splitter.alone(b"data: z\n\n")
        yield f"{piece!r} alone {alone!r} fed {fed} {splitter.too_long} then {then!r}"
    for piece in (
        b"data:  a\n\n",
        b"data\n\n",
        b"data: a\rdata: b\n\n",
        b"id: data: x\n\n",
        b"data:\ndata:\n\n",
    ):
        yield f"{piece!r} {data_of(piece)!r}"


HEADS = (
    b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nx: y\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nab",
    b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabcd",
    b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000000\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: h\r\nCONTENT-LENGTH: 1\r\n\r\na",
    b"POST / HTTP/1.1\r\nhost: h\r\n\r\ncontent-length: 1\r\n",
    b"POST / HTTP/1.1\r\ncontent-length: 3\r\n",
    b"",
    b"\r\n\r\n",
)


def heads(_folder: Path) -> Iterator[str]:
    """Messages taken apart, heads that are remembered, and answers that are written."""
    for text in HEADS:
        made = cut(text)
        yield f"{text!r} {made}"
        if made is not None:
            before, after = made[0], made[1] + b"\r\n\r\n"
            for other in (
                text,
                text + b"x",
                before + b"2" + after + b"zz",
                before + b"" + after,
                before + b"+1" + after + b"z",
                before + b"0000000002" + after + b"zz",
                before + b"000000002" + after + b"zz",
                b"Q" + text[1:],
                before,
            ):
                yield f"   {other[:24]!r}…{other[-9:]!r} {body_of(other, before, after)!r}"
    known = Heads()
    for names in (
        ("host", "content-length"),
        ("host",),
        ("content-length", "content-length"),
        ("content-length", "expect"),
        ("content-length", "transfer-encoding"),
        ("content-length", "upgrade"),
    ):
        head = Head(b"GET", b"/p", [(name.encode(), b"v") for name in names], False, True)
        known.keep(names[0].encode(), repr(names).encode(), head)
        kept = known.find(names[0].encode(), repr(names).encode())
        told = (
            None
            if kept is None
            else (
                kept.method,
                kept.path,
                kept.headers,
                kept.keeps,
                kept.old,
                kept.expects,
                kept.note,
            )
        )
        yield f"{names} {head.expects} {told}"
    for length in (2047, 2048):
        known.keep(
            b"a", (length - 1) * b"b", Head(b"G", b"/", [(b"content-length", b"1")], True, False)
        )
        yield f"{length} bytes: {known.find(b'a', (length - 1) * b'b') is not None}"
    for n in range(1030):
        known.keep(b"k%d" % n, b"", Head(b"G", b"/", [(b"content-length", b"1")], True, False))
    first, last = known.find(b"k0", b""), known.find(b"k1029", b"")
    yield f"of 1030 the first {first is not None}, the last {last is not None}"
    yield repr(head_of(299, [(b"a", b"b")], b"c: d")) + repr(answer_of(200, [], b"xyz", b"e: f"))
    for value in ("plain", "å", "a\nb", 7, "\x7f", "", "tab\t"):
        yield f"{value!r} {header_of('x-y', value)}"
    decision = Decision(
        Facts("i", "t", "c", "m", "k", Asked.FLEX, 1.0),
        "w",
        True,
        Place("o", "s"),
        Reason.SAVING,
        1,
    )
    for model, grams, stream in (
        ("", None, False),
        ("å", 0.000012345678, False),
        ("m", 123456789.0, True),
    ):
        yield f"{headers_of(decision, model, grams, stream)}"
        yield f"{decided_headers(False, Place('å', 'p'), 'why', model)} {grams_comment(grams)!r}"
    for most, busy in ((1, 0), (1, 1), (2, 1), (2, 5), (1000, 999)):
        yield f"{quota_lines(most, busy)}"


REQUESTS = (
    b'{"model":"m","messages":[]}',
    b'{"model":"m","messages":[],"stream":true}',
    b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
    b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":0,"x":1},'
    b'"service_tier":"fast"}',
    b'{"model":"m","messages":[],"stream":false,"stream_options":{"x":1}}',
    b'{"model":"m","prompt":"p","service_tier":"priority"}',
    b'{"model":"m","prompt":["p"],"service_tier":null}',
    b'{"model":"m","input":"p","service_tier":"flex"}',
    b'{"model":"m","input":[{"type":"item_reference"}]}',
    b'{"model":"m","input":["p"],"store":false}',
    b'{"model":"m","input":"p","store":null}',
    b'{"model":"m","messages":[],"service_tier":"standard"}',
    b'{"model":"m","messages":[],"container":null}',
    b'{"model":"m","messages":[],"stream":0}',
    b'{"model":"m","messages":[],"stream":null}',
)


def requests(_folder: Path) -> Iterator[str]:
    """What each endpoint makes of a request, and what a server gets of it."""
    for api in ALL:
        yield f"{api.name} {api.path} {api.operation} {api.schema()}"
        yield f"   {api.tier(True)} {api.tier(False)}"
        given = {b"anthropic-beta": b"x", b"anthropic-version": b"a b"}
        odd = {b"anthropic-version": b"\xe5"}
        yield f"   {api.key('k')} {api.told('i')} {api.headers(given)} {api.headers(odd)}"
        for status in (400, 401, 403, 404, 408, 413, 415, 418, 429, 499, 500, 502, 503, 504):
            yield f"   {status} {api.error(status, 'm', 'c', 'p').decode()}"
        for text in REQUESTS:
            try:
                chat = read_chat(text, api)
            except Refusal as refusal:
                said = refusal.status, refusal.code, refusal.param, refusal.message, refusal.headers
                yield f"   {text!r} {said}"
                continue
            yield f"   {text!r} {chat.asked} {chat.stream} {chat.wants_usage}"
            yield f"      {for_server(chat, 'm')!r} {for_server(chat, 'n')!r}"


CASES = {"json_texts": json_texts, "events": events, "heads": heads, "requests": requests}
