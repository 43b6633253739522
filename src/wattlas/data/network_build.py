"""Round trips and egress of a scenario as arrays, each pair measured or marked as modelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from wattlas.data.clouds import touched
from wattlas.data.entities import Entities, Entity, check_id, unknown_ids
from wattlas.data.place_checks import (
    LIGHT_KM_PER_MS,
    ROUNDING_MS,
    SLOWEST_MS,
    Site,
    implausible_trip,
)
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema_facts import DistanceModel, Egress, RttLeg
from wattlas.data.yaml_lines import Document, Path_
from wattlas.errors import Problem
from wattlas.model.geography import great_circle_km
from wattlas.model.network import RttModel, rtt_from_distance_ms

MEASURED = "measured"
SHOWN_PAIRS = 3
TRIANGLE_SLACK_MS = 5.0
"""Less than this is the noise of measurements."""


@dataclass(frozen=True)
class Pairs:
    """A quantity between each of one kind of thing and each of another; NaN where unknown."""

    value: np.ndarray
    modelled: np.ndarray
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def coordinates(entities: Entities) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes, degrees; NaN where they are not given."""
    lat = np.array([e.get("lat_deg", np.nan) for e in entities.kept], dtype=float)
    lon = np.array([e.get("lon_deg", np.nan) for e in entities.kept], dtype=float)
    return lat, lon


def distance_ms(origin: Entities, target: Entities, model: DistanceModel) -> np.ndarray:
    """Round trips from great-circle distance, ms."""
    km = great_circle_km(*coordinates(origin), *coordinates(target))
    return rtt_from_distance_ms(km, RttModel(model))


def rtt_pairs(
    document: Document,
    path: Path_,
    leg: RttLeg,
    table: SourceTable | None,
    origin: Entities,
    target: Entities,
    measured: np.ndarray,
) -> Pairs:
    """Round trips of one leg, ms. Unknown pairs are NaN; the caller judges which are needed.

    Order of precedence: single `pairs`, then the table, then `measured` (between public regions),
    then the distance model: named by `model` for all pairs, or by `missing` for those that are
    lacking. Where a public region is at either end, that is `fitted` unless given.
    """
    if leg.model is not None and leg.table is not None:
        what, fix = "stands beside a `table`", "Keep one; `missing:` fills what a table lacks."
        empty = np.full((len(origin.kept), len(target.kept)), np.nan)
        return Pairs(empty, empty > 0, [document.problem((*path, "model"), what, fix)])
    if leg.model is not None:
        pairs = Pairs(distance_ms(origin, target, leg.model), np.ones(_shape(origin, target), bool))
    else:
        pairs = pairs_of(table, origin, target)
        value = np.where(np.isnan(pairs.value), measured, pairs.value)
        gaps = np.isnan(value)
        if leg.missing is None:
            gaps &= touched(origin, target)
        if gaps.any():
            value[gaps] = distance_ms(origin, target, leg.missing or "fitted")[gaps]
        pairs = Pairs(value, pairs.modelled | gaps, pairs.problems, pairs.warnings)
    problems = _apply_pairs(document, (*path, "pairs"), leg.pairs, origin, target, pairs)
    warnings = list(_outran(document, path, pairs, origin, target))
    return Pairs(pairs.value + leg.add_ms, pairs.modelled, pairs.problems + problems, warnings)


def _outran(
    document: Document, path: Path_, pairs: Pairs, origin: Entities, target: Entities
) -> Iterator[Problem]:
    """One warning for the round trips that no network between the places makes."""
    km = great_circle_km(*coordinates(origin), *coordinates(target))
    least_ms = 2.0 * km / LIGHT_KM_PER_MS - ROUNDING_MS
    odd = (pairs.value < least_ms) | (pairs.value > SLOWEST_MS)
    cells = np.argwhere(odd & ~pairs.modelled)
    for a, b in cells[:1]:
        ends = [
            Site(float(lat), float(lon))
            for lat, lon in (
                (coordinates(origin)[0][a], coordinates(origin)[1][a]),
                (coordinates(target)[0][b], coordinates(target)[1][b]),
            )
        ]
        told = implausible_trip(ends[0], ends[1], float(pairs.value[a, b]))
        if told is not None:
            more = f" (and {len(cells) - 1} more pairs)" if len(cells) > 1 else ""
            what = f"`{origin.ids[a]}` to `{target.ids[b]}` {told[0]}{more}"
            yield document.problem(path, what, told[1])


def egress_pairs(
    document: Document,
    path: Path_,
    egress: Egress,
    table: SourceTable | None,
    nodes: Entities,
    regions: Entities,
    listed: np.ndarray,
    unstated: float | None,
) -> Pairs:
    """Egress prices, USD/GB: of the table, else `listed`, else `unstated`.

    A pair without a price is a problem where `unstated` is None.
    """
    pairs = pairs_of(table, nodes, regions)
    np.copyto(pairs.value, listed, where=np.isnan(pairs.value))
    if egress.default_usd_per_gb is not None:
        gaps = np.isnan(pairs.value)
        pairs.value[gaps] = egress.default_usd_per_gb
    problems = _apply_pairs(document, (*path, "pairs"), egress.pairs, nodes, regions, pairs)
    lacking = np.isnan(pairs.value)
    if unstated is not None:
        pairs.value[lacking] = unstated
    elif lacking.any():
        what = f"has no price for {_listed(lacking, nodes, regions)}"
        fix = "Add the pairs, or `network.egress.default_usd_per_gb`."
        problems.append(document.problem(path, what, fix))
    value = pairs.value * egress.scale
    return Pairs(value, pairs.modelled, pairs.problems + problems, pairs.warnings)


def _shape(origin: Entities, target: Entities) -> tuple[int, int]:
    return len(origin.kept), len(target.kept)


def pairs_of(table: SourceTable | None, origin: Entities, target: Entities) -> Pairs:
    """What a table says of each pair; a pair given twice and an id misspelt are problems."""
    matrix = np.full(_shape(origin, target), np.nan)
    modelled = np.zeros(_shape(origin, target), dtype=bool)
    if table is None:
        return Pairs(matrix, modelled)
    cells, names = typed(table), table.schema.key
    (value,) = table.schema.values
    if not cells.has(*names, value):
        return Pairs(matrix, modelled, cells.problems)
    frame = cells.frame.filter(pl.col(value).is_not_null())
    problems = cells.problems + doubled(table, frame)[0]
    problems += [*unknown_ids(table, frame, origin), *unknown_ids(table, frame, target)]
    row_of = {identity: n for n, identity in enumerate(origin.ids)}
    column_of = {identity: n for n, identity in enumerate(target.ids)}
    method = frame["method"] if "method" in frame.columns else [MEASURED] * frame.height
    for a, b, v, m in zip(frame[names[0]], frame[names[1]], frame[value], method, strict=True):
        if a in row_of and b in column_of:
            matrix[row_of[a], column_of[b]] = v
            modelled[row_of[a], column_of[b]] = (m or MEASURED) != MEASURED
    return Pairs(matrix, modelled, problems)


def _apply_pairs(
    document: Document,
    path: Path_,
    rows: Mapping[str, Mapping[str, float]] | None,
    origin: Entities,
    target: Entities,
    pairs: Pairs,
) -> list[Problem]:
    problems: list[Problem] = []
    for a, row in (rows or {}).items():
        problems += check_id(document, (*path, a), a, origin)
        for b, value in row.items():
            problems += check_id(document, (*path, a, b), b, target)
            if a in origin.ids and b in target.ids:
                cell = origin.ids.index(a), target.ids.index(b)
                pairs.value[cell] = value
                pairs.modelled[cell] = False
    return problems


def missing_pairs(
    document: Document, path: Path_, needed: np.ndarray, pairs: Pairs, a: Entities, b: Entities
) -> list[Problem]:
    """One problem for the needed pairs that nothing gives."""
    lacking = needed & np.isnan(pairs.value)
    if not lacking.any():
        return []
    what = f"has no round trip for {_listed(lacking, a, b)}"
    fix = f"Add the pairs, or say `{path[-1]}: {{missing: fitted}}` to estimate them."
    placeless = dict.fromkeys(e.id for e in (*a.kept, *b.kept) if not _has_place(e))
    if placeless:
        names = ", ".join(f"`{name}`" for name in list(placeless)[:SHOWN_PAIRS])
        fix = f"Add the pairs: without coordinates of {names} no distance is known."
    return [document.problem(path, what, fix)]


def _has_place(entity: Entity) -> bool:
    return not any(np.isnan(entity.get(name, np.nan)) for name in ("lat_deg", "lon_deg"))


def _listed(lacking: np.ndarray, a: Entities, b: Entities) -> str:
    cells = np.argwhere(lacking)
    shown = ", ".join(f"`{a.ids[i]}` to `{b.ids[j]}`" for i, j in cells[:SHOWN_PAIRS])
    more = f" and {len(cells) - SHOWN_PAIRS} more pairs" if len(cells) > SHOWN_PAIRS else ""
    return shown + more


def triangle_inversions(
    rtt: np.ndarray, nodes: Sequence[Entity], regions: Sequence[Entity]
) -> Problem | None:
    """A warning where going round would be faster than the pair itself, by more than 5 ms.

    The way round from node s to region r runs through another region q and another node s':
    rtt(s,r) ≤ rtt(s,q) + rtt(s',q) + rtt(s',r) should hold. Reported, never corrected.
    """
    if rtt.size == 0 or np.isnan(rtt).any():
        return None
    around = (rtt[:, None, :] + rtt[None, :, :]).min(axis=2)
    np.fill_diagonal(around, 0.0)
    best = (around[:, :, None] + rtt[None, :, :]).min(axis=1)
    excess = rtt - best
    worse = excess > TRIANGLE_SLACK_MS
    if not worse.any():
        return None
    s, r = (int(n) for n in np.unravel_index(int(np.argmax(excess)), rtt.shape))
    what = (
        f"{int(worse.sum())} of {rtt.size} round trips are longer than a way round; the worst, "
        f"`{nodes[s].id}` to `{regions[r].id}`, takes {rtt[s, r]:.0f} ms where "
        f"{best[s, r]:.0f} ms would do"
    )
    fix = "They are used as they are. Check the measurements if this surprises."
    return Problem("network.node_region", what, fix)
