"""Billing windows: named, without gaps, and as long as the clock of their zone makes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattlas.errors import InputError
from wattlas.model.objective import Window
from wattlas.serve.calendar import WindowCalendar

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]


def seconds(text: str) -> float:
    """A UTC time as seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@given(
    st.sampled_from([w for w in Window if w is not Window.ALL]),
    st.sampled_from(ZONES),
    st.floats(1.2e9, 2.5e9),
)
def test_windows_follow_one_another(window: Window, zone: str, utc_s: float) -> None:
    """Each moment lies in its window, and the next begins where that ends, with another name."""
    calendar = WindowCalendar(window, zone)
    span = calendar.at(utc_s)
    assert span.begins_s <= utc_s < span.ends_s
    assert calendar.at(span.begins_s) == span
    following = calendar.at(span.ends_s)
    assert following.begins_s == span.ends_s
    assert following.label != span.label


@pytest.mark.parametrize(
    ("window", "zone", "at", "label", "begins", "hours"),
    [
        (Window.MONTH, "UTC", "2026-11-29T12:00", "2026-11", "2026-11-01T00:00", 30 * 24),
        (Window.MONTH, "Europe/Berlin", "2026-10-31T23:30", "2026-11", "2026-10-31T23:00", 720),
        (Window.MONTH, "Europe/Berlin", "2026-10-15T00:00", "2026-10", "2026-09-30T22:00", 745),
        (Window.DAY, "Europe/Berlin", "2026-10-25T12:00", "2026-10-25", "2026-10-24T22:00", 25),
        (Window.DAY, "Europe/Berlin", "2026-03-29T12:00", "2026-03-29", "2026-03-28T23:00", 23),
        (Window.HOUR, "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T01:00Z",
         "2026-10-25T01:00", 1),
        (Window.HOUR, "Asia/Kolkata", "2026-10-25T01:40", "2026-10-25T01:30Z",
         "2026-10-25T01:30", 1),
    ],
)  # fmt: skip
def test_known_windows(
    window: Window, zone: str, at: str, label: str, begins: str, hours: int
) -> None:
    """A day on which the clock changes has 23 or 25 hours, and its month as many more."""
    span = WindowCalendar(window, zone).at(seconds(at))
    assert span.label == label
    assert span.begins_s == seconds(begins)
    assert span.ends_s - span.begins_s == hours * 3600


def test_one_window_for_ever() -> None:
    """It never ends."""
    assert WindowCalendar(Window.ALL).at(0.0) == WindowCalendar(Window.ALL).at(4e9)


def test_a_zone_that_is_unknown_is_refused() -> None:
    """With the fix."""
    with pytest.raises(InputError, match="no time zone"):
        WindowCalendar(Window.DAY, "Mars/Olympus")
