"""A choice experiment: what respondents were offered, and what they chose.

Long format: one row per alternative. A row whose four attributes are all empty (nan) is "none of
these".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.errors import Problem

ATTRIBUTES = ("accuracy", "latency_ms", "carbon_g", "price_usd")
MOST = 1e12
"""Milliseconds, grams and USD above this are taken for a mistake."""
SHOWN_PER_FAULT = 5
"""So many faults of a kind are told one by one; the rest as a number."""


@dataclass(frozen=True)
class Choices:
    """The alternatives of every task, arrays (R,) of one row each; `chosen` is boolean.

    Accuracy is 0..1. Carbon and price are per request, or for as many requests as the one who fits
    says. A task is known by respondent and task together, so tasks may be numbered anew for each
    respondent. `label` is what messages call the table; `notes` are what its reader should know.
    """

    respondent: np.ndarray
    task: np.ndarray
    alternative: np.ndarray
    accuracy: np.ndarray
    latency_ms: np.ndarray
    carbon_g: np.ndarray
    price_usd: np.ndarray
    chosen: np.ndarray
    segment: np.ndarray | None = None
    label: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def outside(self) -> np.ndarray:
        """Which rows are "none of these", (R,)."""
        empty: np.ndarray = np.isnan(np.stack([getattr(self, a) for a in ATTRIBUTES])).all(axis=0)
        return empty

    @cached_property
    def task_number(self) -> np.ndarray:
        """Number of each row's task, 0 to N − 1, (R,)."""
        return numbered(self.respondent, self.task)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a table of choices. `row` counts from 0; None is the column."""

    row: int | None
    column: str
    what: str
    fix: str

    def problem(self, label: str = "") -> Problem:
        """The fault as a problem that names its row, counted from 1."""
        where = self.column if self.row is None else f"{self.column}, row {self.row + 1}"
        return Problem(where, self.what, self.fix, label or None)


def numbered(*columns: np.ndarray) -> np.ndarray:
    """The distinct combinations of some columns as numbers from 0, (R,)."""
    number = np.unique(columns[0], return_inverse=True)[1]
    for column in columns[1:]:
        values, more = np.unique(column, return_inverse=True)
        number = np.unique(number * len(values) + more, return_inverse=True)[1]
    return number


def faults(choices: Choices) -> list[Fault]:
    """Everything that is wrong with a table: cells first, then tasks and respondents."""
    lengths = list(_lengths(choices))
    return lengths or [*_empty(choices), *range_faults(choices), *task_faults(choices)]


def task_faults(choices: Choices) -> Iterator[Fault]:
    """Tasks and respondents that are wrong, whatever their cells hold."""
    for check in (_alternatives, _chosen, _segments):
        yield from check(choices)


def range_faults(choices: Choices) -> Iterator[Fault]:
    """Figures out of their range; what is empty or no number is passed over."""
    for name in ATTRIBUTES:
        yield from _beyond(name, getattr(choices, name))


def _first_few(
    rows: np.ndarray, column: str, what: Callable[[int], str], fix: str
) -> Iterator[Fault]:
    for row in rows[:SHOWN_PER_FAULT]:
        yield Fault(int(row), column, what(int(row)), fix)
    more = len(rows) - SHOWN_PER_FAULT
    if more > 0:
        yield Fault(int(rows[-1]), column, f"{more} more like this", "Fix them all alike.")


def _lengths(choices: Choices) -> Iterator[Fault]:
    count = len(choices.respondent)
    columns = ["task", "alternative", *ATTRIBUTES, "chosen"]
    for name in [*columns, *([] if choices.segment is None else ["segment"])]:
        length = len(getattr(choices, name))
        if length != count:
            what = f"has {length} rows where respondent has {count}"
            yield Fault(None, name, what, "Give one value per row.")
    if not count:
        yield Fault(None, "respondent", "the table has no rows", "Give one row per alternative.")


def _empty(choices: Choices) -> Iterator[Fault]:
    fix = 'Give the figure; a row with all four attributes empty is "none of these".'
    for name in ATTRIBUTES:
        empty = np.flatnonzero(~np.isfinite(getattr(choices, name)) & ~choices.outside)
        yield from _first_few(empty, name, lambda _: "is empty or no number", fix)


def _beyond(name: str, values: np.ndarray) -> Iterator[Fault]:
    share = name == "accuracy"
    most, wanted = (1.0, "0..1") if share else (MOST, f"0 to {MOST:g}")
    bad = np.flatnonzero(np.isfinite(values) & ((values < 0) | (values > most)))
    fix = "Give a share: 0.87 for 87 %." if share else "Look for a wrong sign or unit."
    yield from _first_few(bad, name, lambda r: f"is {values[r]:g}, wanted {wanted}", fix)


def _name(choices: Choices, row: int) -> str:
    return f"task {choices.task[row]} of respondent {choices.respondent[row]}"


def _alternatives(choices: Choices) -> Iterator[Fault]:
    task = choices.task_number
    first, size = np.unique(task, return_index=True, return_counts=True)[1:]
    yield from _first_few(
        first[size == 1],
        "task",
        lambda r: f"{_name(choices, r)} has one alternative only",
        "Give what was not chosen, too; what may be refused needs a row without attributes.",
    )
    again = _repeated(numbered(task, choices.alternative))
    yield from _first_few(
        again,
        "alternative",
        lambda r: f"{choices.alternative[r]} is given twice in {_name(choices, r)}",
        "Name each alternative of a task once.",
    )
    none = np.flatnonzero(choices.outside)
    twice = np.setdiff1d(none[_repeated(task[none])], again)
    yield from _first_few(
        twice,
        "alternative",
        lambda r: f"{_name(choices, r)} has two rows without attributes",
        'Keep one; it is "none of these".',
    )


def _repeated(number: np.ndarray) -> np.ndarray:
    """Rows whose number was there before."""
    first = np.unique(number, return_index=True)[1]
    return np.setdiff1d(np.arange(len(number)), first)


def _chosen(choices: Choices) -> Iterator[Fault]:
    task = choices.task_number
    first = np.unique(task, return_index=True)[1]
    count = np.bincount(task, weights=choices.chosen)
    count_of = dict(zip(first.tolist(), count.astype(int).tolist(), strict=True))
    yield from _first_few(
        first[count != 1],
        "chosen",
        lambda r: f"{_name(choices, r)} has {count_of[r] or 'no'} chosen alternatives",
        "Mark exactly one.",
    )


def _segments(choices: Choices) -> Iterator[Fault]:
    if choices.segment is None:
        return
    first = np.unique(numbered(choices.respondent, choices.segment), return_index=True)[1]
    first.sort()
    moved = first[_repeated(numbered(choices.respondent[first]))]
    yield from _first_few(
        moved,
        "segment",
        lambda r: f"respondent {choices.respondent[r]} is in more than one",
        "Give a respondent one segment.",
    )
