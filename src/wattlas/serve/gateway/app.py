"""The gateway: who asks, for what, and the answer or one clear error.

The path is compared as it was sent, a key by its hash, and no address is ever taken from a client.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from wattlas.serve import published
from wattlas.serve.config import ModelSection
from wattlas.serve.decision import Asked
from wattlas.serve.gateway.api import Api, Chat
from wattlas.serve.gateway.chat import Exchange
from wattlas.serve.gateway.client import Client, Request
from wattlas.serve.gateway.endpoints import ENDPOINTS, MODELS, described, form_of
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.health import Health
from wattlas.serve.gateway.quota import AGAIN_S, quota_lines
from wattlas.serve.gateway.request import read_chat
from wattlas.serve.gateway.tell import JSON
from wattlas.serve.gateway.trail import Trail
from wattlas.serve.gateway.upstream import Upstream
from wattlas.serve.openapi import PATH
from wattlas.serve.plane import Plane

TIER_HEADER = b"x-service-tier"
"""Asks for a tier where the body has no `service_tier`."""
API_KEY = b"x-api-key"
"""Where Anthropic's clients show a key; a bearer beside it must be of the same tenant."""


class Gatekeeper:
    """Who asks for what: the same for the gateway and for those who ask on behalf of others."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def tenant(self, headers: Mapping[bytes, bytes]) -> str:
        """Whose key it is. Raises Refusal for none, and for one that is unknown or another's.

        A key is looked up by its hash, of which no time tells a client more than it knows.
        """
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        keys = [key.strip()] if scheme.lower() == b"bearer" else []
        keys += [headers[API_KEY]] if API_KEY in headers else []
        known = self._plane.config.tenants_by_digest
        tenants = {known.get(sha256(each).digest()) for each in keys}
        tenant = tenants.pop() if len(tenants) == 1 else None
        if tenant is None:
            raise Refusal(401, "The key is missing or unknown.", "invalid_api_key")
        return tenant

    def single(self, headers: Any) -> dict[bytes, bytes]:
        """Headers by name. Raises Refusal for one that two readers may take differently."""
        by_name: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _ONCE and name in by_name:
                text = f"The header {name.decode()} is there twice."
                raise Refusal(400, text, "duplicate_header")
            by_name[name] = value
        return by_name

    def with_header(self, chat: Chat, headers: Mapping[bytes, bytes]) -> Chat:
        """The request with the tier of its header, where its body names none."""
        tier = headers.get(TIER_HEADER)
        if tier is None or chat.asked is not Asked.AUTO:
            return chat
        return chat._replace(asked=chat.endpoint.asked(tier.decode("latin-1")))

    def model(self, chat: Chat) -> tuple[ModelSection, Asked]:
        """The model that is asked for, and the tier. Raises Refusal for one that is unknown."""
        model = self._plane.config.document.models.get(chat.model)
        if model is None:
            message = f"The model `{chat.model[:100]}` does not exist."
            raise Refusal(404, message, "model_not_found", "model")
        return model, Asked(model.tier) if chat.asked is Asked.AUTO else chat.asked


class Gateway:
    """Serves the APIs of OpenAI and Anthropic from the places that the plane decides."""

    def __init__(self, plane: Plane, upstream: Upstream) -> None:
        self._plane, self._upstream = plane, upstream
        self._keys = Gatekeeper(plane)
        self._published = published.Published(plane)
        self.health = Health(time.monotonic)
        self._open: Counter[str] = Counter()
        """Requests in flight by tenant."""

    async def __call__(self, request: Request, client: Client) -> None:
        """One request."""
        try:
            await self._route(request, client)
        except Refusal as refusal:
            self._plane.events[f"refused {refusal.code}"] += 1
            if not client.left:
                refusal.form = form_of(request.path)
                await client.send(refusal.status, refusal.headers, refusal.body)

    async def _route(self, request: Request, client: Client) -> None:
        path, method = request.path, request.method
        endpoint = ENDPOINTS.get(path)
        if endpoint is not None:
            must_be(method, "POST")
            headers = self._keys.single(request.headers)
            await self._chat(endpoint, self._keys.tenant(headers), headers, client)
        elif path in (MODELS, PATH):
            must_be(method, "GET")
            self._keys.tenant(self._keys.single(request.headers))
            text = self._models() if path == MODELS else self._described()
            await client.send(200, [JSON], text)
        elif path in published.PATHS:
            must_be("GET" if method == "HEAD" else method, "GET")
            await client.send(200, published.HEADERS, await self._declaration())
        else:
            raise Refusal(404, "There is no such endpoint.", "unknown_url")

    async def _chat(
        self, endpoint: Api, tenant: str, headers: Mapping[bytes, bytes], client: Client
    ) -> None:
        limits = self._plane.config.document.limits
        _check_body_headers(headers, limits.body_bytes)
        most = self._plane.config.document.tenants[tenant].most_in_flight
        if self._open[tenant] >= most:
            client.lines = quota_lines(most, self._open[tenant])
            message = f"{most} requests of this key's tenant are in flight."
            raise Refusal(429, message, "rate_limit_exceeded", retry_after_s=AGAIN_S)
        self._open[tenant] += 1
        client.lines = quota_lines(most, self._open[tenant])
        try:
            text = await client.body(limits.body_bytes, limits.body_s)
            chat = self._keys.with_header(read_chat(text, endpoint), headers)
            passed = endpoint.headers(headers)
            await self._served(tenant, chat._replace(headers=passed), client)
        finally:
            self._open[tenant] -= 1

    async def _served(self, tenant: str, chat: Chat, client: Client) -> None:
        plane, trail = self._plane, Trail()
        model, asked = self._keys.model(chat)
        metro = plane.config.metro_of(tenant)
        facts = plane.facts(plane.new_id(), tenant, model.klass, asked, metro)
        decision = plane.decide(facts)
        trail.decided()
        if decision is None:
            raise Refusal(503, "No place serves this model now.", "no_place", retry=False)
        exchange = Exchange(plane, self._upstream, self.health, client, chat, trail)
        await exchange.run(decision)

    async def _declaration(self) -> bytes:
        text = await self._published.text()
        if text is None:
            raise Refusal(404, "Nothing is published here, or not yet.", "nothing_published")
        return text

    def _models(self) -> bytes:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "wattlas"}
            for name in self._plane.config.document.models
        ]
        return orjson.dumps({"object": "list", "data": models})

    def _described(self) -> bytes:
        return orjson.dumps(described(self._plane.config.document.models))


def must_be(method: str, wanted: str) -> None:
    """Raise Refusal for another method."""
    if method != wanted:
        raise Refusal(405, f"Use {wanted}.", "method_not_allowed", allow=wanted)


_ONCE = frozenset(
    (b"authorization", API_KEY, b"content-type", b"content-encoding", b"anthropic-version")
) | {TIER_HEADER}


def _check_body_headers(headers: Mapping[bytes, bytes], most_bytes: int) -> None:
    """Refuse what would not be read, before it is."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "Send the body without content-encoding.", "unsupported_encoding")
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > most_bytes:
        text = f"The body is longer than {most_bytes} bytes."
        raise Refusal(413, text, "body_too_long", retry=False)
