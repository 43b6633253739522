"""Number types, and the base of every section of `scenario.yaml`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

FREE = "free"
SHORTHAND = "x-shorthand"
"""What a section's JSON Schema calls the key that a bare text gives, until it is written out."""


class Section(BaseModel):
    """A part of the document: immutable, and no key is accepted that has no meaning."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        title=None,
    )


def _free_or_number(value: Any) -> Any:
    return float("inf") if value == FREE else value


NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
Capacity = Annotated[
    float,
    Field(ge=0, allow_inf_nan=True),
    BeforeValidator(_free_or_number),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"const": FREE}]}),
]
"""A number of accelerators, or `free` (also `.inf`): no limit."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    list[Text],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name, or a list of them."""


def table_or(key: str) -> dict[str, Any]:
    """The JSON Schema note that a bare text may stand for the mapping with this one key."""
    return {SHORTHAND: key}
