"""The page of every regression fleet, at three widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wattlas
from tests import fleets
from tests.browser.test_first_screen import (
    COLOURED,
    WIDTHS,
    at_each_width,
    names_are_apart,
    nothing_serious,
)
from tests.browser.test_first_screen import numbers_are_numbers as numbers


@pytest.fixture(scope="session", params=fleets.NAMES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a fleet's report, written with its results."""
    made = fleets.studied(request.param, request.getfixturevalue("run_folder"))
    folder = tmp_path_factory.mktemp("pages") / request.param
    wattlas.save(made.study, folder)
    return (folder / "report.html").as_uri()


def test_the_page_of_a_fleet(report: str, open_page: Callable[..., Any]) -> None:
    """Numbers are numbers, shares have their word, at three widths names are apart, and axe finds
    nothing. It is asked once, and not of contrast: no word stands on a colour that a fleet could
    choose, and of all others the page of four classes is asked at every width.
    """
    seen = open_page(report, WIDTHS[0])
    numbers(seen.page)
    for _ in at_each_width(seen):
        names_are_apart(seen.page)
    nothing_serious(seen.page, contrast=False)
    assert seen.page.evaluate(COLOURED) == []
