"""The energy–latency frontier as a value object."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.plan import SolveInfo
from wattlas.model.shown import Tabular
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Column, Listing, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Variant(StrEnum):
    """What the frontier varies."""

    SCALE = "scale"
    """All relaxable budgets times a factor."""
    ADDED_MS = "added_ms"
    """Each relaxable demand's budget is its baseline region's latency plus so many ms."""
    CLASS = "class"
    """The budget of one class, the others as they are."""
    SOFT = "soft"
    """Demand-weighted mean latency of all relaxable demand, budgets dropped."""


@dataclass(frozen=True)
class Frontier(Tabular):
    """V(τ): the optimum at each budget, as parallel arrays of increasing `x`.

    `x` is a factor (scale) or ms. Where `exact`, every breakpoint of the step function in the
    range is there, and V is constant between two; a sampled one is a subset. `value` never rises.
    `dual_per_ms` is what one more ms of mean latency saves, objective per ms: the slope of the soft
    frontier after the point; nan for the others.

    Demand that goes unserved emits nothing. Where carbon is minimised the curve starts at the first
    budget from which on as much is served as at the last; `before_x` are the budgets before it.
    """

    variant: Variant
    klass: str
    """Id of the class that is varied, for `Variant.CLASS`."""
    objective: str
    """`cost`, `carbon`, or `weighted`: cost with carbon at `carbon_price_usd_per_t`."""
    carbon_price_usd_per_t: float
    x: np.ndarray
    value: np.ndarray
    """What is minimised, in `value_unit`; unserved demand at its price is part of money."""
    cost_usd: np.ndarray
    """Money without the carbon price."""
    reserved_usd: np.ndarray
    """Its part that no budget changes: what accelerators cost that are held all year."""
    carbon_kg: np.ndarray
    it_mwh: np.ndarray
    unserved_share: np.ndarray
    """Share of all requests that goes unserved."""
    dual_per_ms: np.ndarray
    exact: bool
    users_x: float
    """Where the scenario is on the axis: 1 for scaled budgets, its own budget for a class, 0 where
    ms are added (nothing but the baseline region); nan for the soft one.
    """
    least_x: float
    """Below it some demand has no place."""
    before_x: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Budgets before the curve starts, at which more goes unserved."""
    before_unserved_share: np.ndarray = field(default_factory=lambda: np.zeros(0))
    gap: float = 0.0
    info: SolveInfo = field(default_factory=lambda: SolveInfo(solver=""))
    """Who solved it, how long it took, and how many programs."""

    @property
    def x_unit(self) -> str:
        """`× budget` or `ms`."""
        return "× budget" if self.variant is Variant.SCALE else "ms"

    @property
    def variable_usd(self) -> np.ndarray:
        """Money without what is reserved: what decisions can change."""
        return np.asarray(self.cost_usd - self.reserved_usd)

    @property
    def value_unit(self) -> str:
        """`USD` or `t`."""
        return "t" if self.objective == "carbon" else "USD"

    @property
    def name(self) -> str:
        """The variant as it is asked for: `scale`, `class:A`."""
        return f"{self.variant}:{self.klass}" if self.klass else str(self.variant)

    def table(self) -> Table:
        """Every point, with what one more millisecond brings there."""
        from wattlas.model.frontier_table import points_table

        return points_table(self)

    def listing(self) -> Listing:
        """A few points from the tightest budgets to the loosest, the user's own among them."""
        from wattlas.model.frontier_table import frontier_listing

        return frontier_listing(self, self.name)

    def plot(self, quantity: str = "value", ax: Axes | None = None) -> Axes:
        """Draw the curve with matplotlib (extra `notebook`) and return its axes.

        `quantity` is a column of `table()`: `value`, `cost_usd`, `carbon_kg`, … A hard frontier is
        drawn as the steps that it is, the soft one as straight lines; a dot is your own budget.
        """
        try:
            from matplotlib import pyplot
        except ImportError:
            raise UsageError(
                "matplotlib is not installed: pip install 'wattlas[notebook]'"
            ) from None
        points = self.table()
        if quantity not in points:
            raise UsageError(f"no column `{quantity}`. {did_you_mean(quantity, points)}")
        if ax is None:
            ax = pyplot.subplots(figsize=(6.4, 3.6))[1]
        x, y = np.asarray(points["x"]), np.asarray(points[quantity], dtype=float)
        soft = self.variant is Variant.SOFT
        ax.plot(x, y, drawstyle="default" if soft else "steps-post", color="#0072b2")
        now = self.at(self.users_x)
        if now >= 0:
            own = y[len(self.before_x) + now]
            ax.plot([self.users_x], [own], "o", color="#d55e00", label="your budget")
            ax.legend(frameon=False)
        name = f"least {self.objective}" if quantity == "value" else Column(quantity).heading
        unit = f", {self.value_unit}" if quantity == "value" else ""
        ax.set(xlabel=f"{self.name}, {self.x_unit}", ylabel=name + unit)
        return ax

    def at(self, x: float) -> int:
        """Index of the step that holds at a budget; −1 below the first, and for no budget (nan)."""
        if np.isnan(x):
            return -1
        return int(np.searchsorted(self.x, x * (1 + 1e-12), side="right")) - 1

    def returns(self) -> tuple[np.ndarray, np.ndarray]:
        """Energy return (USD) and carbon return (kg) on latency of each step, per unit of x.

        [V(τ0) − V(τ1)] / (τ1 − τ0) between neighbouring points; 0 for the first. USD/ms and kg/ms;
        of scaled budgets per unit of the factor, see `returns_per_ms`.
        """
        width = np.diff(self.x, prepend=np.nan)
        gain = np.divide(-np.diff(self.cost_usd, prepend=np.nan), width)
        saved = np.divide(-np.diff(self.carbon_kg, prepend=np.nan), width)
        return np.nan_to_num(gain), np.nan_to_num(saved)

    def returns_per_ms(self) -> tuple[np.ndarray, np.ndarray]:
        """USD/ms and kg/ms; nan where budgets are scaled: a factor adds other ms to each class."""
        gain, saved = self.returns()
        if self.variant is Variant.SCALE:
            return np.full_like(gain, np.nan), np.full_like(saved, np.nan)
        return gain, saved

    def returns_per_energy(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns per unit of IT energy that the step serves: USD/(MWh·ms) and g/(kWh·ms).

        kg per MWh is g per kWh, so one division serves both. 0 where no energy is served. Of scaled
        budgets per unit of the factor, as `returns`.
        """
        gain, saved = self.returns()
        per_mwh = np.divide(1.0, self.it_mwh, out=np.zeros_like(gain), where=self.it_mwh > 0)
        return np.asarray(gain * per_mwh), np.asarray(saved * per_mwh)
