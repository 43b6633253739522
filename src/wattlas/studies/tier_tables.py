"""The tables of a tier design: what the report draws and the results folder keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.studies.home import at_home
from wattlas.studies.offers import Design, TierDesign
from wattlas.studies.shares import shares
from wattlas.tiers.menu import Menu, menu
from wattlas.tiers.offer import Offer
from wattlas.tiers.selection import groups
from wattlas.tiers.sensitivity import Varied
from wattlas.tiers.targets import targets
from wattlas.tiers.utility import Points, utility
from wattlas.tiers.verdict import relative
from wattlas.units import S_PER_H

CAPS = (0.5, 0.75, 1.0)
"""Caps on grams per request that targets are told for, over what full service emits."""
SURFACE = 25
SURFACE_USERS = 400
"""Users of a segment that its surface is the mean of."""
GRID_SHOWN = 21
WH_PER_KWH = 1e3
MILLION = 1e6

Row = dict[str, Any]


def tier_tables(found: TierDesign) -> dict[str, Table]:
    """Every table of a design that needs nothing but it, by name; empty ones are left out."""
    makers: dict[str, Callable[[Scenario, Design, TierDesign], Iterator[Row]]] = {
        "tier_verdicts": _verdict,
        "tier_menu": _menu,
        "tier_targets": _targets,
        "tier_utility": _utility,
        "tier_grid": _grid,
        "tier_pareto": _pareto,
        "tier_floors": _floors,
        "tier_segments": _segments,
        "tier_sensitivity": _sensitivity,
    }
    tables: dict[str, Table] = {}
    for name, make in makers.items():
        rows = [r for one in found.designs for r in make(found.plan.scenario, one, found)]
        if rows:
            tables[name] = {key: [row[key] for row in rows] for key in rows[0]}
    return tables


def split_table(found: TierDesign) -> Table | None:
    """What geography, tiers and both save, for all contracts together."""
    parts = found.split()
    if parts is None:
        return None
    classes = ", ".join(one.service.klass for one in found.designs if one.chosen is not None)
    return {"class": [classes] * len(parts["part"]), **parts}


def shares_table(found: TierDesign) -> Table | None:
    """How much carbon asks to degrade per zone, for the class whose tier brings most.

    None where no class has a tier, or where the chosen floor is none for the rules.
    """
    worth = [one for one in found.designs if one.chosen is not None]
    if not worth:
        return None
    best = max(worth, key=lambda one: one.chosen.profit_gain_usd if one.chosen else 0.0)
    assert best.chosen is not None
    service = best.service
    late = float(service.latest_ms[best.chosen.contract.point]) / service.latency_budget_ms
    try:
        return shares(
            found.plan.scenario,
            service.klass,
            green=best.chosen.floor,
            latency_factor=max(late * (1 + 1e-9), 1.0),
        )
    except InputError:
        return None


def _verdict(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    service, chosen = one.service, one.chosen
    shares: tuple[float | None, float | None] = (None, None)
    if chosen is not None and one.market is not None:
        shares = relative(one.market, chosen)
    yield {
        "class": service.klass,
        "worth": one.verdict.worth,
        "reason": one.verdict.reason,
        "price_usd": one.price_usd,
        "full_accuracy": service.full_accuracy,
        "full_latency_ms": service.full_latency_ms,
        "full_cost_usd": float(service.mean(service.full_cost_usd)),
        "full_carbon_g": float(service.mean(service.full_carbon_g)),
        "floor": chosen and chosen.floor,
        "discount": chosen and chosen.discount,
        "share": chosen and chosen.share,
        "adoption": chosen and chosen.adoption,
        "profit_gain_usd": chosen and chosen.profit_gain_usd,
        "profit_gain_share": shares[0],
        "carbon_saved_kg": chosen and chosen.carbon_saved_kg,
        "carbon_saved_share": shares[1],
        "users_pay_usd_per_t": None if one.market is None else one.market.usd_per_t,
    }


def _of_class(scenario: Scenario, one: Design, whole: TierDesign) -> tuple[Menu, float, float]:
    """(menu, g/kWh, USD per GPU-h) of a class at home, with candidates and full service."""
    klass = next(k for k in scenario.classes if k.id == one.service.klass)
    at = at_home(scenario, klass.id)
    shown = {*one.service.full_points, *one.service.points}
    usable = klass.points
    points = [o for o in whole.points if o.id in shown or usable is None or o.id in usable]
    extra = {o.id for o in points}
    points += [o for o in scenario.points if o.id in shown - extra]
    found = menu(replace(klass, points=None), points)
    usd = found.energy_kwh * at.pue * at.usd_per_mwh / 1e3 + found.gpu_h * at.rent_usd_per_gpu_h
    return replace(found, cost_usd=usd), at.g_per_kwh, at.pue


def _menu(scenario: Scenario, one: Design, whole: TierDesign) -> Iterator[Row]:
    found, g_per_kwh, pue = _of_class(scenario, one, whole)
    grams = found.carbon_g(g_per_kwh, pue)
    full = one.service.full_points[:1]
    floor = one.chosen.floor if one.chosen is not None else None
    for n, name in enumerate(found.ids):
        yield {
            "class": found.klass,
            "point": name,
            "variant": found.variants[n],
            "hardware": found.hardware[n],
            "accuracy": float(found.accuracy[n]),
            "service_ms": float(found.service_ms[n]),
            "service_p95_ms": float(found.service_p95_ms[n]),
            "energy_wh": float(found.energy_kwh[n]) * WH_PER_KWH,
            "gpu_s": float(found.gpu_h[n]) * S_PER_H,
            "cost_usd_per_million": float(found.cost_usd[n]) * MILLION,
            "carbon_g": float(grams[n]),
            "pareto": bool(found.pareto[n]),
            "role": "full" if name in full else "floor" if name == floor else None,
        }


def _targets(scenario: Scenario, one: Design, whole: TierDesign) -> Iterator[Row]:
    if one.market is None:
        return
    found, _, pue = _of_class(scenario, one, whole)
    full_g = float(one.service.mean(one.service.full_carbon_g))
    for cap in CAPS:
        goal = targets(found, cap * full_g, one.market.people, one.market.scale, pue)
        for n, at in enumerate(goal.point):
            end = float(goal.to_g_per_kwh[n])
            yield {
                "class": found.klass,
                "cap_g": cap * full_g,
                "from_g_per_kwh": float(goal.from_g_per_kwh[n]),
                "to_g_per_kwh": end if np.isfinite(end) else None,
                "point": found.ids[at],
                "accuracy": float(found.accuracy[at]),
                "service_ms": float(found.service_ms[at]),
                "utility": float(goal.from_utility[n]),
            }


def _utility(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    """Mean utility of each segment over accuracy and latency, at full service's grams."""
    of = one.market
    if of is None:
        return
    scale = of.scale
    accuracy = np.linspace(scale.accuracy_min, scale.accuracy_max, SURFACE)
    latency = np.linspace(scale.latency_min_ms, scale.latency_max_ms, SURFACE)
    a, ms = (axis.ravel() for axis in np.meshgrid(accuracy, latency, indexing="ij"))
    points = Points(a, ms, np.full(len(a), of.full_carbon_g))
    for name, member in groups(of):
        at = np.flatnonzero(member)
        some = at[:: max(len(at) // SURFACE_USERS, 1)]
        felt = utility(points, of.people.taste.take(some), scale)
        mean = of.requests[some] @ felt / of.requests[some].sum()
        for n, value in enumerate(mean):
            yield {
                "class": one.service.klass,
                "segment": name,
                "accuracy": float(a[n]),
                "latency_ms": float(ms[n]),
                "utility": float(value),
            }


def _grid(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    """The figures of the chosen floor over discounts and shares, thinned evenly."""
    shown = one.chosen or one.most or one.cleanest
    if one.grid is None or shown is None:
        return
    f, grid = shown.contract.point, one.grid
    shares = _thin(len(grid.share))
    discounts = _thin(len(grid.discount))
    for i in shares:
        for j in discounts:
            yield {
                "class": one.service.klass,
                "floor": shown.floor,
                "discount": float(grid.discount[j]),
                "share": float(grid.share[i]),
                "adoption": float(grid.adoption[f, i, j]),
                "profit_gain_usd": float(grid.profit_gain_usd[f, i, j]),
                "carbon_saved_kg": float(grid.carbon_saved_kg[f, i, j]),
            }


def _thin(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(GRID_SHOWN, count)).round().astype(int))


def _pareto(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    for offer in one.front:
        yield _offer(one, offer, None)
    for best, name in ((one.most, "profit"), (one.cleanest, "carbon")):
        if best is not None:
            yield _offer(one, best, name)


def _offer(one: Design, offer: Offer, chosen: str | None) -> Row:
    return {
        "class": one.service.klass,
        "floor": offer.floor,
        "discount": offer.discount,
        "share": offer.share,
        "adoption": offer.adoption,
        "profit_gain_usd": offer.profit_gain_usd,
        "carbon_saved_kg": offer.carbon_saved_kg,
        "chosen": chosen,
    }


def _floors(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    """The best offer of each floor, or none: is one level below full the best?"""
    service = one.service
    scores = np.unique(np.append(service.accuracy, service.full_accuracy))
    full = int(np.searchsorted(scores, service.full_accuracy))
    for n, (name, offer) in enumerate(zip(service.points, one.floors, strict=True)):
        level = full - int(np.searchsorted(scores, service.accuracy[n]))
        yield {
            "class": service.klass,
            "floor": name,
            "levels_below": level,
            "discount": 0.0 if offer is None else offer.discount,
            "share": 0.0 if offer is None else offer.share,
            "adoption": 0.0 if offer is None else offer.adoption,
            "profit_gain_usd": 0.0 if offer is None else offer.profit_gain_usd,
            "carbon_saved_kg": 0.0 if offer is None else offer.carbon_saved_kg,
            "worth": offer is not None,
        }


def _segments(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    if one.chosen is None:
        return
    for row in one.segments:
        yield {
            "class": one.service.klass,
            "segment": row.name,
            "requests_share": row.requests_share,
            "consciousness": row.consciousness,
            "adoption": row.adoption,
            "prefers": row.prefers,
            "gain_usd_per_million": row.gain_usd * MILLION,
            "rational": row.rational,
            "compatible": row.compatible,
            "losing_share": row.losing_share,
        }


def _sensitivity(_scenario: Scenario, one: Design, _whole: TierDesign) -> Iterator[Row]:
    for varied in one.sensitivities:
        yield {"class": one.service.klass, **_varied(varied)}


def _varied(one: Varied) -> Row:
    made = one.assumption
    row: Row = {
        "parameter": made.parameter,
        "label": made.label,
        "unit": made.unit or None,
        **dict(zip(("low", "base", "high"), made.values, strict=True)),
    }
    for name, offer in zip(("low", "base", "high"), one.offers, strict=True):
        row[f"profit_gain_{name}_usd"] = 0.0 if offer is None else offer.profit_gain_usd
        row[f"carbon_saved_{name}_kg"] = 0.0 if offer is None else offer.carbon_saved_kg
        row[f"discount_{name}"] = None if offer is None else offer.discount
    return row
