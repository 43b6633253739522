"""The real nginx with the live plane behind it: `auth_request` decides, the access log settles."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_gateways import free_port
from tests.serve.live import (
    KEYS,
    TOKEN,
    Live,
    answer,
    configuration,
    head,
    renamed,
    schedule,
)
from tests.serve.test_faults import after, hang, raw, reset
from wattlas.cli import run
from wattlas.errors import UsageError
from wattlas.serve.config import read_config
from wattlas.serve.schedule import read_schedule
from wattlas.studies.export.live_nginx import live_nginx

PHI = Fraction(3, 20)
BODIES = {
    "/v1/chat/completions": {"model": "llama", "messages": []},
    "/v1/messages": {"model": "llama", "messages": [], "max_tokens": 9},
}


class Behind:
    """A service that decides on a socket, and nginx before servers of models."""

    def __init__(self, folder: Path, program: str, names: dict[str, str] | None = None) -> None:
        self.live, self.port = Live(folder), free_port()
        contracts = {"green": {"share_max": "3/20", "window": "all"}}
        upstreams = {region: {"url": stub.url} for region, stub in self.live.stubs.items()}
        self.live.start(
            plan=renamed(schedule(), names or {}), upstreams=renamed(upstreams, names or {}),
            gateway=None, access_log="access.log", decisions={"socket": "decisions.sock"},
            contracts=contracts,
        )  # fmt: skip
        conf = folder / "nginx.conf"
        assert run(["export", "nginx", str(folder / "serve.yaml"), "--listen",
                    f"127.0.0.1:{self.port}", "--out", str(conf)]) == 0  # fmt: skip
        told = [program, "-p", str(folder), "-c", str(conf), "-e", "stderr"]
        checked = subprocess.run([*told, "-t"], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        self.log = (folder / "nginx.log").open("w")
        self.nginx = subprocess.Popen([*told, "-g", "daemon off; user root;"], stderr=self.log)
        self.wait()

    def wait(self) -> None:
        """Until nginx answers."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                if self.ask({"authorization": "Bearer no"})[0] == 401:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.live.folder / "nginx.log").read_text())

    def ask(
        self, headers: dict[str, str], path: str = "/v1/chat/completions", **more: Any
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            body = json.dumps({**BODIES.get(path, {}), **more})
            connection.request("POST", path, body, headers)
            got = connection.getresponse()
            try:
                return got.status, got.headers, got.read()
            except http.client.IncompleteRead as cut:
                return got.status, got.headers, cut.partial
        finally:
            connection.close()

    def rows(self, count: int) -> list[Any]:
        """Rows of a tenant's requests in the ledger, once there are so many."""
        until = time.monotonic() + 20
        while True:
            rows = [row for row in self.live.rows() if row.tenant == "acme"]
            if len(rows) >= count or time.monotonic() > until:
                return rows
            time.sleep(0.05)

    def quiet(self) -> None:
        """Until all that was told is recorded."""
        book, until = self.live.service.plane.book, time.monotonic() + 20
        time.sleep(0.2)  # the log is followed
        while (book.pending or book.stirred) and time.monotonic() < until:
            time.sleep(0.02)

    def stop(self) -> None:
        """End all of it in order."""
        self.nginx.terminate()
        self.nginx.wait(10)
        self.log.close()
        if not self.live.running.done():
            self.live.stop()
        self.live.end()


@pytest.fixture(scope="module")
def program() -> str:
    """nginx."""
    path = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        pytest.skip("no nginx")
    return path


@contextmanager
def running(folder: Path, program: str) -> Iterator[Behind]:
    """All of it."""
    made = Behind(folder, program)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def behind(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One for all tests that leave it running."""
    with running(tmp_path_factory.mktemp("nginx"), program) as made:
        yield made


ACME = {"authorization": f"Bearer {KEYS['acme']}"}


@pytest.mark.nginx
def test_the_cap_is_exact_behind_nginx(behind: Behind) -> None:
    """No prefix is over; clients, servers and ledger agree on every request of two endpoints."""

    ended: list[tuple[str, ...]] = []
    late: list[int] = []

    def one(n: int) -> None:
        path = list(BODIES)[n % 2]
        status, told, text = behind.ask(ACME, path, stream=n % 3 == 0)
        assert status == 200, text
        assert ("wörd4" in text.decode()) is (n % 3 == 0)
        assert told["x-wattlas-id"] is None
        if told["x-wattlas-reason"] == "undecided":  # it took longer than half a second
            late.append(n)
            return
        ended.append(tuple(told[f"x-wattlas-{word}"] for word in ("tier", "model", "region")))

    behind.quiet()
    before, earlier = len(behind.rows(0)), behind.live.counts()[0]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(24)))
        behind.quiet()  # permits come as the log is followed and recorded
        list(pool.map(one, range(24, 360)))
    told = Counter(ended)
    assert len(ended) == 360 - len(late) >= 300
    rows = behind.rows(before + len(ended))[before:]
    low = sum(row.degraded for row in rows)
    assert Counter(("degraded" if r.degraded else "full", r.model_served, r.region)
                   for r in rows) == told  # fmt: skip
    assert {row.end for row in rows} == {"whole"}
    assert low > 0
    for n in range(1, len(ended) + 1):
        assert sum(tier == "degraded" for tier, *_ in ended[:n]) <= PHI * (earlier + n)
    delivered, granted = behind.live.counts()
    assert delivered == earlier + len(ended)
    assert low <= granted <= PHI * (delivered + 256)
    assert {row.method for row in rows} == {"bytes"}


@pytest.mark.nginx
def test_tier_and_tenant_come_from_headers(behind: Behind) -> None:
    """And headers of ours that a client sends change nothing, and reach no server."""
    spoofed = {
        "x-wattlas-region": "oslo", "x-wattlas-point": "small", "x-wattlas-tier": "degraded",
        "x-wattlas-id": "forged", "x-service-tier": "default", "x-model": "llama",
    }  # fmt: skip
    status, told, _ = behind.ask({**ACME, **spoofed})
    assert (status, told["x-wattlas-tier"], told["x-wattlas-reason"]) == (200, "full", "asked")
    status, told, _ = behind.ask({"x-api-key": KEYS["plain"], **spoofed})
    assert (status, told["x-wattlas-reason"]) == (200, "no-contract")
    for stub in behind.live.stubs.values():
        for asking in stub.asked:
            assert not {"authorization", "x-api-key"} & set(asking.headers)
            assert not any(name.startswith("x-wattlas-") for name in asking.headers)
    assert behind.ask({"authorization": "Bearer sk-no", **spoofed})[0] == 401
    assert behind.ask({**ACME, "x-model": "gpt-9"})[0] == 403
    assert behind.ask({**ACME, "x-service-tier": "gold"})[0] == 403
    assert behind.ask(ACME, "/settle")[0] == 404
    assert behind.ask(ACME, "/wattlas-decision")[0] == 404
    assert behind.ask(ACME, user="x" * 200_000)[0] == 413


@pytest.mark.nginx
def test_what_fails_and_what_breaks_is_told_apart(behind: Behind) -> None:
    """A failure before the answer returns the permit; a broken stream is no answer delivered."""
    behind.quiet()
    before = behind.live.counts()
    half = raw(head(length=5000) + b'{"model":')
    cases = ((reset, 502, "failed"), (after(3, reset), 200, "broken"), (half, 200, "broken"))
    for behaviour, status, end in cases:
        count = len(behind.rows(0))
        for stub in behind.live.stubs.values():
            stub.behaviour = behaviour
        assert behind.ask(ACME, stream=True)[0] == status
        assert behind.rows(count + 1)[-1].end == end
    for stub in behind.live.stubs.values():
        stub.behaviour = after(3, hang)
    count = len(behind.rows(0))
    with socket.create_connection(("127.0.0.1", behind.port), timeout=5) as leaving:
        text = json.dumps({**BODIES["/v1/chat/completions"], "stream": True})
        told = f"host: x\r\nauthorization: {ACME['authorization']}\r\ncontent-length: {len(text)}"
        leaving.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{told}\r\n\r\n{text}".encode())
        got = b""
        while got.count(b"data: ") < 3:
            got += leaving.recv(65_536)
    assert behind.rows(count + 1)[-1].end == "broken"
    for stub in behind.live.stubs.values():
        stub.behaviour = answer
    assert behind.live.counts()[0] == before[0]


@pytest.mark.nginx
def test_without_decisions_everything_is_served_in_full(program: str, tmp_path: Path) -> None:
    """By fixed shares, and the answers say so."""
    seen = Counter()
    with running(tmp_path, program) as behind:
        behind.live.stop()
        for _ in range(20):
            status, told, _ = behind.ask(ACME)
            assert (status, told["x-wattlas-tier"], told["x-wattlas-reason"]) == (
                200, "full", "undecided",
            )  # fmt: skip
            seen[told["x-wattlas-region"], told["x-wattlas-point"]] += 1
    assert set(seen) == {("oslo", "large"), ("austin", "large")}


@pytest.mark.nginx
def test_names_of_places_may_hold_anything(program: str, tmp_path: Path) -> None:
    """Slashes, which would make two places one, letters that no header holds, and long ones."""
    names = {"oslo": "a/b", "austin": "a", "large": "c é", "small": f'b/~%2F "{"x" * 60}\\'}
    behind = Behind(tmp_path, program, names)
    try:
        told = [behind.ask(ACME)[1] for _ in range(9)]
        rows = behind.rows(9)
    finally:
        behind.stop()
    assert not [each for each in told if each["x-wattlas-reason"] == "undecided"]
    served = [(each["x-wattlas-region"], each["x-wattlas-point"]) for each in told]
    as_told = {name: name.encode("ascii", "backslashreplace").decode() for name in names.values()}
    assert Counter((as_told[r.region], as_told[r.point]) for r in rows) == Counter(served)
    assert {(r.region, r.point, r.model_served) for r in rows} == {
        ("a/b", "c é", "llama-70b"), ("a", "c é", "llama-70b"),
    } | {("a/b", names["small"], "llama-8b") for r in rows if r.degraded}  # fmt: skip


def test_names_that_differ_in_capitals_alone_are_refused(tmp_path: Path) -> None:
    """nginx takes one for the other."""
    live = Live(tmp_path)
    names = {"oslo": "Austin"}
    stated = {region: {"url": "http://x:1"} for region in ("austin", "Austin")}
    config = configuration({}, upstreams=stated, access_log="a.log", decisions={"socket": "s"})
    path = live.write(config, renamed(schedule(), names))
    live.end()
    with pytest.raises(UsageError, match="Rename a region or a point"):
        live_nginx(read_config(path), read_schedule(tmp_path / "schedule.json"), "x:1", 0.0)


def test_a_token_and_keys_are_written_for_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file holds them, and only its owner may read it; what nginx would misread is refused."""
    monkeypatch.setenv("OSLO_KEY", "sk-oslo")
    live = Live(tmp_path)
    stated = configuration({"oslo": "https://x:1", "austin": "http://x:2"}, access_log="a.log")
    stated["upstreams"]["oslo"]["key_env"] = "OSLO_KEY"
    path, token, out = live.write(stated), tmp_path / "token", tmp_path / "nginx.conf"
    live.end()
    token.write_text(TOKEN + "\n")
    asked = ["export", "nginx", str(path), "--token-file", str(token), "--out", str(out)]
    assert run(asked) == 0
    text = out.read_text()
    assert f"x-wattlas-token {TOKEN};" in text
    assert '"Bearer sk-oslo";' in text
    assert out.stat().st_mode & 0o077 == 0
    token.write_text('$a"')
    assert run(asked) == 2
    assert run(["export", "nginx", str(path)]) == 2
    assert run([*asked[:3], "--token-file", str(tmp_path / "none")]) == 2
    assert "Traceback" not in capsys.readouterr().err
