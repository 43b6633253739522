"""A figure of two files, one module and one script, for as long as a test needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wattlas.studies import figures, registry

MODULE = '''
"""How many regions did the plan use?"""

from wattlas.model.table import Column, Kind, Listing
from wattlas.studies.registry import figure, listing, table


@table("toy_regions", "region:text it_mwh")
def regions(found):
    """Energy of each region that the plan uses."""
    sums = found.plan.totals.it_mwh
    return {"region": ["<script>all</script>"], "it_mwh": [sums]}


figure(
    __file__,
    order=5,
    question="How much of <b>everything</b>?",
    needs=("toy_regions",),
    missing="Nothing was counted",
)


@listing(order=15)
def told(study):
    """The same for the terminal."""
    columns = (Column("region", Kind.TEXT), Column("it_mwh"))
    return Listing("A toy listing", columns, study.tables["toy_regions"])
'''
SCRIPT = """
(function (W) {
  W.figure("toy-figure", { draw: () => {
    const rows = W.rows("toy_regions");
    return {
      answer: `The toy has ${rows.length} row of ${rows[0].region}.`,
      node: W.el("p", { class: "toy" }, rows[0].region),
      columns: ["region", "it_mwh"], rows: rows.map((row) => [row.region, row.it_mwh]),
    };
  } });
})(window.Wattlas);
"""


@contextmanager
def toy_figure(folder: Path) -> Iterator[None]:
    """The two files in a folder that is a part of the package of figures."""
    folder.mkdir()
    (folder / "toy_figure.py").write_text(MODULE, "utf-8")
    (folder / "toy-figure.js").write_text(SCRIPT, "utf-8")
    registry.figures()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_TABLES", "_FIGURES", "_LISTINGS"):
            patch.setattr(registry, name, dict(getattr(registry, name)))
        patch.setattr(figures, "__path__", [*figures.__path__, str(folder)])
        try:
            yield
        finally:
            sys.modules.pop("wattlas.studies.figures.toy_figure", None)
