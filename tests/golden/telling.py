"""Everything that a value holds, line by line, to five digits; and what is kept in golden files."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel

from tests.golden.kept import keep, without_hashes
from wattlas.errors import InputError, Problem, WattlasError

WHOLE = 64
"""An array of more values is told by its sums."""


class Lines(list[str]):
    """Lines that are told as they are."""


def number(value: float) -> str:
    """Five digits; no sign of nothing."""
    return f"{round(float(value), 12) + 0.0:.5g}"


def tell(value: Any, name: str = "", *, derived: bool = True) -> Iterator[str]:
    """The lines of a value: `name.field: …`. Public properties are told like fields."""
    if isinstance(value, Problem):
        yield f"{name}: {value}".removeprefix(": ")
    elif isinstance(value, Lines):
        yield from value
    elif is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if not f.name.startswith("_")]
        names += _properties(type(value)) if derived else []
        for part in dict.fromkeys(names):
            yield from tell(_got(value, part), f"{name}.{part}".lstrip("."), derived=derived)
    elif isinstance(value, BaseModel):
        yield from tell(value.model_dump(mode="json"), name)
    elif isinstance(value, pl.DataFrame):
        kinds = [f"{n} ({str(k).split('(')[0]})" for n, k in value.schema.items()]
        yield f"{name}: {value.height} rows of {', '.join(kinds)}"
        yield from (f"  {' | '.join(map(plain, row))}" for row in value.iter_rows())
    elif isinstance(value, pl.Series):
        yield f"{name}: {' '.join(map(plain, value))}"
    elif isinstance(value, np.ndarray) and value.ndim:
        yield f"{name}: {_array(value)}"
    elif isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from tell(part, f"{name}.{plain(key)}", derived=derived)
    elif isinstance(value, list | tuple) and any(_is_deep(part) for part in value):
        for n, part in enumerate(value):
            key = getattr(part, "id", None) or n
            yield from tell(part, f"{name}[{key}]", derived=derived)
    else:
        yield f"{name}: {plain(value)}"


def _is_deep(value: Any) -> bool:
    return is_dataclass(value) or isinstance(value, Mapping | np.ndarray | BaseModel | pl.DataFrame)


def _properties(kind: type) -> list[str]:
    return [
        n
        for base in reversed(kind.__mro__)
        for n, p in vars(base).items()
        if isinstance(p, property | cached_property) and not n.startswith("_")
    ]


def _got(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except (WattlasError, ValueError, KeyError, AttributeError) as error:
        return f"raises {type(error).__name__}: {error}"


def plain(value: Any) -> str:
    """A single value, or a flat collection of them."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        return number(float(value))
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, np.datetime64 | date):
        return str(value)
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(plain, value))) + "}"
    if isinstance(value, str | int | np.integer) or value is None:
        return repr(value) if value == "" else str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{plain(k)}: {plain(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence | pl.Series | np.ndarray):
        return "[" + ", ".join(map(plain, value)) + "]"
    return type(value).__name__


def _array(values: np.ndarray) -> str:
    """Each value; of many their number, ends and two sums, of which one weighs places."""
    shape = "x".join(map(str, values.shape))
    if values.dtype.kind == "M":
        values = values.astype("datetime64[s]")
        if values.size > WHOLE:
            return f"{shape} from {values.ravel()[0]} to {values.ravel()[-1]}"
    flat = values.ravel()
    if values.size <= WHOLE or values.dtype.kind not in "fiub":
        return f"{shape}: {' '.join(map(plain, flat))}"
    figures = flat.astype(float)
    known = np.where(np.isfinite(figures), figures, 0.0)
    places = 1.0 + 0.5 * np.cos(np.arange(len(known)) * 0.7)
    told = {"sum": known.sum(), "weighed": known @ places, "low": known.min(), "high": known.max()}
    odd = int((~np.isfinite(figures)).sum())
    return f"{shape}: {' '.join(f'{n} {number(v)}' for n, v in told.items())} odd {odd}"


def outcome(work: Callable[[], Any], *, derived: bool = False) -> Iterator[str]:
    """What a call gives, or all that it says is wrong."""
    try:
        made = work()
    except InputError as error:
        yield from (str(problem) for problem in error.problems)
        return
    except WattlasError as error:
        yield f"{type(error).__name__}: {error}"
        return
    yield from tell(made, derived=derived)


def differences(before: Sequence[str], after: Iterable[str]) -> Iterator[str]:
    """The lines of `after` that `before` has not, and the names of those that are gone."""
    known, names = set(before), set[str]()
    for line in after:
        names.add(line.split(": ")[0])
        if line not in known:
            yield line
    for line in before:
        if line.split(": ")[0] not in names:
            yield f"gone: {line.split(': ')[0]}"


def kept(file: Path, lines: Iterable[str], folder: Path) -> None:
    """That lines are those of a golden file; the folder of the test has no name in it."""
    text = "\n".join(lines).replace(str(folder), "FOLDER")
    keep(without_hashes(text), file)


def put(
    folder: Path, name: str, content: str | bytes | Mapping[str, Any] | Collection[Any]
) -> Path:
    """A file with a text, with bytes, or with JSON."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
    return path
