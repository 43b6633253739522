"""What an offer is looked for: the figure that is made largest, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from wattlas.tiers.grid import Grid
from wattlas.tiers.market import Beside, Contract, Market, contract_sums

NO_LOSS = 1e-9
"""A profit counts as no lower within this of the profit without a contract, relative."""
APART = 0.01
"""Contracts of one fallback differ by this at least, in discount or in degradation cap."""
PROFIT, CARBON = "profit", "carbon"
Figure = TypeVar("Figure", float, np.ndarray, covariant=True)


class Judged(Protocol[Figure]):
    """An offer, a ladder, or a grid of offers, with what it brings."""

    @property
    def profit_gain_usd(self) -> Figure:
        """Against no contract."""

    @property
    def carbon_saved_kg(self) -> Figure:
        """Against no contract."""


def objective_value(judged: Judged[Figure], objective: str) -> Figure:
    """What is made largest."""
    return judged.profit_gain_usd if objective == PROFIT else judged.carbon_saved_kg


def no_loss_usd(market: Market) -> float:
    """How far below none a profit gain still counts as no loss."""
    return NO_LOSS * abs(market.margin_usd) * market.volume


def apart(contract: Contract, others: Iterable[Contract]) -> bool:
    """Whether a contract is another than each of some: another fallback, or `APART` from it."""
    return all(
        contract.point != other.point
        or max(abs(contract.discount - other.discount), abs(contract.share - other.share)) >= APART
        for other in others
    )


@dataclass(frozen=True)
class SearchGoal:
    """What is made largest, over what is allowed."""

    objective: str
    fair: bool
    least_usd: float
    """Least profit gain of an offer that is made for carbon's sake."""
    others: tuple[Contract, ...] = ()
    """Contracts that an offer must differ from."""

    def along(self, grid: Grid, fallback: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The best value for each share of a grid of one fallback, and its discount; (I,) each.

        −inf where nothing is allowed. Figures are taken for straight lines from one discount to
        the next: what is allowed may be narrower than a step, and the best often lies at its edge.
        """
        value = objective_value(grid, self.objective)[0]
        low, high = np.zeros((2, len(value), len(grid.discount) - 1))
        high += 1.0
        for room in self._rooms(grid, fallback):
            lower, upper = room[:, :-1], room[:, 1:]
            crossing = np.divide(
                lower, lower - upper, out=np.zeros(lower.shape), where=(lower < 0) != (upper < 0)
            )
            low = np.where((lower < 0) & (upper >= 0), np.maximum(low, crossing), low)
            high = np.where((lower >= 0) & (upper < 0), np.minimum(high, crossing), high)
            high = np.where((lower < 0) & (upper < 0), -1.0, high)
        rows, rise = np.arange(len(value)), value[:, 1:] - value[:, :-1]
        ends = np.stack([low, high])
        reached = np.where(low <= high, value[:, :-1] + ends * rise, -np.inf)
        end, at = np.divmod(
            reached.transpose(1, 0, 2).reshape(len(value), -1).argmax(axis=1), rise.shape[1]
        )
        best = reached[end, rows, at]
        where = grid.discount[at] + ends[end, rows, at] * np.diff(grid.discount)[at]
        return best, where

    def _rooms(self, grid: Grid, fallback: int) -> list[np.ndarray]:
        """What must not be negative, each (I, J)."""
        rooms = [grid.gained_usd[0]] if self.fair else []
        if self.objective == CARBON:
            rooms.append(grid.profit_gain_usd[0] - self.least_usd)
        for other in self.others:
            if other.point == fallback:
                away = np.abs(grid.share - other.share)[:, None]
                off = np.abs(grid.discount - other.discount)[None, :]
                rooms.append(np.maximum(away, off) - 1.01 * APART)
        return rooms

    def rooms_usd(self, market: Market, rest: Beside, contract: Contract) -> tuple[float, float]:
        """What those who adopt a contract gain over the window, and how far its profit is above the
        least: neither may be negative, 0 where it may be anything.
        """
        sums = contract_sums(market, contract, rest)
        gained = sums.adopted * sums.gain_usd if self.fair else 0.0
        earned = sums.profit_gain_usd - self.least_usd if self.objective == CARBON else 0.0
        return gained, earned
