"""The report of a scenario without coordinates, tokens and prices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import wattlas
from tests.abstract import abstract_folder
from tests.browser.test_first_screen import numbers_are_numbers
from wattlas.studies.study import study


def test_the_page_draws_what_there_is(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    """No picture fails or shows a number that is none where money and places are not stated."""
    wattlas.save(study(wattlas.load(abstract_folder(tmp_path)), samples=3), tmp_path / "out")
    watched = open_page((tmp_path / "out" / "report.html").as_uri())
    watched.quiet()
    numbers_are_numbers(watched.page)
