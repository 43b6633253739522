"""Choices: every fault of a table is found at once, and named by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.tiers.simulate import Truth, kept, replaced, simulate
from wattlas.model.choices import Choices, faults, numbered

BASE = simulate(4, 3, 3, Truth(outside_usd=0.001), 1)


def put(column: str, row: int, value: object) -> Choices:
    """The sound table with one cell changed."""
    values = getattr(BASE, column).copy()
    values[row] = value
    return replaced(BASE, **{column: values})


def told(choices: Choices) -> list[str]:
    """The faults as a reader sees them."""
    return [str(fault.problem("t.csv")) for fault in faults(choices)]


def test_a_sound_table_has_no_faults() -> None:
    """Tasks of four, of which one is none of these; tasks are numbered anew per respondent."""
    assert faults(BASE) == []
    assert BASE.outside.sum() == 12
    assert len(np.unique(BASE.task_number)) == 12
    assert numbered(np.array(["b", "a", "b"]), np.array([1, 1, 1])).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("accuracy", 1.2, "is 1.2, wanted 0..1. Give a share: 0.87 for 87 %."),
        ("accuracy", -0.1, "is -0.1, wanted 0..1"),
        ("latency_ms", -5, "is -5, wanted 0 to 1e+12. Look for a wrong sign or unit."),
        ("carbon_g", -0.2, "is -0.2, wanted 0 to 1e+12"),
        ("price_usd", -0.2, "is -0.2, wanted 0 to 1e+12"),
        ("latency_ms", 1e300, "is 1e+300, wanted 0 to 1e+12"),
        ("price_usd", np.nan, "is empty or no number. Give the figure; a row with all four"),
        ("carbon_g", np.inf, "is empty or no number"),
    ],
)
def test_a_wrong_cell_is_named(column: str, value: float, words: str) -> None:
    """Its row counts from 1."""
    found = told(put(column, 5, value))
    assert len(found) == 1
    assert found[0].startswith(f"t.csv {column}, row 6: ")
    assert words in found[0]


def first_of(test: Callable[[Choices], np.ndarray]) -> int:
    """The first row for which something holds."""
    return int(np.flatnonzero(test(BASE))[0])


def test_tasks_that_are_wrong() -> None:
    """None chosen, two chosen, one alternative, the same twice, two that are none of these."""
    chosen = first_of(lambda c: c.chosen)
    task = f"task {BASE.task[chosen]} of respondent {BASE.respondent[chosen]}"
    assert f"{task} has no chosen alternatives" in told(put("chosen", chosen, False))[0]
    other = first_of(lambda c: ~c.chosen)
    assert "has 2 chosen alternatives" in told(put("chosen", other, True))[0]
    alone = kept(BASE, (BASE.task_number != 0) | BASE.chosen)
    assert "has one alternative only" in told(alone)[0]
    twice = told(put("alternative", 1, BASE.alternative[0]))
    assert twice == [
        f"t.csv alternative, row 2: {BASE.alternative[0]} is given twice in task 0 of respondent 0."
        " Name each alternative of a task once."
    ]
    row = first_of(lambda c: ~c.outside)
    none = {a: np.where(np.arange(len(BASE.task)) == row, np.nan, getattr(BASE, a))
            for a in ("accuracy", "latency_ms", "carbon_g", "price_usd")}  # fmt: skip
    assert "has two rows without attributes" in told(replaced(BASE, **none))[0]


def test_a_respondent_in_two_segments() -> None:
    """A respondent has one segment."""
    segment = np.where(BASE.respondent < 2, "green", "grey")
    assert faults(replaced(BASE, segment=segment)) == []
    segment[0] = "grey"
    assert "respondent 0 is in more than one" in told(replaced(BASE, segment=segment))[0]


def test_all_faults_at_once() -> None:
    """A wrong cell does not hide a wrong task, nor one column another."""
    bad = put("accuracy", 0, 7.0)
    bad = replaced(bad, carbon_g=np.where(np.arange(len(BASE.task)) == 1, -1.0, bad.carbon_g))
    bad = replaced(bad, chosen=np.zeros(len(BASE.task), dtype=bool))
    assert [fault.column for fault in faults(bad)] == ["accuracy", "carbon_g", *["chosen"] * 6]
    assert faults(bad)[-1].what == "7 more like this"


def test_columns_that_do_not_fit() -> None:
    """Lengths that differ and a table without rows are told before anything else."""
    short = replaced(BASE, price_usd=BASE.price_usd[:-1], segment=np.array(["a"]))
    assert [f.column for f in faults(short)] == ["price_usd", "segment"]
    assert "has 47 rows where respondent has 48" in told(short)[0]
    assert "has no rows" in told(kept(BASE, np.zeros(len(BASE.task), dtype=bool)))[0]
