"""Processes that are measured: ours, and nginx, Envoy and LiteLLM where they are there.

What counts is the CPU time that a server takes per request, which other work on the machine changes
less than anything else; of several rounds the least.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.live_load import load, request

START_S = 120.0
ROOT = Path(__file__).parent.parent
SERVE = (sys.executable, "-c", "from wattlas.cli import main; main()", "serve")


@contextmanager
def process(
    *command: object, lines: int = 0, **environment: str
) -> Iterator[tuple[psutil.Process, list[str]]]:
    """A process, and so many lines of its stdout, after which it is ready."""
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE if lines else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env={**os.environ, **environment},
    ) as started:  # fmt: skip
        try:
            said = [started.stdout.readline().strip() for _ in range(lines)] if lines else []  # type: ignore[union-attr]
            yield psutil.Process(started.pid), said
        finally:
            started.terminate()


def spent(running: psutil.Process) -> float:
    """CPU seconds of a process and its children so far, by the scheduler's nanoseconds."""
    each = [running, *running.children(recursive=True)]
    tasks = [file for one in each for file in Path(f"/proc/{one.pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in tasks) / 1e9


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Round(NamedTuple):
    """CPU µs per request of each server that took part, requests per second, how many degraded."""

    cpu_us: tuple[float, ...]
    per_s: float
    degraded: int


def measured(port: int, requests: int, *servers: psutil.Process) -> Round:
    """One round of load."""
    before = [spent(server) for server in servers]
    per_s, degraded = load(port, requests)
    time.sleep(0.7)  # what is recorded and settled later belongs to it
    after = [spent(server) for server in servers]
    took = tuple((b - a) / requests * 1e6 for a, b in zip(before, after, strict=True))
    return Round(took, per_s, degraded)


def wait_until_served(running: psutil.Process, port: int) -> bool:
    """Whether a process answers a request before long."""
    import socket

    until = time.monotonic() + START_S
    while time.monotonic() < until and running.status() != psutil.STATUS_ZOMBIE:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(request())
                if b" 200 " in connection.recv(65_536)[:16]:
                    return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[tuple[psutil.Process, int] | None]:
    """nginx with one worker as a plain proxy, and its port; None where there is no nginx."""
    program, listen = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"), free_port()
    if program is None:
        yield None
        return
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in
        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )  # fmt: skip
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null crit;"
        "events { worker_connections 8192; }"
        f"http {{ access_log off; {temporary} keepalive_requests 10000000;"
        f"upstream stub {{ server 127.0.0.1:{port}; keepalive 128;"
        "keepalive_requests 10000000; }"
        f"server {{ listen 127.0.0.1:{listen} backlog=4096; location / {{ proxy_pass http://stub;"
        'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } } }'
    )
    with process(program, "-c", file, "-e", folder / "nginx.log") as (running, _):
        assert wait_until_served(running, listen)
        yield running, listen


def envoy_program() -> str | None:
    """Envoy of the environment of gateways."""
    given = os.environ.get("WATTLAS_GATEWAYS")
    return shutil.which("envoy", path=str(Path(given or sys.prefix) / "bin"))


@contextmanager
def envoy(
    folder: Path, made: Callable[[int], dict[str, Any]]
) -> Iterator[tuple[psutil.Process, int] | None]:
    """Envoy with what `made` makes for a port, and that port; None where there is no Envoy."""
    program, listen = envoy_program(), free_port()
    if program is None:
        yield None
        return
    file = folder / f"envoy-{listen}.json"
    file.write_text(json.dumps(made(listen)))
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
               "--file-flush-interval-msec", "50")  # fmt: skip
    with process(program, "-c", file, *options) as (running, _):
        assert wait_until_served(running, listen)
        yield running, listen


def plain_envoy(port: int) -> Callable[[int], dict[str, Any]]:
    """Envoy as a plain proxy to a port."""
    from wattlas.model.endpoints import Address
    from wattlas.studies.export.envoy import cluster, socket_address

    types = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "plain",
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": f"{types}.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "stub", "timeout": "0s"}}]}]},
    }  # fmt: skip
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager",
                          "typed_config": manager}]}  # fmt: skip
    return lambda listen: {"static_resources": {
        "listeners": [{"name": "l", "address": socket_address("127.0.0.1", listen),
                       "filter_chains": [chain]}],
        "clusters": [cluster("stub", Address("127.0.0.1", port, False))]}}  # fmt: skip


@contextmanager
def litellm(folder: Path, port: int) -> Iterator[int | None]:
    """LiteLLM's proxy with one worker, and its port; None where there is none. What it needs may be
    in an environment of its own, WATTLAS_LITELLM_PROXY."""
    from benchmarks.live_load import KEY

    given = os.environ.get("WATTLAS_LITELLM_PROXY") or os.environ.get("WATTLAS_GATEWAYS")
    program = shutil.which("litellm", path=str(Path(given or sys.prefix) / "bin"))
    if program is None:
        yield None
        return
    listen = free_port()
    file = folder / "litellm.yaml"
    to = {"model": "openai/llama-70b", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "x"}
    file.write_text(json.dumps({
        "model_list": [{"model_name": "llama", "litellm_params": to}],
        "general_settings": {"master_key": KEY},
    }))  # fmt: skip
    with process(
        program, "--config", file, "--port", listen, "--host", "127.0.0.1", "--num_workers", 1,
        LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_MASTER_KEY=KEY,
        PATH=f"{Path(program).parent}:{os.environ['PATH']}",
    ) as (running, _):  # fmt: skip
        yield listen if wait_until_served(running, listen) else None
