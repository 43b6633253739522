"""What a log says of demand, as lines of `scenario.yaml`; and the clocks of its places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.data.pack import open_pack
from wattlas.data.reader.cells import typed
from wattlas.data.reader.source import read_table
from wattlas.data.schema.places import METROS
from wattlas.data.yaml_lines import written
from wattlas.errors import InputError
from wattlas.model.geography import is_timezone

if TYPE_CHECKING:
    from wattlas.data.request_log import LoggedDemand

CITIES = "clouds"
"""The pack whose cities say the clock of a country, unless a table of metros does."""


def timezones_of(table: str | None, place: str) -> dict[str, str]:
    """Metro or country → time zone; a country has that of its most populous metro."""
    if table is None:
        rows = open_pack(CITIES).frame("metros")
    else:
        cells = typed(read_table(Path(table), METROS, table))
        if cells.problems:
            raise InputError(cells.problems)
        rows = cells.frame
    if place not in rows.columns or "timezone" not in rows.columns:
        return {}
    if "population" in rows.columns:
        rows = rows.sort("population", descending=True, nulls_last=True)
    zones: dict[str, str] = {}
    for name, zone in rows.select(place, "timezone").drop_nulls().iter_rows():
        if is_timezone(zone):
            zones.setdefault(str(name), str(zone))
    return zones


def scenario_lines(logged: LoggedDemand, table: str) -> str:
    """The sections `demand` and `classes` that the log gives; names are quoted as JSON is."""
    lines = [
        f"# From a log: {logged.requests:,.0f} requests, {logged.days[0]} to {logged.days[-1]}."
    ]
    lines += ["demand:", "  totals:", f"    table: {table}"]
    if logged.hour_weights:
        lines.append("    classes:")
        for klass in logged.hour_weights:
            profile = f"hour_weights: {written(klass)}"
            if klass in logged.weekend_factor:
                profile += f", weekend_factor: {logged.weekend_factor[klass]:g}"
            lines.append(f"      {written(klass)}: {{{profile}}}")
        lines.append("    hour_profiles:")
        for klass, weights in logged.hour_weights.items():
            lines.append(f"      {written(klass)}: [{', '.join(f'{w:g}' for w in weights)}]")
    if logged.tokens:
        lines.append("classes:")
        for klass, tokens in logged.tokens.items():
            means = ", ".join(f"{name}: {mean:.6g}" for name, mean in tokens.items())
            lines.append(f"  {written(klass)}: {{{means}}}")
    return "\n".join(lines) + "\n"
