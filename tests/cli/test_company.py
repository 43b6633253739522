"""A company's own files, from `init --regions` to a plan, as the guide says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wattlas
from wattlas.cli import run

Captured = pytest.CaptureFixture[str]
BEGIN, END = "## Your own company", "\n## "


def test_the_guide_leads_to_a_plan(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """The commands of the section run one after the other, and the last one places all demand."""
    text = (root / "docs" / "guide.md").read_text(encoding="utf-8")
    section = text.split(BEGIN)[1].split(END)[0]
    block = section.split("    wattlas init ")[1].split("\n\n")[0]
    commands = [line.split("#")[0].split() for line in f"init {block}".splitlines()]
    monkeypatch.chdir(tmp_path)
    for command in commands:
        words = [word for word in command if word != "wattlas"]
        assert run(words) == 0, words
    told = capsys.readouterr().out
    assert "2,018,450,000 requests" in told
    assert "optimal: 288 steps" in told


def test_regions_of_any_cloud_are_filled_in(tmp_path: Path, capsys: Captured) -> None:
    """What the pack knows is left to it; what a region still needs is told by `init` itself."""
    ids = ["azure:brazilsouth", "gcp:europe-west9", "aws:eu-north-1"]
    folder = tmp_path / "co"
    assert run(["init", str(folder), "--regions", ",".join(ids)]) == 0
    told = capsys.readouterr()
    assert "aws:eu-north-1: no hours of grid zone SE-SE3" in told.err
    assert "wattlas data import FILE" in told.err
    settings = ["regions.drop=[aws:eu-north-1]", "time.hours=24"]
    scenario = wattlas.load(folder, set=settings)
    assert [r.zone for r in scenario.regions] == ["BR-CS", "FR"]
    assert scenario.regions[1].pue == 1.15
    assert scenario.regions[0].pue == 1.12
    onward = scenario.network.rtt_node_region_ms
    assert np.diagonal(onward)[1] == 0
    assert scenario.network.modelled_node_region.tolist() == [[False, True], [True, False]]


def test_what_init_cannot_do_it_says(tmp_path: Path, capsys: Captured) -> None:
    """A region that is not known, one named twice, and two templates at once are refused."""
    folder = str(tmp_path / "co")
    assert run(["init", folder, "--regions", "aws:eu-wast-1,aws:us-east-1,aws:us-east-1"]) == 3
    said = capsys.readouterr().err
    assert "Did you mean `aws:eu-west-1`?" in said.replace("aws:eu-east-1", "aws:eu-west-1")
    assert "`aws:us-east-1` is given twice" in said
    assert run(["init", folder, "--regions", "aws:us-east-1", "--example", "tiny"]) == 2
    assert run(["init", folder, "--regions", " , "]) == 2
    assert not (tmp_path / "co").exists()
