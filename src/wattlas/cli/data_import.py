"""`wattlas data import`: the options of a layout, and what was brought."""

from __future__ import annotations

import sys
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

import typer

from wattlas.cli import import_options as opt
from wattlas.cli.common import print_json, problem_json
from wattlas.cli.options import JsonOption
from wattlas.errors import UsageError
from wattlas.units import noun, some

if TYPE_CHECKING:
    from wattlas.data.importers import Imported, Layout, Rules
    from wattlas.data.pack_import import ImportResult

SHOWN_SERIES = 12
"""Series that the answer names; of others the number."""


def command(
    context: typer.Context,
    files: opt.FilesArgument,
    into: opt.IntoOption,
    form: opt.FormOption = "plain",
    table: opt.TableOption = None,
    intensity: opt.IntensityOption = None,
    time_column: opt.TimeColumnOption = "",
    hour_column: opt.HourColumnOption = "",
    interval_column: opt.IntervalColumnOption = "",
    repeated_column: opt.RepeatedColumnOption = "",
    stamps: opt.StampsOption = None,
    dates: opt.DatesOption = None,
    hour_numbers: opt.HourNumbersOption = None,
    step: opt.StepOption = None,
    time_zone: opt.TimeZoneOption = "",
    zone_column: opt.ZoneColumnOption = "",
    zone: opt.ZoneOption = "",
    class_column: opt.ClassColumnOption = "",
    klass: opt.ImportClassOption = "",
    value_column: opt.ValueColumnOption = "",
    unit: opt.UnitOption = "",
    factor: opt.FactorOption = None,
    sheet: opt.SheetOption = "",
    separator: opt.SeparatorOption = "",
    decimal: opt.DecimalOption = None,
    rename: opt.RenameOption = None,
    only: opt.OnlyOption = None,
    where: opt.WhereOption = None,
    average: opt.AverageOption = False,
    keep_steps: opt.KeepStepsOption = False,
    fill: opt.FillOption = None,
    fill_most: opt.FillMostOption = None,
    source: opt.SourceOption = "",
    licence: opt.LicenceOption = "",
    name: opt.NameOption = "",
    title: opt.TitleOption = "",
    allow_gaps: opt.AllowGapsOption = False,
    replace: opt.ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring hours, or pairs of places, into a pack: files of known sources, or any table."""
    from wattlas.data import importers, pack_import
    from wattlas.data.importers.recipes import layout_of
    from wattlas.data.target import try_folder

    layout = layout_of(form, **opt.layout_fields(context.params))
    longest = fill_most or importers.FILL_MOST
    rules = importers.Rules(fill.value if fill else None, longest, average, keep_steps, allow_gaps)
    _refuse_idle(layout, rules, form, intensity is not None, fill_most is not None)
    try_folder(into)
    read = _with_hint(importers.read_files(files, layout), form)
    rules = changed(rules, per_step=importers.per_step(layout))
    result = pack_import.import_hours(read, into, rules, name=name, title=title, overwrite=replace)
    if as_json:
        print_json(_result_mapping(result))
    else:
        sys.stdout.write(_result_text(result) + "\n")


def _with_hint(read: Imported, form: str) -> Imported:
    """What was read, with a note where the files look like those of a source that is known."""
    from wattlas.data.importers.recipes import PLAIN, RECIPES, looks_like

    if form != PLAIN or not (source_like := looks_like(read.headers)):
        return read
    kind = RECIPES[source_like].table
    note = f"the header looks like that of `--from {source_like}`, whose figures are {kind}"
    return changed(read, notes=(*read.notes, note))


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
    shown = some(result.zones, SHOWN_SERIES)
    rows = f"{result.rows:,} {noun(result.rows, 'row')}"
    lines = [f"{result.folder}: {rows} of {result.table} for {shown}"]
    lines.append(f"rows: {result.counts.words}")
    if time is not None:
        hours = f"{time.hours:,} {noun(time.hours, 'hour')}"
        lines.append(f"the pack has {hours} from {time.start_utc}")
    lines += [f"note: {note}" for note in result.notes]
    lines += [f"gap: {problem.where}: {problem.what}" for problem in result.gaps]
    return "\n".join(lines)
