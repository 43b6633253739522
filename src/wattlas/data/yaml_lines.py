"""YAML that remembers where each value was written.

YAML 1.2 by ruamel.yaml: zone `NO` stays text, `1e6` is a number, `12:30` is text. Time stamps are
kept as text, so that the zone they were written in is not lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from wattlas.data.encoding import encoding_problem
from wattlas.errors import InputError, Problem

MERGE_TAG = "tag:yaml.org,2002:merge"
TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"

DEEPEST = 50
"""Levels of a document; a scenario has six."""
MOST_BRACKETS = 500
_BRACKETS = re.compile(r"[\[\]{}]")
MOST_REPEATED = 50_000
"""Values that aliases may repeat: more than any scenario has, and a second of work."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUES = {"true", "false", "null"}
"""Words that YAML takes for what is no text."""
_TOO_DEEP = (f"is nested deeper than {DEEPEST} levels", "Write it flat.")

Path_ = tuple[Hashable, ...]
"""The keys that lead from the document to a value, e.g. `("regions", "oslo", "pue")`."""


@dataclass(frozen=True)
class FileLine:
    """Where a value was written: a file (or `--set`) and a 1-based line."""

    file: str
    line: int | None = None


@dataclass
class Document:
    """Plain data, and the place of every value in it."""

    data: dict[str, Any]
    places: dict[Path_, FileLine] = field(default_factory=dict)
    file: str = ""

    def place(self, path: Path_) -> FileLine:
        """Where the value at `path` was written, or else the nearest thing around it."""
        for end in range(len(path), -1, -1):
            place = self.places.get(path[:end])
            if place is not None:
                return place
        return FileLine(self.file, 1)

    def problem(self, path: Path_, what: str, fix: str) -> Problem:
        """A problem with the value at `path`."""
        at = self.place(path)
        return Problem(dotted(path), what, fix, at.file, at.line)


def dotted(path: Path_) -> str:
    """`regions.oslo.pue`; a key that holds a dot or a space is quoted, list positions bracketed."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
            continue
        name = str(key)
        if not name or any(c in name for c in ". =\"'"):
            name = f'"{name}"'
        text += f".{name}" if text else name
    return text or "(document)"


def written(text: str) -> str:
    """A text as YAML has it: plain words as they are, all else in quotes."""
    plain = _WORD.fullmatch(text) and text.lower() not in _VALUES
    return text if plain else json.dumps(text)


def read_yaml(path: Path, *, shown_as: str | None = None) -> Document:
    """The document in a file. Raises InputError with every fault of form that was found."""
    file = shown_as or str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            [Problem("(file)", "no such file", "Check the path, or start with: wattlas init", file)]
        ) from None
    except OSError as fault:
        what = f"cannot be read: {(fault.strerror or str(fault)).lower()}"
        raise InputError([Problem("(file)", what, "Give a text file in UTF-8.", file)]) from None
    except UnicodeDecodeError as fault:
        encoded = encoding_problem(path, file)
        raise InputError([encoded] if encoded else []) from fault
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Document:
    """The document in a text. Raises InputError with every fault of form that was found.

    To parse takes a third of the time that a small scenario takes to read, and a sweep reads the
    same one again and again: the last few texts are kept, and each caller has a copy of its own.
    """
    known = _parsed(text, file)
    return Document(copied(known.data), dict(known.places), file)


def copied(value: Any) -> Any:
    """What a document holds, with mappings and lists of its own."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


@lru_cache(maxsize=8)
def _parsed(text: str, file: str) -> Document:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        _meet_brackets(text)
        root = yaml.compose(StringIO(text))
    except RecursionError:
        raise InputError([Problem("(document)", *_TOO_DEEP, file)]) from None
    except YAMLError as fault:
        mark = fault.problem_mark if isinstance(fault, MarkedYAMLError) else None
        line = None if mark is None else int(mark.line) + 1
        what = getattr(fault, "problem", None) or str(fault).splitlines()[0]
        fix = "Mind the indentation, and quote text that holds ': ' or '#'."
        raise InputError([Problem("(document)", f"is not YAML: {what}", fix, file, line)]) from None
    reader = _Reader(yaml.constructor, file)
    data = reader.read(root, ()) if root is not None else {}
    if not isinstance(data, dict):
        what = f"is {kind_of(data)}, wanted a mapping of sections"
        reader.problems.append(
            Problem("(document)", what, "Start with `name:` and `pack:`.", file, 1)
        )
    if reader.problems:
        raise InputError(reader.problems)
    return Document(data, reader.places, file)


def parse_value(text: str, file: str) -> Any:
    """One YAML value, as on the right-hand side of `--set`."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    try:
        _meet_brackets(text)
        root = yaml.compose(StringIO(text))
    except RecursionError:
        raise InputError([Problem("(value)", *_TOO_DEEP, file)]) from None
    if root is None:
        return None
    reader = _Reader(yaml.constructor, file)
    value = reader.read(root, ())
    if reader.problems:
        raise InputError(reader.problems)
    return value


def _meet_brackets(text: str) -> None:
    """Raise RecursionError for brackets that the library would look at for minutes.

    It takes time by the square of their depth. Those in quotes count, too, hence the wide bound.
    """
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth = depth + 1 if match[0] in "[{" else max(depth - 1, 0)
        if depth > MOST_BRACKETS:
            raise RecursionError


def kind_of(value: Any) -> str:
    """What a value is, in the words of someone who writes YAML."""
    if value is None:
        return "empty"
    for kind, name in (
        (bool, "true or false"),
        (int | float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "a mapping"),
    ):
        if isinstance(value, kind):
            return name
    return type(value).__name__


class _Reader:
    """Turns nodes into plain values and notes the line of each."""

    def __init__(self, constructor: Any, file: str) -> None:
        self.constructor = constructor
        self.file = file
        self.places: dict[Path_, FileLine] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._inside: list[int] = []
        self._repeated = 0

    def read(self, node: Any, path: Path_) -> Any:
        self.places.setdefault(path, FileLine(self.file, int(node.start_mark.line) + 1))
        if node.id in ("mapping", "sequence"):
            with self._bounded(node, path) as stays_within:
                if not stays_within:
                    return None
                if node.id == "mapping":
                    return self._mapping(node, path)
                return [self.read(item, (*path, n)) for n, item in enumerate(node.value)]
        if str(node.tag) == TIMESTAMP_TAG:
            return str(node.value)
        return self._scalar(node, path)

    @contextmanager
    def _bounded(self, node: Any, path: Path_) -> Iterator[bool]:
        """Whether a mapping or list may be read: not too deep, not inside itself, not too often.

        An alias (`*name`) repeats what it names, and aliases of aliases multiply.
        """
        wrong = self._unbounded(node)
        if wrong and not any(problem.what == wrong[0] for problem in self.problems):
            self.problems.append(Problem(dotted(path), *wrong, self.file, _line(node)))
        self._inside.append(id(node))
        try:
            yield wrong is None
        finally:
            self._inside.pop()

    def _unbounded(self, node: Any) -> tuple[str, str] | None:
        if id(node) in self._inside:
            return "refers to what it is a part of", "Write the values out."
        if len(self._inside) >= DEEPEST:
            return _TOO_DEEP
        if id(node) in self._seen:
            self._repeated += 1 + len(node.value)
        self._seen.add(id(node))
        if self._repeated > MOST_REPEATED:
            what = f"aliases (`*name`) repeat more than {MOST_REPEATED:,} values"
            return what, "Write a table instead, or fewer aliases."
        return None

    def _scalar(self, node: Any, path: Path_) -> Any:
        from ruamel.yaml.error import YAMLError

        try:
            return self.constructor.construct_object(node)
        except (YAMLError, ValueError) as fault:
            what = f"cannot be read: {getattr(fault, 'problem', None) or fault}"
            place = self.places[path]
            self.problems.append(
                Problem(dotted(path), what, "Write a plain value.", place.file, place.line)
            )
            return None

    def _mapping(self, node: Any, path: Path_) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, line, value_node in self._pairs(node):
            if key is None:
                for source in self._merge_sources(value_node, path):
                    merged = {**source, **merged}
                continue
            key_path = (*path, key)
            if key in values:
                what = f"is given twice, first on line {self.places[key_path].line}"
                self.problems.append(
                    Problem(dotted(key_path), what, "Keep one of the two.", self.file, line)
                )
                continue
            self.places[key_path] = FileLine(self.file, line)
            values[key] = self.read(value_node, key_path)
        return {**merged, **values}

    def _pairs(self, node: Any) -> Iterator[tuple[str | None, int, Any]]:
        """(key, line of the key, value node); the key of a merge (`<<`) is None."""
        for key_node, value_node in node.value:
            line = int(key_node.start_mark.line) + 1
            if str(key_node.tag) == MERGE_TAG:
                yield None, line, value_node
            elif key_node.id == "scalar":
                yield str(key_node.value), line, value_node
            else:
                what, fix = "a key is not plain text", "Write keys as plain words."
                self.problems.append(Problem("(document)", what, fix, self.file, line))

    def _merge_sources(self, node: Any, path: Path_) -> list[dict[str, Any]]:
        nodes = node.value if node.id == "sequence" else [node]
        sources = []
        for source in (n for n in nodes if n.id == "mapping"):
            with self._bounded(source, path) as stays_within:
                sources += [self._mapping(source, path)] if stays_within else []
        return sources


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
