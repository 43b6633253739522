"""What studies, fleets and plans say in rare states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import wattlas
from tests.golden.printed import listing_lines, number, outline, table_lines
from wattlas.model.fleet import Fleet, FleetCost, Jump, Outage, Reach, ReachedFleet
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import LimitReport, Plan, SolveInfo, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.model.table import Listing
from wattlas.model.waiting import Waits
from wattlas.placement.fleet.certificate import FleetCertificate
from wattlas.placement.fleet.patience import Patience
from wattlas.replays.service.serving import Serving
from wattlas.studies import fleet_answer as answers
from wattlas.studies.fleet_tables import fleet_meta, fleet_reach_table, fleets_table, skipped
from wattlas.studies.fleets import (
    certificate_words,
    fleet_listings,
    fleet_mapping,
    jumps_listing,
    patience_fleet_listing,
    reach_listing,
    reach_mapping,
)
from wattlas.studies.kept_saving import kept, kept_kg, kept_usd
from wattlas.studies.labels import named
from wattlas.studies.meta import headline, limit_sentences, sample_words
from wattlas.studies.moves import Moves, PlannedMove
from wattlas.studies.plan_listings import caps_listing, plan_mapping, regions_listing, shadow_prices
from wattlas.studies.replays import _notes as replay_notes
from wattlas.studies.waits import patience_listing, patience_table, waits_listing, waits_mapping

NAN = float("nan")


def _fleet(scenario: Scenario) -> Fleet:
    def cost(*gpu: float, rent: float = 50.0, usd: float = 20.0) -> FleetCost:
        held = np.array(gpu)
        return FleetCost(held, rent, usd, 7.0, 1.5, held * 6, held * 0.5)

    optimal = cost(3.0, 5.0, 0.0005)
    return Fleet(
        Status.OPTIMAL,
        scenario,
        scenario,
        optimal,
        69.9,
        cost(4.0, 5.0, 1.0, rent=60.0),
        None,
        cost(3.0, 5.0, 1.0, rent=49.0),
        7.6,
        41.0,
        np.array([1.0, 2.0, 3.0]),
        SolveInfo("highs"),
        None,  # type: ignore[arg-type]
    )


def _fleets(_folder: Path) -> Iterator[str]:
    """A fleet made by hand: what it says of caps, waits, outages, kinds and reach."""
    scenario = wattlas.example("tiny")
    made = _fleet(scenario)
    limit = LimitReport(
        "carbon", np.datetime64("2026-01-01"), np.datetime64("2026-01-02"), "t", 5.0, 4.0, 0.0
    )
    wait = Waits("D", 3.0, 10.0, 4.0, 0.0, 0.123, 2.0, 3.0)
    oslo, two = scenario.regions[0].id, tuple(r.id for r in scenario.regions[:2])
    lost = (Outage((oslo,), 0.0, 3.0, 0.02), Outage(two, 0.0, 9.0, 0.3), Outage((two[1],), 0, 0, 0))
    every = tuple(Outage((r.id,), 0.0, 0.0, 0.1 * n) for n, r in enumerate(scenario.regions))
    twins = tuple(
        replace(r, site="s", hardware=f"h{n}") if n < 2 else r
        for n, r in enumerate(scenario.regions)
    )
    for changes in (
        {},
        {"least_count": NAN, "least_rent_usd": NAN},
        {"unwaited": made.own_peaks},
        {"limit": limit},
        {"limit": replace(limit, price=3.0)},
        {"limit": replace(limit, id="cost", unit="USD", price=0.2)},
        {"survives": lost[:1]},
        {"survives": lost, "nominal": made.own_peaks},
        {"survives": every},
        {"survives": every * 3},
        {"survives": every[:1]},
        {"waits": (wait,), "levelled": True},
        {"given": made.own_peaks, "bound_usd": 71.0},
        {"scenario": replace(scenario, regions=twins)},
    ):
        fleet = replace(made, **changes)
        yield f"== {sorted(changes)}"
        for listing in fleet_listings(fleet):
            yield from listing_lines(listing)
        told = fleet_mapping(fleet)
        yield f"{sorted(told)} {told['status']} {number(told['gap'])} {told['survives'][:1]}"
        answer = answers.FleetAnswer(fleet, no_outage="why", no_reach="so")
        yield from outline("meta", fleet_meta(answer))
        yield from table_lines("fleets", fleets_table(answer))
    yield f"{skipped('why')} {skipped(answer)} {fleet_meta('why')}"
    proof = FleetCertificate(70.0, 69.5, 0.007, {"a": 1e-9, "b": 2e-9, "c": 1e-10})
    yield certificate_words(proof)


def _reach(_folder: Path) -> Iterator[str]:
    """What reach and patience are worth, and why a study has no fleet."""
    scenario = wattlas.example("tiny")
    made = _fleet(scenario)
    costs = [
        replace(made.optimal, gpu=np.array([g, 1.0, 0.0]), rent_usd=usd, carbon_kg=usd / 3)
        for g, usd in ((9.0, 90.0), (8.5, 88.0), (5.0, 60.0), (5.0, 60.0), (4.0, 60.0))
    ]
    fleets = tuple(
        ReachedFleet(x, cost, bound)
        for x, cost, bound in zip(
            (0.0, 10.0, 20.0, 25.0, 30.0), costs, (110.0, 107.0, 70.0, 90.0, 79.0), strict=True
        )
    )
    jumps = (
        Jump(5.0, costs[0], costs[2], (("berlin", "A", "oslo"), ("x", "B", "y"))),
        Jump(7.0, costs[2], costs[4], ()),
    )
    for variant, complete in (("scale", True), ("added_ms", False)):
        reach = Reach(variant, fleets, jumps, complete)
        yield from listing_lines(reach_listing(reach))
        yield from listing_lines(jumps_listing(reach))
        yield from outline("reach", reach_mapping(reach))
        yield from table_lines("fleet_reach", fleet_reach_table(reach))
        for name, first in (("alone", fleets[0]), ("no more", fleets[1])):
            along = replace(reach, fleets=(first, *fleets[2:]))
            answer = answers.FleetAnswer(replace(made, survives=(Outage((), 0, 0, 0.2),)), along)
            yield f"{name}: {list(answer.variants)} {list(answer.with_margin)}"
            yield from table_lines("fleets", fleets_table(answer))
    free = replace(made.optimal, rent_usd=-20.0)
    odd = Reach("scale", (ReachedFleet(1.0, free, 0.0),), (), True)
    yield from table_lines("for nothing", fleet_reach_table(odd))
    waits = [
        Patience("D", 2.0, made),
        Patience("", 4.0, replace(made, levelled=True, bound_usd=80)),
    ]
    for some in (waits, waits[:1]):
        yield from listing_lines(patience_fleet_listing(some))
    bounded = replace(
        made,
        scenario=replace(
            scenario,
            regions=(replace(scenario.regions[0], reserved_gpu_max=9.0), *scenario.regions[1:]),
        ),
    )
    yield str(answers.FleetAnswer(bounded).with_margin.keys())
    for rents in ((0, 0, 0), (1, 0, 1), (0, 0, 1), (1, 1, 1)):
        for most in (9.0, 0.0):
            regions = tuple(
                replace(r, reserved_usd_per_gpu_year=float(rent), reserved_gpu_max=most)
                for r, rent in zip(scenario.regions, rents, strict=True)
            )
            yield repr(answers._unpriced(replace(scenario, regions=regions)))
    many = tuple(
        replace(scenario.regions[0], id=f"r{n}", reserved_usd_per_gpu_year=float(n == 5))
        for n in range(6)
    )
    for count in (3, 4):
        world = SimpleNamespace(regions=(*many[:count], many[5]), only_on_demand=np.ones(1, bool))
        yield answers._unpriced(world)  # type: ignore[arg-type]
    world = SimpleNamespace(regions=many[:2], only_on_demand=np.array([True, True]))
    yield answers._unpriced(world)  # type: ignore[arg-type]
    world.only_on_demand[0] = False
    yield answers._unpriced(world)  # type: ignore[arg-type]
    for goal in (
        Objective(),
        Objective(carbon_cap_t=1.0),
        Objective(carbon_cap_share=0.0),
        Objective(minimise=Minimise.CARBON),
        Objective(minimise=Minimise.CARBON, cost_cap_usd=1.0),
        Objective(minimise=Minimise.CARBON, cost_cap_share=1.0),
    ):
        yield str(answers.by_money(replace(scenario, objective=goal)))
    for gap in (1.0, 1e-2, 1e-4, 1e-9, 0.0, np.inf, NAN, 30.0):
        yield number(answers.search_share(SimpleNamespace(gap=gap), 1e-4))  # type: ignore


def _totals(**more: Any) -> Totals:
    return Totals(**{"requests": 100.0, "energy_usd": 40.0, "carbon_kg": 20.0, **more})


class _Waited:
    """What a plan says of waiting, made by hand."""

    def __init__(self, *waits: Waits, without: Totals | None = None, unlimited: bool = False):
        self.waits, self.without, self.unlimited = waits, without, unlimited

    def by_class(self, _scenario: Scenario) -> tuple[Waits, ...]:
        """The waits of each class."""
        return self.waits

    def as_run(self, scenario: Scenario) -> Scenario:
        """As if nothing waited."""
        return scenario


def _plans(_folder: Path) -> Iterator[str]:
    """Shadow prices, caps, and waiting: what a plan says where it saves, costs, or is unknown."""
    scenario = wattlas.example("tiny").at_hours(range(3))
    carbon = replace(scenario, objective=Objective(minimise=Minimise.CARBON))
    duals = {
        "capacity": -np.array([[0, 1, 2], [0.0, 0, 0], [3, -4, 0]]),
        "mean_accuracy": np.array([[0.0, 5.0, 1.0], [0.0, 0.0, 0.5]]),
        "shares": np.array([[-7.0, 0.0, 0.0]]),
    }
    begin = np.datetime64("2026-01-01")
    limits = tuple(
        LimitReport(name, begin, begin + n, "requests", 5.0, 4.0, 0.0, most, share, worth)
        for n, (name, most, share, worth) in enumerate(
            (
                ("A: green", 0.3, -1e-9, 2.0),
                ("A: green", 0.3, 0.25, 3.0),
                ("carbon", NAN, NAN, NAN),
                ("D: green", 0.5, 0.1, 0.25),
            )
        )
    )
    wait = Waits("D", 3.0, 10.0, 4.0, 0.0, 0.5, 2.0, 3.0)
    none = replace(wait, klass="A", requests=0.0, later_requests=0.0, mean_h=9.0)
    cut, same = replace(wait, cut_requests=12345.6), _totals()
    base = Plan(
        Status.OPTIMAL, scenario, SolveInfo("highs", gap=0.25), None, _totals(), 40.0, duals
    )
    plans = [
        replace(base, limits=limits),
        replace(base, scenario=carbon, limits=limits[2:]),
        replace(base, limits=limits[2:3], duals={}),
        *(
            replace(base, waited=waited)
            for waited in (
                _Waited(wait, none, without=_totals(energy_usd=50.0, carbon_kg=23.0)),
                _Waited(cut, without=_totals(energy_usd=50.0, carbon_kg=17.0)),
                _Waited(wait, without=_totals(energy_usd=50.0, carbon_kg=20 - 1e-9)),
                _Waited(wait, without=_totals(energy_usd=-50.0, carbon_kg=20 - 3e-8)),
                _Waited(wait, without=_totals(energy_usd=0.0)),
                _Waited(none),
                _Waited(wait, without=_totals(energy_usd=NAN, carbon_kg=23.0)),
                _Waited(wait, without=_totals(energy_usd=NAN, carbon_kg=17.0)),
                _Waited(wait, without=same, unlimited=True),
            )
        ),
    ]
    for made in plans:
        yield from outline("prices", shadow_prices(made))
        yield from listing_lines(caps_listing(made))
        yield from listing_lines(waits_listing(made))
        yield from outline("waits", waits_mapping(made) or {})
    yield " ".join(map(str, plan_mapping(plans[3])))
    lost = replace(base, status=Status.INFEASIBLE, objective=NAN, totals=Totals.unknown())
    table = patience_table((0.0, 2.0, 4.0, 8.0), [base, plans[3], plans[11], lost])
    yield from listing_lines(patience_listing(table))
    yield from listing_lines(regions_listing({"a": 1.0, "b": 3.0, "c": 1.0}))
    yield from listing_lines(regions_listing({"a": 0.0}))


def _about(_folder: Path) -> Iterator[str]:
    """What numbers do not hold, shares of what is not above zero, moves and their demand."""
    s = wattlas.example("tiny").at_hours(range(3))
    dear = tuple(replace(r, on_demand_gpu=np.inf, on_demand_usd_per_gpu_h=2.5) for r in s.regions)
    bought = replace(s, regions=dear, reserved_gpu=np.zeros((3, 3)))
    mixed = (replace(dear[0], on_demand_usd_per_gpu_h=3.0), *dear[1:])
    for changes in (
        {},
        {"regions": dear},
        {"regions": dear, "reserved_gpu": np.zeros((3, 3))},
        {"regions": mixed, "reserved_gpu": np.zeros((3, 3))},
        {"regions": dear, "reserved_gpu": np.diag([1.0, 0.0, 0.0])},
        {"signals": replace(s.signals, marginal_g_per_kwh=None)},
        {
            "signals": replace(
                s.signals, price_usd_per_mwh=np.full((len(s.signals.zones), 3), NAN)
            ),
            "objective": Objective(minimise=Minimise.CARBON),
        },
        {"classes": tuple(replace(k, may_wait_h=2.0) for k in s.classes)},
        {"network": replace(s.network, modelled_metro_node=~s.network.modelled_metro_node)},
    ):
        yield f"== {sorted(changes)}"
        yield from limit_sentences(replace(s, **changes))
    yield str(bought.only_on_demand)
    run = SimpleNamespace(notes=("once", "once"), metered=None)
    for names, told in ((["nearest"], []), (["greedy", "uniform", "a:b"], ["a:b"]),
                        (["a:b", "a:c"], ["a:c", "a:b"])):  # fmt: skip
        for most in ([[5.0, 5.0], [5.0, np.inf]], [[np.inf, np.inf]], [[5.0, 6.0]]):
            limits = SimpleNamespace(most_gpu=np.array(most))
            runs = dict.fromkeys(names, (run, run))
            yield str(replay_notes(limits, runs, Serving({}), told))  # type: ignore
    for weight in ([1.0, 1.0, 1.0], [1.0, 1.0, 3.5], [2.0, 2.0, 2.0]):
        hours = replace(s.hours, weight=np.array(weight))
        yield str(sample_words(replace(s, hours=hours)))
    zero = {"energy_usd": 0.0, "carbon_kg": 0.0}
    for base in (_totals(), _totals(**zero), _totals(reserved_usd=-40.0), _totals(energy_usd=-1.0)):
        yield from outline("headline", headline(_totals(energy_usd=10.0, carbon_kg=5.0), base))
    names = ("berlin", "chicago", "delhi", "lima")
    for count in (0, 1, 3, 4):
        move = PlannedMove("A", "oslo", "austin", None if count == 1 else "x", names[:count])
        moves = Moves({move: []}, {"A": "chat"})
        yield from (listing.title for listing in moves.listings())
        yield f"{move.whose()} {move.whose(2)} {moves.as_rows()}"
    classes = Listing("t", (), {"class": ["A", "B"]})
    yield str(named(classes, {"A": "chat", "B": "B"}).table)
    yield str(named(Listing("t", (), {"x": ["A"]}), {}).table)


def _findings(goal: Objective, **totals: Totals | tuple[Totals, Status]) -> Any:
    """Plans by name as a study has them."""

    def made(value: Totals | tuple[Totals, Status]) -> Any:
        total, status = value if isinstance(value, tuple) else (value, Status.HEURISTIC)
        return SimpleNamespace(totals=total, status=status)

    plans = {name: made(value) for name, value in totals.items()}
    return SimpleNamespace(
        scenario=SimpleNamespace(objective=goal),
        policy=plans.__getitem__,
        baseline=plans["baseline"],
        plan=plans["plan"],
        carbon_optimum=plans["plan"],
    )


def _kept(_folder: Path) -> Iterator[str]:
    """How much of a saving tables keep: under caps, without a saving, and where they serve less."""
    cost, least = Objective(), Objective(minimise=Minimise.CARBON)
    goals = (cost, replace(cost, carbon_cap_t=1.0), least, replace(least, cost_cap_usd=3.0))
    base = _totals(energy_usd=100.0, carbon_kg=50.0)
    few, many = (replace(base, unserved_requests=u) for u in (1e-7, 1e-5))
    for goal in goals:
        for name in ("static_cost", "static_carbon", "hourly_table_carbon", "greedy_cost"):
            for placed in (
                _totals(energy_usd=70.0, carbon_kg=40.0),
                (few, Status.OPTIMAL),
                (many, Status.LIMIT),
                (base, Status.INFEASIBLE),
            ):
                some = _findings(goal, baseline=base, plan=_totals(), **{name: placed})
                told = [kept_usd(some, name), kept_kg(some, name)]
                if name.startswith("static"):
                    table = {"static_cost": placed, "static_carbon": placed}
                    told.append(
                        kept(_findings(goal, baseline=base, plan=_totals(), **table), "static")
                    )
                yield f"{goal.minimise} {name}: {' '.join(map(number, told))}"
    for best in (100.0, 100 - 0.9e-7, 100 - 1.1e-7, 101.0):
        some = _findings(cost, baseline=base, plan=_totals(energy_usd=best), static_cost=base)
        yield number(kept_usd(some, "static_cost"))
    failed = _findings(least, baseline=base, plan=(base, Status.FAILED), static_carbon=_totals())
    yield number(kept_kg(failed, "static_carbon"))


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "fleets": _fleets,
    "reach": _reach,
    "plans": _plans,
    "about": _about,
    "kept": _kept,
}
