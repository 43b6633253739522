"""A trace of requests, read in batches so that memory does not grow with it.

Every batch is checked: what comes out is in order of time, in seconds since the first request, with
tokens of at least 1. The first request that breaks a rule is named with its row.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wattlas.data.reader.dialect import PIECE_BYTES, pieces, unreadable
from wattlas.errors import InputError, Problem, UsageError
from wattlas.replays.arrivals.layouts import SECONDS, STAMP, TraceLayout, layout_of
from wattlas.replays.arrivals.rates import drawn

BATCH_ROWS = 1 << 17
LONGEST_GAP_S = 31 * 86400.0
"""A longer pause between two requests is a change of unit or of clock, not a pause."""
MOST_TOKENS = 1 << 30
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Requests:
    """Requests in order of time. `t_s` (n,) since the first of the trace, `tokens_in` and
    `tokens_out` (n,); `first_s` and `last_s` (n,) of their tokens, where the trace has them;
    `klass` and `metro` (n,) texts, where it has them. `row` (n,) counts from 0 in the file.
    `chat` (n,) is the row of the first request of the same chat, where the trace tells chats.
    """

    t_s: np.ndarray
    tokens_in: np.ndarray
    tokens_out: np.ndarray
    row: np.ndarray
    first_s: np.ndarray | None = None
    last_s: np.ndarray | None = None
    klass: np.ndarray | None = None
    metro: np.ndarray | None = None
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


@dataclass
class Trace:
    """A file of requests in a layout. `notes` say what was left out, once it has been read."""

    path: Path
    layout: TraceLayout
    only: str | None = None
    """Which of several traces in the file; None: all, where there is one."""
    ordered: bool = True
    """Whether the requests must be in order of time."""
    notes: list[str] = field(default_factory=list)

    def batches(self, seed: int = 0) -> Iterator[Requests]:
        """The requests, batch by batch. Raises InputError at the first that breaks a rule.

        Where the file has rates, requests are drawn with `seed`, and their tokens are 0: unknown.
        """
        if self.layout.rate:
            yield from self._drawn(seed)
            return
        reader = _Reader(self)
        try:
            for rows in frames(self.path, self.layout):
                batch = reader.batch(rows)
                if len(batch):
                    yield batch
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
            raise InputError([unreadable(self.path, str(self.path), str(fault))]) from None
        self.notes[:] = reader.notes()
        if reader.origin is None:
            raise InputError([self._empty()])

    def _drawn(self, seed: int) -> Iterator[Requests]:
        table = pl.concat(list(frames(self.path, self.layout)))
        chosen = table.filter(chosen_rows(table, self.layout, self.only))
        if not chosen.height:
            raise InputError([self._empty()])
        row = 0
        for times in drawn(chosen, self.layout, str(self.path), seed):
            count = len(times)
            none = np.zeros(count, dtype=np.int64)
            yield Requests(times, none, none, np.arange(row, row + count))
            row += count

    def _empty(self) -> Problem:
        fix = "Give another file, or another --trace-name."
        return Problem("(file)", "holds no request", fix, str(self.path))

    def log(self) -> Requests:
        """Every request of a server's log at once. Its lines may be in another order than time:
        they are sorted, and the earliest is at 0.
        """
        joined = _joined(list(replace(self, ordered=False).batches()))
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
    changed: Mapping[str, Any] | None = None,
) -> Trace:
    """A trace whose layout is given, or found from its columns. `changed` are fields of the layout
    that the file has otherwise. Raises UsageError, InputError.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError([Problem("(file)", "there is no such file", "Check the path.", str(file))])
    try:
        names = _names(file)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as fault:
        raise InputError([unreadable(file, str(file), str(fault))]) from None
    chosen = layout_of(names, layout, changed or {})
    missing = [n for n in chosen.columns.values() if n not in names and chosen.prepare is None]
    if missing:
        fix = f"The layout {chosen.name} has it; name another --layout."
        problems = [
            Problem(name, "the trace has no such column", fix, str(file)) for name in missing
        ]
        raise InputError(problems)
    return Trace(file, chosen, only)


def _names(path: Path) -> list[str]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return list(pl.scan_parquet(path).collect_schema())
    if suffix == ".json":
        return list(_body(path))
    if suffix in _LINES:
        with path.open("rb") as file:
            return list(json.loads(file.readline()))
    return next(iter(pieces(path))).columns


def _body(path: Path) -> dict[str, object]:
    body = json.loads(path.read_text("utf-8"))
    if not isinstance(body, dict):
        raise ValueError("no object")
    return body


def frames(path: Path, layout: TraceLayout) -> Iterator[pl.DataFrame]:
    """The rows of a file as they stand, some at a time."""
    suffix = path.suffix.lower()
    if layout.prepare is not None:
        body = {name: value for name, value in _body(path).items() if isinstance(value, list)}
        yield layout.prepare(pl.DataFrame({name: [value] for name, value in body.items()}))
    elif suffix == ".parquet":
        yield from _parquet(path, layout)
    elif suffix in _LINES:
        yield from _lines(path)
    else:
        yield from pieces(path)


def _parquet(path: Path, layout: TraceLayout) -> Iterator[pl.DataFrame]:
    rows = pl.scan_parquet(path)
    names = [*layout.columns.values(), *([layout.trace] if layout.trace else [])]
    has = rows.collect_schema().names()
    names += [name for name in (layout.chat, layout.parent) if name in has]
    rows = rows.select(names)
    count = int(rows.select(pl.len()).collect().item())
    for begin in range(0, count, BATCH_ROWS):
        yield rows.slice(begin, BATCH_ROWS).collect()


def _lines(path: Path) -> Iterator[pl.DataFrame]:
    """JSON, an object to each line, a few megabytes at a time."""
    with path.open("rb") as file:
        rest = b""
        while block := file.read(PIECE_BYTES):
            rest += block
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield pl.read_ndjson(io.BytesIO(rest[:cut]))
                rest = rest[cut:]
        if rest.strip():
            yield pl.read_ndjson(io.BytesIO(rest))


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


class _Reader:
    """What is carried from batch to batch: rows read, the first time and the last."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows = 0
        self.origin: float | None = None
        self.last = 0.0
        self.unanswered = 0
        self.empty = 0
        self.chats: dict[str, int] = {}
        """Id of each request that may be followed → the row of the first of its chat."""

    def batch(self, rows: pl.DataFrame) -> Requests:
        """The checked requests of some rows."""
        layout = self.trace.layout
        row = np.arange(self.rows, self.rows + rows.height)
        self.rows += rows.height
        kept = chosen_rows(rows, self.trace.layout, self.trace.only)
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
            for n in ("klass", "metro") if getattr(layout, n)
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
            None if chat is None else chat[answered],
        )

    def _chats(self, rows: pl.DataFrame, row: np.ndarray) -> np.ndarray | None:
        """Of each request the row of the first of its chat; None where the trace tells none."""
        layout = self.trace.layout
        if not layout.parent or not {layout.chat, layout.parent} <= set(rows.columns):
            return None
        ids = rows.select(pl.col(layout.chat, layout.parent).cast(pl.String))
        first = row.astype(np.int64)
        for n, (own, parent) in enumerate(ids.iter_rows()):
            first[n] = self.chats.get(parent, first[n])
            self.chats[own] = int(first[n])
        return first

    def _times(self, rows: pl.DataFrame, name: str, row: np.ndarray) -> np.ndarray:
        """Times in seconds, float64. Raises InputError where one is none."""
        layout = self.trace.layout
        column = rows[getattr(layout, name)]
        if layout.unit == STAMP:
            values = _stamps(column)
        else:
            values = column.cast(pl.Float64, strict=False) * SECONDS[layout.unit]
        bad = values.is_null() | values.is_nan() | values.is_infinite()
        if bad.any():
            at = int(bad.arg_max() or 0)
            wanted = (
                "a date with its time" if layout.unit == STAMP else f"a number of {layout.unit}"
            )
            what = f"is `{column[at]}`, wanted {wanted} as in the rows above: mixed units"
            fix = "Bring all times into one unit, and say it with --unit."
            raise InputError([self._problem(column.name, row[at], what, fix)])
        return np.asarray(values.to_numpy())

    def _tokens(self, rows: pl.DataFrame, name: str, row: np.ndarray) -> np.ndarray:
        column = rows[getattr(self.trace.layout, name)]
        values = column.cast(pl.Float64, strict=False)
        sound = (values >= 0) & (values <= MOST_TOKENS) & (values == values.round())
        bad = ~sound.fill_null(False)
        if bad.any():
            at = int(bad.arg_max() or 0)
            what = f"is {column[at]}, wanted a whole number of tokens of at least 0"
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
        name = self.trace.layout.time
        if self.trace.ordered and (gaps < 0).any():
            at = int(np.argmax(gaps < 0))
            what = f"comes {-gaps[at]:.6g} s before the request above it"
            raise InputError([self._problem(name, row[at], what, "Sort the trace by time.")])
        if (np.abs(gaps) > LONGEST_GAP_S).any():
            at = int(np.argmax(np.abs(gaps) > LONGEST_GAP_S))
            what = f"comes {gaps[at] / 86400:,.0f} days after the request above it: mixed units"
            fix = "Bring all times into one unit, or replay the parts by themselves."
            raise InputError([self._problem(name, row[at], what, fix)])

    def _problem(self, column: str, row: int, what: str, fix: str) -> Problem:
        return Problem(f"request {row + 1:,}, {column}", what, fix, str(self.trace.path))

    def notes(self) -> list[str]:
        """What was left out or changed, in sentences."""
        told = []
        if self.unanswered:
            told.append(f"{self.unanswered:,} requests without a token in answer are left out")
        if self.empty:
            told.append(f"{self.empty:,} requests with an empty prompt count as one token")
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
