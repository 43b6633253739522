"""Entries of a scenario's sections, with a field for each column of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model

from wattlas.data.schema.columns import ColumnSchema, TableSchema
from wattlas.data.schema.places import METROS, NODES, REGIONS
from wattlas.data.schema.workload import CLASSES, POINTS, TOKEN_PROFILES
from wattlas.data.schema_types import Capacity, Section, Share, Text
from wattlas.model.kinds import BY_KIND

_TYPES: dict[str, Any] = {"text": Text, "note": str, "flag": bool, "list": list[Text]}


class _Made(Section):
    """Models made here have no source in which pydantic could look for the words of their fields:
    it would search all modules for it."""

    model_config = ConfigDict(use_attribute_docstrings=False)


def _model(
    name: str, table: TableSchema, /, *columns: str, words: str = "", **more: Any
) -> type[Section]:
    """A model whose fields are those columns of a table, all but its key unless given.

    Every field may be left out. `more` are the types and words of fields that no table has.
    """
    chosen = [table[name] for name in columns or table.by_name if name not in table.key]
    types = {column.name: (_type(column), column.words) for column in chosen} | more
    fields: dict[str, Any] = {
        name: (kind | None, Field(default=None, description=text))
        for name, (kind, text) in types.items()
    }
    words = words or table.thing
    return create_model(name, __base__=_Made, __doc__=words, __module__=__name__, **fields)


def _type(column: ColumnSchema) -> Any:
    """The type of a column's value in YAML, bounds included."""
    if column.options:
        return Literal[column.options]
    if column.unlimited:
        return Capacity
    if not column.numeric:
        return _TYPES[column.kind]
    number = int if column.kind == "whole" else float
    return Annotated[number, Field(ge=column.lower, le=column.upper, gt=column.above)]


if TYPE_CHECKING:
    MetroEntry = Section
    NodeEntry = Section
    AcceleratorEntry = Section
    RegionEntry = Section
    PointEntry = Section
    VariantEntry = Section
    TokenProfileEntry = Section
    ClassEntry = Section
else:
    _BY_CLASS = (dict[str, Share], "The score on the requests of a class, where it differs.")
    _KIND = "Accelerators of one kind in a region: how many, and what they cost."
    _ACCELERATORS = (
        "Kind, as operating points name it in `hardware` → its numbers and prices, in place of the "
        "region's own; capacity_max and power_max_kw stay those of all kinds together."
    )
    _SHARED = "A model variant: what its operating points share unless they say otherwise."
    _NAME = (str, "What people call it.")
    _TOKENS = ("tokens_in", "tokens_out", "source")
    MetroEntry = _model("MetroEntry", METROS)
    NodeEntry = _model("NodeEntry", NODES)
    AcceleratorEntry = _model("AcceleratorEntry", REGIONS, *BY_KIND, words=_KIND)
    RegionEntry = _model(
        "RegionEntry", REGIONS, accelerators=(dict[str, AcceleratorEntry], _ACCELERATORS)
    )
    PointEntry = _model("PointEntry", POINTS, accuracy_by_class=_BY_CLASS)
    VariantEntry = _model(
        "VariantEntry",
        POINTS,
        "accuracy",
        "weights_bytes",
        "accelerators",
        words=_SHARED,
        name=_NAME,
    )
    TokenProfileEntry = _model("TokenProfileEntry", TOKEN_PROFILES, *_TOKENS)
    ClassEntry = _model("ClassEntry", CLASSES)
