"""The report in a real browser: quiet, complete, operable, and safe against hostile names."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import expect

from tests.studied import Studied
from wattlas.report.report import render_report, write_report
from wattlas.report.view import Server

pytestmark = pytest.mark.browser

PLACEMENT = [
    "map", "regions", "frontier", "hours", "merit", "duration", "benefit", "policies", "relocation",
    "breakeven", "why", "layers",
]  # fmt: skip
TIERS = [
    "tier-verdict", "tier-menu", "tier-targets", "tier-utility", "tier-shares", "tier-designer",
    "tier-pareto", "tier-fallbacks", "tier-segments", "tier-sensitivity", "tier-split",
]  # fmt: skip
FLEET = ["fleet-regions", "fleet-reach", "fleet-day"]
FIGURES = [*PLACEMENT, *FLEET, *TIERS]
HOSTILE = '</script><img src=x onerror="window.hit=1"><b>{a|x}</b>\'"'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, made: Studied) -> str:
    """The address of the report on the disk."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(made.results(), path).as_uri()


def _write(folder: Path, made: Studied, frames: Mapping[str, pl.DataFrame], **changes: Any) -> str:
    path = folder / "report.html"
    path.write_text(render_report(made.results(frames, **changes)), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quiet_complete_and_within_the_window(
    report: str, open_page: Callable[..., Any], width: int, scheme: str
) -> None:
    """One request (itself), no complaint, every picture drawn, nothing wider than the window."""
    seen = open_page(report, width, scheme)
    page = seen.page
    for name in FIGURES:
        figure = page.locator(f"#figure-{name}")
        assert figure.locator(".question").inner_text().endswith("?")
        assert len(figure.locator(".answer").inner_text()) > 20
        assert figure.locator(".chart").get_attribute("aria-label")
        assert figure.locator(".chart").locator("svg path, table tbody tr, .tier").count() >= 3, (
            name
        )
        assert figure.get_by_role("button", name="Download CSV").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "NaN" not in page.inner_text("body")
    assert "undefined" not in page.inner_text("body")
    seen.quiet()


def test_each_choice_redraws_without_complaint(report: str, open_page: Callable[..., Any]) -> None:
    """Every option of every choice and list can be taken."""
    seen = open_page(report)
    page = seen.page
    for name in FIGURES:
        figure = page.locator(f"#figure-{name}")
        classes = figure.locator(".choice[data-key=class] span")
        # Back to the first class at last: another may have no offer, and so no further choice.
        for value in [*classes.all(), *classes.all()[:1]]:
            value.dispatch_event("click")
        for value in figure.locator(".choice:not([data-key=class]) span").all():
            if value.count():  # the choice before may have taken this one away
                value.dispatch_event("click")
        for select in figure.locator("select").all():
            for option in select.locator("option").all()[:6]:
                select.select_option(option.get_attribute("value"))
    seen.quiet()


def test_the_budget_is_dragged(report: str, open_page: Callable[..., Any]) -> None:
    """A looser budget costs no more, the sentence follows, and the address remembers."""
    seen = open_page(report)
    page = seen.page
    slider = page.locator("#figure-frontier input[type=range]")
    said = []
    for value in ("0.8", "1.2"):
        slider.evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }",
            value,
        )
        said.append(page.locator("#figure-frontier .answer").inner_text())
    assert "×0.8" in said[0]
    assert "×1.2" in said[1]
    assert float(page.url.split("frontier.budget=")[1]) == pytest.approx(1.2, abs=0.005)
    cost = [float(text.split("costs USD ")[1].split(" ")[0]) for text in said]
    assert cost[1] <= cost[0]
    seen.quiet()


def test_the_address_restores_the_choices(report: str, open_page: Callable[..., Any]) -> None:
    """A link that was shared shows what its sender saw."""
    first = open_page(report).page
    first.locator("#figure-hours .choice").get_by_text("Carbon").click()
    first.locator("#figure-why select").select_option("lagos")
    said = [first.locator(f"#figure-{n} .answer").inner_text() for n in ("hours", "why")]
    second = open_page(first.url)
    assert [
        second.page.locator(f"#figure-{n} .answer").inner_text() for n in ("hours", "why")
    ] == said
    second.quiet()


def test_the_data_of_each_chart_can_be_had(report: str, open_page: Callable[..., Any]) -> None:
    """The CSV has a header and as many rows as the table says."""
    page = open_page(report).page
    for name in FIGURES:
        figure = page.locator(f"#figure-{name}")
        with page.expect_download() as waiting:
            figure.get_by_role("button", name="Download CSV").click()
        assert waiting.value.suggested_filename == f"wattlas-{name}.csv"
        rows = list(csv.DictReader(Path(waiting.value.path()).read_text("utf-8").splitlines()))
        assert len(rows) >= 3
        figure.get_by_text("Show the data as a table").click()
        expect(figure.locator("details tbody tr")).to_have_count(min(len(rows), 400))


def _hostile_tiers(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Every text that a user's file may bring into a table of the tiers, with markup in it."""
    theirs = {"class", "reason", "fallback", "point", "variant", "hardware", "segment", "zone",
              "parameter", "label", "unit", "prefers"}  # fmt: skip
    return {
        name: frame.with_columns(pl.col(c) + HOSTILE for c in frame.columns if c in theirs)
        for name, frame in frames.items()
        if name.startswith("tier_")
    }


def test_hostile_names_do_nothing(
    tmp_path: Path, open_page: Callable[..., Any], made: Studied
) -> None:
    """Markup in a name is shown as text: in headings, lists, pictures and tooltips."""
    frames = dict(made.frames)
    frames["places"] = frames["places"].with_columns(name=pl.col("id") + HOSTILE)
    frames["benefit"] = frames["benefit"].with_columns(
        label=pl.col("label") + HOSTILE, note=pl.lit(HOSTILE)
    )
    frames["policies"] = frames["policies"].with_columns(
        label=pl.lit(HOSTILE), reason=pl.lit(HOSTILE)
    )
    frames["breakeven"] = frames["breakeven"].with_columns(reason=pl.lit(HOSTILE))
    frames |= _hostile_tiers(frames)
    seen = open_page(
        _write(
            tmp_path, made, frames, scenario={"title": HOSTILE, "notice": HOSTILE}, limits=[HOSTILE]
        )
    )
    page = seen.page
    tiers = [name for name in TIERS if name not in ("tier-verdict", "tier-segments")]
    for name in ("map", "regions", "frontier", "hours", "merit", "benefit", "policies",
                 "relocation", *tiers):  # fmt: skip
        box = page.locator(f"#figure-{name} .chart").first.bounding_box()
        page.locator(f"#figure-{name} .chart").first.scroll_into_view_if_needed()
        assert box is not None
        box = page.locator(f"#figure-{name} .chart").first.bounding_box()
        assert box is not None
        for part in (0.25, 0.4, 0.6):
            page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] * 0.4)
    for name in TIERS:
        assert "<img" in (page.locator(f"#figure-{name}").text_content() or ""), name
    assert "could not be drawn" not in page.inner_text("body")
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    narrow = open_page(page.url, 390).page
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.title().startswith("</script>")
    seen.quiet()


def test_one_region_one_hour(
    tmp_path: Path, open_page: Callable[..., Any], smallest: Studied
) -> None:
    """The smallest world has a report."""
    seen = open_page(_write(tmp_path, smallest, smallest.frames))
    absent = seen.page.locator(".figure.absent")
    assert [figure.get_attribute("id") for figure in absent.all()] == [
        "figure-fleet-patience", "figure-relocation", "figure-breakeven",
    ]  # fmt: skip
    seen.quiet()


def test_empty_tables_are_said_to_be_missing(
    tmp_path: Path, open_page: Callable[..., Any], made: Studied
) -> None:
    """A table without rows is a sentence, not a broken picture."""
    seen = open_page(_write(tmp_path, made, {n: f.clear() for n, f in made.frames.items()}))
    assert seen.page.locator(".figure.absent").count() == len(PLACEMENT)
    assert "not in these results" in seen.page.locator("#figure-merit").inner_text()
    seen.quiet()


def test_nulls_everywhere(tmp_path: Path, open_page: Callable[..., Any], made: Studied) -> None:
    """Whatever may be null is null, and the page still stands."""
    from wattlas.report.columns import COLUMNS

    frames = {
        name: frame.with_columns(
            pl.lit(None, frame.schema[column]).alias(column)
            for column, kind in COLUMNS[name].items()
            if kind.endswith("?")
        )
        for name, frame in made.frames.items()
    }
    seen = open_page(_write(tmp_path, made, frames, totals={}, headline={}, objective={}))
    assert "could not be drawn" not in seen.page.inner_text("body")
    assert "NaN" not in seen.page.inner_text("body")
    seen.quiet()


def test_it_prints_one_page(report: str, open_page: Callable[..., Any]) -> None:
    """On paper: verdict, actions, map and totals on one light page, and no control."""
    seen = open_page(report, 1280, "dark")
    page = seen.page
    pdf = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for part in ("p.verdict", ".actions li >> nth=0", ".map svg", ".totals table", ".notice"):
        assert page.locator(part).first.is_visible(), part
    for part in (".controls", ".tools", "nav", "#figures", "#appendix", "button", "select"):
        assert not page.locator(part).first.is_visible(), part
    assert page.evaluate(
        "[...document.querySelectorAll('.map svg, .totals table')].every("
        "node => node.getBoundingClientRect().right <= 701)"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(253, 252, 249)"
    )
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator(".totals table").is_visible()
    assert page.locator(".map svg").bounding_box()["width"] > 500  # type: ignore[index]
    seen.quiet()


def test_the_server_shows_the_same(open_page: Callable[..., Any], made: Studied) -> None:
    """`wattlas view` serves a page that is as quiet as the file."""
    with Server(made.results()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            seen = open_page(server.url)
            assert seen.page.locator("#figure-why .chosen").count() >= 1
            seen.quiet()
        finally:
            server.shutdown()
            thread.join()
