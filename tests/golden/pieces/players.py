"""The demo, ports and what is told to collectors."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.golden.talks import NOON_S
from tests.serve.live import schedule
from tests.serve.toys import run_apart
from wattlas.errors import WattlasError
from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.demo import demo as demos
from wattlas.serve.demo.demo import Demo, Story
from wattlas.serve.demo.regions import SimulatedRegion
from wattlas.serve.edge import address, bound
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.trail import Ended, Trail
from wattlas.serve.heads import Head
from wattlas.serve.ledger.journal import Row
from wattlas.serve.schedule_parts import parse_part
from wattlas.serve.table import Place
from wattlas.serve.telemetry import Telemetry


def story(**changes: Any) -> Story:
    """Three hours, of which degrading pays in the last."""
    plan = schedule()
    (hour,) = plan["hours"]
    hour |= {
        "hold_s": 3600.0,
        "issued_utc": "2026-11-29T10:00:00Z",
        "threshold_usd": {"chat~green": 1.0},
    }
    hours = [
        hour,
        {**hour, "issued_utc": "2026-11-29T11:00:00Z"},
        {
            **hour,
            "issued_utc": "2026-11-29T12:00:00Z",
            "threshold_usd": {"chat~green": 1e-4},
            "vintage": "noon",
        },
    ]
    part = parse_part(json.dumps({**plan, "hours": hours[::-1], **changes}).encode(), "s")
    return Story(
        part, {"oslo": 12.0, "austin": 120.0}, ("lagos",), ("chat",), "green", "1/4", "invented"
    )


def row(n: int, **changes: Any) -> Row:
    """A row of the demo."""
    admitted_us = int((NOON_S + 660 * n) * 1e6)
    said: dict[str, Any] = {
        "id": f"d-{n}",
        "tenant": ("from-lagos", "other")[n % 5 == 4],
        "contract": "green",
        "window": "2026-11-29",
        "admitted_us": admitted_us,
        "ended_us": admitted_us + 900_000,
        "metro": "lagos",
        "klass": "chat~green",
        "asked": "auto",
        "degraded": n % 4 == 3,
        "reason": list(Reason)[n % 10].value,
        "end": ("whole", "whole", "broken", "whole")[n % 4],
        "status": 200,
        "attempts": 1,
        "model_asked": "chat",
        "model_served": "llama-8b",
        "region": ("oslo", "austin")[n % 3 == 1],
        "point": "small",
        "epoch": 3,
        "tokens_in": 1,
        "tokens_out": 2,
        "method": "usage",
        "it_mj": 1,
        "facility_mj": 2,
        "average_ug": 1_500_000 * n,
        "marginal_ug": None,
        "nano_usd": 1,
        "usual_mj": 3,
        "usual_average_ug": None if n == 3 else 4_000_000,
        "usual_marginal_ug": None,
        "usual_nano_usd": 2,
        "vintage": "v",
    }
    return Row(**{**said, **changes})


def demo(folder: Path) -> Iterator[str]:
    """What the page shows as rows come in and hours pass, and what its port answers."""
    told = story()
    yield f"begins {told.begins_s()}"
    never = story(usual={})
    for hour in never.schedule.hours:
        object.__setattr__(hour, "threshold_usd", {"chat~green": None})
    yield f"never pays: {never.begins_s()}"
    for hour in never.schedule.hours:
        object.__setattr__(hour, "issued_utc", hour.issued_utc.replace(tzinfo=None))
    yield f"without a zone: {never.begins_s()}"

    async def made() -> Demo:
        return Demo(told, folder, 600.0, None)

    playing = run_apart(made())
    now = [told.begins_s()]
    playing.service.plane.clock = lambda: now[0]
    for rows, passed_s in ((0, 0), (1, 600), (3, 3000), (9, 3600), (8, 86_400), (1, 86_400 * 3)):
        begun = playing.tally.requests
        playing.tally.add([row(n) for n in range(begun, begun + rows)])
        now[0] += passed_s
        yield f"== {rows} rows, {passed_s} s"
        yield json.dumps(playing.tally.state(playing.service.plane), indent=1)
    playing.tally.add(
        [
            row(
                n,
                admitted_us=int((NOON_S + 3600 * n) * 1e6),
                ended_us=int((NOON_S + 3600 * n) * 1e6),
            )
            for n in range(100, 160)
        ]
    )
    state = playing.tally.state(playing.service.plane)
    yield f"{state['hours'][0]} {state['highest_share']:.4f} {state['grams']:.6g}"
    yield f"{[len(state[name]) for name in ('hours', 'promise', 'last')]}"
    port = playing.socket.getsockname()[1]
    for method, path, host in (
        (b"GET", b"/", f"127.0.0.1:{port}"),
        (b"GET", b"/state.json", f"localhost:{port}"),
        (b"POST", b"/", f"localhost:{port}"),
        (b"GET", b"/x", f"localhost:{port}"),
        (b"GET", b"/", f"evil:{port}"),
        (b"GET", b"/", "127.0.0.1"),
    ):
        asked = f"{method!r} {path!r} {host.replace(str(port), 'PORT')}"
        try:
            status, headers, body = playing._shown(
                Head(method, path, [(b"host", host.encode())], True, False), b""
            )
            yield f"{asked} {status} {headers} {body[:30]!r} {body[-90:]!r}"
        except Refusal as refusal:
            yield f"{asked} {refusal.status} {refusal.message}"
    stated = json.loads((folder / "serve.yaml").read_text())
    for tenant in stated["tenants"].values():
        tenant["keys_sha256"] = len(tenant["keys_sha256"][0])
    stated["upstreams"] = [url["url"].rpartition(":")[0] for url in stated["upstreams"].values()]
    yield json.dumps(stated, indent=1)
    yield f"{playing.url.replace(str(port), 'PORT')} {demos.SPEED} {demos.REQUESTS_PER_S}"
    playing.socket.close()
    playing.service.close()
    for region in playing.regions:
        region.socket.close()
    yield from run_apart(simulated())


async def simulated() -> list[str]:
    """What simulated servers answer."""
    region = SimulatedRegion("oslo", 0.0, 1)
    serving = asyncio.create_task(region.run())
    while True:
        try:
            port = int(region.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:  # it does not listen yet
            await asyncio.sleep(0.005)
    lines = []
    for content in ("one two three", "", 7):
        body = json.dumps(
            {"model": "m", "messages": [{"content": content}, {"content": "and more"}, {}]}
        ).encode()
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\nx: y\r\n\r\n%b" % (len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        lines.append(f"{head!r} {await reader.readexactly(int(head.split()[-1]))!r}")
    writer.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    return lines


def ports(folder: Path) -> Iterator[str]:
    """Sockets that are opened, and those that cannot be."""
    unix = folder / "p.sock"
    for listen, path in (
        ("127.0.0.1:0", None),
        ("[::1]:0", None),
        (None, unix),
        (None, unix),
        (None, folder / "none" / "p"),
        ("192.0.2.1:1", None),
    ):
        try:
            opened = bound(listen, path)
        except WattlasError as error:
            yield f"{listen} {path} refused: {error}"
            continue
        port = opened.getsockname()[1] if path is None else "-"
        reuse = (
            opened.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
            if path is None
            else oct(os.stat(unix).st_mode)
        )
        where = address(opened) if path else address(opened).replace(str(port), "PORT")
        yield f"{listen} {path} {opened.family.name} {where} {reuse}"
        opened.close()


class _Taking(BaseHTTPRequestHandler):
    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def collectors(_folder: Path) -> Iterator[str]:
    """Metrics and spans of some rows and requests, as a collector gets them."""
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

    got: list[tuple[str, bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Taking", (_Taking,), {"got": got}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    telemetry = Telemetry(f"http://127.0.0.1:{server.server_port}/", 3600.0, True)
    for n in range(7):
        changes: dict[str, Any] = (
            {"tokens_out": None}
            if n == 1
            else {"facility_mj": None, "average_ug": None, "marginal_ug": -9}
            if n == 2
            else {}
        )
        telemetry.take(
            row(n, energy=("meter", None)[n % 2], status=(200, 502, 0)[n % 3], **changes)
        )
    for n in range(4):
        telemetry.ended(ended(n))
    telemetry.close()
    server.shutdown()
    server.server_close()
    for path, body in got:
        yield f"== {path}"
        if path.endswith("metrics"):
            sent = metrics.ExportMetricsServiceRequest.FromString(body)
            for each in (
                m for r in sent.resource_metrics for s in r.scope_metrics for m in s.metrics
            ):
                yield f"{each.name} {each.unit} {each.description} {each.WhichOneof('data')}"
                for point in getattr(each, each.WhichOneof("data")).data_points:
                    told = [f"{a.key}={a.value.string_value}" for a in point.attributes]
                    counted = (
                        (point.count, round(point.sum, 6), list(point.bucket_counts))
                        if hasattr(point, "sum")
                        else point.as_double
                    )
                    yield f"   {told} {counted}"
        else:
            spans = traces.ExportTraceServiceRequest.FromString(body)
            for span in (p for r in spans.resource_spans for s in r.scope_spans for p in s.spans):
                told = [
                    f"{a.key}={a.value.string_value or a.value.int_value}" for a in span.attributes
                ]
                times = (
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    [(e.name, e.time_unix_nano) for e in span.events],
                )
                status = span.status.code, span.status.message
                yield f"{span.name} {span.kind} {bool(span.parent_span_id)} {told} {times} {status}"


def ended(n: int) -> Ended:
    """A request of the gateway that came to its end."""
    trail = Trail()
    trail.began_ns, trail.decided_ns = 1000 + n, 2000
    facts = Facts(f"e-{n}", "acme", "green", "lagos", "chat", Asked.FLEX, NOON_S)
    made = Decision(facts, "all", n % 2 == 0, Place("oslo", "small"), Reason.SAVING, 3)
    for k in range(n):
        trail.asks(made._replace(place=Place("austin", "large")))
        trail.answered("reset" if k + 1 < n else "")
    trail.tries = [
        each._replace(began_ns=3000 + k, ended_ns=4000 + k) for k, each in enumerate(trail.tries)
    ]
    trail.first_ns = 3_500_000 if n == 2 else 0
    end = (End.FAILED, End.WHOLE, End.BROKEN, End.WHOLE)[n]
    method = ("none", "usage", "events", "usage")[n]
    outcome = Settlement(
        end,
        made.place,
        made.degraded,
        NOON_S + 1,
        (503, 200, 0, 200)[n],
        "llama",
        "llama-8b",
        5,
        6,
        method,
        n,
    )
    return Ended(("chat", "embeddings")[n == 3], trail, made, outcome)


CASES = {"demo": demo, "ports": ports, "collectors": collectors}
