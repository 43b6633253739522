"""A request of the gateway as spans of OpenTelemetry: the request, its decision, each place asked.

They are made once the request has ended, from the moments that were noted; so they cost nothing
before, and no context is passed on to servers.
"""

from __future__ import annotations

from typing import Any

from wattlas import __version__
from wattlas.serve import names
from wattlas.serve.gateway.trail import Ended, Trail

SENT_WITHIN_S = 5.0


class Spans:
    """Sends spans to a collector at http://HOST:PORT. `resource` says who we are."""

    def __init__(self, endpoint: str, every_s: float, resource: Any) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=SENT_WITHIN_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=every_s * 1000.0)
        )
        self._tracer = self._provider.get_tracer("wattlas", __version__)

    def tell(self, ended: Ended) -> None:
        """Make the spans of a request."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        trail = ended.trail
        request = self._tracer.start_span(
            f"{ended.operation} {ended.outcome.model_asked}", kind=SpanKind.SERVER,
            start_time=trail.began_ns, attributes=_request(ended),
        )  # fmt: skip
        within = set_span_in_context(request)
        if trail.first_ns:
            request.add_event(names.FIRST.otel, timestamp=trail.first_ns)
        self._tracer.start_span(
            names.DECIDE, within, start_time=trail.began_ns, attributes=_decided(ended)
        ).end(trail.decided_ns)
        for attempt in trail.tries:
            said = {"region": attempt.decision.place.region, "point": attempt.decision.place.point,
                    "error": attempt.fault}  # fmt: skip
            span = self._tracer.start_span(
                names.UPSTREAM, within, kind=SpanKind.CLIENT, start_time=attempt.began_ns,
                attributes=named(said),
            )  # fmt: skip
            _judge(span, attempt.fault)
            span.end(attempt.ended_ns)
        _judge(request, "" if ended.outcome.end == "whole" else ended.outcome.end)
        request.end(_last_ns(trail))

    def close(self) -> None:
        """Send what was not sent yet, and stop."""
        self._provider.shutdown()


def _last_ns(trail: Trail) -> int:
    return max([trail.decided_ns, *(attempt.ended_ns for attempt in trail.tries)])


def _judge(span: Any, fault: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    if fault:
        span.set_status(Status(StatusCode.ERROR, fault))


def served(ended: Ended) -> dict[str, Any]:
    """What served a request, as the attributes of a metric."""
    outcome = ended.outcome
    return named({
        "operation": ended.operation,
        "model_requested": outcome.model_asked,
        "model_served": outcome.model_served,
        "tier_served": "flex" if outcome.degraded else "default",
        "region": outcome.place.region,
    })  # fmt: skip


def _request(ended: Ended) -> dict[str, Any]:
    outcome, facts = ended.outcome, ended.decision.facts
    known = outcome.method == "usage"
    return {
        **served(ended),
        **named({
            "id": facts.id,
            "tenant": facts.tenant,
            "tier_requested": facts.asked._value_,
            "tokens_in": outcome.tokens_in if known else None,
            "tokens_out": outcome.tokens_out if known else None,
            "error": "" if outcome.end == "whole" else str(outcome.status or outcome.end),
        }),
    }  # fmt: skip


def _decided(ended: Ended) -> dict[str, Any]:
    place, reason = ended.decision.place, ended.decision.reason
    return named({"region": place.region, "point": place.point, "reason": reason._value_})


def named(said: dict[str, Any]) -> dict[str, Any]:
    """What is said, under OpenTelemetry's names; what is empty is left out."""
    return {names.ATTRIBUTES[key]: value for key, value in said.items() if value not in ("", None)}
