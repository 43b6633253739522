"""Every table, sentence and page of studies of small worlds that differ in kind.

The second account of `tests/studies` judges most of the figures by other means; here is seen that
nothing else moved. A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the
difference.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import wattlas
from tests import fleets
from tests.abstract import abstract_folder
from tests.golden.kept import keep
from tests.golden.printed import outline, table_lines
from tests.golden.test_figures import world
from wattlas.cli.study import print_summary
from wattlas.data.scenario_file import example_path, read
from wattlas.model.scenario import Scenario
from wattlas.report.report import render_report
from wattlas.report.results import Results
from wattlas.studies.study import Study

HERE = Path(__file__).parent / "studies"
WORLDS = ("uneven-on-demand", "uneven-reserved", "binding-capacity", "negative-prices", "unserved",
          "one-region", "one-cloud")  # fmt: skip
LEFT_OUT = ("wattlas", "created_utc", "seconds", "solver", "programs", "rows", "columns", "gap")
"""What differs from run to run, or from one search to the next."""

MOST = 12
SEARCHED = ("seconds", "gap", "bound_usd")


def _summary(study: Study) -> str:
    """What the terminal shows of a study."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        print_summary(study)
    return re.sub(r", highs [\d.]+|studied in [\d.]+ s", "", out.getvalue())


def _told(study: Study) -> Iterator[str]:
    meta = {name: value for name, value in study.meta.items() if name not in LEFT_OUT}
    meta["scenario"] = {**meta["scenario"], "source_path": "", "sha256": ""}
    if isinstance(meta["fleet"], Mapping):
        meta["fleet"] = {name: v for name, v in meta["fleet"].items() if name not in SEARCHED}
    yield from outline("meta", meta)
    yield from _summary(study).splitlines()
    if study.meta["scenario"]["classes"] > 2:  # listings leave columns out on a narrow terminal
        with pytest.MonkeyPatch.context() as narrow:
            narrow.setenv("COLUMNS", "64")
            yield from _summary(study).splitlines()


ENDS = "p|h1|h2|h3|h4|div|li|tr|section|summary|details|header|footer|dt|dd"


def _page(results: Results) -> Iterator[str]:
    """The words of the page, and the data that its scripts draw from."""
    html = render_report(results)
    data = re.search(r'(?s)<script[^>]*type="application/json"[^>]*>(.*?)</script>', html)
    assert data is not None
    text = re.sub(r"(?s)<(script|style|svg|pre)\b.*?</\1>", " ", html)
    text = re.sub(rf"<(?:{ENDS})\b[^>]*>", "\n", text)
    for line in unescape(re.sub(r"<[^>]*>", " ", text)).splitlines():
        if line.strip():
            yield " ".join(line.split())
    yield from outline("data", _short(json.loads(data[1])))


def _short(data: Any) -> Any:
    """Of long lists how many they have, and every n-th."""
    if isinstance(data, Mapping):
        return {key: _short(value) for key, value in data.items()}
    if isinstance(data, list) and len(data) > MOST:
        return [f"of {len(data)}", *data[:: -(-len(data) // MOST)]]
    return [_short(item) for item in data] if isinstance(data, list) else data


def study_lines(study: Study) -> Iterator[str]:
    yield from _told(study)
    for table, columns in study.named_tables().items():
        yield from table_lines(table, columns)


@pytest.mark.parametrize("name", WORLDS)
def test_studies_are_those_of_the_golden_files(
    name: str, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every figure and sentence is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    study = fleets.studied(name, run_folder).study
    keep("\n".join(study_lines(study)), HERE / f"{name}.txt")


KINDS = {
    "waits": ("classes.D.may_wait_h=3", "objective.carbon_cap_share=0.97", "time.hours=8",
              "regions.oslo.reserved_gpu=3", "regions.austin.pue=1.37"),
    "frictions": ("frictions={start_usd_per_gpu_h: 0.02, start_kwh_per_gpu_h: 0.1}",
                  "frictions.move_state=true",
                  "classes.D.state=sticky", "classes.D.session_state_bytes=1e6", "time.hours=6",
                  "classes.D.requests_per_session_h=10", "objective.minimise=carbon",
                  "regions.oslo.reserved_gpu=3", "regions.oslo.on_demand_gpu=2",
                  "regions.all.on_demand_usd_per_gpu_h=2.0"),
    "variants": ("regions.austin.variants=[large]", "classes.A.mean_accuracy_min=0.8",
                 "objective.carbon_price_usd_per_t=80", "regions.oslo.utilisation_max=0.7",
                 "time.hours=6", "time.step_h=0.5"),
    "modelled": ("network.metro_node=fitted", "network.node_region=fitted", "time.hours=4",
                 "time.step_h=0.5", "regions.oslo.reserved_gpu=3", "regions.mumbai.pue=1.4"),
    "capped": ("objective.minimise=carbon", "objective.cost_cap_share=1.002", "time.hours=6",
               "regions.mumbai.reserved_gpu=5", "regions.austin.utilisation_max=0.8"),
}  # fmt: skip
"""Studies of the tiny example that differ in what the plan obeys."""


def _kind(name: str, folder: Path) -> Scenario:
    if name == "abstract":
        return wattlas.load(abstract_folder(folder))
    if name == "contract":
        return world().at_hours(range(6))
    return read(example_path("tiny"), set=KINDS[name]).scenario


OTHERS = ("abstract", "contract")


@pytest.mark.parametrize("name", [*OTHERS, *KINDS])
def test_kinds_of_studies_are_those_of_the_golden_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without prices, under a contract, with waiting, frictions, rules of models, and caps."""
    monkeypatch.setenv("COLUMNS", "160")
    study = wattlas.study(_kind(name, tmp_path), samples=3)
    keep("\n".join(study_lines(study)).replace(str(tmp_path), "FOLDER"), HERE / f"{name}.txt")


STEADY = {"wattlas": "VERSION", "created_utc": "2027-01-01T00:00:00+00:00", "seconds": 12.3,
          "solver": "SOLVER", "programs": 7, "rows": 8, "columns": 9, "gap": 1e-7}  # fmt: skip


@pytest.mark.parametrize("name", ["made", "smallest"])
def test_pages_are_those_of_the_golden_files(name: str, request: pytest.FixtureRequest) -> None:
    """Every sentence of a page and what it draws is that which was read and found right."""
    studied = request.getfixturevalue(name)
    scenario = {**studied.meta["scenario"], "source_path": "PATH", "sha256": "HASH"}
    fleet = {**studied.meta["fleet"], "seconds": 1.5, "gap": 1e-6}
    results = studied.results(**STEADY, scenario=scenario, fleet=fleet)
    keep("\n".join(_page(results)), HERE / f"page-{name}.txt")


def test_every_golden_file_is_asked_for() -> None:
    """A file that no study writes is left over."""
    pages = {"page-made", "page-smallest"}
    assert {path.stem for path in HERE.iterdir()} == {*WORLDS, *KINDS, *pages, *OTHERS}
