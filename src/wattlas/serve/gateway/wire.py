"""Servers of models over connections of our own: kept, one request at a time on each.

Nothing is followed, decoded or remembered. Per request this takes a fifth of the CPU time that a
general client does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httptools

from wattlas.serve.gateway.upstream import Failure, Take

IDLE_S = 30.0
"""How long a connection is kept that nobody uses: less than servers do."""
HEAD_BYTES = 65_536
HIGH_BYTES = 262_144
"""Of a body that is not taken; then no more is read."""


class Wire(asyncio.Protocol):
    """One connection. A server's answer is both read and given out here; there is one at a time."""

    transport: asyncio.Transport

    def __init__(self, pool: deque[Wire]) -> None:
        self._pool = pool
        self.used = False
        """Whether an answer was had on it before."""
        self.idle_since_s = 0.0
        self.answer: WireAnswer | None = None
        self._parser: Any = None
        self._silent = True
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, text: bytes) -> WireAnswer:
        """Send a request."""
        self._parser = httptools.HttpResponseParser(self)
        self._silent = True
        self._begin()
        self.answer = WireAnswer(self)
        self.transport.write(text)
        return self.answer

    def _begin(self) -> None:
        self._head_bytes = self._fed = 0
        self.headers: dict[bytes, bytes] = {}
        self.framed = False

    def data_received(self, data: bytes) -> None:
        if self.answer is None:
            self.transport.abort()  # nobody asked
            return
        self._silent = False
        in_head = not self.answer.headed
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Failure("not HTTP"))
            return
        if in_head and self.answer is not None and not self.answer.headed:
            self._fed += len(data)
            if self._fed > HEAD_BYTES:
                self._fail(Failure("not HTTP"))

    def on_message_begin(self) -> None:
        """Of the parser: the first byte of an answer."""
        if self.answer is None:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the parser: a header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("too long")
        name = name.lower()
        self.headers[name] = value
        if name == b"content-length" or name == b"transfer-encoding":
            self.framed = True

    def on_headers_complete(self) -> None:
        """Of the parser: the end of the headers."""
        status = self._parser.get_status_code()
        if status >= 200 and self.answer is not None:
            self.answer.head(status, self.headers)

    def on_body(self, body: bytes) -> None:
        """Of the parser: a part of the body."""
        if self.answer is not None:
            self.answer.feed(body)

    def on_message_complete(self) -> None:
        """Of the parser: the end of an answer, or of an interim one."""
        answer = self.answer
        if answer is None:
            return
        if not answer.headed:
            self._begin()
            return
        self.answer, self.used = None, True
        # What was not sent of the request would be taken for the beginning of the next one.
        keep = self._parser.should_keep_alive() and not self.transport.get_write_buffer_size()
        if keep and not self.transport.is_closing():
            if answer.paused:
                self.transport.resume_reading()
            self._put_back()
        else:
            self.transport.close()
        answer.finish(None)

    def _put_back(self) -> None:
        now = asyncio.get_running_loop().time()
        self.idle_since_s = now
        self._pool.append(self)
        while now - self._pool[0].idle_since_s > IDLE_S:
            self._pool.popleft().transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.answer is None:
            if self in self._pool:
                self._pool.remove(self)
            return
        if self._silent:
            kind = "reset" if exc is not None else "disconnected"
            fresh = self.used
            if fresh:
                self.drop_idle()
            self._fail(Failure(kind, fresh=fresh))
        elif self.answer.headed and not self.framed and exc is None:
            answer, self.answer = self.answer, None
            answer.finish(None)  # without a length the end of the connection is the end
        else:
            self._fail(Failure("cut short" if self.answer.headed else "disconnected"))

    def drop_idle(self) -> None:
        """Connections to the same server have likely died as well."""
        while self._pool:
            self._pool.pop().transport.abort()

    def _fail(self, failure: Failure) -> None:
        answer, self.answer = self.answer, None
        self.transport.abort()
        if answer is not None:
            answer.finish(failure)

    def drop(self) -> None:
        """End a request whose answer nobody wants any more."""
        self.answer = None
        self.transport.abort()


class WireAnswer:
    """What a server answers; nothing waits in it once `close` was called."""

    def __init__(self, wire: Wire) -> None:
        self._wire: Wire | None = wire
        self.status = 0
        self.content_type = self.retry_after = self.encoding = ""
        self.headers: Mapping[bytes, bytes] = {}
        self.headed = False
        self._parts: list[bytes] = []
        self._size = 0
        self.paused = self._ended = False
        self._failure: Failure | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._take: Take | None = None
        self._waits = False
        """Whether all that arrived was given out, and the next piece is waited for."""

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        """The head is there."""
        self.headed, self.status, self.headers = True, status, headers
        self.content_type = headers.get(b"content-type", b"").decode("latin-1").lower()
        self.retry_after = headers.get(b"retry-after", b"").decode("latin-1")
        self.encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").lower()
        self._wake()

    def feed(self, body: bytes) -> None:
        """A part of the body arrived."""
        if self._take is not None and self._waits and self._take(body):
            return
        self._waits = False
        self._parts.append(body)
        self._size += len(body)
        if self._size > HIGH_BYTES and not self.paused and self._wire is not None:
            self.paused = True
            self._wire.transport.pause_reading()
        self._wake()

    def finish(self, failure: Failure | None) -> None:
        """The answer is complete, or broken."""
        self._ended, self._failure, self._wire = True, failure, None
        self._waits = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait_for_head(self) -> None:
        """Wait for the head. Raises Failure where there will be none."""
        while not self.headed:
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def pieces(self, take: Take | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises Failure where it breaks off."""
        self._take = take
        while True:
            if self._parts:
                parts, self._parts, self._size = self._parts, [], 0
                if self.paused and self._wire is not None:
                    self.paused = False
                    self._wire.transport.resume_reading()
                yield parts[0] if len(parts) == 1 else b"".join(parts)
            elif self._failure is not None:
                raise self._failure
            elif self._ended:
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                self._waits = True
                await self._waiter

    def close(self) -> None:
        """End the request; a server that is still at work is told by the closed connection."""
        wire, self._wire = self._wire, None
        self._take = None
        if wire is not None:
            wire.drop()
