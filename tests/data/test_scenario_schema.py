"""The JSON Schema is current, tells about every field, and accepts what ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.data.scenario_files import Folder
from wattlas.data.json_schema import COMMITTED, scenario_schema, schema_text
from wattlas.data.scenario_file import EXAMPLES, examples
from wattlas.data.yaml_lines import read_yaml


def test_the_committed_schema_is_current() -> None:
    """The file is what the models make: python -m wattlas.data.json_schema writes it."""
    assert COMMITTED.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("name", examples())
def test_examples_follow_the_schema(name: str) -> None:
    """Every example passes, and names the schema on its first line."""
    folder = Folder(EXAMPLES / name)
    jsonschema.validate(read_yaml(folder.document).data, scenario_schema())
    first = folder.document.read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../scenario.schema.json"
    assert (folder.path / "../../scenario.schema.json").resolve() == COMMITTED


@pytest.mark.parametrize(
    "data",
    [
        {"pack": "x"},
        {"name": "x", "region": {}},
        {"name": "x", "regions": {"oslo": {"pue": 0.5}}},
        {"name": "x", "regions": {"oslo": {"reserved_gpu": "lots"}}},
        {"name": "x", "objective": {"minimise": "money"}},
    ],
)
def test_the_schema_refuses(data: dict[str, Any]) -> None:
    """Editors mark a missing name, unknown keys, numbers out of range and unknown choices."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, scenario_schema())


def test_the_schema_knows_free_and_shorthands() -> None:
    """`free` capacity and a bare table name are accepted as the reader accepts them."""
    data = {
        "name": "x",
        "regions": "r.csv",
        "network": {"metro_node": "fitted"},
        "scenarios": {"s": []},
    }
    jsonschema.validate(data, scenario_schema())
    jsonschema.validate(
        {"name": "x", "regions": {"a": {"reserved_gpu": "free"}}}, scenario_schema()
    )


def properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of the schema with its path."""
    if isinstance(node, list):
        for item in node:
            yield from properties(item, path)
    if isinstance(node, dict):
        for name, value in node.get("properties", {}).items():
            yield f"{path}.{name}", value
        for key, value in node.items():
            yield from properties(value, f"{path}/{key}")


def test_every_field_is_explained() -> None:
    """Each property carries the text that an editor shows."""
    made = json.loads(schema_text())
    silent = [path for path, value in properties(made) if not value.get("description")]
    assert silent == []
