"""What parts of studies answer to questions of the library, value by value.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wattlas
from tests import fleets
from tests.cli.every_option import USERS
from tests.golden.kept import keep
from tests.golden.printed import fault_lines, number, outline, steady, table_lines
from tests.long import long_tiny
from tests.studied import Studied
from tests.tiers.markets import PRICE, people, service
from tests.tiers.simulate import Truth, kept, replaced, simulate
from wattlas.data.scenario_file import example_path, read
from wattlas.errors import InputError, WattlasError
from wattlas.model.cells import number_text, percent
from wattlas.model.choices import Choices
from wattlas.model.frames import frame
from wattlas.model.frontier_table import frontier_listing, gap_words, points_table
from wattlas.model.objective import Window
from wattlas.model.service import Service
from wattlas.model.users import Prior, Scale, Terms, Users
from wattlas.placement.compare.attribution import split
from wattlas.placement.compare.baselines import baselines
from wattlas.placement.problem.instance import build_instance
from wattlas.studies import words
from wattlas.studies.board import Ways
from wattlas.studies.design_listings import design_listings
from wattlas.studies.export.story import demo_story
from wattlas.studies.fit_listings import fit_listings, fit_mapping, fit_notes, users_yaml
from wattlas.studies.meta import totals_dict
from wattlas.studies.points import measured_points
from wattlas.studies.shares import share_of
from wattlas.studies.thinning import best_points, every_second, mean_days, thin_surface
from wattlas.tiers.ahead import CatchUp, plan_ahead
from wattlas.tiers.fit import fit
from wattlas.tiers.grid import scan_grid
from wattlas.tiers.ladder import ladder
from wattlas.tiers.market import Market, market
from wattlas.tiers.menu import menu
from wattlas.tiers.offer import best, by_fallback, pareto
from wattlas.tiers.population import Population, population
from wattlas.tiers.share import green_share
from wattlas.tiers.utility import Taste
from wattlas.tiers.verdict import offer_verdict

HERE = Path(__file__).parent / "parts"
Case = Callable[[Path, Studied], Iterator[str]]


def _fitted(name: str, choices: Choices, **options: Any) -> Iterator[str]:
    yield f"== {name}"
    try:
        made = fit(choices, **options)
    except InputError as error:
        for each in error.problems:
            yield f"! {each.where}: {each.what} | {each.fix}"
        return
    yield from outline("fit", fit_mapping(made))
    for listing in fit_listings(made):
        yield f"{listing.title}: {' | '.join(c.heading for c in listing.columns)}"
        yield from (str(note) for note in listing.notes)
    yield from fit_notes(made)
    yield re.sub(r"\d+\.\d{4,}", lambda m: number(float(m[0])), users_yaml(made, "a table"))


def _fit(_folder: Path, _made: Studied) -> Iterator[str]:
    """Taste of drawn choices, and what their tables cannot tell."""
    base = simulate(60, 4, 3, Truth(), 1)
    truth = Truth(consciousness=0.02, weight_accuracy=0.95, weight_latency=0.02)
    halves = np.where(base.respondent % 2, "even", "odd")
    mirrored = base.accuracy / 1000
    yield from _fitted("plain", base)
    yield from _fitted("bent", simulate(80, 4, 3, Truth(curvature=1.5, outside_usd=0.001), 3),
                       curvature=None, requests=1000.0)  # fmt: skip
    yield from _fitted("hollow", simulate(60, 4, 3, Truth(curvature=-9.0), 4), curvature=None)
    yield from _fitted("ends", simulate(90, 4, 3, truth, 5), additive=True)
    yield from _fitted(
        "segments", replaced(base, segment=halves), scale=Scale(0.5, 1, 100, 3000, 1)
    )
    for n, taste in enumerate((
        Truth(consciousness=0.0, weight_accuracy=0.99), Truth(weight_accuracy=0.4,
        weight_latency=0.01), Truth(weight_accuracy=0.01, weight_latency=0.98),
    )):  # fmt: skip
        yield from _fitted(f"at an end {n}", simulate(50, 4, 3, taste, 9 + n))
    yield from _fitted("alike", simulate(60, 4, 3, Truth(), 2, shock_usd=0.01))
    yield from _fitted("constant", replaced(base, carbon_g=np.full_like(base.carbon_g, 0.2)))
    yield from _fitted("together", replaced(base, carbon_g=mirrored))
    yield from _fitted("few", kept(base, base.respondent < 9))
    yield from _fitted("worse", replaced(base, carbon_g=0.4 - base.carbon_g))
    yield from _fitted("slower", replaced(base, latency_ms=2200 - base.latency_ms))
    yield from _fitted("paid", replaced(base, price_usd=0.01 - base.price_usd))
    yield from _fitted("worst", replaced(base, accuracy=1.5 - base.accuracy), additive=True)
    levels = {"accuracy": np.array([0.6, 0.9]), "latency_ms": np.array([200.0, 900.0])}
    two = simulate(60, 4, 3, Truth(), 7, levels=levels)
    yield from _fitted("two levels", two, curvature=None)
    cheap = base.price_usd.reshape(-1, 3)
    cheapest = (cheap == cheap.min(axis=1)[:, None]) & (np.cumsum(
        cheap == cheap.min(axis=1)[:, None], axis=1) == 1)  # fmt: skip
    yield from _fitted("decided", replaced(base, chosen=cheapest.ravel()))
    yield from _fitted("segment", replaced(base, segment=halves,
                       price_usd=np.where(halves == "odd", 0.004, base.price_usd)))  # fmt: skip
    fast = (base.accuracy < 0.7) & (base.latency_ms < 700)
    two = np.where(base.accuracy < 0.7, 0.6, 0.9)
    late = np.where(fast, 200.0, 900.0)
    yield from _fitted("not crossed", replaced(base, accuracy=two, latency_ms=late))
    weak = replaced(base, accuracy=two, latency_ms=late)
    yield from _fitted("not crossed, few", kept(weak, weak.respondent < 14))
    yield from _fitted("options", base, curvature=99.0, requests=0.0)
    yield from _fitted("none", replaced(base, chosen=np.zeros_like(base.chosen)))


def _market(served: Service, users: Population) -> Market:
    return market(served, users, PRICE)


def _markets(_folder: Path, _made: Studied) -> Iterator[str]:
    """Offers to few users and to many, soft and hard, fair or not; ladders and fronts."""
    few, base = _market(service(), people(5, outside=0.3)), service(4, 2, 3)
    for name, sold in (
        ("few", few),
        ("many", _market(service(8, 2, 3), people(60, 4, status_quo=0.02))),
        ("hard, outside", _market(service(5, 2, 7), people(7, 8, scale=0.0, outside=0.2))),
        ("flat", _market(service(4, 2, 9, flat=True), people(40, 2, theta=0.5))),
        (
            "no cleaner",
            _market(replace(base, carbon_g=2 * base.full_carbon_g + 0 * base.carbon_g), people(5)),
        ),
        (
            "no cheaper",
            _market(replace(base, cost_usd=2 * base.full_cost_usd + 0 * base.cost_usd), people(5)),
        ),
        ("stubborn", _market(base, people(5, status_quo=3.0))),
        ("a loss", _market(service(3, 2, 1, full_cost=1.5), people(6))),
        ("dear", _market(service(4, 2, 9, full_cost=0.05), people(40, 2, status_quo=0.9))),
    ):
        yield f"== {name}"
        for fair in (True, False)[: 1 + (name in ("few", "hard, outside"))]:
            most, cleanest = (best(sold, goal, size=12, fair=fair) for goal in ("profit", "carbon"))
            for objective in ("profit", "carbon"):
                yield f"{objective} {fair}: {offer_verdict(sold, most, cleanest, objective)}"
            for n, chosen in enumerate((most, cleanest)):
                yield from outline(f"offer {n}", asdict(chosen) if chosen else {})
        if name in ("few", "hard, outside"):
            yield from outline("ladder", asdict(ladder(sold, 2, "profit", size=8)))
        for offer in by_fallback(sold, size=8):
            yield from outline("fallback", asdict(offer) if offer else {})
        front = pareto(sold, scan_grid(sold, 8))
        yield from outline("front", [asdict(offer.contract) for offer in front])


def _thinned(_folder: Path, made: Studied) -> Iterator[str]:
    """Long tables made short, a demo's story, one field varied, and a class without prices."""
    n = np.arange(30)
    surface = frame({"k": ["a", "b"] * 15, "x_ms": n // 6 * 1.0, "y": n // 2 % 3, "v": n * 2.5})
    short = every_second(surface, ("k",), ("x_ms", "y"))
    yield from table_lines("surface", short.to_dict(as_series=False))
    kept_as_is, rule = thin_surface("t", surface, ("k",), ("x_ms", "y"))
    yield f"{kept_as_is.height} {rule}"
    many = pl.concat([surface] * 400)
    yield f"{thin_surface('t', many, ('k',), ('x_ms', 'y'))[0].height}"
    yield thin_surface("t", many, ("k",), ("x_ms", "y"))[1]
    days = frame({
        "time_utc": np.arange("2024-01-30T12", "2024-02-02T12", dtype="datetime64[h]").astype(
            "datetime64[ms]"),
        "hours_represented": np.resize([1.0, 3.0], 72), "region": ["r"] * 72,
        "requests": np.arange(72.0), "price": np.where(np.arange(72) % 7, np.arange(72.0), np.nan),
    }).with_columns(pl.col("price").fill_nan(None))  # fmt: skip
    yield from table_lines("mean day", mean_days(days).to_dict(as_series=False), 80)
    points = best_points(made.frames["candidates"])
    yield from table_lines("best", points.to_dict(as_series=False))
    story = demo_story(wattlas.example("tiny"))
    yield f"{story.rtt_ms if hasattr(story, 'rtt_ms') else ''} {len(asdict(story))}"
    s = wattlas.example("tiny")
    for path, values, times in (("regions.oslo.pue", (1.1, 1.5), False),
                                ("demand_per_h", (0.5, 90.0), True)):  # fmt: skip
        varied = wattlas.sweep(s, path, values, times=times)
        yield varied.heading()
        yield from table_lines(path, varied.table())
    for path in ("classes", "objective", "regions.oslo.accelerators", "regions.oslo.name"):
        for times in (False, True):
            yield path
            yield from fault_lines(lambda p=path, x=times: wattlas.sweep(s, p, (2.0,), times=x))
    for path, values in (("regions.oslo.pu", (1,)), ("regions.mars.pue", (1,)), ("pue", ()),
                         ("regions.oslo.pue", (0.5,)), ("nothing", (1,))):  # fmt: skip
        yield from fault_lines(lambda path=path, values=values: wattlas.sweep(s, path, values))


def _words(_folder: Path, _made: Studied) -> Iterator[str]:
    """Figures as sentences say them, at the borders of their units and digits."""
    sizes = [0.0, -0.0, 1e-12, 9.99e-7, 1e-6, 0.00012345, 0.0995, 0.0994, 0.9994, 0.9995, 1.0,
             9.995, 99.95, 999.4, 999.5, 1e3, 1234.6, 12345.6, 999_499, 1e6, 1e9,
             1e12, 3.2e15]  # fmt: skip
    for say in (words.number, words.money, words.mass, words.energy, words.count, words.share):
        told = [say(value) for size in sizes for value in (size, -size)]
        yield f"{say.__name__}: {' | '.join([*told, say(None), say(np.nan)])}"
    for say_in in (number_text, percent):
        yield f"{say_in.__name__}: {' | '.join(say_in(value) for value in sizes)}"
    yield repr(words.unbroken("USD 3 k and 12 kg of CO₂e in 24 h, 3 % of 4 M, 5 things"))


def _designs(_folder: Path, _made: Studied) -> Iterator[str]:
    """A design of tiers as contracts, weights as tables, fleets under caps, shares of one zone."""
    path = example_path("tiny")
    users = shlex.split(USERS)[1::2]
    design = wattlas.design_tiers(read(path, set=users).scenario, size=12, sensitive=False)
    for each in (*design.tiers(), *design.scenario().carbon_caps):
        yield from outline(each.id, asdict(each))
    yield str([point.id for point in design.scenario().points])
    yield re.sub(r"<[^>]*>", " ", design._repr_html_())
    s = wattlas.example("tiny")
    priced = tuple(replace(k, price_usd_per_request=3e-4) for k in s.classes)
    drawn = replace(s, users=Users(Prior(), count=40), classes=priced)
    for name, table in wattlas.design_tiers(drawn, size=10).named_tables().items():
        yield from table_lines(name, table, 6)
    dear = replace(drawn, users=Users(Prior(consciousness_mean=0.01, value_median=9.0), count=9))
    for listing in design_listings(wattlas.design_tiers(dear, size=8)):
        yield f"{listing.title} {[c.heading for c in listing.columns]} {listing.notes}"
        yield from table_lines("listing", {c.name: listing.table[c.name] for c in listing.columns})
    for terms in (Terms(most=3), Terms(most=2, objective="carbon")):
        for name, table in wattlas.design_tiers(dear, terms=terms, size=8).named_tables().items():
            if name in ("tier_verdicts", "tier_menu", "tier_segments"):
                yield from table_lines(name, table, 6)
    pareto_menu = menu(s.classes[0], s.points)
    yield from outline("front", asdict(pareto_menu.front()) | {"klass": ""})
    for kind, by_hour, settings in (
        ("cost", False, ("objective.minimise=carbon", "classes.D.state=sticky")),
        ("carbon", True, ("regions.oslo.reserved_gpu=3", "metros.only=[berlin,chicago]")),
        ("cost", True, ("time.hours=6",)), ("cost", False, ("regions.only=[oslo]",
         "residency=null", "classes.A.residency=null", "classes.A.latency_budget_ms=3000")),
    ):  # fmt: skip
        scenario = read(path, set=settings).scenario
        try:
            made = wattlas.weights(scenario, kind=kind, by_hour=by_hour)
        except WattlasError as error:
            yield f"! {error}"
            continue
        yield from table_lines(kind, made.table())
        listing = made.listing()
        yield f"{listing.title} {[c.heading for c in listing.columns]}"
        yield from listing.notes
        yield from made.notes
    for calls in (
        lambda: share_of(s, "A", "NO"), lambda: share_of(s, "A", "X", cap_share=0.5, rule="r"),
        lambda: share_of(s, "D", "NO", cap_share=0.9),
        lambda: share_of(s, "A", "NO", cap_g=-1.0, ways=Ways(green="large-fast", full="wat")),
        lambda: share_of(s, "A", "NO", cap_g=0.01, ways=Ways(green="small", full="small")),
        lambda: design_problem(demand_per_h=np.zeros((4, 2, 2))),
        lambda: plan_ahead(np.ones(4), np.ones(3), 1.0, ledger=CatchUp(horizon_days=0)),
        lambda: plan_ahead(np.ones(48), np.full(48, 0.5), 0.9, -np.ones(48),
                           ledger=CatchUp(reserve=-1)),
    ):  # fmt: skip
        yield from fault_lines(calls)
    cloud = fleets.scenario("one-cloud")
    for klass in ("A", "B"):
        shares = wattlas.tier_shares(cloud, klass, cap_shares=[0.6, 0.9], rules=["budget"])
        yield from table_lines(f"shares of {klass}", dict(shares))
    zone = share_of(s, "A", "IN", cap_share=0.9, rule="percentile", place="remote")
    yield from outline("share", {k: v for k, v in asdict(zone.by_rule).items() if k != "degraded"})
    yield f"{zone.words() if hasattr(zone, 'words') else ''}"
    yield from outline("days", zone.by_day())


def design_problem(**changes: Any) -> object:
    """A design of a class in a world that is changed."""
    scenario = read(example_path("tiny"), set=shlex.split(USERS)[1::2]).scenario
    terms = Terms(classes=("A",))
    return wattlas.design_tiers(replace(scenario, **changes), terms=terms)


def _frontiers(_folder: Path, _made: Studied) -> Iterator[str]:
    """Frontiers to the last breakpoint, where capacity binds, demand goes unserved, or neither."""
    short = ("regions.oslo.reserved_gpu=3", "classes.D.unserved_usd_per_request=0.0007")
    for settings in ((), short):
        s = read(example_path("tiny"), set=("time.hours=5", "time.step_h=0.5", *settings)).scenario
        for variant in ("scale", "added_ms", "class:D", "soft"):
            for objective in ("cost", "carbon", "weighted"):
                curve = wattlas.frontier(s, variant, objective=objective, samples=9,
                                         carbon_price_usd_per_t=70.0)  # fmt: skip
                yield f"{variant} {objective}: {gap_words(curve)}"
                yield from table_lines("points", points_table(curve), 12)
                shown = frontier_listing(curve, variant)
                yield f"{shown.title} {[c.heading for c in shown.columns]} {shown.notes}"


def _policies(_folder: Path, _made: Studied) -> Iterator[str]:
    """What simpler policies break in ten days that are short of accelerators, under daily caps."""
    days = long_tiny(10)
    for scarce in (0.1, 0.6):
        gpu = days.reserved_gpu * (scarce + np.arange(240) % 7 * 0.2)
        goal = replace(days.objective, carbon_cap_share=0.9, window=Window.DAY)
        instance = build_instance(replace(days, reserved_gpu=gpu, objective=goal))
        for name, placed in baselines(instance, flows=False).items():
            yield f"{name}: {placed.status} {placed.conflict}"
            yield from outline("totals", totals_dict(placed.totals))
            yield from outline("limits", [asdict(limit) for limit in placed.limits])
    settings = ("objective.minimise=carbon", "objective.cost_cap_share=1.1", "time.hours=8",
                "regions.all.on_demand_gpu=3", "regions.all.on_demand_usd_per_gpu_h=2.0",
                "regions.all.reserved_gpu=1")  # fmt: skip
    instance = build_instance(read(example_path("tiny"), set=settings).scenario)
    for name, placed in baselines(instance, flows=False).items():
        yield f"{name}: {placed.status} {placed.conflict}"
        yield from outline("totals", totals_dict(placed.totals))


def _wrong(_folder: Path, _made: Studied) -> Iterator[str]:
    """What questions that make no sense are told, all at once."""
    s, n = wattlas.example("tiny"), np.ones(3)
    tastes = Taste(np.array([2.0]), np.array([np.nan]), np.array([0.2, 0.3]), n[:1], -n[:1])
    bare = replace(service(fallbacks=1), points=(), accuracy=np.zeros(0), latency_ms=np.zeros(0),
                   latest_ms=np.zeros(0), cost_usd=np.zeros((0, 6)),
                   carbon_g=np.zeros((0, 6)))  # fmt: skip
    better = replace(service(fallbacks=2), accuracy=np.array([0.95, 1.2]),
                     latency_ms=np.array([100.0, 900.0]))  # fmt: skip
    calls: Sequence[Callable[[], Any]] = (
        lambda: Population(tastes, np.array([-1.0]), -1.0, -1.0),
        lambda: market(bare, people(), 0.0, usable=1.5),
        lambda: market(better, people(), PRICE),
        lambda: green_share(-n, n[:2], -1.0, n, "wat"),
        lambda: green_share(n, 2 * n, 0.5, n, "budget"),
        lambda: green_share(n, 0.5 * n, 0.2, n, "budget"),
        lambda: green_share(n, 0.5 * n, 0.2, 0 * n, "percentile"),
        lambda: green_share(n[:0], n[:0], 0.2, None, "percentile"),
        lambda: menu(s.classes[0], ()),
        lambda: menu(s.classes[0], (s.points[0], s.points[0])),
        lambda: wattlas.tier_shares(s, "X"),
        lambda: wattlas.tier_shares(
            s, "A", zones=["MARS"], cap_shares=[2.0], rules=["r"], places=["p"]
        ),
        lambda: wattlas.design_tiers(s),
        lambda: wattlas.design_tiers(
            replace(s, users=Users(Prior())), terms=Terms(classes=("A", "X"))
        ),
        lambda: wattlas.frontier(s, "soft"),
        lambda: wattlas.frontier(s, "scale", x=[np.inf]),
        lambda: wattlas.frontier(s, "scale", x=[0.0001]),
        lambda: wattlas.frontier(s, "scale", objective="weighted", carbon_price_usd_per_t=0.0),
        lambda: split(s),
        lambda: split(read(example_path("tiny"), set=["classes.D.may_wait_h=1"]).scenario),
        lambda: measured_points([], layout="wat"),
        lambda: measured_points([], prompt_share=2.0),
        lambda: measured_points([Path("a"), Path("b")], energy_log=Path("c")),
        lambda: measured_points([Path("a")], {"energy_j": ["1"]}, energy_log=Path("c")),
        lambda: wattlas.weights(s, kind="wat"),
        lambda: wattlas.compare("no", "where"),
        lambda: wattlas.plan(replace(s, reserved_gpu=s.reserved_gpu * 1e-5)).raise_if_infeasible(),
        lambda: wattlas.study(replace(s, reserved_gpu=s.reserved_gpu * 1e-5)),
    )  # fmt: skip
    for call in calls:
        yield from (line[:400] for line in fault_lines(call))
    for rule in ("percentile", "budget", "blind"):
        grams = np.array([500.0, 200.0, 300.0, 400.0, 100.0])
        share = green_share(grams, 0.3 * grams, 220.0, np.array([1.0, 2.0, 1.5, 0.5, 3.0]), rule)
        yield from outline(rule, asdict(share))
    shares = wattlas.tier_shares(s, "A", cap_shares=[0.5, 0.9])
    yield from table_lines("shares", dict(shares))
    crowd = population(Users(Prior(), count=40), PRICE, 0.3)
    yield from outline("crowd", {name: values[:6] for name, values in asdict(crowd.taste).items()})
    many = market(service(6, 3, 1), crowd, PRICE)
    yield from outline("ladder", asdict(ladder(many, 3, "carbon", size=8)))


CASES: dict[str, Case] = {
    "fit": _fit, "markets": _markets, "thinned": _thinned, "wrong": _wrong,
    "policies": _policies, "words": _words, "designs": _designs, "frontiers": _frontiers,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_the_golden_files(
    name: str, tmp_path: Path, made: Studied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    keep(steady(CASES[name](tmp_path, made), tmp_path), HERE / f"{name}.txt")
