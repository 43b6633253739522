"""Fleets that a regression test runs over: each is unlike the embedded world in one way.

A fleet is a function from an empty folder to a scenario, written as a user writes one. `FLEETS`
lists them by name; the fixture `fleet` gives each with its study, computed once in a test run. A
new fleet is one more function and one more line of the list: every test over fleets then has it.
"""

from __future__ import annotations

import fcntl
import math
import pickle
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

import wattlas
from tests.acceptance.small_world import small_world
from tests.sceptic import Sceptic, rows
from wattlas.model.scenario import Scenario
from wattlas.studies.study import Study

HOURS = 24
SAMPLES = 4
"""Budgets of each frontier where capacity may bind."""
Fleet = Callable[[Path], Scenario]

# Two models, and the larger one in batches: slower, and leaner at the same accuracy.
POINTS: dict[str, dict[str, Any]] = {
    "large": {
        "variant": "large", "accuracy": 0.9, "request_j": 3.6e6, "request_gpu_s": 1800,
        "ttft_ms": 60,
    },
    "batched": {
        "variant": "large", "accuracy": 0.9, "request_j": 2.52e6, "request_gpu_s": 1080,
        "ttft_ms": 180,
    },
    "small": {
        "variant": "small", "accuracy": 0.8, "request_j": 1.8e6, "request_gpu_s": 900,
        "ttft_ms": 30,
    },
}  # fmt: skip
# One class that needs the large model soon, and one that takes any model later.
CLASSES: dict[str, dict[str, Any]] = {
    "A": {
        "name": "interactive", "latency_budget_ms": 300, "accuracy_min": 0.85,
        "bytes_per_request": 2e6,
    },
    "D": {"name": "offline", "latency_budget_ms": 2000, "bytes_per_request": 5e6},
}  # fmt: skip
RTT_MS = {
    "berlin": {"near": 20, "north": 45, "far": 160},
    "lyon": {"near": 30, "north": 60, "far": 150},
    "austin": {"near": 130, "north": 150, "far": 25},
}
# `north` is nearer to every metro than `near` is, by land if not by cable.
WHERE = {
    "berlin": (52.5, 13.4), "lyon": (50.0, 6.0), "austin": (30.3, -97.7),
    "near": (48.0, 2.0), "north": (53.0, 10.0), "far": (32.8, -96.8),
    "new-york": (40.7, -74.0), "seattle": (47.6, -122.3), "paris": (48.9, 2.4),
    "jakarta": (-6.2, 106.8), "virginia": (39.0, -77.5), "oregon": (45.6, -121.2),
    "frankfurt": (50.1, 8.7), "stockholm": (59.3, 18.1), "singapore": (1.35, 103.8),
}  # fmt: skip
# No two ways cost the same, so that it is never all the same who goes where.
EGRESS = {
    "egress": {
        "pairs": {
            "berlin": {"near": 0.05, "north": 0.062, "far": 0.091},
            "lyon": {"near": 0.047, "north": 0.073, "far": 0.084},
            "austin": {"near": 0.088, "north": 0.097, "far": 0.043},
        }
    }
}


def waves(base: float, swing: float, peak: float, hours: int = HOURS) -> list[float]:
    """A value by hour that is highest at `peak`, to two digits."""
    return [
        round(base + swing * math.cos(2 * math.pi * (hour - peak) / 24), 2) for hour in range(hours)
    ]


def _at(
    names: Iterable[str], given: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """Coordinates of metros or regions, and what else is given of them."""
    return {
        name: {"lat_deg": WHERE[name][0], "lon_deg": WHERE[name][1], **(given or {}).get(name, {})}
        for name in names
    }


def _world(folder: Path, **changes: Any) -> Scenario:
    """Three regions, three metros, two classes; what is not changed is alike in every fleet."""
    price = {"near": waves(90, 30, 18), "north": waves(45, 15, 8), "far": waves(60, 40, 2)}
    carbon = {"near": waves(420, 120, 20), "north": waves(60, 15, 5), "far": waves(480, 150, 3)}
    given: dict[str, Any] = {
        "price": price,
        "carbon": carbon,
        "demand": {
            "A": {
                "berlin": waves(60, 40, 14), "lyon": waves(30, 20, 15), "austin": waves(40, 30, 21),
            },
            "D": {"berlin": waves(20, 0, 0), "austin": waves(25, 10, 4)},
        },
        "rtt_ms": RTT_MS,
        "classes": CLASSES,
        "points": POINTS,
        "network": EGRESS,
    }  # fmt: skip
    given |= changes
    given["regions"] = _at(given["price"], changes.get("regions"))
    return small_world(folder, metros=_at(given["rtt_ms"]), **given)


def uneven_on_demand(folder: Path) -> Scenario:
    """Accelerators by the hour whose price differs by region, against the order of electricity."""
    prices = {"near": 1.2, "north": 3.0, "far": 2.1}
    regions = {
        name: {"reserved_gpu": 0, "on_demand_gpu": "free", "on_demand_usd_per_gpu_h": usd}
        for name, usd in prices.items()
    }
    return _world(folder, regions=regions)


def _uneven_hours(world: Scenario) -> Scenario:
    """Half-hour steps of which some stand for several, so that no factor is 1."""
    hours = world.hours
    weight = np.resize([1.5, 2.0, 3.5, 2.5], hours.count)
    return replace(world, hours=replace(hours, weight=weight, step_h=0.5))


def uneven_reserved(folder: Path) -> Scenario:
    """The same accelerators, held all year at prices that differ: they decide nothing.

    Steps of half an hour and of unequal weight, a PUE above 1, a fifth of each region held back.
    """
    prices = {"near": 9_000, "north": 21_000, "far": 15_000}
    regions = {
        name: {
            "reserved_gpu": 120, "reserved_usd_per_gpu_year": usd, "pue": pue,
            "utilisation_max": 0.8,
        }
        for (name, usd), pue in zip(prices.items(), (1.3, 1.1, 1.2), strict=True)
    }  # fmt: skip
    return _uneven_hours(_world(folder, regions=regions))


def one_region(folder: Path) -> Scenario:
    """Nowhere to move to: only operating points are chosen."""
    return small_world(
        folder,
        price={"near": waves(90, 30, 18)},
        carbon={"near": waves(420, 120, 20)},
        demand={"A": {"berlin": waves(60, 40, 14)}, "D": {"lyon": waves(20, 5, 3)}},
        rtt_ms={"berlin": {"near": 20}, "lyon": {"near": 30}},
        classes=CLASSES,
        points=POINTS,
        regions=_at(["near"], {"near": {"reserved_gpu": 90, "reserved_usd_per_gpu_year": 12_000}}),
        metros=_at(["berlin", "lyon"]),
        network={"egress": {"default_usd_per_gb": 0.05}},
    )


def tie_in_ms(folder: Path) -> Scenario:
    """Two regions at the same distance of two metros, one of them on another grid."""
    rtt = {
        "berlin": {"near": 40, "north": 40, "far": 120},
        "lyon": {"near": 60, "north": 60, "far": 110},
        "austin": {"near": 130, "north": 150, "far": 25},
    }
    return _world(folder, rtt_ms=rtt, regions={"near": {"reserved_gpu": 80}})


def binding_capacity(folder: Path) -> Scenario:
    """Reserved accelerators that are full most of the day, and a few more by the hour."""
    regions = {
        "near": {
            "reserved_gpu": 18, "reserved_usd_per_gpu_year": 10_000,
            "on_demand_gpu": 10, "on_demand_usd_per_gpu_h": 2.5,
        },
        "north": {
            "reserved_gpu": 12, "reserved_usd_per_gpu_year": 14_000,
            "on_demand_gpu": 15, "on_demand_usd_per_gpu_h": 1.5,
        },
        "far": {
            "reserved_gpu": 0, "reserved_usd_per_gpu_year": 12_000,
            "on_demand_gpu": 60, "on_demand_usd_per_gpu_h": 2.0,
        },
    }  # fmt: skip
    return _world(folder, regions=regions)


def flat_carbon(folder: Path) -> Scenario:
    """One intensity everywhere and always: moving saves money, and carbon by PUE alone."""
    carbon = {name: [400.0] * HOURS for name in ("near", "north", "far")}
    return _world(folder, carbon=carbon, regions={"north": {"reserved_gpu": 30}})


def negative_prices(folder: Path) -> Scenario:
    """A day and a half with a negative noon in two regions, where wasting energy pays."""
    hours = 36
    price = {
        "near": waves(20, 80, 0, hours),
        "north": waves(35, 10, 8, hours),
        "far": waves(10, 60, 6, hours),
    }
    carbon = {
        "near": waves(300, 200, 0, hours),
        "north": waves(60, 15, 5, hours),
        "far": waves(480, 150, 3, hours),
    }
    demand = {
        "A": {"berlin": waves(60, 40, 14, hours), "austin": waves(40, 30, 21, hours)},
        "D": {"lyon": waves(20, 5, 3, hours)},
    }
    regions = {"near": {"reserved_gpu": 60}, "far": {"reserved_gpu": 60, "pue": 1.4}}
    return _world(folder, price=price, carbon=carbon, demand=demand, regions=regions)


def unserved(folder: Path) -> Scenario:
    """Too few accelerators at noon, a metro that no region is near enough to, and prices for it."""
    classes = {
        "A": {**CLASSES["A"], "unserved_usd_per_request": 0.6},
        "D": {**CLASSES["D"], "unserved_usd_per_request": 0.2},
    }
    rtt = {**RTT_MS, "austin": {"near": 260, "north": 280, "far": 250}}
    regions = {
        "near": {"reserved_gpu": 12, "reserved_usd_per_gpu_year": 9_000},
        "north": {"reserved_gpu": 14, "reserved_usd_per_gpu_year": 9_000},
        "far": {"reserved_gpu": 8, "reserved_usd_per_gpu_year": 9_000},
    }
    return _world(folder, classes=classes, rtt_ms=rtt, regions=regions)


CLOUD_REGIONS = ("virginia", "oregon", "frankfurt", "stockholm", "singapore")
CLOUD_MS = {
    "new-york": (9, 68, 88, 108, 232),
    "seattle": (72, 9, 152, 168, 172),
    "berlin": (96, 158, 12, 24, 170),
    "paris": (82, 146, 11, 32, 162),
    "jakarta": (238, 184, 176, 190, 16),
}


def one_cloud(folder: Path) -> Scenario:
    """Five regions of one cloud as a customer has them: a rule of residency, and subscribers.

    What is reserved is full at peak, so that a smaller model then saves what is paid by the hour.
    """
    price = ((38, 14, 22), (52, 25, 2), (96, 34, 18), (42, 18, 8), (128, 12, 10))
    carbon = ((390, 40, 23), (210, 90, 4), (350, 110, 19), (28, 6, 6), (470, 15, 12))
    thousands = {"new-york": 300, "seattle": 90, "berlin": 120, "paris": 130, "jakarta": 60}
    noon = {"new-york": 18, "seattle": 21, "berlin": 12, "paris": 12, "jakarta": 6}
    share = {"A": (0.6, 0.5), "B": (0.25, 0.3), "D": (0.15, 0.0)}
    return small_world(
        folder,
        price={name: waves(*v) for name, v in zip(CLOUD_REGIONS, price, strict=True)},
        carbon={name: waves(*v) for name, v in zip(CLOUD_REGIONS, carbon, strict=True)},
        demand={
            klass: {
                metro: waves(1e3 * count * part, 1e3 * count * part * swing, noon[metro])
                for metro, count in thousands.items()
            }
            for klass, (part, swing) in share.items()
        },
        rtt_ms={metro: dict(zip(CLOUD_REGIONS, v, strict=True)) for metro, v in CLOUD_MS.items()},
        metros=_at(
            CLOUD_MS,
            {
                metro: {"jurisdiction": where}
                for metro, where in zip(CLOUD_MS, ("US", "US", "EU", "EU", "SG"), strict=True)
            },
        ),
        classes=_cloud_classes(),
        points=_cloud_points(),
        regions=_at(CLOUD_REGIONS, _cloud_regions()),
        network={"egress": {"pairs": _cloud_egress()}},
        residency={"eu-stays": {"EU": ["EU"], "*": ["*"]}},
        users=_cloud_users(),
    )


def _cloud_egress() -> dict[str, dict[str, float]]:
    """USD/GB from each metro's service node to each region; nothing within the own region."""
    usd_per_gb = {"new-york": 0.02, "seattle": 0.02, "berlin": 0.02, "paris": 0.02, "jakarta": 0.09}
    nearest = {"new-york": 0, "seattle": 1, "berlin": 2, "paris": 2, "jakarta": 4}
    return {
        metro: {
            region: 0.0 if nearest[metro] == at else usd_per_gb[metro]
            for at, region in enumerate(CLOUD_REGIONS)
        }
        for metro in CLOUD_MS
    }  # fmt: skip


def _cloud_regions() -> dict[str, dict[str, Any]]:
    """What the regions have reserved, what they may buy, and what that costs."""
    reserved = (50, 15, 25, 0, 8)
    return {
        name: {
            "pue": pue,
            "jurisdiction": jurisdiction,
            "reserved_gpu": gpu,
            "reserved_usd_per_gpu_year": 15_800,
            "on_demand_gpu": more,
            "on_demand_usd_per_gpu_h": usd,
        }
        for name, pue, jurisdiction, gpu, more, usd in zip(
            CLOUD_REGIONS,
            (1.15, 1.12, 1.33, 1.12, 1.3),
            ("US", "US", "EU", "EU", "SG"),
            reserved,
            (100, 50, 80, 120, 20),
            (3.9, 3.9, 4.6, 4.3, 5.2),
            strict=True,
        )
    }


def _cloud_classes() -> dict[str, dict[str, Any]]:
    return {
        "A": {
            "name": "interactive", "latency_budget_ms": 450, "tokens_in": 1100, "tokens_out": 230,
            "bytes_per_request": 9_000, "accuracy_min": 0.8, "residency": "eu-stays",
        },
        "B": {
            "name": "standard online", "latency_budget_ms": 15_000, "latency_to": "full_answer",
            "tokens_in": 1600, "tokens_out": 350, "bytes_per_request": 14_000, "accuracy_min": 0.7,
        },
        "D": {
            "name": "offline batch", "latency_budget_ms": 3.6e6, "latency_to": "full_answer",
            "tokens_in": 4000, "tokens_out": 500, "bytes_per_request": 30_000,
        },
    }  # fmt: skip


def _cloud_points() -> dict[str, dict[str, Any]]:
    figures = {
        "70b": ("70b", 0.86, 0.30, 2.60, 1.5e-4, 2.6e-3, 210, 22),
        "70b-batched": ("70b", 0.86, 0.24, 1.50, 1.2e-4, 1.4e-3, 380, 38),
        "27b": ("27b", 0.78, 0.12, 1.00, 6e-5, 1.0e-3, 120, 14),
        "8b": ("8b", 0.66, 0.04, 0.35, 2e-5, 3.5e-4, 60, 8),
    }
    keys = (
        "variant accuracy prefill_j_per_token decode_j_per_token prefill_gpu_s_per_token "
        "decode_gpu_s_per_token ttft_ms itl_ms"
    ).split()
    return {name: dict(zip(keys, values, strict=True)) for name, values in figures.items()}


def _cloud_users() -> dict[str, Any]:
    segment = {"weight_accuracy": 0.5, "weight_latency": 0.2}
    return {
        "usd_per_mtok_in": 0.2, "usd_per_mtok_out": 0.6, "scale": 0.05, "status_quo": 0.03,
        "segments": {
            "most": {"share": 0.7, "consciousness": 0.01, **segment, "value": 0.6},
            "some": {"share": 0.2, "consciousness": 0.03, **segment, "value": 0.5},
            "green": {"share": 0.1, "consciousness": 0.2, **segment, "value": 0.5},
        },
    }  # fmt: skip


FLEETS: dict[str, Fleet] = {
    fleet.__name__.replace("_", "-"): fleet
    for fleet in (
        uneven_on_demand,
        uneven_reserved,
        one_region,
        tie_in_ms,
        binding_capacity,
        flat_carbon,
        negative_prices,
        unserved,
        one_cloud,
    )
}
"""Every fleet by its name."""
NAMES: Sequence[str] = tuple(FLEETS)
PRICED = ("uneven-reserved", "one-region", "binding-capacity", "unserved", "one-cloud")
"""Those in which every region has a price of reserved accelerators, so that there is a fleet of
least cost."""


@cache
def scenario(name: str) -> Scenario:
    """The scenario of a fleet, written and read once in a process."""
    with tempfile.TemporaryDirectory(prefix="wattlas-fleet-") as folder:
        return FLEETS[name](Path(folder))


@dataclass(frozen=True)
class StudiedFleet:
    """A fleet with its study, and the second account of it."""

    name: str
    study: Study

    @property
    def scenario(self) -> Scenario:
        """What was studied."""
        return self.study.plan.scenario

    @cached_property
    def sceptic(self) -> Sceptic:
        """The second account."""
        return Sceptic(self.scenario)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table of the study as rows; none where it has no such table."""
        return rows(self.study.tables.get(table, {}))


@cache
def studied(name: str, folder: Path) -> StudiedFleet:
    """A fleet with its study, which is computed once for all processes that share the folder."""
    kept = folder / f"fleet-{name}.pickle"
    with (folder / f"fleet-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(wattlas.study(scenario(name), samples=SAMPLES)))
    return StudiedFleet(name, pickle.loads(kept.read_bytes()))
