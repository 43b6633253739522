"""What a table must hold: its columns with their kinds and bounds, and what identifies its rows.

Plain values that anything may import: the reader checks tables by them, packs are written by them,
and the sections of `scenario.yaml` and its JSON Schema take their fields from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

CellKind = Literal["text", "note", "number", "whole", "time", "flag", "list"]
"""`text` names something and is never empty, a `note` is for people, a `flag` is true or false,
a `list` holds texts with `;` between."""
Need = Literal["", "scenario", "pack", "both"]
"""Who cannot do without a column: a scenario may give it by entries, a pack's table has it."""
WANTED = {
    "text": "a name",
    "note": "text",
    "number": "a number",
    "whole": "a whole number",
    "time": "a time with its zone",
    "flag": "0 or 1",
    "list": "names with `;` between",
}


@dataclass(frozen=True)
class ColumnSchema:
    """What a column must hold."""

    name: str
    kind: CellKind = "text"
    words: str = ""
    """What it means, as editors show it."""
    need: Need = ""
    lower: float | None = None
    upper: float | None = None
    above: float | None = None
    """A bound that the value itself must not reach."""
    usual: tuple[float, float] | None = None
    """Beyond these `data check` suspects a mistake; of hours it judges the median of a series."""
    unit: str = ""
    """Where a program needs it; for people the name of the column carries it."""
    options: tuple[str, ...] = ()
    """The words that a text can be; any unless given."""
    unlimited: str = ""
    """A word that stands for an infinite number."""
    refers: str = ""
    """The table whose key it names."""
    also: Mapping[str, float] = field(default_factory=dict)
    """What other tables call it, and what one in theirs is in ours."""
    fix: str = ""
    """What to do about a wrong value, where there is more to say than its bounds do."""

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in ("number", "whole")

    def expected(self, value: float | None = None, unit: float = 1.0) -> str:
        """What it must hold, in words; for a number that is out of bounds, the bound it breaks.

        `unit` is what one in the table's unit is in ours.
        """
        if self.options:
            return f"{', '.join(self.options[:-1])} or {self.options[-1]}"
        words, bound = WANTED[self.kind], None
        if value is not None and self.above is not None and value <= self.above:
            words, bound = f"{words} of more than", self.above
        elif value is not None and self.upper is not None and value > self.upper:
            words, bound = f"{words} of at most", self.upper
        elif value is not None and self.lower is not None and value < self.lower:
            words, bound = f"{words} of at least", self.lower
        return words if bound is None else f"{words} {bound / unit:g}"


@dataclass(frozen=True)
class TableSchema:
    """A table: its name, the columns that identify its rows, and all columns."""

    name: str
    key: tuple[str, ...]
    columns: tuple[ColumnSchema, ...]
    thing: str = ""
    """What a row is, where it is a thing with an id that entries of a scenario may change."""

    @cached_property
    def by_name(self) -> dict[str, ColumnSchema]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def series(self) -> tuple[str, ...]:
        """Columns that identify the series of a table over time."""
        times = {c.name for c in self.columns if c.kind == "time"}
        return tuple(name for name in self.key if name not in times) if times else ()

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a scenario needs."""
        return tuple(c.name for c in self.columns if c.need in ("scenario", "both"))

    @property
    def in_packs(self) -> tuple[str, ...]:
        """Columns that a pack's table must have."""
        return tuple(c.name for c in self.columns if c.need in ("pack", "both"))

    @property
    def values(self) -> tuple[str, ...]:
        """Columns of numbers."""
        return tuple(c.name for c in self.columns if c.numeric)

    def __getitem__(self, name: str) -> ColumnSchema:
        """A column by its name."""
        return self.by_name[name]
