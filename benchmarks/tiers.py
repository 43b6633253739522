"""Designing a contract: every floor, share and discount of a grid over sampled users, refined.

The alternative is the same grid of the same formula in numpy, one floor and share at a time over
all users and discounts; a few of them are done, and the whole is reckoned from those.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.registry import Asked, Benchmark, Figure
from wattlas.model.service import Service
from wattlas.model.users import Users
from wattlas.tiers import market as markets
from wattlas.tiers.binned import logistic
from wattlas.tiers.market import Market, market
from wattlas.tiers.offer import best
from wattlas.tiers.population import population
from wattlas.tiers.search import CARBON, PROFIT, scan_grid

SIZES = {"tiny": (2_000, 5, 30), "whole": (100_000, 50, 200)}
"""Users, candidate floors, discounts and shares each."""
SECONDS = 5.0
PRICE_USD = 6e-4
HOURS = 8760
TRIED = 3


def run(asked: Asked) -> Sequence[Figure]:
    """Wall seconds of the whole design, from users and hours to both offers."""
    users, floors, size = SIZES[asked.size]
    service = hours_of_a_year(floors)
    _designed(service, 500, 10)
    runs = [_designed(service, users, size) for _ in range(asked.repeat)]
    seconds = min(wall for wall, _, _ in runs)
    of, offers = runs[-1][1], runs[-1][2]
    said = ", ".join(f"{one.discount:.4f} / {one.share:.4f}" for one in offers if one is not None)
    plain = _plain(of, size)
    return (
        Figure(
            f"{users:,} users × {floors} floors × {size} × {size}", seconds, other=plain,
            other_name="the same grid in numpy, reckoned", target=SECONDS,
            note=f"for profit and for carbon, refined to 1e-4; discount / share {said}",
        ),
    )  # fmt: skip


def hours_of_a_year(floors: int) -> Service:
    """A class over a year: intensity swings with the day, floors save from little to most."""
    draw = np.random.default_rng(20261125)
    hours = np.arange(HOURS)
    grams = 0.3 * (300 + 150 * np.sin(hours / 24 * 2 * np.pi) + draw.normal(0, 40, HOURS)) / 300
    left = np.linspace(0.9, 0.2, floors)
    late = draw.uniform(900.0, 3000.0, floors)
    return Service(
        klass="chat",
        latency_budget_ms=2000.0,
        requests=1e5 * draw.uniform(0.5, 1.5, HOURS),
        full_accuracy=0.69,
        full_latency_ms=900.0,
        full_cost_usd=np.full(HOURS, 3e-4),
        full_carbon_g=grams,
        points=tuple(f"floor-{n}" for n in range(floors)),
        accuracy=np.linspace(0.68, 0.40, floors),
        latency_ms=late,
        latest_ms=late,
        cost_usd=np.outer(left, np.full(HOURS, 3e-4)),
        carbon_g=np.outer(left, grams),
    )


def _designed(service: Service, count: int, size: int):  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    of = market(service, population(Users(count=count, status_quo=0.05), PRICE_USD), PRICE_USD)
    grid = scan_grid(of, size)
    offers = tuple(best(of, goal, grid=grid) for goal in (PROFIT, CARBON))
    return time.perf_counter() - began, of, offers


def _plain(of: Market, size: int) -> float:
    """Seconds of the grid in numpy, from a few rows of it."""
    share = np.linspace(0.0, 1.0, size)
    discount = np.linspace(0.0, 1.0, size) * of.price_usd
    rest = markets.beside(of)
    began = time.perf_counter()
    for i in range(TRIED):
        grams, usd = of.savings.at(share[i : i + 1])
        lost = share[i] * of.felt_usd[:, 0] - grams[0, 0] * of.concern
        over = discount[:, None] - (lost + rest.worth_usd + of.people.status_quo_usd)[None, :]
        taken = logistic(over / of.people.scale_usd)
        adopted = taken @ of.requests
        _ = adopted * (usd[0, 0] - discount), taken @ (of.requests * lost)
    return (time.perf_counter() - began) / TRIED * size * len(of.service.points)


BENCHMARK = Benchmark(
    name="tiers",
    tells="a contract for sampled users: floors × shares × discounts, refined, against numpy",
    sizes=tuple(SIZES),
    run=run,
    usual="whole",
)
