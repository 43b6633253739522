"""Weights made by hand, for every gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import wattlas
from tests.golden.printed import (
    fault_lines,
    listing_lines,
    number,
    outline,
    table_lines,
    tried,
)
from wattlas.model.endpoints import Endpoints
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Totals
from wattlas.studies.export import envoy, httproute, litellm, llmd
from wattlas.studies.export.files import folder_files, hour_file, single_file
from wattlas.studies.export.gateways import Setting, dns_name
from wattlas.studies.export.grafana import dashboard
from wattlas.studies.export.listings import (
    kept_words,
    sentences,
    weights_listing,
    weights_mapping,
)
from wattlas.studies.export.rounding import Route, whole_weights, worst_rounding
from wattlas.studies.export.weights import Rule, Weights
from wattlas.studies.export.yaml_text import yaml_text


def _rule(
    klass: str, node: str, metros: tuple[str, ...], places: Any, share: Any, n: float
) -> Rule:
    return Rule(klass, node, metros, places, np.array(share), n)


def _weights(**more: Any) -> Weights:
    s = wattlas.example("tiny")
    nodes, metros = [n.id for n in s.nodes], [m.id for m in s.metros]
    point = s.points[0].id
    rules = (
        _rule(
            "A",
            nodes[0],
            tuple(metros[:1]),
            (("oslo", point), ("austin", point)),
            [[0.75, 0.25]],
            9,
        ),
        _rule(
            "A",
            nodes[1],
            tuple(metros[1:]),
            (("oslo", point), ("mumbai", "small")),
            [[1 / 3, 2 / 3]],
            3,
        ),
        _rule(
            "D",
            nodes[1],
            tuple(metros),
            (("oslo", "small"), ("unserved", "")),
            [[0.9999999, 1e-7]],
            1,
        ),
    )
    totals = [Totals(energy_usd=u, carbon_kg=u * 900.0) for u in (9000.0, 8000.5, 7000.25)]
    stated: dict[str, Any] = {
        "kind": "cost",
        "by_hour": False,
        "policy": "static_cost",
        "rules": rules,
        "kept": 0.5,
        "notes": ("n",),
    }
    names = ("baseline_totals", "table_totals", "plan_totals")
    return Weights(s, **{**stated, **dict(zip(names, totals, strict=True)), **more})


def _exports(_folder: Path) -> Iterator[str]:
    """Weights made by hand for every gateway: split, refused, of many metros and places."""
    made = _weights()
    few = Totals(energy_usd=8.0, carbon_kg=3.0)
    lost = Totals(energy_usd=8.0, unserved_requests=2.0)
    least = replace(made.scenario, objective=Objective(minimise=Minimise.CARBON))
    for each in (
        made,
        replace(made, kept=None),
        replace(made, kept=None, table_totals=lost),
        replace(made, kept=None, scenario=least),
        replace(made, kept=None, scenario=least, kind="carbon", table_totals=lost),
        replace(made, kind="carbon", policy="static_carbon"),
        replace(made, baseline_totals=few, table_totals=Totals(), plan_totals=Totals()),
    ):
        yield kept_words(each)
    yield from sentences(made)
    exact = replace(made, rules=made.rules[:1])
    yield from sentences(exact)
    yield str(
        [
            whole_weights(np.array(s), 7).tolist()
            for s in ([1 / 3] * 3, [0.5, 0.5], [1.0], [0.9, 0.1])
        ]
    )
    yield number(worst_rounding(made.rules))
    yield from listing_lines(weights_listing(made))
    yield from listing_lines(weights_listing(replace(made, rules=made.rules * 6)))
    yield from listing_lines(weights_listing(replace(made, rules=(made.rules * 6)[:16])))
    swing = np.linspace(0.2, 0.8, 24)
    hours = replace(
        made,
        by_hour=True,
        policy="hourly_table_cost",
        rules=(replace(made.rules[0], share=np.stack([swing, 1 - swing], axis=1)),),
    )
    yield from listing_lines(weights_listing(hours))
    yield from listing_lines(weights_listing(replace(hours, rules=hours.rules * 17)))
    yield from outline("mapping", {**weights_mapping(hours, made.rules[0].node), "weights": []})
    yield from table_lines("table", {k: v[:5] for k, v in hours.table().items()})
    yield hour_file("routes.yaml", 7) + hour_file("a.b.yml", "x")
    text = folder_files(hours, Setting(folder="/etc/x/"), "envoy")
    yield f"{sorted(text)[:3]} {len(text)} {text['envoy.yaml'][:300]}"
    place = made.rules[0].places[0]
    ends = Endpoints(pattern="https://{region}.example")
    setting = Setting(ends, class_header="x-k", metro_header="x-m", listen_host="::", listen_port=7)
    for name, work in (
        ("envoy", envoy.bootstrap),
        ("routes", envoy.route_file),
        ("http", httproute.http_routes),
        ("ai", httproute.ai_gateway_routes),
        ("litellm", litellm.config),
        ("llm-d", llmd.peers),
    ):
        for weights in (made, exact):
            more = () if name == "envoy" else (0,)

            def text_of(work: Any = work, w: Any = weights, more: Any = more) -> str:
                said = work(w, setting, *more)
                return yaml_text(said if isinstance(said, list) else [said])

            yield f"== {name}"
            yield from tried(text_of)
    yield from tried(lambda: single_file(exact, setting, "envoy", ".json")[:200])
    rows = [
        Route("A", tuple(f"m{n}" for n in range(65)), (place,), (1,)),
        Route("A", (), (place,), (1,)),
        Route("A", ("m",), (place,) * 16, (1,) * 16),
        Route("A", (), (place,) * 17, (1,) * 17),
        Route("A", tuple(f"m{n}" for n in range(64)), (place,), (1,)),
    ]
    for route in rows:
        yield from tried(
            lambda r=route: str([(len(p.metros), len(p.places)) for p in httproute._in_parts(r)])
        )
    twin = replace(made.rules[0], places=(("os-lo", place[1]), ("os.lo", place[1])))
    long = replace(made.rules[0], places=(("o" * 60, place[1]),), share=np.ones((1, 1)))
    edge = replace(long, places=(("o" * (63 - len(place[1]) - 1), place[1]),))
    for rule in (twin, long, edge):
        yield from fault_lines(
            lambda r=rule: httproute.http_routes(replace(made, rules=(r,)), setting, 0)
        )
    for texts in (("A", "b"), ("9", "x"), ("--",), ("Å",), ("a_b", "C d")):
        yield dns_name(texts)
    yield yaml_text(
        [
            {
                "on": 1,
                "a b": [],
                "c": {},
                "d": [1, [2, {"e": None}]],
                "f": "x\ny",
                "g": 1e6,
                "h": True,
                "9": -0.5,
                "y": [{"k": 1, "l": [2]}],
            }
        ],
        ["one\ntwo"],
    )
    board = dashboard()
    yield from outline(
        "board",
        {
            **board,
            "panels": [
                {**p, "datasource": "", "targets": [{**t, "datasource": ""} for t in p["targets"]]}
                for p in board["panels"]
            ],
        },
    )


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "gateways": _exports,
}
