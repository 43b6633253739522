"""What is vendored is what was recorded: bytes, hash, version, licence text, and nothing beside."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from wattlas.report.vendor import ASSETS, Vendored, own_scripts, vendored
from wattlas.studies import registry


@pytest.mark.parametrize("part", vendored(), ids=lambda part: part.name)
def test_hash_and_size(part: Vendored) -> None:
    """The file has the bytes that `vendored.json` names."""
    content = part.path.read_bytes()
    assert len(content) == part.bytes
    assert hashlib.sha256(content).hexdigest() == part.sha256


@pytest.mark.parametrize("part", vendored(), ids=lambda part: part.name)
def test_licence_and_page(part: Vendored) -> None:
    """Each has a version, a licence by its SPDX name, its text, and its own page."""
    assert part.version[0].isdigit()
    assert part.licence in ("Apache-2.0", "ISC")
    assert "permission" in part.licence_text().lower()
    assert part.homepage.startswith("https://")


def test_nothing_is_vendored_in_secret() -> None:
    """Every file under `vendor` is recorded."""
    recorded = {ASSETS / name for part in vendored() for name in (part.file, *part.licence_files)}
    assert {p for p in (ASSETS / "vendor").rglob("*") if p.is_file()} == recorded


def test_the_notice_names_each(root: Path) -> None:
    """NOTICE names each library with its version and licence."""
    notice = (root / "NOTICE").read_text()
    for part in vendored():
        assert f"{part.name} {part.version}" in notice
        assert part.licence in notice


def test_every_own_script_is_run() -> None:
    """No script lies unused in the folder, and none is missing."""
    pages = ("study", "replay", "sweep")
    used = own_scripts([figure for page in pages for figure in registry.figures(page)])
    assert len(used) == len(set(used))
    assert set((ASSETS / "report").rglob("*.js")) == set(used)


@pytest.mark.parametrize("page", ["study", "replay", "sweep"])
def test_the_page_runs_after_all_that_it_shows(page: str) -> None:
    """What the figures share comes first, each figure once, and what starts the page last."""
    figures = registry.figures(page)
    names = [path.name for path in own_scripts(figures)]
    assert names[0] == "core.js"
    assert names[-1] == "main.js"
    shown = [figure.script for figure in figures]
    assert names[-1 - len(shown) : -1] == shown
    assert len(set(names)) == len(names)
