"""A statement's page in a real browser: it fits every width, asks for nothing, and prints whole."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.conftest import watch
from tests.browser.test_first_screen import WIDTHS, nothing_serious
from tests.serve.test_statement_page import MONTH, ODD, ledger
from wattlas.serve.statement_page import statement_page


def test_a_statement_is_read_and_printed(browser: Browser, tmp_path: Path) -> None:
    """Names of markup are words; nothing runs, nothing is fetched; on paper no table is cut."""
    store = ledger(tmp_path / "ledger.sqlite", ODD)
    path = tmp_path / "statement.html"
    path.write_text(statement_page(store, ODD, MONTH), encoding="utf-8")
    store.close()
    context, watched = watch(browser, WIDTHS[0], "light")
    page = watched.page
    page.goto(path.as_uri())
    assert ODD in page.locator("h1").inner_text()
    for width in (360, *WIDTHS):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        nothing_serious(page, contrast=width == WIDTHS[0])
    page.emulate_media(media="print")
    cut = "[...document.querySelectorAll('.long')].some((e) => e.scrollHeight > e.clientHeight + 1)"
    assert not page.evaluate(cut)
    watched.quiet()
    context.close()
