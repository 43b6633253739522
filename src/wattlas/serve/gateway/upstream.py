"""The seam to servers of models: one call, and an answer that is read in pieces.

Whatever a server does wrong becomes a `Failure` with a word for it; no library's error passes. A
test, or another client library, stands in by being called the same way.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import aiohttp


class Failure(Exception):
    """A server did not do what it should: `kind` says what, `fresh` whether another connection to
    the same server may help."""

    def __init__(self, kind: str, status: int = 502, *, fresh: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.status, self.fresh = kind, status, fresh


class Answer(Protocol):
    """What a server answers: its head, then pieces of its body."""

    status: int
    content_type: str
    retry_after: str

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises Failure where it breaks off."""
        ...

    def close(self) -> None:
        """End the request; a server that is still at work is told by the closed connection."""
        ...


class Upstream(Protocol):
    """Sends requests to servers."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The head of an answer. Raises Failure."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@contextmanager
def _in_words() -> Iterator[None]:
    """Errors of the library as failures."""
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        raise
    except aiohttp.ServerDisconnectedError:
        raise Failure("disconnected", fresh=True) from None
    except aiohttp.ClientConnectorDNSError:
        raise Failure("no such name") from None
    except aiohttp.ClientConnectorError:
        raise Failure("refused") from None
    except aiohttp.ClientPayloadError:
        raise Failure("cut short") from None
    except (aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError):
        raise Failure("not HTTP") from None
    except ConnectionResetError:
        raise Failure("reset", fresh=True) from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise Failure("connection failed") from None


class _Answer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.content_type = response.headers.get("content-type", "").lower()
        self.retry_after = response.headers.get("retry-after", "")

    async def pieces(self) -> AsyncIterator[bytes]:
        content = self._response.content
        with _in_words():
            while piece := await content.readany():
                yield piece

    def close(self) -> None:
        self._response.close()


class AiohttpUpstream:
    """Over aiohttp: connections are kept, nothing is followed, decoded or remembered."""

    def __init__(self, connect_s: float) -> None:
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, keepalive_timeout=30.0, family=socket.AF_UNSPEC, use_dns_cache=True
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        return self._session

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The head of an answer. Raises Failure."""
        try:
            with _in_words():
                response = await self._open().post(
                    url, data=body, headers=headers, allow_redirects=False
                )
        except aiohttp.ConnectionTimeoutError:
            raise Failure("connect timed out", 504) from None
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise Failure("encoded unasked")
        return _Answer(response)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


async def whole(answer: Answer, most_bytes: int) -> bytes:
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
    shown = str(value)
    if shown.isascii() and shown.isprintable():
        return name.encode(), shown.encode()
    text = shown.encode("ascii", "backslashreplace")
    clean = bytes(c if 0x20 <= c < 0x7F else 0x3F for c in text)
    return name.encode(), clean
