"""HTTP/1.1 as a server reads it, with bounds: what the ports of the service have in common.

Headers are bounded in size and time and name exactly one Host, and a length has one meaning
(`httptools` refuses others). What breaks a bound is answered in JSON, and its connection is closed
once the client has had a moment to read that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

import httptools

from wattlas.serve.config import LimitsSection
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.heads import Head, Heads, body_of, cut

SWEEP_S = 0.25
"""How often deadlines of heads and idle connections are looked at."""
LINGER_S = 1.0
"""How long a client that is still sending may take to read why it was refused."""
BACKLOG = 2048
NOT_HTTP = Refusal(400, "This is not HTTP/1.1 as it should be.", "bad_request")


class Connection(asyncio.Protocol):
    """One connection: the message that is being read, and since when. What becomes of messages is
    for those who derive from it."""

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server, self.limits = server, server.limits
        self.parser = httptools.HttpRequestParser(self)
        self._now = asyncio.get_running_loop().time
        self.since_s = self._now()
        """Since when the message is awaited that is being read; inf while none is."""
        self.in_head, self.deaf = True, False
        self._messages = self._fed = 0
        self._between = True
        """Whether the next byte begins a message, and the parser would read one."""
        self._upgrades = False
        self._last: tuple[bytes, bytes, Head] | None = None
        """The head of the message before, by what stands before and after the length: who asks
        here asks again."""
        self.idle_since_s = self.since_s

    def connection_made(self, transport: Any) -> None:
        """Join the others."""
        self.transport = transport
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave them."""
        self.server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self.deaf:
            return
        before, pieces = self._messages, None
        try:
            if self._between:
                last = self._last
                body = None if last is None else body_of(data, last[0], last[1])
                if last is not None and body is not None:
                    # Between two messages all else is as the message before left it.
                    self.head = last[2]
                    self._messages += 1
                    self.whole(last[2], body)
                    return
                pieces = cut(data)
                known = None if pieces is None else self.server.heads.find(pieces[0], pieces[1])
                if pieces is not None and known is not None:
                    self._last = pieces[0], pieces[1] + b"\r\n\r\n", known
                    self.head, self.in_head = known, False
                    self._between, self.since_s = known.keeps, float("inf")
                    self._messages += 1
                    self.whole(known, data[pieces[2] :])
                    return
            self._feed(data)
            if pieces is not None and self._between and self._messages == before + 1:
                self.server.heads.keep(pieces[0], pieces[1], self.head)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self.refuse(cause if isinstance(cause, Refusal) else NOT_HTTP)
        except httptools.HttpParserError:
            self.refuse(NOT_HTTP)
        except Refusal as refusal:
            self.refuse(refusal)
        else:
            if self.in_head and self._messages == before:
                self._fed += len(data)
                if self._fed > self.limits.header_bytes:
                    self.refuse(self._too_long())

    def whole(self, head: Head, body: bytes) -> None:
        """A message that is there at once."""
        self.head_complete()
        if body:
            self.on_body(body)
        self.message_complete()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nothing else is spoken here: the same request without its wish.
            head = self._without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            self._upgrades = False
            self._feed(head + data[upgrade.args[0] :])

    def _without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            raise NOT_HTTP
        lines = [b"%b %b HTTP/%b" % (method, self.path, version.encode())]
        usual = b"close" if version == "1.0" else b"keep-alive"
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(t for t in tokens if t.lower() != b"upgrade") or usual
            if name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _too_long(self) -> Refusal:
        text = f"The headers are longer than {self.limits.header_bytes} bytes."
        return Refusal(431, text, "header_too_long", retry=False)

    def on_message_begin(self) -> None:
        """Of the parser: the first byte of a message."""
        self.path = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._hosts = self._size = self._fed = 0
        self.in_head, self._between = True, False
        self.since_s = self._now()

    def on_url(self, url: bytes) -> None:
        """Of the parser: the path, or a part of it."""
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the parser: a header."""
        lower = name.lower()
        if lower == b"host":
            self._hosts += 1
        self.headers.append((lower, value))
        self._size += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        """Of the parser: the end of the headers."""
        if self._size + len(self.path) > self.limits.header_bytes:
            raise self._too_long()
        if self._hosts != 1:
            raise Refusal(400, "Name exactly one Host.", "bad_host")
        self._upgrades = self.parser.should_upgrade()
        if not self._upgrades:
            self.in_head = False
            parser = self.parser
            self.head = Head(
                parser.get_method(), self.path, self.headers,
                parser.should_keep_alive(), parser.get_http_version() == "1.0",
            )  # fmt: skip
            self.head_complete()

    def on_message_complete(self) -> None:
        """Of the parser: the end of a message."""
        if self._upgrades:
            return
        self._messages += 1
        self._between, self.since_s = self.head.keeps, float("inf")
        self.message_complete()

    def head_complete(self) -> None:
        """`head` is there."""

    def on_body(self, body: bytes) -> None:
        """Of the parser: a part of the body."""
        raise NotImplementedError

    def message_complete(self) -> None:
        """The whole message is there."""
        raise NotImplementedError

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error, and close."""
        raise NotImplementedError

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return False

    def late(self, now: float) -> None:
        """Refuse a head that takes too long."""
        if self.in_head and now - self.since_s > self.limits.header_s:
            self.refuse(Refusal(408, "The headers came too slowly.", "header_too_slow"))

    def part(self) -> None:
        """Close, once a client that is still sending had time to read the answer."""
        self.deaf = True
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, self.transport.close)

    def eof_received(self) -> bool:
        """The client sends no more: it is gone."""
        return False


class Server:
    """Serves connections on a socket until it is told to stop; then what is in flight comes to its
    end, for `drain_s` at most."""

    made: type[Connection]
    """What stands behind each connection."""
    idle_s = float("inf")
    """How long a connection may stay between two requests."""

    def __init__(self, limits: LimitsSection) -> None:
        self.limits = limits
        self.connections: set[Any] = set()
        self.heads = Heads()
        self.closing = self.started = False
        self.date = _date()
        """A line of every head, brought up to date now and then."""
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Begin to drain."""
        self.closing = True
        self._stopped.set()

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve until stopped."""
        loop = asyncio.get_running_loop()
        servers = [await self._listen(loop, each) for each in sockets]
        self.started = True
        while not self._stopped.is_set():
            self._sweep(loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), SWEEP_S)
        for server in servers:
            server.close()
        await self._drain(loop)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, opened: socket.socket
    ) -> asyncio.Server:
        if opened.family == socket.AF_UNIX:
            return await loop.create_unix_server(lambda: self.made(self), sock=opened)
        return await loop.create_server(lambda: self.made(self), sock=opened, backlog=BACKLOG)

    def _sweep(self, now: float) -> None:
        self.date = _date()
        never, since_s = float("inf"), now - self.idle_s
        for connection in list(self.connections):  # of ten thousand nearly all wait for nothing
            if connection.since_s != never:
                connection.late(now)
            elif connection.idle_since_s < since_s and not connection.busy:
                connection.transport.close()

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        until = loop.time() + self.limits.drain_s
        while True:
            busy = self._close_idle()
            if not busy or loop.time() > until:
                break
            await asyncio.sleep(0.02)
        await self.end(busy)
        for connection in list(self.connections):
            connection.transport.close()

    def _close_idle(self) -> list[Any]:
        """Close what waits for nothing; the rest."""
        busy = [each for each in self.connections if each.busy]
        for connection in self.connections.difference(busy):
            connection.transport.close()
        return busy

    async def end(self, connections: Iterable[Any]) -> None:
        """End what did not come to its end in time."""


def _date() -> bytes:
    return b"date: " + formatdate(usegmt=True).encode()
