"""Tables of endpoints → `model.Endpoints`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, read_table
from wattlas.data.schema.columns import ColumnSchema, TableSchema
from wattlas.errors import InputError, Problem
from wattlas.model.endpoints import URL_FIX, Address, Endpoint, Endpoints, address_of
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean

ENDPOINTS = TableSchema(
    "endpoints",
    ("region", "point"),
    (
        ColumnSchema("region", need="both", refers="regions"),
        ColumnSchema("url", need="both", words="Where it is served: http://HOST:PORT."),
        ColumnSchema("point", "note", "Operating point that is served there; all unless given."),
        ColumnSchema("service", "note", "Kubernetes' name of the service."),
        ColumnSchema("model", "note", "LiteLLM's name of the model there."),
    ),
    "Servers of a region.",
)


def read_endpoints(text: str, scenario: Scenario) -> Endpoints:
    """The endpoints that a text names: the path of a table, or an URL with `{region}` in it.

    Raises InputError with every cell that is wrong, by file and line.
    """
    if "://" in text:
        return Endpoints(pattern=text)
    fix = "Name a table with the columns region and url, or give an URL with {region} in it."
    missing = Problem("(file)", "is not there", fix, text)
    table = read_table(Path(text), ENDPOINTS, text, missing)
    cells = typed(table)
    problems = list(cells.problems)
    rows = cells.frame.to_dicts() if cells.has(*ENDPOINTS.required) else []
    pairs = [(row, address_of(str(row["url"] or ""))) for row in rows]
    problems += [p for row, address in pairs for p in _wrong(table, row, address, scenario)]
    problems += _given_twice(table, rows)
    if problems:
        raise InputError(problems)
    return Endpoints(tuple(_endpoint(row, address) for row, address in pairs if address))


def _endpoint(row: dict[str, Any], address: Address) -> Endpoint:
    named = {name: str(row.get(name) or "").strip() for name in ("point", "service", "model")}
    return Endpoint(str(row["region"]), address, **named)


def _wrong(
    table: SourceTable, row: dict[str, Any], address: Address | None, scenario: Scenario
) -> Iterator[Problem]:
    """What a row names that is not there, and an URL that is none."""
    known = {
        "region": [region.id for region in scenario.regions],
        "point": [point.id for point in scenario.points],
    }
    for name, ids in known.items():
        given = str(row.get(name) or "").strip()
        if given and given not in ids:
            what = f"`{given}` is no {name} of the scenario"
            yield table.problem(row[ROW], name, what, did_you_mean(given, ids))
    if row["url"] and address is None:
        yield table.problem(row[ROW], "url", f"`{row['url']}` is no address", URL_FIX)


def _given_twice(table: SourceTable, rows: list[dict[str, Any]]) -> Iterator[Problem]:
    """Places with two rows; a row without a point is for all the others of its region."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        place = str(row["region"]), str(row.get("point") or "")
        if place in seen:
            what = f"`{' '.join(filter(None, place))}` is given twice"
            yield table.problem(row[ROW], "region", what, "Keep one, or say which point each is.")
        seen.add(place)
