"""Every curve of a study is what a program of our own gives, over the regression fleets.

Frontiers, the price of less carbon, duration curves, merit orders, and what each limit costs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.fleets import StudiedFleet
from tests.sceptic import Sceptic, entries
from tests.studies.test_sceptic import close, flows_of

WEIGHTED_USD_PER_T = 100.0
"""Carbon price of the weighted frontier where the scenario has none of its own."""
MASKS = {"latency", "residency", "state", "variants"}
"""Limits without which there is more to choose from, and nothing has another price."""


# -- the frontier ----------------------------------------------------------------------------


def _open_at(sceptic: Sceptic, variant: str, x: float) -> np.ndarray:
    """Places that a budget opens, (I, K, R, O); all that is lawful where it is on the mean."""
    mask = sceptic.open.copy()
    for k, klass in enumerate(sceptic.s.classes):
        latency = np.where(sceptic.lawful[:, k], sceptic.latency[:, k], np.inf)
        if variant == "scale" and klass.relaxable:
            mask[:, k] = latency <= x * klass.latency_budget_ms * (1 + 1e-9)
        elif variant == "added_ms" and klass.relaxable:
            least = latency.min(axis=2)
            there = least[np.arange(len(least)), np.maximum(sceptic.baseline_region[:, k], 0)]
            base = np.where(sceptic.baseline_region[:, k] >= 0, there, least.min(axis=1))
            mask[:, k] = latency <= (base[:, None, None] + x) * (1 + 1e-9)
        elif variant == f"class:{klass.id}":
            mask[:, k] = latency <= x * (1 + 1e-9)
        elif variant == "soft" and klass.relaxable:
            mask[:, k] = np.isfinite(latency)
    return mask


def _least(sceptic: Sceptic, variant: str, objective: str, x: float) -> tuple[float, float]:
    """(what is minimised in USD or t, requests unserved) at a budget."""
    open_to = _open_at(sceptic, variant, x)
    rows = _slower_than(sceptic, open_to, x) if variant == "soft" else []
    if objective == "carbon":
        own = sceptic.account(sceptic.least_kg(open_to).flows)
        return own["carbon_kg"] / 1e3, own["unserved_requests"]
    gamma = sceptic.s.objective.carbon_price_usd_per_t or WEIGHTED_USD_PER_T
    usd = sceptic.usd(0.0 if objective == "cost" else gamma)
    least = sceptic.least(usd, open_to=open_to, rows=rows)
    return least.value, sceptic.account(least.flows)["unserved_requests"]


def _slower_than(sceptic: Sceptic, open_to: np.ndarray, x: float) -> list[tuple[np.ndarray, float]]:
    """Σ (ℓ − τ)·x ≤ 0 over the relaxable classes; unserved requests as at their slowest place.

    With Σ x = d − n that is Σ (ℓ − slowest)·x ≤ Σ (τ − slowest)·d.
    """
    assert all(klass.relaxable for klass in sceptic.s.classes)
    latency = np.where(open_to, sceptic.latency, 0.0)
    slowest = latency.max(axis=(2, 3), keepdims=True)
    over = np.broadcast_to((latency - slowest)[..., None], sceptic.s.shape)
    volume = (sceptic.demand * sceptic.span).sum(axis=2)
    return [(over, float(((x - slowest[:, :, 0, 0]) * volume).sum() + 1e-9 * x * volume.sum()))]


def curves(fleet: StudiedFleet) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The points of each frontier that have a value, by variant and objective."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in fleet.rows("frontier"):
        if not math.isnan(row["cost_usd"]):
            found[row["variant"], row["objective"]].append(row)
    return found


def test_each_point_of_a_frontier_is_an_optimum(fleet: StudiedFleet) -> None:
    """What is plotted at a budget is the least that a program of our own finds there."""
    sceptic = fleet.sceptic
    requests = float((sceptic.demand * sceptic.span).sum())
    for (variant, objective), points in curves(fleet).items():
        for row in points:
            value, unserved = _least(sceptic, variant, objective, row["x"])
            what = (variant, objective, row["x"])
            assert row["value"] == pytest.approx(value, rel=1e-6, abs=1e-9), what
            assert row["unserved_share"] == pytest.approx(unserved / requests, abs=1e-6), what
            assert row["value_unit"] == ("t" if objective == "carbon" else "USD")
            assert row["cost_usd"] == close(row["variable_usd"] + sceptic.reserved_usd)
            if objective == "cost":
                assert row["value"] == close(row["variable_usd"], row["cost_usd"])


def test_a_frontier_never_rises_in_what_it_plots(fleet: StudiedFleet) -> None:
    """More milliseconds never make the least cost, or the least carbon, larger."""
    found = curves(fleet)
    assert {("scale", "cost"), ("scale", "carbon"), ("scale", "weighted")} <= set(found)
    for what, points in found.items():
        x, value = (np.array([row[name] for row in points]) for name in ("x", "value"))
        assert (np.diff(x) > 0).all(), what
        assert (np.diff(value) <= 1e-8 * np.abs(value).max()).all(), what
        unserved = np.array([row["unserved_share"] for row in points])
        if what[1] == "carbon":  # it starts where the least goes unserved
            assert unserved == pytest.approx(unserved[-1], abs=1e-9), what


def test_the_users_budget_is_where_the_user_is(fleet: StudiedFleet) -> None:
    """The marked point is the last one within the user's budget, and its value is the plan's."""
    for (variant, objective), points in curves(fleet).items():
        marked = [row for row in points if row["is_users_budget"]]
        users = points[0]["users_x"]
        if math.isnan(users):
            assert not marked
            continue
        within = [row for row in points if row["x"] <= users * (1 + 1e-9)]
        assert marked == within[-1:], (variant, objective)
        if marked and objective == "cost" and variant != "added_ms":
            plan = fleet.study.meta["totals"]["plan"]["variable_usd"]
            gamma = fleet.scenario.objective.carbon_price_usd_per_t
            assert gamma == 0.0
            assert marked[0]["value"] == pytest.approx(plan, rel=1e-7)


def test_returns_on_latency(fleet: StudiedFleet) -> None:
    """Each step's saving over its milliseconds; none where a factor is no millisecond."""
    for (variant, _), points in curves(fleet).items():
        for before, row in pairwise(points):
            for quantity, name in (
                ("cost_usd", "return_usd_per_ms"),
                ("carbon_kg", "return_kg_per_ms"),
            ):
                if variant == "scale":
                    assert math.isnan(row[name])
                    continue
                slope = (before[quantity] - row[quantity]) / (row["x"] - before["x"])
                assert row[name] == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_the_dual_is_what_one_more_millisecond_saves(fleet: StudiedFleet) -> None:
    """To the right of each point of the soft frontier, by a program a little further on.

    The step is small: the curve is convex, and its vertices may lie close together.
    """
    points = curves(fleet).get(("soft", "cost"), [])
    assert points
    for row in points:
        step = 1e-6 * max(row["x"], 1.0)
        here, there = (_least(fleet.sceptic, "soft", "cost", row["x"] + d)[0] for d in (0.0, step))
        scale = max(abs(here) / max(row["x"], 1.0), 1e-9)
        assert row["dual_usd_per_ms"] == pytest.approx(
            (here - there) / step, rel=1e-3, abs=1e-4 * scale
        )


# -- money against carbon ----------------------------------------------------------------------


def test_abatement_costs_are_thresholds(fleet: StudiedFleet) -> None:
    """From its carbon price on a row is the cheapest, and below it another one is."""
    sceptic = fleet.sceptic
    reserved = sceptic.reserved_usd
    points = fleet.rows("abatement")
    assert points[0]["abatement_usd_per_t"] == 0.0
    for before, row in zip([None, *points], points, strict=False):
        price, kg, usd = row["abatement_usd_per_t"], row["carbon_kg"], row["cost_usd"] - reserved
        least = sceptic.least_usd(gamma=price)
        tolerance = 1e-6 * max(abs(usd), abs(price * kg / 1e3), 1e-9)
        assert usd + price * kg / 1e3 == pytest.approx(least, abs=tolerance), row
        if before is not None and price > 0:
            lower = price * (1 - 1e-3)
            costlier = usd + lower * kg / 1e3 - sceptic.least_usd(gamma=lower)
            gained = (before["carbon_kg"] - kg) / 1e3 * price * 1e-3
            assert costlier > 0, row
            assert gained > 0, row


def test_the_price_of_less_carbon_rises(fleet: StudiedFleet) -> None:
    """Row by row less carbon for more money, at a price per tonne that rises."""
    points = fleet.rows("abatement")
    for before, row in pairwise(points):
        assert row["carbon_kg"] < before["carbon_kg"]
        assert row["cost_usd"] > before["cost_usd"]
        assert row["abatement_usd_per_t"] >= before["abatement_usd_per_t"]


# -- duration and merit ------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["plan", "baseline"])
def test_duration_curves(fleet: StudiedFleet, which: str) -> None:
    """At each share so much of the energy met more than the value, and no more at least it."""
    sceptic = fleet.sceptic
    served, _ = sceptic.dense(flows_of(fleet, which))
    kwh = np.einsum("ikrot,ko->rt", served, sceptic.kwh) * sceptic.span * sceptic.pue[:, None]
    points = [row for row in fleet.rows("duration") if row["policy"] == which]
    for quantity, met in (("price", sceptic.price), ("carbon", sceptic.grams)):
        curve = [row for row in points if row["quantity"] == quantity]
        assert curve[0]["share_of_energy"] == 0.0
        assert curve[-1]["share_of_energy"] == 1.0
        assert curve[0]["value"] == met[kwh > 0].max()
        assert curve[-1]["value"] == met[kwh > 0].min()
        for row in curve:
            above, least = kwh[met > row["value"]].sum(), kwh[met >= row["value"]].sum()
            assert above / kwh.sum() <= row["share_of_energy"] + 1e-9
            assert row["share_of_energy"] <= least / kwh.sum() + 1e-9


def test_merit_orders(fleet: StudiedFleet) -> None:
    """All that decides, per MWh of what ran in the hour, cheapest first; parts add up."""
    sceptic, s = fleet.sceptic, fleet.scenario
    served, _ = sceptic.dense(flows_of(fleet, "plan"))
    stamps = {str(np.datetime64(time, "s")): t for t, time in enumerate(s.hours.utc)}
    by_hour: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in fleet.rows("merit"):
        by_hour[stamps[str(np.datetime64(row["hour"], "s"))]].append(row)
    for t, order in by_hour.items():
        x = served[..., t]
        kwh = np.einsum("ikro,ko->r", x, sceptic.kwh)
        assert [row["rank"] for row in order] == list(range(1, len(sceptic.r) + 1))
        cost = np.array([row["cost_usd_per_it_mwh"] for row in order])
        known = cost[np.isfinite(cost)]
        assert (np.diff(known) >= 0).all()
        for row in order:
            r = [region.id for region in s.regions].index(row["region"])
            assert row["used_mw"] == close(kwh[r] / 1e3)
            assert row["demand_mw"] == close(kwh.sum() / 1e3)
            # What was served anywhere in the hour and may run here.
            here = x.sum(axis=2) * sceptic.open[:, :, r]
            energy = np.einsum("iko,ko->", here, sceptic.kwh)
            if not energy:
                continue
            paid = sceptic.hourly_usd[r] if sceptic.only_hourly[r] else 0.0
            gpu = np.einsum("iko,ko->", x[:, :, r], sceptic.gpu)
            # Where what is reserved is in use, the next accelerator is on demand.
            full = not sceptic.only_hourly[r] and gpu >= sceptic.reserved[r, t] * (1 - 1e-9)
            on_top = sceptic.hourly_usd[r] * gpu / kwh[r] * 1e3 if full else 0.0
            parts = {
                "energy": sceptic.pue[r] * sceptic.price[r, t],
                "accelerator": paid * np.einsum("iko,ko->", here, sceptic.gpu) / energy * 1e3
                + on_top,
                "egress": np.einsum("iko,k,i->", here, sceptic.gb, sceptic.usd_per_gb[:, r])
                / energy * 1e3,
                "carbon": s.objective.carbon_price_usd_per_t * sceptic.pue[r]
                * sceptic.grams[r, t] / 1e3,
            }  # fmt: skip
            for name, usd in parts.items():
                assert row[f"{name}_usd_per_it_mwh"] == close(usd, 100), (row, name)
            assert row["cost_usd_per_it_mwh"] == close(sum(parts.values()), 100), row


# -- what each limit costs ---------------------------------------------------------------------


def _without(sceptic: Sceptic, name: str) -> Sceptic:
    """The same without a limit."""
    s = sceptic.s
    if name in ("latency", "all"):
        s = replace(
            s,
            classes=tuple(replace(k, latency_budget_ms=math.inf) for k in s.classes if k.relaxable),
        )
    if name in ("residency", "all"):
        s = replace(s, classes=tuple(replace(k, residency="") for k in s.classes))
    if name in ("egress", "all"):
        free = np.zeros_like(s.network.egress_usd_per_gb)
        s = replace(s, network=replace(s.network, egress_usd_per_gb=free))
    if name in ("capacity", "all"):
        hourly = sceptic.only_hourly
        regions = tuple(
            replace(x, on_demand_gpu=math.inf) if only else x
            for x, only in zip(s.regions, hourly, strict=True)
        )
        endless = np.where(hourly[:, None], s.reserved_gpu, np.inf)
        s = replace(s, regions=regions, reserved_gpu=endless)
    assert name in {"none", "all", "latency", "residency", "egress", "capacity"}, name
    return Sceptic(s)


def test_what_each_limit_costs(fleet: StudiedFleet) -> None:
    """The saving with and without each limit, against one placement priced in each world.

    The ratio is the saving as it is over the saving without the limit. Without a mask there is
    more to choose from at the same prices, so that it lies in 0..1; without egress prices, or
    where accelerators get cheaper, the baseline costs less as well, and it may be more. Carbon of
    placements that serve different numbers of requests is not compared.
    """
    base = fleet.sceptic.nearest_with_capacity().flows
    table = {row["removed"]: row for row in fleet.rows("benefit")}
    for name, row in table.items():
        relaxed = _without(fleet.sceptic, name)
        own, cleanest = (relaxed.account(f) for f in (base, relaxed.least_kg().flows))
        saving = {
            "usd": own["variable_usd"] - relaxed.least_usd(),
            "kg": own["carbon_kg"] - cleanest["carbon_kg"],
        }
        if own["unserved_requests"] != pytest.approx(cleanest["unserved_requests"], rel=1e-5):
            assert "not compared" in row["note"]
            saving["kg"] = math.nan
        for unit, total in (("usd", "variable_usd"), ("kg", "carbon_kg")):
            tiny = 1e-6 * abs(own[total])
            stated, ratio = row[f"saving_{unit}"], row[f"realised_ratio_{unit}"]
            assert stated == pytest.approx(saving[unit], abs=tiny, nan_ok=True), (name, unit)
            if abs(stated) > tiny:
                first = table["none"][f"saving_{unit}"]
                assert ratio == pytest.approx(first / stated, nan_ok=True), (name, unit)
                if name in MASKS and not math.isnan(ratio):
                    assert -1e-6 <= ratio <= 1 + 1e-6, (name, unit)


def test_entries_are_every_flow(fleet: StudiedFleet) -> None:
    """Nothing that was served is lost on the way into the second account."""
    flows = flows_of(fleet, "plan")
    assert sum(rate for *_, rate in entries(flows)) == pytest.approx(flows.requests_per_h.sum())
