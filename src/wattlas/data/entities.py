"""Things with ids: rows of a table, patched and selected by the document.

Precedence: the row of the table (or of the pack), then `all`, then the entry with the id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import BaseModel

from wattlas.data.old_keys import COUNT, RENT, old_columns
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.places import REGIONS
from wattlas.data.schema_facts import Selection
from wattlas.data.yaml_lines import Document, FileLine, Path_, dotted
from wattlas.errors import Problem
from wattlas.model.suggest import did_you_mean

MEASURED = ("points", "profiles")
"""Tables of measurements, which hold more than we read."""


@dataclass(frozen=True)
class Entity:
    """One thing: its fields, and where each of them was written."""

    id: str
    fields: Mapping[str, Any]
    where: str
    """Path of the entity, e.g. `regions.oslo`."""
    at: FileLine
    places: Mapping[str, FileLine] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """A field, or the default where it is not given."""
        value = self.fields.get(name)
        return default if value is None else value

    def problem(self, name: str, what: str, fix: str) -> Problem:
        """A problem with a field, or with the entity for an empty name."""
        place = self.places.get(name, self.at)
        return Problem(
            f"{self.where}.{name}" if name else self.where, what, fix, place.file, place.line
        )


@dataclass(frozen=True)
class Entities:
    """The selected things in order, and the ids that were there before the selection."""

    section: str
    kept: tuple[Entity, ...]
    every: tuple[Entity, ...]

    @property
    def ids(self) -> list[str]:
        """Ids of the selected ones."""
        return [e.id for e in self.kept]

    def dropped(self, identity: str) -> bool:
        """Whether the id was there and was not selected."""
        return identity not in self.ids and any(e.id == identity for e in self.every)

    def values(self, name: str) -> set[Any]:
        """Every value of a field before the selection."""
        return {v for e in self.every if (v := e.get(name)) is not None}


def gather(
    document: Document, name: str, section: Selection, table: SourceTable | None
) -> tuple[Entities, list[Problem]]:
    """The things of one section, and what is wrong with them."""
    problems: list[Problem] = []
    rows = {} if table is None else _rows(table, problems)
    _patch(document, name, section, rows)
    every = tuple(rows.values())
    kept, faults = _select(document, name, section, every)
    return Entities(name, kept, every), problems + faults


def _rows(table: SourceTable, problems: list[Problem]) -> dict[str, Entity]:
    """The things in a table by id, their fields typed."""
    schema = table.schema
    (key,) = schema.key
    cells = typed(table, need=schema.key)
    repeats, again = doubled(table, cells.frame)
    problems += [*_misspelt(table), *cells.problems, *repeats]
    if not cells.has(key):
        return {}
    things: dict[str, Entity] = {}
    known = cells.frame.filter(pl.col(key).is_not_null() & ~pl.col(ROW).is_in(again))
    for fields in known.iter_rows(named=True):
        row, identity = int(fields.pop(ROW)), str(fields.pop(key))
        values = {name: value for name, value in fields.items() if value is not None}
        # Neither a value to compute with nor missing, which would be reported a second time.
        values |= {name: float("nan") for name, rows in cells.bad.items() if row in rows}
        where = dotted((schema.name, identity))
        things[identity] = Entity(identity, values, where, table.place(row))
    return things


def _misspelt(table: SourceTable) -> Iterator[Problem]:
    """A column of an old name; one that looks like a known one, misspelt, which is not there.

    A table of points may be one of measurements, whose other columns are left alone: what a point
    cannot do without is missed by itself.
    """
    old = [column for column in (COUNT, RENT) if column in table.columns]
    if table.schema is REGIONS and old:
        first = table.frame.select(old).row(0, named=True) if len(table.frame) else {}
        yield table.problem(None, ", ".join(old), *old_columns(first))
    known = set(table.schema.by_name) - {*table.schema.key, *table.columns}
    exempt = table.shared or table.schema.name in MEASURED
    for column in table.columns:
        if column not in (*table.schema.by_name, *old) and not exempt:
            guess = did_you_mean(column, known)
            if guess.startswith("Did"):
                yield table.problem(None, column, "this column is not known", guess)


def _patch(document: Document, name: str, section: Selection, things: dict[str, Entity]) -> None:
    """Set what `all` and the entries say."""
    general = getattr(section, "all", None)
    if general is not None:
        for entity in list(things.values()):
            things[entity.id] = _patched(document, (name, "all"), general, entity)
    for identity, entry in (section.model_extra or {}).items():
        path: Path_ = (name, identity)
        base = things.get(identity)
        if base is None:
            base = Entity(identity, {}, dotted(path), document.place(path))
            if general is not None:
                base = _patched(document, (name, "all"), general, base)
        things[identity] = _patched(document, path, entry, base)


def _patched(document: Document, path: Path_, entry: BaseModel, base: Entity) -> Entity:
    values = {key: value for key, value in entry.model_dump().items() if value is not None}
    places = {key: document.place((*path, key)) for key in values}
    return Entity(
        base.id, {**base.fields, **values}, base.where, base.at, {**base.places, **places}
    )


def lacking(
    entities: Entities, table: SourceTable | None, schema: TableSchema
) -> Iterator[Problem]:
    """Fields that a scenario needs and neither table nor entries give.

    A column that the table lacks is one mistake, and so is an entry that names nothing known.
    """
    required = [name for name in schema.required if name not in schema.key]
    label = None if table is None else table.label
    columns = () if table is None else table.columns
    every, name = entities.every, entities.section
    from_table = [e for e in every if e.at.file == label]
    for column in required:
        without = [e for e in from_table if e.get(column) is None]
        if table is not None and without and column not in columns:
            fix = f"Add the column, or `{name}.all.{column}`."
            yield table.problem(None, column, "this column is missing", fix)
    for entity in every:
        missing = [c for c in required if entity.get(c) is None]
        if entity in from_table:
            missing = [c for c in missing if c in columns and entity.places.get(c) is None]
        placed = [e.id for e in from_table if e.get("lat_deg") is not None]
        if entity in from_table or entity.get("lat_deg") is not None:
            placed = []
        if missing or did_you_mean(entity.id, placed).startswith("Did"):
            # Beside places of a table that have coordinates, one without is rather a slip.
            missing += ["lat_deg", "lon_deg"] if placed else []
            yield _lacks(entity, missing, [e.id for e in every if e is not entity])


def _lacks(entity: Entity, missing: list[str], other_ids: list[str]) -> Problem:
    names = ", ".join(f"`{c}`" for c in missing)
    guess = did_you_mean(entity.id, other_ids)
    if guess.startswith("Did") and len(missing) > 1:
        what = f"is not a known id, and as a new entry it lacks {names}"
        return entity.problem("", what, guess)
    single = missing[0] if len(missing) == 1 else ""
    what = "is missing" if single else f"lacks {names}"
    return entity.problem(single, what, f"Add {names}.")


def _select(
    document: Document, name: str, section: Selection, every: tuple[Entity, ...]
) -> tuple[tuple[Entity, ...], list[Problem]]:
    ids = [e.id for e in every]
    problems = []
    for key in ("only", "drop"):
        for n, identity in enumerate(getattr(section, key) or ()):
            if identity not in ids:
                what = f"names `{identity}`, which is not there"
                problems.append(document.problem((name, key, n), what, did_you_mean(identity, ids)))
    only, drop = section.only, section.drop or ()
    kept = tuple(e for e in every if (only is None or e.id in only) and e.id not in drop)
    return kept, problems


def check_id(
    document: Document, path: Path_, identity: str, entities: Entities
) -> Iterator[Problem]:
    """An id that the document names, and that nothing has."""
    known = [e.id for e in entities.every]
    if identity not in known:
        what = f"`{identity}` is not one of the {entities.section}"
        yield document.problem(path, what, did_you_mean(identity, known))


def unknown_ids(table: SourceTable, frame: pl.DataFrame, entities: Entities) -> Iterator[Problem]:
    """Ids of a table that no section knows. A pack may hold more than is used."""
    known = [e.id for e in entities.every]
    for column in (c.name for c in table.schema.columns if c.refers == entities.section):
        strange = frame.filter(~pl.col(column).is_in(known)).unique(column, keep="first")
        for name, row in strange.sort(ROW).select(column, ROW).iter_rows():
            if not table.shared:
                what = f"`{name}` is not one of the {entities.section}"
                fix = did_you_mean(name, known) or f"Add it to `{entities.section}:`."
                yield table.problem(row, column, what, fix)
