"""Checks that value objects make of themselves: each yields what is wrong, none stops the rest.

A class calls them in `_problems`, and `refuse` raises what they yield at once. The checks also
bring valid values into one form: words become members of their enum, lists become tuples, numbers
in lists become arrays. An array of the right type is never copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean

T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """Which numbers a field may hold, and what to do about others."""

    low: float = -np.inf
    high: float = np.inf
    open: bool = False
    """Whether the ends themselves are out."""
    free: bool = False
    """Whether inf may stand for no limit."""
    whole: bool = False
    optional: bool = False
    """Whether the field may be None."""
    unknown: bool = False
    """Whether nan may stand for a number that nobody stated."""
    fix: str = ""

    def words(self) -> str:
        """What is wanted, e.g. `at least 0`."""
        kind = "a whole number" if self.whole else "a number"
        if self.low == -np.inf:
            return kind if self.free else f"{kind} that is finite"
        if self.high == np.inf:
            least = "above" if self.open else "of at least"
            return f"{kind} {least} {self.low:g}"
        if self.open:
            return f"{kind} between {self.low:g} and {self.high:g}"
        return f"{self.low:g}..{self.high:g}"

    def hold(self, least: float, most: float) -> bool:
        """Whether numbers from `least` to `most` are all within; nan never is."""
        low = least > self.low if self.open else least >= self.low
        high = most < self.high if self.open and self.high < np.inf else most <= self.high
        return bool(low and high and (self.free or (most < np.inf and least > -np.inf)))


FINITE = Bounds(fix="Give a finite number.")
NOT_NEGATIVE = Bounds(low=0.0, fix="Give a number of at least 0; look for a wrong sign.")
POSITIVE = Bounds(low=0.0, open=True, fix="Give a number above 0.")
SHARE = Bounds(low=0.0, high=1.0, fix="Give a share: 0.87 for 87 %.")


def refuse(problems: Iterable[Problem]) -> None:
    """Raise InputError with every problem, where there is one."""
    distinct = tuple(dict.fromkeys(problems))
    if distinct:
        raise InputError(distinct)


def numbers(owner: Any, at: str, bounds: Bounds, *names: str) -> Iterator[Problem]:
    """Fields that are no number, or out of bounds."""
    for name in names:
        yield from _number(f"{at}{name}", getattr(owner, name), bounds)


def _number(where: str, value: object, bounds: Bounds) -> Iterator[Problem]:
    if value is None and bounds.optional:
        return
    kind = Integral if bounds.whole else Real
    if isinstance(value, bool) or not isinstance(value, kind):
        yield Problem(where, f"is {_shown(value)}, wanted {bounds.words()}", bounds.fix)
    elif bounds.unknown and np.isnan(float(value)):
        return
    elif not bounds.hold(float(value), float(value)):
        text = "no number (nan)" if np.isnan(float(value)) else f"{float(value):g}"
        yield Problem(where, f"is {text}, wanted {bounds.words()}", bounds.fix)


def flags(owner: Any, at: str, *names: str) -> Iterator[Problem]:
    """Fields that are neither True nor False."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, np.bool_):
            _put(owner, name, bool(value))
        elif not isinstance(value, bool):
            what = f"is {_shown(value)}, wanted True or False"
            yield Problem(f"{at}{name}", what, "Say True or False.")


def texts(owner: Any, at: str, *names: str, empty: bool = False) -> Iterator[Problem]:
    """Fields that are no text, or an empty one where that means nothing."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, str):
            yield Problem(f"{at}{name}", f"is {_shown(value)}, wanted text", "Give text.")
        elif not value and not empty:
            yield Problem(f"{at}{name}", "is empty", "Give it a name.")


def known_words(owner: Any, at: str, **kinds: type[StrEnum]) -> Iterator[Problem]:
    """Fields with a word that their enum does not know; the known ones become its members."""
    for name, kind in kinds.items():
        value = getattr(owner, name)
        if isinstance(value, kind):
            continue
        options = [str(word) for word in kind]
        if isinstance(value, str) and value in options:
            _put(owner, name, kind(value))
        else:
            what = f"is {_shown(value)}, wanted one of {', '.join(options)}"
            close = did_you_mean(str(value), options)
            fix = close if close.startswith("Did") else "Choose one of them."
            yield Problem(f"{at}{name}", what, fix)


def parts(owner: Any, at: str, **kinds: type) -> Iterator[Problem]:
    """Fields that are no object of their class."""
    for name, kind in kinds.items():
        value = getattr(owner, name)
        if not isinstance(value, kind):
            what = f"is {_shown(value)}, wanted {kind.__name__}"
            yield Problem(f"{at}{name}", what, f"Give an object of wattlas.{kind.__name__}.")


def series(owner: Any, at: str, name: str, kind: type, *, optional: bool = False) -> Iterator[Any]:
    """A field that is no sequence of objects of a class; a list becomes a tuple."""
    value = getattr(owner, name)
    if value is None and optional:
        return
    if isinstance(value, str) or not isinstance(value, Iterable):
        what = f"is {_shown(value)}, wanted a tuple of {kind.__name__}"
        yield Problem(f"{at}{name}", what, "Put it in a tuple.")
        return
    if not isinstance(value, tuple):
        _put(owner, name, tuple(value))
    for n, item in enumerate(getattr(owner, name)):
        if not isinstance(item, kind):
            what = f"is {_shown(item)}, wanted {kind.__name__}"
            yield Problem(f"{at}{name}[{n}]", what, f"Give {kind.__name__} objects alone.")


def rates(owner: Any, at: str, name: str, bounds: Bounds) -> Iterator[Problem]:
    """A mapping of ids to numbers that holds others."""
    value = getattr(owner, name)
    if not isinstance(value, Mapping):
        what = f"is {_shown(value)}, wanted a mapping of ids to numbers"
        yield Problem(f"{at}{name}", what, 'Give it as {"id": number}.')
        return
    for key, number in value.items():
        yield from _number(f"{at}{name}.{key}", number, bounds)


def array(
    owner: Any,
    at: str,
    name: str,
    shape: Sequence[int | None],
    bounds: Bounds = FINITE,
    *,
    axes: Sequence[Sequence[str] | None] = (),
) -> Iterator[Problem]:
    """A field that is no array of numbers of a shape (None: any length) within bounds.

    It becomes float64, or int64 for whole numbers. `axes` are the ids along each axis, for words.
    """
    values, problems = _judged(f"{at}{name}", getattr(owner, name), shape, bounds, axes)
    if values is not getattr(owner, name):
        _put(owner, name, values)
    yield from problems


def checked_array(
    name: str, value: object, bounds: Bounds, axes: Sequence[Sequence[str]]
) -> np.ndarray:
    """An argument of a call as an array over some ids; raises InputError like an object would."""
    values, problems = _judged(name, value, [len(ids) for ids in axes], bounds, axes)
    refuse(problems)
    return np.asarray(values)


def _judged(
    where: str,
    value: object,
    shape: Sequence[int | None],
    bounds: Bounds,
    axes: Sequence[Sequence[str] | None],
) -> tuple[object, list[Problem]]:
    """An array of numbers, or what was given; and what is wrong with it."""
    values = _as_array(value, np.dtype(np.int64 if bounds.whole else np.float64))
    if values is None:
        what = f"is {_shown(value)}, wanted an array of {bounds.words()}"
        return value, [Problem(where, what, "Give numbers, every row as long as the others.")]
    wrong = list(_shape(where, values, shape))
    return values, wrong or list(_contents(where, values, bounds, axes))


def masks(owner: Any, at: str, shape: Sequence[int | None], *names: str) -> Iterator[Problem]:
    """Fields that are no boolean arrays of a shape; 0 and 1 become False and True."""
    for name in names:
        values = _as_array(getattr(owner, name), np.dtype(bool))
        if values is None:
            what = f"is {_shown(getattr(owner, name))}, wanted an array of True and False"
            yield Problem(f"{at}{name}", what, "Give True or False for each.")
            continue
        if values is not getattr(owner, name):
            _put(owner, name, values)
        yield from _shape(f"{at}{name}", values, shape)


def once(at: str, ids: Iterable[str]) -> Iterator[Problem]:
    """Ids that are given more than once."""
    seen_ids: set[str] = set()
    for name in ids:
        if name in seen_ids:
            yield Problem(f"{at}{name}", "is there twice", "Give each an id of its own.")
        seen_ids.add(name)


def refers(where: str, names: Iterable[str], ids: Sequence[str], noun: str) -> Iterator[Problem]:
    """Ids that refer to nothing; `noun` is what they should name, e.g. `region`."""
    for name in names:
        if name not in ids:
            fix = did_you_mean(name, ids) or f"Add the {noun}."
            yield Problem(where, f"names the {noun} `{name}`, which is not there", fix)


def unchecked(kind: type[T], **values: Any) -> T:
    """An object without its checks, for a caller that has checked every value.

    Readers of files go on with wrong values, so that they report them all with file and line.
    """
    instance = object.__new__(kind)
    instance.__dict__.update(values)
    return instance


def part_of(original: T, **values: Any) -> T:
    """A copy of a checked object with some fields cut down, not checked again."""
    unchanged = {f.name: getattr(original, f.name) for f in fields(original)}  # type: ignore[arg-type]
    return unchecked(type(original), **{**unchanged, **values})


def _put(owner: Any, name: str, value: object) -> None:
    object.__setattr__(owner, name, value)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return f"of type {type(value).__name__}"


def _as_array(value: object, dtype: np.dtype[Any]) -> np.ndarray | None:
    """The value as an array of a type, itself where it is one; None where that loses something."""
    if isinstance(value, np.ndarray) and value.dtype == dtype:
        return value
    try:
        raw = np.asarray(value)
        if raw.dtype.kind not in "fiub":
            return None
        with np.errstate(invalid="ignore"):
            converted: np.ndarray = raw.astype(dtype)
    except (ValueError, TypeError, OverflowError):
        return None
    loses = dtype.kind != "f" and not np.array_equal(converted, raw)
    return None if loses else converted


def _shape(where: str, values: np.ndarray, shape: Sequence[int | None]) -> Iterator[Problem]:
    fits = values.ndim == len(shape) and all(
        expected is None or expected == length
        for expected, length in zip(shape, values.shape, strict=True)
    )
    if not fits:
        expected = ", ".join("any" if length is None else str(length) for length in shape)
        what = f"has the shape {values.shape}, wanted ({expected}{',' * (len(shape) == 1)})"
        yield Problem(where, what, "Give one value for each; look for axes in another order.")


def _contents(
    where: str, values: np.ndarray, bounds: Bounds, axes: Sequence[Sequence[str] | None]
) -> Iterator[Problem]:
    known = values[~np.isnan(values)] if bounds.unknown else values
    if not known.size or bounds.hold(float(known.min()), float(known.max())):
        return
    empty = np.isnan(values) & (not bounds.unknown)
    for wrong, text in ((empty, "no numbers (nan)"), (_beyond(values, bounds) & ~empty, "")):
        count = int(np.count_nonzero(wrong))
        if count:
            first = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
            text = text or f"{values[first]:g} or the like, wanted {bounds.words()}"
            what = f"holds {text}: {count} of {values.size}, the first at {_named(first, axes)}"
            yield Problem(where, what, bounds.fix)


def _beyond(values: np.ndarray, bounds: Bounds) -> np.ndarray:
    low = values <= bounds.low if bounds.open else values < bounds.low
    high = values >= bounds.high if bounds.open and bounds.high < np.inf else values > bounds.high
    outside: np.ndarray = low | high | (False if bounds.free else np.isinf(values))
    return outside


def _named(at: Sequence[Any], axes: Sequence[Sequence[str] | None]) -> str:
    """The ids of an element, and its step; its bare indices where the axes have no ids."""
    if not axes:
        return str([int(n) for n in at])
    ids = [names[int(n)] if names else str(n) for n, names in zip(at, axes, strict=False)]
    return ", ".join([*ids, *(f"step {n}" for n in at[len(axes) :])])
