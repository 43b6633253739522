"""Demand of a scenario: what the table says, and population × profile for the other classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from wattlas.data.demand import HOUR_PROFILES, population_demand
from wattlas.data.draft import Draft
from wattlas.data.entities import check_id, unknown_ids
from wattlas.data.reader.cells import typed
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.hours import DEMAND
from wattlas.data.schema_models import HOURS_PER_DAY, PopulationDemand
from wattlas.data.series import on_grid
from wattlas.data.totals_build import classes_of, from_totals
from wattlas.data.yaml_lines import Path_
from wattlas.model.geography import is_timezone
from wattlas.model.signals import Hours
from wattlas.model.suggest import did_you_mean

SHARE_SLACK = 1e-6


def build_demand(draft: Draft, hours: Hours) -> np.ndarray:
    """Requests per hour, shape (metros, classes, T); problems are noted in the draft's inputs."""
    inputs, section = draft.inputs, draft.inputs.typed.demand
    shape = (len(draft.metros.kept), len(draft.classes.kept), hours.count)
    per_h = np.zeros(shape)
    if section.population is None and section.table is None and section.totals is None:
        fix = "Add `demand.table`, `demand.totals` or `demand.population`."
        inputs.report(("demand",), "there is none", fix)
        return per_h
    table = None
    if section.table is not None:
        table = inputs.table(("demand", "table"), DEMAND, section.table)
    if table is not None:
        per_h += _from_table(draft, table, hours)
    if section.population is not None and _population_is_sound(draft, section.population):
        per_h += _from_population(draft, section.population, hours)
    if section.totals is not None and _profiles_are_sound(draft, ("demand", "totals")):
        per_h += from_totals(draft, section.totals, hours)
    _check_not_twice(draft, table)
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
    inputs, path = draft.inputs, ("demand", "population")
    before = len(inputs.problems)
    total = sum(c.share for c in demand.classes.values())
    if abs(total - 1.0) > SHARE_SLACK:
        what = f"have shares that add up to {total:g}, wanted 1"
        inputs.report((*path, "classes"), what, "Adjust the shares.")
    _check_by(draft, "by_metro", demand.by_metro, {m.id for m in draft.metros.every})
    _check_by(draft, "by_country", demand.by_country, draft.metros.values("country"))
    return _profiles_are_sound(draft, path) and len(inputs.problems) == before


def _profiles_are_sound(draft: Draft, path: tuple[str, str]) -> bool:
    """Whether the classes of a section exist, and the hour profiles that they name."""
    inputs = draft.inputs
    before, section = len(inputs.problems), getattr(inputs.typed.demand, path[-1])
    named: dict[Path_, str | None] = {
        (*path, "hour_weights"): getattr(section, "hour_weights", None)
    }
    for name, profile in section.classes.items():
        class_path = (*path, "classes", name)
        inputs.problems += check_id(inputs.document, class_path, name, draft.classes)
        named[*class_path, "hour_weights"] = profile.hour_weights
    known = {**HOUR_PROFILES, **section.hour_profiles}
    for place, profile_name in named.items():
        if profile_name is not None and profile_name not in known:
            what = f"is `{profile_name}`, which is no hour profile"
            fix = did_you_mean(profile_name, known)
            fix = fix or f"Add it under `{'.'.join(path)}.hour_profiles`."
            inputs.report(place, what, fix)
    for name, weights in section.hour_profiles.items():
        if len(weights) != HOURS_PER_DAY or sum(weights) <= 0:
            what = f"has {len(weights)} weights that add up to {sum(weights):g}"
            fix = "Give 24 weights, one per local hour from midnight, not all 0."
            inputs.report((*path, "hour_profiles", name), what, fix)
    return len(inputs.problems) == before


def _check_by(draft: Draft, key: str, rates: dict[str, float], known: set[str]) -> None:
    for name in rates:
        if name not in known:
            path = ("demand", "population", key, name)
            kind = "no metro" if key == "by_metro" else "the country of no metro"
            what = f"`{name}` is {kind}"
            draft.inputs.report(path, what, did_you_mean(name, known))


def _check_not_twice(draft: Draft, table: SourceTable | None) -> None:
    """A class has one source of demand."""
    section = draft.inputs.typed.demand
    listed: dict[str, set[str]] = {}
    if table is not None and "class" in table.columns:
        rows = table.frame["class"].cast(pl.String).drop_nulls().unique()
        listed["the table"] = set(rows)
    if section.totals is not None:
        listed["the totals"] = classes_of(draft, section.totals)
    if section.population is not None:
        listed["the population"] = set(section.population.classes)
    sources = list(listed)
    for n, later in enumerate(sources):
        for earlier in sources[:n]:
            for name in sorted(listed[earlier] & listed[later]):
                key = "population" if later == "the population" else "totals"
                what = f"class `{name}` is given by {earlier} and by {later}"
                fix = "Keep the class in one of the two."
                path = ("demand", key, "classes", name)
                draft.inputs.report(path, what, fix)


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
