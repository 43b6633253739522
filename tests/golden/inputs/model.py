"""Sound objects of the model, the small world, and fields that are wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import wattlas.data
import wattlas.model
import wattlas.replays.arrivals
from tests.golden.inputs.scenarios import world
from wattlas.data.scenario_file import load
from wattlas.model.baseline import BaselineRegions
from wattlas.model.contract import CarbonCap, ShareCap, Tier
from wattlas.model.frictions import Frictions
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.users import Prior, Scale, Segment, Terms, Users
from wattlas.model.workload import (
    OperatingPoint,
    Residency,
    WorkloadClass,
)

BAD = (None, "x", "", -1.0, 0.0, 2.0, float("nan"), float("inf"), True, 3, ["x"], {"x": -1.0})
POINT = OperatingPoint(
    "p", "v", 0.8, 0.1, 0.2, 0.001, 0.002, 60.0, 0.05, 12.0, 30.0, 5.0, 0.1, "2 x H100", {"k": 0.9}
)
KLASS = WorkloadClass(
    "k",
    900.0,
    400.0,
    90.0,
    2.0,
    bytes_per_request=1e6,
    session_state_bytes=3e9,
    requests_per_session_h=4.0,
)
SOUND: dict[str, Any] = {
    "metro": Metro("m", 1.0, 2.0, "UTC", "NO", "EU"),
    "node": ServiceNode("n", 1.0, 2.0),
    "region": Region("r", 1.0, 2.0, "Z", "NO", "EU"),
    "point": POINT,
    "class": KLASS,
    "rule": Residency("law", {"EU": frozenset({"EU"})}),
    "frictions": Frictions(),
    "objective": Objective(),
    "scale": Scale(0.5, 0.9, 10.0, 90.0, 0.3),
    "segment": Segment("s", 0.5, 0.2, 0.3, 0.4),
    "prior": Prior(),
    "users": Users(),
    "terms": Terms(),
    "baseline": BaselineRegions({"m": "r"}),
    "share cap": ShareCap("c", ("k",), ("p",), 0.2, wattlas.Window.DAY),
    "hours": Hours.range("2023-06-01", 3),
    "signals": Signals(("Z",), np.ones((1, 3)), np.ones((1, 3))),
    "tier": Tier("t", 0.2, 0.3),
    "carbon cap": CarbonCap("c", {"2023-06": 1.0}, wattlas.Window.MONTH),
    "network": Network(
        np.ones((1, 2)),
        np.ones((2, 1)),
        np.ones((2, 1)),
        np.zeros((1, 2), bool),
        np.zeros((2, 1), bool),
    ),
}


@cache
def mini(folder: Path) -> Scenario:
    return load(world(folder))


def wrong_parts(s: Scenario) -> dict[str, dict[str, Any]]:
    """Fields of a scenario that are wrong, by what is wrong."""
    north, south = s.regions
    a, b = s.classes
    return {
        "name": {"name": ""},
        "kinds": {
            "hours": 3,
            "users": 4,
            "regions": "x",
            "points": [1],
            "solver": "fast",
            "objective": "cheap",
        },
        "objective by word": {"objective": "carbon"},
        "empty": {"metros": (), "points": ()},
        "twice": {"regions": (north, north), "classes": (a, a)},
        "rules twice": {"residency": s.residency * 2, "tiers": (Tier("t", 0.1, 0.1),) * 2},
        "references": {
            "metros": (replace(s.metros[0], node="n9"), s.metros[1]),
            "nodes": (replace(s.nodes[0], region="q"), s.nodes[1]),
            "regions": (replace(north, zone="SE"), south),
            "classes": (
                replace(a, residency="x", points=("q",), latency_allowance_ms={"q": 3.0}),
                replace(b, state="pinned", state_copies=("*", "q")),
            ),
            "share_caps": (ShareCap("c", ("q",), ("w",), 0.2, wattlas.Window.DAY),),
            "frictions": Frictions(start_usd_by_region={"q": 1.0}),
        },
        "baseline": {
            "baseline": BaselineRegions({"oslo": "q", "m": "north"}, {"q": {"oslo": "north"}})
        },
        "sites": {
            "regions": (
                replace(north, site="S", capacity_max=4.0),
                replace(south, site="S", power_max_kw=9.0),
            )
        },
        "waits": {"classes": (replace(a, may_wait_h=1.3), b)},
        "demand": {"demand_per_h": np.ones((2, 2, 3))},
        "demand of less": {"demand_per_h": -s.demand_per_h},
        "demand of nothing": {
            "demand_per_h": np.where(s.demand_per_h > 2000, np.nan, s.demand_per_h)
        },
        "demand of text": {"demand_per_h": [["x"]]},
        "demand uneven": {"demand_per_h": [[1], [1, 2]]},
        "accelerators": {"reserved_gpu": np.array([[1, 2, -3, 4], [1, np.inf, np.nan, 2]])},
        "signals": {"signals": s.signals.take(np.arange(2))},
        "no hours": {"hours": s.hours.take(np.arange(0))},
        "no price": {"signals": replace(s.signals, price_usd_per_mwh=np.full((2, 4), np.nan))},
        "legs": {"network": replace(s.network, rtt_metro_node_ms=np.full((2, 2), np.inf))},
        "legs of others": {"network": SOUND["network"]},
    }
