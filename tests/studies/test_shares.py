"""Shares of a class by zone: as the rules have them, and what more room may never do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given

import wattlas
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import one_of, scenarios
from wattlas.data.intensity_file import read_intensities
from wattlas.errors import InfeasibleError, InputError
from wattlas.model.scenario import Scenario
from wattlas.model.users import Users
from wattlas.report.columns import COLUMNS
from wattlas.studies.board import Ways, board_of, board_of_table
from wattlas.studies.grams import PLACES, Board, foreseen, grams
from wattlas.studies.levels import levels
from wattlas.studies.share_answer import _ahead_row
from wattlas.studies.shares import (
    ahead_of,
    cap_of,
    persistence,
    share_columns,
    share_of,
    shares,
    zone_share,
)
from wattlas.tiers.ahead import day_ahead, plan_ahead
from wattlas.tiers.menu import menu
from wattlas.tiers.population import population
from wattlas.tiers.share import RULES, green_share
from wattlas.tiers.targets import targets
from wattlas.tiers.utility import default_scale

REFERENCE = {
    "DE": (0.134, 0.120),
    "GB": (0.132, 0.120),
    "US-CAL-CISO": (0.209, 0.141),
    "US-TEX-ERCO": (0.270, 0.151),
    "US-MIDA-PJM": (0.736, 0.176),
    "SG": (1.0, 0.197),
}
"""Percentile and budget share: 2023, flat demand, cap 90 % of the mean, half the energy."""


def made(s: Scenario, klass: str, how: Ways) -> Board:
    """The board, where the question has one."""
    try:
        return board_of(s, klass, how)
    except InputError:
        assume(False)
        raise


def by_key(table: dict[str, Any]) -> dict[tuple[str, float, str, str], float]:
    """Share by zone, cap, rule and place; inf where no share would do."""
    rows = zip(
        table["zone"], table["cap_share"], table["rule"], table["place"], table["share"],
        strict=True,
    )  # fmt: skip
    return {(z, c, r, p): np.inf if x is None else x for z, c, r, p, x in rows}


def test_the_table_is_each_rule_by_itself() -> None:
    """Every row is what the rule asks of the zone's grams under that cap."""
    s = shipped("tiny")
    table = wattlas.tier_shares(s, "A", cap_shares=(0.2, 0.6, 0.9, 1.0))
    assert list(table) == list(COLUMNS["tier_shares"])
    board, rows = board_of(s, "A"), by_key(table)
    assert len(rows) == len(board.zones) * 4 * 3 * 2
    assert None in table["share"]
    for (zone, cap_share, rule, place), share in rows.items():
        one = grams(board, zone, place)
        cap = cap_share * grams(board, zone, "local").baseline_g
        if share == np.inf:
            with pytest.raises(InfeasibleError):
                green_share(one.full_g, one.green_g, cap, one.requests, rule)
        else:
            found = green_share(one.full_g, one.green_g, cap, one.requests, rule)
            assert share == pytest.approx(found.share, abs=1e-9)


@given(scenarios(), one_of(0.0, 0.5, 5.0), one_of(0.5, 0.0))
@examples(50)
def test_more_room_never_needs_a_larger_share(
    s: Scenario, network_kwh_per_gb: float, green_share: float
) -> None:
    """Neither a looser cap, nor serving away from the baseline region, nor one more place to do
    so."""
    klass, caps = s.classes[0].id, (0.3, 0.5, 0.75, 0.9, 1.0)
    names = [r.id for r in s.regions]
    tables = []
    for regions in (names[:0], names[:1], names[: len(names) // 2 + 1], names):
        how = Ways(green_share=green_share, regions=regions, network_kwh_per_gb=network_kwh_per_gb)
        board = made(s, klass, how)
        tables.append(by_key(share_columns(board, board.zones, caps)))
    for table in tables:
        for (zone, cap, rule, place), share in table.items():
            looser = [table[zone, c, rule, place] for c in caps if c > cap]
            assert all(x <= share + 1e-9 for x in looser)
            assert table[zone, cap, rule, "remote"] <= table[zone, cap, rule, "local"] + 1e-9
    for fewer, more in pairwise(tables):
        assert all(more[key] <= share + 1e-9 for key, share in fewer.items())


def test_one_zone_with_everything() -> None:
    """Its share, what degrading evenly needs, its days, and the verdict in words."""
    s = shipped("tiny")
    one = share_of(s, "A", "NO", cap_share=0.9)
    assert one.by_rule is not None
    assert one.blind is not None
    assert one.by_rule.mean_g == pytest.approx(0.9 * one.grams.baseline_g)
    assert one.cap_g == pytest.approx(0.9 * one.grams.baseline_g)
    assert "an even share" in one.verdict
    (day,) = one.by_day()["day"]
    assert day == "2023-06-01"
    assert one.by_day()["degraded_share"] == pytest.approx([one.by_rule.share])
    same = share_of(s, "A", "NO", cap_g=one.cap_g)
    assert same.by_rule is not None
    assert same.by_rule.share == pytest.approx(one.by_rule.share)
    away = share_of(s, "A", "NO", cap_share=0.5, place="remote")
    assert (away.grams.place, one.grams.place) == ("remote", "local")
    even = share_of(s, "A", "NO", cap_share=0.9, rule="blind")
    assert even.verdict.endswith("of the requests of every step")


def test_a_plan_made_ahead_is_told_column_by_column() -> None:
    """Under each its own figure: by percentile what is held to the cap is no mean of requests."""
    made = "share cap_g planned_g held_g mean_g kept short_days".split()
    plan: Any = SimpleNamespace(**{name: float(n) for n, name in enumerate(made, 10)})
    share: Any = SimpleNamespace(
        grams=SimpleNamespace(zone="NO", place="remote"), rule="percentile",
        by_rule=SimpleNamespace(share=0.3), blind=None,
    )  # fmt: skip
    assert _ahead_row(share, plan) == {
        "zone": "NO", "place": "remote", "rule": "percentile", "hindsight_share": 0.3,
        "blind_share": None, "share": 10.0, "cap_g": 11.0, "planned_g": 12.0, "delivered_g": 13.0,
        "mean_g": 14.0, "kept": 15.0, "short_days": 16.0,
    }  # fmt: skip


def test_a_cap_out_of_reach_names_the_least() -> None:
    """By the budget rule nothing is found; by percentile everything is degraded, and told."""
    s = shipped("tiny")
    one = share_of(s, "A", "NO", cap_share=0.1)
    assert one.by_rule is None
    assert one.blind is None
    assert one.by_day()["day"] == []
    assert f"the least attainable is {one.least_g:.4g} g" in one.verdict
    at_least = share_of(s, "A", "NO", cap_g=one.least_g * (1 + 1e-9))
    assert at_least.by_rule is not None
    assert at_least.by_rule.share == pytest.approx(1.0)
    percentile = share_of(s, "A", "NO", cap_share=0.1, rule="percentile")
    assert percentile.by_rule is not None
    assert percentile.by_rule.share == 1.0
    assert percentile.verdict.startswith("no share keeps the cap over all requests")


def test_all_mistakes_are_told_at_once() -> None:
    """Zones, caps, rules, places and names in one error."""
    s = shipped("tiny")
    with pytest.raises(InputError) as caught:
        shares(
            s, "A", zones=["NO", "MARS", "VENUS"], cap_shares=[0.5, 1.5], rules=["best"],
            places=["nowhere"], ways=Ways(green_share=7.0),
        )  # fmt: skip
    assert [p.where for p in caught.value.problems] == [
        "green_share", "rules", "places", "cap_share", "zone", "zone",
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        share_of(s, "A", "MARS", cap_g=-1.0)
    assert [p.where for p in caught.value.problems] == ["zone", "cap_g"]
    for caps in ({}, {"cap_g": 1.0, "cap_share": 0.5}):
        with pytest.raises(InputError, match="one of the two"):
            share_of(s, "A", "NO", **caps)
    first_alone = np.where(np.arange(4)[:, None, None] == 0, 1.0, 0.0)
    quiet = replace(s, demand_per_h=np.broadcast_to(first_alone, (4, 2, 24)))
    with pytest.raises(InputError, match="`IN` is the zone of no baseline region"):
        share_of(quiet, "A", "IN", cap_share=0.9)


@pytest.mark.parametrize("rule", RULES)
def test_ahead_is_a_plan_on_the_grams_of_a_forecast(rule: str) -> None:
    """Yesterday's intensity unless another is given; places by the forecast, grams in truth."""
    draw = np.random.default_rng(3)
    truth = draw.uniform(50, 600, (3, 24 * 12))
    utc = np.datetime64("2023-01-01T00", "h") + np.arange(24 * 12)
    board = board_of_table(["a", "b", "c"], truth, utc, green_share=0.4)
    for place in PLACES:
        cap = 0.7 * grams(board, "b", place).full_g.mean()
        expected = day_ahead(truth)
        np.testing.assert_array_equal(persistence(board), expected)
        best = np.nanargmin(np.where(np.isnan(expected), truth, expected), axis=0)
        best = best if place == "remote" else np.full(24 * 12, 1)
        full, seen = truth[best, np.arange(24 * 12)], expected[best, np.arange(24 * 12)]
        judge = plan_ahead(full, 0.4 * full, cap, seen, 0.4 * seen, rule=rule)
        found = ahead_of(board, "b", place, rule, cap_g=cap)
        np.testing.assert_allclose(found.degraded, judge.degraded, atol=1e-9)
        assert found.held_g == pytest.approx(judge.held_g)
        sure = ahead_of(board, "b", place, rule, cap_g=cap, expected_g_per_kwh=truth)
        assert sure.planned_g == pytest.approx(sure.held_g)


def test_hours_with_a_gap_anywhere_cannot_be_planned_ahead() -> None:
    """After the first hour, before the last, or between; by itself each step has its share."""
    s = shipped("tiny")
    assert board_of(s, "A").whole
    for first_late in (1, 7, s.hours.count - 1):
        late = np.arange(s.hours.count) >= first_late
        hours = replace(s.hours, offset=s.hours.offset + late)
        board = board_of(replace(s, hours=hours), "A")
        assert zone_share(board, "NO", "local", "budget", 0.9).by_rule is not None
        with pytest.raises(InputError, match=r"without `time\.sample`"):
            ahead_of(board, "NO", "local", "budget", 0.9)


def test_levels_count_the_hours_of_each_target() -> None:
    """Hour by hour, what the targets say at the intensity of the baseline region; shares add up to
    one."""
    s = shipped("tiny")
    board = board_of(s, "A")
    for zone in board.zones:
        cap = 0.6 * grams(board, zone).baseline_g
        rows = levels(s, "A", board, zone, cap)
        assert sum(row["requests_share"] for row in rows) == pytest.approx(1.0)
        (base,) = {one.baseline for one in board.clients_in(zone)}
        scale = default_scale(s.classes[0].latency_budget_ms, cap)
        people = population(s.users or Users(), 1.0)
        goal = targets(menu(s.classes[0], s.points), cap, people, scale, s.regions[base].pue)
        asked = sum(one.requests for one in board.clients_in(zone))
        want: dict[str | None, float] = {}
        for t, n in enumerate(asked):
            try:
                name = goal.menu.ids[goal.at(float(board.g_per_kwh[base, t]))]
            except InfeasibleError:
                name = None
            want[name] = want.get(name, 0.0) + n / asked.sum()
        have: dict[str | None, float] = {}
        for row in rows:
            if row["requests_share"] > 0:
                have[row["point"]] = have.get(row["point"], 0.0) + row["requests_share"]
        assert have == pytest.approx(want)
    with pytest.raises(InputError, match="cap_g"):
        levels(s, "A", board, board.zones[0], -1.0)


def test_only_the_zones_that_are_asked_for() -> None:
    """In their order, with the figures that they have among all."""
    s = shipped("tiny")
    every = shares(s, "A").to_polars()
    some = every["zone"].unique(maintain_order=True).to_list()[:1]
    assert every["zone"].n_unique() > 1
    assert shares(s, "A", zones=some).to_polars().equals(every.filter(zone=some[0]))


def test_a_table_of_every_zone_is_quick() -> None:
    """18 zones, 21 caps, 3 rules, 2 places over 8,760 hours: less than 3 s of CPU."""
    import time

    s = shipped("typical-2023")
    began = time.process_time()
    table = shares(s, "A")
    assert time.process_time() - began < 3.0
    assert len(table["share"]) == 18 * 21 * 3 * 2


@pytest.mark.shared
def test_reference_shares_by_the_table(shared: Path, tmp_path: Path) -> None:
    """The published shares of six zones, read from a table of hours; evenly it is a fifth."""
    read = read_intensities(reference_hours(shared, tmp_path))
    board = board_of_table(read.zones, read.g_per_kwh, read.hours.utc)
    rows = by_key(share_columns(board, tuple(REFERENCE), (0.9,), RULES, ("local",)))
    for zone, (percentile, budget) in REFERENCE.items():
        assert rows[zone, 0.9, "percentile", "local"] == pytest.approx(percentile, abs=0.002)
        assert rows[zone, 0.9, "budget", "local"] == pytest.approx(budget, abs=0.002)
        assert rows[zone, 0.9, "blind", "local"] == pytest.approx(0.2, abs=0.002)


def reference_hours(shared: Path, folder: Path) -> Path:
    """The life-cycle intensities of 2023 as a table of `signals.carbon`."""
    import polars as pl

    table = pl.read_parquet(shared / "data" / "carbon_intensity_hourly_em.parquet")
    year = table.filter(pl.col("ts_utc").dt.year() == 2023).select(
        pl.col("ts_utc").alias("time_utc"),
        pl.col("zone").cast(pl.String),
        pl.col("ci_lca_g_per_kwh").alias("average_g_per_kwh"),
    )
    year.write_parquet(folder / "hours.parquet")
    return folder / "hours.parquet"


def test_the_cap_is_that_of_the_baseline_region_wherever_requests_go() -> None:
    """A share of full service at the baseline region is the same grams for a place away."""
    board = board_of_table(["a", "b"], np.array([[400.0, 200.0], [10.0, 20.0]]), np.arange(2))
    for place in PLACES:
        assert cap_of(grams(board, "a", place), cap_share=0.5) == pytest.approx(150.0)
        assert cap_of(foreseen(board, "a", place, board.g_per_kwh)[0], cap_g=7.0) == 7.0


def test_a_board_of_a_table_asks_for_one_request_an_hour() -> None:
    """In every zone and step, whatever the step; a request takes 1 kWh, degraded its share."""
    utc = np.arange("2024-01-01", "2024-01-02", dtype="datetime64[30m]")[:6]
    board = board_of_table(("a", "b"), np.ones((2, 6)), utc, green_share=0.4, step_h=0.5)
    for n, client in enumerate(board.clients):
        assert (client.zone, client.baseline) == (("a", "b")[n], n)
        assert client.requests.tolist() == [0.5] * 6
        assert client.full_kwh.tolist() == [1.0, 1.0]
        assert client.green_kwh.tolist() == [0.4, 0.4]
