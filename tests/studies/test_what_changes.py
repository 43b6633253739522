"""What a change of the question must change, and what it must not, over the regression fleets.

Scaling every price, adding a constant to the price of electricity, paying more for what is reserved
anyway, cutting a region in two, calling everything something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.fleets import NAMES, scenario
from tests.sceptic import Sceptic, entries, rows
from wattlas.model.plan import Plan, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import baseline_policy
from wattlas.placement.problem.instance import build_instance
from wattlas.studies.meta import headline

MONEY = tuple(field.name for field in fields(Totals) if field.name.endswith("_usd"))
REST = tuple(field.name for field in fields(Totals) if not field.name.endswith("_usd"))
SHARES = ("saving_share", "saving_share_of_all", "saving_energy_share", "saving_carbon_share")
CHEAP = "uneven-reserved"
"""The fleet whose whole study is asked for again; those of all are kept in `tests/golden`."""
SAME_POINTS = ("uneven-on-demand", "one-region", "tie-in-ms", "binding-capacity", "flat-carbon")
"""Fleets of one PUE in which all demand is served."""


@dataclass(frozen=True)
class Answer:
    """The plan and the baseline of a question, and what is said of them."""

    plan: Plan
    baseline: Plan
    line: Mapping[str, float | None]


def answer(s: Scenario) -> Answer:
    """The plan and the baseline as a study has them."""
    best, base = wattlas.plan(s), baseline_policy(build_instance(s))
    return Answer(best, base, headline(best.totals, base.totals))


@cache
def as_it_is(name: str) -> Answer:
    """The answer to a fleet as it is."""
    return answer(scenario(name))


def same(value: float | None, expected: float | None, scale: float = 1.0) -> bool:
    """Equal but for rounding."""
    if value is None or expected is None:
        return value is expected
    tolerance = 1e-9 * max(abs(scale), 1e-300)
    return bool(value == pytest.approx(expected, rel=1e-7, abs=tolerance))


def same_flows(one: Plan, other: Plan) -> bool:
    """The same requests at the same places in every hour."""
    assert one.flows is not None
    assert other.flows is not None
    first, second = ({tuple(e[:5]): e[5] for e in entries(p.flows)} for p in (one, other))
    size = max(first.values())
    keys = {*first, *second}
    return all(abs(first.get(at, 0.0) - second.get(at, 0.0)) <= 1e-6 * size for at in keys)


def scaled(s: Scenario, c: float) -> Scenario:
    """Everything that has a price at c times that price."""

    def times(value: float | None) -> float | None:
        return None if value is None else value * c

    prices = ("reserved_usd_per_gpu_year", "on_demand_usd_per_gpu_h")
    return replace(
        s,
        signals=replace(s.signals, price_usd_per_mwh=s.signals.price_usd_per_mwh * c),
        network=replace(s.network, egress_usd_per_gb=s.network.egress_usd_per_gb * c),
        regions=tuple(replace(x, **{p: getattr(x, p) * c for p in prices}) for x in s.regions),
        classes=tuple(
            replace(k, unserved_usd_per_request=times(k.unserved_usd_per_request))
            for k in s.classes
        ),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("c", [0.25, 40.0])
def test_scaling_all_prices(name: str, c: float) -> None:
    """Money scales, and nothing else: no request moves, and no share of a saving changes."""
    one, other = as_it_is(name), answer(scaled(scenario(name), c))
    assert same_flows(one.plan, other.plan)
    for before, after in (
        (one.plan.totals, other.plan.totals),
        (one.baseline.totals, other.baseline.totals),
    ):
        assert all(same(getattr(after, name), c * getattr(before, name), c * before.cost_usd)
                   for name in MONEY)  # fmt: skip
        assert all(same(getattr(after, name), getattr(before, name)) for name in REST)
    assert all(same(other.line[name], one.line[name]) for name in SHARES)


@pytest.mark.parametrize("name", SAME_POINTS)
@pytest.mark.parametrize("more", [-17.0, 60.0])
def test_a_constant_on_every_electricity_price(name: str, more: float) -> None:
    """Where every request takes the same energy everywhere it costs that energy more, and no more.

    Differences stay what they are: what is saved in USD, and where everything runs.
    """
    s = scenario(name)
    assert len({region.pue for region in s.regions}) == 1
    s = replace(s, classes=tuple(replace(k, points=("large",)) for k in s.classes))
    price = s.signals.price_usd_per_mwh + more
    one = answer(s)
    other = answer(replace(s, signals=replace(s.signals, price_usd_per_mwh=price)))
    assert same_flows(one.plan, other.plan)
    for before, after in (
        (one.plan.totals, other.plan.totals),
        (one.baseline.totals, other.baseline.totals),
    ):
        assert same(after.cost_usd, before.cost_usd + more * before.facility_mwh, before.cost_usd)
        assert same(after.energy_usd, before.energy_usd + more * before.facility_mwh)
        assert same(after.carbon_kg, before.carbon_kg)
    assert same(other.line["saving_usd"], one.line["saving_usd"], one.baseline.totals.cost_usd)
    assert same(other.line["saving_kg"], one.line["saving_kg"], one.baseline.totals.carbon_kg)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_reserved_costs_a_constant(name: str) -> None:
    """Another price of it changes all cost by the same, and nothing that is decided or saved."""
    s = scenario(name)
    costlier = tuple(
        replace(x, reserved_usd_per_gpu_year=3 * x.reserved_usd_per_gpu_year + 100.0)
        for x in s.regions
    )
    one, other = as_it_is(name), answer(replace(s, regions=costlier))
    assert same_flows(one.plan, other.plan)
    held = np.where(np.isfinite(s.reserved_gpu), s.reserved_gpu, 0.0)
    year = np.array([x.reserved_usd_per_gpu_year for x in s.regions])
    more = float(((2 * year + 100.0)[:, None] * held * s.hours.hours).sum() / 8760)
    for before, after in (
        (one.plan.totals, other.plan.totals),
        (one.baseline.totals, other.baseline.totals),
    ):
        assert same(after.cost_usd, before.cost_usd + more, before.cost_usd)
        assert same(after.variable_usd, before.variable_usd, before.cost_usd)
    for saving in ("saving_usd", "saving_share", "saving_kg", "saving_energy_usd"):
        assert same(other.line[saving], one.line[saving], one.baseline.totals.cost_usd), saving


def cut(s: Scenario, r: int) -> Scenario:
    """Region r as two with half of its accelerators each; the second comes last."""
    twin = s.regions[r]
    halves = {"reserved_gpu": twin.reserved_gpu / 2, "on_demand_gpu": twin.on_demand_gpu / 2}
    regions = [replace(x, **halves) if n == r else x for n, x in enumerate(s.regions)]
    regions.append(replace(twin, **halves, id=f"{twin.id}-two", name=f"{twin.name} two"))
    held = s.reserved_gpu.copy()
    held[r] /= 2

    def twice(grid: np.ndarray) -> np.ndarray:
        return np.concatenate([grid, grid[:, [r]]], axis=1)

    columns = ("rtt_node_region_ms", "egress_usd_per_gb", "modelled_node_region")
    network = replace(s.network, **{name: twice(getattr(s.network, name)) for name in columns})
    return replace(
        s, regions=tuple(regions), reserved_gpu=np.vstack([held, held[r]]), network=network
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("r", [0, -1])
def test_cutting_a_region_in_two(name: str, r: int) -> None:
    """Two halves cost and emit together what the whole did, in the plan and in the baseline.

    The baseline is another where half of somebody's baseline region is too small for them, or has
    to buy by the hour: the other half comes only once the first is full.
    """
    s = scenario(name)
    r %= len(s.regions)
    one, other = as_it_is(name), answer(cut(s, r))
    sides = [(one.plan.totals, other.plan.totals)]
    policies = {one.baseline.policy, other.baseline.policy}
    buys = s.regions[r].on_demand_gpu > 0
    alike = not (Sceptic(s).baseline_region == r).any() or (policies == {"nearest"} and not buys)
    if alike:
        sides.append((one.baseline.totals, other.baseline.totals))
    for before, after in sides:
        for total in (*MONEY, *REST):
            if total == "rtt_mean_ms" and before is one.plan.totals:
                continue  # whose requests go far may be all the same where ways cost the same
            value, expected = getattr(after, total), getattr(before, total)
            assert same(value, expected, before.cost_usd), total
    for saving, value in one.line.items():
        assert not alike or same(other.line[saving], value, one.baseline.totals.cost_usd), saving


def renamed(s: Scenario, new: Callable[[str], str]) -> Scenario:
    """Everything called something else."""

    def each(things: tuple[Any, ...], **refers: Callable[[Any], Any]) -> tuple[Any, ...]:
        return tuple(
            replace(
                x,
                id=new(x.id),
                **({"name": new(x.name)} if x.name else {}),
                **{name: change(getattr(x, name)) for name, change in refers.items()},
            )
            for x in things
        )

    def listed(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(map(new, names))

    return replace(
        s,
        metros=each(s.metros, node=new),
        nodes=each(s.nodes),
        regions=each(s.regions, zone=new),
        classes=each(s.classes, points=listed),
        points=tuple(replace(o, id=new(o.id), variant=new(o.variant)) for o in s.points),
        signals=replace(s.signals, zones=tuple(map(new, s.signals.zones))),
    )


def test_renaming_everything() -> None:
    """Every table of a study is the same but for the names, which are the new ones."""

    def new(text: str) -> str:
        return f"<{text}>"

    s = scenario(CHEAP)
    one, other = (wattlas.study(x, samples=3) for x in (s, renamed(s, new)))
    old = {x.id for things in (s.metros, s.nodes, s.regions, s.classes, s.points) for x in things}
    old |= {x.name for things in (s.metros, s.nodes, s.regions, s.classes) for x in things}
    old = (old | {*s.signals.zones, *(o.variant for o in s.points)}) - {""}
    assert set(one.tables) == set(other.tables)
    for table, values in one.tables.items():
        for before, after in zip(rows(values), rows(other.tables[table]), strict=True):
            assert set(before) == set(after)
            for column, value in before.items():
                where = (table, column, value, after[column])
                if isinstance(value, str):
                    assert after[column] in (value, _spoken(value, old, new)), where
                    assert (after[column] == new(value)) == (value in old), where
                elif isinstance(value, float):
                    same_number = value == pytest.approx(after[column], rel=1e-9, nan_ok=True)
                    assert same_number, where
                else:
                    assert after[column] == value, where
    for part in ("plan", "baseline"):
        totals, others = one.meta["totals"][part], other.meta["totals"][part]
        assert all(same(others[total], value) for total, value in totals.items())
    assert all(same(other.meta["headline"][n], value) for n, value in one.meta["headline"].items())


def _spoken(text: str, old: set[str], new: Callable[[str], str]) -> str:
    """A text with the old names in it replaced, longest first."""
    pattern = "|".join(sorted(map(re.escape, old), key=len, reverse=True))
    return re.sub(rf"(?<![\w<])({pattern})(?![\w>])", lambda m: new(m.group()), text)


def test_scaling_in_the_tables() -> None:
    """Curves and policies scale with the prices; budgets, shares and carbon stay."""
    s, c = scenario(CHEAP), 3.0
    one, other = (wattlas.study(x, samples=3) for x in (s, scaled(s, c)))
    for table in ("policies", "benefit", "layers", "relocatable", "flows", "duration"):
        for before, after in zip(rows(one.tables[table]), rows(other.tables[table]), strict=True):
            priced = before.get("quantity") == "price"
            for column, value in before.items():
                if not isinstance(value, float):
                    assert column == "reason" or after[column] == value, (table, column)
                    continue
                usd = column.endswith("_usd") and "ratio" not in column
                factor = c if usd or (priced and column == "value") else 1.0
                expected = pytest.approx(factor * value, rel=1e-6, abs=1e-6, nan_ok=True)
                assert after[column] == expected, (table, column, before)
