"""What a reader sees first, at three widths, of every fleet: whole, legible, and open to everyone.

A fleet is one line of `FLEETS`: its name, and the settings that make it from the tiny example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Watched, drawn, watch
from tests.studied import CLASSES, SMALLEST, Studied, studied
from wattlas.report.report import write_report

pytestmark = pytest.mark.browser

FLEETS: dict[str, tuple[str, ...]] = {
    "four-classes": CLASSES,
    "smallest": (*CLASSES, *SMALLEST),
    "least-carbon": (*CLASSES, "objective.minimise=carbon"),
}
WIDTHS = (360, 768, 1440)
FOCUSED = """(() => {
  const node = document.activeElement, figure = node.closest('.figure');
  return figure && [figure.id, node.closest('[data-key]')?.dataset.key, node.type];
})()"""
CONTROLS = """[...document.querySelectorAll('section.figure [data-key]')].map(
  node => [node.closest('.figure').id, node.dataset.key])"""
FOCUS = """([figure, key]) => {
  const control = document.querySelector(
    `#${figure} [data-key="${key}"] :is(input:checked, select, [type=range])`);
  control?.focus();
  return Boolean(control);
}"""
REDRAW = """(id) => Wattlas.figures.find((figure) => figure.root.id === id).draw()"""
LABELS = """() => {
  const choices = document.querySelectorAll('#figure-map .choice[data-key=show] span');
  return [...choices].map((span) => {
  span.click();
  const box = (node) => { const b = node.getBoundingClientRect();
    return [b.left, b.top, b.right, b.bottom, node.textContent]; };
  return [box(document.querySelector('.map svg')),
    [...document.querySelectorAll('.map-label')].map(box)];
})}"""
"""For each choice of what the map shows: the map's box, and those of its labels."""
AXE = Axe()
AXE_OPTIONS: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
WITHOUT_CONTRAST = {"color-contrast": {"enabled": False}}
COLOURED = """() => [...document.querySelectorAll('[style]:not(svg *)')].filter((node) =>
  /color|background/.test(node.getAttribute('style')) && node.textContent.trim()
  && !node.closest('.tip, [_echarts_instance_]')).map((node) => node.outerHTML.slice(0, 120))"""
"""What has a colour of its own, not one of the style sheet, and words."""
FIRST_SCREEN_S = 1.5
"""Script and layout of the first screen, as the page's own thread counts them."""


@pytest.fixture(scope="session", params=list(FLEETS))
def fleet(request: pytest.FixtureRequest, run_folder: Path) -> tuple[str, Studied]:
    """A fleet's name and its study; one for the whole test run."""
    return request.param, studied(run_folder, request.param, FLEETS[request.param])


def test_the_first_screen(fleet: tuple[str, Studied], tmp_path: Path, browser: Browser) -> None:
    """It stands soon, the appendix waits, one switch colours the map; then, at three widths: no
    broken number, nothing wider than the window, names apart, and axe finds nothing serious.

    One page is looked at for all of it: opening it is what takes the time.
    """
    name, made = fleet
    report = write_report(made.results(), tmp_path / "report.html").as_uri()
    context, seen = watch(browser, WIDTHS[-1], "light")
    stands_soon(seen, report)
    drawn(seen.page, appendix=False)
    what_is_not_asked_for_is_not_drawn(seen.page)
    one_switch_colours_the_map(seen.page)
    drawn(seen.page)
    numbers_are_numbers(seen.page)
    for width in at_each_width(seen):
        holds_the_answer(seen.page, made, width)
        names_are_apart(seen.page)
        nothing_serious(seen.page, contrast=name == "four-classes" or width == WIDTHS[0])
    assert seen.page.evaluate(COLOURED) == []
    seen.quiet()
    context.close()


def at_each_width(seen: Watched) -> Iterator[int]:
    """The window at each width in turn, once what stands in it has been laid out."""
    page = seen.page
    for width in WIDTHS:
        seen.look(width)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_selector(".map svg")
        page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")
        yield width


def holds_the_answer(page: Page, fleet: Studied, width: int) -> None:
    """At 1440 × 900 verdict, actions and map; at 360 the verdict and the first action."""
    brief = fleet.meta["brief"]
    told = {"routing": "sentence", "fleet": "fleet"}
    for of, key in told.items():
        said = page.locator(f"p.verdict.{of}").all_inner_texts()
        assert [text.replace("\u00a0", " ") for text in said] == [brief[key]] * bool(brief[key])
    assert page.locator("p.assumes").count() == bool(brief["fleet"])
    items = page.locator(".actions li")
    assert items.count() == len(brief["actions"]) <= 3
    parts = [*page.locator("p.verdict").all(), *items.all()[: 1 if width < 1000 else 3]]
    if width >= 1000:
        parts.append(page.locator(".map svg"))
    for part in parts:
        box = part.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= width  # noqa: PT018
        assert box["y"] >= 0 and box["y"] + box["height"] <= 900  # noqa: PT018
    if width >= 1000 and items.count():
        left, right = items.first.bounding_box(), page.locator(".map svg").bounding_box()
        assert left is not None and right is not None  # noqa: PT018
        assert left["x"] + left["width"] <= right["x"], "the map stands beside"


def names_are_apart(page: Page) -> None:
    """No label of the map lies over another, or beyond the map."""
    shown = page.evaluate(LABELS)
    assert shown
    for (x0, y0, x1, y1, _), boxes in shown:
        assert boxes
        for left, top, right, bottom, text in boxes:
            assert x0 - 1 <= left and right <= x1 + 1, text  # noqa: PT018
            assert y0 - 1 <= top and bottom <= y1 + 1, text  # noqa: PT018
        for a, b in combinations(boxes, 2):
            over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert min(over) <= 1.5, (a, b)
    page.locator("#figure-map .choice[data-key=show] span").first.click()


def numbers_are_numbers(page: Page) -> None:
    """No NaN, undefined or Infinity, and no share above 100 % without a word that says of what."""
    text = page.inner_text("body")
    for wrong in ("NaN", "undefined", "Infinity", "null"):
        assert wrong not in text, wrong
    for line in text.splitlines():
        for number in re.findall(r"([\d,.]+)[\s\u00a0]?%", line):
            if float(number.replace(",", "").rstrip(".") or 0) > 100:
                assert re.search(r"above|more|times", line), line


def nothing_serious(page: Page, *, contrast: bool = True) -> None:
    """axe-core has no finding that it calls serious or critical.

    Contrast takes four fifths of its time. It is asked of the page of four classes at every width,
    and of each other kind of page at the least one, where letters are smallest and so the bounds
    are strictest.
    """
    options = AXE_OPTIONS if contrast else AXE_OPTIONS | {"rules": WITHOUT_CONTRAST}
    found = AXE.run(page, options=options).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in serious
    ]


def test_focus_stays(report: str, opened: Callable[..., Any]) -> None:
    """After a choice, a list and a slider the keyboard is where it was; on a redraw, too."""
    seen = opened(report)
    page = seen.page
    controls = page.evaluate(CONTROLS)
    assert controls
    tried = 0
    for figure, key in controls:
        if not page.evaluate(FOCUS, [figure, key]):
            continue  # the class of another control has no offer, and so no slider
        before = page.evaluate(FOCUSED)
        assert before[:2] == [figure, key]
        for way in ("ArrowRight", "ArrowLeft"):
            page.keyboard.press(way)
            assert page.evaluate(FOCUSED) == before
        page.evaluate(REDRAW, figure)
        assert page.evaluate(FOCUSED) == before
        tried += 1
    assert tried > 10
    page.evaluate("dispatchEvent(new Event('hashchange'))")
    assert page.evaluate(FOCUSED) == before
    seen.quiet()


def stands_soon(seen: Watched, report: str) -> None:
    """Work of the page's own thread until the first screen stands, on a busy machine, too."""
    page = seen.page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(report, wait_until="commit")
    page.wait_for_selector("html.ready", state="attached")
    taken = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    assert page.evaluate("performance.getEntriesByName('wattlas-first-screen').length") == 1
    assert taken["TaskDuration"] < FIRST_SCREEN_S


def what_is_not_asked_for_is_not_drawn(page: Page) -> None:
    """A figure of the appendix is empty until it is opened, by mouse, by key or by its link."""
    closed = page.locator("details.figure:not(.absent)")
    assert closed.count() >= 1
    assert closed.locator(".chart svg, .chart table").count() == 0
    assert not any(answer.is_visible() for answer in closed.locator(".answer").all())
    closed.first.locator("> summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("details.figure[open] .chart svg")
    assert len(closed.first.locator(".answer").inner_text()) > 20


def one_switch_colours_the_map(page: Page) -> None:
    """Carbon or price: the discs and the legend follow."""
    seen = []
    for name in ("Carbon", "Price"):
        page.locator("#figure-map .choice[data-key=colour]").get_by_text(name).click()
        fills = page.locator(".map .region circle:first-child").evaluate_all(
            "nodes => nodes.map(n => n.getAttribute('fill') + n.getAttribute('stroke'))"
        )
        seen.append((fills, page.locator(".map .legend").inner_text()))
    assert seen[0][0] != seen[1][0]
    assert "g/kWh" in seen[0][1]
    assert "USD/MWh" in seen[1][1]
    page.locator("#figure-map .choice[data-key=colour]").get_by_text("Carbon").click()
