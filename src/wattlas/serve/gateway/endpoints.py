"""The endpoints that are served, by path."""

from __future__ import annotations

from wattlas.serve.gateway.api import Api
from wattlas.serve.gateway.completions import CHAT, COMPLETIONS, EMBEDDINGS
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.messages import MESSAGES
from wattlas.serve.gateway.responses import RESPONSES

ALL: tuple[Api, ...] = (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, MESSAGES)
ENDPOINTS = {api.path.encode(): api for api in ALL}


def refused(path: bytes, refusal: Refusal) -> bytes:
    """The body of a refusal, in the form of the API that was asked."""
    api = MESSAGES if path.startswith(MESSAGES.path.encode()) else CHAT
    return api.error(refusal.status, refusal.message, refusal.code, refusal.param)
