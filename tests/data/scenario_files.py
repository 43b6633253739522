"""A copy of the tiny example that a test may spoil."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from wattlas.data.scenario_file import EXAMPLES, Loaded, read
from wattlas.errors import InputError, Problem
from wattlas.model.scenario import Scenario


@dataclass(frozen=True)
class Folder:
    """A scenario in a folder of its own."""

    path: Path

    @property
    def document(self) -> Path:
        """Its scenario.yaml."""
        return self.path / "scenario.yaml"

    def edit(self, name: str, old: str, new: str) -> Folder:
        """Replace the first occurrence of a text that must be there."""
        file = self.path / name
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{name} holds no {old!r}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        return self

    def add(self, text: str) -> Folder:
        """Append to scenario.yaml."""
        self.document.write_text(self.document.read_text(encoding="utf-8") + text, "utf-8")
        return self

    def write(self, name: str, text: str) -> Folder:
        """Write a file beside it."""
        (self.path / name).write_text(text, encoding="utf-8")
        return self

    def line(self, name: str, text: str) -> int:
        """1-based number of the first line that holds a text."""
        lines = (self.path / name).read_text(encoding="utf-8").splitlines()
        return next(n for n, line in enumerate(lines, 1) if text in line)

    def read(self, *settings: str, scenario: str | None = None) -> Loaded:
        """What it says, with warnings."""
        return read(self.document, scenario=scenario, set=settings)

    def load(self, *settings: str, scenario: str | None = None) -> Scenario:
        """What it says."""
        return self.read(*settings, scenario=scenario).scenario

    def problems(self, *settings: str, scenario: str | None = None) -> tuple[Problem, ...]:
        """What is wrong with it: every problem, each with a place and a fix or a hint."""
        try:
            self.read(*settings, scenario=scenario)
        except InputError as error:
            return error.problems
        return ()


def tiny_folder(target: Path) -> Folder:
    """A fresh copy of the tiny example."""
    return Folder(Path(shutil.copytree(EXAMPLES / "tiny", target)))
