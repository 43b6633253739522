"""Fleets as the tables that a results folder holds, and as what `meta.json` says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wattlas.model.fleet import USED, VARIANTS, Fleet, Reach
from wattlas.model.table import Table, table_of
from wattlas.placement.fleet.patience import Patience
from wattlas.placement.problem.instance import Instance
from wattlas.studies.fleet_answer import HELD_BACK, FleetAnswer, by_money
from wattlas.studies.fleet_day import fleet_day_table


def fleets_table(answer: FleetAnswer) -> Table:
    """The fleets that are compared, and the same with a margin; money over the window's hours.

    `bound_usd` stands beside the fleet that it is certified for: none costs less.
    """
    certified = "outage" if answer.fleet.survives else "optimal"
    told = [(name, 0.0, cost) for name, cost in answer.variants.items()]
    told += [(name, HELD_BACK, cost) for name, cost in answer.with_margin.items()]
    return table_of(
        {
            "variant": name,
            "label": VARIANTS[name],
            "held_back_share": held_back,
            **cost.row(),
            **_certificate(answer.fleet, name == certified and not held_back),
        }
        for name, held_back, cost in told
    )


def _certificate(fleet: Fleet, certified: bool) -> dict[str, float]:
    nan = float("nan")
    return {
        "bound_usd": fleet.bound_usd if certified else nan,
        "gap": max(fleet.gap, 0.0) if certified else nan,
    }


def fleet_regions_table(answer: FleetAnswer) -> Table:
    """Accelerators of every region in every fleet that is compared, and how they are used."""
    fleet, rows = answer.fleet, []
    for name, cost in answer.variants.items():
        utilisation = cost.utilisation(float(fleet.scenario.hours.hours.sum()))
        for r, region in enumerate(fleet.scenario.regions):
            rows.append(
                {
                    "variant": name,
                    "region": region.id,
                    "gpu": cost.gpu[r],
                    "usable_gpu": cost.gpu[r] * region.utilisation_max,
                    "used_gpu_h": cost.used_gpu_h[r],
                    "on_demand_gpu_h": cost.on_demand_gpu_h[r],
                    "utilisation": utilisation[r],
                    "saved_by_one_usd": _saved_by_one(fleet, name, r),
                }
            )
    return table_of(rows)


def _saved_by_one(fleet: Fleet, name: str, r: int) -> float:
    """Known of the fleet that is certified."""
    certified = "outage" if fleet.survives else "optimal"
    return float(fleet.saved_by_one_usd[r]) if name == certified else float("nan")


def fleet_reach_table(reach: Reach) -> Table:
    """The fleet at every reach that was looked at, and along the lower convex hull what a unit of
    further reach is worth, up to the next fleet on the hull."""
    slopes = dict(zip(reach.hull, reach.slopes(), strict=False))
    rows = []
    for n, reached in enumerate(reach.fleets):
        _, _, gpu, usd = slopes.get(n, (0.0, 0.0, float("nan"), float("nan")))
        cost = reached.cost
        rows.append(
            {
                "variant": reach.variant,
                "reach": reached.x,
                "gpu": cost.count,
                "cost_usd": cost.cost_usd,
                "rent_usd": cost.rent_usd,
                "carbon_kg": cost.carbon_kg,
                "it_mwh": cost.it_mwh,
                "bound_usd": reached.bound_usd,
                "gap": max(1.0 - reached.bound_usd / cost.cost_usd, 0.0) if cost.cost_usd else 0.0,
                "on_hull": n in reach.hull,
                "gpu_per_unit": gpu,
                "usd_per_unit": usd,
            }
        )
    return table_of(rows)


def fleet_patience_table(fleets: Sequence[Patience]) -> Table:
    """The fleet of each wait; `how` says whether accelerators and waiting were looked for together
    (exact, to the gap that is stated) or the fleet was sized for levelled work."""
    return table_of(
        {
            "class": each.klass or "all that may wait",
            "wait_h": each.wait_h,
            **each.fleet.optimal.row(),
            "bound_usd": each.fleet.bound_usd,
            "gap": max(each.fleet.gap, 0.0),
            "how": "levelled" if each.fleet.levelled else "exact",
        }
        for each in fleets
    )


def fleet_tables(answer: FleetAnswer, instance: Instance) -> dict[str, Table]:
    """Every table of a fleet by its name in a results folder; `instance` as in `fleet_day`."""
    tables = {
        "fleets": fleets_table(answer),
        "fleet_regions": fleet_regions_table(answer),
        "fleet_day": fleet_day_table(answer.fleet, instance),
    }
    if answer.reach is not None:
        tables["fleet_reach"] = fleet_reach_table(answer.reach)
    if answer.patience:
        tables["fleet_patience"] = fleet_patience_table(answer.patience)
    return tables


def fleet_meta(answer: FleetAnswer | str) -> dict[str, Any]:
    """What `meta.json` says of the fleet: how the search ended, and each fleet; or why none."""
    if isinstance(answer, str):
        return {"status": "skipped", "reason": answer}
    fleet = answer.fleet
    return {
        "status": str(fleet.status),
        "gap": max(fleet.gap, 0.0),
        "bound_usd": fleet.bound_usd,
        "least_count": fleet.least_count,
        "seconds": fleet.info.seconds,
        "fleets": {name: cost.row() for name, cost in answer.variants.items()},
        "held_back_share": HELD_BACK,
        "held_back": {name: cost.row() for name, cost in answer.with_margin.items()},
        "buys_by_the_hour": bool(answer.variants["optimal"].on_demand_gpu_h.sum() > USED),
        "by_money": by_money(fleet.scenario),
        "lost": _lost(fleet),
        "no_outage": answer.no_outage,
        "no_reach": answer.no_reach,
        "uncoverable_share": max((o.uncoverable_share for o in fleet.survives), default=0.0),
    }


def _lost(fleet: Fleet) -> str:
    """What the fleet may lose, in words."""
    regions = {(region.id,) for region in fleet.scenario.regions}
    lost = {outage.regions for outage in fleet.survives}
    if not lost:
        return ""
    if lost == regions:
        return "any one region"
    sets = [" and ".join(outage.regions) for outage in fleet.survives]
    return sets[0] if len(sets) == 1 else f"any one of {len(sets)} sets of regions"


def skipped(answer: FleetAnswer | str) -> list[str]:
    """Why there is no fleet, in a sentence; none where there is one."""
    return [f"No fleet was looked for: {answer}."] if isinstance(answer, str) else []
