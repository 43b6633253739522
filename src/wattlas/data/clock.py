"""Which hours a scenario studies, and what price and carbon do in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
    under: SignalTable | None = None
    """The pack's, for zones that a scenario's own table lacks."""

    @property
    def zones(self) -> set[str]:
        """The zones that it has rows of."""
        return set(self.frame["zone"].drop_nulls().unique())


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
        made = _typed(inputs, table)
        if made is None:
            continue
        if signal.missing == "pack":
            made = replace(made, under=_under(inputs, name, signal))
        signals[name] = made
    return signals


def _typed(inputs: Inputs, table: SourceTable) -> SignalTable | None:
    cells = typed(table)
    inputs.problems += cells.problems
    return SignalTable(table, cells.frame) if cells.has(*table.schema.required) else None


def _under(inputs: Inputs, name: str, signal: Signal) -> SignalTable | None:
    """The pack's hours under a table of the scenario's own."""
    path = ("signals", name, "missing")
    if signal.table is None:
        what = "is `pack` where no table of your own is named: the pack is used as it is"
        inputs.report(path, what, "Name a `table`, or leave `missing` out.")
        return None
    table = inputs.packed(SIGNALS[name])
    if table is None:
        what = f"is `pack`, and there is no pack that has {name}"
        inputs.report(path, what, "Name a `pack`, or give every zone in the table.")
        return None
    return _typed(inputs, table)


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
        assert data is not None
        count = _steps_until(data, (span[1] - start).astype(np.int64) / 3600, step_h)
    if count < 1:
        inputs.report(
            ("time", "start"),
            f"is `{time.start}`, after the data ends",
            "" if span is None else f"The data covers {stamp(span[0])} to {stamp(span[1])}.",
        )
        return None
    return Hours.range(str(start), count, step_h)


def _steps_until(data: SignalTable, last_h: float, step_h: float) -> int:
    """Steps of a study to the end of the row that begins `last_h` after its start."""
    row_h = data.step_h or time_step_h(data.frame, ["zone"])
    end_h = (math.floor(last_h / row_h + STEP_SLACK_H) + 1) * row_h
    return math.floor(end_h / step_h + STEP_SLACK_H)


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
        names = source.zones | (source.under.zones if source.under else set())
        for layer, wanted in _layers(source, [z for z in zones if z not in constant]):
            index = [zones.index(z) for z in wanted]
            keys = [(z,) for z in wanted]
            values[index], has_value[index], problems = on_grid(
                layer.table, layer.frame, ["zone"], column, keys, hours
            )
            inputs.problems += problems
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


def _layers(
    source: SignalTable, zones: Sequence[str]
) -> Iterator[tuple[SignalTable, Sequence[str]]]:
    """The tables that give a signal, each with the zones that it gives."""
    if source.under is None:
        yield source, zones
        return
    own = source.zones
    yield source, [z for z in zones if z in own]
    yield source.under, [z for z in zones if z not in own]


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
    packed = inputs.pack is not None and inputs.pack.has(name)
    if source is not None and packed and name not in inputs.from_pack and zone not in names:
        fix = f"Say `signals.{name}.missing: pack` to keep the pack's hours of other zones."
    if zone in names:
        where, fix = f"{where} in the hours studied", "Study other hours with `time:`."
    inputs.problems.append(
        region.problem("zone", f"is `{zone}`, a zone without {name}{where}", fix)
    )


def _marginal(
    inputs: Inputs, source: SignalTable, zones: Sequence[str], hours: Hours
) -> np.ndarray:
    values = np.full((len(zones), hours.count), np.nan)
    has_rows = np.zeros(len(zones), dtype=bool)
    for layer, wanted in _layers(source, zones):
        if MARGINAL not in layer.frame.columns:
            continue
        index = [zones.index(z) for z in wanted]
        frame, keys = layer.frame.drop_nulls(MARGINAL), [(z,) for z in wanted]
        values[index], has_rows[index], problems = on_grid(
            layer.table, frame, ["zone"], MARGINAL, keys, hours
        )
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
