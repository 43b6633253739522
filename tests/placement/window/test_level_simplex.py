"""The simplex for windows of levels, against GLPK and against its own conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import swiglpk as glp

from wattlas.placement.window.simplex import LevelAnswer, LevelWindow, solve_level_window
from wattlas.placement.window.simplex.settle import flow_of
from wattlas.placement.window.simplex.state import MOVES, LevelProgram

HOURS, LOOK = 9, 4
DEEP = 11
"""Hours of a window of which two tails are settled first."""


def world(seed: int, *, ties: bool = False, tight: float = 1.3, hours: int = HOURS) -> LevelWindow:
    """Nine or more hours of a few sources and regions. With `ties` costs have three values and
    demands one; `tight` is how much of the demand the regions hold together."""
    draw = np.random.default_rng(seed)
    sources, regions, models = draw.integers(2, 7), draw.integers(2, 5), draw.integers(1, 4)
    shape = (hours, sources, regions)
    cost = draw.uniform(-1.0, 9.0, shape)
    demand = draw.uniform(0.5, 5.0, shape[:2]) * (draw.random(shape[:2]) > 0.1)
    if ties:
        cost, demand = draw.integers(1, 4, shape).astype(float), np.full(shape[:2], 2.0)
    cost[:, draw.random(shape[1:]) < 0.2] = np.inf
    cost[:, :, 0] = np.minimum(cost[:, :, 0], 9.0)
    capacity = np.full((hours, regions), np.inf)
    capacity[:, 1:] = tight * demand.sum(axis=1).max() / regions * draw.uniform(0.3, 1.5)
    if not ties:
        capacity[:, 1:] *= draw.uniform(0.8, 1.2, capacity[:, 1:].shape)
    start = draw.uniform(0.0, 4.0, (hours, models, regions))
    if ties:
        start[:] = 1.0
    model = np.sort(draw.integers(0, models, sources))
    return LevelWindow(np.arange(hours) * 3600, model, demand, cost, capacity, start, None)


def window(
    whole: LevelWindow, first: int, before: np.ndarray | None, look: int = LOOK
) -> LevelWindow:
    """A few hours of it."""
    few = slice(first, first + look)
    return LevelWindow(
        whole.offset[few], whole.model, whole.demand[few], whole.cost[few], whole.capacity[few],
        whole.start_cost[few], before,
    )  # fmt: skip


class Program:
    """A window as GLPK is told it, one column and one row after the other."""

    def __init__(self, w: LevelWindow) -> None:
        glp.glp_term_out(glp.GLP_OFF)
        self.lp, self.rows = glp.glp_create_prob(), {}
        hours, sources, regions = w.cost.shape
        models = range(w.start_cost.shape[1])
        entries: dict[Any, list[tuple[int, float]]] = {}
        for h in range(hours):
            for s in range(sources):
                for r in range(regions):
                    if np.isfinite(w.cost[h, s, r]):
                        n = self._column(w.cost[h, s, r])
                        m = int(w.model[s])
                        for row in (("demand", h, s), ("room", h, r), ("rise", h, m, r)):
                            entries.setdefault(row, []).append((n, 1.0))
                        if h + 1 < hours:
                            entries.setdefault(("rise", h + 1, m, r), []).append((n, -1.0))
            for m in models:
                for r in range(regions):
                    if h > 0 or w.before is not None:
                        rise = self._column(w.start_cost[h, m, r])
                        entries.setdefault(("rise", h, m, r), []).append((rise, -1.0))
                    else:
                        entries.pop(("rise", h, m, r), None)
        for row, terms in entries.items():
            before = 0.0 if w.before is None else w.before
            bound = {"demand": lambda h, s: w.demand[h, s], "room": lambda h, r: w.capacity[h, r]}
            first = row[0] == "rise" and row[1] == 0
            right = float(before[row[2], row[3]]) if first else 0.0
            right = float(bound[row[0]](*row[1:])) if row[0] in bound else right
            self._row(row[0] == "demand", right, terms)

    def _column(self, cost: float) -> int:
        n: int = glp.glp_add_cols(self.lp, 1)
        glp.glp_set_col_bnds(self.lp, n, glp.GLP_LO, 0.0, 0.0)
        glp.glp_set_obj_coef(self.lp, n, float(cost))
        return n

    def _row(self, equal: bool, right: float, terms: list[tuple[int, float]]) -> None:
        if not np.isfinite(right):
            return
        i = glp.glp_add_rows(self.lp, 1)
        glp.glp_set_row_bnds(self.lp, i, glp.GLP_FX if equal else glp.GLP_UP, right, right)
        index, value = glp.intArray(len(terms) + 1), glp.doubleArray(len(terms) + 1)
        for k, (n, entry) in enumerate(terms, start=1):
            index[k], value[k] = n, entry
        glp.glp_set_mat_row(self.lp, i, len(terms), index, value)

    def least(self) -> float:
        """The optimum; inf where there is none."""
        options = glp.glp_smcp()
        glp.glp_init_smcp(options)
        options.meth = glp.GLP_DUALP
        assert glp.glp_simplex(self.lp, options) == 0
        optimal = glp.glp_get_status(self.lp) == glp.GLP_OPT
        value = glp.glp_get_obj_val(self.lp) if optimal else np.inf
        glp.glp_delete_prob(self.lp)
        return float(value)


def least(w: LevelWindow) -> float:
    """What GLPK finds."""
    return Program(w).least()


def paid(w: LevelWindow, flow: np.ndarray) -> float:
    """What a point costs, hour by hour."""
    total, last = 0.0, w.before
    for h in range(len(flow)):
        open_ = np.isfinite(w.cost[h])
        assert (flow[h][~open_] == 0).all()
        total += float((flow[h][open_] * w.cost[h][open_]).sum())
        level = np.zeros(w.start_cost.shape[1:])
        np.add.at(level, w.model, flow[h])
        if last is not None:
            total += float((np.maximum(level - last, 0.0) * w.start_cost[h]).sum())
        last = level
    return total


def holds(w: LevelWindow, answer: LevelAnswer) -> np.ndarray:
    """A plan serves all demand within capacity at the least cost, which GLPK finds, too."""
    flow = answer.flow
    assert flow is not None
    size = max(1.0, float(w.demand.max()))
    assert flow.min() >= 0.0
    np.testing.assert_allclose(flow.sum(axis=2), w.demand, atol=1e-9 * size)
    assert (flow.sum(axis=1) <= w.capacity + 1e-9 * size).all()
    assert answer.objective == pytest.approx(paid(w, flow), rel=1e-9, abs=1e-9)
    assert answer.objective == pytest.approx(least(w), rel=1e-8, abs=1e-8)
    return flow


@pytest.mark.parametrize(
    ("look", "came", "ties", "needed"),
    [
        (LOOK, 1.0, False, 282),
        (LOOK, 1.0, True, 239),
        (LOOK, 0.7, False, 328),
        (LOOK, 0.7, True, 304),
        (DEEP, 1.0, False, 158),
        (DEEP, 1.0, True, 252),
        (DEEP, 0.7, False, 193),
        (DEEP, 0.7, True, 364),
    ],
)
def test_windows_that_roll_on_are_optimal(look: int, came: float, ties: bool, needed: int) -> None:
    """From nothing and from the last one, whether what was planned came or not; also where their
    last hours are settled first. From the last one that takes few pivots."""
    pivots = 0
    for seed in range(12 if look == LOOK else 6):
        whole = world(seed, ties=ties, hours=look + 5)
        kept, before = None, None
        for first in range(6):
            w = window(whole, first, before, look)
            assert kept is None or (kept.shared(w) == (1, look - 1) and kept.agrees(w))
            answer = solve_level_window(w, kept)
            assert answer is not None
            pivots += 0 if kept is None else answer.pivots
            flow, kept = holds(w, answer), answer.kept
            before = w.levels(flow)[0] * came
    assert 0 < pivots < 1.25 * needed


def test_other_right_hand_sides_are_met_from_an_optimal_basis() -> None:
    """Demand and capacity a fifth off: columns and slacks that this brings to the wrong side are
    brought back by dual pivots alone, and what comes of it is GLPK's optimum."""
    pivots = 0
    for seed in range(30):
        w = window(world(seed, hours=DEEP), 0, None, DEEP)
        answer = solve_level_window(w)
        assert answer is not None
        draw = np.random.default_rng(seed)
        demand = w.demand * draw.uniform(0.8, 1.2, w.demand.shape)
        other = replace(w, demand=demand, capacity=w.capacity * draw.uniform(0.9, 1.2))
        (money, amount, _), bench = answer.kept.units, answer.kept.benches[DEEP]
        limit = np.zeros(w.start_cost.shape + np.array([0, 1, 0]))
        limit[:, 0] = np.minimum(other.capacity, 1e3 * demand.sum()) * amount
        top = np.concatenate([np.full((DEEP, 1, limit.shape[2]), 1e4), w.start_cost * money], 1)
        top[0, 1:] = 0.0
        cost = np.where(np.isfinite(w.cost), w.cost * money, 1e6)
        bench.mend(LevelProgram(cost, demand.ravel() * amount, limit.ravel(), top.ravel(),
                                w.model, w.first))  # fmt: skip
        pivots += int(bench.work.counters[MOVES])
        flow = flow_of(bench.basis, w.cost.shape) / amount
        assert flow.min() > -1e-9
        np.testing.assert_allclose(flow.sum(axis=2), demand, atol=1e-9)
        assert (flow.sum(axis=1) <= other.capacity + 1e-9).all() or least(other) == np.inf
        if least(other) < np.inf:
            assert paid(other, np.maximum(flow, 0.0)) == pytest.approx(least(other), rel=1e-8)
    assert 100 < pivots < 160, "to the wrong side and back takes 184"


def test_several_hours_may_pass_between_two_windows() -> None:
    """Two are followed before the next plan, costs are told anew, and the last is shorter."""
    for seed in range(8):
        whole = world(seed)
        first = solve_level_window(window(whole, 0, None))
        assert first is not None
        assert first.flow is not None
        before = window(whole, 0, None).levels(first.flow)[1]
        later = window(whole, 2, before)
        dearer = replace(later, cost=later.cost + 0.1, start_cost=1.5 * later.start_cost)
        for w in (later, dearer, replace_hours(later, 2)):
            assert first.kept.shared(w)[0] == 2
            assert first.kept.agrees(w)
            answer = solve_level_window(w, first.kept)
            assert answer is not None
            holds(w, answer)


def replace_hours(w: LevelWindow, hours: int) -> LevelWindow:
    """The first hours of a window."""
    return LevelWindow(
        w.offset[:hours], w.model, w.demand[:hours], w.cost[:hours], w.capacity[:hours],
        w.start_cost[:hours], w.before,
    )  # fmt: skip


def test_the_price_of_capacity_is_what_it_is_worth() -> None:
    """No other capacity saves more than its price, and what is left over has none."""
    priced = 0
    for seed in range(10):
        w = window(world(seed, tight=0.9), 2, None)
        answer = solve_level_window(w)
        assert answer is not None
        flow, price = holds(w, answer), answer.capacity_price
        left = w.capacity - flow.sum(axis=1)
        assert (price >= 0).all()
        assert (price[left > 1e-6] <= 1e-12 * price.max()).all()
        draw = np.random.default_rng(seed)
        change = np.where(np.isfinite(w.capacity), draw.uniform(-0.3, 0.3, price.shape), 0.0)
        other = least(replace(w, capacity=w.capacity + change))
        assert other >= answer.objective - float((price * change).sum()) - 1e-8
        priced += int((price > 1e-9).sum())
    assert priced > 20


def test_without_room_there_is_no_plan() -> None:
    """Capacity is never exceeded, and a closed place never used: HiGHS is to judge."""
    for seed in range(4):
        w = window(world(seed), 0, None)
        full = replace(
            w, capacity=0.3 * np.tile(w.demand.sum(axis=1)[:, None], w.cost.shape[2]) / 9
        )
        closed = replace(w, cost=np.where(np.arange(w.cost.shape[1])[:, None] == 0, np.inf, w.cost))
        for hopeless in (full, closed):
            if hopeless is closed and not w.demand[:, 0].any():
                continue
            assert least(hopeless) == np.inf or not np.isfinite(hopeless.cost).all()
            answer = solve_level_window(hopeless)
            assert answer is None or answer.flow is None


def test_only_a_window_that_says_the_same_fits() -> None:
    """Hours in common, one before them, and what was said of them: demand, room, and who asks."""
    whole = world(3)
    answer = solve_level_window(window(whole, 1, None))
    assert answer is not None
    assert answer.flow is not None
    kept, level = answer.kept, window(whole, 1, None).levels(answer.flow)[0]
    good = window(whole, 2, level)
    assert kept.shared(good) == (1, 3)
    assert kept.agrees(good)
    more, models = good.demand * 1.0, len(good.start_cost[0])
    more[1, 0] += 1e-6
    last = good.demand * 1.0
    last[3, 0] += 1.0
    assert kept.agrees(replace(good, demand=last)), "the new hour may say what it likes"
    assert not kept.agrees(replace(good, demand=more))
    assert not kept.agrees(replace(good, capacity=good.capacity * 1.1))
    assert not kept.agrees(replace(good, before=None))
    assert not kept.agrees(replace(good, model=(good.model + 1) % max(models, 2)))
    assert kept.shared(window(whole, 1, level)) == (0, 0), "there is no hour before it"
    assert kept.shared(window(whole, 5, level)) == (0, 0), "there is no hour in common"
    assert kept.shared(replace(good, offset=good.offset + np.array([0, 1, 1, 1]))) == (0, 0)
    fewer = (good.demand[:, 1:], good.cost[:, 1:], good.model[1:])
    other = replace(good, demand=fewer[0], cost=fewer[1], model=fewer[2])
    assert kept.shared(other) == (0, 0)
