"""Settlements from Envoy's access log, one JSON object per line, as `wattlas export envoy` sets it.

The log tells how an answer ended and how many bytes it had, not its tokens: these are estimated
from bytes, and the account says so. A service that starts reads the log from its beginning, with
what was written while it was away: the ledger takes each id once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

import orjson

from wattlas.serve.decision import (
    FAILED,
    NOT_METERED,
    WHOLE,
    Decision,
    End,
    Settlement,
    settle_as_decided,
)
from wattlas.serve.plane import Plane
from wattlas.serve.table import Place, place_of, slashed

log = logging.getLogger("wattlas.serve")

POLL_S = 0.05
PER_LINE_S, LONGER_S = 0.001, 0.15
"""The pause is longer by the first for each line that was there, by the second at most."""
PIECE_BYTES = 1 << 16
"""So much is taken at once: some 230 lines, which keep nobody waiting for more than a moment."""
LONGEST_LINE = 65_536
FORMER_S = 60.0
"""So long a log is read after another stands in its place."""
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


_made = partial(tuple.__new__, Settlement)  # its own constructor takes three times as long


def _outcome(said: tuple[Any, ...]) -> Settlement:
    """An outcome whose energy no log tells."""
    return _made((*said, *NOT_METERED))


class EnvoyLog:
    """Follows a log, also over its rotation."""

    def __init__(self, plane: Plane, path: Path) -> None:
        self._plane, self._path = plane, path
        self._file: BufferedReader | None = None
        self._rest = b""
        self._former: tuple[BufferedReader, bytes, float] | None = None
        """The log before: its file, half a line, and until when it is read."""
        self._lines = 0
        """That the last piece had."""
        self._fault = ""
        """Why the log cannot be read; empty where it can."""
        self._places: dict[str, Place] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                waits = self._plane.book.pending > MOST_PENDING or not self._read()
                longer_s = min(PER_LINE_S * self._lines, LONGER_S)
                await asyncio.sleep(POLL_S + longer_s if waits else 0)
        finally:
            self._close()

    def _read(self) -> bool:
        """Take the next piece; False where there is nothing more for now."""
        self._read_former()
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except OSError as error:
                self._tell(error)
                return False
            self._fault = ""
        piece = self._file.read(PIECE_BYTES)
        self._lines = 0
        if not piece:
            return self._turned()
        self._rest, self._lines = self._take(self._rest + piece)
        return len(piece) == PIECE_BYTES

    def _take(self, text: bytes) -> tuple[bytes, int]:
        """Take the lines of a text; half a line that is left, and how many there were."""
        *lines, rest = text.split(b"\n")
        self.take_all(lines)
        return rest if len(rest) <= LONGEST_LINE else b"", len(lines)

    def _read_former(self) -> None:
        """Take what is still written to the log before: who writes it opens the new one when it is
        told to, each of its processes by itself."""
        if self._former is None:
            return
        file, rest, until_s = self._former
        piece = file.read(PIECE_BYTES)
        if piece:
            self._former = file, self._take(rest + piece)[0], until_s
        elif time.monotonic() > until_s:
            self._leave()

    def _leave(self) -> None:
        if self._former is not None:
            self._former[0].close()
        self._former = None

    def _tell(self, error: OSError) -> None:
        """Say once why the log cannot be read; one that is not there yet is none."""
        fault = "" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        if fault and fault != self._fault:
            log.error("%s cannot be read (%s): no request is settled by it", self._path, fault)
            self._plane.events["log_unreadable"] += 1
        self._fault = fault

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
        if same:
            self._file.close()
        else:
            self._leave()
            self._former = self._file, self._rest, time.monotonic() + FORMER_S
        self._file, self._rest = None, b""
        return True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""
        self._leave()

    def take(self, line: bytes) -> bool:
        """Take a line of the log; False where it settles nothing."""
        return self.take_all([line]) == 1

    def take_all(self, lines: Sequence[bytes]) -> int:
        """Take lines of the log; how many settled something."""
        now, names = self._plane.clock(), dict[Place, tuple[str, str]]()
        return sum([self._taken(line, now, names) for line in lines])

    def _taken(self, line: bytes, now: float, names: dict[Place, tuple[str, str]]) -> bool:
        """Take a line. `names` has what was looked up of places for lines before it."""
        try:
            said = orjson.loads(line)
            sealed = said["id"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self._plane.events["log_lines_refused"] += 1
            return False
        if type(sealed) is str and self._as_decided(sealed, said, now, names):
            return True
        if not isinstance(sealed, str) or not sealed:
            self._plane.events["undecided_requests"] += said.get("status") == 200
            return False
        return self._plane.settle_sealed(
            sealed, lambda decision: self._outcome(decision, said), spooled=False
        )

    def _as_decided(
        self, sealed: str, said: dict[str, Any], now: float, names: dict[Place, tuple[str, str]]
    ) -> bool:
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
        known = names.get(place)
        if known is None:
            known = names[place] = slashed(*place), plane.model_of(place.point)
        if get("cluster") != known[0]:
            return False
        per_token = STREAMED_BYTES_PER_TOKEN if _streamed(said) else BYTES_PER_TOKEN
        outcome = _outcome((
            WHOLE, place, decision.degraded, now, 200, "", known[1],
            round(bytes_in / BYTES_PER_TOKEN), round(bytes_out / per_token), METHOD, attempts or 1,
            None, None,
        ))  # fmt: skip
        if not settle_as_decided(plane.book, decision, outcome):
            return False
        del plane.book.handed[sealed]
        return True

    def _outcome(self, decision: Decision, said: dict[str, Any]) -> Settlement:
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
        place = self._places.get(name) or place_of(name)
        if place is not None and len(self._places) < MOST_PLACES:
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
