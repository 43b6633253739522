"""Green tiers in the report: one part of the page, sliders, and words where there is no offer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from tests.browser.test_report_page import TIERS, _write
from tests.studied import Studied
from wattlas.report.columns import COLUMNS
from wattlas.studies import registry, words

pytestmark = pytest.mark.browser

OFFERS = ["designer", "pareto", "fallbacks", "segments", "sensitivity", "split"]


def said(page: Page, name: str) -> str:
    """The sentence above one picture of the tiers."""
    return page.locator(f"#figure-tier-{name} .answer").inner_text()


def percent_of(share: float) -> str:
    """A share as the page writes it: three digits, two below a tenth."""
    return f"{share * 100:.{3 if share > 0.0995 else 2}g} %"


def without_tiers(made: Studied) -> dict[str, pl.DataFrame]:
    """The study before anybody thought of tiers."""
    return {name: t for name, t in made.frames.items() if not name.startswith("tier_")}


def test_results_without_tiers_have_no_such_part(
    tmp_path: Path, open_page: Callable[..., Any], made: Studied
) -> None:
    """No heading, no link, no row of missing pictures."""
    seen = open_page(_write(tmp_path, made, without_tiers(made)))
    assert seen.page.locator("#part-tiers, [id^=figure-tier]").count() == 0
    assert "Green tiers" not in seen.page.inner_text("body")
    assert seen.page.locator("nav li").all_inner_texts()[-1] == "Appendix"
    seen.quiet()


def test_the_part_has_its_heading_and_its_link(report: str, opened: Callable[..., Any]) -> None:
    """Some stand under one heading, the rest in the appendix; the contents name both."""
    seen = opened(report)
    page = seen.page
    part = page.locator("#part-tiers")
    assert part.locator("h2").all_inner_texts() == ["Green tiers"]
    body = [f"figure-{made.id}" for made in registry.figures() if made.part is registry.TIERS
            and made.depth is registry.Depth.BODY]  # fmt: skip
    assert part.locator(".figure").evaluate_all("nodes => nodes.map(n => n.id)") == body
    assert page.locator("[id^=figure-tier]").count() == len(TIERS)
    assert page.locator("#appendix [id^=figure-tier] > summary h4").count() == len(TIERS) - len(
        body
    )
    page.locator("nav").get_by_role("link", name="Green tiers").click()
    expect(part.locator("h2")).to_be_in_viewport()
    page.locator("nav").get_by_role("link", name="Appendix").click()
    expect(page.locator("#appendix-title")).to_be_in_viewport()
    seen.quiet()


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory, made: Studied) -> str:
    """The address of a report where a table is missing, a zone cannot meet a cap, and lists are
    long: forty fallbacks and twenty caps."""
    frames = dict(made.frames)
    frames["tier_split"] = frames["tier_split"].clear()
    frames["tier_shares"] = frames["tier_shares"].with_columns(
        share=pl.when((pl.col("zone") == "IN") & (pl.col("cap_share") < 0.95)).then(None)
        .otherwise("share")
    )  # fmt: skip
    frames["tier_fallbacks"] = pl.concat(
        frames["tier_fallbacks"].with_columns(
            fallback=pl.col("fallback") + f"-{n}",
            profit_gain_usd=pl.col("profit_gain_usd") * (1 - n / 20),
        )
        for n in range(8)
    )
    frames["tier_targets"] = pl.concat(
        frames["tier_targets"].with_columns(cap_g=pl.col("cap_g") * (1 + n / 50)) for n in range(5)
    )
    return _write(tmp_path_factory.mktemp("unusual"), made, frames)


def test_a_single_table_that_is_missing_is_named(unusual: str, opened: Callable[..., Any]) -> None:
    """Where there is an offer, a picture without its table says which one it lacks."""
    seen = opened(unusual)
    assert "table tier_split is not in these results" in said(seen.page, "split")
    assert seen.page.locator("[id^=figure-tier].absent").count() == 1
    seen.quiet()


def test_no_tier_is_said_plainly(
    tmp_path: Path, open_page: Callable[..., Any], made: Studied
) -> None:
    """Where no class has an offer, each picture that needs one says so, and none is empty."""
    frames = dict(made.frames)
    offers = ("grid", "pareto", "fallbacks", "segments", "sensitivity", "split")
    frames |= {f"tier_{name}": frames[f"tier_{name}"].clear() for name in offers}
    nulls = [c for c, kind in COLUMNS["tier_verdicts"].items() if kind.endswith("?")]
    frames["tier_verdicts"] = frames["tier_verdicts"].with_columns(
        pl.lit(False).alias("worth"), *(pl.lit(None).alias(c) for c in nulls)
    )
    seen = open_page(_write(tmp_path, made, frames))
    assert said(seen.page, "verdict").startswith("No tier is worth offering for any of the 4")
    for text in seen.page.locator(".tier > p:nth-of-type(2)").all_inner_texts():
        assert re.match(r"No tier is worth offering for class \w+ \([A-D]\), because \w", text)
    for name in OFFERS:
        assert said(seen.page, name).startswith("No tier is worth offering for any class, so ")
        assert seen.page.locator(f"#figure-tier-{name} svg").count() == 0
    seen.quiet()


def test_a_class_without_an_offer(report: str, opened: Callable[..., Any]) -> None:
    """The choice of a class is one for all pictures; where it has no offer, they say so."""
    seen = opened(report)
    page = seen.page
    page.locator("#figure-tier-menu [data-key=class]").get_by_text(
        "background (C)", exact=True
    ).click()
    assert "tiers.class=C" in page.url
    for name in ("menu", "targets", "utility"):
        assert "lass background (C)" in said(page, name) or name == "targets"
    for name in OFFERS[:-1]:
        assert said(page, name).startswith("No tier is worth offering for class background (C)")
        assert page.locator(
            f"#figure-tier-{name} [data-key=class] input:checked"
        ).input_value() == ("C")
        expect(page.locator(f"#figure-tier-{name} .tools")).to_be_hidden()
    assert said(page, "split").startswith("Geography and tiers together save")
    page.locator("#figure-tier-segments [data-key=class]").get_by_text(
        "assistant (B)", exact=True
    ).click()
    assert "Class assistant (B)" in said(page, "menu")
    assert "off for at most" in said(page, "designer")
    expect(page.locator("#figure-tier-segments .tools")).to_be_visible()
    seen.quiet()


def test_the_designer_opens_at_the_offer(
    report: str, opened: Callable[..., Any], made: Studied
) -> None:
    """Without a choice the sliders stand at what the verdict recommends, and say the same."""
    page = opened(report).page
    best = made.frames["tier_verdicts"].sort("profit_gain_usd", nulls_last=True)
    row = best.filter("worth").tail(1).to_dicts()[0]
    text = said(page, "designer")
    percent = {name: percent_of(row[name]) for name in ("discount", "share", "adoption")}
    assert f"{percent['discount']} off for at most {percent['share']}" in text
    assert f"{percent['adoption']} of the requests" in text
    assert words.money(row["profit_gain_usd"]) in text


@pytest.mark.parametrize(("discount", "share"), [(0.1, 0.3), (0.115, 0.33), (0.4, 1.0), (0.0, 0.0)])
def test_the_designer_interpolates(
    report: str, opened: Callable[..., Any], discount: float, share: float, made: Studied
) -> None:
    """Between the points of the grid the figures are bilinear, as computed here."""
    page = opened(report, f"tier-designer.discount={discount}&tier-designer.share={share}").page
    grid = made.frames["tier_grid"].filter(pl.col("class") == "A").sort("discount", "share")
    axes = [grid[a].unique().sort().to_numpy() for a in ("discount", "share")]
    at = [
        np.interp(np.clip(x, axis[0], axis[-1]), axis, np.arange(len(axis)))
        for x, axis in zip((discount, share), axes, strict=True)
    ]
    weights = [
        np.maximum(0, 1 - abs(np.arange(len(axis)) - x)) for x, axis in zip(at, axes, strict=True)
    ]
    shape = tuple(map(len, axes))
    adoption = weights[0] @ grid["adoption"].to_numpy().reshape(shape) @ weights[1]
    assert f", {percent_of(adoption)} of the requests" in said(page, "designer")
    kg = weights[0] @ grid["carbon_saved_kg"].to_numpy().reshape(shape) @ weights[1]
    title = page.locator("#figure-tier-designer svg").text_content() or ""
    assert f"Carbon saved: {words.mass(kg)}" in title or kg == 0


@pytest.mark.parametrize(
    ("name", "key", "arrow"),
    [
        ("designer", "discount", "ArrowRight"),
        ("designer", "share", "ArrowLeft"),
        ("shares", "cap", "ArrowLeft"),
    ],
)
def test_sliders_work_by_keyboard(
    report: str, opened: Callable[..., Any], name: str, key: str, arrow: str
) -> None:
    """Arrows move a slider, words and address follow, and the slider keeps the focus."""
    seen = opened(report)
    page = seen.page
    slider = page.locator(f"#figure-tier-{name} [data-key={key}] input")
    before, words = said(page, name), slider.get_attribute("aria-valuetext")
    slider.focus()
    for _ in range(3):
        page.keyboard.press(arrow)
    assert said(page, name) != before
    assert slider.get_attribute("aria-valuetext") != words
    assert f"tier-{name}.{key}=" in page.url
    expect(slider).to_be_focused()
    page.keyboard.press("Home")
    assert slider.input_value() == slider.get_attribute("min")
    seen.quiet()


def test_a_class_is_chosen_by_keyboard(report: str, opened: Callable[..., Any]) -> None:
    """The arrow keys go through the classes, for all pictures at once."""
    seen = opened(report)
    seen.page.locator("#figure-tier-pareto [data-key=class] input").first.focus()
    seen.page.keyboard.press("ArrowRight")
    assert "Class assistant (B)" in said(seen.page, "menu")
    expect(seen.page.locator("#figure-tier-pareto [data-key=class] input").nth(1)).to_be_focused()
    seen.quiet()


def test_shares_are_those_of_the_table(
    report: str, opened: Callable[..., Any], made: Studied
) -> None:
    """At 90 % the sentence names the least and the largest share, and the blind one beside."""
    page = opened(report).page
    at = made.frames["tier_shares"].filter(
        (pl.col("cap_share") - 0.9).abs() < 1e-9, pl.col("place") == "local"
    )
    budget = at.filter(rule="budget").sort("share")
    text = said(page, "shares")
    for row in (budget.row(0, named=True), budget.row(-1, named=True)):
        assert f"{row['zone']} " in text
        assert percent_of(row["share"]) in text
    blind = at.filter(rule="blind")["share"].to_numpy().mean()
    # The page holds six digits: 0.1375 there is 0.13749999 here, on the other side of a rounding.
    assert f"Blind to carbon it would be {percent_of(round(float(blind), 6))}" in text


def test_a_cap_that_cannot_be_met(unusual: str, opened: Callable[..., Any]) -> None:
    """A zone without a share is counted and listed as such; the others are drawn."""
    seen = opened(unusual)
    assert "1 zone cannot meet it." in said(seen.page, "shares")
    assert "none" in (seen.page.locator("#figure-tier-shares svg").text_content() or "")
    seen.quiet()


def test_utility_at_full_and_fallback(
    report: str, opened: Callable[..., Any], made: Studied
) -> None:
    """What a segment loses is the surface at full service less the surface at the fallback."""
    page = opened(report).page
    frames = made.frames
    menu = frames["tier_menu"].filter(pl.col("class") == "A")
    verdict = frames["tier_verdicts"].filter(pl.col("class") == "A").to_dicts()[0]
    # A menu tells service times; what a user feels is the way there and back beside.
    way = verdict["full_latency_ms"] - menu.filter(role="full")["service_ms"][0]
    lost = {}
    for segment in frames["tier_segments"]["segment"].unique():
        rows = frames["tier_utility"].filter(pl.col("class") == "A", pl.col("segment") == segment)
        felt = []
        for role in ("full", "fallback"):
            point = menu.filter(role=role).to_dicts()[0]
            a, ms = (rows[c].unique().sort().to_numpy() for c in ("accuracy", "latency_ms"))
            grid = rows.sort("accuracy", "latency_ms")["utility"].to_numpy().reshape(25, 25)
            along = [np.interp(point["service_ms"] + way, ms, line) for line in grid]
            felt.append(float(np.interp(point["accuracy"], a, along)))
        lost[segment] = felt[0] - felt[1]
    text = said(page, "utility")
    for segment in (max(lost, key=lost.__getitem__), min(lost, key=lost.__getitem__)):
        assert f"{segment} loses {lost[segment]:.2g}" in text


@pytest.fixture(scope="module")
def bench(report: str, opened: Callable[..., Any]) -> Page:
    """A page whose functions can be called; they read no choice and make none."""
    page: Page = opened(report).page
    return page


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2), st.integers(0, 1000))
def test_a_surface_is_bilinear(bench: Page, x: float, y: float, seed: int) -> None:
    """On uneven grids the page reads what numpy does, and the edge beyond the grid."""
    rng = np.random.default_rng(seed)
    xs, ys = np.r_[0.0, 0.2, 0.7, 1.0], np.r_[0.0, 0.5, 0.6, 1.0]
    z = rng.normal(size=(4, 4))
    rows = [{"x": float(a), "y": float(b), "z": float(z[i, j])}
            for i, a in enumerate(xs) for j, b in enumerate(ys)]  # fmt: skip
    got = bench.evaluate(
        "([rows, x, y]) => Wattlas.surface(rows, 'x', 'y', (row) => row.z).at(x, y)", [rows, x, y]
    )
    want = np.interp(x, xs, [np.interp(y, ys, line) for line in z])
    assert got == pytest.approx(float(want), abs=1e-9)


def test_contours_lie_on_their_level(bench: Page) -> None:
    """Of a circle's height: every point of a contour is as far from the centre as it should be."""
    axis = np.linspace(-1, 1, 41)
    rows = [{"x": float(a), "y": float(b), "z": float(np.hypot(a, b))} for a in axis for b in axis]
    pieces = bench.evaluate(
        "(rows) => Wattlas.contour(Wattlas.surface(rows, 'x', 'y', (row) => row.z), 0.63)", rows
    )
    points = np.array(pieces)
    assert points.shape[1:] == (2, 2)
    assert np.hypot(points[..., 0], points[..., 1]) == pytest.approx(0.63, abs=2e-3)
    length = np.hypot(*(points[:, 0] - points[:, 1]).T).sum()
    assert length == pytest.approx(2 * np.pi * 0.63, rel=0.01)


def test_levels_are_round(bench: Page) -> None:
    """Strictly between the ends, evenly spaced, none where there is no range."""
    assert bench.evaluate("Wattlas.levels(0.07, 0.97)") == [0.2, 0.4, 0.6, 0.8]
    assert bench.evaluate("Wattlas.levels(0, 0.6)") == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert bench.evaluate("Wattlas.levels(3, 3)") == []


@pytest.mark.parametrize("choice", ["profit", "carbon", "adoption"])
def test_the_longest_bar_is_on_top(
    report: str, opened: Callable[..., Any], choice: str, made: Studied
) -> None:
    """The sentence of the tornado names the assumption that moves the result most."""
    page = opened(report, f"tier-sensitivity.of={choice}").page
    column = {"profit": "profit_gain_{}_usd", "carbon": "carbon_saved_{}_kg"}.get(
        choice, "adoption_{}"
    )
    rows = made.frames["tier_sensitivity"].filter(pl.col("class") == "A").to_dicts()

    def swing(row: dict[str, Any]) -> float:
        low, base, high = (row[column.format(side)] for side in ("low", "base", "high"))
        return float(max(abs(low - base), abs(high - base)))

    assert f"“{max(rows, key=swing)['label']}”" in said(page, "sensitivity")


def test_long_lists_are_cut_and_say_so(
    unusual: str, opened: Callable[..., Any], made: Studied
) -> None:
    """The best are drawn, the tables below hold all."""
    fallbacks, frames = made.frames["tier_fallbacks"], made.frames
    seen = opened(unusual)
    of_a = fallbacks.filter(pl.col("class") == "A").sort("profit_gain_usd")
    assert f"Of {8 * of_a.height} fallbacks the 12 best are drawn" in (
        seen.page.locator("#figure-tier-fallbacks .notes").inner_text()
    )
    best = f"one level below full service is best: {of_a['fallback'][-1]}-0 gains"
    assert best in said(seen.page, "fallbacks")
    targets = frames["tier_targets"].filter(pl.col("class") == "A")["cap_g"]
    caps = len({cap * (1 + n / 50) for cap in targets for n in range(5)})
    assert f"8 of {caps} caps are drawn" in (
        seen.page.locator("#figure-tier-targets .notes").inner_text()
    )
    seen.page.locator("#figure-tier-fallbacks .tools summary").click()
    rows = seen.page.locator("#figure-tier-fallbacks .tools tbody tr")
    expect(rows).to_have_count(8 * of_a.height)
    seen.quiet()
