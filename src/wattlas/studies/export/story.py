"""The story that the live demo plays: the example of three regions, with a green contract."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wattlas.model.contract import Tier
from wattlas.model.objective import Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.policy.planned import Planned, optimum
from wattlas.serve.demo.demo import Story
from wattlas.studies.export.schedule import schedule_of

HOURS = 240
SHARE = "3/20"
GREEN = Tier("green", share_max=0.15, adoption=0.5, points=("small",), classes=("A",),
             window=Window.DAY)  # fmt: skip


def demo_story(world: Scenario) -> Story:
    """Ten days of the example `tiny`, from the present hour, half of class A under contract."""
    policy = optimum(offer(world, [GREEN]))
    assert isinstance(policy, Planned)
    now = datetime.now(UTC)
    part = schedule_of(policy, now, HOURS, int(now.timestamp()))
    rtt = world.network.rtt_node_region_ms[world.metro_node]
    nearest = np.where(np.isfinite(rtt), rtt, np.inf).min(axis=0)
    return Story(
        part,
        {region.id: float(nearest[r]) for r, region in enumerate(world.regions)},
        tuple(metro.id for metro in world.metros),
        ("A",),
        GREEN.id,
        SHARE,
        world.notice,
    )
