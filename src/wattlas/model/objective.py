"""What is made least, and what is kept within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Minimise(StrEnum):
    """The quantity that is made least."""

    COST = "cost"
    """USD, carbon at the internal carbon price included."""
    CARBON = "carbon"
    """tCO2e at the deciding intensity; cost breaks ties."""


class Window(StrEnum):
    """The stretch of time that a cap holds over."""

    ALL = "all"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    """Each step by itself."""


class Solver(StrEnum):
    """Who solves the hours that need a program. All find the same optimum."""

    AUTO = "auto"
    """The engine where there is enough to solve to be worth loading it, else HiGHS."""
    ENGINE = "engine"
    """The fast engine; HiGHS judges what it does not finish."""
    HIGHS = "highs"


@dataclass(frozen=True)
class Objective:
    """Least cost, least carbon, or one of them under a cap on the other.

    A weighted objective is least cost at a `carbon_price_usd_per_t`. Absolute caps hold per
    window; relative ones are a share of what the nearest-available baseline reaches over it,
    frictions aside.
    At most one cap is set.
    """

    minimise: Minimise = Minimise.COST
    carbon_price_usd_per_t: float = 0.0
    carbon_cap_t: float | None = None
    carbon_cap_share: float | None = None
    cost_cap_usd: float | None = None
    cost_cap_share: float | None = None
    window: Window = Window.ALL
