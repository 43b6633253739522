"""Demand of a scenario: what the table says, and population × profile for the other classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from wattlas.data.demand import population_demand
from wattlas.data.draft import Draft
from wattlas.data.entities import check_id, unknown_ids
from wattlas.data.reader.cells import typed
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.hours import DEMAND
from wattlas.data.schema_models import HOURS_PER_DAY, PopulationDemand
from wattlas.data.series import on_grid
from wattlas.model.geography import is_timezone
from wattlas.model.signals import Hours
from wattlas.model.suggest import did_you_mean

SHARE_SLACK = 1e-6


def build_demand(draft: Draft, hours: Hours) -> np.ndarray:
    """Requests per hour, shape (metros, classes, T); problems are noted in the draft's inputs."""
    inputs, section = draft.inputs, draft.inputs.typed.demand
    shape = (len(draft.metros.kept), len(draft.classes.kept), hours.count)
    per_h = np.zeros(shape)
    if section.population is None and section.table is None:
        fix = "Add `demand.table`, or `demand.population`."
        inputs.report(("demand",), "there is none", fix)
        return per_h
    table = None
    if section.table is not None:
        table = inputs.table(("demand", "table"), DEMAND, section.table)
    if table is not None:
        per_h += _from_table(draft, table, hours)
    if section.population is not None and _population_is_sound(draft, section.population):
        per_h += _from_population(draft, section.population, hours)
        if table is not None:
            _check_not_twice(draft, table, section.population)
    return per_h * section.scale


def _from_population(draft: Draft, demand: PopulationDemand, hours: Hours) -> np.ndarray:
    metros = draft.metros.kept
    rates = [
        demand.by_metro.get(
            m.id, demand.by_country.get(m.get("country", ""), demand.requests_per_person_day)
        )
        for m in metros
    ]
    return population_demand(
        hours.utc,
        hours.step_h,
        demand,
        [float(m.get("population", 0.0)) for m in metros],
        rates,
        [zone if is_timezone(zone) else "UTC" for zone in (m.get("timezone", "") for m in metros)],
        draft.classes.ids,
    )


def _population_is_sound(draft: Draft, demand: PopulationDemand) -> bool:
    before = len(draft.inputs.problems)
    inputs, path = draft.inputs, ("demand", "population")
    for name, of_class in demand.classes.items():
        class_path = (*path, "classes", name)
        inputs.problems += check_id(inputs.document, class_path, name, draft.classes)
        profile = of_class.hour_weights
        if profile is not None and profile not in demand.hour_profiles:
            what = f"is `{profile}`, which is no hour profile"
            fix = did_you_mean(profile, demand.hour_profiles)
            fix = fix or "Add it under `demand.population.hour_profiles`."
            inputs.report((*path, "classes", name, "hour_weights"), what, fix)
    total = sum(c.share for c in demand.classes.values())
    if abs(total - 1.0) > SHARE_SLACK:
        what = f"have shares that add up to {total:g}, wanted 1"
        inputs.report((*path, "classes"), what, "Adjust the shares.")
    for name, weights in demand.hour_profiles.items():
        if len(weights) != HOURS_PER_DAY or sum(weights) <= 0:
            what = f"has {len(weights)} weights that add up to {sum(weights):g}"
            fix = "Give 24 weights, one per local hour from midnight, not all 0."
            inputs.report((*path, "hour_profiles", name), what, fix)
    _check_by(draft, "by_metro", demand.by_metro, {m.id for m in draft.metros.every})
    _check_by(draft, "by_country", demand.by_country, draft.metros.values("country"))
    return len(inputs.problems) == before


def _check_by(draft: Draft, key: str, rates: dict[str, float], known: set[str]) -> None:
    for name in rates:
        if name not in known:
            path = ("demand", "population", key, name)
            what = f"`{name}` is the {key.removeprefix('by_')} of no metro"
            draft.inputs.report(path, what, did_you_mean(name, known))


def _check_not_twice(draft: Draft, table: SourceTable, demand: PopulationDemand) -> None:
    if "class" not in table.columns:
        return
    listed = set(table.frame["class"].cast(pl.String).drop_nulls().unique())
    for name in demand.classes:
        if name in listed:
            what = "is given by the table as well"
            fix = "Keep the class in one of the two."
            draft.inputs.report(("demand", "population", "classes", name), what, fix)


def _from_table(draft: Draft, table: SourceTable, hours: Hours) -> np.ndarray:
    metros, classes = draft.metros, draft.classes
    shape = (len(metros.kept), len(classes.kept), hours.count)
    cells = typed(table)
    frame = cells.frame
    draft.inputs.problems += cells.problems
    if not cells.has(*DEMAND.required):
        return np.zeros(shape)
    strange = [*unknown_ids(table, frame, metros), *unknown_ids(table, frame, classes)]
    draft.inputs.problems += strange
    keys: Sequence[tuple[str, ...]] = [(m, k) for m in metros.ids for k in classes.ids]
    values, _, problems = on_grid(table, frame, ["metro", "class"], "requests_per_h", keys, hours)
    draft.inputs.problems += problems
    demand: np.ndarray = np.nan_to_num(values, nan=0.0).reshape(shape)
    return demand
