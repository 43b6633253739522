"""A made-up world, small enough to place greedily here, that obeys the spec of a results folder.

Every number is invented. It has the size of a real study: 18 regions, 60 metros, four classes and
288 hours that stand for a year.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.report.fixture_tiers import tier_tables
from wattlas.report.results import Results, write_results

REGIONS = [  # id, name, zone, country, lat, lon, level USD/MWh, g/kWh, UTC offset h
    ("oregon", "Oregon", "US-NW", "US", 45.6, -121.2, 62, 240, -8),
    ("virginia", "Virginia", "US-PJM", "US", 39.0, -77.5, 41, 385, -5),
    ("texas", "Texas", "US-ERCOT", "US", 32.8, -97.0, 55, 400, -6),
    ("california", "California", "US-CAISO", "US", 37.4, -121.9, 66, 265, -8),
    ("montreal", "Montréal", "CA-QC", "CA", 45.5, -73.6, 44, 32, -5),
    ("saopaulo", "São Paulo", "BR-CS", "BR", -23.5, -46.6, 27, 110, -3),
    ("santiago", "Santiago", "CL-SEN", "CL", -33.4, -70.7, 71, 310, -4),
    ("dublin", "Dublin", "IE", "IE", 53.3, -6.3, 131, 345, 0),
    ("london", "London", "GB", "GB", 51.5, -0.1, 118, 220, 0),
    ("frankfurt", "Frankfurt", "DE", "DE", 50.1, 8.7, 103, 400, 1),
    ("stockholm", "Stockholm", "SE-SE3", "SE", 59.3, 18.1, 53, 26, 1),
    ("madrid", "Madrid", "ES", "ES", 40.4, -3.7, 94, 170, 1),
    ("johannesburg", "Johannesburg", "ZA", "ZA", -26.2, 28.0, 78, 710, 2),
    ("mumbai", "Mumbai", "IN-WE", "IN", 19.1, 72.9, 68, 680, 5.5),
    ("singapore", "Singapore", "SG", "SG", 1.35, 103.8, 176, 480, 8),
    ("tokyo", "Tokyo", "JP-TK", "JP", 35.7, 139.7, 86, 520, 9),
    ("seoul", "Seoul", "KR", "KR", 37.6, 127.0, 112, 430, 9),
    ("sydney", "Sydney", "AU-NSW", "AU", -33.9, 151.2, 88, 560, 10),
]
CLASSES = {"A": (300.0, 0.30), "B": (1500.0, 0.40), "C": (60_000.0, 0.20), "D": (3.6e6, 0.10)}
SERVICE_MS = {"A": 170.0, "B": 1290.0, "C": 9000.0, "D": 20_000.0}
NOTICE = "Invented figures: a made-up typical year, not history."
POINT = "llama-70b/h100"


def _distance_km(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Great-circle distance, shapes (n, 2) and (m, 2) in degrees to (n, m) in km."""
    (la, lo), (lb, mo) = np.radians(a).T, np.radians(b).T
    cos = np.sin(la)[:, None] * np.sin(lb) + np.cos(la)[:, None] * np.cos(lb) * np.cos(
        lo[:, None] - mo
    )
    return 6371.0 * np.arccos(np.clip(cos, -1, 1))


class World:
    """Arrays of the made-up world. Axes: metro i, class k, region r, hour t."""

    def __init__(self, regions: int = 18, metros: int = 60, hours: int = 288) -> None:
        rng = np.random.default_rng(7)
        self.regions = REGIONS[:regions]
        self.r_at = np.array([[r[4], r[5]] for r in self.regions])
        home = np.arange(metros) % regions
        self.m_at = self.r_at[home] + rng.normal(0, 4.0, (metros, 2))
        self.metros = [f"metro-{i:02d}" for i in range(metros)]
        self.names = [f"{REGIONS[h][1]} {'NESW'[i // 18 % 4]}" for i, h in enumerate(home)]
        self.country = [REGIONS[h][3] for h in home]
        self.population = (rng.pareto(1.6, metros) + 0.4) * 4e6
        self.pue = 1.1 + 0.15 * rng.random(regions)
        self.weight = 8760.0 / hours
        month, hour = np.divmod(np.arange(hours), 24)
        self.local = (hour[None, :] + np.array([[r[8]] for r in self.regions])) % 24
        season = 1 + 0.15 * np.cos((month - 0.5) / 12 * 2 * np.pi) * np.sign(self.r_at[:, :1])
        sun = np.maximum(0, np.sin((self.local - 6) / 12 * np.pi))
        evening = np.exp(-(((self.local - 19) / 2.5) ** 2))
        level = np.array([[r[6]] for r in self.regions])
        noise = 1 + 0.1 * rng.standard_normal((regions, hours))
        self.price = level * season * (0.95 - 0.45 * sun + 0.6 * evening) * noise
        self.price[3 % regions] -= 45 * sun[3 % regions]
        grams = np.array([[r[7]] for r in self.regions])
        self.carbon = grams * (1.05 - 0.3 * sun + 0.12 * evening) * (1 + 0.1 * (noise - 1))
        self.rtt = 16.6 + 0.01515 * _distance_km(self.m_at, self.r_at)
        swing = 1 + 0.7 * np.sin((self.local[home] - 9) / 24 * 2 * np.pi)
        share = np.array([s for _, s in CLASSES.values()])
        people = self.population / self.population.sum()
        # IT MW of each metro, class and hour; 900 MW on average
        self.demand = 900.0 * people[:, None, None] * share[:, None] * swing[:, None, :]
        self.capacity = np.full(regions, 160.0)
        self.capacity[::5] = np.inf
        self.start = np.datetime64("2023-01-01T00:00:00", "ms")
        # 24 hours at the start of each month, as a typical year has them
        self.times = [
            np.datetime64(f"2023-{1 + m % 12:02d}-01T{h:02d}:00:00", "ms")
            for m, h in zip(month, hour, strict=True)
        ]

    def place(self, cost: np.ndarray, scale: float = 1.0, capped: bool = True) -> np.ndarray:
        """Greedy: each (metro, class) in turn to its cheapest open region. (i, k, r, t) IT MW."""
        i, k, t = self.demand.shape
        r = len(self.regions)
        x = np.zeros((i, k, r, t))
        room = np.repeat((self.capacity if capped else np.full(r, np.inf))[:, None], t, 1)
        for kk, (name, (budget, _)) in enumerate(CLASSES.items()):
            for ii in np.argsort(-self.population):
                open_ = self.rtt[ii] + SERVICE_MS[name] <= budget * scale
                open_[np.argmin(self.rtt[ii])] = True
                for tt in range(t):
                    left = self.demand[ii, kk, tt]
                    for rr in np.argsort(np.where(open_, cost[ii, :, tt], np.inf)):
                        take = left if not open_.any() else min(left, room[rr, tt])
                        if not open_[rr]:
                            take = left  # nowhere else: the nearest takes it all
                            rr = int(np.argmin(self.rtt[ii]))
                        x[ii, kk, rr, tt] += take
                        room[rr, tt] -= take
                        left -= take
                        if left <= 1e-12:
                            break
        return x

    def sums(self, x: np.ndarray) -> dict[str, float]:
        """Money, carbon and energy of a placement over the window."""
        it = x.sum((0, 1)) * self.weight
        facility = it * self.pue[:, None]
        total = it.sum()
        return {
            "it_mwh": total,
            "facility_mwh": facility.sum(),
            "energy_usd": (facility * self.price).sum(),
            "egress_usd": 0.02 * total,
            "rent_usd": 2900.0 * total,
            "carbon_kg": (facility * self.carbon).sum(),
            "rtt_mean_ms": float((x.sum(3) * self.rtt[:, None, :]).sum() * self.weight / total),
        }


def tables(world: World | None = None) -> dict[str, pl.DataFrame]:
    """All tables of the made-up study."""
    w = world or World()
    near = np.repeat(w.rtt[:, :, None], w.price.shape[1], 2)
    by_cost = np.repeat((w.price * w.pue[:, None])[None], len(w.metros), 0)
    by_carbon = np.repeat((w.carbon * w.pue[:, None])[None], len(w.metros), 0)
    plan, home = w.place(by_cost), w.place(near, 0.0)
    green = w.place(by_carbon)
    totals, base = w.sums(plan), w.sums(home)
    return {
        "places": _places(w),
        "policies": _policies(w, totals, base, w.sums(green)),
        "flows": _flows(w, plan),
        "home_flows": _flows(w, home),
        "hourly": _hourly(w, plan, home),
        "frontier": _frontier(w, by_cost, by_carbon),
        "abatement": _abatement(totals, w.sums(green)),
        "benefit": _benefit(totals, base),
        "relocation": _relocation(w, plan),
        "layers": _layers(w, plan),
        "relocatable": _relocatable(w, plan),
        "breakeven": _breakeven(w),
        "candidates": _candidates(w, plan, by_cost, by_carbon),
        "merit": _merit(w, plan),
        "duration": _duration(w, plan, home),
        **tier_tables(
            {r[2]: w.carbon[n] for n, r in enumerate(w.regions)},
            dict(zip(CLASSES, plan.sum((0, 2, 3)) * w.weight / 3e-7, strict=True)),
        ),
    }


def _frame(rows: list[tuple[Any, ...]], columns: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns.split(), orient="row", infer_schema_length=None)


def _places(w: World) -> pl.DataFrame:
    rows: list[tuple[Any, ...]] = [
        ("region", r[0], r[1], r[4], r[5], r[2], r[3], r[3], None, float(w.pue[n]), None)
        for n, r in enumerate(w.regions)
    ]
    rows += [
        ("metro", m, w.names[i], *map(float, w.m_at[i]), None, w.country[i], w.country[i],
         float(w.population[i]), None, w.regions[i % len(w.regions)][0])
        for i, m in enumerate(w.metros)
    ]  # fmt: skip
    return _frame(
        rows, "kind id name lat_deg lon_deg zone jurisdiction country population pue node"
    )


def _flows(w: World, x: np.ndarray) -> pl.DataFrame:
    it = x.sum(3) * w.weight
    usd = (x * (w.price * w.pue[:, None])).sum(3) * w.weight
    kg = (x * (w.carbon * w.pue[:, None])).sum(3) * w.weight
    rows = [
        (w.metros[i], list(CLASSES)[k], w.regions[r][0], POINT, it[i, k, r] / 3e-7,
         it[i, k, r], it[i, k, r] * w.pue[r], usd[i, k, r], kg[i, k, r], w.rtt[i, r])
        for i, k, r in np.argwhere(it > 0)
    ]  # fmt: skip
    return _frame(
        rows,
        "metro class region point requests it_mwh facility_mwh energy_usd carbon_kg rtt_ms",
    )


def _hourly(w: World, plan: np.ndarray, home: np.ndarray) -> pl.DataFrame:
    p, h = plan.sum((0, 1)), home.sum((0, 1))
    frames = []
    for r, region in enumerate(w.regions):
        cap = w.capacity[r]
        frames.append(
            pl.DataFrame(
                {
                    "time_utc": np.array(w.times, "datetime64[ms]"),
                    "hours_represented": w.weight,
                    "region": region[0],
                    "requests": p[r] * w.weight / 3e-7,
                    "it_mw": p[r],
                    "facility_mw": p[r] * w.pue[r],
                    "gpu": p[r] * 1000,
                    "capacity_gpu": cap * 1000 if np.isfinite(cap) else None,
                    "price_usd_per_mwh": w.price[r],
                    "average_g_per_kwh": w.carbon[r],
                    "deciding_g_per_kwh": w.carbon[r],
                    "capacity_price_usd_per_gpu_h": np.where(p[r] > 0.999 * cap, 0.004, 0.0),
                    "home_it_mw": h[r],
                },
                schema_overrides={"capacity_gpu": pl.Float64},
            ).with_columns(pl.col("time_utc").dt.replace_time_zone("UTC"))
        )
    return pl.concat(frames)


def _frontier(w: World, by_cost: np.ndarray, by_carbon: np.ndarray) -> pl.DataFrame:
    """Without capacity the optimum of a budget is the cheapest open region: exact, and quick."""
    rows: list[tuple[Any, ...]] = []
    egress = 900 * 8760 * 0.02
    scales = {"scale": np.unique(np.r_[np.linspace(0.6, 1.6, 41), 1.0]),
              "added_ms": np.arange(0, 310, 10), "class:A": np.arange(180, 480, 15.0)}  # fmt: skip
    for variant, xs in scales.items():
        for objective, cost in (("cost", by_cost), ("carbon", by_carbon),
                                ("weighted", by_cost + 0.1 * by_carbon)):  # fmt: skip
            before: tuple[float, float, float] | None = None
            for x in xs:
                usd, kg = _free_optimum(w, cost, variant, float(x))
                ret = (
                    (None, None)
                    if before is None
                    else tuple(
                        float((b - n) / (x - before[0]))
                        for b, n in zip(before[1:], (usd, kg), strict=True)
                    )
                )
                rows.append((variant, objective, float(x), "×" if variant == "scale" else "ms",
                             usd + 2900 * 900 * 8760, usd + egress, kg, variant != "class:A",
                             bool(x == {"scale": 1.0, "added_ms": 120, "class:A": 300}[variant]),
                             None, *ret))  # fmt: skip
                before = (float(x), usd, kg)
    for tau in np.linspace(20, 160, 15):
        usd = 62e6 * np.exp(-(tau - 20) / 60) + 2.9e8
        slope = 62e6 / 60 * np.exp(-(tau - 20) / 60)
        rows.append(("soft", "cost", float(tau), "ms", usd + 2.3e10, usd, 2.6e9 - 5e6 * tau,
                     True, bool(abs(tau - 100) < 0.1), slope, None, None))  # fmt: skip
    return _frame(
        rows,
        "variant objective x x_unit cost_usd movable_usd carbon_kg exact is_users_budget "
        "dual_usd_per_ms return_usd_per_ms return_kg_per_ms",
    ).with_columns(
        return_usd_per_mwh_ms=pl.col("return_usd_per_ms") / (900 * 8760),
        return_g_per_kwh_ms=pl.col("return_kg_per_ms") / (900 * 8760),
    )


def _free_optimum(w: World, cost: np.ndarray, variant: str, x: float) -> tuple[float, float]:
    usd = kg = 0.0
    prices, grams = w.price * w.pue[:, None], w.carbon * w.pue[:, None]
    for k, (name, (budget, _)) in enumerate(CLASSES.items()):
        limit = budget * x if variant == "scale" else budget
        limit = x if variant == "class:A" and name == "A" else limit
        open_ = w.rtt + SERVICE_MS[name] <= limit
        if variant == "added_ms":
            open_ = w.rtt <= w.rtt.min(1, keepdims=True) + x
        open_[np.arange(len(w.metros)), w.rtt.argmin(1)] = True
        best = np.where(open_[:, :, None], cost, np.inf).argmin(1)
        hours = np.arange(best.shape[1])
        usd += float((w.demand[:, k] * prices[best, hours]).sum()) * w.weight
        kg += float((w.demand[:, k] * grams[best, hours]).sum()) * w.weight
    return usd, kg


def _policies(w: World, plan: dict[str, float], base: dict[str, float],
              green: dict[str, float]) -> pl.DataFrame:  # fmt: skip
    mixes = {
        "optimum": ("Optimum", 1.0, 0.0), "nearest": ("Nearest", 0.0, 0.0),
        "nearest_available": ("Nearest with room", 0.06, 0.0), "uniform": ("Uniform", 0.2, 0.2),
        "best_region_cost": ("Best region by cost", 1.25, -0.35),
        "best_region_carbon": ("Best region by carbon", 0.0, 1.06),
        "greedy_cost": ("Greedy by cost", 0.88, 0.0),
        "greedy_carbon": ("Greedy by carbon", 0.0, 0.93),
        "carbon_optimum": ("Least carbon", 0.0, 1.0),
    }  # fmt: skip
    reasons = {"nearest": "over capacity in 84 hours at London", "uniform": "A: 31 metros too far",
               "best_region_cost": "A: 41 metros exceed 300 ms",
               "best_region_carbon": "A: 38 metros exceed 300 ms"}  # fmt: skip
    rows = []
    for policy, (label, cost, carbon) in mixes.items():

        def mix(key: str, c: float = cost, g: float = carbon) -> float:
            return base[key] + c * (plan[key] - base[key]) + g * (green[key] - base[key])

        energy, egress, rent = mix("energy_usd"), mix("egress_usd"), base["rent_usd"]
        rows.append((policy, label, policy not in reasons, reasons.get(policy, ""),
                     energy + egress + rent, energy + egress, energy, egress, rent,
                     mix("carbon_kg"), mix("carbon_kg"), base["it_mwh"], mix("rtt_mean_ms"),
                     0.31 if policy in reasons else 0.0))  # fmt: skip
    return _frame(
        rows,
        "policy label feasible reason cost_usd movable_usd energy_usd egress_usd rent_usd "
        "carbon_kg carbon_average_kg it_mwh rtt_mean_ms late_share",
    )


def _abatement(plan: dict[str, float], green: dict[str, float]) -> pl.DataFrame:
    rows = []
    for s in np.linspace(0, 1, 12):
        span_kg, span_usd = (plan[k] - green[k] for k in ("carbon_kg", "energy_usd"))
        rows.append((plan["carbon_kg"] - s * span_kg,
                     plan["energy_usd"] + plan["rent_usd"] - span_usd * s**2,
                     float(-2 * s * span_usd / (span_kg or 1.0) * 1000)))  # fmt: skip
    return _frame(rows, "carbon_kg cost_usd abatement_usd_per_t")


def _benefit(plan: dict[str, float], base: dict[str, float]) -> pl.DataFrame:
    usd, kg = (base[k] - plan[k] for k in ("energy_usd", "carbon_kg"))
    removed = {
        "none": ("As it is", 1.0),
        "egress": ("Without egress charges", 1.02),
        "residency": ("Without residency rules", 1.17),
        "state": ("Without state", 1.05),
        "capacity": ("Without capacity limits", 1.62),
        "latency": ("Without latency budgets", 1.84),
        "all": ("Without any", 2.7),
    }
    rows = [(key, label, usd * f, kg * f**1.3, 1 / f, f**-1.3, "")
            for key, (label, f) in removed.items()]  # fmt: skip
    return _frame(
        rows, "removed label saving_usd saving_kg realised_ratio_usd realised_ratio_kg note"
    )


def _relocation(w: World, x: np.ndarray) -> pl.DataFrame:
    zones = [r[2] for r in w.regions]
    home = w.rtt.argmin(1)
    distance = _distance_km(w.r_at, w.r_at)
    by = np.zeros((len(zones), len(zones)))
    np.add.at(by, home, x.sum((1, 3)) * w.weight)
    rows = []
    for a, b in np.argwhere(by > 0):
        mean, km = by[a, b] / 8760, float(distance[a, b])
        loss = 1 - 0.97 ** (km / 1000)
        rows.append((zones[a], zones[b], by[a, b], mean, km, 2.4 * mean, loss, by[a, b] * loss))
    return _frame(
        rows,
        "from_zone to_zone it_mwh mean_mw distance_km line_mw line_loss_share line_loss_mwh",
    )


def _layers(w: World, x: np.ndarray) -> pl.DataFrame:
    rows = []
    for k, name in enumerate(CLASSES):
        it = x[:, k].sum(2)
        near = w.rtt == w.rtt.min(1, keepdims=True)
        parts = {"local": it[near].sum(), "regional": it[~near & (w.rtt < 60)].sum(),
                 "energy-oriented": it[~near & (w.rtt >= 60)].sum(), "late": 0.0,
                 "unserved": 0.0}  # fmt: skip
        rows += [(name, p, v * w.weight, float(v / it.sum())) for p, v in parts.items()]
    return _frame(rows, "class layer it_mwh share")


def _relocatable(w: World, x: np.ndarray) -> pl.DataFrame:
    rows = []
    for k, (name, (budget, _)) in enumerate(CLASSES.items()):
        it = x[:, k].sum((1, 2)) * w.weight
        free = ((w.rtt + SERVICE_MS[name] <= budget).sum(1) > 1) * it
        away = it - x[np.arange(len(it)), k, w.rtt.argmin(1)].sum(1) * w.weight
        rows.append((name, it.sum(), free.sum(), float(free.sum() / it.sum()),
                     away.sum(), float(away.sum() / it.sum())))  # fmt: skip
    return _frame(rows, "class it_mwh technical_mwh technical_share economic_mwh economic_share")


def _breakeven(w: World) -> pl.DataFrame:
    units = {
        "stay_h": "h",
        "volume_requests": "requests",
        "price_gap_usd_per_mwh": "USD/MWh",
        "carbon_price_usd_per_t": "USD/t",
        "payload_bytes": "B",
        "state_bytes": "B",
    }
    values = {
        "stay_h": 3.2,
        "volume_requests": 41_000.0,
        "price_gap_usd_per_mwh": 6.1,
        "carbon_price_usd_per_t": 18.0,
        "payload_bytes": 4.1e5,
        "state_bytes": 3.3e8,
    }
    rows: list[tuple[Any, ...]] = []
    for k, name in enumerate(CLASSES):
        for a, b in (("frankfurt", "stockholm"), ("tokyo", "oregon"), ("london", "saopaulo")):
            for q, unit in units.items():
                if name == "A" and b == "oregon":
                    rows.append((name, a, b, q, None, unit, "never",
                                 "egress exceeds the saving by 3.1 USD/MWh"))  # fmt: skip
                else:
                    factor = (1 + k) * (1 if b == "stockholm" else 2.5)
                    rows.append((name, a, b, q, values[q] * factor, unit, "pays", ""))
    return _frame(rows, "class from_region to_region quantity value unit verdict reason")


def _candidates(w: World, x: np.ndarray, by_cost: np.ndarray, by_carbon: np.ndarray
                ) -> pl.DataFrame:  # fmt: skip
    rows = []
    it = x.sum(3)
    for i, metro in enumerate(w.metros):
        for k, (name, (budget, _)) in enumerate(CLASSES.items()):
            for r, region in enumerate(w.regions):
                ms = w.rtt[i, r] + SERVICE_MS[name]
                share = it[i, k, r] / it[i, k].sum()
                late = ms > budget and share == 0
                reason = f"{ms:.0f} ms exceeds the budget of {budget:.0f} ms" if late else ""
                full = bool(np.isfinite(w.capacity[r]) and share > 0)
                rows.append((metro, name, region[0], POINT, ms, budget,
                             float(by_cost[i, r].mean()) * 0.3 + 5,
                             float(by_carbon[i, r].mean()) * 3e-4, reason, float(share),
                             "capacity" if full else ("latency" if late else "")))  # fmt: skip
    return _frame(
        rows,
        "metro class region point latency_ms budget_ms cost_usd_per_million "
        "carbon_g_per_request reason chosen_share binding",
    )


def _merit(w: World, x: np.ndarray) -> pl.DataFrame:
    rows = []
    used = x.sum((0, 1))
    for t in sorted({h for h in (3, 12, 19, 156, 163) if h < used.shape[1]} or {0}):
        cost = w.price[:, t] * w.pue
        for rank, r in enumerate(np.argsort(cost)):
            cap = w.capacity[r]
            rows.append((w.times[t].item(), rank, w.regions[r][0], float(cost[r]),
                         float(cap) if np.isfinite(cap) else None, float(used[r, t]),
                         float(used[:, t].sum())))  # fmt: skip
    frame = _frame(rows, "hour rank region cost_usd_per_it_mwh capacity_mw used_mw demand_mw")
    return frame.with_columns(pl.col("hour").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"))


def _duration(w: World, plan: np.ndarray, home: np.ndarray) -> pl.DataFrame:
    rows = []
    for policy, x in (("plan", plan), ("home", home)):
        energy = x.sum((0, 1)).ravel()
        for quantity, value in (("price", w.price), ("carbon", w.carbon)):
            order = np.argsort(-value.ravel())
            share = np.cumsum(energy[order]) / energy.sum()
            at = np.searchsorted(share, np.linspace(0, 1, 201)[:-1])
            rows += [(policy, quantity, float(share[a]), float(value.ravel()[order][a]))
                     for a in at]  # fmt: skip
    return _frame(rows, "policy quantity share_of_energy value")


def meta(frames: dict[str, pl.DataFrame], **changes: Any) -> dict[str, Any]:
    """The meta data that goes with `frames`; `changes` replace top-level keys."""
    by = {r["policy"]: r for r in frames["policies"].to_dicts()}
    plan, home = by["optimum"], by["nearest"]
    keys = ("cost_usd", "movable_usd", "energy_usd", "egress_usd", "rent_usd", "carbon_kg",
            "carbon_average_kg", "it_mwh", "rtt_mean_ms")  # fmt: skip
    totals = {
        name: {**{k: row[k] for k in keys}, "facility_mwh": 1.15 * row["it_mwh"],
               "requests": row["it_mwh"] / 3e-7, "unserved_requests": 0.0, "late_requests": 0.0,
               "gpu_h": row["it_mwh"] * 1000, "egress_gb": 8.1e6, "friction_usd": 0.0,
               "unserved_usd": 0.0, "carbon_price_usd": 0.0, "carbon_marginal_kg": None,
               "energy_usd_per_mwh": row["energy_usd"] / row["it_mwh"],
               "carbon_g_per_kwh": row["carbon_kg"] / row["it_mwh"]}
        for name, row in (("plan", plan), ("home", home))
    }  # fmt: skip
    saving = home["movable_usd"] - plan["movable_usd"]
    saving_kg = home["carbon_kg"] - plan["carbon_kg"]
    return {
        "wattlas": "0.1.0",
        "created_utc": "2026-01-02T03:04:05Z",
        "command": "wattlas study --example made-up",
        "scenario": {"name": "made-up", "title": "A made-up world", "notice": NOTICE,
                     "source_path": "", "metros": 60, "regions": 18, "classes": 4},
        "window": {"start_utc": "2023-01-01T00:00:00Z", "end_utc": "2024-01-01T00:00:00Z",
                   "hours": 288, "hours_represented": 8760, "step_h": 1,
                   "sample": "12 months × 24 hours, each standing for a month's days"},
        "intensity": {"deciding": "average", "kind": "life-cycle"},
        "objective": {"minimise": "cost", "carbon_price_usd_per_t": 0.0},
        "status": "optimal", "solver": "HiGHS 1.11.0", "seconds": 3.41, "programs": 288,
        "rows": 99_360, "columns": 1_244_160, "gap": 0.0,
        "provenance": [
            {"what": "price", "source": "invented", "licence": "CC0", "period": "2023", "note": ""},
            {"what": "carbon", "source": "invented", "licence": "ODbL-1.0", "period": "2023",
             "note": "life-cycle"},
        ],
        "network": {"modelled_share": 0.42},
        "totals": totals,
        "headline": {"saving_usd": saving, "saving_share": saving / home["movable_usd"],
                     "saving_kg": saving_kg, "saving_carbon_share": saving_kg / home["carbon_kg"]},
        "limits": ["Grid fees and taxes are not in the price.", "Rent is the same everywhere."],
        **changes,
    }  # fmt: skip


@cache
def made_up() -> dict[str, pl.DataFrame]:
    """The tables of the whole made-up study, computed once."""
    return tables()


@cache
def small() -> dict[str, pl.DataFrame]:
    """The same of one region, two metros and one hour."""
    return tables(World(regions=1, metros=2, hours=1))


def results(frames: dict[str, pl.DataFrame] | None = None, **changes: Any) -> Results:
    """The made-up study as results that were never on a disk."""
    frames = made_up() if frames is None else frames
    return Results(meta=meta(made_up(), **changes), tables=frames)


def write(folder: Path, **changes: Any) -> Results:
    """Write the made-up study to `folder`."""
    return write_results(folder, meta(made_up(), **changes), made_up())
