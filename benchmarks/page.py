"""The report in a browser, where there is one: weight, first screen, length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.registry import Figure

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
WIDTH_PX, HEIGHT_PX = 1440, 900
WEIGHT_MB, FIRST_SCREEN_S, LENGTH_PX = 2.6, 1.5, 9_000.0
FIRST_SCREEN = """Math.max(
  performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
  performance.getEntriesByName('wattlas-first-screen')[0]?.startTime ?? Infinity) / 1000"""
LENGTH = "document.getElementById('appendix').getBoundingClientRect().top + scrollY"
DRAWN = "!document.querySelector('#figures .chart.waiting')"


def page(report: Path) -> Iterator[Figure]:
    """Figures of a report; its length with every picture before the appendix drawn."""
    yield Figure("page: weight", report.stat().st_size / 1e6, unit="MB", target=WEIGHT_MB)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    if not CHROMIUM.exists():
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        window = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        window.goto(report.as_uri())
        window.wait_for_timeout(2000)
        first_s = float(window.evaluate(FIRST_SCREEN))
        # A picture is drawn when it comes near the window, and takes its height then.
        while not window.evaluate(DRAWN):
            waiting = window.locator("#figures .chart.waiting").first
            waiting.scroll_into_view_if_needed()
            window.wait_for_timeout(300)
        length = float(window.evaluate(LENGTH))
        browser.close()
    yield Figure("page: first screen", first_s, target=FIRST_SCREEN_S, note="headless Chromium")
    yield Figure("page: length before the appendix", length, unit="px", target=LENGTH_PX,
                 note=f"{WIDTH_PX} px wide, all drawn")  # fmt: skip
