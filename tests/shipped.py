"""The examples that ship, each read once by a process; whoever asks gets a copy of its own."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cache

import wattlas
from wattlas.model.scenario import Scenario


def shipped(
    name: str = "typical-2023", *, scenario: str | None = None, set: Sequence[str] = ()
) -> Scenario:
    """As `wattlas.example`, which reads a dozen tables for each answer; nothing is logged here."""
    whole: Scenario = pickle.loads(_read(name, scenario, tuple(set)))
    return whole


@cache
def _read(name: str, scenario: str | None, set: tuple[str, ...]) -> bytes:
    return pickle.dumps(wattlas.example(name, scenario=scenario, set=set))
