"""The fleet of a study: its tables add up to the fleet, and its sentences are true to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.fleets import PRICED, StudiedFleet
from tests.long import long_tiny
from tests.shipped import shipped
from wattlas.model.scenario import Scenario
from wattlas.model.table import rows_of
from wattlas.placement.problem.instance import build_instance
from wattlas.studies import findings, words
from wattlas.studies.brief import verdicts
from wattlas.studies.findings import Findings
from wattlas.studies.fleet_answer import EXACT, HELD_BACK, FleetAnswer, fleet_answer
from wattlas.studies.fleet_brief import fleet_brief, unshared
from wattlas.studies.fleet_day import _of_day
from wattlas.studies.fleet_tables import fleet_regions_table, fleets_table
from wattlas.studies.study import Study, study

DAY_H = 24


@pytest.fixture(scope="module")
def tiny() -> Study:
    """A study of the tiny example."""
    return study(shipped("tiny"), samples=3)


def by_variant(rows: list[dict[str, Any]], held_back: float = 0.0) -> dict[str, dict[str, Any]]:
    """The rows of the table `fleets` with one margin, by variant."""
    return {row["variant"]: row for row in rows if row["held_back_share"] == held_back}


def test_tables_add_up(fleet: StudiedFleet) -> None:
    """Regions sum to the fleets, reach begins at own demand, and the meta data says the same; or
    there is no table and the reason stands among the limits."""
    told = fleet.study.meta["fleet"]
    fleets = by_variant(fleet.rows("fleets"))
    assert (told["status"] == "skipped") == (fleet.name not in PRICED)
    if told["status"] == "skipped":
        assert not fleets
        assert f"No fleet was looked for: {told['reason']}." in fleet.study.meta["limits"]
        assert fleet.study.meta["brief"]["fleet"] == ""
        return
    regions = fleet.rows("fleet_regions")
    for name, row in fleets.items():
        gpu = math.fsum(r["gpu"] for r in regions if r["variant"] == name)
        assert gpu == pytest.approx(row["gpu"], abs=1e-9)
        for key in ("gpu", "cost_usd", "rent_usd", "carbon_kg"):
            assert told["fleets"][name][key] == pytest.approx(row[key], nan_ok=True)
        assert row["cost_usd"] >= fleets["optimal"]["cost_usd"] * (1 - 2 * EXACT) or (
            row["cost_usd"] != row["cost_usd"]
        )
    reach = fleet.rows("fleet_reach")
    assert reach[0]["reach"] == 0.0
    assert reach[0]["gpu"] == fleets["alone"]["gpu"]
    least = min(row["cost_usd"] for row in reach)
    assert least == pytest.approx(fleets["optimal"]["cost_usd"], rel=3 * EXACT)
    assert all(row["gap"] <= EXACT for row in reach)


def test_slopes_are_of_the_hull(tiny: Study) -> None:
    """From a fleet on the hull the slope leads to the next one there, and no fleet lies below."""
    rows = rows_of(tiny.tables["fleet_reach"])
    hull = [row for row in rows if row["on_hull"]]
    assert len(hull) >= 2
    for a, b in pairwise(hull):
        assert a["cost_usd"] - a["usd_per_unit"] * (b["reach"] - a["reach"]) == pytest.approx(
            b["cost_usd"]
        )
        between = [row for row in rows if a["reach"] <= row["reach"] <= b["reach"]]
        for row in between:
            line = a["cost_usd"] - a["usd_per_unit"] * (row["reach"] - a["reach"])
            assert row["cost_usd"] >= line * (1 - 1e-12)
    assert math.isnan(hull[-1]["usd_per_unit"])


def test_the_day_serves_all_demand_within_the_fleet(tiny: Study) -> None:
    """Every request of the day runs once, in a region that holds the accelerators for it, and each
    region's own demand is that of the metros whose baseline it is."""
    scenario = tiny.plan.scenario
    day = rows_of(tiny.tables["fleet_day"])
    held = {
        row["region"]: row["usable_gpu"]
        for row in rows_of(tiny.tables["fleet_regions"])
        if row["variant"] == "optimal"
    }
    assert len({row["time_utc"] for row in day}) == DAY_H
    used: dict[tuple[Any, str], float] = {}
    for row in day:
        at = row["time_utc"], row["region"]
        used[at] = used.get(at, 0.0) + row["gpu"]
    assert all(gpu <= held[region] * (1 + 1e-6) for (_, region), gpu in used.items())
    # Each class of the example has one accelerator time for a request at the points it may use, or
    # more: what is used is at least all demand at the leanest.
    lean = scenario.gpu_h.min(axis=1) @ scenario.demand_per_h.sum(axis=0)
    assert math.fsum(used.values()) >= lean.sum() * (1 - 1e-9)
    peak = max(
        math.fsum(gpu for (time, _), gpu in used.items() if time == when)
        for when in {time for time, _ in used}
    )
    assert peak == pytest.approx(sum(held.values()), rel=1e-3)


def test_a_margin_holds_the_same_accelerators_back(tiny: Study) -> None:
    """Four fifths of what is held is what least cost uses; rent grows, all else stays, and a search
    at that utilisation finds nothing dearer."""
    rows = rows_of(tiny.tables["fleets"])
    plain, held = by_variant(rows), by_variant(rows, HELD_BACK)
    assert set(held) == {"own_peaks", "alone", "optimal", "outage"}
    for name, row in held.items():
        assert row["gpu"] * (1 - HELD_BACK) == pytest.approx(plain[name]["gpu"])
        assert row["rent_usd"] * (1 - HELD_BACK) == pytest.approx(plain[name]["rent_usd"])
        assert row["variable_usd"] == pytest.approx(plain[name]["variable_usd"])
    stated = shipped("tiny", set=[f"regions.all.utilisation_max={1 - HELD_BACK}"])
    whole = wattlas.fleet(stated, exact=EXACT)
    found = whole.optimal
    hours = float(stated.hours.hours.sum())
    for row in rows_of(fleet_regions_table(FleetAnswer(whole))):
        cost = whole.variants[row["variant"]]
        r = [region.id for region in stated.regions].index(row["region"])
        assert row["gpu"] == cost.gpu[r]
        assert row["usable_gpu"] == pytest.approx(row["gpu"] * (1 - HELD_BACK))
        assert (row["used_gpu_h"], row["on_demand_gpu_h"]) == (
            cost.used_gpu_h[r], cost.on_demand_gpu_h[r],
        )  # fmt: skip
        own = (row["used_gpu_h"] - row["on_demand_gpu_h"]) / hours
        share = own / row["gpu"] if row["gpu"] > 1e-6 else math.nan
        assert row["utilisation"] == pytest.approx(share, nan_ok=True)
        assert math.isnan(row["saved_by_one_usd"]) == (row["variant"] != "optimal")
    assert found.cost_usd == pytest.approx(held["optimal"]["cost_usd"], rel=3 * EXACT)
    assert found.count == pytest.approx(held["optimal"]["gpu"], rel=1e-3)


def test_the_sentence_compares_like_for_like(tiny: Study) -> None:
    """The cheapest fleet that regions do not share is what the saving is told against, and the
    fleet stands first where it saves more."""
    told = tiny.meta["brief"]
    fleets = by_variant(rows_of(tiny.tables["fleets"]))
    apart = min(("own_peaks", "alone"), key=lambda name: fleets[name]["cost_usd"])
    saved = fleets[apart]["cost_usd"] - fleets["optimal"]["cost_usd"]
    assert f"instead of {words.number(fleets[apart]['gpu'])}" in told["fleet"]
    assert f"−{words.money(saved)}" in told["fleet"]
    assert "perfect foresight" in told["fleet_assumes"]
    assert f"As given: {words.number(fleets['given']['gpu'])}" in told["fleet_assumes"]
    assert told["fleet_first"] == (saved > tiny.meta["headline"]["saving_usd"])
    assert verdicts(told) == [told["fleet"], told["fleet_assumes"], told["sentence"]]
    assert verdicts({**told, "fleet_first": False})[0] == told["sentence"]


def said(unserved: float = 0.0, **fleets: tuple[float, float]) -> str:
    """The sentence over fleets of (accelerators, USD), and what the best leaves unserved."""
    told = {name: {"gpu": gpu, "cost_usd": usd} for name, (gpu, usd) in fleets.items()}
    told["optimal"]["unserved_share"] = unserved
    return fleet_brief({"fleet": {"fleets": told}}, "a year").sentence


def test_what_is_said_of_unusual_fleets() -> None:
    """Nothing shared, nothing held, nobody to compare with, money below zero."""
    assert said(optimal=(5, 100), own_peaks=(5, 100.01)).endswith("sharing them saves nothing.")
    assert said(optimal=(0, 9), own_peaks=(5, 10)).startswith("Hold no accelerators")
    assert said(optimal=(5, 9), own_peaks=(4, math.nan)) == "Hold 5 accelerators: USD 9 a year."
    assert "%" not in said(optimal=(5, -9), own_peaks=(6, -4))
    assert "each region serving its own demand alone" in said(
        optimal=(5, 9), own_peaks=(8, 12), alone=(6, 11)
    )
    told = {"optimal": {"gpu": 5, "cost_usd": 9}, "own_peaks": {"gpu": 6, "cost_usd": 8}}
    capped = fleet_brief({"fleet": {"fleets": told, "by_money": False}}, "a year")
    assert (capped.sentence, capped.saving_usd) == ("Hold 5 accelerators: USD 9 a year.", 0.0)
    assert unshared({"own_peaks": {"cost_usd": math.nan}}) == ""


def test_as_many_or_more_is_not_told_as_fewer() -> None:
    """A fleet that is as large as the one it is compared with, or larger, is not told as a smaller
    one: what it saves is elsewhere."""
    same = said(optimal=(5, 9), own_peaks=(5.0004, 12))
    assert ", as many as each region sized for its own peak, but not in the same places: −" in same
    more = said(optimal=(7, 9), own_peaks=(5, 12))
    assert "more than 5, each region sized for its own peak, but at less cost: −USD 3" in more


def test_what_goes_unserved_is_said() -> None:
    """Demand that a cheap fleet leaves unserved stands in its sentence; nothing held is not told as
    rented where nobody is served."""
    some = said(0.25, optimal=(5, 9), own_peaks=(8, 12))
    assert some.endswith("; 25 % of the requests go unserved, at their price.")
    none = said(1.0, optimal=(0, 9), own_peaks=(8, 12))
    assert none == (
        "Hold no accelerators: leaving every request unserved, at its price, costs least, "
        "USD 9 a year."
    )
    rest = said(0.5, optimal=(0, 9), own_peaks=(8, 12))
    assert "renting by the hour and leaving 50 % of the requests unserved" in rest


def test_a_small_fleet_is_one() -> None:
    """What is told as none is a part of the fleets that are compared, not of an accelerator."""
    small = said(optimal=(2e-10, 3e-9), own_peaks=(3e-10, 4e-9))
    assert small.startswith("Hold 2.00e−10 accelerators that regions share instead of 3.00e−10")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["regions.oslo.reserved_usd_per_gpu_year=0"], "oslo has no reserved_usd_per_gpu_year"),
        (["regions.all.reserved_usd_per_gpu_year=0"], "no region has a reserved_usd_per_gpu_year"),
        (
            ["regions.all={reserved_gpu: 0, reserved_usd_per_gpu_year: 0, on_demand_gpu: 99, "
             "on_demand_usd_per_gpu_h: 2}"],
            "every accelerator is rented by the hour",
        ),
        (["objective.minimise=carbon"], "of least cost without a cap"),
        (["objective.carbon_cap_share=0.9"], "of least cost without a cap"),
        (["regions.all.reserved_gpu_max=0.1"], "No fleet within the bounds"),
    ],
)  # fmt: skip
def test_a_scenario_without_a_fleet_says_why(settings: list[str], reason: str) -> None:
    """The reason stands in place of an answer, and nothing fails."""
    answer = fleet_answer(shipped("tiny", set=settings), lambda _what, _share: None)
    assert isinstance(answer, str)
    assert reason in answer


def test_no_outage_where_bounds_forbid_it() -> None:
    """The fleet of least cost is there all the same, and why none survives or reaches less."""
    told: list[str] = []
    limits = ["regions.all.reserved_gpu_max=4.4", "regions.oslo.reserved_gpu_max=3"]
    world = shipped("tiny", set=limits)
    answer = fleet_answer(world, lambda what, _share: told.append(what))
    assert not isinstance(answer, str)
    assert answer.no_outage.startswith("no fleet within the bounds survives")
    assert answer.no_reach.startswith("with less reach")
    assert set(answer.variants) == {"given", "own_peaks", "optimal", "whole"}
    assert answer.with_margin == {}
    assert set(told) == {"fleet", "fleet along the reach"}
    assert np.isfinite(answer.variants["optimal"].cost_usd)


def test_the_fleet_that_is_found_meanwhile_is_the_same() -> None:
    """In a thread of its own or when it is wanted: one fleet, and its progress is told once
    somebody waits."""
    told: list[str] = []
    found = Findings(shipped("tiny"), progress=lambda what, _share: told.append(what))
    with found.fleet_meanwhile():
        meanwhile = found.fleet
    alone = Findings(shipped("tiny")).fleet
    assert not isinstance(meanwhile, str)
    assert not isinstance(alone, str)
    np.testing.assert_equal(fleets_table(meanwhile), fleets_table(alone))
    assert set(told) <= {"fleet", "fleet along the reach"}


def test_an_error_ends_the_fleet_that_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else fails, the study does not wait for the end of the search."""

    def endless(_scenario: Scenario, tell: Callable[[str, float], None]) -> str:
        while True:
            tell("fleet", 0.5)

    monkeypatch.setattr(findings, "fleet_answer", endless)
    found = Findings(shipped("tiny"))
    with pytest.raises(KeyboardInterrupt), found.fleet_meanwhile():
        raise KeyboardInterrupt
    with pytest.raises(CancelledError):
        _ = found.fleet


def test_the_day_of_a_fleet_is_the_fullest_in_accelerators() -> None:
    """Not that of most requests: on the first day there are more of them, and lighter ones."""
    s = long_tiny(3)
    demand = s.demand_per_h.copy()
    # A request of class A takes 0.5 GPU-s at the leanest point that it may use, one of D 0.3.
    for k, t, requests in ((1, 5, 1.4e6), (0, 30, 1.2e6)):
        demand[:, k, t] *= requests / demand[:, k, t].sum()
    assert demand.sum(axis=(0, 1)).argmax() == 5
    s = replace(s, demand_per_h=demand)
    stated: Any = SimpleNamespace(scenario=s, nominal=None)
    day = _of_day(stated, build_instance(s))
    assert [str(time)[:13] for time in day.hours.utc[[0, -1]]] == ["2023-01-02T00", "2023-01-02T23"]
