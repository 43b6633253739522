"""What the value objects of the model derive: energy, money, time, waiting, shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.inputs.model import KLASS, POINT, mini
from tests.golden.telling import kept, number, outcome, tell
from wattlas.model import waiting
from wattlas.model.baseline import BaselineRegions
from wattlas.model.geography import great_circle_km, is_timezone
from wattlas.model.network import Network, RttModel, rtt_from_distance_ms
from wattlas.model.plan import Flows
from wattlas.model.service import Service
from wattlas.model.signals import Hours, Provenance, Signals
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.model.users import Users
from wattlas.model.workload import (
    Residency,
    WorkloadClass,
    accuracy_falls,
    it_j,
    kind_of,
)

HERE = Path(__file__).parent / "reading"


def _services() -> Iterator[str]:
    """What full service comes to, its shapes and its requests wrong once."""
    sound: dict[str, Any] = {
        "klass": "k",
        "latency_budget_ms": 900.0,
        "requests": np.array([3.0, 1.0]),
        "full_accuracy": 0.9,
        "full_latency_ms": 100.0,
        "full_cost_usd": np.array([1.0, 2.0]),
        "full_carbon_g": np.array([5.0, 7.0]),
        "points": ("p",),
        "accuracy": np.array([0.8]),
        "latency_ms": np.array([9.0]),
        "latest_ms": np.array([9.0]),
        "cost_usd": np.ones((1, 2)),
        "carbon_g": np.ones((1, 2)),
    }
    service = Service(**sound)
    yield from tell(service, "service")
    yield number(float(service.mean(service.full_cost_usd)))
    wrong: list[dict[str, Any]] = [
        {"requests": np.array([0.0, 0.0])},
        {"requests": np.array([-1.0, 3.0])},
        {"requests": np.zeros(0)},
        {"cost_usd": np.ones((2, 1)), "window": np.array([1])},
        {"carbon_g": np.full((1, 2), np.nan)},
    ]
    for parts in wrong:
        yield from outcome(lambda parts=parts: Service(**{**sound, **parts}))
    stated = [
        BaselineRegions({"m": "r"}),
        BaselineRegions({}, {"k": {"m": "q"}}),
        BaselineRegions({}, {"k": {}}),
    ]
    yield f"{[(bool(b), b.stated('m', 'k'), b.stated('n', 'k')) for b in stated]}"


def _derived(folder: Path) -> Iterator[str]:
    """Figures by formula."""
    full = replace(KLASS, latency_to="full_answer")
    for klass in (KLASS, full, replace(full, tokens_out=0.0), WorkloadClass("other", 5.0)):
        for point in (POINT, replace(POINT, itl_p95_ms=0.0), replace(POINT, itl_p95_ms=2.0)):
            told = [
                klass.it_kwh(point),
                klass.gpu_h(point),
                klass.service_ms(point),
                klass.service_p95_ms(point),
                klass.accuracy(point),
                it_j(point, 3.0, 5.0),
            ]
            yield (
                f"{klass.id} {klass.latency_to}: {' '.join(map(number, told))} "
                f"{number(klass.transfer_gb)} {number(klass.state_gb_per_request)}"
            )
    yield (
        f"{list(accuracy_falls([1, 2, 2, 3], [0.5, 0.4, 0.6, 0.45]))} "
        f"{[kind_of(t) for t in ('2 x H100', '8×L4', ' A', '2xB', 'x H')]}"
    )
    rule = Residency("r", {"EU": ["EU", "CH"], "US": ["*"], "*": ["IN"]})
    yield (
        f"{[(m, r, rule.permits(m, r)) for m in ('EU', 'US', 'IN') for r in ('EU', 'IN')]} "
        f"{Residency('e').permits('EU', 'X')}"
    )
    lat, lon = np.array([59.9, 0.0, -90.0]), np.array([10.7, 180.0, 5.0])
    km = great_circle_km(lat, lon, lat[::-1], lon)
    yield from tell(km, "km")
    yield from (
        line for model in RttModel for line in tell(rtt_from_distance_ms(km, model), str(model))
    )
    yield from tell(energy_usd_per_kwh(1.2, np.array([40.0, -5.0])), "energy")
    yield from tell(carbon_t_per_kwh(np.array([1.2, 1.5]), np.array([400.0, 30.0])), "carbon")
    ones, up = np.ones((1, 2)), np.ones((2, 1))
    numbered = Network(ones, up, up, np.array([[0, 1]]), np.array([[1], [0]]))
    yield f"{numbered.modelled_metro_node!r} {numbered.modelled_node_region!r}"
    yield from _money_and_time(folder)
    yield from _services()


def _money_and_time(folder: Path) -> Iterator[str]:
    """What requests cost, and hours with their signals."""
    users = Users(usd_per_mtok_in=1.5, usd_per_mtok_out=6.0, scale=0.2, outside=-0.5)
    for made in (users, replace(users, scale_usd=0.003, outside_usd=0.001)):
        yield (
            f"{number(made.price_usd(900.0, 150.0))} {number(made.spread_usd(0.01))} "
            f"{number(made.leaving_usd(0.01))}"
        )
    hours = Hours(
        np.datetime64("2023-06-01T00:00", "s"),
        np.array([0, 1, 2, 5, 6, 9]),
        np.array([1.0, 1.0, 2.0, 2.0, 2.0, 1.0]),
        0.5,
    )
    yield from tell(hours, "hours")
    yield from tell(hours.take(np.array([1, 3, 4])), "some")
    yield from tell(hours.take(np.array([1, 3]), np.array([3.0, 4.0])), "weighed")
    for text in ("2023-06-01", "2023-06-01T05:00:00"):
        yield from outcome(lambda text=text: Hours.range(text, 2, 0.25))
    signals = Signals(
        ("A", "B"), np.arange(6.0).reshape(2, 3), np.ones((2, 3)), np.full((2, 3), 7.0)
    )
    yield from tell(signals.take(np.array([0, 2])), "signals")
    yield (
        f"{signals.zone_index('B')} {is_timezone('Europe/Oslo')} {is_timezone('Oslo')} "
        f"{is_timezone('')} {is_timezone('../x')}"
    )
    yield from tell(Provenance("what", "who"), "from")
    yield from _waiting(folder, hours)


def _waiting(folder: Path, hours: Hours) -> Iterator[str]:
    """Who runs when, first in, first out."""
    yield from tell(waiting.run_ends(hours), "run ends")
    yield from tell(waiting.due(hours, np.array([0, 1, 4])), "due")
    arrived = np.array([[3.0, 0, 2, 4, 4, 1], [0, 5, 5, 0, 3, 2]])
    ran = np.array([[1.0, 2, 2, 2, 6, 1], [0, 2, 8, 0, 3, 2]])
    groups = waiting.first_in(arrived, ran, hours)
    yield from tell(groups, "groups")
    steps, count = waiting.waited_steps(arrived, ran, hours)
    yield from (*tell(steps, "waited"), *tell(count, "requests"))
    yield from tell(waiting.shared_first_in(arrived, ran.sum(axis=0), hours), "shared")
    s = mini(folder)
    s = replace(s, classes=(s.classes[0], replace(s.classes[1], may_wait_h=2.0)))
    run = s.demand_per_h[:, 1][:, [3, 2, 1, 0]]
    run = np.cumsum(s.demand_per_h[:, 1], axis=1) * np.array([0.5, 0.6, 0.8, 1.0])
    run = np.diff(run, prepend=0.0, axis=1)
    waited = waiting.Waited(np.array([1]), run[:, None], np.ones((1, 4), bool))
    yield from tell(waited.by_class(s), "waits")
    halves = replace(s, hours=Hours.range("2023-06-01", 4, 0.5))
    yield from tell(waited.by_class(halves), "waits in half hours")
    yield from tell(waited.as_run(s).demand_per_h, "as run")
    yield from tell(waited.arrived(s, 0), "arrived")
    hour, metro = (part.ravel() for part in np.mgrid[:4, :2])
    alike = [np.tile(part, 2) for part in (hour, metro)]
    of_class = np.repeat([0, 1], 8)
    rate = np.concatenate([s.demand_per_h[:, 0].T.ravel(), run.T.ravel()])
    flows = Flows(*alike, of_class, np.zeros(16, np.int64), np.zeros(16, np.int64), rate)
    for n, part in enumerate(waited.arrivals(s, flows)):
        yield from tell(part, f"arrivals {n}")
    yield from tell(flows.where(flows.klass == 1), "flows")
    for count in ([5.0, 3.0, 0.0, 1.0], [9.5, 0.0, 0.4, 0.1], [0.0, 0.0], []):
        yield from tell(
            waiting.waits_of(s, 1, np.arange(len(count)), np.array(count), 2.0), "waits of"
        )


CASES: dict[str, Callable[[Path], Iterator[str]]] = {"derived": _derived}


@pytest.mark.parametrize("name", CASES)
def test_what_is_derived_is_that_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """All that a small world derives is that which was read and found right."""
    kept(HERE / f"model-{name}.txt", CASES[name](tmp_path), tmp_path)
