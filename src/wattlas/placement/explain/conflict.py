"""Why no placement exists, as the smallest set of requirements found, in words.

A conflict is irreducible: each demand and each limit in it is needed, drop any one and the rest
can be met. It is found in two steps. The program that leaves the least accelerator time unserved
has a dual whose support already clashes; then each member of it is dropped where the clash
remains without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.placement.hour import highs
from wattlas.placement.problem import feasibility as masks
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout, rows

NAMED = 8
"""How many members of a list are written out."""


@dataclass(frozen=True)
class Conflict:
    """An irreducible clash in one step: sources, limited regions, classes with a mean floor."""

    step: int
    sources: tuple[int, ...]
    regions: tuple[int, ...]
    floors: tuple[int, ...]
    needed_gpu: float
    """Least GPU-h/h that the sources need if each is served where it needs least."""
    offered_gpu: float
    """GPU-h/h of the regions."""


def stranded_words(instance: Instance) -> str:
    """Each demand without a place: metro, class, budget, the nearest place, and every mask."""
    lines = [_stranded(instance, i, k) for i, k in instance.stranded[:NAMED]]
    more = len(instance.stranded) - NAMED
    if more > 0:
        lines.append(f"and {more} more demands have no place")
    return "\n".join(lines)


def hour_words(instance: Instance, steps: np.ndarray) -> str:
    """The smallest conflict of the first infeasible step, and how many more steps clash."""
    found = hour_conflict(instance, int(steps[0]))
    text = _words(instance, found)
    more = len(steps) - 1
    return f"{text} (and {more} more hours clash)" if more else text


def cap_words(name: str, limit: float, attainable: float, unit: str, when: str) -> str:
    """A cap that cannot be met names the least attainable one."""
    return (
        f"{name} over {when} is capped at {limit:,.6g} {unit}, but the least attainable is "
        f"{attainable:,.6g} {unit}. Raise the cap, relax latency budgets or residency, or add "
        "capacity where it is lower."
    )


def share_words(name: str, promised: float, attainable: float, when: str) -> str:
    """A promise that cannot be kept names the least share that must be degraded."""
    return (
        f"{name} over {when} may degrade {promised:.3%} of its requests, but at least "
        f"{attainable:.3%} must be. Promise more, or open more full-service capacity."
    )


def hour_conflict(instance: Instance, step: int) -> Conflict:
    """An irreducible conflict of a step that is infeasible."""
    sources, regions, floors = _support(instance, step)
    sources = _reduce(sources, lambda s: _short(instance, step, s, regions, floors))
    regions = _reduce(regions, lambda r: _short(instance, step, sources, r, floors))
    floors = _reduce(floors, lambda f: _short(instance, step, sources, regions, f))
    used = np.where(instance.allowed, instance.gpu_h[:, None, :], np.inf).min(axis=(1, 2))
    needed = float(sum(instance.demand[s, step] * used[s] for s in sources))
    offered = float(sum(instance.capacity[r, step] for r in regions))
    return Conflict(step, tuple(sources), tuple(regions), tuple(floors), needed, offered)


def _support(instance: Instance, step: int) -> tuple[list[int], list[int], list[int]]:
    """Sources, regions and floors that carry a dual where the least is left unserved.

    Demand that may go unserved at a price is no part of a conflict.
    """
    limited = [int(r) for r in np.flatnonzero(np.isfinite(instance.capacity[:, step]))]
    floors = [int(k) for k in np.flatnonzero(~np.isnan(instance.mean_accuracy_min))]
    must = np.isnan(instance.unserved_usd) & (instance.demand[:, step] > 0)
    sources = [int(s) for s in np.flatnonzero(must)]
    answer, layout = _elastic(instance, step, sources, limited, floors)
    s, f = instance.sources, len(floors)
    first = answer.dual[:s] > 1e-9
    held = np.flatnonzero(np.isfinite(layout.instance.capacity).any(axis=1))
    region_dual = -answer.dual[s : s + len(held)]
    floor_dual = answer.dual[s + len(held) : s + len(held) + f]
    chosen = (
        [q for q in sources if first[q]],
        [int(r) for r, dual in zip(held, region_dual, strict=True) if dual > 1e-9],
        [k for k, dual in zip(floors, floor_dual, strict=True) if dual > 1e-9],
    )
    return chosen if _short(instance, step, *chosen) else (sources, limited, floors)


def _short(
    instance: Instance, step: int, sources: list[int], regions: list[int], floors: list[int]
) -> bool:
    """Whether these requirements alone clash."""
    if not (instance.demand[sources, step] > 0).any():
        return False
    answer, _ = _elastic(instance, step, sources, regions, floors)
    return answer.objective > 1e-7


def _elastic(
    instance: Instance, step: int, sources: list[int], regions: list[int], floors: list[int]
) -> tuple[highs.Answer, Layout]:
    """Leave least unserved; only these sources, regions' limits and floors count."""
    chosen = np.zeros(instance.sources, dtype=bool)
    chosen[sources] = True
    load = np.where(chosen, instance.demand[:, step], 0.0)
    scale = 100.0 / max(float(load.max(initial=0.0)), 1e-300)
    limit = np.full(len(instance.capacity), np.inf)
    limit[regions] = instance.capacity[regions, step] * scale
    floor = np.full(len(instance.mean_accuracy_min), np.nan)
    floor[floors] = instance.mean_accuracy_min[floors]
    heaviest = float(instance.gpu_h.max(initial=0.0)) or 1.0
    relaxed = replace(
        instance,
        demand=(load * scale)[:, None],
        capacity=limit[:, None] / heaviest,
        gpu_h=instance.gpu_h / heaviest,
        mean_accuracy_min=floor,
        unserved_usd=np.ones(instance.sources),
    )
    layout = Layout(relaxed, np.array([0]))
    cost = np.zeros(layout.columns)
    cost[layout.column("n").ravel()] = 1.0
    n = layout.columns
    program = highs.Lp(cost, np.zeros(n), np.full(n, np.inf), rows(layout))
    return highs.checked(highs.solve(program)), layout


def _reduce(members: list[int], clashes: object) -> list[int]:
    """Drop every member without which the rest still clash."""
    assert callable(clashes)
    kept = list(members)
    for one in members:
        rest = [m for m in kept if m != one]
        if clashes(rest):
            kept = rest
    return kept


def _words(instance: Instance, found: Conflict) -> str:
    scenario = instance.scenario
    when = f"{scenario.hours.utc[found.step]}Z"
    who = _who(instance, found.sources)
    where = _listed([scenario.regions[r].id for r in found.regions])
    if found.floors:
        names = ", ".join(scenario.classes[k].id for k in found.floors)
        limits = f" within the capacity of {where}" if found.regions else ""
        return (
            f"At {when} the mean accuracy of {names} cannot reach its minimum for {who}{limits}. "
            "Lower mean_accuracy_min, or open more accurate operating points or more capacity."
        )
    return (
        f"At {when} {who} need at least {found.needed_gpu:,.4g} GPU-h/h, and the places open to "
        f"them ({where}) have {found.offered_gpu:,.4g}: "
        f"{found.needed_gpu - found.offered_gpu:,.4g} short. Raise capacity_gpu there, relax the "
        "latency budget or residency of the class, or set unserved_usd_per_request."
    )


def _who(instance: Instance, sources: tuple[int, ...]) -> str:
    """The demands by class: `class A of lagos, accra and class D of 31 metros (lagos, …)`."""
    scenario, (pointer, metro, _) = instance.scenario, instance.members
    parts = []
    for k in np.unique(instance.klass[list(sources)]):
        of = [s for s in sources if instance.klass[s] == k]
        at = np.unique(np.concatenate([metro[pointer[s] : pointer[s + 1]] for s in of]))
        names = [scenario.metros[i].id for i in at]
        some = ", ".join(names[:NAMED])
        told = some if len(names) <= NAMED else f"{len(names)} metros ({some}, …)"
        parts.append(f"class {scenario.classes[k].id} of {told}")
    return " and ".join(parts)


def _listed(names: list[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def _stranded(instance: Instance, i: int, k: int) -> str:
    scenario, judged = instance.scenario, instance.judged
    metro, klass = scenario.metros[i], scenario.classes[k]
    latency = judged.latency_ms[i, k]
    reach = np.where(judged.lawful[i, k], latency, np.inf)
    nearest = np.unravel_index(int(reach.argmin()), reach.shape)
    head = f"{metro.id}, class {klass.id}: no place within {judged.budget_ms[i, k]:,.0f} ms"
    if np.isfinite(reach[nearest]):
        region = scenario.regions[int(nearest[0])].id
        head += f"; the nearest lawful place is {region} at {reach[nearest]:,.1f} ms"
    else:
        head += "; no place is lawful at any latency"
    return f"{head}. {_why_closed(scenario, judged, i, k)}"


def _why_closed(scenario: Scenario, judged: masks.Feasibility, i: int, k: int) -> str:
    """What closed each region: the masks of its least closed point, regions grouped by them."""
    groups: dict[str, list[str]] = {}
    for r, region in enumerate(scenario.regions):
        closed = judged.closed[i, k, r]
        least = min(closed, key=lambda c: (int(c).bit_count(), int(c)))
        groups.setdefault(masks.words(int(least)), []).append(region.id)
    parts = [f"{reason}: {_listed(names)}" for reason, names in groups.items()]
    return "Closed by " + "; ".join(parts)
