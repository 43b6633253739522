"""The edge: uvicorn's HTTP parser with the bounds that it lacks, and servers without signals.

Before an application sees a request its headers are bounded in size and time and name exactly one
host. What breaks a bound is answered in JSON, and its connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wattlas.errors import UsageError
from wattlas.serve.config import LimitsSection, host_port
from wattlas.serve.gateway.errors import error_body

_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class _Refused(Exception):
    """A request's head breaks a bound."""


class EdgeProtocol(HttpToolsProtocol):
    """One connection."""

    limits: LimitsSection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._refusal = (400, "This is not HTTP/1.1 as it should be.", "bad_request")
        self._in_head = True
        self._head_bytes = 0
        self._hosts = 0
        self._late: asyncio.TimerHandle | None = None
        self._await_head()

    def _await_head(self) -> None:
        self._late = self.loop.call_later(self.limits.header_s, self._head_late)

    def _head_late(self) -> None:
        self._late = None
        self._refusal = (408, "The headers came too slowly.", "header_too_slow")
        self.send_400_response("")

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes and not self.transport.is_closing():
                self._too_long()
                self.send_400_response("")

    def _too_long(self) -> None:
        text = f"The headers are longer than {self.limits.header_bytes} bytes."
        self._refusal = (431, text, "header_too_long")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._hosts = True, 0, 0
        self.scope["wattlas.abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        if self._late is None:
            self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        self._hosts += name.lower() == b"host"
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._in_head = False
        if self._head_bytes + len(self.url) > self.limits.header_bytes:
            self._too_long()
            raise _Refused
        if self._hosts != 1:
            self._refusal = (400, "Name exactly one Host.", "bad_host")
            raise _Refused
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()  # an answer is under way: nothing may be put into it
            return
        status, text, code = self._refusal
        body = error_body(status, text, code)
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class Server(uvicorn.Server):
    """A server among others of a process, which alone looks at signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


def server(app: Any, limits: LimitsSection, backlog: int = 2048) -> Server:
    """A server of an application, to be run on sockets of its own."""
    protocol = type("EdgeProtocol", (EdgeProtocol,), {"limits": limits})
    return Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(round(limits.drain_s), 1),
            backlog=backlog,
            interface="asgi3",
        )
    )


def bound(listen: str | None, path: Path | None) -> socket.socket:
    """A socket on HOST:PORT, or a Unix socket that only this user may open. Raises UsageError."""
    family = socket.AF_UNIX if path else socket.AF_INET6 if "[" in str(listen) else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        if path is not None:
            _bind_unix(opened, path)
        else:
            assert listen is not None
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(host_port(listen))
    except OSError as error:
        opened.close()
        raise UsageError(
            f"{path or listen} cannot be listened at ({error.strerror or error}). Give another one."
        ) from error
    return opened


def _bind_unix(opened: socket.socket, path: Path) -> None:
    if path.is_socket():
        path.unlink()  # left by a process that ended
    opened.bind(str(path))
    path.chmod(0o600)


def address(opened: socket.socket) -> str:
    """Where a socket listens, as it is written."""
    name = opened.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"
