"""The report as text: complete, self-contained, and safe against hostile names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.studied import Studied
from wattlas.report.page import context
from wattlas.report.report import render_report, write_report
from wattlas.report.results import open_results
from wattlas.studies import words

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def html(made: Studied) -> str:
    """The report of the study."""
    return render_report(made.results())


def test_the_page_carries_what_its_scripts_read(html: str, root: Path) -> None:
    """Every field of the meta data that a script of ours asks for."""
    scripts = (root / "src/wattlas/report/assets/report").rglob("*.js")
    asked = {n for file in scripts for n in re.findall(r"\bmeta\.(\w+)", file.read_text("utf-8"))}
    assert {"totals", "window", "baseline", "brief"} <= asked
    meta = re.search(r'"meta":\{(.*?)"tables":\{', html, flags=re.S)
    assert meta is not None
    assert all(f'"{name}":' in meta[1] for name in asked)


def test_under_three_megabytes(made: Studied) -> None:
    """18 regions × 288 hours make a page that can be mailed."""
    copies = pl.DataFrame({"copy": [str(n) for n in range(6)]})
    days = pl.DataFrame({"days": [30 * n for n in range(12)]})
    hourly = made.frames["hourly"].join(copies, how="cross").join(days, how="cross")
    hourly = hourly.with_columns(
        pl.col("time_utc") + pl.duration(days="days"), pl.col("region") + pl.col("copy"),
        it_mw=pl.col("it_mw") * (1 + 1e-3 * pl.col("days") * pl.col("copy").cast(pl.Float64)),
    ).drop("copy", "days")  # fmt: skip
    assert hourly.group_by("region").len().height == 18
    assert hourly["time_utc"].n_unique() == 288
    page = render_report(made.results({**made.frames, "hourly": hourly}))
    assert len(page.encode()) < 3_000_000


def test_each_part_of_the_page_is_that_of_the_meta_data(made: Studied) -> None:
    """The plan's totals are the plan's, the baseline's the baseline's."""
    meta = made.meta
    told = context(made.results())
    assert told["plan"] == meta["totals"]["plan"]
    assert told["baseline_totals"] == meta["totals"]["baseline"]
    assert told["plan"] != told["baseline_totals"]
    assert (told["brief"], told["status"]) == (meta["brief"], meta["status"])
    assert told["notice"] == meta["scenario"]["notice"]


def test_a_report_goes_where_it_is_told(made: Studied, tmp_path: Path) -> None:
    """Into the folder of the results, or to a path of its own and nowhere else."""
    made.write(tmp_path / "results")
    elsewhere = tmp_path / "mine.html"
    assert write_report(tmp_path / "results", elsewhere) == elsewhere
    assert elsewhere.is_file()
    assert not (tmp_path / "results" / "report.html").exists()
    assert write_report(tmp_path / "results") == tmp_path / "results" / "report.html"
    with pytest.raises(ValueError, match="give the path"):
        write_report(made.results())


def test_nothing_is_fetched(html: str) -> None:
    """No element names an address to load, and the policy forbids every connection."""
    page = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert not re.search(r"""\s(src|srcset|action|data)=""", page)
    assert re.findall(r'<link[^>]*href="([^"]*)"', page) == ["data:,"]
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


# What a study of a sampled year by a solver says of itself, beside the tables of another.
SAMPLED = {
    "command": "wattlas study --example tiny",
    "window": {
        "start_utc": "2023-01-01T00:00:00Z",
        "end_utc": "2024-01-01T00:00:00Z",
        "hours": 288,
        "hours_represented": 8760,
        "step_h": 1,
        "sample": "12 months × 24 hours, each standing for a month's days",
    },
    "intensity": {"deciding": "average", "kind": "life-cycle"},
    "solver": "HiGHS 1.11.0",
    "gap": 0.0,
    "provenance": [
        {"what": "price", "source": "invented", "licence": "CC0", "period": "2023", "note": ""},
        {"what": "carbon", "source": "invented", "licence": "ODbL-1.0", "period": "2023",
         "note": "life-cycle"},
    ],
    "network": {"modelled_share": 0.42},
    "limits": ["Grid fees and taxes are not in the price.", "Accelerators cost the same."],
}  # fmt: skip


def test_what_must_be_said_is_said(made: Studied) -> None:
    """Notice, status, solver, gap, window, sample, intensity, sources, licences, limits."""
    html = render_report(made.results(**SAMPLED))
    page = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    for text in (
        made.meta["scenario"]["notice"], "Optimal", "HiGHS 1.11.0", "gap 0",
        "2023-01-01 to 2024-01-01", "288 h that stand for 8,760", "12 months × 24 hours",
        "average (life-cycle)", "least cost", "ODbL-1.0", "CC0",
        "Grid fees and taxes are not in the price.", "42 % of the round trips",
        "wattlas study --example tiny", "echarts 6.1.0", "nearest region",
    ):  # fmt: skip
        assert text in page, text


@pytest.mark.parametrize("status", ["infeasible", "failed", "limit"])
def test_an_end_that_is_not_optimal_comes_first(status: str, made: Studied) -> None:
    """The status is above every number, and an empty result says that there is nothing."""
    page = render_report(made.results({}, status=status, totals={}, conflict="A at Oslo: no place"))
    assert '<p class="status bad">' in page
    assert "A at Oslo: no place" in page
    assert "There is no placement to look at." in page


def test_hostile_names_stay_text(made: Studied, smallest: Studied) -> None:
    """A name that ends a script element ends nothing."""
    places = smallest.frames["places"].with_columns(name=pl.lit(HOSTILE))
    frames = {**smallest.frames, "places": places}
    page = render_report(
        made.results(frames, scenario={"title": HOSTILE, "notice": HOSTILE}, limits=[HOSTILE])
    )
    assert HOSTILE not in page
    assert page.count("<script") == page.count("</script") == 7
    data = re.search(r'id="wattlas-data">(.*?)</script>', page, re.S)
    assert data is not None
    tables = json.loads(data[1])["tables"]
    assert tables["places"]["c"]["name"]["d"] == [HOSTILE]


def test_written_beside_the_tables(tmp_path: Path, made: Studied) -> None:
    """`write_report` puts report.html into the folder; results without one need a path."""
    made.write(tmp_path)
    assert write_report(tmp_path) == tmp_path / "report.html"
    assert open_results(tmp_path).has("flows")
    with pytest.raises(ValueError, match="path"):
        write_report(made.results({}))


def test_importing_the_dashboard_is_cheap() -> None:
    """Neither polars nor a server is loaded before it is needed."""
    code = (
        "import sys, wattlas.report.report, wattlas.cli.view; "
        "assert 'polars' not in sys.modules; assert 'http.server' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (words.money(339_688_815.4), "USD 340 M"), (words.money(-1234.5), "USD −1.23 k"),
        (words.money(None), "–"), (words.money(0.0), "USD 0"), (words.mass(0.5), "500 g"),
        (words.mass(999.96), "1 t"), (words.energy(7.88e6), "7.88 TWh"),
        (words.share(0.1234), "12.3 %"), (words.share(0.0047), "0.47 %"),
        (words.number(99_360), "99,360"), (words.number(float("nan")), "–"),
        (words.count(26.3e12), "26.3 T"),
    ],
)  # fmt: skip
def test_numbers_in_words(got: str, want: str) -> None:
    """Three digits, a unit of fitting size, and a dash where there is no number."""
    assert got == want
