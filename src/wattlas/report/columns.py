"""The columns of every table in a results folder, as the figures register them, and of meta.json.

Units are in the names. Energies, money and carbon are sums over the window with each step counted
as the hours it stands for; `mw` is mean power within one step. A kind of `text?` and the like may
hold nulls. The `reason` of a tier's verdict is a clause that can follow "because".
"""

from __future__ import annotations

from typing import Any

from wattlas.studies import registry


def columns_of_tables(page: str | None = None) -> dict[str, dict[str, str]]:
    """Table -> column -> kind: `number`, `text`, `flag` or `time`, with `?` for nulls.

    `page` is one kind of results, `study` or `replay`; all unless given.
    """
    return {
        name: {c.name: str(c.kind) + "?" * c.optional for c in entry.columns}
        for name, entry in registry.tables(page).items()
    }


def __getattr__(name: str) -> Any:
    """`COLUMNS`: what `columns_of_tables` says of a study now, importable as a name."""
    if name == "COLUMNS":
        return columns_of_tables("study")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


META_REQUIRED: dict[str, type] = {
    "wattlas": str,
    "created_utc": str,
    "scenario": dict,
    "window": dict,
    "intensity": dict,
    "status": str,
}
"""Keys without which `meta.json` cannot say what a reader must know, and their types."""
