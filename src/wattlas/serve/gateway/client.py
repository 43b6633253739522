"""The client's side of a request: its body within bounds, its departure, and the answer's bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.tell import Headers
from wattlas.serve.heads import answer_of, head_of

_CLOSE = b"connection: close"
_CHUNKED = b"transfer-encoding: chunked"


class Request(NamedTuple):
    """The head of a request. The path is as it was sent; names of headers are in lower case."""

    method: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]


class Line(Protocol):
    """The connection that a client is at the other end of."""

    @property
    def date(self) -> bytes:
        """A line of every head."""
        ...

    @property
    def full(self) -> asyncio.Future[None] | None:
        """Comes when less is kept than should be at most, or the client has left; None where less
        is kept now."""
        ...

    def write(self, text: bytes) -> None:
        """Send bytes; what the client does not take is kept."""
        ...

    def abort(self) -> None:
        """Drop the connection, with what is kept for it."""
        ...


class Client:
    """Who sent a request, and gets its answer. `began` says whether a byte of it was sent."""

    def __init__(self, line: Line, keep: bool, http_1_0: bool, head_only: bool) -> None:
        self._line = line
        self.keep = keep
        """Whether the connection may be used again."""
        self.began = self.ended = False
        self.left = False
        self.taken = False
        """Whether the whole body was read."""
        self.sending = False
        """Whether the client has not taken yet what was sent."""
        self.expects = False
        """Whether it waits to be asked for the body."""
        self.lines: tuple[bytes, ...] = ()
        """Lines of the head of its answer, beside those that are given with it."""
        self._chunked, self._head_only = not http_1_0, head_only
        self._parts: list[bytes] = []
        self._size = 0
        self.complete = False
        self._broken: Refusal | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._most = float("inf")
        self._on_left: Callable[[], None] | None = None

    def feed(self, part: bytes) -> None:
        """A part of the body arrived."""
        if not self.ended:
            self._parts.append(part)
            self._size += len(part)
            if self._size > self._most:
                self._wake()

    def break_body(self, refusal: Refusal) -> None:
        """What comes of the body makes no sense."""
        self._broken = refusal
        self._wake()

    def end_body(self) -> None:
        """The whole body is there."""
        self.complete = True
        self._wake()

    def lose(self) -> None:
        """The connection is gone."""
        self.left = True
        self._wake()
        if self._on_left is not None:
            self._on_left()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def body(self, most_bytes: int, seconds: float) -> bytes:
        """The whole body. Raises Refusal where it is too long or too slow, or the client left."""
        if not self.complete:
            await self._rest_of_body(most_bytes, seconds)
        if self._size > most_bytes:
            text = f"The body is longer than {most_bytes} bytes."
            raise Refusal(413, text, "body_too_long", retry=False)
        if self.left:
            raise Refusal(499, "The client left.", "client_left")
        self.taken = True
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _rest_of_body(self, most_bytes: int, seconds: float) -> None:
        if self.expects:
            self._line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._most = most_bytes
        try:
            async with asyncio.timeout(seconds):
                while not (self.complete or self.left or self._size > most_bytes):
                    if self._broken is not None:
                        raise self._broken
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except TimeoutError:
            raise Refusal(408, "The body came too slowly.", "body_too_slow") from None

    def watch(self, left: Callable[[], None]) -> None:
        """Call `left` when the client leaves."""
        self._on_left = left
        if self.left:
            left()

    def unwatch(self) -> None:
        """Look no longer."""
        self._on_left = None

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer."""
        self.began = self.ended = True
        self.keep = self.keep and self.complete
        more = (*self.lines, self._line.date, *(() if self.keep else (_CLOSE,)))
        if not self.left:
            text = answer_of(status, headers, body, *more)
            self._line.write(text[: len(text) - len(body)] if self._head_only else text)
            await self._wait()

    async def start_stream(self, headers: Headers) -> None:
        """The head of an answer in parts."""
        self.began = True
        self.keep = self.keep and self.complete and self._chunked
        more = [*self.lines, self._line.date]
        if self._chunked:
            more.append(_CHUNKED)
        if not self.keep:
            more.append(_CLOSE)
        self._line.write(head_of(200, headers, *more))

    async def part(self, text: bytes) -> None:
        """A part of an answer; waits while the client reads more slowly than it comes."""
        if text and not self.left:
            self._write(text)
            if self._line.full is not None:
                await self._wait()

    def push(self, text: bytes) -> bool:
        """A part of an answer, where a client in the middle of it reads as fast as it comes; False
        where it has to be waited for."""
        if self.left or self.ended or not self.began or self._line.full is not None:
            return False
        self._write(text)
        return True

    def _write(self, text: bytes) -> None:
        self._line.write(b"%x\r\n%b\r\n" % (len(text), text) if self._chunked else text)

    async def _wait(self) -> None:
        """Until the client has taken enough of what was sent, or is gone."""
        if self._line.full is not None:
            self.sending = True
            await asyncio.shield(self._line.full)  # whose end is not that of one who waits
            self.sending = False

    async def finish(self) -> None:
        """The end of an answer in parts."""
        self.ended = True
        if self._chunked:
            self._line.write(b"0\r\n\r\n")

    def abort(self) -> None:
        """Drop the connection, with what is buffered for it."""
        self._line.abort()
