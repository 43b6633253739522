"""Heads of messages: how they are written, and those that were read before.

A gateway that asks about every request, and a client that keeps its key, send the same head again
and again but for the length of the body. A head is remembered only after the parser took it, in one
piece with its body and from a clean state; so whatever the parser refuses is never found here.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

MOST_KNOWN = 1024
LONGEST_KNOWN = 2048
"""Bytes of a head that is remembered: all of them together take 4 MiB at most."""
LONGEST_LENGTH = 9
"""Digits."""
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,%d})\r\n" % LONGEST_LENGTH)
_NOT_PLAIN = frozenset((b"expect", b"transfer-encoding", b"upgrade"))

Headers = list[tuple[bytes, bytes]]
_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def head_of(status: int, headers: Headers, *more: bytes) -> bytes:
    """The head of an answer; `more` are lines without their end."""
    parts = [_LINES.get(status) or b"HTTP/1.1 %d -\r\n" % status]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    for line in more:
        parts += (line, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


def answer_of(status: int, headers: Headers, body: bytes, *more: bytes) -> bytes:
    """A whole answer."""
    return head_of(status, headers, b"content-length: %d" % len(body), *more) + body


class Head:
    """The head of a message as it was read; names of headers are in lower case.

    `note` is for who answers: what came of this head, for the next message that has the same.
    """

    __slots__ = ("expects", "headers", "keeps", "method", "note", "old", "path")

    def __init__(
        self, method: bytes, path: bytes, headers: Headers, keeps: bool, old: bool
    ) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.keeps = keeps
        """Whether the connection may be used again."""
        self.old = old
        """Whether it is HTTP/1.0."""
        self.expects = any(name == b"expect" for name, _ in headers)
        self.note: Any = None


Cut = tuple[bytes, bytes, int]
"""What stands before and after the length in a head, and where the body begins."""


def body_of(data: bytes, before: bytes, after: bytes) -> bytes | None:
    """The body of one whole message whose head is the same as another but for the length; None
    where it is not. `after` is with the empty line."""
    begin = len(before)
    stop = data.find(b"\r", begin, begin + LONGEST_LENGTH + 1)
    digits = data[begin:stop]
    if stop < 0 or not (
        digits.isdigit() and data.startswith(after, stop) and data.startswith(before)
    ):
        return None
    body = data[stop + len(after) :]
    return body if len(body) == int(digits) else None


def cut(data: bytes) -> Cut | None:
    """One whole message in pieces; None where it is not written plainly, or is not one."""
    end = data.find(b"\r\n\r\n")
    length = _LENGTH.search(data, 0, end + 2)
    if end < 0 or length is None:
        return None
    begin, stop = length.span(1)
    if len(data) - end - 4 != int(data[begin:stop]):
        return None
    return data[:begin], data[stop:end], end + 4


class Heads:
    """The heads that are known, by what stands before and after the length of the body."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], Head] = {}

    def find(self, before: bytes, after: bytes) -> Head | None:
        """The head that was read from this text."""
        return self._known.get((before, after))

    def keep(self, before: bytes, after: bytes, head: Head) -> None:
        """Remember a head, without its length: it stands for those of any."""
        names = [name for name, _ in head.headers]
        plain = names.count(b"content-length") == 1 and _NOT_PLAIN.isdisjoint(names)
        if plain and len(before) + len(after) <= LONGEST_KNOWN:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            others = [each for each in head.headers if each[0] != b"content-length"]
            known = Head(head.method, head.path, others, head.keeps, head.old)
            self._known[before, after] = known
