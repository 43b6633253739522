"""Edits of a JSON object as text: the keys of its top level, and nothing else, are looked at.

The bytes that are not edited stay as they are, so that a server gets what its client wrote. The
text must be valid JSON: whoever edits has parsed it before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)
_SPACE = b" \t\r\n"


class Span(NamedTuple):
    """Where an entry of the object stands: its key from `start`, its value in [value, end)."""

    start: int
    value: int
    end: int


class Twice(ValueError):
    """A key of the top level is there more than once: two readers would take different values."""


def top_level(text: bytes) -> dict[str, Span]:
    """The entries of an object by key. Raises Twice for a key that is repeated."""
    spans: dict[str, Span] = {}
    depth, key, start, value = 0, None, 0, -1
    for match in _TOKEN.finditer(text):
        token = text[match.start()]
        if token == 0x22:  # a string
            if depth == 1 and value < 0:
                key, start = _string(match[0]), match.start()
        elif token in b"{[":
            depth += 1
        elif token == 0x3A:  # a colon
            if depth == 1 and value < 0:
                value = match.end()
        else:
            closes = token in b"}]"
            depth -= closes
            if value >= 0 and depth == (0 if closes else 1):
                assert key is not None
                if key in spans:
                    raise Twice(key)
                spans[key] = _trimmed(text, start, value, match.start())
                value = -1
    return spans


def _string(token: bytes) -> str:
    return token[1:-1].decode() if b"\\" not in token else str(json.loads(token))


def _trimmed(text: bytes, start: int, value: int, end: int) -> Span:
    while text[value] in _SPACE:
        value += 1
    while text[end - 1] in _SPACE:
        end -= 1
    return Span(start, value, end)


def edited(
    text: bytes, spans: Mapping[str, Span], values: Mapping[str, Any], drop: Iterable[str] = ()
) -> bytes:
    """The object with other values of some keys, new ones first, and without some others."""
    changes = [
        (spans[key].value, spans[key].end, _dumped(value))
        for key, value in values.items()
        if key in spans
    ]
    changes += [(*_cut(spans, key), b"") for key in drop if key in spans]
    for begin, end, value in sorted(changes, reverse=True):
        text = text[:begin] + value + text[end:]
    fresh = [_dumped(key) + b":" + _dumped(v) for key, v in values.items() if key not in spans]
    if fresh:
        brace = text.index(b"{") + 1
        left = any(key not in set(drop) for key in spans)
        text = text[:brace] + b",".join(fresh) + (b"," if left else b"") + text[brace:]
    return text


def edited_inside(text: bytes, path: tuple[str, ...], value: Any) -> bytes:
    """The object with another value at a path of keys; as it is where an object on the way is not
    there. Raises Twice."""
    spans = top_level(text)
    key, *rest = path
    if not rest:
        return edited(text, spans, {key: value})
    span = spans.get(key)
    if span is None or text[span.value] != 0x7B:
        return text
    inner = edited_inside(text[span.value : span.end], tuple(rest), value)
    return text[: span.value] + inner + text[span.end :]


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _cut(spans: Mapping[str, Span], key: str) -> tuple[int, int]:
    """From an entry to the next one, or from the end of the one before where it is the last."""
    order = list(spans)
    n = order.index(key)
    if n + 1 < len(order):
        return spans[key].start, spans[order[n + 1]].start
    return (spans[order[n - 1]].end if n else spans[key].start), spans[key].end
