"""A figure that was dropped in is drawn like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wattlas
from tests.report.toy_figure import toy_figure

pytestmark = pytest.mark.browser


def test_a_new_figure_is_drawn(open_page: Callable[..., Any], tmp_path: Path) -> None:
    """It stands where its order says, with its words, and its texts are never markup."""
    with toy_figure(tmp_path / "more"):
        study = wattlas.study(wattlas.example("tiny"), samples=3)
        path = wattlas.save(study, tmp_path / "results")
    seen = open_page(path.as_uri())
    first = seen.page.locator("main .figure").first
    assert first.get_attribute("id") == "figure-toy-figure"
    assert first.locator(".question").inner_text() == "How much of <b>everything</b>?"
    assert first.locator(".toy").inner_text() == "<script>all</script>"
    assert first.locator(".answer").inner_text() == "The toy has 1 row of <script>all</script>."
    assert seen.page.locator("#figure-why .answer").inner_text().count("interactive (A)") == 1
    seen.quiet()
