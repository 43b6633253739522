"""The page of a replay: four pictures, drawn from its own tables, at three widths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wattlas
from tests.browser.test_first_screen import WIDTHS, nothing_serious
from tests.browser.test_first_screen import numbers_are_numbers as numbers
from tests.replays.worlds import green, thin

FIGURES = ("replay-regret", "replay-latency", "replay-caps", "replay-regions")


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the report of half a day with a contract."""
    folder = tmp_path_factory.mktemp("replayed")
    wattlas.save(wattlas.replay(thin(green(), 0.01, 12)), folder)
    return (folder / "report.html").as_uri()


def test_the_page_of_a_replay(report: str, open_page: Callable[..., Any]) -> None:
    """Every picture is drawn and says its answer; numbers are numbers, and axe finds nothing."""
    watched = open_page(report, WIDTHS[0])
    page = watched.page
    for width in WIDTHS:
        watched.look(width)
        numbers(page)
        for figure in FIGURES:
            assert page.locator(f"#figure-{figure} .chart svg").count() == 1
            assert "undefined" not in page.locator(f"#figure-{figure} .answer").inner_text()
        assert page.locator("section.figure").count() == len(FIGURES)
        nothing_serious(page, contrast=width == WIDTHS[0])
    watched.quiet()


def test_the_page_of_several_policies(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    """Regrets with their intervals, of cost and carbon, over the best and another policy."""
    made = wattlas.replay(
        thin(green(), 0.01, 4),
        ["plan", "least-carbon", "greedy"],
        trial=wattlas.Trial(seeds=2),
        against="plan",
    )
    wattlas.save(made, tmp_path)
    watched = open_page((tmp_path / "report.html").as_uri(), WIDTHS[0])
    page = watched.page
    watched.quiet()
    figure = page.locator("#figure-replay-regret")
    assert "Of 4 policies on the same requests" in figure.locator(".answer").inner_text()
    for label in ("Carbon", "plan", "Cost"):
        figure.get_by_text(label, exact=True).first.click()
        assert "undefined" not in figure.locator(".answer").inner_text()
        assert "NaN" not in figure.inner_html()
    numbers(page)
    nothing_serious(page)
    watched.look(min(WIDTHS))
    for name in ("replay-latency", "replay-caps"):  # every policy is in the key, and none is cut
        shown = page.locator(f"#figure-{name} .chart svg text").all_text_contents()
        assert {"nearest", "plan", "least-carbon", "greedy"} <= set(map(str.strip, shown))
        assert page.locator(f"#figure-{name} .chart svg [clip-path] text").count() == 0
