"""What folders, pages, streams, terminals and ledgers say, value by value.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.golden import test_answers
from tests.golden.kept import keep
from tests.golden.printed import fault_lines, number, outline, steady, table_lines
from tests.golden.test_figures import NOON, _plane, _settled
from tests.golden.test_studies import LEFT_OUT
from tests.golden.test_verbs import _said
from tests.long import long_tiny
from tests.replays.worlds import green, thin
from tests.serve.live import configuration, digest, schedule
from tests.studied import Studied
from wattlas.cli.bar import StagePace, duration
from wattlas.cli.common import plain
from wattlas.cli.endings import end
from wattlas.cli.heap import trimmed
from wattlas.cli.streams import Screen, fitting, holds, one_line
from wattlas.errors import InputError, LimitError, MachineError, Problem
from wattlas.report.page import context
from wattlas.report.report import write_report
from wattlas.report.results import Results, open_results, write_results
from wattlas.report.stream_folder import finished_parts, write_plan
from wattlas.report.view import Pages, ResultsServer
from wattlas.serve.metrics import metrics_text
from wattlas.serve.totals import MetricTotals
from wattlas.studies.brief import brief_html
from wattlas.studies.training import Episodes

HERE = Path(__file__).parent / "parts"
Case = Callable[[Path, Studied], Iterator[str]]


def _training(_folder: Path, _made: Studied) -> Iterator[str]:
    """Two episodes under a contract: places, what is seen, what is paid."""
    small = thin(green(0.3), 0.02, 3)
    for weights, hours in (({"usd_weight": 0.5, "kg_weight": 2.0}, None), ({"kg_weight": 1.0}, 2)):
        episodes = Episodes(small, **weights, hours=hours)
        yield from table_lines("places", asdict(episodes.places))
        yield str(dict(episodes.shapes()))
        yield from outline("seen", episodes.begin(4))
        count = len(episodes.places.group)
        for step in range(3):
            weight = np.sin(np.arange(count) + step) if step != 1 else np.zeros(count)
            seen, reward, terminated, truncated, info = episodes.advance(weight * 1.7)
            yield f"step {step}: {number(reward)} {terminated} {truncated}"
            yield from outline("seen", seen)
            yield from outline("info", info)
            shares = episodes.places.shares(episodes.agent.weight)
            yield " ".join(number(share) for share in shares)
            if terminated:
                break
    yield from fault_lines(lambda: Episodes(small, usd_weight=0.0))
    yield from fault_lines(lambda: Episodes(small).advance(np.zeros(3)))
    yield from fault_lines(lambda: Episodes(small).observed())
    routing = wattlas.policy.registry.policy_of(small, "nearest")
    yield str(type(routing).__name__)


def _view(folder: Path, made: Studied) -> Iterator[str]:
    """What the pages of a results folder are, and what the server answers."""
    results = made.results(frames={n: made.frames[n] for n in ("hourly", "places", "layers")})
    pages = Pages(results)
    for path in ("/meta.json", "/tables.json", "/tables/layers.csv", "/tables/layers.json",
                 "/tables/places.csv", "/tables/layers.parquet", "/", "/report.html",
                 "/tables/x.csv",
                 "/tables/layers.txt", "/tables", "/layers.csv"):  # fmt: skip
        page = pages.get(path)
        kind, content = page or ("none", b"")
        shown = content.decode() if kind in ("csv", "json") and path != "/meta.json" else ""
        yield f"{path}: {kind}, {'some' if content else 'no'} bytes"
        yield re.sub(r"\d+\.\d{4,}", lambda m: number(float(m[0])), shown[:3000]).rstrip()
    with ResultsServer(results) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for method, path, host in (
            ("GET", "/tables.json?x=1", "LOCALHOST"), ("HEAD", "/", "127.0.0.1"),
            ("GET", "/tables%2flayers.csv", "127.0.0.1"), ("GET", "/none", "127.0.0.1"),
            ("GET", "/", "evil.example"), ("POST", "/", "127.0.0.1"),
        ):  # fmt: skip
            link = http.client.HTTPConnection("127.0.0.1", server.server_port)
            link.request(method, path, headers={"Host": f"{host}:{server.server_port}"})
            answer = link.getresponse()
            body = answer.read().decode()[:150]
            yield f"{method} {path} {host}: {answer.status} {body.strip()}"
            for name, value in answer.getheaders():
                if name not in ("Server", "Date", "Content-Length", "Content-Security-Policy"):
                    yield f"  {name}: {value}"
            link.close()
        for line in fault_lines(lambda: ResultsServer(results, server.server_port)):
            yield line.replace(str(server.server_port), "PORT")
        server.shutdown()
    yield from fault_lines(lambda: ResultsServer(results, 70_000))


def _results(folder: Path, made: Studied) -> Iterator[str]:
    """What is wrong with folders, tables and meta data, and what results say of themselves."""
    frames = {n: made.frames[n] for n in ("places", "layers", "relocatable")}
    results = write_results(folder / "a", made.meta, frames, lambda r: f"<p>{r.title}")
    read = open_results(folder / "a")
    yield f"{read!r} {read.status} | {read.title} | {read.notice}"
    yield f"{read.has('places')} {read.has('merit')} {sorted(read.tables)}"
    yield from outline("meta", {**read.meta["tables"]})
    yield read._repr_html_()
    yield brief_html({"scenario": {"name": "<x>"}, "status": "limit"})
    yield from fault_lines(lambda: read.table("nothing"))
    window = {"hours": 3, "hours_represented": 3.0, "sample": "all"}
    goal = {"minimise": "carbon", "carbon_price_usd_per_t": 5.0, "cost_cap_share": 0.9,
            "carbon_cap_t": 2.0, "window": "day"}  # fmt: skip
    whole = {"status": "limit", "window": window, "objective": goal, "solver": "x", "gap": 0.0,
             "programs": 3, "network": {"modelled_share": 0.5},
             "intensity": {"deciding": "average"},
             "totals": {"plan": {"requests": 3.0, "late_requests": 0.0}, "baseline": {}},
             "provenance": [{"what": "a", "period": "2024-01-01T00:00:00Z to 2025"}]}  # fmt: skip
    for bare in ({}, {"status": "odd"}, whole):
        told = context(Results(bare))
        told["vendored"] = len(told["vendored"])
        yield from outline("page", {k: v for k, v in told.items() if k != "meta"})
    yield from fault_lines(lambda: write_report(Results({})))
    yield write_report(folder / "a", folder / "other.html").name
    layers = frames["layers"]
    wrong = {
        "nothing": layers,
        "layers": layers.with_columns(
            pl.lit("x").alias("it_mwh"), pl.lit(None).alias("class"), pl.lit(1).alias("layer")
        ).drop("share"),
        "hourly": made.frames["hourly"].with_columns(
            pl.col("time_utc").dt.replace_time_zone(None), pl.lit(1).alias("region")
        ),
        "frontier": made.frames["frontier"].with_columns(pl.lit("y").alias("exact")),
    }
    yield from fault_lines(lambda: write_results(folder / "b", {"status": 3}, wrong))
    (folder / "a" / "note.txt").write_text("mine")
    yield from fault_lines(lambda: write_results(folder / "a", made.meta, frames))
    (folder / "a" / "note.txt").unlink()
    (folder / "a" / "layers.parquet").write_bytes(b"no")
    (folder / "a" / "places.parquet").unlink()
    yield from fault_lines(lambda: open_results(folder / "a"))
    for text in ("{", "[]", json.dumps({**made.meta, "status": 1, "tables": 3})):
        (folder / "a" / "meta.json").write_text(text)
        yield from fault_lines(lambda: open_results(folder / "a"))
    yield from fault_lines(lambda: open_results(folder / "none"))
    yield str(sorted(results.tables))


def _stream(folder: Path, _made: Studied) -> Iterator[str]:
    """A plan of three chunks, gone on with, and what stops that."""
    days = long_tiny(21)
    weight = np.where(np.arange(days.hours.count) % 2, 3.0, 1.0)
    stream = replace(days, hours=replace(days.hours, weight=weight))
    told: list[int] = []
    meta = write_plan(folder / "p", stream, done=told.append)
    yield f"{told} {[path.name for path in finished_parts(folder / 'p')]}"
    steady = {n: v for n, v in meta.items() if n not in (*LEFT_OUT, "engine_hours", "highs_hours")}
    steady["parts"] = [{n: v for n, v in p.items() if n != "sha256"} for p in meta["parts"]]
    yield from outline("meta", steady)
    head = json.loads((folder / "p" / "plan.json").read_text("utf-8"))
    yield f"{sorted(head)} {head['objective']} {head['chunk_steps']}"
    (folder / "p" / "meta.json").unlink()
    part = folder / "p" / "flows-000001.parquet"
    before = part.read_bytes()
    part.unlink()
    again = write_plan(folder / "p", stream, resume=True)
    yield str([again[n] == meta[n] for n in ("totals", "regions", "parts", "window", "status")])
    (folder / "p" / "meta.json").unlink()
    part.write_bytes((folder / "p" / "flows-000000.parquet").read_bytes())
    yield from fault_lines(lambda: write_plan(folder / "p", stream, resume=True))
    part.write_bytes(before[:100])
    words = list(fault_lines(lambda: write_plan(folder / "p", stream, resume=True)))
    yield re.sub(r"cannot be read: .*", "cannot be read", "\n".join(words))
    (folder / "p" / "plan.json").write_text("{")
    yield from fault_lines(lambda: write_plan(folder / "p", stream, resume=True))
    (folder / "p" / "plan.json").unlink()
    yield from fault_lines(lambda: write_plan(folder / "p", stream))
    yield from fault_lines(lambda: write_plan(folder / "q", stream, chunk_steps=0))
    tight = replace(stream, reserved_gpu=stream.reserved_gpu * 1e-6)
    yield from (line[:300] for line in fault_lines(lambda: write_plan(folder / "r", tight)))


class Stream(io.StringIO):
    """A terminal of another encoding, which may refuse."""

    encoding = "ascii"
    fault: OSError | None = None

    def write(self, text: str) -> int:
        """Take a text or refuse it."""
        if self.fault:
            raise self.fault
        return super().write(text)

    def fileno(self) -> int:
        """None that is open."""
        raise OSError


def _terminal(_folder: Path, _made: Studied) -> Iterator[str]:
    """Progress by a clock of ours, texts for odd terminals, and how commands end."""
    now = iter(range(0, 10_000, 7))
    for total, unit in ((0, ""), (48, "steps")):
        pace = StagePace(total, unit, now=lambda: float(next(now)))
        for stage, share in (("read", 0.0), ("place", 0.1), ("place", 0.4), ("place", 0.35),
                             ("place", 0.9), ("write", 0.0), ("write", 1.0)):  # fmt: skip
            yield f"{stage} {share}: {pace.step(stage, share)} {pace.words()}"
    yield ", ".join(duration(s) for s in (0.4, 59.4, 59.6, 200, 3599, 3599.6, 7500, 90_000))
    odd = "é → ≥\x1b[1m\u202e\n\tx√𝛼"
    yield f"{one_line(odd)} {fitting(odd, 'ascii')!r} {fitting(odd, 'latin-1')!r}"
    yield str([holds("a → b", Stream()), holds("a", Stream()), holds("\x07", io.StringIO())])
    stream = Stream()
    screen = Screen(stream, needed=True)
    screen.writelines(["a\x1b", "→\n"])
    screen.obeying.write("\x1b[K")
    yield f"{stream.getvalue()!r} {screen.encoding} {screen.writable()} {screen.isatty()}"
    stream.fault = OSError(28, "No space left")
    yield from fault_lines(lambda: screen.write("x"))
    yield f"{Screen(stream, needed=False).write('xy')}"
    stream.fault = BrokenPipeError(32, "pipe")
    yield from fault_lines(lambda: screen.write("x"))
    problem = Problem("a.b", "is\nwrong", "Do it.\nSo.", "f.yaml", 3)
    with trimmed():
        pass
    for error in (
        InputError([problem]), InputError([problem, Problem("c", "too", "")]), LimitError("late"),
        MachineError("no"), OSError(13, "Permission denied", "x.csv"), MemoryError(),
        KeyboardInterrupt(), ZeroDivisionError("by 0"), TypeError(),
    ):  # fmt: skip
        for as_json in (False, True):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = end(error, as_json=as_json)
            yield f"{int(code)} {' '.join(out.getvalue().split())}\n{err.getvalue()}"
    yield str(
        plain({1: (np.float64(2.5), np.inf, {3}), "p": Path("x"), "a": np.arange(3), "n": None})
    )


LEDGER = """ledger statement L acme 2026-11
ledger statement L acme 2026-11 --json
ledger statement L nobody 2026-11
ledger statement L acme 2026-13
ledger statement L acme 2026-11 --out s.txt
ledger statement L acme 2026-11 --out s.csv
ledger correct L --signals signals.csv --dry-run
ledger correct L --signals signals.csv --tenant acme --why because
ledger correct L --signals signals.csv --tenant acme
ledger correct L --row ROW --tenant acme --it-j 120
ledger correct L --energy energy.csv --json --dry-run
ledger correct L --row ROW --tenant acme --void
ledger correct L --row none --tenant acme --void
ledger correct L --energy signals.csv
ledger correct L --signals energy.csv
ledger statement L plain 2026-11"""


def _ledger(folder: Path, _made: Studied) -> Iterator[str]:
    """What the verbs of a ledger say of forty requests, and what they append."""
    now, totals = [NOON.timestamp() + 30.0], MetricTotals()
    plane = _plane(folder, now)
    _settled(plane, now, totals)
    assert metrics_text(plane, totals)
    file = next(path for path in folder.glob("*.sqlite"))
    row = next(row for row in plane.store.rows("acme", 0, 2**62).rows if row.it_mj).id
    plane.store.close()
    texts = {
        "signals.csv": "time_utc,region,price_usd_per_mwh,average_g_per_kwh,marginal_g_per_kwh\n"
                       "2026-11-29T12:00:00Z,oslo,66,41,90\n",
        "energy.csv": "time_utc,region,it_kwh\n2026-11-29T12:00:00Z,oslo,0.00001\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    with contextlib.chdir(folder):
        for words in LEDGER.splitlines():
            said = _said(words.replace(" L ", f" {file.name} ").replace("ROW", row))
            yield re.sub(r"\b[0-9a-f]{12}\b", "a hash", said)


LIVE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("secret-token", {"access_log": "access.log"}),
    ("secret-token", {"access_log": "log of mine.log", "upstreams": {
        "oslo": {"url": "https://oslo.example", "key_env": "HOME"},
        "austin": {"url": "http://[::1]:80"}}, "models": {
        "llama": {"class": "chat"}, "sure": {"class": "chat", "tier": "priority"}}}),
    ("secret-token", {"access_log": "ac$ess.log"}), ("secret token", {"access_log": 'a"b.log'}),
    ("secret-\x07", {"access_log": "access.log"}), ("secret-token", {}),
    ("", {"access_log": "a.log"}),
    ("", {"decisions": None, "access_log": "a.log"}), ("", {"models": {}, "access_log": "a.log"}),
    ("", {"decisions": {"socket": "x.sock"}, "access_log": "a.log"}),
    ("secret-token", {"decisions": {"listen": "[::1]:77", "token_sha256": digest("secret-token")},
                      "access_log": "a.log"}),
)  # fmt: skip


REFUSED = """envoy serve.yaml --listen x
envoy serve.yaml --out e.txt
nginx serve.yaml --out n.txt
litellm serve.yaml --out L
envoy serve.yaml --out e.json --token-file token
nginx serve.yaml --token-file none
nginx serve.yaml --listen 0.0.0.0:99999"""


def _live(folder: Path, _made: Studied) -> Iterator[str]:
    """Configurations of gateways for the live plane, and what they lack."""
    urls = {"oslo": "http://127.0.0.1:9", "austin": "https://127.0.0.1:9"}
    (folder / "schedule.json").write_text(json.dumps(schedule()))
    for n, (token, changes) in enumerate(LIVE):
        (folder / "token").write_text(token)
        stated = {k: v for k, v in configuration(urls, **changes).items() if v is not None}
        (folder / "serve.yaml").write_text(json.dumps(stated))
        option = " --token-file token" if token else ""
        with contextlib.chdir(folder):
            for words in ("envoy serve.yaml", "nginx serve.yaml", "litellm serve.yaml"):
                said = _said(f"export {words}{'' if 'litellm' in words else option}")
                yield f"== {n}\n{said if n in (1, 9) or '-> 0' not in said else said[:60]}"
    with contextlib.chdir(folder):
        for words in REFUSED.splitlines():
            yield _said(f"export {words}")


CASES: dict[str, Case] = {
    "training": _training, "view": _view, "results": _results, "stream": _stream,
    "terminal": _terminal, "ledger": _ledger, "live": _live,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_parts_are_those_of_the_golden_files(
    name: str, tmp_path: Path, made: Studied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    keep(steady(CASES[name](tmp_path, made), tmp_path), HERE / f"{name}.txt")


def test_every_golden_file_is_asked_for() -> None:
    """A file that no case writes is left over."""
    assert {path.stem for path in HERE.iterdir()} == CASES.keys() | test_answers.CASES.keys()
