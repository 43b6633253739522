"""The made-up tiers agree with each other, so that what a picture says can be checked."""

from __future__ import annotations

import polars as pl
import pytest

from tests.report import fixture_results as made
from wattlas.report.columns import COLUMNS

OFFER = ["discount", "share", "adoption", "profit_gain_usd", "carbon_saved_kg"]


def worth() -> list[dict[str, object]]:
    """The verdicts of classes with a tier."""
    return made.made_up()["tier_verdicts"].filter("worth").to_dicts()


@pytest.mark.parametrize("world", [made.made_up, made.small])
def test_every_table_is_there(world: object) -> None:
    """Both worlds have each table that the report may draw, with a row in it."""
    frames: dict[str, pl.DataFrame] = world()  # type: ignore[operator]
    assert set(frames) == set(COLUMNS)
    assert all(frame.height for frame in frames.values())


def test_some_classes_have_a_tier_and_some_have_none() -> None:
    """Both ends are drawn: an offer, and the reason why there is none."""
    assert len(worth()) == 2
    none = made.made_up()["tier_verdicts"].filter(~pl.col("worth"))
    assert none.height == 2
    assert none["reason"].str.len_chars().min() > 10
    assert none["discount"].null_count() == 2


def test_the_verdict_is_a_point_of_the_grid() -> None:
    """What the verdict promises is what the designer shows at its discount and share."""
    for row in worth():
        at = made.made_up()["tier_grid"].filter(
            pl.col("class") == row["class"], (pl.col("discount") - row["discount"]).abs() < 1e-9,
            (pl.col("share") - row["share"]).abs() < 1e-9,
        )  # fmt: skip
        assert at["floor"].to_list() == [row["floor"]]
        for column in OFFER:
            assert at[column][0] == pytest.approx(row[column])


def test_no_offer_beats_another_of_the_front() -> None:
    """Along the front profit falls where carbon rises."""
    for _, front in made.made_up()["tier_pareto"].group_by("class"):
        by_carbon = front.sort("carbon_saved_kg")
        assert by_carbon["profit_gain_usd"].is_sorted(descending=True)
        assert set(front["chosen"]) == {"profit", "carbon", None}


def test_the_parts_add_up() -> None:
    """Geography, tiers and their interaction make both."""
    split = made.made_up()["tier_split"].pivot("part", index="class", values="saving_usd")
    total = split["geography"] + split["tiers"] + split["interaction"]
    assert total.to_list() == pytest.approx(split["both"].to_list())
