"""One number for everything in a scenario that decides a placement.

Two scenarios with the same fingerprint are placed alike. Names, titles, notices and sources are
left out: they say where figures come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from wattlas.model.scenario import Scenario

SAID_ONLY = frozenset({"name", "title", "notice", "provenance", "source_path"})
"""Fields of a scenario that no placement depends on."""


def fingerprint(scenario: Scenario) -> str:
    """SHA-256, in hexadecimal, of a scenario's arrays, places, rules and objective."""
    digest = hashlib.sha256()
    for field in fields(scenario):
        if field.name not in SAID_ONLY:
            digest.update(f"\n{field.name}:".encode())
            for part in _parts(getattr(scenario, field.name)):
                digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes | memoryview]:
    """A value as bytes that differ where values differ: types and lengths are part of them."""
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        yield f"array {array.dtype.str} {array.shape} ".encode()
        yield array.reshape(-1).view(np.uint8).data
    elif is_dataclass(value) and not isinstance(value, type):
        yield f"{type(value).__name__}(".encode()
        for field in fields(value):
            yield f"{field.name}=".encode()
            yield from _parts(getattr(value, field.name))
        yield b")"
    elif isinstance(value, Mapping):
        yield from _parts(sorted(value.items()))
    elif isinstance(value, Set):
        yield from _parts(sorted(value))
    elif isinstance(value, tuple | list):
        yield f"{len(value)}[".encode()
        for item in value:
            yield from _parts(item)
        yield b"]"
    else:
        yield f"{value!r};".encode()
