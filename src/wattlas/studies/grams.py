"""What a request emits, step by step: served in full or degraded, at the baseline region or at the
best place.

Clients of a metro are at the baseline region in the nearest region where full service of their
class is open, and belong to its grid zone. For a zone the steps are means over its clients'
requests. Away from the baseline region a request goes to the place of least emission that law,
state, models and latency leave open to it:

    full[t]  = min_r  min_o e_o · PUE_r · κ[r,t] + network[r,t]        o: open in full at r
    green[t] = min( full[t], min_r e_green · PUE_r · κ[r,t] + network[r,t] )

Capacity is not looked at, and nobody is degraded into emitting more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LOCAL, REMOTE = "local", "remote"
PLACES = (LOCAL, REMOTE)


@dataclass(frozen=True)
class RequestGroup:
    """Requests that share the baseline region and open places.

    `requests` (T,) per step, hours counted. Facility energy per request at each region, (R,), inf
    where it is not open: `full_kwh` at the thriftiest point of full service, `green_kwh` degraded.
    """

    zone: str
    baseline: int
    requests: np.ndarray
    full_kwh: np.ndarray
    green_kwh: np.ndarray


@dataclass(frozen=True)
class Board:
    """All that shares are found on: clients by zone of the baseline region, and the intensity of
    each region.

    `g_per_kwh` (R, T); `utc` (T,) beginnings of steps of `step_h` hours. `moved_kwh` is the energy
    of the network per request that is served away from the baseline region. `full_points` name the
    points of full service that clients use at the baseline region, `green_point` the degraded one,
    empty where a share of full energy stands for it. `left_out` is the share of the class's
    requests without a baseline region.
    """

    zones: tuple[str, ...]
    clients: tuple[RequestGroup, ...]
    g_per_kwh: np.ndarray
    utc: np.ndarray
    step_h: float
    whole: bool
    """Whether the steps follow each other without a gap."""
    moved_kwh: float = 0.0
    full_points: tuple[str, ...] = ()
    green_point: str = ""
    left_out: float = 0.0

    def clients_in(self, zone: str) -> list[RequestGroup]:
        """The clients that are at the baseline region in a zone."""
        return [client for client in self.clients if client.zone == zone]


@dataclass(frozen=True)
class Grams:
    """What a request of a zone's clients emits in each step, g, (T,), in the mean over them.

    `baseline_g` is what one emits in full at the baseline region, in the mean of the window: what
    a cap as a share refers to, wherever requests are served.
    """

    zone: str
    place: str
    full_g: np.ndarray
    green_g: np.ndarray
    requests: np.ndarray
    baseline_g: float


def grams(board: Board, zone: str, place: str = LOCAL) -> Grams:
    """What requests of a zone emit at the baseline region (`local`) or at the best place of each
    step."""
    return foreseen(board, zone, place, board.g_per_kwh)[0]


def foreseen(board: Board, zone: str, place: str, expected: np.ndarray) -> tuple[Grams, Grams]:
    """(in truth, as expected) where places are chosen by an expected intensity, (R, T).

    Steps of which nothing is expected (nan) are taken as they are in truth.
    """
    clients = board.clients_in(zone)
    requests = np.stack([client.requests for client in clients])
    if expected is not board.g_per_kwh:
        known = np.isfinite(expected).all(axis=0)
        expected = np.where(known, expected, board.g_per_kwh)
    served = [_served(board, client, place, expected) for client in clients]
    at_baseline = np.stack(
        [client.full_kwh[client.baseline] * board.g_per_kwh[client.baseline] for client in clients]
    )
    baseline_g = float((requests * at_baseline).sum() / requests.sum())
    truth, thought = (
        Grams(
            zone,
            place,
            _mean([pairs[n][0] for pairs in served], requests),
            _mean([pairs[n][1] for pairs in served], requests),
            requests.sum(axis=0),
            baseline_g,
        )
        for n in (0, 1)
    )
    return truth, thought


def intensity(board: Board, zone: str) -> tuple[float, float]:
    """(mean, coefficient of variation) of the intensity at the baseline region, weighted by
    requests."""
    clients = board.clients_in(zone)
    requests = np.stack([client.requests for client in clients])
    by_client = np.stack([board.g_per_kwh[client.baseline] for client in clients])
    mean = float((requests * by_client).sum() / requests.sum())
    spread = float((requests * (by_client - mean) ** 2).sum() / requests.sum()) ** 0.5
    return mean, spread / mean if mean > 0 else 0.0


Pair = tuple[np.ndarray, np.ndarray]
"""Grams per request in full and degraded."""


def _served(
    board: Board, client: RequestGroup, place: str, expected: np.ndarray
) -> tuple[Pair, Pair]:
    """((full, green) in truth, the same as expected), each (T,)."""
    regions: Sequence[int] = [client.baseline]
    if place == REMOTE:
        regions = np.flatnonzero(
            np.isfinite(client.full_kwh) | np.isfinite(client.green_kwh)
        ).tolist()
    full, full_at = _cheapest(board, client, client.full_kwh, regions, expected)
    green, green_at = _cheapest(board, client, client.green_kwh, regions, expected)
    cleaner = green < full
    as_expected = full, np.where(cleaner, green, full)
    if expected is board.g_per_kwh:
        return as_expected, as_expected
    full_true = _at(board, client, client.full_kwh, regions, full_at)
    green_true = _at(board, client, client.green_kwh, regions, green_at)
    return (full_true, np.where(cleaner, green_true, full_true)), as_expected


def _cheapest(
    board: Board,
    client: RequestGroup,
    kwh: np.ndarray,
    regions: Sequence[int],
    g_per_kwh: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(least grams, position of its region) in each step; inf where it is open nowhere."""
    grid = np.stack([_grams(board, client, kwh, r, g_per_kwh) for r in regions])
    at = grid.argmin(axis=0)
    return grid[at, np.arange(grid.shape[1])], at


def _at(
    board: Board, client: RequestGroup, kwh: np.ndarray, regions: Sequence[int], at: np.ndarray
) -> np.ndarray:
    """Grams in truth where each step's request was sent."""
    grams = np.empty(len(at))
    for n in np.unique(at):
        chosen = at == n
        grams[chosen] = _grams(board, client, kwh, regions[n], board.g_per_kwh)[chosen]
    return grams


def _grams(
    board: Board, client: RequestGroup, kwh: np.ndarray, region: int, g_per_kwh: np.ndarray
) -> np.ndarray:
    """Grams per request at a region: half of the network's energy at either end; inf if closed."""
    if not np.isfinite(kwh[region]):
        return np.full(g_per_kwh.shape[1], np.inf)
    grams: np.ndarray = kwh[region] * g_per_kwh[region]
    if region != client.baseline:
        grams = grams + board.moved_kwh * (g_per_kwh[region] + g_per_kwh[client.baseline]) / 2
    return grams


def _mean(rows: list[np.ndarray], requests: np.ndarray) -> np.ndarray:
    """Mean over clients by their requests in each step; alike in steps without any."""
    weight = np.where(requests.sum(axis=0) > 0, requests, 1.0)
    mean: np.ndarray = (weight * np.stack(rows)).sum(axis=0) / weight.sum(axis=0)
    return mean
