"""A placement as the schedule of the live service: what is written is what was planned."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.shipped import shipped
from wattlas.cli import run
from wattlas.errors import UsageError
from wattlas.model.contract import Tier
from wattlas.model.objective import Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import degraded_points
from wattlas.policy.planned import Planned, optimum
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import parse_part
from wattlas.serve.table import Place, Quota
from wattlas.studies.export.schedule import _usual, schedule_of, steps_of

NOW = datetime(2026, 11, 29, 7, 40, tzinfo=UTC)
GREEN = Tier("green", share_max=0.3, adoption=0.5, points=("small",), classes=("A",),
             window=Window.DAY)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Scenario:
    """Three regions, one day, and half of class A under a contract."""
    return offer(shipped("tiny"), [GREEN])


@pytest.fixture(scope="module")
def policy(world: Scenario) -> Planned:
    """The plan of it."""
    made = optimum(world)
    assert isinstance(made, Planned)
    return made


@pytest.fixture(scope="module")
def schedule(policy: Planned) -> Schedule:
    """A day from now, written and read again."""
    text = schedule_of(policy, NOW, 24, 5).model_dump_json(by_alias=True)
    return Schedule(parse_part(text.encode(), "schedule.json"))


def shares(quota: Quota | None) -> dict[Place, float]:
    """Place → share."""
    return {} if quota is None else dict(quota.shares)


def test_every_hour_holds_the_shares_of_its_step(
    world: Scenario, policy: Planned, schedule: Schedule
) -> None:
    """The plan's flows, by metro, class and tier, added up by hand; where it degrades nothing of a
    metro and class in an hour, a fallback there is in the regions of full service.
    """
    flows = policy.placed.flows
    assert flows is not None
    low = degraded_points(world)
    compared = degraded = 0
    for n, hour in enumerate(schedule.hours):
        step = (7 + n) % 24
        for (metro, klass), pair in hour.table.pairs.items():
            m = [each.id for each in world.metros].index(metro)
            k = [each.id for each in world.classes].index(klass)
            rows = np.flatnonzero((flows.hour == step) & (flows.metro == m) & (flows.klass == k))
            for quota, wanted in ((pair.full, False), (pair.low, True)):
                own = [r for r in rows if low[k, flows.point[r]] == wanted]
                whole = sum(flows.requests_per_h[r] for r in own)
                expected = {
                    Place(world.regions[flows.region[r]].id, world.points[flows.point[r]].id):
                    flows.requests_per_h[r] / whole for r in own
                }  # fmt: skip
                if expected:
                    assert shares(quota) == pytest.approx(expected, abs=1e-6)
                    compared += 1
                    degraded += wanted
                elif wanted and quota is not None:
                    assert world.classes[k].contract
                    regions = {place.region for place in shares(pair.full)}
                    for place in shares(quota):
                        point = [each.id for each in world.points].index(place.point)
                        assert place.region in regions
                        assert low[k, point]
    assert compared > 100
    assert degraded > 5


def test_the_table_degrades_what_saves_enough(policy: Planned, schedule: Schedule) -> None:
    """Where there is a fallback, and it saves at least the threshold of its class and window."""
    scenario = policy.placed.scenario
    metros, classes = ([each.id for each in of] for of in (scenario.metros, scenario.classes))
    pairs = []
    for n, hour in enumerate(schedule.hours):
        step = (7 + n) % 24
        routing = policy.routing(step, scenario.hours.utc[step], 3600.0)
        for (metro, klass), pair in hour.table.pairs.items():
            m, k = metros.index(metro), classes.index(klass)
            enough = routing.saving_usd[m, k] >= routing.threshold_usd[k]
            assert pair.degrades == (pair.low is not None and enough)
            pairs.append(pair)
    assert any(pair.degrades for pair in pairs)
    assert not all(pair.degrades for pair in pairs)


def test_hours_begin_now_and_follow_one_another(schedule: Schedule) -> None:
    """The first holds already; each ends where the next begins."""
    tables = [hour.table for hour in schedule.hours]
    assert tables[0].issued_s <= NOW.timestamp() < tables[0].until_s
    assert [t.until_s for t in tables[:-1]] == [t.issued_s for t in tables[1:]]
    assert schedule.at(NOW.timestamp() + 3600).table is tables[1]
    assert schedule.at(0.0).table is tables[0]


def test_signals_are_those_of_the_step(world: Scenario, schedule: Schedule) -> None:
    """Price and intensity of each region, and from when they are."""
    signal = schedule.hours[2].signals["austin"]
    r = [region.id for region in world.regions].index("austin")
    assert signal.price_usd_per_mwh == pytest.approx(world.price_usd_per_mwh[r, 9])
    assert signal.average_g_per_kwh == pytest.approx(world.average_g_per_kwh[r, 9])
    assert "T09:00" in schedule.hours[2].vintage


def test_a_contract_has_its_own_class(schedule: Schedule) -> None:
    """Requests under it are looked up by the base class; others keep theirs."""
    assert schedule.class_of("A", "green") == "A~green"
    assert schedule.class_of("D", "green") == "D"
    assert schedule.class_of("A", "") == "A"


def test_the_usual_place_is_full_service_at_the_baseline(
    world: Scenario, schedule: Schedule
) -> None:
    """On the most accurate point that is open there."""
    best = {p.id for p in world.points if p.accuracy == 0.86 and not p.contract}
    assert best == {"large-fast", "large-batched"}
    nearest = {"berlin": "oslo", "chicago": "austin", "delhi": "mumbai", "lagos": "oslo"}
    served = {(metro, klass) for metro in nearest for klass in ("A", "A~green", "D")}
    assert set(schedule.usual) == served
    for (metro, klass), place in schedule.usual.items():
        assert place.region == nearest[metro], (metro, klass)
        assert place.point in best, (metro, klass)


def test_a_fallback_is_no_usual_place() -> None:
    """Nor where it is more accurate than all that full service may use."""
    world = shipped("tiny")
    few = replace(world.classes[1], points=("small",))
    slow = Tier("slow", share_max=0.3, adoption=0.5, points=("large-batched",), classes=("D",))
    usual = _usual(offer(replace(world, classes=(world.classes[0], few)), [slow]))
    assert {usual[metro.id]["D~slow"].point for metro in world.metros} == {"small"}


def test_steps_are_matched_by_date_and_else_by_hour() -> None:
    """A typical year by month, day and hour; a single day by the hour; half a day not at all."""
    year = shipped("typical-2023")
    (step,) = steps_of(year, [datetime(2027, 3, 4, 5, tzinfo=UTC)])
    assert str(year.hours.utc[step]) == "2023-03-04T05:00:00"
    (leap,) = steps_of(year, [datetime(2028, 2, 29, 5, tzinfo=UTC)])
    assert str(year.hours.utc[leap]).endswith("T05:00:00")
    tiny = shipped("tiny")
    assert steps_of(tiny, [datetime(2027, 3, 4, 5, tzinfo=UTC)]) == [5]
    with pytest.raises(UsageError, match="UTC hour 05"):
        steps_of(tiny.at_hours(np.arange(5)), [datetime(2027, 3, 4, 5, tzinfo=UTC)])


def test_the_command_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, for as many hours as asked."""
    out = tmp_path / "schedule.json"
    assert run(["export", "routing", "tiny", "--hours", "3", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hours"] == 3
    made = Schedule(parse_part(out.read_bytes(), str(out)))
    assert len(made.hours) == 3
    assert made.epoch == pytest.approx(datetime.now(UTC).timestamp(), abs=600)
    assert made.writer == platform.node()
    named = ["--hours", "1", "--writer", "east", "--out", str(out)]
    assert run(["export", "routing", "tiny", *named]) == 0
    assert Schedule(parse_part(out.read_bytes(), str(out))).writer == "east"
    assert run(["export", "routing", "tiny", "--policy", "best"]) == 2
