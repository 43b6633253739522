"""When does a move pay? Break-evens of the moves that carry the most energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing, rows_of, table_of
from wattlas.studies.labels import class_label
from wattlas.studies.registry import Depth, figure, listing, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study

COLUMNS = (
    "class:text from_region:text to_region:text point:text demand_of:text? quantity:text value? "
    "unit:text? verdict:text reason:text?"
)
_NAMES = [word.partition(":")[0].rstrip("?") for word in COLUMNS.split()]


@table("breakeven", COLUMNS)
def breakeven(findings: Findings) -> Table | None:
    """Break-evens of each class's largest moves of the plan, at the point that it runs, for all the
    demand of the metros of which any moves so (`demand_of`).

    None where nothing has a price: they are told in money.
    """
    if not findings.scenario.signals.priced:
        return None
    from wattlas.studies.moves import breakevens, moves_of

    moves = moves_of(findings.plan, findings.changed)
    rows: list[dict[str, Any]] = []
    for move, roots in breakevens(findings.scenario, moves).roots.items():
        for root in roots:
            place = (move.klass, move.origin, move.target, move.point, ", ".join(move.metros))
            values = (root.value, root.unit, str(root.verdict), root.reason)
            row = (*place, str(root.quantity), *values)
            rows.append(dict(zip(_NAMES, row, strict=True)))
    return table_of(rows, _NAMES)


figure(
    __file__,
    order=90,
    question="When does a move pay?",
    needs=("breakeven",),
    missing="Break-even values were not computed",
    depth=Depth.APPENDIX,
)


@listing(order=40)
def moves(study: Study) -> Listing | None:
    """Whether each of the largest moves pays, and the payload up to which it does."""
    by_move: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for row in rows_of(study.tables.get("breakeven", {})):
        move = (row["class"], row["from_region"], row["to_region"])
        by_move.setdefault(move, {})[row["quantity"]] = row
    shown = [
        {
            "class": class_label(study.meta["classes"], move[0]),
            "from_region": move[1],
            "to_region": move[2],
            "verdict": roots["price_gap_usd_per_mwh"]["verdict"],
            "gap": roots["price_gap_usd_per_mwh"]["value"],
            "payload": roots["payload_bytes"]["value"],
        }
        for move, roots in by_move.items()
        if {"payload_bytes", "price_gap_usd_per_mwh"} <= roots.keys()
    ]
    if not shown:
        return None
    return Listing(
        "Which moves pay",
        (
            Column("class", Kind.TEXT),
            Column("from_region", Kind.TEXT, head="from"),
            Column("to_region", Kind.TEXT, head="to"),
            Column("verdict", Kind.TEXT),
            Column("gap", head="break-even gap, USD/MWh"),
            Column("payload", head="break-even payload, B"),
        ),
        table_of(shown),
    )
