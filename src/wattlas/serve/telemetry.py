"""Rows as OpenTelemetry's metrics of generative AI, and requests of the gateway as spans, sent to a
collector by OTLP over HTTP.

It needs the extra `telemetry`. A collector that is away costs what it was not told, and nothing
else: sending has a thread of its own.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from wattlas import __version__
from wattlas.errors import MachineError
from wattlas.serve import names
from wattlas.serve.gateway.trail import Ended
from wattlas.serve.ledger.journal import Row
from wattlas.serve.meters import PROFILE
from wattlas.serve.spans import SENT_WITHIN_S, Spans, named, served
from wattlas.serve.totals import MJ_PER_J, UG_PER_G, US_PER_S

TOKEN_BUCKETS = tuple(float(4**n) for n in range(14))
"""Those that OpenTelemetry advises."""


class Telemetry:
    """Sends metrics to a collector at http://HOST:PORT every so many seconds, and spans."""

    def __init__(self, endpoint: str, every_s: float, traces: bool) -> None:
        if find_spec("opentelemetry.sdk") is None:
            raise MachineError(
                "OpenTelemetry is not installed. Install the extra: pip install "
                "'wattlas[telemetry]', or leave `telemetry` out."
            )
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource

        exporter = OTLPMetricExporter(f"{endpoint.rstrip('/')}/v1/metrics", timeout=SENT_WITHIN_S)
        reader = PeriodicExportingMetricReader(exporter, every_s * 1000.0)
        resource = Resource({"service.name": "wattlas", "service.version": __version__})
        self._provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("wattlas", __version__)
        self._spans = Spans(endpoint, every_s, resource) if traces else None
        self._duration = _histogram(meter, names.DURATION, names.BUCKETS_S)
        self._first = _histogram(meter, names.FIRST, names.FIRST_BUCKETS_S)
        self._tokens = _histogram(meter, names.TOKENS, TOKEN_BUCKETS)
        energy, co2e = names.ENERGY, names.CO2E
        self._energy = meter.create_counter(energy.otel, energy.unit, energy.words)
        # At the marginal intensity emissions may be negative, which no counter takes.
        self._co2e = meter.create_up_down_counter(co2e.otel, co2e.unit, co2e.words)

    def take(self, row: Row) -> None:
        """Count a row."""
        said = _attributes(row)
        self._duration.record(max(row.ended_us - row.admitted_us, 0) / US_PER_S, said)
        for kind, count in (("input", row.tokens_in), ("output", row.tokens_out)):
            if count is not None:
                told = {
                    names.ATTRIBUTES["token_type"]: kind,
                    names.ATTRIBUTES["method"]: row.method,
                }
                self._tokens.record(count, {**said, **told})
        if row.facility_mj is not None:
            found = named({"method": row.energy or PROFILE})
            self._energy.add(row.facility_mj / MJ_PER_J, {**said, **found})
        for method, amount in (("average", row.average_ug), ("marginal", row.marginal_ug)):
            if amount is not None:
                self._co2e.add(amount / UG_PER_G, {**said, **named({"method": method})})

    def ended(self, ended: Ended) -> None:
        """Count the time to the first token of a stream, and tell a request as spans."""
        first_us = ended.trail.first_us
        if first_us is not None:
            self._first.record(first_us / US_PER_S, served(ended))
        if self._spans is not None:
            self._spans.tell(ended)

    def close(self) -> None:
        """Send what was not sent yet, and stop."""
        if self._spans is not None:
            self._spans.close()
        self._provider.shutdown()


def _attributes(row: Row) -> dict[str, Any]:
    said = {
        "operation": "chat",
        "model_requested": row.model_asked or names.OTHER,
        "model_served": row.model_served,
        "tier_requested": row.asked,
        "tier_served": "flex" if row.degraded else "default",
        "region": row.region,
        "error": "" if row.end == "whole" else str(row.status or row.end),
    }
    return named(said)


def _histogram(meter: Any, metric: names.Metric, bounds: tuple[float, ...]) -> Any:
    return meter.create_histogram(
        metric.otel, metric.unit, metric.words,
        explicit_bucket_boundaries_advisory=list(bounds),
    )  # fmt: skip
