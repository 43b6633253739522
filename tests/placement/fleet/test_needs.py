"""Whether a fleet serves, asked of all hours at once, against every hour solved for itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.placement.fleet.test_fleet_exact import QUESTIONS, asked
from wattlas.placement.fleet.needs import Needs, value_of
from wattlas.placement.fleet.outage import outages
from wattlas.placement.fleet.terms import FleetTerms, terms_of


def needs_of(terms: FleetTerms) -> list[Needs]:
    """Without an outage, and with each of three."""
    sets = [[0], [1], [2, 3]]
    lost = outages(terms.instance, sets, terms.site, np.full(4, 0.3))
    return [Needs(terms.instance, terms.site), *(each.needs for each in lost)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_all_hours_at_once_are_every_hour_for_itself(question: str) -> None:
    """Random fleets, one after the other with what was learnt kept: a need is broken where some
    hour is short, and each is at least as much as the shortage of its hour that it proves."""
    terms = terms_of(asked(1, **QUESTIONS[question]))
    draw = np.random.default_rng(5)
    verdicts = set()
    for needs in needs_of(terms):
        for _ in range(12):
            gpu = draw.uniform(0.0, 1.0, 4) * draw.uniform(0.2, 1.5) * np.minimum(terms.upper, 9.0)
            every = np.arange(len(needs.load))
            room = needs.room(gpu)
            short = needs.shortage(every, np.repeat(room[:, None], len(every), axis=1)).short
            broken = needs.broken(gpu)
            verdicts.add(bool(broken))
            assert bool(broken) == bool(short.any())
            for need in broken:
                assert need.gpu_h - value_of(need.price, room) <= short.max() * (1 + 1e-9) + 1e-12
    assert verdicts == {False, True}
