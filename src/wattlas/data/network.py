"""The network of a scenario: round trips and egress of its places, and which pairs are used."""

from __future__ import annotations

import numpy as np
import polars as pl

from wattlas.data.clouds import egress_between, rtt_between
from wattlas.data.draft import Draft
from wattlas.data.entities import Entities
from wattlas.data.inputs import Inputs
from wattlas.data.network_build import (
    Pairs,
    egress_pairs,
    missing_pairs,
    rtt_pairs,
    triangle_inversions,
)
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.places import EGRESS, RTT_METRO_NODE, RTT_NODE_REGION
from wattlas.data.signal_tables import prices_unknown
from wattlas.model.checks import unchecked
from wattlas.model.network import Network


def network_of(draft: Draft) -> Network:
    """Round trips and egress; metros reach their own node only, the rest is inf."""
    inputs, section = draft.inputs, draft.inputs.typed.network
    document, metros, nodes, regions = inputs.document, draft.metros, draft.nodes, draft.regions
    onward_path, access_path = ("network", "node_region"), ("network", "metro_node")
    nowhere = np.full((len(metros.kept), len(nodes.kept)), np.nan)
    cloud_ms = rtt_between(inputs, nodes, regions)
    _own_places(nowhere if inputs.typed.nodes.at == "metros" else cloud_ms, draft)
    table = _table(inputs, access_path, RTT_METRO_NODE, section.metro_node.table, metros, nodes)
    access = rtt_pairs(document, access_path, section.metro_node, table, metros, nodes, nowhere)
    table = _table(inputs, onward_path, RTT_NODE_REGION, section.node_region.table, nodes, regions)
    onward = rtt_pairs(document, onward_path, section.node_region, table, nodes, regions, cloud_ms)
    path = ("network", "egress")
    table = _table(inputs, path, EGRESS, section.egress.table, nodes, regions)
    listed = egress_between(inputs, nodes, regions)
    egress = egress_pairs(
        document, path, section.egress, table, nodes, regions, listed, _unstated_egress(draft)
    )
    _not_modelled(draft, access, onward)
    used = _used_pairs(draft, access)
    needed = np.broadcast_to(np.any(used, axis=0)[:, None], onward.value.shape)
    problems = missing_pairs(document, access_path, used, access, metros, nodes)
    problems += missing_pairs(document, onward_path, needed, onward, nodes, regions)
    inputs.problems += [*access.problems, *onward.problems, *egress.problems, *problems]
    inputs.warnings += [*access.warnings, *onward.warnings]
    inverted = triangle_inversions(onward.value, nodes.kept, regions.kept)
    if inverted is not None:
        inputs.warnings.append(inverted)
    return unchecked(
        Network,
        rtt_metro_node_ms=np.where(used & ~np.isnan(access.value), access.value, np.inf),
        rtt_node_region_ms=np.where(np.isnan(onward.value), np.inf, onward.value),
        egress_usd_per_gb=egress.value,
        modelled_metro_node=access.modelled,
        modelled_node_region=onward.modelled,
    )


def _table(
    inputs: Inputs,
    path: tuple[str, str],
    schema: TableSchema,
    named: str | None,
    origin: Entities,
    target: Entities,
) -> SourceTable | None:
    """The table of a leg: a pack's, if it speaks of any of these places; the scenario's own in any
    case."""
    table = inputs.table((*path, "table"), schema, named)
    if table is None or not table.shared or not {*table.schema.key} <= set(table.columns):
        return table
    a, b = table.schema.key
    here = pl.col(a).is_in(origin.ids) & pl.col(b).is_in(target.ids)
    if table.frame.select(here.any()).item():
        return table
    inputs.not_used(table)
    return None


def _unstated_egress(draft: Draft) -> float | None:
    """What stands for an egress price that nobody states; None where it must be stated.

    Where no byte moves it costs nothing. Where prices are not known at all it is nan.
    """
    inputs, frictions = draft.inputs, draft.inputs.typed.frictions
    moves = frictions.carry_weights or frictions.move_state
    if not moves and not any(k.get("bytes_per_request") for k in draft.classes.kept):
        return 0.0
    has_table = any(pack.has("price") for pack in inputs.packs)
    return float("nan") if not moves and prices_unknown(inputs, has_table) else None


def _own_places(known_ms: np.ndarray, draft: Draft) -> None:
    """A node made at a metro or a region is no distance away from it, unless it was measured."""
    if draft.inputs.typed.nodes.at is not None:
        np.fill_diagonal(known_ms, np.nan_to_num(np.diagonal(known_ms)))


def _not_modelled(draft: Draft, access: Pairs, onward: Pairs) -> None:
    """Nor does a distance model say how far a node is from its own place."""
    section, node_hosts = draft.inputs.typed.network, draft.inputs.typed.nodes.at
    if node_hosts is None:
        return
    at_metros = node_hosts == "metros"
    leg, pairs = (section.metro_node, access) if at_metros else (section.node_region, onward)
    if leg.model is not None:
        np.fill_diagonal(pairs.value, leg.add_ms)
    np.fill_diagonal(pairs.modelled, False)


def _used_pairs(draft: Draft, access: Pairs) -> np.ndarray:
    """Which metro reaches which node: the one it names, or the one of least round trip; bool."""
    used = np.zeros(access.value.shape, dtype=bool)
    node_index = {identity: s for s, identity in enumerate(draft.nodes.ids)}
    nodes_at_metros = draft.inputs.typed.nodes.at == "metros"
    for i, metro in enumerate(draft.metros.kept):
        node = metro.get("node") or (metro.id if nodes_at_metros else None)
        if node in node_index:
            used[i, node_index[node]] = True
        elif node is None and draft.nodes.kept:
            reach = access.value[i]
            used[i, int(np.nanargmin(reach)) if not np.isnan(reach).all() else 0] = True
    return used
