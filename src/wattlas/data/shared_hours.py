"""Whether the packs that are laid over each other have the hours that a study takes by default."""

from __future__ import annotations

import numpy as np

from wattlas.data.entities import Entities
from wattlas.data.inputs import Inputs
from wattlas.data.series import stamp, time_range, time_step_h
from wattlas.data.signal_tables import SignalTable

DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")
Span = tuple[np.datetime64, np.datetime64]


def refuse_apart(inputs: Inputs, tables: dict[str, list[SignalTable]], regions: Entities) -> bool:
    """Report sources of which one lacks hours of the first; whether there are any.

    Without `time.start` a study takes the hours of the first table. A pack that another is laid
    over may begin later or end earlier (a year of local time beside one of UTC); nobody can add
    rows to it, so what helps is to say the hours that all share.
    """
    if inputs.typed.time.start is not None:
        return False
    zones = {str(region.get("zone")) for region in regions.kept}
    spans: dict[str, Span] = {}
    for several in tables.values():
        wanted = set(zones)
        for source in several:
            here, wanted = wanted & source.zones, wanted - source.zones
            span = _span(source) if here else None
            if span is not None:
                known = spans.get(source.table.label, span)
                both = (max(known[0], span[0]), min(known[1], span[1]))
                spans[source.table.label] = both if source.table.shared else span
    first = next(iter(tables.values()), [None])[0]
    if first is None or first.table.label not in spans:
        return False
    packs = {s.table.label for several in tables.values() for s in several if s.table.shared}
    begin, end = spans[first.table.label]
    apart = [n for n, (a, b) in spans.items() if n in packs and (a > begin or b < end)]
    low, high = max(a for a, _ in spans.values()), min(b for _, b in spans.values())
    if not apart or high <= low:  # of sources that share none, each zone tells what it lacks
        return False
    told = "; ".join(f"{name} {stamp(a)} to {stamp(b)}" for name, (a, b) in spans.items())
    what = f"is not said, and the hours of the tables are not the same: {told}"
    inputs.report(("time",), what, _fix(low, high))
    return True


def _span(source: SignalTable) -> Span | None:
    """From the first row to the end of the last."""
    span = time_range(source.frame)
    if span is None:
        return None
    step_h = source.step_h or time_step_h(source.frame, ["zone"])
    return span[0], span[1] + np.timedelta64(round(step_h * 3600), "s")


def _fix(low: np.datetime64, high: np.datetime64) -> str:
    """The whole days that all share, or the hours where there is no whole day."""
    begin = low.astype("datetime64[D]")
    begin = begin if begin == low else begin + DAY
    days = int((high - begin) / DAY) if high > begin else 0
    start, hours = (begin, 24 * days) if days else (low, int((high - low) / HOUR))
    return f"Say `time: {{start: {stamp(start)}, hours: {hours}}}`, which all of them have."
