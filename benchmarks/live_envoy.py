"""The service behind Envoy: CPU time per request, beside the least that it could be.

Three Envoys take the same load in turn. Two are ours: the service decides, or a server that answers
every question alike (the floor of the service in Python, and of Envoy with the same configuration).
The third asks nobody. A target in µs is of another machine; a ratio to a floor is of this one.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psutil

from benchmarks import live_constant, live_load
from benchmarks.live import ROUNDS, SHARE, SIZES, config_of
from benchmarks.live_servers import SERVE, Round, envoy, measured, plain_envoy, process
from benchmarks.registry import Benchmark, Figure, RunOptions

BEHIND_US = 30.0
BOTH_US = 130.0

Servers = tuple[int, tuple[psutil.Process, ...]]
"""A port, and the processes that serve it: who decides, and Envoy."""


def run(options: RunOptions) -> Sequence[Figure]:
    """CPU µs per request of the service and of both; the share must be exact."""
    requests = SIZES[options.size]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _, (said,) = stack.enter_context(process(sys.executable, live_load.__file__, lines=1))
        config = config_of(folder, int(said), gateway=False)
        service, _ = stack.enter_context(process(*SERVE, config, lines=1))
        socket = folder / "constant.sock"
        constant, _ = stack.enter_context(
            process(sys.executable, live_constant.__file__, socket, "oslo", "large", "llama-70b",
                    lines=1)
        )  # fmt: skip
        bootstrap = _bootstrap(config)
        kinds: dict[str, tuple[Callable[[int], dict[str, Any]], tuple[psutil.Process, ...]]] = {
            "ours": (bootstrap, (service,)),
            "constant": (_elsewhere(bootstrap, folder, socket), (constant,)),
            "plain": (plain_envoy(int(said)), ()),
        }
        servers: dict[str, Servers] = {}
        for kind, (made, deciding) in kinds.items():
            started = stack.enter_context(envoy(folder, made))
            if started is None:
                return []
            servers[kind] = started[1], (*deciding, started[0])
        rounds = _rounds(servers, requests // ROUNDS)
        time.sleep(1.0)
        undecided = undecided_in(folder / "access.log")
        rows, beyond = recorded(folder)
    return [
        *_figures(rounds, requests // ROUNDS * ROUNDS),
        Figure("requests without a row", float(requests // ROUNDS * ROUNDS + 1 - undecided - rows),
               unit="", target=0.0,
               note=f"{rows:,} rows; {undecided:,} undecided after half a second"),
        Figure("degraded less φ·delivered, ledger", beyond, unit="", target=0.0),
    ]  # fmt: skip


def _bootstrap(config: Path) -> Callable[[int], dict[str, Any]]:
    from wattlas.serve.config import read_config
    from wattlas.serve.schedule import read_schedule
    from wattlas.studies.export.live_envoy import live_bootstrap

    read = read_config(config)
    schedule = read_schedule(read.schedule_path)
    return lambda listen: live_bootstrap(read, schedule, f"127.0.0.1:{listen}", time.time())


def _elsewhere(
    bootstrap: Callable[[int], dict[str, Any]], folder: Path, socket: Path
) -> Callable[[int], dict[str, Any]]:
    """The same configuration, which asks another socket and writes another log."""

    def made(listen: int) -> dict[str, Any]:
        text = json.dumps(bootstrap(listen))
        changes = {str((folder / "decisions.sock").resolve()): str(socket),
                   str((folder / "access.log").resolve()): str(folder / "other.log")}  # fmt: skip
        for old, new in changes.items():
            assert text.count(json.dumps(old)) == 1
            text = text.replace(json.dumps(old), json.dumps(new))
        changed: dict[str, Any] = json.loads(text)
        return changed

    return made


def _rounds(servers: dict[str, Servers], each: int) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {kind: [] for kind in servers}
    for _ in range(ROUNDS):
        for kind, (listen, processes) in servers.items():
            rounds[kind].append(measured(listen, each, *processes))
    return rounds


def _figures(rounds: dict[str, list[Round]], requests: int) -> list[Figure]:
    own, floor = (min(r.cpu_us[0] for r in rounds[kind]) for kind in ("ours", "constant"))
    both, both_floor = (min(sum(r.cpu_us) for r in rounds[kind]) for kind in ("ours", "constant"))
    alone, alone_floor = (min(r.cpu_us[1] for r in rounds[kind]) for kind in ("ours", "constant"))
    plain = min(r.cpu_us[0] for r in rounds["plain"])
    low = sum(r.degraded for r in rounds["ours"])
    fast = max(r.per_s for r in rounds["ours"])
    note = f"{fast:,.0f} requests/s, {low:,} of {requests:,} degraded"
    return [
        Figure("behind Envoy, the service", own, unit="µs CPU", other=floor,
               other_name="constant answers", target=BEHIND_US),
        Figure("behind Envoy, both", both, unit="µs CPU", other=both_floor,
               other_name="constant answers", target=BOTH_US, note=note),
        Figure("Envoy alone, asking", alone, unit="µs CPU", other=alone_floor,
               other_name="asking for constant answers"),
        Figure("Envoy alone, asking constant", alone_floor, unit="µs CPU", other=plain,
               other_name="plain proxy"),
    ]  # fmt: skip


def undecided_in(log: Path) -> int:
    """Requests that Envoy passed in full service because no decision came in time."""
    with log.open("rb") as lines:
        return sum(not json.loads(line)["id"] for line in lines)


def recorded(folder: Path) -> tuple[int, float]:
    """Rows of the ledger, and by how many its degraded answers are beyond the cap."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        rows, low = db.execute(
            "SELECT count(*), sum(degraded) FROM requests WHERE \"end\" = 'whole'"
        ).fetchone()
    return rows, float((low or 0) - SHARE * rows)


BENCHMARK = Benchmark(
    name="envoy",
    tells="the service behind Envoy, beside one that answers all alike, and Envoy as a plain proxy",
    sizes=tuple(SIZES),
    run=run,
    usual="usual",
)
