"""Made-up green tiers that obey the spec of a results folder: small, but coherent with each other.

Four classes: A and B have a tier worth offering, C has no point to fall to, and D has one that
saves nothing. Adoption is a logit on money over three segments; every number is invented.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from wattlas.errors import InfeasibleError
from wattlas.tiers.share import green_share

PUE = 1.2
GRAMS_PER_KWH = 380.0
RENT_USD_PER_GPU_H = 2.2
DISCOUNTS = np.linspace(0.0, 0.4, 21)
SHARES = np.linspace(0.0, 1.0, 21)
CAPS = np.linspace(0.5, 1.0, 21)

# variant, hardware, accuracy; service time, energy and accelerator time relative to full service
POINTS = [
    ("llama-70b", "h100", 0.69, 1.0, 1.0, 1.0),
    ("llama-70b", "h100-450w", 0.69, 1.24, 0.82, 1.22),
    ("llama-70b", "a100", 0.69, 1.45, 1.4, 1.5),
    ("qwen-32b", "h100", 0.66, 0.66, 0.55, 0.48),
    ("qwen-32b", "a100", 0.66, 0.98, 0.8, 0.74),
    ("llama-8b", "h100", 0.61, 0.36, 0.19, 0.15),
    ("llama-8b", "l4", 0.61, 0.5, 0.12, 0.17),
    ("llama-8b", "a100", 0.61, 0.52, 0.27, 0.22),
    ("llama-3b", "h100", 0.53, 0.22, 0.1, 0.08),
    ("llama-3b", "l4", 0.53, 0.4, 0.06, 0.09),
]
# name, share of requests, consciousness, weights of accuracy and latency, W over the price
SEGMENTS = [
    ("price-minded", 0.5, 0.05, 0.5, 0.3, 0.35),
    ("quality-bound", 0.35, 0.1, 0.8, 0.1, 1.2),
    ("climate-minded", 0.15, 0.4, 0.5, 0.3, 0.4),
]


@dataclass(frozen=True)
class Kind:
    """A class of requests, and how its users choose."""

    price_usd: float
    service_ms: float
    energy_wh: float
    gpu_s: float
    points: tuple[int, ...]
    reason: str
    worth_scale: float = 1.0
    consciousness_shift: float = 0.0
    logit_share: float = 0.03
    rent: float = RENT_USD_PER_GPU_H
    most_share: int = 13
    """How many of the shares the carbon rule can use."""
    floor_gpu: float = 1.0
    """Accelerator time of every floor, relative to the list's."""


KINDS = {
    "A": Kind(6e-4, 170.0, 0.30, 0.4, tuple(range(10)),
              "a discount that enough users take costs less than the accelerator time it frees"),
    "B": Kind(9e-4, 1290.0, 0.42, 0.5, tuple(range(10)),
              "a discount that enough users take costs less than the accelerator time it frees",
              1.6, most_share=10),
    "C": Kind(5e-4, 9000.0, 0.35, 0.3, (0, 2),
              "no operating point below full service uses less energy"),
    "D": Kind(2e-4, 20_000.0, 0.25, 0.1, (0, 3, 5, 8),
              "every floor needs more accelerator time than full service, so that each degraded "
              "request adds to the cost", 3.0, floor_gpu=15.0),
}  # fmt: skip


class Tiers:
    """One class at arrays of discounts and shares."""

    def __init__(self, kind: Kind, requests: float) -> None:
        self.kind, self.requests = kind, requests
        rows = [POINTS[at] for at in kind.points]
        self.names = [f"{r[0]}/{r[1]}" for r in rows]
        self.accuracy = np.array([r[2] for r in rows])
        self.service_ms = np.array([r[3] for r in rows]) * kind.service_ms
        self.energy_wh = np.array([r[4] for r in rows]) * kind.energy_wh
        slower = np.where(np.arange(len(rows)) > 0, kind.floor_gpu, 1.0)
        self.gpu_s = np.array([r[5] for r in rows]) * kind.gpu_s * slower
        self.cost = self.gpu_s * kind.rent / 3600 + self.energy_wh * 6e-8
        self.carbon_g = self.energy_wh / 1000 * PUE * GRAMS_PER_KWH
        better = [self.accuracy, -self.service_ms, -self.energy_wh]
        self.pareto = [
            not any(all(b[j] >= b[i] for b in better) and any(b[j] > b[i] for b in better)
                    for j in range(len(rows)))
            for i in range(len(rows))
        ]  # fmt: skip

    @property
    def floors(self) -> list[int]:
        """Candidates for a floor: the front below full service, best first."""
        below = [i for i in range(len(self.names)) if self.pareto[i] and self.accuracy[i] < 0.69]
        return below if len(self.names) > 2 else []

    def felt(self, accuracy: Any, latency_ms: Any, carbon_g: Any) -> np.ndarray:
        """Utility of each segment, segments first."""
        best, base = 0.75, self.kind.service_ms
        q_a = np.clip((np.asarray(accuracy) - 0.5) / (best - 0.5), 0, 1)
        q_l = np.clip(1 - np.asarray(latency_ms) / (2 * base), 0, 1)
        rows = []
        for _, _, theta, k_a, k_l, _ in SEGMENTS:
            t = np.clip(theta + self.kind.consciousness_shift, 0, 1)
            quality = k_a * q_a + k_l * q_l + (1 - k_a - k_l) * q_a * q_l
            rows.append((1 - t) * quality + t * (1 - np.asarray(carbon_g) / self.carbon_g[0]))
        return np.array(rows)

    def gain(self, floor: int, discount: Any, share: Any) -> np.ndarray:
        """What green is worth over standard, USD per request, segments first."""
        felt = self.felt(self.accuracy, self.service_ms, self.carbon_g)
        lost = felt[:, 0] - felt[:, floor]
        worth = np.array([s[5] for s in SEGMENTS]) * self.kind.worth_scale
        loss = (worth * lost)[(...,) + (None,) * np.ndim(discount)]
        out: np.ndarray = self.kind.price_usd * (np.asarray(discount) - np.asarray(share) * loss)
        return out

    def adopt(self, floor: int, discount: Any, share: Any) -> np.ndarray:
        """Share of each segment's requests under the contract."""
        scale = self.kind.logit_share * self.kind.price_usd
        hurdle = 0.09 * self.kind.price_usd
        out: np.ndarray = 1 / (1 + np.exp(-(self.gain(floor, discount, share) - hurdle) / scale))
        return out

    def at(self, floor: int, discount: Any, share: Any) -> tuple[np.ndarray, ...]:
        """Adoption, profit gain (USD) and carbon saved (kg) over the window."""
        weight = np.array([s[1] for s in SEGMENTS])
        adoption = np.tensordot(weight, self.adopt(floor, discount, share), 1)
        saving = np.asarray(share) * (self.cost[0] - self.cost[floor])
        profit = adoption * (saving - np.asarray(discount) * self.kind.price_usd) * self.requests
        # The dirtiest hours are degraded first: the first requests save the most.
        grams = np.asarray(share) * (1.3 - 0.3 * np.asarray(share))
        kilograms = adoption * grams * (self.carbon_g[0] - self.carbon_g[floor])
        return adoption, profit, kilograms * self.requests / 1000

    def best(self, floor: int) -> tuple[float, float]:
        """Discount and share of most profit on the grid, among the shares that can be used."""
        d, s = np.meshgrid(DISCOUNTS, SHARES[1 : self.kind.most_share], indexing="ij")
        profit = self.at(floor, d, s)[1]
        i, j = np.unravel_index(int(profit.argmax()), profit.shape)
        return float(DISCOUNTS[i]), float(SHARES[1 + j])


def tier_tables(carbon: dict[str, np.ndarray], requests: dict[str, float]) -> dict[str, Any]:
    """All tables of the tiers: `carbon` g/kWh by zone, requests of the window by class."""
    made = {k: Tiers(KINDS[k], n) for k, n in requests.items() if k in KINDS}
    worth = {k: t for k, t in made.items() if t.floors and KINDS[k].floor_gpu == 1.0}
    chosen = {k: max(t.floors, key=lambda f, t=t: t.at(f, *t.best(f))[1]) for k, t in worth.items()}
    return {
        "tier_verdicts": _verdicts(made, chosen),
        "tier_menu": _menu(made, chosen),
        "tier_targets": _targets(made),
        "tier_utility": _utility(made),
        "tier_shares": _shares(carbon),
        "tier_grid": _grid(made, chosen),
        "tier_pareto": _pareto(worth),
        "tier_floors": _floors(made, worth),
        "tier_segments": _segments(worth, chosen),
        "tier_sensitivity": _sensitivity(worth, chosen),
        "tier_split": _split(worth, chosen),
    }


def _frame(rows: list[tuple[Any, ...]], columns: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns.split(), orient="row", infer_schema_length=None)


def _verdicts(made: dict[str, Tiers], chosen: dict[str, int]) -> pl.DataFrame:
    rows = []
    for name, t in made.items():
        price, full = t.kind.price_usd, (0.69, t.service_ms[0], t.cost[0], t.carbon_g[0])
        offer: tuple[Any, ...] = (None,) * 8
        if name in chosen:
            floor = chosen[name]
            d, s = t.best(floor)
            adoption, profit, kg = map(float, t.at(floor, d, s))
            before = (price - t.cost[0]) * t.requests
            offer = (t.names[floor], d, s, adoption, profit, profit / before, kg,
                     kg / (t.carbon_g[0] * t.requests / 1000))  # fmt: skip
        paid = 2900.0 if name in chosen else None
        rows.append((name, name in chosen, t.kind.reason, price, *map(float, full), *offer, paid))
    return _frame(
        rows,
        "class worth reason price_usd full_accuracy full_latency_ms full_cost_usd full_carbon_g "
        "floor discount share adoption profit_gain_usd profit_gain_share carbon_saved_kg "
        "carbon_saved_share users_pay_usd_per_t",
    )


def _menu(made: dict[str, Tiers], chosen: dict[str, int]) -> pl.DataFrame:
    rows = []
    for name, t in made.items():
        for i, point in enumerate(t.names):
            variant, hardware = point.split("/")
            role = "full" if i == 0 else "floor" if i == chosen.get(name) else None
            rows.append((name, point, variant, hardware, t.accuracy[i], t.service_ms[i],
                         1.6 * t.service_ms[i], t.energy_wh[i], t.gpu_s[i], 1e6 * t.cost[i],
                         t.carbon_g[i], t.pareto[i], role))  # fmt: skip
    return _frame(
        rows,
        "class point variant hardware accuracy service_ms service_p95_ms energy_wh gpu_s "
        "cost_usd_per_million carbon_g pareto role",
    )


def _targets(made: dict[str, Tiers]) -> pl.DataFrame:
    rows = []
    for name, t in made.items():
        felt = t.felt(t.accuracy, t.service_ms, t.carbon_g[0]).mean(0)
        for part in (0.25, 0.5, 0.75, 1.0):
            cap = float(f"{part * t.carbon_g[0]:.2g}")
            most = cap / (t.energy_wh / 1000 * PUE)
            start = 0.0
            for i in np.argsort(-felt):
                if most[i] > start:
                    rows.append((name, cap, start, float(most[i]), t.names[i], t.accuracy[i],
                                 t.service_ms[i], felt[i]))  # fmt: skip
                    start = float(most[i])
    return _frame(rows, "class cap_g from_g_per_kwh to_g_per_kwh point accuracy service_ms utility")


def _utility(made: dict[str, Tiers]) -> pl.DataFrame:
    frames = []
    for name, t in made.items():
        grid = np.linspace(0.5, 0.75, 25), np.linspace(0, 1.6, 25) * t.kind.service_ms
        a, ms = np.meshgrid(*grid)
        for (segment, *_), felt in zip(SEGMENTS, t.felt(a, ms, 0.5 * t.carbon_g[0]), strict=True):
            frames.append(pl.DataFrame({"class": name, "segment": segment, "accuracy": a.ravel(),
                                        "latency_ms": ms.ravel(),
                                        "utility": felt.ravel()}))  # fmt: skip
    return pl.concat(frames)


def _shares(carbon: dict[str, np.ndarray]) -> pl.DataFrame:
    rows: list[tuple[Any, ...]] = []
    cleanest = np.min(list(carbon.values()), axis=0) + 25.0
    for at, (zone, series) in enumerate(carbon.items()):
        # From a grid that hardly varies to one that swings far.
        here = series.mean() * (series / series.mean()) ** (0.15 + 0.35 * (at * 7 % 18))
        for place in ("local", "remote"):
            green = 0.5 * (here if place == "local" else np.minimum(here, cleanest))
            for rule in ("percentile", "budget", "blind"):
                for cap in CAPS:
                    try:
                        got = green_share(here, green, float(cap * here.mean()), rule=rule).share
                    except InfeasibleError:
                        got = None  # type: ignore[assignment]
                    rows.append((zone, float(cap), rule, place, got))
    return _frame(rows, "zone cap_share rule place share")


def _grid(made: dict[str, Tiers], chosen: dict[str, int]) -> pl.DataFrame:
    frames = []
    d, s = np.meshgrid(DISCOUNTS, SHARES, indexing="ij")
    for name, t in made.items():
        if not t.floors:
            continue
        floor = chosen.get(name, t.floors[0])
        adoption, profit, kg = t.at(floor, d, s)
        frames.append(pl.DataFrame({
            "class": name, "floor": t.names[floor], "discount": d.ravel(), "share": s.ravel(),
            "adoption": adoption.ravel(), "profit_gain_usd": profit.ravel(),
            "carbon_saved_kg": kg.ravel(),
        }))  # fmt: skip
    return pl.concat(frames)


def _pareto(worth: dict[str, Tiers]) -> pl.DataFrame:
    rows = []
    for name, t in worth.items():
        shares = SHARES[1 : t.kind.most_share]
        d, s = np.meshgrid(np.linspace(0, 0.4, 81), shares, indexing="ij")
        offers = [
            (t.names[f], *map(float, one))
            for f in t.floors
            for one in zip(d.ravel(), s.ravel(), *(x.ravel() for x in t.at(f, d, s)), strict=True)
        ]
        offers = sorted((o for o in offers if o[4] >= 0), key=lambda o: (-o[5], -o[4]))
        kept: list[tuple[Any, ...]] = []
        for offer in offers:
            if not kept or offer[4] > kept[-1][4]:
                kept.append(offer)
        marks = [None] * len(kept)
        marks[0], marks[-1] = "carbon", "profit"  # type: ignore[call-overload]
        rows += [(name, *offer, mark) for offer, mark in zip(kept, marks, strict=True)]
    return _frame(
        rows, "class floor discount share adoption profit_gain_usd carbon_saved_kg chosen"
    )


def _floors(made: dict[str, Tiers], worth: dict[str, Tiers]) -> pl.DataFrame:
    rows = []
    for name, t in made.items():
        levels = sorted({t.accuracy[f] for f in t.floors}, reverse=True)
        for f in t.floors:
            best = t.best(f)
            values = map(float, t.at(f, *best))
            rows.append((name, t.names[f], 1 + levels.index(t.accuracy[f]), *best, *values,
                         name in worth))  # fmt: skip
    return _frame(
        rows,
        "class floor levels_below discount share adoption profit_gain_usd carbon_saved_kg worth",
    )


def _segments(worth: dict[str, Tiers], chosen: dict[str, int]) -> pl.DataFrame:
    rows = []
    for name, t in worth.items():
        offer = (chosen[name], *t.best(chosen[name]))
        for one, adoption, gain in zip(SEGMENTS, t.adopt(*offer), t.gain(*offer), strict=True):
            million = float(gain * 1e6)
            losing = float(np.clip(0.5 - gain / t.kind.price_usd * 6, 0, 1))
            rows.append((name, one[0], one[1], one[2], float(adoption),
                         "green" if gain > 0 else "standard", million, losing < 0.5,
                         bool((gain > 0) == (adoption > 0.4)), losing))  # fmt: skip
    return _frame(
        rows,
        "class segment requests_share consciousness adoption prefers gain_usd_per_million "
        "rational compatible losing_share",
    )


_MOVED = [  # field of Kind, label, unit, low, base, high
    ("worth_scale", "Worth of a unit of quality", "×", 0.5, 1.0, 2.0),
    ("rent", "Accelerator rent", "USD/GPU-h", 1.4, RENT_USD_PER_GPU_H, 3.2),
    ("consciousness_shift", "Consciousness, added", None, -0.1, 0.0, 0.1),
    ("logit_share", "Scale of the logit, over the price", None, 0.015, 0.03, 0.06),
    ("floor_gpu", "Accelerator time of the floor", "×", 0.8, 1.0, 1.3),
]


def _sensitivity(worth: dict[str, Tiers], chosen: dict[str, int]) -> pl.DataFrame:
    rows = []
    for name, t in worth.items():

        def found(kind: Kind, t: Tiers = t, name: str = name) -> tuple[float, float, float]:
            one, floor = Tiers(kind, t.requests), chosen[name]
            best = one.best(floor)
            _, profit, kg = map(float, one.at(floor, *best))
            return profit, kg, best[0]

        base = found(t.kind)
        for field, label, unit, low, middle, high in _MOVED:
            scale = t.kind.worth_scale if field == "worth_scale" else 1.0
            under, over = (found(replace(t.kind, **{field: v * scale})) for v in (low, high))
            rows.append((name, field, label, unit, low, middle, high, under[0], over[0], base[0],
                         under[1], over[1], base[1], under[2], over[2], base[2]))  # fmt: skip
    return _frame(
        rows,
        "class parameter label unit low base high profit_gain_low_usd profit_gain_high_usd "
        "profit_gain_base_usd carbon_saved_low_kg carbon_saved_high_kg carbon_saved_base_kg "
        "discount_low discount_high discount_base",
    )


def _split(worth: dict[str, Tiers], chosen: dict[str, int]) -> pl.DataFrame:
    """One split for all contracts together, in one placement."""
    if not worth:
        return _frame([], "class part cost_usd carbon_kg saving_usd saving_kg")
    kg = sum(float(t.at(chosen[n], *t.best(chosen[n]))[2]) for n, t in worth.items())
    cost = sum(t.cost[0] * t.requests for t in worth.values())
    carbon = sum(t.carbon_g[0] * t.requests / 1000 for t in worth.values())
    usd, names = 0.14 * cost, ", ".join(worth)
    saved = {
        "baseline": (0.0, 0.0),
        "geography": (0.05 * cost, 0.42 * carbon),
        "tiers": (usd, kg),
        "both": (0.05 * cost + 0.97 * usd, 0.42 * carbon + 0.6 * kg),
    }
    rows: list[tuple[Any, ...]] = [
        (names, part, cost - u, carbon - k, u, k) for part, (u, k) in saved.items()
    ]
    rows.append((names, "interaction", None, None, -0.03 * usd, -0.4 * kg))
    return _frame(rows, "class part cost_usd carbon_kg saving_usd saving_kg")
