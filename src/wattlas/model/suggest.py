"""The known name nearest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 8


def did_you_mean(name: str, options: Iterable[object]) -> str:
    """`Did you mean \\`oslo\\`?`, or the known names, or nothing where there are none."""
    names = sorted({str(k) for k in options})
    lower = {n.lower(): n for n in names}
    close = get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)
    if close:
        return f"Did you mean `{lower[close[0]]}`?"
    if not names:
        return ""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"Known: {', '.join(names[:SHOWN])}{more}."
