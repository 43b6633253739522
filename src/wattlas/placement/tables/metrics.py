"""What a placement is worth: relocatable demand, layers, relocation, realised benefit.

Each function returns a table as a mapping of column names to arrays or lists; units are in the
names. Definitions follow Luo & Yang 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.frictions import Frictions
from wattlas.model.geography import great_circle_km
from wattlas.model.objective import Minimise, Objective
from wattlas.model.offer import full_service
from wattlas.model.plan import Flows, Plan, Totals
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import plan
from wattlas.placement.compare.counterfactual import label, present, without
from wattlas.placement.compare.counterfactual import limits as lifted
from wattlas.placement.constraints.registry import links_charge
from wattlas.placement.explain import conflict
from wattlas.placement.problem.flows import KeptFlows, SourceFlows
from wattlas.placement.problem.instance import Instance, accelerators, build_instance
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.solution.account import Account
from wattlas.placement.solution.expanded import PerFlow, slices
from wattlas.placement.tables.changes import Matched, matched
from wattlas.placement.window.limits import nearest_available

REGIONAL_MS = 30.0
"""A region is regional where its round trip is at most this much above the baseline region's."""
HVDC_LOSS_PER_1000_KM = 0.03
SAME_SERVED = 1e-6
"""Share of the requests up to which two placements serve as many: more of it is no like for like.
"""


def relocatable(instance: Instance, best: Plan, base: Plan, moved: Matched) -> Table:
    """Energy of each class that could leave its baseline region and that does, MWh.

    Technical: at least one open region is not the baseline region. Economic: the plan runs it away
    from the baseline region. Overflow: the baseline policy `base` does. Moved: the plan runs it
    elsewhere than the baseline policy does: `moved` are the changes from `base` to `best`.
    """
    scenario, region = instance.scenario, instance.baseline.region
    elsewhere = _open_elsewhere(instance, region)
    count = len(scenario.classes)
    total, technical, economic, overflow = np.zeros((4, count))
    for flows, energy in with_energy(best):
        total += np.bincount(flows.klass, energy, count)
        technical += np.bincount(flows.klass, energy * elsewhere[flows.metro, flows.klass], count)
        economic += np.bincount(flows.klass, energy * _away(scenario, flows, region), count)
    for flows, energy in with_energy(base):
        overflow += np.bincount(flows.klass, energy * _away(scenario, flows, region), count)
    pairs = moved.moved_mwh
    return {
        "class": [k.id for k in scenario.classes],
        "it_mwh": total,
        "technical_mwh": technical,
        "technical_share": _share(technical, total),
        "economic_mwh": economic,
        "economic_share": _share(economic, total),
        "overflow_mwh": overflow,
        "moved_mwh": pairs.sum(axis=(1, 2)),
        "moved_share": _share(pairs.sum(axis=(1, 2)), total),
    }


def _away(scenario: Scenario, flows: Flows, region: np.ndarray) -> np.ndarray:
    """Whether each flow runs at another site than that of its baseline region."""
    return np.asarray(flows.served & ~_at_site(scenario, flows, region[flows.metro, flows.klass]))


def _at_site(scenario: Scenario, flows: Flows, baseline: np.ndarray) -> np.ndarray:
    """Whether each flow runs at the site of a region, −1 for none; another kind of accelerators at
    the same site is nowhere else."""
    own = np.where(baseline >= 0, scenario.site[baseline], -1)
    return np.asarray(scenario.site[flows.region] == own)


def layers(instance: Instance, best: Plan, base: Plan) -> Table:
    """Energy of each class by execution layer, of the plan and of the baseline policy `base`.

    Local: at the baseline region. Regional: within `REGIONAL_MS` of the baseline region's round
    trip. Energy-oriented: beyond. Late: served at the nearest place although its budget is missed.
    """
    scenario = instance.scenario
    names = ("local", "regional", "energy-oriented", "late", "unserved")
    energies = [_by_layer(instance, placed, len(names)) for placed in (best, base)]
    mine, other = (grid / _or_one(grid.sum(axis=1, keepdims=True)) for grid in energies)
    return {
        "class": [k.id for k in scenario.classes for _ in names],
        "layer": list(names) * len(scenario.classes),
        "it_mwh": energies[0].ravel(),
        "share": mine.ravel(),
        "baseline_mwh": energies[1].ravel(),
        "baseline_share": other.ravel(),
    }


def _or_one(total: np.ndarray) -> np.ndarray:
    """A total to divide by, 1 where it is nothing."""
    return np.where(total > 0, total, 1.0)


def _by_layer(instance: Instance, placed: Plan, count: int) -> np.ndarray:
    """IT energy by class and layer, MWh, (K, layers)."""
    grid = np.zeros((len(instance.scenario.classes), count))
    for flows, energy in with_energy(placed):
        baseline = instance.baseline.region[flows.metro, flows.klass]
        np.add.at(grid, (flows.klass, _layer(instance, flows, baseline)), energy)
    return grid


def _layer(instance: Instance, flows: Flows, baseline: np.ndarray) -> np.ndarray:
    """Index of each flow's layer; `own` is its baseline region."""
    scenario = instance.scenario
    node = scenario.metro_node[flows.metro]
    rtt = scenario.network.rtt_node_region_ms
    region = np.maximum(flows.region, 0)
    beyond = rtt[node, region] - rtt[node, np.maximum(baseline, 0)]
    late = instance.judged.late[flows.metro, flows.klass]
    return np.asarray(
        np.select(
            [~flows.served, late, _at_site(scenario, flows, baseline), beyond <= REGIONAL_MS],
            [4, 3, 0, 1],
            default=2,
        )
    )


def relocation(instance: Instance, best: Plan, base: Plan) -> Table:
    """Energy demand of each zone's users that ran in another zone: demand moved, not electricity.

    A zone's users are those whose baseline region lies in it. `baseline_mwh` is what the baseline
    policy `base` itself runs there, where the baseline region lacks capacity. Beside each flow of
    the plan: the line that would have had to carry the same energy, at its hourly peak, and what it
    would have lost at 3 % per 1,000 km.
    """
    scenario = instance.scenario
    count = len(scenario.signals.zones)
    total, weighed, peak = _moved(instance, best)
    overflow, far, _ = _moved(instance, base)
    pair = np.flatnonzero((total > 0) | (overflow > 0))
    km = np.where(total > 0, weighed, far)[pair] / np.where(total > 0, total, overflow)[pair]
    total, overflow = total[pair], overflow[pair]
    loss = np.minimum(HVDC_LOSS_PER_1000_KM * km / 1000.0, 1.0)
    delivered = np.maximum(1.0 - loss, 1e-9)
    return {
        "from_zone": [scenario.signals.zones[p // count] for p in pair],
        "to_zone": [scenario.signals.zones[p % count] for p in pair],
        "it_mwh": total,
        "baseline_mwh": overflow,
        "mean_mw": total / scenario.hours.hours.sum(),
        "distance_km": km,
        "line_mw": peak[pair] / delivered,
        "line_loss_share": loss,
        "line_loss_mwh": total / delivered - total,
    }


def _moved(instance: Instance, placed: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MWh, MWh · km and hourly peak in MW of what ran in another zone; (zones · zones,)."""
    scenario = instance.scenario
    zone = scenario.region_zone
    km, count = _region_km(scenario), len(scenario.signals.zones)
    total, weighed, peak = np.zeros((3, count * count))
    for flows, energy in with_energy(placed):
        baseline = instance.baseline.region[flows.metro, flows.klass]
        on = flows.served & (baseline >= 0)
        on &= zone[np.maximum(flows.region, 0)] != zone[np.maximum(baseline, 0)]
        baseline, region, hour, mwh = baseline[on], flows.region[on], flows.hour[on], energy[on]
        pair = zone[baseline] * count + zone[region]
        total += np.bincount(pair, mwh, count * count)
        weighed += np.bincount(pair, mwh * km[baseline, region], count * count)
        # Slices cut no hour in two, so that the peak of a slice is that of its hours.
        pairs, inverse = np.unique(pair * scenario.hours.count + hour, return_inverse=True)
        power = np.bincount(inverse, mwh / scenario.hours.hours[hour], len(pairs))
        np.maximum.at(peak, pairs // scenario.hours.count, power)
    return total, weighed, peak


def least(scenario: Scenario, objective: Objective) -> Plan:
    """A placement of which only what it makes least is wanted."""
    return plan(scenario, objective=objective, keep_flows=False, tactics=Tactics(tie=False))


def benefit(
    scenario: Scenario,
    progress: Callable[[float], None] | None = None,
    planned: Callable[[Scenario, Objective], Plan] = least,
) -> Table:
    """Saving as it is, and with each limit removed alone and all together.

    `saving_usd` is that of the least-cost plan at the scenario's carbon price, `saving_kg` that of
    the least-carbon plan, both without caps. Each is against the same placement — nearest with
    capacity under the scenario's own limits — priced in the relaxed world. The realised ratio is
    the saving as it is over the saving without the limit. All of it in full service. Carbon of
    placements that leave different shares unserved is not compared: nan, and a note says so.
    `planned` may be given where some of the plans are known already.
    """
    scenario = full_service(scenario)
    base_instance = build_instance(scenario)
    base = nearest_available(base_instance)
    if len(base.infeasible):
        raise InfeasibleError(conflict.hour_words(base_instance, base.infeasible))
    account, limits = Account.of(base_instance, base.flows), present(scenario)
    kept = KeptFlows.of(base.flows)
    del base
    names = ["none", *limits, *(["all"] if len(limits) > 1 else [])]
    savings, notes = np.full((2, len(names)), np.nan), []
    for n, name in enumerate(names):
        relaxed = scenario if name == "none" else without(scenario, name)
        capacity, surplus = accelerators(relaxed)  # beyond the reserved ones they are paid
        world = replace(base_instance, scenario=relaxed, capacity=capacity, surplus=surplus)
        priced = _priced(account, world, kept.all())
        alike = name == "none" or (name != "all" and lifted()[name].only_paid)
        savings[:, n], note = _savings(relaxed, scenario if alike else relaxed, priced, planned)
        notes.append(note)
        if progress:
            progress((n + 1) / len(names))
    usd, kg = savings
    return {
        "removed": names,
        "label": [label(name) for name in names],
        "saving_usd": usd,
        "saving_kg": kg,
        "realised_ratio_usd": _ratio(usd),
        "realised_ratio_kg": _ratio(kg),
        "note": notes,
    }


def _priced(account: Account, world: Instance, flows: SourceFlows) -> Totals:
    """What the flows of an account come to in another world."""
    return account.priced(world, flows).totals(flows)


def _savings(
    scenario: Scenario,
    emitting: Scenario,
    base: Totals,
    planned: Callable[[Scenario, Objective], Plan],
) -> tuple[tuple[float, float], str]:
    """(USD of the least-cost plan, kg of the least-carbon plan) saved, and what went wrong.

    `emitting` is the scenario, or another in which the least carbon is the same.
    """
    gamma = scenario.objective.carbon_price_usd_per_t
    has_prices = scenario.signals.priced
    cheapest = planned(scenario, Objective(carbon_price_usd_per_t=gamma)) if has_prices else None
    # Frictions that only cost money move no carbon.
    none = Frictions()
    charged = emitting.frictions == none or links_charge(emitting, "t")
    free = emitting if charged else replace(emitting, frictions=none)
    cleanest = planned(free, Objective(minimise=Minimise.CARBON, carbon_price_usd_per_t=gamma))
    failed = next((p for p in (cheapest, cleanest) if p is not None and not p.ok), None)
    if failed is not None:
        return (float("nan"), float("nan")), failed.conflict
    usd = float("nan")
    if cheapest is not None:
        usd = base.variable_usd - cheapest.totals.variable_usd
    kg = base.carbon_kg - cleanest.totals.carbon_kg
    more = base.unserved_requests - cleanest.totals.unserved_requests
    if abs(more) > SAME_SERVED * (base.requests + base.unserved_requests):
        share = abs(more) / (base.requests + base.unserved_requests)
        than = "more" if more > 0 else "less"
        return (usd, float("nan")), (
            f"carbon is not compared: the placement of least carbon serves {share:.2%} of the "
            f"requests {than} than the baseline"
        )
    return (usd, kg), ""


def _ratio(savings: np.ndarray) -> np.ndarray:
    """The first saving over each, nan where there is nothing to realise."""
    as_it_is = savings[0]
    enough = np.abs(savings) > 1e-9 * max(abs(as_it_is), 1e-12)
    none = np.full(len(savings), np.nan)
    return np.asarray(np.divide(as_it_is, savings, out=none, where=enough))


def _open_elsewhere(instance: Instance, base: np.ndarray) -> np.ndarray:
    """Whether (metro, class) has an open region elsewhere than its baseline region; (I, K)."""
    open_at, site = np.asarray(instance.judged.allowed.any(axis=3)), instance.scenario.site
    at_baseline = site == np.where(base >= 0, site[base], -1)[:, :, None]
    return np.asarray((open_at & ~at_baseline).any(axis=2))


def _region_km(scenario: Scenario) -> np.ndarray:
    lat = np.array([r.lat_deg for r in scenario.regions])
    lon = np.array([r.lon_deg for r in scenario.regions])
    return great_circle_km(lat, lon, lat, lon)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    zero = np.zeros_like(part, dtype=float)
    return np.asarray(np.divide(part, whole, out=zero, where=whole > 0))


def with_energy(best: Plan) -> Iterator[tuple[Flows, np.ndarray]]:
    """The plan's flows in slices, each with the IT energy of its flows, MWh."""
    per_flow = PerFlow(best.scenario, ("it_mwh",))
    for flows in slices(flows_of(best)):
        yield flows, per_flow.it_mwh(flows)


def changed(best: Plan, base: Plan) -> Matched:
    """What changes from a baseline policy to a plan."""
    return matched(best.scenario, flows_of(base), flows_of(best), best.waited)


def flows_of(best: Plan) -> Flows:
    """The plan's flows; InfeasibleError with its conflict where it has none."""
    if best.flows is None:
        raise InfeasibleError(best.conflict)
    return best.flows
