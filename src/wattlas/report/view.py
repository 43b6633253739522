"""Shows a results folder in a browser: a server for this machine alone, with a twin for each table.

    /                      the report                 /meta.json            how the study ended
    /tables/NAME.csv       a table for a spreadsheet  /tables/NAME.json     the same as rows
    /tables/NAME.parquet   as it lies in the folder   /tables.json          what there is

It listens on 127.0.0.1 only, answers only requests that name it as their host (a page elsewhere
may otherwise point its own name here and read along), and serves only names that it knows.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from wattlas import __version__
from wattlas.errors import UsageError
from wattlas.model.frames import csv_text, with_texts
from wattlas.report.report import render_report

if TYPE_CHECKING:
    import polars as pl

    from wattlas.report.results import Results

HOST = "127.0.0.1"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "text": "text/plain; charset=utf-8",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Pages:
    """What may be asked for: a path to its content. Knows no file but the tables of the results."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self._report = render_report(results).encode()

    def get(self, path: str) -> tuple[str, bytes] | None:
        """Kind (a key of the media types) and content of one path, or None."""
        if path in ("/", "/report.html"):
            return "html", self._report
        if path == "/meta.json":
            return "json", _json(self.results.meta)
        if path == "/tables.json":
            return "json", _json({name: t.height for name, t in self.results.tables.items()})
        folder, _, file = path.rpartition("/")
        name, _, kind = file.rpartition(".")
        if folder != "/tables" or name not in self.results.tables or kind not in _WRITERS:
            return None
        return kind, _WRITERS[kind](self.results.tables[name])


def _json(value: Any) -> bytes:
    from wattlas.report.embed import finite

    return (json.dumps(finite(value), ensure_ascii=False, default=str) + "\n").encode()


def _rows(frame: pl.DataFrame) -> bytes:
    return _json(with_texts(frame).to_dicts())


def _csv(frame: pl.DataFrame) -> bytes:
    return csv_text(with_texts(frame)).encode()


def _parquet(frame: pl.DataFrame) -> bytes:
    import io

    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


_WRITERS = {"json": _rows, "csv": _csv, "parquet": _parquet}


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the pages of its server, and nothing else."""

    server: ResultsServer
    server_version = f"wattlas/{__version__}"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """One page, table or an error in words."""
        if not self.server.is_own(self.headers.get_all("Host") or []):
            self._send(421, "text", b"This server answers only to its own address.\n")
            return
        page = self.server.pages.get(unquote(urlsplit(self.path).path))
        if page is None:
            self._send(404, "text", b"There is no such page. /tables.json lists the tables.\n")
        else:
            self._send(200, *page)

    do_HEAD = do_GET

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", _TYPES[kind])
        self.send_header("Content-Length", str(len(content)))
        for name, value in _HEADERS.items():
            # The report carries its own policy, with the hashes of its scripts.
            if not (kind == "html" and name == "Content-Security-Policy"):
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: stdout holds the address, and requests of one's own browser are no news."""


class ResultsServer(ThreadingHTTPServer):
    """A results folder on one port of this machine. `port` 0 takes a free one."""

    pages: Pages

    def __init__(self, results: Results, port: int = 0) -> None:
        self.pages = Pages(results)
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be used ({error.strerror}): give another --port, or none "
                "for a free one"
            ) from error
        except OverflowError as error:
            raise UsageError(f"port {port} is not one: give 0 to 65535") from error

    @property
    def url(self) -> str:
        """Where the report is."""
        return f"http://{HOST}:{self.server_port}/"

    def is_own(self, hosts: list[str]) -> bool:
        """Whether a request is addressed to this server by exactly one of its own names."""
        names = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}
        return len(hosts) == 1 and hosts[0].lower() in names

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up early is no error; anything else is shown as usual."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
