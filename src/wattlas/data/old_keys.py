"""Keys of regions that are no more: one error that prints the lines to write instead.

`capacity_gpu` and `rent_usd_per_gpu_h` did not say whether accelerators are paid by the year or by
the hour. Only the user knows which bill he gets, so both ways are printed with his own values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattlas.data.yaml_lines import Document, Path_
from wattlas.errors import Problem
from wattlas.units import HOURS_PER_YEAR

COUNT, RENT = "capacity_gpu", "rent_usd_per_gpu_h"
WHAT = f"`{COUNT}` and `{RENT}` are gone: they did not say how accelerators are paid"


def is_old(path: Path_) -> bool:
    """Whether a path of the document is an old key of a region."""
    return len(path) == 3 and path[0] == "regions" and path[2] in (COUNT, RENT)


def old_entries(document: Document) -> Problem | None:
    """Every old key under `regions`, as one problem at the first; None where there is none."""
    section = document.data.get("regions")
    entries = section if isinstance(section, dict) else {}
    old = {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry, dict) and not {COUNT, RENT}.isdisjoint(entry)
    }
    if not old:
        return None
    first = next(iter(old))
    key = next(key for key in old[first] if key in (COUNT, RENT))
    endless = "all" if "all" in old and COUNT not in old["all"] else ""
    hourly = {name: _by_hour(entry, name == endless) for name, entry in old.items()}
    yearly = {name: _by_year(entry) for name, entry in old.items()}
    return document.problem(("regions", first, key), WHAT, _fix(_lines(hourly), _lines(yearly)))


def old_columns(row: Mapping[str, Any]) -> tuple[str, str]:
    """(what is wrong, what to do) with a table that has the old columns; `row` is its first row."""
    hourly, yearly = _by_hour(row, RENT in row and COUNT not in row), _by_year(row)
    return WHAT, _fix(*("\n" + _columns(made) for made in (hourly, yearly)))


def _by_hour(entry: Mapping[str, Any], endless: bool) -> dict[str, Any]:
    """What behaves as before: nothing is reserved, everything is paid when it is used."""
    made: dict[str, Any] = {"reserved_gpu": 0}
    if COUNT in entry or endless:
        made["on_demand_gpu"] = entry.get(COUNT, "free")
    if RENT in entry:
        made["on_demand_usd_per_gpu_h"] = entry[RENT]
    return made


def _by_year(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same accelerators held all year at the same price per hour."""
    made: dict[str, Any] = {}
    if COUNT in entry:
        made["reserved_gpu"] = entry[COUNT]
    if RENT in entry:
        made["reserved_usd_per_gpu_year"] = _per_year(entry[RENT])
    return made


def _per_year(price: Any) -> Any:
    try:
        return float(price) * HOURS_PER_YEAR
    except (TypeError, ValueError):
        return price


def _fix(hourly: str, yearly: str) -> str:
    return (
        f"Where they are paid when they are used, as before, write{hourly}\n"
        f"Where they are held all year and paid in any case, write{yearly}"
    )


def _lines(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The section as it is to be written."""
    lines = ["", "regions:"]
    for name, entry in sorted(entries.items(), key=lambda item: item[0] != "all"):
        inside = ", ".join(f"{key}: {_shown(value)}" for key, value in entry.items())
        lines.append(f"  {name}: {{{inside}}}")
    return "\n".join(lines)


def _columns(row: Mapping[str, Any]) -> str:
    """The columns as they are to be written, with the first row's values."""
    return f"{','.join(row)}\n{','.join(_shown(value) for value in row.values())}"


def _shown(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
