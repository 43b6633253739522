"""Where a negative price makes a wasteful operating point the cheapest.

At a negative price per kWh the cheapest way to answer may be the one that takes the most energy.
That is what least cost asks for, and a plan that does it says so.
"""

from __future__ import annotations

import numpy as np

from wattlas.model.plan import Plan
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.solution.expanded import slices
from wattlas.units import KWH_PER_MWH


def wasted_mwh(plan: Plan) -> float:
    """IT energy that a plan takes beyond the leanest open point of the same region, where the
    price is below 0 and that leaner point takes no more accelerator time, MWh; hours counted.
    """
    s = plan.scenario
    cheap = s.price_usd_per_mwh < 0
    if plan.flows is None or not cheap.any():
        return 0.0
    excess = _excess_kwh(plan)
    total = 0.0
    for piece in slices(plan.flows):
        on = piece.served
        on[on] &= cheap[piece.region[on], piece.hour[on]]
        place = (piece.metro[on], piece.klass[on], piece.region[on], piece.point[on])
        requests = piece.requests_per_h[on] * s.hours.hours[piece.hour[on]]
        total += float(requests @ excess[place])
    return total / KWH_PER_MWH


def _excess_kwh(plan: Plan) -> np.ndarray:
    """What each place takes beyond the leanest open one that is no slower, kWh, (I, K, R, O)."""
    s, is_open = plan.scenario, feasibility(plan.scenario).allowed
    excess = np.zeros(is_open.shape)
    for o in range(len(s.points)):
        lean = s.gpu_h <= s.gpu_h[:, [o]]
        least = np.where(is_open & lean[None, :, None, :], s.it_kwh[None, :, None, :], np.inf).min(
            axis=3
        )
        it_kwh = s.it_kwh[None, :, None, o]
        excess[..., o] = np.where(np.isfinite(least), np.maximum(it_kwh - least, 0.0), 0.0)
    return excess


def negative_price_words(plan: Plan) -> str:
    """The note of a plan that wastes energy at negative prices; empty where it wastes none."""
    wasted = wasted_mwh(plan)
    if wasted <= 1e-9 * plan.totals.it_mwh:
        return ""
    return (
        f"Negative prices pay for waste: {wasted:,.4g} MWh of IT energy go to operating points "
        "that take more than another one there that is as fast. A carbon price, or a price that is "
        "not below 0, ends that."
    )
