"""Which hours a scenario studies, and what price and carbon do in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from wattlas.data.entities import Entities
from wattlas.data.inputs import Inputs
from wattlas.data.pack import shipped
from wattlas.data.sampling import Sample, representative_days
from wattlas.data.schema.hours import TIME
from wattlas.data.schema_facts import Signal
from wattlas.data.series import on_grid, parse_utc, stamp, time_range, time_step_h
from wattlas.data.signal_tables import (
    AVERAGE,
    MARGINAL,
    PRICE_USD,
    SignalTable,
    prices_unknown,
)
from wattlas.model.checks import unchecked
from wattlas.model.signals import Hours, Signals
from wattlas.model.suggest import did_you_mean

HOURS_OF_A_DAY = 24
STEP_SLACK_H = 1e-6
SHOWN_ZONES = 3


def whole_time(inputs: Inputs, tables: dict[str, list[SignalTable]]) -> Hours | None:
    """Every hour from `time.start` for `time.hours`; the data gives what the document does not."""
    time = inputs.typed.time
    data = next((several[0] for several in tables.values()), None)
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
    inputs: Inputs, tables: dict[str, list[SignalTable]], regions: Entities, hours: Hours
) -> Signals:
    """Price and intensity of every zone that a region stands in, over `hours`."""
    zones = tuple(dict.fromkeys(str(r.get("zone")) for r in regions.kept if r.get("zone")))
    if prices_unknown(inputs, "price" in tables):
        price, no_price = np.full((len(zones), hours.count), np.nan), list[str]()
    else:
        price, no_price = _values(inputs, "price", PRICE_USD, tables, zones, regions, hours)
    average, no_carbon = _values(inputs, "carbon", AVERAGE, tables, zones, regions, hours)
    for zone in zones:
        lacks = ["price"] * (zone in no_price) + ["carbon"] * (zone in no_carbon)
        if lacks:
            _no_signal(inputs, lacks, zone, regions, tables)
    marginal = None
    section = inputs.typed.signals
    carbon = tables.get("carbon", [])
    if section.decide_by != "average" and any(MARGINAL in c.frame.columns for c in carbon):
        marginal = _marginal(inputs, carbon, zones, hours, no_carbon) * section.carbon.scale
    elif section.decide_by == "marginal":
        what = "asks for marginal intensity, which the data does not have"
        fix = f"Add a column {MARGINAL}, or decide by average."
        inputs.report(("signals", "decide_by"), what, fix)
    return unchecked(
        Signals,
        zones=zones,
        price_usd_per_mwh=price * section.price.scale + section.price.add_usd_per_mwh,
        average_g_per_kwh=average * section.carbon.scale,
        marginal_g_per_kwh=marginal,
        intensity_kind=section.intensity_kind or _packed_kind(inputs) or "life-cycle",
    )


def _packed_kind(inputs: Inputs) -> str:
    """What the average of the packs covers; intensities of two kinds are never mixed."""
    packs = {pack.name: pack.manifest for pack, name in inputs.taken if name == "carbon"}
    kinds = {about.intensity_kind: name for name, about in packs.items()}
    if len(kinds) > 1:
        what = " and ".join(f"`{kind}` in {name}" for kind, name in kinds.items())
        fix = "Leave one of the packs out, or say `signals.intensity_kind`."
        inputs.report(("pack",), f"gives carbon intensity of two kinds: {what}", fix)
    return next(iter(kinds), "")


def _values(
    inputs: Inputs,
    name: str,
    column: str,
    tables: dict[str, list[SignalTable]],
    zones: tuple[str, ...],
    regions: Entities,
    hours: Hours,
) -> tuple[np.ndarray, list[str]]:
    """One signal, shape (zones, T): what is constant, then its tables. And the zones that lack it,
    unless something else that is told is the reason: a table that cannot be read, or a pack.
    """
    signal: Signal = getattr(inputs.typed.signals, name)
    constant, sources = signal.constant or {}, tables.get(name, [])
    wanted = [zone for zone in zones if zone not in constant]
    values, has_value = _from_tables(inputs, sources, column, zones, set(wanted), hours)
    for zone, value in constant.items():
        if zone in zones:
            values[zones.index(zone)], has_value[zones.index(zone)] = value, True
        elif zone not in regions.values("zone"):
            what = f"`{zone}` is the zone of no region"
            fix = did_you_mean(zone, zones)
            inputs.report(("signals", name, "constant", zone), what, fix)
    lacking = [zone for zone, known in zip(zones, has_value, strict=True) if not known]
    in_pack = [] if signal.table is None else _only_in_pack(inputs, name, lacking)
    if in_pack:
        shown = ", ".join(f"`{zone}`" for zone in in_pack[:SHOWN_ZONES])
        more = f" and {len(in_pack) - SHOWN_ZONES} more" if len(in_pack) > SHOWN_ZONES else ""
        what = f"has no {name} of {shown}{more}, which the pack has"
        fix = f"Say `signals.{name}.missing: pack` to keep the pack's hours for them."
        inputs.report(("signals", name, "table"), what, fix)
    unread = signal.table is not None and all(_untimed(source.frame) for source in sources)
    return values, [] if unread else [zone for zone in lacking if zone not in in_pack]


def _from_tables(
    inputs: Inputs,
    sources: Sequence[SignalTable],
    column: str,
    zones: Sequence[str],
    wanted: set[str],
    hours: Hours,
) -> tuple[np.ndarray, np.ndarray]:
    """The wanted zones, each from the first table that has it, and which have any hour."""
    values = np.full((len(zones), hours.count), np.nan)
    has_value = np.zeros(len(zones), dtype=bool)
    for source in sources:
        here = [z in wanted and z in source.zones for z in zones]
        if not any(here):
            inputs.not_used(source.table)
            continue
        keys = [(zone,) for zone, take in zip(zones, here, strict=True) if take]
        values[here], has_value[here], problems = on_grid(
            source.table, source.frame, ["zone"], column, keys, hours
        )
        inputs.problems += problems
        wanted = wanted - source.zones
    return values, has_value


def _untimed(frame: pl.DataFrame) -> bool:
    """Whether a table has rows, and the time of none could be read."""
    return not frame.is_empty() and frame[TIME].null_count() == frame.height


def _only_in_pack(inputs: Inputs, name: str, lacking: Sequence[str]) -> list[str]:
    """Zones that the scenario's own table lacks and a pack would have."""
    signal: Signal = getattr(inputs.typed.signals, name)
    if signal.missing is not None or not lacking:
        return []
    known = {
        zone
        for pack in inputs.packs
        if pack.has(name)
        for zone in pack.frame(name)["zone"].unique()
    }
    return [zone for zone in lacking if zone in known]


def _no_signal(
    inputs: Inputs,
    lacks: Sequence[str],
    zone: str,
    regions: Entities,
    tables: dict[str, list[SignalTable]],
) -> None:
    """A zone without hours of one signal, or of both, with the commands that bring them."""
    region = next(r for r in regions.kept if r.get("zone") == zone)
    packs = ", ".join([*(inputs.typed.pack or ()), "./hours"])
    without, commands, ready, known = [], list[str](), list[str](), set[str]()
    for name in lacks:
        signal: Signal = getattr(inputs.typed.signals, name)
        sources = tables.get(name, [])
        names = set(signal.constant or {}).union(*(s.zones for s in sources))
        where = f" in {' or '.join(s.table.label for s in sources)}" if sources else ""
        late = " in the hours studied" if zone in names else ""
        without.append(f"without {name}{where}{late}")
        if not late:
            how = "--from electricity-maps" if name == "carbon" else "--as price"
            commands.append(f"wattlas data import FILE {how} --into hours")
            shipping = shipped(name, zone)
            ready += [f" Or use the {name} of `{pack}`, which ships." for pack in shipping]
        known |= names
    bring = f"Bring its hours: {' and '.join(commands)}; then `pack: [{packs}]`.{''.join(ready)}"
    other = "Study other hours with `time:`."
    fix = did_you_mean(zone, known)
    if zone in known:
        fix = f"{other} {bring}" if commands else other
    elif not fix.startswith("Did"):
        fix = bring
    what = f"is `{zone}`, a zone {' and '.join(without)}"
    inputs.problems.append(region.problem("zone", what, fix))


def _marginal(
    inputs: Inputs,
    sources: Sequence[SignalTable],
    zones: Sequence[str],
    hours: Hours,
    without: Sequence[str],
) -> np.ndarray:
    """Marginal intensity, shape (zones, T); every zone but those without an average has it."""
    values = np.full((len(zones), hours.count), np.nan)
    has_rows = np.zeros(len(zones), dtype=bool)
    wanted = set(zones)
    for source in sources:
        if MARGINAL in source.frame.columns:
            known = source.frame.filter(pl.col(MARGINAL).is_not_null())
            part = SignalTable(source.table, known, source.zones)
            own, has_own = _from_tables(inputs, [part], MARGINAL, zones, wanted, hours)
            values[has_own], has_rows = own[has_own], has_rows | has_own
        wanted -= source.zones
    lacking = [z for z, have in zip(zones, has_rows, strict=True) if not have and z not in without]
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
