"""Distances, round trips, hours, signals, and the subset of a scenario's steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.strategies import scenarios
from wattlas.model.frictions import Frictions
from wattlas.model.geography import great_circle_km
from wattlas.model.network import RttModel, rtt_from_distance_ms
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Intensity, Signals

LATITUDES = st.floats(-90.0, 90.0)
LONGITUDES = st.floats(-180.0, 180.0)


def km(a: tuple[float, float], b: tuple[float, float]) -> float:
    at = [np.array([x]) for x in (*a, *b)]
    return float(great_circle_km(*at)[0, 0])


def test_a_known_distance() -> None:
    """London to Sydney is about 16,990 km."""
    assert km((51.5074, -0.1278), (-33.8688, 151.2093)) == pytest.approx(16_994, rel=1e-3)


@given(a=st.tuples(LATITUDES, LONGITUDES), b=st.tuples(LATITUDES, LONGITUDES))
@examples(100)
def test_distance_is_a_distance(a: tuple[float, float], b: tuple[float, float]) -> None:
    """Symmetric, zero to itself, and at most half way round."""
    assert km(a, b) == pytest.approx(km(b, a), abs=1e-6)
    assert km(a, a) == pytest.approx(0.0, abs=1e-6)
    assert 0.0 <= km(a, b) <= np.pi * 6371.01


def test_places_that_differ_are_apart() -> None:
    """Distances are not all alike: coordinates do enter (a trap that peers fell into)."""
    lat, lon = np.array([0.0, 0.0, 45.0]), np.array([0.0, 90.0, 0.0])
    table = great_circle_km(lat, lon, lat, lon)
    assert len(np.unique(np.round(table[np.triu_indices(3, 1)]))) > 1
    assert table.shape == (3, 3)


@pytest.mark.parametrize(("model", "expected"), [(RttModel.PAPER, 50.0), (RttModel.FITTED, 31.75)])
def test_round_trips_from_distance(model: RttModel, expected: float) -> None:
    """The paper's one-way km/200 + 20 ms doubled, and the fitted 16.6 + 1.515 per 100 km."""
    assert rtt_from_distance_ms(np.array([1000.0]), model)[0] == pytest.approx(expected)


def test_a_gap_is_not_a_neighbour() -> None:
    """Only a step right after the last one follows it."""
    hours = Hours.range("2023-01-01T00:00:00", 6).take(np.array([0, 1, 4, 5]))
    assert hours.follows.tolist() == [False, True, False, True]


def test_time_stamps_are_utc_and_hour_beginning() -> None:
    """A sampled step keeps its own time."""
    hours = Hours.range("2023-12-31T22:00:00", 4).take(np.array([1, 3]))
    assert [str(t) for t in hours.utc] == ["2023-12-31T23:00:00", "2024-01-01T01:00:00"]


def test_half_hours() -> None:
    """Steps may be shorter than an hour, and weigh accordingly."""
    hours = Hours.range("2023-01-01T00:00:00", 2, step_h=0.5)
    assert str(hours.utc[1]) == "2023-01-01T00:30:00"
    assert hours.hours.tolist() == [0.5, 0.5]


def test_marginal_figures_decide_where_there_are_any() -> None:
    """Decisions use the marginal intensity if it is given, and say which one they used."""
    average, marginal = np.array([[100.0]]), np.array([[700.0]])
    plain = Signals(("DE",), np.array([[50.0]]), average)
    both = Signals(("DE",), np.array([[50.0]]), average, marginal)
    assert (plain.deciding, plain.deciding_g_per_kwh[0, 0]) == (Intensity.AVERAGE, 100.0)
    assert (both.deciding, both.deciding_g_per_kwh[0, 0]) == (Intensity.MARGINAL, 700.0)


def test_an_unknown_zone_is_named() -> None:
    """A zone without signals is a KeyError that names it."""
    with pytest.raises(KeyError, match="NO"):
        Signals(("DE",), np.zeros((1, 1)), np.zeros((1, 1))).zone_index("NO")


@given(scenario=scenarios(max_hours=4), data=st.data())
@examples(100)
def test_a_subset_of_steps_keeps_every_array_in_step(
    scenario: Scenario, data: st.DataObject
) -> None:
    """Demand, capacity, signals and hours are cut at the same steps."""
    count = scenario.hours.count
    chosen = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1)))
    part = scenario.at_hours(chosen)
    assert part.hours.count == len(chosen)
    assert (part.demand_per_h == scenario.demand_per_h[:, :, chosen]).all()
    assert (part.reserved_gpu == scenario.reserved_gpu[:, chosen]).all()
    assert (part.price_usd_per_mwh == scenario.price_usd_per_mwh[:, chosen]).all()
    assert (part.deciding_g_per_kwh == scenario.deciding_g_per_kwh[:, chosen]).all()
    assert (part.hours.utc == scenario.hours.utc[chosen]).all()


@pytest.mark.parametrize(
    ("frictions", "starts", "couples"),
    [
        (Frictions(), False, False),
        (Frictions(start_usd_per_gpu_h=1.0), True, True),
        (Frictions(start_usd_by_region={"oslo": 1.0}), True, True),
        (Frictions(start_usd_by_region={"oslo": 0.0}), False, False),
        (Frictions(start_kwh_per_gpu_h=1.0), True, True),
        (Frictions(carry_weights=True), True, True),
        (Frictions(move_state=True), False, True),
    ],
)
def test_what_couples_the_hours(frictions: Frictions, starts: bool, couples: bool) -> None:
    """Any friction couples hours; only some of them are about starting."""
    assert (frictions.starts, frictions.couples) == (starts, couples)
