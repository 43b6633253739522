"""What `wattlas data import` is told of a layout, of rules and of a pack: its options.

Each stands alone here, so that the verb itself can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wattlas.cli.options import out_path
from wattlas.errors import UsageError


class Stamps(StrEnum):
    """What a stamp names of its period."""

    BEGIN = "begin"
    END = "end"


class Dates(StrEnum):
    """What comes first in 1/5/2024."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class Decimal(StrEnum):
    """The decimal mark."""

    POINT = "point"
    COMMA = "comma"


MARKS = {Decimal.POINT: ".", Decimal.COMMA: ","}


class Numbers(StrEnum):
    """What the number of an hour is."""

    COUNTED = "counted"
    CLOCK = "clock"


class Fill(StrEnum):
    """How gaps are filled."""

    LINEAR = "linear"
    PREVIOUS = "previous"


class IntensityKind(StrEnum):
    """What a carbon intensity covers."""

    LIFE_CYCLE = "life-cycle"
    DIRECT = "direct"


FilesArgument = Annotated[
    list[Path], typer.Argument(help="CSV, Parquet, JSON or .xlsx files.", exists=True)
]
IntoOption = Annotated[
    Path,
    typer.Option(
        help="Folder of the pack, new or with other tables.", parser=out_path, metavar="FOLDER"
    ),
]
FormOption = Annotated[str, typer.Option("--from", help="Whose files: see docs/data.md.")]
TableOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="price, carbon, marginal, demand, capacity, rtt, rtt-metro-node or egress.",
    ),
]
IntensityOption = Annotated[
    IntensityKind | None, typer.Option(help="Which intensity they are, or to take.")
]
TimeColumnOption = Annotated[
    str, typer.Option(help="Column of stamps or dates; several with + make a date.")
]
HourColumnOption = Annotated[str, typer.Option(help="Hour or period, beside a date.")]
IntervalColumnOption = Annotated[str, typer.Option(help="Part of the hour, from 1.")]
RepeatedColumnOption = Annotated[str, typer.Option(help="Flag of the repeated hour.")]
StampsOption = Annotated[
    Stamps | None, typer.Option(help="Whether stamps begin or end their periods.")
]
DatesOption = Annotated[Dates | None, typer.Option(help="What comes first in 1/5/2024.")]
HourNumbersOption = Annotated[
    Numbers | None, typer.Option(help="Hours counted from midnight, or as a clock shows.")
]
StepOption = Annotated[int | None, typer.Option(help="Length of a period, minutes.")]
TimeZoneOption = Annotated[str, typer.Option(help="Zone of stamps without an offset; UTC.")]
ZoneColumnOption = Annotated[
    str, typer.Option(help="Column of zones, metros, regions or nodes; else each column is.")
]
ZoneOption = Annotated[str, typer.Option(help="The zone of a table of one.")]
ClassColumnOption = Annotated[str, typer.Option(help="Column of classes; of pairs the target.")]
ImportClassOption = Annotated[str, typer.Option("--class", help="The class of a table of one.")]
ValueColumnOption = Annotated[str, typer.Option(help="Column of values.")]
UnitOption = Annotated[str, typer.Option(help="E.g. usd/kwh, kg/kwh, lb/mwh, requests/s.")]
FactorOption = Annotated[
    float | None, typer.Option(help="Multiplies each value: a rate of exchange.")
]
SheetOption = Annotated[str, typer.Option(help="Sheet of a spreadsheet that has several.")]
SeparatorOption = Annotated[str, typer.Option(help="Between cells; found unless given.")]
DecimalOption = Annotated[Decimal | None, typer.Option(help="Decimal mark.")]
RenameOption = Annotated[
    list[str] | None, typer.Option(help="THEIRS=OURS, a name; may come often.")
]
OnlyOption = Annotated[list[str] | None, typer.Option(help="A zone to keep; may come often.")]
WhereOption = Annotated[
    list[str] | None, typer.Option(help="COLUMN=CELL of rows to read; may come often.")
]
AverageOption = Annotated[bool, typer.Option("--average", help="Average to hours.")]
KeepStepsOption = Annotated[
    bool, typer.Option("--keep-steps", help="Keep steps of less than an hour.")
]
FillOption = Annotated[Fill | None, typer.Option(help="Fill short gaps.")]
FillMostOption = Annotated[
    int | None, typer.Option(help="Longest gap that is filled, steps; 3.", min=1)
]
SourceOption = Annotated[str, typer.Option(help="Who published the figures.")]
LicenceOption = Annotated[str, typer.Option(help="Under which terms.")]
NameOption = Annotated[str, typer.Option(help="Name of the pack.")]
TitleOption = Annotated[str, typer.Option(help="Title of the pack.")]
AllowGapsOption = Annotated[bool, typer.Option("--allow-gaps", help="Write despite gaps.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replace hours there.")]

LAYOUT_FIELDS = (
    "table", "intensity", "time_column", "hour_column", "interval_column", "repeated_column",
    "stamps", "dates", "hour_numbers", "time_zone", "zone_column", "zone", "class_column", "klass",
    "value_column", "unit", "factor", "sheet", "separator", "source", "licence",
)  # fmt: skip
"""Options that are fields of a layout by their own names."""


def layout_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a layout that options give, by name. Raises UsageError."""
    plain = {name: given[name] for name in LAYOUT_FIELDS}
    fields = {n: value.value if isinstance(value, StrEnum) else value for n, value in plain.items()}
    decimal = given["decimal"]
    return {
        **fields,
        "step_min": given["step"],
        "decimal": decimal and MARKS[decimal],
        "rename": _pairs("--rename", given["rename"]),
        "only": tuple(given["only"]),
        "where": _pairs("--where", given["where"]),
    }


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """`A=B` texts as a mapping."""
    bad = [text for text in texts if "=" not in text]
    if bad:
        raise UsageError(f"{option}: `{bad[0]}` is not of the form A=B")
    return dict(text.split("=", 1) for text in texts)
