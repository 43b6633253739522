"""What every answer says of itself: tier, model, region, reason, and what it emitted."""

from __future__ import annotations

from functools import lru_cache

from wattlas.serve.decision import Decision
from wattlas.serve.gateway.upstream import header_of
from wattlas.serve.table import Place

Headers = list[tuple[bytes, bytes]]
JSON, EVENTS = (b"content-type", b"application/json"), (b"content-type", b"text/event-stream")


def tier_of(decision: Decision) -> str:
    """The tier that serves, in the words of OpenAI's `service_tier`."""
    return "flex" if decision.degraded else "default"


@lru_cache(maxsize=4096)
def decided_headers(
    degraded: bool, place: Place, reason: str, model: str
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that say where a request goes and why."""
    told = [
        header_of("x-wattlas-tier", "degraded" if degraded else "full"),
        header_of("x-wattlas-region", place.region),
        header_of("x-wattlas-point", place.point),
        header_of("x-wattlas-reason", reason),
    ]
    return (*told, header_of("x-wattlas-model", model)) if model else tuple(told)


def headers_of(
    decision: Decision, model: str, grams: float | None, stream: bool = False
) -> Headers:
    """The headers of an answer."""
    told = [
        EVENTS if stream else JSON,
        header_of("x-request-id", decision.facts.id),
        *decided_headers(decision.degraded, decision.place, decision.reason._value_, model),
    ]
    if grams is not None:
        told.append(header_of("x-wattlas-co2e-grams", f"{grams:.6g}"))
    if stream:
        told.append((b"cache-control", b"no-store"))
    return told


def grams_comment(grams: float | None) -> bytes:
    """What a stream emitted, as a comment before its end, which clients skip."""
    return b"" if grams is None else f": x-wattlas-co2e-grams {grams:.6g}\n\n".encode()
