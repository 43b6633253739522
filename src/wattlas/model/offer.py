"""A scenario with tiers: the demand under a contract becomes a class of its own.

Class `chat` under tier `green` is the class `chat~green`. It uses the points of `chat` as `chat`
does, and beside them copies of the points that a degraded request may use: `small~green` is the
point `small`, counted as degraded. The tier's degradation cap bounds the share of those. Placement
needs to know nothing of tiers.

Their field `contract` says which of the classes, points and caps belong to a tier, and `base` which
class one was made of. The ids are for people to read; a user's own may look alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.contract import ShareCap, Tier
from wattlas.model.scenario import Scenario
from wattlas.model.workload import OperatingPoint, WorkloadClass


def offer(scenario: Scenario, tiers: Iterable[Tier]) -> Scenario:
    """The scenario in which a share of the demand is under each tier's contract.

    A tier that nobody adopts leaves no trace. Raises InputError with everything that is wrong:
    unknown classes or points, a fallback that is no lower than full service, ids that are taken,
    more than all of a class's demand under contract.
    """
    wanted = tuple(tiers)
    problems = list(problems_of(scenario, wanted))
    if problems:
        raise InputError(problems)
    adopted = [tier for tier in wanted if tier.adoption > 0]
    pairs = [(k, tier) for tier in adopted for k in _classes_of(scenario, tier)]
    everywhere = tuple(point.id for point in scenario.points)
    plain = tuple(replace(k, points=k.points or everywhere) for k in scenario.classes)
    copies = [_copy(scenario, k, tier) for k, tier in pairs]
    return replace(
        scenario,
        classes=(*plain, *copies),
        points=_points(scenario, pairs, adopted),
        demand_per_h=_demand(scenario, pairs),
        share_caps=(*scenario.share_caps, *(_cap(scenario, k, tier) for k, tier in pairs)),
        tiers=(*scenario.tiers, *wanted),
    )


def full_service(scenario: Scenario) -> Scenario:
    """The same scenario in which nothing is ever degraded."""
    if not scenario.share_caps:
        return scenario
    shut: dict[str, set[str]] = {}
    for cap in scenario.share_caps:
        for klass in cap.classes:
            shut.setdefault(klass, set()).update(cap.points)
    every = tuple(point.id for point in scenario.points)
    classes = tuple(
        replace(k, points=tuple(p for p in k.points or every if p not in shut.get(k.id, ())))
        for k in scenario.classes
    )
    return replace(scenario, classes=classes, share_caps=(), carbon_caps=())


def withdrawn(scenario: Scenario) -> Scenario:
    """The same demand with no contract at all: what `offer` began from."""
    if not scenario.tiers:
        return scenario
    plain = [n for n, klass in enumerate(scenario.classes) if not klass.contract]
    at = {scenario.classes[n].id: row for row, n in enumerate(plain)}
    demand = scenario.demand_per_h[:, plain].copy()
    for n, klass in enumerate(scenario.classes):
        if klass.contract:
            demand[:, at[klass.base]] += scenario.demand_per_h[:, n]
    return replace(
        scenario,
        classes=tuple(scenario.classes[n] for n in plain),
        points=tuple(o for o in scenario.points if not o.contract),
        demand_per_h=demand,
        share_caps=tuple(cap for cap in scenario.share_caps if not cap.contract),
        carbon_caps=tuple(cap for cap in scenario.carbon_caps if not cap.contract),
        tiers=(),
    )


def problems_of(scenario: Scenario, tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    """Everything that is wrong with some tiers for a scenario."""
    classes = {k.id: k for k in scenario.classes}
    points = {o.id for o in scenario.points}
    for n, tier in enumerate(tiers):
        at = f"tiers.{tier.id}"
        if tier.id in {other.id for other in tiers[:n]} | {t.id for t in scenario.tiers}:
            yield Problem(at, "is there twice", "Give each tier an id of its own.")
        for kind, names, known in (
            ("classes", tier.classes, set(classes)),
            ("points", tier.points, points),
        ):
            for name in names or ():
                if name not in known:
                    fix = f"Choose among {', '.join(sorted(known))}."
                    yield Problem(f"{at}.{kind}", f"names `{name}`, which is not there", fix)
        for klass in _classes_of(scenario, tier):
            yield from _fallback_problems(scenario, klass, tier)
            yield from _taken_ids(scenario, klass, tier)
    yield from _crowded(scenario, tiers)


def _fallback_problems(scenario: Scenario, klass: WorkloadClass, tier: Tier) -> Iterator[Problem]:
    """A fallback that is better than full service degrades nothing."""
    full = [klass.accuracy(o) for o in _full_points(scenario, klass)]
    at = f"tiers.{tier.id}.accuracy_min"
    if full and tier.accuracy_min > max(full):
        what = (
            f"is {tier.accuracy_min:g}, better than full service of class {klass.id} "
            f"(at most {max(full):g})"
        )
        yield Problem(at, what, "Lower the fallback.")
    elif not _degraded_points(scenario, klass, tier):
        what = f"leaves class {klass.id} no operating point for a degraded request"
        yield Problem(at, what, "Lower the fallback, or name other points.")


def _taken_ids(scenario: Scenario, klass: WorkloadClass, tier: Tier) -> Iterator[Problem]:
    """A class or point of the user's that has the name of a copy to come."""
    points = {f"points.{o.id}" for o in scenario.points}
    classes = {f"classes.{k.id}" for k in scenario.classes}
    copies = [f"points.{_copied(o.id, tier)}" for o in _degraded_points(scenario, klass, tier)]
    for where in (f"classes.{_copied(klass.id, tier)}", *copies):
        if where in points | classes:
            what = f"has the name that its copy under the tier {tier.id} takes"
            yield Problem(where, what, "Give it, or the tier, another id.")


def _copied(name: str, tier: Tier) -> str:
    """Id of the copy of a class or a point under a tier, as tables and messages show it."""
    return f"{name}~{tier.id}"


def _crowded(scenario: Scenario, tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    for klass in scenario.classes:
        total = sum(t.adoption for t in tiers if klass in _classes_of(scenario, t))
        if total > 1.0 + 1e-12:
            what = f"add up to {total:g} of class {klass.id}, wanted at most 1"
            yield Problem("tiers.*.adoption", what, "Lower an adoption.")


def _classes_of(scenario: Scenario, tier: Tier) -> list[WorkloadClass]:
    return [k for k in scenario.classes if tier.classes is None or k.id in tier.classes]


def _full_points(scenario: Scenario, klass: WorkloadClass) -> list[OperatingPoint]:
    """Points that full service of the class uses."""
    return [
        o
        for o in scenario.points
        if (klass.points is None or o.id in klass.points)
        and klass.accuracy(o) >= klass.accuracy_min - 1e-12
    ]


def _degraded_points(scenario: Scenario, klass: WorkloadClass, tier: Tier) -> list[OperatingPoint]:
    """Points that a degraded request of the class may use."""
    return [
        o
        for o in scenario.points
        if (tier.points is None or o.id in tier.points)
        and klass.accuracy(o) >= tier.accuracy_min - 1e-12
    ]


def _copy(scenario: Scenario, klass: WorkloadClass, tier: Tier) -> WorkloadClass:
    """The class under contract. Its fallbacks are in its list of points, so it needs no other."""
    degraded = [_copied(o.id, tier) for o in _degraded_points(scenario, klass, tier)]
    full = [o.id for o in _full_points(scenario, klass)]
    more = tier.latency_factor - 1.0
    later = more * klass.latency_budget_ms if more else 0.0
    return replace(
        klass,
        id=_copied(klass.id, tier),
        name=f"{klass.name or klass.id}, {tier.id}",
        points=(*full, *degraded),
        accuracy_min=0.0,
        latency_allowance_ms=dict.fromkeys(degraded, later),
        contract=tier.id,
        base=klass.base or klass.id,
    )


def _points(
    scenario: Scenario, pairs: list[tuple[WorkloadClass, Tier]], adopted: list[Tier]
) -> tuple[OperatingPoint, ...]:
    """All points with what they score on the new classes, then their copies per tier."""
    scored = []
    for point in scenario.points:
        accuracy = {_copied(k.id, tier): k.accuracy(point) for k, tier in pairs}
        scored.append(replace(point, accuracy_by_class={**point.accuracy_by_class, **accuracy}))
    copies = [
        replace(o, id=_copied(o.id, tier), contract=tier.id) for tier in adopted for o in scored
    ]
    degraded = {
        _copied(o.id, tier) for k, tier in pairs for o in _degraded_points(scenario, k, tier)
    }
    return (*scored, *(o for o in copies if o.id in degraded))


def _demand(scenario: Scenario, pairs: list[tuple[WorkloadClass, Tier]]) -> np.ndarray:
    """Requests/h of the classes without and then with a contract, (metros, classes, T)."""
    at = {k.id: n for n, k in enumerate(scenario.classes)}
    rest = np.ones(len(scenario.classes))
    for klass, tier in pairs:
        rest[at[klass.id]] -= tier.adoption
    rest = np.where(rest < 1e-12, 0.0, rest)
    whole = scenario.demand_per_h
    under = [tier.adoption * whole[:, at[k.id]] for k, tier in pairs]
    return np.concatenate([whole * rest[:, None], *(d[:, None] for d in under)], axis=1)


def _cap(scenario: Scenario, klass: WorkloadClass, tier: Tier) -> ShareCap:
    degraded = tuple(_copied(o.id, tier) for o in _degraded_points(scenario, klass, tier))
    name = _copied(klass.id, tier)
    return ShareCap(name, (name,), degraded, tier.share_max, tier.window, contract=tier.id)
