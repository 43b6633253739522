"""The page of a sweep: one picture that ranks fields, of a grid and of a Sobol sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wattlas
from tests.browser.test_first_screen import WIDTHS, nothing_serious
from tests.browser.test_first_screen import numbers_are_numbers as numbers
from wattlas.studies.sweeps.design import SweepDesign

PUE, PRICE = "regions.*.pue", "objective.carbon_price_usd_per_t"
DESIGNS = {
    "grid": SweepDesign.of({PUE: [1.1, 1.3], PRICE: [0, 100]}),
    "sobol": SweepDesign.of({PUE: (1.1, 1.3), PRICE: (0, 100)}, samples=4),
}


@pytest.mark.parametrize("kind", DESIGNS)
def test_the_page_of_a_sweep(
    kind: str, tmp_path_factory: pytest.TempPathFactory, open_page: Callable[..., Any]
) -> None:
    """The picture is drawn and says its answer; the other metrics can be chosen; axe is quiet."""
    folder = tmp_path_factory.mktemp(kind) / "sweep"
    page_at = wattlas.sweep_into(folder, "tiny", DESIGNS[kind]).report_path.as_uri()
    watched = open_page(page_at, WIDTHS[0])
    page = watched.page
    answer = page.locator("#figure-sweep-ranking .answer")
    for width in WIDTHS:
        watched.look(width)
        numbers(page)
        assert "depends most on" in page.locator(".verdict").inner_text()
        assert page.locator("#figure-sweep-ranking .chart svg").count() == 1
        page.locator("#figure-sweep-ranking select").select_option("cost_usd")
        assert answer.inner_text().startswith("Cost (USD) depends most on objective.")
        page.locator("#figure-sweep-ranking select").select_option("carbon_kg")
        assert answer.inner_text().startswith("Carbon (kg) depends most on")
        nothing_serious(page, contrast=width == WIDTHS[0])
    watched.quiet()
