"""Settlements from Envoy's access log, one JSON object per line, as `wattlas export envoy` sets it.

The log tells how an answer ended and how many bytes it had, not its tokens: these are estimated
from bytes, and the account says so. A service that starts reads the log from its beginning, with
what was written while it was away: the ledger takes each id once.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

import orjson

from wattlas.serve.decision import FAILED, NOT_METERED, WHOLE, Decision, End, Outcome
from wattlas.serve.plane import Plane
from wattlas.serve.table import Place

POLL_S = 0.05
PIECE_BYTES = 1 << 20
LONGEST_LINE = 65_536
MOST_NUMBER = 2**40
"""More bytes than any request has."""
MOST_PLACES = 10_000
"""Names of clusters that are remembered."""
MOST_PENDING = 20_000
"""Rows that wait for the ledger; no more lines are read until they are fewer."""
BYTES_PER_TOKEN = 4.0
STREAMED_BYTES_PER_TOKEN = 180.0
"""An event of one token of a chat stream has about so many bytes."""
METHOD = "bytes"
"""Tokens are estimated from bytes: within a factor of two for English prose."""


_made = partial(tuple.__new__, Outcome)  # its own constructor takes three times as long


def _outcome(said: tuple[Any, ...]) -> Outcome:
    """An outcome whose energy no log tells."""
    return _made((*said, *NOT_METERED))


class EnvoyLog:
    """Follows a log, also over its rotation."""

    def __init__(self, plane: Plane, path: Path) -> None:
        self._plane, self._path = plane, path
        self._file: BufferedReader | None = None
        self._rest = b""
        self._places: dict[str, Place] = {}
        self._clusters: dict[Place, str] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                waits = self._plane.book.pending > MOST_PENDING or not self._read()
                await asyncio.sleep(POLL_S if waits else 0)
        finally:
            self._close()

    def _read(self) -> bool:
        """Take the next piece; False where there is nothing new."""
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except OSError:
                return False
        piece = self._file.read(PIECE_BYTES)
        if not piece:
            return self._turned()
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""
        for line in lines:
            self.take(line)
        return True

    def _turned(self) -> bool:
        """At the end of the file: whether another stands in its place, or it was emptied."""
        assert self._file is not None
        own = os.fstat(self._file.fileno())
        try:
            there = self._path.stat()
        except OSError:
            return False
        same = (own.st_ino, own.st_dev) == (there.st_ino, there.st_dev)
        if same and own.st_size >= self._file.tell():
            return False
        self._close()
        return True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def take(self, line: bytes) -> bool:
        """Take a line of the log; False where it settles nothing."""
        try:
            said = orjson.loads(line)
            sealed = said["id"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self._plane.events["log_lines_refused"] += 1
            return False
        if type(sealed) is str and self._as_decided(sealed, said):
            return True
        if not isinstance(sealed, str) or not sealed:
            self._plane.events["undecided_requests"] += said.get("status") == 200
            return False
        return self._plane.settle_sealed(
            sealed, lambda decision: self._outcome(decision, said), spooled=False
        )

    def _as_decided(self, sealed: str, said: dict[str, Any]) -> bool:
        """Settle what nearly every line tells: a request in flight here was answered whole where it
        was decided to go, so that no permit moves. False for every other line."""
        plane, get = self._plane, said.get
        decision = plane.book.handed.get(sealed)
        status, bytes_in, bytes_out = get("status"), get("bytes_in"), get("bytes_out")
        attempts = get("attempts", 1)  # nginx tells none
        if (
            decision is None
            or get("flags") != "-"
            or not (type(status) is int and status == 200)
            or not (type(bytes_in) is int and 0 <= bytes_in < MOST_NUMBER)
            or not (type(bytes_out) is int and 0 <= bytes_out < MOST_NUMBER)
            or not (type(attempts) is int and 0 <= attempts < MOST_NUMBER)
        ):
            return False
        place = decision.place
        name = self._clusters.get(place)
        if name is None:
            name = self._clusters[place] = f"{place.region}/{place.point}"
        if get("cluster") != name:
            return False
        per_token = STREAMED_BYTES_PER_TOKEN if _streamed(said) else BYTES_PER_TOKEN
        outcome = _outcome((
            WHOLE, place, decision.degraded, plane.clock(), 200, "", plane.model_of(place.point),
            round(bytes_in / BYTES_PER_TOKEN), round(bytes_out / per_token), METHOD, attempts or 1,
            None, None,
        ))  # fmt: skip
        del plane.book.handed[sealed]
        return plane.settle(decision.facts.id, outcome, spooled=False)

    def _outcome(self, decision: Decision, said: dict[str, Any]) -> Outcome:
        status, bytes_in, bytes_out, attempts = numbers_of(said)
        end = ended(status, said.get("flags"), bytes_out)
        tokens_in, tokens_out, method = 0, 0, "none"
        if end is not FAILED:
            per_token = STREAMED_BYTES_PER_TOKEN if _streamed(said) else BYTES_PER_TOKEN
            tokens_in, tokens_out = round(bytes_in / BYTES_PER_TOKEN), round(bytes_out / per_token)
            method = METHOD
        plane, place = self._plane, self._place(said.get("cluster"))
        place, degraded = plane.served_at(decision, place)
        return _outcome((
            end, place, degraded, plane.clock(), status, "", plane.model_of(place.point),
            tokens_in, tokens_out, method, attempts or 1, None, None,
        ))  # fmt: skip

    def _place(self, cluster: Any) -> Place | None:
        """The place that served, by the name of its cluster: region/point."""
        name = cluster if type(cluster) is str else ""
        place = self._places.get(name)
        if place is None:
            region, slash, point = name.partition("/")
            if not slash:
                return None
            place = Place(region, point)
            if len(self._places) < MOST_PLACES:
                self._places[name] = place
        return place


def ended(status: int, flags: Any, bytes_out: int) -> End:
    """How an answer ended: whole where it is a success that nothing cut off; one that was cut off
    before its first content byte failed."""
    if status != 200:
        return FAILED
    if flags in (None, "-", ""):
        return WHOLE
    return End.BROKEN if bytes_out else FAILED


def _streamed(said: dict[str, Any]) -> bool:
    kind = said.get("type")
    return isinstance(kind, str) and kind.startswith("text/event-stream")


def numbers_of(said: dict[str, Any]) -> list[int]:
    """The status, bytes in and out, attempts; what makes no sense is 0."""
    return [
        value if type(value) is int and 0 <= value < MOST_NUMBER else 0
        for value in (said.get("status"), said.get("bytes_in"), said.get("bytes_out"),
                      said.get("attempts"))
    ]  # fmt: skip
