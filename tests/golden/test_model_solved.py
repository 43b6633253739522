"""Results of the small world, their tables and what they derive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wattlas.data
import wattlas.model
import wattlas.replays.arrivals
from tests.golden.inputs.model import mini
from tests.golden.telling import kept, number, outcome, plain, tell
from wattlas.model.fleet import FleetCost, Reach, ReachedFleet
from wattlas.model.frontier import Frontier
from wattlas.model.scenario import Scenario

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


CASES: dict[str, Callable[[Path], Iterator[str]]] = {"solved": _solved}


@pytest.mark.parametrize("name", CASES)
def test_what_is_solved_is_that_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Plans, frontiers and fleets of a small world are those read and found right."""
    kept(HERE / f"model-{name}.txt", CASES[name](tmp_path), tmp_path)
