"""A routing made ready for single requests: what each metro and class may be given, by name.

Requests of a set are dealt to its places by quota: the place that is furthest behind its share gets
the next. The same requests in the same order go to the same places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from wattlas.policy.routing import Places, Routing

PARTS = 10_000_000
"""Shares are dealt as whole parts of this, so that nothing drifts however long a table holds."""


class Place(NamedTuple):
    """A region, and the operating point there."""

    region: str
    point: str


def slashed(*names: str) -> str:
    """Names as one, such as `oslo/small`, which no others make: a slash within one is escaped."""
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in names)


def place_of(name: str) -> Place | None:
    """The place of a name that `slashed` made; None for any other."""
    parts = [part.replace("%2F", "/").replace("%25", "%") for part in name.split("/")]
    return Place(*parts) if len(parts) == len(Place._fields) else None


class Quota:
    """Deals requests to the places of one set by their shares."""

    __slots__ = ("_behind", "_parts", "_total", "places")

    def __init__(self, places: Sequence[Place], shares: Sequence[float]) -> None:
        parts = [round(share * PARTS) for share in shares]
        used = [n for n, part in enumerate(parts) if part > 0]
        self.places = tuple(places[n] for n in used)
        self._parts = [parts[n] for n in used]
        self._total = sum(self._parts)
        self._behind = [0] * len(used)
        """Of each place, in parts: what its share comes to so far, less what it got."""

    def next(self) -> Place:
        """The place that is furthest behind its share; of equals the first."""
        if len(self.places) == 1:
            return self.places[0]
        behind = self._behind
        best, most = 0, -self._total
        for n, part in enumerate(self._parts):
            now = behind[n] + part
            behind[n] = now
            if now > most:
                best, most = n, now
        behind[best] -= self._total
        return self.places[best]

    @property
    def shares(self) -> list[tuple[Place, float]]:
        """The places and their shares."""
        shares = [part / self._total for part in self._parts]
        return list(zip(self.places, shares, strict=True))

    def others(self, place: Place) -> tuple[Place, ...]:
        """The places but one, by share, the largest first: where to go when that one fails."""
        order = sorted(range(len(self.places)), key=lambda n: -self._parts[n])
        return tuple(self.places[n] for n in order if self.places[n] != place)


class Pair(NamedTuple):
    """What a metro and class may be given.

    `low` is None where the class has no fallback there. `degrades` says whether degrading saves at
    least the threshold.
    """

    full: Quota
    low: Quota | None
    degrades: bool


class RoutingTable:
    """A routing by names: `pairs` by (metro, class), valid until `until_s` (seconds since 1970)."""

    __slots__ = ("epoch", "issued_s", "pairs", "until_s")

    def __init__(self, routing: Routing) -> None:
        self.pairs = dict(_pairs(routing))
        self.epoch = routing.epoch
        self.issued_s = float(routing.issued_utc.astype("datetime64[ms]").astype(np.int64)) / 1e3
        self.until_s = self.issued_s + routing.hold_s


def _pairs(routing: Routing) -> Iterator[tuple[tuple[str, str], Pair]]:
    for m, metro in enumerate(routing.metros):
        for k, klass in enumerate(routing.classes):
            full = _quota(routing, routing.places(m, k))
            if full is not None:
                low = _quota(routing, routing.places(m, k, degraded=True))
                yield (metro, klass), Pair(full, low, bool(routing.degrades[m, k]))


def _quota(routing: Routing, places: Places | None) -> Quota | None:
    if places is None:
        return None
    named = [
        Place(routing.regions[region], routing.points[point])
        for region, point in zip(places.region, places.point, strict=True)
    ]
    return Quota(named, places.share.tolist())
