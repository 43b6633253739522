"""The live page of the demo, in a real browser while requests run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.test_first_screen import WIDTHS, nothing_serious
from tests.serve.demos import playing


def test_the_live_page(
    tmp_path_factory: pytest.TempPathFactory, open_page: Callable[..., Any]
) -> None:
    """It says its answer, draws both pictures, fits every width, and axe is quiet."""
    with playing(tmp_path_factory.mktemp("demo")) as demo:
        page = open_page(demo.url, WIDTHS[0]).page
        page.locator("#last tr.low").first.wait_for(timeout=60_000)
        assert "less carbon" in page.locator("#verdict").inner_text()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert page.locator("#promise polyline").count() == 4
            assert page.locator("#hours rect").count() >= 2
            assert "NaN" not in page.locator("body").inner_text()
            nothing_serious(page, contrast=width == WIDTHS[0])
        own = page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
        assert set(own) == {f"{demo.url}state.json"}
