"""Round-trip times and egress prices between metros, service nodes and regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, array, masks, refuse

ROUND_TRIP = replace(NOT_NEGATIVE, free=True)
EGRESS = replace(NOT_NEGATIVE, unknown=True)


class RttModel(StrEnum):
    """How a round-trip time that was not measured is estimated from distance."""

    PAPER = "paper"
    """One-way km/200 + 20 ms (Luo & Yang 2026), doubled for the round trip."""
    FITTED = "fitted"
    """16.6 ms + 1.515 ms per 100 km: least squares over 1,122 measured pairs of one cloud."""


def rtt_from_distance_ms(distance_km: np.ndarray, model: RttModel) -> np.ndarray:
    """Round-trip time from great-circle distance, ms, same shape as `distance_km`."""
    km = np.asarray(distance_km, dtype=float)
    if model is RttModel.PAPER:
        return 2.0 * (km / 200.0 + 20.0)
    return 16.6 + 1.515 * km / 100.0


@dataclass(frozen=True)
class Network:
    """Round trips and egress. Shapes: (metros, nodes) and (nodes, regions).

    A pair that nothing uses may be unknown: its round trip is inf.
    """

    rtt_metro_node_ms: np.ndarray
    rtt_node_region_ms: np.ndarray
    egress_usd_per_gb: np.ndarray
    """Price of a GB between node and region, shape (nodes, regions); nan where nobody states it."""
    modelled_metro_node: np.ndarray
    """True where the round trip comes from a distance model, not a measurement; bool."""
    modelled_node_region: np.ndarray

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "network."
        yield from array(self, at, "rtt_metro_node_ms", (None, None), ROUND_TRIP)
        metros, nodes = _two_axes(self.rtt_metro_node_ms)
        yield from array(self, at, "rtt_node_region_ms", (nodes, None), ROUND_TRIP)
        onward = _two_axes(self.rtt_node_region_ms)
        yield from array(self, at, "egress_usd_per_gb", onward, EGRESS)
        yield from masks(self, at, (metros, nodes), "modelled_metro_node")
        yield from masks(self, at, onward, "modelled_node_region")

    @property
    def modelled_share(self) -> float:
        """Share of the known pairs whose round trip is estimated, 0..1."""
        flags = np.concatenate(
            [
                self.modelled_metro_node[np.isfinite(self.rtt_metro_node_ms)],
                self.modelled_node_region[np.isfinite(self.rtt_node_region_ms)],
            ]
        )
        return float(flags.mean()) if flags.size else 0.0


def _two_axes(matrix: np.ndarray) -> tuple[int | None, int | None]:
    """The shape that the other arrays of a leg must have: any where this one is no matrix."""
    is_matrix = isinstance(matrix, np.ndarray) and matrix.ndim == 2
    return (matrix.shape[0], matrix.shape[1]) if is_matrix else (None, None)
