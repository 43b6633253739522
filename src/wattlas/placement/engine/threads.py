"""How many threads share the work of a placement at most."""

from __future__ import annotations

import os

VARIABLE = "WATTLAS_THREADS"
"""Variable of the environment that holds the number; 2 unless it is set."""


def at_most(threads: int) -> int:
    """So many threads, or as few as the environment allows.

    Work is cut into the same parts for any number, so that the result does not depend on it.
    """
    allowed = os.environ.get(VARIABLE, "")
    return min(threads, int(allowed)) if allowed.isdecimal() and int(allowed) else threads
