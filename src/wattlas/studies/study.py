"""`study`: the whole of the main job on one scenario.

Where everything should run, what that saves, what latency is worth, which moves pay, and what each
limit costs; as the tables that are registered, which report and results folder share.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from wattlas.model.frontier import Frontier
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables
from wattlas.model.table import Table
from wattlas.studies import registry
from wattlas.studies.brief import brief, brief_html
from wattlas.studies.design_listings import idle_words
from wattlas.studies.findings import SAMPLES, Findings, Progress
from wattlas.studies.fleet_tables import fleet_meta, skipped
from wattlas.studies.kept_saving import kept
from wattlas.studies.labels import POLICY_LABELS
from wattlas.studies.meta import headline, identified, limit_sentences, totals_dict
from wattlas.studies.plan_listings import notes
from wattlas.studies.registry import FLEET


@dataclass(frozen=True)
class Study(Tables):
    """What a study found: how it ended, the plan, the baseline, and every table by name."""

    meta: dict[str, Any]
    tables: dict[str, Table]
    plan: Plan
    baseline: Plan
    frontiers: tuple[Frontier, ...]

    @property
    def status(self) -> Status:
        """How the plan ended."""
        return self.plan.status

    def named_tables(self) -> Mapping[str, Table]:
        """Its tables by name."""
        return self.tables

    def _repr_html_(self) -> str:
        return brief_html(self.meta)


def study(scenario: Scenario, *, samples: int = SAMPLES, progress: Progress | None = None) -> Study:
    """Do the main job on a scenario. Raises InfeasibleError with the smallest conflict found.

    `samples` is the number of budgets of each frontier where capacity or mean accuracy may bind;
    where nothing does, every breakpoint is there. `progress` is called with what is being done
    and how much of it is.
    """
    began = time.perf_counter()
    findings = Findings(scenario, samples, progress)
    with findings.policies_meanwhile():
        best, base = findings.plan, findings.baseline
        with findings.fleet_meanwhile():
            tables = _tables(findings)
    seconds = time.perf_counter() - began
    meta = _meta(findings, seconds)
    meta["brief"] = asdict(brief(meta, tables))
    return Study(meta, tables, best, base, findings.frontiers)


def _tables(findings: Findings) -> dict[str, Table]:
    """Every table that the scenario has, in the registry's order. Those that keep both cores busy
    are computed late, the large ones of them last but for those of the fleet, which is looked for
    meanwhile."""
    entries = registry.tables()
    late = {name for made in registry.figures() if made.part is FLEET for name in made.needs}
    order = sorted(
        entries, key=lambda name: (name in late, entries[name].busy, entries[name].large)
    )
    computed = {name: entries[name].compute(findings) for name in order}
    return {name: table for name in entries if (table := computed[name]) is not None}


def _meta(findings: Findings, seconds: float) -> dict[str, Any]:
    from wattlas import __version__
    from wattlas.placement.problem.baseline_region import tie_words

    scenario, best, base = findings.scenario, findings.plan, findings.baseline
    ties = tie_words(scenario, findings.instance.judged)

    return {
        "wattlas": __version__,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **identified(scenario),
        "status": str(best.status),
        "solver": best.info.solver,
        "seconds": seconds,
        **{key: getattr(best.info, key) for key in ("programs", "rows", "columns", "gap")},
        "baseline": {"policy": base.policy, "label": POLICY_LABELS[base.policy], "ties": ties},
        "totals": {"plan": totals_dict(best.totals), "baseline": totals_dict(base.totals)},
        "headline": {
            **headline(best.totals, base.totals),
            "static_share_of_saving": kept(findings, "static"),
            "hourly_table_share_of_saving": kept(findings, "hourly_table"),
        },
        "fleet": fleet_meta(findings.fleet),
        "limits": [
            *limit_sentences(scenario),
            *notes(best),
            *([ties] if ties else []),
            *skipped(findings.fleet),
            *([] if findings.tiers is None else idle_words(findings.tiers)),
        ],
    }
