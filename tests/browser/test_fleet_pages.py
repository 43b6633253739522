"""The page of every regression fleet, at three widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wattlas
from tests import fleets
from tests.browser.test_first_screen import WIDTHS, names_are_apart, nothing_serious
from tests.browser.test_first_screen import numbers_are_numbers as numbers


@pytest.fixture(scope="session", params=fleets.NAMES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a fleet's report, written with its results."""
    made = fleets.studied(request.param, request.getfixturevalue("run_folder"))
    folder = tmp_path_factory.mktemp("pages") / request.param
    wattlas.save(made.study, folder)
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_a_fleet(report: str, open_page: Callable[..., Any], width: int) -> None:
    """Numbers are numbers, shares have their word, names are apart, and axe finds nothing."""
    page = open_page(report, width, appendix=False).page
    names_are_apart(page)
    page.evaluate("document.querySelectorAll('details.figure').forEach(f => f.open = true)")
    page.wait_for_selector(".chart.waiting", state="detached")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    numbers(page)
    nothing_serious(page)
