"""Operating points from a table of profiles: a pack's, or one of the user's own.

The columns are those of `points` (docs/scenario.md); what else a table holds is left alone, but
for `level`. A table with images per second in it is one of models without tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wattlas.data.checks import unique
from wattlas.data.entities import Entities, gather
from wattlas.data.points import incomplete, point_of
from wattlas.data.schema_facts import Points
from wattlas.data.tables import ROW, Column, Table, read_table, table_of, typed
from wattlas.data.vision_file import is_vision, vision_points
from wattlas.data.yaml_lines import Document
from wattlas.errors import InputError, Problem
from wattlas.model.workload import OperatingPoint, accuracy_falls

PROFILES = "profiles"
LEVEL = Column("level", "number", required=False)


def read_profiles(source: str | Path, base: Path | None = None) -> tuple[OperatingPoint, ...]:
    """The points in a CSV or Parquet file, or in the table `profiles` of a pack.

    A pack is given by its name or its folder; a relative path starts at `base`, or at the current
    folder. A column `level` states which variants ought to be better: where it rises, accuracy
    must not fall. Raises InputError with every problem, by file and line.
    """
    table = profiles_table(source, base)
    if is_vision(table):
        return vision_points(table)
    document = Document({}, file=table.label)
    found, problems = gather(document, PROFILES, Points(), table, "point", ())
    if "point" in table.columns:
        problems += [p for one in found.every for p in incomplete(one)]
        problems += _falling(table, found)
        if not found.every and not problems:
            problems.append(table.problem(None, "(rows)", "there are none", "Give a profile."))
    if problems:
        raise InputError(unique(problems))
    return tuple(point_of(one) for one in found.kept)


def profiles_table(source: str | Path, base: Path | None = None) -> Table:
    """The table itself: a file, or `profiles` of a pack. Raises InputError where there is none."""
    path = (base or Path()) / Path(source).expanduser()
    if path.is_file() or path.suffix.lower() in (".csv", ".parquet"):
        fix = "Give a CSV or Parquet file, or a pack by its name or folder."
        return read_table(path, str(source), Problem(str(source), "there is no such file", fix))
    from wattlas.data.pack import open_pack

    pack = open_pack(str(source), base)
    return table_of(pack.frame(PROFILES), f"pack {pack.name}: {PROFILES}")


def _falling(table: Table, found: Entities) -> Iterator[Problem]:
    """Rows that score below one of a lower level; both are named."""
    if LEVEL.name not in table.columns:
        return
    frame, problems = typed(table, [LEVEL])
    yield from problems
    rows = table.frame.select("point", ROW).iter_rows()
    at = {str(name or "").strip(): int(row) for name, row in rows}
    levels = dict(frame.select(ROW, LEVEL.name).drop_nulls().iter_rows())
    known = [
        (at[one.id], levels[at[one.id]], float(score))
        for one in found.every
        if at[one.id] in levels and _is_score(score := one.get("accuracy"))
    ]
    ids = {row: identity for identity, row in at.items()}
    for low, high in accuracy_falls([k[1] for k in known], [k[2] for k in known]):
        (row, level, score), (lower, below, better) = known[high], known[low]
        place = table.place(lower)
        where = f"line {place.line}" if place.line is not None else f"row {lower + 1}"
        what = (
            f"{ids[row]} of level {level:g} scores {score:g}, below the {better:g} of "
            f"{ids[lower]} of level {below:g} ({where})"
        )
        yield table.problem(row, LEVEL.name, what, "Fix a score, or the levels.")


def _is_score(value: object) -> bool:
    return isinstance(value, float) and 0.0 <= value <= 1.0
