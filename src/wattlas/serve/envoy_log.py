"""Settlements from Envoy's access log, one JSON object per line, as `wattlas export envoy` sets it.

The log tells how an answer ended and how many bytes it had, not its tokens: these are estimated
from bytes, and the account says so. A service that starts reads the log from its beginning, with
what was written while it was away: the ledger takes each id once.
"""

from __future__ import annotations

import asyncio
import os
from io import BufferedReader
from pathlib import Path
from typing import Any

import orjson

from wattlas.serve.decision import Decision, End, Outcome
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


class EnvoyLog:
    """Follows a log, also over its rotation."""

    def __init__(self, plane: Plane, path: Path) -> None:
        self._plane, self._path = plane, path
        self._file: BufferedReader | None = None
        self._rest = b""
        self._places: dict[str, Place] = {}

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
        if not isinstance(sealed, str) or not sealed:
            self._plane.events["undecided_requests"] += _number(said, "status") == 200
            return False
        return self._plane.settle_sealed(sealed, lambda decision: self._outcome(decision, said))

    def _outcome(self, decision: Decision, said: dict[str, Any]) -> Outcome:
        end = ended(said)
        tokens_in, tokens_out, method = 0, 0, "none"
        if end is not End.FAILED:
            per_token = STREAMED_BYTES_PER_TOKEN if _streamed(said) else BYTES_PER_TOKEN
            tokens_in = round(_number(said, "bytes_in") / BYTES_PER_TOKEN)
            tokens_out, method = round(_number(said, "bytes_out") / per_token), METHOD
        place, degraded = self._plane.served_at(decision, self._place(said))
        return Outcome(
            end, place, degraded, self._plane.clock(), _number(said, "status"),
            "", self._plane.model_of(place.point), tokens_in, tokens_out, method,
            max(_number(said, "attempts"), 1),
        )  # fmt: skip

    def _place(self, said: dict[str, Any]) -> Place | None:
        """The place that served, by the name of its cluster: region/point."""
        name = str(said.get("cluster", ""))
        place = self._places.get(name)
        if place is None:
            region, slash, point = name.partition("/")
            if not slash:
                return None
            place = Place(region, point)
            if len(self._places) < MOST_PLACES:
                self._places[name] = place
        return place


def ended(said: dict[str, Any]) -> End:
    """How an answer ended: whole where it is a success that nothing cut off; one that was cut off
    before its first content byte failed."""
    status, flags = _number(said, "status"), said.get("flags")
    if status != 200:
        return End.FAILED
    if flags in (None, "-", ""):
        return End.WHOLE
    return End.BROKEN if _number(said, "bytes_out") else End.FAILED


def _streamed(said: dict[str, Any]) -> bool:
    return str(said.get("type", "")).startswith("text/event-stream")


def _number(said: dict[str, Any], key: str) -> int:
    value = said.get(key)
    return value if type(value) is int and 0 <= value < MOST_NUMBER else 0
