"""What is made least, and what is kept within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from wattlas.errors import Problem
from wattlas.model.checks import FINITE, NOT_NEGATIVE, known_words, numbers, refuse

CAPS = ("carbon_cap_t", "carbon_cap_share", "cost_cap_usd", "cost_cap_share")
CAP = replace(NOT_NEGATIVE, optional=True)
COST_CAP = replace(FINITE, optional=True)
"""Where prices are negative, so may be the least cost."""


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

    def __post_init__(self) -> None:
        refuse(self._problems())

    @staticmethod
    def of(stated: Objective | str) -> Objective:
        """The objective itself, or the plain one of a word: `cost` or `carbon`."""
        return stated if isinstance(stated, Objective) else Objective(minimise=stated)  # type: ignore[arg-type]

    def _problems(self) -> Iterator[Problem]:
        at = "objective."
        unknown = list(known_words(self, at, minimise=Minimise, window=Window))
        yield from unknown
        yield from numbers(self, at, NOT_NEGATIVE, "carbon_price_usd_per_t")
        yield from numbers(self, at, CAP, "carbon_cap_t", "carbon_cap_share", "cost_cap_share")
        yield from numbers(self, at, COST_CAP, "cost_cap_usd")
        caps = [name for name in CAPS if getattr(self, name) is not None]
        if len(caps) > 1:
            what = f"stands beside {', '.join(caps[:-1])}: an objective has at most one cap"
            yield Problem(f"{at}{caps[-1]}", what, "Keep one, and minimise the other quantity.")
        elif caps and not unknown and caps[0].startswith(self.minimise):
            other = Minimise.CARBON if self.minimise is Minimise.COST else Minimise.COST
            what = f"limits {self.minimise}, which is minimised anyway"
            yield Problem(f"{at}{caps[0]}", what, f"Minimise {other}, or cap {other}.")
