"""Sweeps of objectives, meters, starts from stored bases, merging."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generate import make

from wattlas.placement.engine import Meter, merge, solve_hours, solve_sweep


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
