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
    "class:text fallback:text discount share adoption profit_gain_usd carbon_saved_kg",
    thin=thin,
)
def grid(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    """The figures of the fallback that is shown over discounts and shares, its offer among them."""
    import numpy as np

    from wattlas.tiers.grid import FINER, offer_grid
    from wattlas.tiers.market import beside

    shown, market = design.shown, design.market
    if design.grid is None or shown is None or market is None:
        return
    point = shown.contract.point
    shares = np.union1d(_evenly(design.grid.share), shown.share)
    discounts = np.union1d(_evenly(design.grid.discount), shown.discount)
    grid = offer_grid(market, beside(market), np.array([point]), shares, discounts, FINER)
    for i, share in enumerate(shares):
        for j, discount in enumerate(discounts):
            row = {
                "class": design.service.klass,
                "fallback": shown.fallback,
                "discount": float(discount),
                "share": float(share),
            }
            at = (0, i, j)
            its_own = share == shown.share and discount == shown.discount
            for name in ("adoption", "profit_gain_usd", "carbon_saved_kg"):
                row[name] = getattr(shown, name) if its_own else float(getattr(grid, name)[at])
            yield row


figure(
    __file__,
    order=60,
    part=TIERS,
    question="What would another offer bring?",
    needs=("tier_grid",),
    missing="No offers were computed",
    lacks="nothing to design",
)


def _evenly(axis: np.ndarray) -> np.ndarray:
    import numpy as np

    count = len(axis)
    at = np.unique(np.linspace(0, count - 1, min(GRID_SHOWN, count)).round().astype(int))
    thinned: np.ndarray = axis[at]
    return thinned
