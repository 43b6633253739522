"""Representative days: the same every time, whole months, the whole demand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.scenario_files import tiny_folder
from tests.examples import examples
from wattlas.data.sampling import representative_days
from wattlas.data.scenario_file import EXAMPLES, read


@given(st.integers(1, 28), st.integers(0, 2**31), st.integers(20, 100))
@examples(100)
def test_months_keep_their_days(days_per_month: int, seed: int, days: int) -> None:
    """Each month is stood for by its own days, and its weights add up to its length."""
    signals = np.random.default_rng(seed).normal(size=(3, days, 24))
    start = np.datetime64("2023-01-20")
    sample = representative_days(start, signals, days_per_month)
    months = (start + np.arange(days)).astype("datetime64[M]")
    assert (np.diff(sample.days) > 0).all()
    assert np.array_equal(sample.stands_for.sum(axis=0), np.ones(days))
    for n, day in enumerate(sample.days):
        assert sample.stands_for[n, day]
        assert (months[sample.stands_for[n]] == months[day]).all()
    for month in np.unique(months):
        count = int((months == month).sum())
        inside = months[sample.days] == month
        assert sample.weight[inside].sum() == count
        assert inside.sum() == min(days_per_month, count)


@given(st.integers(1, 5), st.integers(0, 2**31))
@examples(100)
def test_a_sample_keeps_the_total(days_per_month: int, seed: int) -> None:
    """Weighted mean days add up to the sum of every day."""
    random = np.random.default_rng(seed)
    sample = representative_days(
        np.datetime64("2023-01-01"), random.normal(size=(2, 59, 4)), days_per_month
    )
    demand = random.uniform(size=(3, 59 * 4))
    kept = sample.mean_days(demand).reshape(3, -1, 4)
    assert (kept.sum(axis=2) @ sample.weight) == pytest.approx(demand.sum(axis=1))


def test_the_most_typical_day_is_chosen() -> None:
    """Of a month with one odd shape among equals, an equal one is kept, flat signals or not."""
    signals = np.ones((2, 31, 24))
    signals[0, 4] = np.arange(24)
    sample = representative_days(np.datetime64("2023-01-01"), signals, 1)
    assert sample.days.tolist() == [0]


def test_the_world_is_sampled_alike_every_time() -> None:
    """The embedded year reduces to 12 days that stand for 8,760 h and all of its demand."""
    world = EXAMPLES / "typical-2023"
    first, again = (read(world, scenario="sample").scenario for _ in range(2))
    assert np.array_equal(first.hours.offset, again.hours.offset)
    assert np.array_equal(first.price_usd_per_mwh, again.price_usd_per_mwh)
    assert first.hours.count == 288
    assert first.hours.hours.sum() == 8760
    whole = read(world).scenario
    assert whole.hours.count == 8760
    total = (first.demand_per_h * first.hours.hours).sum()
    assert total == pytest.approx(whole.demand_per_h.sum())


def test_the_worlds_numbers_are_as_its_text_says() -> None:
    """The example's comments state its population, requests a day and capacity rule."""
    s = read(EXAMPLES / "typical-2023").scenario
    assert sum(m.population for m in s.metros) == pytest.approx(980e6, rel=0.01)
    per_day = (s.demand_per_h * s.hours.hours).sum() / 365
    assert per_day == pytest.approx(450e6, rel=0.01)
    assert 1.3 < s.reserved_gpu[:, 0].sum() / 4838.7 < 1.6
    assert len({r.reserved_usd_per_gpu_year for r in s.regions}) == 1


def test_a_short_window_is_sampled_too(tmp_path: Path) -> None:
    """A sample of a single day is that day."""
    tiny = tiny_folder(tmp_path / "tiny")
    s = tiny.load("time.sample={days_per_month: 2}")
    assert s.hours.count == 24
    assert np.array_equal(s.demand_per_h, tiny.load().demand_per_h)


CONSTANT = (
    "signals.price={table: null, constant: {NO: 1, US-TX: 2, IN: 3}}",
    "signals.carbon={table: null, constant: {NO: 1, US-TX: 2, IN: 3}}",
)


@pytest.mark.parametrize(
    ("start", "hours", "step_h", "sound"),
    [
        ("2023-06-01T00:00:00Z", 48, 1.0, True),
        ("2023-06-01T00:00:00Z", 96, 0.5, True),
        ("2023-06-01T06:00:00Z", 48, 1.0, False),
        ("2023-06-01T00:00:00Z", 30, 1.0, False),
        ("2023-06-01T00:00:00Z", 54, 0.9, False),
    ],
)
def test_a_sample_needs_whole_days(
    tmp_path: Path, start: str, hours: int, step_h: float, sound: bool
) -> None:
    """Days begin at midnight UTC and are whole, or the sample is refused with the hours found."""
    time = (
        f"time={{start: {start}, hours: {hours}, step_h: {step_h}, sample: {{days_per_month: 1}}}}"
    )
    problems = tiny_folder(tmp_path / "tiny").problems(time, *CONSTANT)
    assert [p.where for p in problems] == ([] if sound else ["time.sample"])
    if not sound:
        assert f"{hours:g} from {start[:10]}" in problems[0].fix


def test_days_are_chosen_by_price_and_by_carbon(tmp_path: Path) -> None:
    """Of three days of one price, the one of middling carbon stands for them."""
    folder = tiny_folder(tmp_path / "tiny")
    zones, grams = ("NO", "US-TX", "IN"), (100, 900, 500)
    rows = [
        f"2023-06-{day + 1:02d}T{hour:02d}:00:00Z,{zone},{grams[day]}"
        for zone in zones
        for day in range(3)
        for hour in range(24)
    ]
    folder.write("carbon.csv", "time_utc,zone,average_g_per_kwh\n" + "\n".join(rows) + "\n")
    time = "time={start: 2023-06-01T00:00:00Z, hours: 72, sample: {days_per_month: 1}}"
    s = folder.load(time, CONSTANT[0])
    assert set(s.signals.average_g_per_kwh.ravel().tolist()) == {500.0}
