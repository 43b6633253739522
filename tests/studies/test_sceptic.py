"""Every table of a study is what its flows say, over the regression fleets.

What is stated is compared with `tests.sceptic`, which sums the flows up with formulas of its own;
numerator, denominator and baseline of each share are named here. Curves are in
`test_sceptic_curves.py`, tiers in `test_sceptic_tiers.py`, fleets in `test_sceptic_fleet.py`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from tests.fleets import StudiedFleet
from tests.sceptic import Sceptic, entries, km
from tests.studied import LEFT_OUT
from wattlas.model.plan import Flows, Totals
from wattlas.studies import registry

HERE = {
    "policies", "flows", "baseline_flows", "hourly", "places", "relocatable", "layers",
    "relocation", "candidates", "breakeven", "benefit",
}  # fmt: skip
SENTENCES = {"changes", "regions"}
CURVES = {"frontier", "abatement", "duration", "merit"}
TIERS = {
    "tier_verdicts", "tier_fallbacks", "tier_grid", "tier_menu", "tier_pareto", "tier_segments",
    "tier_sensitivity", "tier_shares", "tier_split", "tier_targets", "tier_utility",
}  # fmt: skip
FLEET = {"fleets", "fleet_regions", "fleet_reach", "fleet_day"}
REGIONAL_MS = 30.0
CLOSE = {"rel": 1e-7, "abs": 1e-9}


def close(expected: Any, scale: float = 1.0) -> Any:
    """Equal but for rounding, and for what a solver leaves of `scale`."""
    return pytest.approx(expected, rel=1e-7, abs=1e-9 * max(abs(scale), 1e-300), nan_ok=True)


def flows_of(fleet: StudiedFleet, which: str) -> Flows:
    """The flows of the plan or of the baseline."""
    placed = {"plan": fleet.study.plan, "baseline": fleet.study.baseline}[which]
    assert placed.flows is not None
    return placed.flows


def test_every_table_is_recomputed_somewhere() -> None:
    """A table that is registered and in no list here has nobody who doubts it."""
    assert set(registry.tables()) == HERE | SENTENCES | CURVES | TIERS | FLEET | LEFT_OUT


# -- totals and the headline ------------------------------------------------------------------


@pytest.mark.parametrize("which", ["plan", "baseline"])
def test_totals_are_sums_of_the_flows(fleet: StudiedFleet, which: str) -> None:
    """Every total of the plan and the baseline, each kind of cost by itself."""
    own = fleet.sceptic.account(flows_of(fleet, which))
    stated = fleet.study.meta["totals"][which]
    assert {field.name for field in fields(Totals)} <= set(stated)
    for name, value in own.items():
        assert stated[name] == close(value, own["cost_usd"]), name
    assert stated["accelerator_usd"] == close(own["reserved_usd"] + own["on_demand_usd"])
    assert stated["late_requests"] == 0.0
    assert stated["carbon_marginal_kg"] is None


@pytest.mark.parametrize("which", ["plan", "baseline"])
def test_all_demand_is_served_or_priced(fleet: StudiedFleet, which: str) -> None:
    """Flows add up to demand, run where they may, and use no more accelerators than there are."""
    sceptic = fleet.sceptic
    served, lost = sceptic.dense(flows_of(fleet, which))
    assert served.sum(axis=(2, 3)) + lost == close(sceptic.demand, sceptic.demand.max())
    assert not (served.max(axis=4) * ~sceptic.open).any()
    unpriced = [k for k, usd in enumerate(sceptic.shed_usd) if usd is None]
    assert lost[:, unpriced].sum() == 0.0
    used = np.einsum("ikrot,ko->rt", served, sceptic.gpu)
    assert (used <= sceptic.most * (1 + 1e-9)).all()


def test_the_headline_compares_the_same_kinds_of_cost(fleet: StudiedFleet) -> None:
    """Each saving is baseline minus plan of one kind; each share is over the baseline's own kind.

    A share of what is not above zero says nothing and is not stated.
    """
    plan, base = (fleet.sceptic.account(flows_of(fleet, which)) for which in ("plan", "baseline"))
    line = fleet.study.meta["headline"]
    kinds = {  # saving: its kind of total; share of the saving: the baseline's total it is of
        "saving_usd": (
            "cost_usd", {"saving_share": "variable_usd", "saving_share_of_all": "cost_usd"},
        ),
        "saving_energy_usd": ("energy_usd", {"saving_energy_share": "energy_usd"}),
        "saving_kg": ("carbon_kg", {"saving_carbon_share": "carbon_kg"}),
    }  # fmt: skip
    assert set(line) >= {*kinds, *(share for _, of in kinds.values() for share in of)}
    for saving, (kind, shares) in kinds.items():
        saved = base[kind] - plan[kind]
        assert line[saving] == close(saved, base["cost_usd"]), saving
        for share, of in shares.items():
            if base[of] > 0:
                assert line[share] == close(saved / base[of]), share
            else:
                assert line[share] is None, share
    assert base["reserved_usd"] == plan["reserved_usd"]
    assert line["saving_usd"] == close(
        base["variable_usd"] - plan["variable_usd"], base["cost_usd"]
    )


def test_shares_of_a_saving_are_possible(fleet: StudiedFleet) -> None:
    """Least cost saves money, never less than nothing; no more than all where nothing earns."""
    line, base = fleet.study.meta["headline"], fleet.study.meta["totals"]["baseline"]
    assert line["saving_usd"] >= -1e-9 * abs(base["cost_usd"])
    if (fleet.sceptic.price >= 0).all():
        assert -1e-9 <= line["saving_share_of_all"] <= line["saving_share"] <= 1.0
        assert line["saving_carbon_share"] <= 1.0


# -- the optimum and the policies --------------------------------------------------------------


def test_the_plan_is_the_least_cost(fleet: StudiedFleet) -> None:
    """Its variable cost is the optimum of a program of our own."""
    own = fleet.sceptic.least_usd()
    assert fleet.study.meta["totals"]["plan"]["variable_usd"] == pytest.approx(own, rel=1e-7)


def test_the_baseline_is_everyone_at_the_baseline_region(fleet: StudiedFleet) -> None:
    """Where that fits; else the least round trip that capacity allows, cost breaking ties."""
    sceptic, base = fleet.sceptic, fleet.study.meta["totals"]["baseline"]
    policy = fleet.study.meta["baseline"]["policy"]
    near = sceptic.by_rule(sceptic.baseline_region)
    fits = _fits(sceptic, near)
    assert policy == ("nearest" if fits else "nearest_available")
    rule = near if fits else sceptic.nearest_with_capacity().flows
    own = sceptic.account(rule)
    for name in ("variable_usd", "rtt_mean_ms", "it_mwh", "unserved_requests"):
        assert base[name] == pytest.approx(own[name], rel=1e-6), name


def _fits(sceptic: Sceptic, flows: dict[Any, float]) -> bool:
    served, lost = sceptic.dense(flows)
    used = np.einsum("ikrot,ko->rt", served, sceptic.gpu)
    kept = all(lost[:, k].sum() == 0 or usd is not None for k, usd in enumerate(sceptic.shed_usd))
    return kept and bool((used <= sceptic.most * (1 + 1e-9)).all())


def test_policies(fleet: StudiedFleet) -> None:
    """Each policy's parts add up; those that are rules are recomputed; none beats the optimum."""
    sceptic = fleet.sceptic
    table = {row["policy"]: row for row in fleet.rows("policies")}
    least_usd, least_kg = sceptic.least_usd(), sceptic.account(sceptic.least_kg().flows)
    gamma = fleet.scenario.objective.carbon_price_usd_per_t
    for name, row in table.items():
        assert bool(row["reason"]) != row["feasible"], name
        if math.isnan(row["cost_usd"]):
            continue
        assert row["cost_usd"] == close(row["variable_usd"] + sceptic.reserved_usd), name
        known = row["energy_usd"] + row["egress_usd"] + row["on_demand_usd"]
        unserved = row["variable_usd"] - known - gamma * row["carbon_kg"] / 1e3
        assert unserved >= -1e-7 * abs(row["variable_usd"]), name
        if all(usd is None for usd in sceptic.shed_usd):
            assert unserved == pytest.approx(0.0, abs=1e-7 * max(abs(known), 1.0)), name
        if row["feasible"]:
            assert row["variable_usd"] >= least_usd - 1e-7 * abs(least_usd), name
    assert table["optimum"]["variable_usd"] == pytest.approx(least_usd, rel=1e-7)
    assert table["carbon_optimum"]["carbon_kg"] == pytest.approx(least_kg["carbon_kg"], rel=1e-7)
    _same(table["nearest"], sceptic, sceptic.by_rule(sceptic.baseline_region))
    near = sceptic.nearest_with_capacity()
    assert table["nearest_available"]["variable_usd"] == pytest.approx(near.value, rel=1e-6)
    _same(table["uniform"], sceptic, _uniform(sceptic))
    for name, of in (("best_region_cost", "variable_usd"), ("best_region_carbon", "carbon_kg")):
        everywhere = [sceptic.by_rule(_all_in(sceptic, r)) for r in sceptic.r]
        _same(table[name], sceptic, min(everywhere, key=lambda f: sceptic.account(f)[of]))


def test_fixed_tables(fleet: StudiedFleet) -> None:
    """The best table of shares, for all hours and by hour of the day, and what each policy keeps.

    The share of the saving is (baseline − policy) over (baseline − plan), all variable cost.
    """
    sceptic, s = fleet.sceptic, fleet.scenario
    table = {row["policy"]: row for row in fleet.rows("policies")}
    hour = [int(str(time)[11:13]) for time in s.hours.utc]
    for name, groups in (("static_cost", [0] * len(hour)), ("hourly_table_cost", hour)):
        own, row = sceptic.least_fixed_usd(groups), table[name]
        assert row["feasible"] == (not math.isnan(own)), name
        if row["feasible"]:
            assert row["variable_usd"] == pytest.approx(own, rel=1e-6), name
    base = fleet.study.meta["totals"]["baseline"]["variable_usd"]
    saved = base - table["optimum"]["variable_usd"]
    for name, row in table.items():
        share = row["share_of_saving"]
        if share is None or math.isnan(share):
            continue
        assert share == pytest.approx((base - row["variable_usd"]) / saved, rel=1e-6, abs=1e-9), (
            name
        )
        assert share <= 1 + 1e-6, name


def _same(row: dict[str, Any], sceptic: Sceptic, flows: dict[Any, float]) -> None:
    own = sceptic.account(flows)
    for name in ("variable_usd", "energy_usd", "egress_usd", "on_demand_usd", "carbon_kg", "it_mwh",
                 "rtt_mean_ms", "carbon_average_kg", "reserved_usd", "cost_usd"):  # fmt: skip
        assert row[name] == close(own[name], own["cost_usd"]), (row["policy"], name)
    assert row["feasible"] == _fits(sceptic, flows), row["policy"]


def _all_in(sceptic: Sceptic, r: int) -> np.ndarray:
    return np.where(sceptic.open[:, :, r].any(axis=2), r, sceptic.baseline_region)


def _uniform(sceptic: Sceptic) -> dict[Any, float]:
    """Equal shares over the regions that are open, each at its cheapest point."""
    able = sceptic.open.any(axis=3)
    flows: dict[Any, float] = defaultdict(float)
    for r in sceptic.r:
        region = np.where(able[:, :, r], r, np.where(able.any(axis=2), -2, -1))
        for (i, k, to, o, t), rate in sceptic.by_rule(np.where(region == -2, r, region)).items():
            if to >= 0 and able[i, k, r]:
                flows[i, k, to, o, t] += rate / able[i, k].sum()
            elif to < 0:
                flows[i, k, -1, -1, t] = rate
    return flows


# -- where requests go -----------------------------------------------------------------------


@pytest.mark.parametrize(("table", "which"), [("flows", "plan"), ("baseline_flows", "baseline")])
def test_flow_sums(fleet: StudiedFleet, table: str, which: str) -> None:
    """What is served where, and what that costs and emits."""
    sceptic, s = fleet.sceptic, fleet.scenario
    sums: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for i, k, r, o, t, rate in entries(flows_of(fleet, which)):
        to = ("unserved", "") if r < 0 else (s.regions[r].id, s.points[o].id)
        row = sums[s.metros[i].id, s.classes[k].id, *to]
        requests = rate * sceptic.span[t]
        row["requests"] += requests
        if r >= 0:
            kwh = requests * sceptic.kwh[k, o]
            row["it_mwh"] += kwh / 1e3
            row["facility_mwh"] += sceptic.pue[r] * kwh / 1e3
            row["energy_usd"] += sceptic.pue[r] * kwh * sceptic.price[r, t] / 1e3
            row["carbon_kg"] += sceptic.pue[r] * kwh * sceptic.grams[r, t] / 1e3
            row["rtt_ms"] = sceptic.reach[i] + sceptic.rtt[i, r]
    axes = ("metro", "class", "region", "point")
    stated = {tuple(row[axis] for axis in axes): row for row in fleet.rows(table)}
    assert set(stated) == set(sums)
    for at, row in sums.items():
        for name, value in row.items():
            assert stated[at][name] == close(value), (at, name)


def test_hourly(fleet: StudiedFleet) -> None:
    """Load by region and hour, beside the signals that they met there."""
    sceptic, s = fleet.sceptic, fleet.scenario
    plan, base = (sceptic.dense(flows_of(fleet, which))[0] for which in ("plan", "baseline"))
    kwh = np.einsum("ikrot,ko->rt", plan, sceptic.kwh)
    gpu = np.einsum("ikrot,ko->rt", plan, sceptic.gpu)
    grids = {
        "requests": plan.sum(axis=(0, 1, 3)) * sceptic.span,
        "it_mw": kwh / 1e3,
        "facility_mw": sceptic.pue[:, None] * kwh / 1e3,
        "gpu": gpu,
        "capacity_gpu": np.where(np.isfinite(sceptic.most), sceptic.most, np.nan),
        "price_usd_per_mwh": sceptic.price,
        "deciding_g_per_kwh": sceptic.grams,
        "baseline_it_mw": np.einsum("ikrot,ko->rt", base, sceptic.kwh) / 1e3,
    }
    stated = fleet.study.tables["hourly"]
    assert list(stated["region"]) == [x.id for x in s.regions] * len(sceptic.t)
    for name, grid in grids.items():
        column = np.asarray(stated[name], dtype=float).reshape(len(sceptic.t), -1).T
        assert column == close(grid, np.nanmax(np.abs(grid), initial=1.0)), name


def test_capacity_prices(fleet: StudiedFleet) -> None:
    """One more accelerator is worth nothing where there is room, and what it saves elsewhere."""
    sceptic = fleet.sceptic
    stated = fleet.study.tables["hourly"]
    shape = (len(sceptic.t), len(sceptic.r))
    price = np.asarray(stated["capacity_price_usd_per_gpu_h"], dtype=float).reshape(shape).T
    gpu = np.asarray(stated["gpu"], dtype=float).reshape(shape).T
    full = gpu >= np.where(sceptic.only_hourly[:, None], sceptic.most, sceptic.reserved) * (
        1 - 1e-9
    )
    assert (price >= -1e-9).all()
    assert price[~full] == pytest.approx(0.0, abs=1e-7)
    if not (price > 1e-6).any():
        return
    r, t = np.unravel_index(int(price.argmax()), price.shape)
    step = 1e-3 * sceptic.most[r, t]
    least = {}
    for sign in (-1, 0, 1):
        more = Sceptic(fleet.scenario)
        if sceptic.only_hourly[r]:
            more.__dict__["only_hourly"] = sceptic.only_hourly
            more.__dict__["most"] = sceptic.most.copy()
            more.most[r, t] += sign * step
        else:
            more.reserved = sceptic.reserved.copy()
            more.reserved[r, t] += sign * step
        least[sign] = more.least_usd()
    worth = [(least[-1] - least[0]) / step, (least[0] - least[1]) / step]
    assert worth[1] - 1e-5 <= price[r, t] * sceptic.span[t] <= worth[0] + 1e-5


def test_places(fleet: StudiedFleet) -> None:
    """Every metro, node and region, where it is."""
    s = fleet.scenario
    things = [*(("metro", x) for x in s.metros), *(("node", x) for x in s.nodes),
              *(("region", x) for x in s.regions)]  # fmt: skip
    stated = {(row["kind"], row["id"]): row for row in fleet.rows("places")}
    assert set(stated) == {(kind, x.id) for kind, x in things}
    for kind, x in things:
        row = stated[kind, x.id]
        assert (row["lat_deg"], row["lon_deg"]) == (x.lat_deg, x.lon_deg)
        assert row["jurisdiction"] == x.jurisdiction


# -- what moves ------------------------------------------------------------------------------


def test_relocatable_demand(fleet: StudiedFleet) -> None:
    """Energy of each class that could run elsewhere and that does, over all energy of the class."""
    sceptic = fleet.sceptic
    total, technical, economic = np.zeros((3, len(sceptic.k)))
    for i, k, r, o, t, rate in entries(flows_of(fleet, "plan")):
        if r < 0:
            continue
        mwh = rate * sceptic.span[t] * sceptic.kwh[k, o] / 1e3
        elsewhere = [
            x
            for x in sceptic.r
            if x != sceptic.baseline_region[i, k] and sceptic.open[i, k, x].any()
        ]
        total[k] += mwh
        technical[k] += mwh if elsewhere else 0.0
        economic[k] += mwh if r != sceptic.baseline_region[i, k] else 0.0
    for k, row in enumerate(fleet.rows("relocatable")):
        assert row["it_mwh"] == close(total[k])
        assert row["technical_mwh"] == close(technical[k])
        assert row["economic_mwh"] == close(economic[k])
        for share, part in (("technical_share", technical), ("economic_share", economic)):
            assert row[share] == close(part[k] / total[k])
            assert 0.0 <= row[share] <= 1.0 + 1e-12
        assert row["economic_mwh"] <= row["technical_mwh"] * (1 + 1e-9)


def test_layers(fleet: StudiedFleet) -> None:
    """Energy of each class by how far from its baseline region it ran; shares add up to one."""
    sceptic, s = fleet.sceptic, fleet.scenario
    own: dict[tuple[str, str], float] = defaultdict(float)
    for i, k, r, o, t, rate in entries(flows_of(fleet, "plan")):
        base = sceptic.baseline_region[i, k]
        if r < 0:
            continue
        beyond = sceptic.rtt[i, r] - sceptic.rtt[i, base]
        far = "regional" if beyond <= REGIONAL_MS else "energy-oriented"
        layer = "local" if r == base else far
        own[s.classes[k].id, layer] += rate * sceptic.span[t] * sceptic.kwh[k, o] / 1e3
    shares: dict[str, float] = defaultdict(float)
    for row in fleet.rows("layers"):
        mwh = own.pop((row["class"], row["layer"]), 0.0)
        assert row["it_mwh"] == close(mwh, 1e-3), row
        shares[row["class"]] += row["share"]
    assert not own
    assert all(total == pytest.approx(1.0) for total in shares.values())


def test_relocation(fleet: StudiedFleet) -> None:
    """Energy by the zone of the baseline region and the zone where it ran, where they differ."""
    sceptic, s = fleet.sceptic, fleet.scenario
    zone = [x.zone for x in s.regions]
    mwh: dict[tuple[str, str], float] = defaultdict(float)
    weighed: dict[tuple[str, str], float] = defaultdict(float)
    mw: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(len(sceptic.t)))
    for i, k, r, o, t, rate in entries(flows_of(fleet, "plan")):
        base = int(sceptic.baseline_region[i, k])
        if r < 0 or zone[r] == zone[base]:
            continue
        pair = (zone[base], zone[r])
        energy = rate * sceptic.span[t] * sceptic.kwh[k, o] / 1e3
        mwh[pair] += energy
        weighed[pair] += energy * km(s.regions[base], s.regions[r])
        mw[pair][t] += rate * sceptic.kwh[k, o] / 1e3
    stated = {(row["from_zone"], row["to_zone"]): row for row in fleet.rows("relocation")}
    assert set(stated) == set(mwh)
    for pair, row in stated.items():
        loss = 0.03 * weighed[pair] / mwh[pair] / 1e3
        assert row["it_mwh"] == close(mwh[pair])
        assert row["mean_mw"] == close(mwh[pair] / sceptic.span.sum())
        assert row["distance_km"] == pytest.approx(weighed[pair] / mwh[pair], rel=1e-5, abs=1e-9)
        assert row["line_loss_share"] == pytest.approx(loss, rel=1e-5, abs=1e-12)
        assert row["line_mw"] == pytest.approx(mw[pair].max() / (1 - loss), rel=1e-5)
        assert row["line_loss_mwh"] == pytest.approx(
            mwh[pair] * loss / (1 - loss), rel=1e-5, abs=1e-9
        )


def test_candidates(fleet: StudiedFleet) -> None:
    """Each region for each metro and class: its means over the demand, and what closes it."""
    sceptic, s = fleet.sceptic, fleet.scenario
    weight = sceptic.demand * sceptic.span
    weight = weight / np.maximum(weight.sum(axis=2, keepdims=True), 1e-300)
    usd = np.einsum("ikrot,ikt->ikro", sceptic.usd(), weight)
    kg = np.einsum("ikrot,ikt->ikro", sceptic.kg, weight)
    served, _ = sceptic.dense(flows_of(fleet, "plan"))
    requests = (served * sceptic.span).sum(axis=(3, 4))
    asked = (sceptic.demand * sceptic.span).sum(axis=2)
    ids = [[x.id for x in things] for things in (s.metros, s.classes, s.regions, s.points)]
    seen = set()
    for row in fleet.rows("candidates"):
        i, k, r, o = (
            names.index(row[key])
            for names, key in zip(ids, ("metro", "class", "region", "point"), strict=True)
        )
        seen.add((i, k, r))
        assert row["latency_ms"] == close(sceptic.latency[i, k, r, o])
        assert row["budget_ms"] == s.classes[k].latency_budget_ms
        assert row["cost_usd_per_million"] == close(usd[i, k, r, o] * 1e6)
        assert row["carbon_g_per_request"] == close(kg[i, k, r, o] * 1e3)
        assert row["chosen_share"] == close(requests[i, k, r] / asked[i, k])
        assert bool(row["reason"]) != bool(sceptic.open[i, k, r, o])
        if sceptic.open[i, k, r].any():
            assert usd[i, k, r, o] == close(usd[i, k, r][sceptic.open[i, k, r]].min())
        else:
            assert len(row["reason"].split(", ")) == len(sceptic.reasons[i, k, r, o])
    assert seen == {(i, k, r) for i, k in np.argwhere(asked > 0) for r in sceptic.r}


# -- break-evens -----------------------------------------------------------------------------


def test_break_evens(fleet: StudiedFleet) -> None:
    """At its break-even value each move gains nothing, at a point that the plan runs."""
    s = fleet.scenario
    used: dict[str, set[int]] = defaultdict(set)
    for _, k, r, o, _, _ in entries(flows_of(fleet, "plan")):
        if r >= 0:
            used[s.classes[k].id].add(o)
    moves: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in fleet.rows("breakeven"):
        moves[row["class"], row["from_region"], row["to_region"]].append(row)
    for (klass, origin, target), found in moves.items():
        k = [c.id for c in s.classes].index(klass)
        h, r = ([x.id for x in s.regions].index(name) for name in (origin, target))
        block = _movers(fleet, k, h, r)
        metros = [s.metros[i].id for i in np.flatnonzero(block)]
        assert {row["demand_of"] for row in found} == {", ".join(metros)}
        wrong = [
            [
                row["quantity"]
                for row in found
                if not _breaks_even(fleet.sceptic, k, h, r, o, row, block)
            ]
            for o in used[klass]
        ]
        assert [] in wrong, (klass, origin, target, wrong)


def _movers(fleet: StudiedFleet, k: int, h: int, r: int) -> np.ndarray:
    """The metros that have fewer requests of a class in h than the baseline in some hour, and more
    in r in the same: those whose demand moves, (I,)."""
    before, after = (
        fleet.sceptic.dense(flows_of(fleet, which))[0].sum(axis=3)[:, k]
        for which in ("baseline", "plan")
    )
    tiny = 1e-9 * fleet.sceptic.demand[:, k]
    return np.asarray(((before - after)[:, h] > tiny) & ((after - before)[:, r] > tiny)).any(axis=1)


def _breaks_even(
    sceptic: Sceptic, k: int, h: int, r: int, o: int, row: dict[str, Any], block: np.ndarray
) -> bool:
    """Whether the gain of moving all demand of the class and metros from h to r is nothing at it.

    Nothing is paid once in these fleets, so that stay, volume and state have no root.
    """
    quantity, value = row["quantity"], row["value"]
    if row["unit"] is None or quantity in ("stay_h", "volume_requests", "state_bytes"):
        return True
    n = sceptic.demand[:, k] * sceptic.span * block[:, None]
    shift = gamma = 0.0
    gb = sceptic.gb[k]
    if value is None or math.isnan(value):
        return row["verdict"] in ("never", "always")
    if quantity == "payload_bytes":
        gb = value / 1e9
    elif quantity == "carbon_price_usd_per_t":
        gamma = value
    elif quantity == "price_gap_usd_per_mwh":
        gap = (n.sum(axis=0) @ (sceptic.price[h] - sceptic.price[r])) / n.sum()
        shift = value - gap
    else:
        return False
    paid = np.where(sceptic.only_hourly, sceptic.hourly_usd, 0.0)

    def cost(at: int, more: float) -> np.ndarray:
        per_kwh = sceptic.pue[at] * (
            (sceptic.price[at] + more) / 1e3 + gamma * sceptic.grams[at] / 1e6
        )
        egress = gb * sceptic.usd_per_gb[:, at]
        return sceptic.kwh[k, o] * per_kwh + paid[at] * sceptic.gpu[k, o] + egress[:, None]

    here, there = float((n * cost(h, shift)).sum()), float((n * cost(r, 0.0)).sum())
    return abs(here - there) <= 1e-6 * max(abs(here), abs(there), 1e-12)
