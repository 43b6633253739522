"""When what happened of one request: for time to first token, and for spans."""

from __future__ import annotations

from time import time_ns
from typing import NamedTuple

from wattlas.serve.decision import Decision, Settlement


class Try(NamedTuple):
    """A place that was asked. `fault` is empty where it answered."""

    decision: Decision
    began_ns: int
    ended_ns: int
    fault: str


class Trail:
    """Moments of a request, ns since 1970."""

    __slots__ = ("_asked", "began_ns", "decided_ns", "first_ns", "tries")

    def __init__(self) -> None:
        self.began_ns = time_ns()
        self.decided_ns = self.first_ns = 0
        """When it was decided, and when the first content of a stream was sent; 0 for never."""
        self.tries: list[Try] = []
        self._asked: tuple[Decision, int] | None = None

    def decided(self) -> None:
        """It is decided now."""
        self.decided_ns = time_ns()

    def first(self) -> None:
        """The first content goes to the client now."""
        self.first_ns = time_ns()

    def asks(self, decision: Decision) -> None:
        """A place is asked now."""
        self._asked = decision, time_ns()

    def answered(self, fault: str = "") -> None:
        """The place that was asked has come to its end."""
        if self._asked is not None:
            self.tries.append(Try(*self._asked, time_ns(), fault))
            self._asked = None

    @property
    def first_s(self) -> float | None:
        """When the first content was sent, s since 1970; None where none was."""
        return self.first_ns / 1e9 if self.first_ns else None

    @property
    def first_us(self) -> int | None:
        """Time to the first token, µs; None where there was none."""
        return max(self.first_ns - self.began_ns, 0) // 1000 if self.first_ns else None


class Ended(NamedTuple):
    """A request of the gateway that came to its end."""

    operation: str
    trail: Trail
    decision: Decision
    outcome: Settlement
