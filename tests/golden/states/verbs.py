"""What verbs say of values made by hand: words of options, both sides of their limits, notes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.golden.printed import fault_lines, tried
from tests.golden.states.studies import _fleet, _totals
from wattlas.cli import (
    breakeven,
    common,
    data_check,
    data_import,
    demand,
    export,
    export_live,
    fleet,
    foresight,
    frontier,
    import_options,
    init,
    ledger_correct,
    ledger_file,
    options,
    plan,
    replay_trace,
    streaming,
    study,
    sweep_run,
    sweep_table,
    tiers_design,
    tiers_fit,
    tiers_menu,
    tiers_share,
    view,
)
from wattlas.cli.group import group
from wattlas.data.measured.build import Measured
from wattlas.errors import Problem
from wattlas.model.fleet import Reach, ReachedFleet
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.users import Users
from wattlas.placement import engine
from wattlas.placement.fleet.certificate import FleetCertificate
from wattlas.placement.fleet.patience import Patience
from wattlas.placement.hour import engine_hour
from wattlas.studies import menus
from wattlas.studies.board import board_of_table
from wattlas.studies.fleet_answer import FleetAnswer
from wattlas.studies.points import measured_points, points_frame, points_listing
from wattlas.studies.share_answer import BoardQuestion, ShareAnswer, ShareQuestion

TINY = "tiny"


def told(call: Callable[[], Any]) -> Iterator[str]:
    """What a call writes to stdout, and to stderr after `!`."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        lines = list(fault_lines(call))
    yield out.getvalue() + "".join(f"! {each}\n" for each in err.getvalue().splitlines())
    yield from (each for each in lines if each != "! nothing")


def _plans(_folder: Path) -> Iterator[str]:
    """Plans, folders and certificates with and without a gap, a notice, duals, caps."""
    s = wattlas.example(TINY).at_hours(range(2))
    quiet = replace(s, title="", notice="")
    info = SolveInfo("highs", 1.25, programs=3, rows=4, columns=5, gap=0.0)
    made = wattlas.plan(s)
    for scenario in (s, quiet):
        for changes in ({}, {"info": replace(info, gap=2e-5), "abatement_usd_per_t": np.array([1.5, 1 / 3])}):
            yield from told(lambda w=scenario, c=changes: plan.show_plan(
                replace(made, **{"scenario": w, "info": info, **c})))  # fmt: skip
    for path in ("x", "x.csv", "x.pdf", ".", "x.JSON"):
        yield from tried(lambda p=path: str(plan._is_folder(Path(p))))
    meta = {"scenario": {"title": "", "name": "n", "notice": "b"}, "window": {"hours": 3}, "gap": 0.0,
            "status": "optimal", "solver": "s", "programs": 1, "seconds": 1.26, "intensity":
            {"deciding": "average"}, "totals": {"plan": {"requests": 5.0, "odd": 1.0}},
            "regions": {"a": 1.0}}  # fmt: skip
    for changes in ({}, {"gap": 1e-4, "scenario": {"title": "T", "name": "n", "notice": ""}}):
        yield from told(lambda c=changes: streaming.show_folder({**meta, **c}))
    totals = {"plan": {"cost_usd": 1.0, "carbon_kg": 2.0, "requests": 3.0}}
    yield str(streaming._sums({"totals": totals}))

    def interrupted() -> None:
        with streaming.interruptible(Path("out")):
            streaming._interrupt(15, None)

    out = StringIO()
    with redirect_stderr(out), pytest.raises(KeyboardInterrupt):
        interrupted()
    yield out.getvalue()
    brief = {"sentence": "s", "actions": ["do a", "do b"], "fleet": "f"}
    about = {"scenario": {"title": "", "name": "n", "notice": ""}, "brief": brief, "status": "limit",
             "window": {"hours": 1200, "hours_represented": 8760.4}, "solver": "x",
             "intensity": {"deciding": "marginal"}, "seconds": 12.34}  # fmt: skip
    for changes in ({}, {"scenario": {"title": "T", "name": "n", "notice": "b"}, "brief":
                         {"sentence": "s", "actions": []}}):  # fmt: skip
        result = SimpleNamespace(meta={**about, **changes})
        yield from told(lambda r=result: study.head(r))  # type: ignore[arg-type]


def _fleets(folder: Path) -> Iterator[str]:
    """A fleet on the terminal, what is lost, how long to wait, where it is written."""
    s = wattlas.example(TINY).at_hours(range(2))
    made = _fleet(s)
    along = Reach("scale", (ReachedFleet(1.0, made.optimal, 60.0),), (), True)
    proof = FleetCertificate(70.0, 69.0, 0.01, {"a": 1e-9})
    patient = (Patience("D", 2.0, made),)
    quiet = replace(made, scenario=replace(s, notice=""))
    for answer, proved in ((FleetAnswer(made), None), (FleetAnswer(quiet, along), proof),
                           (FleetAnswer(quiet, replace(along, complete=False), patience=patient), None)):
        yield from told(lambda a=answer, p=proved: fleet._show(a, p))
    clouds = tuple(replace(r, id=name) for r, name in zip(s.regions, ("aws:a", "gcp:b", "c"), strict=True))
    for world in (s, SimpleNamespace(regions=clouds, sites=s.sites)):
        for words in (["region"], ["zone"], ["cloud"], ["oslo, austin", "x"], []):
            yield from tried(lambda w=world, x=words: str(fleet.lost_sets(w, x)))
    for text in (None, "D:0,1", "0.5", "a:b:3", "D", "D:x", ":2"):
        yield from tried(lambda t=text: str(fleet._waits(t)))
    for given in ((None, None, False, None, None), (None, 3.0, False, None, None), (None, None, True, None, None),
                  ("scale", 3.0, True, None, None), (None, None, False, 1.0, None), (None, None, False, 0.0, ["region"])):
        yield from fault_lines(lambda g=given: fleet._check(*g))
    (folder / "dir.csv").mkdir()
    for name in ("x.csv", "x.html", "x", "dir.csv", "x.b"):
        yield str(fleet._is_file(folder / name))
    heard: list[Any] = []
    fleet._told(lambda *a: heard.append(a), 1e-4)(SimpleNamespace(gap=1e-2))  # type: ignore[arg-type]
    yield str(heard)
    asked: list[Any] = []
    with pytest.MonkeyPatch.context() as world:
        from wattlas.placement.fleet import reach as reaching

        world.setattr(reaching, "reach", lambda _s, **k: asked.append({n: v for n, v in k.items() if n != "progress"}))
        for kind, most, jumps in (("scale", None, False), ("added_ms", None, True), ("scale", 2.0, False),
                                  (None, 1.0, True)):  # fmt: skip
            fleet._reach(s, kind, most, jumps, None, lambda *_: None)
    yield str(asked)


def _options(folder: Path) -> Iterator[str]:
    """Options of verbs: what they take, and what they refuse."""
    for text in ("24h", "24", " 2d ", "2 d", "0h", "1.5h", "", "3w", "1h"):
        yield from tried(lambda t=text: str(foresight.hours_of(t)))
    for pairs in (None, [], ["A=tariff", "B=x=y"], ["A"]):
        yield from tried(lambda p=pairs: str(foresight.published_of(p)))
    usual: Any = ("persistence", "24h", 1, None, None, None, None)
    for n, changed in enumerate((None, "boosted", "2d", 2, None, ["A=tariff"], Path("w"), Path("v"))):
        given = list(usual)
        if n:
            given[n - 1] = changed
        yield str(foresight.foresight_of(*given))
    for at, exact, samples in ((None, False, None), ("1,2.5", False, None), ("0", False, None), ("-1", False, None),
                               ("1,x", False, None), ("inf", False, None), ("1", True, None), ("1", False, 3),
                               (None, True, 3), (None, True, None), ("1,", False, None)):  # fmt: skip
        yield from tried(lambda a=at, e=exact, n=samples: str(frontier._budgets(a, e, n)))
    s = wattlas.example(TINY).at_hours(range(1))
    for goal in (Objective(), Objective(carbon_price_usd_per_t=3.0), Objective(minimise=Minimise.CARBON)):
        for price in (None, 0.0, 5.0):
            yield frontier._own_objective(replace(s, objective=goal), price)
    for listen in ("a:1", "[::1]:65535", "a:65536", "a:0", ":1", "a", "a:x"):
        yield from tried(lambda h=listen: str(export_live.host_port(h)))
    (folder / "t").write_text(" token \n")
    (folder / "b").write_bytes(b"\xff")
    for file in (None, folder / "t", folder / "b", folder / "none"):
        yield from tried(lambda f=file: repr(export_live._token(f)))
    for secret in (True, False):
        yield from told(lambda x=secret: export_live._tell("N", "text\n", folder / f"o{x}", secret=x))
        yield oct((folder / f"o{secret}").stat().st_mode & 0o077)
    yield from told(lambda: export_live._tell("N", "text\n", None))
    (folder / "hourly").mkdir()
    (folder / "hourly" / "swap.sh").write_text("x")
    for to, by_hour, out in (("wat", False, None), ("envoy", True, None), ("envoy", True, folder / "o.yaml"),
                             ("", True, None), ("", False, folder / "w.yaml"), ("envoy", False, folder / "w.json"),
                             ("litellm", False, folder / "w.json"), ("", False, folder / "dir"), ("envoy", True, folder / "n")):
        yield from fault_lines(lambda t=to, h=by_hour, o=out: export._check(t, h, o))
    for name in export.ONLY_FOR:
        for to in ("", "envoy", "llm-d", "httproute", "litellm"):
            yield from fault_lines(lambda n=name, t=to: export._check_options(t, {n: "x"}))
    shares = SimpleNamespace(by_hour=False)
    yield from fault_lines(lambda: export._written(shares, SimpleNamespace(node=None), "envoy", folder / "hourly"))
    for path in ("~/x", "~nobody-here/x", " ", "", "x"):
        yield from tried(lambda p=path: str(options.out_path(p)).replace(str(Path.home()), "HOME"))
    for named in ({}, {"time": "a", "unit": "s"}, {"time": "a", "unit": "s", "tokens_in": "i", "tokens_out": "o"}):
        four = [named.get(n) for n in ("time", "unit", "tokens_in", "tokens_out")]
        yield str(replay_trace.changed_fields(*four))
    given = dict.fromkeys((*import_options.LAYOUT_FIELDS, "decimal", "step"), None) | {
        "rename": [], "only": ["A"], "where": ["a=b=c"]}  # fmt: skip
    for changed in ({}, {"decimal": import_options.Decimal.COMMA, "stamps": import_options.Stamps.END},
                    {"rename": ["x"]}, {"step": 15}):  # fmt: skip
        yield from tried(lambda c=changed: str({k: v for k, v in import_options.layout_fields(
            {**given, **c}).items() if v}))  # fmt: skip
    for vary, run, kind, samples, seeds, settings in (
        (["a.b=1,2"], "plan", "grid", 0, 1, []), (["a.b=1:2", "c.d=1:3"], "plan", "sobol", 4, 1, []),
        (["policy=plan,nearest"], "replay", "grid", 0, 2, [" scale = 0.5", "trace=t.csv"]),
        (["a.b=1"], "replay", "grid", 0, 1, ["=3"]), (["a.b=1"], "wat", "grid", 0, 1, ["x"]),
        (["a.b=1"], "plan", "gird", 0, 1, []),
    ):  # fmt: skip
        extra = {"policy": None, "trace": "t.csv" if run == "replay" and seeds == 1 else None, "service": None}
        yield from tried(lambda v=vary, r=run, k=kind, n=samples, d=seeds, x=settings, e=extra: str(
            sweep_run.asked_design(v, r, k, n, d, x, e)).replace(str(Path.cwd()), "HERE"))  # fmt: skip
    for as_json in (True, False):
        yield from told(lambda j=as_json: sweep_run._tell_prepared(Path("f"), 1200, 3, j))
    first = group("replay", {"policies": "List.", "trace_": "x"} if False else {"policies": "List."}, "S.", "More.", first=True)
    yield f"{first.info.help!r} {group('replay', {'policies': 'List.'}, 'S.').info.help!r}"
    for text in ("fit", "0", "-1.5", "x", "nan"):
        yield from tried(lambda t=text: str(tiers_fit._curvature(t)))
    for caps, rule, forecast, ahead in (({"--a": 1.0, "--b": 2.0}, "both", None, False), ({"--a": 1.0, "--b": None},
                                         "both", Path("f"), False), ({"--a": None}, "budget", Path("f"), True),
                                        ({"--a": None}, "blind", None, False), ({"--a": None}, "percentile", None, False)):
        yield from fault_lines(lambda c=caps, r=rule, f=forecast, a=ahead: tiers_share._check(c, r, f, a))
    for design, green, part, hours in ((True, None, None, None), (True, "g", None, None), (True, None, 0.0, None),
                                       (True, None, None, Path("h")), (False, "g", 0.5, None), (False, "g", None, None)):
        yield from fault_lines(lambda d=design, g=green, p=part, h=hours: tiers_share._check_fallback(d, g, p, h))
    for stated in ({}, {"klass": ["A"], "objective": "carbon", "cap_share": 0.0, "most": 3}):
        asked = {"klass": None, "objective": "", "cap_share": None, "most": None, **stated}
        yield str(tiers_design._with_terms(s, *asked.values()).terms)  # type: ignore[arg-type]


def _words(folder: Path) -> Iterator[str]:
    """What verbs say of data, shares, menus, ledgers, moves and engines."""
    problem = Problem("a", "is wrong", "Mend it.", "f.csv", 3)
    for rows, problems in (({"x": 1}, ()), ({"x": 1200, "y": 3}, (problem,)), ({}, (problem, problem))):
        judged = SimpleNamespace(path="p", name="n", sound=not problems, rows=rows, problems=problems,
                                 warnings=problems[:1], notes=("n",))  # fmt: skip
        yield data_check._check_text(judged)  # type: ignore[arg-type]
        yield str(data_check._check_mapping(judged))  # type: ignore[arg-type]
    time = SimpleNamespace(hours=1, start_utc="2026")
    counts = SimpleNamespace(words="w", added=1, replaced=2, same=3, dropped=4)
    for zones, rows, when in (([f"z{n}" for n in range(12)], 1, time), ([f"z{n}" for n in range(13)], 1234, None),
                              (["z"], 2, SimpleNamespace(hours=2000, start_utc="x"))):
        manifest = SimpleNamespace(time=when, model_dump=lambda mode: {"m": mode})
        result = SimpleNamespace(folder="f", table="price", rows=rows, counts=counts, zones=zones, notes=["n"],
                                 gaps=[problem], manifest=manifest)  # fmt: skip
        yield data_import._result_text(result)  # type: ignore[arg-type]
        yield str(data_import._result_mapping(result))[:300]  # type: ignore[arg-type]
    from wattlas.data import importers

    layout = SimpleNamespace(table="egress", timed=False, intensity="direct", time_zone="X", stamps="s", dates="d",
                             hour_column="", step_min=5, interval_column="i", hour_numbers="n")
    for rules, form, intensity, fill in (
        (importers.Rules(None, 3, True, True, True), "plain", True, True),
        (importers.Rules("linear", 3, False, False, False), "electricity-maps", True, True),
        (importers.Rules(None, 3, False, False, False), "entsoe", True, False),
    ):
        for kind in (layout, SimpleNamespace(**{**vars(layout), "table": "carbon", "timed": True, "hour_column": "h"})):
            yield from fault_lines(lambda k=kind, r=rules, f=form, i=intensity, m=fill:
                                   data_import._refuse_idle(k, r, f, i, m))  # fmt: skip
    s = wattlas.example(TINY)
    utc = np.arange("2026-03-01", "2026-03-02", dtype="datetime64[h]")
    flat = board_of_table(("X",), np.full((1, 24), 300.0), utc)
    question = ShareQuestion(None, ("budget",), ("local",), 0.8, None)
    both = replace(question, rules=("percentile", "budget"), places=("local", "remote"), cap_share=None, cap_g=2.0)
    days = [{"zone": "X", "place": "local", "rule": "budget", "plan": "hindsight", "day": "d", "full_g": 1.0,
             "degraded_share": 0.5, "hours": "fsd"}]  # fmt: skip
    zone = {"zone": "X", "place": "local", "mean_g_per_kwh": 3.0, "variation": 0.5, "full_g": 1.0, "baseline_g": 0.0,
            "budget": 0.1, "percentile": None, "blind": 0.2, "least_g": 1.0, "verdict": {"budget": "nothing: x",
            "percentile": "cannot"}}  # fmt: skip
    for asked, world, green, point, left in ((question, None, 0.5, "", 0.0), (both, s, None, "small", 0.2),
                                             (replace(both, rules=("percentile",)), replace(s, notice=""), 0.4, "", 1e-9),
                                             (question, s, 0.4, "", tiers_share.TOLD_FROM)):  # fmt: skip
        board = replace(flat, green_point=point, left_out=left, full_points=("f", "g"))
        query = BoardQuestion(asked, board, ("X",), world, "A" if world else "", green, None, "")
        yield from told(lambda q=query: tiers_share._show(q, ShareAnswer([zone], [], days, [])))
    served = menus.class_menu(s, "A", g_per_kwh=100.0)
    for each in (served, replace(served, stated=False)):
        yield "\n".join(tiers_menu._head(each))
    row = SimpleNamespace(tenant="t", corrects="c", region="r", average_ug=1.5e6, marginal_ug=-2e6, nano_usd=3e9,
                          usual_average_ug=0, _asdict=lambda: {"tenant": "t"})  # fmt: skip
    for as_json in (True, False):
        for dry_run in (True, False):
            yield from told(lambda j=as_json, d=dry_run: ledger_correct._tell([row], as_json=j, dry_run=d))
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
        still.setattr(moves, "breakevens", lambda *_a, **_k: SimpleNamespace(listings=lambda: [], as_rows=lambda: []))
        for as_json in (True, False):
            yield from told(lambda j=as_json: breakeven.command(as_json=j))
    for script, code in (("true", 0), ("false", 1)):
        with pytest.MonkeyPatch.context() as browser:
            browser.setenv("BROWSER", f"{script} %s")
            browser.delenv("DISPLAY", raising=False)
            import webbrowser

            browser.setattr(webbrowser, "_tryorder", None)
            browser.setattr(webbrowser, "_browsers", {})
            yield from told(lambda: view._show("http://127.0.0.1:9/"))
    logged = SimpleNamespace(requests=3, days=("a",), hour_weights=[1.0], weekend_factor=0.5, tokens={"A": 1}, notes=["n"])
    yield str(demand._mapping(logged))  # type: ignore[arg-type]
    (folder / "here").mkdir()
    (folder / "here" / "scenario.yaml").write_text("x")
    for names, force in ((["scenario.yaml"], False), (["scenario.yaml"], True), (["other"], False)):
        paths = [folder / "here" / n for n in names]
        yield from fault_lines(lambda p=paths, f=force: init.check_target(folder / "here", p, force=f))
    for regions in (" , ", "aws:us-east-1, ,gcp:europe-west9"):
        yield from tried(lambda r=regions: str(sorted(p.name for p in init.planned_company(folder / "c", r))))
    found = SimpleNamespace(height=1)
    assert found
    for points in (measured_none(), Measured((), ("n",))):
        frame = points_frame(points)
        yield f"{frame.height} {frame.columns} {[c.name for c in points_listing(points).columns]}"
    for stated in ({"prompt_share": 1.0}, {"prompt_share": 1.01}, {"prompt_share": -0.01}, {"window": "w"}):
        yield from (each[:160] for each in fault_lines(lambda k=stated: measured_points([folder / "none"], **k)))
    assert sweep_table
    assert math
    assert Users


def measured_none() -> Measured:
    """No points, and no notes."""
    return Measured((), ())


def _engine(s: Scenario) -> Iterator[str]:
    """Whether an engine is compiled, when, and with which word."""
    for worth, compiled, meanwhile in ((False, False, False), (True, True, False), (True, False, False), (True, False, True)):
        asked: list[str] = []
        with pytest.MonkeyPatch.context() as world:
            world.setattr(engine_hour, "is_worth", lambda size, steps, w=worth, a=asked: a.append(f"{size} {steps}") or w)
            world.setattr(engine, "is_compiled", lambda *, budgets, c=compiled, a=asked: a.append(f"budgets {budgets}") or c)
            world.setattr(engine, "compile_engine", lambda a=asked: a.append("in a thread"))
            world.setattr(engine, "warm_up", lambda say, *, budgets, a=asked: a.append(f"warm {budgets}"))
            yield from told(lambda m=meanwhile: common.ready_engine(s, 7 if m else None, budgets=m, meanwhile=m))
        yield str(sorted(asked))


def _plan_of(s: Scenario) -> Plan:
    return Plan(Status.OPTIMAL, s, SolveInfo("x"), None, _totals(), 1.0)


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "verb_plans": _plans, "verb_fleets": _fleets, "verb_options": _options, "verb_words": _words,
}  # fmt: skip
