"""A draft and its arrays → `model.Scenario`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import numpy as np

from wattlas.data.checks import CHECKS, WARNINGS, unique
from wattlas.data.clock import (
    choose_sample,
    read_signals,
    sampled_hours,
    whole_time,
)
from wattlas.data.demand_build import build_demand
from wattlas.data.draft import Draft, make_draft
from wattlas.data.entities import Entities, Entity
from wattlas.data.hours_units import unusual_signals
from wattlas.data.inputs import Inputs
from wattlas.data.network import network_of
from wattlas.data.offer_points import offer_points
from wattlas.data.points import point_of
from wattlas.data.reader.cells import typed
from wattlas.data.reader.stretch import Stretch
from wattlas.data.schema.hours import CAPACITY
from wattlas.data.series import on_grid
from wattlas.data.shared_hours import refuse_apart
from wattlas.data.signal_tables import signal_tables
from wattlas.data.stated import stated, where_from
from wattlas.errors import InputError
from wattlas.model.baseline import BaselineRegions
from wattlas.model.contract import Tier
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.kinds import Kinds, by_kind
from wattlas.model.network import Network
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import (
    LatencyTo,
    Residency,
    State,
    WhenNone,
    WorkloadClass,
)

T = TypeVar("T")
NOT_STATED = {
    "lat_deg": float("nan"),
    "lon_deg": float("nan"),
    "country": "",
    "jurisdiction": "",
    "timezone": "UTC",
}
"""What stands for a field of a place that nothing asks for."""


@dataclass(frozen=True)
class Arrays:
    """The arrays of a scenario, before they are judged."""

    every_hour: Signals
    """Of every hour, also where a sample is studied."""
    hours: Hours
    signals: Signals
    network: Network
    demand: np.ndarray
    capacity: np.ndarray


def assemble(inputs: Inputs) -> tuple[Scenario, Arrays]:
    """The scenario of some inputs. Raises InputError with every problem that was found."""
    draft, network = _checked(inputs)
    arrays = _arrays(draft, network)
    if inputs.problems or arrays is None:
        raise InputError(unique(inputs.problems))
    for warning in WARNINGS:
        inputs.warnings += warning(draft)
    inputs.warnings += unusual_signals(inputs, arrays.every_hour)
    return _with_tiers(draft, _scenario(draft, arrays)), arrays


def outline(inputs: Inputs) -> Scenario:
    """The scenario without its hours: one step without demand, with unlimited capacity.

    No table over time is read. Raises InputError with everything else that is wrong.
    """
    draft, network = _checked(inputs)
    if inputs.problems:
        raise InputError(unique(inputs.problems))
    zones = tuple(dict.fromkeys(str(region.get("zone")) for region in draft.regions.kept))
    nothing = np.zeros((len(zones), 1))
    hours, signals = Hours.range("1970-01-01", 1), Signals(zones, nothing, nothing)
    demand = np.zeros((len(draft.metros.kept), len(draft.classes.kept), 1))
    capacity = np.full((len(draft.regions.kept), 1), np.inf)
    arrays = Arrays(signals, hours, signals, network, demand, capacity)
    return _with_tiers(draft, _scenario(draft, arrays))


def assemble_stretches(inputs: Inputs, stretches: Iterable[Hours]) -> Iterator[Scenario]:
    """The scenario of each stretch of hours, made when it is needed.

    What has no time is read once; of tables over time the rows of a stretch are read, and judged,
    when it comes. A CSV file is gone through once, into a temporary folder. Raises InputError with
    every problem known by then.
    """
    draft, network = _checked(inputs)
    with TemporaryDirectory(prefix="wattlas-") as store:
        yield from _stretches(draft, network, stretches, Path(store))


def _stretches(
    draft: Draft, network: Network, stretches: Iterable[Hours], store: Path
) -> Iterator[Scenario]:
    inputs = draft.inputs
    for hours in stretches:
        step = np.timedelta64(round(hours.step_h * 3600), "s")
        inputs.stretch = Stretch(hours.utc[0], hours.utc[-1] + step, store)
        signals = read_signals(inputs, signal_tables(inputs), draft.regions, hours)
        demand, capacity = build_demand(draft, hours), _capacity(draft, hours)
        if inputs.problems:
            raise InputError(unique(inputs.problems))
        arrays = Arrays(signals, hours, signals, network, demand, capacity)
        yield _with_tiers(draft, _scenario(draft, arrays))


def _checked(inputs: Inputs) -> tuple[Draft, Network]:
    """The draft and its network; what is wrong with them is noted in the inputs."""
    draft = make_draft(inputs)
    for check in CHECKS:
        inputs.problems += check(draft)
    return draft, network_of(draft)


def _with_tiers(draft: Draft, scenario: Scenario) -> Scenario:
    """The demand under each contract as classes of their own; their problems where they stand."""
    entries = draft.inputs.typed.tiers
    tiers = [_tier(name, entry.model_dump()) for name, entry in entries.items()]
    try:
        return offer(scenario, tiers) if tiers else scenario
    except InputError as fault:
        document = draft.inputs.document
        raise InputError(
            [document.problem(tuple(p.where.split(".")), p.what, p.fix) for p in fault.problems]
        ) from None


def _tier(name: str, fields: dict[str, Any]) -> Tier:
    lists = {n: None if fields[n] is None else tuple(fields.pop(n)) for n in ("classes", "points")}
    window = Window(fields.pop("window"))
    return Tier(id=name, window=window, **{**fields, **lists})


def _arrays(draft: Draft, network: Network) -> Arrays | None:
    """Every array, or None where the hours of the study are not known."""
    inputs = draft.inputs
    tables = signal_tables(inputs)
    if refuse_apart(inputs, tables, draft.regions):
        return None
    every_hour = whole_time(inputs, tables)
    if every_hour is None:
        return None
    signals = read_signals(inputs, tables, draft.regions, every_hour)
    sample = choose_sample(inputs, every_hour, signals)
    hours, index = sampled_hours(every_hour, sample)
    demand = build_demand(draft, every_hour)
    return Arrays(
        every_hour=signals,
        hours=hours,
        signals=signals.take(index),
        network=network,
        demand=demand if sample is None else sample.mean_days(demand),
        capacity=_capacity(draft, hours),
    )


def _capacity(draft: Draft, hours: Hours) -> np.ndarray:
    """Reserved accelerators by region and hour, shape (R, T); inf where free."""
    inputs, section = draft.inputs, draft.inputs.typed.capacity
    numbers = np.array([r.get("reserved_gpu", np.inf) for r in draft.regions.kept], dtype=float)
    capacity = np.repeat(numbers[:, None], hours.count, axis=1)
    table = inputs.table(("capacity", "table"), CAPACITY, section.table)
    if table is not None:
        cells = typed(table)
        inputs.problems += cells.problems
        if cells.has(*CAPACITY.required):
            keys = [(r,) for r in draft.regions.ids]
            values, has_rows, problems = on_grid(
                table, cells.frame, ["region"], "reserved_gpu", keys, hours
            )
            inputs.problems += problems
            capacity[has_rows] = values[has_rows]
            for region, listed in zip(draft.regions.kept, has_rows.tolist(), strict=True):
                if listed and region.get("accelerators"):
                    what = "are in capacity.table, too, which does not say of which kind"
                    fix = "Leave the region out of the table, and give reserved_gpu by kind."
                    inputs.problems.append(region.problem("accelerators", what, fix))
    return capacity * section.scale


def _scenario(draft: Draft, arrays: Arrays) -> Scenario:
    made = by_kind(_within_capacity(draft, arrays), _kinds(draft))
    return made.with_endless_capacity() if draft.inputs.typed.capacity.free else made


def _within_capacity(draft: Draft, arrays: Arrays) -> Scenario:
    inputs, typed_ = draft.inputs, draft.inputs.typed
    nodes_of = _nodes_of_metros(draft, arrays.network)
    notices = [typed_.notice, *inputs.notices()]
    return Scenario(
        name=typed_.name,
        metros=tuple(
            _entity_of(Metro, metro, node=node)
            for metro, node in zip(draft.metros.kept, nodes_of, strict=True)
        ),
        nodes=tuple(_node(n, draft.regions) for n in draft.nodes.kept),
        regions=tuple(_region(r, typed_.capacity.scale) for r in draft.regions.kept),
        classes=tuple(_class(draft, k) for k in draft.classes.kept),
        points=tuple(point_of(p, draft.accuracy.get(p.id)) for p in draft.points.kept),
        hours=arrays.hours,
        signals=replace(arrays.signals),
        network=replace(arrays.network),
        demand_per_h=arrays.demand,
        reserved_gpu=arrays.capacity,
        residency=tuple(
            Residency(rule, {j: frozenset(allowed) for j, allowed in lines.items()})
            for rule, lines in typed_.residency.items()
        ),
        baseline=BaselineRegions(**typed_.baseline.model_dump()),
        frictions=Frictions(
            **{**typed_.frictions.model_dump(), "initial": Initial(typed_.frictions.initial)}
        ),
        objective=_objective(typed_.objective.model_dump()),
        solver=Solver(typed_.solver),
        users=None if typed_.users is None else typed_.users.as_model(),
        terms=typed_.offer.as_model(offer_points(inputs)),
        provenance=tuple(dict.fromkeys((*inputs.provenance(), *stated(draft)))),
        title=typed_.title,
        notice=" ".join(n for n in dict.fromkeys(notices) if n),
        source_path=where_from(inputs.document.file),
    )


def _nodes_of_metros(draft: Draft, network: Network) -> list[str]:
    nodes_at_metros = draft.inputs.typed.nodes.at == "metros"
    nearest = np.argmin(network.rtt_metro_node_ms, axis=1)
    return [
        metro.get("node") or (metro.id if nodes_at_metros else draft.nodes.ids[int(nearest[i])])
        for i, metro in enumerate(draft.metros.kept)
    ]


def _entity_of(kind: Callable[..., T], entity: Entity, **extra: Any) -> T:
    """A place of the model: what the entity says of its fields, and what is found here."""
    names = {field.name for field in fields(cast(type, kind))}
    values = {n: v for n, v in entity.fields.items() if n in names and v is not None}
    values = {n: v for n, v in NOT_STATED.items() if n in names} | values
    return kind(id=entity.id, **{**values, **extra})


def _node(entity: Entity, regions: Entities) -> ServiceNode:
    region = entity.get("region", "")
    return _entity_of(ServiceNode, entity, region=region if region in regions.ids else "")


def _region(entity: Entity, scale: float) -> Region:
    listed = entity.get("variants")
    variant_ids = None if listed is None else frozenset(listed)
    return _entity_of(Region, entity, variants=variant_ids, **_scaled(entity.fields, scale))


def _scaled(fields: Mapping[str, Any], scale: float) -> dict[str, float]:
    """Numbers of accelerators times `capacity.scale`."""
    counts = ("reserved_gpu", "on_demand_gpu")
    return {name: fields[name] * scale for name in counts if fields.get(name) is not None}


def _kinds(draft: Draft) -> Kinds:
    """What each region says of its kinds of accelerators."""
    scale = draft.inputs.typed.capacity.scale
    return {
        region.id: {
            kind: {n: v for n, v in said.items() if v is not None} | _scaled(said, scale)
            for kind, said in region.get("accelerators").items()
        }
        for region in draft.regions.kept
        if region.get("accelerators")
    }


def _class(draft: Draft, entity: Entity) -> WorkloadClass:
    typed_ = draft.inputs.typed
    values = {n: v for n, v in entity.fields.items() if v is not None} | draft.tokens(entity)
    values.pop("token_profile", None)
    values.setdefault("unserved_usd_per_request", typed_.unserved_usd_per_request)
    values["when_none"] = WhenNone(values.get("when_none", typed_.when_none))
    values["state"] = State(values.get("state", "stateless"))
    values["latency_to"] = LatencyTo(values.get("latency_to", "first_token"))
    if "points" in values:
        values["points"] = tuple(values["points"])
    return WorkloadClass(id=entity.id, **values)


def _objective(fields: dict[str, Any]) -> Objective:
    minimise, window = Minimise(fields.pop("minimise")), Window(fields.pop("window"))
    return Objective(minimise=minimise, window=window, **fields)
