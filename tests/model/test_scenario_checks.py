"""A scenario refuses what does not fit together, all of it at once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.model.baseline import BaselineRegions
from wattlas.model.contract import ShareCap, Tier
from wattlas.model.offer import offer, withdrawn
from wattlas.model.workload import State


@pytest.fixture(scope="module")
def tiny() -> wattlas.Scenario:
    """The example that ships."""
    return shipped("tiny")


def told(world: wattlas.Scenario, **changes: Any) -> list[str]:
    """Where the problems of a changed scenario are."""
    with pytest.raises(InputError) as caught:
        replace(world, **changes)
    return [problem.where for problem in caught.value.problems]


def first(things: tuple[Any, ...], **changes: Any) -> tuple[Any, ...]:
    """The same things with the first one changed."""
    return (replace(things[0], **changes), *things[1:])


def test_least_carbon_by_a_word(tiny: wattlas.Scenario) -> None:
    """`carbon` is least carbon, wherever it is said."""
    by_enum = wattlas.plan(tiny, objective=wattlas.Objective(minimise=wattlas.Minimise.CARBON))
    assert by_enum.totals.carbon_kg < wattlas.plan(tiny, objective="cost").totals.carbon_kg - 1
    word: Any = "carbon"
    for found in (
        wattlas.plan(tiny, objective=word),
        wattlas.plan(tiny, objective=wattlas.Objective(minimise=word)),
        wattlas.plan(replace(tiny, objective=word)),
    ):
        assert found.totals.carbon_kg == by_enum.totals.carbon_kg
    with pytest.raises(InputError, match="Did you mean `carbon`"):
        wattlas.plan(tiny, objective="carbonn")


def test_a_window_by_a_word(tiny: wattlas.Scenario) -> None:
    """A cap by `month` is one cap over the one day of the example, as by its member."""
    word: Any = "month"
    found = wattlas.plan(tiny, objective=wattlas.Objective(carbon_cap_share=0.9, window=word))
    assert found.abatement_usd_per_t is not None
    assert len(found.abatement_usd_per_t) == 1


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_demand_that_is_no_demand(tiny: wattlas.Scenario, value: float) -> None:
    """All of it, or one cell: it is refused, and the cell is named."""
    assert told(tiny, demand_per_h=np.full_like(tiny.demand_per_h, value)) == ["demand_per_h"]
    demand = tiny.demand_per_h.copy()
    demand[1, 0, 3] = value
    cell = f"1 of {demand.size}, the first at {tiny.metros[1].id}, {tiny.classes[0].id}, step 3"
    with pytest.raises(InputError, match=cell):
        replace(tiny, demand_per_h=demand)


def test_budgets_of_a_call(tiny: wattlas.Scenario) -> None:
    """Budgets of another shape, or no numbers, are refused before anything is solved."""
    for budgets in (np.ones(3), np.full((4, 2), np.nan), np.full((4, 2), -1.0)):
        with pytest.raises(InputError, match="budget_ms"):
            wattlas.plan(tiny, budget_ms=budgets)


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "a node that is not there": (
        lambda s: {"metros": first(s.metros, node="x")}, ["metros.berlin.node"]),
    "a region that is not there": (
        lambda s: {"nodes": first(s.nodes, region="x")}, ["nodes.frankfurt.region"]),
    "a zone that is not there": (
        lambda s: {"regions": first(s.regions, zone="x")}, ["regions.oslo.zone"]),
    "a rule that is not there": (
        lambda s: {"classes": first(s.classes, residency="x")}, ["classes.A.residency"]),
    "a point that is not there": (
        lambda s: {"classes": first(s.classes, points=("x",))}, ["classes.A.points"]),
    "an allowance at no point": (
        lambda s: {"classes": first(s.classes, latency_allowance_ms={"x": 1})},
        ["classes.A.latency_allowance_ms"]),
    "a copy of state that is not there": (
        lambda s: {"classes": first(s.classes, state=State.PINNED, state_copies=("*", "x"))},
        ["classes.A.state_copies"]),
    "a cap on nothing": (
        lambda _: {"share_caps": (ShareCap("cap", ("x",), ("y",), 0.1),)},
        ["share_caps.cap.classes", "share_caps.cap.points"]),
    "a start cost of no region": (
        lambda s: {"frictions": replace(s.frictions, start_usd_by_region={"x": 1})},
        ["frictions.start_usd_by_region"]),
    "two of a name": (
        lambda s: {"points": (*s.points[:-1], replace(s.points[-1], id=s.points[0].id)),
                   "classes": tuple(replace(k, points=None) for k in s.classes)},
        ["points.large-fast"]),
    "another shape": (
        lambda s: {"demand_per_h": s.demand_per_h[:, :, :5], "reserved_gpu": s.reserved_gpu.T},
        ["demand_per_h", "reserved_gpu"]),
    "capacity below 0": (
        lambda s: {"reserved_gpu": np.full_like(s.reserved_gpu, -1)}, ["reserved_gpu"]),
    "capacity that is no number": (
        lambda s: {"reserved_gpu": np.full_like(s.reserved_gpu, np.nan)}, ["reserved_gpu"]),
    "signals of other hours": (
        lambda s: {"signals": s.signals.take(np.arange(3))}, ["signals"]),
    "signals of more hours": (
        lambda s: {"hours": s.at_hours([0, 1]).hours, "demand_per_h": s.demand_per_h[:, :, :2],
                   "reserved_gpu": s.reserved_gpu[:, :2]}, ["signals"]),
    "no way to the node": (
        lambda s: {"network": replace(
            s.network, rtt_metro_node_ms=np.full_like(s.network.rtt_metro_node_ms, np.inf))},
        [f"network.rtt_metro_node_ms.{m}" for m in ("berlin", "chicago", "delhi", "lagos")]),
    "no classes": (
        lambda s: {"classes": (), "demand_per_h": s.demand_per_h[:, :0]}, ["classes"]),
    "things of another kind": (
        lambda s: {"hours": 24, "regions": s.metros[:1], "solver": "cplex", "objective": "coal"},
        ["objective.minimise", "hours", "solver", "regions[0]"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(tiny: wattlas.Scenario, case: str) -> None:
    """Each by its path."""
    change, where = REFUSED[case]
    assert told(tiny, **change(tiny)) == where


def test_a_baseline_region_says_where_it_is_stated() -> None:
    """That of a class goes before that of all; each by its path."""
    stated = BaselineRegions({"berlin": "oslo"}, {"A": {"berlin": "austin", "lagos": "mumbai"}})
    assert stated.stated("berlin", "A") == ("austin", "baseline.classes.A.berlin")
    assert stated.stated("lagos", "A") == ("mumbai", "baseline.classes.A.lagos")
    assert stated.stated("berlin", "D") == ("oslo", "baseline.metros.berlin")
    assert stated.stated("lagos", "D")[0] == ""
    assert stated
    assert not BaselineRegions({}, {"A": {}})


def test_problems_of_several_parts_come_at_once(tiny: wattlas.Scenario) -> None:
    """A node, a zone, demand and capacity: four problems of one error."""
    assert told(
        tiny,
        metros=first(tiny.metros, node="frankfrt"),
        regions=first(tiny.regions, zone="x"),
        demand_per_h=-tiny.demand_per_h,
        reserved_gpu=tiny.reserved_gpu[:, :2],
    ) == ["metros.berlin.node", "regions.oslo.zone", "demand_per_h", "reserved_gpu"]


def test_lists_are_taken_and_arrays_are_not_copied(tiny: wattlas.Scenario) -> None:
    """The same scenario from lists; from arrays, the very arrays."""
    again = replace(tiny)
    assert again.demand_per_h is tiny.demand_per_h
    assert again.reserved_gpu is tiny.reserved_gpu
    lists: Any = {"demand_per_h": tiny.demand_per_h.tolist(), "metros": list(tiny.metros)}
    same = replace(tiny, **lists)
    assert same.metros == tiny.metros
    assert same.demand_per_h.dtype == np.float64
    assert (same.demand_per_h == tiny.demand_per_h).all()


def test_a_part_of_the_hours_is_the_scenario_of_them(tiny: wattlas.Scenario) -> None:
    """The part passes the checks that it was spared."""
    part = tiny.at_hours([2, 3, 9])
    assert replace(part).hours.count == replace(part.signals).price_usd_per_mwh.shape[1] == 3
    with pytest.raises(InputError, match=r"hours\.offset: does not increase"):
        tiny.at_hours([3, 2])
    with pytest.raises(InputError, match=r"hours\.weight"):
        tiny.at_hours([2, 3], np.array([1.0, np.nan]))


def test_a_class_may_be_called_as_a_copy_would(tmp_path: Path) -> None:
    """`A~night` is planned for as any other, with a tier on offer and with it withdrawn."""
    world = wattlas.load(_with_night(tmp_path / "world"))
    assert [klass.id for klass in world.classes] == ["A", "A~night", "D", "A~green"]
    plain = withdrawn(world)
    assert [klass.id for klass in plain.classes] == ["A", "A~night", "D"]
    assert plain.demand_per_h[:, 0] == pytest.approx(plain.demand_per_h[:, 1] * 4 / 3)
    assert plain.demand_per_h.sum() == pytest.approx(world.demand_per_h.sum())
    found = wattlas.plan(world)
    assert found.ok, found.conflict
    assert found.flows is not None
    served = np.bincount(found.flows.klass, weights=found.flows.requests_per_h)
    assert served == pytest.approx(world.demand_per_h.sum(axis=(0, 2)))


def _with_night(folder: Path) -> Path:
    """The small example with a class `A~night`, and a tier for class A."""
    shutil.copytree(Path(str(wattlas.__file__)).parent / "data" / "examples" / "tiny", folder)
    file = folder / "scenario.yaml"
    night = "  A~night: {latency_budget_ms: 600, token_profile: chat}\n  D:\n    name: offline"
    text = file.read_text(encoding="utf-8").replace("  D:\n    name: offline", night)
    before = "A: {share: 0.7, hour_weights: waking, weekend_factor: 0.8}"
    shares = "A: {share: 0.4}\n      A~night: {share: 0.3}"
    tier = "tiers: {green: {share_max: 0.2, adoption: 0.5, classes: [A]}}\n"
    file.write_text(text.replace(before, shares) + tier, encoding="utf-8")
    return folder


def test_a_copy_never_takes_a_name_that_is_there(tiny: wattlas.Scenario) -> None:
    """A class of the user's with the very name of a copy is told, with both ways out."""
    night = replace(tiny.classes[0], id="A~green")
    demand = np.concatenate([tiny.demand_per_h, tiny.demand_per_h[:, :1]], axis=1)
    world = replace(tiny, classes=(*tiny.classes, night), demand_per_h=demand)
    with pytest.raises(InputError, match="has the name that its copy under the tier green takes"):
        offer(world, [Tier("green", 0.1, 0.5, classes=("A",))])
