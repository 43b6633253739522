"""The demo: a day passes, the cap holds on the page as in the ledger, nothing is left behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A demo in a process of its own, with its temporary folder in ours."""
    env = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("demo"))}
    with subprocess.Popen(
        [sys.executable, "-c", "from wattlas.cli import main; main()", "serve", "--demo"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        running.url = running.stdout.readline().strip()  # type: ignore[attr-defined]
        running.folder = Path(env["TMPDIR"])  # type: ignore[attr-defined]
        yield running
        running.kill()


def get(demo: Any, path: str, **headers: str) -> tuple[int, str]:
    """A page of the demo."""
    host = demo.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def state(demo: Any) -> dict[str, Any]:
    """What the page shows."""
    return dict(json.loads(get(demo, "/state.json")[1]))


def test_requests_are_served_within_the_cap(demo: Any) -> None:
    """From every metro, in several regions, with less carbon than at the baseline."""
    until = monotonic() + 30
    while state(demo)["requests"] < 150:
        assert monotonic() < until
        sleep(0.2)
    shown = state(demo)
    assert all(tenant["delivered"] for tenant in shown["tenants"])
    assert all(tenant["share"] <= tenant["cap"] == 0.15 for tenant in shown["tenants"])
    used = [each for each in shown["regions"] if each["full"] + each["degraded"]]
    assert len(used) >= 2
    assert 0 < shown["grams"] < shown["usual_grams"]
    for name in ("grams", "usual_grams"):
        assert sum(hour[name] for hour in shown["hours"]) == pytest.approx(shown[name])
    assert shown["trouble"] is None
    assert "invented" in shown["notice"]


def test_the_page_answers_only_to_its_own_address(demo: Any) -> None:
    """A page elsewhere that points its name here reads nothing; other paths are shut."""
    status, text = get(demo, "/")
    assert status == 200
    assert "<title>Wattlas live</title>" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert get(demo, "/state.json", Host="evil.example")[0] == 421
    assert get(demo, "/schedule.json")[0] == 404


def test_it_ends_in_order(demo: Any) -> None:
    """At the first signal, and its folder is gone."""
    assert list(demo.folder.iterdir())
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=30)
    assert demo.returncode == 0
    assert "Traceback" not in said
    assert list(demo.folder.iterdir()) == []
