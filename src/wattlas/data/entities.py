"""Things with ids: rows of a table, patched and selected by the document.

Precedence: the row of the table (or of the pack), then `all`, then the entry with the id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from wattlas.data.schema_facts import Selection
from wattlas.data.tables import ROW, Table
from wattlas.data.validation import problems_of
from wattlas.data.yaml_lines import Document, Path_, Place, dotted
from wattlas.errors import Problem
from wattlas.model.suggest import did_you_mean

LIST_SEPARATOR = ";"


@dataclass(frozen=True)
class Entity:
    """One thing: its fields, and where each of them was written."""

    id: str
    fields: Mapping[str, Any]
    where: str
    """Path of the entity, e.g. `regions.oslo`."""
    home: Place
    places: Mapping[str, Place] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """A field, or the default where it is not given."""
        value = self.fields.get(name)
        return default if value is None else value

    def problem(self, name: str, what: str, fix: str) -> Problem:
        """A problem with a field, or with the entity for an empty name."""
        at = self.places.get(name, self.home)
        return Problem(f"{self.where}.{name}" if name else self.where, what, fix, at.file, at.line)


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
    document: Document,
    name: str,
    section: Selection,
    table: Table | None,
    id_column: str,
    required: Sequence[str],
) -> tuple[Entities, list[Problem]]:
    """The things of one section, and what is wrong with them."""
    problems: list[Problem] = []
    found = {} if table is None else _rows(table, section.ENTRY, name, id_column, problems)
    _patch(document, name, section, found, problems)
    every = tuple(found.values())
    problems += _check_required(every, table, required, name)
    kept, faults = _select(document, name, section, every)
    return Entities(name, kept, every), problems + faults


def _rows(
    table: Table, entry: type[BaseModel], name: str, id_column: str, problems: list[Problem]
) -> dict[str, Entity]:
    if id_column not in table.columns:
        fix = f"Add a column `{id_column}`."
        problems.append(table.problem(None, id_column, "this column is missing", fix))
        return {}
    problems += _unknown_columns(table, entry, id_column)
    found: dict[str, Entity] = {}
    for row in table.frame.iter_rows(named=True):
        n = int(row[ROW])
        identity = str(row[id_column] or "").strip()
        if not identity:
            problems.append(table.problem(n, id_column, "is empty, wanted an id", "Fill it in."))
            continue
        if identity in found:
            first = found[identity].home.line
            what = f"`{identity}` is given twice" + (f", first on line {first}" if first else "")
            problems.append(table.problem(n, id_column, what, "Keep one of the rows."))
            continue
        where = dotted((name, identity))
        fields = _fields_of_row(table, entry, row, where, problems)
        found[identity] = Entity(identity, fields, where, table.place(n))
    return found


def _unknown_columns(table: Table, entry: type[BaseModel], id_column: str) -> Iterator[Problem]:
    """A column that looks like a known one, misspelt, which is not there itself."""
    known = set(entry.model_fields) - set(table.columns)
    for column in table.columns:
        if column != id_column and column not in entry.model_fields and table.path is not None:
            guess = did_you_mean(column, known)
            if guess.startswith("Did"):
                yield table.problem(None, column, "this column is not known", guess)


def _fields_of_row(
    table: Table,
    entry: type[BaseModel],
    row: dict[str, Any],
    where: str,
    problems: list[Problem],
) -> dict[str, Any]:
    n, types = int(row[ROW]), _annotations(entry)
    cells = {
        key: _value(types[key], cell)
        for key, cell in row.items()
        if key in types and cell is not None and cell != ""
    }
    try:
        entry.model_validate(cells)
    except ValidationError as fault:
        for problem in problems_of(fault, entry, Document(cells)):
            column = problem.where.split("[")[0].split(".")[0]
            told = table.problem(n, column, problem.what, problem.fix)
            problems.append(replace(told, where=f"{where}.{told.where}"))
            # Neither a value to compute with nor missing, which would be told a second time.
            cells[column] = float("nan")
    return cells


@cache
def _annotations(entry: type[BaseModel]) -> dict[str, str]:
    """Field → its type, as text."""
    return {name: str(field.annotation) for name, field in entry.model_fields.items()}


def _value(annotation: str, cell: Any) -> Any:
    """A cell as the type of its field; text that is no number stays text, for the validator."""
    if "list[" in annotation and isinstance(cell, str):
        return [part.strip() for part in cell.split(LIST_SEPARATOR) if part.strip()]
    if "float" in annotation and isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            return cell.strip()
    if "bool" in annotation and isinstance(cell, str):
        return {"true": True, "false": False}.get(cell.strip().lower(), cell)
    return cell.strip() if isinstance(cell, str) else cell


def _patch(
    document: Document,
    name: str,
    section: Selection,
    found: dict[str, Entity],
    problems: list[Problem],
) -> None:
    general = getattr(section, "all", None)
    if general is not None:
        for entity in list(found.values()):
            found[entity.id] = _patched(document, (name, "all"), general, entity)
    for identity, entry in (section.model_extra or {}).items():
        path: Path_ = (name, identity)
        base = found.get(identity)
        if base is None:
            base = Entity(identity, {}, dotted(path), document.place(path))
            if general is not None:
                base = _patched(document, (name, "all"), general, base)
        found[identity] = _patched(document, path, entry, base)


def _patched(document: Document, path: Path_, entry: BaseModel, base: Entity) -> Entity:
    given = {key: value for key, value in entry.model_dump().items() if value is not None}
    places = {key: document.place((*path, key)) for key in given}
    return Entity(
        base.id, {**base.fields, **given}, base.where, base.home, {**base.places, **places}
    )


def _check_required(
    every: Sequence[Entity], table: Table | None, required: Sequence[str], name: str
) -> Iterator[Problem]:
    """A column that the table lacks is one mistake, and so is an entry that names nothing known."""
    label = None if table is None else table.label
    columns = () if table is None else table.columns
    from_table = [e for e in every if e.home.file == label]
    for column in required:
        without = [e for e in from_table if e.get(column) is None]
        if table is not None and without and column not in columns:
            fix = f"Add the column, or `{name}.all.{column}`."
            yield table.problem(None, column, "this column is missing", fix)
    for entity in every:
        lacking = [c for c in required if entity.get(c) is None]
        if entity in from_table:
            lacking = [c for c in lacking if c in columns and entity.places.get(c) is None]
        if lacking:
            yield _lacks(entity, lacking, [e.id for e in every if e is not entity])


def _lacks(entity: Entity, lacking: list[str], others: list[str]) -> Problem:
    names = ", ".join(f"`{c}`" for c in lacking)
    guess = did_you_mean(entity.id, others)
    if guess.startswith("Did") and len(lacking) > 1:
        what = f"is not a known id, and as a new entry it lacks {names}"
        return entity.problem("", what, guess)
    single = lacking[0] if len(lacking) == 1 else ""
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
