"""Who is at the baseline region in which grid zone, and where their requests may be served, in
full and degraded.

Full service is at the points that the masks of placement leave open. A degraded request may be less
accurate, and late by a factor; law, state and the models that a region runs bind it all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import (
    LAWFUL,
    Closed,
    Feasibility,
    accuracy,
    degraded_points,
    feasibility,
    longest_ms,
    service_ms,
)
from wattlas.studies.grams import Board, RequestGroup

NETWORK_KWH_PER_GB = 0.0
"""Energy of the network per GB that goes to another region. The rest of Wattlas counts none."""
HALF = 0.5
"""What a degraded request takes of full service where nothing else is said, without a scenario."""


@dataclass(frozen=True)
class Ways:
    """How a class is served in full and degraded, and where else.

    `full` is the operating point of full service, the thriftiest that is open at each place unless
    given. A degraded request is served at the point `green`, or takes `green_share` of full service
    at the same place; without either it is at the most accurate point that takes less energy than
    full service does at the baseline region. `latency_factor` is how many budgets a degraded
    request may take. `regions` may serve beside the baseline region, all unless given.
    `network_kwh_per_gb` times the class's bytes is added away from the baseline region.
    """

    full: str | None = None
    green: str | None = None
    green_share: float | None = None
    latency_factor: float = 1.0
    regions: Sequence[str] | None = None
    network_kwh_per_gb: float = NETWORK_KWH_PER_GB


@dataclass(frozen=True)
class _Open:
    """Of one class: what is open to each metro, (I, R, O), and IT energy of each point, (O,)."""

    full: np.ndarray
    green: np.ndarray
    kwh: np.ndarray
    baseline: np.ndarray
    """Nearest region that is open in full, (I,); −1 where none is."""
    requests: np.ndarray
    """Per step, (I, T); those without a baseline region are none."""


def board_of(scenario: Scenario, klass: str, ways: Ways | None = None) -> Board:
    """The board of a class.

    Raises InputError with everything that is wrong: names that are not there, shares outside 0..1,
    a class without demand, a degraded point that saves nothing anywhere.
    """
    ways = Ways() if ways is None else ways
    problems = list(board_problems(scenario, klass, ways))
    if problems:
        raise InputError(problems)
    k = [known.id for known in scenario.classes].index(klass)
    open_to = _open(scenario, k, ways)
    if not open_to.requests.sum() > 0:
        fix = "Give it demand, or another point of full service."
        raise InputError([Problem(f"classes.{klass}", "has no demand at any place", fix)])
    point = None if ways.green_share is not None else _green_point(scenario, k, open_to, ways)
    clients = tuple(_clients(scenario, open_to, point, ways))
    known = {client.zone for client in clients}
    requests = scenario.demand_per_h[:, k] @ scenario.hours.hours
    return Board(
        zones=tuple(z for z in scenario.signals.zones if z in known),
        clients=clients,
        g_per_kwh=scenario.deciding_g_per_kwh,
        utc=scenario.hours.utc,
        step_h=scenario.hours.step_h,
        whole=bool(scenario.hours.follows[1:].all()),
        moved_kwh=ways.network_kwh_per_gb * scenario.classes[k].transfer_gb,
        full_points=_full_points(scenario, open_to),
        green_point="" if point is None else scenario.points[point].id,
        left_out=float(requests[open_to.baseline < 0].sum() / requests.sum()),
    )


def board_of_table(
    zones: Sequence[str],
    g_per_kwh: np.ndarray,
    utc: np.ndarray,
    *,
    green_share: float = HALF,
    step_h: float = 1.0,
) -> Board:
    """A board without a scenario: each zone asks for as much in every step, 1 kWh per request.

    Grams per request are then g/kWh of full service; away from the baseline region is in the other
    zones. `g_per_kwh` (zones, T). Raises InputError for a share outside 0..1.
    """
    problems = list(share_problem(green_share))
    if problems:
        raise InputError(problems)
    count, steps = g_per_kwh.shape
    each_kwh = np.ones(count)
    return Board(
        zones=tuple(zones),
        clients=tuple(
            RequestGroup(zone, n, np.full(steps, step_h), each_kwh, green_share * each_kwh)
            for n, zone in enumerate(zones)
        ),
        g_per_kwh=g_per_kwh,
        utc=utc,
        step_h=step_h,
        whole=True,
    )


def board_problems(scenario: Scenario, klass: str, ways: Ways) -> Iterator[Problem]:
    """What is wrong with the names and figures of a question."""
    points = [o.id for o in scenario.points]
    named = [("class", klass, [k.id for k in scenario.classes])]
    named += [("full", ways.full, points)] if ways.full is not None else []
    named += [("green", ways.green, points)] if ways.green is not None else []
    named += [("regions", r, [x.id for x in scenario.regions]) for r in ways.regions or ()]
    for where, name, known in named:
        if name not in known:
            yield Problem(where, f"`{name}` is not there", f"Choose among {', '.join(known)}.")
    if ways.green is not None and ways.green_share is not None:
        fix = "Give the degraded point, or a share that stands for it."
        yield Problem("green", "is given beside green_share", fix)
    if ways.green_share is not None:
        yield from share_problem(ways.green_share)
    if not 1.0 <= ways.latency_factor < np.inf:
        what = f"is {ways.latency_factor:g}, wanted at least 1"
        yield Problem("latency_factor", what, "A degraded request may be later, never sooner.")
    if not 0.0 <= ways.network_kwh_per_gb < np.inf:
        what = f"is {ways.network_kwh_per_gb:g}, wanted a number of at least 0"
        yield Problem("network_kwh_per_gb", what, "Give kWh per GB.")


def share_problem(green_share: float) -> Iterator[Problem]:
    """What is wrong with a share that stands for a degraded point."""
    if not 0.0 <= green_share <= 1.0:
        what = f"is {green_share:g}, wanted 0..1"
        yield Problem("green_share", what, "Give degraded over full energy.")


def _open(scenario: Scenario, k: int, ways: Ways) -> _Open:
    judged = feasibility(scenario)
    full = judged.allowed[:, k] & ~degraded_points(scenario)[k]
    if ways.full is not None:
        full = full & np.array([o.id == ways.full for o in scenario.points])
    somehow = full.any(axis=2)
    onward = scenario.network.rtt_node_region_ms[scenario.metro_node]
    nearest = np.where(somehow, onward, np.inf).argmin(axis=1)
    baseline = baseline_region(scenario, judged)[:, k]
    serves = (baseline >= 0) & somehow[np.arange(len(baseline)), np.maximum(baseline, 0)]
    base = np.where(serves, baseline, np.where(somehow.any(axis=1), nearest, -1))
    requests = scenario.demand_per_h[:, k] * scenario.hours.hours
    return _Open(
        full=full,
        green=_open_degraded(scenario, k, judged, full, ways.latency_factor),
        kwh=scenario.it_kwh[k],
        baseline=base,
        requests=np.where(base[:, None] >= 0, requests, 0.0),
    )


def _open_degraded(
    scenario: Scenario, k: int, judged: Feasibility, full: np.ndarray, factor: float
) -> np.ndarray:
    """Where a degraded request may run, (I, R, O): in time, or as late as full service must be."""
    bars = LAWFUL & ~int(Closed.POINT) & ~int(Closed.ACCURACY)
    latency = judged.latency_ms[:, k]
    longest = longest_ms(scenario, judged.budget_ms * factor)[:, k]
    last_resort = np.where(full, latency, -np.inf).max(axis=(1, 2))
    late = np.where(judged.late[:, k], last_resort, -np.inf)[:, None, None]
    allowed: np.ndarray = (judged.closed[:, k] & bars) == 0
    allowed &= latency <= np.maximum(longest, late) * (1 + 1e-12)
    return allowed


def _clients(
    scenario: Scenario, open_to: _Open, point: int | None, ways: Ways
) -> Iterator[RequestGroup]:
    """Metros with demand, those merged that share the baseline region and open places."""
    pue = scenario.pue
    allowed = [ways.regions is None or r.id in ways.regions for r in scenario.regions]
    rows: dict[tuple[int, bytes, bytes], list[int]] = {}
    memory: dict[tuple[int, bytes, bytes], tuple[np.ndarray, np.ndarray]] = {}
    for i in np.flatnonzero(open_to.requests.any(axis=1)).tolist():
        base = int(open_to.baseline[i])
        open_here = np.array(allowed) | (np.arange(len(allowed)) == base)
        full = np.where(open_to.full[i] & open_here[:, None], open_to.kwh, np.inf).min(axis=1) * pue
        if point is None:
            green = np.full(len(full), np.inf)
            np.multiply(ways.green_share or 0.0, full, out=green, where=np.isfinite(full))
        else:
            green = np.where(
                open_to.green[i, :, point] & open_here, open_to.kwh[point] * pue, np.inf
            )
        key = (base, full.tobytes(), green.tobytes())
        rows.setdefault(key, []).append(i)
        memory[key] = full, green
    for key, members in rows.items():
        full, green = memory[key]
        zone = scenario.regions[key[0]].zone
        yield RequestGroup(zone, key[0], open_to.requests[members].sum(axis=0), full, green)


def _baseline_kwh(open_to: _Open) -> np.ndarray:
    """IT energy of full service at the baseline region, (I,); nan where there is no baseline
    region."""
    at_baseline = open_to.full[np.arange(len(open_to.baseline)), np.maximum(open_to.baseline, 0)]
    least = np.where(at_baseline, open_to.kwh, np.inf).min(axis=1)
    return np.where(open_to.baseline >= 0, least, np.nan)


def _full_points(scenario: Scenario, open_to: _Open) -> tuple[str, ...]:
    """Points of full service at the baseline region, by requests."""
    at_baseline = open_to.full[np.arange(len(open_to.baseline)), np.maximum(open_to.baseline, 0)]
    point = np.where(at_baseline, open_to.kwh, np.inf).argmin(axis=1)
    requests = np.bincount(point, open_to.requests.sum(axis=1), len(scenario.points))
    order = np.argsort(-requests, kind="stable")
    return tuple(scenario.points[o].id for o in order if requests[o] > 0)


def _green_point(scenario: Scenario, k: int, open_to: _Open, ways: Ways) -> int:
    """Position of the degraded point. Raises InputError where it, or every one, saves nothing."""
    requests = open_to.requests.sum(axis=1)
    less = open_to.kwh[None, :] < _baseline_kwh(open_to)[:, None] * (1 - 1e-12)
    if ways.green is not None:
        named = [o.id for o in scenario.points].index(ways.green)
        if not requests @ (open_to.green[:, :, named].any(axis=1) & less[:, named]) > 0:
            what = f"`{ways.green}` takes no less energy than full service wherever it is open"
            fix = "Choose a thriftier point, another of full service, or a larger latency factor."
            raise InputError([Problem("green", what, fix)])
        return named
    at_baseline = open_to.green[np.arange(len(open_to.baseline)), np.maximum(open_to.baseline, 0)]
    reach = np.where(_own_copies(scenario, k), requests @ (at_baseline & less), 0.0)
    if not reach.max() > 0:
        what = "no point takes less energy than full service at the baseline region"
        fix = "Name another point of full service, or give green_share."
        raise InputError([Problem("green", what, fix)])
    best = np.flatnonzero(reach >= reach.max() * (1 - 1e-9))
    score, late = accuracy(scenario)[k], service_ms(scenario)[k]
    return int(best[np.lexsort((open_to.kwh[best], late[best], -score[best]))[0]])


def _own_copies(scenario: Scenario, k: int) -> np.ndarray:
    """Points that a degraded request may get by default: its tier's, else no tier's; (O,)."""
    every = degraded_points(scenario)
    return np.asarray(every[k] if every[k].any() else ~every.any(axis=0))
