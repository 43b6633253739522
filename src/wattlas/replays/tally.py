"""Requests of a replay added up by step and place, and what they come to in the plan's own account.

    IT kWh = (prefill J/token · tokens in + decode J/token · tokens out + J/request · n) / 3.6e6

with the tokens that came, not the class's mean; everything else is the account that every plan has
(`placement.solution.account`). A request counts in the step in which it arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.model.plan import UNSERVED, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.account import Account
from wattlas.units import J_PER_KWH, S_PER_H

COLUMNS = ("hour", "source", "degraded", "region", "point", "requests", "tokens_in", "tokens_out")


@dataclass
class Tally:
    """Sums of every step: parallel columns of `COLUMNS`, `source` = metro · classes + class,
    `region` = R where requests go unserved.
    """

    scenario: Scenario
    parts: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def add(
        self, hour: int, number: np.ndarray, region: np.ndarray, point: np.ndarray, sums: np.ndarray
    ) -> None:
        """The sums (E, 3) of the places of one step."""
        on = np.flatnonzero(sums[:, 0] > 0)
        columns = (np.full(len(on), hour), number[on] // 2, number[on] % 2, region[on], point[on])
        self.parts.append((*columns, *sums[on].T))

    def columns(self) -> dict[str, np.ndarray]:
        """All of it by name."""
        if not self.parts:
            return {name: np.zeros(0) for name in COLUMNS}
        joined = (np.concatenate(column) for column in zip(*self.parts, strict=True))
        return dict(zip(COLUMNS, joined, strict=True))

    def totals(self) -> Totals:
        """What the requests come to; `late_requests` is left to those who saw the latencies."""
        return totals_of(self.scenario, self.columns())


def joules(scenario: Scenario, sums: dict[str, np.ndarray]) -> np.ndarray:
    """IT energy of each row, J."""
    return _by_token(scenario, sums, "prefill_j_per_token", "decode_j_per_token", "request_j")


def gpu_hours(scenario: Scenario, sums: dict[str, np.ndarray]) -> np.ndarray:
    """Accelerator time of each row, GPU-h."""
    names = ("prefill_gpu_s_per_token", "decode_gpu_s_per_token", "request_gpu_s")
    return _by_token(scenario, sums, *names) / S_PER_H


def _by_token(
    scenario: Scenario, sums: dict[str, np.ndarray], prefill: str, decode: str, request: str
) -> np.ndarray:
    per = np.array([[getattr(o, n) for n in (prefill, decode, request)] for o in scenario.points])
    at = per[sums["point"].astype(np.int64)]
    return np.asarray(
        at[:, 0] * sums["tokens_in"] + at[:, 1] * sums["tokens_out"] + at[:, 2] * sums["requests"]
    )


def totals_of(scenario: Scenario, sums: dict[str, np.ndarray]) -> Totals:
    """The account of some rows of `COLUMNS`."""
    i, k, r, o, t = scenario.shape
    index = {n: sums[n].astype(np.int64) for n in COLUMNS[:5]}
    came = np.bincount(index["source"] * t + index["hour"], sums["requests"], i * k * t)
    demand = came.reshape(i, k, t) / scenario.hours.hours
    instance = build_instance(replace(scenario, demand_per_h=demand))
    source = instance.source_of.ravel()[index["source"]]
    gone = index["region"] == r
    on = ~gone
    place = (source * r + np.where(gone, 0, index["region"])) * o + index["point"]
    spot = np.where(gone, 0, index["region"]) * t + index["hour"]
    kwh, gpu_h = joules(scenario, sums) / J_PER_KWH, gpu_hours(scenario, sums)

    def grid(at: np.ndarray, weight: np.ndarray, *shape: int) -> np.ndarray:
        summed = np.bincount(at, weight, int(np.prod(shape)))
        return np.asarray(summed.reshape(shape), dtype=float)

    used = grid(spot[on], gpu_h[on], r, t)
    account = Account(
        instance,
        it_kwh=grid(spot[on], kwh[on], r, t),
        requests=grid(place[on], sums["requests"][on], instance.sources, r, o),
        served=grid(source[on] * t + index["hour"][on], sums["requests"][on], instance.sources, t),
        unserved=grid(
            source[gone] * t + index["hour"][gone], sums["requests"][gone], instance.sources, t
        ),
        bought_gpu_h=np.zeros(r),  # paid for below: by what ran, not by requests
    )
    links = SourceFlows(
        index["hour"], source, np.where(gone, UNSERVED, index["region"]), index["point"],
        sums["requests"] / scenario.hours.hours[index["hour"]],
    )  # fmt: skip
    totals = account.totals(links if scenario.frictions.couples else None)
    over = np.maximum(used - instance.capacity * scenario.hours.hours, 0.0)
    bought = np.where(instance.surplus > 0, np.where(over > 1e-12 * used, over, 0.0), 0.0)
    paid = scenario.used_usd_per_gpu_h @ used.sum(axis=1)
    surplus = np.where(scenario.buys_surplus, scenario.on_demand_usd_per_gpu_h, 0.0)
    return replace(
        totals,
        gpu_h=float(gpu_h[on].sum()),
        on_demand_usd=float(paid + surplus @ bought.sum(axis=1)),
        late_requests=0.0,
    )
