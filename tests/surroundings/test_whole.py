"""Files, folders and packs are whole: with two writers, and where one was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import wattlas
from tests.studied import Studied
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_lock import NEXT, pack_to_change
from wattlas.data.whole_file import MARK, is_temporary, locked, whole_file, write_text, write_texts
from wattlas.errors import InputError, MachineError, UsageError
from wattlas.report.files import folder_of
from wattlas.report.results import open_results, write_results
from wattlas.report.stream_folder import write_plan
from wattlas.report.whole_folder import STAGING, refuse_others, whole_folder

pytestmark = pytest.mark.portable


def half(path: Path) -> None:
    """Begin to write, and fail."""
    path.write_text("half")
    raise ZeroDivisionError


def test_a_file_is_old_or_new(tmp_path: Path) -> None:
    """A block that fails leaves the old file, one that ends the new one, and none anything else."""
    target = tmp_path / "deep" / "f.txt"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as temporary:
        half(temporary)
    assert target.read_text() == "old"
    write_text(target, "new")
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["f.txt"]


def test_files_of_a_folder_change_together(tmp_path: Path) -> None:
    """Where the last one cannot be written none is replaced; else all are, and some can be run."""
    write_texts(tmp_path, {"a.yaml": "old", "b.yaml": "old"})
    with pytest.raises(UnicodeEncodeError):
        write_texts(tmp_path, {"a.yaml": "new", "b.yaml": "\ud800"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.yaml": "old",
        "b.yaml": "old",
    }
    write_texts(tmp_path, {"a.yaml": "new", "run.sh": "true"}, executable=("run.sh",))
    assert (tmp_path / "a.yaml").read_text() == "new"
    assert os.access(tmp_path / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "a.yaml", os.X_OK)
    assert len(list(tmp_path.iterdir())) == len(["a.yaml", "b.yaml", "run.sh"])


def test_a_folder_within_changes_as_one(tmp_path: Path) -> None:
    """Its files are all old or all new at any moment, and the old ones are gone afterwards."""
    write_texts(tmp_path, {"a": "old", "hours/0": "old", "hours/1": "old"})
    with pytest.raises(UnicodeEncodeError):
        write_texts(tmp_path, {"a": "new", "hours/0": "new", "hours/1": "\ud800"})
    assert [(tmp_path / name).read_text() for name in ("a", "hours/0", "hours/1")] == ["old"] * 3
    write_texts(tmp_path, {"a": "new", "hours/1": "new"})
    assert [path.name for path in (tmp_path / "hours").iterdir()] == ["1"]
    assert (tmp_path / "hours/1").read_text() == (tmp_path / "a").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == len(["a", "hours", "what it leads to"])
    (tmp_path / "own").mkdir()
    with pytest.raises(UsageError, match="in the way"):
        write_texts(tmp_path, {"own/0": "new"})


def test_only_what_nobody_holds_is_removed(tmp_path: Path) -> None:
    """The next writer removes what a killed one left, not what another one is writing."""
    target = tmp_path / "f.csv"
    left = tmp_path / f".f.csv{MARK}abcd_123"
    mine = tmp_path / ".f.csv.backup-1"
    left.touch()
    mine.touch()
    with whole_file(target) as held:
        write_text(target, "second")
        assert held.exists()
        held.write_text("first")
    assert target.read_text() == "first"
    assert {path.name for path in tmp_path.iterdir()} == {"f.csv", mine.name}
    assert not is_temporary(mine.name)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """Who may not wait is told; a folder that nothing was written to goes again."""
    folder = tmp_path / "new" / "folder"
    with locked(folder), pytest.raises(BlockingIOError), locked(folder, wait=False):
        pass
    assert not (tmp_path / "new").exists()


def test_a_folder_changes_as_a_whole(tmp_path: Path) -> None:
    """Nothing of the old one stays, nor of a killed writer; a failure changes nothing."""
    folder, ours = tmp_path / "r", {"a", "b", "seal"}
    with whole_folder(folder, ours, seals=("seal",)) as staging:
        for name in ours:
            (staging / name).write_text("1")
    (folder / f"{STAGING}left").mkdir()
    with pytest.raises(ZeroDivisionError), whole_folder(folder, ours) as staging:
        half(staging / "a")
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(ours, "1")
    with whole_folder(folder, ours, seals=("seal",)) as staging:
        (staging / "a").write_text("2")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "2"}
    (folder / "mine").touch()
    with pytest.raises(UsageError, match="mine"), whole_folder(folder, ours):
        pass


def test_a_folder_of_results_is_none_that_ends_like_a_file(tmp_path: Path) -> None:
    """Whatever the capitals; one that is there is taken as it is, and a file never."""
    assert folder_of(tmp_path / "new") == tmp_path / "new"
    assert folder_of(tmp_path / "v1.2") == tmp_path / "v1.2"
    for name in ("a.csv", "a.HTML", "a.xlsx"):
        with pytest.raises(UsageError, match="ends like a file"):
            folder_of(tmp_path / name)
    (tmp_path / "a.csv").mkdir()
    assert folder_of(tmp_path / "a.csv") == tmp_path / "a.csv"
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        folder_of(tmp_path / "file")


def test_what_a_file_manager_leaves_is_not_in_the_way(tmp_path: Path) -> None:
    """Nor is it taken away; anything else is refused, and named up to three times."""
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / ".DS_Store").touch()
    with whole_folder(folder, {"a"}) as staging:
        (staging / "a").write_text("1")
    assert {path.name for path in folder.iterdir()} == {"a", ".DS_Store"}
    for name in ("w", "x", "y", "z"):
        (folder / name).touch()
    with pytest.raises(UsageError, match=r"\(w, x, y and 1 more\)"):
        refuse_others(folder, {"a"})
    (folder / "z").unlink()
    with pytest.raises(UsageError, match=r"\(w, x, y\)"):
        refuse_others(folder, {"a"})


def test_the_seal_comes_last(tmp_path: Path) -> None:
    """Where a file in the middle cannot be put in place, no seal says that the folder is whole."""
    folder, ours = tmp_path / "r", {"a", "b", "first", "last"}
    (folder / "b" / "held").mkdir(parents=True)
    with pytest.raises(MachineError), whole_folder(folder, ours, ("first", "last")) as staging:
        write_texts(staging, dict.fromkeys(ours, "2"))
    assert {path.name for path in folder.iterdir()} == {"a", "b"}


WRITER = """
import pickle, sys
from wattlas.report.results import write_results
meta, tables = pickle.load(open(sys.argv[2], "rb"))
for turn in range(int(sys.argv[3]), 10**9, 2):
    write_results(sys.argv[1], {**meta, "turn": turn}, tables, lambda r: f"report {turn}")
    if turn < 2:
        print("ready", flush=True)
"""


def _writer(folder: Path, content: Path, first: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(content), str(first)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_writers_and_a_kill(smallest: Studied, tmp_path: Path) -> None:
    """Whenever both are killed, tables, report and meta.json are of one result or not there."""
    import pickle

    content, folder = tmp_path / "content", tmp_path / "r"
    content.write_bytes(pickle.dumps((dict(smallest.meta), dict(smallest.frames))))
    for delay in (0.06, 0.17):
        both = [_writer(folder, content, first) for first in (0, 1)]
        time.sleep(delay)
        for process in both:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        if (folder / "meta.json").is_file():
            results = open_results(folder)
            turn = results.meta["turn"]
            assert (folder / "report.html").read_text() == f"report {turn}"
        else:
            assert folder.is_dir()
            with pytest.raises(InputError, match="cut short"):
                open_results(folder)
    write_results(folder, dict(smallest.meta), dict(smallest.frames))
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


IMPORT = """
import sys
from wattlas.cli import run
print("ready", flush=True)
sys.stdin.readline()
sys.exit(run(["data", "import", sys.argv[1], "--zone-column", "zone", "--value-column", "g",
              "--into", sys.argv[2]]))
"""


def test_two_imports_into_one_pack(tmp_path: Path) -> None:
    """Both zones are in the pack where both imports said that they were done."""
    hours = pl.datetime_range(
        pl.datetime(2024, 3, 1), pl.datetime(2024, 3, 21), "1h", time_zone="UTC", eager=True
    )
    started = []
    for zone in ("FR", "PL"):
        table = pl.DataFrame({"time_utc": hours}).with_columns(
            zone=pl.lit(zone), g=50.0 + pl.col("time_utc").dt.hour()
        )
        table.write_parquet(tmp_path / f"{zone}.parquet")
        arguments = [sys.executable, "-c", IMPORT, tmp_path / f"{zone}.parquet", tmp_path / "pack"]
        started.append(subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    codes = [process.communicate(b"go\n") and process.returncode for process in started]
    assert codes == [0, 0]
    judged = check_path(str(tmp_path / "pack"))
    assert judged.sound
    assert judged.rows == {"carbon": 2 * len(hours)}
    names = {path.name for path in (tmp_path / "pack").iterdir()}
    assert names == {"manifest.json", "carbon.parquet"}


def test_a_pack_whose_writer_was_killed_is_finished_or_as_before(tmp_path: Path) -> None:
    """The next manifest counts where its tables are in place, and is forgotten where not."""
    from wattlas.data.digest import sha256_of

    (tmp_path / "t.csv").write_text("new")
    manifest, following = tmp_path / "manifest.json", tmp_path / NEXT
    for digest, expected in ((sha256_of(tmp_path / "t.csv"), "next"), ("0" * 64, "old")):
        manifest.write_text("old")
        tables = {"t": {"file": "t.csv", "sha256": digest}}
        following.write_text(json.dumps({"tables": tables, "is": "next"}))
        with pack_to_change(tmp_path):
            assert expected in manifest.read_text()
        assert not following.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(number: int, tmp_path: Path) -> None:
    """Asked to end while it writes, a command removes what is half done: exit 130."""
    program = (
        "import sys, time; from pathlib import Path; import wattlas.cli as cli;"
        "from wattlas.data.whole_file import whole_file; from wattlas.cli import init;\n"
        "def slow(folder, texts):\n"
        "    with whole_file(folder / 'scenario.yaml') as t:\n"
        "        print('writing', flush=True); time.sleep(30)\n"
        "import wattlas.data.whole_file as w; w.write_texts = slow; cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "init", str(tmp_path / "x"), "--example", "tiny"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_plan_in_parts_has_one_writer(tmp_path: Path) -> None:
    """A second process that would write the same plan is refused, and the first one goes on."""
    world, folder = wattlas.example("tiny"), tmp_path / "p"
    with locked(folder):
        with pytest.raises(UsageError, match="Another process is writing"):
            write_plan(folder, world)
        assert list(folder.iterdir()) == []
    assert write_plan(folder, world)["status"] == "optimal"


def test_what_is_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    """A file of mode 0600 has it before its name appears: nobody else can have opened it."""
    path = tmp_path / "with-a-token.conf"
    with whole_file(path, 0o600) as temporary:
        assert temporary.stat().st_mode & 0o077 == 0
        temporary.write_text("token", encoding="utf-8")
    assert write_text(path, "another", 0o600).stat().st_mode & 0o777 == 0o600
