"""Every equation of the placement as text that a reader can check against the formula."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.golden.tiny_program import objective_text, rows_text, tiny_program
from wattlas.placement.problem.lp import EQUATIONS, objective
from wattlas.placement.problem.unit_values import carbon, cost

HERE = Path(__file__).parent
OBJECTIVES = {"objective": cost, "objective_carbon": carbon}
NAMES = [*(equation.__name__ for equation in EQUATIONS), *OBJECTIVES]


def text_of(name: str) -> str:
    """The equation or objective of that name over the tiny program."""
    layout = tiny_program()
    for equation in EQUATIONS:
        if equation.__name__ == name:
            found = equation(layout)
            assert found is not None, f"{name} has no row in the tiny program: turn its feature on"
            return rows_text(layout, found, _first_line(equation.__doc__))
    measure = OBJECTIVES[name](layout.instance)
    return objective_text(layout, objective(layout, measure), _first_line(objective.__doc__))


def _first_line(doc: str | None) -> str:
    assert doc, "an equation's docstring is its formula"
    return doc.splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_equation_is_its_golden_file(name: str) -> None:
    """The rows of each equation are those that were checked by hand."""
    file = HERE / f"{name}.lp"
    found = text_of(name)
    if os.environ.get("WATTLAS_GOLDEN") == "write":
        file.write_text(found, encoding="utf-8")
    assert file.is_file(), f"no golden file for {name}: write it, and check it by hand"
    assert found == file.read_text(encoding="utf-8")


def test_no_golden_file_without_an_equation() -> None:
    """A golden file that nothing is compared with proves nothing."""
    assert sorted(file.stem for file in HERE.glob("*.lp")) == sorted(NAMES)
