"""Accelerators of several kinds: each kind at a site is a region of its own.

Then every row of capacity, every price and every number of accelerators is by site and kind, and no
solver needs to know. What the kinds of a site share is its network, its signals and the law; its
state, the demand whose baseline region it is, and its loss in an outage; and `capacity_max` and
`power_max_kw`, which are of all its kinds together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import refers, refuse
from wattlas.model.geography import Region
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean

OF_A_KIND = (
    "reserved_gpu",
    "reserved_usd_per_gpu_year",
    "on_demand_gpu",
    "on_demand_usd_per_gpu_h",
    "reserved_gpu_min",
    "reserved_gpu_max",
)
"""Numbers and prices of accelerators: those of the kind alone count."""
BY_KIND = (*OF_A_KIND, "utilisation_max", "idle_w", "embodied_kg_per_gpu_year")
"""What a kind may say of itself; the last three are those of the region unless it does."""
Kinds = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Region → kind of accelerators → fields of `BY_KIND`."""


def kinds_of(scenario: Scenario) -> tuple[str, ...]:
    """The kinds of accelerators that operating points name, in order."""
    return tuple(sorted({point.kind for point in scenario.points} - {""}))


def by_kind(scenario: Scenario, kinds: Kinds) -> Scenario:
    """The scenario with regions split by the kind of their accelerators.

    A region R with the kinds A and B becomes the regions `R/A` and `R/B` of the site R. Numbers and
    prices of accelerators are those of the kind, `Region`'s own defaults where it does not say.
    Raises InputError for regions, kinds and fields that there are not.
    """
    refuse(_problems(scenario, kinds))
    if not kinds:
        return scenario
    parts = [list(_parts(region, kinds.get(region.id))) for region in scenario.regions]
    row = np.repeat(np.arange(len(parts)), [len(own) for own in parts])
    regions = tuple(region for own in parts for region in own)
    reserved = scenario.reserved_gpu[row].copy()
    for r, region in enumerate(regions):
        if region.site:
            reserved[r] = region.reserved_gpu
    network = scenario.network
    return replace(
        scenario,
        regions=regions,
        reserved_gpu=reserved,
        network=replace(
            network,
            rtt_node_region_ms=network.rtt_node_region_ms[:, row],
            egress_usd_per_gb=network.egress_usd_per_gb[:, row],
            modelled_node_region=network.modelled_node_region[:, row],
        ),
    )


def _parts(region: Region, kinds: Mapping[str, Mapping[str, float]] | None) -> Iterator[Region]:
    """A region, or one for each of its kinds."""
    if not kinds:
        yield region
        return
    plain: dict[str, Any] = {f.name: f.default for f in fields(Region) if f.name in OF_A_KIND}
    for kind, said in kinds.items():
        values = {**plain, **said}
        yield replace(region, id=f"{region.id}/{kind}", site=region.id, hardware=kind, **values)


def _problems(scenario: Scenario, kinds: Kinds) -> Iterator[Problem]:
    ids, named = [region.id for region in scenario.regions], kinds_of(scenario)
    yield from refers("regions", kinds, ids, "region")
    for region, of_region in kinds.items():
        for kind, said in of_region.items():
            at = f"regions.{region}.accelerators.{kind}"
            if kind not in named:
                what = "is a kind of accelerators that no operating point names"
                fix = did_you_mean(kind, named) or "Give it as `hardware` of the points it is for."
                yield Problem(at, what, fix)
            for name in said:
                if name not in BY_KIND:
                    fix = did_you_mean(name, BY_KIND) or f"A kind has: {', '.join(BY_KIND)}."
                    yield Problem(f"{at}.{name}", "is no field of a kind", fix)
