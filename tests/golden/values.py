"""Values as text: every field of a result, with five digits, for golden files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.kept import keep, without_hashes
from wattlas.model.plan import Flows
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance

HERE = Path(__file__).parent / "figures"
DURATIONS = {"seconds", "build_seconds"}
LEFT_OUT = {*DURATIONS, "solver", "derived", "created_utc"}
"""What differs from run to run."""
WHOLE = (Scenario, Instance, Hours)
"""What is asked, and no result."""
NEAR_ZERO = 1e-9
LEAST_RATE = 1e-3


def number(value: Any) -> str:
    """Five digits; what is near zero is 0."""
    if isinstance(value, float | np.floating):
        plain = float(value)
        return f"{0.0 if abs(plain) < NEAR_ZERO else plain:.5g}"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return str(value)


def shown(name: str, value: Any) -> Iterator[str]:
    """The lines of a value under its name."""
    if name in DURATIONS:
        assert 0.0 <= value < time.perf_counter(), f"{name} is {value}"
    if isinstance(value, WHOLE) or name in LEFT_OUT:
        return
    if isinstance(value, Flows | SourceFlows):
        yield from (f"{name}:", *_flows(value))
    elif isinstance(value, np.ndarray):
        yield from _array(name, value)
    elif is_dataclass(value):
        yield f"{name}:"
        for column in fields(value):
            yield from _inside(column.name, getattr(value, column.name))
    elif hasattr(value, "_asdict"):
        yield from shown(name, value._asdict())
    elif isinstance(value, Mapping):
        yield f"{name}:"
        for key, each in value.items():
            yield from _inside(str(key), each)
    elif isinstance(value, list | tuple):
        yield from _series(name, value)
    elif isinstance(value, frozenset | set):
        yield f"{name}: {' '.join(sorted(map(str, value)))}"
    else:
        yield f"{name}: {number(value)}"


def _inside(name: str, value: Any) -> Iterator[str]:
    yield from (f" {line}" for line in shown(name, value))


def _series(name: str, value: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    plain = (str, int, float, bool, type(None), np.generic, Enum)
    if all(isinstance(each, plain) for each in value):
        yield f"{name}: {' '.join(number(each) for each in value)}".rstrip()
        return
    for n, each in enumerate(value):
        yield from shown(f"{name}[{n}]", each)


def _array(name: str, value: np.ndarray) -> Iterator[str]:
    if value.ndim > 1:
        for n, part in enumerate(value):
            yield from _array(f"{name}[{n}]", part)
        return
    yield f"{name}: {' '.join(number(each) for each in value.ravel())}".rstrip()


def _flows(flows: Flows | SourceFlows) -> Iterator[str]:
    """A line for each hour: who runs where at which point, and at what rate."""
    source = isinstance(flows, SourceFlows)
    names = [flows.source] if isinstance(flows, SourceFlows) else [flows.metro, flows.klass]
    value = flows.value if isinstance(flows, SourceFlows) else flows.requests_per_h
    keys = [flows.hour, *names, flows.region, flows.point]
    order = np.lexsort(keys[::-1])
    by_hour: dict[int, list[str]] = {}
    for n in order:
        if value[n] > LEAST_RATE:
            place = ".".join(str(int(key[n])) for key in keys[1:])
            by_hour.setdefault(int(keys[0][n]), []).append(f"{place}={number(value[n])}")
    for hour, entries in by_hour.items():
        yield f" {'s' if source else 'h'}{hour} {' '.join(entries)}"


def compare(name: str, lines: Iterable[str]) -> None:
    """The lines are those of the golden file, or become them."""
    keep(without_hashes("\n".join(lines)), HERE / f"{name}.txt")
