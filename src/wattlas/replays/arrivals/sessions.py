"""Sessions of agents as requests: a line that holds a chain of calls becomes one request per call.

A trace says when a session begins and how long its tools take, and not when the calls are answered.
Each call is placed after the tools before it:

    arrival of call j = arrival of the session + Σ_{i<j} tool_i

which is the earliest that it can come: the time of the answers is not in it, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wattlas.errors import InputError, Problem
from wattlas.replays.arrivals.layouts import TraceLayout

_HELD = "__arrival"
TOLD = (
    "Calls of a session are placed after the time of its tools: what its answers take is not added"
)


class Sessions:
    """Spreads the calls of sessions among the lines of a file, in order of time.

    A call that comes after the last line so far is held until it is its turn.
    """

    def __init__(self, path: Path, layout: TraceLayout) -> None:
        self.path, self.layout = path, layout
        self.schema: dict[str, Any] = dict.fromkeys(layout.names, pl.String)
        call = {layout.tokens_in: pl.Int64, layout.tokens_out: pl.Int64, layout.tool: pl.Float64}
        if layout.calls:
            self.schema[layout.calls] = pl.List(pl.Struct(call))
        self.held: pl.DataFrame | None = None
        self.last, self.lines = -np.inf, 0
        self.notes: list[str] = []

    def spread(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The requests of some lines, and those held that come before the last of them."""
        if not self.layout.calls:
            yield rows
            return
        known = rows[self.layout.calls].is_not_null().any()
        if self.held is None and not known:
            self.lines += rows.height
            yield rows
            return
        self.notes[:] = [TOLD]
        self._check_order(rows)
        calls = self._calls(rows)
        if self.held is not None:
            calls = pl.concat([self.held, calls])
        calls = calls.sort(_HELD, maintain_order=True)
        now = calls[_HELD] <= self.last
        self.held = calls.filter(~now)
        yield calls.filter(now).drop(_HELD)

    def rest(self) -> Iterator[pl.DataFrame]:
        """The calls that are still held."""
        if self.held is not None and self.held.height:
            yield self.held.drop(_HELD)

    def _check_order(self, rows: pl.DataFrame) -> None:
        """Raises InputError for a line that comes before the one above it."""
        name = self.layout.time
        times = rows[name].cast(pl.Float64, strict=False).fill_null(np.inf).to_numpy()
        gaps = np.diff(times, prepend=self.last)
        with np.errstate(invalid="ignore"):
            wrong = ~np.isfinite(times) | (gaps < 0)
        if wrong.any():
            at = int(np.argmax(wrong))
            what = f"is {rows[name][at]}, no time, or one before that of the line above"
            raise InputError([Problem(f"line {self.lines + at + 1:,}, {name}", what,
                                      "Sort the sessions by their arrival.", str(self.path))
                              ])  # fmt: skip
        self.lines += rows.height
        self.last = float(times[-1])

    def _calls(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A row for each call, and for each line without any; `_HELD` is its arrival."""
        x = self.layout
        own = (x.tokens_in, x.tokens_out)
        flat = pl.col(x.calls).is_null()
        begin = pl.col(x.time).cast(pl.Float64, strict=False)
        numbered = rows.with_columns(begin.alias(_HELD)).with_row_index("__line")
        alone = numbered.filter(flat).with_columns(pl.lit(0.0).alias("__wait"))
        chains = numbered.filter(~flat).drop(own).explode(x.calls).unnest(x.calls)
        tools = pl.col(x.tool).fill_null(0.0)
        if (backwards := chains.filter(tools < 0)).height:
            line = self.lines - rows.height + backwards["__line"][0] + 1
            what = f"is {backwards[x.tool][0]:g}, and no time is below 0"
            raise InputError([Problem(f"line {line:,}, {x.tool}", what, "Fix the session.",
                                      str(self.path))])  # fmt: skip
        wait = (tools.cum_sum() - tools).over("__line")
        chains = chains.with_columns(wait.alias("__wait"), pl.col(own).cast(pl.String)).drop(x.tool)
        both = pl.concat([alone.drop(x.calls), chains.select(alone.drop(x.calls).columns)])
        both = both.sort("__line", maintain_order=True)
        at = pl.col(_HELD) + pl.col("__wait")
        return both.with_columns(at.alias(_HELD), at.cast(pl.String).alias(x.time)).drop(
            "__line", "__wait"
        )
