"""Answers that need no waiting: one call per request, and no task.

It serves the decision service, where a gateway asks about every request: what a framework costs
would be most of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from wattlas.serve.config import LimitsSection
from wattlas.serve.connection import Connection, Server, answer_of
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.tell import JSON, Headers

log = logging.getLogger("wattlas.serve")

Answered = tuple[int, Headers, bytes]
Handler = Callable[[bytes, bytes, list[tuple[bytes, bytes]], bytes], Answered]
"""(method, path, headers, body) → (status, headers, body)."""
_CLOSE = b"connection: close"


class _Connection(Connection):
    """A connection whose messages are answered at once."""

    server: DirectServer

    def head_complete(self) -> None:
        self._body: list[bytes] = []
        self._length = 0
        if any(name == b"expect" for name, _ in self.headers):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._length += len(body)
        if self._length > self.limits.body_bytes:
            text = f"The body is longer than {self.limits.body_bytes} bytes."
            raise Refusal(413, text, "body_too_long", retry=False)

    def message_complete(self) -> None:
        if self.transport.is_closing() or self.deaf:
            return
        method, body = self.parser.get_method(), self._body
        whole = body[0] if len(body) == 1 else b"".join(body)
        status, headers, text = self.server.answer(method, self.path, self.headers, whole)
        keep = self.parser.should_keep_alive() and not self.server.closing
        answer = answer_of(status, headers, text, *(() if keep else (_CLOSE,)))
        self.transport.write(answer if method != b"HEAD" else answer[: len(answer) - len(text)])
        if not keep:
            self.transport.close()

    def refuse(self, refusal: Refusal) -> None:
        if not (self.transport.is_closing() or self.deaf):
            self.transport.write(answer_of(refusal.status, refusal.headers, refusal.body, _CLOSE))
            self.part()

    def late(self, now: float) -> None:
        """Refuse a message that takes too long."""
        super().late(now)
        if not self.in_head and now - self.since_s > self.limits.body_s:
            self.refuse(Refusal(408, "The body came too slowly.", "body_too_slow"))


class DirectServer(Server):
    """Serves a handler on a socket until it is told to stop."""

    made = _Connection

    def __init__(self, handler: Handler, limits: LimitsSection) -> None:
        super().__init__(limits)
        self._handler = handler

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
