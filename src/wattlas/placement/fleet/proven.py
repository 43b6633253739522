"""What no fleet is below where requests may wait or are capped, from prices alone: weak duality.

With prices μ ≥ 0 of accelerators by hour, λ ≥ 0 of what caps count over windows, ν of the other
rows of an hour and ω ≥ 0 of needs (at prices π of accelerators a request of a source needs u):

    Σ_s,a d_sa · min over a ≤ t ≤ due of [ h_t·min over places (c + g·μ_t + Σ λ·counted − ν) + ω_t·u_s ]
    + Σ_t h_t·ν_t·rhs_t − Σ_w λ_w·cap_w
    + Σ_r min over lower ≤ K ≤ upper of f·K − Σ_t h_t·max over what can be bought (μ·(K + o) − w·o)
                                       − Σ_q ω_q·π_qr·(what K leaves of r in the outage q)

Where sites take so many of several kinds together, a place has prices, too: σ by hour, one for what
is reserved, and one of each need. A region pays them for what it holds and buys, and the sites get
them for all that they take.

Every part is a minimum of its own, by plain arithmetic: a price of the wrong size or sign makes the
bound lower, never too high.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.model.fleet import FleetPrices, NeedPrice, Outage
from wattlas.model.plan import UNSERVED
from wattlas.model.waiting import due
from wattlas.placement.constraints.registry import hourly_rows
from wattlas.placement.constraints.shared_site import NAME as SHARED_SITE
from wattlas.placement.fleet.statement import FleetStatement

CHUNK = 64
"""Hours whose columns are priced at once: an array of a few ten thousand columns each."""


def proven_bound(
    statement: FleetStatement, prices: FleetPrices, outages: Sequence[Outage]
) -> float:
    """Below every fleet that serves within caps and patience, and in each outage; USD."""
    instance, hours = statement.instance, statement.instance.hours
    gpu_price = np.maximum(-prices.duals.get("capacity", np.zeros(instance.capacity.shape)), 0.0)
    place = _PlacePrices.of(statement, prices)
    endless = ~np.isfinite(instance.surplus[:, 0]) & ~np.isfinite(statement.terms.site)
    dearest = statement.terms.measure.per_on_demand[:, None] + place.bought
    gpu_price = np.minimum(gpu_price, np.where(endless[:, None], dearest, np.inf))
    rows = _row_prices(statement, prices)
    needs = [need for each in prices.needs if (need := _need(statement, each, outages)) is not None]
    usd = _least_usd(statement, gpu_price, rows, np.maximum(prices.caps, 0.0)) * hours
    for need in needs:
        usd = usd + need.use[:, None] * need.usd
    usd = _within_patience(statement, usd)
    total = float(np.where(instance.demand > 0, usd * instance.demand, 0.0).sum())
    for name, dual in rows.items():
        row = hourly_rows(instance)[name]
        side = np.where(dual > 0, row.lower, row.upper)
        total += float((np.where(dual != 0, side, 0.0) * dual).sum(axis=0) @ hours)
    caps = zip(statement.limits(), prices.caps, strict=False)
    total -= sum(max(float(price), 0.0) * limit.bound for limit, price in caps)
    total -= place.all_usd + sum(float(need.usd.sum()) * need.place_usd for need in needs)
    return total + sum(
        _held_usd(statement, r, gpu_price[r], place, needs)
        for r in range(len(statement.terms.site))
    )


@dataclass(frozen=True)
class _PlacePrices:
    """What an accelerator of each region pays for its place: bought in an hour, (R, T), and
    reserved, (R,), hours counted; and what all places are paid, USD."""

    bought: np.ndarray
    held: np.ndarray
    all_usd: float

    @staticmethod
    def of(statement: FleetStatement, prices: FleetPrices) -> _PlacePrices:
        """By the prices of what sites take."""
        instance, hours = statement.instance, statement.instance.hours
        bought, held, total = (
            np.zeros(instance.capacity.shape),
            np.zeros(len(instance.capacity)),
            0.0,
        )
        for row, said in zip(statement.terms.rows, prices.sites, strict=False):
            usd = max(float(said), 0.0)
            held, total = held + usd * row.per_gpu, total + usd * row.most
        if instance.sites is not None and SHARED_SITE in prices.duals:
            by_hour = np.maximum(-prices.duals[SHARED_SITE], 0.0)
            bought = instance.sites.charged(by_hour)
            held, total = (
                held + bought @ hours,
                total + float(instance.sites.most @ by_hour @ hours),
            )
        return _PlacePrices(bought, held, total)


@dataclass(frozen=True)
class _Priced:
    """A need at prices `price` (R,), 0 where regions are lost: `use` (S,) of a request of each
    source, `usd` (T,) that it is paid in each hour, `bought` (R,) that there is on demand, what a
    `place` of each region (R,) costs at its prices, and what all places are then paid."""

    price: np.ndarray
    use: np.ndarray
    usd: np.ndarray
    bought: np.ndarray
    place: np.ndarray
    place_usd: float


def _need(statement: FleetStatement, need: NeedPrice, outages: Sequence[Outage]) -> _Priced | None:
    """None for what proves nothing: of an outage that is none, or where something is endless."""
    instance, ids = statement.instance, [region.id for region in statement.scenario.regions]
    limit = [each.on_demand_gpu for each in outages if each.regions == need.lost]
    if need.by_hour is None or (need.lost and not limit):
        return None
    lost = np.isin(ids, need.lost)
    price = np.where(lost, 0.0, np.maximum(need.price, 0.0))
    bought = np.minimum(instance.surplus[:, 0], limit[0] if need.lost else np.inf)
    place, place_usd, sites = np.zeros(len(ids)), 0.0, instance.sites
    if sites is not None and len(need.sites) == len(sites.most):
        each = np.maximum(need.sites, 0.0)
        place, place_usd = sites.charged(each), float(sites.most @ each)
    endless = np.isinf(bought) & np.isinf(statement.terms.site)
    price = np.where(endless & (place > 0), np.minimum(price, place), price)
    if (endless & (price > place)).any():
        return None
    open_to = instance.allowed.copy()
    if instance.after_loss is not None:
        moved = lost[instance.state_region]
        open_to[moved] = instance.after_loss[moved]
    open_to[:, lost] = False
    paid = np.where(open_to, instance.gpu_h[:, None, :] * price[None, :, None], np.inf)
    use = paid.min(axis=(1, 2), initial=np.inf)
    # What has no place then, or need not be served, needs nothing.
    use = np.where(np.isfinite(use) & np.isnan(instance.unserved_usd), use, 0.0)
    return _Priced(price, use, np.maximum(need.by_hour, 0.0), bought, place, place_usd)


def _row_prices(statement: FleetStatement, prices: FleetPrices) -> dict[str, np.ndarray]:
    """Duals of the rows of an hour beside capacity, (J, T); of a side that there is none of, 0."""
    out = {}
    for name, row in hourly_rows(statement.instance).items():
        if name not in ("capacity", SHARED_SITE) and name in prices.duals:
            up = np.where(np.isfinite(row.lower), np.maximum(prices.duals[name], 0.0), 0.0)
            down = np.where(np.isfinite(row.upper), np.minimum(prices.duals[name], 0.0), 0.0)
            out[name] = up + down
    return out


def _least_usd(
    statement: FleetStatement, gpu_price: np.ndarray, rows: dict[str, np.ndarray], caps: np.ndarray
) -> np.ndarray:
    """What a request costs at least in each hour at the prices, (S, T)."""
    instance, columns = statement.instance, statement.instance.columns
    place = (columns.source, columns.region, columns.point)
    served = columns.region != UNSERVED
    gpu_h = np.where(served, instance.gpu_h[columns.source, columns.point], 0.0)
    counted = _counted(statement, caps)
    least = np.full(instance.demand.shape, np.inf)
    for first in range(0, instance.demand.shape[1], CHUNK):
        steps = np.arange(first, min(first + CHUNK, instance.demand.shape[1]))
        usd = np.stack([statement.measure.units(instance, int(t), *place) for t in steps], axis=1)
        usd += gpu_h[:, None] * gpu_price[np.ix_(columns.region, steps)]
        for units, price in counted:
            usd += units[:, None] * price[np.ix_(columns.source, steps)]
        for name, dual in rows.items():
            row = hourly_rows(instance)[name]
            np.subtract.at(usd, row.column, row.value[:, None] * dual[np.ix_(row.row, steps)])
        part = np.full((instance.sources, len(steps)), np.inf)
        np.minimum.at(part, columns.source, usd)
        least[:, steps] = part
    return least


def _counted(statement: FleetStatement, caps: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(What a column counts for (C,), the price of it by source and hour (S, T)) of each tier."""
    instance, columns = statement.instance, statement.instance.columns
    out: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for limit, price in zip(statement.limits(), caps.tolist(), strict=False):
        if id(limit.measure) not in out:
            units = limit.measure.units(instance, 0, columns.source, columns.region, columns.point)
            out[id(limit.measure)] = units, np.zeros(instance.demand.shape)
        total = out[id(limit.measure)][1]
        if limit.counts is not None:
            total += price * limit.counts
        else:
            total[:, limit.steps] += price
    return list(out.values())


def _within_patience(statement: FleetStatement, usd: np.ndarray) -> np.ndarray:
    """The least of the hours in which a request may run, by the hour of its arrival, (S, T)."""
    instance = statement.instance
    last = due(statement.scenario.hours, statement.scenario.wait_steps[instance.klass])
    least = usd.copy()
    for s in np.flatnonzero(statement.scenario.wait_steps[instance.klass]).tolist():
        for a in np.flatnonzero(instance.demand[s] > 0).tolist():
            least[s, a] = usd[s, a : last[s, a] + 1].min()
    return least


def _held_usd(
    statement: FleetStatement,
    r: int,
    gpu_price: np.ndarray,
    place: _PlacePrices,
    needs: Sequence[_Priced],
) -> float:
    """The least over a region's accelerators of their rent less what prices and needs pay for
    them: piecewise linear, so that one of its corners is the least."""
    terms, hours = statement.terms, statement.instance.hours
    site, surplus = float(terms.site[r]), float(statement.instance.surplus[r, 0])
    paid, rent = float(gpu_price @ hours), float(terms.rent_usd[r] + place.held[r])
    over = np.maximum(gpu_price - (terms.measure.per_on_demand[r] + place.bought[r]), 0.0)
    over_usd = float(over @ hours)
    own = [
        (float(need.usd.sum() * (need.price[r] - need.place[r])), float(need.bought[r]))
        for need in needs
    ]
    rent -= sum(min(usd, 0.0) for usd, _ in own)
    own = [(usd, bought) for usd, bought in own if usd > 0]
    low, high = float(terms.lower[r]), float(terms.upper[r])
    corners = [low, high, *(site - bought for bought in (surplus, *(b for _, b in own)))]
    least = np.inf
    for gpu in {min(max(corner, low), high) for corner in corners if np.isfinite(corner)}:
        total = (rent - paid) * gpu
        if over_usd > 0:
            total -= over_usd * min(surplus, max(site - gpu, 0.0))
        total -= sum(usd * max(min(gpu + bought, site), gpu) for usd, bought in own)
        least = min(least, total)
    return least
