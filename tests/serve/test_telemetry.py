"""What Prometheus and a collector of OpenTelemetry are told, against the rows of the ledger."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.serve.live import (
    ADMIN,
    KEYS,
    Asking,
    Live,
    Stub,
    answer,
    chunk,
    configuration,
    events,
    head,
)
from tests.serve.test_apis import MESSAGES, post, stock
from wattlas.serve import names
from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.gateway.trail import Trail
from wattlas.serve.ledger.journal import ContractWindow, Counts
from wattlas.serve.metrics import metrics_text
from wattlas.serve.plane import open_plane
from wattlas.serve.run import check_files, store_of
from wattlas.serve.table import Place
from wattlas.serve.telemetry import Telemetry
from wattlas.serve.totals import MetricTotals


class Collector(ThreadingHTTPServer):
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.daemon_threads = True
        self.got: list[bytes] = []
        self.traces: list[bytes] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """One export."""
        body = self.rfile.read(int(self.headers["content-length"]))
        server: Collector = self.server  # type: ignore[assignment]
        {"/v1/metrics": server.got, "/v1/traces": server.traces}[self.path].append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def asked(live: Live) -> None:
    """Some answers in both tiers, and one from another tenant."""
    stock(live)
    for tier in ("flex", "default", "auto"):
        assert post(live, MESSAGES, service_tier=tier).status == 200
    assert post(live, MESSAGES, {"x-api-key": KEYS["plain"]}).status == 200
    live.settled()


def test_prometheus_is_told_what_the_rows_say(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Durations, tokens, energy and emissions, and every name is one of the table."""
    live = Live(tmp_path_factory.mktemp("metrics"))
    live.start()
    try:
        asked(live)
        families = metrics(live)
        rows = live.settled()
    finally:
        live.stop()
        live.end()
    assert set(families) == {metric.name for metric in names.ALL}
    for metric in names.ALL:
        for sample in families[metric.name].samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
    total = {
        name: sum(s.value for s in family.samples if not s.name.endswith("_bucket"))
        for name, family in families.items()
    }
    assert total[names.ENERGY.name] == pytest.approx(sum(r.facility_mj or 0 for r in rows) / 1e3)
    assert total[names.CO2E.name] == pytest.approx(sum(r.average_ug or 0 for r in rows) / 1e6)
    assert total[names.MARGINAL.name] == pytest.approx(sum(r.marginal_ug or 0 for r in rows) / 1e6)
    assert total[names.USUAL.name] == pytest.approx(
        sum(r.usual_average_ug or 0 for r in rows) / 1e6
    )
    tokens = sum((r.tokens_in or 0) + (r.tokens_out or 0) for r in rows)
    assert total[names.TOKENS.name] == tokens
    assert total[names.REQUESTS.name] == len(rows)
    seconds = sum(row.ended_us - row.admitted_us for row in rows) / 1e6
    assert total[names.DURATION.name] == pytest.approx(len(rows) + seconds)
    buckets = [s for s in families[names.DURATION.name].samples if s.labels.get("le") == "+Inf"]
    assert sum(sample.value for sample in buckets) == len(rows)


LATE_S = 0.15


async def late(
    stub: Stub, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """As a good server that thinks before its first word."""
    await asyncio.sleep(LATE_S)
    await answer(stub, asking, reader, writer)


def metrics(live: Live) -> dict[str, Metric]:
    """What Prometheus is told."""
    host = live.service.addresses["admin"].removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", "/metrics", headers={"authorization": f"Bearer {ADMIN}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_every_metric_is_documented(root: Path) -> None:
    """In the table of the page of the live plane, with its labels."""
    page = (root / "docs" / "live.md").read_text(encoding="utf-8")
    for metric in names.ALL:
        (name, *_) = metric.series if metric.kind != "histogram" else (metric.name,)
        labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
        assert f"| `{name}{labels}` |" in page, name


def test_the_first_token_of_a_stream_is_timed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From admission to the first content, of streams alone, by region and tier."""
    live = Live(tmp_path_factory.mktemp("first"))
    live.start()
    try:
        stock(live)
        live.behave(late)
        began = time.monotonic()
        for tier in ("flex", "default"):
            assert post(live, MESSAGES, service_tier=tier, stream=True).status == 200
        took_s = time.monotonic() - began
        rows = live.settled()[-2:]
        assert post(live, MESSAGES).status == 200
        samples = metrics(live)[names.FIRST.name].samples
    finally:
        live.stop()
        live.end()
    counts = {
        (s.labels["region"], s.labels["tier"]): s.value
        for s in samples
        if s.name.endswith("_count")
    }
    assert counts == {(r.region, "degraded" if r.degraded else "full"): 1 for r in rows}
    assert len(counts) == 2
    seconds = sum(sample.value for sample in samples if sample.name.endswith("_sum"))
    assert 2 * LATE_S <= seconds <= took_s


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    made = Collector()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.acceptance
def test_a_collector_is_told_what_the_rows_say(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> None:
    """By the names of OpenTelemetry, and what was not sent yet at the end."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, openai_attributes
    from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

    live = Live(tmp_path_factory.mktemp("telemetry"))
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    live.start(telemetry={"endpoint": endpoint, "every_s": 60})
    try:
        asked(live)
        assert post(live, MESSAGES, stream=True).status == 200
        rows = live.settled()
    finally:
        live.stop()
        live.end()
    sent = service.ExportMetricsServiceRequest.FromString(collector.got[-1])
    (resource,) = sent.resource_metrics
    found = {m.name: m for scope in resource.scope_metrics for m in scope.metrics}
    first = found[gen_ai_metrics.GEN_AI_SERVER_TIME_TO_FIRST_TOKEN].histogram.data_points
    assert sum(point.count for point in first) == 1
    duration = found[gen_ai_metrics.GEN_AI_SERVER_REQUEST_DURATION].histogram.data_points
    assert sum(point.count for point in duration) == len(rows)
    told = [{a.key: a.value.string_value for a in point.attributes} for point in duration]
    tier, model = openai_attributes.OPENAI_RESPONSE_SERVICE_TIER, "gen_ai.response.model"
    assert model == gen_ai_attributes.GEN_AI_RESPONSE_MODEL
    assert {(each[tier], each[model]) for each in told} == {
        ("flex", "llama-8b"), ("default", "llama-70b"),
    }  # fmt: skip
    tokens = found[gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE].histogram.data_points
    assert sum(point.sum for point in tokens) == sum(
        (r.tokens_in or 0) + (r.tokens_out or 0) for r in rows
    )
    energy = sum(point.as_double for point in found[names.ENERGY.otel].sum.data_points)
    assert energy == pytest.approx(sum(row.facility_mj or 0 for row in rows) / 1e3)
    grams = sum(point.as_double for point in found[names.CO2E.otel].sum.data_points)
    expected = sum((row.average_ug or 0) + (row.marginal_ug or 0) for row in rows) / 1e6
    assert grams == pytest.approx(expected)


@pytest.mark.acceptance
def test_a_request_is_told_as_spans(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> None:
    """The request, its decision, and each place that was asked, within its times; one failed, and
    one did not say how many tokens it took."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

    async def oslo_fails(
        stub: Stub, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if stub.region == "oslo":
            writer.close()
        else:
            await late(stub, asking, reader, writer)

    async def no_usage(
        stub: Stub, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(head(kind="text/event-stream"))
        for event in events(asking):
            writer.write(chunk(event) if b'"usage"' not in event else b"")
        writer.write(chunk(b""))

    live = Live(tmp_path_factory.mktemp("spans"))
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    live.start(telemetry={"endpoint": endpoint, "every_s": 60, "traces": True})
    try:
        live.behave(oslo_fails)
        before_ns = time.time_ns()
        for _ in range(2):  # dealt by quota: one of two begins in oslo
            assert post(live, MESSAGES, service_tier="default", stream=True).status == 200
        live.behave(no_usage)
        more = {"model": "llama", "service_tier": "default", "stream": True}
        text = json.dumps({**more, "messages": []}).encode()
        assert post(live, "/v1/chat/completions", text=text).status == 200
        after_ns = time.time_ns()
        rows = live.settled()
    finally:
        live.stop()
        live.end()
    sent = [service.ExportTraceServiceRequest.FromString(body) for body in collector.traces]
    spans = [
        span
        for each in sent
        for r in each.resource_spans
        for s in r.scope_spans
        for span in s.spans
    ]
    told = {span.span_id: {a.key: a.value for a in span.attributes} for span in spans}
    requests = [span for span in spans if span.name == "chat llama"]
    ids = {told[r.span_id][names.ATTRIBUTES["id"]].string_value for r in requests}
    assert ids == {row.id for row in rows}
    faults = []
    for request in requests:
        inside = [span for span in spans if span.parent_span_id == request.span_id]
        begins, ends = request.start_time_unix_nano, request.end_time_unix_nano
        (decided,) = (span for span in inside if span.name == names.DECIDE)
        assert decided.end_time_unix_nano > decided.start_time_unix_nano == begins
        assert before_ns <= begins <= ends <= after_ns + 1e9
        assert all(begins <= s.start_time_unix_nano <= s.end_time_unix_nano <= ends for s in inside)
        tries = [span for span in inside if span.name == names.UPSTREAM]
        faults += [told[span.span_id].get("error.type") is not None for span in tries]
        assert [event.name for event in request.events] == [names.FIRST.otel]
        said = told[request.span_id]
        (row,) = (row for row in rows if row.id == said[names.ATTRIBUTES["id"]].string_value)
        tokens = [
            said[f"gen_ai.usage.{n}_tokens"].int_value
            for n in ("input", "output")
            if f"gen_ai.usage.{n}_tokens" in said
        ]
        assert tokens == ([row.tokens_in, row.tokens_out] if row.method == "usage" else [])
    assert [row.method == "usage" for row in rows] == [True, True, False]
    assert sorted(faults) == [False, False, False, True]


@pytest.mark.acceptance
def test_a_collector_is_told_as_often_as_asked_for(collector: Collector) -> None:
    """Metrics and spans alike, and no sending takes longer than five seconds."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    telemetry = Telemetry(f"http://127.0.0.1:{collector.server_port}", 7.0, True)
    assert telemetry._spans is not None
    (reader,) = telemetry._provider._metric_readers
    (spans,) = telemetry._spans._provider._active_span_processor._span_processors
    assert reader._export_interval_millis == spans._batch_processor._schedule_delay_millis == 7000
    for exporter in (reader._exporter, spans._batch_processor._exporter):
        assert exporter._client._timeout == 5.0
    telemetry.close()


@pytest.mark.acceptance
def test_a_collector_that_is_away_stops_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Requests are served, and the end comes in time."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    live = Live(tmp_path_factory.mktemp("away"))
    live.start(telemetry={"endpoint": "http://127.0.0.1:9", "every_s": 0.05})
    try:
        asked(live)
        assert live.settled()
    finally:
        began = time.monotonic()
        live.stop()
        live.end()
    assert time.monotonic() - began < 12


def test_an_address_that_is_none_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With the rest of what is wrong."""
    from wattlas.errors import InputError

    live = Live(tmp_path_factory.mktemp("odd"))
    stated = configuration({"oslo": "http://x:1", "austin": "http://x:1"})
    path = live.write({**stated, "telemetry": {"endpoint": "collector"}})
    live.end()
    with pytest.raises(InputError) as caught:
        check_files(path)
    assert [problem.where for problem in caught.value.problems] == ["telemetry.endpoint"]


def test_names_are_as_prometheus_wants_them() -> None:
    """Base units, one name each; what OpenTelemetry gets has a unit."""
    assert len({metric.name for metric in names.ALL}) == len(names.ALL)
    for metric in names.ALL:
        assert re.fullmatch(r"wattlas_[a-z0-9_]+", metric.name)
        assert not metric.name.endswith("_total")
        assert bool(metric.otel) is bool(metric.unit)


def test_a_trail_tells_each_place_once() -> None:
    """From the moment that it was asked until it has come to its end, with what went wrong."""
    trail = Trail()
    trail.answered("nobody was asked")
    places = [Place("oslo", "large"), Place("austin", "large")]
    for place, fault in zip(places, ("refused", ""), strict=True):
        facts = Facts("1", "acme", "green", "lagos", "chat", Asked.AUTO, 1e9)
        trail.asks(Decision(facts, "all", False, place, Reason.CAP, 3))
        trail.answered(fault)
        trail.answered("once more")
    assert [each.decision.place for each in trail.tries] == places
    assert [each.fault for each in trail.tries] == ["refused", ""]
    assert all(trail.began_ns <= each.began_ns <= each.ended_ns for each in trail.tries)


def test_buckets_are_those_that_opentelemetry_advises() -> None:
    """Durations in powers of two from 10 ms on, first tokens as its table has them."""
    assert tuple(round(0.01 * 2**n, 2) for n in range(14)) == names.BUCKETS_S
    small, large = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1), (0.25, 0.5, 0.75, 1.0)
    assert (*small, *large, 2.5, 5.0, 7.5, 10.0) == names.FIRST_BUCKETS_S


def test_each_gauge_shows_its_own_figure(tmp_path: Path) -> None:
    """Of a plane in which no two counts are equal."""
    live = Live(tmp_path)
    urls = {region: stub.url for region, stub in live.stubs.items()}
    plane = open_plane(live.write(configuration(urls, spool="spool")), store_of)
    assert plane.spool is not None
    decided = []
    for n in range(8):
        tenant = "plain" if n < 3 else "acme"
        facts = plane.facts(plane.new_id(), tenant, "chat", Asked.AUTO, "lagos")
        decided.append(plane.decide(facts))
    for decision in decided[:3]:
        assert decision is not None
        outcome = Settlement(End.WHOLE, decision.place, decision.degraded, plane.clock())
        assert plane.settle(decision.facts.id, outcome)
    assert plane.decide(facts._replace(metro="mars")) is None
    assert not plane.settle("nobody's", outcome)
    plane.book.lost_rows, plane.keeper.failures, plane.spool.failures = 7, 11, 13
    plane.book.trouble = Reason.STORE
    plane.book.counts = {
        ContractWindow("acme", "green", "2026-11"): Counts(40, 6),
        ContractWindow("acme", "green", "2026-12"): Counts(0, 2),
    }
    text = metrics_text(plane, MetricTotals()).decode()
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples
    }  # fmt: skip
    figures = {
        "in_flight": 5, "rows_pending": 3, "rows_lost": 7, "ledger_failures": 11,
        "spool_failures": 13, "full_service": 1,
    }  # fmt: skip
    for name, value in figures.items():
        assert told[f"wattlas_{name}",] == value, name
    assert told["wattlas_plan_age_seconds",] == pytest.approx(60, abs=20)
    shares = [key for key in told if key[0] == "wattlas_degraded_share_ratio"]
    assert {told[key] for key in shares} == {6 / 40}
    assert set(shares[0][1:]) == {"acme", "green", "2026-11"}
    reasons = {key[1]: n for key, n in told.items() if key[0] == "wattlas_decisions_total"}
    assert reasons == {"no-contract": 3, "cap": 5, "no-place": 1}
    assert told["wattlas_events_total", "settlements_refused"] == 1
    plane.store.close()
    plane.spool.close()
    live.end()
