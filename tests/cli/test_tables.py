"""How figures are written in the terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from tests.studied import CLASSES
from wattlas.cli import run, tables
from wattlas.cli.common import plain
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


def test_json_knows_no_infinity() -> None:
    """What is no finite number is null, however deep, in lists, arrays and data classes, too."""
    odd = [float("inf"), -float("inf"), float("nan"), 1.5]
    told = plain(
        {"a": odd, "b": np.array(odd), "c": {1: (odd[0], np.float64("-inf"))}, "d": np.inf}
    )
    assert told == {"a": [None, None, None, 1.5], "b": [None, None, None, 1.5],
                    "c": {"1": [None, None]}, "d": None}  # fmt: skip


VERBS = [
    "plan typical-2023 --scenario sample",
    "study tiny --samples 3",
    "frontier tiny --objective weighted --carbon-price 50",
    "breakeven typical-2023 --scenario sample",
    "tiers menu typical-2023 --class B",
    "tiers share typical-2023 --scenario sample --class A --cap-share 0.9 --remote",
    "export weights typical-2023 --scenario sample",
]


OFFERS = ["tiers", "design", "tiny", *(word for one in CLASSES for word in ("--set", one))]


@pytest.mark.parametrize("words", [*map(str.split, VERBS), OFFERS], ids=[*VERBS, "offers"])
def test_tables_fit_80_columns(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No line of a table of any verb is longer, and no number and no name is broken in two."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    printed: list[tuple[Listing, str]] = []
    draw = tables._print

    def recorded(listing: Listing) -> None:
        capsys.readouterr()
        draw(listing)
        printed.append((listing, capsys.readouterr().out))

    monkeypatch.setattr(tables, "_print", recorded)
    assert run(words) == 0
    assert printed
    for listing, text in printed:
        assert max(map(cell_len, text.splitlines())) <= 80
        told = set(text.split())
        for column in tables.fitted(listing, 80)[0]:
            assert set(column.heading.split()) <= told, (listing.title, column.name)
            for value in listing.table[column.name]:
                assert set(cell(value, column).split()) <= told, (listing.title, column.name)


def test_what_has_no_room_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns that may be left out are, the last first, and named; others are broken by words."""
    names = [f"a_long_name_{n}_usd" for n in range(6)]
    columns = tuple(Column(name, wide=n > 3) for n, name in enumerate(names))
    listing = Listing("Wide", columns, {name: [123456.0] for name in names})
    monkeypatch.setenv("COLUMNS", "40")
    show(listing)
    told = capsys.readouterr()
    assert max(map(len, told.out.splitlines())) <= 40
    assert told.out.count("123,456") == 4
    assert "no room for a long name 4, USD, a long name 5, USD" in told.err
    monkeypatch.setenv("COLUMNS", "200")
    show(listing)
    assert capsys.readouterr().out.count("123,456") == 6
