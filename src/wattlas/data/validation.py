"""pydantic's findings in our words: file, line, path, what was found, and the fix."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from wattlas.data.old_keys import is_old, old_entries
from wattlas.data.schema import TABLES
from wattlas.data.schema_models import ScenarioDocument
from wattlas.data.yaml_lines import Document, Path_, dotted, kind_of
from wattlas.errors import Problem
from wattlas.model.suggest import did_you_mean

BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
WANTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a finite number",
}

ADVICE = {c.name: c.fix for table in TABLES.values() for c in table.columns if c.fix}
"""What to do about a number out of its bounds, where a column says more than they do."""


def validate(document: Document) -> tuple[ScenarioDocument | None, list[Problem]]:
    """The typed document, or every problem of form in it."""
    try:
        return ScenarioDocument.model_validate(_without_null(document.data)), []
    except ValidationError as fault:
        return None, sorted(form_problems(fault, ScenarioDocument, document), key=_order)


def _without_null(value: Any) -> Any:
    """Without the keys that are null: null takes a key back, and its default holds."""
    if not isinstance(value, dict):
        return value
    return {key: _without_null(item) for key, item in value.items() if item is not None}


def _order(problem: Problem) -> tuple[str, int]:
    return problem.file or "", problem.line or 0


def form_problems(
    fault: ValidationError, model: type[BaseModel], document: Document
) -> Iterator[Problem]:
    """Each finding as a Problem, at the line that its path was written on.

    A key that is a misspelling of a missing one is one mistake, and reported once.
    """
    errors = [e for e in fault.errors(include_url=False) if not is_old(tuple(e["loc"]))]
    old = old_entries(document) if model is ScenarioDocument else None
    if old is not None:
        yield old
    unknown = {tuple(e["loc"]) for e in errors if e["type"] == "extra_forbidden"}
    for error in errors:
        path: Path_ = tuple(error["loc"])
        if error["type"] == "extra_forbidden":
            yield _unknown_key(document, path, model)
        elif error["type"] == "missing":
            spelled = [p for p in unknown if p[:-1] == path[:-1]]
            if not any(_suggests(str(p[-1]), str(path[-1])) for p in spelled):
                yield _missing(document, path, model)
        else:
            yield _wrong_value(document, path, dict(error))


def _suggests(name: str, key: str) -> bool:
    return f"`{key}`" in did_you_mean(name, [key])


def _unknown_key(document: Document, path: Path_, model: type[BaseModel]) -> Problem:
    fields = fields_at(model, path[:-1])
    fix = did_you_mean(str(path[-1]), fields) or "Remove it."
    return document.problem(path, "is not a key that is known here", fix)


def _missing(document: Document, path: Path_, model: type[BaseModel]) -> Problem:
    place = document.place(path[:-1])
    holder = model_at(model, path[:-1])
    field = None if holder is None else holder.model_fields.get(str(path[-1]))
    fix = f"Add `{path[-1]}`: {field.description}" if field and field.description else "Add it."
    return Problem(dotted(path), "is missing", fix, place.file, place.line)


def _wrong_value(document: Document, path: Path_, error: dict[str, Any]) -> Problem:
    kind, context, found_value = error["type"], error.get("ctx") or {}, error.get("input")
    shown = _shown(found_value)
    if kind in BOUNDS:
        key, words = BOUNDS[kind]
        limit = context[key]
        fix = ADVICE.get(str(path[-1])) or f"Give a value of {words} {limit:g}."
        return document.problem(path, f"is {shown}, wanted {words} {limit:g}", fix)
    if kind == "literal_error":
        expected = str(context["expected"]).replace("'", "")
        options = expected.replace(" or ", ", ").split(", ")
        fix = did_you_mean(str(found_value), options)
        return document.problem(path, f"is {shown}, wanted {expected}", fix)
    if kind in WANTED:
        by_kind = "" if kind in ("finite_number", "int_from_float") else kind_of(found_value)
        what = f"is {f'{by_kind} {shown}'.strip()}, wanted {WANTED[kind]}"
        return document.problem(path, what, _fix_of_kind(kind, found_value))
    if kind == "string_too_short":
        return document.problem(path, "is empty", "Write a name, or remove the line.")
    what = str(error["msg"]).removeprefix("Value error, ")
    return document.problem(path, what[:1].lower() + what[1:], "See: wattlas schema")


def _shown(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return f"`{value}`" if isinstance(value, str) else f"{value}"


def _fix_of_kind(kind: str, found_value: Any) -> str:
    if kind == "list_type" and isinstance(found_value, str):
        return f"Write [{found_value}]."
    if kind in ("float_type", "int_type") and isinstance(found_value, str):
        return "Write the number without quotes or units."
    if kind == "string_type":
        return (
            f'Write "{found_value}" in quotes.'
            if found_value is not None and not isinstance(found_value, dict | list)
            else "Write text, or remove the line."
        )
    return "See: wattlas schema"


def model_at(model: type[BaseModel], loc: Path_) -> type[BaseModel] | None:
    """The model that validates what lies at `loc`, if one does."""
    current: Any = model
    for key in loc:
        current = _step(current, key)
        if current is None:
            return None
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _step(annotation: Any, key: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(key))
        if field is not None:
            return _plain(field.annotation)
        return getattr(annotation, "ENTRY", None)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return _plain(args[1])
    if origin is list:
        return _plain(args[0])
    return None


def _plain(annotation: Any) -> Any:
    """The annotation without `| None` and without Annotated."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        alternatives = [a for a in get_args(annotation) if a is not type(None)]
        return _plain(alternatives[0]) if len(alternatives) == 1 else annotation
    return annotation


def fields_at(model: type[BaseModel], loc: Path_) -> list[str]:
    """The keys that are known at `loc`."""
    holder = model_at(model, loc)
    return [] if holder is None else list(holder.model_fields)
