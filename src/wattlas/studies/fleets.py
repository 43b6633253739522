"""A fleet and what reach is worth to it, as tables, as JSON and as listings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wattlas.model.fleet import Fleet, Reach
from wattlas.model.table import Column, Kind, Listing, Table
from wattlas.placement.fleet.certificate import FleetCertificate
from wattlas.placement.fleet.patience import Patience
from wattlas.studies.brief import period
from wattlas.studies.fleet_answer import FleetAnswer
from wattlas.studies.fleet_brief import fleet_brief
from wattlas.studies.fleet_tables import fleet_meta, fleet_patience_table
from wattlas.studies.meta import described
from wattlas.studies.words import money, number

WORST = 3
"""So many lost sets are told by name: --json has all."""


def fleet_mapping(fleet: Fleet, reached: Reach | None = None) -> dict[str, Any]:
    """A fleet, and what reach is worth to it where that was asked, for JSON."""
    return {
        "status": str(fleet.status),
        "info": fleet.info,
        "gap": fleet.gap,
        "bound_usd": fleet.bound_usd,
        "least_count": fleet.least_count,
        "least_rent_usd": fleet.least_rent_usd,
        "limit": fleet.limit,
        **fleet.named_tables(),
        "survives": list(fleet.survives),
        "waits": list(fleet.waits),
        "notes": list(notes(fleet, reached)),
        **({} if reached is None else {"reach": reach_mapping(reached)}),
    }


def fleet_listings(fleet: Fleet, reached: Reach | None = None) -> tuple[Listing, Listing]:
    """The fleets side by side, and the regions, the largest first."""
    tables = fleet.named_tables()
    table = tables["regions"]
    order = np.argsort(-fleet.optimal.gpu, kind="stable")
    ranked = {name: [column[n] for n in order] for name, column in table.items()}
    return (
        Listing(
            "Fleets",
            (
                Column("fleet", Kind.TEXT, head=""),
                Column("gpu", Kind.COUNT, head="GPU"),
                Column("cost_usd", Kind.COUNT),
                Column("rent_usd", Kind.COUNT),
                Column("carbon_kg", Kind.COUNT, wide=True),
            ),
            tables["fleets"],
            notes(fleet, reached),
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


def notes(fleet: Fleet, reached: Reach | None = None) -> tuple[str, ...]:
    """What a reader must know of the numbers, in sentences."""
    answer = FleetAnswer(fleet, reached)
    meta = {"fleet": fleet_meta(answer), "window": described(fleet.scenario)["window"]}
    told = fleet_brief(meta, period(meta))
    said = [told.sentence, told.assumes]
    if len(fleet.by_hardware) > 1:
        told_kinds = [f"{gpu:,.0f} {kind}" for kind, gpu in fleet.by_hardware.items()]
        said.append(f"By kind of accelerators: {', '.join(told_kinds)}.")
    if fleet.least_count == fleet.least_count:
        why = (
            "at once has fewer than {}: the largest hour of all demand together."
            if fleet.unwaited is None
            else "in time has fewer than {}: the densest stretch of hours of all demand together."
        )
        said.append(f"No fleet that serves everything {why.format(f'{fleet.least_count:,.0f}')}")
    if fleet.least_rent_usd == fleet.least_rent_usd:
        said.append(f"None pays less rent than {money(fleet.least_rent_usd)}.")
    said += _limit(fleet)
    rounding = fleet.whole.cost_usd - fleet.optimal.cost_usd
    said.append(f"Whole accelerators cost {money(max(rounding, 0.0))} more.")
    said += _uncoverable(fleet)
    said += [
        f"{waits.klass} waits {waits.mean_h:.2g} h on average, {waits.p95_h:g} h at the 95th "
        f"percentile, {waits.most_h:g} h at most."
        for waits in fleet.waits
    ]
    if fleet.levelled:
        said.append(
            "Sized for levelled work, then placed at that fleet: accelerators and waiting are not "
            "one program here, and the gap is that of both."
        )
    said.append(
        f"Certified: no fleet within the bounds costs less than {money(fleet.bound_usd)} "
        f"(gap {max(fleet.gap, 0.0):.1g})."
    )
    return tuple(said)


def _limit(fleet: Fleet) -> list[str]:
    """The objective's cap, and what it is worth."""
    limit = fleet.limit
    if limit is None:
        return []
    used = f"The {limit.id} is capped at {number(limit.limit)} {limit.unit}"
    if not limit.price:
        return [f"{used}, and {number(limit.used)} {limit.unit} need no cap."]
    other = "USD" if limit.unit == "t" else "t"
    worth = f"one {limit.unit} more would save {number(limit.price)} {other}"
    return [f"{used}, accelerators that are held included: {worth}."]


def certificate_mapping(proof: FleetCertificate) -> dict[str, Any]:
    """A check of a fleet for JSON."""
    names = ("objective", "bound", "gap", "residuals")
    return {name: getattr(proof, name) for name in names}


def certificate_words(proof: FleetCertificate) -> str:
    """A check of a fleet, in a sentence."""
    worst = max(proof.residuals, key=lambda name: proof.residuals[name])
    return (
        f"Checked from its prices: it costs {money(proof.objective)}, no fleet is below "
        f"{money(proof.bound)}, gap {proof.gap:.1e}; worst residual {proof.worst:.1e} ({worst})."
    )


def _uncoverable(fleet: Fleet) -> list[str]:
    """What no fleet covers when regions are lost, the worst sets first."""
    worst = sorted(fleet.survives, key=lambda outage: -outage.uncoverable_share)
    told = [
        f"{outage.uncoverable_share:.1%} if {fleet.scenario.site_words(outage.regions)} is lost"
        for outage in worst[:WORST]
        if outage.uncoverable_share > 0
    ]
    if not told:
        return []
    why = "Demand that law or state ties to what is lost, and that nothing elsewhere serves"
    return [f"{why}: {', '.join(told)}."]


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
        reach.heading(),
        (
            Column("reach", head=unit, digits=4),
            Column("fleet_gpu", Kind.COUNT, head="GPU"),
            Column("cost_usd", Kind.COUNT),
            Column("carbon_kg", Kind.COUNT),
        ),
        reach.table(),
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
        "fleets": reach.table(),
        "hull": [dict(zip(keys, slope, strict=True)) for slope in reach.slopes()],
        "jumps": jumps_table(reach),
    }


def patience_fleet_listing(fleets: Sequence[Patience]) -> Listing:
    """What each wait makes of the fleet."""
    levelled = any(each.fleet.levelled for each in fleets)
    said = "levelled: sized for work that is levelled first; the gap is that of size and hours."
    return Listing(
        "What patience is worth to the fleet",
        (
            Column("wait_h", head="may wait, h"),
            Column("gpu", Kind.COUNT, head="GPU"),
            Column("cost_usd", Kind.COUNT),
            Column("carbon_kg", Kind.COUNT, wide=True),
            Column("gap", digits=2),
            Column("how", Kind.TEXT),
        ),
        fleet_patience_table(fleets),
        (said,) if levelled else (),
    )
