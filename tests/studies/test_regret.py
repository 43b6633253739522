"""Regret: differences of policies on the same requests, seed by seed, from the tables by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.replays.worlds import Fixed, green, thin
from tests.shipped import shipped
from wattlas.errors import InfeasibleError, UsageError
from wattlas.policy.routing import UNSERVED_REGION, Routing
from wattlas.replays.service.model import PowerCurve, ServiceModel
from wattlas.replays.service.serving import Serving
from wattlas.studies.replays import Replayed

POLICIES = ["plan", "least-carbon", "uniform", "greedy"]
STUDENT_T_2 = 4.302653
"""97.5 % quantile of Student's t with two degrees of freedom."""


@pytest.fixture(scope="module")
def made() -> Replayed:
    """Three seeds of a few hours with a contract and power curves."""
    world = thin(green(), 0.02, 5)
    power = PowerCurve(np.array([0.0, 8.0]), np.array([100.0, 900.0]))
    services = {point.id: ServiceModel(0.02, batch=8, power=power) for point in world.points}
    return wattlas.replay(
        world, POLICIES, trial=wattlas.Trial(seeds=3), serving=Serving(services), against="greedy"
    )


def test_regret_from_the_tables(made: Replayed, tmp_path: Path) -> None:
    """Each regret is the difference of what the totals' table says, the best has none, and the
    intervals are those of the differences, which are narrower than those of the sums.
    """
    wattlas.save(made, tmp_path)
    totals = pl.read_parquet(tmp_path / "replay_totals.parquet")
    rows = pl.read_parquet(tmp_path / "replay_policies.parquet")
    measures = {
        "cost_usd": "variable_usd", "carbon_kg": "carbon_kg",
        "movable_usd": "movable_usd", "movable_kg": "movable_kg",
    }  # fmt: skip
    for quantity, measure in measures.items():
        own = dict(totals.filter(measure=measure).select("policy", "value").iter_rows())
        best = {"usd": "cost", "kg": "carbon"}[quantity.split("_")[1]]
        for row in rows.iter_rows(named=True):
            reference = row[f"best_{best}"]
            assert row[quantity] == pytest.approx(own[row["policy"]])
            wanted = own[row["policy"]] - own[reference]
            assert row[f"regret_{quantity}"] == pytest.approx(wanted, abs=1e-9)
            over = own[row["policy"]] - own["greedy"]
            assert row[f"against_{quantity}"] == pytest.approx(over, abs=1e-9)
    cost = dict(totals.filter(measure="variable_usd").select("policy", "value").iter_rows())
    assert cost[rows["best_cost"][0]] == min(cost.values())
    assert rows["regret_cost_usd"].min() == rows["regret_carbon_kg"].min() == 0.0
    narrow = 0
    for row in rows.iter_rows(named=True):
        runs = [[o.totals.variable_usd for o in made.outcomes[n]] for n in (row["policy"], "plan")]
        each = np.subtract(made_cost(made, row["policy"]), made_cost(made, row["best_cost"]))
        half = STUDENT_T_2 * each.std(ddof=1) / 3**0.5
        assert row["regret_cost_half_usd"] == pytest.approx(half, rel=1e-5, abs=1e-12)
        spread = STUDENT_T_2 * np.std(runs[0], ddof=1) / 3**0.5
        narrow += half < spread
        assert row["unserved"] == 0
        assert row["against"] == "greedy"
    assert narrow == len(rows)


def made_cost(made: Replayed, policy: str) -> np.ndarray:
    """The cost of each seed."""
    return np.array([outcome.totals.variable_usd for outcome in made.outcomes[policy]])


def test_tables_are_those_of_the_first_seed(made: Replayed) -> None:
    """Of several seeds each table of single windows, places and times is the first one's, policy
    below policy; the totals beside it are means of all."""
    for name in ("latency", "distribution", "caps", "places"):
        table = made.to_polars(f"replay_{name}")
        assert table["policy"].unique(maintain_order=True).to_list() == list(made.outcomes)
        for policy, runs in made.outcomes.items():
            part = table.filter(policy=policy).drop("policy")
            for column in part.columns:
                wanted = np.asarray(getattr(runs[0], name)[column])
                np.testing.assert_array_equal(part[column].to_numpy().astype(wanted.dtype), wanted)
    assert made.meta["seeds"] == 3
    assert made.meta["policies"] == ["nearest", *POLICIES]


def test_all_policies_see_the_same_requests(made: Replayed) -> None:
    """Seed by seed the number of requests is one for all policies, and seeds differ."""
    counts = {name: [o.requests for o in runs] for name, runs in made.outcomes.items()}
    assert len({tuple(each) for each in counts.values()}) == 1
    assert len(set(counts["plan"])) == 3
    assert list(made.outcomes) == ["nearest", *POLICIES]
    assert made.policy in POLICIES
    assert all(o.over_cap == 0 for runs in made.outcomes.values() for o in runs)


@dataclass
class Lazy(Fixed):
    """Serves nobody."""

    name: str = "lazy"

    def route(self, observed, forecast, state):  # type: ignore[no-untyped-def]
        """Everything unserved."""
        routing, state = super().route(observed, forecast, state)
        return _nowhere(routing), state


def _nowhere(routing: Routing) -> Routing:
    regions = (*routing.regions, UNSERVED_REGION)
    return replace(
        routing, regions=regions, region=np.full_like(routing.region, len(routing.regions))
    )


def test_who_serves_nobody_is_not_the_best() -> None:
    """A policy that leaves requests unserved spends less, and is no candidate for the best."""
    world = thin(shipped("tiny"), 0.01, 2)
    made = wattlas.replay(world, ["plan", Lazy(world)])
    rows = made.to_polars("replay_policies")
    lazy = rows.filter(policy="lazy").row(0, named=True)
    assert lazy["cost_usd"] == 0.0
    assert lazy["unserved"] == lazy["requests"] > 0
    assert lazy["regret_cost_usd"] < 0
    assert set(rows["best_cost"]) == {"plan"}


def test_a_policy_that_cannot_be_followed_is_told() -> None:
    """Among several, a rule that overfills a region has its reason; alone it is an error."""
    world = thin(shipped("tiny"), 0.02, 1)
    tight = replace(world, reserved_gpu=world.reserved_gpu * np.array([[1.0], [0.0], [1.0]]))
    made = wattlas.replay(tight, ("nearest", "greedy", "uniform"))
    assert "full" in made.refused["uniform"]
    rows = made.to_polars("replay_policies")
    assert rows.filter(policy="uniform")["reason"][0] == made.refused["uniform"]
    assert rows.filter(policy="uniform")["cost_usd"][0] is None
    with pytest.raises(wattlas.errors.InputError, match=r"policy.uniform: .*full"):
        wattlas.replay(tight, "uniform")
    with pytest.raises(InfeasibleError, match="--against uniform: "):
        wattlas.replay(tight, ["greedy", "plan"], against="uniform")
    with pytest.raises(UsageError, match="name one policy"):
        wattlas.replay(tight, "greedy", against="plan,uniform")
