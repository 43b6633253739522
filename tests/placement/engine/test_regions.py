"""What the engine keeps of the columns of a region stays right wherever duals go."""

from __future__ import annotations

import numpy as np
import pytest
from generate import make

from tests.interpreted import interpreted
from wattlas.placement.engine.candidates import set_gains
from wattlas.placement.engine.pricing import price_sources
from wattlas.placement.engine.scaled import scale
from wattlas.placement.engine.solve import Bench
from wattlas.placement.engine.state import BIG, DUAL, POINT, REGION, Program, Scratch, Working

PRICE_SOURCES, SET_GAINS = interpreted(price_sources), interpreted(set_gains)
"""As Python runs them: to compile them for this test alone takes seconds."""


def priced(p: Program, tariff: np.ndarray, b: Working, w: Scratch) -> np.ndarray:
    """(own, least) of every source, after the duals were followed."""
    PRICE_SOURCES(p, tariff, b.vec, w, 0.0)
    SET_GAINS(p.unit, b, tariff.shape[1], 0.0, w.least, w.gain)
    return np.stack([w.gain + w.least, w.least], axis=1)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["plain", "shedding", "negative_prices", "binding_rows"])
def test_the_least_is_that_of_all_columns_wherever_duals_go(kind: str, seed: int) -> None:
    """Duals rise and fall a few at a time; numpy looks at every column each time."""
    program = make(kind, seed)
    scaled, draw = scale(program), np.random.default_rng(seed)
    p, bench = scaled.kernel_program(), Bench(scaled)
    b, w = bench.working, bench.scratch
    tariff = scaled.price(np.array([0]))[0]
    every, (points, width) = np.arange(len(p.kind)), (p.unit.shape[1], scaled.width)
    cost = p.fixed[:, :-4].reshape(len(every), points, width) + (
        p.unit[:, :, 1, None] * tariff[0] + p.unit[:, :, 0, None] * tariff[1:]
    )
    open_at = p.fixed[:, :-4].reshape(cost.shape) < BIG / 10
    key = np.where(open_at, cost, np.inf).reshape(len(every), -1).argmin(axis=1)
    b.key[:, POINT], b.key[:, REGION] = key // width, key % width
    b.key_cost[:] = cost.reshape(len(every), -1)[every, key]
    for _ in range(12):
        moved = draw.choice(scaled.rows, size=2, replace=False)
        b.vec[DUAL, moved] -= draw.normal(size=2) * np.median(cost[open_at]) / 10
        paid = p.unit[:, :, 0, None] * b.vec[DUAL, :width]
        ties = p.unit[:, :, 2:] @ b.vec[DUAL, width:]
        reduced = np.where(open_at, cost - paid - ties[:, :, None], np.inf)
        reduced = reduced.reshape(len(every), -1)
        unserved = p.fixed[:, -4]
        found = priced(p, tariff, b, w)
        want = np.minimum(reduced.min(axis=1), np.where(unserved < BIG / 10, unserved, np.inf))
        np.testing.assert_allclose(found[:, 0], reduced[every, key], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[:, 1], want, rtol=1e-9, atol=1e-9)
