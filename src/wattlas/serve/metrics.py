"""What the live plane counts, as Prometheus reads it. Labels come from the configuration alone."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from wattlas.serve.plane import Plane

OTHER = "other"
"""Stands for a label that no configuration names, so that no client can make new series."""


class _Collector:
    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def collect(self) -> Iterator[Metric]:
        plane = self._plane
        yield self._requests()
        for name, counts, words, label in (
            ("wattlas_decisions", plane.reasons, "Decisions by reason.", "reason"),
            ("wattlas_events", plane.events, "What else happened.", "event"),
        ):
            counter = CounterMetricFamily(name, words, labels=[label])
            for key, count in counts.items():
                counter.add_metric([str(key)], count)
            yield counter
        yield from self._shares()
        yield from self._gauges()

    def _requests(self) -> Metric:
        labels = ["tenant", "tier", "model_requested", "model_served", "region", "outcome"]
        counter = CounterMetricFamily("wattlas_requests", "Requests that ended.", labels=labels)
        models = self._plane.config.document.models
        for (tenant, tier, asked, served, region, end), count in self._plane.ended.items():
            known = asked if asked in models else OTHER
            counter.add_metric([tenant, tier, known, served, region, end], count)
        return counter

    def _shares(self) -> Iterator[Metric]:
        labels = ["tenant", "contract", "window"]
        share = GaugeMetricFamily(
            "wattlas_degraded_share_ratio", "Permits granted per answer delivered.", labels=labels
        )
        for account, counts in self._plane.book.counts.items():
            if counts.delivered:
                share.add_metric(list(account), counts.granted / counts.delivered)
        yield share

    def _gauges(self) -> Iterator[Metric]:
        plane = self._plane
        now = plane.clock()
        table = plane.hour(now).table
        for name, words, value in (
            ("wattlas_plan_age_seconds", "Age of the routing.", now - table.issued_s),
            ("wattlas_in_flight", "Requests that are open.", len(plane.book.in_flight)),
            ("wattlas_rows_pending", "Rows not recorded yet.", plane.book.pending),
            ("wattlas_rows_lost", "Rows that no store took.", plane.book.lost_rows),
            ("wattlas_ledger_failures", "Recordings that failed.", plane.keeper.failures),
            ("wattlas_full_service", "1 while nothing may be degraded.", _troubled(plane)),
        ):
            yield GaugeMetricFamily(name, words, value=value)


def _troubled(plane: Plane) -> float:
    return float(plane.book.trouble is not None)


def metrics_text(plane: Plane) -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(plane))
    return generate_latest(registry)
