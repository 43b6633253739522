"""The ledger of the live service as a trace: the requests that it answered, as they were admitted.

A ledger in SQLite is read as it is, also while the service writes to it. One in PostgreSQL is a
table of the same columns: `COPY (SELECT * FROM requests WHERE corrects IS NULL ORDER BY
admitted_us) TO 'log.csv' CSV HEADER` writes what the reader of CSV files takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl

from wattlas.errors import InputError, Problem

HEADER = b"SQLite format 3\x00"
COLUMNS = (
    "admitted_us", "first_us", "ended_us", "metro", "klass", "contract", "region", "point", "end",
    "tokens_in", "tokens_out",
)  # fmt: skip
"""What is read of the view `requests`."""


def is_database(path: Path) -> bool:
    """Whether a file is a database of SQLite."""
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def names(path: Path) -> list[str]:
    """The columns of its requests. Raises InputError where it is another database."""
    try:
        with closing(_connected(path)) as db:
            described = db.execute("SELECT * FROM requests LIMIT 0").description
    except sqlite3.Error as fault:
        what = f"is a database, and no ledger that can be read: {fault}"
        raise InputError([Problem("(file)", what, "Give the ledger of `wattlas serve`.", str(path))
                          ]) from None  # fmt: skip
    return [column[0] for column in described]


def frames(path: Path, rows: int) -> Iterator[pl.DataFrame]:
    """Its requests in the order of their admission, so many rows at a time."""
    kinds = {name: pl.Int64 if name.endswith("_us") or "tokens" in name else pl.String
             for name in COLUMNS}  # fmt: skip
    wanted = ", ".join(f'"{name}"' for name in COLUMNS)
    try:
        with closing(_connected(path)) as db:
            cursor = db.execute(
                f"SELECT {wanted} FROM requests WHERE \"end\" != 'correction' ORDER BY admitted_us"
            )
            while batch := cursor.fetchmany(rows):
                yield pl.DataFrame(batch, schema=kinds, orient="row")
    except sqlite3.Error as fault:
        what, fix = f"cannot be read as a ledger: {fault}", "Give the ledger of `wattlas serve`."
        raise InputError([Problem("(file)", what, fix, str(path))]) from None
