"""Demand as a company knows it: requests or tokens per day or month, by place and class.

    d[i,k,t] = total_k[window of t] · share_i · shape_k[t] / (Σ_{window} shape_k · step)

Each window, a calendar month in UTC (or the day that a row names), holds its total exactly, however
long the month is and whatever the clocks do in it. A country's total is shared by its metros in
proportion to their population; the shape follows the local clock of each metro.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.data.demand import local_clock, local_shape
from wattlas.data.schema_models import LocalProfile, TotalsDemand
from wattlas.errors import Problem
from wattlas.model.signals import Hours

DAY_PERIOD = len("2023-01-31")


@dataclass(frozen=True)
class Total:
    """One stated number: so many requests of a class from a place."""

    place: str
    """As it was written: a metro, a country or `*`."""
    shares: dict[str, float]
    """Metro → share of the total; they add up to 1."""
    klass: str
    requests: float
    """Per day or per month."""
    per_day: bool
    period: str = ""
    """`2023-05`, `2023-05-14`, or empty: every month."""
    problem: Problem | None = None
    """Where it stands, for what is found later; its words are replaced."""

    def wrong(self, what: str, fix: str) -> Problem:
        """A problem with this number."""
        at = self.problem
        where = f"demand.totals.{self.place}.{self.klass}" if at is None else at.where
        return Problem(where, what, fix, *((None, None) if at is None else (at.file, at.line)))

    @property
    def named(self) -> str:
        """`DE`/`chat`, for messages."""
        return f"`{self.place}`/`{self.klass}`"


@dataclass(frozen=True)
class Calendar:
    """Every step of the months that a study touches, and which of them it studies."""

    utc: np.ndarray
    """Beginning of each step, shape (G,)."""
    studied: np.ndarray
    """Index in `utc` of each studied step, shape (T,)."""
    step_h: float

    @staticmethod
    def around(hours: Hours) -> Calendar:
        """The calendar months of some hours, on their grid."""
        step = round(hours.step_h * 3600)
        first, last = hours.utc[[0, -1]].astype("datetime64[M]")
        begin, end = (t.astype("datetime64[s]") for t in (first, last + 1))
        start = hours.start.astype("datetime64[s]")
        low, high = (-int((start - t).astype(np.int64) // step) for t in (begin, end))
        steps = np.arange(low, high)
        return Calendar(start + steps * np.timedelta64(step, "s"), hours.offset - low, hours.step_h)

    def windows(self, unit: str) -> tuple[np.ndarray, np.ndarray]:
        """The months (`M`) or days (`D`), and the window of each step."""
        names, window_of = np.unique(self.utc.astype(f"datetime64[{unit}]"), return_inverse=True)
        return names, window_of


def overlaps(totals: Sequence[Total]) -> Iterator[Problem]:
    """Numbers that speak of the same requests: nobody can tell whether they add up."""
    first: dict[tuple[str, str, str], Total] = {}
    places: dict[tuple[str, str], Total] = {}
    for total in totals:
        same = first.setdefault((total.place, total.klass, total.period), total)
        if same is not total:
            yield total.wrong(f"{total.named} is given twice", "Keep one of them.")
        first_row = places.setdefault((total.place, total.klass), total)
        if len(first_row.period) != len(total.period):
            what = f"{total.named} is given for every month, for months or for days at once"
            yield total.wrong(what, "Give all of its rows one kind of `period`.")
    by_metro: dict[tuple[str, str], Total] = {}
    for total in places.values():
        for metro in total.shares:
            other = by_metro.setdefault((metro, total.klass), total)
            if other is not total:
                what = f"{total.named} speaks of metro `{metro}`, and so does {other.named}"
                fix = "Give the metros of a country by name, or the country, not both."
                yield total.wrong(what, fix)
                break


def profile_of(section: TotalsDemand, klass: str) -> LocalProfile:
    """The local profile of a class: its own words before those for all classes."""
    general = {
        name: value
        for name in ("hour_weights", "weekend_factor")
        if (value := getattr(section, name)) is not None
    }
    own = section.classes.get(klass)
    stated = {} if own is None else own.model_dump(exclude_unset=True)
    return LocalProfile(**{**general, **stated})


def spread(
    totals: Sequence[Total],
    section: TotalsDemand,
    hours: Hours,
    timezones: dict[str, str],
    classes: Sequence[str],
) -> tuple[np.ndarray, list[Problem]]:
    """Requests per hour, shape (metros, classes, T), metros in the order of `timezones`."""
    calendar = Calendar.around(hours)
    row_of = {metro: i for i, metro in enumerate(timezones)}
    per_h = np.zeros((len(timezones), len(classes), hours.count))
    shapes: dict[tuple[str, str], np.ndarray] = {}
    problems: list[Problem] = []
    by_place: dict[tuple[str, str], list[Total]] = {}
    for total in totals:
        by_place.setdefault((total.place, total.klass), []).append(total)
    for (_, klass), rows in by_place.items():
        window_total, window_of, faults = _by_window(rows, calendar)
        problems += faults
        profile, k = profile_of(section, klass), classes.index(klass)
        for metro, share in rows[0].shares.items():
            key = (klass, timezones[metro])
            if key not in shapes:
                clock = local_clock(calendar.utc, timezones[metro])
                shapes[key] = local_shape(clock, hours.step_h, profile, section.hour_profiles)
            sums = np.bincount(window_of, shapes[key], len(window_total)) * hours.step_h
            if ((sums <= 0) & (window_total > 0)).any():
                what = f"{rows[0].named} has a day or month in which its profile has no hour"
                problems.append(rows[0].wrong(what, "Give its days and hours some weight."))
                break
            rate = np.divide(window_total, sums, out=np.zeros_like(sums), where=sums > 0)
            per_h[row_of[metro], k] += (share * rate[window_of] * shapes[key])[calendar.studied]
    return per_h, problems


def _by_window(
    rows: Sequence[Total], calendar: Calendar
) -> tuple[np.ndarray, np.ndarray, list[Problem]]:
    """Requests of each window, the window of each step, and what is studied and not given."""
    by_day = len(rows[0].period) == DAY_PERIOD
    names, window_of = calendar.windows("D" if by_day else "M")
    days = np.ones(len(names))
    if not by_day:
        days = (names + 1).astype("datetime64[D]") - names.astype("datetime64[D]")
        days = days.astype(np.int64).astype(float)
    given = {row.period: row for row in rows}
    requests, lacking = np.zeros(len(names)), []
    studied = set(window_of[calendar.studied].tolist())
    for n, name in enumerate(names):
        row = given.get("") or given.get(str(name))
        if row is not None:
            requests[n] = row.requests * (days[n] if row.per_day else 1.0)
        elif n in studied:
            lacking.append(str(name))
    if not lacking:
        return requests, window_of, []
    what = f"{rows[0].named} lacks {len(lacking)} of the periods studied, the first {lacking[0]}"
    fix = "Add them, or study other hours with `time:`; without `period` a row is for every month."
    return requests, window_of, [rows[0].wrong(what, fix)]
