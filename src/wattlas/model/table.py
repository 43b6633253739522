"""Tables as values: columns by name with the unit in the name, and what each column is.

`Table` is what the core returns and files hold; a `Listing` is a table as a person reads it.
Nothing here draws: the terminal has one renderer of listings, the report one of figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Table = Mapping[str, "Sequence[Any] | np.ndarray"]
"""Columns of one length by name; units are in the names."""


class Kind(StrEnum):
    """What a column holds, and so how it is checked, aligned and written."""

    TEXT = "text"
    FLAG = "flag"
    TIME = "time"
    NUMBER = "number"
    SHARE = "share"
    """A part of one; people read percent."""
    COUNT = "count"
    """A number whose digits after the point say nothing."""

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers: aligned to the right, kept as floats in files."""
        return self in (Kind.NUMBER, Kind.SHARE, Kind.COUNT)


_UNITS = {
    "_usd_per_mwh": "USD/MWh",
    "_usd_per_gpu_h": "USD/GPU-h",
    "_usd_per_million": "USD per million",
    "_g_per_kwh": "g/kWh",
    "_usd": "USD",
    "_mwh": "MWh",
    "_kwh": "kWh",
    "_wh": "Wh",
    "_mw": "MW",
    "_kg": "kg",
    "_g": "g",
    "_ms": "ms",
    "_h": "h",
    "_gpu": "GPU",
    "_bytes": "B",
    "_s": "s",
}
"""Suffix of a column's name → unit; longer suffixes first."""


@dataclass(frozen=True)
class Column:
    """One column: its name in the table, what it holds, and how a person reads it.

    `head` is the heading, made from the name unless given. A number is shown to `digits`
    significant digits. A `wide` column is left out on a narrow terminal. `optional` columns may
    hold nulls.
    """

    name: str
    kind: Kind = Kind.NUMBER
    optional: bool = False
    head: str | None = None
    digits: int = 3
    wide: bool = False

    @property
    def unit(self) -> str:
        """The unit that the name ends in; empty for none."""
        return next((unit for end, unit in _UNITS.items() if self.name.endswith(end)), "")

    @property
    def heading(self) -> str:
        """What stands above the column: `energy, MWh`."""
        if self.head is not None:
            return self.head
        suffix = next((end for end in _UNITS if self.name.endswith(end)), "")
        words = self.name.removesuffix(suffix).replace("_", " ")
        return f"{words}, {self.unit}" if suffix else words


def columns(spec: str) -> tuple[Column, ...]:
    """Columns written as words: `region:text it_mwh share:share?`; `?` where nulls may stand."""
    parsed = []
    for word in spec.split():
        name, _, kind = word.rstrip("?").partition(":")
        parsed.append(Column(name, Kind(kind or "number"), word.endswith("?")))
    return tuple(parsed)


@dataclass(frozen=True)
class Listing:
    """A table for people: its title, the columns to show in their order, the values.

    Columns of the table that are not among `columns` are not shown. A text in a column of numbers
    stands as it is, and None is a dash. `notes` are sentences that stand below.
    """

    title: str
    columns: tuple[Column, ...]
    table: Table
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(next(iter(self.table.values()), ()))


def rows_of(table: Table) -> list[dict[str, Any]]:
    """A table as rows."""
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def table_of(rows: Iterable[Mapping[str, Any]], names: Iterable[str] = ()) -> Table:
    """Rows of equal keys as a table; `names` are the columns where there may be no row."""
    row_list = list(rows)
    heads = tuple(names) or tuple(row_list[0] if row_list else ())
    return {name: [row[name] for row in row_list] for name in heads}
