"""One region, one class, one fallback: an offer's figures from the guide's formulas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import wattlas
from tests.acceptance.small_world import small_world

RTT_MS = 20.0
BUDGET_MS = 500.0
USD_PER_GPU_H = 2.0


@dataclass(frozen=True)
class Answer:
    """What one operating point takes and gives per request."""

    accuracy: float
    kwh: float
    gpu_h: float
    ttft_ms: float


@dataclass(frozen=True)
class Taste:
    """A segment of users: W is `value` prices per unit of utility, θ is `consciousness`."""

    share: float
    consciousness: float
    weight_accuracy: float
    weight_latency: float
    value: float = 2.0


@dataclass(frozen=True)
class Case:
    """A market with a fallback beside full service, the same demand every hour; (T,) by hour."""

    full: Answer
    fallback: Answer
    tastes: tuple[Taste, ...]
    price_usd_per_mwh: np.ndarray
    carbon_g_per_kwh: np.ndarray
    requests_per_h: float
    price_usd: float
    scale: float = 0.05
    status_quo: float = 0.0
    outside: float | None = None
    """What leaving is worth, in prices of a request; None where nobody may leave."""

    def world(self, folder: Path, **offer: Any) -> wattlas.Scenario:
        """The scenario, written and loaded."""
        hours = len(self.price_usd_per_mwh)
        points = {
            name: {
                "variant": name,
                "accuracy": a.accuracy,
                "request_j": a.kwh * 3.6e6,
                "request_gpu_s": a.gpu_h * 3600,
                "ttft_ms": a.ttft_ms,
            }
            for name, a in (("full", self.full), ("fallback", self.fallback))
        }
        users: dict[str, Any] = {
            "scale": self.scale,
            "status_quo": self.status_quo,
            "segments": {f"s{n}": vars(taste) for n, taste in enumerate(self.tastes)},
        }
        if self.outside is not None:
            users |= {"may_leave": True, "outside": self.outside}
        return small_world(
            folder,
            price={"r": self.price_usd_per_mwh.tolist()},
            carbon={"r": self.carbon_g_per_kwh.tolist()},
            demand={"A": {"m": [self.requests_per_h] * hours}},
            rtt_ms={"m": {"r": RTT_MS}},
            classes={
                "A": {
                    "latency_budget_ms": BUDGET_MS,
                    "points": ["full"],
                    "price_usd_per_request": self.price_usd,
                }
            },
            points=points,
            regions={
                "r": {
                    "reserved_gpu": 0,
                    "on_demand_gpu": "free",
                    "on_demand_usd_per_gpu_h": USD_PER_GPU_H,
                }
            },
            users=users,
            offer={"cap_share": "free", **offer},
        )

    def figures(self, discount: np.ndarray, share: np.ndarray) -> dict[str, np.ndarray]:
        """What an offer brings over the window: `profit` USD, `kg` saved, what takers `gain` USD.

        `per_taker_g` is what a request under the contract saves in the mean. `discount` and
        `share` may be any arrays of one shape.
        """
        (full_usd, full_g), (fallback_usd, fallback_g) = map(self.unit, (self.full, self.fallback))
        less_g = full_g - fallback_g
        saved_g, saved_usd = self._saved(share, less_g, full_usd - fallback_usd)
        volume = self.requests_per_h * len(less_g)
        profit, kg, gain = (np.zeros_like(share * discount) for _ in range(3))
        total = sum(t.share for t in self.tastes)
        for taste in self.tastes:
            worth = taste.value * self.price_usd
            lost = share * worth * (1 - taste.consciousness) * self._quality_lost(taste)
            back = worth * taste.consciousness * saved_g / full_g.mean()
            value = discount * self.price_usd - lost + back
            stay, leave = self._others(taste)
            pull = np.exp((value - self.status_quo * self.price_usd) / self._mu)
            taken = pull / (pull + stay + leave)
            margin = self.price_usd - full_usd.mean()
            others = margin * stay / (stay + leave)
            n = volume * taste.share / total
            earned = margin + saved_usd - discount * self.price_usd
            profit += n * taken * (earned - others)
            kg += n * taken * saved_g / 1e3
            gain += n * taken * value
        return {"profit": profit, "kg": kg, "gain": gain, "per_taker_g": saved_g}

    @property
    def _mu(self) -> float:
        return self.scale * self.price_usd

    def unit(self, answer: Answer) -> tuple[np.ndarray, np.ndarray]:
        """USD and grams of a request by hour, each (T,)."""
        usd = answer.kwh * self.price_usd_per_mwh / 1e3 + answer.gpu_h * USD_PER_GPU_H
        return usd, answer.kwh * self.carbon_g_per_kwh

    def _saved(
        self, share: np.ndarray, less_g: np.ndarray, less_usd: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Grams and USD that a request saves in the mean, the hours that save most first."""
        order, hours = np.argsort(-less_g, kind="stable"), len(less_g)
        grams, usd = np.zeros_like(share), np.zeros_like(share)
        for rank, hour in enumerate(order):
            part = np.clip(share * hours - rank, 0, 1) / hours
            grams, usd = grams + part * less_g[hour], usd + part * less_usd[hour]
        return grams, usd

    def _quality(self, taste: Taste, answer: Answer) -> float:
        accuracy, latency = answer.accuracy, 1 - (RTT_MS + answer.ttft_ms) / (2 * BUDGET_MS)
        k_a, k_l = taste.weight_accuracy, taste.weight_latency
        return k_a * accuracy + k_l * latency + (1 - k_a - k_l) * accuracy * latency

    def _quality_lost(self, taste: Taste) -> float:
        return self._quality(taste, self.full) - self._quality(taste, self.fallback)

    def _others(self, taste: Taste) -> tuple[float, float]:
        """Odds of standard (worth 0) and of leaving."""
        if self.outside is None:
            return 1.0, 0.0
        utility = (1 - taste.consciousness) * self._quality(taste, self.full)
        standard = taste.value * self.price_usd * utility - self.price_usd
        leaving = self.outside * self.price_usd - standard
        return 1.0, float(np.exp(leaving / self._mu))
