"""Connections to servers of models that are kept, and requests over them.

Nothing is followed, decoded or remembered.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wattlas.serve.gateway.upstream import Failure, UpstreamAnswer
from wattlas.serve.gateway.wire import IDLE_S, Wire

MOST_URLS = 10_000
"""Addresses that are remembered as they are taken apart."""


class _Target(NamedTuple):
    """Where a request goes: the server, and the beginning of the request's head."""

    host: str
    port: int
    tls: bool
    start: bytes


class WireUpstream:
    """Sends requests to servers over connections that are kept."""

    def __init__(self, connect_s: float) -> None:
        self._connect_s = connect_s
        self._pools: dict[tuple[str, int, bool], deque[Wire]] = {}
        self._targets: dict[str, _Target] = {}
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> UpstreamAnswer:
        """The head of an answer. Raises Failure."""
        target = self._target(url)
        text = _request(target, body, headers)
        wire = self._kept(target) or await self._opened(target)
        answer = wire.send(text)
        try:
            await answer.wait_for_head()
        except BaseException:
            answer.close()
            raise
        if answer.encoding != "identity":
            answer.close()
            raise Failure("encoded unasked")
        return answer

    def _target(self, url: str) -> _Target:
        target = self._targets.get(url)
        if target is None:
            if len(self._targets) >= MOST_URLS:
                self._targets.clear()
            parts = urlsplit(url)
            tls = parts.scheme == "https"
            path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            start = f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-length: ".encode()
            target = _Target(parts.hostname or "", parts.port or (443 if tls else 80), tls, start)
            self._targets[url] = target
        return target

    def _kept(self, target: _Target) -> Wire | None:
        pool = self._pools.get(target[:3])
        now = asyncio.get_running_loop().time()
        while pool:
            wire = pool.pop()
            if wire.transport.is_closing():
                continue
            if now - wire.idle_since_s <= IDLE_S:
                return wire
            wire.transport.close()
        return None

    async def _opened(self, target: _Target) -> Wire:
        pool = self._pools.setdefault(target[:3], deque())
        tls: dict[str, Any] = {}
        if target.tls:
            self._tls = self._tls or ssl.create_default_context()
            tls = {"ssl": self._tls, "server_hostname": target.host}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, wire = await loop.create_connection(
                    lambda: Wire(pool), target.host, target.port, **tls
                )
        except TimeoutError:
            raise Failure("connect timed out", 504) from None
        except socket.gaierror:
            raise Failure("no such name") from None
        except ssl.SSLError:
            raise Failure("no TLS") from None
        except ConnectionError:
            raise Failure("refused") from None
        except OSError:
            raise Failure("connection failed") from None
        return wire

    async def close(self) -> None:
        """Close every connection that is kept."""
        for pool in self._pools.values():
            while pool:
                pool.pop().transport.close()


def _request(target: _Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"\r\n{name}: {value}" for name, value in headers.items()]
    text = "".join(lines).encode("latin-1")
    if text.count(b"\n") != len(lines) or text.count(b"\r") != len(lines):
        raise ValueError("a header holds a line's end")
    return b"%b%d%b\r\n\r\n%b" % (target.start, len(body), text, body)
