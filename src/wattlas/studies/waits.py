"""What waiting comes to, for people: how long, what it saves, and what it emits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from wattlas.model.plan import Plan
from wattlas.model.table import Column, Kind, Listing, Table, table_of
from wattlas.units import KG_PER_T

SAME = 1e-9
"""Relative differences below this are none."""


def waits_listing(plan: Plan) -> Listing | None:
    """How long the requests of each class that may wait did; None where none may."""
    if plan.waited is None:
        return None
    rows = [
        {
            "class": waits.klass,
            "may_wait_h": waits.may_wait_h,
            "later": waits.later_requests / waits.requests if waits.requests else 0.0,
            "mean_h": waits.mean_h,
            "p95_h": waits.p95_h,
            "most_h": waits.most_h,
        }
        for waits in plan.waited.by_class(plan.scenario)
    ]
    return Listing(
        "Time waited",
        (
            Column("class", Kind.TEXT),
            Column("may_wait_h", head="may wait, h"),
            Column("later", Kind.SHARE, head="runs later than asked"),
            Column("mean_h", head="mean, h", digits=3),
            Column("p95_h", head="95th percentile, h"),
            Column("most_h", head="most, h"),
        ),
        table_of(rows),
    )


def patience_table(waits_h: Sequence[float], plans: Sequence[Plan]) -> Table:
    """One row per wait: cost, carbon, what they save against the first, time waited, certified gap.

    nan where there is no placement; time waited is that of all classes that may wait.
    """
    first = plans[0].totals
    rows = [
        {
            "wait_h": wait_h,
            "cost_usd": plan.totals.cost_usd,
            "saving_usd": _shown(plan, first.variable_usd - plan.totals.variable_usd),
            "carbon_kg": plan.totals.carbon_kg,
            "saving_kg": _shown(plan, first.carbon_kg - plan.totals.carbon_kg),
            "mean_wait_h": _mean_h(plan),
            "gap": plan.info.gap,
        }
        for wait_h, plan in zip(waits_h, plans, strict=True)
    ]
    return table_of(rows)


def patience_listing(table: Table) -> Listing:
    """The same for people."""
    return Listing(
        "What patience is worth",
        (
            Column("wait_h", head="may wait, h"),
            Column("cost_usd", Kind.COUNT),
            Column("saving_usd", digits=4),
            Column("carbon_kg", Kind.COUNT),
            Column("saving_kg", digits=4),
            Column("mean_wait_h", head="waits on average, h", digits=3),
            Column("gap", digits=2),
        ),
        table,
    )


def _shown(plan: Plan, saving: float) -> float:
    """A saving, nan where it is not to be shown."""
    return float("nan") if plan.waited is not None and plan.waited.unlimited else saving


def _mean_h(plan: Plan) -> float:
    """Hours that a request of the classes that may wait waits on average."""
    if plan.waited is None:
        return 0.0 if plan.ok else float("nan")
    each = plan.waited.by_class(plan.scenario)
    requests = sum(waits.requests for waits in each)
    total = sum(waits.mean_h * waits.requests for waits in each)
    return total / requests if requests else 0.0


def waits_mapping(plan: Plan) -> dict[str, Any] | None:
    """The same for JSON, with what waiting saves: None where that is not known or not shown."""
    waited = plan.waited
    if waited is None:
        return None
    usd, kg = saved_by_waiting(plan)
    return {
        "classes": [asdict(waits) for waits in waited.by_class(plan.scenario)],
        "saved_usd": usd,
        "saved_kg": kg,
        "notes": waiting_words(plan),
    }


def saved_by_waiting(plan: Plan) -> tuple[float | None, float | None]:
    """(USD, kg) against the best placement in which nothing waits.

    None where there is no such placement, where electricity has no price, and where a region
    without a limit on accelerators has prices below 0.
    """
    waited = plan.waited
    if waited is None or waited.without is None or waited.unlimited:
        return None, None
    usd = waited.without.variable_usd - plan.totals.variable_usd
    kg = waited.without.carbon_kg - plan.totals.carbon_kg
    return (usd if usd == usd else None), kg


def waiting_words(plan: Plan) -> list[str]:
    """What a reader must know of waiting, in sentences."""
    waited = plan.waited
    return [] if waited is None else [*_saved_words(plan), *_cut_words(plan)]


def _saved_words(plan: Plan) -> list[str]:
    assert plan.waited is not None
    if plan.waited.unlimited:
        return [
            "What waiting saves is not shown: a region without a limit on accelerators has prices "
            "below 0, and work that waits for them would save without end. State reserved_gpu."
        ]
    if plan.waited.without is None:
        return ["If nothing waited, the demand could not be served."]
    usd, kg = saved_by_waiting(plan)
    without = plan.waited.without
    emits = kg is not None and kg < -SAME * abs(without.carbon_kg)
    carbon = "" if kg is None else f"{abs(kg) / KG_PER_T:,.4g} t CO2e"
    if usd is None:
        return [f"Waiting {'emits ' + carbon + ' more' if emits else 'saves ' + carbon}."]
    # A share of a cost that negative prices bring below 0 says nothing.
    paid = without.variable_usd
    share = f", {usd / paid:.2%} of the cost without reserved accelerators" if paid > 0 else ""
    money = f"Waiting saves {usd:,.4g} USD{share}"
    return [f"{money}, and emits {carbon} more." if emits else f"{money}, and {carbon}."]


def _cut_words(plan: Plan) -> list[str]:
    assert plan.waited is not None
    cut = sum(waits.cut_requests for waits in plan.waited.by_class(plan.scenario))
    if not cut:
        return []
    return [
        f"All is served by the end: the patience of the last {cut:,.4g} requests of each stretch "
        "of hours is cut short."
    ]
