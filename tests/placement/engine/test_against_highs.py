"""The engine against HiGHS, hour by hour, on random programs of every kind of trouble."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generate import KINDS, make
from judge import judge

from wattlas.placement.engine import HourlyProgram, solve_program, verify

PROGRAMS = 10
HOURS = 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_hour_equals_the_judge(kind: str) -> None:
    """Status and objective of 100 random hours of this kind are those of HiGHS, to 1e-9."""
    for seed in range(PROGRAMS):
        program = make(kind, seed, HOURS)
        answer = solve_program(program)
        for t in range(HOURS):
            status, value, size = judge(program, t)
            where = f"{kind} seed {seed} hour {t}"
            assert answer.status[t] == {"optimal": 0, "infeasible": 1}[status], where
            if status == "optimal":
                assert abs(answer.objective[t] - value) <= 1e-9 * size + 1e-14, where
        assert verify(program, answer).worst <= 1e-9, f"{kind} seed {seed}"


def test_the_kinds_are_what_they_say() -> None:
    """Infeasible hours, shed demand and binding rows do occur in the programs named after them."""
    infeasible = [solve_program(make("infeasible", n)).status for n in range(PROGRAMS)]
    assert 0.1 < np.mean(np.concatenate(infeasible) == 1) < 0.95
    assert (solve_program(make("shedding", 0)).region == -1).any()
    rows = [solve_program(make("binding_rows", n)).row_dual for n in range(PROGRAMS)]
    assert np.mean([(dual > 0).any() for dual in rows]) > 0.4


def _tied(rng: np.random.Generator, sources: int, regions: int, points: int) -> HourlyProgram:
    """Integer demands, prices and minima: nearly every basis is degenerate, most columns tie."""
    hours, group = 3, rng.integers(0, 5, sources)
    coef = np.zeros((5 if points > 1 else 0, sources, points))
    for j in range(coef.shape[0]):
        coef[j][group == j] = np.linspace(-1, 1, points)
    return HourlyProgram(
        demand=rng.integers(0, 4, (sources, hours)).astype(float),
        energy_kwh=np.ones((sources, points)) * np.arange(1, points + 1),
        gpu_h=np.ones((sources, points)),
        allowed=rng.random((sources, regions, points)) < 0.5,
        per_kwh=rng.integers(-2, 4, (regions, hours)).astype(float),
        per_request=rng.integers(0, 2, (sources, regions, points)).astype(float),
        capacity=np.full((regions, hours), np.ceil(1.6 * sources / regions)),
        unserved=np.full(sources, 50.0),
        row_coef=coef,
    )


@pytest.mark.parametrize(("regions", "points"), [(60, 1), (40, 3)])
def test_large_tied_hours_do_not_cycle(regions: int, points: int) -> None:
    """Hours of 200 sources where nearly everything ties are finished, and are the judge's."""
    program = _tied(np.random.default_rng(regions), 200, regions, points)
    answer = solve_program(program)
    for t in range(3):
        _, value, size = judge(program, t)
        assert abs(answer.objective[t] - value) <= 1e-9 * size
    assert verify(program, answer).worst <= 1e-9


def test_a_program_without_sources() -> None:
    """Nobody asks: zero is optimal where every row allows it, and the hour infeasible elsewhere."""
    program = make("slack_rows", 0, 3)
    none = slice(0, 0)
    empty = replace(
        program,
        demand=program.demand[none],
        energy_kwh=program.energy_kwh[none],
        gpu_h=program.gpu_h[none],
        allowed=program.allowed[none],
        per_request=program.per_request[none],
        unserved=program.unserved[none],
        row_coef=program.row_coef[:1, none],
        row_lower=np.array([[0.0, 1.0, -1.0]]),
    )
    answer = solve_program(empty)
    assert answer.status.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(answer.objective, [0.0, np.nan, 0.0])
