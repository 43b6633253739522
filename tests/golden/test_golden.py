"""Every equation of the placement as text that a reader can check against the formula."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.kept import keep
from tests.golden.tiny_program import (
    objective_text,
    rows_text,
    tiny_costs,
    tiny_program,
    tiny_rows,
)
from wattlas.placement.constraints import degraded_share, start_up, state_move
from wattlas.placement.constraints.registry import constraints
from wattlas.placement.problem import lp
from wattlas.placement.problem.unit_values import carbon, cost

HERE = Path(__file__).parent
OBJECTIVES = {"objective": cost, "objective_carbon": carbon}
FORMULA = {
    "demand": lp.demand,
    "holding": start_up.holding,
    "starting": start_up.starting,
    "moving": state_move.moving,
    "limits": lp.limit_rows,
}
"""Rows that are of no single hour's constraint: what states their formula."""
BY_HOUR = [c.name for c in constraints() if c.name in ("capacity", "mean_accuracy")]
NAMES = [*FORMULA, *BY_HOUR, degraded_share.DegradedShare.name, *OBJECTIVES]


def text_of(name: str) -> str:
    """The equation or objective of that name over the tiny program."""
    layout = tiny_program()
    if name in OBJECTIVES:
        values = lp.objective(layout, OBJECTIVES[name](layout.instance), tiny_costs(layout))
        return objective_text(layout, values, _first_line(lp.objective.__doc__))
    told = {c.name: c.__doc__ for c in constraints()}
    doc = FORMULA[name].__doc__ if name in FORMULA else told[name]
    return rows_text(layout, tiny_rows(layout)[name], _first_line(doc))


def _first_line(doc: str | None) -> str:
    assert doc, "an equation's docstring is its formula"
    return doc.splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_equation_is_its_golden_file(name: str) -> None:
    """The rows of each equation are those that were checked by hand."""
    file = HERE / f"{name}.lp"
    keep(text_of(name), file)


def test_every_block_of_rows_has_its_golden_file() -> None:
    """The tiny program has every constraint on, and each writes rows that are compared."""
    assert set(tiny_rows(tiny_program())) == set(NAMES) - set(OBJECTIVES)
    # Limits over windows, and what links and separators write.
    without_rows = {"objective_cap", "carbon_by_window", "start_up", "state_move", "waiting"}
    assert {c.name for c in constraints()} - without_rows <= set(NAMES)


def test_no_golden_file_without_an_equation() -> None:
    """A golden file that nothing is compared with proves nothing."""
    assert sorted(file.stem for file in HERE.glob("*.lp")) == sorted(NAMES)
