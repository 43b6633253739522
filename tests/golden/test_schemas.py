"""All that is declared of the columns of tables: what they need, their bounds and their words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from tests.golden.telling import kept, plain
from wattlas.data import endpoints_file
from wattlas.data.schema import hours, places, workload
from wattlas.data.schema.columns import ColumnSchema, TableSchema

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


CASES: dict[str, Callable[[Path], Iterator[str]]] = {"schemas": _schemas}


@pytest.mark.parametrize("name", CASES)
def test_schemas_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What is declared of each column is that which was read and found right."""
    kept(HERE / f"{name}.txt", CASES[name](tmp_path), tmp_path)
