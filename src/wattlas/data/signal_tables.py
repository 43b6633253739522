"""The tables of price and carbon: the scenario's own, and those of packs under it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wattlas.data.inputs import Inputs
from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import lazy_rows
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.hours import CARBON, PRICE
from wattlas.data.schema_facts import PriceSignal, Signal
from wattlas.model.signals import Provenance

PRICE_USD, AVERAGE, MARGINAL = "price_usd_per_mwh", "average_g_per_kwh", "marginal_g_per_kwh"
SIGNALS = {"price": PRICE, "carbon": CARBON}


@dataclass(frozen=True)
class SignalTable:
    """A signal's table with its typed rows."""

    table: SourceTable
    frame: pl.DataFrame
    zones: frozenset[str] = frozenset()
    """Those in the whole table, also where a stretch of it was read."""
    step_h: float | None = None
    """The longest step of its series; found in the rows unless given."""


def signal_tables(inputs: Inputs) -> dict[str, list[SignalTable]]:
    """The tables of price and carbon, as far as there are any: what comes first wins."""
    signals: dict[str, list[SignalTable]] = {}
    for name, schema in SIGNALS.items():
        signal: Signal = getattr(inputs.typed.signals, name)
        if isinstance(signal, PriceSignal) and signal.unknown:
            continue
        _refuse_idle_missing(inputs, name, signal)
        over_packs = signal.table is None or signal.missing == "pack"
        path = ("signals", name, "table")
        for table in inputs.tables(path, schema, signal.table, None if over_packs else 1):
            cells = typed(table)
            inputs.problems += cells.problems
            if cells.has(*schema.required):
                made = SignalTable(table, cells.frame, _zones(inputs, table, cells.frame))
                signals.setdefault(name, []).append(made)
        if signal.source and signal.table:
            own = [n for n, p in enumerate(inputs.used) if p.what == name]
            if own:
                used = Provenance(name, signal.source, signal.licence, note=signal.note)
                inputs.used[own[-1]] = used
    return signals


def _refuse_idle_missing(inputs: Inputs, name: str, signal: Signal) -> None:
    """`missing: pack` says something only where there are a table and a pack to lay it over."""
    if signal.missing != "pack":
        return
    path = ("signals", name, "missing")
    if signal.table is None:
        what = "is `pack` where no table of your own is named: the pack is used as it is"
        inputs.report(path, what, "Name a `table`, or leave `missing` out.")
    elif not any(pack.has(name) for pack in inputs.packs):
        what = f"is `pack`, and there is no pack that has {name}"
        inputs.report(path, what, "Name a `pack`, or give every zone in the table.")


def _zones(inputs: Inputs, table: SourceTable, frame: pl.DataFrame) -> frozenset[str]:
    zones = frame["zone"]
    if table.path is not None and inputs.stretch is not None:
        zones = (
            lazy_rows(table.path).select(pl.col("zone").cast(pl.String)).unique().collect()["zone"]
        )
    return frozenset(zones.drop_nulls().str.strip_chars().unique())


def prices_unknown(inputs: Inputs, has_table: bool) -> bool:
    """Whether the study does without prices: by its own word, or as it has none and needs none."""
    signal, goal = inputs.typed.signals.price, inputs.typed.objective
    stated = has_table or bool(signal.constant) or signal.table is not None
    return signal.unknown or (not stated and goal.minimise == "carbon" and not goal.caps_cost)
