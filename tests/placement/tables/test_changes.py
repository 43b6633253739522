"""Changes against the baseline: matched by hand, and adding up to what the two policies cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Flows, Plan
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table, rows_of
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.tables import changes as module
from wattlas.placement.tables.changes import changes, matched
from wattlas.placement.tables.metrics import flows_of


def both(s: Scenario) -> tuple[Plan, Plan]:
    """Nearest with capacity, and the plan."""
    return baseline(build_instance(s), "nearest_available"), plan(s)


def by_hand(s: Scenario, before: Flows, after: Flows) -> dict[tuple[str, str, str], float]:
    """Requests by (class, from, to): loops over dictionaries, the definition read aloud."""
    names = [*(r.id for r in s.regions), "unserved"]
    served: dict[tuple[int, ...], tuple[dict[str, float], dict[str, float]]] = {}
    for side, flows in enumerate((before, after)):
        columns = (flows.hour, flows.metro, flows.klass, flows.region, flows.requests_per_h)
        for hour, metro, klass, region, rate in zip(*columns, strict=True):
            cell = served.setdefault((hour, metro, klass), ({}, {}))[side]
            name = names[region]
            cell[name] = cell.get(name, 0.0) + rate * s.hours.hours[hour]
    pairs: dict[tuple[str, str, str], float] = {}
    for (_, _, klass), (b, p) in served.items():
        surplus = {r: max(b.get(r, 0.0) - p.get(r, 0.0), 0.0) for r in names}
        lack = {r: max(p.get(r, 0.0) - b.get(r, 0.0), 0.0) for r in names}
        total = sum(surplus.values())
        for origin, leaves in surplus.items():
            for target, comes in lack.items():
                if leaves * comes > 0:
                    key = (s.classes[klass].id, origin, target)
                    pairs[key] = pairs.get(key, 0.0) + leaves * comes / total
    return pairs


def moves(table: Table) -> dict[tuple[str, str, str], float]:
    """Requests of the rows that leave their region."""
    return {
        (row["class"], row["from_region"], row["to_region"]): row["requests"]
        for row in rows_of(table)
        if row["from_region"] != row["to_region"]
    }


def settles(s: Scenario, before: Plan, after: Plan, table: Table) -> None:
    """The savings add up to the difference of the totals."""
    a, b = before.totals, after.totals
    usd = (a.cost_usd - a.friction_usd) - (b.cost_usd - b.friction_usd)
    # With nothing in between, the difference of two large sums is known to their last digits only.
    close = 1e-7 * (abs(a.cost_usd) + abs(b.cost_usd) + 1e-6)
    assert float(np.sum(table["saving_usd"])) == pytest.approx(usd, abs=close)
    kg = a.carbon_kg - b.carbon_kg
    close = 1e-7 * (abs(a.carbon_kg) + abs(b.carbon_kg) + 1e-6)
    assert float(np.sum(table["saving_kg"])) == pytest.approx(kg, abs=close)


@pytest.mark.parametrize("minimise", [Minimise.COST, Minimise.CARBON])
@pytest.mark.parametrize("cells", [1, 100, 10**6])
def test_tiny_by_hand(minimise: Minimise, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of the example, however many hours are looked at in one go."""
    monkeypatch.setattr(module, "FLOWS", cells)
    s = replace(shipped("tiny"), objective=Objective(minimise=minimise))
    before, after = both(s)
    table = changes(matched(s, flows_of(before), flows_of(after)))
    wanted = by_hand(s, flows_of(before), flows_of(after))
    assert len(wanted) >= 3
    assert moves(table) == pytest.approx(wanted)
    settles(s, before, after, table)


def test_what_one_move_saves() -> None:
    """All of one class from one region to another: its grams before, less its grams after."""
    s = shipped("tiny", set=["objective.minimise=carbon"])
    before, after = both(s)
    table = changes(matched(s, flows_of(before), flows_of(after)))
    row = next(r for r in rows_of(table) if r["from_region"] == "austin" and r["class"] == "D")
    assert row["to_region"] == "oslo"
    assert row["requests_share"] == pytest.approx(1.0)
    assert row["hours_share"] == pytest.approx(1.0)
    # Whoever is served in Austin under the baseline, in both policies, flow by flow.
    klass = [c.id for c in s.classes].index("D")
    austin = [r.id for r in s.regions].index("austin")

    def of_these(flows: Flows) -> np.ndarray:
        return np.isin(flows.metro, metros) & (flows.klass == klass)

    def kg(flows: Flows, on: np.ndarray) -> float:
        kwh = s.it_kwh[klass, flows.point[on]] * flows.requests_per_h[on]
        g = s.deciding_g_per_kwh[flows.region[on], flows.hour[on]] * s.pue[flows.region[on]]
        return float((kwh * g).sum()) / 1e3

    old, new = flows_of(before), flows_of(after)
    metros = np.unique(old.metro[(old.region == austin) & (old.klass == klass)])
    assert (old.region[of_these(old)] == austin).all()
    assert row["saving_kg"] == pytest.approx(kg(old, of_these(old)) - kg(new, of_these(new)))
    assert row["requests"] == pytest.approx(new.requests_per_h[of_these(new)].sum())


def test_nothing_changes() -> None:
    """The baseline against itself has no row."""
    s = shipped("tiny")
    before, _ = both(s)
    table = changes(matched(s, flows_of(before), flows_of(before)))
    assert {len(column) for column in table.values()} == {0}


def test_hours_out_of_order() -> None:
    """Flows in any order give the same table."""
    s = shipped("tiny")
    before, after = (flows_of(made) for made in both(s))
    order = np.random.default_rng(1).permutation(len(after.hour))
    names = ("hour", "metro", "klass", "region", "point", "requests_per_h")
    mixed = Flows(*(getattr(after, name)[order] for name in names))
    one, other = (changes(matched(s, before, flows)) for flows in (after, mixed))
    for name in one:
        if one[name].dtype.kind == "f":  # type: ignore[union-attr]
            assert other[name] == pytest.approx(one[name])
        else:
            assert list(other[name]) == list(one[name])


@given(scenarios(max_hours=3, max_metros=3, max_regions=3, max_classes=2, max_points=2))
@examples(25)
def test_any_world_settles(s: Scenario) -> None:
    """In any world that has both policies the pairs are as by hand, and the savings add up."""
    s = replace(s, frictions=Frictions())
    before, after = both(s)
    if not after.ok or before.flows is None:
        return
    table = changes(matched(s, flows_of(before), flows_of(after)))
    whole = max(float(s.demand_per_h.sum()), 1e-300)
    wanted = by_hand(s, flows_of(before), flows_of(after))
    told = moves(table)
    for key in wanted.keys() | told.keys():
        close = 1e-6 * whole
        assert told.get(key, 0.0) == pytest.approx(wanted.get(key, 0.0), rel=1e-6, abs=close)
    settles(s, before, after, table)
