"""What value objects refuse, what they derive, and how results are written for people."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas.data
import wattlas.model
import wattlas.replays.arrivals
from tests.golden.inputs.scenarios import world
from tests.golden.telling import Lines, differences, kept, number, outcome, plain, tell
from wattlas import errors
from wattlas.data.scenario_file import load
from wattlas.errors import InputError
from wattlas.model import cells, checks, choices, frames, shown, table, waiting
from wattlas.model.baseline import BaselineRegions
from wattlas.model.breakeven import BreakEven, BreakEvens, Quantity, Side, Verdict
from wattlas.model.choices import Choices
from wattlas.model.contract import CarbonCap, ShareCap, Tier
from wattlas.model.fleet import FleetCost, Reach, ReachedFleet
from wattlas.model.frictions import Frictions
from wattlas.model.frontier import Frontier
from wattlas.model.geography import Metro, Region, ServiceNode, great_circle_km, is_timezone
from wattlas.model.kinds import by_kind, kinds_of
from wattlas.model.network import Network, RttModel, rtt_from_distance_ms
from wattlas.model.objective import Objective
from wattlas.model.offer import full_service, offer, problems_of, withdrawn
from wattlas.model.plan import Flows
from wattlas.model.scenario import Scenario
from wattlas.model.scenario_listing import regions_listing
from wattlas.model.service import Service
from wattlas.model.signals import Hours, Provenance, Signals
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Column, Kind, Listing
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.model.users import Prior, Scale, Segment, Terms, Users
from wattlas.model.workload import (
    OperatingPoint,
    Residency,
    WorkloadClass,
    accuracy_falls,
    it_j,
    kind_of,
)

HERE = Path(__file__).parent / "reading"
BAD = (None, "x", "", -1.0, 0.0, 2.0, float("nan"), float("inf"), True, 3, ["x"], {"x": -1.0})
POINT = OperatingPoint(
    "p", "v", 0.8, 0.1, 0.2, 0.001, 0.002, 60.0, 0.05, 12.0, 30.0, 5.0, 0.1, "2 x H100", {"k": 0.9}
)
KLASS = WorkloadClass(
    "k",
    900.0,
    400.0,
    90.0,
    2.0,
    bytes_per_request=1e6,
    session_state_bytes=3e9,
    requests_per_session_h=4.0,
)
SOUND: dict[str, Any] = {
    "metro": Metro("m", 1.0, 2.0, "UTC", "NO", "EU"),
    "node": ServiceNode("n", 1.0, 2.0),
    "region": Region("r", 1.0, 2.0, "Z", "NO", "EU"),
    "point": POINT,
    "class": KLASS,
    "rule": Residency("law", {"EU": frozenset({"EU"})}),
    "frictions": Frictions(),
    "objective": Objective(),
    "scale": Scale(0.5, 0.9, 10.0, 90.0, 0.3),
    "segment": Segment("s", 0.5, 0.2, 0.3, 0.4),
    "prior": Prior(),
    "users": Users(),
    "terms": Terms(),
    "baseline": BaselineRegions({"m": "r"}),
    "share cap": ShareCap("c", ("k",), ("p",), 0.2, wattlas.Window.DAY),
    "hours": Hours.range("2023-06-01", 3),
    "signals": Signals(("Z",), np.ones((1, 3)), np.ones((1, 3))),
    "tier": Tier("t", 0.2, 0.3),
    "carbon cap": CarbonCap("c", {"2023-06": 1.0}, wattlas.Window.MONTH),
    "network": Network(
        np.ones((1, 2)),
        np.ones((2, 1)),
        np.ones((2, 1)),
        np.zeros((1, 2), bool),
        np.zeros((2, 1), bool),
    ),
}


def _refused(_folder: Path) -> Iterator[str]:
    """Each field with values of every kind: which are taken, and what is said of the others."""
    for name, sound in SOUND.items():
        yield f"== {name}"
        alike: dict[tuple[str, ...], list[str]] = {}
        for field in fields(sound):
            alike.setdefault(tuple(_judged(sound, field.name)), []).append(field.name)
        for told, names in alike.items():
            yield f"{', '.join(names)}:"
            yield from (f"  {text}" for text in told)


def _judged(sound: Any, name: str) -> Iterator[str]:
    """The values that a field takes, and what is said of the others, by what is said."""
    taken, said = [], dict[str, list[str]]()
    for bad in BAD:
        try:
            made = replace(sound, **{name: bad})
        except InputError as error:
            for problem in error.problems:
                where = problem.where.split(".")[-1].replace(name, "")
                value, comma, rest = problem.what.partition(", ")
                said.setdefault(f"{rest if comma else ''}. {problem.fix}", []).append(
                    f"{where} {value}".strip()
                )
        except (TypeError, AttributeError, ValueError) as error:
            said.setdefault(type(error).__name__, []).append(plain(bad))
        else:
            taken.append(plain(getattr(made, name)))
    yield f"takes {', '.join(taken) or 'none'}"
    yield from (f"{'; '.join(values)}: {rest}" for rest, values in said.items())


@cache
def mini(folder: Path) -> Scenario:
    return load(world(folder))


def _services() -> Iterator[str]:
    """What full service comes to, its shapes and its requests wrong once."""
    sound: dict[str, Any] = {
        "klass": "k",
        "latency_budget_ms": 900.0,
        "requests": np.array([3.0, 1.0]),
        "full_accuracy": 0.9,
        "full_latency_ms": 100.0,
        "full_cost_usd": np.array([1.0, 2.0]),
        "full_carbon_g": np.array([5.0, 7.0]),
        "points": ("p",),
        "accuracy": np.array([0.8]),
        "latency_ms": np.array([9.0]),
        "latest_ms": np.array([9.0]),
        "cost_usd": np.ones((1, 2)),
        "carbon_g": np.ones((1, 2)),
    }
    service = Service(**sound)
    yield from tell(service, "service")
    yield number(float(service.mean(service.full_cost_usd)))
    wrong: list[dict[str, Any]] = [
        {"requests": np.array([0.0, 0.0])},
        {"requests": np.array([-1.0, 3.0])},
        {"requests": np.zeros(0)},
        {"cost_usd": np.ones((2, 1)), "window": np.array([1])},
        {"carbon_g": np.full((1, 2), np.nan)},
    ]
    for parts in wrong:
        yield from outcome(lambda parts=parts: Service(**{**sound, **parts}))
    stated = [
        BaselineRegions({"m": "r"}),
        BaselineRegions({}, {"k": {"m": "q"}}),
        BaselineRegions({}, {"k": {}}),
    ]
    yield f"{[(bool(b), b.stated('m', 'k'), b.stated('n', 'k')) for b in stated]}"


def _defaults(_folder: Path) -> Iterator[str]:
    """What each field of a value object is where nobody says."""
    for package in (wattlas.model, wattlas.data, wattlas.replays.arrivals):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, kind in sorted(vars(importlib.import_module(found.name)).items()):
                own = getattr(kind, "__module__", "") == found.name
                if not (own and isinstance(kind, type) and is_dataclass(kind)):
                    continue
                given = [f for f in fields(kind) if f.default is not MISSING]
                told = [f"{f.name} {plain(f.default)}" for f in given]
                yield from (
                    [f"{found.name.removeprefix('wattlas.')}.{name}: {', '.join(told)}"]
                    if told
                    else []
                )


def wrong_parts(s: Scenario) -> dict[str, dict[str, Any]]:
    """Fields of a scenario that are wrong, by what is wrong."""
    north, south = s.regions
    a, b = s.classes
    return {
        "name": {"name": ""},
        "kinds": {
            "hours": 3,
            "users": 4,
            "regions": "x",
            "points": [1],
            "solver": "fast",
            "objective": "cheap",
        },
        "objective by word": {"objective": "carbon"},
        "empty": {"metros": (), "points": ()},
        "twice": {"regions": (north, north), "classes": (a, a)},
        "rules twice": {"residency": s.residency * 2, "tiers": (Tier("t", 0.1, 0.1),) * 2},
        "references": {
            "metros": (replace(s.metros[0], node="n9"), s.metros[1]),
            "nodes": (replace(s.nodes[0], region="q"), s.nodes[1]),
            "regions": (replace(north, zone="SE"), south),
            "classes": (
                replace(a, residency="x", points=("q",), latency_allowance_ms={"q": 3.0}),
                replace(b, state="pinned", state_copies=("*", "q")),
            ),
            "share_caps": (ShareCap("c", ("q",), ("w",), 0.2, wattlas.Window.DAY),),
            "frictions": Frictions(start_usd_by_region={"q": 1.0}),
        },
        "baseline": {
            "baseline": BaselineRegions({"oslo": "q", "m": "north"}, {"q": {"oslo": "north"}})
        },
        "sites": {
            "regions": (
                replace(north, site="S", capacity_max=4.0),
                replace(south, site="S", power_max_kw=9.0),
            )
        },
        "waits": {"classes": (replace(a, may_wait_h=1.3), b)},
        "demand": {"demand_per_h": np.ones((2, 2, 3))},
        "demand of less": {"demand_per_h": -s.demand_per_h},
        "demand of nothing": {
            "demand_per_h": np.where(s.demand_per_h > 2000, np.nan, s.demand_per_h)
        },
        "demand of text": {"demand_per_h": [["x"]]},
        "demand uneven": {"demand_per_h": [[1], [1, 2]]},
        "accelerators": {"reserved_gpu": np.array([[1, 2, -3, 4], [1, np.inf, np.nan, 2]])},
        "signals": {"signals": s.signals.take(np.arange(2))},
        "no hours": {"hours": s.hours.take(np.arange(0))},
        "no price": {"signals": replace(s.signals, price_usd_per_mwh=np.full((2, 4), np.nan))},
        "legs": {"network": replace(s.network, rtt_metro_node_ms=np.full((2, 2), np.inf))},
        "legs of others": {"network": SOUND["network"]},
    }


def _scenarios(folder: Path) -> Iterator[str]:
    """A whole question with one part wrong."""
    s = mini(folder)
    for name, parts in wrong_parts(s).items():
        yield f"== {name}"
        yield from outcome(
            lambda parts=parts: Lines(list(differences(list(tell(s)), tell(replace(s, **parts)))))
        )
    yield f"{s!r}"
    yield s._repr_html_()
    for part in (
        s.at_hours([1, 3]),
        s.at_hours([0, 2], np.array([2.0, 5.0])),
        s.with_endless_capacity(),
    ):
        yield "== a part of it"
        yield from differences(list(tell(s)), tell(part))
    split = by_kind(
        s, {"north": {"H100": {"reserved_gpu": 3.0, "idle_w": 7.0}, "L40S": {"on_demand_gpu": 2.0}}}
    )
    yield "== by kind"
    yield from differences(list(tell(s)), tell(split))
    chosen = (["north/H100"], ["north/H100", "north/L40S"], ["south", "north/L40S"], [])
    yield (f"{kinds_of(s)} {[split.site_words(ids) for ids in chosen]}")
    yield from outcome(lambda: by_kind(s, {"nort": {"H1": {"idle": 3.0}}, "south": {"A": {}}}))
    listing = regions_listing(split)
    yield (
        f"{listing.title}: {[c.heading for c in listing.columns]} {plain(listing.table)} "
        f"{listing.notes}"
    )


def _offers(folder: Path) -> Iterator[str]:
    """Tiers laid over a scenario, taken back, and what is wrong with some."""
    s = mini(folder)
    tiers = (
        Tier(
            "green", 0.2, 0.3, accuracy_min=0.65, latency_factor=1.5, discount=0.1, classes=("a",)
        ),
        Tier("any", 0.5, 0.4, points=("tiny",)),
    )
    offered = offer(s, tiers)
    yield from differences(list(tell(s)), tell(offered))
    for name, back in (("full", full_service(offered)), ("withdrawn", withdrawn(offered))):
        yield f"== {name}"
        yield from differences(list(tell(s)), tell(back))
    wrong = (
        (Tier("green", 0.2, 0.7), Tier("blue", 0.2, 0.6)),
        (Tier("green", 0.2, 0.3), Tier("green", 0.2, 0.3)),
        (Tier("x", 0.2, 0.3, accuracy_min=0.95),),
        (Tier("x", 0.2, 0.3, classes=("c",), points=("q",)),),
        (Tier("x", 0.2, 0.3, points=("big",), accuracy_min=0.92),),
        (Tier("x", 0.0, 0.0),),
    )
    for made in wrong:
        yield f"== {[t.id for t in made]}"
        yield from (str(p) for p in problems_of(s, made))
    yield from outcome(lambda: offer(offered, tiers))


def _derived(folder: Path) -> Iterator[str]:
    """Figures by formula."""
    full = replace(KLASS, latency_to="full_answer")
    for klass in (KLASS, full, replace(full, tokens_out=0.0), WorkloadClass("other", 5.0)):
        for point in (POINT, replace(POINT, itl_p95_ms=0.0), replace(POINT, itl_p95_ms=2.0)):
            told = [
                klass.it_kwh(point),
                klass.gpu_h(point),
                klass.service_ms(point),
                klass.service_p95_ms(point),
                klass.accuracy(point),
                it_j(point, 3.0, 5.0),
            ]
            yield (
                f"{klass.id} {klass.latency_to}: {' '.join(map(number, told))} "
                f"{number(klass.transfer_gb)} {number(klass.state_gb_per_request)}"
            )
    yield (
        f"{list(accuracy_falls([1, 2, 2, 3], [0.5, 0.4, 0.6, 0.45]))} "
        f"{[kind_of(t) for t in ('2 x H100', '8×L4', ' A', '2xB', 'x H')]}"
    )
    rule = Residency("r", {"EU": ["EU", "CH"], "US": ["*"], "*": ["IN"]})
    yield (
        f"{[(m, r, rule.permits(m, r)) for m in ('EU', 'US', 'IN') for r in ('EU', 'IN')]} "
        f"{Residency('e').permits('EU', 'X')}"
    )
    lat, lon = np.array([59.9, 0.0, -90.0]), np.array([10.7, 180.0, 5.0])
    km = great_circle_km(lat, lon, lat[::-1], lon)
    yield from tell(km, "km")
    yield from (
        line for model in RttModel for line in tell(rtt_from_distance_ms(km, model), str(model))
    )
    yield from tell(energy_usd_per_kwh(1.2, np.array([40.0, -5.0])), "energy")
    yield from tell(carbon_t_per_kwh(np.array([1.2, 1.5]), np.array([400.0, 30.0])), "carbon")
    yield from _money_and_time(folder)
    yield from _services()


def _money_and_time(folder: Path) -> Iterator[str]:
    """What requests cost, and hours with their signals."""
    users = Users(usd_per_mtok_in=1.5, usd_per_mtok_out=6.0, scale=0.2, outside=-0.5)
    for made in (users, replace(users, scale_usd=0.003, outside_usd=0.001)):
        yield (
            f"{number(made.price_usd(900.0, 150.0))} {number(made.spread_usd(0.01))} "
            f"{number(made.leaving_usd(0.01))}"
        )
    hours = Hours(
        np.datetime64("2023-06-01T00:00", "s"),
        np.array([0, 1, 2, 5, 6, 9]),
        np.array([1.0, 1.0, 2.0, 2.0, 2.0, 1.0]),
        0.5,
    )
    yield from tell(hours, "hours")
    yield from tell(hours.take(np.array([1, 3, 4])), "some")
    yield from tell(hours.take(np.array([1, 3]), np.array([3.0, 4.0])), "weighed")
    for text in ("2023-06-01", "2023-06-01T05:00:00"):
        yield from outcome(lambda text=text: Hours.range(text, 2, 0.25))
    signals = Signals(
        ("A", "B"), np.arange(6.0).reshape(2, 3), np.ones((2, 3)), np.full((2, 3), 7.0)
    )
    yield from tell(signals.take(np.array([0, 2])), "signals")
    yield (
        f"{signals.zone_index('B')} {is_timezone('Europe/Oslo')} {is_timezone('Oslo')} "
        f"{is_timezone('')} {is_timezone('../x')}"
    )
    yield from tell(Provenance("what", "who"), "from")
    yield from _waiting(folder, hours)


def _waiting(folder: Path, hours: Hours) -> Iterator[str]:
    """Who runs when, first in, first out."""
    yield from tell(waiting.run_ends(hours), "run ends")
    yield from tell(waiting.due(hours, np.array([0, 1, 4])), "due")
    arrived = np.array([[3.0, 0, 2, 4, 4, 1], [0, 5, 5, 0, 3, 2]])
    ran = np.array([[1.0, 2, 2, 2, 6, 1], [0, 2, 8, 0, 3, 2]])
    groups = waiting.first_in(arrived, ran, hours)
    yield from tell(groups, "groups")
    steps, count = waiting.waited_steps(arrived, ran, hours)
    yield from (*tell(steps, "waited"), *tell(count, "requests"))
    yield from tell(waiting.shared_first_in(arrived, ran.sum(axis=0), hours), "shared")
    s = mini(folder)
    s = replace(s, classes=(s.classes[0], replace(s.classes[1], may_wait_h=2.0)))
    run = s.demand_per_h[:, 1][:, [3, 2, 1, 0]]
    run = np.cumsum(s.demand_per_h[:, 1], axis=1) * np.array([0.5, 0.6, 0.8, 1.0])
    run = np.diff(run, prepend=0.0, axis=1)
    waited = waiting.Waited(np.array([1]), run[:, None], np.ones((1, 4), bool))
    yield from tell(waited.by_class(s), "waits")
    yield from tell(waited.as_run(s).demand_per_h, "as run")
    yield from tell(waited.arrived(s, 0), "arrived")
    hour, metro = (part.ravel() for part in np.mgrid[:4, :2])
    alike = [np.tile(part, 2) for part in (hour, metro)]
    of_class = np.repeat([0, 1], 8)
    rate = np.concatenate([s.demand_per_h[:, 0].T.ravel(), run.T.ravel()])
    flows = Flows(*alike, of_class, np.zeros(16, np.int64), np.zeros(16, np.int64), rate)
    for n, part in enumerate(waited.arrivals(s, flows)):
        yield from tell(part, f"arrivals {n}")
    yield from tell(flows.where(flows.klass == 1), "flows")
    for count in ([5.0, 3.0, 0.0, 1.0], [0.0, 0.0], []):
        yield from tell(
            waiting.waits_of(s, 1, np.arange(len(count)), np.array(count), 2.0), "waits of"
        )


def _choices() -> Iterator[str]:
    """A choice experiment in arrays, with everything wrong once."""
    sound: dict[str, Any] = {
        "respondent": np.array(list("rrrqqp")),
        "task": np.array(list("112111")),
        "alternative": np.array(list("abaabx")),
        "accuracy": np.array([0.8, 0.7, 0.9, 0.8, 0.7, np.nan]),
        "latency_ms": np.array([200.0, 300, 100, 1, 2, np.nan]),
        "carbon_g": np.full(6, 0.3),
        "price_usd": np.full(6, 0.01),
        "chosen": np.array([1, 0, 1, 0, 0, 1], bool),
    }
    made = Choices(**sound)
    yield from tell(made, "choices")
    yield f"{choices.numbered(made.respondent, made.task, made.alternative).tolist()}"
    changed: dict[str, dict[str, Any]] = {
        "as is": {},
        "beyond": {
            "accuracy": np.array([1.2, -0.1, 80, 8, 9, 10.0]),
            "price_usd": np.array([1e13, -1, np.inf, 1, 1, 1]),
        },
        "lengths": {"task": np.array(["1"])},
        "none": {n: v[:0] for n, v in sound.items()},
        "segments": {"segment": np.array(list("xyxxyz"))},
        "of one respondent": {"respondent": np.array(["r"] * 6), "task": np.array(["1"] * 6)},
    }
    for name, parts in changed.items():
        for fault in choices.faults(replace(made, **parts)):
            yield f"{name}: {fault.problem('t.csv')}"


def _written(folder: Path) -> Iterator[str]:
    """Numbers, columns, listings and frames as people see them."""
    for value in (
        None,
        float("nan"),
        0,
        0.0,
        -0.0,
        0.04,
        0.49,
        0.5,
        -0.2,
        1,
        12.345,
        999.5,
        1000,
        123456.7,
        -1234.5,
        1e-9,
    ):
        yield (
            f"{value}: "
            f"{cells.count_text(value) if value is not None and value == value else '-'} "
            f"{cells.number_text(value)} {cells.number_text(value, 6)} "
            f"{cells.percent(value) if value is not None else '-'}"
        )
    shown_as = (None, "text", 0, 1.234567, True, float("nan"))
    for kind in Kind:
        yield (f"{kind} {kind.is_numeric}: {[cells.cell(v, Column('x', kind)) for v in shown_as]}")
    names = (
        "price_usd_per_mwh",
        "x_usd_per_gpu_h",
        "cost_usd",
        "it_mwh",
        "carbon_kg",
        "carbon_g",
        "wait_h",
        "most_gpu",
        "size_bytes",
        "plain",
        "a_usd_per_million",
        "t_ms",
    )
    yield (
        f"{[(Column(n).heading, Column(n).unit) for n in names]} "
        f"{Column('x_usd', head='Y').heading}"
    )
    yield f"{table.columns('region:text it_mwh share:share? on:flag')}"
    yield from _shown()
    yield from _break_even()
    yield from _choices()
    yield from _bounds()
    yield from _errors()


def _shown() -> Iterator[str]:
    """Listings and frames."""
    rows = {"name": ["<b>", "=1+1"], "part": [0.5, None], "on": [True, False]}
    listing = Listing(
        "A & B", table.columns("name:text part:share on:flag"), rows, ("mind <this>", "")
    )
    yield shown.listing_html(listing)
    yield shown.listing_html(replace(listing, table={"name": [], "part": [], "on": []}))
    yield (
        f"{len(listing)} {table.rows_of(rows)} {table.table_of(table.rows_of(rows))} "
        f"{table.table_of([], ['a'])} {table.table_of([])}"
    )
    frame = frames.frame(
        {
            "t": np.array(["2023-06-01T00", "2023-06-01T01"], "datetime64[h]"),
            "x": np.array([1.5, np.nan]),
            "n": ["=a", "b"],
            "m": [None, "\tc"],
        }
    )
    yield from tell(frame, "frame")
    yield frames.csv_text(frames.with_texts(frame))
    yield (
        f"{frames.pandas_of(frame).shape} {[str(v) for v in frames.pandas_of(frame)['t']]} "
        f"{frames.pandas_of(frame)['n'].tolist()}"
    )
    columns = shown.FrameColumns({"a": list(range(30)), "b": [True] * 30, "c": ["x"] * 30})
    yield (
        f"{columns.table()['a'][:2]} {columns.heading()!r} {columns.to_polars().shape} "
        f"{columns.to_pandas().shape}"
    )
    told = columns.listing()
    yield f"{told.title!r} {told.columns} {told.notes} {len(told)}"
    yield columns._repr_html_()[:400]
    yield from (
        f"{n}: {did_you_mean(n, ['oslo', 'Austin', 3, *(f'k{i}' for i in range(k))])}"
        for n, k in (("olso", 0), ("AUSTIN", 0), ("qq", 0), ("qq", 9))
    )
    yield f"{did_you_mean('x', [])!r}"


def _break_even() -> Iterator[str]:
    """On which side of a value a move pays."""
    for quantity in Quantity:
        made = BreakEven(
            quantity, 7.0, quantity.unit, Verdict.PAYS, "for a reason", Side.ABOVE, 5.0
        )
        several = [
            replace(made, side=side, value=value, verdict=verdict)
            for side in Side
            for value in (7.0, None)
            for verdict in (Verdict.ALWAYS, Verdict.NEVER)
        ]
        yield (
            f"{quantity} in {quantity.unit}: "
            f"{[[e.pays_at(v) for v in (6.0, 7.0, 8.0)] for e in several]}"
        )
    both = BreakEvens([made, several[-1]])
    yield f"{plain(dict(both.table()))} {both.heading()!r}"


def _bounds() -> Iterator[str]:
    """Bounds in words and what they hold."""
    bounds = {
        "finite": checks.FINITE,
        "above": checks.POSITIVE,
        "least": checks.NOT_NEGATIVE,
        "share": checks.SHARE,
        "free": replace(checks.NOT_NEGATIVE, free=True),
        "open": checks.Bounds(0.0, 1.0, open=True),
        "whole": checks.Bounds(1, 9, whole=True),
        "any": checks.Bounds(free=True),
        "unknown": checks.Bounds(0.0, unknown=True),
        "open above": checks.Bounds(0.0, 5.0, open=True, free=True),
    }
    values = (-np.inf, -1.0, 0.0, 0.5, 1.0, 5.0, 9.0, np.inf, np.nan)
    for name, bound in bounds.items():
        yield (
            f"{name}: {bound.words()}; holds {[v for v in values if bound.hold(v, v)]}, to 3 "
            f"from {[v for v in values if bound.hold(v, 3.0)]}"
        )
        for array in (
            [0.0, 0.5],
            [-1.0, np.inf],
            [np.nan, 7.0],
            [[0.5, 12.0], [1.0, 1.0]],
            ["x"],
            [True, False],
            [1.5, 2],
        ):
            try:
                made = checks.checked_array("x", array, bound, [["p", "q"]])
                yield f"  {array} -> {made.tolist()} {made.dtype}"
            except InputError as error:
                yield (
                    f"  {array}: "
                    f"{'; '.join(f'{p.where} {p.what}. {p.fix}' for p in error.problems)}"
                )

    class Held:
        mask, other, word = [0, 1], np.array([[True]]), "x"

    yield from (str(p) for p in checks.masks(Held(), "at.", [2], "mask", "other", "word"))
    yield from (str(p) for p in checks.once("at.", ["a", "b", "a", "a"]))
    yield from (str(p) for p in checks.refers("at", ["a", "c"], ["a", "bc"], "thing"))
    yield from (str(p) for p in checks.refers("at", ["c"], [], "thing"))


def _errors() -> Iterator[str]:
    """Errors with their places and exit codes."""
    for kind in (
        errors.WattlasError,
        errors.UsageError,
        errors.InputError,
        errors.InfeasibleError,
        errors.LimitError,
        errors.MachineError,
        errors.PipeClosed,
        errors.SolverError,
    ):
        yield (
            f"{kind.__name__} {int(kind.exit_code)} {[base.__name__ for base in kind.__mro__[1:3]]}"
        )
    problems = [
        errors.Problem("a.b", "is x", "Fix it.", f, n)
        for f, n in ((None, None), ("f", None), ("f", 3), (None, 3), ("", 0), ("f", 0))
    ]
    yield from (f"{p} | {p.place}" for p in problems)
    yield from (str(InputError(problems[:n])) for n in (1, 2))
    for number_ in (2, 5, 13, 28, 36, 122, 1, 9999):
        yield str(errors.MachineError.of(OSError(number_, "what the system says", "there")))
    yield (
        f"{errors.MachineError.of(OSError('odd'))} | "
        f"{errors.MachineError.of(OSError(28, 'x'), 'here')} | "
        f"{errors.InfeasibleError('no').conflict}"
    )


def _solved(folder: Path) -> Iterator[str]:
    """Results of the small world: their tables and what they derive."""
    s = mini(folder)
    plan = wattlas.plan(s)
    yield from tell(plan.totals, "totals")
    yield from (f"{n}: {plain(getattr(plan, n))}" for n in ("ok", "status"))
    for name in (
        "capacity_price",
        "capacity_price_usd_per_gpu_h",
        "capacity_price_kg_per_gpu_h",
        "requests_by_region",
    ):
        yield from tell(getattr(plan, name), name)
    yield from tell(plan.to_polars(), "plan")
    yield (
        f"{plan.to_pandas().shape} {plan.to_xarray().sizes} {number(float(plan.to_xarray().sum()))}"
    )
    yield plan._repr_html_()
    yield f"{plan.raise_if_infeasible() is plan}"
    front = wattlas.frontier(s, samples=4)
    yield from tell(front.to_polars(), "frontier")
    yield f"{front.name} | {front.x_unit} | {front.value_unit} | {front.heading()}"
    for name in ("returns", "returns_per_ms", "returns_per_energy"):
        for n, part in enumerate(getattr(front, name)()):
            yield from tell(part, f"{name} {n}")
    yield f"{[front.at(float(x)) for x in (-1e9, *front.x[:2], 1e9)]}"
    yield from tell(front.variable_usd, "variable")
    listing = front.listing()
    yield (
        f"{listing.title} {[c.heading for c in listing.columns]} {plain(listing.table)} "
        f"{listing.notes}"
    )
    rented = replace(s.regions[1], reserved_gpu_max=0.0)
    points = tuple(replace(point, hardware="") for point in s.points)
    less = wattlas.fleet(replace(s, regions=(s.regions[0], rented), points=points))
    yield from tell(less.variants, "fleet")
    for name in less.named_tables():
        yield from tell(less.to_polars(name), name)
    yield plain(less.by_hardware)
    yield from _unsolvable(s)
    yield from _reached()
    yield from tell(front_by_class(s).to_polars(), "by class")


def front_by_class(s: Scenario) -> Frontier:
    """The frontier of one class."""
    return wattlas.frontier(s, variant="class:a")


def _reached() -> Iterator[str]:
    """The return on reach of fleets by hand."""
    costs = [(0.0, 9.0), (10.0, 8.5), (20.0, 4.0), (30.0, 3.9), (50.0, 3.0)]
    fleets = [
        ReachedFleet(
            x,
            FleetCost(
                np.array([usd / 3, 1.0]), usd, 1.0, 2.0, 0.5, np.array([1.0, 0.5]), np.zeros(2)
            ),
            usd,
        )
        for x, usd in costs
    ]
    made = Reach("added_ms", tuple(fleets), (), True)
    yield f"{made.hull} {made.heading()} {plain(made.slopes())}"
    yield from tell(made.to_polars(), "reach")
    cost = fleets[0].cost
    yield (
        f"{number(cost.count)} {number(cost.cost_usd)} {plain(cost.row())} "
        f"{plain(cost.utilisation(4.0))}"
    )


def _unsolvable(s: Scenario) -> Iterator[str]:
    """A plan where there is none."""
    s = replace(
        s,
        reserved_gpu=np.zeros((2, 4)),
        regions=tuple(replace(r, on_demand_gpu=0.0) for r in s.regions),
    )
    plan = wattlas.plan(s)
    yield f"{plan.ok} {plan.status} {plan.capacity_price} {plain(plan.totals.cost_usd)}"
    yield from outcome(plan.raise_if_infeasible)


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "refused": _refused,
    "scenarios": _scenarios,
    "offers": _offers,
    "derived": _derived,
    "written": _written,
    "solved": _solved,
    "defaults": _defaults,
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What is refused, derived and written is that which was read and found right."""
    kept(HERE / f"model-{name}.txt", CASES[name](tmp_path), tmp_path)
