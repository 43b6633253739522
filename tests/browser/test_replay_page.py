"""The page of a replay: three pictures, drawn from its own tables, at three widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wattlas
from tests.browser.test_first_screen import WIDTHS, nothing_serious
from tests.browser.test_first_screen import numbers_are_numbers as numbers
from tests.replays.worlds import green, thin

FIGURES = ("replay-latency", "replay-caps", "replay-regions")


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the report of half a day with a contract."""
    folder = tmp_path_factory.mktemp("replayed")
    wattlas.save(wattlas.replay(thin(green(), 0.01, 12)), folder)
    return (folder / "report.html").as_uri()


def test_the_page_of_a_replay(report: str, open_page: Callable[..., Any]) -> None:
    """Every picture is drawn and says its answer; numbers are numbers, and axe finds nothing."""
    for width in WIDTHS:
        watched = open_page(report, width)
        page = watched.page
        watched.quiet()
        numbers(page)
        for figure in FIGURES:
            assert page.locator(f"#figure-{figure} .chart svg").count() == 1
            assert "undefined" not in page.locator(f"#figure-{figure} .answer").inner_text()
        assert page.locator("section.figure").count() == len(FIGURES)
        nothing_serious(page)
