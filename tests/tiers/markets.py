"""Small markets: drawn at random for properties, and one that can be worked out by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from wattlas.model.service import Service
from wattlas.tiers.market import Contract, Market, market
from wattlas.tiers.population import Population
from wattlas.tiers.savings import rule_share
from wattlas.tiers.utility import Taste

PRICE = 1.0


def service(
    steps: int = 6, fallbacks: int = 3, seed: int = 0, *, full_cost: float = 0.5, flat: bool = False
) -> Service:
    """Candidates of falling accuracy and energy, over steps of varying demand and intensity."""
    draw = np.random.default_rng(seed)
    requests = draw.integers(1, 9, steps).astype(float)
    grams = np.full(steps, 100.0) if flat else draw.uniform(20.0, 200.0, steps)
    late = draw.uniform(400.0, 2000.0, fallbacks) + 100.0
    left = np.sort(draw.uniform(0.1, 0.95, fallbacks))[::-1]
    cost = full_cost * draw.uniform(0.9, 1.1, steps)
    return Service(
        klass="chat",
        latency_budget_ms=1000.0,
        requests=requests,
        full_accuracy=0.9,
        full_latency_ms=500.0,
        full_cost_usd=cost,
        full_carbon_g=grams,
        points=tuple(f"o{n}" for n in range(fallbacks)),
        accuracy=0.9 - 0.5 * (1.0 - left) * draw.uniform(0.5, 1.0, fallbacks),
        latency_ms=late,
        latest_ms=late,
        cost_usd=left[:, None] * cost[None, :],
        carbon_g=left[:, None] * grams[None, :],
    )


def people(
    count: int = 5, seed: int = 0, *, scale: float = 0.05, status_quo: float = 0.0,
    outside: float | None = None, theta: float | None = None,
) -> Population:  # fmt: skip
    """Users of random taste, of random numbers of requests."""
    draw = np.random.default_rng(seed + 1000)
    consciousness = draw.beta(0.6, 2.0, count) if theta is None else np.full(count, theta)
    k_a = draw.uniform(0.1, 0.9, count)
    taste = Taste(
        consciousness,
        k_a,
        draw.uniform(0.0, 1.0 - k_a),
        draw.uniform(0.0, 3.0, count),
        draw.lognormal(0.5, 0.6, count) * PRICE,
    )
    return Population(taste, draw.integers(1, 5, count).astype(float), scale, status_quo, outside)


def made(seed: int = 0, **options: object) -> Market:
    """A market of both; options go to whom they belong."""
    names = {"steps", "fallbacks", "full_cost", "flat"}
    of_service = {k: v for k, v in options.items() if k in names}
    of_people = {k: v for k, v in options.items() if k not in names}
    return market(service(seed=seed, **of_service), people(seed=seed, **of_people), PRICE)  # type: ignore[arg-type]


@st.composite
def markets(draw: st.DrawFn, scales: tuple[float, ...] = (0.0, 0.02, 0.2)) -> Market:
    """A random market: hard or soft choice, with and without a pull of the default and leaving."""
    return made(
        draw(st.integers(0, 10_000)),
        count=draw(st.integers(1, 6)),
        fallbacks=draw(st.integers(1, 4)),
        scale=draw(st.sampled_from(scales)),
        status_quo=draw(st.sampled_from([0.0, 0.05])),
        outside=draw(st.sampled_from([None, 0.0, 0.3])),
        full_cost=draw(st.sampled_from([0.3, 0.8])),
    )


def one_user(
    theta: float = 0.0, scale: float = 0.0, worth: float = 2.0, saved: float = 0.5
) -> Market:
    """One user, one fallback, one step: accuracy ½ lower of 1, half of cost and carbon."""
    taste = Taste(*(np.array([v]) for v in (theta, 1.0, 0.0, 0.0, worth)))
    one = Service(
        "chat", 500.0, np.array([100.0]), 1.0, 100.0, np.array([0.8]), np.array([200.0]),
        ("half", "worst"),
        np.array([0.5, 0.0]), np.full(2, 100.0), np.full(2, 100.0),
        np.array([[0.8 * saved], [0.79]]), np.array([[100.0], [199.0]]),
    )  # fmt: skip
    return market(one, Population(taste, np.ones(1), scale), PRICE)


def dirty_hours(seed: int) -> Market:
    """A few users and steps; what a fallback saves of carbon and of money may go together or not.

    Fallbacks take less energy and more or less of accelerators, so that they may save money in the
    dirtiest hours alone, or in the cleanest alone. Some carbon rules bind, some users may leave.
    """
    draw = np.random.default_rng(seed)
    steps, fallbacks, users = (int(draw.integers(1, most)) for most in (13, 4, 5))
    grams, price = draw.uniform(50, 900, steps), draw.uniform(10, 350, steps)
    order = draw.integers(0, 3)
    if order < 2:
        price, grams = np.sort(price), np.sort(grams)[:: 1 if order == 0 else -1]
    energy = np.append(1.0, np.sort(draw.uniform(0.1, 0.98, fallbacks))[::-1])
    least, most = (1.0, 1.6) if order == 0 else (0.5, 1.5)
    accelerators = np.append(1.0, draw.uniform(least, most, fallbacks)) * draw.uniform(0, 0.5)
    cost = np.outer(energy, price / 350 * draw.uniform(0.05, 0.5)) + accelerators[:, None]
    late = draw.uniform(500, 1500, fallbacks)
    served = Service(
        klass="chat",
        latency_budget_ms=1000.0,
        requests=draw.integers(1, 9, steps).astype(float),
        full_accuracy=0.9,
        full_latency_ms=500.0,
        full_cost_usd=cost[0],
        full_carbon_g=energy[0] * grams,
        points=tuple(f"o{n}" for n in range(fallbacks)),
        accuracy=0.9 - draw.uniform(0, 0.4, fallbacks),
        latency_ms=late,
        latest_ms=late,
        cost_usd=cost[1:],
        carbon_g=np.outer(energy[1:], grams),
    )
    k_a = draw.uniform(0.1, 0.9, users)
    taste = Taste(
        draw.beta(0.6, 2.0, users) * draw.choice([0.0, 0.05, 1.0]),
        k_a,
        draw.uniform(0.0, 1.0 - k_a),
        draw.uniform(0.0, 3.0, users),
        draw.lognormal(0.5, 0.6, users),
    )
    outside = [None, None, -0.25, 0.0, 0.3][draw.integers(0, 5)]
    kinds = Population(
        taste,
        draw.integers(1, 5, users).astype(float),
        float(draw.choice([0.0, 0.01, 0.02, 0.05, 0.2])),
        float(draw.choice([0.0, 0.05, 0.08])),
        outside,
    )
    cap = [None, None, 0.9, 0.8, 0.6][draw.integers(0, 5)]
    return market(served, kinds, PRICE, usable=1.0 if cap is None else rule_share(served, cap))


def brute_force(
    of: Market, shares: np.ndarray, discounts: np.ndarray
) -> dict[tuple[str, bool], float]:
    """The best profit gain and carbon saved over a grid, of any offers and of fair ones.

    From the formulas, with its own sums over steps and users.
    """
    best: dict[tuple[str, bool], float] = {}
    n, margin = of.requests, PRICE - of.full_cost_usd
    alone = _two(of, np.full((1, len(n)), -1e9))[1][0]
    for f in range(len(of.service.points)):
        grams, usd, used = _saved_by_share(of, f, np.minimum(shares, of.savings.usable[f]))
        lost = used[:, None] * of.felt_usd[:, f] - grams[:, None] * of.concern
        gain = discounts[None, :, None] * PRICE - lost[:, None, :]
        chance, standard = _two(of, gain - of.people.status_quo_usd)
        earned = margin + usd[:, None] - discounts * PRICE
        profit = (chance @ n) * earned + ((standard - alone) @ n) * margin
        kg, gained = (chance @ n) * grams[:, None] / 1e3, (chance * gain) @ n
        for objective, value in (("profit", profit), ("carbon", kg)):
            for fair in (True, False):
                ok = (profit >= 0) | (objective == "profit")
                top = float(np.where(ok & ((gained >= 0) | (not fair)), value, -np.inf).max())
                best[objective, fair] = max(best.get((objective, fair), -np.inf), top)
    return best


def _saved_by_share(
    of: Market, point: int, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(grams, USD, share degraded) per request, step by step, most saving of carbon first; (I,)."""
    served = of.service
    part_of = served.requests / served.requests.sum()
    gain = served.full_carbon_g - served.carbon_g[point]
    left = shares.copy()
    grams, usd, used = np.zeros((3, len(shares)))
    for t in np.argsort(-gain, kind="stable"):
        part = np.minimum(left, part_of[t]) * (gain[t] > 0)
        left -= part
        grams += part * gain[t]
        usd += part * (served.full_cost_usd[t] - served.cost_usd[point, t])
        used += part
    return grams, usd, used


def _two(of: Market, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chance of the contract and of the standard, (…, users), leaving where one may."""
    mu, stay = of.people.scale_usd, np.broadcast_to(of.standing_usd, worth.shape)
    if mu > 0:
        top = np.maximum(np.maximum(worth, 0.0), -stay)
        e = [np.exp((w - top) / mu) for w in (worth, np.zeros_like(worth), -stay)]
        return e[0] / sum(e), e[1] / sum(e)
    green = worth >= np.maximum(0.0, -stay) - 1e-12
    return green.astype(float), (~green & (stay >= 0)).astype(float)


def totals(of: Market, contracts: tuple[Contract, ...]) -> tuple[float, float]:
    """(profit USD, carbon kg) over the window, user by user and step by step in plain loops."""
    served = of.service
    share = served.requests / served.requests.sum()
    full_usd = float((served.full_cost_usd * share).sum())
    full_g = float((served.full_carbon_g * share).sum())
    profit = grams = 0.0
    for u, n in enumerate(of.requests):
        worth, earned, emitted = [0.0], [PRICE - full_usd], [full_g]
        for one in contracts:
            usd, g = _served(of, one)
            saved_g = full_g - g
            used = of.savings.used(one.point, one.share)
            lost = used * of.felt_usd[u, one.point] - of.concern[u] * saved_g
            worth.append(one.discount * PRICE - lost - of.people.status_quo_usd)
            earned.append((1 - one.discount) * PRICE - usd)
            emitted.append(g)
        if np.isfinite(of.standing_usd[u]):
            worth.append(-of.standing_usd[u])
            earned.append(0.0)
            emitted.append(full_g)
        chance = _chance(np.array(worth), of.people.scale_usd, len(contracts))
        profit += n * float(chance @ np.array(earned))
        grams += n * float(chance @ np.array(emitted))
    return profit, grams / 1e3


def _served(of: Market, one: Contract) -> tuple[float, float]:
    """(USD, grams) of a request under contract: the steps of most saving first, while any is."""
    served = of.service
    share = served.requests / served.requests.sum()
    gain = served.full_carbon_g - served.carbon_g[one.point]
    left, usd, grams = min(one.share, float(of.savings.usable[one.point])), 0.0, 0.0
    for t in np.argsort(-gain, kind="stable"):
        part = min(left, share[t]) if gain[t] > 0 else 0.0
        left -= part
        kept = share[t] - part
        usd += kept * served.full_cost_usd[t] + part * served.cost_usd[one.point, t]
        grams += kept * served.full_carbon_g[t] + part * served.carbon_g[one.point, t]
    return usd, grams


def _chance(worth: np.ndarray, scale: float, contracts: int) -> np.ndarray:
    if scale > 0:
        e = np.exp((worth - worth.max()) / scale)
        whole: np.ndarray = e / e.sum()
        return whole
    order = [*range(1, 1 + contracts), 0, *range(1 + contracts, len(worth))]
    chosen = max(order, key=lambda q: (worth[q], -order.index(q)))
    hard: np.ndarray = np.eye(len(worth))[chosen]
    return hard
