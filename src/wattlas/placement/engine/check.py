"""Is an answer optimal? Feasibility, signs of the duals, complementary slackness, from scratch."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from wattlas.placement.engine.program import HourlyProgram, HourlySolution
from wattlas.placement.engine.state import F8, OPTIMAL

_TINY = 1e-300


@dataclass(frozen=True)
class Residuals:
    """The worst violation of each condition over all optimal hours, each relative.

    demand      |Σ x + z − demand| over the largest demand of the hour
    capacity    accelerator time beyond capacity, over all that the demand could use
    rows        what coupling rows lack, over what the demand could move them
    columns     largest flow (over the largest demand) that is negative or on a closed column
    signs       largest dual of the wrong sign, over the mean cost of what was served
    reduced     largest negative reduced cost of an open column, or of leaving demand unserved,
                over the size of its terms
    slackness   Σ x · reduced cost + Σ |dual| · slack, over Σ |cost| x, or over `spent` if larger
    """

    demand: float
    capacity: float
    rows: float
    columns: float
    signs: float
    reduced: float
    slackness: float

    @property
    def worst(self) -> float:
        """The largest of them."""
        return float(max(astuple(self)))


def verify(program: HourlyProgram, solution: HourlySolution, spent: F8 | None = None) -> Residuals:
    """Check every optimal hour of an answer that carries duals; raises ValueError without them.

    `spent` (H,) is what an hour's parts come to without their signs, where costs cancel.
    """
    if solution.demand_dual.shape[1] != len(solution.hours):
        raise ValueError("the answer carries no duals of demands: solve for all duals")
    worst = np.zeros(7)
    for place in np.nonzero(solution.status == OPTIMAL)[0]:
        least = 0.0 if spent is None else float(spent[place])
        np.maximum(worst, _hour(program, solution, int(place), least), out=worst)
    return Residuals(*(float(value) for value in worst))


def _hour(program: HourlyProgram, solution: HourlySolution, place: int, least: float) -> F8:
    sources, regions, points, _, _ = program.sizes
    t = int(solution.hours[place])
    source, region, point, value = solution.flows(place)
    served = region >= 0
    x = np.zeros((sources, regions, points))
    np.add.at(x, (source[served], region[served], point[served]), value[served])
    z = np.zeros(sources)
    np.add.at(z, source[~served], value[~served])

    demand = program.demand[:, t]
    most = max(float(demand.max(initial=0.0)), _TINY)
    used = np.einsum("so,sro->r", program.gpu_h, x)
    need = float((program.gpu_h.max(axis=1, initial=0.0) * demand).sum())
    room = program.capacity[:, t] - used
    reach = np.abs(program.row_coef).max(axis=2, initial=0.0) @ demand
    excess = np.einsum("jso,sro->j", program.row_coef, x) - program.lower()[:, t]
    closed = float(x[~program.allowed].max(initial=0.0))
    closed = max(closed, float(z[~np.isfinite(program.unserved)].max(initial=0.0)))

    price, mu = solution.capacity_dual[:, place], solution.demand_dual[:, place]
    rho = solution.row_dual[:, place]
    cost = np.where(program.allowed, program.per_request, 0.0)
    cost = cost + program.energy_kwh[:, None, :] * program.per_kwh[None, :, t, None]
    if program.per_gpu_h is not None:
        cost = cost + program.gpu_h[:, None, :] * program.per_gpu_h[None, :, :, t]
    paid = program.gpu_h[:, None, :] * price[None, :, None]
    paid = paid + np.einsum("jso,j->so", program.row_coef, rho)[:, None, :]
    value_of = np.where(np.isfinite(mu), mu, 0.0)
    reduced = np.where(program.allowed, cost - paid - value_of[:, None, None], 0.0)
    size = np.abs(cost) + np.abs(paid) + np.abs(value_of)[:, None, None] + _TINY
    idle = np.where(np.isfinite(program.unserved), program.unserved - value_of, 0.0)
    gains = max(
        float((-reduced / size).max(initial=0.0)),
        float((-idle / (np.abs(program.unserved) + np.abs(value_of) + _TINY)).max(initial=0.0)),
    )

    unserved = np.where(z > 0, program.unserved, 0.0)
    spent = max(float((np.abs(cost) * x).sum() + (np.abs(unserved) * z).sum()), least) + _TINY
    finite = np.isfinite(room)
    slack = float((np.abs(reduced) * x).sum() + (np.abs(idle) * z).sum())
    slack += float((np.abs(price) * np.abs(np.where(finite, room, 0.0))).sum())
    if (price[~finite] != 0).any():
        slack = np.inf
    slack += float((np.abs(rho) * np.abs(excess)).sum())
    mean = spent / max(float(demand.sum()), _TINY)
    signs = max(float(price.max(initial=0.0)), float((-rho).max(initial=0.0)), 0.0)
    return np.array(
        [
            float(np.abs(x.sum(axis=(1, 2)) + z - demand).max(initial=0.0)) / most,
            float((-room[finite]).max(initial=0.0)) / (need + _TINY),
            float((-excess / (reach + np.abs(program.lower()[:, t]) + _TINY)).max(initial=0.0)),
            max(closed, float((-value).max(initial=0.0))) / most,
            signs / (mean + _TINY),
            gains,
            slack / spent,
        ]
    )
