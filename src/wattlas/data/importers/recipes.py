"""Layouts of sources that people download from: `wattlas data import FILES --from NAME`.

A recipe is a layout whose fields are set; options given beside it replace its fields. docs/data.md
says where each layout was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from wattlas.data.importers.layout import PATTERN, Layout, find
from wattlas.errors import UsageError
from wattlas.model.suggest import did_you_mean

PLAIN = "plain"
ODBL = "ODbL-1.0, https://opendatacommons.org/licenses/odbl/1-0/"
_INTENSITY = {
    "life-cycle": "~carbon intensity .*(life cycle|lca).*",
    "direct": "~carbon intensity .*direct.*",
}

RECIPES: Mapping[str, Layout] = {
    PLAIN: Layout(),
    "electricity-maps": Layout(
        table="carbon",
        time_column="~datetime utc",
        stamps="begin",
        time_zone="UTC",
        zone_column="~zone id",
        value_column=_INTENSITY["life-cycle"],
        estimated_column="~data estimated",
        source="Electricity Maps",
        licence=ODBL,
    ),
    "entso-e": Layout(
        table="price",
        time_column="~mtu.*",
        stamps="begin",
        dates="day-first",
        time_zone="Europe/Brussels",
        zone_varies=True,
        zone_column="~area",
        zone_prefix="BZN|",
        value_column="~day ahead.*mwh.*",
        where={"~sequence": "Without Sequence|Sequence 1|1"},
        source="ENTSO-E Transparency Platform",
    ),
    "energy-charts": Layout(
        table="price",
        time_column="~unix seconds",
        stamps="begin",
        value_column="~price.*",
        currency="EUR",
        source="Energy-Charts, Fraunhofer ISE",
    ),
    "smard": Layout(
        table="price",
        time_column="~datum von|start date|datum",
        stamps="begin",
        dates="day-first",
        time_zone="Europe/Berlin",
        wide="~.* mwh.*",
        source="SMARD, Bundesnetzagentur",
        licence="CC BY 4.0",
    ),
    "eia-930": Layout(
        table="carbon",
        time_column="~utc time.*",
        stamps="end",
        dates="month-first",
        time_zone="UTC",
        zone_column="~ba|balancing authority",
        value_column="~co2 emissions intensity for consumed electricity",
        unit="lb/kwh",
        intensity="direct",
        source="EIA-930, U.S. Energy Information Administration",
        licence="public domain",
    ),
    "caiso": Layout(
        table="price",
        time_column="~intervalstarttime gmt",
        stamps="begin",
        time_zone="UTC",
        zone_column="~node",
        value_column="~mw|lmp prc|value",
        where={"~lmp type": "LMP"},
        unit="usd/mwh",
        source="CAISO OASIS",
    ),
    "ercot": Layout(
        table="price",
        time_column="~delivery ?date",
        hour_column="~hour ?ending|delivery ?hour",
        interval_column="~delivery ?interval",
        repeated_column="~dst ?flag|repeated ?hour ?flag",
        dates="month-first",
        hour_numbers="clock",
        stamps="end",
        time_zone="America/Chicago",
        zone_column="~settlement ?point( ?name)?",
        value_column="~settlement ?point ?price",
        unit="usd/mwh",
        source="ERCOT",
    ),
    "nyiso": Layout(
        table="price",
        time_column="~time stamp",
        dates="month-first",
        time_zone="America/New_York",
        zone_column="~name",
        value_column="~lbmp mwhr?.*",
        source="NYISO",
    ),
    "aemo": Layout(
        table="price",
        time_column="~settlementdate",
        stamps="end",
        dates="day-first",
        time_zone="Etc/GMT-10",
        zone_column="~region",
        value_column="~rrp",
        currency="AUD",
        source="AEMO",
    ),
    "omie": Layout(
        table="price",
        names=("year", "month", "day", "period", "PT", "ES", "end"),
        skip=1,
        comment="*",
        separator=";",
        time_column="year+month+day",
        hour_column="period",
        hour_numbers="counted",
        stamps="end",
        time_zone="Europe/Madrid",
        wide="~pt|es",
        currency="EUR",
        source="OMIE",
    ),
    "neso": Layout(
        table="carbon",
        time_column="~datetime|from",
        stamps="begin",
        time_zone="UTC",
        zone="GB",
        value_column="~carbon intensity|actual|intensity actual",
        unit="g/kwh",
        intensity="direct",
        source="NESO",
    ),
    "ember": Layout(
        table="price",
        time_column="~datetime utc",
        stamps="begin",
        time_zone="UTC",
        zone_column="~iso3 code",
        value_column="~price.*",
        source="Ember",
        licence="CC BY 4.0",
    ),
    "gridstatus": Layout(
        table="price",
        time_column="~interval start( utc)?",
        stamps="begin",
        zone_column="~location",
        value_column="~lmp|spp",
        unit="usd/mwh",
        source="gridstatus",
    ),
    "watttime": Layout(
        table="marginal",
        time_column="~point time",
        stamps="begin",
        value_column="~value|moer",
        unit="lb/mwh",
        source="WattTime",
    ),
    "cloudping": Layout(
        table="rtt",
        zone_column="~region|from",
        class_column="~averages regionto|to",
        value_column="~averages average|average|latency",
        source="cloudping.co",
    ),
    "azure": Layout(
        table="rtt",
        zone_column="~source( region)?",
        source="Azure network round-trip latency statistics",
    ),
}
"""Source → its layout."""
OPTIONAL = {"ercot": ("interval_column", "repeated_column")}
"""Columns that only some of a source's tables have."""


def looks_like(columns: Sequence[str]) -> str:
    """The source whose recipe names several columns that a header has, or empty."""
    for name, recipe in RECIPES.items():
        named = [recipe.time_column if recipe.timed else None, recipe.zone_column]
        named += [recipe.value_column, recipe.hour_column]
        known = [n for n in named if n]
        if len(known) > 1 and all(n.startswith(PATTERN) and find(columns, n) for n in known):
            return name
    return ""


def layout_of(name: str, **given: Any) -> Layout:
    """The layout of a source, with the fields that are given instead of its own.

    None and empty values give nothing. Raises UsageError for a source that is not known.
    """
    if name not in RECIPES:
        raise UsageError(f"--from: there is no recipe `{name}`; {did_you_mean(name, RECIPES)}")
    base = RECIPES[name]
    known = {field.name for field in fields(Layout)}
    assert set(given) <= known
    given = {n: value for n, value in given.items() if value not in (None, "", (), {})}
    if given.get("intensity") and name == "electricity-maps":
        given.setdefault("value_column", _INTENSITY[given["intensity"]])
    if given.get("unit"):
        given.setdefault("currency", "")
    if "zone" in given and base.zone_column:
        given.setdefault("zone_column", None)
    if "zone_column" in given and base.zone:
        given.setdefault("zone", None)
    if "where" in given:
        given["where"] = {**base.where, **given["where"]}
    return replace(base, **given, given=frozenset(given))
