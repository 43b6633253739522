"""Results in a notebook: as frames of polars and pandas, as HTML, as a drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.shipped import shipped
from tests.studied import CLASSES
from wattlas.data.scenario_file import EXAMPLES
from wattlas.errors import UsageError
from wattlas.model.frontier import Frontier
from wattlas.model.scenario_listing import regions_listing
from wattlas.model.shown import FrameColumns, listing_html
from wattlas.model.table import Column, Kind, Listing
from wattlas.studies.board import Ways

RESULTS: dict[str, Callable[[], Any]] = {
    "plan": lambda: wattlas.plan(shipped("tiny")),
    "frontier": lambda: wattlas.frontier(shipped("tiny"), "class:A"),
    "breakeven": lambda: wattlas.breakeven(shipped("tiny"), "D", "oslo", "austin"),
    "weights": lambda: wattlas.weights(shipped("tiny")),
    "fit": lambda: wattlas.fit_users(EXAMPLES / "tiny" / "choices.csv"),
    "sweep": lambda: wattlas.sweep(shipped("tiny"), "regions.*.pue", [1.1, 1.3]),
    "tier_shares": lambda: wattlas.tier_shares(shipped("tiny"), "D", ways=Ways(green_share=0.4)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_is_a_frame_and_a_table(name: str) -> None:
    """polars and pandas hold the same columns and values; a notebook draws it."""
    result = RESULTS[name]()
    rows, other = result.to_polars(), result.to_pandas()
    assert rows.height == len(other) > 0
    assert list(other.columns) == rows.columns
    for column, kind in rows.schema.items():
        if kind.is_numeric():
            assert np.array_equal(other[column], rows[column].to_numpy(), equal_nan=True)
        elif isinstance(kind, pl.Datetime):
            assert str(other[column].dt.tz) == "UTC"
            assert other[column].to_list() == rows[column].to_list()
        else:
            assert other[column].to_list() == rows[column].to_list()
    drawn = result._repr_html_()
    assert drawn.count("<table>") == drawn.count("</table>") == 1


def test_studies_have_tables_by_name() -> None:
    """A study gives each of its tables, says the answer in a notebook, and names what is there."""
    study = wattlas.study(shipped("tiny"), samples=3)
    assert study.to_polars("benefit").height > 0
    assert list(study.to_pandas("policies")["policy"]) == list(study.tables["policies"]["policy"])
    assert study.meta["brief"]["actions"][0] in study._repr_html_()
    with pytest.raises(KeyError, match="policies"):
        study.to_polars("policy")


def test_a_design_has_tables_by_name() -> None:
    """A design of tiers gives its tables, and says in a notebook what is worth offering."""
    world = shipped("tiny", set=CLASSES)
    design = wattlas.design_tiers(world, size=20, sensitive=False)
    assert design.to_polars("tier_verdicts").height == len(design.to_pandas("tier_verdicts")) > 0
    drawn = design._repr_html_()
    assert "offer a tier" in drawn
    assert drawn.count("<table>") >= 2


def test_a_scenario_is_drawn() -> None:
    """Its title, its size, the notice on its data, and its regions."""
    drawn = shipped("tiny")._repr_html_()
    for text in ("Three regions", "4 metros", "invented", "oslo", "US-TX"):
        assert text in drawn


def test_no_text_becomes_markup() -> None:
    """Names and titles are escaped, long tables are cut and say so."""
    listing = Listing("<b>", (Column("a", Kind.TEXT, head="<i>"),), {"a": ["<script>"]}, ("<p>",))
    drawn = listing_html(listing)
    assert "<script>" not in drawn
    assert "&lt;b&gt;" in drawn
    long = FrameColumns(n=list(range(100)))
    assert "76 more rows" in long._repr_html_()
    assert long.to_polars().height == 100


def test_an_infeasible_plan_says_why() -> None:
    """There is no table of totals, but the conflict in words."""
    tight = shipped("tiny", set=["classes.A.latency_budget_ms=50"])
    drawn = wattlas.plan(tight)._repr_html_()
    assert "infeasible" in drawn
    assert "class A" in drawn
    assert "<table>" not in drawn


@pytest.fixture(scope="module")
def curve() -> Frontier:
    """What the budget of class A is worth."""
    return wattlas.frontier(shipped("tiny"), "class:A")


def test_a_frontier_is_drawn(curve: Frontier) -> None:
    """Steps through every point, a dot at the user's own budget, units on both axes."""
    matplotlib = pytest.importorskip("matplotlib", reason="the extra `notebook` draws")
    matplotlib.use("agg")
    from matplotlib import pyplot

    ax = curve.plot()
    line, dot = ax.get_lines()
    assert line.get_xdata().tolist() == curve.x.tolist()
    assert line.get_ydata().tolist() == curve.value.tolist()
    assert line.get_drawstyle() == "steps-post"
    assert dot.get_xdata()[0] == curve.users_x
    held = max((x, v) for x, v in zip(curve.x, curve.value, strict=True) if x <= curve.users_x)
    assert dot.get_ydata()[0] == held[1] < curve.value[0]
    # Budgets before the curve starts are drawn before it, and move no dot.
    before = replace(
        curve, before_x=curve.x[:2] - 200.0, before_unserved_share=np.array([0.5, 0.2])
    )
    assert before.plot().get_lines()[1].get_ydata()[0] == held[1]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("class:A, ms", "least cost, USD")
    own = pyplot.subplots()[1]
    assert curve.plot("carbon_kg", own) is own
    assert own.get_ylabel() == "carbon, kg"
    with pytest.raises(UsageError, match="Did you mean `cost_usd`"):
        curve.plot("cost_us")
    pyplot.close("all")


def test_regions_are_listed_with_the_intensity_that_decides() -> None:
    """Means over the hours that steps stand for; marginal where that decides, average where not."""
    for decide in ("marginal", "average"):
        s = shipped("tiny", set=[f"signals.decide_by={decide}"])
        s = replace(s, hours=replace(s.hours, weight=np.tile([1.0, 3.0, 8.0], 8), step_h=0.5))
        table = regions_listing(s).table
        known = (
            s.signals.marginal_g_per_kwh if decide == "marginal" else s.signals.average_g_per_kwh
        )
        assert known is not None
        for r, region in enumerate(s.regions):
            zone = s.signals.zones.index(region.zone)
            for name, values in (
                ("carbon_g_per_kwh", known[zone]),
                ("price_usd_per_mwh", s.signals.price_usd_per_mwh[zone]),
            ):
                mean = sum(v * w for v, w in zip(values, s.hours.weight, strict=True)) / 96
                assert table[name][r] == pytest.approx(mean)
