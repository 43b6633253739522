"""Profiles that only tiers may use: what the section `offer` names joins their menu, no more."""

from __future__ import annotations

import pytest

import wattlas
from wattlas.errors import InputError
from wattlas.studies.menus import class_menu

EXTRA = ("llama-3.1-8b-1xh100-b192", "gemma-3-27b-2xh100-b64")


def test_profiles_of_the_offer_are_for_tiers_alone() -> None:
    """They are on the tiers' menu of every class, not among the points that placement may use."""
    world = wattlas.example("typical-2023", scenario="sample")
    ids = [point.id for point in world.points]
    assert len(ids) == 6
    extra = [point.id for point in world.terms.menu]
    assert set(EXTRA) <= set(extra)
    assert not set(extra) & set(ids)
    for klass in world.classes:
        served = class_menu(world, klass.id).menu
        assert set(extra) <= set(served.ids)
        # A choice below the least accuracy of the class, and one above it beside full service.
        below = served.accuracy < klass.accuracy_min
        assert below.any()
        assert (~below).sum() > 1


def test_wrong_profiles_are_told_where_they_stand() -> None:
    """An unknown id, one that is there twice, and a table that is not there."""
    with pytest.raises(InputError) as caught:
        wattlas.example("typical-2023", scenario="sample", set=["offer.points=[llama, llama]"])
    assert {p.where.split(" ")[0] for p in caught.value.problems} == {
        "offer.points[0]", "offer.points[1]",
    }  # fmt: skip
    with pytest.raises(InputError, match="no table of them"):
        wattlas.example("tiny", set=["offer.points=[small]"])
