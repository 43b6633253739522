"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}


Form = Callable[[int, str, str, str | None], bytes]
"""Status, message, code and parameter → the body of an error."""


class Refusal(Exception):
    """A request is answered with an error: HTTP status, words, and what OpenAI's clients look at.

    `retry` says whether the client may try again by itself; None leaves that to its own rules.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        retry: bool | None = None,
        retry_after_s: int | None = None,
        allow: str = "",
    ) -> None:
        super().__init__(message)
        self.form: Form = error_body
        """The form of the API that was asked."""
        self.status, self.code, self.message, self.param = status, code, message, param
        self.headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
        if retry is not None:
            self.headers.append((b"x-should-retry", b"true" if retry else b"false"))
        if retry_after_s is not None:
            self.headers.append((b"retry-after", str(retry_after_s).encode()))
        if allow:
            self.headers.append((b"allow", allow.encode()))
        if status == 401:
            self.headers.append((b"www-authenticate", b"Bearer"))

    @property
    def body(self) -> bytes:
        """The error as the clients of its API read it."""
        return self.form(self.status, self.message, self.code, self.param)


def error_body(status: int, message: str, code: str, param: str | None = None) -> bytes:
    """The body of an error."""
    error = error_of(status, message, code, param)
    return json.dumps({"error": error}, ensure_ascii=False).encode()


def error_of(status: int, message: str, code: str, param: str | None = None) -> dict[str, Any]:
    """What an error says."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"message": message, "type": kind, "param": param, "code": code}
