"""Random hourly programs, by the kind of trouble that they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.placement.engine.program import HourlyProgram

KINDS = (
    "plain",
    "ties",
    "degenerate",
    "no_capacity",
    "zero_demand",
    "one_region",
    "one_column",
    "negative_prices",
    "wide_scales",
    "shedding",
    "binding_rows",
    "slack_rows",
    "infeasible",
    "free_capacity",
    "integer_transport",
    "free_of_charge",
)


def plain(rng: np.random.Generator, hours: int = 10, regions: int | None = None) -> HourlyProgram:
    """Random sizes and magnitudes like those of a scenario; some capacity binds."""
    s, o = int(rng.integers(1, 14)), int(rng.integers(1, 4))
    r = regions or int(rng.integers(2, 12))
    demand = rng.lognormal(8, 1.5, (s, hours))
    gpu = rng.lognormal(-8, 1, (s, o))
    allowed = rng.random((s, r, o)) < rng.uniform(0.3, 1.0)
    allowed[np.arange(s), rng.integers(0, r, s), rng.integers(0, o, s)] = True
    need = (demand * gpu.max(axis=1)[:, None]).sum(axis=0)
    share = rng.lognormal(0, 0.7, (r, 1))
    capacity = rng.uniform(0.9, 2.5) * need * share / share.sum()
    return HourlyProgram(
        demand=demand,
        energy_kwh=rng.lognormal(-7, 0.8, (s, o)),
        gpu_h=gpu,
        allowed=allowed,
        per_kwh=rng.uniform(0.02, 0.3, (r, hours)),
        per_request=rng.uniform(0, 5e-5, (s, r, o)),
        capacity=capacity,
        unserved=np.full(s, 1e-2),
        row_coef=np.zeros((0, s, o)),
    )


def make(kind: str, seed: int, hours: int = 10) -> HourlyProgram:
    """A program of `hours` random hours of one kind."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    program = plain(rng, hours, 1 if kind == "one_region" else None)
    return globals().get(f"_{kind}", lambda p, _: p)(program, rng)


def _ties(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Few distinct costs, so that most columns tie."""
    s, o = p.energy_kwh.shape
    return replace(
        p,
        energy_kwh=np.full((s, o), 1e-3),
        per_kwh=rng.integers(1, 3, p.per_kwh.shape) * 0.1,
        per_request=rng.integers(0, 2, p.per_request.shape) * 1e-5,
    )


def _degenerate(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Integer demands with capacities that are sums of some of them: bases full of zeros."""
    demand = rng.integers(1, 4, p.demand.shape).astype(float)
    r = p.per_kwh.shape[0]
    nearest = rng.integers(0, r, p.demand.shape[0])
    capacity = np.zeros(p.capacity.shape)
    np.add.at(capacity, nearest, demand)
    return replace(
        p, demand=demand, capacity=capacity, gpu_h=np.ones_like(p.gpu_h),
        energy_kwh=np.round(p.energy_kwh * 1e3) / 1e3,
    )  # fmt: skip


def _integer_transport(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Equal demands, equal capacities, integer costs: an assignment problem, fully degenerate."""
    s, r, o = p.allowed.shape
    return replace(
        p,
        demand=np.ones_like(p.demand),
        gpu_h=np.ones_like(p.gpu_h),
        capacity=np.full_like(p.capacity, max(1.0, np.ceil(s / r))),
        energy_kwh=np.ones((s, o)),
        per_kwh=rng.integers(-2, 3, p.per_kwh.shape).astype(float),
        per_request=rng.integers(0, 3, p.per_request.shape).astype(float),
        unserved=np.full(s, 50.0),
    )


def _no_capacity(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Half of the regions have none."""
    closed = rng.random(p.capacity.shape) < 0.5
    return replace(p, capacity=np.where(closed, 0.0, p.capacity))


def _zero_demand(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Most demands are zero, some hours have none at all, some sources have no column."""
    demand = np.where(rng.random(p.demand.shape) < 0.6, 0.0, p.demand)
    demand[:, 0] = 0.0
    demand[0] = 0.0
    allowed = p.allowed.copy()
    allowed[0] = False
    unserved = p.unserved.copy()
    unserved[0] = np.inf
    return replace(p, demand=demand, allowed=allowed, unserved=unserved)


def _one_column(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Every source has a single column."""
    s, r, o = p.allowed.shape
    allowed = np.zeros((s, r, o), bool)
    allowed[np.arange(s), rng.integers(0, r, s), rng.integers(0, o, s)] = True
    return replace(p, allowed=allowed)


def _negative_prices(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Prices of both signs."""
    return replace(p, per_kwh=rng.uniform(-0.3, 0.2, p.per_kwh.shape))


def _wide_scales(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Demand, energy and accelerator time spread over six orders of magnitude each."""
    s, o = p.energy_kwh.shape
    spread = 10.0 ** rng.uniform(-3, 3, (s, 1))
    demand = p.demand * 10.0 ** rng.uniform(-3, 3, (s, 1))
    gpu = p.gpu_h * spread
    need = (demand * gpu.max(axis=1)[:, None]).sum(axis=0)
    share = 10.0 ** rng.uniform(-3, 0, p.capacity.shape)
    return replace(
        p,
        demand=demand,
        gpu_h=gpu,
        energy_kwh=p.energy_kwh * spread * 10.0 ** rng.uniform(-1, 1, (s, o)),
        capacity=1.3 * need * share / share.sum(axis=0),
        unserved=p.unserved * spread[:, 0] * 1e3,
    )


def _shedding(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Capacity for a part of the demand only."""
    return replace(p, capacity=p.capacity * rng.uniform(0.05, 0.6, p.capacity.shape))


def _rows(p: HourlyProgram, rng: np.random.Generator, ease: float) -> HourlyProgram:
    """Mean-score rows: one per group of sources; larger points score higher."""
    s, _, o = p.allowed.shape
    groups = int(rng.integers(1, 4))
    score = np.sort(rng.uniform(0.5, 1.0, (s, o)), axis=1)
    order = np.argsort(p.energy_kwh, axis=1)
    energy = np.take_along_axis(p.energy_kwh, order, axis=1)
    gpu = np.sort(p.gpu_h, axis=1)
    of = rng.integers(0, groups, s)
    coef = np.zeros((groups, s, o))
    for j in range(groups):
        minimum = np.quantile(score, ease) if o > 1 else score.min()
        coef[j] = np.where((of == j)[:, None], score - minimum, 0.0)
    return replace(p, energy_kwh=energy, gpu_h=gpu, row_coef=coef)


def _binding_rows(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Minima that most hours have to pay for."""
    return _rows(p, rng, 0.5)


def _slack_rows(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Minima below what is chosen anyhow, with right-hand sides of their own."""
    q = _rows(p, rng, 0.0)
    lower = -rng.random((q.row_coef.shape[0], p.demand.shape[1])) * 1e3
    return replace(q, row_lower=lower)


def _infeasible(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """No shedding, and too little capacity or too high a minimum in many hours."""
    q = _rows(p, rng, 0.5) if rng.random() < 0.5 else p
    factor = rng.uniform(0.2, 1.2, (1, p.demand.shape[1]))
    return replace(q, capacity=q.capacity * factor, unserved=np.full_like(q.unserved, np.inf))


def _free_capacity(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """Many regions without a limit."""
    free = rng.random(p.capacity.shape[0]) < 0.7
    return replace(p, capacity=np.where(free[:, None], np.inf, p.capacity))


def _free_of_charge(p: HourlyProgram, rng: np.random.Generator) -> HourlyProgram:
    """The cheapest region costs nothing and holds little: costs say nothing of high prices."""
    per_kwh, per_request = p.per_kwh.copy(), p.per_request.copy()
    per_kwh[0], per_request[:, 0] = 0.0, 0.0
    capacity = p.capacity.copy()
    capacity[0] *= rng.choice([0.0, 0.1], capacity.shape[1])
    allowed = p.allowed.copy()
    allowed[:, 0] = True
    return replace(p, per_kwh=per_kwh, per_request=per_request, capacity=capacity, allowed=allowed)
