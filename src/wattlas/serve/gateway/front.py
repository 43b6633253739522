"""Answers that are waited for: a task per request, one after the other on a connection."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from wattlas.serve.config import LimitsSection
from wattlas.serve.connection import Connection, Server
from wattlas.serve.gateway.client import Client, Request
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.tell import JSON
from wattlas.serve.heads import answer_of

log = logging.getLogger("wattlas.serve")

Handler = Callable[[Request, Client], Awaitable[None]]
"""Answers a request to its client."""
KEEP_ALIVE_S = 75.0
_BUG = 500, [JSON], error_body(500, "Wattlas has a bug here.", "internal_error")


class _Line(Connection):
    """A connection: the requests on it, of which the first is being answered."""

    server: Front

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._clients: deque[tuple[Request, Client]] = deque()
        self._incoming: Client | None = None
        self._refusal: Refusal | None = None
        """What is answered after all requests before it."""
        self.full: asyncio.Future[None] | None = None
        """Comes when the client has taken what was sent, or is gone."""
        self.task: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.resume_writing()
        for _, client in self._clients:
            client.lose()

    @property
    def busy(self) -> bool:
        return bool(self._clients)

    @property
    def date(self) -> bytes:
        """A line of every head."""
        return self.server.date

    def head_complete(self) -> None:
        self.since_s = float("inf")  # whoever reads the body looks at the time
        head = self.head
        method = head.method.decode("latin-1")
        path, _, query = head.path.partition(b"?")
        client = Client(self, head.keeps and not self.server.closing, head.old, method == "HEAD")
        client.expects = head.expects
        self._incoming = client
        self._clients.append((Request(method, path, query, head.headers), client))
        if len(self._clients) == 1:
            self._begin()
        else:
            self.transport.pause_reading()

    def on_body(self, body: bytes) -> None:
        assert self._incoming is not None
        self._incoming.feed(body)

    def message_complete(self) -> None:
        assert self._incoming is not None
        self._incoming.end_body()

    def refuse(self, refusal: Refusal) -> None:
        if self.deaf:
            return
        self.deaf = True
        if self._clients and not self._clients[-1][1].complete:
            self._clients[-1][1].break_body(refusal)
            return
        self._refusal = refusal
        if not self._clients:
            self._tell()

    def _tell(self) -> None:
        assert self._refusal is not None
        if not self.transport.is_closing():
            refusal = self._refusal
            self.transport.write(
                answer_of(refusal.status, refusal.headers, refusal.body, b"connection: close")
            )
            self.part()

    def _begin(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._serve(*self._clients[0]))

    async def _serve(self, request: Request, client: Client) -> None:
        try:
            await self.server.handler(request, client)
        except Exception:
            log.exception("a request failed")
            if not client.began:
                await client.send(*_BUG)
        finally:
            self._done(client)

    def _done(self, client: Client) -> None:
        """The first request is answered: on to the next."""
        self._clients.popleft()
        self.idle_since_s = self._now()
        if self.transport.is_closing():
            return
        if not client.ended:
            self.transport.abort()
        elif not client.keep:
            self.transport.close() if client.complete else self.part()
        elif self._clients:
            self._begin()
            if len(self._clients) == 1:
                self.transport.resume_reading()
        elif self._refusal is not None:
            self._tell()
        elif self.server.closing:
            self.transport.close()

    def write(self, text: bytes) -> None:
        """Send bytes."""
        if not self.transport.is_closing():
            self.transport.write(text)

    def pause_writing(self) -> None:
        self.full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self.full is not None and not self.full.done():
            self.full.set_result(None)
        self.full = None

    def abort(self) -> None:
        """Drop the connection."""
        self.transport.abort()


class Front(Server):
    """Serves a handler on a socket until it is told to stop."""

    made = _Line
    idle_s = KEEP_ALIVE_S

    def __init__(self, handler: Handler, limits: LimitsSection) -> None:
        super().__init__(limits)
        self.handler = handler

    async def end(self, connections: Iterable[_Line]) -> None:
        """Cancel what did not come to its end in time."""
        tasks = [line.task for line in connections if line.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
