"""A trace of requests, read in batches so that memory does not grow with it.

Every batch is checked: what comes out is in order of time, in seconds since the first request, with
tokens of at least 1 (`arrivals.checked`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wattlas.data.reader.dialect import unreadable
from wattlas.errors import InputError, Problem, UsageError
from wattlas.replays.arrivals.checked import Reader, Requests, chosen_rows
from wattlas.replays.arrivals.files import frames, names_of
from wattlas.replays.arrivals.layouts import TraceLayout, layout_of
from wattlas.replays.arrivals.rates import drawn


@dataclass
class Trace:
    """A file of requests in a layout. `notes` say what was left out, once it has been read."""

    path: Path
    layout: TraceLayout
    only: str | None = None
    """Which of several traces in the file; None: all, where there is one."""
    place: str | None = None
    """Where the requests were served, region/point, of a log that tells; None: anywhere."""
    ordered: bool = True
    """Whether the requests must be in order of time."""
    notes: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    """Where requests were served, once it has been read."""

    def batches(self, seed: int = 0) -> Iterator[Requests]:
        """The requests, batch by batch. Raises InputError at the first that breaks a rule.

        Where the file has rates, requests are drawn with `seed`, and their tokens are 0: unknown.
        """
        if self.layout.rate:
            yield from self._drawn(seed)
            return
        reader = Reader(self.path, self.layout, self.only, self.place, self.ordered)
        try:
            for rows in frames(self.path, self.layout, reader.told):
                batch = reader.batch(rows)
                if len(batch):
                    yield batch
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
            raise InputError([unreadable(self.path, str(self.path), str(fault))]) from None
        self.notes[:] = reader.notes()
        self.places |= reader.places
        if reader.origin is None:
            raise InputError([self._empty(reader.places)])

    def _drawn(self, seed: int) -> Iterator[Requests]:
        table = pl.concat(list(frames(self.path, self.layout, [])))
        chosen = table.filter(chosen_rows(table, self.layout, self.only))
        if not chosen.height:
            raise InputError([self._empty()])
        row = 0
        for times in drawn(chosen, self.layout, str(self.path), seed):
            count = len(times)
            none = np.zeros(count, dtype=np.int64)
            yield Requests(times, none, none, np.arange(row, row + count))
            row += count

    def _empty(self, places: Collection[str] = ()) -> Problem:
        fix = "Give another file, or another --trace-name."
        if self.place is not None and places:
            fix = f"--place: name one of {', '.join(sorted(places))}."
        return Problem("(file)", "holds no request", fix, str(self.path))

    def log(self) -> Requests:
        """Every request of a server's log at once. Its lines may be in another order than time:
        they are sorted, and the earliest is at 0. UsageError where it is of several places, and
        none is named.
        """
        copy = replace(self, ordered=False, places=set())
        joined = _joined(list(copy.batches()))
        if self.place is None and len(copy.places) > 1:
            shown = ", ".join(sorted(copy.places))
            raise UsageError(f"--place: the log is of {shown}. Name one.")
        return joined.taken(np.argsort(joined.t_s, kind="stable"))


def _joined(parts: list[Requests]) -> Requests:
    columns: dict[str, Any] = {}
    for name in Requests.__dataclass_fields__:
        values = [getattr(part, name) for part in parts]
        columns[name] = None if values[0] is None else np.concatenate(values)
    return Requests(**columns)


def open_trace(
    path: str | Path,
    layout: str | None = None,
    *,
    only: str | None = None,
    place: str | None = None,
    changed: Mapping[str, Any] | None = None,
) -> Trace:
    """A trace whose layout is given, or found from its columns. `changed` are fields of the layout
    that the file has otherwise, `place` the server that is meant of a log of several. Raises
    UsageError, InputError.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError([Problem("(file)", "there is no such file", "Check the path.", str(file))])
    try:
        names = names_of(file)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as fault:
        raise InputError([unreadable(file, str(file), str(fault))]) from None
    chosen = layout_of(names, layout, changed or {})
    wanted = chosen.sessions if chosen.calls in names else chosen.columns
    missing = [n for n in wanted.values() if n not in names and chosen.prepare is None]
    if missing:
        fix = f"The layout {chosen.name} has it; name another --layout."
        problems = [
            Problem(name, "the trace has no such column", fix, str(file)) for name in missing
        ]
        raise InputError(problems)
    if only is not None and not chosen.trace:
        raise UsageError(f"--trace-name: the layout {chosen.name} holds one trace. Leave it out.")
    if place is not None and not chosen.place:
        raise UsageError(f"--place: the layout {chosen.name} does not say where requests ran.")
    return Trace(file, chosen, only, place)
