"""The master program of one limit against linear programs of the same columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.examples import examples
from wattlas.placement.window.master import HourColumns, Hulls, Master

VALUES = st.one_of(st.integers(-3, 6).map(float), st.floats(0.0, 10.0).map(lambda x: round(x, 3)))


@st.composite
def columns(draw: st.DrawFn) -> HourColumns:
    """Every hour has one column at least; equal ones, and equal prices, are likely."""
    hours = draw(st.integers(1, 6))
    found = HourColumns(used=np.zeros((0, 1)))
    for answer in range(draw(st.integers(1, 5))):
        cost = np.array(draw(st.lists(VALUES, min_size=hours, max_size=hours)))
        used = np.array(draw(st.lists(VALUES, min_size=hours, max_size=hours)))
        found.take(cost, used[:, None], answer)
    return found


def least_use(found: HourColumns) -> float:
    """What hours use at the least."""
    return sum(float(found.used[found.hour == t].min()) for t in np.unique(found.hour))


@given(columns(), st.floats(-1.0, 30.0).map(lambda x: round(x, 2)))
@examples(120)
def test_it_is_the_linear_program(found: HourColumns, room: float) -> None:
    """The same value, shares that are one placement per hour within the limit, a dual of it."""
    hours = int(found.hour.max()) + 1
    limit = least_use(found) + room
    one = Hulls(hours, np.array([limit]), found)
    multiplier = float(one.solve(found)[0])
    judge = linprog(
        found.cost,
        A_ub=found.used.T,
        b_ub=[limit],
        A_eq=(found.hour[None, :] == np.arange(hours)[:, None]).astype(float),
        b_eq=np.ones(hours),
        method="highs",
    )
    assert one.kept == (judge.status == 0)
    if not one.kept:
        return
    assert one.value == pytest.approx(judge.fun, rel=1e-9, abs=1e-9)
    assert (one.shares >= 0).all()
    assert np.bincount(found.hour, one.shares, hours) == pytest.approx(np.ones(hours))
    assert float(found.used[:, 0] @ one.shares) <= limit + 1e-9
    assert np.count_nonzero(one.shares) <= hours + 1
    assert multiplier >= 0
    priced = found.cost + multiplier * found.used[:, 0]
    bound = sum(float(priced[found.hour == t].min()) for t in range(hours)) - multiplier * limit
    assert bound == pytest.approx(one.value, rel=1e-9, abs=1e-9)


@given(columns(), st.floats(0.0, 30.0).map(lambda x: round(x, 2)))
@examples(40)
def test_one_limit_is_several(found: HourColumns, room: float) -> None:
    """Both master programs find the same value for one limit."""
    hours = int(found.hour.max()) + 1
    limit = np.array([least_use(found) + room])
    one, any_number = Hulls(hours, limit, found), Master(hours, limit, found)
    one.solve(found)
    any_number.solve(found)
    assert one.kept
    assert any_number.kept
    assert one.value == pytest.approx(any_number.value, rel=1e-6, abs=1e-6)


def test_a_column_that_is_there_is_not_taken_again() -> None:
    """Hours that answer as before add nothing."""
    found = HourColumns(used=np.zeros((0, 1)))
    cost, used = np.array([1.0, 2.0]), np.array([[3.0], [4.0]])
    found.take(cost, used, 0)
    found.take(cost, used, 1)
    assert found.answer.tolist() == [0, 0]
    found.take(np.array([1.0, 3.0]), used, 2)
    assert found.hour.tolist() == [0, 1, 1]
    assert found.answer.tolist() == [0, 0, 2]
