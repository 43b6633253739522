"""The live plane: deciding, and the embedded gateway.

Every server is a process of its own on loopback, with the same server of models behind it and the
same clients before it, one after the other in rounds; of the rounds the least CPU time counts.
nginx is Debian's; Envoy and LiteLLM are taken from the environment that WATTLAS_GATEWAYS names.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import psutil

from benchmarks import live_load
from benchmarks.live_load import KEY, load, streams, times_s
from benchmarks.live_servers import (
    SERVE,
    Round,
    envoy,
    litellm,
    measured,
    nginx,
    plain_envoy,
    process,
    spent,
)
from benchmarks.registry import Benchmark, Figure, RunOptions

SIZES = {"small": 2_000, "usual": 20_000, "large": 60_000}
"""Requests of each phase, over all rounds."""
ROUNDS = 5
STREAMS, TOKENS, PAUSE_MS = 100, 50, 40.0
OPEN = {"small": 200, "usual": 2_000, "large": 2_000}
"""Streams that are open at once where memory is looked at."""
SHARE = Fraction(3, 20)
DECIDE_US = 5.0
WALL_US = 400.0
"""2,500 requests/s."""


def config_of(folder: Path, port: int, gateway: bool = True) -> Path:
    """Configuration and schedule of one region that serves both models."""
    place = {"region": "oslo", "point": "large"}
    issued = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    schedule = {
        "format": "wattlas-schedule-1", "epoch": 1, "classes": [{"id": "chat"}],
        "points": {"large": {"variant": "llama-70b", "decode_j_per_token": 4.0},
                   "small": {"variant": "llama-8b", "decode_j_per_token": 0.5}},
        "regions": {"oslo": {"pue": 1.1}}, "usual": {"lagos": {"chat": place}},
        "hours": [{"issued_utc": issued, "hold_s": 86400.0, "threshold_usd": {"chat": 1e-4},
                   "sets": [{"metro": "lagos", "class": "chat", "full": [place],
                             "degraded": [{"region": "oslo", "point": "small"}],
                             "saving_usd": 2e-4}],
                   "signals": {"oslo": {"price_usd_per_mwh": 50.0, "average_g_per_kwh": 30.0}}}],
    }  # fmt: skip
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    config = {
        "schedule": "schedule.json", "metro": "lagos", "gateway": {"listen": "127.0.0.1:0"},
        "decisions": {"socket": "decisions.sock"}, "access_log": "access.log",
        "upstreams": {"oslo": {"url": f"http://127.0.0.1:{port}"}},
        "models": {"llama": {"class": "chat"}},
        "contracts": {"green": {"share_max": str(SHARE), "window": "all"}},
        "tenants": {"acme": {"keys_sha256": [digest], "contract": "green",
                             "most_in_flight": 10_000}},
    }  # fmt: skip
    if not gateway:
        del config["gateway"]
    (folder / "schedule.json").write_text(json.dumps(schedule))
    (folder / "serve.yaml").write_text(json.dumps(config))
    return folder / "serve.yaml"


def deciding(requests: int) -> Figure:
    """decide + settle in process, the least of many short runs."""
    from tests.serve.toys import KEY as ACCOUNT
    from tests.serve.toys import NOON_S, book, table
    from wattlas.serve.decision import Asked, End, Facts, Settlement, decide, settle

    routing, best, each = table(), float("inf"), 500
    for run in range(max(requests * 5 // each, 1)):
        ledger = book(SHARE)
        ledger.window(*ACCOUNT, NOON_S)
        began = time.process_time()
        for n in range(each):
            facts = Facts(f"{run}-{n}", *ACCOUNT, "lagos", "chat", Asked.AUTO, NOON_S)
            decision = decide(facts, routing, ledger)
            assert decision is not None
            outcome = Settlement(End.WHOLE, decision.place, decision.degraded, NOON_S)
            settle(ledger, facts.id, outcome)
        best = min(best, (time.process_time() - began) / each * 1e6)
    return Figure("decide + settle, in process", best, unit="µs", target=DECIDE_US)


def run(options: RunOptions) -> Sequence[Figure]:
    """Every figure, from the cheapest to the dearest."""
    requests = SIZES[options.size]
    figures = [deciding(requests)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _, (said,) = stack.enter_context(
            process(sys.executable, live_load.__file__, lines=1)
        )  # fmt: skip
        port = int(said)
        config = config_of(folder, port)
        service, addresses = stack.enter_context(process(*SERVE, config, lines=2))
        gateway = int(addresses[0].rpartition(":")[2])
        load(gateway, 500)
        fresh = resident_mib(service)
        others = {
            "nginx": stack.enter_context(nginx(folder, port)),
            "Envoy": stack.enter_context(envoy(folder, plain_envoy(port))),
        }
        figures += gateways(requests, (service, gateway), others)
        figures += against_litellm(folder, port, gateway)
        figures += latency(requests // 10, port, gateway, others["nginx"])
        figures += streaming((service, gateway), others["nginx"], port)
        figures.append(Figure("memory of the service", fresh, unit="MiB", target=80.0))
        figures.append(memory_open(OPEN[options.size], service, gateway))
    return figures


def resident_mib(running: psutil.Process) -> float:
    """Resident memory, MiB."""
    return float(running.memory_info().rss / 2**20)


def gateways(
    requests: int,
    own: tuple[psutil.Process, int],
    others: dict[str, tuple[psutil.Process, int] | None],
) -> list[Figure]:
    """The gateway, nginx and Envoy in turn: CPU time and requests per second."""
    servers = {"": own, **{name: each for name, each in others.items() if each is not None}}
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, (running, listen) in servers.items():
            rounds[name].append(measured(listen, requests // ROUNDS, running))
    least = {name: min(each.cpu_us[0] for each in made) for name, made in rounds.items()}
    most = {name: max(each.per_s for each in made) for name, made in rounds.items()}
    told = ", ".join(f"{name or 'gateway'} {rate:,.0f}/s" for name, rate in most.items())
    low = sum(each.degraded for each in rounds[""])
    figures = [
        Figure("gateway, 1 KB chat: a request", 1e6 / most[""], unit="µs", target=WALL_US,
               note=f"{told}; {low:,} of {requests // ROUNDS * ROUNDS:,} degraded")
    ]  # fmt: skip
    for name in servers:
        if name:
            figures.append(
                Figure("the same, CPU time", least[""], unit="µs", other=least[name],
                       other_name=f"{name}, plain proxy")
            )  # fmt: skip
    return figures


def against_litellm(folder: Path, port: int, gateway: int) -> list[Figure]:
    """Requests per second beside LiteLLM's proxy."""
    with litellm(folder, port) as listen:
        if listen is None:
            return []
        load(listen, 100)
        theirs = max(load(listen, 200)[0] for _ in range(2))
        ours = max(load(gateway, 4_000)[0] for _ in range(2))
    return [
        Figure("the same beside LiteLLM", 1e6 / ours, unit="µs", other=1e6 / theirs,
               other_name="LiteLLM proxy", target=30.0, of_ratio=True,
               note=f"{ours:,.0f} and {theirs:,.0f} requests/s")
    ]  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many are at most."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def latency(
    requests: int, port: int, gateway: int, other: tuple[psutil.Process, int] | None
) -> list[Figure]:
    """What the gateway adds to one client alone, and what nginx does: percentiles with it less
    those without."""
    listens = {"direct": port, "ours": gateway, **({"nginx": other[1]} if other else {})}
    took: dict[str, list[float]] = {name: [] for name in listens}
    for _ in range(10):
        for name, listen in listens.items():
            took[name] += times_s(listen, requests // 10)

    def added_ms(name: str, share: float) -> float:
        return (percentile(took[name], share) - percentile(took["direct"], share)) * 1e3

    return [
        Figure(f"added latency, p{share * 100:g}", added_ms("ours", share), unit="ms",
               other=added_ms("nginx", share) if other else None, other_name="nginx",
               target=target, note=f"direct {percentile(took['direct'], share) * 1e3:.3g} ms")
        for share, target in ((0.5, 0.6), (0.99, 1.5))
    ]  # fmt: skip


def streaming(
    own: tuple[psutil.Process, int], other: tuple[psutil.Process, int] | None, port: int
) -> list[Figure]:
    """CPU time per token, and how late tokens are, beside nginx."""
    cpu_us: dict[str, float] = {}
    lags: dict[str, float] = {"direct": percentile(streams(port, STREAMS, TOKENS, PAUSE_MS), 0.99)}
    for name, server in (("", own), ("nginx", other)):
        if server is not None:
            running, listen = server
            made = []
            for _ in range(3):
                before = spent(running)
                late = streams(listen, STREAMS, TOKENS, PAUSE_MS)
                made.append(((spent(running) - before) / len(late) * 1e6, percentile(late, 0.99)))
                assert len(late) == STREAMS * TOKENS
            cpu_us[name] = min(each[0] for each in made)
            lags[name] = min(each[1] for each in made)
    told = ", ".join(f"{name or 'ours'} {lag * 1e3:.2g}" for name, lag in lags.items())
    return [
        Figure("100 streams: CPU time per token", cpu_us[""], unit="µs",
               other=cpu_us.get("nginx"), other_name="nginx", target=1 / 3, of_ratio=True),
        Figure("100 streams: lag of a token, p99", lags[""] * 1e3, unit="ms", target=2.0,
               note=f"ms: {told}"),
    ]  # fmt: skip


def memory_open(count: int, service: psutil.Process, gateway: int) -> Figure:
    """Memory while so many streams are open."""
    import threading

    seen: list[float] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            seen.append(resident_mib(service))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        late = streams(gateway, count, 5, 2_000.0, ramp_s=4.0)
    finally:
        stop.set()
        watcher.join()
    assert len(late) == 5 * count
    return Figure(f"memory, {count:,} open streams", max(seen), unit="MiB", target=200.0,
                  note=f"median {statistics.median(seen):.0f}")  # fmt: skip


BENCHMARK = Benchmark(
    name="live",
    tells="deciding, the gateway and streams, beside nginx and others",
    sizes=tuple(SIZES),
    run=run,
    usual="usual",
)
