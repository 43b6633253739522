"""What the live plane counts, as Prometheus reads it. Labels come from the configuration alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from wattlas.serve import names
from wattlas.serve.plane import Plane
from wattlas.serve.totals import Durations, MetricTotals, tier_of


class _Collector:
    def __init__(self, plane: Plane, totals: MetricTotals) -> None:
        self._plane, self._totals = plane, totals

    def collect(self) -> Iterator[Metric]:
        plane, totals = self._plane, self._totals
        yield self._requests()
        yield _counter(names.DECISIONS, {(str(k),): n for k, n in plane.reasons.items()})
        yield _counter(names.EVENTS, {(k,): n for k, n in plane.events.items()})
        yield self._shares()
        yield from self._gauges()
        yield _histogram(names.DURATION, totals.durations)
        yield _histogram(names.FIRST, totals.firsts)
        yield _counter(names.TOKENS, totals.tokens)
        yield _counter(names.READINGS, totals.readings)
        yield _counter(names.ENERGY, totals.joules)
        yield _counter(names.CO2E, totals.grams)
        yield _counter(names.USUAL, totals.usual)

    def _requests(self) -> Metric:
        models = self._plane.config.document.models
        counts: dict[tuple[str, ...], float] = {}
        for (tenant, degraded, asked, served, region, end), count in self._totals.ended.items():
            model = asked if asked in models else names.OTHER
            key = tenant, tier_of(degraded), model, served, region, end
            counts[key] = counts.get(key, 0) + count
        return _counter(names.REQUESTS, counts)

    def _shares(self) -> Metric:
        shares = {
            tuple(account): counts.granted / counts.delivered
            for account, counts in self._plane.book.counts.items()
            if counts.delivered
        }
        return _gauge(names.SHARE, shares)

    def _gauges(self) -> Iterator[Metric]:
        plane = self._plane
        now = plane.clock()
        table = plane.hour(now).table
        for metric, value in (
            (names.PLAN_AGE, now - table.issued_s),
            (names.IN_FLIGHT, len(plane.book.in_flight)),
            (names.PENDING, plane.book.pending),
            (names.LOST, plane.book.lost_rows),
            (names.UNKEPT, 0 if plane.spool is None else plane.spool.failures),
            (names.FAILURES, plane.keeper.failures),
            (names.TROUBLED, float(plane.book.trouble is not None)),
        ):
            yield _gauge(metric, {(): value})
        yield _gauge(names.MARGINAL, self._totals.marginal)


def _histogram(metric: names.Metric, values: Mapping[tuple[str, ...], Durations]) -> Metric:
    made = HistogramMetricFamily(metric.name, metric.words, labels=list(metric.labels))
    for labels, durations in values.items():
        buckets, upto = [], 0
        for bound, count in zip((*durations.bounds_s, "+Inf"), durations.counts, strict=True):
            upto += count
            buckets.append((str(bound), upto))
        made.add_metric(list(labels), buckets, durations.seconds)
    return made


def _counter(metric: names.Metric, counts: Mapping[tuple[str, ...], float]) -> Metric:
    made = CounterMetricFamily(metric.name, metric.words, labels=list(metric.labels))
    for labels, count in counts.items():
        made.add_metric(list(labels), count)
    return made


def _gauge(metric: names.Metric, values: Mapping[tuple[str, ...], float]) -> Metric:
    made = GaugeMetricFamily(metric.name, metric.words, labels=list(metric.labels))
    for labels, value in values.items():
        made.add_metric(list(labels), value)
    return made


def metrics_text(plane: Plane, totals: MetricTotals) -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(plane, totals))
    return generate_latest(registry)
