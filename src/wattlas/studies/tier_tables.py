"""The tables of a tier design: what the report draws, the terminal prints, the results keep.

Each is registered by the module of the figure that shows it, as the rows of one class's design.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from wattlas.model.table import Table, table_of
from wattlas.studies import registry

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.baseline_means import BaselineMeans
    from wattlas.studies.findings import Findings
    from wattlas.studies.offers import Design, TierDesign
    from wattlas.tiers.menu import Menu

    MakeRows = Callable[[Scenario, Design, TierDesign], Iterator["Row"]]

Row = dict[str, Any]
WH_PER_KWH = 1e3
MILLION = 1e6

CARD = (
    "fallback:text? discount? share? adoption? profit_gain_usd? revenue_gain_share? "
    "profit_gain_share? carbon_saved_kg? carbon_saved_share? fallback_accuracy? "
    "fallback_latency_ms? mean_accuracy? mean_latency_ms? losing_share? losing_most:text? "
    "trigger:text? kind:text? tests_passed? tests:text?"
)
"""Columns of an offer's card, as `model.table.columns` reads them."""

_ROWS: dict[str, MakeRows] = {}


def tier_table(
    name: str, spec: str, *, thin: registry.Thin | None = None
) -> Callable[[MakeRows], MakeRows]:
    """Register a table by the function that gives the rows of one class's design."""

    def register(make: MakeRows) -> MakeRows:
        def compute(findings: Findings) -> Table | None:
            return None if findings.tiers is None else _table(make, findings.tiers)

        registry.table(name, spec, thin=thin)(compute)
        _ROWS[name] = make
        return make

    return register


def tier_tables(design: TierDesign) -> dict[str, Table]:
    """Every table of a design that needs nothing but it, by name; empty ones are left out."""
    registry.tables()
    tables = {name: _table(make, design) for name, make in _ROWS.items()}
    return {name: table for name, table in tables.items() if table is not None}


def split_table(design: TierDesign) -> Table | None:
    """What geography, tiers and both save, for all contracts together."""
    parts = design.split()
    if parts is None:
        return None
    classes = ", ".join(
        class_design.service.klass
        for class_design in design.designs
        if class_design.chosen is not None
    )
    return {"class": [classes] * len(parts["part"]), **parts}


def menu_of_class(
    scenario: Scenario, design: Design, whole: TierDesign
) -> tuple[Menu, BaselineMeans]:
    """What a class of a design can be answered with, and where its demand is."""
    from dataclasses import replace

    from wattlas.studies.baseline_means import at_baseline
    from wattlas.tiers.menu import menu

    klass = next(k for k in scenario.classes if k.id == design.service.klass)
    base = at_baseline(scenario, klass.id)
    shown = {*design.service.full_points, *design.service.points}
    usable = klass.points
    points = [o for o in whole.points if o.id in shown or usable is None or o.id in usable]
    extra = {o.id for o in points}
    points += [o for o in scenario.points if o.id in shown - extra]
    class_menu = menu(replace(klass, points=None), points)
    return class_menu.priced(base.usd_per_mwh, base.usd_per_gpu_h, base.pue), base


def _table(make: MakeRows, design: TierDesign) -> Table | None:
    rows = [
        row
        for class_design in design.designs
        for row in make(design.plan.scenario, class_design, design)
    ]
    return table_of(rows) if rows else None
