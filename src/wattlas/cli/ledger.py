"""`wattlas ledger`: what the ledger of `wattlas serve` says, and what is appended to it later."""

from __future__ import annotations

from wattlas.cli.group import group

VERBS = {
    "statement": "What a tenant used in a month: a page, a table, or the rows that prove it.",
    "correct": "Append what signals that were revised, or a wrong row, change.",
}
"""Name → what help says of it."""

app = group("ledger", VERBS, "Statements of the live ledger, and corrections of its accounts.")
