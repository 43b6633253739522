"""A fleet and what reach is worth to it, as tables, as JSON and as listings."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.model.fleet import Fleet, FleetCost, Reach
from wattlas.model.table import Column, Kind, Listing, Table
from wattlas.studies.words import money, number

OUTAGE = ", with outages"
WORST = 3
"""So many lost sets are told by name: --json has all."""
WORDS = {
    "given": "as given",
    "own_peaks": "each region for its own peak",
    "optimal": "the fleet of least cost",
    "whole": "rounded up to whole accelerators",
    "nominal": "the same without outages",
    "unwaited": "the same if nothing waits",
}


def fleet_table(fleet: Fleet) -> Table:
    """Accelerators of every region: as given, for its own peak, found; and how they are used."""
    found = fleet.optimal
    hours = float(fleet.scenario.hours.hours.sum())
    given = fleet.given.gpu if fleet.given else np.full(len(found.gpu), np.nan)
    reserved_h = found.used_gpu_h - found.on_demand_gpu_h
    held_h = found.gpu * hours
    # Less than a thousandth of an accelerator is rounding, and its utilisation says nothing.
    utilisation = np.divide(
        reserved_h, held_h, out=np.full(len(held_h), np.nan), where=found.gpu > 1e-3
    )
    return {
        "region": [region.id for region in fleet.scenario.regions],
        "given_gpu": given,
        "own_peak_gpu": fleet.own_peaks.gpu,
        "fleet_gpu": found.gpu,
        "whole_gpu": fleet.whole.gpu,
        "change_gpu": found.gpu - given,
        "utilisation": utilisation,
        "on_demand_gpu_h": found.on_demand_gpu_h,
        "saved_by_one_usd": fleet.saved_by_one_usd,
    }


def costs_table(fleet: Fleet) -> Table:
    """The fleets that are compared: how many accelerators, what they cost and emit."""
    named = {name: getattr(fleet, name) for name in WORDS}
    rows: dict[str, FleetCost] = {WORDS[name]: cost for name, cost in named.items() if cost}
    if fleet.survives:
        rows = {
            f"{name}{OUTAGE if name == WORDS['optimal'] else ''}": c for name, c in rows.items()
        }
    costs = list(rows.values())
    return {
        "fleet": list(rows),
        "count_gpu": [cost.count for cost in costs],
        "cost_usd": [cost.cost_usd for cost in costs],
        "rent_usd": [cost.rent_usd for cost in costs],
        "variable_usd": [cost.variable_usd for cost in costs],
        "carbon_kg": [cost.carbon_kg for cost in costs],
        "it_mwh": [cost.it_mwh for cost in costs],
    }


def fleet_mapping(fleet: Fleet) -> dict[str, Any]:
    """A fleet for JSON."""
    return {
        "status": str(fleet.status),
        "info": fleet.info,
        "gap": fleet.gap,
        "bound_usd": fleet.bound_usd,
        "least_count": fleet.least_count,
        "fleets": costs_table(fleet),
        "regions": fleet_table(fleet),
        "survives": list(fleet.survives),
        "waits": list(fleet.waits),
        "notes": list(notes(fleet)),
    }


def fleet_listings(fleet: Fleet) -> tuple[Listing, Listing]:
    """The fleets side by side, and the regions, the largest first."""
    table = fleet_table(fleet)
    order = np.argsort(-fleet.optimal.gpu, kind="stable")
    ranked = {name: [column[n] for n in order] for name, column in table.items()}
    return (
        Listing(
            "Fleets",
            (
                Column("fleet", Kind.TEXT, head=""),
                Column("count_gpu", Kind.COUNT, head="GPU"),
                Column("cost_usd", Kind.COUNT),
                Column("rent_usd", Kind.COUNT),
                Column("carbon_kg", Kind.COUNT, wide=True),
            ),
            costs_table(fleet),
            notes(fleet),
        ),
        Listing(
            "Accelerators by region",
            (
                Column("region", Kind.TEXT),
                Column("given_gpu", Kind.COUNT, head="given", optional=True),
                Column("own_peak_gpu", Kind.COUNT, head="own peak"),
                Column("fleet_gpu", Kind.COUNT, head="fleet"),
                Column("change_gpu", Kind.COUNT, head="change", optional=True),
                Column("utilisation", Kind.SHARE, optional=True),
                Column("saved_by_one_usd", Kind.COUNT, head="one more saves, USD", wide=True),
            ),
            ranked,
        ),
    )


def notes(fleet: Fleet) -> tuple[str, ...]:
    """What a reader must know of the numbers, in sentences."""
    said = [_headline(fleet)]
    if fleet.least_count == fleet.least_count:
        why = (
            "at once has fewer than {}: the largest hour of all demand together."
            if fleet.unwaited is None
            else "in time has fewer than {}: the densest stretch of hours of all demand together."
        )
        said.append(f"No fleet that serves everything {why.format(f'{fleet.least_count:,.0f}')}")
    rounding = fleet.whole.cost_usd - fleet.optimal.cost_usd
    said.append(f"Whole accelerators cost {money(max(rounding, 0.0))} more.")
    said += _uncoverable(fleet)
    said += [
        f"{waits.klass} waits {waits.mean_h:.2g} h on average, {waits.p95_h:g} h at the 95th "
        f"percentile, {waits.most_h:g} h at most."
        for waits in fleet.waits
    ]
    if fleet.unwaited is not None and str(fleet.status) != "optimal":
        said.append(
            "Sized for levelled work, then placed at that fleet: accelerators and waiting are not "
            "one program here, and the gap is that of both."
        )
    said.append(
        f"Certified: no fleet within the bounds costs less than {money(fleet.bound_usd)} "
        f"(gap {max(fleet.gap, 0.0):.1g}). It knows every hour in advance, and rents for all of it."
    )
    return tuple(said)


def _uncoverable(fleet: Fleet) -> list[str]:
    """What no fleet covers when regions are lost, the worst sets first."""
    worst = sorted(fleet.survives, key=lambda outage: -outage.uncoverable_share)
    told = [
        f"{outage.uncoverable_share:.1%} if {' and '.join(outage.regions)} is lost"
        for outage in worst[:WORST]
        if outage.uncoverable_share > 0
    ]
    if not told:
        return []
    return [f"Demand that may run nowhere else, however many accelerators stand there: "
            f"{', '.join(told)}."]  # fmt: skip


def _headline(fleet: Fleet) -> str:
    """The fleet beside the one to compare it with, over the scenario's hours."""
    found = fleet.optimal
    compared = fleet.given if fleet.given and np.isfinite(fleet.given.cost_usd) else fleet.own_peaks
    name = "as given" if compared is fleet.given else "with each region sized for its own peak"
    saved = compared.cost_usd - found.cost_usd
    return (
        f"{found.count:,.0f} accelerators serve all demand at {money(found.cost_usd)}; {name} "
        f"{compared.count:,.0f} cost {money(compared.cost_usd)}: {money(abs(saved))} "
        f"{'less' if saved >= 0 else 'more'}."
    )


def reach_table(reach: Reach) -> Table:
    """The fleet at every reach that was looked at."""
    costs = [fleet.cost for fleet in reach.fleets]
    return {
        "reach": [fleet.x for fleet in reach.fleets],
        "fleet_gpu": [cost.count for cost in costs],
        "cost_usd": [cost.cost_usd for cost in costs],
        "rent_usd": [cost.rent_usd for cost in costs],
        "carbon_kg": [cost.carbon_kg for cost in costs],
        "it_mwh": [cost.it_mwh for cost in costs],
        "on_hull": [n in reach.hull for n in range(len(costs))],
    }


def jumps_table(reach: Reach) -> Table:
    """Where the cost of the fleet falls, and what opens there."""
    return {
        "reach": [jump.x for jump in reach.jumps],
        "saved_gpu": [jump.before.count - jump.after.count for jump in reach.jumps],
        "saved_usd": [jump.before.cost_usd - jump.after.cost_usd for jump in reach.jumps],
        "pairs": [len(jump.pairs) for jump in reach.jumps],
        "opens": [_pair(jump.pairs[0]) if jump.pairs else "" for jump in reach.jumps],
    }


def _pair(pair: tuple[str, str, str]) -> str:
    metro, klass, region = pair
    return f"{metro} ({klass}) → {region}"


def reach_listing(reach: Reach) -> Listing:
    """The fleets along the reach, and what a unit of it is worth along the lower hull."""
    unit = "×" if reach.variant == "scale" else "ms"
    slopes = [
        f"{first:,.4g} to {last:,.4g} {unit}: each {unit} is worth {number(gpu)} accelerators and "
        f"{money(usd)}."
        for first, last, gpu, usd in reach.slopes()
        if usd > 0
    ]
    if not reach.complete:
        slopes.append("Between two reaches the cost falls in steps that were not looked for.")
    return Listing(
        f"Return on reach, {reach.variant}",
        (
            Column("reach", head=unit, digits=4),
            Column("fleet_gpu", Kind.COUNT, head="GPU"),
            Column("cost_usd", Kind.COUNT),
            Column("carbon_kg", Kind.COUNT),
        ),
        reach_table(reach),
        tuple(slopes),
    )


def jumps_listing(reach: Reach) -> Listing:
    """Every jump, with a pair that opens there."""
    return Listing(
        "Jumps",
        (
            Column("reach", head="×" if reach.variant == "scale" else "ms", digits=4),
            Column("saved_gpu", Kind.COUNT, head="fewer GPU"),
            Column("saved_usd", Kind.COUNT),
            Column("pairs", Kind.COUNT, head="pairs"),
            Column("opens", Kind.TEXT, head="one that opens"),
        ),
        jumps_table(reach),
    )


def reach_mapping(reach: Reach) -> dict[str, Any]:
    """The return on reach for JSON."""
    keys = ("from", "to", "gpu_per_unit", "usd_per_unit")
    return {
        "variant": reach.variant,
        "complete": reach.complete,
        "fleets": reach_table(reach),
        "hull": [dict(zip(keys, slope, strict=True)) for slope in reach.slopes()],
        "jumps": jumps_table(reach),
    }
