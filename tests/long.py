"""The tiny example over many days, so that it has several blocks of hours."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

import wattlas
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals


@cache
def long_tiny(days: int, start: str = "2023-01-01", scarce: float = 1.3) -> Scenario:
    """The tiny day so many times, prices, carbon and demand varied, capacities that often bind.

    A third of the hours have flat prices, so that many placements are equally good.
    """
    one = wattlas.example("tiny")
    draw = np.random.default_rng(5)

    def many(values: np.ndarray, spread: float) -> np.ndarray:
        long = np.tile(values, days)
        return long * draw.uniform(1 - spread, 1 + spread, long.shape)

    price = many(one.signals.price_usd_per_mwh, 0.5)
    price[:, draw.random(price.shape[1]) < 0.3] = 50.0
    carbon = many(one.signals.average_g_per_kwh, 0.3)
    demand = many(one.demand_per_h, 0.2)
    need = np.einsum("ikt,k->t", demand, one.gpu_h.max(axis=1)).max()
    capacity = np.full((len(one.regions), price.shape[1]), scarce * need / len(one.regions))
    return replace(
        one,
        hours=Hours.range(start, price.shape[1]),
        signals=Signals(one.signals.zones, price, carbon),
        demand_per_h=demand,
        reserved_gpu=capacity,
        classes=tuple(replace(k, residency="") for k in one.classes),
    )
