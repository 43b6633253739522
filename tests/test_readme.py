"""The README and the pages of docs: what they show runs, and what they name is there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.first_command import first_command
from wattlas.cli import VERBS, command_of, run

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ |    )?(?:\.venv/bin/)?wattlas (.+)$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks() -> list[Any]:
    """Every fenced Python block of every page."""
    return [
        pytest.param(code, id=f"{name(page)}-{n}")
        for page in PAGES
        for n, code in enumerate(PYTHON.findall(page.read_text(encoding="utf-8")), 1)
    ]


def commands() -> list[Any]:
    """Every line of every page that calls `wattlas`, without its comment."""
    found = {
        line: name(page)
        for page in PAGES
        for line in COMMAND.findall(page.read_text(encoding="utf-8"))
    }
    return [pytest.param(line, id=f"{page}: {line[:40]}") for line, page in found.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has made so far: the small example in `my-fleet`, and its results."""
    folder = tmp_path_factory.mktemp("reader")
    fleet = str(folder / "my-fleet")
    assert run(["init", "--example", "tiny", fleet]) == 0
    assert run(["study", fleet, "--samples", "3", "--out", str(folder / "wattlas-results")]) == 0
    return folder


@pytest.fixture
def reader(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to stand in."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize("code", blocks())
def test_python_runs(code: str, reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block runs by itself, beside the small example and its results."""
    exec(compile(code, "block", "exec"), {"__name__": "__block__"})


@pytest.mark.parametrize("line", commands())
def test_commands_exist(line: str) -> None:
    """Verb, sub-verb and options of each command line are known to the command line."""
    words = shlex.split(line.removesuffix("\\"), comments=True)
    if words[0].startswith("-"):
        assert words[0] in ("--help", "--version", "-h")
        return
    assert words[0] in VERBS
    command = command_of(words[0])
    rest = words[1:]
    if hasattr(command, "commands"):
        default = getattr(command, "default", None)
        if default is not None and rest[0] not in command.commands:
            rest = [default, *rest]
        assert rest[0] in command.commands
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for one in command.params for option in [*one.opts, *one.secondary_opts]}
    given = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    assert given <= {*known, "--help", "-h"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link inside the repository leads to a file, and to a heading where it names one."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)}: {target}"
        if anchor:
            assert anchor in headings(file), f"{name(page)}: {target}"


def headings(page: Path) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in found}


def test_ci_does_what_the_first_command_does(root: Path) -> None:
    """CI runs the study of the README's first command, on an installation with its pins."""
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install -q -c constraints.txt" in first_command(root)
    assert '.venv/bin/wattlas" study' in script


def test_the_readme_is_short_and_shows_a_picture(root: Path) -> None:
    """At most 150 lines, with a picture of at most 400 kB, and no picture from elsewhere."""
    text = (root / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert pictures == ["docs/images/report.png"]
    assert (root / pictures[0]).stat().st_size < 400_000


def test_every_page_is_reached_from_the_readme(root: Path) -> None:
    """Each page of docs is linked from the README or the index of docs."""
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in (root / "README.md", root / "docs" / "index.md")
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", target)
    }
    pages = {page for page in (root / "docs").glob("*.md") if page.name != "index.md"}
    assert pages - linked == set()


def test_every_decision_is_in_the_index(root: Path) -> None:
    """The index of decisions links every record, and nothing that is not there."""
    folder = root / "docs" / "decisions"
    linked = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert linked == {page.name for page in folder.glob("[0-9]*.md")}


def test_every_column_of_the_results_is_explained(root: Path) -> None:
    """docs/metrics.md names every table of a results folder and every column in it."""
    from wattlas.report.columns import COLUMNS

    text = (root / "docs" / "metrics.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", text))
    for table, columns in COLUMNS.items():
        assert table in words, table
        assert set(columns) <= words, table
