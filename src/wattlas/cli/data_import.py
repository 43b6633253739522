"""`wattlas data import`: the options of a layout, and what was brought."""

from __future__ import annotations

import sys
from dataclasses import replace as changed
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import print_json, problem_json
from wattlas.cli.options import JsonOption, out_path
from wattlas.errors import UsageError

if TYPE_CHECKING:
    from wattlas.data.importers import Layout, Rules
    from wattlas.data.pack_import import ImportResult

SHOWN_SERIES = 12
"""Series that the answer names; of others the number."""


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


def import_files(
    files: Annotated[list[Path], typer.Argument(help="CSV, Parquet or JSON files.", exists=True)],
    into: Annotated[
        Path,
        typer.Option(
            help="Folder of the pack, new or with other tables.", parser=out_path, metavar="FOLDER"
        ),
    ],
    form: Annotated[str, typer.Option("--from", help="Whose files: see docs/data.md.")] = "plain",
    table: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="price, carbon, marginal, demand, capacity, rtt, rtt-metro-node or egress.",
        ),
    ] = None,
    intensity: Annotated[
        IntensityKind | None, typer.Option(help="Which intensity they are, or to take.")
    ] = None,
    time_column: Annotated[
        str, typer.Option(help="Column of stamps or dates; several with + make a date.")
    ] = "",
    hour_column: Annotated[str, typer.Option(help="Hour or period, beside a date.")] = "",
    interval_column: Annotated[str, typer.Option(help="Part of the hour, from 1.")] = "",
    repeated_column: Annotated[str, typer.Option(help="Flag of the repeated hour.")] = "",
    stamps: Annotated[
        Stamps | None, typer.Option(help="Whether stamps begin or end their periods.")
    ] = None,
    dates: Annotated[Dates | None, typer.Option(help="What comes first in 1/5/2024.")] = None,
    hour_numbers: Annotated[
        Numbers | None, typer.Option(help="Hours counted from midnight, or as a clock shows.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="Length of a period, minutes.")] = None,
    time_zone: Annotated[str, typer.Option(help="Zone of stamps without an offset; UTC.")] = "",
    zone_column: Annotated[
        str, typer.Option(help="Column of zones, metros, regions or nodes; else each column is.")
    ] = "",
    zone: Annotated[str, typer.Option(help="The zone of a table of one.")] = "",
    class_column: Annotated[str, typer.Option(help="Column of classes; of pairs the target.")] = "",
    klass: Annotated[str, typer.Option("--class", help="The class of a table of one.")] = "",
    value_column: Annotated[str, typer.Option(help="Column of values.")] = "",
    unit: Annotated[str, typer.Option(help="E.g. usd/kwh, kg/kwh, lb/mwh, requests/s.")] = "",
    factor: Annotated[
        float | None, typer.Option(help="Multiplies each value: a rate of exchange.")
    ] = None,
    separator: Annotated[str, typer.Option(help="Between cells; found unless given.")] = "",
    decimal: Annotated[Decimal | None, typer.Option(help="Decimal mark.")] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="THEIRS=OURS, a name; may come often.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A zone to keep; may come often.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=CELL of rows to read; may come often.")
    ] = None,
    average: Annotated[bool, typer.Option("--average", help="Average to hours.")] = False,
    keep_steps: Annotated[
        bool, typer.Option("--keep-steps", help="Keep steps of less than an hour.")
    ] = False,
    fill: Annotated[Fill | None, typer.Option(help="Fill short gaps.")] = None,
    fill_most: Annotated[
        int | None, typer.Option(help="Longest gap that is filled, steps; 3.", min=1)
    ] = None,
    source: Annotated[str, typer.Option(help="Who published the figures.")] = "",
    licence: Annotated[str, typer.Option(help="Under which terms.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pack.")] = "",
    title: Annotated[str, typer.Option(help="Title of the pack.")] = "",
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Write despite gaps.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace hours there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring hours, or pairs of places, into a pack: files of known sources, or any table."""
    from wattlas.data import importers, pack_import
    from wattlas.data.importers.recipes import PLAIN, RECIPES, layout_of, looks_like
    from wattlas.data.target import try_folder

    layout = layout_of(
        form,
        table=table,
        intensity=intensity and intensity.value,
        time_column=time_column,
        hour_column=hour_column,
        interval_column=interval_column,
        repeated_column=repeated_column,
        stamps=stamps and stamps.value,
        dates=dates and dates.value,
        hour_numbers=hour_numbers and hour_numbers.value,
        step_min=step,
        time_zone=time_zone,
        zone_column=zone_column,
        zone=zone,
        class_column=class_column,
        klass=klass,
        value_column=value_column,
        unit=unit,
        factor=factor,
        separator=separator,
        decimal=decimal and {"point": ".", "comma": ","}[decimal.value],
        rename=_pairs("--rename", rename),
        only=tuple(only or ()),
        where=_pairs("--where", where),
        source=source,
        licence=licence,
    )
    rules = importers.Rules(
        fill.value if fill else None,
        fill_most or importers.FILL_MOST,
        average,
        keep_steps,
        allow_gaps,
    )
    _refuse_idle(layout, rules, form, intensity is not None, fill_most is not None)
    try_folder(into)
    read = importers.read_files(files, layout)
    if form == PLAIN and (source_like := looks_like(read.headers)):
        kind = RECIPES[source_like].table
        note = f"the header looks like that of `--from {source_like}`, whose figures are {kind}"
        read = changed(read, notes=(*read.notes, note))
    result = pack_import.import_hours(
        read,
        into,
        changed(rules, per_step=importers.per_step(layout)),
        name=name,
        title=title,
        overwrite=replace,
    )
    if as_json:
        print_json(_result_mapping(result))
    else:
        sys.stdout.write(_result_text(result) + "\n")


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """`A=B` texts as a mapping."""
    bad = [text for text in texts or () if "=" not in text]
    if bad:
        raise UsageError(f"{option}: `{bad[0]}` is not of the form A=B")
    return dict(text.split("=", 1) for text in texts or ())


def _refuse_idle(layout: Layout, rules: Rules, form: str, intensity: bool, fill_most: bool) -> None:
    """Options that would do nothing are wrong usage."""
    idle = []
    if rules.average and rules.keep_steps:
        idle.append("--average and --keep-steps: give one of the two")
    if fill_most and rules.fill is None:
        idle.append("--fill-most needs --fill")
    if intensity and layout.table != "carbon":
        idle.append(f"--intensity says nothing of {layout.table}")
    if intensity and form not in ("plain", "electricity-maps"):
        idle.append(f"--intensity: the files of {form} are {layout.intensity}")
    if not layout.timed:
        given: dict[str, Any] = {"--average": rules.average, "--fill": rules.fill}
        given |= {"--allow-gaps": rules.allow_gaps, "--keep-steps": rules.keep_steps}
        given |= {"--time-zone": layout.time_zone, "--stamps": layout.stamps}
        given |= {"--dates": layout.dates, "--hour-column": layout.hour_column}
        given |= {"--step": layout.step_min}
        idle += [f"{option}: {layout.table} has no times" for option, set_ in given.items() if set_]
    if layout.interval_column and not layout.hour_column:
        idle.append("--interval-column needs --hour-column")
    if layout.hour_numbers and not layout.hour_column:
        idle.append("--hour-numbers needs --hour-column")
    if idle:
        raise UsageError("; ".join(idle))


def _result_mapping(result: ImportResult) -> dict[str, Any]:
    counts = result.counts
    return {
        "folder": str(result.folder),
        "table": result.table,
        "rows": result.rows,
        "added": counts.added,
        "replaced": counts.replaced,
        "same": counts.same,
        "dropped": counts.dropped,
        "zones": list(result.zones),
        "notes": list(result.notes),
        "gaps": [problem_json(problem) for problem in result.gaps],
        "manifest": result.manifest.model_dump(mode="json"),
    }


def _result_text(result: ImportResult) -> str:
    time = result.manifest.time
    shown = ", ".join(result.zones[:SHOWN_SERIES])
    more = len(result.zones) - SHOWN_SERIES
    shown += f" and {more} more" if more > 0 else ""
    lines = [f"{result.folder}: {result.rows:,} rows of {result.table} for {shown}"]
    lines.append(f"rows: {result.counts.words}")
    if time is not None:
        lines.append(f"the pack has {time.hours:,} hours from {time.start_utc}")
    lines += [f"note: {note}" for note in result.notes]
    lines += [f"gap: {problem.where}: {problem.what}" for problem in result.gaps]
    return "\n".join(lines)
