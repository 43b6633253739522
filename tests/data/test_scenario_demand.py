"""Demand from population and local time: its total, its clock and its weekends."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data.demand import local_clock, population_demand, step_share
from wattlas.data.schema_models import PopulationDemand

ZONES = st.sampled_from(
    ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Africa/Lagos", "Asia/Tokyo", "America/Bogota"]
)
WEIGHTS = st.lists(st.floats(0, 10), min_size=24, max_size=24).filter(lambda w: sum(w) > 0.1)


def demand_of(weights: list[float], weekend: float = 1.0, share: float = 1.0) -> PopulationDemand:
    """One class with a profile, in two requests per person and day."""
    classes = {"A": {"share": share, "hour_weights": "w", "weekend_factor": weekend}}
    return PopulationDemand.model_validate(
        {"requests_per_person_day": 2.0, "classes": classes, "hour_profiles": {"w": weights}}
    )


def hours(start: str, count: int) -> np.ndarray:
    """Consecutive hours in UTC."""
    return np.datetime64(start, "s") + np.arange(count) * np.timedelta64(3600, "s")


@given(WEIGHTS, ZONES, st.floats(0, 1))
@examples(100)
def test_a_day_has_its_total_in_every_time_zone(
    weights: list[float], zone: str, share: float
) -> None:
    """A working day of demand is population × rate × share, wherever the clock stands."""
    made = population_demand(
        hours("2023-06-06T00:00", 24),
        1.0,
        demand_of(weights, share=share),
        [1e6],
        [2.0],
        [zone],
        ["A", "B"],
    )
    assert made[0, 0].sum() == pytest.approx(2e6 * share)
    assert made[0, 1].sum() == 0
    assert (made >= 0).all()


@given(WEIGHTS, ZONES, st.floats(0, 2))
@examples(100)
def test_a_week_has_five_days_and_two(weights: list[float], zone: str, weekend: float) -> None:
    """With flat hours a week holds five working days and two days at the weekend factor."""
    made = population_demand(
        hours("2023-06-05T00:00", 168),
        1.0,
        demand_of([1.0] * 24, weekend=weekend),
        [1.0],
        [1.0],
        [zone],
        ["A"],
    )
    assert made.sum() == pytest.approx(5 + 2 * weekend, rel=1e-9, abs=0.05)


def test_demand_follows_the_local_clock() -> None:
    """All demand at local noon comes at the UTC hour that noon falls on, half hours split."""
    noon = [0.0] * 12 + [1.0] + [0.0] * 11
    at = {}
    for zone in ("Asia/Tokyo", "America/New_York", "Asia/Kolkata"):
        made = population_demand(
            hours("2023-01-10T00:00", 24), 1.0, demand_of(noon), [1.0], [1.0], [zone], ["A"]
        )
        at[zone] = {int(h): made[0, 0, h] for h in np.flatnonzero(made[0, 0] > 1e-12)}
    assert at["Asia/Tokyo"] == {3: 1.0}
    assert at["America/New_York"] == {17: 1.0}
    assert at["Asia/Kolkata"] == pytest.approx({6: 0.5, 7: 0.5})


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Australia/Lord_Howe", "Europe/London", "America/Sao_Paulo"]
)
def test_the_clock_is_the_time_zone_database(zone: str) -> None:
    """Local hour and weekday agree with zoneinfo in every hour of a year with its clock changes."""
    utc = hours("2023-01-01T00:00", 8760)
    hour, weekday = local_clock(utc, zone)
    for n in range(len(utc)):
        local = datetime.fromtimestamp(int(utc[n].astype(np.int64)), UTC).astimezone(ZoneInfo(zone))
        assert (hour[n], weekday[n]) == (local.hour + local.minute / 60, local.weekday())


def test_shorter_steps_keep_the_total() -> None:
    """Quarter hours add up to the same day."""
    quarters = np.datetime64("2023-06-06", "s") + np.arange(96) * np.timedelta64(900, "s")
    weights = list(map(float, range(24)))
    made = population_demand(quarters, 0.25, demand_of(weights), [1.0], [1.0], ["UTC"], ["A"])
    assert made.sum() * 0.25 == pytest.approx(1.0)


def test_each_metro_has_its_own_people_and_their_own_habits() -> None:
    """Population and requests per person are those of the metro, not of its neighbour."""
    people, each = [1e6, 2e6, 3e6], [2.0, 5.0, 0.5]
    made = population_demand(
        hours("2023-06-06T00:00", 24), 1.0, demand_of([1.0] * 24), people, each,
        ["UTC", "Asia/Tokyo", "UTC"], ["A"],
    )  # fmt: skip
    assert made.sum(axis=(1, 2)) == pytest.approx([2e6, 1e7, 1.5e6])


@pytest.mark.parametrize("step_h", [0.5, 1.0, 2.0, 3.0])
def test_a_step_takes_the_mean_of_its_hours(step_h: float) -> None:
    """Of whole hours, of parts of one, and over midnight."""
    weights = np.arange(1.0, 25.0)
    weights /= weights.sum()
    begins = np.arange(0.0, 24.0, 0.5)
    halves = np.repeat(weights, 2)
    wanted = [np.take(halves, np.arange(n, n + 2 * step_h).astype(int), mode="wrap").mean()
              for n in range(48)]  # fmt: skip
    np.testing.assert_allclose(step_share(begins, weights, step_h), wanted)
