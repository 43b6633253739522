"""`wattlas init`, `check` and `schema`, from the arguments to what is printed and returned."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.scenario_files import Folder
from wattlas import __version__
from wattlas.cli import VERBS, run
from wattlas.cli.common import plain, print_json
from wattlas.data.json_schema import schema_text
from wattlas.data.scenario_file import examples
from wattlas.errors import InfeasibleError, LimitError

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path, capsys: Captured) -> Folder:
    """The tiny example, copied by the command."""
    assert run(["init", str(tmp_path / "t"), "--example", "tiny"]) == 0
    capsys.readouterr()
    return Folder(tmp_path / "t")


@pytest.mark.parametrize("name", examples())
def test_init_then_check(name: str, tmp_path: Path, capsys: Captured) -> None:
    """Every example that is copied passes its own check, and init names that command."""
    target = tmp_path / "new" / "folder"
    assert run(["init", str(target), "--example", name]) == 0
    told = capsys.readouterr()
    command = told.out.splitlines()[-1].removeprefix("Next: wattlas ").split()
    assert run(command) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(name)
    assert (target / "scenario.schema.json").is_file()
    assert not list(target.glob(".*"))


def test_init_never_overwrites(tiny: Folder, capsys: Captured) -> None:
    """A file that is there stays, unless --force says otherwise."""
    tiny.write("scenario.yaml", "name: mine\n")
    assert run(["init", str(tiny.path), "--example", "tiny"]) == 2
    assert "--force" in capsys.readouterr().err
    assert tiny.document.read_text("utf-8") == "name: mine\n"
    assert run(["init", str(tiny.path), "--example", "tiny", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["next"].endswith("scenario.yaml")
    assert "Three regions" in tiny.document.read_text("utf-8")
    assert run(["init", str(tiny.document)]) == 2
    assert run(["init", str(tiny.path / "x"), "--example", "tinny"]) == 2
    assert "tiny" in capsys.readouterr().err


def test_one_file_that_is_there_is_enough(tmp_path: Path, capsys: Captured) -> None:
    """Whichever of the files it is, nothing is written."""
    target = tmp_path / "new"
    for name in ("scenario.yaml", "price.csv"):
        target.mkdir()
        (target / name).write_text("mine")
        assert run(["init", str(target), "--example", "tiny"]) == 2
        assert name in capsys.readouterr().err
        assert [path.name for path in target.iterdir()] == [name]
        (target / name).unlink()
        target.rmdir()


@pytest.mark.parametrize("group", ["data", "tiers", "export", "sweep", "replay"])
def test_a_group_without_a_verb_shows_its_verbs(group: str, capsys: Captured) -> None:
    """As help does, or the first verb answers; it is no riddle."""
    code = run([group])
    told = capsys.readouterr()
    assert code in (0, 2)
    assert "Missing command" not in told.out + told.err


def test_check_says_what_a_scenario_is(tiny: Folder, capsys: Captured) -> None:
    """The summary names places, hours, signals, demand and the scenarios inside."""
    assert run(["check", str(tiny.path), "--scenario", "green"]) == 0
    told = capsys.readouterr()
    for word in ("4 metros", "24 from 2023-06-01", "USD/MWh", "marginal", "1,160,000", "tight"):
        assert word in told.out
    assert told.err == ""
    assert run(["check", str(tiny.document), "--json", "--set", "time.hours=12"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["ok"]
    assert made["scenario"]["window"]["hours"] == 12


def test_check_lists_every_problem(tiny: Folder, capsys: Captured) -> None:
    """Six mistakes are six problems with file, line, path and fix, and exit 3."""
    tiny.edit("regions.csv", "Europe/Oslo,1.10", "Europe/Oslo,0.10")
    tiny.edit("metros.csv", "Africa/Lagos", "Africa/Lagoss")
    tiny.edit("price.csv", "2023-06-01T05:00:00Z,NO,", "2023-06-01T05:00:00Z,NO,x")
    tiny.edit("scenario.yaml", "EU: [EU]", "EU: [UE]")
    tiny.edit("rtt_node_region.csv", "singapore,oslo,185,measured\n", "")
    tiny.edit("metros.csv", "4000000,frankfurt", "4000000,frankfort")
    assert run(["check", str(tiny.path)]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("6 problems in the input:")
    assert run(["check", str(tiny.path), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)["problems"]
    assert len(found) == 6
    for problem in found:
        assert problem["file"]
        assert problem["line"] > 0
        assert problem["where"]
        assert problem["fix"]


def test_warnings_go_to_stderr(tiny: Folder, capsys: Captured) -> None:
    """A warning leaves stdout and the exit code as they are."""
    tiny.edit("rtt_node_region.csv", "virginia,oslo,100", "virginia,oslo,900")
    assert run(["check", str(tiny.path)]) == 0
    told = capsys.readouterr()
    assert "warning" not in told.out
    assert "longer than a way round" in told.err


def test_usage_mistakes_exit_2(capsys: Captured) -> None:
    """Unknown verbs and options, and a --set that is none, are mistakes in the call."""
    assert run(["chek"]) == 2
    assert run(["check", "--nonsense"]) == 2
    assert run(["check", "--set", "nothing"]) == 2
    assert "path=value" in capsys.readouterr().err


def test_schema_is_the_committed_one(capsys: Captured) -> None:
    """`wattlas schema` prints the JSON Schema and nothing else."""
    assert run(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()


def test_version_and_help(capsys: Captured) -> None:
    """The version is the package's, and the help lists every verb."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"wattlas {__version__}\n"
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {verb} " in told for verb in VERBS)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InfeasibleError("Lagos cannot be served"), 4, "Infeasible"),
        (LimitError("out of time"), 5, "Stopped at a limit"),
        (KeyboardInterrupt(), 130, ""),
        (ZeroDivisionError("oh"), 1, "This is a bug"),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    """Each kind of error has its own exit code and says what it is on stderr."""

    def raising(*_: object, **__: object) -> None:
        raise error

    monkeypatch.delenv("WATTLAS_DEBUG", raising=False)
    monkeypatch.setattr("wattlas.data.scenario_file.read", raising)
    assert run(["check"]) == code
    told = capsys.readouterr()
    assert told.err.startswith(words)
    assert "Traceback" not in told.err
    monkeypatch.setenv("WATTLAS_DEBUG", "1")
    assert run(["check"]) == code
    assert ("Traceback" in capsys.readouterr().err) == (code == 1)


def test_an_error_as_json(tiny: Folder, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """With --json an error is JSON on stdout as well."""
    assert run(["check", str(tiny.path), "--json", "--set", "nothing"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["error"], told["exit_code"]) == ("UsageError", 2)


def test_json_has_no_nan(capsys: Captured) -> None:
    """What is not finite becomes null, and arrays become lists."""
    import numpy as np

    print_json({"a": float("inf"), "b": np.array([1.0, np.nan]), "c": (1, {2})})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.0, None], "c": [1, [2]]}
    assert plain(np.float64("nan")) is None


def test_the_command_is_installed_and_quick() -> None:
    """`python -m` reaches the same entry, and the help imports nothing heavy."""
    code = (
        "import sys; from wattlas.cli import run; run(['--help']);"
        "heavy = {'numpy', 'polars', 'pydantic', 'ruamel', 'highspy', 'rich'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - began < 5
