"""Requests and streams as bytes: edits and cuts against the library's parser, on anything."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattlas.serve.decision import End
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.events import Splitter, data_of
from wattlas.serve.gateway.json_text import (
    Twice,
    changed,
    check_once,
    edited,
    edited_inside,
    top_level,
)
from wattlas.serve.gateway.request import read_chat
from wattlas.serve.gateway.upstream import header_of
from wattlas.serve.gateway.usage import TokenMeter

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
OBJECTS = st.dictionaries(TEXT | st.sampled_from(["model", "service_tier"]), VALUES, max_size=6)


def written(said: Any, indent: int | None, ascii_: bool) -> bytes:
    """JSON in one of its spellings."""
    return json.dumps(said, indent=indent, ensure_ascii=ascii_).encode()


@given(OBJECTS, st.sampled_from([None, 0, 2]), st.booleans())
def test_entries_are_where_the_parser_finds_them(
    said: dict[str, Any], indent: int | None, ascii_: bool
) -> None:
    """Each key, and a value that parses to the same."""
    text = written(said, indent, ascii_)
    spans = top_level(text)
    assert list(spans) == list(said)
    assert {k: json.loads(text[s.value : s.end]) for k, s in spans.items()} == said


@given(OBJECTS, st.dictionaries(st.sampled_from(["model", "stream_options", "x"]), VALUES),
       st.sampled_from([None, 2]))  # fmt: skip
def test_edits_inside_are_those_of_the_object(
    said: dict[str, Any], values: dict[str, Any], indent: int | None
) -> None:
    """At a path of keys, and only there; where the path ends early nothing is changed."""
    inner = {"usage": {**said, "y": 1}, **values}
    for outer in ({"message": inner, "z": said}, {"message": said.get("model"), "z": said}):
        text = written(outer, indent, False)
        made = json.loads(edited_inside(text, ("message", "usage", "service_tier"), "flex"))
        expected = json.loads(text)
        if isinstance(expected["message"], dict) and "usage" in expected["message"]:
            expected["message"]["usage"]["service_tier"] = "flex"
        assert made == expected


@given(OBJECTS, st.dictionaries(st.sampled_from(["model", "stream_options", "x"]), VALUES),
       st.sampled_from([None, 2]))  # fmt: skip
def test_edits_are_those_of_the_object(
    said: dict[str, Any], values: dict[str, Any], indent: int | None
) -> None:
    """Set, added and dropped, with the rest byte by byte."""
    text = written(said, indent, False)
    made = edited(text, top_level(text), values, drop="service_tier")
    expected = {k: v for k, v in {**said, **values}.items() if k != "service_tier"}
    assert json.loads(made) == expected
    for key, span in top_level(text).items():
        if key not in values and key != "service_tier":
            assert text[span.start : span.end] in made


STYLES = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\n")])


@given(OBJECTS, st.dictionaries(st.sampled_from(["model", "stream_options"]), VALUES),
       STYLES, st.booleans(), st.sampled_from(["", "flex", "auto", None]),
       st.integers(0, 6))  # fmt: skip
def test_quick_edits_are_those_of_the_object(
    said: dict[str, Any], values: dict[str, Any], style: tuple[str, str], ascii_: bool,
    tier: str | None, at: int,
) -> None:  # fmt: skip
    """However the text is written, and whatever stands in it beside; a tier stands anywhere."""
    if tier != "":
        entries = [each for each in said.items() if each[0] != "service_tier"]
        said = dict([*entries[:at], ("service_tier", tier), *entries[at:]])
    text = json.dumps(said, separators=style, ensure_ascii=ascii_).encode()
    made = changed(text, said, values, drop="service_tier")
    expected = {k: v for k, v in {**said, **values}.items() if k != "service_tier"}
    assert orjson.loads(made) == expected
    check_once(made, expected)


@given(OBJECTS, STYLES, st.data())
def test_quick_looks_find_every_key_that_is_there_twice(
    said: dict[str, Any], style: tuple[str, str], data: st.DataObject
) -> None:
    """And none where there is none, whatever texts and inner objects hold."""
    text = json.dumps(said, separators=style).encode()
    check_once(text, orjson.loads(text))
    if said:
        key = data.draw(st.sampled_from(list(said)))
        spelled = data.draw(st.sampled_from([json.dumps(key), escaped(key)]))
        twice = text[:-1].rstrip() + f"{style[0]}{spelled}{style[1]}1}}".encode()
        with pytest.raises(Twice):
            check_once(twice, orjson.loads(twice))


def escaped(key: str) -> str:
    """A key of which every letter is an escape."""
    units = key.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2)) + '"'


@given(st.lists(TEXT, min_size=2, max_size=5))
def test_a_key_twice_is_refused(keys: list[str]) -> None:
    """However it is spelled."""
    first = keys[0]
    entries = [f"{json.dumps(key, ensure_ascii=n % 2 == 0)}:1" for n, key in enumerate(keys)]
    twice = ",".join([*entries, f"{json.dumps(first)}:2"])
    with pytest.raises(Twice):
        top_level(f"{{{twice}}}".encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_refusal(text: bytes) -> None:
    """Nothing else is ever raised."""
    refusal = refused(text)
    if refusal is not None:
        assert json.loads(refusal.body)["error"]["message"]


def refused(text: bytes) -> Refusal | None:
    """Why a text is no request; None for one that is."""
    try:
        read_chat(text)
    except Refusal as refusal:
        return refusal if refusal.status == 400 else None
    return None


@given(OBJECTS, VALUES, VALUES, VALUES, VALUES)
def test_any_object_is_a_request_or_a_refusal(
    said: dict[str, Any], model: Any, stream: Any, tier: Any, options: Any
) -> None:
    """Whatever stands where."""
    more = {"model": model, "stream": stream, "service_tier": tier, "stream_options": options}
    text = json.dumps({**said, "messages": [], **more}).encode()
    if refused(text) is None:
        chat = read_chat(text)
        assert chat.model == model
        assert chat.stream is bool(stream)


EVENTS = st.lists(
    st.sampled_from(
        ["data: x", "data:{}", ": c", "event: e\ndata: y", "data: é", "data: 1\ndata: 2", "id: 7"]
    ),
    min_size=1,
    max_size=6,
)


@given(EVENTS, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200), max_size=8))
def test_events_are_the_same_however_they_are_cut(
    events: list[str], line: str, cuts: list[int]
) -> None:
    """At any bytes, with any ends of lines; what is passed on is what came."""
    text = "".join(event.replace("\n", line) + 2 * line for event in events).encode()
    pieces = [text[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True)]
    splitter = Splitter(1000)
    got = [event for piece in pieces for event in splitter.feed(piece)]
    if line == "\r":  # the last end may still become a CRLF
        got += splitter.feed(b"data: end\n\n")[:-1] if len(got) < len(events) else []
    assert len(got) >= len(events) - (line == "\r")
    assert text.startswith(b"".join(got))
    said = [data_of(event).decode() for event in got]
    lines = [[part for part in event.split("\n") if part[:5] == "data:"] for event in events]
    expected = ["\n".join(part[5:].removeprefix(" ") for part in own) for own in lines]
    assert said == expected[: len(said)]


def test_an_event_that_is_too_long_is_noticed() -> None:
    """Before and after it is complete; what came before it is given."""
    for text in (b"x" * 50, b"x" * 50 + b"\n\n"):
        splitter = Splitter(20)
        assert splitter.feed(b"data: 1\n\n" + text) == [b"data: 1\n\n"]
        assert splitter.too_long


@given(TEXT)
def test_no_name_breaks_a_header(text: str) -> None:
    """Whatever a region is called."""
    _, value = header_of("x-wattlas-region", text + "\r\nx-evil: 1\x00")
    assert all(0x20 <= byte < 0x7F for byte in value)


@given(VALUES)
def test_usage_of_any_kind_gives_counts(said: Any) -> None:
    """Never negative, never beyond reason."""
    meter = TokenMeter(400)
    meter.usage(said)
    meter.usage({"prompt_tokens": said, "completion_tokens": said})
    tokens_in, tokens_out, _ = meter.tokens(End.WHOLE)
    assert 0 <= tokens_in <= 10**8
    assert 0 <= tokens_out <= 10**8
    assert orjson.dumps([tokens_in, tokens_out])
