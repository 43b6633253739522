"""The statement as a page: exact, by itself, and nobody's name is markup."""

from __future__ import annotations

import re
from fractions import Fraction
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.test_corrections import HOURS_US, MONTH, made_rows
from wattlas.cli import run
from wattlas.errors import UsageError
from wattlas.serve.corrected_rows import HOUR_US
from wattlas.serve.corrections import Revised, correct
from wattlas.serve.ledger.journal import Batch
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.statement_page import exact, page_of, short
from wattlas.serve.statements import statement

ODD = "<script>alert('é')</script> & \"co\""


def ledger(path: Path, tenant: str = "acme") -> SqliteStore:
    """A ledger of a month with a correction, and of the month before."""
    store = SqliteStore(path)
    rows = made_rows([(n % 2, n % 3, 1000 * n + 1, "lagos") for n in range(12)])
    before = [
        row._replace(id=f"old-{n}", admitted_us=row.admitted_us - 31 * 24 * HOUR_US)
        for n, row in enumerate(rows)
    ]
    store.record(Batch([row._replace(tenant=tenant) for row in (*before, *rows)]))
    signals = {("oslo", HOURS_US[0]): Revised(None, 99.0)}
    assert correct(store, tenant, signals, f"v2 {ODD}", f"final {ODD}")
    return store


def text_of(page: str) -> str:
    """What the page says, without markup."""
    body = page[page.index("</style>") :]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_page_says_all_of_the_statement(tmp_path: Path) -> None:
    """Every sum of the month, of regions and of hours stands there to its last digit, each hour's
    vintages, each correction, both heads and that of the month before."""
    store = ledger(tmp_path / "ledger.sqlite")
    made = statement(store, "acme", MONTH)
    told = text_of(page_of(made))
    assert "acme, November 2026" in told
    sums = [made["total"], *made["by_region"].values(), *made["by_hour_and_region"]]
    for each in sums:
        assert exact(each["facility_mj"], 6) in told
        assert exact(each["average_ug"], 6) in told
        assert exact(each["nano_usd"], 9) in told
    for each in made["by_hour_and_region"]:
        assert ", ".join(each["vintages"]) in told
        assert each["hour"] in told
    for each in made["corrections"]:
        assert f"{each['why']}; {each['vintage']}" in told
        assert exact(each["average_ug"], 6) in told
    chain = made["chain"]
    former = statement(store, "acme", "2026-10")["chain"]
    assert chain["former"] == {"month": "2026-10", "number": 12, "head": former["head"]}
    for head in (chain["head"], chain["head_before"], former["head"]):
        assert head in told
    assert exact(made["uncorrected"]["average_ug"], 6) in told
    for words in made["figures"].values():
        assert words in told
    assert told.index("Marginal, apart") > told.index("Emissions, location-based")
    store.close()


def test_names_are_no_markup_and_nothing_is_fetched(tmp_path: Path) -> None:
    """Neither a tenant's nor a vintage's; there is no script, and no address but in its words."""
    store = ledger(tmp_path / "ledger.sqlite", ODD)
    page = page_of(statement(store, ODD, MONTH))
    assert ODD not in page
    assert ODD in text_of(page)
    assert "<script" not in page
    assert "default-src" in page
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import", page)
    store.close()


def test_a_month_without_rows_is_a_page(tmp_path: Path) -> None:
    """It says so; and what is no month is refused."""
    store = SqliteStore(tmp_path / "ledger.sqlite")
    told = text_of(page_of(statement(store, "acme", "2026-02")))
    assert "0 requests took 0 kWh" in told
    assert "has no rows" in told
    with pytest.raises(UsageError, match="no month"):
        statement(store, "acme", "2026-13")
    store.close()


def test_the_command_line_writes_each_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the ending of the file; a summary is printed without one."""
    path = tmp_path / "ledger.sqlite"
    store = ledger(path)
    made: Any = statement(store, "acme", MONTH)
    store.close()
    for ending, words in (
        ("html", "<!doctype html>"), ("csv", "part,name,region,vintages"), ("json", '"total"'),
        ("jsonl", '"head_before"'),
    ):  # fmt: skip
        out = tmp_path / f"s.{ending}"
        assert run(["ledger", "statement", str(path), "acme", MONTH, "--out", str(out)]) == 0
        assert words in out.read_text()
    capsys.readouterr()
    assert run(["ledger", "statement", str(path), "acme", MONTH]) == 0
    assert made["chain"]["head"] in capsys.readouterr().out
    for words in (["acme", "2026"], ["nobody", MONTH], ["acme", MONTH, "--out", "s.txt"]):
        assert run(["ledger", "statement", str(path), *words]) == 2


@examples(200)
@given(st.integers(-(10**30), 10**30), st.integers(0, 9))
def test_an_amount_loses_no_digit(amount: int, decimals: int) -> None:
    """Read again it is the same whole number."""
    assert Fraction(exact(amount, decimals).replace(",", "")) * 10**decimals == amount


@examples(200)
@given(st.floats(-1e15, 1e15))
def test_a_short_number_is_near(amount: float) -> None:
    """Within its digits, and without an exponent where it is large."""
    told = short(amount)
    assert float(told.replace(",", "")) == pytest.approx(amount, rel=5e-4)
    assert abs(amount) < 1 or "e" not in told
