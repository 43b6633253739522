"""Golden files are those of no machine's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def other_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own clock is that of Nepal: nothing that is told may hang on it."""
    if not hasattr(time, "tzset"):
        yield
        return
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()
