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

from tests.studied import Studied
from wattlas.report.report import render_report
from wattlas.report.view import ResultsServer

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
CLASSES = "#figure-{} .choice[data-key=class]"
HOSTILE = '</script><img src=x onerror="window.hit=1"><b>{a|x}</b>\'"'


# What a reader sees of a figure, and what of it is operable.
SEEN = """(names) => names.map((name) => {
  const figure = document.getElementById(`figure-${name}`), chart = figure.querySelector('.chart');
  return {
    question: figure.querySelector('.question').innerText,
    answer: figure.querySelector('.answer').innerText,
    alt: chart.getAttribute('aria-label'),
    marks: chart.querySelectorAll('svg path, table tbody tr, .tier').length,
    buttons: [...figure.querySelectorAll('button')].map((node) => node.innerText),
  };
})"""
# Every option of a figure, taken in turn as a mouse or a list takes it. A choice may bring or take
# away others, so each is looked for anew. A class is one for all figures of the tiers: the first of
# them takes every class, the others another one and the first again.
CHOOSE = """([name, all]) => {
  const figure = document.getElementById(`figure-${name}`);
  const find = (selector) => [...figure.querySelectorAll(selector)];
  let taken = 0;
  const click = (span) => { span.click(); taken += 1; };
  const classes = '.choice[data-key=class] span';
  find(classes).slice(all ? 0 : 1, all ? undefined : 2).forEach(click);
  find(classes).slice(0, 1).forEach(click);
  const others = '.choice:not([data-key=class]) span';
  for (let n = 0; n < find(others).length; n++) click(find(others)[n]);
  for (let at = 0; at < find('select').length; at++)
    for (let n = 0; n < Math.min(6, find('select')[at].options.length); n++) {
      const select = find('select')[at];
      select.selectedIndex = n;
      for (const kind of ['input', 'change'])
        select.dispatchEvent(new Event(kind, { bubbles: true }));
      taken += 1;
    }
  return taken;
}"""
# The text of each figure's file and the rows of its table; only the last step of saving is not
# taken.
DATA = """async (names) => {
  const download = Wattlas.download, got = [];
  for (const name of names) {
    const figure = document.getElementById(`figure-${name}`);
    const files = [];
    Wattlas.download = (...file) => files.push(file);
    [...figure.querySelectorAll('button')].find((n) => n.innerText === 'Download CSV').click();
    Wattlas.download = download;
    const details = figure.querySelector('.tools details');
    const filled = new Promise((done) => details.addEventListener('toggle', done, { once: true }));
    details.querySelector('summary').click();
    await filled;
    got.push([files, details.querySelectorAll('tbody tr').length]);
  }
  return got;
}"""
BOX = """(name) => {
  const chart = document.querySelector(`#figure-${name} .chart`);
  chart.scrollIntoView({ block: 'center', behavior: 'instant' });
  const box = chart.getBoundingClientRect();
  return [box.left, box.top, box.width, box.height];
}"""


def _write(folder: Path, made: Studied, frames: Mapping[str, pl.DataFrame], **changes: Any) -> str:
    path = folder / "report.html"
    path.write_text(render_report(made.results(frames, **changes)), encoding="utf-8")
    return path.as_uri()


def test_quiet_complete_and_within_the_window(report: str, open_page: Callable[..., Any]) -> None:
    """One request (itself), no complaint, every picture drawn, nothing wider than the window: on a
    phone and on a desk, in light and in dark colours."""
    seen = open_page(report, 390, "dark")
    page = seen.page
    for width, scheme in ((390, "dark"), (1280, "dark"), (1280, "light"), (390, "light")):
        seen.look(width, scheme)
        for name, figure in zip(FIGURES, page.evaluate(SEEN, FIGURES), strict=True):
            assert figure["question"].endswith("?"), name
            assert len(figure["answer"]) > 20, name
            assert figure["alt"], name
            assert figure["marks"] >= 3, name
            assert figure["buttons"].count("Download CSV") == 1, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        text = page.inner_text("body")
        assert "NaN" not in text
        assert "undefined" not in text
    seen.quiet()


def test_each_choice_redraws_without_complaint(report: str, opened: Callable[..., Any]) -> None:
    """Every option of every choice and list can be taken; without them the page is as it was."""
    seen = opened(report)
    before = seen.page.evaluate(SEEN, FIGURES)
    first_of_tiers = True
    for name in FIGURES:
        shared = name in TIERS and bool(seen.page.query_selector(CLASSES.format(name)))
        taken = seen.page.evaluate(CHOOSE, [name, first_of_tiers or not shared])
        assert taken >= 2 or not seen.page.query_selector(f"#figure-{name} [data-key]"), name
        first_of_tiers &= not shared
    assert seen.page.evaluate("location.hash.length") > 1
    seen.quiet()
    seen.restore()
    assert seen.page.evaluate(SEEN, FIGURES) == before


def test_the_budget_is_dragged(report: str, opened: Callable[..., Any]) -> None:
    """A looser budget costs no more, the sentence follows, and the address remembers."""
    seen = opened(report)
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


def test_the_address_restores_the_choices(
    report: str, opened: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    """A link that was shared shows what its sender saw."""
    first = opened(report).page
    first.locator("#figure-hours .choice").get_by_text("Carbon").click()
    first.locator("#figure-why select").select_option("lagos")
    said = [first.locator(f"#figure-{n} .answer").inner_text() for n in ("hours", "why")]
    second = open_page(first.url)
    assert [
        second.page.locator(f"#figure-{n} .answer").inner_text() for n in ("hours", "why")
    ] == said
    second.quiet()


def test_the_data_of_each_chart_can_be_had(report: str, opened: Callable[..., Any]) -> None:
    """The CSV has a header and as many rows as the table says."""
    page = opened(report).page
    for name, (files, shown) in zip(FIGURES, page.evaluate(DATA, FIGURES), strict=True):
        ((file, text),) = files
        assert file == f"wattlas-{name}.csv"
        rows = list(csv.DictReader(text.splitlines()))
        assert len(rows) >= 3
        assert shown == min(len(rows), 400)


def test_a_file_comes_down(report: str, opened: Callable[..., Any]) -> None:
    """The button saves the file under its name, with the text that the page made."""
    page = opened(report).page
    figure = page.locator("#figure-why")
    with page.expect_download() as waiting:
        figure.get_by_role("button", name="Download CSV").click()
    assert waiting.value.suggested_filename == "wattlas-why.csv"
    ((((_, text),), _),) = page.evaluate(DATA, ["why"])
    assert Path(waiting.value.path()).read_bytes().decode("utf-8") == text


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
        left, top, width, height = page.evaluate(BOX, name)
        assert width > 0
        for part in (0.25, 0.4, 0.6):
            page.mouse.move(left + width * part, top + height * 0.4)
    for name in TIERS:
        assert "<img" in (page.locator(f"#figure-{name}").text_content() or ""), name
    assert "could not be drawn" not in page.inner_text("body")
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    seen.look(390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.title().startswith("</script>")
    seen.quiet()


def test_one_region_one_hour(
    tmp_path: Path, open_page: Callable[..., Any], smallest: Studied
) -> None:
    """The smallest world has a report."""
    seen = open_page(_write(tmp_path, smallest, smallest.frames))
    absent = seen.page.locator(".figure.absent")
    assert [figure.get_attribute("id") for figure in absent.all()] == [
        "figure-relocation", "figure-breakeven", "figure-fleet-patience",
    ]  # fmt: skip
    assert seen.page.locator("#figures .figure.absent").count() == 0
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


def test_it_prints_one_page(report: str, opened: Callable[..., Any]) -> None:
    """On paper: verdict, actions, map and totals on one light page, and no control."""
    seen = opened(report)
    seen.look(scheme="dark")
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
    with ResultsServer(made.results()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            seen = open_page(server.url)
            assert seen.page.locator("#figure-why .chosen").count() >= 1
            seen.quiet()
        finally:
            server.shutdown()
            thread.join()
