"""`wattlas data`: packs of facts and hours, one file per verb of the group."""

from __future__ import annotations

from wattlas.cli.group import group

VERBS = {
    "list": "The packs that ship with Wattlas.",
    "show": "What a pack holds, where it comes from, and what it lacks.",
    "check": "Judge a pack or a table, and name everything that is wrong.",
    "import": "Bring hours, or pairs of places, into a pack.",
}
"""Name → what help says of it."""

app = group("data", VERBS, "Packs of facts and hours: list, judge, import.")
