"""All that is declared: columns of tables with their needs, bounds and words, and what is shown."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

import wattlas.data
import wattlas.errors
import wattlas.model
import wattlas.serve
import wattlas.units
from tests.golden.telling import kept, plain
from wattlas.data import endpoints_file
from wattlas.data.schema import hours, places, workload
from wattlas.data.schema.columns import ColumnSchema, TableSchema
from wattlas.studies import registry

HERE = Path(__file__).parent / "reading"


def _schemas(_folder: Path) -> Iterator[str]:
    """Every column, but for what is so by default, and what is wanted of values beyond bounds."""
    usual = ColumnSchema("")
    tables: dict[tuple[str, str], TableSchema] = {}
    for module in (hours, places, workload, endpoints_file):
        for made in vars(module).values():
            for table in made.values() if isinstance(made, dict) else (made,):
                if isinstance(table, TableSchema):
                    tables[table.name, " ".join(table.by_name)] = table
    for (name, _), table in sorted(tables.items()):
        yield f"== {name} {table.key}, over time by {table.series}, needs {table.required}"
        for column in table.columns:
            told = {f.name: getattr(column, f.name) for f in fields(column)}
            stated = {k: v for k, v in told.items() if v != getattr(usual, k)}
            yield "; ".join(f"{key} {plain(value)}" for key, value in stated.items())
            values = (None, -1e12, -90.5, 0.0, 95.0, 1e12) if column.numeric else (None,)
            yield f"  {'; '.join(sorted({column.expected(value) for value in values}))}"


def _modules() -> Iterator[ModuleType]:
    """All modules of the model, of data and of the service."""
    yield from (wattlas.units, wattlas.errors)
    for package in (wattlas.data, wattlas.model, wattlas.serve):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if each.name not in OF_EXTRAS:
                yield importlib.import_module(each.name)


def _documents(_folder: Path) -> Iterator[str]:
    """What is declared of each key of every document beside scenarios, whose schema is kept."""
    for module in _modules():
        for name, kind in sorted(vars(module).items()):
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if not own or not issubclass(kind, BaseModel) or ".schema" in module.__name__:
                continue
            made = kind.model_json_schema()
            yield f"== {module.__name__.removeprefix('wattlas.')}.{name}"
            yield f"needs {made.get('required')}, others {made.get('additionalProperties')}"
            for key, told in made.get("properties", {}).items():
                yield f"{key} {json.dumps(_declared(told))}"


def _declared(told: Any) -> Any:
    """A part of a schema without its words."""
    if isinstance(told, list):
        return [_declared(part) for part in told]
    if not isinstance(told, dict):
        return told
    return {k: _declared(v) for k, v in told.items() if k not in ("description", "title")}


def _figures(_folder: Path) -> Iterator[str]:
    """Limits, times and words that stand at the top of modules."""
    for module in _modules():
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        names = [
            target.id
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and target.id.isupper() and target.id not in OF_MACHINES
        ]
        told = [f"{n} {t}" for n in names if (t := _shown(getattr(module, n))) is not None]
        if told:
            yield f"== {module.__name__.removeprefix('wattlas.')}"
            yield from told
    for name in OF_EXTRAS:
        yield f"== {name.removeprefix('wattlas.')}"
        path = Path(wattlas.__path__[0]).parent / f"{name.replace('.', '/')}.py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                yield ast.unparse(node)


def _shown(value: Any) -> str | None:
    """A figure, a word, a pattern, or several; None for anything else."""
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"
    if isinstance(value, bytes | bool | int | float | str | None):
        return repr(value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    if isinstance(value, Mapping):
        parts = [(str(key), _shown(part)) for key, part in value.items()]
        shown = [f"{key}: {part}" for key, part in parts if part is not None]
        return f"{{{', '.join(shown)}}}" if shown else None
    if isinstance(value, tuple | list | frozenset | set):
        ordered = sorted(value, key=str) if isinstance(value, frozenset | set) else value
        items = [part for each in ordered if (part := _shown(each)) is not None]
        return f"[{', '.join(items)}]" if items else None
    return None


def _registered(_folder: Path) -> Iterator[str]:
    """The figures of each page in their order, the tables and listings, with what is said of each
    beside its columns."""
    for page in ("study", "replay", "sweep"):
        yield f"== {page}"
        for made in registry.figures(page):
            needs = ", ".join(made.needs)
            yield f"{made.id}: {made.part.id}, {made.depth}; {made.question} By {needs}."
            yield f"  {made.missing}. {made.lacks}".rstrip()
        for name, entry in sorted(registry.tables(page).items()):
            thinned = "" if entry.thin is None else f"thinned by {entry.thin.__name__}"
            marks = (thinned, "busy" * entry.busy, "large" * entry.large)
            yield f"table {name}{''.join(f', {mark}' for mark in marks if mark)}"
    yield "== listings"
    yield from (entry.name.removeprefix(registry.MODULES) for entry in registry.listings())


OF_EXTRAS = ("wattlas.serve.ledger.postgres",)
"""Modules of libraries that may be missing."""
OF_MACHINES = ("HAS_LOCKS", "_FLAGS")
"""What another system has otherwise."""
CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "schemas": _schemas,
    "documents": _documents,
    "figures": _figures,
    "registered": _registered,
}


@pytest.mark.parametrize("name", CASES)
def test_schemas_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What is declared is that which was read and found right."""
    kept(HERE / f"{name}.txt", CASES[name](tmp_path), tmp_path)
