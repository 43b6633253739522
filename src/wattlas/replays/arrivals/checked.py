"""Rows of a file as checked requests: in order of time, in seconds, with whole numbers of tokens.

The first request that breaks a rule is named with its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wattlas.errors import InputError, Problem, UsageError
from wattlas.replays.arrivals.layouts import SECONDS, STAMP, TraceLayout

LONGEST_GAP_S = 31 * 86400.0
"""A longer pause between two requests is a change of unit or of clock, not a pause."""
MOST_TOKENS = 1 << 30
ROOTS = (None, "", "-1")
"""What stands for no parent, and for no id."""


@dataclass(frozen=True)
class Requests:
    """Requests in order of time. `t_s` (n,) since the first of the trace, `tokens_in` and
    `tokens_out` (n,); `first_s` and `last_s` (n,) of their tokens, where the trace has them;
    `klass`, `metro` and `contract` (n,) texts, where it has them. `row` (n,) counts from 0 in the
    file. Times of tokens that the trace does not say are nan. `chat` (n,) is the row of the first
    request of the same chat, where the trace tells chats.
    """

    t_s: np.ndarray
    tokens_in: np.ndarray
    tokens_out: np.ndarray
    row: np.ndarray
    first_s: np.ndarray | None = None
    last_s: np.ndarray | None = None
    klass: np.ndarray | None = None
    metro: np.ndarray | None = None
    contract: np.ndarray | None = None
    chat: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.t_s)

    def taken(self, rows: np.ndarray) -> Requests:
        """Some of them in another order, from the first of these on."""
        columns: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            values = getattr(self, name)
            columns[name] = None if values is None else values[rows]
        for name in ("first_s", "last_s", "t_s"):
            if columns[name] is not None:
                columns[name] = columns[name] - self.t_s[rows[0]]
        return Requests(**columns)


def chosen_rows(rows: pl.DataFrame, layout: TraceLayout, only: str | None) -> pl.Series:
    """Which rows are of the trace that is meant. UsageError where there are several, none named."""
    every = pl.repeat(True, rows.height, eager=True)
    if not layout.trace:
        return every
    names = rows[layout.trace].cast(pl.String)
    if only is not None:
        return names == only
    distinct = names.unique().sort().to_list()
    if len(distinct) > 1:
        shown = ", ".join(map(str, distinct))
        raise UsageError(f"--trace-name: the file holds {shown}. Name one.")
    return every


class Reader:
    """What is carried from batch to batch: rows read, the first time and the last."""

    def __init__(
        self, path: Path, layout: TraceLayout, only: str | None, place: str | None, ordered: bool
    ) -> None:
        self.path, self.layout, self.only, self.place = path, layout, only, place
        self.ordered = ordered
        self.rows = 0
        self.origin: float | None = None
        self.last = 0.0
        self.unanswered = 0
        self.empty = 0
        self.told: list[str] = []
        self.places: set[str] = set()
        self.chats: dict[str, int] = {}
        """Id of each request that may be followed → the row of the first of its chat."""

    def batch(self, rows: pl.DataFrame) -> Requests:
        """The checked requests of some rows."""
        layout = self.layout
        row = np.arange(self.rows, self.rows + rows.height)
        self.rows += rows.height
        kept = chosen_rows(rows, layout, self.only) & self._placed(rows)
        rows, row = rows.filter(kept), row[kept.to_numpy()]
        times = {
            n: self._times(rows, n, row) for n in ("time", "first", "last") if getattr(layout, n)
        }
        tokens = {n: self._tokens(rows, n, row) for n in ("tokens_in", "tokens_out")}
        chat = self._chats(rows, row)
        answered = tokens["tokens_out"] > 0
        self.unanswered += int((~answered).sum())
        self.empty += int((tokens["tokens_in"][answered] == 0).sum())
        times = {name: value[answered] for name, value in times.items()}
        row = row[answered]
        self._check_order(times["time"], row)
        if len(row) and self.origin is None:
            self.origin = float(times["time"][0])
        origin = self.origin or 0.0
        texts = {
            n: rows[getattr(layout, n)].cast(pl.String).to_numpy()[answered]
            for n in ("klass", "metro", "contract") if getattr(layout, n)
        }  # fmt: skip
        return Requests(
            times["time"] - origin,
            np.maximum(tokens["tokens_in"][answered], 1),
            tokens["tokens_out"][answered],
            row,
            times["first"] - origin if "first" in times else None,
            times["last"] - origin if "last" in times else None,
            texts.get("klass"),
            texts.get("metro"),
            texts.get("contract"),
            None if chat is None else chat[answered],
        )

    def _chats(self, rows: pl.DataFrame, row: np.ndarray) -> np.ndarray | None:
        """Of each request the row of the first of its chat; None where the trace tells none."""
        layout = self.layout
        if not layout.parent or not {layout.chat, layout.parent}.issubset(rows.columns):
            return None
        own_ids, parents = (rows[n].cast(pl.String) for n in (layout.chat, layout.parent))
        first = row.astype(np.int64)
        for n, (own, parent) in enumerate(zip(own_ids, parents, strict=True)):
            if parent not in ROOTS:
                first[n] = self.chats.get(parent, first[n])
            if own not in ROOTS:
                self.chats[own] = int(first[n])
        return first

    def _placed(self, rows: pl.DataFrame) -> pl.Series:
        """Which rows were served at the place that is meant."""
        columns = self.layout.place
        if not columns or not set(columns) <= set(rows.columns):
            return pl.repeat(True, rows.height, eager=True)
        at = rows.select(pl.concat_str(columns, separator="/")).to_series()
        self.places |= set(at.drop_nulls().unique())
        if self.place is None:
            return pl.repeat(True, rows.height, eager=True)
        return (at == self.place).fill_null(False)

    def _times(self, rows: pl.DataFrame, name: str, row: np.ndarray) -> np.ndarray:
        """Times in seconds, float64. Raises InputError where one is none."""
        layout = self.layout
        column = rows[getattr(layout, name)]
        wanted = f"a number of {layout.unit}"
        if layout.unit == STAMP:
            values, wanted = _stamps(column), "a date with its time"
        elif column.dtype.is_temporal():
            values = pl.repeat(None, len(column), dtype=pl.Float64, eager=True)
        else:
            values = column.cast(pl.Float64, strict=False) * SECONDS[layout.unit]
        bad = values.is_null() | values.is_nan() | values.is_infinite()
        if name != "time":  # a log may lack the times of a request's tokens
            bad &= column.is_not_null()
        if bad.any():
            at = int(bad.arg_max() or 0)
            what = f"is `{column[at]}`, wanted {wanted} as in the rows above: mixed units"
            fix = "Bring all times into one unit, and say it with --unit."
            if column[at] is None:
                what, fix = f"is empty, wanted {wanted}", "Fix or drop the request."
            raise InputError([self._problem(column.name, row[at], what, fix)])
        return np.asarray(values.cast(pl.Float64).fill_null(np.nan).to_numpy())

    def _tokens(self, rows: pl.DataFrame, name: str, row: np.ndarray) -> np.ndarray:
        column = rows[getattr(self.layout, name)]
        values = column.cast(pl.Float64, strict=False)
        if self.layout.unknown_tokens:
            values = pl.select(pl.when(column.is_null()).then(0.0).otherwise(values)).to_series()
        sound = (values >= 0) & (values <= MOST_TOKENS) & (values == values.round())
        bad = ~sound.fill_null(False)
        if bad.any():
            at = int(bad.arg_max() or 0)
            cell = "empty" if column[at] is None else column[at]
            what = f"is {cell}, wanted a whole number of tokens of at least 0"
            raise InputError(
                [self._problem(column.name, row[at], what, "Fix or drop the request.")]
            )
        return np.asarray(values.cast(pl.Int64).to_numpy())

    def _check_order(self, times: np.ndarray, row: np.ndarray) -> None:
        if not len(times):
            return
        before = self.last if self.origin is not None else times[0]
        gaps = np.diff(times, prepend=before)
        self.last = float(times[-1])
        name = self.layout.time
        if self.ordered and (gaps < 0).any():
            at = int(np.argmax(gaps < 0))
            what = f"comes {-gaps[at]:.6g} s before the request above it"
            raise InputError([self._problem(name, row[at], what, "Sort the trace by time.")])
        if (np.abs(gaps) > LONGEST_GAP_S).any():
            at = int(np.argmax(np.abs(gaps) > LONGEST_GAP_S))
            what = f"comes {gaps[at] / 86400:,.0f} days after the request above it: mixed units"
            fix = "Bring all times into one unit, or replay the parts by themselves."
            raise InputError([self._problem(name, row[at], what, fix)])

    def _problem(self, column: str, row: int, what: str, fix: str) -> Problem:
        return Problem(f"request {row + 1:,}, {column}", what, fix, str(self.path))

    def notes(self) -> list[str]:
        """What was left out or changed, in sentences."""
        told = list(self.told)
        if self.unanswered:
            told.append(f"Requests without a token in answer are left out: {self.unanswered:,}")
        if self.empty:
            told.append(f"Requests with an empty prompt count as one token: {self.empty:,}")
        return told


def _stamps(column: pl.Series) -> pl.Series:
    """Dates with their times as seconds since 1970, fractions of a second kept; UTC where no zone
    is said, but never some with and some without.
    """
    if isinstance(column.dtype, pl.Datetime):
        return column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    text = column.cast(pl.String).str.strip_chars().str.replace("T", " ", literal=True)
    says_zone = text.str.contains(r"(Z|[+-]\d{2}:?\d{2})$").fill_null(False)
    zoned = bool(says_zone.any()) and bool(says_zone[0])
    text = text.zip_with(says_zone == zoned, pl.Series([None], dtype=pl.String))
    text = text.str.replace("Z$", "+00:00")
    form = "%Y-%m-%d %H:%M:%S%.f"
    if zoned:
        stamps = text.str.to_datetime(f"{form}%:z", time_unit="us", time_zone="UTC", strict=False)
    else:
        stamps = text.str.to_datetime(form, time_unit="us", strict=False)
    return stamps.dt.epoch("us").cast(pl.Float64) / 1e6
