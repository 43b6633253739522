"""What a routing holds, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wattlas.errors import InputError
from wattlas.policy.routing import Routing

ROUTING = Routing(
    metros=("lagos",),
    classes=("chat", "batch"),
    regions=("oslo", "austin"),
    points=("large", "small"),
    metro=np.array([0, 0, 0, 0]),
    klass=np.array([0, 0, 0, 1]),
    degraded=np.array([False, True, False, False]),
    region=np.array([0, 1, 1, 1]),
    point=np.array([0, 1, 0, 0]),
    share=np.array([0.25, 1.0, 0.75, 1.0]),
    saving_usd=np.array([[2e-4, np.nan]]),
    threshold_usd=np.array([1e-4, np.inf]),
    issued_utc=np.datetime64("2026-01-01T00:00"),
    hold_s=3600.0,
)
COLUMNS = ("metro", "klass", "degraded", "region", "point", "share")


def test_places_are_those_of_the_metro_class_and_tier() -> None:
    """Whatever order the entries stand in."""
    full = ROUTING.places(0, 0)
    assert full is not None
    assert full.region.tolist() == [0, 1]
    assert full.share.tolist() == [0.25, 0.75]
    low = ROUTING.places(0, 0, degraded=True)
    assert low is not None
    assert (low.region.tolist(), low.point.tolist()) == ([1], [1])
    assert ROUTING.places(0, 1, degraded=True) is None


def test_a_place_may_have_no_share() -> None:
    """Of several one may get nothing now, and shares add up but for rounding."""
    for share in ([0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [0.3, 1.0, 0.7 + 1e-12, 1.0]):
        full = replace(ROUTING, share=np.array(share)).places(0, 0)
        assert full is not None
        assert full.share.tolist() == [share[0], share[2]]
    with pytest.raises(InputError, match=r"add up to"):
        replace(ROUTING, share=np.array([0.0, 0.0, 1.0, 1.0]))


def test_degrading_pays_from_the_threshold_on() -> None:
    """At the threshold itself too, and never without a fallback."""
    assert ROUTING.degrades[0, 0]
    assert not ROUTING.degrades[0, 1]
    assert replace(ROUTING, threshold_usd=np.array([2e-4, 0.0])).degrades[0, 0]
    assert not replace(ROUTING, threshold_usd=np.array([2.1e-4, 0.0])).degrades[0, 0]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"share": np.array([0.25, 1.0, 0.7, 1.0])}, "routing.lagos.chat.full"),
        ({"share": np.array([0.25, 1.0, np.nan, 1.0])}, "routing.share"),
        ({"share": np.array([-0.25, 1.0, 1.25, 1.0])}, "routing.share"),
        ({"region": np.array([0, 2, 1, 1])}, "routing.region"),
        ({"point": np.array([0.0, 1.0, 0.0, 0.0])}, "routing.point"),
        ({"klass": np.array([0, 1, 0, 0])}, "routing.lagos.chat.full"),
        ({"metro": np.array([0, 0])}, "routing"),
        ({n: getattr(ROUTING, n)[:, None] for n in COLUMNS}, "routing"),
        ({n: getattr(ROUTING, n)[0] for n in COLUMNS}, "routing"),
        ({"hold_s": 0.0}, "routing.hold_s"),
        ({"threshold_usd": np.array([np.nan, 0.0])}, "routing.threshold_usd"),
        ({"saving_usd": np.zeros((2, 2))}, "routing.saving_usd"),
        ({"issued_utc": np.datetime64("NaT")}, "routing.issued_utc"),
        ({"metro": [[0], [0, 0]]}, "routing.metro"),
        ({"share": ["much", 1.0, 0.0, 1.0]}, "routing.share"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], where: str) -> None:
    """Each problem with its place."""
    with pytest.raises(InputError) as caught:
        replace(ROUTING, **change)
    assert where in {each.where for each in caught.value.problems}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_of_one_length(name: str) -> None:
    """Whichever of them is longer."""
    with pytest.raises(InputError, match="columns of unequal length"):
        replace(ROUTING, **{name: np.append(getattr(ROUTING, name), getattr(ROUTING, name)[-1])})


def test_a_fallback_needs_full_service() -> None:
    """Where the cap allows none, the request must go somewhere."""
    with pytest.raises(InputError, match="no place in full service"):
        replace(ROUTING, degraded=np.array([True, True, True, False]),
                share=np.array([0.25, 0.5, 0.25, 1.0]))  # fmt: skip
