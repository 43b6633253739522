"""How many tokens a request took: as the server says, else counted from what passed through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattlas.serve.decision import End
from wattlas.serve.meters import ABSENT, ODD, EnergyMeter

BYTES_PER_TOKEN = 4.0
"""Bytes of JSON per token where nothing better is known: English prose has about four."""
MOST_TOKENS = 100_000_000
"""More than any answer has: what a server says beyond it is no count."""


class TokenMeter:
    """Counts tokens of one request with a body of so many bytes."""

    __slots__ = (
        "_bytes_in",
        "_bytes_out",
        "_energy",
        "_read",
        "_reading",
        "_said",
        "events",
        "key",
    )

    def __init__(self, bytes_in: int) -> None:
        self._bytes_in = bytes_in
        self.restart()

    def restart(self, energy: EnergyMeter | None = None) -> None:
        """Begin anew with another server, whose energy is metered so."""
        self._energy = energy
        self._reading: Any = None
        self.key = b"" if energy is None else energy.key
        """Stands in events with a reading of energy; empty for none."""
        self._bytes_out = 0
        self.events = 0
        """Content events that were passed on: a token or more each."""
        self._said: tuple[int, int] | None = None
        self._read: int | None = None

    def usage(self, said: Any) -> None:
        """Take what a server says of usage; of several the last that makes sense."""
        if isinstance(said, dict):
            self.counted(said.get("prompt_tokens"), said.get("completion_tokens", 0))

    def counted(self, tokens_in: Any, tokens_out: Any) -> None:
        """Take the counts of a server, if they make sense."""
        if _is_count(tokens_in) and _is_count(tokens_out):
            self._said = tokens_in, tokens_out

    def began(self, tokens_in: Any) -> None:
        """Take what a server says of the prompt alone, before it answers."""
        if _is_count(tokens_in):
            self._read = tokens_in

    def answered(self, headers: Mapping[bytes, bytes]) -> None:
        """Take what the head of an answer says of energy."""
        if self._energy is not None and self._energy.header:
            self._reading = headers.get(self._energy.header)

    def told(self, said: Any) -> None:
        """Take what a body or an event says of energy; of several the last."""
        if self._energy is not None:
            reading = self._energy.of_body(said)
            self._reading = self._reading if reading is None else reading

    def commented(self, event: bytes) -> None:
        """Take what a comment in a stream says of energy."""
        if self._energy is not None:
            reading = self._energy.of_comments(event)
            self._reading = self._reading if reading is None else reading

    def energy(self, end: End) -> tuple[str, float | None]:
        """How energy was metered, and how much, J; nothing of what failed."""
        if self._energy is None or (end is End.FAILED and not self.events):
            return "", None
        if self._reading is None:
            return ABSENT, None
        joules = self._energy.joules(self._reading)
        return (ODD, None) if joules is None else (self._energy.name, joules)

    def event(self, size: int) -> None:
        """An event with content was passed on."""
        self.events += 1
        self._bytes_out += size

    def content(self, size: int) -> None:
        """A whole body was passed on."""
        self._bytes_out += size

    def tokens(self, end: End) -> tuple[int, int, str]:
        """Tokens in, tokens out, and how they were found. What failed produced none."""
        if end is End.FAILED and not self.events and not self._bytes_out:
            return 0, 0, "none"
        if self._said is not None:
            return *self._said, "usage"
        tokens_in = self._read
        if tokens_in is None:
            tokens_in = round(self._bytes_in / BYTES_PER_TOKEN)
        if self.events:
            return tokens_in, self.events, "events"
        return tokens_in, round(self._bytes_out / BYTES_PER_TOKEN), "bytes"


def _is_count(said: Any) -> bool:
    return type(said) is int and 0 <= said <= MOST_TOKENS
