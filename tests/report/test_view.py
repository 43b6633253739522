"""The server of `wattlas view`: loopback, its own host name, its own paths, and a clean end."""

from __future__ import annotations

import csv
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.studied import LEFT_OUT, Studied
from wattlas.errors import UsageError
from wattlas.report.columns import COLUMNS
from wattlas.report.view import ResultsServer


@pytest.fixture(scope="module")
def server(made: Studied) -> Iterator[ResultsServer]:
    """A server of the study on a free port."""
    with ResultsServer(made.results()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: ResultsServer, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    link = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        link.request(method, path, headers={} if host is None else {"Host": host})
        answer = link.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        link.close()


def test_it_listens_on_this_machine_only(server: ResultsServer) -> None:
    """The socket is bound to the loopback address."""
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_the_report_is_the_front_page(server: ResultsServer) -> None:
    """`/` is the report, rendered from the tables."""
    status, headers, body = ask(server, "/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"Three regions, four metros, one day" in body
    assert body == ask(server, "/report.html")[2]


@pytest.mark.parametrize("name", sorted(set(COLUMNS) - LEFT_OUT))
def test_each_table_has_its_twins(server: ResultsServer, name: str, made: Studied) -> None:
    """CSV, JSON and Parquet of a table hold the same rows."""
    frame = made.frames[name]
    rows = json.loads(ask(server, f"/tables/{name}.json")[2])
    table = list(csv.DictReader(io.StringIO(ask(server, f"/tables/{name}.csv")[2].decode())))
    assert len(rows) == len(table) == frame.height
    assert list(rows[0]) == list(table[0]) == frame.columns
    assert pl.read_parquet(io.BytesIO(ask(server, f"/tables/{name}.parquet")[2])).equals(frame)


def test_times_are_written_as_everywhere(server: ResultsServer) -> None:
    """ISO 8601 in UTC, ending in Z."""
    assert json.loads(ask(server, "/tables/hourly.json")[2])[0]["time_utc"] == (
        "2023-06-01T00:00:00Z"
    )
    text = ask(server, "/tables/hourly.csv")[2].decode()
    assert next(csv.DictReader(io.StringIO(text)))["time_utc"] == "2023-06-01T00:00:00Z"


def test_meta_and_list_of_tables(server: ResultsServer, made: Studied) -> None:
    """`/meta.json` is the meta data, `/tables.json` says which tables there are."""
    assert json.loads(ask(server, "/meta.json")[2])["status"] == "optimal"
    assert json.loads(ask(server, "/tables.json")[2])["merit"] == made.frames["merit"].height


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/tables/../meta.json", "/tables/%2e%2e%2fmeta.json", "/tables/",
        "/tables/hourly", "/tables/hourly.exe", "/tables/nonsense.csv", "/meta", "//etc/passwd",
        "/tables/..%2f..%2fpyproject.toml", "/tables/hourly.csv/", "/favicon.ico",
    ],
)  # fmt: skip
def test_only_known_paths(server: ResultsServer, path: str) -> None:
    """No path leaves the results."""
    status, _, body = ask(server, path)
    assert status == 404
    assert b"no such page" in body


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost"])
def test_only_its_own_name(server: ResultsServer, host: str) -> None:
    """A page elsewhere that points its own name here learns nothing."""
    status, _, body = ask(server, "/meta.json", host=host)
    assert status == 421
    assert b"optimal" not in body


def test_localhost_is_its_own_name(server: ResultsServer) -> None:
    """Both names of the loopback address are answered."""
    assert ask(server, "/meta.json", host=f"LOCALHOST:{server.server_port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_only_reads(server: ResultsServer, method: str) -> None:
    """Nothing can be sent to it."""
    assert ask(server, "/", method)[0] == 501


def test_head_has_no_body(server: ResultsServer) -> None:
    """HEAD says how long a page is."""
    status, headers, body = ask(server, "/meta.json", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 100


def test_headers_that_protect(server: ResultsServer) -> None:
    """No sniffing, no framing, no caching, no sharing with other origins."""
    _, headers, _ = ask(server, "/meta.json")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Server"].startswith("wattlas/")


def test_a_taken_port_is_a_usage_error(server: ResultsServer, made: Studied) -> None:
    """The error names the port and the way out."""
    with pytest.raises(UsageError, match=str(server.server_port)):
        ResultsServer(made.results({}), server.server_port)
    for port in (-1, 65536):
        with pytest.raises(UsageError, match=f"port {port} is not one: give 0 to 65535"):
            ResultsServer(made.results({}), port)


def test_the_verb(tmp_path: Path, made: Studied) -> None:
    """It prints the address on stdout, serves, and ends with 130 on an interrupt."""
    made.write(tmp_path)
    code = "import typer; from wattlas.cli.view import command; typer.run(command)"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    call = [sys.executable, "-c", code, str(tmp_path), "--no-browser", "--port", str(port)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == f"http://127.0.0.1:{port}/\n"
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        link.request("GET", "/meta.json")
        assert link.getresponse().status == 200
        link.close()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=20)
        assert run.returncode == 130
        assert out == ""
        assert "Traceback" not in err
