"""Offers that are known to be stated wrongly: each test says what is true, and fails today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wattlas
from tests.acceptance.one_fallback import Answer, Case, Taste

FULL = Answer(accuracy=0.86, kwh=0.6e-3, gpu_h=1.2e-4, ttft_ms=60)
LEAN = Answer(accuracy=0.72, kwh=0.25e-3, gpu_h=1.5e-4, ttft_ms=90)

# The fallback saves money in the expensive hours, the dirty ones, and loses it in the others.
EXPENSIVE_AND_DIRTY = Case(
    full=FULL,
    fallback=LEAN,
    tastes=(Taste(0.7, 0.12, 0.4, 0.3), Taste(0.3, 0.03, 0.5, 0.2)),
    price_usd_per_mwh=np.linspace(320, 20, 12),
    carbon_g_per_kwh=np.linspace(950, 350, 12),
    requests_per_h=40_000.0,
    price_usd=5e-4,
)
# The fallback saves money in the expensive hours, which are the clean ones.
EXPENSIVE_AND_CLEAN = Case(
    full=FULL,
    fallback=Answer(accuracy=0.78, kwh=0.25e-3, gpu_h=1.2e-4, ttft_ms=60),
    tastes=(Taste(0.7, 0.2, 0.4, 0.3), Taste(0.3, 0.05, 0.5, 0.2)),
    price_usd_per_mwh=np.array([240.0, 200.0, 30.0, 20.0]),
    carbon_g_per_kwh=np.array([100.0, 120.0, 700.0, 800.0]),
    requests_per_h=40_000.0,
    price_usd=5e-4,
)
# Users who may leave, and a fallback that pays for no discount but for a cap without one.
NO_DISCOUNT = Case(
    full=FULL,
    fallback=Answer(accuracy=0.76, kwh=0.25e-3, gpu_h=1.43e-4, ttft_ms=90),
    tastes=(Taste(0.47, 0.13, 0.46, 0.15, 1.2), Taste(0.3, 0.23, 0.13, 0.12, 2.9)),
    price_usd_per_mwh=np.array([120.0, 51.0, 158.0, 268.0]),
    carbon_g_per_kwh=np.array([562.0, 726.0, 717.0, 551.0]),
    requests_per_h=40_000.0,
    price_usd=5.28e-4,
    status_quo=0.05,
    outside=-0.25,
)


def grid(most_usd: float) -> tuple[np.ndarray, np.ndarray]:
    """Discounts up to the largest by shares up to all, as a plain grid."""
    return tuple(np.meshgrid(np.linspace(0, most_usd, 121), np.linspace(0, 1, 201)))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "case",
    [EXPENSIVE_AND_DIRTY, EXPENSIVE_AND_CLEAN, NO_DISCOUNT],
    ids=["expensive and dirty", "expensive and clean", "no discount"],
)
def test_an_offer_brings_what_it_brings_by_hand(case: Case, tmp_path: Path) -> None:
    """Profit, carbon and the gain of those who take it, of the design and by the formulas."""
    design = wattlas.design_tiers(case.world(tmp_path), sensitive=False).designs[0]
    assert design.most is not None
    by_hand = case.figures(np.array(design.most.discount), np.array(design.most.share))
    assert design.most.profit_gain_usd == pytest.approx(float(by_hand["profit"]), rel=1e-6)
    assert design.most.carbon_saved_kg == pytest.approx(float(by_hand["kg"]), rel=1e-6)


def test_the_offer_of_most_profit_is_the_best_of_all_discounts(tmp_path: Path) -> None:
    """Nothing on a plain grid of fair offers earns more than what the design reports."""
    by_hand = EXPENSIVE_AND_DIRTY.figures(*grid(0.06))
    best = np.where(by_hand["gain"] >= 0, by_hand["profit"], -np.inf).max()
    design = wattlas.design_tiers(EXPENSIVE_AND_DIRTY.world(tmp_path), sensitive=False).designs[0]
    assert design.most is not None
    assert design.most.profit_gain_usd >= 0.99 * best


def test_the_cleanest_offer_is_the_best_of_all_discounts(tmp_path: Path) -> None:
    """Nothing on a plain grid of fair offers at no loss of profit saves more carbon."""
    by_hand = EXPENSIVE_AND_DIRTY.figures(*grid(0.06))
    allowed = (by_hand["gain"] >= 0) & (by_hand["profit"] >= 0)
    best = np.where(allowed, by_hand["kg"], -np.inf).max()
    world = EXPENSIVE_AND_DIRTY.world(tmp_path, objective="carbon")
    design = wattlas.design_tiers(world, sensitive=False).designs[0]
    assert design.cleanest is not None
    assert design.cleanest.carbon_saved_kg >= 0.99 * best


def test_an_offer_without_a_discount_is_found(tmp_path: Path) -> None:
    """A contract at no discount saves carbon and earns a little: it is what is offered."""
    share = np.linspace(0, 1, 401)
    by_hand = NO_DISCOUNT.figures(np.zeros_like(share), share)
    capped = by_hand["per_taker_g"] <= 0.2 * NO_DISCOUNT.unit(NO_DISCOUNT.full)[1].mean()
    best = np.where(capped & (by_hand["profit"] >= 0), by_hand["kg"], 0.0).max()
    world = NO_DISCOUNT.world(tmp_path, objective="carbon", cap_share=0.8)
    design = wattlas.design_tiers(world, fair=False, sensitive=False, size=40).designs[0]
    assert best > 1.0
    saved = design.cleanest.carbon_saved_kg if design.cleanest else 0.0
    assert saved >= 0.99 * best


def test_the_placement_keeps_what_the_design_says(tmp_path: Path) -> None:
    """Those under a contract with `cap_share: 0.8` emit a fifth less than in full service."""
    found = wattlas.design_tiers(
        EXPENSIVE_AND_CLEAN.world(tmp_path, cap_share=0.8), sensitive=False
    )
    chosen = found.designs[0].chosen
    assert chosen is not None
    full_kg = wattlas.plan(EXPENSIVE_AND_CLEAN.world(tmp_path)).totals.carbon_kg
    placed = wattlas.plan(found.scenario())
    assert placed.totals.carbon_kg <= full_kg * (1 - 0.2 * chosen.adoption) * (1 + 1e-6)


def test_several_contracts_differ(tmp_path: Path) -> None:
    """A further contract is another fallback, or differs by a hundredth in discount or share."""
    case = replace(EXPENSIVE_AND_CLEAN, scale=0.01)
    world = case.world(tmp_path, cap_share=0.8, most=3)
    offers = wattlas.design_tiers(world, sensitive=False, size=60).designs[0].ladder.offers
    for n, offer in enumerate(offers):
        for other in offers[:n]:
            apart = max(abs(offer.discount - other.discount), abs(offer.share - other.share))
            assert offer.fallback != other.fallback or apart >= 0.01
