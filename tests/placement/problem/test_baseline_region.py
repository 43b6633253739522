"""Baseline regions: stated, nearest, tied; and the policy that overflows from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.acceptance.small_world import small_world
from wattlas.errors import InputError
from wattlas.model.baseline import BaselineRegions
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.baseline_region import tie_words
from wattlas.placement.problem.instance import build_instance

TIED = {"m": {"a": 10, "b": 10, "c": 40}}


def world(folder: Path, **sections: Any) -> wattlas.Scenario:
    """One metro, a and b equally near, c farther; b is the cheapest, then a, then c."""
    given: dict[str, Any] = {
        "price": {"a": [50.0], "b": [40.0], "c": [60.0]},
        "carbon": {"a": [300.0], "b": [300.0], "c": [300.0]},
        "demand": {"A": {"m": [100.0]}, "B": {"m": [10.0]}},
        "rtt_ms": TIED,
        "classes": {"A": {"latency_budget_ms": 45}, "B": {}},
    }
    return small_world(folder, **{**given, **sections})


def regions(s: wattlas.Scenario) -> list[str]:
    """The baseline region of each class of the first metro."""
    return [s.regions[r].id for r in build_instance(s).baseline.region[0]]


def requests(s: wattlas.Scenario, policy: str) -> dict[str, float]:
    """Requests of a policy by region."""
    flows = baseline(build_instance(s), policy).flows
    assert flows is not None
    sums = np.bincount(flows.region, flows.requests_per_h, len(s.regions))
    return {r.id: float(n) for r, n in zip(s.regions, sums, strict=True) if n}


def test_the_nearest_by_distance_breaks_a_tie_and_it_is_told(tmp_path: Path) -> None:
    """a and b are as near in time; b is nearer on the map."""
    place = {"lat_deg": 50, "jurisdiction": "X"}
    s = world(tmp_path, regions={"a": {**place, "lon_deg": 20}, "b": {**place, "lon_deg": 9}})
    assert regions(s) == ["b", "b"]
    said = tie_words(s, build_instance(s).judged)
    assert "1 of 1 metros have several regions that are equally near" in said
    assert "b for m" in said
    study = wattlas.study(s, samples=3)
    assert study.meta["baseline"]["ties"] == said
    assert said in study.meta["limits"]


def test_the_nodes_own_region_goes_before_distance(tmp_path: Path) -> None:
    """The same with a as the region of the node's state."""
    place = {"lat_deg": 50, "jurisdiction": "X"}
    far = {"a": {**place, "lon_deg": 20}, "b": {**place, "lon_deg": 9}}
    node = {"m": {"lat_deg": 50, "lon_deg": 8, "jurisdiction": "X", "region": "a"}}
    assert regions(world(tmp_path, regions=far, nodes=node)) == ["a", "a"]


def test_a_stated_region_goes_before_the_nearest_and_a_classs_own_before_that(
    tmp_path: Path,
) -> None:
    """c for all, a for class B; nothing is tied then. Both policies begin there."""
    stated = {"metros": {"m": "c"}, "classes": {"B": {"m": "a"}}}
    s = world(tmp_path, baseline=stated, regions={"c": {"reserved_gpu": 60}})
    assert regions(s) == ["c", "a"]
    assert tie_words(s, build_instance(s).judged) == ""
    assert requests(s, "nearest") == {"a": 10.0, "c": 100.0}
    # 60 fit into c; the rest overflows to the nearest: a or b, of which b costs less.
    assert requests(s, "nearest_available") == {"a": 10.0, "b": 40.0, "c": 60.0}


def test_demands_with_other_baselines_are_other_sources(tmp_path: Path) -> None:
    """Two metros at one node, alike but for what is stated of one of them."""
    s = world(tmp_path)
    metros = (s.metros[0], replace(s.metros[0], id="n"))
    network = s.network
    both = replace(
        s,
        metros=metros,
        demand_per_h=np.concatenate([s.demand_per_h] * 2),
        network=replace(
            network,
            rtt_metro_node_ms=np.concatenate([network.rtt_metro_node_ms] * 2),
            modelled_metro_node=np.concatenate([network.modelled_metro_node] * 2),
        ),
    )
    assert build_instance(both).sources == 2
    apart = replace(both, baseline=BaselineRegions({"n": "c"}))
    assert build_instance(apart).sources == 4
    assert requests(apart, "nearest")["c"] == pytest.approx(110.0)


def test_a_stated_region_that_may_not_serve_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Too late for class A; every statement that is wrong is told at once."""
    s = world(tmp_path, rtt_ms={"m": {"a": 10, "b": 10, "c": 50}}, baseline={"metros": {"m": "c"}})
    with pytest.raises(InputError, match=r"baseline\.metros\.m") as told:
        wattlas.plan(s)
    text = str(told.value)
    assert "`c` may not serve class A of m: latency above the budget" in text
    assert "class B" not in text


def test_what_is_stated_for_a_class_that_nobody_asks_for_is_no_mistake(tmp_path: Path) -> None:
    """Too late for class A alone, of which there is no demand in any hour."""
    s = world(tmp_path, rtt_ms={"m": {"a": 10, "b": 10, "c": 50}}, baseline={"metros": {"m": "c"}})
    quiet = replace(s, demand_per_h=s.demand_per_h * np.array([0.0, 1.0])[None, :, None])
    assert wattlas.plan(quiet).ok


@pytest.mark.parametrize(
    ("stated", "where"),
    [
        ({"metros": {"x": "a"}}, "baseline.metros"),
        ({"metros": {"m": "x"}}, "baseline.metros.m"),
        ({"classes": {"X": {"m": "a"}}}, "baseline.classes"),
        ({"classes": {"A": {"m": "x"}}}, "baseline.classes.A.m"),
    ],
)
def test_names_that_are_not_there_are_refused(
    tmp_path: Path, stated: dict[str, Any], where: str
) -> None:
    """In the file and in Python."""
    with pytest.raises(InputError, match=where.replace(".", r"\.")):
        world(tmp_path, baseline=stated)
    s = world(tmp_path)
    with pytest.raises(InputError, match=where.replace(".", r"\.")):
        replace(s, baseline=BaselineRegions(**stated))


def test_what_is_no_mapping_is_refused() -> None:
    """A region instead of a mapping, a number instead of a region."""
    with pytest.raises(InputError, match=r"baseline\.metros"):
        BaselineRegions("oslo")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"baseline\.metros\.m"):
        BaselineRegions({"m": 3})  # type: ignore[dict-item]
