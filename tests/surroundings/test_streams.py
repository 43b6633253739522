"""stdout and stderr that are closed, full, in another encoding, or a terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.cli.streams import Screen, fitting, one_line, visible

pytestmark = pytest.mark.portable
ESCAPE = "\x1b[2J\x9b31m\x07\u202e"
TITLE = "title: Three regions, four metros, one day"
ENCODINGS = ["ascii", "latin-1", "cp1252"]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


class Written:
    """A stdout in some encoding, and what was written to it."""

    def __init__(self, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes, self.encoding = io.BytesIO(), encoding
        self._stream = io.TextIOWrapper(self.bytes, encoding=encoding)
        monkeypatch.setattr(sys, "stdout", self._stream)

    @property
    def text(self) -> str:
        self._stream.flush()
        return self.bytes.getvalue().decode(self.encoding)


@given(st.text(), st.sampled_from([*ENCODINGS, "utf-8"]))
@settings(max_examples=50)
def test_what_is_shown_acts_on_nothing_and_fits(text: str, encoding: str) -> None:
    """Any text becomes one without control characters that the encoding holds, and stays so."""
    shown = fitting(visible(text), encoding)
    assert shown.encode(encoding).decode(encoding) == shown
    assert all(c.isprintable() or c in "\n\t" or c.isspace() for c in shown if ord(c) < 0xA0)
    assert fitting(visible(shown), encoding) == shown
    assert "\n" not in one_line(text)


def test_plain_text_stays_as_it_is() -> None:
    """Letters of any script, line ends and tabs are shown as they are where they fit."""
    text = "São Paulo\t東京\nΔ → 3 g/kWh"
    assert fitting(visible(text), "utf-8") == text
    assert fitting("3 → 4 ≥ 2 · Łódź", "latin-1") == "3 -> 4 >= 2 · \\u0141ód\\u017a"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "command", ["schema", "check {}", "check {} --json", "plan {}", "breakeven {}"]
)
def test_any_encoding_will_do(
    command: str, encoding: str, tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables are written with what the encoding has; JSON says the same in any."""
    tiny.edit("scenario.yaml", TITLE, "title: Łódź → 東京")
    written = Written(encoding, monkeypatch)
    assert run(command.format(tiny.path).split()) == 0
    assert written.text
    if "--json" in command:
        assert json.loads(written.text)["scenario"]["title"] == "Łódź → 東京"
    elif command == "schema":
        assert json.loads(written.text)["title"]


@pytest.mark.parametrize("command", ["check", "plan", "plan --json", "check --set objective.x=1"])
def test_names_never_reach_a_terminal_as_commands(
    command: str, tiny: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters of a title, of an id and of an option are shown, in results and errors."""
    tiny.edit("scenario.yaml", TITLE, f'title: "{_quoted(ESCAPE)}"')
    verb, *rest = command.split()
    run([verb, str(tiny.path), *rest])
    run(["check", str(tiny.path)])
    run([verb, str(tiny.path), f"--scenario={ESCAPE}"])
    run([verb, f"--{ESCAPE}"])
    told = capsys.readouterr()
    assert told.out
    assert told.err
    for character in ESCAPE:
        if character.isprintable() and character != "\u202e":
            continue
        assert character not in told.out + told.err


def _quoted(text: str) -> str:
    """A text as it stands between double quotes of YAML, in ASCII."""
    return "".join(f"\\u{ord(c):04x}" for c in text)


def test_a_name_cannot_forge_a_line(tiny: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """A newline in an id stays inside its cell."""
    tiny.edit("regions.csv", "oslo", '"os\nTotal"')
    run(["check", str(tiny.path)])
    assert "\nTotal" not in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["check", "check --json", "plan"])
def test_a_full_disk_behind_stdout(
    command: str, tiny: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The result cannot be written: exit 7 and a sentence. Behind stderr it changes nothing."""
    verb, *rest = command.split()
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert run([verb, str(tiny.path), *rest]) == 7
    told = capsys.readouterr()
    assert "no space left" in told.err
    assert "bug" not in told.err
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", full)
        assert run([verb, str(tiny.path), *rest]) == 0
    assert capsys.readouterr().out


def test_a_closed_pipe_has_its_own_code(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads may stop reading: exit 141 and no word, in every form of output."""
    for command in ("check", "plan", "check --json", "data list"):
        reading, writing = os.pipe()
        os.close(reading)
        verb, *rest = command.split()
        arguments = [verb, *rest] if verb == "data" else [verb, str(tiny.path), *rest]
        with os.fdopen(writing, "w") as pipe, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", pipe)
            assert run(arguments) == 141, command


@pytest.mark.skipif(os.name != "posix", reason="descriptors are closed by a shell")
def test_closed_descriptors(tiny: Folder) -> None:
    """Without stdout a command refuses before it computes; without stderr nothing changes."""
    program = f"{sys.executable} -c 'from wattlas.cli import main; main()' check {tiny.path}"
    closed = subprocess.run(f"{program} >&-", shell=True, capture_output=True, check=False)
    assert closed.returncode == 7
    assert b"stdout is closed" in closed.stderr
    silent = subprocess.run(f"{program} 2>&-", shell=True, capture_output=True, check=False)
    assert silent.returncode == 0
    assert silent.stdout.startswith(b"tiny")


@pytest.mark.parametrize("command", ["check {}", "plan --json --out {}", "init {}"])
def test_a_name_in_another_encoding_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are not UTF-8 reach us as halves of characters: exit 7, and the name is shown."""
    name = os.fsdecode(b"caf\xe9")
    assert run(command.format(name).split()) == 7
    told = capsys.readouterr()
    assert "caf\\udce9: this name is not UTF-8" in told.err
    if "--json" in command:
        assert json.loads(told.out)["message"].startswith(name)


def test_libraries_cannot_write_past_a_screen() -> None:
    """There is no buffer of bytes to be found, and own sequences go through on purpose only."""
    inner = io.StringIO()
    screen = Screen(inner, needed=True)
    assert not hasattr(screen, "buffer")
    screen.write("\x1b[0m")
    screen.obeying.write("\x1b[K")
    assert inner.getvalue() == "\\x1b[0m\x1b[K"


@pytest.mark.parametrize(
    "arguments", ["plan {} --chunk x", "chek", "plan {}/none", "plan {} --out {}/regions.csv/x"]
)
def test_errors_as_json(arguments: str, tiny: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json every error is an object on stdout, those of the parser included."""
    code = run([*arguments.replace("{}", str(tiny.path)).split(), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == told["exit_code"] in (2, 3)
    assert told["message"]
