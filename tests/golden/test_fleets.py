"""Fleets of every kind, value by value: what is held, what it costs, its prices and its words.

Other tests compare them with one program; here is seen that nothing else moved. A change is made
on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.values import compare, shown
from wattlas.errors import WattlasError
from wattlas.model.contract import ShareCap, Tier
from wattlas.model.fleet import Fleet
from wattlas.model.frictions import Frictions
from wattlas.model.kinds import by_kind
from wattlas.model.objective import Minimise, Window
from wattlas.model.offer import offer
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.workload import State
from wattlas.placement.fleet import reach as reached
from wattlas.placement.fleet import size, tied_question, waiting, waiting_program
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.patience import patience
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.tiered import tiered_fleet
from wattlas.placement.hour import highs
from wattlas.placement.problem.flows import SourceFlows

EXACT = 1e-9
TOLD = {"info", "scenario", "asked"}
"""Of a fleet, told apart."""


def _fleet(title: str, s: Scenario, **how: Any) -> Iterator[str]:
    """A fleet, whose own prices prove it."""
    proven = how.pop("proven", True)
    made = fleet(s, **({"exact": EXACT} | how))
    yield f"== {title}"
    _is_told(made.info)
    assert not made.least_count > made.optimal.gpu.sum() * (1.0 + 1e-9)
    yield from _values(made)
    if not proven:
        return
    proof = certify_fleet(made)
    assert proof.gap <= max(2e-6, 2 * made.info.gap), proof
    assert proof.worst <= 1e-6, proof
    yield f"proof {proof.objective:.5g} {list(proof.residuals)}"


def _is_told(info: SolveInfo) -> None:
    """Who solved it, in how many programs and how long: how many may differ by processor."""
    assert info.solver == highs.version()
    assert info.programs > 0
    assert 0.0 < info.seconds < time.perf_counter()
    assert info.gap >= 0.0


def _values(made: Fleet) -> Iterator[str]:
    for column in fields(made):
        value = getattr(made, column.name)
        if column.name not in TOLD:
            yield from shown(column.name, SourceFlows(*value) if column.name == "placed" and value
                             else value)  # fmt: skip
    rents = [region.reserved_usd_per_gpu_year for region in made.scenario.regions]
    yield from shown("held", {"rent": rents, "gpu": made.scenario.reserved_gpu[:, 0]})


def _asked(seed: int = 11, steps: int = 5, hours: Hours | None = None, **changed: Any) -> Scenario:
    """All demand must be served, and every region draws the same where it idles."""
    s = with_class(uneven(seed, steps, hours=hours), 2, unserved_usd_per_request=None)
    return _regions(s, **({"idle_w": 71.0, "on_demand_gpu": 0.0} | changed))


def _regions(s: Scenario, **changed: Any) -> Scenario:
    """Fields of regions: one value, or a tuple of one for each."""
    regions = tuple(
        replace(region, **{n: v[at] if isinstance(v, tuple) else v for n, v in changed.items()})
        for at, region in enumerate(s.regions)
    )
    return replace(s, regions=regions)


RENT = (17000.0, 15500.0, 11900.0)
BY_HOUR: dict[str, Any] = {
    "on_demand_gpu": (0.0, 0.5, 0.9),
    "on_demand_usd_per_gpu_h": (0.0, 7.0, 6.2),
}


def _plain(**changed: Any) -> Scenario:
    rent: dict[str, Any] = {"reserved_usd_per_gpu_year": RENT}
    return _asked(**(rent | changed))


def _sized() -> Iterator[str]:
    """Fleets of hours that nothing ties, reserved and by the hour, within bounds."""
    s = _plain()
    yield from _fleet("reserved", s)
    yield from _fleet("by the hour", _plain(**BY_HOUR))
    bounded = _plain(reserved_gpu_min=(0.0, 1.1, 0.0), reserved_gpu_max=(1.6, np.inf, 2.0),
                     capacity_max=(np.inf, 3.1, 2.2), power_max_kw=(9.0, 9.0, 1.4))  # fmt: skip
    yield from _fleet("bounded", bounded)
    even = replace(s, reserved_gpu=np.tile([[2.2], [1.9], [1.4]], 5))
    yield from _fleet("given", even)
    unserved = with_class(_plain(**BY_HOUR), 2, unserved_usd_per_request=0.0021)
    yield from _fleet("unserved", unserved)
    accurate = with_class(s, 1, mean_accuracy_min=0.63)
    yield from _fleet("accurate", accurate)
    hourly = replace(s, share_caps=(ShareCap("h", ("code",), ("small",), 0.3, Window.HOUR),))
    yield from _fleet("hourly shares", hourly)
    yield from _fleet("roughly", s, exact=0.02)


def _sampled() -> Iterator[str]:
    """The same from a sample of the hours."""
    hours = Hours.range("2023-03-01T00:00:00", 48)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size, "SAMPLED", 10)
        patch.setattr(reached, "SAMPLED", 10)
        for title, s in {"reserved": _plain(hours=hours),
                         "by the hour": _plain(hours=hours, **BY_HOUR)}.items():  # fmt: skip
            made = fleet(s, exact=EXACT)
            yield f"== {title}"
            for name in ("optimal", "own_peaks", "whole", "saved_by_one_usd"):
                yield from shown(name, getattr(made, name))
            assert certify_fleet(made).gap <= 2e-6
        across = reach(s, samples=3, exact=EXACT)
        yield from shown("reach", across)


def _outages() -> Iterator[str]:
    """Fleets that survive the loss of regions, with copies of state."""
    lost = [["hydro"], ["coaly"]]
    yield from _fleet("one region", _plain(), survive=lost)
    yield from _fleet("by the hour", _plain(**BY_HOUR), survive=lost, outage_on_demand_gpu=0.3)
    yield from _fleet("two at once", _plain(), survive=[["solar"], ["hydro", "solar"]])
    pinned = with_class(_plain(), 1, state=State.PINNED, latency_budget_ms=2000.0,
                        state_copies=("coaly",))  # fmt: skip
    yield from _fleet("copies", pinned, survive=[["hydro"], ["solar"]])
    yield from _fleet("bounded", _plain(reserved_gpu_max=(4.0, 5.0, 2.0)), survive=lost)


def _carbon() -> Iterator[str]:
    """Fleets under a cap on carbon or cost, and of least carbon."""
    s = _plain()
    price = {"carbon_price_usd_per_t": 61.0}
    least = fleet(minimal(s, minimise=Minimise.CARBON, **price), exact=1e-7)
    cheap = fleet(s, exact=1e-7)
    kg = [made.optimal.carbon_kg for made in (least, cheap)]
    usd = [made.optimal.cost_usd for made in (least, cheap)]
    yield from shown("ends", (*kg, *usd))
    yield from _fleet("least", minimal(s, minimise=Minimise.CARBON, **price), exact=1e-7)
    for share in (0.4, 1.5):
        cap = (kg[0] + share * (kg[1] - kg[0])) / 1e3
        yield from _fleet(f"carbon {share}", minimal(s, carbon_cap_t=cap, **price), exact=1e-7)
        cap = usd[1] + share * (usd[0] - usd[1])
        goal: dict[str, Any] = {"minimise": Minimise.CARBON, "cost_cap_usd": cap}
        yield from _fleet(f"cost {share}", minimal(s, **goal, **price), exact=1e-7)
    lost: dict[str, Any] = {"survive": [["coaly"]], "exact": 1e-7}
    yield from _fleet("lost", minimal(s, carbon_cap_t=1.006 * kg[1] / 1e3, **price), **lost)
    short = minimal(s, carbon_cap_t=kg[0] / 2e3, **price)
    poor = minimal(s, minimise=Minimise.CARBON, cost_cap_usd=usd[1] / 2, **price)
    for title, world in {"short of carbon": short, "short of money": poor}.items():
        yield from _told(title, partial(fleet, world))


def _told(title: str, ask: Callable[[], object]) -> Iterator[str]:
    """What is said where there is no answer."""
    with pytest.raises(WattlasError) as error:
        ask()
    yield f"== {title}: {type(error.value).__name__} {error.value}"


def _kinds() -> Iterator[str]:
    """Several kinds of accelerators in a region."""
    hardware = ("8 x H100", "2 x B200", "H100")
    s = _plain(idle_w=0.0)
    points = zip(s.points, hardware, strict=True)
    s = replace(s, points=tuple(replace(point, hardware=kind) for point, kind in points))
    rents = {
        "hydro": {"H100": 16000.0, "B200": 24000.0}, "coaly": {"H100": 13000.0, "B200": 21500.0},
        "solar": {"H100": 15200.0, "B200": 17400.0},
    }  # fmt: skip
    kinds: dict[str, Any] = {
        region: {kind: {"reserved_usd_per_gpu_year": usd} for kind, usd in each.items()}
        for region, each in rents.items()
    }
    yield from _fleet("kinds", by_kind(s, kinds))
    yield from _fleet("kinds, an outage", by_kind(s, kinds), survive=[["coaly"]])
    bounds: dict[str, dict[str, Any]] = {
        "capacity": {"capacity_max": (2.6, 3.9, 2.1)}, "power": {"power_max_kw": (2.2, 4.8, 1.4)},
    }  # fmt: skip
    for title, bound in bounds.items():
        bounded = by_kind(_regions(s, **bound), kinds)
        yield from _fleet(f"kinds within {title}", bounded)
    dear = {name: dict(each) for name, each in kinds.items()}
    dear["coaly"]["H100"] |= {"on_demand_gpu": 0.4, "on_demand_usd_per_gpu_h": 5.0}
    yield from _fleet("kinds by the hour", by_kind(s, dear))
    bounded = _regions(s, capacity_max=(2.6, 3.9, 2.1))
    yield from _fleet("bought beside a bound", by_kind(bounded, dear))
    rented = {name: {kind: dict(terms) for kind, terms in each.items()}
              for name, each in kinds.items()}  # fmt: skip
    for each in rented.values():
        each["B200"] |= {"reserved_gpu_max": 0.0}
    rented["coaly"]["B200"] |= {"on_demand_gpu": 3.0, "on_demand_usd_per_gpu_h": 5.0}
    one_kind = with_class(bounded, 1, points=("batched",))
    yield from _fleet("one kind is bought alone", by_kind(one_kind, rented))
    yield from _told("no kinds", lambda: fleet(s))


def _patient(seed: int = 12, count: int = 7, steps: tuple[float, float] = (2.0, 1.0),
             **changed: Any) -> Scenario:  # fmt: skip
    hours = Hours.range("2023-02-28T20:00:00", count)
    changed = {"utilisation_max": (0.9, 0.8, 0.95)} | changed
    s = with_class(_plain(seed=seed, hours=hours, **changed), 2, may_wait_h=steps[0])
    return with_class(s, 1, may_wait_h=steps[1], state=State.STATELESS)


def _waiting() -> Iterator[str]:
    """Fleets whose requests may wait: in one program, by cuts, levelled."""
    s, lost = _patient(), [["coaly"]]
    yield from _fleet("one program", s)
    yield from _fleet("by the hour", _patient(**BY_HOUR))
    priced = with_class(_patient(), 2, unserved_usd_per_request=0.0021)
    yield f"priced, at least {fleet(priced, exact=EXACT).least_count}"
    yield from _fleet("an outage", s, survive=lost)
    only = with_class(
        _patient(reserved_gpu_max=(1.7, 1.6, 1.5), utilisation_max=1.0), 2, may_wait_h=5.0
    )
    yield from _fleet("fits in time alone", only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting_program, "LARGEST", 0)
        patch.setattr(waiting, "EXACT", 1e-6)
        yield from _near("by cuts, an outage", s, survive=lost)
        accurate = fleet(with_class(s, 1, mean_accuracy_min=0.63), survive=lost, exact=EXACT)
        yield f"by cuts, accurate: {accurate.optimal.cost_usd:.4g} {accurate.bound_usd:.4g}"
        patch.setattr(waiting, "too_large", lambda *_: True)
        made = fleet(s, exact=EXACT)
        yield f"== levelled: {made.status} {made.levelled}"
        for name in ("own_peaks", "whole", "unwaited", "least_count"):
            yield from shown(name, getattr(made, name))
        assert made.bound_usd <= made.optimal.cost_usd
        assert certify_fleet(made).worst <= 1e-6
        assert made.status is Status.LIMIT
    for each in patience(s, "batch", [2.0, 0.0], exact=EXACT):
        yield f"== {each.klass} waits {each.wait_h:g} h"
        yield from shown("optimal", each.fleet.optimal)
        yield from shown("waits", each.fleet.waits)


def _near(title: str, s: Scenario, **how: Any) -> Iterator[str]:
    """A fleet to a small gap: what its proof and its cost come to."""
    made = fleet(s, exact=EXACT, **how)
    proof = certify_fleet(made)
    assert proof.gap <= 3e-6, proof
    assert proof.worst <= 1e-6, proof
    yield f"== {title}: {made.status} {proof.objective:.4g}"
    for name in ("own_peaks", "given", "survives"):
        yield from shown(name, getattr(made, name))
    for name in ("nominal", "unwaited"):
        cost = getattr(made, name)
        yield f"{name} {cost if cost is None else format(cost.cost_usd, '.4g')}"
    for each in made.waits:
        yield f"waits {each.klass} {each.requests:.4g}"


def _contracts() -> Iterator[str]:
    """Fleets under share caps of days and all hours, with and without waiting."""
    caps = (
        ShareCap("low", ("code",), ("small",), 0.3, Window.DAY),
        ShareCap("lower", ("batch",), ("small", "batched"), 0.7, Window.ALL),
    )
    plain, lost = replace(_plain(seed=13), share_caps=caps), [["coaly"]]
    waits = replace(_patient(seed=13, count=5), share_caps=caps)
    even = np.tile([[3.2], [2.9], [2.4]], plain.hours.count)
    yield from _fleet("given", replace(plain, reserved_gpu=even))
    yield from _fleet("waiting", waits)
    yield from _fleet("by hour, waiting", replace(
        waits, share_caps=(replace(caps[0], window=Window.HOUR),)))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tied_question, "EXACT", 1e-6)
        yield from _near("an outage", plain, survive=lost)
        patch.setattr(tied_question, "joint", lambda *_: None)
        yield from _near("by cuts, waiting", waits)


def _tiered() -> Iterator[str]:
    """One contract of one class."""
    worlds: dict[Window, dict[str, Any]] = {Window.DAY: {}, Window.ALL: BY_HOUR}
    for window, more in worlds.items():
        tier = Tier("green", 0.25, 0.6, classes=("code",), window=window, points=("small",),
                    accuracy_min=0.5)  # fmt: skip
        s = with_class(_plain(seed=14, **more), 1, accuracy_min=0.7)
        made = tiered_fleet(offer(s, [tier]), exact=1e-8)
        _is_told(made.info)
        yield f"== {window} {list(more)}"
        for column in fields(made):
            if column.name != "info":
                yield from shown(column.name, getattr(made, column.name))
    begun = tiered_fleet(offer(s, [tier]), starts=[made.optimal.gpu], exact=1e-8)
    assert begun.optimal.cost_usd == pytest.approx(made.optimal.cost_usd, rel=1e-7)
    two = offer(s, [replace(tier, classes=("code", "batch"))])
    yield from _told("two classes", lambda: tiered_fleet(two))


def _reach() -> Iterator[str]:
    """What a further millisecond saves."""
    s = _plain()
    done: list[float] = []
    yield from shown("added", reach(s, samples=4, exact=EXACT, progress=done.append))
    yield from shown("done", done)
    for variant in ("added_ms", "class:code", "scale"):
        most = 1.4 if variant == "scale" else 60.0
        made = reach(s, variant=variant, most=most, samples=None, exact=1e-7)
        yield from shown(variant, made)
    yield from _told("no class", lambda: reach(s, variant="class:none"))
    yield from _told("no variant", lambda: reach(s, variant="far"))


def _refused() -> Iterator[str]:
    """What no fleet answers."""
    s, waits = _plain(), _patient()
    cap = ShareCap("low", ("code",), ("small",), 0.3, Window.DAY)
    tied = Frictions(start_usd_per_gpu_h=0.3)
    cases: dict[str, Scenario] = {
        "short": _plain(reserved_gpu_max=0.5),
        "short site": _plain(capacity_max=(0.9, 0.8, 0.7)),
        "tied": replace(s, frictions=tied),
        "share of carbon": minimal(s, carbon_cap_share=0.5),
        "share of cost": minimal(s, minimise=Minimise.CARBON, cost_cap_share=0.5),
        "days": minimal(s, carbon_cap_t=1.0, window=Window.DAY),
        "unserved": minimal(with_class(s, 2, unserved_usd_per_request=0.1), minimise="carbon"),
        "free": _regions(s, reserved_usd_per_gpu_year=(0.0, 1.0, 1.0)),
        "all free": _regions(s, reserved_usd_per_gpu_year=0.0),
        "idle differs": _regions(s, idle_w=(71.0, 50.0, 71.0)),
        "idle is most": _regions(s, idle_w=900.0),
        "waits, short": _regions(waits, reserved_gpu_max=0.5),
        "capped, short": replace(_plain(reserved_gpu_max=0.5), share_caps=(cap,)),
        "stranded": with_class(s, 1, latency_budget_ms=30.0),
    }
    for title, world in cases.items():
        yield from _told(title, partial(fleet, world))
    yield from _told("no region", lambda: fleet(s, survive=[["mars"]]))
    bounded = _plain(reserved_gpu_max=(2.5, 2.5, 2.5))
    yield from _told("cannot be lost", lambda: fleet(bounded, survive=[["hydro"], ["coaly"]]))


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "sized": _sized, "sampled": _sampled, "outages": _outages, "carbon": _carbon, "kinds": _kinds,
    "waits": _waiting, "contracts": _contracts, "tiered": _tiered, "reach": _reach,
    "refused": _refused,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_fleets_are_those_of_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    compare(f"fleet_{name}", CASES[name]())
