"""LiteLLM's proxy itself with the exported configuration and callback: what its clients are told is
what the ledger says.

    pip install 'litellm[proxy]'        in an environment, which WATTLAS_LITELLM_PROXY then names
    pytest tests/acceptance/test_live_litellm_proxy.py

It takes a minute or two to start on a busy machine, so CI does not run it.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.live_servers import free_port
from tests.acceptance.test_live_litellm import PHI, environment, live, now_and_then
from tests.serve.live import Live

__all__ = ["live"]
pytestmark = pytest.mark.litellm_proxy
NAMED = "WATTLAS_LITELLM_PROXY"
KEY = "sk-proxy"
START_S = 300.0
REQUESTS, CLIENTS = 120, 4
STARTED = """
import gc, runpy, sys
gc.set_threshold(50_000, 20, 20)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""The program as it is, but for a quarter of its start that was a search for garbage."""


def ask(port: int, n: int) -> tuple[int, str, str, str]:
    """Status, tier, region, and what was said, of one request; each third is streamed and each
    seventh asks for full service."""
    messages, tier = [{"role": "user", "content": f"ping {n}"}], "auto" if n % 7 else "default"
    said = {"model": "llama", "messages": messages, "stream": n % 3 == 0, "service_tier": tier}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(said), headers)
        answer = connection.getresponse()
        told = [answer.getheader(f"x-wattlas-{name}", "") for name in ("tier", "region")]
        return answer.status, told[0], told[1], answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def proxy(live: Live) -> Iterator[int]:
    """The proxy with one worker, and its port. It has answered one request."""
    given = os.environ.get(NAMED)
    program = shutil.which("litellm", path=str(Path(given) / "bin")) if given else None
    if program is None:
        pytest.skip(f"{NAMED} names no environment with LiteLLM's proxy")
    port, folder = free_port(), live.folder / "litellm"
    own = {**environment(live), "LITELLM_MASTER_KEY": KEY}
    own.pop("PYTHONPATH", None)
    own["PATH"] = f"{Path(program).parent}:{own['PATH']}"
    with (live.folder / "proxy.txt").open("w+") as said:
        running = subprocess.Popen(
            [Path(program).parent / "python", "-c", STARTED, program, "--config", "config.yaml",
             "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
            cwd=folder, env=own, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            until = time.monotonic() + START_S
            while not _answers(port):
                assert running.poll() is None, Path(said.name).read_text()[-3000:]
                assert time.monotonic() < until
                time.sleep(0.1)
            yield port
        finally:
            running.terminate()
            running.wait(30)


def _answers(port: int) -> bool:
    try:
        return ask(port, 1)[0] == 200
    except OSError:
        return False


def test_the_proxy_tells_what_the_ledger_says(live: Live, proxy: int) -> None:
    """Every request has one row, also those that were tried twice; clients are told tier and region
    as the rows have them; the cap is kept, and what asks for full service gets it."""
    before = live.settled()
    assert [row.end for row in before] == ["whole"]
    for stub in live.stubs.values():
        stub.behaviour = now_and_then()
    with ThreadPoolExecutor(CLIENTS) as clients:
        got = list(clients.map(lambda n: ask(proxy, n), range(REQUESTS)))
    assert {status for status, *_ in got} == {200}
    assert all("wörd4" in said if n % 3 == 0 else "pong" in said
               for n, (_, _, _, said) in enumerate(got))  # fmt: skip
    rows = [row for row in live.settled() if row not in before and row.tenant == "acme"]
    assert {row.end for row in rows} == {"whole"}
    assert Counter((tier, region) for _, tier, region, _ in got) == Counter(
        ("degraded" if row.degraded else "full", row.region) for row in rows
    )
    assert {tier for _, tier, _, _ in got[::7]} == {"full"}
    low = sum(row.degraded for row in rows)
    assert 0 < low <= PHI * (len(rows) + len(before))
    assert max(row.attempts for row in rows) >= 2
    assert live.counts() == (REQUESTS + len(before), low + live.held())
