"""Answers in brief, at the borders of what is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.golden.printed import number
from wattlas.studies.brief import Brief, brief, brief_html, verdicts
from wattlas.studies.fleet_brief import fleet_brief

NAN = float("nan")


TOTALS = {
    "cost_usd": 1000.0,
    "carbon_kg": 500.0,
    "unserved_requests": 0.0,
    "requests": 1e6,
    "it_mwh": 2.0,
}


META: dict[str, Any] = {
    "classes": {"A": "chat", "B": "B"},
    "window": {"hours_represented": 8760.0},
    "objective": {"minimise": "cost"},
    "baseline": {"label": "nearest region"},
    "headline": {"saving_usd": 120.0, "saving_kg": -30.0, "static_share_of_saving": 0.42},
    "totals": {"baseline": TOTALS, "plan": {**TOTALS, "cost_usd": 880.0, "carbon_kg": 530.0}},
}


def _meta(base: dict[str, float], plan: dict[str, float], **headline: Any) -> dict[str, Any]:
    totals = {"baseline": {**TOTALS, **base}, "plan": {**TOTALS, **plan}}
    return {**META, "totals": totals, "headline": {**META["headline"], **headline}}


def _changes(*rows: tuple[Any, ...]) -> dict[str, list[Any]]:
    heads = (
        "class",
        "from_region",
        "to_region",
        "it_mwh",
        "requests_share",
        "hours_share",
        "saving_usd",
        "saving_kg",
    )
    return {head: [row[n] for row in rows] for n, head in enumerate(heads)}


CHANGES = _changes(
    ("A", "r1", "r2", 0.5, 0.6, 0.4, 70.0, -20.0),
    ("B", "r2", "r2", 0.3, 0.995, 0.9951, 0.0009, 0.0006),
    ("A", "r1", "r1", 0.1, 1.0, 1.0, 20.0, 0.0001),
    ("B", "unserved", "r2", 0.9, 0.996, 1.0, -5.0, 3.0),
    ("B", "r3", "unserved", 0.8, 0.2, 0.995, 30.0, 4.0),
    ("A", "r3", "r1", 0.4, 0.1, 0.2, 10.0, 1.0),
    ("B", "r2", "r3", 0.2, 0.1, 0.2, 0.002, -9.0),
)


FLOWS = {
    "class": ["A", "A", "A"],
    "region": ["r1", "r1", "r1"],
    "point": ["x", "y", "y"],
    "requests": [5.0, 3.0, 3.0],
}


BEFORE = {"class": ["A", "B"], "region": ["r1", "r1"], "point": ["x", "z"], "requests": [5.0, 9.0]}


PLACES = {
    "kind": ["region", "metro", "region"],
    "id": ["r1", "r2", "r3"],
    "name": ["Oslo", "Berlin", ""],
}


STUDY = {"changes": CHANGES, "flows": FLOWS, "baseline_flows": BEFORE, "places": PLACES}


def _told(made: Brief) -> Iterator[str]:
    yield made.sentence
    yield from made.actions
    yield " ".join("/".join(move.values()) for move in made.moves)
    if made.fleet:
        yield f"{made.fleet} | {made.fleet_assumes} | {made.fleet_first}"


def _brief(_folder: Path) -> Iterator[str]:
    """The answer in brief, at the borders of what is told, and in rare units of change."""
    carbon = {"minimise": "carbon"}
    yield from _told(brief(META, STUDY))
    yield from _told(brief({**META, "objective": carbon}, STUDY))
    yield from _told(brief(_meta({}, {}, saving_usd=-1.0, saving_kg=2.0), STUDY))
    yield from _told(brief(_meta({}, {}, saving_usd=0.0, saving_kg=0.0), STUDY))
    yield from _told(brief({**META, "objective": None, "window": None}, {}))
    yield from _told(brief({**_meta({}, {}, saving_usd=NAN, saving_kg=0.0)}, {}))
    yield from _told(
        brief(
            {
                **META,
                "objective": carbon,
                "headline": {**META["headline"], "saving_kg": 1e-9, "saving_usd": NAN},
            },
            STUDY,
        )
    )
    for hours in (8735, 8736, 8760, 8784, 8785, 24):
        meta = {**META, "window": {"hours_represented": hours}}
        yield brief(meta, STUDY).sentence
    for saving, base, plan in (
        (1.1e-3, 1000.0, 10.0),
        (0.9e-3, 1000.0, 10.0),
        (0.9e-3, 10.0, 1e3),
        (5.0, 0.0, -5.0),
        (7.0, 5.0, -2.0),
        (-7.0, 5.0, 12.0),
        (5.0, 5.0, 0.0),
        (-5.0, 5.0, 10.0),
        (-6.0, -1.0, 5.0),
    ):
        meta = _meta(
            {"cost_usd": base, "carbon_kg": base},
            {"cost_usd": plan, "carbon_kg": plan},
            saving_usd=saving,
            saving_kg=saving / 2,
        )
        yield brief(meta, STUDY).sentence
    for before, after in ((5.0, 0.0), (0.0, 5.0), (1.05, 0.0), (0.95, 0.0), (0.0, 2e5)):
        served = {"unserved_requests": before}, {"unserved_requests": after, "requests": 1e6}
        yield brief(_meta(*served), STUDY).sentence
    for share in (None, NAN, -0.1, 0.0, 1e-9, 0.0499, 0.05, 0.1, 0.149, 0.151, 0.96, 0.995, 0.9951):
        yield brief(_meta({}, {}, static_share_of_saving=share), STUDY).sentence[-40:]
    for pair, energy in (
        ((1.0, 0.9), 2.0),
        ((0.5, 0.3, 0.2), 2.0),
        ((1e-7,), 1.0),
        ((0.6, 0.4), 1.0),
    ):
        rows = [("A", f"r{n}", "r9", each, 1.0, 1.0, 1.0, 1.0) for n, each in enumerate(pair)]
        meta = _meta({}, {"it_mwh": energy})
        yield brief(meta, {"changes": _changes(*rows, ("A", "r0", "r9", 0.1, 1, 1, 1, 1))}).sentence
    same = {**STUDY, "baseline_flows": FLOWS}
    yield from brief(META, {**same, "changes": _changes(CHANGES_ROW)}).actions
    yield from brief(META, {"changes": _changes(CHANGES_ROW)}).actions
    for told in (
        {"sentence": "s", "fleet": "f"},
        {"fleet": "f", "fleet_first": True},
        {},
        {
            "sentence": "s",
            "fleet": "f",
            "fleet_assumes": "a",
            "fleet_first": True,
            "actions": ["<do>"],
        },
    ):
        yield str(verdicts(told))
        yield brief_html(
            {
                "scenario": {"name": "n", "title": "T" * bool(told), "notice": "b"},
                "status": "s",
                "brief": told,
            }
        )


CHANGES_ROW = ("A", "r1", "r1", 0.1, 1.0, 1.0, 20.0, 0.2)


def _cost(gpu: float, usd: float, **more: float) -> dict[str, float]:
    return {"gpu": gpu, "cost_usd": usd, "unserved_share": 0.0, **more}


def _fleet_brief(_folder: Path) -> Iterator[str]:
    """The fleet in brief: against what, by the hour, with what unserved, on what it counts."""
    apart = {"own_peaks": _cost(120.0, 900.0), "alone": _cost(110.0, 950.0)}
    for best, others, more in (
        (_cost(100.0, 800.0), apart, {}),
        (_cost(100.0, 800.0), apart, {"buys_by_the_hour": True}),
        (_cost(100.0, 800.0, unserved_share=2e-6), apart, {"by_money": False}),
        (_cost(100.0, 800.0), apart, {"by_money": False, "buys_by_the_hour": True}),
        (_cost(100.0, 800.0, unserved_share=1e-6), {"own_peaks": _cost(90.0, NAN)}, {}),
        (_cost(100.0, 800.0, unserved_share=0.1), {"alone": _cost(100.4, 800.17)}, {}),
        (_cost(100.0, 800.0), {"alone": _cost(100.4, 800.15)}, {}),
        (_cost(100.0, 800.0), {"alone": _cost(100.4, 801.0)}, {}),
        (_cost(100.0, 800.0), {"alone": _cost(90.0, 801.0), "own_peaks": _cost(9.0, 801.0)}, {}),
        (_cost(100.0, 800.0), {"own_peaks": {"gpu": 5.0, "cost_usd": None}}, {}),
        (_cost(100.0, -5.0), {"alone": _cost(140.0, -2.0)}, {}),
        (_cost(100.0, -5.0), {"alone": _cost(140.0, 2.0)}, {}),
        (_cost(0.001, 3.0), apart, {}),
        (_cost(0.0011, 3.0), apart, {}),
        (_cost(0.0005, 3.0), {"alone": _cost(0.4, 9.0)}, {}),
        (_cost(0.0, 3.0, unserved_share=1e-6), apart, {}),
        (_cost(0.0, 3.0, unserved_share=0.3), apart, {}),
        (_cost(0.0, 3.0, unserved_share=1 - 0.9e-6), apart, {}),
        (_cost(0.0, 3.0, unserved_share=1 - 1.1e-6), apart, {}),
    ):
        told = {"fleets": {"optimal": best, **others}, **more}
        made = fleet_brief({"fleet": told}, "a year")
        yield f"{made.sentence} [{number(made.saving_usd)}]"
    base = {"optimal": _cost(100.0, 800.0), **apart}
    held = {"own_peaks": _cost(130.0, 1.0), "optimal": _cost(110.0, 1.0)}
    for told in (
        {"fleets": base, "held_back": held, "held_back_share": 0.2},
        {
            "fleets": base,
            "held_back": {**held, "optimal": _cost(130.0, 1.0)},
            "held_back_share": 0.2,
        },
        {"fleets": base, "held_back": {"alone": held["own_peaks"]}},
        {"fleets": {**base, "given": _cost(150.0, 1000.0)}},
        {"fleets": {**base, "given": _cost(150.0, 700.0)}},
        {"fleets": {**base, "given": _cost(150.0, 800.0)}},
        {"fleets": {**base, "given": _cost(150.0, NAN)}},
        {"fleets": {**base, "outage": _cost(170.0, 1.0)}, "lost": "any", "uncoverable_share": 0.1},
        {"fleets": {**base, "outage": _cost(170.0, 1.0)}, "lost": "any", "uncoverable_share": 0.0},
        {"fleets": {**base, "outage": _cost(170.0, 1.0)}, "lost": "any"},
    ):
        for window in ({}, {"window": None}, {"window": {"sample": "a"}})[
            : 1 + 2 * (len(told) > 2)
        ]:
            yield fleet_brief({"fleet": told, **window}, "a year").assumes
    yield str([fleet_brief({}, "a year"), fleet_brief({"fleet": {"status": "skipped"}}, "a year")])


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "brief": _brief,
    "fleet_brief": _fleet_brief,
}
