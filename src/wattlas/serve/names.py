"""The names of what the live plane counts, in one table: Prometheus, OpenTelemetry, dashboards.

OpenTelemetry's names of generative AI are in development and may still move; carbon and energy have
none there, and get some of our own.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

OTHER = "other"
"""Stands for a label that nothing here names, so that no client can make new series."""
METHODS = frozenset(("usage", "events", "bytes", "none", "reported", ""))
"""How tokens are found."""


class Metric(NamedTuple):
    """A metric. `name` is Prometheus' without `_total`; `otel` that of OpenTelemetry, if it is sent
    there, in `unit`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    words: str
    labels: tuple[str, ...] = ()
    otel: str = ""
    unit: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """The names that Prometheus sees."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (f"{self.name}_total",) if self.kind == "counter" else (self.name,)


REQUESTS = Metric(
    "wattlas_requests", "counter", "Requests that ended.",
    ("tenant", "tier", "model_requested", "model_served", "region", "outcome"),
)  # fmt: skip
DECISIONS = Metric("wattlas_decisions", "counter", "Decisions by reason.", ("reason",))
EVENTS = Metric("wattlas_events", "counter", "What else happened.", ("event",))
SHARE = Metric(
    "wattlas_degraded_share_ratio", "gauge", "Permits granted per answer delivered.",
    ("tenant", "contract", "window"),
)  # fmt: skip
PLAN_AGE = Metric("wattlas_plan_age_seconds", "gauge", "Age of the routing.")
IN_FLIGHT = Metric("wattlas_in_flight", "gauge", "Requests that are open.")
PENDING = Metric("wattlas_rows_pending", "gauge", "Rows not recorded yet.")
LOST = Metric("wattlas_rows_lost", "gauge", "Rows that no store took.")
UNKEPT = Metric(
    "wattlas_spool_failures", "gauge", "Answers that no disk took until they were recorded."
)
FAILURES = Metric("wattlas_ledger_failures", "gauge", "Recordings that failed.")
TROUBLED = Metric("wattlas_full_service", "gauge", "1 while nothing may be degraded.")
DURATION = Metric(
    "wattlas_request_duration_seconds", "histogram", "From admission to the end of the answer.",
    ("region", "tier"), "gen_ai.server.request.duration", "s",
)  # fmt: skip
FIRST = Metric(
    "wattlas_time_to_first_token_seconds", "histogram",
    "From admission to the first content of a stream of the gateway.",
    ("region", "tier"), "gen_ai.server.time_to_first_token", "s",
)  # fmt: skip
TOKENS = Metric(
    "wattlas_tokens", "counter", "Tokens, and how they were found.", ("type", "method"),
    "gen_ai.client.token.usage", "{token}",
)  # fmt: skip
READINGS = Metric(
    "wattlas_energy_readings", "counter", "Requests, and how their energy was found.",
    ("region", "method"),
)  # fmt: skip
ENERGY = Metric(
    "wattlas_energy_joules", "counter", "Facility energy of answers.", ("region", "tier"),
    "wattlas.energy", "J",
)  # fmt: skip
CO2E = Metric(
    "wattlas_co2e_grams", "counter", "Emissions of answers at the average intensity.",
    ("region", "tier"), "wattlas.co2e", "g",
)  # fmt: skip
MARGINAL = Metric(
    "wattlas_co2e_marginal_grams", "gauge", "The same at the marginal one, which may be negative.",
    ("region", "tier"),
)  # fmt: skip
USUAL = Metric(
    "wattlas_co2e_usual_grams", "counter",
    "At the average intensity, in full service at the baseline region.",
)  # fmt: skip
ALL = (
    REQUESTS, DECISIONS, EVENTS, SHARE, PLAN_AGE, IN_FLIGHT, PENDING, LOST, UNKEPT, FAILURES,
    TROUBLED, DURATION, FIRST, TOKENS, READINGS, ENERGY, CO2E, MARGINAL, USUAL,
)  # fmt: skip
BUCKETS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Of durations: those that OpenTelemetry advises."""
FIRST_BUCKETS_S = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Of times to the first token: those that OpenTelemetry advises."""
DECIDE, UPSTREAM = "wattlas.decide", "wattlas.upstream"
"""Spans inside that of a request, which is named by its operation and the model asked for."""
ATTRIBUTES = {
    "operation": "gen_ai.operation.name",
    "model_requested": "gen_ai.request.model",
    "model_served": "gen_ai.response.model",
    "tier_requested": "openai.request.service_tier",
    "tier_served": "openai.response.service_tier",
    "token_type": "gen_ai.token.type",
    "error": "error.type",
    "region": "wattlas.region",
    "id": "wattlas.request.id",
    "tenant": "wattlas.tenant",
    "point": "wattlas.point",
    "reason": "wattlas.reason",
    "tokens_in": "gen_ai.usage.input_tokens",
    "tokens_out": "gen_ai.usage.output_tokens",
    "method": "wattlas.method",
}
"""OpenTelemetry's attributes, by what they say."""
