"""The files that the report is made of: ours, and those of others with their licences."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattlas.studies.registry import Figure

ASSETS = Path(__file__).with_name("assets")

FIRST_SCRIPTS = ("core.js", "figure.js", "labels.js", "surface.js", "tiers.js", "fleet.js")
"""What the figures share, in the order in which the page runs it."""
LAST_SCRIPT = "main.js"


def own_scripts(figures: Iterable[Figure]) -> list[Path]:
    """Our scripts in the order in which the page runs them: shared ones, figures, the page."""
    shared = ASSETS / "report"
    scripts = [shared / name for name in FIRST_SCRIPTS]
    return [*scripts, *(script_of(figure) for figure in figures), shared / LAST_SCRIPT]


def script_of(figure: Figure) -> Path:
    """The script of a figure: beside its module, else among the report's own."""
    beside = figure.module.with_name(figure.script)
    return beside if beside.is_file() else ASSETS / "report" / "figures" / figure.script


@dataclass(frozen=True)
class Vendored:
    """One file of others that ships with Wattlas, as `assets/vendored.json` records it."""

    name: str
    version: str
    licence: str
    homepage: str
    file: str
    file_in_release: str
    bytes: int
    sha256: str
    licence_files: tuple[str, ...]
    what: str

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return ASSETS / self.file

    @property
    def is_script(self) -> bool:
        """Whether the page runs it."""
        return self.file.endswith(".js")

    @property
    def for_charts(self) -> bool:
        """Whether it draws charts, and nothing of the first screen."""
        return self.name == "echarts"

    def licence_text(self) -> str:
        """The texts of its licence and notices, one after the other."""
        return "\n\n".join(asset_text(name).strip() for name in self.licence_files)


@cache
def vendored() -> tuple[Vendored, ...]:
    """Everything that is vendored, in the order in which the page loads it."""
    rows = json.loads(asset_text("vendored.json"))["vendored"]
    return tuple(Vendored(**{**row, "licence_files": tuple(row["licence_files"])}) for row in rows)


@cache
def asset_text(name: str) -> str:
    """The text of one file under `assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def fixed_bytes() -> int:
    """Bytes that every report takes, whatever was studied."""
    return sum(path.stat().st_size for path in ASSETS.rglob("*.js"))
