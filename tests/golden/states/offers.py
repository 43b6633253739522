"""Designs of tiers, shares of zones, figures and what is registered, in rare states."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shlex
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.cli.every_option import USERS
from tests.golden.printed import (
    fault_lines,
    listing_lines,
    number,
    outline,
    table_lines,
    tried,
)
from tests.golden.states.studies import _fleet
from tests.golden.states.tiers import line
from tests.tiers.markets import PRICE, people, service
from wattlas.cli import run
from wattlas.data.scenario_file import example_path, read
from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.model.table import table_of
from wattlas.model.users import Accelerators, Terms, Users
from wattlas.report.view import _json
from wattlas.studies import design_listings as told
from wattlas.studies import registry
from wattlas.studies.board import Ways, board_of, board_of_table
from wattlas.studies.export.schedule import _places as places_of
from wattlas.studies.figures import benefit, breakeven, frontier, saving, tier_shares, why
from wattlas.studies.fleet_answer import fleet_answer
from wattlas.studies.findings import Findings, _frontiers, _traced
from wattlas.studies.grams import Board, RequestGroup, foreseen, grams, intensity
from wattlas.studies.levels import levels
from wattlas.studies.menus import candidate_points, class_menu, menu_listing, menu_mapping
from wattlas.studies.offer_card import card, trigger_words
from wattlas.studies.offer_listings import card_listings
from wattlas.studies.offers import Design, TierDesign, _billing, _designed, _saved_t, _tiers
from wattlas.studies.offers import _problems as design_problems
from wattlas.studies.resized import CARBON, PEAK, Allocation, Resized, ResizedDesign, _busy_h
from wattlas.studies.resized_listings import resized_listing, resized_mapping, resized_words
from wattlas.studies.share_answer import BoardQuestion, ShareQuestion, answer, shown_days
from wattlas.studies.share_listings import answer_listings, answer_mapping
from wattlas.studies.shares import cap_problems, steps_per_day, zone_share
from wattlas.studies.sweeps import cluster
from wattlas.studies.tier_tables import menu_of_class, split_table, tier_tables
from wattlas.studies.training import OpenPlaces
from wattlas.tiers.market import market
from wattlas.tiers.offer import judge
from wattlas.tiers.sensitivity import Assumption, Varied
from wattlas.tiers.verdict import OfferVerdict

NAN = float("nan")


def _worth(klass: str = "A", **more: Any) -> Design:
    """A design of a small market that is worth offering."""
    served = replace(service(6, 2, 3, full_cost=0.8), klass=klass, **more)
    return _designed(market(served, people(9, 2, scale=0.02), PRICE), Terms(), True, 10)


def _designs(_folder: Path) -> Iterator[str]:
    """Designs made by hand: with and without an offer, tests, losers, kinds of cards."""
    s = wattlas.example("tiny").at_hours(range(6))
    plan = wattlas.plan(s)
    base = _worth()
    assert base.chosen is not None and base.market is not None
    offer, sold = base.chosen, base.market
    none = replace(base, chosen=None, verdict=OfferVerdict(False, "it is so"))
    empty = np.zeros((0, 6))
    pointless = replace(base.service, points=(), accuracy=empty[:, 0], latency_ms=empty[:, 0],
                        latest_ms=empty[:, 0], cost_usd=empty, carbon_g=empty)  # fmt: skip
    bare = Design(pointless, PRICE, OfferVerdict(False, "nothing"))
    varied = [
        Varied(Assumption(p, p, "u" * n, (1.0, 2.0, 3.0), t, "w" * n), (offer,) * 3, passed)
        for n, (p, t, passed) in enumerate((("billing", "low", True), ("scale", "high", False),
                                            ("usd_per_t", "", None), ("price", "", None)))
    ]  # fmt: skip
    tested = replace(base, sensitivities=tuple(varied))
    rows = base.segments
    losing = tuple(replace(r, losing_share=0.1 * n, rational=n > 0, compatible=n < 2, adoption=0.5)
                   for n, r in enumerate(rows))  # fmt: skip
    for design in (base, none, bare, tested, replace(base, segments=losing),
                   replace(base, segments=tuple(replace(r, adoption=0.0) for r in losing)),
                   replace(base, chosen=replace(offer, discount=0.0004)),
                   replace(base, chosen=replace(offer, discount=0.0))):  # fmt: skip
        yield from outline("card", card(design))
    windows = replace(base.service, window=np.array([0, 0, 0, 1, 1, 1]))
    dark = replace(base.service, full_kwh=np.full(6, 0.5))
    for served in (base.service, windows, dark, replace(dark, window=windows.window),
                   replace(base.service, carbon_g=2 * base.service.carbon_g + 1000)):
        for degraded, share in ((0.3, offer.share), (0.3, 1e-9), (0.3, 0.0), (1.0, 1.0), (1 - 1e-10, 1.0)):
            yield trigger_words(served, replace(offer, degraded=degraded, share=share))
    other = replace(_worth("D"), fallbacks=base.fallbacks)
    wholes = {
        "one": (tested,), "two": (tested, replace(other, segments=losing)), "none": (none,),
        "both": (none, other), "bare": (bare,), "nobody": (),
    }
    names = {"A": "chat", "D": "D"}
    for name, designs in wholes.items():
        for terms in (Terms(), Terms(most=2)):
            whole = TierDesign(plan, terms, designs, s.points, ("D",) if name == "none" else ())
            yield f"== {name} {terms.most}"
            yield from told.verdict_words(whole)
            yield from told.payment_notes(whole)
            for listing in told.design_listings(whole):
                yield from listing_lines(listing)
            mapping = told.design_mapping(whole, None)
            yield f"{sorted(mapping)} {mapping['split']} {len(mapping['tiers'])}"
            for design in designs:
                for tier in _tiers(s, design, whole):
                    yield from outline("tier", {k: v for k, v in asdict(tier).items() if k != "points"})
                yield line(_saved_t(design)) if design.market is not None else "no market"
    many = replace(base, fallbacks=(offer,) * 2)
    fallbacks = {"class": ["A"] * 21, "fallback": [f"f{n}" for n in range(21)]}
    yield f"{len(fallbacks['class'])} {many.shown is offer} {bare.shown} {none.shown is base.most}"
    listed = [{"class": "A", "worth": worth, "reason": "why", "tests": tests, "trigger": "t",
               "full_accuracy": 0.9123, "fallback_accuracy": 0.8, "full_latency_ms": 1234.5,
               "fallback_latency_ms": 0.5, "losing_share": 0.1, "fallback": "f", "discount": 0.1,
               "share": 0.2, "adoption": 0.3, "profit_gain_usd": 5.0, "revenue_gain_share": 0.1,
               "profit_gain_share": None, "carbon_saved_share": 0.2}
              for worth, tests in ((True, "passes"), (False, None), (True, None))]  # fmt: skip
    for some in (listed, listed[1:2], []):
        for listing in card_listings(some, names):
            yield from listing_lines(listing)
    parts = {"part": ["baseline", "tiers"], "saving_usd": [0.0, 3.0], "saving_kg": [0.0, 4.0]}
    yield from listing_lines(told.split_listing(parts))
    for klass in s.classes:
        for usable in (None, ("small",), ("large-fast",)):
            world = replace(s, classes=tuple(replace(k, points=usable) if k.id == klass.id else k
                                             for k in s.classes))  # fmt: skip
            served = replace(base.service, klass=klass.id, full_points=("small",), points=("large-fast", "o1"))
            whole = TierDesign(plan, Terms(), (), s.points[1:])
            yield from tried(lambda w=world, d=replace(base, service=served), t=whole: str(
                [(m[0].ids, line(asdict(m[1]).values())) for m in [menu_of_class(w, d, t)]]))  # fmt: skip
    yield str(split_table(TierDesign(plan, Terms(), (), s.points)))
    for value, kept in ((Accelerators.STATED, s), (Accelerators.ON_DEMAND, s), (Accelerators.RESERVED, s)):
        service_of = wattlas.studies.offers.serving(plan, "A", s.points, accelerators=value)
        bill = _billing(plan, service_of, kept.points, value)
        yield f"{value}: {bill.words} {number(bill.usd_per_gpu_h)} {number(bill.other_usd_per_gpu_h)}"
    users = Users()
    waits = replace(s, classes=tuple(replace(k, may_wait_h=1.0) for k in s.classes))
    for world, given, terms in ((waits, users, Terms()), (s, None, Terms(classes=("X",))), (s, users, Terms()),
                                (s, users, Terms(classes=("A", "X"))), (s, replace(users,
                                usd_per_mtok_in=1.0), Terms())):  # fmt: skip
        problems = list(design_problems(world, given, terms))
        yield " | ".join(f"{p.where} {p.what} {p.fix}" for p in problems)


def _resized(_folder: Path) -> Iterator[str]:
    """What contracts save a fleet that may be resized, from allocations made by hand."""
    s = wattlas.example("tiny").at_hours(range(6))
    base, fleet = _worth(), _fleet(s)
    assert base.chosen is not None
    plan = SimpleNamespace(scenario=s)
    peak = Allocation(PEAK, base.chosen, 0.4, fleet.own_peaks, 79.0, 2e6, 9.0, 8.0, 10.0, True, 1.25, 0.5)
    dirty = replace(peak, when=CARBON, saved_usd=4.0, degraded=0.0, fewer_gpu=-1e-9, worth=False)
    yield line([peak.usd_per_million, dirty.usd_per_million])
    for changes, busy in (({}, 5.5), ({"worth": False}, 0.0), ({"fewer_gpu": 0.0}, 3.0), ({}, NAN),
                          ({"fewer_gpu": -1.0}, 3.0)):  # fmt: skip
        design = ResizedDesign(base, (replace(peak, **changes), dirty), busy)
        whole = Resized(SimpleNamespace(plan=plan), fleet, (design, ResizedDesign(base)))  # type: ignore
        yield from resized_words(whole)
        yield from listing_lines(resized_listing(whole))
        yield from outline("resized", resized_mapping(whole))
    nothing = Resized(SimpleNamespace(plan=plan), fleet, (ResizedDesign(base),))  # type: ignore
    yield from listing_lines(resized_listing(nothing))
    load, hours = np.array([5.0, 9.0, 8.0]), np.array([1.0, 2.0, 3.0])
    yield line([_busy_h(load, hours, fewer) for fewer in (-1.0, 0.0, 0.5, 2.0, 20.0)])


def _shares(_folder: Path) -> Iterator[str]:
    """Shares of zones on boards made by hand, with nobody in an hour, unmet caps, and forecasts."""
    utc = np.arange("2026-03-01T00", "2026-03-04T00", 6, dtype="datetime64[h]")
    draw = np.random.default_rng(5)
    kappa = draw.uniform(50, 500, (3, 12))
    asked = np.array([np.linspace(0.0, 0.9, 12), np.linspace(0.5, 0.0, 12), np.full(12, 3.0)])
    inf = np.inf
    clients = (
        RequestGroup("X", 0, asked[0], np.array([1.0, 1.2, inf]), np.array([0.5, 0.7, inf])),
        RequestGroup("X", 1, asked[1], np.array([inf, 0.8, inf]), np.array([inf, 0.9, 0.2])),
        RequestGroup("Y", 2, asked[2], np.array([1.1, 1.0, 1.3]), np.array([0.6, inf, 0.5])),
    )
    board = Board(("X", "Y"), clients, kappa, utc.astype("datetime64[s]"), 6.0, True, 0.05, ("f",), "g", 0.1)
    guess = kappa * draw.uniform(0.8, 1.2, kappa.shape)
    guess[:, :4] = np.nan
    for zone in board.zones:
        yield line(intensity(board, zone))
        for place in ("local", "remote"):
            for each in (grams(board, zone, place), *foreseen(board, zone, place, guess)):
                yield line([each.baseline_g, *each.full_g, *each.green_g, *each.requests])
    yield line(grams(replace(board, moved_kwh=0.0), "Y", "remote").full_g)
    flat = board_of_table(("X", "Y"), kappa[:2] * 0, utc, green_share=0.4, step_h=6.0)
    yield line([*intensity(flat, "X"), flat.left_out, flat.moved_kwh, *flat.clients[1].green_kwh])
    yield from fault_lines(lambda: board_of_table(("X",), kappa[:1], utc, green_share=1.1))
    for rule in ("percentile", "budget", "blind"):
        for cap in (0.3, 0.8, 1.0):
            found = zone_share(board, "X", "local", rule, cap)
            yield f"{rule} {cap}: {found.verdict} {found.by_day()}"
        yield zone_share(flat, "X", "local", rule, cap_g=0.0).verdict
        yield zone_share(board, "X", "local", rule, cap_g=-1.0 if rule == "x" else 1.0).verdict
    for caps in ((None, None), (0.5, 1.0), (1.1, None), (-0.1, None), (None, -1.0), (None, inf), (0.0, None)):
        yield str([p.what for p in cap_problems(*caps)])
    for step, whole in ((6.0, True), (6.0, False), (7.0, True), (0.5, True)):
        yield from tried(lambda s=step, w=whole: str(steps_per_day(replace(board, step_h=s, whole=w))))
    for question in (
        ShareQuestion(None, ("budget",), ("local",), 0.8, None, days=2),
        ShareQuestion(("X",), ("budget", "percentile"), ("local", "remote"), None, 120.0, days=1, first=True),
        ShareQuestion(None, ("percentile", "budget"), ("remote",), 0.9, None, every_day=True),
        ShareQuestion(None, ("budget",), ("local",), 0.01, None),
        ShareQuestion(None, ("percentile",), ("local",), 0.01, None, targets=True),
    ):  # fmt: skip
        for forecast in ("", "mine"):
            query = BoardQuestion(question, board, board.zones, None, "", 0.5, guess, forecast)
            lines = list(fault_lines(lambda q=query: answer(q)))
            if lines != ["! nothing"]:
                yield from lines
                continue
            made = answer(query)
            for listing in answer_listings(query, made):
                yield from listing_lines(listing)
            yield from outline("answer", {k: v for k, v in answer_mapping(query, made).items() if k in
                               ("class", "unit", "notice", "green_point", "forecast", "ahead")})  # fmt: skip
            yield str([(row["zone"], row["day"]) for row in shown_days(question, made.days)])
    s = wattlas.example("tiny")
    here = board_of(s, "A")
    for cap in (0.0, 1e-5, 0.02, 9.0):
        for world in (s, replace(s, users=Users(count=5))):
            yield from tried(lambda w=world, c=cap: "\\n".join(map(str, [
                {k: number(v) for k, v in row.items()} for row in levels(w, "A", here, here.zones[0], c)])))
    for ways in (Ways(full="large-fast", green="small"), Ways(green_share=0.3, regions=("oslo",)),
                 Ways(green="small", latency_factor=3.0, network_kwh_per_gb=0.5), Ways(green="large-fast"),
                 Ways(full="small"), Ways(latency_factor=0.5, network_kwh_per_gb=-1.0, green="x",
                 full="y", regions=("z", "oslo")), Ways(green="small", green_share=2.0)):  # fmt: skip
        for klass in ("A", "D"):
            lines = list(fault_lines(lambda w=ways, k=klass: board_of(s, k, w)))
            yield f"{klass} {lines}"
            if lines == ["! nothing"]:
                made_of = board_of(s, klass, ways)
                yield f"{made_of.full_points} {made_of.green_point} {number(made_of.moved_kwh)}"
                for client in made_of.clients:
                    yield f"{client.zone} {client.baseline} {line([*client.full_kwh, *client.green_kwh])}"
    late = tuple(replace(k, latency_budget_ms=1.0) for k in s.classes)
    silent = replace(s, demand_per_h=s.demand_per_h * np.array([0.0, 1.0])[None, :, None])
    for world in (replace(s, classes=late), silent):
        yield from fault_lines(lambda w=world: board_of(w, "A"))
    for profiles, hardware in (("", ""), ("", "abacus"), ("pack", "b200"), ("", "h1")):
        yield from tried(lambda p=profiles, h=hardware: str([o.id for o in candidate_points(s, p, h)[0]][:4]))
    served = class_menu(s, "A", g_per_kwh=100.0)
    for every in (True, False):
        yield from listing_lines(menu_listing(served, every=every))
    tight = replace(s.classes[0], accuracy_min=0.9, latency_budget_ms=30.0)
    yield str(replace(served, klass=tight).table()["use"])
    yield from outline("menu", menu_mapping(replace(served, stated=False), None))


def _figures(folder: Path) -> Iterator[str]:
    """Figures of findings made by hand, what is told on the way, and what is registered."""
    s = wattlas.example("tiny").at_hours(range(2))
    for before, after in ((0.0, 0.0), (0.0, 1.0), (-1.0, -1.0), (5.0, -1.0), (5.0, 10.0), (5.0, 10.1), (5.0, 4.0)):
        yield str(saving._saved(before, after))
    rows = [{"label": f"l{n}", "realised_ratio_usd": r, "realised_ratio_kg": None, "note": note}
            for n, (r, note) in enumerate(((1.0005, None), (1.0004, "a"), (None, "a"), (0.2, "b")))]
    yield from benefit._notes(table_of(rows))
    yield from benefit._notes(table_of([{**rows[0], "realised_ratio_kg": 1.0006}]))
    moves = [{"class": "A", "from_region": "x", "to_region": "y", "quantity": q, "verdict": "v" + q,
              "value": n * 1.5} for n, q in enumerate(("payload_bytes", "price_gap_usd_per_mwh"))]
    for some in (moves, moves[:1], []):
        study = SimpleNamespace(tables={"breakeven": table_of(some)} if some else {}, meta={"classes": {"A": "chat"}})
        yield from listing_lines(breakeven.moves(study))  # type: ignore[arg-type]
    points = {"metro": ["m"] * 4, "class": ["A"] * 4, "region": ["r"] * 4, "point": list("abcd"),
              "reason": [None, "", "late", ""], "chosen_share": [0.0, None, 0.0, 0.0],
              "cost_usd_per_million": [3.0, 2.0, 1.0, 2.5]}  # fmt: skip
    import polars as pl

    frame = pl.DataFrame(points)
    with pytest.MonkeyPatch.context() as few:
        for most in (3, 4):
            few.setattr(why, "MAX_CANDIDATES", most)
            shown, rule = why.thin(frame)
            yield f"{shown['point'].to_list()} {rule}"
    design = _worth("A")
    assert design.chosen is not None
    slow = replace(design.service, latest_ms=design.service.latest_ms * 3)
    tiny = replace(design, service=slow, chosen=replace(design.chosen, fallback="small"))
    for designs in ((), (replace(design, chosen=None),), (tiny,), (replace(tiny, service=replace(
            slow, klass="D")), tiny), (replace(tiny, chosen=replace(design.chosen, fallback="o0")),)):
        whole = TierDesign(SimpleNamespace(scenario=s), Terms(), designs, s.points)  # type: ignore
        table = tier_shares.shares(SimpleNamespace(tiers=whole))  # type: ignore[arg-type]
        yield from table_lines("tier_shares", {k: v[::7] for k, v in dict(table or {}).items()})
    yield str(tier_shares.shares(SimpleNamespace(tiers=None)))  # type: ignore[arg-type]
    heard: list[tuple[str, str]] = []

    def hear(what: str, share: float) -> None:
        heard.append((what, f"{min(share, 1.0):.0%}"))

    free = replace(s, regions=tuple(replace(r, reserved_usd_per_gpu_year=0.0) for r in s.regions))
    yield str(fleet_answer(free, hear))
    capped = replace(s, objective=replace(s.objective, carbon_cap_share=0.9))
    yield f"{fleet_answer(capped, hear)} {heard}"
    one = read(example_path("tiny"), set=["regions.only=[oslo]", "residency=null", "time.hours=2",
               "classes.A.residency=null", "classes.A.latency_budget_ms=3000"]).scenario  # fmt: skip
    alone = fleet_answer(one, hear)
    yield f"{alone if isinstance(alone, str) else (alone.no_outage, alone.no_reach)}"
    yield str(list(dict.fromkeys(heard))[-1:])
    heard.clear()
    answered = fleet_answer(s, hear)
    ends = {what: share for what, share in heard}
    yield f"{ends} {answered if isinstance(answered, str) else (answered.no_outage, answered.no_reach)}"
    heard.clear()
    for each in _frontiers(s, 3, hear):
        yield f"{each.variant} {each.objective} {len(each.x)} {each.carbon_price_usd_per_t:g} {each.exact}"
    yield str(heard)
    unpriced = SimpleNamespace(signals=SimpleNamespace(priced=False), classes=s.classes)
    for samples in (4, 9, 16):
        yield str(list(_traced(s, samples)) + list(_traced(unpriced, samples)))  # type: ignore[arg-type]
    heard.clear()
    findings = Findings(s, 3, hear)
    yield f"{findings.plan.status} {len(benefit.benefit(findings)['label'])}"
    yield str([h for h in heard if h[0] != "plan"])
    for n, traced in enumerate(findings.frontiers[:2]):
        cut = replace(traced, users_x=traced.x[0] / 2 if n else traced.x[-1])
        yield from table_lines("points", frontier._points(cut), 4)
    for entry in registry.tables(None).values():
        columns = " ".join(f"{c.name}:{c.kind}{'?' * c.optional}" for c in entry.columns)
        yield f"{entry.name} {entry.page} {entry.thin is not None} {entry.busy} {entry.large}: {columns}"
    for page in ("study", "replay", "sweep"):
        for shown in registry.figures(page):
            yield f"{shown.id} {shown.order} {shown.part.id} {shown.depth} {shown.needs} {shown.question}"
            yield f"  {shown.missing} | {shown.lacks}"
    yield str([(e.name, e.order) for e in registry.listings()])


def _odds(folder: Path) -> Iterator[str]:
    """Small states of verbs, pages, clusters, schedules and environments."""
    yield repr(_json({"a": "é", "p": Path("x"), "n": NAN}))
    for words in ("plan --wat --json", "wat --json", "plan nowhere --json", "-h", "", "--version", "tiers -h"):
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(shlex.split(words))
        text = out.getvalue().replace(wattlas.__version__, "VERSION")
        yield f"$ {words} -> {int(code)}\\n{text if len(text) < 900 else text[:60]}{err.getvalue()[:300]}"
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(cluster, "CONNECT_S", -1.0)
        for cores, jobs in ((1, None), (2, None), (5, None), (5, 3), (5, 1)):
            yield from tried(lambda c=cores, j=jobs: cluster._enough("x", j, lambda: c))
        come = iter((1, 1, 4))
        quick.setattr(cluster, "CONNECT_S", 9.0)
        quick.setattr(cluster, "LOOK_EVERY_S", 0.0)
        yield str(cluster._enough("x", None, lambda: next(come)))
    routing = SimpleNamespace(regions=("a", "b", "unserved"), points=("p", "q"))
    for share in ([0.25, 0.25, 0.5], [0.6, 0.4, 0.0], [0.2, 0.0, 0.8]):
        some = SimpleNamespace(region=np.array([0, 1, 2]), point=np.array([0, 1, 0]), share=np.array(share))
        yield str([(p.region, p.point, number(p.share)) for p in places_of(routing, some)])  # type: ignore
    yield str(places_of(routing, None))  # type: ignore[arg-type]
    group = np.array([0, 0, 1, 1, 2])
    n = np.zeros(5, dtype=np.int64)
    open_ = OpenPlaces(n, n, n.astype(bool), n, n, group)
    for weight in ([0.0, 0.0, 1.0, 3.0, 0.0], [0.5, 0.5, 0.5, 0.5 + 1e-13, 1.0], [0.5, 0.5 + 1e-6, 1, 0, 2]):
        shares = open_.shares(np.array(weight))
        yield f"{line(shares)} {bool((shares == np.array(weight)).all())}"
    names = ("studies", "report", "tiers", "placement.tables", "placement.breakeven", "placement.explain")
    for name in names:
        yield from _signatures(f"wattlas.{name}")


def _signatures(package: str) -> Iterator[str]:
    """How functions and classes of a package are called where something need not be said."""
    root = importlib.import_module(package)
    for module in sorted(m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.")):
        members = vars(importlib.import_module(module)).items()
        for name, each in sorted(members):
            if getattr(each, "__module__", "") == module and inspect.isfunction(each) | inspect.isclass(each):
                yield from _defaults(f"{module.removeprefix('wattlas.')}.{name}", each)


def _defaults(name: str, each: Any) -> Iterator[str]:
    inside = vars(each).items() if inspect.isclass(each) else ()
    for method, of_class in sorted(inside):
        if inspect.isfunction(of_class) and not method.startswith("__"):
            yield from _defaults(f"{name}.{method}", of_class)
    try:
        given = inspect.signature(each).parameters.values()
    except ValueError:
        return
    stated = [p for p in given if p.default is not p.empty]
    if stated and "Error" not in name:
        said = ", ".join(f"{p.name}={_default(p.default)}" for p in stated)
        yield f"{name}({said})"


def _default(value: Any) -> str:
    if inspect.isfunction(value) or inspect.isbuiltin(value):
        return str(getattr(value, "__name__", ""))
    text = repr(value)
    return type(value).__name__ if "<" in text or len(text) > 90 else text


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "designed": _designs, "resized": _resized, "zones": _shares, "figures": _figures, "odds": _odds,
}  # fmt: skip
