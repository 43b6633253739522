"""Rows of a tenant as a chain of hashes, so that nobody can change one later unnoticed.

    head' = SHA-256(head ‖ the row as compact JSON)

The head after the last row of a statement stands in it beside that of the statement before.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import orjson

from wattlas.serve.ledger.journal import Row

START = bytes(32)
"""The head before the first row."""


def link(head: bytes, row: Row) -> bytes:
    """The head after one more row."""
    return sha256(head + orjson.dumps(tuple(row))).digest()


def head_after(rows: Iterable[Row], head: bytes = START) -> bytes:
    """The head after some rows, in their order."""
    for row in rows:
        head = link(head, row)
    return head
