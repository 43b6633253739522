"""Runs of hours as text, and clock changes recognised in missing and doubled hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

STEP = timedelta(hours=1)
RANGES_TOLD = 4
DST_ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Santiago",
    "Australia/Sydney",
)
"""Zones whose clock changes are looked for where the caller knows none."""


def ranges(times: Sequence[datetime], step: timedelta = STEP) -> str:
    """Steps as text, each run of neighbours as one range with its length."""
    runs: list[tuple[datetime, int]] = []
    for time in sorted(set(times)):
        if runs and time == runs[-1][0] + runs[-1][1] * step:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((time, 1))
    texts = [
        hour_text(begin)
        if n == 1
        else f"{hour_text(begin)} to {hour_text(begin + (n - 1) * step)} ({_length(n, step)})"
        for begin, n in runs[:RANGES_TOLD]
    ]
    more = len(runs) - RANGES_TOLD
    return ", ".join(texts) + (f" and {more} more ranges" if more > 0 else "")


def _length(count: int, step: timedelta) -> str:
    return f"{count} h" if step == STEP else f"{count} × {step.seconds // 60} min"


def hour_text(hour: datetime) -> str:
    """An hour as text."""
    return hour.strftime("%Y-%m-%dT%H:%MZ")


@dataclass(frozen=True)
class ClockChange:
    """Missing and doubled hours that the clock changes of a zone explain."""

    zone: str
    doubled: frozenset[datetime]
    absent: frozenset[datetime]

    @property
    def what(self) -> str:
        """What was found, in words."""
        parts = []
        if self.absent:
            parts.append(f"no hour at {ranges(sorted(self.absent))}")
        if self.doubled:
            parts.append(f"two rows at {ranges(sorted(self.doubled))}")
        return (
            f"{' and '.join(parts)}: the days of the clock change in {self.zone}, so the stamps "
            "look like local time (days of 23 and 25 hours), wanted UTC"
        )

    @property
    def fix(self) -> str:
        """What to do."""
        return (
            f"Import the local stamps with `wattlas data import --time-zone {self.zone}`: it tells "
            "the doubled hours apart by their order."
        )


def clock_change(
    doubled: Sequence[datetime], absent: Sequence[datetime], zones: Sequence[str]
) -> ClockChange | None:
    """The zone whose clock changes explain most of the doubled and missing hours, if any.

    A local stamp read as UTC lacks the wall hour that is skipped in spring and has the one
    repeated in autumn twice. The zone must explain a skipped and a repeated hour, or all of
    what is wrong.
    """
    best: ClockChange | None = None
    for zone in zones:
        info = ZoneInfo(zone)
        skipped = frozenset(hour for hour in absent if _is_skipped(hour, info))
        repeated = frozenset(hour for hour in doubled if _is_repeated(hour, info))
        explained = len(skipped) + len(repeated)
        all_of_it = explained == len(absent) + len(doubled)
        if explained and (all_of_it or (skipped and repeated)):
            best_explained = 0 if best is None else len(best.absent) + len(best.doubled)
            if explained > best_explained:
                best = ClockChange(zone, repeated, skipped)
    return best


def _is_skipped(clock_time: datetime, zone: ZoneInfo) -> bool:
    """Whether this wall time does not exist in the zone."""
    wall = clock_time.replace(tzinfo=zone)
    back = wall.astimezone(ZoneInfo("UTC")).astimezone(zone)
    return back.replace(tzinfo=None) != wall.replace(tzinfo=None)


def _is_repeated(clock_time: datetime, zone: ZoneInfo) -> bool:
    """Whether this wall time exists twice in the zone."""
    first, second = clock_time.replace(tzinfo=zone, fold=0), clock_time.replace(tzinfo=zone, fold=1)
    return first.utcoffset() != second.utcoffset() and not _is_skipped(clock_time, zone)
