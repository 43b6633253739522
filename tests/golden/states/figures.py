"""Figures of findings made by hand, what is told on the way, and what is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import wattlas
from tests.golden.printed import (
    listing_lines,
    table_lines,
)
from tests.golden.states.studies import _fleet
from tests.tiers.markets import PRICE, people, service
from wattlas.data.scenario_file import example_path, read
from wattlas.model.table import table_of
from wattlas.model.users import Terms
from wattlas.studies import registry
from wattlas.studies.figures import (
    benefit,
    breakeven,
    fleet_day,
    fleet_reach,
    fleet_regions,
    frontier,
    saving,
    tier_shares,
    tier_utility,
    why,
)
from wattlas.studies.findings import Findings, _frontiers, _traced
from wattlas.studies.fleet_answer import FleetAnswer, fleet_answer
from wattlas.studies.offers import Design, TierDesign, _designed
from wattlas.tiers.market import market


def _worth(klass: str = "A", **more: Any) -> Design:
    """A design of a small market that is worth offering."""
    served = replace(service(6, 2, 3, full_cost=0.8), klass=klass, **more)
    return _designed(market(served, people(9, 2, scale=0.02), PRICE), Terms(), True, 10)


def _figures(folder: Path) -> Iterator[str]:
    """Figures of findings made by hand, what is told on the way, and what is registered."""
    s = wattlas.example("tiny").at_hours(range(2))
    for before, after in (
        (0.0, 0.0),
        (0.0, 1.0),
        (-1.0, -1.0),
        (5.0, -1.0),
        (5.0, 10.0),
        (5.0, 10.1),
        (5.0, 4.0),
    ):
        yield str(saving._saved(before, after))
    rows = [
        {"label": f"l{n}", "realised_ratio_usd": r, "realised_ratio_kg": None, "note": note}
        for n, (r, note) in enumerate(((1.0005, None), (1.0004, "a"), (None, "a"), (0.2, "b")))
    ]
    yield from benefit._notes(table_of(rows))
    yield from benefit._notes(table_of([{**rows[0], "realised_ratio_kg": 1.0006}]))
    moves = [
        {
            "class": "A",
            "from_region": "x",
            "to_region": "y",
            "quantity": q,
            "verdict": "v" + q,
            "value": n * 1.5,
        }
        for n, q in enumerate(("payload_bytes", "price_gap_usd_per_mwh"))
    ]
    for some in (moves, moves[:1], []):
        study = SimpleNamespace(
            tables={"breakeven": table_of(some)} if some else {}, meta={"classes": {"A": "chat"}}
        )
        yield from listing_lines(breakeven.moves(study))  # type: ignore[arg-type]
    points = {
        "metro": ["m"] * 4,
        "class": ["A"] * 4,
        "region": ["r"] * 4,
        "point": list("abcd"),
        "reason": [None, "", "late", ""],
        "chosen_share": [0.0, None, 0.0, 0.0],
        "cost_usd_per_million": [3.0, 2.0, 1.0, 2.5],
    }
    import polars as pl

    frame = pl.DataFrame(points)
    with pytest.MonkeyPatch.context() as few:
        for most in (3, 4):
            few.setattr(why, "MAX_CANDIDATES", most)
            shown, rule = why.thin(frame)
            yield f"{shown['point'].to_list()} {rule}"
    design = _worth("A")
    assert design.chosen is not None
    slow = replace(design.service, latest_ms=design.service.latest_ms * 3)
    tiny = replace(design, service=slow, chosen=replace(design.chosen, fallback="small"))
    for designs in (
        (),
        (replace(design, chosen=None),),
        (tiny,),
        (replace(tiny, service=replace(slow, klass="D")), tiny),
        (replace(tiny, chosen=replace(design.chosen, fallback="o0")),),
    ):
        whole = TierDesign(SimpleNamespace(scenario=s), Terms(), designs, s.points)  # type: ignore
        table = tier_shares.shares(SimpleNamespace(tiers=whole))  # type: ignore[arg-type]
        yield from table_lines("tier_shares", {k: v[::7] for k, v in dict(table or {}).items()})
    yield str(tier_shares.shares(SimpleNamespace(tiers=None)))  # type: ignore[arg-type]
    served = service(2, 1, 3)
    many = SimpleNamespace(market=market(served, people(3 * 800, 1), PRICE), service=served)
    rows = list(tier_utility.utility(s, many, None))  # type: ignore[arg-type]
    yield from table_lines("of many users", table_of(rows[::83]) or {})
    bare = FleetAnswer(_fleet(s))
    yield str(fleet_reach.fleet_reach(SimpleNamespace(fleet=bare)))  # type: ignore[arg-type]
    yield str(fleet_reach.fleet_reach(SimpleNamespace(fleet="why")))  # type: ignore[arg-type]
    for day in (fleet_day.fleet_day, fleet_regions.fleets, fleet_regions.fleet_regions):
        yield str(day(SimpleNamespace(fleet="why")))  # type: ignore[arg-type]
    heard: list[tuple[str, str]] = []

    def hear(what: str, share: float) -> None:
        heard.append((what, f"{min(share, 1.0):.0%}"))

    free = replace(s, regions=tuple(replace(r, reserved_usd_per_gpu_year=0.0) for r in s.regions))
    yield str(fleet_answer(free, hear))
    capped = replace(s, objective=replace(s.objective, carbon_cap_share=0.9))
    yield f"{fleet_answer(capped, hear)} {heard}"
    one = read(
        example_path("tiny"),
        set=[
            "regions.only=[oslo]",
            "residency=null",
            "time.hours=2",
            "classes.A.residency=null",
            "classes.A.latency_budget_ms=3000",
        ],
    ).scenario
    alone = fleet_answer(one, hear)
    yield f"{alone if isinstance(alone, str) else (alone.no_outage, alone.no_reach)}"
    yield str(list(dict.fromkeys(heard))[-1:])
    heard.clear()
    answered = fleet_answer(s, hear)
    ends = dict(heard)
    yield f"{ends} {getattr(answered, 'no_outage', answered)} {getattr(answered, 'no_reach', 0)}"
    heard.clear()
    for each in _frontiers(s, 3, hear):
        price = each.carbon_price_usd_per_t
        yield f"{each.variant} {each.objective} {len(each.x)} {price:g} {each.exact}"
    yield str(heard)
    unpriced = SimpleNamespace(signals=SimpleNamespace(priced=False), classes=s.classes)
    for samples in (4, 9, 16):
        yield str(list(_traced(s, samples)) + list(_traced(unpriced, samples)))  # type: ignore[arg-type]
    heard.clear()
    findings = Findings(s, 3, hear)
    yield f"{findings.plan.status} {len(benefit.benefit(findings)['label'])}"
    yield str([h for h in heard if h[0] != "plan"])
    for n, traced in enumerate(findings.frontiers[:2]):
        cut = replace(traced, users_x=traced.x[0] / 2 if n else traced.x[-1])
        yield from table_lines("points", frontier._points(cut), 4)
    for entry in registry.tables(None).values():
        columns = " ".join(f"{c.name}:{c.kind}{'?' * c.optional}" for c in entry.columns)
        flags = entry.thin is not None, entry.busy, entry.large
        yield f"{entry.name} {entry.page} {flags}: {columns}"
    for page in ("study", "replay", "sweep"):
        for shown in registry.figures(page):
            yield f"{shown.id} {shown.order} {shown.part.id} {shown.depth} {shown.needs}"
            yield f"  {shown.question} | {shown.missing} | {shown.lacks}"
    yield str([(e.name, e.order) for e in registry.listings()])


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "figures": _figures,
}
