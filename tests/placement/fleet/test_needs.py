"""Whether a fleet serves, asked of all hours at once, against every hour solved for itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.placement.fleet.test_fleet_exact import QUESTIONS, asked
from tests.placement.fleet.test_kinds import mixed
from wattlas.model.kinds import by_kind
from wattlas.placement.fleet.master import Cuts
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.outage import outages
from wattlas.placement.fleet.routings import FEW, fits
from wattlas.placement.fleet.served import ServedHours
from wattlas.placement.fleet.size import Sizing, within_sites
from wattlas.placement.fleet.terms import FleetTerms, terms_of


def needs_of(terms: FleetTerms) -> list[Needs]:
    """Without an outage, and with each of three."""
    sets = [[0], [1], [2, 3]]
    lost = outages(terms.instance, sets, terms.site, np.full(len(terms.site), 0.3))
    return [Needs(terms.instance, terms.site), *(each.needs for each in lost)]


def terms_at(question: str) -> FleetTerms:
    """Those of a question; `sites` are of two kinds, and take fewer together than both may be."""
    if question == "sites":
        most = (4.0, 3.0, 3.0, np.inf)
        return terms_of(by_kind(*mixed(1, "on demand", capacity_max=most)))
    return terms_of(asked(1, **QUESTIONS[question]))


@pytest.mark.parametrize("question", [*QUESTIONS, "sites"])
def test_all_hours_at_once_are_every_hour_for_itself(question: str) -> None:
    """Random fleets, one after the other with what was learnt kept: a need is broken where some
    hour is short, and each is at least as much as the shortage of its hour that it proves."""
    terms = terms_at(question)
    draw, regions = np.random.default_rng(5), len(terms.site)
    verdicts = set()
    for needs in needs_of(terms):
        for _ in range(12):
            gpu = draw.uniform(0.0, 1.0, regions) * np.minimum(terms.upper, 9.0)
            gpu = within_sites(terms, gpu * draw.uniform(0.2, 1.5))
            every = np.arange(len(needs.load))
            short = needs.shortage(every, gpu).short
            broken = needs.broken(gpu)
            verdicts.add(bool(broken))
            assert bool(broken) == bool(short.any())
            for need in broken:
                assert (
                    need.gpu_h - needs.stock.value(need.price, gpu)
                    <= short.max() * (1 + 1e-9) + 1e-12
                )
    assert verdicts == {False, True}


@pytest.mark.parametrize("question", ["reserved", "all"])
def test_what_hours_cost_tells_whether_they_are_served(question: str) -> None:
    """Nothing is asked before: a fleet has a cost where no hour is short, and where one is the
    master learns of what the fleet lacks."""
    terms = terms_of(asked(1, **QUESTIONS[question]))
    sizing = Sizing.of(terms)
    draw = np.random.default_rng(5)
    verdicts = set()
    for _ in range(8):
        gpu = draw.uniform(0.0, 1.0, 4) * draw.uniform(0.2, 1.5) * np.minimum(terms.upper, 9.0)
        served = ServedHours(sizing.hours, sizing.needs).ask(gpu, sizing.master) < np.inf
        every = np.arange(len(sizing.needs.load))
        verdicts.add(served)
        assert served == (not sizing.needs.shortage(every, gpu).short.any())
        cuts = Cuts.together(sizing.master.cuts)
        lacking = (cuts.constant + cuts.slope @ gpu)[cuts.group < 0]
        assert served == (lacking <= 1e-9).all()
    assert verdicts == {False, True}


def test_a_routing_is_tried_on_some_regions_first() -> None:
    """It serves the hours that it serves when all regions are looked at together; any number of
    regions, with those that it overloads in one hour alone among them."""
    draw = np.random.default_rng(2)
    for regions in (1, 5, 20):
        route = draw.uniform(0.0, 1.0, (regions, 7)) * draw.uniform(0.1, 2.0, (regions, 1))
        demand = draw.uniform(0.5, 1.5, (4 * FEW, 7))
        load = demand @ route.T
        most = np.quantile(load, 1.0 - 0.5 / regions, axis=0)
        served = (load <= most).all(axis=1)
        assert 0 < served.sum() < len(served)
        assert (fits(route, demand, most) == served).all()
