"""How many examples a property is tried on, by the profile that `WATTLAS_HYPOTHESIS` names.

ci          two fifths of the number that a test states, 10 at least; the same ones in every run
thorough    the number that a test states, the same ones in every run: before a release
search      ten times that, others in every run
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

SHARES = {"ci": 0.4, "thorough": 1.0, "search": 10.0}
LEAST = 10
PROFILE = os.environ.get("WATTLAS_HYPOTHESIS", "ci")


def examples(thorough: int, **more: Any) -> settings:
    """Settings of a property that wants so many examples where the profile is `thorough`."""
    least = min(thorough, LEAST)
    return settings(max_examples=max(least, round(SHARES[PROFILE] * thorough)), **more)
