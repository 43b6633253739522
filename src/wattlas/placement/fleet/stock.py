"""What a fleet has in an hour, and what that comes to at prices.

    Σ_r π_r·min(K_r + o_r, site_r)                                     a site takes one kind alone
    Σ_r π_r·K_r + Σ_r max(0, π_r − a_r·σ)·O_r + σ·(most − Σ a·K)       several kinds together

K are reserved accelerators, o and O what can be bought on demand, π their prices, σ those of what
sites take, a what an accelerator takes there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.problem.instance import Instance


@dataclass(frozen=True)
class Stock:
    """Accelerators of a fleet in any hour of an instance: what can be bought is the same in all.

    `site` (R,) is what a site takes, reserved and on demand together; `lost` are regions that count
    for nothing.
    """

    instance: Instance
    site: np.ndarray
    lost: np.ndarray

    def room(self, gpu: np.ndarray) -> np.ndarray:
        """GPU-h/h that a fleet (R,) has in an hour, on demand included, (R,), whatever sites take
        of several kinds together."""
        most = np.minimum(gpu + self.instance.surplus[:, 0], self.site)
        room: np.ndarray = np.maximum(most, gpu)
        room[self.lost] = 0.0
        return room

    def value(self, price: np.ndarray, gpu: np.ndarray) -> float:
        """Σ π·room of a fleet (R,) at prices (R + J,), as far as sites leave what is bought."""
        sites = self.instance.sites
        if sites is None:
            return _value_of(price, self.room(gpu))
        held, each = self._split(price)
        most, own = self.instance.surplus[:, 0], sites.own
        more = np.where(own, np.maximum(held - sites.charged(each), 0.0), 0.0)
        bought = float(more[more > 0] @ most[more > 0])
        place = float(each @ sites.most) - float(sites.charged(each) @ gpu)
        rest = _value_of(np.where(own, 0.0, held), self.room(gpu))
        return rest + float(held[own] @ gpu[own]) + bought + place

    def _split(self, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Prices of accelerators (R,), lost ones at none, and of what sites take, (J,)."""
        held, each = np.split(price.copy(), [len(self.site)])
        held[self.lost] = 0.0
        return held, each

    def priced(self, price: np.ndarray) -> np.ndarray:
        """Prices (R + J,) at which no region has a room without end."""
        sites = self.instance.sites
        if sites is None:
            return price
        regions = len(self.site)
        held, each = price[:regions], np.maximum(price[regions:], 0.0)
        endless = sites.own & np.isinf(self.instance.surplus[:, 0])
        held = np.where(endless, np.minimum(held, sites.charged(each)), held)
        return np.concatenate([held, each])

    def counts(self, price: np.ndarray, gpu: np.ndarray) -> np.ndarray:
        """What one more reserved accelerator adds to Σ π·room, (R,)."""
        counted, each = self._split(price)
        # Where the site is full, one more that is reserved is one fewer on demand.
        most = self.instance.surplus[:, 0]
        counted[(most > 0) & np.isfinite(self.site) & (gpu + most >= self.site)] = 0.0
        sites = self.instance.sites
        return counted if sites is None else counted - sites.charged(each)


def _value_of(price: np.ndarray, room: np.ndarray) -> float:
    """Σ π·room; a room without end has no price."""
    priced = price > 0
    return float(price[priced] @ room[priced])
