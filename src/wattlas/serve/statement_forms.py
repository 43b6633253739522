"""The forms of a statement: sums, a table, a page, the rows that prove them, a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from wattlas.serve.ledger.journal import Store
from wattlas.serve.statement_page import statement_page
from wattlas.serve.statements import (
    MJ_PER_KWH,
    NANO,
    UG_PER_G,
    statement,
    statement_csv,
    statement_rows,
)


class Form(NamedTuple):
    """A form of a statement: its media type, and what makes it of a store, a tenant and a month.
    It raises UsageError for what is no month."""

    media_type: str
    made: Callable[[Store, str, str], str]


FORMS: Mapping[str, Form] = {
    "json": Form(
        "application/json", lambda *month: orjson.dumps(statement(*month)).decode() + "\n"
    ),
    "csv": Form("text/csv", lambda *month: statement_csv(statement(*month))),
    "html": Form("text/html; charset=utf-8", statement_page),
    "jsonl": Form("application/x-ndjson", lambda *month: statement_rows(*month).decode()),
}
"""Ending → form: sums, a table of them, a page, and the rows that prove them."""


def summary(made: Mapping[str, Any]) -> str:
    """The statement in a few lines."""
    whole, chain = made["total"], made["chain"]
    lines = [
        f"{made['tenant']}, {made['month']}: {whole['requests']} requests, "
        f"{whole['degraded']} of {whole['whole']} whole answers degraded",
        f"{whole['facility_mj'] / MJ_PER_KWH:.6g} kWh, {whole['average_ug'] / UG_PER_G:.6g} g CO2e "
        f"(marginal {whole['marginal_ug'] / UG_PER_G:.6g} g), {whole['nano_usd'] / NANO:.6g} USD",
        f"usual: {whole['usual_mj'] / MJ_PER_KWH:.6g} kWh, "
        f"{whole['usual_average_ug'] / UG_PER_G:.6g} g, {whole['usual_nano_usd'] / NANO:.6g} USD",
        f"{whole['corrections']} corrections; rows {chain['number_before'] + 1} to "
        f"{chain['number']} of the chain, head {chain['head']}",
    ]
    return "\n".join(lines)
