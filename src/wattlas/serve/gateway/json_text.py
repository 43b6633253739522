"""Edits of a JSON object as text: the keys of its top level, and nothing else, are looked at.

The bytes that are not edited stay as they are, so that a server gets what its client wrote. The
text must be valid JSON: whoever edits has parsed it before.

Nearly always a key that matters is written once in the text, plainly, and its value too: then it is
found by searching for its bytes, which costs a tenth of a scan of all tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)
_SPACE = b" \t\r\n"
LOOK_BYTES = 80
"""So much of a text shows how it is written."""
_COLON = re.compile(rb"\s*:\s*")
_COMMA = re.compile(rb"\s*,\s*")
_EMPTY = re.compile(rb"\s*\}")
_SPELLED = re.compile(rb"\\u00[2-7]")
"""An escape that could spell a letter of a key."""


class EntrySpan(NamedTuple):
    """Where an entry of the object stands: its key from `start`, its value in [value, end)."""

    start: int
    value: int
    end: int


class Twice(ValueError):
    """A key of the top level is there more than once: two readers would take different values."""


def top_level(text: bytes) -> dict[str, EntrySpan]:
    """The entries of an object by key. Raises Twice for a key that is repeated."""
    spans: dict[str, EntrySpan] = {}
    depth, key, start, value = 0, None, 0, -1
    for match in _TOKEN.finditer(text):
        token = text[match.start()]
        if token == 0x22:  # a string
            if depth == 1 and value < 0:
                key, start = _string(match[0]), match.start()
        elif token in b"{[":
            depth += 1
        elif token == 0x3A:  # a colon
            if depth == 1:
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


def check_once(text: bytes, said: Mapping[str, Any]) -> None:
    """Raise Twice where a key of an object, whose value is `said`, is there more than once.

    Most clients write without blanks: then the value, which has each key once, is the same text.
    """
    if b'": ' not in text[:LOOK_BYTES] and orjson.dumps(said) == text:
        return
    if _plain(text):
        for key in said:
            if not (key.isidentifier() and key.isascii()) or text.count(_quoted(key)) != 1:
                break
        else:
            return
    top_level(text)


def _plain(text: bytes) -> bool:
    """Whether every letter of a key stands for itself."""
    return b"\\" not in text or _SPELLED.search(text) is None


def _quoted(key: str) -> bytes:
    return b'"%b"' % key.encode()


def changed(
    text: bytes, named: Mapping[str, Any], values: Mapping[str, Any], drop: str | None = None
) -> bytes:
    """The object with other values of some keys, new ones first, and without the entry `drop`.
    `named` holds those of its keys that may be concerned; none is there twice. Keys are
    identifiers."""
    made: bytes | None = text if _plain(text) else None
    if made is not None and drop is not None and drop in named:
        made = _without(made, drop, named[drop])
    fresh = {}
    for key, value in values.items():
        if key not in named:
            fresh[key] = value
        elif made is not None:
            made = _with(made, key, named[key], value)
    if made is None:
        return edited(text, top_level(text), values, drop)
    if not fresh:
        return made
    brace = made.index(b"{") + 1
    comma = b"" if _EMPTY.match(made, brace) else b","
    entries = b",".join(b"%b:%b" % (_quoted(key), _dumped(value)) for key, value in fresh.items())
    return b"%b%b%b%b" % (made[:brace], entries, comma, made[brace:])


def _value(text: bytes, key: str, old: Any) -> tuple[int, int, int] | None:
    """Where a key begins, and where its value does and ends; None where that is not plain."""
    name = _quoted(key)
    if not (old is None or isinstance(old, str | bool)) or text.count(name) != 1:
        return None
    start = text.index(name)
    colon = _COLON.match(text, start + len(name))
    written = orjson.dumps(old)
    if colon is None or not text.startswith(written, colon.end()):
        return None
    return start, colon.end(), colon.end() + len(written)


def _with(text: bytes, key: str, old: Any, value: Any) -> bytes | None:
    span = _value(text, key, old)
    if span is None:
        return None
    _, begin, end = span
    return b"%b%b%b" % (text[:begin], _dumped(value), text[end:])


def _without(text: bytes, key: str, old: Any) -> bytes | None:
    span = _value(text, key, old)
    if span is None:
        return None
    begin, _, end = span
    comma = _COMMA.match(text, end)
    if comma is not None:
        return text[:begin] + text[comma.end() :]
    before = text[:begin].rstrip(_SPACE)
    return before.removesuffix(b",") + text[end:]


def _string(token: bytes) -> str:
    return token[1:-1].decode() if b"\\" not in token else str(json.loads(token))


def _trimmed(text: bytes, start: int, value: int, end: int) -> EntrySpan:
    while text[value] in _SPACE:
        value += 1
    while text[end - 1] in _SPACE:
        end -= 1
    return EntrySpan(start, value, end)


def edited(
    text: bytes, spans: Mapping[str, EntrySpan], values: Mapping[str, Any], drop: str | None = None
) -> bytes:
    """The object with other values of some keys, new ones first, and without the entry `drop`."""
    changes = [
        (spans[key].value, spans[key].end, _dumped(value))
        for key, value in values.items()
        if key in spans
    ]
    if drop is not None and drop in spans:
        changes.append((*_cut(spans, drop), b""))
    for begin, end, value in sorted(changes, reverse=True):
        text = text[:begin] + value + text[end:]
    fresh = [_dumped(key) + b":" + _dumped(v) for key, v in values.items() if key not in spans]
    if fresh:
        brace = text.index(b"{") + 1
        left = any(key != drop for key in spans)
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
    return orjson.dumps(value)


def _cut(spans: Mapping[str, EntrySpan], key: str) -> tuple[int, int]:
    """From an entry to the next one, or from the end of the one before where it is the last."""
    order = list(spans)
    n = order.index(key)
    if n + 1 < len(order):
        return spans[key].start, spans[order[n + 1]].start
    return (spans[order[n - 1]].end if n else spans[key].start), spans[key].end
