"""Decisions for other gateways: `/decide` and `/settle`, and `/authz` as Envoy asks.

    POST /decide    {"tenant", "model" or "class", "service_tier", "metro"} → where, and a sealed id
    POST /settle    [{"id", "end", "status", "tokens_in", "tokens_out", …}] → how many were taken
    *    /authz/…   the client's request → 200 with the headers that routes match, or the refusal
    GET  /routing   the table that holds now          GET /healthz

On a port each needs the service token, in `x-wattlas-token`; a Unix socket needs the right to open
it. A settlement is taken once, and only of a decision that was sealed here.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import orjson

from wattlas.serve.config import ListenSection
from wattlas.serve.decision import Asked, Decision, End, Outcome
from wattlas.serve.direct import Answered
from wattlas.serve.gateway.app import Gatekeeper
from wattlas.serve.gateway.chat import ENDPOINTS, asked_of, read_chat
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.tell import JSON, decided_headers, tier_of
from wattlas.serve.gateway.usage import MOST_TOKENS
from wattlas.serve.plane import Plane
from wattlas.serve.table import Pair, Place, Quota

TOKEN = b"x-wattlas-token"
AUTHZ = b"/authz/"
MOST_SETTLED = 10_000
"""Settlements in one call."""


class Decisions:
    """The decision service: what is answered to each request."""

    def __init__(self, plane: Plane, port: ListenSection) -> None:
        self._plane = plane
        self._digest = bytes.fromhex(port.token_sha256) if port.token_sha256 else None
        self._keys = Gatekeeper(plane)

    def __call__(
        self, method: bytes, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answered:
        """The answer to one request. Raises Refusal."""
        try:
            self._check_token(headers)
            return self._answer(method, path, headers, body)
        except Refusal as refusal:
            self._plane.events[f"refused {refusal.code}"] += 1
            raise

    def _check_token(self, headers: Any) -> None:
        if self._digest is None:
            return
        given = [value for name, value in headers if name == TOKEN]
        known = len(given) == 1 and hmac.compare_digest(sha256(given[0]).digest(), self._digest)
        if not known:
            raise Refusal(401, "The service token is missing or wrong.", "invalid_token")

    def _answer(
        self, method: bytes, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answered:
        if path.startswith(AUTHZ):
            return self._authz(path, headers, body)
        if (method, path) == (b"POST", b"/decide"):
            return 200, [JSON], self._decide(_json(body))
        if (method, path) == (b"POST", b"/settle"):
            return 200, [JSON], self._settle(_json(body))
        if (method, path) == (b"GET", b"/routing"):
            return 200, [JSON], self._routing()
        if (method, path) == (b"GET", b"/healthz"):
            return 200, [JSON], orjson.dumps(health(self._plane))
        raise Refusal(404, "There is no such endpoint.", "unknown_url")

    def _decide(self, said: Any) -> bytes:
        if not isinstance(said, dict):
            raise Refusal(400, "Give an object.", "invalid_json")
        document = self._plane.config.document
        tenant, metro = said.get("tenant"), said.get("metro")
        if not isinstance(tenant, str) or tenant not in document.tenants:
            raise Refusal(404, "`tenant` is none of the configuration.", "unknown_tenant", "tenant")
        model = document.models.get(str(said.get("model")))
        klass = said.get("class", model.klass if model else None)
        if not isinstance(klass, str):
            raise Refusal(400, "Name a `class`, or a `model` that is known.", "missing_class")
        asked = asked_of(said.get("service_tier"))
        where = metro if isinstance(metro, str) else self._plane.config.metro_of(tenant)
        decision = self._decided(tenant, klass, asked, where)
        return orjson.dumps(
            {
                "id": self._plane.seal.sealed(decision),
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

    def _decided(self, tenant: str, klass: str, asked: Asked, metro: str) -> Decision:
        plane = self._plane
        decision = plane.decide(plane.facts(plane.new_id(), tenant, klass, asked, metro))
        if decision is None:
            message = f"No place serves class `{klass}` from `{metro}`."
            raise Refusal(503, message, "no_place", retry=False)
        return decision

    def _authz(self, path: bytes, given: list[tuple[bytes, bytes]], body: bytes) -> Answered:
        """A client's request as Envoy shows it, judged as the gateway judges its own."""
        endpoint = ENDPOINTS.get(path.removeprefix(AUTHZ[:-1]))
        if endpoint is None:
            raise Refusal(404, "There is no such endpoint.", "unknown_url")
        headers = self._keys.single(given)
        tenant = self._keys.tenant(headers)
        chat = self._keys.with_header(read_chat(body, endpoint), headers)
        model, asked = self._keys.model(chat)
        metro = self._plane.config.metro_of(tenant)
        decision = self._decided(tenant, model.klass, asked, metro)
        sealed = self._plane.seal.sealed(decision).encode()
        served = self._plane.model_of(decision.place.point)
        return 200, [(b"x-wattlas-id", sealed), *decided_headers(decision, served)], b""

    def _settle(self, said: Any) -> bytes:
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

        def outcome(decision: Decision) -> Outcome:
            return self._outcome(decision, end, said)

        return self._plane.settle_sealed(said["id"], outcome)

    def _outcome(self, decision: Decision, end: End, said: dict[str, Any]) -> Outcome:
        """What became of a request as it is reported. Who served it elsewhere than decided, says
        where; at a point that is the fallback's alone it was degraded."""
        place = Place(
            _text(said, "region", decision.place.region), _text(said, "point", decision.place.point)
        )
        place, degraded = self._plane.served_at(decision, place)
        return Outcome(
            end, place, degraded, self._plane.clock(), _count(said, "status") or 0,
            _text(said, "model_asked", ""),
            _text(said, "model", self._plane.model_of(place.point)),
            _count(said, "tokens_in"), _count(said, "tokens_out"),
            _text(said, "method", "reported"), _count(said, "attempts") or 1,
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


def _text(said: dict[str, Any], key: str, other: str) -> str:
    value = said.get(key)
    return value[:200] if isinstance(value, str) and value.isprintable() else other


def _count(said: dict[str, Any], key: str) -> int | None:
    value = said.get(key)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


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
