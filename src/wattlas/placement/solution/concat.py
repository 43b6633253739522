"""Plans of neighbouring stretches of time as one plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

import numpy as np

from wattlas.model.plan import Flows, LimitReport, Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.hour import highs
from wattlas.placement.solution.totals import add_totals


def joined(scenario: Scenario, parts: list[Plan], seconds: float) -> Plan:
    """The plans of neighbouring stretches of a scenario as one; flows where all of them have."""
    prices = [p for one in parts if (p := one.capacity_price_usd_per_gpu_h) is not None]
    rows = [p for one in parts if (p := one.row_price) is not None]
    duals = [d for one in parts if (d := one.abatement_usd_per_t) is not None]
    return replace(
        parts[0],
        status=max((one.status for one in parts), key=list(Status).index),
        scenario=scenario,
        info=_info_of([one.info for one in parts], seconds),
        flows=_flows(parts),
        totals=reduce(add_totals, (one.totals for one in parts)),
        objective=sum(one.objective for one in parts),
        capacity_price_usd_per_gpu_h=np.concatenate(prices, axis=1) if prices else None,
        row_price=np.concatenate(rows, axis=1) if len(rows) == len(parts) else None,
        abatement_usd_per_t=np.concatenate(duals) if duals else None,
        limits=by_limit(report for one in parts for report in one.limits),
    )


def _flows(parts: list[Plan]) -> Flows | None:
    """Flows one after the other, with the hours of the whole."""
    flows = [one.flows for one in parts if one.flows is not None]
    if len(flows) < len(parts):
        return None
    begin = np.cumsum([0, *(one.scenario.hours.count for one in parts)])[:-1]
    hour = np.concatenate([one.hour + n for one, n in zip(flows, begin, strict=True)])
    names = ("metro", "klass", "region", "point", "requests_per_h")
    columns = {name: np.concatenate([getattr(one, name) for one in flows]) for name in names}
    return Flows(hour=hour.astype(np.int32), **columns)


def by_limit(reports: Iterable[LimitReport]) -> tuple[LimitReport, ...]:
    """Reports with those of one limit together, limits in the order in which they come first."""
    grouped: dict[str, list[LimitReport]] = {}
    for one in reports:
        grouped.setdefault(one.id, []).append(one)
    return tuple(report for group in grouped.values() for report in group)


def _info_of(parts: list[SolveInfo], seconds: float) -> SolveInfo:
    """Counts of all stretches added up; the size is that of the largest program."""
    largest = max(parts, key=lambda one: one.columns)
    engine, slow = sum(one.engine_hours for one in parts), sum(one.highs_hours for one in parts)
    programs = sum(one.programs for one in parts)
    return replace(
        largest,
        solver=counted_words(engine, slow, programs),
        seconds=seconds,
        build_seconds=sum(one.build_seconds for one in parts),
        engine_hours=engine,
        highs_hours=slow,
        programs=programs,
        gap=max(one.gap for one in parts),
    )


def counted_words(engine_hours: int, highs_hours: int, programs: int) -> str:
    """Who solved so many hours and programs."""
    if not engine_hours:
        return highs.version() if programs else "closed form per hour"
    if not highs_hours:
        return "wattlas engine"
    return f"wattlas engine, {highs_hours} hours by {highs.version()}"
