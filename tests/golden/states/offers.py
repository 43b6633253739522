"""Designs of tiers and what they save a fleet, in rare states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import wattlas
from tests.golden.printed import (
    listing_lines,
    number,
    outline,
    table_lines,
    tried,
)
from tests.golden.states.figures import _worth
from tests.golden.states.studies import _fleet
from tests.golden.states.tiers import line
from tests.tiers.markets import PRICE
from wattlas.model.users import Accelerators, Terms, Users
from wattlas.studies import design_listings as told
from wattlas.studies.offer_card import card, trigger_words
from wattlas.studies.offer_listings import card_listings
from wattlas.studies.offers import Design, TierDesign, _billing, _saved_t, _tiers
from wattlas.studies.offers import _problems as design_problems
from wattlas.studies.resized import CARBON, PEAK, Allocation, Resized, ResizedDesign, _busy_h
from wattlas.studies.resized_listings import resized_listing, resized_mapping, resized_words
from wattlas.studies.tier_tables import menu_of_class, split_table
from wattlas.tiers.sensitivity import Assumption, Varied
from wattlas.tiers.verdict import OfferVerdict

NAN = float("nan")


def _designs(_folder: Path) -> Iterator[str]:
    """Designs made by hand: with and without an offer, tests, losers, kinds of cards."""
    s = wattlas.example("tiny").at_hours(range(6))
    plan = wattlas.plan(s)
    base = _worth()
    assert base.chosen is not None
    offer = base.chosen
    none = replace(base, chosen=None, verdict=OfferVerdict(False, "it is so"))
    empty = np.zeros((0, 6))
    pointless = replace(
        base.service,
        points=(),
        accuracy=empty[:, 0],
        latency_ms=empty[:, 0],
        latest_ms=empty[:, 0],
        cost_usd=empty,
        carbon_g=empty,
    )
    bare = Design(pointless, PRICE, OfferVerdict(False, "nothing"))
    varied = [
        Varied(Assumption(p, p, "u" * n, (1.0, 2.0, 3.0), t, "w" * n), (offer,) * 3, passed)
        for n, (p, t, passed) in enumerate(
            (
                ("billing", "low", True),
                ("scale", "high", False),
                ("usd_per_t", "", None),
                ("price", "", None),
            )
        )
    ]
    tested = replace(base, sensitivities=tuple(varied))
    rows = base.segments
    losing = tuple(
        replace(r, losing_share=0.1 * n, rational=n > 0, compatible=n < 2, adoption=0.5)
        for n, r in enumerate(rows)
    )
    for design in (
        base,
        none,
        bare,
        tested,
        replace(base, segments=losing),
        replace(base, segments=tuple(replace(r, adoption=0.0) for r in losing)),
        replace(base, chosen=replace(offer, discount=0.0004)),
        replace(base, chosen=replace(offer, discount=0.0)),
    ):
        yield from outline("card", card(design))
    windows = replace(base.service, window=np.array([0, 0, 0, 1, 1, 1]))
    dark = replace(base.service, full_kwh=np.full(6, 0.5))
    for served in (
        base.service,
        windows,
        dark,
        replace(dark, window=windows.window),
        replace(base.service, carbon_g=2 * base.service.carbon_g + 1000),
    ):
        for degraded, share in (
            (0.3, offer.share),
            (0.3, 1e-9),
            (0.3, 0.0),
            (1.0, 1.0),
            (1 - 1e-10, 1.0),
        ):
            yield trigger_words(served, replace(offer, degraded=degraded, share=share))
    other = replace(_worth("D"), fallbacks=base.fallbacks)
    wholes = {
        "one": (tested,),
        "two": (tested, replace(other, segments=losing)),
        "none": (none,),
        "both": (none, other),
        "bare": (bare,),
        "nobody": (),
    }
    names = {"A": "chat", "D": "D"}
    for name, designs in wholes.items():
        for terms in (Terms(), Terms(most=2)):
            whole = TierDesign(plan, terms, designs, s.points, ("D",) if name == "none" else ())
            yield f"== {name} {terms.most}"
            yield from told.verdict_words(whole)
            yield from told.payment_notes(whole)
            for listing in told.design_listings(whole):
                yield from listing_lines(listing)
            mapping = told.design_mapping(whole, None)
            yield f"{sorted(mapping)} {mapping['split']} {len(mapping['tiers'])}"
            for design in designs:
                for tier in _tiers(s, design, whole):
                    yield from outline(
                        "tier", {k: v for k, v in asdict(tier).items() if k != "points"}
                    )
                yield line(_saved_t(design)) if design.market is not None else "no market"
    many = replace(base, fallbacks=(offer,) * 2)
    fallbacks = {"class": ["A"] * 21, "fallback": [f"f{n}" for n in range(21)]}
    yield f"{len(fallbacks['class'])} {many.shown is offer} {bare.shown} {none.shown is base.most}"
    listed = [
        {
            "class": "A",
            "worth": worth,
            "reason": "why",
            "tests": tests,
            "trigger": "t",
            "full_accuracy": 0.9123,
            "fallback_accuracy": 0.8,
            "full_latency_ms": 1234.5,
            "fallback_latency_ms": 0.5,
            "losing_share": 0.1,
            "fallback": "f",
            "discount": 0.1,
            "share": 0.2,
            "adoption": 0.3,
            "profit_gain_usd": 5.0,
            "revenue_gain_share": 0.1,
            "profit_gain_share": None,
            "carbon_saved_share": 0.2,
        }
        for worth, tests in ((True, "passes"), (False, None), (True, None))
    ]
    for some in (listed, listed[1:2], []):
        for listing in card_listings(some, names):
            yield from listing_lines(listing)
    parts = {"part": ["baseline", "tiers"], "saving_usd": [0.0, 3.0], "saving_kg": [0.0, 4.0]}
    yield from listing_lines(told.split_listing(parts))
    for klass in s.classes:
        for usable in (None, ("small",), ("large-fast", "large-batched")):
            world = replace(
                s,
                classes=tuple(
                    replace(k, points=usable) if k.id == klass.id else k for k in s.classes
                ),
            )
            served = replace(
                base.service, klass=klass.id, full_points=("small",), points=("large-fast", "o1")
            )
            whole = TierDesign(plan, Terms(), (), s.points[1:])
            other_service = replace(base, service=served)
            yield from tried(
                lambda w=world, d=other_service, t=whole: str(
                    [
                        (m[0].ids, list(map(number, asdict(m[1]).values())))
                        for m in [menu_of_class(w, d, t)]
                    ]
                )
            )
    yield str(split_table(TierDesign(plan, Terms(), (), s.points)))
    yield from outline("nothing offered", asdict(bare.ladder))
    lacking = TierDesign(plan, Terms(), (replace(base, fallbacks=(None, offer)),), s.points)
    for name, table in lacking.named_tables().items():
        if name in ("tier_fallbacks", "tier_verdicts"):
            yield from table_lines(name, table)
    for listing in told.design_listings(lacking):
        yield from listing_lines(listing)
    for value, kept in (
        (Accelerators.STATED, s),
        (Accelerators.ON_DEMAND, s),
        (Accelerators.RESERVED, s),
    ):
        service_of = wattlas.studies.offers.serving(plan, "A", s.points, accelerators=value)
        bill = _billing(plan, service_of, kept.points, value)
        yield f"{value}: {bill.words} {line([bill.usd_per_gpu_h, bill.other_usd_per_gpu_h])}"
    users = Users()
    waits = replace(s, classes=tuple(replace(k, may_wait_h=1.0) for k in s.classes))
    for world, given, terms in (
        (waits, users, Terms()),
        (s, None, Terms(classes=("X",))),
        (s, users, Terms()),
        (s, users, Terms(classes=("A", "X"))),
        (s, replace(users, usd_per_mtok_in=1.0), Terms()),
    ):
        problems = list(design_problems(world, given, terms))
        yield " | ".join(f"{p.where} {p.what} {p.fix}" for p in problems)


def _resized(_folder: Path) -> Iterator[str]:
    """What contracts save a fleet that may be resized, from allocations made by hand."""
    s = wattlas.example("tiny").at_hours(range(6))
    base, fleet = _worth(), _fleet(s)
    assert base.chosen is not None
    plan = SimpleNamespace(scenario=s)
    peak = Allocation(
        PEAK, base.chosen, 0.4, fleet.own_peaks, 79.0, 2e6, 9.0, 8.0, 10.0, True, 1.25, 0.5
    )
    dirty = replace(peak, when=CARBON, saved_usd=4.0, degraded=0.0, fewer_gpu=-1e-9, worth=False)
    yield line([peak.usd_per_million, dirty.usd_per_million])
    for changes, busy in (
        ({}, 5.5),
        ({"worth": False}, 0.0),
        ({"fewer_gpu": 0.0}, 3.0),
        ({}, NAN),
        ({"fewer_gpu": -1.0}, 3.0),
    ):
        design = ResizedDesign(base, (replace(peak, **changes), dirty), busy)
        whole = Resized(SimpleNamespace(plan=plan), fleet, (design, ResizedDesign(base)))  # type: ignore
        yield from resized_words(whole)
        yield from listing_lines(resized_listing(whole))
        yield from outline("resized", resized_mapping(whole))
    nothing = Resized(SimpleNamespace(plan=plan), fleet, (ResizedDesign(base),))  # type: ignore
    yield from listing_lines(resized_listing(nothing))
    load, hours = np.array([5.0, 9.0, 8.0]), np.array([1.0, 2.0, 3.0])
    yield line([_busy_h(load, hours, fewer) for fewer in (-1.0, 0.0, 0.5, 2.0, 20.0)])


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "designed": _designs,
    "resized": _resized,
}
