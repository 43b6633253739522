"""Designing a contract: every fallback, share and discount of a grid over sampled users, refined.

The alternative is the same grid of the same formula in numpy, one fallback and share at a time
over all users and discounts; a few of them are measured, and the whole is extrapolated.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.model.service import Service
from wattlas.model.users import Users
from wattlas.tiers import market as markets
from wattlas.tiers.binned import logistic
from wattlas.tiers.goal import CARBON, PROFIT
from wattlas.tiers.grid import scan_grid
from wattlas.tiers.market import Market, market
from wattlas.tiers.offer import best
from wattlas.tiers.population import population

SIZES = {"tiny": (2_000, 5, 30), "whole": (100_000, 50, 200)}
"""Users, candidate fallbacks, discounts and shares each."""
SECONDS = 5.0
PRICE_USD = 6e-4
HOURS = 8760
TRIED = 3


def run(options: RunOptions) -> Sequence[Figure]:
    """Wall seconds of the whole design, from users and hours to both offers."""
    users, fallbacks, size = SIZES[options.size]
    service = hours_of_a_year(fallbacks)
    _designed(service, 500, 10)
    runs = [_designed(service, users, size) for _ in range(options.repeat)]
    seconds = min(wall for wall, _, _ in runs)
    designed_market, offers = runs[-1][1], runs[-1][2]
    texts = ", ".join(
        f"{offer.discount:.4f} / {offer.share:.4f}" for offer in offers if offer is not None
    )
    plain = _plain(designed_market, size)
    return (
        Figure(
            f"{users:,} users × {fallbacks} fallbacks × {size} × {size}", seconds, other=plain,
            other_name="the same grid in numpy, extrapolated", target=SECONDS,
            note=f"for profit and for carbon, refined to 1e-4; discount / share {texts}",
        ),
    )  # fmt: skip


def hours_of_a_year(fallbacks: int) -> Service:
    """A class over a year: intensity swings with the day, fallbacks save from little to most."""
    draw = np.random.default_rng(20261125)
    hours = np.arange(HOURS)
    grams = 0.3 * (300 + 150 * np.sin(hours / 24 * 2 * np.pi) + draw.normal(0, 40, HOURS)) / 300
    share_left = np.linspace(0.9, 0.2, fallbacks)
    latency_ms = draw.uniform(900.0, 3000.0, fallbacks)
    return Service(
        klass="chat",
        latency_budget_ms=2000.0,
        requests=1e5 * draw.uniform(0.5, 1.5, HOURS),
        full_accuracy=0.69,
        full_latency_ms=900.0,
        full_cost_usd=np.full(HOURS, 3e-4),
        full_carbon_g=grams,
        points=tuple(f"fallback-{n}" for n in range(fallbacks)),
        accuracy=np.linspace(0.68, 0.40, fallbacks),
        latency_ms=latency_ms,
        latest_ms=latency_ms,
        cost_usd=np.outer(share_left, np.full(HOURS, 3e-4)),
        carbon_g=np.outer(share_left, grams),
    )


def _designed(service: Service, count: int, size: int):  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    market_ = market(service, population(Users(count=count, status_quo=0.05), PRICE_USD), PRICE_USD)
    grid = scan_grid(market_, size)
    offers = tuple(best(market_, goal, grid=grid) for goal in (PROFIT, CARBON))
    return time.perf_counter() - began, market_, offers


def _plain(market_: Market, size: int) -> float:
    """Seconds of the grid in numpy, from a few rows of it."""
    share = np.linspace(0.0, 1.0, size)
    discount = np.linspace(0.0, 1.0, size) * market_.price_usd
    alternatives = markets.beside(market_)
    began = time.perf_counter()
    for i in range(TRIED):
        grams, usd, _ = market_.savings.at(share[i : i + 1])
        lost = share[i] * market_.felt_usd[:, 0] - grams[0, 0] * market_.concern
        over = (
            discount[:, None]
            - (lost + alternatives.worth_usd + market_.people.status_quo_usd)[None, :]
        )
        adoption = logistic(over / market_.people.scale_usd)
        adopted = adoption @ market_.requests
        _ = adopted * (usd[0, 0] - discount), adoption @ (market_.requests * lost)
    return (time.perf_counter() - began) / TRIED * size * len(market_.service.points)


BENCHMARK = Benchmark(
    name="tiers",
    tells="a contract for sampled users: fallbacks × shares × discounts, refined, against numpy",
    sizes=tuple(SIZES),
    run=run,
    usual="whole",
)
