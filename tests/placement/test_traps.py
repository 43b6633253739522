"""Traps that peers fell into, each with a test that would have caught it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML

import wattlas
from tests.data.scenario_files import tiny_folder
from tests.shipped import shipped
from wattlas.cli import run
from wattlas.data.hours_checks import HoursTable, check_hours
from wattlas.data.hours_units import suspicions
from wattlas.data.reader.source import source_of
from wattlas.data.scenario_file import EXAMPLES, example_path, examples
from wattlas.data.schema.hours import PRICE
from wattlas.errors import InputError
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline, baselines
from wattlas.placement.problem.feasibility import latency_ms
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.expanded import PerFlow
from wattlas.studies.study import study


def tiny(*settings: str) -> Scenario:
    """The tiny example, changed."""
    return shipped("tiny", set=settings)


def test_a_transfer_cost_comes_from_the_right_column() -> None:
    """Egress is that of the pair (own node, chosen region): every entry is another number."""
    s = tiny("capacity.free=true")
    price = 0.01 + 0.1 * np.arange(9).reshape(3, 3) ** 2
    s = replace(s, network=replace(s.network, egress_usd_per_gb=price))
    found = baseline(build_instance(s), "uniform")
    assert found.flows is not None
    f = found.flows
    paid = PerFlow(s)(f)["egress_usd"]
    for n in range(len(paid)):
        metro, klass = s.metros[f.metro[n]], s.classes[f.klass[n]]
        node = [x.id for x in s.nodes].index(metro.node)
        gb = klass.bytes_per_request / 1e9 * f.requests_per_h[n]
        assert paid[n] == pytest.approx(gb * price[node, f.region[n]])
    assert len(set(f.region.tolist())) == 3
    expensive = replace(s.network, egress_usd_per_gb=np.where(np.eye(3, dtype=bool), 0.0, 1e6))
    stays = plan(replace(s, network=expensive))
    assert stays.flows is not None
    at = s.metro_node[stays.flows.metro]
    assert (stays.flows.region == at).all()


def test_the_price_clock_and_the_demand_clock_are_one(tmp_path: Path) -> None:
    """A table of prices shifted by one hour gives another plan, at the shifted hours."""
    folder = tiny_folder(tmp_path / "t")
    table = pl.read_csv(folder.path / "price.csv", comment_prefix="#", try_parse_dates=True)
    before = folder.load("capacity.free=true")
    rolled = table.with_columns(
        pl.col("price_usd_per_mwh").shift(1).over("zone").fill_null(pl.col("price_usd_per_mwh"))
    ).with_columns(pl.col("time_utc").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    folder.write("price.csv", rolled.write_csv())
    after = folder.load("capacity.free=true")
    assert np.array_equal(after.price_usd_per_mwh[:, 1:], before.price_usd_per_mwh[:, :-1])
    assert np.array_equal(after.demand_per_h, before.demand_per_h)
    one, other = plan(before).totals, plan(after).totals
    assert abs(one.energy_usd - other.energy_usd) > 1e-4 * one.energy_usd


def test_a_local_stamp_is_not_taken_for_utc(tmp_path: Path) -> None:
    """Stamps with an offset are converted, stamps without one are refused."""
    folder = tiny_folder(tmp_path / "t")
    known = folder.load().price_usd_per_mwh
    text = (folder.path / "price.csv").read_text("utf-8")
    local = text
    for hour in reversed(range(24)):
        there = f"2023-06-{1 + (hour + 2) // 24:02d}T{(hour + 2) % 24:02d}:00:00+02:00"
        local = local.replace(f"2023-06-01T{hour:02d}:00:00Z", there)
    folder.write("price.csv", local)
    assert np.array_equal(folder.load().price_usd_per_mwh, known)
    folder.write("price.csv", text.replace(":00Z", ":00"))
    with pytest.raises(InputError, match="zone"):
        folder.load()


def test_local_time_of_demand_is_the_metros_own() -> None:
    """The waking hours of Chicago are six UTC hours after those of Berlin, and then some."""
    s = tiny()
    at = {m.id: n for n, m in enumerate(s.metros)}
    berlin, chicago = (s.demand_per_h[at[m], 0] for m in ("berlin", "chicago"))
    shape = berlin / berlin.max()
    assert np.roll(shape, 7) == pytest.approx(chicago / chicago.max())
    assert shape != pytest.approx(chicago / chicago.max())


def test_total_and_movable_are_both_reported() -> None:
    """What is reserved, which no move changes, does not hide the energy in the saving."""
    found = study(tiny(), samples=3)
    line, base, best = (
        found.meta["headline"],
        found.meta["totals"]["baseline"],
        found.meta["totals"]["plan"],
    )
    for t in (base, best):
        assert t["variable_usd"] == pytest.approx(t["cost_usd"] - t["reserved_usd"])
        assert t["reserved_usd"] > t["variable_usd"]
    saved = base["cost_usd"] - best["cost_usd"]
    assert line["saving_share"] == pytest.approx(saved / base["variable_usd"])
    assert line["saving_share_of_all"] == pytest.approx(saved / base["cost_usd"])
    shares = found.tables["relocatable"]
    for k in range(len(shares["class"])):
        assert shares["economic_mwh"][k] <= shares["it_mwh"][k] + 1e-12
    assert {"cost_usd", "variable_usd"} <= set(found.tables["policies"])


@pytest.mark.parametrize("section", ["metros.lagos", "nodes.virginia", "regions.oslo"])
def test_null_island_is_found(section: str) -> None:
    """Coordinates (0, 0) are a mistake in the input wherever they stand."""
    with pytest.raises(InputError, match=r"\(0, 0\)"):
        tiny(f"{section}.lat_deg=0", f"{section}.lon_deg=0")


def test_latencies_differ_and_bind() -> None:
    """The embedded world's latencies are not all alike, and budgets close places."""
    for name in examples():
        s = shipped(name)
        found = latency_ms(s)
        assert len(np.unique(found.round(3))) > len(s.regions)
        judged = build_instance(s.at_hours([0])).judged
        assert 0 < judged.allowed.mean() < judged.lawful.mean() <= 1


def test_no_two_policies_are_one() -> None:
    """Where zones change their rank, no two policies of the table have the same figures."""
    s = tiny("capacity.free=true")
    assert s.signals.marginal_g_per_kwh is not None
    dirt = s.signals.marginal_g_per_kwh.copy()
    dirt[:, ::2] = dirt[::-1, ::2]
    s = replace(s, signals=replace(s.signals, marginal_g_per_kwh=dirt))
    plans = baselines(build_instance(s))
    plans["optimum"] = plan(s)
    plans["carbon optimum"] = plan(s, objective=Objective(minimise=Minimise.CARBON))
    # With free capacity these pairs are one by definition, up to the choice of points; and over one
    # day a table for each hour of the day may be the optimum.
    cost = {name: p.totals.cost_usd for name, p in plans.items()}
    assert cost["greedy_cost"] == pytest.approx(cost["optimum"])
    kg = {name: p.totals.carbon_kg for name, p in plans.items()}
    assert kg["greedy_carbon"] == pytest.approx(kg["carbon optimum"])
    assert cost["hourly_table_cost"] == pytest.approx(cost["optimum"])
    assert kg["hourly_table_carbon"] == pytest.approx(kg["carbon optimum"])
    assert plans["nearest_available"].totals.rtt_mean_ms == plans["nearest"].totals.rtt_mean_ms
    tables = ("hourly_table_cost", "hourly_table_carbon")
    for twin in ("greedy_cost", "greedy_carbon", "nearest_available", *tables):
        plans.pop(twin)
    figures = {(round(cost[name], 6), round(kg[name], 6)) for name in plans}
    assert len(figures) == len(plans) == 8, (cost, kg)


def test_what_a_mask_closes_is_its_own() -> None:
    """Each mask, changed alone, changes what is open in its own way."""
    base = build_instance(tiny()).judged.allowed
    changed = [
        build_instance(tiny(setting)).judged.allowed
        for setting in (
            "classes.A.latency_budget_ms=180",
            "classes.A.accuracy_min=0.5",
            "classes.A.residency=null",
            "classes.A.state=pinned",
            "classes.A.points=[large-fast]",
            "regions.austin.variants=[large]",
        )
    ]
    masks = [base, *changed]
    for n, one in enumerate(masks):
        for other in masks[n + 1 :]:
            assert not np.array_equal(one, other)


def crowded(limit_ms: float) -> Scenario:
    """Oslo has room for one class only; D can go nowhere else but far, A has a second choice.

    Oslo is the cheapest, Austin costs A little more, Mumbai costs D forty times as much.
    """
    s = tiny(
        "regions.all.reserved_gpu=0",
        "regions.oslo.on_demand_usd_per_gpu_h=0",
        "regions.austin.on_demand_usd_per_gpu_h=1",
        "regions.mumbai.on_demand_usd_per_gpu_h=40",
        "network.egress.scale=0",
        "signals.carbon.scale=0",
        "points.drop=[small,large-batched]",
        "classes.A.residency=null",
        "residency.eu-stays={}",
        f"classes.A.latency_budget_ms={limit_ms}",
        "regions.oslo.on_demand_gpu=5",
        "regions.austin.on_demand_gpu=1000",
        "regions.mumbai.on_demand_gpu=1000",
    )
    demand = np.zeros_like(s.demand_per_h)
    gpu = [k.gpu_h(s.points[0]) for k in s.classes]
    demand[1, 0] = 5 / gpu[0]
    demand[2, 1] = 5 / gpu[1]
    rtt = s.network.rtt_node_region_ms.copy()
    rtt[1] = [100.0, 20.0, 5000.0]
    rtt[2] = [50.0, 4e6, 50.0]
    net = replace(s.network, rtt_node_region_ms=rtt)
    return replace(s, demand_per_h=demand, network=net)


def test_a_relaxed_limit_never_makes_the_optimum_worse() -> None:
    """Here greedy gets more expensive when the limit of A is relaxed; the optimum does not."""
    tight, loose = crowded(160.0), crowded(400.0)
    greedy = [baseline(build_instance(s), "greedy_cost") for s in (tight, loose)]
    assert [g.status for g in greedy] == [Status.HEURISTIC] * 2
    assert greedy[1].totals.cost_usd > 1.5 * greedy[0].totals.cost_usd
    best = [plan(s) for s in (tight, loose)]
    assert best[1].objective <= best[0].objective * (1 + 1e-9)
    for mine, theirs in zip(best, greedy, strict=True):
        assert mine.objective <= theirs.totals.cost_usd * (1 + 1e-9)


def prices(values: np.ndarray, zone: str = "DE") -> HoursTable:
    """A table of a day or more of prices."""
    start = datetime(2023, 1, 1, tzinfo=UTC)
    last = datetime(2023, 1, 1 + (len(values) - 1) // 24, (len(values) - 1) % 24, tzinfo=UTC)
    times = pl.datetime_range(start, last, "1h", time_unit="us", time_zone="UTC", eager=True)
    frame = pl.DataFrame({"time_utc": times, "zone": [zone] * len(times)})
    frame = frame.with_columns(price_usd_per_mwh=pl.Series(values))
    return HoursTable(source_of(frame, PRICE, "prices"))


def test_another_currency_and_another_unit_are_told() -> None:
    """Prices in cents, roubles or per kWh are found by their size."""
    day = 60.0 + 10 * np.sin(np.arange(48))
    assert [*check_hours(prices(day)), *suspicions(prices(day))] == []
    assert any("USD/kWh" in p.what for p in suspicions(prices(day / 1e3)))
    assert any("currency" in p.what for p in suspicions(prices(day * 90)))


def test_a_wrong_time_zone_is_told() -> None:
    """Times of another zone are refused with the fix, whatever their numbers are."""
    utc = prices(np.full(48, 50.0)).source.frame
    there = utc.with_columns(pl.col("time_utc").dt.convert_time_zone("Europe/Berlin"))
    naive = utc.with_columns(pl.col("time_utc").dt.replace_time_zone(None))
    for frame in (there, naive):
        found = check_hours(HoursTable(source_of(frame, PRICE, "prices")))
        assert len(found) == 1
        assert "UTC" in found[0].what
        assert "--time-zone" in found[0].fix


def test_hours_come_through_bit_for_bit() -> None:
    """Neither the reader nor a choice of hours smooths, rounds or shifts a price."""
    s = tiny()
    raw = pl.read_csv(EXAMPLES / "tiny" / "price.csv", comment_prefix="#")
    for z, zone in enumerate(s.signals.zones):
        own = raw.filter(pl.col("zone") == zone).sort("time_utc")["price_usd_per_mwh"].to_numpy()
        assert np.array_equal(s.signals.price_usd_per_mwh[z], own)
        assert np.ptp(np.diff(own)) > 0
    few = s.at_hours([3, 7])
    assert np.array_equal(few.price_usd_per_mwh, s.price_usd_per_mwh[:, [3, 7]])


def every_example() -> list[tuple[str, str | None]]:
    """Every example with every scenario that it names."""
    found: list[tuple[str, str | None]] = []
    for name in examples():
        document = YAML(typ="safe").load((example_path(name) / "scenario.yaml").read_text("utf-8"))
        found += [(name, None), *((name, inner) for inner in document.get("scenarios", {}))]
    return found


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("name", "scenario"), every_example())
def test_every_example_is_feasible(name: str, scenario: str | None) -> None:
    """What ships loads whole and has a placement, in its busiest hours as well."""
    s = wattlas.example(name, scenario=scenario)
    assert s.demand_per_h.shape == (len(s.metros), len(s.classes), s.hours.count)
    assert s.reserved_gpu.shape == (len(s.regions), s.hours.count)
    assert np.isfinite(s.price_usd_per_mwh).all()
    assert s.notice
    assert s.provenance
    busiest = np.argsort(-s.demand_per_h.sum(axis=(0, 1)))[:4]
    found = plan(s.at_hours(np.sort(busiest)))
    assert found.ok, found.conflict
    assert found.status is Status.OPTIMAL


def test_a_run_prints_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The main command says how it ended, what is saved, and where the report lies."""
    folder = tiny_folder(tmp_path / "t")
    out = tmp_path / "results"
    assert run(["study", str(folder.path), "--out", str(out), "--samples", "3"]) == 0
    told = capsys.readouterr().out
    for word in ("optimal", "saved", "oslo", "kg", "USD", "report.html"):
        assert word in told
    assert (out / "report.html").stat().st_size > 10_000
