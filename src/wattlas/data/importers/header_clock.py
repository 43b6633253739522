"""Whose clock a header says that stamps are of: believed, or asked about where nobody says more."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.walls import Clock
from wattlas.data.reader.stamps import MARKS
from wattlas.errors import InputError

UTC = ("UTC", "GMT", "ZULU")
_LOCAL = ("LOCAL", "LOKAL", "ORTSZEIT", "LOCALTIME", "BST", "IST", "CST", "EPT", "PPT", "CPT")
_SHORT = ("ET", "CT", "MT", "PT")
"""Clocks of America, and words of other languages: read at the end of a header alone."""


def zone_notes(
    file: Raw, clock: Clock, rows: pl.DataFrame, *, all_said: bool, none_said: bool
) -> list[str]:
    """What is said of the zone of stamps. Raises InputError where header and option differ."""
    if all_said:
        needless = "`--time-zone` was not needed: the stamps say their zone"
        return [needless] if clock.zone_by_option else []
    where = "+".join(file.columns.time)
    doubtful = rows.filter(pl.col("instant").is_null() & pl.col("mark").is_not_null())
    if not clock.zone_is_given and not doubtful.is_empty():
        what = f"has stamps of `{doubtful['mark'][0]}`, which is no clock of one meaning"
        fix = "Name the zone with `--time-zone`, e.g. Asia/Kolkata."
        raise InputError([file.problem(where, what, fix)])
    word = _clock_word(where)
    if word in UTC and clock.zone_is_given and _shifted(clock.zone, rows):
        what = f"speaks of {word}, and --time-zone says {clock.zone}"
        raise InputError(
            [file.problem(where, what, "Leave --time-zone out, or rename the column.")]
        )
    if clock.zone_is_usual and not _has(clock.zone, word):
        what = f"speaks of {word}, and files of this source are usually of {clock.zone}"
        fix = "Name the zone with `--time-zone`, e.g. Europe/Helsinki."
        raise InputError([file.problem(where, what, fix)])
    if clock.zone_is_given or not none_said or word in UTC:
        return []
    if word:
        what = f"speaks of {word}; the stamps do not say their zone"
        fix = "Name it with `--time-zone`, e.g. Europe/Berlin; UTC if they are of no other clock."
        raise InputError([file.problem(where, what, fix)])
    return ["stamps without a zone were taken as UTC"]


def _clock_word(header: str) -> str:
    """The clock that a header speaks of, in capitals; empty where it speaks of none."""
    words = re.findall(r"[^\W_]+", header)
    spoken = {*UTC, *_LOCAL, *(mark for mark in MARKS if len(mark) > len("ET"))}
    word = next((w.upper() for w in words if w.upper() in spoken), "")
    return word or (words[-1] if words and words[-1] in _SHORT else "")


def says_utc(header: str) -> bool:
    """Whether a header says that its stamps are UTC."""
    return _clock_word(header) in UTC


def _has(zone: str, word: str) -> bool:
    """Whether the clock of a word, if there is one, is what a zone calls its own in a year."""
    if word in UTC or word not in MARKS:
        return True
    seasons = (datetime(2024, month, 1, tzinfo=ZoneInfo(zone)) for month in (1, 7))
    return word in [season.tzname() for season in seasons]


def _shifted(zone: str, rows: pl.DataFrame) -> bool:
    """Whether a clock differs from UTC at any of the times."""
    walls = rows["wall"].drop_nulls()
    local = walls.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    utc = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return bool((utc != walls).fill_null(True).any())
