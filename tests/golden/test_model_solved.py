"""Results of the small world, their tables and what they derive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas.data
import wattlas.model
import wattlas.replays.arrivals
from tests.golden.inputs.model import mini
from tests.golden.telling import kept, number, outcome, plain, tell
from wattlas.model.fleet import Fleet, FleetCost, FleetPrices, Outage, Reach, ReachedFleet
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.frontier_table import frontier_mapping, gap_words, users_mark
from wattlas.model.kinds import by_kind
from wattlas.model.objective import Minimise
from wattlas.model.plan import Flows, Plan, SolveInfo, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.model.tiered_fleet import TieredFleet

HERE = Path(__file__).parent / "reading"


def _solved(folder: Path) -> Iterator[str]:
    """Results of the small world: their tables and what they derive."""
    s = mini(folder)
    plan = wattlas.plan(s)
    yield from tell(plan.totals, "totals")
    yield from (f"{n}: {plain(getattr(plan, n))}" for n in ("ok", "status"))
    for name in (
        "capacity_price",
        "capacity_price_usd_per_gpu_h",
        "capacity_price_kg_per_gpu_h",
        "requests_by_region",
    ):
        yield from tell(getattr(plan, name), name)
    yield from tell(plan.to_polars(), "plan")
    yield (
        f"{plan.to_pandas().shape} {plan.to_xarray().sizes} {number(float(plan.to_xarray().sum()))}"
    )
    yield plan._repr_html_()
    yield f"{plan.raise_if_infeasible() is plan}"
    front = wattlas.frontier(s, samples=4)
    yield from tell(front.to_polars(), "frontier")
    yield f"{front.name} | {front.x_unit} | {front.value_unit} | {front.heading()}"
    for name in ("returns", "returns_per_ms", "returns_per_energy"):
        for n, part in enumerate(getattr(front, name)()):
            yield from tell(part, f"{name} {n}")
    yield f"{[front.at(float(x)) for x in (-1e9, *front.x[:2], 1e9)]}"
    yield from tell(front.variable_usd, "variable")
    listing = front.listing()
    yield (
        f"{listing.title} {[c.heading for c in listing.columns]} {plain(listing.table)} "
        f"{listing.notes}"
    )
    rented = replace(s.regions[1], reserved_gpu_max=0.0)
    points = tuple(replace(point, hardware="") for point in s.points)
    less = wattlas.fleet(replace(s, regions=(s.regions[0], rented), points=points))
    yield from tell(less.variants, "fleet")
    for name in less.named_tables():
        yield from tell(less.to_polars(name), name)
    yield plain(less.by_hardware)
    yield from _unsolvable(s)
    yield from _reached()
    yield from tell(front_by_class(s).to_polars(), "by class")


def front_by_class(s: Scenario) -> Frontier:
    """The frontier of one class."""
    return wattlas.frontier(s, variant="class:a")


def _reached() -> Iterator[str]:
    """The return on reach of fleets by hand."""
    costs = [(0.0, 9.0), (10.0, 8.5), (20.0, 4.0), (30.0, 3.9), (50.0, 3.0)]
    fleets = [
        ReachedFleet(
            x,
            FleetCost(
                np.array([usd / 3, 1.0]), usd, 1.0, 2.0, 0.5, np.array([1.0, 0.5]), np.zeros(2)
            ),
            usd,
        )
        for x, usd in costs
    ]
    made = Reach("added_ms", tuple(fleets), (), True)
    yield f"{made.hull} {made.heading()} {plain(made.slopes())}"
    yield from tell(made.to_polars(), "reach")
    cost = fleets[0].cost
    yield (
        f"{number(cost.count)} {number(cost.cost_usd)} {plain(cost.row())} "
        f"{plain(cost.utilisation(4.0))}"
    )


def _unsolvable(s: Scenario) -> Iterator[str]:
    """A plan where there is none."""
    s = replace(
        s,
        reserved_gpu=np.zeros((2, 4)),
        regions=tuple(replace(r, on_demand_gpu=0.0) for r in s.regions),
    )
    plan = wattlas.plan(s)
    yield f"{plan.ok} {plan.status} {plan.capacity_price} {plain(plan.totals.cost_usd)}"
    yield from outcome(plan.raise_if_infeasible)


def _cost(gpu: list[float], usd: float = 30.0) -> FleetCost:
    held = np.array(gpu)
    return FleetCost(held, usd, 0.7 * usd, 3.0 * usd, usd / 9, held * 3.5, held * 0.25, 0.125)


def _fleet(s: Scenario) -> Fleet:
    """A fleet by hand, all of whose figures differ."""
    return Fleet(
        Status.OPTIMAL, s, s, _cost([5.0, 2.0, 7e-4]), 40.0, _cost([6.0, 3.0, 2.0], 50.0), None,
        _cost([6.0, 2.0, 1.0], 33.0), 8.5, 21.0, np.array([1.5, 0.25, 4.0]), SolveInfo("hand"),
        FleetPrices({}, (), 0.0),
    )  # fmt: skip


def _by_hand(folder: Path) -> Iterator[str]:
    """Fleets, frontiers and plans of any kind, made of figures that are all different."""
    plain_world = mini(folder)
    kinds = {"north": {"H100": {"reserved_gpu": 3.0}, "L40S": {"on_demand_gpu": 2.0}}}
    made = _fleet(by_kind(plain_world, kinds))
    nothing = replace(made.optimal, rent_usd=0.0, variable_usd=0.0)
    short = replace(made.optimal, variable_usd=float("nan"))
    outage = Outage(("north",), 1.0, 2.0, 0.25)
    fleets = {
        "least": made,
        "given": replace(made, given=_cost([4.0, 4.0, 4.0], 70.0), unwaited=_cost([1.0] * 3, 9.0)),
        "outage": replace(made, survives=(outage,), nominal=_cost([3.0, 1.0, 1.0], 20.0)),
        "short": replace(made, whole=short),
        "of nothing": replace(made, optimal=nothing),
        "of credits": replace(made, optimal=replace(nothing, variable_usd=-50.0)),
    }
    for name, fleet in fleets.items():
        yield f"== {name}: gap {number(fleet.gap)}, {plain(fleet.by_hardware)}"
        for table in fleet.named_tables():
            yield from tell(fleet.to_polars(table), table)
    yield fleets["given"]._repr_html_()
    bare = replace(plain_world, regions=tuple(replace(r, hardware="") for r in plain_world.regions))
    both = replace(made, scenario=bare, optimal=_cost([5.0, 2.0]))
    yield f"{plain(both.by_hardware)} {both._kinds()} {made.to_pandas('regions').shape}"
    kinds["south"] = {"L40S": {"reserved_gpu": 1.0}, "H100": {"reserved_gpu": 2.0}}
    wide = replace(made, scenario=by_kind(plain_world, kinds), optimal=_cost([5.0, 2.0, 7.0, 1.5]))
    yield f"{[r.hardware for r in wide.scenario.regions]} {plain(wide.by_hardware)}"
    try:
        made.to_polars("region")
    except KeyError as error:
        yield f"{error}"
    for cost in (made.optimal, nothing, fleets["of credits"].optimal):
        window = np.array([2.0, 3.0])
        tiered = TieredFleet(
            Status.LIMIT, cost, 40.0, window, window, 10 * window, window, window, window / 8,
            made.info,
        )  # fmt: skip
        yield f"tiers: gap {number(tiered.gap)}, {number(tiered.usd_per_point)} USD"
    for x in ([], [1.0], [1.0, 2.0]):
        some = tuple(ReachedFleet(a, _cost([9.0 - a], 9.0 - a), 1.0) for a in x)
        reach = Reach("scale", some, (), False)
        yield f"{reach.hull} {plain(reach.slopes())}"
    yield from _frontiers()
    yield from _plans(plain_world)


def _frontiers() -> Iterator[str]:
    """Frontiers of every variant and objective."""
    x = np.array([10.0, 20.0, 25.0, 60.0])
    cost = np.array([90.0, 70.0, 69.0, 50.0])
    front = Frontier(
        Variant.CLASS, "a", "cost", 30.0, x, cost - 5.0, cost, np.full(4, 5.0),
        np.array([8.0, 9.0, 6.0, 3.0]), np.array([2.0, 2.5, 0.0, 4.0]), np.zeros(4),
        np.full(4, np.nan), True, 22.0, 7.0, gap=0.0125,
    )  # fmt: skip
    early = {"before_x": np.array([1.0, 2.0]), "before_unserved_share": np.array([0.5, 0.25])}
    changes: dict[str, dict[str, Any]] = {
        "as is": {},
        "scaled": {"variant": Variant.SCALE, "klass": "", "users_x": 1.0},
        "added": {"variant": Variant.ADDED_MS, "klass": "", "users_x": 10.0, "objective": "carbon"},
        "weighted": {"objective": "weighted", "exact": False},
        "soft": {"variant": Variant.SOFT, "exact": False, "users_x": np.nan, "dual_per_ms": x / 8},
        "soft and exact": {"variant": Variant.SOFT, "users_x": np.nan},
        "early": {**early, "unserved_share": np.array([0.1, 0.1, 0.1, 0.1]), "users_x": 9.0},
        "loose": {"users_x": 60.0 * (1 + 1e-13)},
    }
    long = np.linspace(1.0, 80.0, 80)
    arrays = ("x", "value", "cost_usd", "reserved_usd", "carbon_kg", "it_mwh", "unserved_share")
    changes["long"] = dict.fromkeys(arrays, 100.0 - long) | {"x": long, "users_x": 33.5}
    changes["long"]["dual_per_ms"] = long
    for name, parts in changes.items():
        made = replace(front, **parts)
        yield f"== {name}: {made.name} | {made.x_unit} | {made.value_unit} | {made.heading()}"
        yield f"{gap_words(made)} | {users_mark(made)}"
        listing = made.listing()
        heads = [(c.heading, c.digits, c.kind) for c in listing.columns]
        yield f"{listing.title} {heads} {len(listing)} {listing.notes}"
        if name == "long":
            yield f"{plain(listing.table['x'])} {listing.table['mark'].index('← yours')}"
            continue
        yield plain(listing.table)
        told = frontier_mapping(made, made.name)
        yield from tell({n: v for n, v in told.items() if n != "info"}, "told")
        for each in ("returns", "returns_per_ms", "returns_per_energy"):
            yield f"{each}: {[plain(part) for part in getattr(made, each)()]}"
        yield f"{[made.at(v) for v in (9.9, 10.0, 24.0, 60.0, 1e9, float('nan'))]}"


def _plans(s: Scenario) -> Iterator[str]:
    """Plans that ended in every way, with a least cost or carbon, and with flows or without."""
    flows = Flows(
        *(np.array(v) for v in ([0, 1, 3, 3], [0, 1, 0, 0], [0, 0, 1, 1], [1, 0, -1, 1],
                                [0, 1, 0, 1])), np.array([5.0, 7.0, 11.0, 13.0]),
    )  # fmt: skip
    totals = Totals(*(2.0**n for n in range(18)))
    yield from tell(totals, "totals")
    yield from tell(replace(totals, it_mwh=0.0), "without energy")
    duals = {"capacity": -np.arange(8.0).reshape(2, 4)}
    carbon = replace(s, objective=replace(s.objective, minimise=Minimise.CARBON), title="")
    for world in (s, replace(carbon, notice="Mind it.")):
        for status in Status:
            for told, kept_flows in ((np.nan, None), (3.0, None), (3.0, flows)):
                made = Plan(status, world, SolveInfo("h"), kept_flows, totals, told, duals)
                made = replace(made, conflict="no <room>")
                prices = made.capacity_price_usd_per_gpu_h, made.capacity_price_kg_per_gpu_h
                yield f"{status} {told} {made.ok} {[plain(p) for p in prices]}"
                yield f"   {made._repr_html_()[:90]}"
        made = Plan(Status.OPTIMAL, world, SolveInfo("h"), flows, totals, 3.0)
        yield f"{made.capacity_price} {made.capacity_price_usd_per_gpu_h} {made.as_run is world}"
        yield from tell(made.requests_by_region, "by region")
        yield from tell(made.to_polars(), "rows")
        array = made.to_xarray()
        yield f"{array.dims} {array.attrs} {plain(array.sum(('point', 'class', 'metro')).values)}"
    none = replace(made, flows=None, conflict="why")
    yield from tell(none.requests_by_region, "of none")
    for work in (none.to_polars, none.to_xarray):
        try:
            work()
        except ValueError as error:
            yield f"{error}"
    parts = (SolveInfo("a", 1, 2, 3, 4, 5, 6, 7, 8, 0.25), SolveInfo("b", 1, 1, 1, 1, 1, 1, 9, 1))
    yield from tell(SolveInfo.together(parts), "together")


CASES: dict[str, Callable[[Path], Iterator[str]]] = {"solved": _solved, "by_hand": _by_hand}


@pytest.mark.parametrize("name", CASES)
def test_what_is_solved_is_that_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Plans, frontiers and fleets of a small world are those read and found right."""
    kept(HERE / f"model-{name}.txt", CASES[name](tmp_path), tmp_path)
