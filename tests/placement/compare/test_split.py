"""Geography, tiers, and both together: what each saves against the same service."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given

import wattlas
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import objectives, scenarios, tiered
from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.contract import Tier
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.attribution import split
from wattlas.placement.tables.metrics import Table
from wattlas.placement.window.blocks import blocks

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
REL = 1e-7


def parts(s: Scenario) -> dict[str, float]:
    """The objective of each part, by name."""
    table: Table = split(s)
    column = "carbon_kg" if s.objective.minimise is Minimise.CARBON else "cost_usd"
    return dict(zip(table["part"], table[column], strict=True))


@given(tiered(scenarios(unserved=False, objectives=objectives())))
@examples(25, suppress_health_check=RARE)
def test_both_are_never_worse_than_either(s: Scenario) -> None:
    """The joint program is at least as good as geography alone and as tiers alone."""
    try:
        found = parts(s)
    except InfeasibleError:
        assume(False)
    base, both = found["baseline"], found["both"]
    tight = REL * max(abs(v) for v in found.values() if np.isfinite(v)) + 1e-12
    for name in ("geography", "tiers"):
        assert both <= found[name] + tight
        assert found[name] <= base + tight


def test_savings_are_against_the_baseline(two: Scenario) -> None:
    """In USD and in kg; the interaction is what both save beyond the sum of either."""
    price = np.array([[50.0, 60.0], [20.0, 70.0]])
    table = split(replace(two, signals=replace(two.signals, price_usd_per_mwh=price)))
    for spent, saved in (("cost_usd", "saving_usd"), ("carbon_kg", "saving_kg")):
        by_part = dict(zip(table["part"], table[spent], strict=True))
        saving = dict(zip(table["part"], table[saved], strict=True))
        assert list(saving) == ["baseline", "geography", "tiers", "both", "interaction"]
        for name in ("baseline", "geography", "tiers", "both"):
            assert saving[name] == pytest.approx(by_part["baseline"] - by_part[name])
        either = saving["geography"] + saving["tiers"]
        assert saving["tiers"] != 0
        assert saving["interaction"] == pytest.approx(saving["both"] - either, abs=1e-12)


def test_parts_that_do_not_meet_add_up(two: Scenario) -> None:
    """Where moving saves nothing per kWh degraded, both together save the sum."""
    table = split(two)
    saving = dict(zip(table["part"], table["saving_usd"], strict=True))
    assert saving["geography"] == pytest.approx(0.0)
    assert saving["both"] == pytest.approx(saving["tiers"])
    assert saving["interaction"] == pytest.approx(0.0)


def test_parts_that_meet_do_not_add_up(two: Scenario) -> None:
    """Where the far region is free, nothing is left for the tier to save."""
    signals = replace(two.signals, price_usd_per_mwh=np.array([[50.0, 50.0], [0.0, 0.0]]))
    table = split(replace(two, signals=signals))
    saving = dict(zip(table["part"], table["saving_usd"], strict=True))
    assert saving["tiers"] > 0
    assert saving["both"] == pytest.approx(saving["geography"])
    assert saving["interaction"] == pytest.approx(-saving["tiers"])


@pytest.fixture
def two() -> Scenario:
    """The tiny example in two hours with one class, two regions at the same price, and a tier."""
    s = shipped("tiny").at_hours([0, 1])
    price = np.full_like(s.signals.price_usd_per_mwh, 50.0)[:2]
    zones = s.signals.zones[:2]
    regions = tuple(
        replace(r, zone=z, pue=1.0, on_demand_usd_per_gpu_h=0.0)
        for r, z in zip(s.regions[:2], zones, strict=True)
    )
    point = replace(
        s.points[0], decode_j_per_token=100.0, prefill_j_per_token=0.0, accuracy=0.9, ttft_ms=1.0,
        accuracy_by_class={}, prefill_ms_per_token=0.0,
    )  # fmt: skip
    small = replace(point, id="small", decode_j_per_token=50.0, accuracy=0.7)
    klass = replace(
        s.classes[0], accuracy_min=0.8, points=None, latency_budget_ms=1e6, residency="",
        bytes_per_request=0.0, mean_accuracy_min=None,
    )  # fmt: skip
    net = s.network
    plain = replace(
        s,
        nodes=tuple(replace(n, region="") for n in s.nodes),
        regions=tuple(replace(r, variants=None) for r in regions),
        points=(point, small),
        classes=(klass,),
        demand_per_h=s.demand_per_h[:, :1],
        reserved_gpu=np.full((2, 2), np.inf),
        signals=replace(
            s.signals,
            zones=zones,
            price_usd_per_mwh=price,
            average_g_per_kwh=s.signals.average_g_per_kwh[:2],
            marginal_g_per_kwh=None,
        ),
        network=replace(
            net,
            rtt_node_region_ms=net.rtt_node_region_ms[:, :2],
            egress_usd_per_gb=net.egress_usd_per_gb[:, :2],
            modelled_node_region=net.modelled_node_region[:, :2],
        ),
        objective=Objective(),
        frictions=shipped("tiny").frictions,
    )
    tier = Tier("green", 0.5, 0.5, accuracy_min=0.6, window=Window.ALL)
    return offer(plain, [tier])


def with_light_fallback(two: Scenario) -> Scenario:
    """The fallback takes half of the accelerator time, and nothing is had on demand."""
    points = tuple(
        replace(p, decode_gpu_s_per_token=p.decode_gpu_s_per_token / 2)
        if p.id.startswith("small")
        else p
        for p in two.points
    )
    regions = tuple(replace(r, on_demand_gpu=0.0) for r in two.regions)
    return replace(two, points=points, regions=regions)


def test_full_service_that_does_not_fit_is_told(two: Scenario) -> None:
    """Where demand fits only if some is degraded there is no baseline: the conflict is named."""
    s = with_light_fallback(two)
    need = np.einsum("ikt,k->t", s.demand_per_h, s.gpu_h[:, 0]).max()
    s = replace(s, reserved_gpu=np.full((2, 2), 0.48 * need))
    assert wattlas.plan(s).ok
    with pytest.raises(InfeasibleError, match="Raise reserved_gpu"):
        split(s)


def test_full_service_that_does_not_fit_in_a_later_stretch_names_its_hour(two: Scenario) -> None:
    """Two hours a month apart, the second too small: it is the second that is told."""
    apart = replace(two.hours, offset=np.array([0, 24 * 31]))
    s = replace(with_light_fallback(two), hours=apart)
    need = np.einsum("ikt,k->t", s.demand_per_h, s.gpu_h[:, 0])
    by_month = tuple(replace(cap, window=Window.MONTH) for cap in s.share_caps)
    s = replace(s, reserved_gpu=np.tile([2.0, 0.48] * need, (2, 1)), share_caps=by_month)
    assert len(blocks(s)) == 2
    with pytest.raises(InfeasibleError, match=f"{s.hours.utc[1]}"):
        split(s)


def test_without_tiers_there_is_nothing_to_split() -> None:
    """A scenario of full service alone says so."""
    with pytest.raises(UsageError, match="no tiers"):
        split(shipped("tiny"))
