"""The seam to servers of models: one call, and an answer that is read in pieces.

Whatever a server does wrong becomes a `Failure` with a word for it; no library's error passes. A
test, or another client library, stands in by being called the same way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol


class Failure(Exception):
    """A server did not do what it should: `kind` says what, `fresh` whether another connection to
    the same server may help."""

    def __init__(self, kind: str, status: int = 502, *, fresh: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.status, self.fresh = kind, status, fresh


Take = Callable[[bytes], bool]
"""Takes a piece of a body in the moment in which it arrives, or leaves it to whoever waits."""


class UpstreamAnswer(Protocol):
    """What a server answers: its head, with headers in lower case, then pieces of its body."""

    status: int
    content_type: str
    retry_after: str
    headers: Mapping[bytes, bytes]

    def pieces(self, take: Take | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises Failure where it breaks off. While a piece is waited for,
        `take` may take those that arrive, which are not given out then."""
        ...

    def close(self) -> None:
        """End the request; a server that is still at work is told by the closed connection."""
        ...


class Upstream(Protocol):
    """Sends requests to servers."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> UpstreamAnswer:
        """The head of an answer. Raises Failure."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


async def whole(answer: UpstreamAnswer, most_bytes: int) -> bytes:
    """A body of bounded size. Raises Failure."""
    parts: list[bytes] = []
    size = 0
    async for piece in answer.pieces():
        size += len(piece)
        if size > most_bytes:
            raise Failure("answer too long")
        parts.append(piece)
    return b"".join(parts)


def header_of(name: str, value: Any) -> tuple[bytes, bytes]:
    """A header of an answer; what no header may hold is escaped."""
    return name.encode(), header_text(str(value)).encode()


def header_text(shown: str) -> str:
    """A text as it stands in a header of ours: what none may hold is escaped."""
    if shown.isascii() and shown.isprintable():
        return shown
    text = shown.encode("ascii", "backslashreplace")
    return bytes(c if 0x20 <= c < 0x7F else 0x3F for c in text).decode()
