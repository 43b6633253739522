"""What cannot be written is known before anything is computed, on every verb, and told in words."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import tiny_folder
from wattlas.cli import run
from wattlas.data.whole_file import write_text
from wattlas.errors import MachineError
from wattlas.report.results import write_frame

pytestmark = pytest.mark.portable
Captured = pytest.CaptureFixture[str]

VERBS = {
    "study {t} --samples 3 --out": "",
    "plan {t} --out": ".parquet",
    "plan {t} --resume --out": "",
    "frontier {t} --out": ".parquet",
    "tiers share {t} --class A --out": ".csv",
    "tiers fit {t}/choices.csv --out": ".yaml",
    "tiers design {t} --out": "",
    "init --example tiny": "",
    "init --regions aws:eu-west-2": "",
    "points {t}/points.json --out": ".csv",
    "export weights {t} --out": ".json",
    "export weights {t} --to envoy --out": "",
    "demand {t}/log.csv --time at --class model --country country --into": "",
    "data import {t}/carbon.csv --zone-column zone --value-column average_g_per_kwh --into": "",
}
"""Every verb that writes, up to its target, and what the target ends in."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path_factory.mktemp("refusals") / "t").path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    wanted = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if mount is None or subprocess.run(wanted, capture_output=True, check=False).returncode:
        pytest.skip("NOT RUN: no file system of one megabyte can be mounted here (not root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def refused(command: str, target: Path | str, tiny: Path, capsys: Captured) -> tuple[int, str]:
    """Exit code and words of a verb that cannot write to a target; nothing was computed."""
    code = run([*command.format(t=tiny).split(), str(target)])
    told = capsys.readouterr()
    assert told.out == ""
    begun = ("Study:", "Placing", "Frontier:", "Design:", "Weights:", "Reading")
    for word in (*begun, "bug", "Error", "Errno"):
        assert word not in told.err, told.err
    return code, told.err


@pytest.mark.parametrize("command", VERBS)
def test_a_file_where_a_folder_should_be(command: str, tiny: Path, capsys: Captured) -> None:
    """A path below a file is a wrong path: exit 2, and the file is named."""
    code, words = refused(command, f"{tiny / 'nodes.csv'}/x{VERBS[command]}", tiny, capsys)
    assert code == 2
    assert "nodes.csv is a file" in words


@pytest.mark.parametrize("command", VERBS)
def test_a_name_that_is_too_long(
    command: str, tiny: Path, tmp_path: Path, capsys: Captured
) -> None:
    """The system's limit is told in words, exit 7, and nothing is left."""
    code, words = refused(command, tmp_path / ("n" * 300 + VERBS[command]), tiny, capsys)
    assert code == 7
    assert "too long" in words
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", VERBS)
def test_an_empty_path_is_an_unset_variable(command: str, tiny: Path, capsys: Captured) -> None:
    """It is refused instead of meaning the current folder."""
    code, words = refused(command, "", tiny, capsys)
    assert code == 2
    assert "is empty" in words


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
@pytest.mark.parametrize("command", VERBS)
def test_a_place_that_takes_no_files(command: str, tiny: Path, capsys: Captured) -> None:
    """Where the system makes no files the answer is exit 7, whoever asks."""
    code, words = refused(command, f"/proc/x{VERBS[command]}", tiny, capsys)
    assert code == 7
    assert "/proc" in words


@pytest.mark.parametrize(
    "command", [c for c in VERBS if c.startswith(("study", "plan {t} --resume", "tiers design"))]
)
def test_a_folder_that_holds_other_things(
    command: str, tiny: Path, tmp_path: Path, capsys: Captured
) -> None:
    """No results are written among files of the user's."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("all of it")
    code, words = refused(command, folder, tiny, capsys)
    assert code == 2
    assert "thesis.tex" in words
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_a_device_is_not_replaced_by_a_file(tiny: Path, capsys: Captured) -> None:
    """A target that is no regular file stays what it is."""
    code, words = refused("tiers fit {t}/choices.csv --out", "/dev/null", tiny, capsys)
    assert code == 2
    assert "/dev/null" in words
    assert Path("/dev/null").is_char_device()


def test_the_home_directory_is_meant(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """A quoted `~` is no name of a folder; a link is followed, not replaced."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link.parquet").symlink_to(tmp_path / "there.parquet")
    assert run(["plan", str(tiny), "--out", "~/link.parquet"]) == 0
    assert (tmp_path / "link.parquet").is_symlink()
    assert (tmp_path / "there.parquet").is_file()


def test_a_small_disk_is_seen_before_the_study(
    tiny: Path, small_disk: Path, capsys: Captured
) -> None:
    """A report does not fit into a megabyte, and that is told before anything is computed."""
    code, words = refused("study {t} --out", small_disk / "r", tiny, capsys)
    assert code == 7
    assert "MB are free there" in words
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up(small_disk: Path) -> None:
    """Where it fills up on the way a sentence says so, and what was there before stays whole."""
    out = small_disk / "flows.parquet"
    small = pl.DataFrame({"x": [1.0]})
    write_frame(out, small)
    large = pl.DataFrame({"x": np.random.default_rng(5).random(200_000)})
    with pytest.raises(MachineError, match=r"flows\.parquet: the disk is full\. Free space"):
        write_frame(out, large)
    with pytest.raises(MachineError, match="the disk is full"):
        write_text(out, "x" * 2_000_000)
    assert pl.read_parquet(out).equals(small)
    assert [path.name for path in small_disk.iterdir()] == ["flows.parquet"]
