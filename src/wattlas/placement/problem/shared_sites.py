"""What sites take of several kinds of accelerators, those bought by the hour among them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class SharedSites:
    """J sites: Σ_r per_gpu[j, r]·(K_r + o_rt) ≤ most[j] in every hour.

    `per_gpu` (J, R) is what an accelerator of a region counts, `most` (J,) what the site takes, or
    (J, T) where that is not the same in all hours.
    """

    per_gpu: np.ndarray
    most: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """Which regions are of one of the sites, bool, (R,)."""
        return np.asarray((self.per_gpu > 0).any(axis=0))

    def left(self, gpu: np.ndarray) -> np.ndarray:
        """What reserved accelerators (R, …) leave of each site, (J, …)."""
        own = self.own
        most = self.most[:, None] if gpu.ndim > self.most.ndim else self.most
        return np.asarray(np.maximum(most - self.per_gpu[:, own] @ gpu[own], 0.0))

    def with_held(self, gpu: np.ndarray, part: np.ndarray) -> SharedSites:
        """The same where so many (R, T) stand for a fleet (R,), which leaves what it leaves."""
        held = self.per_gpu[:, self.own] @ part[self.own]
        return replace(self, most=self.left(gpu)[:, None] + held)

    def charged(self, price: np.ndarray) -> np.ndarray:
        """What an accelerator of each region pays for its place, (R, …), at prices (J, …) ≥ 0."""
        return np.asarray(self.per_gpu.T @ price)
