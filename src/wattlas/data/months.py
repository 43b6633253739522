"""A long scenario month by month, so that memory does not grow with its years.

The document, the places and the network are read once. Of the tables over time (prices, carbon,
demand, capacity) the rows of a month are read when the month is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattlas.data.assemble import assemble_stretches
from wattlas.data.clock import COLUMNS, SignalTable, whole_time
from wattlas.data.inputs import Inputs, hourly_file
from wattlas.data.scenario_file import inputs_of
from wattlas.data.tables import table_of, times_of
from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours

LONG_H = 366 * 24
"""From more hours than this on, a scenario is long."""


@dataclass(frozen=True)
class Months:
    """The scenario of each calendar month (UTC), in order, each made when it is asked for.

    Going over it again reads the tables again. `identity` is that of the document; what the
    tables say is known only month by month.
    """

    path: str | Path
    scenario: str | None
    set: tuple[str, ...]
    base: str | Path | None
    hours: Hours
    identity: str

    @property
    def steps(self) -> int:
        """Steps of all months together."""
        return self.hours.count

    def __iter__(self) -> Iterator[Scenario]:
        inputs = inputs_of(self.path, scenario=self.scenario, set=self.set, base=self.base)
        yield from assemble_stretches(inputs, by_month(self.hours))


def by_month(hours: Hours) -> Iterator[Hours]:
    """The steps of each calendar month, UTC."""
    month = hours.utc.astype("datetime64[M]")
    for index in np.split(np.arange(hours.count), np.flatnonzero(month[1:] != month[:-1]) + 1):
        yield hours.take(index)


def load_months(
    path: str | Path,
    *,
    scenario: str | None = None,
    set: Sequence[str] = (),
    base: str | Path | None = None,
) -> Months:
    """A scenario month by month; arguments as for `load`.

    Raises InputError for a document that is wrong, and when a month comes whose rows are; raises
    UsageError for a sample, which is chosen from all hours.
    """
    inputs = inputs_of(path, scenario=scenario, set=set, base=base)
    if inputs.typed.time.sample is not None:
        raise UsageError("a sample is chosen from all hours: load the scenario as a whole")
    said = json.dumps(inputs.document.data, sort_keys=True, default=str)
    identity = hashlib.sha256(said.encode()).hexdigest()
    return Months(path, scenario, tuple(set), base, _hours(inputs), f"by month {identity}")


def is_long(path: str | Path, *, scenario: str | None = None, set: Sequence[str] = ()) -> bool:
    """Whether a scenario has more hours than a year, found without reading its tables."""
    inputs = inputs_of(path, scenario=scenario, set=set)
    time = inputs.typed.time
    if time.sample is not None or inputs.problems:
        return False
    known = time.hours is not None or not _signal_files(inputs)
    if known and (time.hours or 0) * (time.step_h or 1.0) <= LONG_H:
        return False
    hours = _hours(inputs)
    return hours.count * hours.step_h > LONG_H


def _hours(inputs: Inputs) -> Hours:
    """Every step of the study, from the document and the times of the first signal's table."""
    tables = {}
    for name, file in _signal_files(inputs).items():
        frame = times_of(file)
        tables[name] = SignalTable(table_of(frame, name), frame)
        break
    found = whole_time(inputs, tables)
    if found is None or inputs.problems:
        from wattlas.data.checks import unique
        from wattlas.errors import InputError

        raise InputError(unique(inputs.problems))
    return found


def _signal_files(inputs: Inputs) -> dict[str, Path]:
    """Files of prices and intensities that are there."""
    found = {}
    for name in COLUMNS:
        given = getattr(inputs.typed.signals, name).table
        file = None
        if given is not None:
            file = Path(given).expanduser()
            file = file if file.is_absolute() else inputs.base / file
        elif inputs.pack is not None:
            file = hourly_file(inputs.pack, name)
        if file is not None and file.is_file():
            found[name] = file
    return found
