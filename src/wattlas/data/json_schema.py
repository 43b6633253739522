"""The JSON Schema of `scenario.yaml`, made from the models and committed beside them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from wattlas.data.schema_models import ScenarioDocument
from wattlas.data.schema_types import SHORTHAND
from wattlas.data.yaml_lines import copied

COMMITTED = Path(__file__).parent / "scenario.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> dict[str, Any]:
    """The schema as a mapping; bare texts that stand for a mapping are allowed where they are."""
    schema: dict[str, Any] = copied(_schema())
    return schema


@cache
def _schema() -> dict[str, Any]:
    raw = ScenarioDocument.model_json_schema(ref_template="#/$defs/{model}")
    schema: dict[str, Any] = _tidy(raw)
    sections = schema["$defs"]
    for name, section in list(sections.items()):
        if SHORTHAND in section:
            key = section.pop(SHORTHAND)
            sections[name] = _or_text(section, key)
    return {"$schema": DIALECT, **schema}


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"


def _or_text(section: dict[str, Any], key: str) -> dict[str, Any]:
    text = {"type": "string", "description": f"Short for {{{key}: …}}."}
    return {"description": section.get("description", ""), "anyOf": [section, text]}


def _tidy(node: Any) -> Any:
    """Without the titles that only repeat a field's name, and without defaults that say nothing."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str) and value != "Wattlas scenario")
    }
    if tidy.get("default", 0) is None or isinstance(tidy.get("default"), dict):
        del tidy["default"]
    return tidy


if __name__ == "__main__":
    COMMITTED.write_text(schema_text(), encoding="utf-8")
