"""Server-sent events as bytes: cut where one ends, however they arrive, and never held for long."""

from __future__ import annotations

import re

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r(?!\n)")
_LINE = re.compile(rb"\r\n|\n|\r")


class Splitter:
    """Takes pieces of a stream, gives whole events with the blank line that ends them."""

    def __init__(self, most_bytes: int) -> None:
        self._rest = b""
        self._most = most_bytes

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that are complete now, up to one that is too long."""
        if not self._rest and _is_one(piece, self._most):
            return [piece]
        rest = self._rest + piece if self._rest else piece
        events, start = [], 0
        for match in _END.finditer(rest):
            if match[0] == b"\r\r" and match.end() == len(rest):
                break  # the next byte says whether this is the end of a line or of an event
            if match.end() - start > self._most:
                break
            events.append(rest[start : match.end()])
            start = match.end()
        self._rest = rest[start:]
        return events

    def alone(self, piece: bytes) -> bytes:
        """The data of a piece that is one whole event, written plainly; empty for any other piece.
        Nothing of it has to be fed."""
        if self._rest or not piece.startswith(b"data: ") or not _is_one(piece, self._most):
            return b""
        return piece[6:-2] if piece.count(b"\n") == 2 else b""

    @property
    def too_long(self) -> bool:
        """Whether the event that comes next is longer than is allowed."""
        return len(self._rest) > self._most


def _is_one(piece: bytes, most: int) -> bool:
    """Whether a piece is one whole event: nearly always, one is sent when a token is there."""
    return (
        piece.endswith(b"\n\n")
        and len(piece) <= most
        and piece.find(b"\n\n") == len(piece) - 2
        and b"\r" not in piece
    )


def data_of(event: bytes) -> bytes:
    """The data of an event: its `data` lines, joined; empty for a comment."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2 and event.endswith(b"\n\n"):
        return event[6:-2]
    lines = [line[5:] for line in _LINE.split(event) if line.startswith(b"data:")]
    return b"\n".join(line.removeprefix(b" ") for line in lines)
