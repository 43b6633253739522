"""What degrading a share of the requests saves, taken from the hours where it saves most carbon.

A degradation cap φ holds in every billing window by itself: in each, the steps are taken in the
order of the grams that a degraded request saves there, up to the share φ of the window's requests.
With d_w the share of all requests in window w and g_w(u) what the u-th part of them saves

    G(φ) = Σ_w d_w · ∫_0^φ max(g_w(u), 0) du

piecewise linear and concave in φ; money likewise, in the order of carbon. Steps in which no carbon
is saved are never taken: a cap beyond them is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.service import Service


@dataclass(frozen=True)
class Savings:
    """Sums over the degradation cap, per request of the tier, for each candidate point.

    `sums[f]` (4, K) are the caps at the kinks, from 0, then grams and USD saved and the share of
    all requests degraded up to each. `usable` (F,) is the cap beyond which no carbon is saved, or
    which the carbon rule cannot use.
    """

    sums: tuple[np.ndarray, ...]
    usable: np.ndarray

    def at(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(grams, USD) saved per request of the tier, and the share degraded, at degradation caps
        (I,); each (F, I).
        """
        caps = np.asarray(share, dtype=float)
        grams, usd, degraded = np.zeros((3, len(self.sums), len(caps)))
        for f, (kinks, *values) in enumerate(self.sums):
            within = np.minimum(caps, self.usable[f])
            grams[f], usd[f], degraded[f] = (np.interp(within, kinks, column) for column in values)
        return grams, usd, degraded

    def of(self, point: int, share: float) -> tuple[float, float, float]:
        """The same at one point and cap."""
        kinks, *values = self.sums[point]
        within = min(share, float(self.usable[point]))
        grams, usd, degraded = (float(np.interp(within, kinks, column)) for column in values)
        return grams, usd, degraded

    def used(self, point: int, share: float) -> float:
        """Share that is degraded in truth under a degradation cap."""
        return self.of(point, share)[2]

    def most_usd(self) -> np.ndarray:
        """The most that each candidate saves per request of the tier, over all caps; (F,)."""
        most = []
        for (kinks, _, usd, _), usable in zip(self.sums, self.usable, strict=True):
            at_end = np.interp(usable, kinks, usd)
            most.append(max(float(usd[kinks <= usable].max(initial=0.0)), float(at_end)))
        return np.array(most)

    def most_usd_per_degraded(self) -> np.ndarray:
        """The most that a degraded request of each candidate saves in the mean of a cap, (F,)."""
        most_usd = [
            np.divide(usd, degraded, out=np.zeros(len(usd)), where=degraded > 0).max(initial=0.0)
            for _, _, usd, degraded in self.sums
        ]
        return np.array(most_usd)


def savings(service: Service, limit: float | np.ndarray = 1.0) -> Savings:
    """The sums for every candidate point of a service.

    `limit` is the largest cap that the carbon rule can use, 0..1, for all points or each (F,).
    """
    sums = tuple(_summed(service, f) for f in range(len(service.points)))
    useful = np.array([kinks[-1] for kinks, *_ in sums])
    return Savings(sums, np.minimum(useful, limit))


def _summed(service: Service, point: int) -> np.ndarray:
    """The kinks of a point and its sums up to each, (4, K).

    Each step in which carbon is saved is an interval of caps in which the sums have its slope.
    """
    gain_g = service.full_carbon_g - service.carbon_g[point]
    gain_usd = service.full_cost_usd - service.cost_usd[point]
    begin, end = degraded_between(service, gain_g)
    share = service.requests / service.requests.sum()
    useful = (gain_g > 0) & (end > begin)
    slope = np.divide(share, end - begin, out=np.zeros(len(share)), where=useful)
    slopes = slope * np.stack([gain_g, gain_usd, np.ones(len(share))])
    kinks, at = np.unique(np.concatenate([[0.0], begin[useful], end[useful]]), return_inverse=True)
    change = np.zeros((3, len(kinks)))
    count = int(useful.sum())
    for row, of_row in zip(change, slopes[:, useful], strict=True):
        np.add.at(row, at[1 : 1 + count], of_row)
        np.add.at(row, at[1 + count :], -of_row)
    rises = np.cumsum(change, axis=1)[:, :-1] * np.diff(kinks)
    return np.vstack([kinks, np.concatenate([np.zeros((3, 1)), np.cumsum(rises, axis=1)], axis=1)])


def degraded_between(service: Service, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The caps between which each step is taken, dirtiest first within its window; (T,) each.

    At a cap φ the share clip((φ − begin)/(end − begin), 0, 1) of a step's requests is degraded.
    """
    order = np.lexsort((-gain, service.window))
    requests, window = service.requests[order], service.window[order]
    first = np.flatnonzero(np.append(True, window[1:] != window[:-1]))
    summed = np.cumsum(requests)
    before = np.append(0.0, summed)[first]
    number = np.cumsum(np.append(True, window[1:] != window[:-1])) - 1
    total = np.append(summed[first[1:] - 1], summed[-1]) - before
    upto = (summed - before[number]) / np.where(total > 0, total, 1.0)[number]
    start = np.append(0.0, upto[:-1])
    start[first] = 0.0
    begin, end = np.empty(len(gain)), np.empty(len(gain))
    begin[order], end[order] = start, upto
    return begin, end


def rule_share(service: Service, cap_share: float) -> np.ndarray:
    """The least degradation cap at which each point keeps carbon within a cap; (F,).

    The cap is a share of what full service emits. 1 where degrading everything does not do.
    """
    needed = (1.0 - cap_share) * float(service.mean(service.full_carbon_g))
    every = savings(service).sums
    return np.array(
        [np.interp(needed, grams, kinks) if grams[-1] >= needed else 1.0
         for kinks, grams, _, _ in every]
    )  # fmt: skip


def emitted_g(service: Service, point: int, share: float) -> np.ndarray:
    """Grams per request of the tier in each step under a degradation cap, (T,)."""
    gain = np.maximum(service.full_carbon_g - service.carbon_g[point], 0.0)
    begin, end = degraded_between(service, gain)
    width = np.where(end > begin, end - begin, 1.0)
    emitted: np.ndarray = service.full_carbon_g - gain * np.clip((share - begin) / width, 0, 1)
    return emitted
