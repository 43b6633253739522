"""What a study tells: its tables, the figures of the report, the listings of the terminal.

A module of `wattlas.studies.figures` registers what it holds when it is imported; the study, the
results folder, the report and the command line go through what is registered. A new figure is one
module there and one script, `<id>.js` beside the module or among the report's own figures; a new
table or listing is the module alone. Nothing else is edited.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.model.table import Column, Listing, Table, columns

if TYPE_CHECKING:
    import polars as pl

    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study

    Compute = Callable[[Findings], Table | None]
    MakeListing = Callable[[Study], Listing | None]
    Thin = Callable[[pl.DataFrame], tuple[pl.DataFrame, str]]

MODULES = "wattlas.studies.figures"


@dataclass(frozen=True)
class TableEntry:
    """A table of a study: its columns, how it is computed, how a page makes a long one short.

    `compute` returns None where the scenario has no such table. `thin` returns the rows that a page
    shows and the sentence that says which they are; empty where they are all.
    """

    name: str
    columns: tuple[Column, ...]
    compute: Compute
    thin: Thin | None = None
    page: str = "study"
    """The kind of results that it belongs to."""
    busy: bool = False
    """Whether computing it keeps both cores busy. The others, of one thread each, are computed
    first, while the policies and the fleet have the other core."""
    large: bool = False
    """Whether computing it holds whole plans: the last of them, since the fleet holds as much."""


@dataclass(frozen=True)
class Part:
    """A part of the report with a heading of its own; shown where the results have its table.

    `page` is the kind of results whose report it belongs to.
    """

    id: str
    title: str = ""
    lead: str = ""
    table: str = ""
    page: str = "study"


PLACEMENT = Part("placement")
TIERS = Part(
    "tiers",
    "Green tiers",
    "A green tier is a subscription for less: in return, up to a set share of its requests may be "
    "served at a fallback below full service, and carbon decides which.",
    "tier_verdicts",
)
FLEET = Part(
    "fleet",
    "The fleet",
    "Energy is a small part of what an answer costs; accelerators are the rest. Demand that can "
    "move lets regions share them across time zones.",
    "fleets",
)
REPLAY = Part("replay", page="replay")
SWEEP = Part("sweep", page="sweep")
PARTS = (PLACEMENT, FLEET, TIERS, REPLAY, SWEEP)
"""The parts of the report in their order."""


class Depth(StrEnum):
    """How far a reader goes to meet a figure."""

    FIRST = "first"
    """On the first screen, beside the verdict."""
    BODY = "body"
    APPENDIX = "appendix"
    """Closed until somebody asks; drawn when it is opened."""


@dataclass(frozen=True)
class Figure:
    """A figure of the report: one question, the tables that answer it, one script that draws them.

    `missing` says what was not computed where a table of `needs` is absent; `lacks` what there is
    none of where no class has a tier worth offering.
    """

    id: str
    question: str
    needs: tuple[str, ...]
    missing: str
    order: int
    part: Part
    lacks: str
    depth: Depth
    module: Path

    @property
    def script(self) -> str:
        """File name of the script that draws it."""
        return f"{self.id}.js"


@dataclass(frozen=True)
class ListingEntry:
    """A table that `wattlas study` prints, in the order of `order`."""

    name: str
    order: int
    make: MakeListing


_TABLES: dict[str, TableEntry] = {}
_FIGURES: dict[str, Figure] = {}
_LISTINGS: dict[str, ListingEntry] = {}


def table(
    name: str,
    spec: str,
    *,
    thin: Thin | None = None,
    page: str = "study",
    busy: bool = False,
    large: bool = False,
) -> Callable[[Compute], Compute]:
    """Register the function that computes a table from what a study found.

    `spec` are the columns in words, as `model.table.columns` reads them. `busy` says that it takes
    both cores, `large` that it holds whole plans.
    """

    def register(compute: Compute) -> Compute:
        _once(_TABLES, name)
        _TABLES[name] = TableEntry(name, columns(spec), compute, thin, page, busy, large)
        return compute

    return register


def replay_table(name: str, spec: str, *, thin: Thin | None = None) -> None:
    """Register a table that a replay makes, and no study."""
    table(name, spec, thin=thin, page=REPLAY.page)(lambda _findings: None)


def sweep_table(name: str, spec: str) -> None:
    """Register a table that a sweep makes, and no study."""
    table(name, spec, page=SWEEP.page)(lambda _findings: None)


def figure(
    file: str,
    *,
    order: int,
    question: str,
    needs: tuple[str, ...],
    missing: str,
    part: Part = PLACEMENT,
    lacks: str = "",
    depth: Depth = Depth.BODY,
) -> Figure:
    """Register the figure of a module, given its `__file__`: the figure is named after it."""
    module = Path(file)
    name = module.stem.replace("_", "-")
    _once(_FIGURES, name)
    registered = Figure(name, question, needs, missing, order, part, lacks, depth, module)
    _FIGURES[name] = registered
    return registered


def listing(order: int) -> Callable[[MakeListing], MakeListing]:
    """Register the function that makes a listing of a finished study; None where it has none."""

    def register(make: MakeListing) -> MakeListing:
        name = f"{make.__module__}.{make.__name__}"
        _once(_LISTINGS, name)
        _LISTINGS[name] = ListingEntry(name, order, make)
        return make

    return register


def tables(page: str | None = "study") -> dict[str, TableEntry]:
    """Every table of a kind of results by name, those of the first figures first; None: of all."""
    _load()
    return {name: entry for name, entry in _TABLES.items() if page in (None, entry.page)}


def figures(page: str = "study") -> list[Figure]:
    """Every figure of a kind of results, in the order of the page."""
    _load()
    shown = [entry for entry in _FIGURES.values() if entry.part.page == page]
    return sorted(shown, key=lambda entry: (PARTS.index(entry.part), entry.order, entry.id))


def listings() -> list[ListingEntry]:
    """Every listing in the order in which they are printed."""
    _load()
    return sorted(_LISTINGS.values(), key=lambda entry: (entry.order, entry.name))


def _once(entries: Mapping[str, object], name: str) -> None:
    if name in entries:
        raise ValueError(f"{name} is registered twice")


def _load() -> None:
    """Import every module of the package, wherever its parts lie."""
    _import_from(tuple(import_module(MODULES).__path__))


@cache
def _import_from(folders: tuple[str, ...]) -> None:
    """Once: to list the folder took two milliseconds of each look into the registry."""
    for module in pkgutil.iter_modules(folders, f"{MODULES}."):
        import_module(module.name)
