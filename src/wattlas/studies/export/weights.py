"""The best fixed tables of shares as what a gateway needs: who goes where, in which part.

The tables are those of the policies that every study compares, one for all hours or one per UTC
hour of the day. What they keep of the saving is that policy's own figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.objective import Minimise
from wattlas.model.plan import UNSERVED, Plan, Totals
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tabular
from wattlas.model.table import Listing, Table
from wattlas.model.workload import State
from wattlas.placement.compare.fixed_shares import HOURS_PER_DAY, SHARE, FixedShares
from wattlas.studies.findings import Findings, Progress
from wattlas.studies.kept_saving import keeps, kept_kg, kept_usd
from wattlas.units import some

KINDS = ("cost", "carbon")
REFUSED = "unserved"
"""What stands for a region where requests are not served."""
SILENT_NAMED = 5
"""Metros without requests that a note names."""


@dataclass(frozen=True)
class Rule:
    """Where requests of a class from some metros of a service node go.

    `share` (hours, places) adds up to 1 over `places` (region, point) in every row: one row for all
    hours, or one per UTC hour. `requests` are those of the window.
    """

    klass: str
    node: str
    metros: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    share: np.ndarray
    requests: float


@dataclass(frozen=True)
class Weights(Tabular):
    """Tables of shares and what they keep of the saving.

    `kept` is their part of the saving that the plan brings by the hour, in what is made least
    (`kind`: cost or carbon); None where the plan saves nothing or another cap holds it back.
    """

    scenario: Scenario
    kind: str
    by_hour: bool
    policy: str
    rules: tuple[Rule, ...]
    kept: float | None
    baseline_totals: Totals
    table_totals: Totals
    plan_totals: Totals
    notes: tuple[str, ...] = ()
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What others made of these weights and would make again."""

    def table(self) -> Table:
        """One row per share above 0: class, node, metro, region, point, and `utc_hour` by hour."""
        from wattlas.studies.export.listings import weights_table

        return weights_table(self)

    def listing(self) -> Listing:
        """Where each class goes, and what that keeps of the saving."""
        from wattlas.studies.export.listings import sentences, weights_listing

        shown = weights_listing(self)
        return replace(shown, notes=(*shown.notes, *sentences(self)))

    @property
    def hours(self) -> int:
        """How many tables there are: 1, or 24."""
        return HOURS_PER_DAY if self.by_hour else 1

    @property
    def variant_of(self) -> dict[str, str]:
        """Model variant of each operating point."""
        return {point.id: point.variant for point in self.scenario.points}

    def at(self, node: str | None) -> tuple[Rule, ...]:
        """The rules of one service node, or all."""
        return tuple(rule for rule in self.rules if node in (None, rule.node))


def weights(
    scenario: Scenario,
    *,
    by_hour: bool = False,
    kind: str | None = None,
    progress: Progress | None = None,
) -> Weights:
    """The best tables of shares of a scenario, and what they keep of the saving.

    `kind` is what the tables make least, `cost` or `carbon`; the scenario's own unless given.
    Raises UsageError for a kind that is neither and for hours of the day that the scenario lacks,
    InfeasibleError where no table keeps every limit.
    """
    own = "cost" if scenario.objective.minimise is Minimise.COST else "carbon"
    kind = own if kind is None else kind
    if kind not in KINDS:
        raise UsageError(f"weights by `{kind}`: choose {' or '.join(KINDS)}.")
    findings = Findings(scenario, progress=progress)
    best = (findings.carbon_optimum if kind == "carbon" else findings.plan).raise_if_infeasible()
    name = f"{'hourly_table' if by_hour else 'static'}_{kind}"
    table, tables = findings.with_tables(name)
    if tables is None or not keeps(table):
        raise InfeasibleError(table.conflict)
    if by_hour:
        _check_hours(tables)
    rules = tuple(_rules(tables))
    return Weights(
        scenario, kind, by_hour, name, rules, _kept(findings, name, kind),
        findings.baseline.totals, table.totals, best.totals, tuple(_notes(scenario, rules)),
    )  # fmt: skip


def _kept(findings: Findings, name: str, kind: str) -> float | None:
    if kind == "carbon":
        return kept_kg(findings, name)
    return kept_usd(findings, name) if _by_cost(findings.plan) else None


def _by_cost(plan: Plan) -> bool:
    return plan.scenario.objective.minimise is Minimise.COST


def _check_hours(tables: FixedShares) -> None:
    missing = sorted(set(range(HOURS_PER_DAY)) - set(_groups(tables).tolist()))
    if missing:
        hours = ", ".join(f"{hour:02d}" for hour in missing)
        raise UsageError(
            f"no step of the scenario begins at UTC hour {hours}, so that these hours have no "
            "table. Study whole days, or leave out --by-hour."
        )


def _groups(tables: FixedShares) -> np.ndarray:
    return tables.group_of(tables.instance)


def _rules(tables: FixedShares) -> Iterator[Rule]:
    """One rule per source, those of a class together."""
    instance, group = tables.instance, _groups(tables)
    s, columns = instance.scenario, instance.columns
    pointer, metro, _ = instance.members
    points = [point.id for point in s.points]
    regions = [*(region.id for region in s.regions), REFUSED]
    for source in np.argsort(instance.klass, kind="stable"):
        own = np.flatnonzero(columns.source == source)
        demand = instance.demand[source] * instance.hours
        share = _filled(tables.share[:, own], np.bincount(group, demand, len(tables.share)))
        own, share = own[(share > SHARE).any(axis=0)], share[:, (share > SHARE).any(axis=0)]
        yield Rule(
            s.classes[instance.klass[source]].id,
            s.nodes[instance.node[source]].id,
            tuple(s.metros[i].id for i in metro[pointer[source] : pointer[source + 1]]),
            tuple(
                (regions[r], "" if r == UNSERVED else points[o])
                for r, o in zip(columns.region[own], columns.point[own], strict=True)
            ),
            share,
            float(demand.sum()),
        )


def _filled(share: np.ndarray, requests: np.ndarray) -> np.ndarray:
    """Shares (G, D) with the mean of the others where an hour has no requests: any would do there,
    and a request that comes all the same should find what is usual."""
    mean = requests @ share / max(float(requests.sum()), 1e-300)
    filled = np.where(requests[:, None] > 0, share, mean)
    filled[filled <= SHARE] = 0.0
    whole: np.ndarray = filled / filled.sum(axis=1, keepdims=True)
    return whole


def _notes(scenario: Scenario, rules: tuple[Rule, ...]) -> Iterator[str]:
    """What who loads the weights must know, in sentences."""
    known = {(rule.klass, metro) for rule in rules for metro in rule.metros}
    for klass in scenario.classes:
        silent = [m.id for m in scenario.metros if (klass.id, m.id) not in known]
        if silent:
            where = some(silent, SILENT_NAMED)
            yield f"Class {klass.id} has no requests from {where}: no weights lead from there"
    sticky = [klass.id for klass in scenario.classes if klass.state is State.STICKY]
    if sticky:
        yield (
            f"Sessions of class {', '.join(sticky)} carry state: weights are for the first request "
            "of a session, the others must follow it"
        )
    if scenario.share_caps:
        yield (
            "A gateway draws each request by itself: degradation caps hold on average, and can be "
            "exceeded over few requests"
        )
