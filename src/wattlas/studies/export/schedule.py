"""A placement as the schedule that the live service reads: the routing of the next hours.

A scenario's year need not be the present one: each coming UTC hour takes the scenario's step of the
same month, day and hour, or else one of the same hour of the day. Whatever decides is a policy, and
is asked as replay asks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import isfinite

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.plan import UNSERVED
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.baseline_region import baseline_of
from wattlas.placement.problem.feasibility import degraded_points, feasibility
from wattlas.policy.loop import Loop
from wattlas.policy.planned import Planned
from wattlas.policy.protocol import Forecast, Observed
from wattlas.policy.routing import UNSERVED_REGION, Places, Routing
from wattlas.serve.schedule_parts import (
    ClassPart,
    HourPart,
    PlacePart,
    PointPart,
    RegionPart,
    SchedulePart,
    SetPart,
    SignalPart,
)

HOUR_S = 3600.0
_HOURLY = timedelta(hours=1)


def steps_of(scenario: Scenario, moments: list[datetime]) -> list[int]:
    """The scenario's step for each moment. Raises UsageError where no step has its hour of day."""
    stamps = [stamp.item() for stamp in scenario.hours.utc]
    exact = {(t.month, t.day, t.hour): n for n, t in reversed(list(enumerate(stamps)))}
    daily = {t.hour: n for n, t in reversed(list(enumerate(stamps)))}
    missing = sorted({moment.hour for moment in moments} - set(daily))
    if missing:
        raise UsageError(
            f"no step of the scenario begins at UTC hour {', '.join(f'{h:02d}' for h in missing)}. "
            "Study whole days."
        )
    return [exact.get((m.month, m.day, m.hour), daily[m.hour]) for m in moments]


def schedule_of(
    policy: Planned, now: datetime, hours: int, epoch: int, writer: str = ""
) -> SchedulePart:
    """The schedule of so many hours from the one that `now` lies in."""
    scenario = policy.placed.scenario
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    moments = [first + n * _HOURLY for n in range(hours)]
    loop = Loop.of(scenario, policy)
    parts = tuple(
        _hour(scenario, _routing(loop, scenario, step), step, moment)
        for moment, step in zip(moments, steps_of(scenario, moments), strict=True)
    )
    return SchedulePart(
        format="wattlas-schedule-1",
        epoch=epoch,
        writer=writer,
        source=f"{scenario.title or scenario.name}, {policy.name}",
        classes=tuple(
            ClassPart(id=klass.id, base=klass.base, contract=klass.contract)
            for klass in scenario.classes
        ),
        points={
            point.id: PointPart(
                variant=point.variant,
                prefill_j_per_token=point.prefill_j_per_token,
                decode_j_per_token=point.decode_j_per_token,
                request_j=point.request_j,
            )
            for point in scenario.points
        },
        regions={region.id: RegionPart(pue=region.pue) for region in scenario.regions},
        usual=_usual(scenario),
        hours=parts,
    )


def _routing(loop: Loop, scenario: Scenario, step: int) -> Routing:
    """What the policy answers at a step, which is all that it is told."""
    unknown = np.full(len(scenario.regions), np.nan)
    observed = Observed(
        scenario.hours.utc[step], scenario.price_usd_per_mwh[:, step],
        scenario.deciding_g_per_kwh[:, step], unknown, scenario.demand_per_h[:, :, step], unknown,
        scenario.most_gpu[:, step],
    )  # fmt: skip
    none = np.zeros((len(scenario.regions), 0))
    forecast = Forecast(
        observed.utc, np.array([], "datetime64[s]"), 1.0, none, none,
        np.zeros((*scenario.demand_per_h.shape[:2], 0)), np.zeros(none.shape, bool),
    )  # fmt: skip
    return loop.tick(observed, forecast)


def _hour(scenario: Scenario, routing: Routing, step: int, moment: datetime) -> HourPart:
    price, average = scenario.price_usd_per_mwh[:, step], scenario.average_g_per_kwh[:, step]
    signals = scenario.signals
    marginal = signals.marginal_g_per_kwh
    rows = scenario.region_zone
    edges = np.full(len(rows), np.nan) if marginal is None else marginal[rows, step]
    return HourPart(
        issued_utc=moment,
        hold_s=HOUR_S,
        sets=tuple(_sets(routing)),
        threshold_usd={
            klass: _finite(routing.threshold_usd[k]) for k, klass in enumerate(routing.classes)
        },
        signals={
            region.id: SignalPart(
                price_usd_per_mwh=_finite(price[r]),
                average_g_per_kwh=_finite(average[r]),
                marginal_g_per_kwh=_finite(edges[r]),
            )
            for r, region in enumerate(scenario.regions)
        },
        vintage=f"{scenario.name} {scenario.hours.utc[step]}Z",
    )


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _sets(routing: Routing) -> Iterator[SetPart]:
    for m, metro in enumerate(routing.metros):
        for k, klass in enumerate(routing.classes):
            full = _places(routing, routing.places(m, k))
            if full:
                low = _places(routing, routing.places(m, k, degraded=True))
                yield SetPart(
                    **{"class": klass}, metro=metro, full=full, degraded=low,
                    saving_usd=_finite(routing.saving_usd[m, k]) if low else None,
                )  # fmt: skip


def _places(routing: Routing, places: Places | None) -> tuple[PlacePart, ...]:
    """Places by name. A part that the placement leaves unserved is shared out over the others."""
    if places is None:
        return ()
    names = [routing.regions[region] for region in places.region]
    served = np.array([name != UNSERVED_REGION for name in names])
    whole = float(places.share[served].sum())
    return tuple(
        PlacePart(region=name, point=routing.points[point], share=min(share / whole, 1.0))
        for name, point, share, on in zip(
            names, places.point, places.share.tolist(), served, strict=True
        )
        if on
    )


def _usual(scenario: Scenario) -> dict[str, dict[str, PlacePart]]:
    """Where each metro and class would run without Wattlas: at its baseline region, on the most
    accurate point that is open there in full service."""
    judged = feasibility(scenario)
    region = baseline_of(scenario, judged).region
    full = ~degraded_points(scenario)
    usual: dict[str, dict[str, PlacePart]] = {}
    for m, metro in enumerate(scenario.metros):
        for k, klass in enumerate(scenario.classes):
            at = int(region[m, k])
            if at == UNSERVED:
                continue
            open_ = np.flatnonzero(judged.allowed[m, k, at] & full[k])
            best = max(open_, key=lambda o: klass.accuracy(scenario.points[o]))
            place = PlacePart(region=scenario.regions[at].id, point=scenario.points[best].id)
            usual.setdefault(metro.id, {})[klass.id] = place
    return usual
