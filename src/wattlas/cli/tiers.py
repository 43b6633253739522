"""`wattlas tiers`: users and offers, one file per verb of the group."""

from __future__ import annotations

from wattlas.cli.group import group

VERBS = {
    "menu": "Show what can answer a class, and targets under a cap of grams.",
    "share": "Say how much to degrade, and when, to stay under a carbon cap.",
    "design": "Say which tier to offer, at which discount, with which degradation cap.",
    "fit": "Fit users' taste to a choice experiment.",
}
"""Name → what help says of it."""

SENTENCE = "Say which green tier to offer, at which discount, with which degradation cap."
app = group("tiers", VERBS, SENTENCE)
