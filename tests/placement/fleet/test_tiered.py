"""Fleets for demand of which a capped share may be degraded, against one program in GLPK."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.placement.fleet.fleet_oracle import oracle_fleet
from tests.placement.fleet.test_fleet_exact import QUESTIONS, asked
from wattlas.errors import InputError
from wattlas.model.contract import Tier
from wattlas.model.objective import Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.tiered_fleet import TieredFleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.tiered import tiered_fleet

ACROSS_MIDNIGHT = Hours(
    np.datetime64("2023-06-30T21:00:00", "s"),
    np.arange(6),
    np.array([1.0, 3.0, 2.0, 5.0, 1.0, 2.0]),
)
"""Three hours of one day and month, and three of the next; they weigh unequally."""


def tier(share: float, adoption: float = 0.6, window: Window = Window.ALL, **more: object) -> Tier:
    return Tier("green", share, adoption, classes=("chat",), latency_factor=2.0, window=window,
                **more)  # type: ignore[arg-type]  # fmt: skip


def tiered(s: Scenario, contract: Tier, **more: object) -> TieredFleet:
    return tiered_fleet(offer(s, [contract]), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("seed", "name"), list(enumerate(QUESTIONS)))
def test_it_is_the_optimum_of_one_program(name: str, seed: int) -> None:
    """Cost, and the bound below it, are those of all hours, accelerators and the cap in one."""
    s = offer(asked(seed, **QUESTIONS[name]), [tier((0.1, 0.3)[seed % 2])])
    expected = oracle_fleet(s)
    assert expected.status == "optimal"
    found = tiered_fleet(s)
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=3e-6)
    assert found.bound_usd <= expected.cost_usd * (1 + 1e-8)
    assert found.bound_usd == pytest.approx(expected.cost_usd, rel=3e-6)


@pytest.mark.parametrize(
    ("window", "share"),
    [(Window.DAY, 0.0), (Window.DAY, 0.15), (Window.MONTH, 0.3), (Window.ALL, 1.0)],
)
def test_a_cap_holds_in_every_window(window: Window, share: float) -> None:
    """Days, months and the horizon: each by itself, and the optimum of one program."""
    base = asked(0)
    s = replace(base, hours=ACROSS_MIDNIGHT)
    s = offer(s, [tier(share, window=window)])
    found, expected = tiered_fleet(s), oracle_fleet(s)
    assert len(found.cap) == (1 if window is Window.ALL else 2)
    assert (found.used <= found.cap + 2e-9 * found.counted.sum()).all()
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=3e-6)
    cap = s.share_caps[0]
    counts = [k.id in cap.classes for k in s.classes]
    asks = s.demand_per_h[:, counts].sum(axis=(0, 1)) * ACROSS_MIDNIGHT.weight
    parts = [slice(0, 6)] if window is Window.ALL else [slice(0, 3), slice(3, 6)]
    assert found.counted == pytest.approx(asks)
    assert found.total == pytest.approx([asks[part].sum() for part in parts])
    assert found.cap == pytest.approx([share * asks[part].sum() for part in parts])
    assert found.used == pytest.approx([found.degraded[part].sum() for part in parts])
    told = expected.told
    assert found.optimal.carbon_kg == pytest.approx(told["carbon_kg"], rel=1e-3)
    assert found.optimal.it_mwh == pytest.approx(told["it_mwh"], rel=1e-3)
    assert found.optimal.rent_usd == pytest.approx(told["rent_usd"], rel=1e-3)


@given(
    seed=st.integers(0, 2),
    share=st.floats(0.0, 0.9),
    more=st.floats(0.0, 0.1),
    adoption=st.floats(0.05, 1.0),
)
@examples(4)
def test_what_a_cap_saves(seed: int, share: float, more: float, adoption: float) -> None:
    """Never less than nothing, nothing at φ = 0, never more than the whole fleet costs; a wider cap
    never saves less, nor more than its dual says."""
    s = asked(seed)
    base = fleet(s).optimal.cost_usd
    narrow = tiered(s, tier(share, adoption))
    wide = tiered(s, tier(share + more, adoption))
    saved = base - narrow.optimal.cost_usd
    slack = 4e-6 * base
    assert -slack <= saved <= base
    if share == 0.0:
        assert saved == pytest.approx(0.0, abs=slack)
    further = narrow.optimal.cost_usd - wide.optimal.cost_usd
    assert -slack <= further <= 100 * more * narrow.usd_per_point + slack
    assert (narrow.used <= narrow.cap + 2e-9 * narrow.counted.sum()).all()


def test_a_known_fleet_is_a_start_and_no_answer() -> None:
    """Where the search begins changes nothing."""
    s = asked(0)
    plain = fleet(s)
    alone = tiered(s, tier(1.0, 1.0))
    assert alone.optimal.count < plain.optimal.count
    begun = tiered(s, tier(1.0, 1.0), starts=[plain.optimal.gpu, 2.0 * plain.optimal.gpu])
    assert begun.optimal.cost_usd == pytest.approx(alone.optimal.cost_usd, rel=2e-6)


def test_one_contract_of_one_class() -> None:
    """None, or two classes under caps of their own, are refused with what to do."""
    with pytest.raises(InputError, match="one contract to one class"):
        tiered_fleet(asked(0))
    both = replace(tier(0.2), classes=("chat", "code"))
    with pytest.raises(InputError, match="holds 2 contracts"):
        tiered(asked(0), both)
    with pytest.raises(InputError, match="reserved_usd_per_gpu_year"):
        tiered(asked(0, reserved_usd_per_gpu_year=(0.0,) * 4), tier(0.2))
