"""A figure is one module and one script: dropped into a folder, it is wherever figures are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wattlas
from tests.report.toy_figure import SCRIPT, toy_figure
from tests.shipped import shipped
from wattlas.cli import run
from wattlas.report.results import open_results
from wattlas.report.vendor import script_of
from wattlas.report.view import Pages
from wattlas.studies import registry


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Path]:
    """The folder that holds the toy."""
    with toy_figure(tmp_path / "more"):
        yield tmp_path / "more"


def test_a_new_figure_is_two_files(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is computed, printed, kept, drawn, embedded, and served as CSV and JSON."""
    out = tmp_path / "results"
    assert run(["study", str(_tiny()), "-o", str(out), "--samples", "3"]) == 0
    told = capsys.readouterr().out
    assert told.index("What the plan saves") < told.index("A toy listing")
    assert told.index("A toy listing") < told.index("Where inference runs")
    results = open_results(out)
    assert results.table("toy_regions").columns == ["region", "it_mwh"]
    page = (out / "report.html").read_text("utf-8")
    assert SCRIPT.strip() in page
    data = re.search(r'id="wattlas-data">(.*?)</script>', page, re.S)
    assert data is not None
    embedded = json.loads(data[1])
    assert embedded["figures"][0]["id"] == "toy-figure"
    assert embedded["tables"]["toy_regions"]["c"]["region"]["d"] == ["<script>all</script>"]
    served = Pages(results).get("/tables/toy_regions.csv")
    assert served is not None
    assert served[1].startswith(b"region,it_mwh\n<script>all</script>,")


def test_a_new_figure_escapes_its_words(toy: Path) -> None:
    """Neither its question nor its rows become markup."""
    study = wattlas.study(shipped("tiny"), samples=3)
    page = wattlas.save(study, toy.parent / "r").read_text("utf-8")
    assert "<script>all" not in page
    assert "<b>everything" not in page


def test_a_name_is_taken_once(toy: Path) -> None:
    """A second table, figure or listing of one name is refused."""
    registry.figures()
    with pytest.raises(ValueError, match="toy_regions is registered twice"):
        registry.table("toy_regions", "a")(lambda found: None)
    with pytest.raises(ValueError, match="toy-figure is registered twice"):
        registry.figure(
            str(toy / "toy_figure.py"), order=1, question="?", needs=(), missing="nothing"
        )


def test_every_figure_has_its_tables_and_its_script() -> None:
    """What a figure needs is registered, and one script draws it."""
    for made in (m for page in ("study", "replay", "sweep") for m in registry.figures(page)):
        assert set(made.needs) <= set(registry.tables(made.part.page)), made.id
        assert f'figure("{made.id}"' in script_of(made).read_text("utf-8")
        assert made.question.endswith("?")
        assert made.missing


def test_what_is_found_is_computed_once() -> None:
    """Two tables that need one plan share it."""
    from wattlas.studies.findings import Findings

    found = Findings(shipped("tiny"))
    assert found.plan is found.plan
    assert found.baseline is found.baseline
    assert found.tiers is None


def test_what_is_registered_is_known_at_once() -> None:
    """Looking figures up loads no library that only computing needs."""
    code = (
        "import sys; from wattlas.studies import registry; assert len(registry.figures()) > 20; "
        "assert not {'numpy', 'polars', 'numba'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _tiny() -> Path:
    from wattlas.data.scenario_file import example_path

    return Path(example_path("tiny"))
