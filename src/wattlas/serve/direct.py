"""Answers that need no waiting: one call per request, and no task.

It serves the decision service, where a gateway asks about every request: what a framework costs
would be most of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from wattlas.serve.config import LimitsSection
from wattlas.serve.connection import Connection, Server
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.tell import JSON
from wattlas.serve.heads import Head, Headers, answer_of

log = logging.getLogger("wattlas.serve")

Answered = tuple[int, Headers, bytes]
"""Status, headers, body."""
Handler = Callable[[Head, bytes], Answered | bytes]
"""Head and body → the answer; or one without a body, as it is sent."""
_CLOSE = b"connection: close"


class _Connection(Connection):
    """A connection whose messages are answered at once."""

    server: DirectServer

    def head_complete(self) -> None:
        self._body: list[bytes] = []
        self._length = 0
        if self.head.expects:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._length += len(body)
        if self._length > self.limits.body_bytes:
            raise self._too_large()

    def _too_large(self) -> Refusal:
        text = f"The body is longer than {self.limits.body_bytes} bytes."
        return Refusal(413, text, "body_too_long", retry=False)

    def message_complete(self) -> None:
        body = self._body
        self._reply(self.head, body[0] if len(body) == 1 else b"".join(body))

    def whole(self, head: Head, body: bytes) -> None:
        if len(body) > self.limits.body_bytes:
            raise self._too_large()
        self._reply(head, body)

    def _reply(self, head: Head, body: bytes) -> None:
        transport = self.transport
        if transport.is_closing() or self.deaf:
            return
        answered = self.server.answer(head, body)
        keep = head.keeps and not self.server.closing
        if isinstance(answered, bytes):
            transport.write(answered if keep else b"%b%b\r\n\r\n" % (answered[:-2], _CLOSE))
        else:
            status, headers, text = answered
            answer = answer_of(status, headers, text, *(() if keep else (_CLOSE,)))
            only = len(answer) - len(text) if head.method == b"HEAD" else len(answer)
            transport.write(answer[:only])
        if not keep:
            transport.close()

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

    def answer(self, head: Head, body: bytes) -> Answered | bytes:
        """What is answered; a bug is a 500, never a connection without an answer."""
        try:
            return self._handler(head, body)
        except Refusal as refusal:
            return refusal.status, refusal.headers, refusal.body
        except Exception:
            log.exception("a decision failed")
            return 500, [JSON], error_body(500, "Wattlas has a bug here.", "internal_error")
