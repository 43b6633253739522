"""docs/scenario.md speaks of every section, field and column that a scenario can hold."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from wattlas.data.json_schema import scenario_schema

FIELDS = sorted(
    {
        name
        for section in [scenario_schema(), *scenario_schema()["$defs"].values()]
        for shape in section.get("anyOf", [section])
        for name in shape.get("properties", {})
    }
)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_documented(field: str, root: Path) -> None:
    """A field that a scenario may hold is named in its guide."""
    text = (root / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{re.escape(field)}\b", text)


def test_the_guides_examples_run(root: Path) -> None:
    """What the guide shows of Python is what Python says."""
    failed, tried = doctest.testfile(str(root / "docs" / "scenario.md"), module_relative=False)
    assert (failed, tried) == (0, 2)
