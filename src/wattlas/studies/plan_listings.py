"""What a plan comes to, as listings: totals, where it runs, what its degradation caps allow.

A plan made in one piece and one written chunk by chunk are told by the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wattlas.model.objective import Minimise
from wattlas.model.plan import Plan
from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.placement.streaming.stream import it_mwh_by_region
from wattlas.studies.meta import totals_dict
from wattlas.studies.waits import waiting_words, waits_mapping


def plan_mapping(plan: Plan) -> dict[str, Any]:
    """A plan for JSON: how it ended, cost, carbon, shadow prices, totals, and energy by region."""
    return {
        "status": str(plan.status),
        "info": plan.info,
        "objective": plan.objective,
        "cost_usd": plan.totals.cost_usd,
        "carbon_kg": plan.totals.carbon_kg,
        "intensity": str(plan.scenario.signals.deciding),
        "notice": plan.scenario.notice,
        "totals": totals_dict(plan.totals),
        "abatement_usd_per_t": plan.abatement_usd_per_t,
        "limits": plan.limits,
        "shadow_prices": shadow_prices(plan),
        "notes": notes(plan),
        "waiting": waits_mapping(plan),
        "regions": energy_by_region(plan),
    }


def shadow_prices(plan: Plan) -> dict[str, Any]:
    """What one more unit of each bound would save, by constraint and row: mean over the hours, the
    most, and the share of the hours in which it saves anything.

    `unit` is what is saved: USD, or t CO2e where carbon is made least. One more unit of a lower
    bound (`mean_accuracy`) saves less than nothing: it costs.
    """
    s = plan.scenario
    rows = {"capacity": [r.id for r in s.regions], "mean_accuracy": [k.id for k in s.classes]}
    hours = s.hours.hours
    prices: dict[str, Any] = {"unit": _unit(plan)}
    for name, dual in plan.duals.items():
        ids = rows.get(name) or [str(n) for n in range(1, len(dual) + 1)]
        prices[name] = {
            row: {
                "mean": float(saved @ hours / hours.sum()),
                "most": float(saved[np.abs(saved).argmax()]),
                "share_of_hours": float(hours[saved != 0].sum() / hours.sum()),
            }
            for row, saved in zip(ids, -dual + 0.0, strict=True)
        }
    return prices


def _unit(plan: Plan) -> str:
    """Of the objective: tonnes or USD."""
    return "t" if plan.scenario.objective.minimise is Minimise.CARBON else "USD"


def notes(plan: Plan) -> list[str]:
    """What a reader of the plan must know of it, in sentences."""
    from wattlas.placement.tables.negative_prices import negative_price_words

    return [note for note in (negative_price_words(plan), *waiting_words(plan)) if note]


def energy_by_region(plan: Plan) -> dict[str, float]:
    """IT energy of each region over the window, MWh."""
    energy = it_mwh_by_region(plan)
    return {r.id: float(mwh) for r, mwh in zip(plan.scenario.regions, energy, strict=True)}


def regions_listing(energy_mwh: Mapping[str, float]) -> Listing:
    """Where it runs, most energy first; shares are of the energy of all requests."""
    ranked = sorted(energy_mwh.items(), key=lambda item: -item[1])
    whole = max(sum(energy_mwh.values()), 1e-300)
    return Listing(
        "Where it runs",
        (Column("region", Kind.TEXT), Column("mwh", head="MWh"), Column("share", Kind.SHARE)),
        {
            "region": [region for region, _ in ranked],
            "mwh": [mwh for _, mwh in ranked],
            "share": [mwh / whole for _, mwh in ranked],
        },
    )


def caps_listing(plan: Plan) -> Listing | None:
    """Each degradation cap of a tier: what it allows, what was degraded, what one more percent
    saves; None where there is none."""
    limits = [limit for limit in plan.limits if limit.share_max == limit.share_max]
    rows = []
    for name in dict.fromkeys(limit.id for limit in limits):
        windows = [limit for limit in limits if limit.id == name]
        shares = [max(limit.share, 0.0) for limit in windows]
        rows.append(
            {
                "class": name,
                "windows": len(windows),
                "cap": windows[0].share_max,
                "least": min(shares),
                "most": max(shares),
                "saving": sum(limit.per_percent for limit in windows),
            }
        )
    if not rows:
        return None
    return Listing(
        "Degraded at most, by the cap of each tier",
        (
            Column("class", Kind.TEXT),
            Column("windows", Kind.COUNT),
            Column("cap", Kind.SHARE, head="degradation cap"),
            Column("least", Kind.SHARE, head="degraded at least"),
            Column("most", Kind.SHARE, head="at most"),
            Column("saving", head=f"one more percent saves, {_unit(plan)}", digits=4),
        ),
        table_of(rows),
    )
