"""New rows and those that a pack has: added, replaced where that is asked, never lost unsaid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from wattlas.data.clock_changes import hour_text, ranges
from wattlas.data.importers.prepare import with_key
from wattlas.data.importers.rows import Imported
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import TIME
from wattlas.data.steps import HOUR_MIN, STEP, resampled, steps_by_key, with_steps
from wattlas.errors import InputError, Problem

SAME = 1e-9


@dataclass(frozen=True)
class MergeCounts:
    """What a merge did to rows."""

    added: int = 0
    replaced: int = 0
    same: int = 0
    """Rows that the pack had with the same values."""
    dropped: int = 0
    """Rows of the pack that others of another step replaced."""

    @property
    def words(self) -> str:
        """In words; nothing is said of what there was none of."""
        parts = {
            "added": self.added,
            "replaced": self.replaced,
            "there already": self.same,
            "dropped for rows of another step": self.dropped,
        }
        return ", ".join(f"{n:,} {word}" for word, n in parts.items() if n) or "nothing new"


def merged_hours(
    old: pl.DataFrame, new: Imported, file: str, overwrite: bool, allow_gaps: bool
) -> tuple[pl.DataFrame, MergeCounts]:
    """The rows of the pack and the new ones; an hour in both is an error unless replaced."""
    schema = TABLES[new.table]
    key = schema.series[0] if len(schema.series) == 1 else "__series"
    before, rows = with_key(old, new), with_key(new.frame, new)
    known = [v for v in new.values if v in before.columns]
    mine = before.filter(
        pl.any_horizontal(pl.col(v).is_not_null() for v in known) if known else False
    )
    others = [v for v in schema.values if v in before.columns and v not in new.values]
    rows = _at_their_steps(before, rows, key, others, new, file)
    dropped, problems = _of_other_steps(mine, rows, key, new, file)
    if problems and not overwrite:
        raise InputError(problems)
    if not allow_gaps:
        _refuse_holes(mine, rows, key, new, file)
    if dropped.height:
        at = [TIME, *schema.series]
        hit = pl.struct(at).is_in(dropped.select(pl.struct(at)).to_series().implode())
        before = before.with_columns(
            pl.when(hit).then(None).otherwise(pl.col(v)).alias(v) for v in known
        )
        before = before.filter(
            pl.any_horizontal(pl.col(v).is_not_null() for v in schema.values if v in before.columns)
        )
    made, counts = _joined(before, rows, new, [TIME, *schema.series], key, file, overwrite)
    kept = [c for c in schema.by_name if c in made.columns]
    return made.select(kept), MergeCounts(
        counts.added, counts.replaced, counts.same, dropped.height
    )


def merged_pairs(
    old: pl.DataFrame, new: Imported, file: str, overwrite: bool
) -> tuple[pl.DataFrame, MergeCounts]:
    """The pairs of the pack and the new ones; a pair in both is an error unless replaced."""
    schema = TABLES[new.table]
    key = list(schema.key)
    made, counts = _joined(old, new.frame, new, key, key[0], file, overwrite)
    return made.select(c for c in schema.by_name if c in made.columns), counts


def _joined(
    old: pl.DataFrame,
    rows: pl.DataFrame,
    new: Imported,
    at: list[str],
    key: str,
    file: str,
    overwrite: bool,
) -> tuple[pl.DataFrame, MergeCounts]:
    both = old.join(rows, on=at, how="full", coalesce=True, suffix="__new")
    theirs = {v: f"{v}__new" if f"{v}__new" in both.columns else v for v in new.values}
    had = [pl.col(v).is_not_null() & pl.col(n).is_not_null() for v, n in theirs.items() if n != v]
    differs = [
        ((pl.col(v) - pl.col(n)).abs() > SAME).fill_null(False) for v, n in theirs.items() if n != v
    ]
    both = both.with_columns(
        __had=pl.any_horizontal(had) if had else False,
        __differs=pl.any_horizontal(differs) if differs else False,
    )
    conflicts = both.filter("__differs")
    if conflicts.height and not overwrite:
        raise InputError(_conflicts(conflicts, new, key, file))
    replaced = conflicts.height
    same = int(both["__had"].sum()) - replaced
    names = [c for c in both.columns if c.endswith("__new")]
    made = both.with_columns(
        pl.coalesce(n, n.removesuffix("__new")).alias(n.removesuffix("__new")) for n in names
    ).drop(*names, "__had", "__differs")
    return made, MergeCounts(rows.height - replaced - same, replaced, same)


def _conflicts(rows: pl.DataFrame, new: Imported, key: str, file: str) -> list[Problem]:
    """Series, and the hours that the pack has with other values."""
    problems = []
    fix = "Leave them out, give --replace to replace just these, or import into another folder."
    for (name,), part in sorted(rows.group_by(key), key=lambda item: str(item[0])):
        if TIME in part.columns:
            what = f"the pack has {part.height:,} of its hours with other values already: "
            what += ranges(part[TIME].to_list())
        else:
            what = f"the pack has {part.height:,} of its pairs with other values already"
        problems.append(Problem(f"{new.table}.{name}", what, fix, file))
    return problems


def _at_their_steps(
    before: pl.DataFrame,
    rows: pl.DataFrame,
    key: str,
    others: list[str],
    new: Imported,
    file: str,
) -> pl.DataFrame:
    """New values beside others of the same table (marginal beside average): at the same steps."""
    beside = before.drop_nulls(others) if others else before.clear()
    theirs = steps_by_key(beside, key) if beside.height else {}
    ours = steps_by_key(rows, key)
    parts, problems = [], []
    for (name,), part in rows.group_by(key, maintain_order=True):
        step = theirs.get(str(name), ours[str(name)])
        if step > ours[str(name)]:
            what = f"is in steps of {ours[str(name)]} min, {others[0]} beside it in {step} min"
            fix = "Bring it to hours with `--average`." if step == HOUR_MIN else "Bring both alike."
            problems.append(Problem(f"{new.table}.{name}", what, fix, file))
        elif step < ours[str(name)]:
            cut = resampled(with_steps(part, key), key, list(new.values), step)
            keys = part.select(TABLES[new.table].series).head(1)
            part = cut.drop(key).join(keys, how="cross") if key in keys.columns else cut
            part = with_key(part, new)
        parts.append(part.select(rows.columns))
    if problems:
        raise InputError(problems)
    return pl.concat(parts)


def _of_other_steps(
    mine: pl.DataFrame, rows: pl.DataFrame, key: str, new: Imported, file: str
) -> tuple[pl.DataFrame, list[Problem]]:
    """Rows of the pack within the stretch of new ones in other steps, and their problem."""
    spans = _spans(rows, key)
    inside = mine.join(spans, on=key).filter(
        pl.col(TIME).is_between("first", "last", closed="left")
    )
    if inside.is_empty():
        return mine.clear(), []
    ours, theirs = steps_by_key(rows, key), steps_by_key(inside, key)
    lone = inside.group_by(key).len().filter(pl.col("len") < 2)[key].to_list()
    other = [s for s, step in theirs.items() if step != ours[s] and s not in lone]
    fix = "Give --replace to replace them, or import into another folder."
    problems = [
        Problem(
            f"{new.table}.{s}",
            f"the pack has steps of {theirs[s]} min in these hours, the files {ours[s]} min",
            fix,
            file,
        )
        for s in sorted(other)
    ]
    return inside.filter(pl.col(key).is_in(other)).select(mine.columns), problems


def _spans(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """First time and end of each series."""
    stepped = with_steps(rows, key)
    end = pl.col(TIME) + pl.duration(minutes=STEP)
    return stepped.group_by(key).agg(first=pl.col(TIME).min(), last=end.max())


def _refuse_holes(
    mine: pl.DataFrame, rows: pl.DataFrame, key: str, new: Imported, file: str
) -> None:
    """Hours between those of the pack and the new ones that neither has."""
    if mine.is_empty():
        return
    both = _spans(mine, key).join(_spans(rows, key), on=key, suffix="_new").sort(key)
    problems = []
    for name, first, last, first_new, last_new in both.iter_rows():
        hole: tuple[datetime, datetime] | None = None
        if first_new > last:
            hole = (last, first_new)
        elif last_new < first:
            hole = (last_new, first)
        if hole is not None:
            what = f"the hours from {hour_text(hole[0])} to {hour_text(hole[1])} are in neither "
            what += "the pack nor the files"
            fix = "Import what lies between first, or give --allow-gaps."
            problems.append(Problem(f"{new.table}.{name}", what, fix, file))
    if problems:
        raise InputError(problems)
