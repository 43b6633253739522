"""What policies and classes are called."""

from __future__ import annotations

import pytest

from wattlas.studies.labels import class_label


@pytest.mark.parametrize(
    ("names", "label"),
    [({"A": "interactive"}, "interactive (A)"), ({"A": ""}, "A"), ({"A": "A"}, "A"), ({}, "A")],
)
def test_a_class_has_its_name(names: dict[str, str], label: str) -> None:
    """The name with the id, or the id where there is no other name."""
    assert class_label(names, "A") == label
