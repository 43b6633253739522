"""Folders that are compared and written, and pages of bare results."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.golden.printed import (
    fault_lines,
    listing_lines,
    outline,
    table_lines,
    tried,
)
from wattlas.report.comparison import compare
from wattlas.report.embed import columns_of, page_tables, script_json
from wattlas.report.files import ending_of, folder_of, write_table
from wattlas.report.page import context
from wattlas.report.report import policy, write_report
from wattlas.report.results import Results, open_results
from wattlas.report.view import ResultsServer
from wattlas.report.whole_folder import refuse_others, whole_folder

NAN = float("nan")


def _folder_of(folder: Path, name: str, meta: dict[str, Any]) -> Path:
    base = {
        "wattlas": "0",
        "created_utc": "x",
        "window": {},
        "intensity": {},
        "status": "optimal",
        "tables": {},
    }
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "meta.json").write_text(json.dumps({**base, **meta}))
    return folder / name


def _compared(folder: Path) -> Iterator[str]:
    """Folders compared: of other questions, without hashes, at limits and just beyond."""
    totals = {
        "variable_usd": 100.0,
        "carbon_kg": 0.0,
        "late_requests": 5,
        "requests": 9.0,
        "note": "x",
        "energy_usd": -50.0,
        "served": 10.0,
        "odd": 1.0,
    }
    one = {"scenario": {"sha256": "h", "name": "n"}, "totals": {"plan": totals}}
    more = {
        **totals,
        "variable_usd": 101.0,
        "carbon_kg": 2.0,
        "late_requests": 6,
        "energy_usd": -49.0,
        "served": 9.0,
        "new": 3.0,
    }
    del more["odd"]
    a, b = _folder_of(folder, "a", one), _folder_of(folder, "b", {**one, "totals": {"plan": more}})
    for limits in (
        "",
        "cost=1%",
        "cost=0.99%",
        "cost=1",
        "cost=0.999999",
        "late=1,carbon=2",
        "carbon=50%",
        "energy=2%",
        "energy=1.99%",
        "served=1",
        "served=0.5",
        " cost = 5 ,",
        "cost",
        "=5",
        "cost=x",
        "cost=-1",
        "cost=inf",
        "moved=1",
        "requests=1",
        "wat=1",
        "odd=1",
        "p95=1",
        "cost=0.999999999",
        "cost=0.9999998995",
        "cost=0.9999998985",
        "cost=1.0000000001",
    ):
        yield f"== {limits}"
        lines = list(fault_lines(lambda w=limits: compare(a, b, worse_than=w)))
        if lines != ["! nothing"]:
            yield from lines
            continue
        made = compare(a, b, worse_than=limits)
        yield f"{made.ok} {made.worse} {made.notes}"
        if len(limits) < 9:
            yield from listing_lines(made.listing())
            yield from table_lines("table", made.table())
    others = {
        "other": {**one, "scenario": {"sha256": "k", "name": "m"}},
        "twice": {**one, "scenario": {"sha256": "k", "name": "n"}},
        "bare": {**one, "scenario": {"name": "n"}},
        "replay": {**one, "page": "replay"},
        "empty": {"scenario": {"sha256": "h"}, "totals": None},
    }
    for name, meta in others.items():
        path = _folder_of(folder, name, meta)
        for pair in ((a, path), (path, a), (path, path)):
            yield f"== {pair[0].name} {pair[1].name}"
            yield from tried(lambda p=pair: str(compare(*p).notes))
            yield from tried(lambda p=pair: str(compare(*p, anyway=True).notes))
    (folder / "bare" / "plan.json").write_text('{"scenario": "h"}')
    yield from tried(lambda: str(compare(a, folder / "bare").ok))
    yield from fault_lines(lambda: compare(a, b, policy="plan"))
    came = {"scale": 1.0, "trace": None}
    _folder_of(folder, "r1", {**others["replay"], "came": came, "seeds": 2, "policy": "plan"})
    _folder_of(
        folder,
        "r2",
        {
            **others["replay"],
            "came": {**came, "even": True},
            "seeds": 3,
            "window": {"hours": 3},
            "policy": "plan",
        },
    )
    yield from fault_lines(lambda: compare(folder / "r1", folder / "r2"))


def _files(folder: Path) -> Iterator[str]:
    """Files and folders that are written, thinned tables, pages of bare results."""
    rows = {"a": [1.0, None], "t": np.array(["2026-01-01", "2026-01-02"], "datetime64[ms]")}
    for name in ("x.csv", "x.CSV", "x.json", "x.parquet", "x.pdf", "x"):
        yield from tried(lambda n=name: write_table(folder / n, rows).name)
        yield from tried(lambda n=name: ending_of(Path(n), (".json",)))
    yield (folder / "x.csv").read_text() + (folder / "x.json").read_text()
    write_table(folder / "m.json", pl.DataFrame(rows), {"k": "å"})
    yield (folder / "m.json").read_text()
    (folder / "d.zip").mkdir()
    for name in ("x.csv", "new", "new.html", "new.ZIP", "d.zip", "a.b"):
        yield from tried(lambda n=name: folder_of(folder / n).name)
    (folder / "full").mkdir()
    for name in (".DS_Store", ".wattlas-1", "mine.txt", "a", "b", "c", "d"):
        (folder / "full" / name).write_text("x")
        yield from fault_lines(lambda: refuse_others(folder / "full", {"mine.txt"}))
    refuse_others(folder / "nothing", ())
    target = folder / "whole"
    target.mkdir()
    for name in ("seal", "old", "kept"):
        (target / name).write_text("old")
    (target / ".wattlas-left").mkdir()
    with whole_folder(target, {"seal", "old", "kept"}, ("kept", "seal")) as staging:
        for name in ("kept", "new"):
            (staging / name).write_text("new")
    yield str(
        [
            (p.name, p.read_text())
            for p in sorted(target.iterdir())
            if p.is_file() and "lock" not in p.name
        ]
    )
    frame = pl.DataFrame(
        {
            "n": [1.0, 2.5, None, 1e15, 123456789.0],
            "i": [1, 2, 3, 4, 5],
            "b": [True, None, False, True, True],
            "s": ["a", None, "b", "a", "a"],
            "x": [float("inf"), float("nan"), 0.0, -1e16, 1 / 3],
            "z": [None] * 5,
            "r": [7.25] * 5,
        },
        strict=False,
    ).with_columns(pl.Series("t", rows["t"][[0, 1, 0, 0, 1]]))
    yield str(columns_of(frame))
    long = pl.DataFrame({"v": [1234.5, 6789.25] * 20})
    yield str(columns_of(long))[:80]
    yield str(page_tables(Results({}, {"unknown": long, "places": frame}))[1])
    yield script_json({"a": NAN, "b": "</script>&\u2028", 3: [float("inf"), (1, 2)]})
    for scripts in (["a"], ["x</SCRIPT>"], ["<!-- y"], []):
        yield from tried(lambda s=scripts: policy(s))
    yield from fault_lines(lambda: write_report(Results({})))
    window = {"start_utc": "2026-01-01T00:00:00Z", "end_utc": "2026-02-01T00:00:00Z"}
    sized = {
        "scenario": {
            "name": "n",
            "title": "t",
            "notice": "b",
            "metros": 3,
            "zones": 2.0,
            "classes": "x",
        },
        "solver": "s",
        "gap": 1e-3,
        "programs": 4,
        "rows": 5,
        "columns": 6,
        "seconds": 0.5,
    }
    for meta in (
        {**sized, "window": window, "limits": ["b", "c"]},
        {
            "window": {**window, "hours": 3, "hours_represented": 3},
            "rows": 3,
            "programs": 0,
            "gap": 0,
        },
        {
            "window": {**window, "hours": 3, "hours_represented": 9.0, "sample": "s"},
            "programs": 4,
            "rows": 5,
        },
        {
            "objective": {
                "minimise": "carbon",
                "cost_cap_usd": 3.0,
                "window": "all",
                "carbon_cap_share": 0.0,
            },
            "intensity": {"deciding": "marginal", "kind": "k"},
            "network": {"modelled_share": 0.0},
        },
        {
            "totals": {
                "plan": {
                    "late_requests": 0.0,
                    "egress_usd": 0.0,
                    "energy_usd": 3.0,
                    "it_mwh": None,
                },
                "baseline": {"late_requests": 2.0},
            },
            "baseline": {"label": "here"},
            "network": 3,
        },
        {
            "provenance": [{"what": "w", "period": None}],
            "conflict": "why",
            "command": "do",
            "limits": None,
        },
    ):
        told = context(Results(meta))
        yield from outline("page", {k: v for k, v in told.items() if k not in ("meta", "vendored")})
    yield f"{Results({'scenario': None})!r}"
    bare = _folder_of(
        folder, "bare", {"scenario": {}, "tables": {"places": None, "later": {"sha256": 3}}}
    )
    yield from fault_lines(lambda: open_results(bare))
    (bare / "places.parquet").write_bytes(b"x")
    yield from fault_lines(lambda: open_results(bare))
    old = {"scenario": {}, "tables": 3}
    yield from tried(lambda: str(sorted(open_results(_folder_of(folder, "old", old)).tables)))

    class Refused(ResultsServer):
        def __init__(self) -> None:
            pass

    for error in (ConnectionResetError(), TimeoutError(), ValueError("bug")):
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            try:
                raise error
            except Exception:
                Refused().handle_error(None, ("h", 1))
        yield f"{type(error).__name__}: {'ValueError' in told.getvalue()}"


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "compared": _compared,
    "written": _files,
}
