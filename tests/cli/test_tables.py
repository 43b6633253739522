"""How figures are written in the terminal."""

from __future__ import annotations

import pytest

from wattlas.cli.tables import show
from wattlas.model.cells import cell, number_text, percent
from wattlas.model.table import Column, Kind, Listing


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.505, "50.5%"), (-0.08, "-8.0%"), (0.0, "0.0%"), (-1e-9, "0.0%"), (-0.0, "0.0%")],
)
def test_shares(share: float, text: str) -> None:
    """One figure after the point, and a loss only where the figures show one."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.0, "0"), (1234.5, "1,234")],
)
def test_figures(value: float | None, text: str) -> None:
    """Thousands apart, and a dash for what is unknown."""
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (0.123, Column("a", Kind.SHARE), "12.3%"), (1234.5, Column("a", Kind.COUNT), "1,234"),
        (True, Column("a", Kind.FLAG), "yes"), (False, Column("a", Kind.FLAG), "no"),
        (12345.678, Column("a", digits=7), "12345.68"), ("× 3", Column("a", Kind.SHARE), "× 3"),
        (None, Column("a", Kind.TEXT), "–"), (float("nan"), Column("a", Kind.COUNT), "–"),
    ],
)  # fmt: skip
def test_a_cell_is_written_as_its_kind(value: object, column: Column, text: str) -> None:
    """Shares in percent, counts without decimals, flags in words; a text stands as it is."""
    assert cell(value, column) == text


def test_a_listing_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Texts begin and numbers end in one column, heads have units, notes stand below."""
    columns = (Column("region", Kind.TEXT), Column("it_mwh"), Column("left_out"))
    table = {"region": ["oslo", "mumbai"], "it_mwh": [1.0, 1000.0], "hidden": [0, 0]}
    show(Listing("Where", columns[:2], table, notes=("A note.",)))
    told = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert told[0] == "Where"
    head, oslo, mumbai = (next(x for x in told if w in x) for w in ("region", "oslo", "mumbai"))
    assert head.split() == ["region", "it,", "MWh"]
    assert oslo.index("oslo") == mumbai.index("mumbai") == head.index("region")
    assert len(oslo) == len(mumbai) == len(head)
    assert told[-1] == "A note."
    show(Listing("Nothing", columns, {}, notes=("Only a note.",)))
    assert capsys.readouterr().out == "Only a note.\n"
