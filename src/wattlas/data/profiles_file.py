"""Operating points from a table of profiles: a pack's, or one of the user's own.

The columns are those of `points` (docs/scenario.md); what else a table holds is left alone, but
for `level`. A table with images per second in it is one of models without tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path

from wattlas.data.checks import unique
from wattlas.data.entities import Entities, gather
from wattlas.data.measured.files import JSONS, layout_of
from wattlas.data.points import incomplete, needed_columns, point_of
from wattlas.data.reader.cells import missing_columns
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable, read_table, source_of
from wattlas.data.schema.workload import LEVEL, POINTS, PROFILES, VISION
from wattlas.data.schema_facts import Points
from wattlas.data.table_form import refuse_form
from wattlas.data.vision_file import is_vision, vision_points
from wattlas.data.yaml_lines import Document
from wattlas.errors import InputError, Problem
from wattlas.model.workload import OperatingPoint, accuracy_falls

LOOKED_AT = {**POINTS.by_name, LEVEL: PROFILES[LEVEL]}
"""What a table of profiles says of points; its other columns are left alone."""
MAKE = "Make one with `wattlas points FILE --out points.csv`."


def read_profiles(source: str | Path, base: Path | None = None) -> tuple[OperatingPoint, ...]:
    """The points in a CSV or Parquet file, or in the table `profiles` of a pack.

    A pack is given by its name or its folder; a relative path starts at `base`, or at the current
    folder. A column `level` states which variants ought to be better: where it rises, accuracy
    must not fall. Raises InputError with every problem, by file and line.
    """
    table = profiles_table(source, base)
    if is_vision(table):
        return vision_points(source_of(table.frame, VISION, table.label, table.path))
    needed = needed_columns(table.columns)
    layout = layout_of(dict.fromkeys(table.columns), json=False)
    if layout is not None and not set(needed) <= set(table.columns):
        what = f"is what {layout.title} writes, wanted a table of points"
        raise InputError([table.problem(None, "(columns)", what, MAKE)])
    refuse_form(table, needed, "point")
    absent = list(missing_columns(table, needed))
    if absent:
        raise InputError(absent)
    known = [name for name in table.columns if name in LOOKED_AT]
    table = replace(table, frame=table.frame.select(ROW, *known))
    points, problems = gather(Document({}), PROFILES.name, Points(), table)
    problems += [p for point in points.every for p in incomplete(point, any_class=True)]
    problems += _falling(table, points)
    if not points.every and not problems:
        problems.append(table.problem(None, "(rows)", "there are none", "Give a profile."))
    if problems:
        raise InputError(unique(problems))
    return tuple(point_of(point) for point in points.kept)


def profiles_table(source: str | Path, base: Path | None = None) -> SourceTable:
    """The table itself: a file, or `profiles` of a pack. Raises InputError where there is none."""
    path = (base or Path()) / Path(source).expanduser()
    if path.is_file() or path.suffix.lower() in (".csv", ".parquet"):
        fix = "Give a CSV or Parquet file, or a pack by its name or folder."
        missing = Problem(str(source), "there is no such file", fix)
        if path.suffix.lower() in JSONS:
            what = f"ends in `{path.suffix}`, wanted a table of points"
            raise InputError([Problem("(file)", what, MAKE, str(source))])
        table = read_table(path, PROFILES, str(source), missing)
    else:
        from wattlas.data.pack import open_pack

        table = open_pack(str(source), base).table(PROFILES.name)
    return table


def _falling(table: SourceTable, points: Entities) -> Iterator[Problem]:
    """Rows that score below one of a lower level; both are named."""
    rows = table.frame.select("point", ROW).iter_rows()
    row_of = {str(name or "").strip(): int(row) for name, row in rows}
    levelled = [
        (point.id, level, score)
        for point in points.every
        if _is_number(level := point.get(LEVEL)) and _is_number(score := point.get("accuracy"))
    ]
    for low, high in accuracy_falls([k[1] for k in levelled], [k[2] for k in levelled]):
        (name, level, score), (lower, below, better) = levelled[high], levelled[low]
        place = table.place(row_of[lower])
        where = f"line {place.line}" if place.line is not None else f"row {row_of[lower] + 1}"
        what = (
            f"{name} of level {level:g} scores {score:g}, below the {better:g} of "
            f"{lower} of level {below:g} ({where})"
        )
        yield table.problem(row_of[name], LEVEL, what, "Correct a score, or the levels.")


def _is_number(value: object) -> bool:
    return isinstance(value, float) and isfinite(value)
