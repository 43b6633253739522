"""Waiting as one program for GLPK: every request of a step in every step that it may run in.

Nothing is first in, first out here, and nothing is a queue: a column for each step of arrival, each
step of running and each place. Nothing of `wattlas.placement` is imported.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np

from tests import oracle
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours


def may_run(s: Scenario, k: int, t: int) -> list[int]:
    """The steps in which a request of class k that arrives in t may run."""
    steps, patience = [t], round(s.classes[k].may_wait_h / s.hours.step_h)
    while len(steps) <= patience:
        after = steps[-1] + 1
        if after >= s.hours.count or s.hours.offset[after] != s.hours.offset[after - 1] + 1:
            break
        if s.hours.weight[after] != s.hours.weight[after - 1]:
            break
        steps.append(after)
    return steps


def oracle_waiting(s: Scenario) -> tuple[str, float]:
    """(status, least cost or carbon) where requests may wait."""
    lp, span = oracle.Program(), s.hours.hours
    least: Any = (
        oracle.unit_usd if s.objective.minimise is Minimise.COST else oracle._least_carbon(s)
    )
    places, _ = oracle.open_places(s)
    used: dict[tuple[int, int], dict[Any, float]] = {}
    scores: dict[tuple[int, int], dict[Any, float]] = {}
    for (i, k), open_to in places.items():
        shed = [oracle.UNSERVED] if s.classes[k].unserved_usd_per_request is not None else []
        for a in range(s.hours.count):
            rate = float(s.demand_per_h[i, k, a])
            if rate <= 0:
                continue
            terms = {}
            for t in may_run(s, k, a):
                for r, o in [*open_to, *shed]:
                    column = ("w", i, k, a, t, r, o)
                    lp.cost[column] = span[t] * rate * least(s, i, k, r, o, t)
                    terms[column] = 1.0
                    if r < 0:
                        continue
                    used.setdefault((r, t), {})[column] = oracle.gpu_h(s, k, o) * rate
                    minimum = s.classes[k].mean_accuracy_min
                    if minimum is not None and not oracle.degraded(s, k, o):
                        excess = (oracle.accuracy(s, k, o) - minimum) * rate
                        scores.setdefault((k, t), {})[column] = excess
            lp.row(("demand", i, k, a), terms, 1.0, 1.0)
    for (k, t), terms in scores.items():
        lp.row(("accuracy", k, t), terms, 0.0, math.inf)
    for (r, t), terms in used.items():
        _capacity(lp, s, r, t, terms)
    shares(lp, s)
    status, values, _ = lp.solve()
    return status, math.fsum(lp.cost[c] * v for c, v in values.items())


def shares(lp: oracle.Program, s: Scenario) -> None:
    """Σ hours·d·x over what is degraded ≤ φ·Σ hours·d, per cap and window of *arrival*."""
    columns = [column for column in lp.cost if column[0] == "w"]
    for number, cap in enumerate(s.share_caps):
        counted = [k for k, klass in enumerate(s.classes) if klass.id in cap.classes]
        points = [o for o, point in enumerate(s.points) if point.id in cap.points]
        for w, steps in enumerate(oracle.windows(s, cap.window)):
            requests = s.hours.hours * s.demand_per_h
            total = float(requests[:, counted][:, :, steps].sum())
            terms = {
                column: float(requests[column[1], column[2], column[3]]) / total
                for column in columns
                if column[2] in counted and column[3] in steps
                and column[5] >= 0 and column[6] in points
            }  # fmt: skip
            if terms:
                most = cap.share_max * (1 + oracle.ROUNDING)
                lp.row(("share", number, w), terms, -math.inf, most)


def _capacity(lp: oracle.Program, s: Scenario, r: int, t: int, terms: dict[Any, float]) -> None:
    """Σ g·x ≤ K + o, o ≤ O at its price."""
    region, limit = s.regions[r], float(s.reserved_gpu[r, t])
    if oracle.is_on_demand(s, r):
        limit = float(region.on_demand_gpu)
    elif region.on_demand_gpu > 0 and math.isfinite(limit):
        bought, unit = ("o", r, t), max(terms.values()) or 1.0
        terms[bought] = -unit
        in_usd = s.objective.minimise is Minimise.COST
        hourly = float(s.hours.hours[t]) * region.on_demand_usd_per_gpu_h
        lp.cost[bought] = hourly * unit if in_usd else 0.0
        if math.isfinite(region.on_demand_gpu):
            most = float(region.on_demand_gpu) / unit * (1 + oracle.ROUNDING)
            lp.row(("bought", r, t), {bought: 1.0}, -math.inf, most)
    if math.isfinite(limit):
        lp.row(("capacity", r, t), terms, -math.inf, limit * (1 + oracle.ROUNDING))


def queue_by_hand(arrived: np.ndarray, ran: np.ndarray, hours: Hours) -> dict[int, float]:
    """Requests by the steps that they waited, from a queue that is filled and emptied."""
    waited: dict[int, float] = {}
    line: deque[list[float]] = deque()
    for t in range(hours.count):
        line.append([t, float(arrived[t])])
        left = float(ran[t])
        while line and left > 1e-9:
            take = min(left, line[0][1])
            waited[t - int(line[0][0])] = waited.get(t - int(line[0][0]), 0.0) + take
            left, line[0][1] = left - take, line[0][1] - take
            if line[0][1] <= 1e-9:
                line.popleft()
    return waited
