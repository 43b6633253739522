"""The files that the report is made of: ours, and those of others with their licences."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).with_name("assets")

OWN_SCRIPTS = (
    *("core.js", "figure.js", "labels.js", "tiers.js", "surface.js"),
    *("figures/frontier.js", "figures/map.js", "figures/hours.js", "figures/merit.js"),
    *("figures/benefit.js", "figures/policies.js", "figures/relocation.js", "figures/breakeven.js"),
    *("figures/why.js", "figures/tier-menu.js", "figures/tier-targets.js"),
    *("figures/tier-utility.js", "figures/tier-shares.js", "figures/tier-designer.js"),
    *("figures/tier-pareto.js", "figures/tier-segments.js", "figures/tier-sensitivity.js"),
    *("figures/tier-split.js", "main.js"),
)
"""In the order in which the page runs them."""


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

    def licence_text(self) -> str:
        """The texts of its licence and notices, one after the other."""
        return "\n\n".join(read(name).strip() for name in self.licence_files)


@cache
def vendored() -> tuple[Vendored, ...]:
    """Everything that is vendored, in the order in which the page loads it."""
    rows = json.loads(read("vendored.json"))["vendored"]
    return tuple(Vendored(**{**row, "licence_files": tuple(row["licence_files"])}) for row in rows)


@cache
def read(name: str) -> str:
    """The text of one file under `assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")
