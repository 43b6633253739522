"""How numbers, listings, choices, bounds and errors are written for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.telling import kept, plain, tell
from wattlas import errors
from wattlas.errors import InputError
from wattlas.model import cells, checks, choices, frames, shown, table
from wattlas.model.breakeven import BreakEven, BreakEvens, Quantity, Side, Verdict
from wattlas.model.choices import Choices
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Column, Kind, Listing

HERE = Path(__file__).parent / "reading"


def _choices() -> Iterator[str]:
    """A choice experiment in arrays, with everything wrong once."""
    sound: dict[str, Any] = {
        "respondent": np.array(list("rrrqqp")),
        "task": np.array(list("112111")),
        "alternative": np.array(list("abaabx")),
        "accuracy": np.array([0.8, 0.7, 0.9, 0.8, 0.7, np.nan]),
        "latency_ms": np.array([200.0, 300, 100, 1, 2, np.nan]),
        "carbon_g": np.full(6, 0.3),
        "price_usd": np.full(6, 0.01),
        "chosen": np.array([1, 0, 1, 0, 0, 1], bool),
    }
    made = Choices(**sound)
    yield from tell(made, "choices")
    yield f"{choices.numbered(made.respondent, made.task, made.alternative).tolist()}"
    changed: dict[str, dict[str, Any]] = {
        "as is": {},
        "beyond": {
            "accuracy": np.array([1.2, -0.1, 80, 8, 9, 10.0]),
            "price_usd": np.array([1e13, -1, np.inf, 1, 1, 1]),
        },
        "lengths": {"task": np.array(["1"])},
        "none": {n: v[:0] for n, v in sound.items()},
        "segments": {"segment": np.array(list("xyxxyz"))},
        "of one respondent": {"respondent": np.array(["r"] * 6), "task": np.array(["1"] * 6)},
    }
    for name, parts in changed.items():
        for fault in choices.faults(replace(made, **parts)):
            yield f"{name}: {fault.problem('t.csv')}"


def _written(folder: Path) -> Iterator[str]:
    """Numbers, columns, listings and frames as people see them."""
    for value in (
        None,
        float("nan"),
        0,
        0.0,
        -0.0,
        0.04,
        0.49,
        0.5,
        -0.2,
        1,
        12.345,
        999.5,
        1000,
        123456.7,
        -1234.5,
        1e-9,
    ):
        yield (
            f"{value}: "
            f"{cells.count_text(value) if value is not None and value == value else '-'} "
            f"{cells.number_text(value)} {cells.number_text(value, 6)} "
            f"{cells.percent(value) if value is not None else '-'}"
        )
    shown_as = (None, "text", 0, 1.234567, True, float("nan"))
    for kind in Kind:
        yield (f"{kind} {kind.is_numeric}: {[cells.cell(v, Column('x', kind)) for v in shown_as]}")
    names = (
        "price_usd_per_mwh",
        "x_usd_per_gpu_h",
        "cost_usd",
        "it_mwh",
        "carbon_kg",
        "carbon_g",
        "wait_h",
        "most_gpu",
        "size_bytes",
        "plain",
        "a_usd_per_million",
        "t_ms",
    )
    yield (
        f"{[(Column(n).heading, Column(n).unit) for n in names]} "
        f"{Column('x_usd', head='Y').heading}"
    )
    yield f"{table.columns('region:text it_mwh share:share? on:flag')}"
    yield from _shown()
    yield from _break_even()
    yield from _choices()
    yield from _bounds()
    yield from _errors()


def _shown() -> Iterator[str]:
    """Listings and frames."""
    rows = {"name": ["<b>", "=1+1"], "part": [0.5, None], "on": [True, False]}
    listing = Listing(
        "A & B", table.columns("name:text part:share on:flag"), rows, ("mind <this>", "")
    )
    yield shown.listing_html(listing)
    yield shown.listing_html(replace(listing, table={"name": [], "part": [], "on": []}))
    yield (
        f"{len(listing)} {table.rows_of(rows)} {table.table_of(table.rows_of(rows))} "
        f"{table.table_of([], ['a'])} {table.table_of([])}"
    )
    frame = frames.frame(
        {
            "t": np.array(["2023-06-01T00", "2023-06-01T01"], "datetime64[h]"),
            "x": np.array([1.5, np.nan]),
            "n": ["=a", "b"],
            "m": [None, "\tc"],
        }
    )
    yield from tell(frames.frame({"x": [1, 2.5, None], "y": ["a", 1, None]}), "of several kinds")
    yield from tell(frame, "frame")
    yield frames.csv_text(frames.with_texts(frame))
    yield (
        f"{frames.pandas_of(frame).shape} {[str(v) for v in frames.pandas_of(frame)['t']]} "
        f"{frames.pandas_of(frame)['n'].tolist()}"
    )
    columns = shown.FrameColumns({"a": list(range(30)), "b": [True] * 30, "c": ["x"] * 30})
    yield (
        f"{columns.table()['a'][:2]} {columns.heading()!r} {columns.to_polars().shape} "
        f"{columns.to_pandas().shape}"
    )
    told = columns.listing()
    yield f"{told.title!r} {told.columns} {told.notes} {len(told)}"
    yield columns._repr_html_()[:400]
    yield from (
        f"{n}: {did_you_mean(n, ['oslo', 'Austin', 3, *(f'k{i}' for i in range(k))])}"
        for n, k in (("olso", 0), ("AUSTIN", 0), ("qq", 0), ("qq", 9))
    )
    yield f"{did_you_mean('x', [])!r}"


def _break_even() -> Iterator[str]:
    """On which side of a value a move pays."""
    for quantity in Quantity:
        made = BreakEven(
            quantity, 7.0, quantity.unit, Verdict.PAYS, "for a reason", Side.ABOVE, 5.0
        )
        several = [
            replace(made, side=side, value=value, verdict=verdict)
            for side in Side
            for value in (7.0, None)
            for verdict in (Verdict.ALWAYS, Verdict.NEVER)
        ]
        yield (
            f"{quantity} in {quantity.unit}: "
            f"{[[e.pays_at(v) for v in (6.0, 7.0, 8.0)] for e in several]}"
        )
    both = BreakEvens([made, several[-1]])
    yield f"{plain(dict(both.table()))} {both.heading()!r}"


def _bounds() -> Iterator[str]:
    """Bounds in words and what they hold."""
    bounds = {
        "finite": checks.FINITE,
        "above": checks.POSITIVE,
        "least": checks.NOT_NEGATIVE,
        "share": checks.SHARE,
        "free": replace(checks.NOT_NEGATIVE, free=True),
        "open": checks.Bounds(0.0, 1.0, open=True),
        "whole": checks.Bounds(1, 9, whole=True),
        "any": checks.Bounds(free=True),
        "unknown": checks.Bounds(0.0, unknown=True),
        "open above": checks.Bounds(0.0, 5.0, open=True, free=True),
    }
    values = (-np.inf, -1.0, 0.0, 0.5, 1.0, 5.0, 9.0, np.inf, np.nan)
    for name, bound in bounds.items():
        yield (
            f"{name}: {bound.words()}; holds {[v for v in values if bound.hold(v, v)]}, to 3 "
            f"from {[v for v in values if bound.hold(v, 3.0)]}"
        )
        for array in (
            [0.0, 0.5],
            [-1.0, np.inf],
            [np.nan, 7.0],
            [[0.5, 12.0], [1.0, 1.0]],
            ["x"],
            [True, False],
            [1.5, 2],
        ):
            try:
                made = checks.checked_array("x", array, bound, [["p", "q"]])
                yield f"  {array} -> {made.tolist()} {made.dtype}"
            except InputError as error:
                yield (
                    f"  {array}: "
                    f"{'; '.join(f'{p.where} {p.what}. {p.fix}' for p in error.problems)}"
                )

    class Held:
        mask, other, word = [0, 1], np.array([[True]]), "x"

    yield from (str(p) for p in checks.masks(Held(), "at.", [2], "mask", "other", "word"))
    yield from (str(p) for p in checks.once("at.", ["a", "b", "a", "a"]))
    yield from (str(p) for p in checks.refers("at", ["a", "c"], ["a", "bc"], "thing"))
    yield from (str(p) for p in checks.refers("at", ["c"], [], "thing"))


def _errors() -> Iterator[str]:
    """Errors with their places and exit codes."""
    for kind in (
        errors.WattlasError,
        errors.UsageError,
        errors.InputError,
        errors.InfeasibleError,
        errors.LimitError,
        errors.MachineError,
        errors.PipeClosed,
        errors.SolverError,
    ):
        yield (
            f"{kind.__name__} {int(kind.exit_code)} {[base.__name__ for base in kind.__mro__[1:3]]}"
        )
    problems = [
        errors.Problem("a.b", "is x", "Fix it.", f, n)
        for f, n in ((None, None), ("f", None), ("f", 3), (None, 3), ("", 0), ("f", 0))
    ]
    yield from (f"{p} | {p.place}" for p in problems)
    yield from (str(InputError(problems[:n])) for n in (1, 2))
    for number_ in (2, 5, 13, 28, 36, 122, 1, 9999):
        yield str(errors.MachineError.of(OSError(number_, "what the system says", "there")))
    yield (
        f"{errors.MachineError.of(OSError('odd'))} | "
        f"{errors.MachineError.of(OSError(28, 'x'), 'here')} | "
        f"{errors.InfeasibleError('no').conflict}"
    )


CASES: dict[str, Callable[[Path], Iterator[str]]] = {"written": _written}


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_is_that_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What people see of the model is that which was read and found right."""
    kept(HERE / f"model-{name}.txt", CASES[name](tmp_path), tmp_path)
