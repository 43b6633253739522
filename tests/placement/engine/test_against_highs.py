"""The engine against HiGHS, hour by hour, on random programs of every kind of trouble."""

from __future__ import annotations

import numpy as np
import pytest
from generate import KINDS, make
from judge import judge

from wattlas.placement.engine import solve_hours, verify

PROGRAMS = 14
HOURS = 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_hour_equals_the_judge(kind: str) -> None:
    """Status and objective of 140 random hours of this kind are those of HiGHS, to 1e-9."""
    for seed in range(PROGRAMS):
        program = make(kind, seed, HOURS)
        answer = solve_hours(program)
        for t in range(HOURS):
            status, value, size = judge(program, t)
            where = f"{kind} seed {seed} hour {t}"
            assert answer.status[t] == {"optimal": 0, "infeasible": 1}[status], where
            if status == "optimal":
                assert abs(answer.objective[t] - value) <= 1e-9 * size + 1e-14, where
        assert verify(program, answer).worst <= 1e-9, f"{kind} seed {seed}"


def test_the_kinds_are_what_they_say() -> None:
    """Infeasible hours, shed demand and binding rows do occur in the programs named after them."""
    infeasible = [solve_hours(make("infeasible", n)).status for n in range(PROGRAMS)]
    assert 0.1 < np.mean(np.concatenate(infeasible) == 1) < 0.95
    assert (solve_hours(make("shedding", 0)).region == -1).any()
    rows = [solve_hours(make("binding_rows", n)).row_dual for n in range(PROGRAMS)]
    assert np.mean([(dual > 0).any() for dual in rows]) > 0.4
