"""A client's request as Envoy shows it, judged as the gateway judges its own.

Whose a request is says its head, which Envoy sends again and again: what was made of it is noted
with it, and holds as long as configuration and schedule do. The body is read anew each time.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from wattlas.serve.config import ServeConfig
from wattlas.serve.decision import Asked, Decision, Facts
from wattlas.serve.gateway.api import Api
from wattlas.serve.gateway.app import Gatekeeper, must_be
from wattlas.serve.gateway.endpoints import ENDPOINTS
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.request import chat_of, read
from wattlas.serve.gateway.tell import decided_headers
from wattlas.serve.heads import Head, answer_of
from wattlas.serve.plane import Plane
from wattlas.serve.schedule import Schedule
from wattlas.serve.table import Place

AUTHZ = b"/authz/"
_facts = partial(tuple.__new__, Facts)  # its own constructor takes three times as long
_END = b"\r\n\r\n"


class Asker:
    """Whose request a head is of, under one configuration and one schedule."""

    __slots__ = ("classes", "config", "contract", "endpoint", "headers", "metro", "schedule",
                 "tenant")  # fmt: skip

    def __init__(
        self, plane: Plane, endpoint: Api, tenant: str, headers: dict[bytes, bytes]
    ) -> None:
        self.config: ServeConfig = plane.config
        self.schedule: Schedule = plane.schedule
        self.endpoint, self.tenant, self.headers = endpoint, tenant, headers
        self.contract = plane.config.document.tenants[tenant].contract or ""
        self.metro = plane.config.metro_of(tenant)
        self.classes: dict[str, tuple[str, Asked]] = {}
        """By model: the class, and the tier of a body that names none."""


class Authz:
    """Answers to Envoy's `ext_authz`: the headers that routes match."""

    def __init__(self, plane: Plane, keys: Gatekeeper) -> None:
        self._plane, self._keys = plane, keys

    def __call__(self, head: Head, body: bytes) -> bytes:
        """The answer, as it is sent. Raises Refusal."""
        plane, asker = self._plane, head.note
        if (
            asker is None
            or asker.config is not plane.config
            or asker.schedule is not plane.schedule
        ):
            asker = head.note = self._asker(head)
        said = read(body, asker.endpoint)
        known = asker.classes.get(said["model"]) if said.get("service_tier") is None else None
        klass, asked = known or self._class(asker, body, said)
        facts = _facts(
            (plane.new_id(), asker.tenant, asker.contract, asker.metro, klass, asked, plane.clock())
        )
        decision = plane.decide(facts)
        if decision is None:
            raise no_place(klass, asker.metro)
        return told(plane, decision)

    def _asker(self, head: Head) -> Asker:
        path = head.path.partition(b"?")[0]
        endpoint = ENDPOINTS.get(path.removeprefix(AUTHZ[:-1]))
        if endpoint is None:
            raise Refusal(404, "There is no such endpoint.", "unknown_url")
        must_be(head.method.decode(), "POST")
        headers = self._keys.single(head.headers)
        return Asker(self._plane, endpoint, self._keys.tenant(headers), headers)

    def _class(self, asker: Asker, body: bytes, said: dict[str, Any]) -> tuple[str, Asked]:
        """The class and the tier that a body asks for. Raises Refusal."""
        chat = self._keys.with_header(chat_of(body, said, asker.endpoint), asker.headers)
        model, asked = self._keys.model(chat)
        class_and_tier = asker.schedule.class_of(model.klass, asker.contract), asked
        if said.get("service_tier") is None:
            asker.classes[chat.model] = class_and_tier
        return class_and_tier


def no_place(klass: str, metro: str) -> Refusal:
    """Nobody serves a class from a metro."""
    return Refusal(503, f"No place serves class `{klass}` from `{metro}`.", "no_place", retry=False)


def told(plane: Plane, decision: Decision) -> bytes:
    """A decision in headers, as an answer without a body is sent."""
    place = decision.place
    served = plane.model_of(place.point)
    head = _head(decision.degraded, place, decision.reason._value_, served)
    return b"%b%b%b" % (head, plane.sealed(decision).encode(), _END)


@lru_cache(maxsize=4096)
def _head(degraded: bool, place: Place, reason: str, model: str) -> bytes:
    """All of an answer but for the id at its end. A gateway that keeps answers would let one permit
    stand for several requests."""
    headers = list(decided_headers(degraded, place, reason, model))
    return answer_of(200, headers, b"", b"cache-control: no-store", b"x-wattlas-id: ")[: -len(_END)]
