"""The part of the page that tells of the fleet: there with its pictures, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.studied import Studied
from wattlas.report.report import render_report, write_report

pytestmark = pytest.mark.browser

PATIENCE = pl.DataFrame(
    {
        "wait_h": [0.0, 1.0, 6.0, 24.0],
        "gpu": [8.4, 8.1, 7.2, 6.0],
        "cost_usd": [414.0, 400.0, 356.0, 300.0],
        "gap": [1e-5, 1e-4, 1e-3, 2e-3],
        "how": ["exact", "exact", "sample weeks", "sample weeks"],
    }
)


def test_four_pictures(tmp_path: Path, open_page: Callable[..., Any], made: Studied) -> None:
    """A region is chosen and the day follows; the fleets stand in the order of their size; what
    waiting is worth is drawn where its table is there."""
    frames = {**made.frames, "fleet_patience": PATIENCE}
    seen = open_page(write_report(made.results(frames), tmp_path / "report.html").as_uri())
    page = seen.page
    part = page.locator("#part-fleet")
    assert part.locator(".figure").count() == 4
    assert part.locator(".figure.absent").count() == 0
    assert page.locator("#contents").get_by_text("The fleet").count() == 1
    day = page.locator("#figure-fleet-day")
    said = {}
    for option in day.locator("option").all():
        day.locator("select").select_option(option.get_attribute("value"))
        said[option.inner_text()] = day.locator(".answer").inner_text()
    assert len(set(said.values())) == len(said) >= 2
    assert all(name in text for name, text in said.items())
    fleets = made.frames["fleets"].filter(pl.col("held_back_share") == 0)
    least = fleets.filter(pl.col("variant") == "optimal")["gpu"].item()
    regions = page.locator("#figure-fleet-regions")
    assert f"holds {least:.3g} accelerators" in regions.locator(".answer").inner_text()
    # In USD of the year or of the hours: money has its unit on the axis, accelerators their name.
    reach = page.locator("#figure-fleet-reach svg")
    assert "Accelerators" in reach.inner_html()
    assert "USD" in reach.inner_html()
    assert "each region for its own peak" in reach.inner_html()
    patience = page.locator("#figure-fleet-patience .answer").inner_text()
    assert "wait 24 h instead of 0 h needs 6 accelerators instead of 8.4" in patience
    seen.quiet()


def test_no_fleet_no_part(tmp_path: Path, open_page: Callable[..., Any], made: Studied) -> None:
    """Without a fleet the page has no trace of the part, and says why at its foot."""
    frames = {name: f for name, f in made.frames.items() if not name.startswith("fleet")}
    why = "No fleet was looked for: no region has a reserved_usd_per_gpu_year."
    brief = {**made.meta["brief"], "fleet": "", "fleet_assumes": "", "fleet_first": False}
    results = made.results(
        frames, fleet={"status": "skipped"}, brief=brief, limits=[*made.meta["limits"], why]
    )
    seen = open_page(write_report(results, tmp_path / "report.html").as_uri())
    assert seen.page.locator("#part-fleet, p.verdict.fleet, .assumes").count() == 0
    assert seen.page.locator("[id^=figure-fleet]").count() == 0
    assert why in seen.page.locator("footer").inner_text()
    seen.quiet()


def test_results_of_an_older_version(made: Studied) -> None:
    """A brief that knows nothing of fleets is shown as it is."""
    brief = {name: made.meta["brief"][name] for name in ("sentence", "actions", "moves")}
    meta = {name: value for name, value in made.meta.items() if name != "fleet"}
    frames = {name: f for name, f in made.frames.items() if not name.startswith("fleet")}
    page = render_report(Studied(meta, frames).results(brief=brief))
    assert page.count('<p class="verdict') == 1
    assert '<p class="assumes' not in page
