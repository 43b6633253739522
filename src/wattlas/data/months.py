"""A long scenario stretch by stretch, so that memory does not grow with its years.

The document, the places and the network are read once. Of the tables over time (prices, carbon,
demand, capacity) the rows of a stretch, a month unless it is cut otherwise, are read when the
stretch is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattlas.data.assemble import assemble_stretches, outline
from wattlas.data.clock import whole_time
from wattlas.data.draft import make_draft
from wattlas.data.inputs import Inputs
from wattlas.data.reader.source import source_of
from wattlas.data.reader.stretch import times_of
from wattlas.data.scenario_file import inputs_of
from wattlas.data.signal_tables import SIGNALS, SignalTable
from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours

LONG_H = 366 * 24
"""From more hours than this on, a scenario is long,"""
LARGE = 8_000_000
"""and from more figures of demand than this on, which are 64 MB."""

Cut = Callable[[Hours], Iterable[Hours]]
"""Hours → their stretches, in order."""


@dataclass(frozen=True)
class Months:
    """The scenario of each stretch of time, in order, each made when it is needed.

    A stretch is a calendar month (UTC) unless `cut` says otherwise. Going over it again reads the
    tables again. `identity` is that of the document; what the tables say is known only stretch by
    stretch.
    """

    path: str | Path
    scenario: str | None
    set: tuple[str, ...]
    base: str | Path | None
    hours: Hours
    identity: str
    cut: Cut | None = None

    @property
    def steps(self) -> int:
        """Steps of all stretches together."""
        return self.hours.count

    def outline(self) -> Scenario:
        """What the scenario is, without what its tables over time hold; see `outline`."""
        return outline(self._inputs())

    def __iter__(self) -> Iterator[Scenario]:
        yield from assemble_stretches(self._inputs(), (self.cut or by_month)(self.hours))

    def _inputs(self) -> Inputs:
        return inputs_of(self.path, scenario=self.scenario, set=self.set, base=self.base)


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
    document_text = json.dumps(inputs.document.data, sort_keys=True, default=str)
    identity = hashlib.sha256(document_text.encode()).hexdigest()
    return Months(path, scenario, tuple(set), base, _hours(inputs), f"by month {identity}")


def is_long(path: str | Path, *, scenario: str | None = None, set: Sequence[str] = ()) -> bool:
    """Whether a scenario has more hours than a year, or is so large that it should not be held as
    a whole; found without reading its tables over time.
    """
    inputs = inputs_of(path, scenario=scenario, set=set)
    time = inputs.typed.time
    if time.sample is not None or inputs.problems:
        return False
    hours_h, step_h = float(time.hours or 0), time.step_h or 1.0
    if time.hours is None and _signal_files(inputs):
        hours = _hours(inputs)
        hours_h, step_h = hours.count * hours.step_h, hours.step_h
    if hours_h > LONG_H:
        return True
    count = round(hours_h / step_h)
    draft = make_draft(inputs)
    large = len(draft.metros.kept) * len(draft.classes.kept) * count > LARGE
    return large and not inputs.problems


def _hours(inputs: Inputs) -> Hours:
    """Every step of the study, from the document and the times of the first signal's table."""
    tables = {}
    for name, file in _signal_files(inputs).items():
        frame, step_h = times_of(file, "zone")
        table = source_of(frame, SIGNALS[name], name)
        tables[name] = [SignalTable(table, frame, step_h=step_h)]
        break
    hours = whole_time(inputs, tables)
    if hours is None or inputs.problems:
        from wattlas.data.checks import unique
        from wattlas.errors import InputError

        raise InputError(unique(inputs.problems))
    return hours


def _signal_files(inputs: Inputs) -> dict[str, Path]:
    """Files of prices and intensities that are there."""
    files = {}
    for name in SIGNALS:
        named = getattr(inputs.typed.signals, name).table
        file = None
        if named is not None:
            file = Path(named).expanduser()
            file = file if file.is_absolute() else inputs.base / file
        else:
            holders = [pack for pack in inputs.packs if pack.has(name)]
            file = holders[-1].file(name) if holders else None
        if file is not None and file.is_file():
            files[name] = file
    return files
