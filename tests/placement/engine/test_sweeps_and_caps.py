"""Sweeps of objectives, caps by a multiplier, starts from stored bases."""

from __future__ import annotations

from dataclasses import replace

import highspy
import numpy as np
import pytest
from generate import make
from judge import judge

from wattlas.placement.engine import Meter, merge, solve_capped, solve_hours, solve_sweep


def test_a_sweep_equals_separate_solves() -> None:
    """Every objective of a sweep has the value that the hours have when solved cold."""
    program = make("plain", 3)
    rates = [program.per_kwh * (1 + 0.1 * n) + 0.01 * n for n in range(7)]
    swept = solve_sweep(program, rates, threads=2)
    for n, rate in enumerate(rates):
        alone = solve_hours(replace(program, per_kwh=rate))
        np.testing.assert_allclose(swept.objective[n], alone.objective, rtol=1e-11)


def test_a_sweep_of_static_costs_equals_separate_solves() -> None:
    """The same where the static costs change too, each hour from its own basis."""
    program = make("binding_rows", 2)
    rates = [program.per_kwh] * 4
    static = [program.per_request * (1 + n) for n in range(4)]
    swept = solve_sweep(program, rates, static)
    for n in range(4):
        alone = solve_hours(replace(program, per_request=static[n]))
        np.testing.assert_allclose(swept.objective[n], alone.objective, rtol=1e-11)


def test_meters_are_inner_products_of_the_flows() -> None:
    """A meter with the program's own prices reads the energy part of the objective."""
    program = make("plain", 5)
    program = replace(program, per_request=np.zeros_like(program.per_request))
    answer = solve_hours(program, meters=(Meter(program.per_kwh),))
    shed = np.array(
        [
            (v * program.unserved[s] * (r < 0)).sum()
            for s, r, _, v in (answer.flows(t) for t in range(10))
        ]
    )
    np.testing.assert_allclose(answer.meters[:, 0] + shed, answer.objective, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_stored_basis_starts_another_program(seed: int) -> None:
    """Bases of one program start another with other masks and limits; the answer is its own."""
    program = make("plain", seed)
    kept = solve_hours(program, keep_bases=True)
    rng = np.random.default_rng(seed)
    allowed = program.allowed & (rng.random(program.allowed.shape) < 0.7)
    other = replace(program, allowed=allowed, capacity=program.capacity * 0.8)
    hot = solve_hours(other, start=kept.basis)
    cold = solve_hours(other)
    np.testing.assert_array_equal(hot.status, cold.status)
    np.testing.assert_allclose(hot.objective, cold.objective, rtol=1e-10)


def test_a_basis_of_another_size_is_refused() -> None:
    """Indices that the program does not have never reach compiled code, which would not notice."""
    program = make("binding_rows", 2)
    kept = solve_hours(program, keep_bases=True).basis
    points = replace(kept, keys=np.where(kept.keys >= 0, kept.keys + 99, kept.keys))
    slack = (kept.basics[..., 0] < 0)[..., None]
    sources = replace(kept, basics=np.where(slack, kept.basics, kept.basics + 99))
    rows = replace(kept, basics=np.where(slack, kept.basics + 99, kept.basics))
    for wrong in (points, sources, rows):
        assert slack.any()
        with pytest.raises(ValueError, match="does not have"):
            solve_hours(program, start=wrong)
    with pytest.raises(ValueError, match="sources"):
        solve_hours(program, start=replace(kept, keys=kept.keys[:, 1:]))


def test_merging_equal_sources_changes_nothing() -> None:
    """A program with each source written twice merges back and keeps its objective."""
    program = make("binding_rows", 4)
    twice = replace(
        program,
        demand=np.concatenate([program.demand * 0.25, program.demand * 0.75]),
        energy_kwh=np.tile(program.energy_kwh, (2, 1)),
        gpu_h=np.tile(program.gpu_h, (2, 1)),
        allowed=np.tile(program.allowed, (2, 1, 1)),
        per_request=np.tile(program.per_request, (2, 1, 1)),
        unserved=np.tile(program.unserved, 2),
        row_coef=np.tile(program.row_coef, (1, 2, 1)),
    )
    merged = merge(twice)
    assert merged.program.demand.shape == program.demand.shape
    np.testing.assert_array_equal(merged.into, np.tile(np.arange(program.demand.shape[0]), 2))
    np.testing.assert_allclose(
        solve_hours(merged.program).objective, solve_hours(twice).objective, rtol=1e-11
    )


def _joint(program, rate: np.ndarray, cap: float) -> float:
    """All hours and the cap in one program through HiGHS."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    total, metered = 0, 0
    sources, regions, _, _, hours = program.sizes
    for t in range(hours):
        x = {
            (s, r, o): solver.addVariable(lb=0)
            for s, r, o in zip(*np.nonzero(program.allowed), strict=True)
        }
        z = [solver.addVariable(lb=0) for _ in range(sources)]
        for s in range(sources):
            served = [v for (a, _, _), v in x.items() if a == s]
            solver.addConstr(sum(served) + z[s] == program.demand[s, t])
            total += program.unserved[s] * z[s]
        for r in range(regions):
            used = [program.gpu_h[s, o] * v for (s, b, o), v in x.items() if b == r]
            if used:
                solver.addConstr(sum(used) <= program.capacity[r, t])
        for (s, r, o), v in x.items():
            cost = program.energy_kwh[s, o] * program.per_kwh[r, t] + program.per_request[s, r, o]
            total += cost * v
            metered += program.energy_kwh[s, o] * rate[r, t] * v
    solver.addConstr(metered <= cap)
    solver.minimize(total)
    return solver.getInfo().objective_function_value


@pytest.mark.parametrize("seed", range(3))
def test_a_cap_over_the_window_equals_the_joint_program(seed: int) -> None:
    """The multiplier's optimum is that of one program over all hours, and its gap is certified."""
    program = make("plain", seed, hours=4)
    rate = np.random.default_rng(seed).uniform(0.01, 0.9, program.per_kwh.shape)
    free = solve_hours(program, meters=(Meter(rate),)).meters.sum()
    capped = solve_capped(program, Meter(rate), 0.8 * free)
    assert capped.feasible
    assert capped.gap <= 1e-8
    assert capped.metered <= 0.8 * free * (1 + 1e-12)
    assert capped.objective == pytest.approx(_joint(program, rate, 0.8 * free), rel=1e-6)


def test_a_cap_that_does_not_bind_costs_nothing() -> None:
    """Its multiplier is zero and the plan is the free one."""
    program = make("plain", 1, hours=3)
    rate = np.full_like(program.per_kwh, 0.4)
    capped = solve_capped(program, Meter(rate), 1e12)
    assert capped.multiplier == 0.0
    assert capped.objective == pytest.approx(solve_hours(program).objective.sum(), rel=1e-12)


def test_the_cap_is_also_honest_about_judged_hours() -> None:
    """Single hours of the free solve are the judge's: the base of the search is exact."""
    program = make("plain", 2, hours=3)
    answer = solve_hours(program)
    for t in range(3):
        assert answer.objective[t] == pytest.approx(judge(program, t)[1], rel=1e-9)


def test_a_cap_below_what_any_plan_meters_is_infeasible() -> None:
    """No plan meters less than the plan that minimises the meter; below it there is none."""
    program = make("plain", 1, hours=3)
    program = replace(program, unserved=np.full_like(program.unserved, np.inf))
    program = replace(program, capacity=program.capacity * 1e3)
    rate = np.random.default_rng(0).uniform(0.1, 0.9, program.per_kwh.shape)
    least = solve_hours(
        replace(program, per_kwh=rate, per_request=np.zeros_like(program.per_request))
    ).objective.sum()
    assert not solve_capped(program, Meter(rate), 0.99 * least).feasible
    assert solve_capped(program, Meter(rate), 1.01 * least).feasible


def test_a_long_window_begins_from_a_sample() -> None:
    """With 1,300 hours the search begins near the answer, and its gap is certified all the same."""
    program = make("shedding", 6, hours=1300)
    rate = np.random.default_rng(5).uniform(0.01, 0.9, program.per_kwh.shape)
    free = solve_hours(program, meters=(Meter(rate),)).meters.sum()
    capped = solve_capped(program, Meter(rate), 0.9 * free, threads=2)
    assert capped.feasible
    assert capped.gap <= 1e-9
    assert capped.metered <= 0.9 * free * (1 + 1e-12)
