"""Shares under caps, offers and choices in rare states: ties, ends, nobody, nothing to save."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.printed import fault_lines, number, outline, tried
from tests.tiers.markets import PRICE, made, one_user, people, service
from wattlas.model.users import Prior, Scale, Segment, Users
from wattlas.model.workload import WorkloadClass
from wattlas.tiers import grid as grids
from wattlas.tiers.ahead import CatchUp, day_ahead, plan_ahead
from wattlas.tiers.curve import slopes
from wattlas.tiers.days import by_day, daily
from wattlas.tiers.goal import CARBON, PROFIT, SearchGoal, apart, no_loss_usd
from wattlas.tiers.ladder import judged_together, ladder
from wattlas.tiers.market import (
    Contract,
    adoption_probability,
    beside,
    choice,
    contract_sums,
    lost_usd,
    market,
    reference_g,
    user_gain_usd,
)
from wattlas.tiers.menu import Menu, front_mask, menu
from wattlas.tiers.offer import best, by_fallback, judge, pareto
from wattlas.tiers.peak import Peaks
from wattlas.tiers.population import population
from wattlas.tiers.resized import Delivered, best_resized, judged
from wattlas.tiers.savings import degraded_between, emitted_g, rule_share, savings
from wattlas.tiers.selection import groups, segments
from wattlas.tiers.sensitivity import Billing, passes, sensitivities
from wattlas.tiers.share import (
    against_blind,
    decide,
    green_share,
    least_mean_g,
    series_problems,
    shares_at,
)
from wattlas.tiers.targets import _problems as target_problems
from wattlas.tiers.targets import targets
from wattlas.tiers.utility import Taste, accuracy_score, default_scale, latency_score, quality
from wattlas.tiers.verdict import offer_verdict, profit_share

NAN = float("nan")
RULES = ("percentile", "budget", "blind")
FULL = np.array([50.0, 80.0, 80.0, 20.0, 100.0, 60.0])
GREEN = np.array([30.0, 40.0, 40.0, 25.0, 90.0, 60.0])
ASKED = np.array([2.0, 1.0, 3.0, 1.0, 0.5, 0.0])


def line(values: Any) -> str:
    """Numbers in a line."""
    return " ".join(map(number, np.ravel(values)))


def _rules(_folder: Path) -> Iterator[str]:
    """Shares by each rule over caps from none to all, with ties, and steps that nobody asks in."""
    for rule in RULES:
        for asked in (ASKED, None):
            for cap in (0.0, 40.0, 42.0, 55.0, 66.0, 66.5, 67.0, 80.0, 200.0):
                for line_ in fault_lines(
                    lambda c=cap, a=asked, r=rule: green_share(FULL, GREEN, c, a, r)
                ):
                    yield f"{rule} {cap}: {line_}"
                    if line_ == "! nothing":
                        share = green_share(FULL, GREEN, cap, asked, rule)
                        yield line(
                            [
                                share.share,
                                *share.degraded,
                                share.threshold_g,
                                share.mean_g,
                                share.served_g,
                                share.full_g,
                                share.saved,
                            ]
                        )
                        yield from tried(
                            lambda c=cap, a=asked, s=share: against_blind(
                                s, green_share(FULL, GREEN, c, a, "blind")
                            )
                        )
            yield line(shares_at(FULL, GREEN, np.linspace(0, 110, 12), asked, rule))
        none = green_share(0 * FULL, 0 * GREEN, 0.0, None, rule)
        yield f"{line(none.degraded)} {none.saved} {none.threshold_g}"
        yield line(shares_at(FULL, FULL, [50.0, 65.0, 65 + 1e-11, 90.0], None, rule))
    for carried in (-400.0, -30.0, 30.0, 100.0, 900.0):
        for rule in RULES:
            for cap in (30.0, 70.0):
                yield from tried(
                    lambda x=carried, r=rule, c=cap: str(
                        [line(each) for each in decide(FULL, GREEN, ASKED, c, r, x)]
                    )
                )
    yield line([least_mean_g(FULL, GREEN), least_mean_g(FULL, GREEN, ASKED)])
    one = green_share(FULL, GREEN, 60.0, ASKED)
    for part in (0.94, 0.9501, 0.9499, 1.0, 1e-13):
        yield against_blind(replace(one, share=0.5 * part), replace(one, share=0.5, rule="blind"))
    yield against_blind(replace(one, rule="percentile", share=1.0), one)
    utc = np.arange("2026-03-01T22", "2026-03-03T02", dtype="datetime64[h]")
    plan = replace(one, degraded=np.resize([0.0, 1.0, 0.25, 0.999], 28))
    for asked in (None, np.where(np.arange(28) < 2, 0.0, np.arange(28.0))):
        yield str(by_day(plan, utc, asked))
        yield line(daily(np.arange(28.0), utc, asked))


def _ahead(_folder: Path) -> Iterator[str]:
    """Days planned ahead: debts and reserves, days without a forecast, and what is wrong."""
    draw = np.random.default_rng(2)
    full = draw.uniform(20, 100, 20)
    green, asked = 0.4 * full, np.where(np.arange(20) // 4 == 2, 0.0, draw.uniform(1, 3, 20))
    seen = full * draw.uniform(0.7, 1.3, 20)
    seen[4:6] = np.nan
    for days in (1, 2, 9):
        yield line(day_ahead(np.stack([full, green])[:, :18], days, 4))
    for rule in RULES:
        for ledger in (CatchUp(2, 2.0, 4), CatchUp(28, 0.0, 4), CatchUp(1, 1.0, 4)):
            for forecast in (None, seen):
                for cap in (30.0, 45.0, 70.0):
                    plan = plan_ahead(full, green, cap, forecast, None, asked, rule, ledger)
                    yield f"{rule} {cap} {ledger.horizon_days}: {line(plan.degraded)}"
                    yield line(
                        [
                            plan.share,
                            plan.planned_g,
                            plan.mean_g,
                            plan.served_g,
                            plan.short_days,
                            plan.held_g,
                            plan.kept,
                        ]
                    )
    plan = plan_ahead(full, green, 1e9, seen, 0.5 * seen, asked, "budget", CatchUp(2, 2.0, 4))
    for held in (1e9, 1e9 * (1 + 0.9e-9), 1e9 * (1 + 1.1e-9), np.nan):
        yield str(replace(plan, mean_g=held).kept)
        yield str(replace(plan, rule="percentile", served_g=held).kept)
    for wrong in (CatchUp(0, -1.0, 0), CatchUp(1, 0.0, 1)):
        yield from fault_lines(
            lambda w=wrong: plan_ahead(full, green, -1.0, -seen, seen[:3], ledger=w)
        )
    yield line(plan_ahead(full, green, 50.0, seen / 90, ledger=CatchUp(2, 2.0, 4)).degraded)
    yield line(plan_ahead(0 * full, 0 * green, 1.0, seen, ledger=CatchUp(2, 2.0, 4)).degraded)


def _markets(_folder: Path) -> Iterator[str]:
    """Choices, sums and savings under contracts at the ends of discount and cap."""
    for name, sold in (
        ("soft", made(3, count=4, steps=5, fallbacks=2, status_quo=0.03)),
        ("leaving", made(4, count=4, steps=5, fallbacks=2, outside=0.2)),
        ("hard", made(5, count=4, steps=5, fallbacks=2, scale=0.0, outside=0.0)),
        ("even", one_user(theta=0.0, saved=0.5)),
        ("green", one_user(theta=1.0, scale=0.1)),
    ):
        yield f"== {name} {line([sold.margin_usd, sold.usd_per_t, sold.volume, no_loss_usd(sold)])}"
        contracts = (
            Contract(0, 0.0, 0.0),
            Contract(0, 0.1, 0.4),
            Contract(1, 0.5, 1.0),
            Contract(0, 1.0, 2.0),
        )
        for contract in contracts:
            yield from outline("offer", {**asdict(judge(sold, contract)), "contract": ""})
            beyond = judge(sold, contract, contracts[1:2])
            yield line([beyond.adoption, beyond.profit_gain_usd, beyond.carbon_saved_kg])
            yield line(savings(sold.service).at(np.array([contract.share]))[0])
            yield line(emitted_g(sold.service, contract.point, contract.share))
        for some in ((), contracts[:2], contracts[1:3]):
            yield line(choice(sold, some))
            rest = beside(sold, some)
            yield line([*rest.worth_usd, *rest.margin_usd, *rest.saved_g])
            for gain in (-0.1, 0.0, 0.1, 0.0300000000001):
                yield line(adoption_probability(sold, np.full(len(sold.requests), gain), rest))
            yield from outline("sums", asdict(contract_sums(sold, contracts[1], rest)))
            for row in segments(sold, some, ("green", "deep")[: len(some)]):
                yield line(asdict(row).values())
            yield line([judged_together(sold, some).left, judged_together(sold, some).standard])
        for name_, members in groups(sold):
            yield f"{name_}: {members.tolist()}"
        table = grids.scan_grid(sold, 4)
        yield line([*table.share, *table.discount, grids.sharp(sold, table)])
        yield line([*table.profit_gain_usd, *table.carbon_saved_kg, *table.gained_usd])
        yield line(grids.scan_grid(sold, 3, spare_usd=1.0).discount)
    even = one_user(theta=0.0, saved=0.5)
    whole = float(lost_usd(even, Contract(0, 0.0, 1.0))[0]) / even.price_usd
    for off in (0.0, 1e-13, -1e-13, 1e-11, -1e-11):
        near = Contract(0, whole - off, 1.0)
        taken = adoption_probability(even, user_gain_usd(even, near), beside(even))
        yield line([*choice(even, (near,))[0], *taken])
    named = replace(people(3), names=("a", "b", "c"))
    yield str([(n, m.tolist()) for n, m in groups(market(service(), named, PRICE))])
    base = service(6, 2, 3)
    windows = replace(base, window=np.array([0, 0, 1, 1, 1, 2]))
    tied = replace(
        windows, full_carbon_g=np.full(6, 100.0), requests=np.array([1, 0, 2, 2, 0, 0.0])
    )
    for served in (base, windows, tied):
        for point in (0, 1):
            gain = served.full_carbon_g - served.carbon_g[point]
            yield line(degraded_between(served, gain))
        for limit in (1.0, 0.5, np.array([0.2, 0.9])):
            kept = savings(served, limit)
            yield line([*kept.usable, *kept.most_usd(), *kept.most_usd_per_degraded()])
            yield line([kept.of(1, 0.3), (kept.used(1, 0.9), kept.used(0, 0.1), 0.0)])
        yield line([rule_share(served, cap) for cap in (0.0, 0.5, 0.9, 1.0, 1.5)])
    yield line(
        [
            reference_g(base),
            reference_g(replace(base, full_carbon_g=np.zeros(6))),
            reference_g(base, Scale(0, 1, 0, 1, 7.0)),
        ]
    )


def _goals(_folder: Path) -> Iterator[str]:
    """What an offer is looked for, verdicts on offers made by hand, and several contracts."""
    one, two = Contract(0, 0.1, 0.5), Contract(1, 0.1, 0.5)
    for other in (
        one,
        two,
        replace(one, discount=0.1099),
        replace(one, discount=0.1101),
        replace(one, share=0.5099),
        replace(one, share=0.49),
    ):
        yield str(apart(one, (other,)))
    sold = made(3, count=6, steps=5, fallbacks=2)
    table = grids.scan_grid(sold, 6)
    for objective in (PROFIT, CARBON):
        for fair in (True, False):
            for least, others in ((0.0, ()), (0.2, (one,)), (-9.0, (one, two))):
                goal = SearchGoal(objective, fair, least, others)
                for f in (0, 1):
                    value, where = goal.along(table.of_fallback(f), f)
                    yield line([*np.where(np.isfinite(value), value, -1.0), *where])
                yield line(goal.rooms_usd(sold, beside(sold), one))
    every = np.ones(table.adoption.shape)
    for usd, kg, gained in ((1, 1, 1), (1, 1, 0), (1, 1, -1), (0, 1, 1), (1, 0, 1), (-1, 1, 1)):
        even = replace(table, profit_gain_usd=usd * every, carbon_saved_kg=kg * every,
                       gained_usd=gained * every)  # fmt: skip
        yield str([len(pareto(sold, even, fair=fair)) for fair in (True, False)])
    base = judge(sold, one)
    for objective in (PROFIT, CARBON):
        for changes in (
            {"discount": 0.0},
            {"degraded": 1.0, "discount": 0.3},
            {"degraded": 0.9989},
            {"profit_gain_usd": 1e-9, "carbon_saved_kg": 0.0},
            {"profit_gain_usd": -3.0},
            {"carbon_saved_kg": 1e9},
            {"discount": 0.0005},
            {"discount": 0.0004999},
            {"profit_gain_usd": 5e-3 * sold.margin_usd * sold.volume},
            {"profit_gain_usd": 4.9e-3 * sold.margin_usd * sold.volume},
        ):
            offer = replace(base, **changes)
            yield str(offer_verdict(sold, offer, offer, objective))
            yield number(profit_share(sold, offer))
        yield str(offer_verdict(sold, None, base, objective))
        yield str(offer_verdict(sold, base, None, objective))
    for gain, saved in ((-0.9, 1.0), (-1.1, 1.0), (0.9, 1.0), (9e9, 0.0), (9e9, 1.0)):
        usd = gain * no_loss_usd(sold)
        offer = replace(base, profit_gain_usd=usd, carbon_saved_kg=saved)
        yield f"{passes(sold, offer, PROFIT)} {passes(sold, offer, CARBON)}"
    losing = market(service(5, 2, 3, full_cost=2.0), people(6, 3), PRICE)
    yield f"{offer_verdict(losing, base, base, PROFIT)} {number(profit_share(losing, base))}"
    barred = market(service(5, 2, 3), people(6, 3), PRICE, usable=0.0)
    yield str(offer_verdict(barred, None, None, PROFIT))
    for sold in (made(3, count=6, steps=5, fallbacks=2), made(8, count=5, scale=0.0, fallbacks=2)):
        for objective in (PROFIT, CARBON):
            first = best(sold, objective, size=8)
            yield from outline("best", asdict(first) if first else {})
            other = best(
                sold, objective, size=8, others=(first.contract,) if first else (), spare_usd=0.1
            )
            yield from outline("beside", asdict(other) if other else {})
            for offer in by_fallback(sold, objective, size=8, fair=False):
                yield (
                    line([offer.discount, offer.share, offer.profit_gain_usd]) if offer else "none"
                )
        yield from outline("ladder", asdict(ladder(sold, 2, CARBON, size=6)))
        yield line([o.profit_gain_usd for o in pareto(sold, grids.scan_grid(sold, 9), most=3)])
        yield line([o.share for o in pareto(sold, grids.scan_grid(sold, 9), fair=False)])
    yield from fault_lines(lambda: ladder(sold, 0))


def _assumed(_folder: Path) -> Iterator[str]:
    """The same offer where assumptions are wrong, of priors and segments; peaks; resized fleets."""
    served = service(5, 2, 3)
    other = replace(
        served, full_cost_usd=served.full_cost_usd * 0.7, cost_usd=served.cost_usd * 0.5
    )
    parts = (
        Segment("a", 2.0, 0.2, 0.7, 0.1, value=1.5),
        Segment("b", 1.0, None, 0.9, 0.0, usd_per_t=90.0, value=2.0),
        Segment("c", 1.0, 0.1, 0.5, 0.2, usd_per_utility=3.0),
    )
    for users in (
        Users(Prior(), count=12),
        Users(Prior(), count=12, status_quo=0.04, scale=0.1),
        Users(segments=parts),
    ):
        for rates in ((1.0, 2.0), (2.0, 0.0), (1.0, 1.0)):
            billing = Billing(other, "otherwise", *rates)
            for objective in (PROFIT, CARBON)[: 1 + (rates[1] == 0)]:
                for row in sensitivities(
                    served, users, PRICE, Contract(0, 0.1, 0.6), billing, objective
                ):
                    said = row.assumption
                    yield (
                        f"{said.parameter}: {said.label} {said.unit} {line(said.values)} "
                        f"{said.test} "
                        f"{said.words} {row.passed} "
                        + line([[o.profit_gain_usd, o.carbon_saved_kg] for o in row.offers])
                        + f" {number(row.tested.profit_gain_usd)}"
                    )
    peaks = Peaks(
        np.array([5.0, 9.0, 8.0, 2.0]),
        np.array([4.0, 6.0, 1.0, 3.0]),
        np.array([1.0, 2.0, 1.0, 1.0]),
        np.array([0, 0, 1, 1]),
    )
    for freed in (0.0, 0.5, 2.0):
        yield line([peaks.lowered(freed, a, s) for a in (0.0, 0.3, 1.0) for s in (0.0, 0.1, 1.0)])
    sold = made(3, count=6, steps=5, fallbacks=2)
    for objective in (PROFIT, CARBON):
        for fair in (True, False):
            for rent in (0.0, 0.4, 90.0):

                def saved(point: int, adopted: float, share: float, rent: float = rent) -> float:
                    return rent * min(adopted * share, 0.2) + point * 0.01

                found = best_resized(
                    sold, np.array([3.0, 0.0]), saved, objective=objective, fair=fair
                )
                yield line([found.point, found.discount, found.share]) if found else "none"
    yield line(
        list(asdict(judged(sold, Contract(0, 0.1, 0.6), Delivered(2.0, 0.3, 0.4))).values())[1:8]
    )


def _tastes(_folder: Path) -> Iterator[str]:
    """Curves, scores and targets at their ends; which points none beats."""
    for bend in (0.0, 0.9e-5, 1.1e-5, -1e-9, 2.0, -3.0, 1.5e-8):
        curve = slopes(np.array([0.0, 0.3, 1.0]), bend)
        yield line([curve.u, curve.by_score, curve.by_curvature, curve.by_both])
    taste = Taste(
        np.array([0.1, 0.6]),
        np.array([0.5, 0.2]),
        np.array([0.3, 0.0]),
        np.array([0.0, 2.0]),
        np.array([1.0, 3.0]),
    )
    scale = default_scale(900.0, 40.0)
    klass = WorkloadClass("chat", 900.0, 512.0, 131.0, accuracy_min=0.6)
    from tests.golden.solve_worlds import POINTS

    whole = menu(klass, POINTS)
    met = replace(whole, accuracy=np.array([-0.1, 0.5, 1.2]), service_ms=np.array([0.0, 900, 2000]))
    yield line([accuracy_score(_met(met), scale), latency_score(_met(met), scale)])
    yield line(quality(_met(met), taste, scale))
    for cap in (1e-4, 0.02, 0.05, 9.0):
        for who in (taste, population(Users(Prior(), count=7), 1.0)):
            goal = targets(whole, cap, who, scale, 1.25)
            yield line(
                [
                    goal.from_g_per_kwh,
                    goal.to_g_per_kwh,
                    goal.point,
                    goal.from_utility,
                    goal.to_utility,
                ]
            )
            for at in (-1.0, 0.0, 100.0, 1e4, *goal.to_g_per_kwh[:1]):
                yield from tried(lambda g=at, goal=goal: goal.at(g))
    green = replace(taste, consciousness=np.zeros(2))
    yield line(targets(whole, 0.05, green, scale).to_utility)
    free = replace(whole, energy_kwh=np.array([0.0, 1e-5, 1e-320]))
    yield line(targets(free, 0.05, taste, scale).to_g_per_kwh)
    yield from fault_lines(lambda: targets(whole, 0.0, taste, scale, 0.9))
    yield str(
        front_mask(np.array([1, 1, 2, 2, 1.0]), np.array([5, 5, 5, 4, 3.0]), np.ones(5)).tolist()
    )
    yield str(
        front_mask(np.array([1, 2, 3.0]), np.array([3, 3, 3.0]), np.array([1, 2, 3.0])).tolist()
    )
    part = whole.take([2, 0])
    yield f"{part.ids} {part.hardware} {line(part.energy_kwh)} {part.pareto.tolist()}"
    yield f"{whole.front().ids} {line(whole.carbon_g(300.0))}"
    yield line(whole.priced(70.0, 2.0).cost_usd)


def _met(whole: Menu) -> Any:
    from wattlas.tiers.utility import PerceivedPoints

    return PerceivedPoints(whole.accuracy, whole.service_ms, np.zeros(len(whole.ids)))


def _refused(_folder: Path) -> Iterator[str]:
    """What users, offers, series and menus may not be: on either side of each bound."""

    def said(call: Callable[[], object]) -> str:
        return " | ".join(fault_lines(call))

    two, served = people(2, 3), service(5, 2, 3)
    for values in ([-1e-9, 0.5], [0.0, 1.0], [0.5, 1 + 1e-9], [NAN, 0.1], [0.5], []):
        column = np.array(values)
        for name in ("consciousness", "weight_accuracy", "curvature", "usd_per_utility"):
            taste = replace(two.taste, **{name: column})
            yield f"{name} {values}: {said(lambda t=taste: replace(two, taste=t))}"
    for asked in ([0.0, 1.0], [0.0, 0.0], [-1e-9, 1.0], [NAN, 1.0]):
        yield f"requests {asked}: {said(lambda a=asked: replace(two, requests=np.array(a)))}"
    for name in ("status_quo_usd", "scale_usd"):
        for value in (-1e-9, 0.0, NAN):
            yield f"{name} {value}: {said(lambda n=name, v=value: replace(two, **{n: v}))}"
    none = np.zeros(0)
    yield said(lambda: replace(two, taste=Taste(none, none, none, none, none), requests=none))
    for price in (-1.0, 0.0, 1e-9, np.inf, NAN):
        yield f"price {price}: {said(lambda p=price: market(served, two, p))}"
    for usable in (-1e-9, 0.0, 1.0, 1 + 1e-9, NAN, np.array([0.5, 2.0]), np.array([0.5, 1.0])):
        yield f"usable {usable}: {said(lambda u=usable: market(served, two, PRICE, usable=u))}"
    best, slow = served.full_accuracy, served.full_latency_ms
    cases = [(accuracy, slow) for accuracy in (-1e-9, 0.0, 1.0, 1 + 1e-9, best + 1e-9)]
    for accuracy, late in (*cases, (best, slow - 1), (best + 1e-9, slow - 1)):
        odd = replace(served, accuracy=np.array([accuracy, 0.5]), latency_ms=np.full(2, late))
        yield f"point {accuracy:.3g} {late:g}: {said(lambda o=odd: market(o, two, PRICE))}"
    for cap, pue in ((0.0, 1.0), (1e-9, 1.0), (NAN, 1 - 1e-9), (1.0, np.inf), (1.0, NAN)):
        yield f"cap {cap} pue {pue}: {' | '.join(map(str, target_problems(cap, pue)))}"
    full = np.array([5.0, 0.0])
    series: tuple[tuple[Any, Any, Any, float, str], ...] = (
        (full, full, full, 0.0, "budget"), (full, full, full, -1e-9, "odd"),
        (full, full, full, np.inf, "blind"), (full, full, full, NAN, "blind"),
        (full, 2 * full, full, 1.0, "blind"), (full, full * (1 + 5e-13), full, 1.0, "blind"),
        (full, full, 0 * full, 1.0, "blind"), (full, full[:1], none, 1.0, "blind"),
        (none, none, none, 1.0, "blind"), (full - 1, full, full - 1, 1.0, "blind"),
        (full, np.array([5.0, NAN]), np.array([np.inf, 1.0]), 1.0, "blind"),
    )  # fmt: skip
    for truth, green, demand, cap, rule in series:
        problems = series_problems(truth, green, demand, [cap, 1.0], rule)
        yield f"{truth} {green} {demand} {cap} {rule}: {' | '.join(map(str, problems))}"
    for ledger in (
        CatchUp(0, 2.0, 1),
        CatchUp(1, 0.0, 1),
        CatchUp(1, -1e-9, 1),
        CatchUp(1, 2.0, 0),
    ):
        yield f"{ledger}: {said(lambda c=ledger: plan_ahead(full, full, 1.0, ledger=c))}"
    for seen in (full, full[:1], full - 1, np.array([5.0, np.inf]), np.array([NAN, 5.0])):
        made_of = partial(plan_ahead, full, full, 1.0, ledger=CatchUp(1, 0.0, 1))
        yield f"forecast {seen}: {said(lambda f=seen, m=made_of: m(forecast_full_g=f))}"


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "share_rules": _rules,
    "share_ahead": _ahead,
    "tier_markets": _markets,
    "tier_goals": _goals,
    "tier_assumed": _assumed,
    "tier_tastes": _tastes,
    "tier_refused": _refused,
}
