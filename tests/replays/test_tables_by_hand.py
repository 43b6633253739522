"""Every table of a replay once more, from the requests that ended, one by one in plain loops.

The world has steps of half an hour, a PUE above 1 everywhere, a tier, and a region without
accelerators, so that some requests go unserved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tests.replays.worlds import Kept, green, thin
from wattlas.model.scenario import Scenario
from wattlas.policy.registry import policy_of
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import replay

STEP_H = 0.5


@dataclass(frozen=True)
class Ended:
    """One request that was served."""

    metro: int
    klass: int
    region: int
    point: int
    step: int
    degraded: bool
    tokens: tuple[int, int]
    first_s: float
    whole_s: float


@dataclass(frozen=True)
class Replayed:
    """What a replay says, and the requests that it is about."""

    world: Scenario
    outcome: Outcome
    served: list[Ended]

    def kwh(self, each: Ended) -> float:
        """IT energy of a request, with its own tokens."""
        point = self.world.points[each.point]
        prompt, answer = each.tokens
        joules = point.prefill_j_per_token * prompt + point.decode_j_per_token * answer
        return (joules + point.request_j) / 3.6e6


@pytest.fixture(scope="module", params=["least-cost", "greedy"])
def made(request: pytest.FixtureRequest) -> Replayed:
    """A replay of six steps."""
    base = green(share_max=0.4)
    gpu = base.reserved_gpu * np.array([1.0, 1.0, 0.0])[:, None]
    hours = replace(base.hours, step_h=STEP_H)
    world = thin(replace(base, reserved_gpu=gpu, hours=hours), 0.02, 6)
    assert all(region.pue > 1 for region in world.regions)
    kept = Kept()
    outcome = replay(world, policy_of(world, request.param), AtRates(world, seed=3), sink=kept)
    return Replayed(world, outcome, list(_ended(world, kept)))


def _ended(world: Scenario, kept: Kept) -> Iterator[Ended]:
    classes, points = len(world.classes), len(world.points)
    for (arrival, first, last, network), what in zip(*kept.all(), strict=True):
        region, point = divmod(int(what[2]), points)
        yield Ended(
            metro=int(what[1]) // classes, klass=int(what[1]) % classes,
            region=region, point=point,
            step=int(arrival // (STEP_H * 3600)), degraded=bool(what[4]),
            tokens=(int(what[5]), int(what[6])),
            first_s=first - arrival + network, whole_s=last - arrival + network,
        )  # fmt: skip


def test_counts_and_sums_of_money_and_carbon(made: Replayed) -> None:
    """Each request pays for its energy at the price of its step and for its bytes."""
    world, totals = made.world, made.outcome.totals
    sums: dict[str, float] = defaultdict(float)
    for each in made.served:
        facility = made.kwh(each) * world.regions[each.region].pue
        zone = list(world.signals.zones).index(world.regions[each.region].zone)
        node = world.metro_node[each.metro]
        signals = world.signals
        assert signals.marginal_g_per_kwh is not None
        sums["it_mwh"] += made.kwh(each) / 1e3
        sums["facility_mwh"] += facility / 1e3
        sums["energy_usd"] += facility / 1e3 * signals.price_usd_per_mwh[zone, each.step]
        sums["carbon_average_kg"] += facility * signals.average_g_per_kwh[zone, each.step] / 1e3
        sums["carbon_marginal_kg"] += facility * signals.marginal_g_per_kwh[zone, each.step] / 1e3
        gb = world.classes[each.klass].bytes_per_request / 1e9
        sums["egress_gb"] += gb
        sums["egress_usd"] += gb * world.network.egress_usd_per_gb[node, each.region]
        sums["rtt_mean_ms"] += _rtt_ms(world, each)
    sums["rtt_mean_ms"] /= len(made.served)
    sums["carbon_kg"] = sums["carbon_marginal_kg"]
    sums["reserved_usd"] = sum(
        world.reserved_gpu[r, 0] / region.utilisation_max * region.reserved_usd_per_gpu_year
        * STEP_H * made.outcome.steps / 8760
        for r, region in enumerate(world.regions)
    )  # fmt: skip
    for name, value in sums.items():
        assert getattr(totals, name) == pytest.approx(value, rel=1e-9), name
    assert made.outcome.served == len(made.served)
    assert 0 < made.outcome.unserved == made.outcome.requests - len(made.served)


def _rtt_ms(world: Scenario, each: Ended) -> float:
    node, network = world.metro_node[each.metro], world.network
    first = network.rtt_metro_node_ms[each.metro, node]
    return float(first + network.rtt_node_region_ms[node, each.region])


def test_places(made: Replayed) -> None:
    """Requests and tokens of each step, class, region, point and service."""
    world = made.world
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in made.served:
        row = sums[
            str(world.hours.utc[each.step].astype("M8[s]")), world.classes[each.klass].id,
            world.regions[each.region].id,
            world.points[each.point].id, "degraded" if each.degraded else "full",
        ]  # fmt: skip
        for n, value in enumerate((1, *each.tokens)):
            row[n] += value
    told, gone = {}, 0
    for row in made.outcome.to_polars("places").to_dicts():
        key = tuple(row[name] for name in ("class", "region", "point", "service"))
        if row["region"] == "unserved":
            gone += row["requests"]
        else:
            time = str(np.datetime64(row["time_utc"].replace(tzinfo=None), "s"))
            told[time, *key] = [row[name] for name in ("requests", "tokens_in", "tokens_out")]
    assert told == sums
    assert gone == made.outcome.unserved


def test_latency(made: Replayed) -> None:
    """Who was late by the class's own budget, and where the quantiles lie."""
    world, late = made.world, 0
    for row in made.outcome.to_polars("latency").to_dicts():
        chosen = [
            each for each in made.served
            if world.classes[each.klass].id == row["class"]
            and each.degraded == (row["service"] == "degraded")
        ]  # fmt: skip
        first = row["moment"] == "first token"
        ms = np.array([(each.first_s if first else each.whole_s) * 1e3 for each in chosen])
        assert row["requests"] == len(chosen) > 0
        for part in (50, 95, 99):
            exact = np.quantile(ms, part / 100, method="inverted_cdf")
            assert row[f"p{part}_ms"] == pytest.approx(exact, rel=0.006)
        over = 0
        for each in chosen:
            klass = world.classes[each.klass]
            allowed = klass.latency_allowance_ms.get(world.points[each.point].id, 0.0)
            to_first = str(klass.latency_to) == "first_token"
            took = (each.first_s if to_first else each.whole_s) * 1e3
            over += took > (klass.latency_budget_ms + allowed) * (1 + 1e-9)
        assert row["late_share"] == pytest.approx(over / len(chosen), abs=1e-12)
        late += over * first
    assert made.outcome.late == late
