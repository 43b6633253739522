"""The tool that runs portable tests: which interpreters count, and what the lowest versions are."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def portable(root: Path) -> ModuleType:
    """The tool as a module."""
    sys.path.insert(0, str(root / "tools"))
    try:
        return importlib.import_module("portable")
    finally:
        sys.path.remove(str(root / "tools"))


def script(path: Path, text: str) -> Path:
    """A program that a shell runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_interpreter_counts_where_it_answers(
    portable: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim that fails is passed over for what lies behind it; another version is none."""
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    script(tmp_path / "shims" / "python3.12", "echo not selected >&2; exit 127")
    script(tmp_path / "shims" / "python3.13", "echo Python 3.11.9")
    assert portable.interpreter("3.12") is None
    behind = script(tmp_path / "versions" / "3.12.7" / "bin" / "python", "echo Python 3.12.7")
    assert portable.interpreter("3.12") == behind
    assert portable.interpreter("3.13") is None


def test_the_lowest_versions_are_those_declared(portable: ModuleType) -> None:
    """Each requirement is pinned to its lower bound; one without is refused."""
    wanted = ["a-b>=1.2,<3", "ruamel.yaml>=0.18", "c<2,>= 1.0.1 ; python_version > '3'"]
    assert portable.lowest(wanted) == ("a-b==1.2", "ruamel.yaml==0.18", "c==1.0.1")
    with pytest.raises(SystemExit, match="no lowest"):
        portable.lowest(["d"])
    assert len(portable.lowest(portable.project()["dependencies"])) > 10


def test_what_is_not_there_is_loud(
    portable: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A version without an interpreter is told, and is a failure where it is required."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    for required, code in (("", 0), ("1", 1)):
        monkeypatch.setenv("WATTLAS_REQUIRE_PORTABLE", required)
        assert portable.main(["--list"]) == code
        said = capsys.readouterr().out
        others = set(portable.versions()) - {".".join(map(str, sys.version_info[:2]))}
        assert all(f"NOT RUN: no Python {version}" in said for version in others)


def test_the_portable_files_are_found(portable: ModuleType) -> None:
    """Those that hold the mark, this one not among them."""
    assert "tests/surroundings/test_streams.py" in portable.tests()
    assert "tests/tools/test_tools.py" not in portable.tests()
