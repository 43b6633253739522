"""Scenarios with some fields changed: by the path of a field, of one in memory or of a file.

A scenario in memory is changed as it stands (`Held`). One that was read from a file is read again
with the values set (`Written`), so that whatever follows from a field follows from the new value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wattlas.data.compose import split_path
from wattlas.data.scenario_file import Loaded, read
from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean

COLLECTIONS = ("metros", "nodes", "regions", "classes", "points", "tiers")
ALL = "*"
RESERVED = "reserved_gpu"


class Base(Protocol):
    """The scenario of which a sweep changes fields."""

    def changed(self, values: Mapping[str, Any]) -> Scenario:
        """It with the values of some fields, by path. Raises UsageError, InputError."""
        ...


@dataclass(frozen=True)
class Held:
    """A scenario in memory. With `times` values multiply what is there."""

    scenario: Scenario
    times: bool = False

    def changed(self, values: Mapping[str, Any]) -> Scenario:
        """It with the values of some fields, by path. Raises UsageError, InputError."""
        changed = self.scenario
        for path, value in values.items():
            changed = with_value(changed, path, value, self.times)
        return changed


@dataclass(frozen=True)
class Written:
    """A scenario in a file, as `load` takes it: path, name of a scenario inside, `--set` texts."""

    path: Path
    name: str | None = None
    settings: tuple[str, ...] = ()

    @cached_property
    def loaded(self) -> Loaded:
        """The scenario as the file has it."""
        return read(self.path, scenario=self.name, set=self.settings)

    def changed(self, values: Mapping[str, Any]) -> Scenario:
        """It read again with the values set; `*` is every id. Raises UsageError, InputError."""
        texts = [text for path, value in values.items() for text in self._texts(path, value)]
        return read(self.path, scenario=self.name, set=(*self.settings, *texts)).scenario

    def _texts(self, path: str, value: Any) -> Sequence[str]:
        """What `--set` takes for a path: one text, or one for each id that `*` stands for."""
        said = json.dumps(value, ensure_ascii=False)
        keys = split_path(path)
        if ALL not in keys:
            return (f"{path}={said}",)
        head, rest = keys[0], keys[2:]
        if keys.index(ALL) != 1 or head not in COLLECTIONS or not rest:
            many = ", ".join(COLLECTIONS)
            raise UsageError(f"`{path}`: `*` stands for every id of {many}: regions.*.pue")
        ids = [entry.id for entry in getattr(self.loaded.scenario, head)]
        below = "".join(f'."{key}"' for key in rest)
        return [f'{head}."{each}"{below}={said}' for each in ids]


def with_value(scenario: Scenario, path: str, value: Any, times: bool = False) -> Scenario:
    """The scenario with the value at a path replaced, or multiplied."""
    head, _, rest = path.partition(".")
    _known(scenario, head, head)
    if head not in COLLECTIONS:
        return replace(scenario, **{head: _deep(getattr(scenario, head), rest, value, times, path)})
    entries = getattr(scenario, head)
    ids = [entry.id for entry in entries]
    begins = [each for each in (ALL, *ids) if f"{rest}.".startswith(f"{each}.")]
    # An id may hold points, and begin with another one.
    who = max(begins, key=len, default=rest.rpartition(".")[0])
    name = rest[len(who) + 1 :]
    if not begins:
        raise UsageError(f"`{path}`: no {head} `{who}`. {did_you_mean(who, [*ids, ALL])}")
    chosen = [who in (ALL, each) for each in ids]
    changed = tuple(
        _deep(entry, name, value, times, path) if on else entry
        for entry, on in zip(entries, chosen, strict=True)
    )
    more: dict[str, Any] = {head: changed}
    if (head, name) == ("regions", RESERVED):
        more[RESERVED] = _reserved(scenario, np.array(chosen), value, times)
    return replace(scenario, **more)


def _deep(value_of: Any, path: str, value: Any, times: bool, whole: str) -> Any:
    """An object with the value at a path below it changed; itself for an empty path."""
    if not path:
        return _new(value_of, value, times, whole)
    head, _, rest = path.partition(".")
    if not is_dataclass(value_of):
        raise UsageError(f"`{whole}`: there is nothing below `{whole.removesuffix(f'.{path}')}`")
    _known(value_of, head, whole)
    below = _deep(getattr(value_of, head), rest, value, times, whole)
    return replace(value_of, **{head: below})  # type: ignore[type-var]


def _new(old: Any, value: Any, times: bool, whole: str) -> Any:
    if is_dataclass(old) or (isinstance(old, tuple) and not times):
        raise UsageError(f"`{whole}` holds several values; name one of them")
    array = isinstance(old, np.ndarray)
    if times:
        if not array and (isinstance(old, bool) or not isinstance(old, int | float)):
            raise UsageError(f"`{whole}` is {old!r}, which cannot be multiplied; leave out `times`")
        return old * value
    return np.broadcast_to(np.asarray(value, dtype=float), old.shape).copy() if array else value


def _known(holder: Any, name: str, whole: str) -> None:
    names = [field.name for field in fields(holder)]
    if name not in names:
        raise UsageError(f"`{whole}`: there is no `{name}`. {did_you_mean(name, names)}")


def _reserved(scenario: Scenario, chosen: np.ndarray, value: Any, times: bool) -> np.ndarray:
    """Accelerators by hour (R, T), those of some regions changed as the regions' own number is."""
    hourly = np.array(scenario.reserved_gpu, dtype=float)
    for n in np.flatnonzero(chosen):
        stated = scenario.regions[n].reserved_gpu
        varies = not times and 0 < stated < np.inf
        hourly[n] = hourly[n] * (value if times else value / stated) if times or varies else value
    return hourly
