"""Public regions of clouds: what a bare id such as `aws:eu-north-1` already says.

The pack `clouds` holds what may be passed on: city, grid zone and published PUE of a region, and
the measured round trips and list prices between regions of one provider. What it does not know
stays unknown, and a problem names the line that brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from wattlas.data.entities import Entities, Entity
from wattlas.data.inputs import Inputs
from wattlas.data.pack import Pack, open_pack
from wattlas.errors import Problem
from wattlas.model.signals import Provenance
from wattlas.model.suggest import did_you_mean

PACK = "clouds"
PROVIDERS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure"}
INTERNET = "internet"
USED_AS = {"cloud_regions": "regions", "cloud_rtt": "rtt_node_region", "cloud_egress": "egress"}
STATED = ("name", "country", "jurisdiction", "lat_deg", "lon_deg", "timezone", "zone", "pue")
NOWHERE = float("nan")
UNKNOWN = {"zone": "", "jurisdiction": "", "lat_deg": NOWHERE, "lon_deg": NOWHERE, "pue": NOWHERE}
"""What stands for the facts of a region whose id is misspelt, so that it is one mistake."""

Value = Callable[[str, str], float | None]


def cloud_of(entity: Entity) -> str | None:
    """The public region that a place is: the one that it names, or its own id."""
    named = entity.get("cloud")
    if named is not None:
        return str(named)
    provider, colon, _ = entity.id.partition(":")
    return entity.id if colon and provider in PROVIDERS else None


@cache
def _pack() -> Pack:
    return open_pack(PACK)


@cache
def cloud_regions() -> Mapping[str, Mapping[str, Any]]:
    """Every public region by its id, as far as it is known."""
    rows = _pack().frame("cloud_regions").iter_rows(named=True)
    return {str(row["cloud"]): row for row in rows}


@cache
def _pairs(table: str, column: str) -> Mapping[tuple[str, str], float]:
    rows = _pack().frame(table).select("cloud", "to", column).iter_rows()
    return {(a, b): float(value) for a, b, value in rows}


def filled(inputs: Inputs, places: Entities) -> Entities:
    """The places with what their public region says where they do not; problems are noted."""
    if not any(cloud_of(place) for place in places.every):
        return places
    every, misspelt = [], set()
    for place in places.every:
        cloud = cloud_of(place)
        if cloud is None or cloud not in cloud_regions():
            if cloud is not None:
                inputs.problems.append(_unknown(place, cloud))
                misspelt.add(place.id)
                place = replace(place, fields={**UNKNOWN, **place.fields})
            every.append(place)
            continue
        facts = {n: v for n in STATED if (v := cloud_regions()[cloud][n]) is not None}
        fields = {**facts, **place.fields, "cloud": cloud}
        for problem, name in _not_known(place, cloud, fields, places.section):
            inputs.problems.append(problem)
            fields[name] = UNKNOWN[name]
        every.append(replace(place, fields=fields))
    _note(inputs, "cloud_regions")
    ids = set(places.ids) - misspelt
    return Entities(places.section, tuple(p for p in every if p.id in ids), tuple(every))


def _unknown(place: Entity, cloud: str) -> Problem:
    provider = cloud.partition(":")[0]
    same = [name for name in cloud_regions() if name.startswith(f"{provider}:")]
    fix = did_you_mean(cloud, same or list(cloud_regions()))
    fix = fix if fix.startswith("Did") else "`wattlas data show clouds` says where the list is."
    at = "cloud" if place.get("cloud") is not None else ""
    return place.problem(at, f"`{cloud}` is no public region that is known", fix)


def _not_known(
    place: Entity, cloud: str, fields: Mapping[str, Any], section: str
) -> Iterator[tuple[Problem, str]]:
    """What a region needs and nobody states, each with the one line that brings it."""
    if section != "regions":
        return
    provider = PROVIDERS[cloud.partition(":")[0]]
    lines = {
        "pue": (f"{provider} publishes no PUE of `{cloud}`", "1.15", "facility / IT energy"),
        "zone": (f"no grid zone is known for `{cloud}`", "ZONE", "as your signals call it"),
    }
    for name, (what, example, meaning) in lines.items():
        if fields.get(name) is None:
            fix = f"Add `{name}`, {meaning}: --set 'regions.\"{place.id}\".{name}={example}'."
            yield place.problem(name, f"is not known: {what}", fix), name


def measured_ms(a: str, b: str) -> float:
    """The measured round trip between two public regions; nan where there is none."""
    return _pairs("cloud_rtt", "rtt_ms").get((a, b), float("nan"))


def rtt_between(inputs: Inputs, origin: Entities, target: Entities) -> np.ndarray:
    """Measured round trips between places in regions of one provider, ms; NaN where unknown."""
    pairs = _matrix(origin, target, measured_ms)
    if np.isfinite(pairs).any():
        _note(inputs, "cloud_rtt")
    return pairs


def egress_between(inputs: Inputs, nodes: Entities, regions: Entities) -> np.ndarray:
    """List prices, USD/GB, the mean of both directions; NaN where unknown.

    Between providers each direction pays its own provider's price to the internet.
    """
    pairs = _matrix(nodes, regions, _egress)
    if np.isfinite(pairs).any():
        _note(inputs, "cloud_egress")
    return pairs


def _egress(a: str, b: str) -> float | None:
    if a == b:
        return 0.0
    price = _pairs("cloud_egress", "egress_usd_per_gb")
    if a.partition(":")[0] != b.partition(":")[0]:
        known = [price[end, INTERNET] for end in (a, b) if (end, INTERNET) in price]
        return sum(known) / 2 if len(known) == 2 else None
    known = [price[pair] for pair in ((a, b), (b, a)) if pair in price]
    return sum(known) / len(known) if known else None


def _matrix(origin: Entities, target: Entities, value: Value) -> np.ndarray:
    matrix = np.full((len(origin.kept), len(target.kept)), np.nan)
    columns = clouds_of(target.kept)
    for i, a in enumerate(clouds_of(origin.kept)):
        for j, b in enumerate(columns):
            if a is not None and b is not None:
                number = value(a, b)
                matrix[i, j] = np.nan if number is None else number
    return matrix


def clouds_of(places: Sequence[Entity]) -> list[str | None]:
    """The public region of each place, where it is one that is known."""
    clouds = [cloud_of(place) for place in places]
    return [c if c is not None and c in cloud_regions() else None for c in clouds]


def touched(origin: Entities, target: Entities) -> np.ndarray:
    """Which pairs have a public region at either end; bool."""
    ends = ([c is not None for c in clouds_of(e.kept)] for e in (origin, target))
    a, b = (np.array(end, dtype=bool) for end in ends)
    pairs: np.ndarray = a[:, None] | b[None, :]
    return pairs


def _note(inputs: Inputs, table: str) -> None:
    entry = _pack().manifest.tables[table]
    inputs.used.append(Provenance(USED_AS[table], entry.source, entry.licence, note=entry.note))
