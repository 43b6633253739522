"""What replays, weights of gateways, folders, pages and terminals say in rare states."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

import wattlas
from tests.golden.printed import (
    fault_lines,
    listing_lines,
    number,
    outline,
    table_lines,
    tried,
)
from wattlas.cli import bar, common, streams, tables
from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.endpoints import Address, Endpoints
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Totals
from wattlas.model.table import Column, Kind, Listing
from wattlas.replays.outcome import Metered, Outcome
from wattlas.report.comparison import compare
from wattlas.report.embed import columns_of, page_tables, script_json
from wattlas.report.files import ending_of, folder_of, write_table
from wattlas.report.page import context
from wattlas.report.report import policy, write_report
from wattlas.report.results import Results, open_results
from wattlas.report.view import ResultsServer
from wattlas.report.whole_folder import refuse_others, whole_folder
from wattlas.studies.export import envoy, httproute, litellm, llmd
from wattlas.studies.export.files import folder_files, hour_file, single_file
from wattlas.studies.export.gateways import Setting, dns_name
from wattlas.studies.export.grafana import dashboard
from wattlas.studies.export.listings import (
    kept_words,
    sentences,
    weights_listing,
    weights_mapping,
)
from wattlas.studies.export.rounding import Route, whole_weights, worst_rounding
from wattlas.studies.export.weights import Rule, Weights
from wattlas.studies.export.yaml_text import yaml_text
from wattlas.studies.foresight import Foresight, first_step, regret_listing, skill_listing
from wattlas.studies.regret import best_by, least_regret, policies_table
from wattlas.studies.replay_runs import Traffic, Trial
from wattlas.studies.replay_tables import listings, meta_of, sentence, totals_listing
from wattlas.studies.replays import Replayed

NAN = float("nan")


def _outcome(name: str, usd: float, kg: float, **more: Any) -> Outcome:
    """An outcome of 100 requests."""
    s = wattlas.example("tiny").at_hours(range(2))
    time = np.array(["2026-01-01T00", "2026-01-01T01"], "datetime64[h]")
    latency = {"class": ["A"], "service": ["full"], "moment": ["first"], "requests": [90],
               "p50_ms": [usd], "p95_ms": [2 * usd], "p99_ms": [3 * usd], "late_share": [0.1]}
    caps = {"time_utc": time, "cap": ["A"] * 2, "window_utc": time[:1].repeat(2),
            "delivered": [5.0, 9.0], "granted": [2.0, 3.0], "degraded": [1.0, 2.0],
            "share": [0.2, 0.22], "share_max": [0.3, 0.3]}  # fmt: skip
    none: dict[str, Any] = {"time_utc": time[:0]}
    totals = Totals(energy_usd=usd, carbon_kg=kg, carbon_marginal_kg=more.pop("marginal", None))
    stated = {"metered": None, "unserved": 0, "refused": 0, "late": 3, "over_cap": 0, "caps": caps}
    stated |= {"served": 97, "moved": 0.25, "started": 2, "distribution": none, "places": none}
    return Outcome(s, name, 2, 100, totals=totals, latency=latency, **{**stated, **more})


def _replayed(looked_at: str, *seeds: Any, **more: Any) -> Replayed:
    outcomes = {name: runs if isinstance(runs, tuple) else (runs,) for name, runs in seeds}
    s = next(iter(outcomes.values()))[0].scenario
    return Replayed(s, Traffic(), outcomes, looked_at, **more)


def _replays(_folder: Path) -> Iterator[str]:
    """Outcomes made by hand: alone, of seeds, of several policies, with unserved and refused."""
    meter = Metered(5.0, 2.0, 9.0, 4.0, 7.0, 3.0)
    base, plan = _outcome("nearest", 9.0, 5.0), _outcome("plan", 7.0, 6.0, late=0, metered=meter)
    short = _outcome("short", 1.0, 0.5, unserved=2, refused=1, served=0, over_cap=1200)
    again = _outcome("plan", 8.0, 5.5, marginal=4.0)
    least = replace(base.scenario, objective=Objective(minimise=Minimise.CARBON))
    three = {"nearest": (base, base), "plan": (plan, again), "short": (short, plan)}
    cases = {
        "alone": _replayed("nearest", ("nearest", base)),
        "plan": _replayed("plan", ("nearest", base), ("plan", plan), notes=("one", "two")),
        "seeds": _replayed("plan", ("nearest", (base, base)), ("plan", (plan, again))),
        "without caps": _replayed("plan", ("nearest", replace(base, caps={"cap": []})),
                                  ("plan", replace(plan, caps={"cap": []}))),
        "several": _replayed("plan", *three.items(), against="nearest", refused={"odd": "why"}),
        "against": _replayed("plan", ("nearest", base), ("plan", plan), against="nearest"),
        "refused": _replayed("plan", ("nearest", base), ("plan", plan), refused={"odd": "why"}),
    }
    for name, made in cases.items():
        yield f"== {name} {made.several}: {sentence(made)}"
        for listing in listings(made):
            yield from listing_lines(listing)
        told = meta_of(made)
        yield f"{told['status']} {told['policies']} {told['refused']} {told['limits']} {told['seeds']}"
        yield from table_lines("policies", made.named_tables()["replay_policies"])
        yield str(sorted(made.named_tables()))
    yield from listing_lines(totals_listing(cases["seeds"]))
    for runs in (three, {"a": (base,), "b": (base,)}, {"a": (short,), "b": (plan,)},
                 {"a": (plan,), "b": (replace(plan, totals=Totals(carbon_kg=NAN)),)}):
        yield f"{[best_by(runs, q) for q in ('cost_usd', 'carbon_kg', 'movable_usd')]}"
        yield f"{least_regret(base.scenario, runs)} {least_regret(least, runs)}"
    free = replace(base, totals=Totals())
    yield from table_lines("free", policies_table({"a": (free,)}, "a", {}))
    for stated in ({}, {"even": True}, {"scale": 0.5, "world": 0.1, "klass": "A"}):
        yield f"{Traffic(**stated).words} {Traffic(**stated).identity}"
    for trial in ({}, {"seeds": 0}, {"seeds": 1, "first_seed": 4}, {"utilisation": 0.0},
                  {"utilisation": 1.0}, {"utilisation": 1.0001}, {"utilisation": 0.5, "seeds": 3}):
        yield from tried(lambda t=trial: str(Trial(**t).draws))
    halved = Trial(utilisation=0.5).planned_with(base.scenario)
    yield str(float(halved.reserved_gpu.sum() / base.scenario.reserved_gpu.sum()))
    for begin in (None, "2023-06-01T01:00", "2023-06-01T01:00Z", "2023-06-02", "x", "2022-01-01"):
        yield from tried(lambda b=begin: str(first_step(base.scenario, b)))
    past = Foresight().with_past(base.scenario, 1, 1.0)
    yield f"{Foresight().with_past(base.scenario, 0, 1.0).past} {past.past and past.past.hours.count}"
    other = Foresight(past=least).with_past(base.scenario, 1, 0.5)
    yield str(float(other.past.demand_per_h.sum() / least.demand_per_h.sum()) if other.past else 0)
    skill = {"signal": ["price", "price", "carbon", "price"], "ahead_h": [1, 1, 1, 24],
             "skill": [0.5, 0.1, NAN, 0.3], "hours": [3, 4, 5, 6]}  # fmt: skip
    yield from listing_lines(skill_listing(skill))
    yield from listing_lines(regret_listing({"against": ["oracle"], "measure": ["carbon_kg"],
                                             "value": [0.5]}))  # fmt: skip


def _rule(klass: str, node: str, metros: tuple[str, ...], places: Any, share: Any, n: float) -> Rule:
    return Rule(klass, node, metros, places, np.array(share), n)


def _weights(**more: Any) -> Weights:
    s = wattlas.example("tiny")
    nodes, metros = [n.id for n in s.nodes], [m.id for m in s.metros]
    point = s.points[0].id
    rules = (
        _rule("A", nodes[0], tuple(metros[:1]), (("oslo", point), ("austin", point)), [[0.75, 0.25]], 9),
        _rule("A", nodes[1], tuple(metros[1:]), (("oslo", point), ("mumbai", "small")), [[1 / 3, 2 / 3]], 3),
        _rule("D", nodes[1], tuple(metros), (("oslo", "small"), ("unserved", "")), [[0.9999999, 1e-7]], 1),
    )  # fmt: skip
    totals = [Totals(energy_usd=u, carbon_kg=u * 900.0) for u in (9000.0, 8000.5, 7000.25)]
    stated: dict[str, Any] = {"kind": "cost", "by_hour": False, "policy": "static_cost",
                              "rules": rules, "kept": 0.5, "notes": ("n",)}  # fmt: skip
    names = ("baseline_totals", "table_totals", "plan_totals")
    return Weights(s, **{**stated, **dict(zip(names, totals, strict=True)), **more})


def _exports(_folder: Path) -> Iterator[str]:
    """Weights made by hand for every gateway: split, refused, of many metros and places."""
    made = _weights()
    few = Totals(energy_usd=8.0, carbon_kg=3.0)
    lost = Totals(energy_usd=8.0, unserved_requests=2.0)
    least = replace(made.scenario, objective=Objective(minimise=Minimise.CARBON))
    for each in (
        made, replace(made, kept=None), replace(made, kept=None, table_totals=lost),
        replace(made, kept=None, scenario=least), replace(made, kept=None, scenario=least,
        kind="carbon", table_totals=lost), replace(made, kind="carbon", policy="static_carbon"),
        replace(made, baseline_totals=few, table_totals=Totals(), plan_totals=Totals()),
    ):  # fmt: skip
        yield kept_words(each)
    yield from sentences(made)
    exact = replace(made, rules=made.rules[:1])
    yield from sentences(exact)
    yield str([whole_weights(np.array(s), 7).tolist() for s in ([1 / 3] * 3, [0.5, 0.5], [1.0], [0.9, 0.1])])
    yield number(worst_rounding(made.rules))
    yield from listing_lines(weights_listing(made))
    yield from listing_lines(weights_listing(replace(made, rules=made.rules * 6)))
    yield from listing_lines(weights_listing(replace(made, rules=(made.rules * 6)[:16])))
    swing = np.linspace(0.2, 0.8, 24)
    hours = replace(made, by_hour=True, policy="hourly_table_cost", rules=(
        replace(made.rules[0], share=np.stack([swing, 1 - swing], axis=1)),))  # fmt: skip
    yield from listing_lines(weights_listing(hours))
    yield from listing_lines(weights_listing(replace(hours, rules=hours.rules * 17)))
    yield from outline("mapping", {**weights_mapping(hours, made.rules[0].node), "weights": []})
    yield from table_lines("table", {k: v[:5] for k, v in hours.table().items()})
    yield hour_file("routes.yaml", 7) + hour_file("a.b.yml", "x")
    text = folder_files(hours, Setting(folder="/etc/x/"), "envoy")
    yield f"{sorted(text)[:3]} {len(text)} {text['envoy.yaml'][:300]}"
    place = made.rules[0].places[0]
    ends = Endpoints(pattern="https://{region}.example")
    setting = Setting(ends, class_header="x-k", metro_header="x-m", listen_host="::", listen_port=7)
    for name, work in (("envoy", envoy.bootstrap), ("routes", envoy.route_file),
                       ("http", httproute.http_routes), ("ai", httproute.ai_gateway_routes),
                       ("litellm", litellm.config), ("llm-d", llmd.peers)):  # fmt: skip
        for weights in (made, exact):
            more = () if name == "envoy" else (0,)

            def text_of(work: Any = work, w: Any = weights, more: Any = more) -> str:
                said = work(w, setting, *more)
                return yaml_text(said if isinstance(said, list) else [said])

            yield f"== {name}"
            yield from tried(text_of)
    yield from tried(lambda: single_file(exact, setting, "envoy", ".json")[:200])
    rows = [Route("A", tuple(f"m{n}" for n in range(65)), (place,), (1,)), Route("A", (), (place,), (1,)),
            Route("A", ("m",), (place,) * 16, (1,) * 16), Route("A", (), (place,) * 17, (1,) * 17),
            Route("A", tuple(f"m{n}" for n in range(64)), (place,), (1,))]  # fmt: skip
    for route in rows:
        yield from tried(lambda r=route: str([(len(p.metros), len(p.places)) for p in httproute._in_parts(r)]))
    twin = replace(made.rules[0], places=(("os-lo", place[1]), ("os.lo", place[1])))
    long = replace(made.rules[0], places=(("o" * 60, place[1]),), share=np.ones((1, 1)))
    edge = replace(long, places=(("o" * (63 - len(place[1]) - 1), place[1]),))
    for rule in (twin, long, edge):
        yield from fault_lines(lambda r=rule: httproute.http_routes(replace(made, rules=(r,)), setting, 0))
    for texts in (("A", "b"), ("9", "x"), ("--",), ("Å",), ("a_b", "C d")):
        yield dns_name(texts)
    yield yaml_text([{"on": 1, "a b": [], "c": {}, "d": [1, [2, {"e": None}]], "f": "x\ny", "g": 1e6,
                      "h": True, "9": -0.5, "y": [{"k": 1, "l": [2]}]}], ["one\ntwo"])
    board = dashboard()
    yield from outline("board", {**board, "panels": [{**p, "datasource": "", "targets": [
        {**t, "datasource": ""} for t in p["targets"]]} for p in board["panels"]]})  # fmt: skip


def _folder_of(folder: Path, name: str, meta: dict[str, Any]) -> Path:
    base = {"wattlas": "0", "created_utc": "x", "window": {}, "intensity": {}, "status": "optimal",
            "tables": {}}  # fmt: skip
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "meta.json").write_text(json.dumps({**base, **meta}))
    return folder / name


def _compared(folder: Path) -> Iterator[str]:
    """Folders compared: of other questions, without hashes, at limits and just beyond."""
    totals = {"variable_usd": 100.0, "carbon_kg": 0.0, "late_requests": 5, "requests": 9.0,
              "note": "x", "energy_usd": -50.0, "served": 10.0, "odd": 1.0}  # fmt: skip
    one = {"scenario": {"sha256": "h", "name": "n"}, "totals": {"plan": totals}}
    more = {**totals, "variable_usd": 101.0, "carbon_kg": 2.0, "late_requests": 6,
            "energy_usd": -49.0, "served": 9.0, "new": 3.0}  # fmt: skip
    del more["odd"]
    a, b = _folder_of(folder, "a", one), _folder_of(folder, "b", {**one, "totals": {"plan": more}})
    for limits in ("", "cost=1%", "cost=0.99%", "cost=1", "cost=0.999999", "late=1,carbon=2",
                   "carbon=50%", "energy=2%", "energy=1.99%", "served=1", "served=0.5", " cost = 5 ,",
                   "cost", "=5", "cost=x", "cost=-1", "cost=inf", "moved=1", "requests=1", "wat=1",
                   "odd=1", "p95=1", "cost=0.999999999", "cost=1.0000000001"):  # fmt: skip
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
        "bare": {**one, "scenario": {"name": "n"}}, "replay": {**one, "page": "replay"},
        "empty": {"scenario": {"sha256": "h"}, "totals": None},
    }  # fmt: skip
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
    _folder_of(folder, "r2", {**others["replay"], "came": {**came, "even": True}, "seeds": 3,
                              "window": {"hours": 3}, "policy": "plan"})  # fmt: skip
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
    for name in (".DS_Store", ".wattlas-1", "mine.txt", "a", "b", "c"):
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
    yield str([(p.name, p.read_text()) for p in sorted(target.iterdir()) if p.is_file() and "lock" not in p.name])
    frame = pl.DataFrame({
        "n": [1.0, 2.5, None, 1e15, 123456789.0], "i": [1, 2, 3, 4, 5], "b": [True, None, False, True, True],
        "s": ["a", None, "b", "a", "a"], "x": [float("inf"), float("nan"), 0.0, -1e16, 1 / 3],
        "z": [None] * 5, "r": [7.25] * 5,
    }, strict=False).with_columns(pl.Series("t", rows["t"][[0, 1, 0, 0, 1]]))  # fmt: skip
    yield str(columns_of(frame))
    long = pl.DataFrame({"v": [1234.5, 6789.25] * 20})
    yield str(columns_of(long))[:80]
    yield str(page_tables(Results({}, {"unknown": long, "places": frame}))[1])
    yield script_json({"a": NAN, "b": "</script>&\u2028", 3: [float("inf"), (1, 2)]})
    for scripts in (["a"], ["x</SCRIPT>"], ["<!-- y"], []):
        yield from tried(lambda s=scripts: policy(s))
    yield from fault_lines(lambda: write_report(Results({})))
    window = {"start_utc": "2026-01-01T00:00:00Z", "end_utc": "2026-02-01T00:00:00Z"}
    sized = {"scenario": {"name": "n", "title": "t", "notice": "b", "metros": 3, "zones": 2.0,
             "classes": "x"}, "solver": "s", "gap": 1e-3, "programs": 4, "rows": 5, "columns": 6,
             "seconds": 0.5}  # fmt: skip
    for meta in (
        {**sized, "window": window, "limits": ["b", "c"]},
        {"window": {**window, "hours": 3, "hours_represented": 3}, "rows": 3, "programs": 0, "gap": 0},
        {"window": {**window, "hours": 3, "hours_represented": 9.0, "sample": "s"}, "programs": 4, "rows": 5},
        {"objective": {"minimise": "carbon", "cost_cap_usd": 3.0, "window": "all", "carbon_cap_share": 0.0},
         "intensity": {"deciding": "marginal", "kind": "k"}, "network": {"modelled_share": 0.0}},
        {"totals": {"plan": {"late_requests": 0.0, "egress_usd": 0.0, "energy_usd": 3.0, "it_mwh": None},
         "baseline": {"late_requests": 2.0}}, "baseline": {"label": "here"}, "network": 3},
        {"provenance": [{"what": "w", "period": None}], "conflict": "why", "command": "do", "limits": None},
    ):  # fmt: skip
        told = context(Results(meta))
        yield from outline("page", {k: v for k, v in told.items() if k not in ("meta", "vendored")})
    yield f"{Results({'scenario': None})!r}"
    bare = _folder_of(folder, "bare", {"scenario": {}, "tables": {"places": None, "later": {"sha256": 3}}})
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


class _Terminal(io.StringIO):
    """What says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _terminals(_folder: Path) -> Iterator[str]:
    """Bars, panels, problems and tables on terminals wide and narrow, and elsewhere."""
    problems = [Problem("a.b", "is\nwrong", "Do it.\nSo.", "f.yaml", 3), Problem("c", "too", "")]
    for terminal in (io.StringIO(), _Terminal()):
        with contextlib.redirect_stderr(terminal):
            with common.progress("Reading"):
                pass
            common.show_problems(problems)
            common.show_problems(problems[1:])
            common.show_warnings(problems)
            streams.clear_line()
            with bar.bar("Work", 48, "steps") as tell:
                tell("first", 0.0)
                tell("first", 0.0)
                tell("second", 0.5)
        told = re.sub(r"\x1b\[\d*m", "", terminal.getvalue())
        yield repr(told.partition("Work")[0] if terminal.isatty() else told)
    now = iter([0.0, 1.0, 5.9, 5.9, 6.0, 11.5, 12.0, 12.0, 13, 14, 15, 16.5, 17, 18, 19, 20])
    pace = bar.StagePace(now=lambda: float(next(now)))
    told = io.StringIO()
    with contextlib.redirect_stderr(told), bar._written("V", pace) as tell:
        for share in (0.1, 0.2, 0.3):
            tell("s", share)
    yield told.getvalue()
    for share, first, total in ((0.0, 0.0, 0), (0.0, 0.0, 9), (0.5, 0.5, 0), (1.0, 0.5, 9), (0.6, 0.2, 0)):
        pace = bar.StagePace(total, "u", "s", share, (0.0, first), now=lambda: 2.0)
        yield f"{pace.words()!r} {pace.step('s', share)} {pace.step('t', share)} {pace.step('t', 0.0)}"
    still = bar.StagePace(3, "u", "s", 1.0, (2.0, 0.0), now=lambda: 2.0)
    yield still.words()
    wide = Listing("Title of it", (
        Column("name", Kind.TEXT), Column("usd", Kind.COUNT), Column("much_usd_per_mwh", digits=6, wide=True),
        Column("said", Kind.TEXT, head="what was said of it"), Column("last_kg", Kind.COUNT, wide=True),
        Column("ok", Kind.FLAG),
    ), {"name": ["a", "a-very-long-name-without-a-break"], "usd": [1.0, 123456789.0],
        "much_usd_per_mwh": [0.5, NAN], "said": ["one two three four five six seven eight", ""],
        "last_kg": [3.0, None], "ok": [True, False]}, ("a note",))  # fmt: skip
    for columns in (40, 60, 80, 90, 110, 200):
        shown, widths, gap, left = tables.fitted(wide, columns)
        yield f"{columns}: {[c.name for c in shown]} {widths} {gap} {[c.name for c in left]}"
    before = os.environ["COLUMNS"]
    for columns in ("44", "80"):
        os.environ["COLUMNS"] = columns
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            tables.show(wide)
            tables.show(Listing("None", wide.columns, {c.name: [] for c in wide.columns}, ("alone",)))
        yield out.getvalue() + err.getvalue()
    os.environ["COLUMNS"] = before
    for text in ("a\x00b", "é→", "a\tb\nc", "\ud800", "√𝛼"):
        for encoding in ("utf-8", "ascii", "latin-1", "cp1252"):
            yield ascii(streams.fitting(streams.visible(text), encoding))
        yield f"{streams.one_line(text)!a} {streams.holds(text, SimpleNamespace(encoding='ascii'))}"
    yield f"{streams.holds('é', SimpleNamespace(encoding=None))} {streams.holds('é', object())}"
    kept = sys.stdout, sys.stderr
    for closed in ("stdout", "stderr"):
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: (setattr(sys, "stdout", kept[0]), setattr(sys, "stderr", kept[1])))
            sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
            setattr(sys, closed, None)
            from wattlas.cli import run

            code = run(["replay", "policies"])
        yield f"{closed}: {int(code)}"
    screen = streams.Screen(io.StringIO(), needed=True)
    shown = screen.write("a\x1b")
    yield f"{shown} {screen.errors} {streams.obeying(screen).encoding} {streams.obeying(3)}"
    for value in ({"a": {1.5}, 2: (NAN, -np.inf)}, np.float32(1.5), np.bool_(True), Address("h", 1, True),
                  b"x", [None, True, 3, "s"], frozenset({1})):  # fmt: skip
        yield str(common.plain(value))
    for error in (InputError(problems), InfeasibleError("why")):
        yield str([common.problem_json(p) for p in getattr(error, "problems", ())])


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "replayed": _replays, "gateways": _exports, "compared": _compared, "written": _files,
    "terminals": _terminals,
}  # fmt: skip
