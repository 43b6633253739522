"""The one door to HiGHS: how fine it looks, and what it starts from."""

from __future__ import annotations

import numpy as np
import pytest

from wattlas.model.plan import Status
from wattlas.placement.hour import highs
from wattlas.placement.problem.rows import Rows


def split(cost: list[float], total: float = 1.0) -> highs.Lp:
    """x + y = total, each between 0 and 10."""
    row = Rows(
        "sum", np.array([total]), np.array([total]), np.array([0, 2]), np.arange(2), np.ones(2)
    )
    return highs.Lp(np.array(cost), np.zeros(2), np.full(2, 10.0), [row])


@pytest.mark.parametrize("primal", [False, True])
@pytest.mark.parametrize("hair", [5e-8, -5e-8])
def test_a_hair_decides_from_any_basis(hair: float, primal: bool) -> None:
    """What costs 5e-8 less is taken, also where the basis that is given takes the other."""
    other = highs.solve(split([1.0, 1.0 - np.sign(hair)]), keep_basis=True)
    assert other.basis is not None
    found = highs.solve(split([1.0, 1.0 + hair]), start=other.basis, primal=primal)
    assert found.status is Status.OPTIMAL
    assert found.x == pytest.approx([1.0, 0.0] if hair > 0 else [0.0, 1.0], abs=1e-12)
    assert found.objective == pytest.approx(min(1.0, 1.0 + hair), abs=1e-12)
    assert found.dual == pytest.approx([min(1.0, 1.0 + hair)], abs=1e-12)


@pytest.mark.parametrize("interior", [False, True])
def test_the_interior_point_ends_at_a_vertex(interior: bool) -> None:
    """By either method an answer has a basis of as many columns as rows, and statuses by side."""
    program = split([1.0, 2.0], 12.0)
    found = highs.solve(program, interior=interior, keep_basis=True)
    assert found.x == pytest.approx([10.0, 2.0], abs=1e-9)
    assert not len(found.reduced)
    without = highs.solve(program, interior=interior)
    assert without.reduced == pytest.approx([-1.0, 0.0], abs=1e-9)
    assert found.basis is not None
    assert found.basis.columns.tolist() == [highs.AT_UPPER, highs.BASIC]
    assert found.basis.rows.tolist()[0] != highs.BASIC
