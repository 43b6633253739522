"""What would another offer bring? The chosen fallback over discounts and shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, figure
from wattlas.studies.thinning import thin_surface
from wattlas.studies.tier_tables import Row, tier_table

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign

GRID_SHOWN = 21
"""Values along each axis that are kept of the grid."""


def thin(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Every second discount and share where the grids are large."""
    return thin_surface("tier_grid", frame, ("class",), ("discount", "share"))


@tier_table(
    "tier_grid",
    "class:text floor:text discount share adoption profit_gain_usd carbon_saved_kg",
    thin=thin,
)
def grid(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    """The figures of the chosen floor over discounts and shares, thinned evenly."""
    shown = design.chosen or design.most or design.cleanest
    if design.grid is None or shown is None:
        return
    point, grid = shown.contract.point, design.grid
    shares = _evenly(len(grid.share))
    discounts = _evenly(len(grid.discount))
    for i in shares:
        for j in discounts:
            yield {
                "class": design.service.klass,
                "floor": shown.fallback,
                "discount": float(grid.discount[j]),
                "share": float(grid.share[i]),
                "adoption": float(grid.adoption[point, i, j]),
                "profit_gain_usd": float(grid.profit_gain_usd[point, i, j]),
                "carbon_saved_kg": float(grid.carbon_saved_kg[point, i, j]),
            }


figure(
    __file__,
    order=60,
    part=TIERS,
    question="What would another offer bring?",
    needs=("tier_grid",),
    missing="No offers were computed",
    lacks="nothing to design",
)


def _evenly(count: int) -> np.ndarray:
    import numpy as np

    return np.unique(np.linspace(0, count - 1, min(GRID_SHOWN, count)).round().astype(int))
