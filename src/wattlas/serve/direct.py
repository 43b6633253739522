"""A small HTTP/1.1 server for answers that need no waiting: one call per request, and no task.

It serves the decision service, where a gateway asks about every request: what a framework costs
would be most of it. The same bounds hold as at the edge: size and time of headers and body, one
Host, and no more than one meaning of a length (`httptools` refuses others).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httptools

from wattlas.serve.config import LimitsSection
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.tell import JSON, Headers

log = logging.getLogger("wattlas.serve")

Answered = tuple[int, Headers, bytes]
Handler = Callable[[bytes, bytes, list[tuple[bytes, bytes]], bytes], Answered]
"""(method, path, headers, body) → (status, headers, body)."""
SWEEP_S = 0.25
_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: ".encode()
    for status in HTTPStatus
}


class _Connection(asyncio.Protocol):
    """One connection: the message that is being read, and since when."""

    def __init__(self, server: DirectServer) -> None:
        self._server, self._limits = server, server.limits
        self._parser = httptools.HttpRequestParser(self)
        self._now = asyncio.get_running_loop().time
        self.since_s = self._now()
        """When the message began that is being read; inf while none is."""
        self._begin()

    def _begin(self) -> None:
        self._path, self._size, self._hosts = b"", 0, 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._in_head = True

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
            if self._in_head:
                self._grow(len(data), self._limits.header_bytes, 431, "headers")
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Refusal) else _NOT_HTTP)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(_NOT_HTTP)
        except Refusal as refusal:
            self._refuse(refusal)

    def _grow(self, size: int, most: int, status: int, what: str) -> None:
        self._size += size
        if self._size > most:
            text = f"The {what} are longer than {most} bytes."
            raise Refusal(status, text, "too_long", retry=False)

    def on_message_begin(self) -> None:
        self._begin()
        self.since_s = self._now()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"host":
            self._hosts += 1
        self._headers.append((lower, value))
        self._size += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        self._grow(len(self._path), self._limits.header_bytes, 431, "headers")
        self._in_head, self._size = False, 0
        if self._hosts != 1:
            raise Refusal(400, "Name exactly one Host.", "bad_host")

    def on_body(self, body: bytes) -> None:
        self._grow(len(body), self._limits.body_bytes, 413, "bytes of the body")
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.since_s = float("inf")
        if self.transport.is_closing():
            return
        method, body = self._parser.get_method(), b"".join(self._body)
        status, headers, text = self._server.answer(method, self._path, self._headers, body)
        keep = self._parser.should_keep_alive() and not self._server.closing
        self.transport.write(_answer(status, headers, text, keep))
        if not keep:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        if not self.transport.is_closing():
            self.transport.write(_answer(refusal.status, refusal.headers, refusal.body, False))
            self.transport.close()

    def late(self, now: float) -> None:
        """Refuse a message that takes too long."""
        limit = self._limits.header_s if self._in_head else self._limits.body_s
        if now - self.since_s > limit:
            what = "headers" if self._in_head else "body"
            self._refuse(Refusal(408, f"The {what} came too slowly.", "too_slow"))


_NOT_HTTP = Refusal(400, "This is not HTTP/1.1 as it should be.", "bad_request")


def _answer(status: int, headers: Headers, body: bytes, keep: bool) -> bytes:
    parts = [_LINES[status], str(len(body)).encode()]
    for name, value in headers:
        parts += (b"\r\n", name, b": ", value)
    parts.append(b"\r\n\r\n" if keep else b"\r\nconnection: close\r\n\r\n")
    parts.append(body)
    return b"".join(parts)


class DirectServer:
    """Serves a handler on a socket until it is told to stop."""

    def __init__(self, handler: Handler, limits: LimitsSection) -> None:
        self.limits, self._handler = limits, handler
        self.connections: set[_Connection] = set()
        self.closing = False
        self.started = False
        self._stopped = asyncio.Event()

    def answer(
        self, method: bytes, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answered:
        """What is answered; a bug is a 500, never a connection without an answer."""
        try:
            return self._handler(method, path, headers, body)
        except Refusal as refusal:
            return refusal.status, refusal.headers, refusal.body
        except Exception:
            log.exception("a decision failed")
            return 500, [JSON], error_body(500, "Wattlas has a bug here.", "internal_error")

    @property
    def should_exit(self) -> bool:
        """Whether it was told to stop."""
        return self.closing

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self.closing = value
        self._stopped.set()

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve until stopped."""
        loop = asyncio.get_running_loop()
        servers = [await _listen(loop, lambda: _Connection(self), each) for each in sockets]
        self.started = True
        while not self._stopped.is_set():
            for connection in list(self.connections):
                connection.late(loop.time())
            try:
                await asyncio.wait_for(self._stopped.wait(), SWEEP_S)
            except TimeoutError:
                continue
        for server in servers:
            server.close()
        for connection in list(self.connections):
            connection.transport.close()


async def _listen(
    loop: asyncio.AbstractEventLoop, made: Callable[[], _Connection], opened: socket.socket
) -> asyncio.Server:
    if opened.family == socket.AF_UNIX:
        return await loop.create_unix_server(made, sock=opened)
    return await loop.create_server(made, sock=opened, backlog=2048)
