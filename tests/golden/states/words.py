"""What verbs say of data, shares, menus, ledgers and engines, of values made by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import typer

import wattlas
from tests.golden.printed import fault_lines, tried
from tests.golden.states.options import told
from wattlas.cli import (
    breakeven,
    common,
    data_check,
    data_import,
    demand,
    init,
    ledger_correct,
    ledger_file,
    tiers_menu,
    tiers_share,
    view,
)
from wattlas.data.measured.build import Measured
from wattlas.errors import Problem
from wattlas.model.scenario import Scenario
from wattlas.placement import engine
from wattlas.placement.hour import engine_hour
from wattlas.report.results import write_results
from wattlas.report.view import ResultsServer
from wattlas.studies import menus
from wattlas.studies.board import board_of_table
from wattlas.studies.points import measured_points, points_frame, points_listing
from wattlas.studies.share_answer import BoardQuestion, ShareAnswer, ShareQuestion

TINY = "tiny"


def _words(folder: Path) -> Iterator[str]:
    """What verbs say of data, shares, menus, ledgers, moves and engines."""
    problem = Problem("a", "is wrong", "Mend it.", "f.csv", 3)
    for rows, problems in (
        ({"x": 1}, ()),
        ({"x": 1200, "y": 3}, (problem,)),
        ({}, (problem, problem)),
    ):
        judged = SimpleNamespace(
            path="p",
            name="n",
            sound=not problems,
            rows=rows,
            problems=problems,
            warnings=problems[:1],
            notes=("n",),
        )
        yield data_check._check_text(judged)  # type: ignore[arg-type]
        yield str(data_check._check_mapping(judged))  # type: ignore[arg-type]
    time = SimpleNamespace(hours=1, start_utc="2026")
    counts = SimpleNamespace(words="w", added=1, replaced=2, same=3, dropped=4)
    for zones, rows, when in (
        ([f"z{n}" for n in range(12)], 1, time),
        ([f"z{n}" for n in range(13)], 1234, None),
        (["z"], 2, SimpleNamespace(hours=2000, start_utc="x")),
    ):
        manifest = SimpleNamespace(time=when, model_dump=lambda mode: {"m": mode})
        result = SimpleNamespace(
            folder="f",
            table="price",
            rows=rows,
            counts=counts,
            zones=zones,
            notes=["n"],
            gaps=[problem],
            manifest=manifest,
        )
        yield data_import._result_text(result)  # type: ignore[arg-type]
        yield str(data_import._result_mapping(result))[:300]  # type: ignore[arg-type]
    from wattlas.data import importers

    layout = SimpleNamespace(
        table="egress",
        timed=False,
        intensity="direct",
        time_zone="X",
        stamps="s",
        dates="d",
        hour_column="",
        step_min=5,
        interval_column="i",
        hour_numbers="n",
    )
    for rules, form, intensity, fill in (
        (importers.Rules(None, 3, True, True, True), "plain", True, True),
        (importers.Rules("linear", 3, False, False, False), "electricity-maps", True, True),
        (importers.Rules(None, 3, False, False, False), "entsoe", True, False),
    ):
        for kind in (
            layout,
            SimpleNamespace(
                **{**vars(layout), "table": "carbon", "timed": True, "hour_column": "h"}
            ),
        ):
            yield from fault_lines(
                lambda k=kind, r=rules, f=form, i=intensity, m=fill: data_import._refuse_idle(
                    k, r, f, i, m
                )
            )
    s = wattlas.example(TINY)
    utc = np.arange("2026-03-01", "2026-03-02", dtype="datetime64[h]")
    flat = board_of_table(("X",), np.full((1, 24), 300.0), utc)
    question = ShareQuestion(None, ("budget",), ("local",), 0.8, None)
    both = replace(
        question,
        rules=("percentile", "budget"),
        places=("local", "remote"),
        cap_share=None,
        cap_g=2.0,
    )
    days = [
        {
            "zone": "X",
            "place": "local",
            "rule": "budget",
            "plan": "hindsight",
            "day": "d",
            "full_g": 1.0,
            "degraded_share": 0.5,
            "hours": "fsd",
        }
    ]
    zone = {
        "zone": "X",
        "place": "local",
        "mean_g_per_kwh": 3.0,
        "variation": 0.5,
        "full_g": 1.0,
        "baseline_g": 0.0,
        "budget": 0.1,
        "percentile": None,
        "blind": 0.2,
        "least_g": 1.0,
        "verdict": {"budget": "nothing: x", "percentile": "cannot"},
    }
    for asked, world, green, point, left in (
        (question, None, 0.5, "", 0.0),
        (both, s, None, "small", 0.2),
        (replace(both, rules=("percentile",)), replace(s, notice=""), 0.4, "", 1e-9),
        (question, s, 0.4, "", tiers_share.TOLD_FROM),
    ):
        board = replace(flat, green_point=point, left_out=left, full_points=("f", "g"))
        query = BoardQuestion(asked, board, ("X",), world, "A" if world else "", green, None, "")
        yield from told(lambda q=query: tiers_share._show(q, ShareAnswer([zone], [], days, [])))
    served = menus.class_menu(s, "A", g_per_kwh=100.0)
    for each in (served, replace(served, stated=False)):
        yield "\n".join(tiers_menu._head(each))
    row = SimpleNamespace(
        tenant="t",
        corrects="c",
        region="r",
        average_ug=1.5e6,
        marginal_ug=-2e6,
        nano_usd=3e9,
        usual_average_ug=0,
        _asdict=lambda: {"tenant": "t"},
    )
    for as_json in (True, False):
        for dry_run in (True, False):
            yield from told(
                lambda j=as_json, d=dry_run: ledger_correct._tell([row], as_json=j, dry_run=d)
            )
    store = SimpleNamespace(tenants=lambda: ["a", "b"])
    for named in ([], ["a"], ["x", "a"]):
        yield from tried(lambda n=named: str(ledger_file.tenants_of(store, n)))  # type: ignore[arg-type]
    (folder / "l.sqlite").write_bytes(b"x")
    import sqlite3

    for error in (sqlite3.OperationalError("locked"), ValueError("other")):

        def opened(error: Exception = error) -> None:
            with ledger_file.opened(str(folder / "l.sqlite")):
                raise error

        yield from (each for each in fault_lines(opened) if "is no" not in each)
    yield from _engine(s)
    nothing = SimpleNamespace(notice="b")
    with pytest.MonkeyPatch.context() as still:
        from wattlas.studies import moves

        still.setattr(moves, "largest_moves", lambda _s: [])
        still.setattr(breakeven, "load_scenario", lambda *_: nothing)
        still.setattr(breakeven, "ready_engine", lambda *_: None)
        still.setattr(
            moves, "breakevens", lambda *_a, **_k: SimpleNamespace(listings=list, as_rows=list)
        )
        for as_json in (True, False):
            yield from told(lambda j=as_json: breakeven.command(as_json=j))
    for script in ("true", "false"):
        with pytest.MonkeyPatch.context() as browser:
            browser.setenv("BROWSER", f"{script} %s")
            browser.delenv("DISPLAY", raising=False)
            import webbrowser

            browser.setattr(webbrowser, "_tryorder", None)
            browser.setattr(webbrowser, "_browsers", {})
            yield from told(lambda: view._show("http://127.0.0.1:9/"))
    meta = {
        "wattlas": "0", "created_utc": "x", "scenario": {}, "window": {}, "intensity": {},
        "status": "optimal",
    }  # fmt: skip
    write_results(folder / "results", meta, {})
    with pytest.MonkeyPatch.context() as ended:
        ended.setattr(ResultsServer, "serve_forever", _interrupted)
        ended.setattr(view, "_show", lambda _url: typer.echo("shown"))
        for no_browser in (True, False):
            out = StringIO()
            with redirect_stdout(out), redirect_stderr(out), pytest.raises(typer.Exit) as how:
                view.command(folder / "results", no_browser=no_browser, port=0)
            yield f"{how.value.exit_code} {re.sub(r':[0-9]+/', ':PORT/', out.getvalue())}"
    logged = SimpleNamespace(
        requests=3,
        days=("a",),
        hour_weights=[1.0],
        weekend_factor=0.5,
        tokens={"A": 1},
        notes=["n"],
    )
    yield str(demand._mapping(logged))  # type: ignore[arg-type]
    (folder / "here").mkdir()
    (folder / "here" / "scenario.yaml").write_text("x")
    for names, force in ((["scenario.yaml"], False), (["scenario.yaml"], True), (["other"], False)):
        paths = [folder / "here" / n for n in names]
        yield from fault_lines(
            lambda p=paths, f=force: init.check_target(folder / "here", p, force=f)
        )
    for regions in (" , ", "aws:us-east-1, ,gcp:europe-west9"):
        yield from tried(
            lambda r=regions: str(sorted(p.name for p in init.planned_company(folder / "c", r)))
        )
    for points in (measured_none(), Measured((), ("n",))):
        frame = points_frame(points)
        yield f"{frame.height} {frame.columns} {[c.name for c in points_listing(points).columns]}"
    for stated in (
        {"prompt_share": 1.0},
        {"prompt_share": 1.01},
        {"prompt_share": -0.01},
        {"window": "w"},
    ):
        yield from (
            each[:160]
            for each in fault_lines(lambda k=stated: measured_points([folder / "none"], **k))
        )


def measured_none() -> Measured:
    """No points, and no notes."""
    return Measured((), ())


def _interrupted(*_given: object, **_more: object) -> None:
    raise KeyboardInterrupt


def _engine(s: Scenario) -> Iterator[str]:
    """Whether an engine is compiled, when, and with which word."""
    for worth, compiled, meanwhile in (
        (False, False, False),
        (True, True, False),
        (True, False, False),
        (True, False, True),
    ):
        asked: list[str] = []
        with pytest.MonkeyPatch.context() as world:
            world.setattr(
                engine_hour,
                "is_worth",
                lambda size, steps, w=worth, a=asked: a.append(f"{size} {steps}") or w,
            )
            world.setattr(
                engine,
                "is_compiled",
                lambda *, budgets, c=compiled, a=asked: a.append(f"budgets {budgets}") or c,
            )
            ran = Event()
            world.setattr(
                engine, "compile_engine", lambda a=asked, e=ran: (a.append("in a thread"), e.set())
            )
            world.setattr(
                engine, "warm_up", lambda say, *, budgets, a=asked: a.append(f"warm {budgets}")
            )
            yield from told(
                lambda m=meanwhile: common.ready_engine(s, 7 if m else None, budgets=m, meanwhile=m)
            )
            assert not meanwhile or ran.wait(60.0)
        yield str(sorted(asked))


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "verb_words": _words,
}
