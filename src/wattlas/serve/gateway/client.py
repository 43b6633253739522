"""The client's side of a request: its body within bounds, its departure, and the answer's bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.tell import Headers


class Client:
    """One request of an ASGI server. `began` says whether a byte of the answer was sent."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.began = False
        self.left = False
        self.taken = False
        """Whether the whole body was read."""
        self.sending = False
        """Whether the client has not taken yet what was sent."""
        self._watcher: asyncio.Task[None] | None = None

    async def body(self, most_bytes: int, seconds: float) -> bytes:
        """The whole body. Raises Refusal where it is too long or too slow, or the client left."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        self.left = True
                        raise Refusal(499, "The client left.", "client_left")
                    part = message.get("body", b"")
                    size += len(part)
                    if size > most_bytes:
                        text = f"The body is longer than {most_bytes} bytes."
                        raise Refusal(413, text, "body_too_long", retry=False)
                    parts.append(part)
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            raise Refusal(408, "The body came too slowly.", "body_too_slow") from None
        self.taken = True
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def watch(self, left: Callable[[], None]) -> None:
        """Call `left` when the client leaves."""
        self._watcher = asyncio.create_task(self._watch(left))

    async def _watch(self, left: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self.left = True
        left()

    def unwatch(self) -> None:
        """Look no longer."""
        if self._watcher is not None:
            self._watcher.cancel()

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer."""
        length = (b"content-length", str(len(body)).encode())
        await self._start(status, [*headers, length])
        self.sending = True
        await self._send({"type": "http.response.body", "body": body})
        self.sending = False

    async def start_stream(self, headers: Headers) -> None:
        """The head of an answer in parts."""
        await self._start(200, headers)

    async def _start(self, status: int, headers: Headers) -> None:
        self.began = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def part(self, text: bytes) -> None:
        """A part of an answer; waits while the client reads more slowly than it comes."""
        self.sending = True
        await self._send({"type": "http.response.body", "body": text, "more_body": True})
        self.sending = False

    async def finish(self) -> None:
        """The end of an answer in parts."""
        await self._send({"type": "http.response.body", "body": b""})

    def abort(self) -> None:
        """Drop the connection, with what is buffered for it."""
        abort = self._scope.get("wattlas.abort")
        if abort is not None:
            abort()
