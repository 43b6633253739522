"""Decisions for other gateways: `/decide` and `/settle`, `/authz` for Envoy, `/forward` for nginx.

    POST /decide    {"tenant", "model" or "class", "service_tier", "metro"} → where, and a sealed id
    POST /settle    [{"id", "end", "status", "tokens_in", "tokens_out", …}] → how many were taken
    POST /authz/…   the client's request → 200 with the headers that routes match, or the refusal
    GET  /forward   its headers alone → the same, or 401 or 403
    GET  /routing   the table that holds now          GET /healthz, /openapi.json

On a port each needs the service token, in `x-wattlas-token`; a Unix socket needs the right to open
it. A settlement is taken once, and only of a decision that was sealed here.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson

from wattlas.serve.authz import AUTHZ, Authz, no_place, told
from wattlas.serve.config import ListenSection, ModelSection
from wattlas.serve.decision import Asked, Decision, End, Settlement
from wattlas.serve.decisions_api import FORWARD, PATHS, described
from wattlas.serve.direct import Answered
from wattlas.serve.gateway.api import asked_of
from wattlas.serve.gateway.app import TIER_HEADER, Gatekeeper, must_be
from wattlas.serve.gateway.endpoints import form_of
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.tell import JSON, tier_of
from wattlas.serve.gateway.usage import MOST_TOKENS
from wattlas.serve.heads import Head, Headers
from wattlas.serve.meters import ODD, REPORTED
from wattlas.serve.openapi import PATH
from wattlas.serve.plane import Plane
from wattlas.serve.table import Pair, Place, Quota

TOKEN = b"x-wattlas-token"
MODEL_HEADER = b"x-model"
"""Names the model where a gateway shows no body."""
MOST_SETTLED = 10_000
"""Settlements in one call."""


class Decisions:
    """The decision service: what is answered to each request."""

    def __init__(self, plane: Plane, port: ListenSection) -> None:
        self._plane = plane
        self._digest = bytes.fromhex(port.token_sha256) if port.token_sha256 else None
        self._keys = Gatekeeper(plane)
        self._authz = Authz(plane, self._keys)
        self._handlers: dict[bytes, Callable[[bytes], bytes]] = {
            b"/decide": self._decide,
            b"/settle": self._settle,
            b"/routing": lambda body: self._routing(),
            b"/healthz": lambda body: orjson.dumps(health(plane)),
            PATH: lambda body: orjson.dumps(described(plane, guarded=self._digest is not None)),
        }

    def __call__(self, head: Head, body: bytes) -> Answered | bytes:
        """The answer to one request. Raises Refusal."""
        try:
            if head.note is not None:  # the same head was judged before, and its token checked
                return self._authz(head, body)
            self._check_token(head.headers)
            return self._answer(head, body)
        except Refusal as refusal:
            self._plane.events[f"refused {refusal.code}"] += 1
            if head.path.startswith(AUTHZ):
                refusal.form = form_of(head.path.removeprefix(AUTHZ[:-1]))
            raise

    def _check_token(self, headers: Any) -> None:
        if self._digest is None:
            return
        given = [value for name, value in headers if name == TOKEN]
        known = len(given) == 1 and hmac.compare_digest(sha256(given[0]).digest(), self._digest)
        if not known:
            raise Refusal(401, "The service token is missing or wrong.", "invalid_token")

    def _answer(self, head: Head, body: bytes) -> Answered | bytes:
        method, path = head.method, head.path.partition(b"?")[0]
        if path.startswith(AUTHZ):
            return self._authz(head, body)
        if path == FORWARD:
            must_be(method.decode(), "GET")
            return self._forward(head.headers)
        route = PATHS.get(path)
        if route is None:
            raise Refusal(404, "There is no such endpoint.", "unknown_url")
        must_be(method.decode(), route.method)
        return 200, [JSON], self._handlers[path](body)

    def _decide(self, body: bytes) -> bytes:
        said = _json(body)
        if not isinstance(said, dict):
            raise Refusal(400, "Give an object.", "invalid_json")
        tenant, klass, asked = self._wanted(said)
        metro = said.get("metro")
        if metro is None:
            metro = self._plane.config.metro_of(tenant)
        elif metro not in self._plane.schedule.metros:
            raise Refusal(404, "`metro` is none of the schedule.", "unknown_metro", "metro")
        decision = self._decided(tenant, klass, asked, metro)
        return orjson.dumps(
            {
                "id": self._plane.sealed(decision),
                "degraded": decision.degraded,
                "service_tier": tier_of(decision),
                "region": decision.place.region,
                "point": decision.place.point,
                "model": self._plane.model_of(decision.place.point),
                "reason": decision.reason,
                "window": decision.window,
                "epoch": decision.epoch,
            }
        )

    def _wanted(self, said: dict[str, Any]) -> tuple[str, str, Asked]:
        """Tenant, class and tier of a question. Raises Refusal for what is unknown."""
        document = self._plane.config.document
        for key in ("tenant", "model", "class", "metro"):
            if not isinstance(said.get(key, ""), str) and (said[key], key) != (None, "metro"):
                raise Refusal(400, f"`{key}` must be text.", "invalid_type", key)
        if said.get("tenant") not in document.tenants:
            raise Refusal(404, "`tenant` is none of the configuration.", "unknown_tenant", "tenant")
        model = document.models.get(said.get("model", ""))
        klass = said.get("class", model.klass if model else None)
        if klass is None:
            raise Refusal(400, "Name a `class`, or a `model` that is known.", "missing_class")
        if klass not in self._plane.schedule.bases:
            raise Refusal(404, "`class` is none of the schedule.", "unknown_class", "class")
        asked = asked_of(said.get("service_tier"))
        preset = model is not None and asked is Asked.AUTO
        return said["tenant"], klass, Asked(model.tier) if model and preset else asked

    def _decided(self, tenant: str, klass: str, asked: Asked, metro: str) -> Decision:
        plane = self._plane
        decision = plane.decide(plane.facts(plane.new_id(), tenant, klass, asked, metro))
        if decision is None:
            raise no_place(klass, metro)
        return decision

    def _forward(self, given: Headers) -> bytes:
        """A client's request of which a gateway shows the headers alone. Refuses with 401 or 403:
        what else nginx is answered, it takes for a fault."""
        try:
            headers = self._keys.single(given)
            tenant = self._keys.tenant(headers)
            model = self._forwarded(_word(headers.get(MODEL_HEADER, b"")))
            asked = asked_of(headers.get(TIER_HEADER, b"auto").decode("latin-1"))
        except Refusal as refusal:
            if refusal.status != 401:
                refusal.status = 403
            raise
        preset = Asked(model.tier) if asked is Asked.AUTO else asked
        metro = self._plane.config.metro_of(tenant)
        return told(self._plane, self._decided(tenant, model.klass, preset, metro))

    def _forwarded(self, name: str) -> ModelSection:
        """The model that a header names; the only one where it names none. Raises Refusal."""
        models = self._plane.config.document.models
        if not name and len(models) == 1:
            return next(iter(models.values()))
        if name not in models:
            text = f"The header {MODEL_HEADER.decode()} must name a model."
            raise Refusal(404, text, "model_not_found", "model")
        return models[name]

    def _settle(self, body: bytes) -> bytes:
        said = _json(body)
        if not isinstance(said, list) or len(said) > MOST_SETTLED:
            text = f"Give a list of at most {MOST_SETTLED} settlements."
            raise Refusal(400, text, "invalid_settlements")
        taken = sum(self._settled(each) for each in said)
        return orjson.dumps({"settled": taken, "refused": len(said) - taken})

    def _settled(self, said: Any) -> bool:
        """Take one settlement; False for one that makes no sense, or is not known."""
        if not isinstance(said, dict) or not isinstance(said.get("id"), str):
            return False
        try:
            end = End(said.get("end", "whole"))
        except ValueError:
            return False

        def outcome(decision: Decision) -> Settlement:
            return self._outcome(decision, end, said)

        return self._plane.settle_sealed(said["id"], outcome)

    def _outcome(self, decision: Decision, end: End, said: dict[str, Any]) -> Settlement:
        """What became of a request as it is reported. Who served it elsewhere than decided, says
        where; at a point that is the fallback's alone it was degraded."""
        place = Place(
            _text(said, "region", decision.place.region), _text(said, "point", decision.place.point)
        )
        place, degraded = self._plane.served_at(decision, place)
        return Settlement(
            end, place, degraded, self._plane.clock(), _count(said, "status") or 0,
            _text(said, "model_asked", ""),
            _text(said, "model", self._plane.model_of(place.point)),
            _count(said, "tokens_in"), _count(said, "tokens_out"),
            _text(said, "method", "reported"), _count(said, "attempts") or 1,
            **_energy(said),
        )  # fmt: skip

    def _routing(self) -> bytes:
        table = self._plane.hour(self._plane.clock()).table
        sets = [
            {"metro": metro, "class": klass, **_shown(pair)}
            for (metro, klass), pair in table.pairs.items()
        ]
        return orjson.dumps({"epoch": table.epoch, "until_s": table.until_s, "sets": sets})


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is not JSON: {error}", "invalid_json") from None


def _word(value: bytes) -> str:
    """A header's value, whose letters may be written either way."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _text(said: dict[str, Any], key: str, other: str) -> str:
    value = said.get(key)
    return value[:200] if isinstance(value, str) and value.isprintable() else other


def _count(said: dict[str, Any], key: str) -> int | None:
    value = said.get(key)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _energy(said: dict[str, Any]) -> dict[str, Any]:
    """IT energy that is reported, and how that stands in the row; nothing where it is not."""
    if said.get("energy_j") is None:
        return {}
    joules = REPORTED.joules(said["energy_j"])
    return {"meter": ODD if joules is None else REPORTED.name, "metered_j": joules}


def _shown(pair: Pair) -> dict[str, Any]:
    return {
        "full": _places(pair.full),
        "degraded": _places(pair.low) if pair.low else [],
        "degrades": pair.degrades,
    }


def _places(quota: Quota) -> list[dict[str, Any]]:
    return [
        {"region": place.region, "point": place.point, "share": share}
        for place, share in quota.shares
    ]


def health(plane: Plane) -> dict[str, Any]:
    """Whether all is well, and what is not."""
    now = plane.clock()
    stale = not plane.hour(now).table.issued_s <= now < plane.hour(now).table.until_s
    trouble = plane.book.trouble or ("stale-table" if stale else None)
    return {
        "status": "full service" if trouble else "ok",
        "trouble": trouble,
        "in_flight": len(plane.book.in_flight),
        "rows_pending": plane.book.pending,
        "epoch": plane.schedule.epoch,
    }
