"""Controllers that write schedules: two at one epoch, two in turns; and signals that change."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.live import Live, configuration, schedule
from tests.serve.test_service import call, decide, settle
from wattlas.serve.corrected_rows import HOUR_US
from wattlas.serve.corrections import Revised, correct
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.plane import Plane, PlaneClock, open_plane
from wattlas.serve.schedule import Schedule
from wattlas.serve.schedule_parts import SchedulePart
from wattlas.serve.succession import LONGEST_S, Succession

EAST, WEST = "east", "west"


def plan(epoch: int, writer: str, oslo: float = 0.5, **changes: Any) -> dict[str, Any]:
    """A schedule that sends so much to oslo."""
    made = copy.deepcopy(schedule(epoch=epoch, writer=writer, **changes))
    for each in made["hours"][0]["sets"]:
        for place in each["full"]:
            place["share"] = oslo if place["region"] == "oslo" else 1 - oslo
    return made


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A service that follows `east`."""
    made = Live(tmp_path)
    made.write()
    yield made
    made.stop()
    made.end()


def offered(live: Live, made: dict[str, Any]) -> int:
    """The status of a reload after somebody wrote a schedule."""
    (live.folder / "schedule.json").write_text(json.dumps(made))
    return int(call(live, "admin", "POST", "/reload")[0])


def test_of_two_controllers_at_one_epoch_the_first_holds(live: Live) -> None:
    """The other is fenced off, counted and named; with a higher epoch it takes over, and then the
    first one is the old one."""
    live.start(limits={"follow_s": 0})
    plane = live.service.plane
    assert offered(live, plan(4, EAST, 0.9)) == 200
    status, told = 0, ""
    for _ in range(3):
        (live.folder / "schedule.json").write_text(json.dumps(plan(4, WEST, 0.1)))
        status, made = call(live, "admin", "POST", "/reload")
        told = str(made)
        assert status == 422
    assert "`west` writes at epoch 4, which `east` holds" in told
    assert plane.schedule.writer == EAST
    assert decide(live)["epoch"] == 4
    assert plane.events["schedules_fenced"] >= 3
    assert offered(live, plan(5, WEST, 0.1)) == 200
    assert offered(live, plan(4, EAST, 0.9)) == 422
    assert plane.schedule.writer == WEST
    assert offered(live, plan(5, WEST, 0.2)) == 200  # its own, written anew
    _, text = call(live, "admin", "GET", "/metrics")
    assert 'wattlas_events_total{event="schedule_writers_changed"} 2.0' in text


def test_two_that_take_turns_change_little(tmp_path: Path) -> None:
    """For four hours they write every twenty seconds, each with a higher epoch: requests move five
    times in the first hour and about once an hour from then on. Who stops leaves the other's."""
    plane, now, path = timed(tmp_path)
    moves, present = [], plane.schedule.writer
    for n in range(4 * 180):
        now["s"] += 20
        writer, oslo = (EAST, 0.9) if n % 2 else (WEST, 0.1)
        path.write_text(json.dumps(plan(10 + n, writer, oslo)))
        assert plane.take_schedule(path, at_once=False) == []
        if plane.schedule.writer != present:
            present = plane.schedule.writer
            moves.append(now["s"])
    gaps = [later - earlier for earlier, later in pairwise(moves)]
    assert gaps[0] >= 120
    assert all(later >= min(1.8 * earlier, LONGEST_S) for earlier, later in pairwise(gaps))
    assert len(moves) == 8
    path.write_text(json.dumps(plan(10**6, EAST, 0.9)))
    now["s"] += 2 * LONGEST_S
    plane.take_schedule(path, at_once=False)
    assert (plane.schedule.epoch, plane.due_s) == (10**6, None)
    plane.store.close()


def timed(tmp_path: Path) -> tuple[Plane, dict[str, float], Path]:
    """A plane on a clock of the test, and where its schedule lies."""
    now = {"s": time.time()}
    start = now["s"]
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(plan(1, EAST, 0.9)))
    urls = dict.fromkeys(("oslo", "austin"), "http://127.0.0.1:1")
    (tmp_path / "serve.yaml").write_text(json.dumps(configuration(urls)))
    plane = open_plane(
        tmp_path / "serve.yaml", lambda config: SqliteStore(config.ledger_path),
        PlaneClock(lambda: start, lambda: now["s"]),
    )  # fmt: skip
    return plane, now, path


def test_what_moves_nothing_is_taken_at_once(tmp_path: Path) -> None:
    """Later hours, other signals: they need not wait; and neither does what an operator reloads."""
    plane, now, path = timed(tmp_path)
    for epoch, oslo, at_once in ((2, 0.1, False), (3, 0.9, False)):
        path.write_text(json.dumps(plan(epoch, EAST, oslo)))
        assert not plane.take_schedule(path, at_once=at_once)
    assert plane.schedule.epoch == 2
    assert not plane.is_due
    path.write_text(json.dumps(plan(4, EAST, 0.1)).replace("400.0", "410.0"))
    plane.take_schedule(path, at_once=False)
    assert plane.schedule.epoch == 4
    path.write_text(json.dumps(plan(5, EAST, 0.9)))
    plane.take_schedule(path, at_once=False)
    now["s"] += 119
    assert (plane.schedule.epoch, plane.is_due) == (4, False)
    now["s"] += 2
    assert plane.is_due
    plane.take_schedule(path)
    assert plane.schedule.epoch == 5
    plane.store.close()


def test_a_schedule_that_waited_is_followed(live: Live) -> None:
    """By the service itself, when its time has come, and the last that was written."""
    limits = {**configuration({})["limits"], "follow_s": 3.0}
    live.start(limits=limits)
    plane = live.service.plane
    assert offered(live, plan(4, EAST, 0.9)) == 200
    path = live.folder / "schedule.json"
    path.write_text(json.dumps(plan(5, EAST, 0.4)))
    wait(lambda: plane.events["schedules_deferred"])
    assert plane.schedule.epoch == 4
    path.write_text(json.dumps(plan(6, EAST, 0.3)))
    wait(lambda: plane.schedule.epoch == 6)
    assert plane.due_s is None


def wait(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


SHARES = st.lists(st.tuples(st.floats(0.1, 300.0), st.sampled_from([0.1, 0.5, 0.9])), max_size=30)


@examples(60)
@given(SHARES, st.floats(0.0, 100.0))
def test_requests_never_move_sooner_than_is_allowed(steps: Any, least_s: float) -> None:
    """Whatever is written when: two moves are at least so far apart."""
    followed, present, now_s, moved = Succession(), made(0.5), 0.0, []
    for after_s, oslo in steps:
        now_s += after_s
        fresh = made(oslo)
        if followed.wait_s((present, fresh), MOMENT_S, now_s, least_s) == 0:
            followed.follow((present, fresh), MOMENT_S, now_s)
            if fresh is not present:
                moved.append(now_s)
            present = fresh
    assert all(b - a >= least_s - 1e-9 for a, b in pairwise(moved))


MOMENT_S = time.time()
_MADE = {
    oslo: Schedule(SchedulePart.model_validate_json(json.dumps(plan(1, EAST, oslo))))
    for oslo in (0.1, 0.5, 0.9)
}


def made(oslo: float) -> Schedule:
    """A schedule, the same for the same share."""
    return _MADE[oslo]


def test_odd_signals_that_can_be_are_taken(live: Live) -> None:
    """A negative price, one a hundred times higher, hours in another order, an hour that is
    missing: then there is full service, and rows say that their signals are of another hour."""
    live.start()
    odd = plan(4, EAST)
    hour = odd["hours"][0]
    later = copy.deepcopy(hour)
    begins = datetime.now(UTC).timestamp()
    later["issued_utc"] = datetime.fromtimestamp(begins + 7200, UTC).isoformat()
    later["signals"]["oslo"]["price_usd_per_mwh"] = 5000.0
    hour["signals"]["oslo"]["price_usd_per_mwh"] = -50.0
    odd["hours"] = [later, {**hour, "hold_s": 61.0}]
    assert offered(live, odd) == 200
    wait(lambda: time.time() > begins + 1.5)
    answer = decide(live)
    assert answer["reason"] == "stale-table"
    settle(live, {"id": answer["id"], "tokens_in": 1000, "tokens_out": 1000})
    row = live.settled()[-1]
    assert row.vintage == "test 2026, of another hour"
    assert row.region != "oslo" or (row.nano_usd is not None and row.nano_usd < 0)


def test_history_that_is_revised_changes_no_row(live: Live) -> None:
    """Rows before a schedule with other signals for the same hour stay, rows after it follow it,
    each with its vintage; a correction brings the first to the revised signals."""
    live.start()
    asked = {"tokens_in": 1000, "tokens_out": 1000}
    for _ in range(2):
        settle(live, {"id": decide(live, service_tier="default")["id"], **asked})
    before = live.settled()
    revised = plan(4, EAST)
    revised["hours"][0]["vintage"] = "test 2026, revised"
    for region, average in (("oslo", 60.0), ("austin", 800.0)):
        revised["hours"][0]["signals"][region]["average_g_per_kwh"] = average
    assert offered(live, revised) == 200
    for _ in range(2):
        settle(live, {"id": decide(live, service_tier="default")["id"], **asked})
    rows = live.settled()
    assert rows[:2] == before
    assert [row.vintage for row in rows] == ["test 2026"] * 2 + ["test 2026, revised"] * 2
    by_region = {row.region: row.average_ug for row in rows[2:]}
    assert by_region == {
        row.region: pytest.approx(2 * (row.average_ug or 0), abs=2) for row in before
    }
    hours = {row.admitted_us // HOUR_US * HOUR_US for row in rows}
    signals = {
        (region, hour): Revised(None, average)
        for hour in hours for region, average in (("oslo", 60.0), ("austin", 800.0))
    }  # fmt: skip
    appended = correct(live.service.plane.store, "acme", signals, "test 2026, revised", "revised")
    change = sum(row.average_ug or 0 for row in appended)
    assert change == pytest.approx(sum(row.average_ug or 0 for row in before), abs=4)
