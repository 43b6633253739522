"""The baseline region of each demand: where it runs before anything is moved.

Fixed per metro and class, capacity not looked at: the region that the scenario states, else the
feasible one with the least round trip from the service node. Among equally near ones it is the
node's own region, else the nearest by distance, else the first; that there was a choice is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.geography import great_circle_km
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import (
    Closed,
    Feasibility,
    degraded_points,
    first_region,
    words,
)

EQUAL = 1e-12
"""Relative difference below which two round trips are one."""


@dataclass(frozen=True)
class Baseline:
    """Of each metro and class, all (I, K): `region` (−1: no region is feasible), whether it is
    `stated`, and whether it is `tied`: others are as near, and it was not stated.
    """

    region: np.ndarray
    stated: np.ndarray
    tied: np.ndarray


def baseline_of(scenario: Scenario, judged: Feasibility) -> Baseline:
    """The baseline of every demand in full service: nothing is degraded there.

    A stated region that the budgets of `judged` close gives way to the nearest.
    """
    full = ~degraded_points(scenario)[None, :, None, :]
    is_open = np.asarray((judged.allowed & full).any(axis=3))
    rtt = scenario.network.rtt_node_region_ms[scenario.metro_node][:, None, :]
    reach = np.where(is_open, rtt, np.inf)
    near = is_open & (reach <= reach.min(axis=2, keepdims=True) * (1 + EQUAL))
    order = np.where(near, _preference(scenario)[:, None, :], np.inf)
    region = np.where(is_open.any(axis=2), order.argmin(axis=2), -1)
    wanted = _open_at_site(scenario, _stated(scenario), is_open)
    at = np.maximum(wanted, 0)[:, :, None]
    stated = (wanted >= 0) & np.take_along_axis(is_open, at, axis=2)[:, :, 0]
    region = np.where(stated, wanted, region)
    return Baseline(region, stated, _several_sites(scenario, near) & ~stated)


def _several_sites(scenario: Scenario, near: np.ndarray) -> np.ndarray:
    """Whether regions, (I, K, R), are of more than one site; bool, (I, K)."""
    first = near.argmax(axis=2)
    other = scenario.site[None, None, :] != scenario.site[first][:, :, None]
    return np.asarray((near & other).any(axis=2))


def baseline_region(scenario: Scenario, judged: Feasibility) -> np.ndarray:
    """The baseline region of each metro and class; −1 where none is feasible; int, (I, K)."""
    return baseline_of(scenario, judged).region


def refuse_unlawful(scenario: Scenario, judged: Feasibility) -> None:
    """InputError with every stated region that may not serve the demand that it is stated for."""
    problems = list(dict.fromkeys(_unlawful(scenario, judged)))
    if problems:
        raise InputError(problems)


def tie_words(scenario: Scenario, judged: Feasibility) -> str:
    """Which baseline regions were a choice among equally near ones; empty where none was."""
    base = baseline_of(scenario, judged)
    asks = np.asarray((scenario.demand_per_h > 0).any(axis=2))
    metros = np.flatnonzero((base.tied & asks).any(axis=1))
    if not len(metros):
        return ""
    i = int(metros[0])
    k = int(np.flatnonzero(base.tied[i] & asks[i])[0])
    first = scenario.regions[int(base.region[i, k])].id
    return (
        f"{len(metros)} of {len(scenario.metros)} metros have several regions that are equally "
        "near: the service node's own region, else the nearest by distance, is their baseline "
        f"region ({first} for {scenario.metros[i].id}). State another under `baseline`."
    )


def _preference(scenario: Scenario) -> np.ndarray:
    """What decides among equally near regions, less is better, (I, R): own region, distance."""
    nodes, regions = scenario.nodes, scenario.regions
    km = great_circle_km(
        *(np.array([getattr(node, name) for node in nodes]) for name in ("lat_deg", "lon_deg")),
        *(np.array([getattr(r, name) for r in regions]) for name in ("lat_deg", "lon_deg")),
    )
    km = np.nan_to_num(km, nan=0.0)  # places without coordinates are all as far
    at = first_region(scenario)
    for n, node in enumerate(nodes):
        if node.region in at:
            km[n, scenario.site == scenario.site[at[node.region]]] = -1.0
    decides: np.ndarray = km[scenario.metro_node]
    return decides


def _stated(scenario: Scenario) -> np.ndarray:
    """The region stated for each metro and class, −1 where none is; int, (I, K)."""
    stated = np.full(scenario.shape[:2], -1, dtype=np.int64)
    if scenario.baseline:
        at = first_region(scenario)
        for i, k, region, _ in _statements(scenario):
            stated[i, k] = at[region]
    return stated


def _open_at_site(scenario: Scenario, stated: np.ndarray, is_open: np.ndarray) -> np.ndarray:
    """The stated regions, (I, K): where one is closed, an open one of its site instead, if any."""
    if len(np.unique(scenario.site)) == len(scenario.site):
        return stated
    same = scenario.site[None, None, :] == scenario.site[np.maximum(stated, 0)][:, :, None]
    there = is_open & same & (stated >= 0)[:, :, None]
    own = np.take_along_axis(there, np.maximum(stated, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(there.any(axis=2) & ~own, there.argmax(axis=2), stated)


def _statements(scenario: Scenario) -> Iterator[tuple[int, int, str, str]]:
    """(metro, class, region, where it is stated); a tier's class has that of its base."""
    for i, metro in enumerate(scenario.metros):
        for k, klass in enumerate(scenario.classes):
            region, where = scenario.baseline.stated(metro.id, klass.base or klass.id)
            if region:
                yield i, k, region, where


def _unlawful(scenario: Scenario, judged: Feasibility) -> Iterator[Problem]:
    base = baseline_of(scenario, judged)
    asks = np.asarray((scenario.demand_per_h > 0).any(axis=2))
    full = ~degraded_points(scenario)
    at = first_region(scenario)
    for i, k, region, where in _statements(scenario):
        if not asks[i, k] or base.stated[i, k]:
            continue
        closed = judged.closed[i, k, at[region]]
        open_points = full[k] & ((closed & Closed.POINT) == 0)
        reason = words(
            int(np.bitwise_and.reduce(closed[open_points if open_points.any() else full[k]]))
        )
        klass = scenario.classes[k].base or scenario.classes[k].id
        what = f"`{region}` may not serve class {klass} of {scenario.metros[i].id}"
        fix = "State a region that may, or leave it to the nearest feasible one."
        yield Problem(where, f"{what}: {reason}" if reason else what, fix)
