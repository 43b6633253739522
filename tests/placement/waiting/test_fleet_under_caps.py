"""Fleets under caps of tiers, with requests that may wait: against one program in GLPK."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.fleet.test_fleet_exact import asked_alike as asked
from tests.placement.waiting.test_waiting_fleet import LOST, QUESTIONS, oracle_fleet, patient
from wattlas.errors import InfeasibleError, InputError
from wattlas.model.contract import ShareCap
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Window
from wattlas.model.offer import full_service
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet import tied_question as module
from wattlas.placement.fleet import under_caps as under_caps_module
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.tied_question import FleetSizing


def under_caps(s: Scenario, window: Window) -> Scenario:
    """The scenario over the end of a month, with a cap on the points that need least."""
    s = replace(s, hours=replace(s.hours, start=np.datetime64("2023-05-31T22:30:00", "s")))
    lean = sorted(range(len(s.points)), key=lambda o: oracle.gpu_h(s, 1, o))[:-1]
    classes = tuple(k.id for k in s.classes)
    points = tuple(s.points[o].id for o in lean)
    return replace(s, share_caps=(ShareCap("low", classes, points, 0.3, window),))


def test_where_carbon_has_a_price_the_gap_is_one_of_both() -> None:
    """Whichever is more: a millionth of what is paid with that price, or the gap of what varies."""
    front = under_caps_module._Front(asked(1), FleetSizing(lambda s: fleet(s)))
    front.first = SimpleNamespace(question=SimpleNamespace(exact=1e-4))  # type: ignore[assignment]
    for paid, varies, kg, wanted in ((-50.0, 0.02, 9e3, 950e-6), (-50.0, -30.0, 9e3, 3e-3)):
        cost = SimpleNamespace(cost_usd=paid, variable_usd=varies, carbon_kg=kg)
        gap = front.allowed(cost, 100.0)  # type: ignore[arg-type]
        assert gap == pytest.approx(wanted / 50.0, rel=1e-12)
    assert front.allowed(cost) == pytest.approx(3e-3 / 50.0, rel=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("reserved", Window.DAY),
        ("reserved", Window.HOUR),
        ("reserved", Window.ALL),
        ("both", Window.MONTH),
        ("both", Window.HOUR),
    ],
)
def test_caps_of_tiers_are_in_the_same_program(name: str, window: Window, steps: int) -> None:
    """Accelerators, waiting and what is degraded cost what one program in GLPK says, with a row for
    each window of arrival; the fleet, given to `plan`, keeps the caps at that cost."""
    s = under_caps(patient(asked(1, **QUESTIONS[name]), steps), window)
    expected = oracle_fleet(s)
    assert expected < oracle_fleet(full_service(s)) * (1 - 1e-6)
    found = fleet(s)
    assert found.status is Status.OPTIMAL
    assert found.optimal.cost_usd == pytest.approx(expected, rel=2e-6)
    assert found.bound_usd <= expected * (1 + 1e-8)
    assert found.bound_usd == pytest.approx(expected, rel=2e-6)
    placed = wattlas.plan(found.scenario)
    # A plan buys by the hour whatever a site takes.
    assert placed.totals.cost_usd <= found.optimal.cost_usd * (1 + 2e-6)
    if name == "reserved":
        assert placed.totals.cost_usd == pytest.approx(found.optimal.cost_usd, rel=2e-6)
    assert all(report.share <= 0.3 + 1e-9 for report in placed.limits)


@pytest.mark.parametrize(
    ("name", "window", "steps", "lost"),
    [
        ("reserved", Window.DAY, 0, []),
        ("reserved", Window.ALL, 2, []),
        ("both", Window.DAY, 2, LOST),
        ("both", Window.ALL, 0, LOST),
        ("reserved", Window.HOUR, 2, LOST),
    ],
)
def test_what_is_no_one_program_is_found_by_cuts(
    name: str, window: Window, steps: int, lost: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where caps are dealt out to the hours the fleet costs what one program in GLPK costs, outages
    and all, to the gap that is asked; its prices and flows prove it."""
    monkeypatch.setattr(module, "joint", lambda *_: None)
    monkeypatch.setattr(module, "EXACT", 1e-7)
    s = under_caps(patient(asked(1, **QUESTIONS[name]), steps), window)
    names = [[s.regions[r].id for r in regions] for regions in lost]
    found = fleet(s, survive=names, outage_on_demand_gpu=0.3)
    expected = oracle_fleet(s, lost, 0.3)
    assert found.optimal.cost_usd == pytest.approx(expected, rel=1e-6)
    assert found.bound_usd <= expected * (1 + 1e-8)
    assert found.bound_usd == pytest.approx(expected, rel=1e-6)
    if lost:
        assert found.nominal is not None
        assert found.nominal.cost_usd == pytest.approx(oracle_fleet(s), rel=1e-6)
    proof = certify_fleet(found)
    assert abs(proof.gap) <= 1e-6
    assert proof.worst <= 1e-7


def test_bounds_that_cuts_cannot_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no bounds serve within the caps, cuts say so; where it is too large for them it is
    refused, with what to ask instead."""
    monkeypatch.setattr(module, "joint", lambda *_: None)
    s = under_caps(asked(1), Window.DAY)
    regions = tuple(replace(region, reserved_gpu_max=0.01) for region in s.regions)
    with pytest.raises(InfeasibleError, match="within the caps of tiers"):
        fleet(replace(s, regions=regions))
    monkeypatch.setattr(module, "too_large", lambda *_: True)
    with pytest.raises(InputError, match="limit sums over many hours"):
        fleet(s)
    starts = Frictions(start_usd_per_gpu_h=0.1)
    for world in (s, patient(s, 2), patient(asked(1), 2)):
        with pytest.raises(InputError, match="Ask for the fleet without switching costs"):
            fleet(replace(world, frictions=starts))


def test_bounds_that_one_program_cannot_serve() -> None:
    """Bounds that cannot serve within the caps: one error."""
    s = under_caps(patient(asked(1), 2), Window.DAY)
    regions = tuple(replace(region, reserved_gpu_max=0.01) for region in s.regions)
    with pytest.raises(InfeasibleError, match="within the caps of tiers"):
        fleet(replace(s, regions=regions))


def test_the_given_fleet_is_what_is_held() -> None:
    """Told as accelerators that are held, whatever part of their time may be counted on; its rent
    is theirs."""
    share = (0.8, 0.9, 0.7, 1.0)
    s = under_caps(patient(asked(1, utilisation_max=share), 1), Window.ALL)
    held = np.array([5.0, 4.0, 6.0, 3.0])
    s = replace(s, reserved_gpu=np.repeat(held[:, None], s.hours.count, axis=1))
    given = fleet(s).given
    assert given is not None
    assert given.gpu == pytest.approx(held)
    year = [region.reserved_usd_per_gpu_year for region in s.regions]
    assert given.rent_usd == pytest.approx(held @ year * s.hours.hours.sum() / 8760.0)
