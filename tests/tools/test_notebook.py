"""The example notebook: it runs, and its stored outputs are what its cells show today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools.notebook import _outputs, run_cells

NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[-+]\d+)?")


@pytest.fixture(scope="module")
def notebook(root: Path) -> dict[str, Any]:
    """docs/notebook.ipynb as it is stored."""
    stored: dict[str, Any] = json.loads((root / "docs" / "notebook.ipynb").read_text("utf-8"))
    return stored


def shown(cell: dict[str, Any]) -> list[str]:
    """The texts that a cell shows; pictures are only known to be there."""
    texts = []
    for output in cell.get("outputs", []):
        texts.append("".join(output.get("text", [])))
        for kind, data in sorted(output.get("data", {}).items()):
            texts.append("a picture" if kind == "image/png" and data else "".join(data))
    return texts


def test_it_shows_what_it_showed(notebook: dict[str, Any]) -> None:
    """Run from top to bottom every cell gives the stored words and numbers."""
    matplotlib = pytest.importorskip("matplotlib", reason="the extra `notebook` draws")
    matplotlib.use("agg")
    from matplotlib import pyplot

    again = run_cells(notebook)
    pyplot.close("all")
    for cell, stored in zip(again["cells"], notebook["cells"], strict=True):
        for now, before in zip(shown(cell), shown(stored), strict=True):
            assert NUMBER.sub("#", now) == NUMBER.sub("#", before), stored["id"]
            numbers = [
                [float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (now, before)
            ]
            assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-9), stored["id"]


def test_it_is_whole_and_small(notebook: dict[str, Any]) -> None:
    """Notebook format 4.5, executed in order, each code cell with an output; under 100 kB."""
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["outputs"] for cell in code)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert len(json.dumps(notebook)) < 100_000


def test_a_cell_shows_what_jupyter_would() -> None:
    """What is printed, then the value of the last expression, unless a semicolon ends it; a text
    is cut after 200 letters and one line, and cells share their names."""

    class Table:
        def _repr_html_(self) -> str:
            return "<b>one</b>\n<i>two</i>"

    sources = [
        "print('a')\nx = 7\nx",
        "x;",
        "x = x + 1",
        "'y' * 300",
        "'p\\nq'",
        "print(x)",
        "t()",
        "",
    ]
    cells = [{"cell_type": "code", "source": [text]} for text in sources]
    cells[2]["cell_type"] = "markdown"
    notebook = {
        "cells": [{"cell_type": "code", "source": ["def t(): pass"]}, *cells],
        "nbformat": 4,
    }
    made = run_cells(notebook)
    assert made["nbformat"] == 4
    assert made["cells"][3] == cells[2]
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, 9))
    printed = {"output_type": "stream", "name": "stdout"}
    value = {"output_type": "execute_result", "metadata": {}}
    assert [cell["outputs"] for cell in code] == [
        [],
        [
            {**printed, "text": ["a\n"]},
            {**value, "execution_count": 2, "data": {"text/plain": ["7"]}},
        ],
        [],
        [{**value, "execution_count": 4, "data": {"text/plain": ["'" + "y" * 199]}}],
        [{**value, "execution_count": 5, "data": {"text/plain": ["'p\\nq'"]}}],
        [{**printed, "text": ["7\n"]}],
        [],
        [],
    ]
    (shown,) = _outputs("Table()", {"Table": Table}, 3)
    data = {"text/html": ["<b>one</b>\n", "<i>two</i>"], "text/plain": ["Table"]}
    assert shown["data"] == data
