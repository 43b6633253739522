"""Which hours a scenario studies, and what price and carbon do in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wattlas.data.entities import Entities
from wattlas.data.inputs import Inputs
from wattlas.data.reader.cells import typed
from wattlas.data.reader.source import SourceTable
from wattlas.data.sampling import Sample, representative_days
from wattlas.data.schema.hours import CARBON, PRICE
from wattlas.data.schema_facts import Signal
from wattlas.data.series import on_grid, parse_utc, stamp, time_range, time_step_h
from wattlas.model.checks import unchecked
from wattlas.model.signals import Hours, Provenance, Signals
from wattlas.model.suggest import did_you_mean

PRICE_USD, AVERAGE, MARGINAL = "price_usd_per_mwh", "average_g_per_kwh", "marginal_g_per_kwh"
SIGNALS = {"price": PRICE, "carbon": CARBON}
HOURS_OF_A_DAY = 24
STEP_SLACK_H = 1e-6


@dataclass(frozen=True)
class SignalTable:
    """A signal's table with its typed rows."""

    table: SourceTable
    frame: pl.DataFrame
    step_h: float | None = None
    """The longest step of its series; found in the rows unless given."""


def signal_tables(inputs: Inputs) -> dict[str, SignalTable]:
    """The tables of price and carbon, as far as there are any."""
    signals = {}
    for name, schema in SIGNALS.items():
        signal: Signal = getattr(inputs.typed.signals, name)
        path = ("signals", name)
        table = inputs.table((*path, "table"), schema, signal.table)
        if table is None:
            continue
        if signal.source and signal.table:
            inputs.used[-1] = Provenance(name, signal.source, signal.licence, note=signal.note)
        cells = typed(table)
        inputs.problems += cells.problems
        if cells.has(*schema.required):
            signals[name] = SignalTable(table, cells.frame)
    return signals


def whole_time(inputs: Inputs, tables: dict[str, SignalTable]) -> Hours | None:
    """Every hour from `time.start` for `time.hours`; the data gives what the document does not."""
    time = inputs.typed.time
    data = next(iter(tables.values()), None)
    span = None if data is None else time_range(data.frame)
    step_h = time.step_h or (1.0 if data is None else data.step_h)
    if step_h is None:
        assert data is not None
        step_h = time_step_h(data.frame, ["zone"])
    if time.start is not None:
        start = parse_utc(time.start)
        if start is None:
            what = f"is `{time.start}`, wanted a time with its zone"
            inputs.report(("time", "start"), what, "Write UTC: 2023-01-01T00:00:00Z.")
            return None
    elif span is not None:
        start = span[0]
    else:
        inputs.report(("time",), "does not say when the study begins", "Add `start` and `hours`.")
        return None
    if time.hours is not None:
        count = round(time.hours / step_h)
        if abs(count * step_h - time.hours) > STEP_SLACK_H:
            what = f"is {time.hours} h, no whole number of steps of {step_h:g} h"
            inputs.report(("time", "hours"), what, "Give hours that the steps fill.")
            return None
    elif span is None:
        inputs.report(("time",), "does not say how many hours", "Add `hours`.")
        return None
    else:
        count = int((span[1] - start).astype(np.int64) / 3600 / step_h) + 1
    if count < 1:
        inputs.report(
            ("time", "start"),
            f"is `{time.start}`, after the data ends",
            "" if span is None else f"The data covers {stamp(span[0])} to {stamp(span[1])}.",
        )
        return None
    return Hours.range(str(start), count, step_h)


def read_signals(
    inputs: Inputs, tables: dict[str, SignalTable], regions: Entities, hours: Hours
) -> Signals:
    """Price and intensity of every zone that a region stands in, over `hours`."""
    zones = tuple(dict.fromkeys(str(r.get("zone")) for r in regions.kept if r.get("zone")))
    price = _values(inputs, "price", PRICE_USD, tables, zones, regions, hours)
    average = _values(inputs, "carbon", AVERAGE, tables, zones, regions, hours)
    marginal = None
    section = inputs.typed.signals
    carbon = tables.get("carbon")
    if section.decide_by != "average" and carbon and MARGINAL in carbon.frame.columns:
        marginal = _marginal(inputs, carbon, zones, hours) * section.carbon.scale
    elif section.decide_by == "marginal":
        what = "asks for marginal intensity, which the data does not have"
        fix = f"Add a column {MARGINAL}, or decide by average."
        inputs.report(("signals", "decide_by"), what, fix)
    packed = "carbon" in inputs.from_pack and inputs.pack.manifest.intensity_kind
    return unchecked(
        Signals,
        zones=zones,
        price_usd_per_mwh=price * section.price.scale + section.price.add_usd_per_mwh,
        average_g_per_kwh=average * section.carbon.scale,
        marginal_g_per_kwh=marginal,
        intensity_kind=section.intensity_kind or packed or "life-cycle",
    )


def _values(
    inputs: Inputs,
    name: str,
    column: str,
    tables: dict[str, SignalTable],
    zones: tuple[str, ...],
    regions: Entities,
    hours: Hours,
) -> np.ndarray:
    """One signal, shape (zones, T): from its table, then what is constant; no zone may lack it."""
    values = np.full((len(zones), hours.count), np.nan)
    has_value = np.zeros(len(zones), dtype=bool)
    names: set[str] = set()
    signal: Signal = getattr(inputs.typed.signals, name)
    constant = signal.constant or {}
    source = tables.get(name)
    if source is not None:
        keys = [(z,) for z in zones if z not in constant]
        from_table = [z not in constant for z in zones]
        values[from_table], has_value[from_table], problems = on_grid(
            source.table, source.frame, ["zone"], column, keys, hours
        )
        inputs.problems += problems
        names = set(source.frame["zone"].drop_nulls().unique())
    for zone, value in constant.items():
        if zone in zones:
            values[zones.index(zone)], has_value[zones.index(zone)] = value, True
        elif zone not in regions.values("zone"):
            what = f"`{zone}` is the zone of no region"
            fix = did_you_mean(zone, zones)
            inputs.report(("signals", name, "constant", zone), what, fix)
    for zone, is_known in zip(zones, has_value, strict=True):
        if not is_known:
            _no_signal(inputs, name, zone, regions, names | set(constant), source)
    return values


def _no_signal(
    inputs: Inputs,
    name: str,
    zone: str,
    regions: Entities,
    names: set[str],
    source: SignalTable | None,
) -> None:
    region = next(r for r in regions.kept if r.get("zone") == zone)
    where = "" if source is None else f" in {source.table.label}"
    fix = did_you_mean(zone, names) or f"Give `signals.{name}.table`."
    if zone in names:
        where, fix = f"{where} in the hours studied", "Study other hours with `time:`."
    inputs.problems.append(
        region.problem("zone", f"is `{zone}`, a zone without {name}{where}", fix)
    )


def _marginal(
    inputs: Inputs, source: SignalTable, zones: Sequence[str], hours: Hours
) -> np.ndarray:
    frame = source.frame.filter(pl.col(MARGINAL).is_not_null())
    keys = [(z,) for z in zones]
    values, has_rows, problems = on_grid(source.table, frame, ["zone"], MARGINAL, keys, hours)
    inputs.problems += problems
    lacking = [z for z, have in zip(zones, has_rows, strict=True) if not have]
    if lacking:
        what = f"has marginal intensity for some zones and none for {', '.join(lacking)}"
        fix = "Give it for every zone, or say `signals.decide_by: average`."
        inputs.report(("signals", "carbon"), what, fix)
    return values


def choose_sample(inputs: Inputs, hours: Hours, signals: Signals) -> Sample | None:
    """The representative days, or None where every hour is studied."""
    section = inputs.typed.time.sample
    if section is None:
        return None
    per_day = round(HOURS_OF_A_DAY / hours.step_h)
    midnight = hours.start == hours.start.astype("datetime64[D]")
    whole_steps = abs(per_day * hours.step_h - HOURS_OF_A_DAY) < STEP_SLACK_H
    if not midnight or not whole_steps or hours.count % per_day:
        what = "needs whole days: a start at 00:00 UTC and a multiple of 24 hours"
        fix = f"The hours are {hours.count * hours.step_h:g} from {stamp(hours.start)}."
        inputs.report(("time", "sample"), what, fix)
        return None
    series = np.concatenate([signals.price_usd_per_mwh, signals.average_g_per_kwh])
    return representative_days(
        hours.start,
        series.reshape(len(series), hours.count // per_day, per_day),
        section.days_per_month,
    )


def sampled_hours(hours: Hours, sample: Sample | None) -> tuple[Hours, np.ndarray]:
    """The hours of the kept days with their weights, and their index among all hours."""
    if sample is None:
        return hours, np.arange(hours.count)
    per_day = hours.count // sample.stands_for.shape[1]
    index = (sample.days[:, None] * per_day + np.arange(per_day)).ravel()
    return hours.take(index, np.repeat(sample.weight, per_day)), index
