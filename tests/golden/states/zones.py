"""Shares of zones on boards made by hand, in rare states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import wattlas
from tests.golden.printed import (
    fault_lines,
    listing_lines,
    number,
    outline,
    tried,
)
from tests.golden.states.tiers import line
from wattlas.model.users import Users
from wattlas.studies.board import Ways, board_of, board_of_table
from wattlas.studies.grams import Board, RequestGroup, foreseen, grams, intensity
from wattlas.studies.levels import levels
from wattlas.studies.menus import candidate_points, class_menu, menu_listing, menu_mapping
from wattlas.studies.share_answer import BoardQuestion, ShareQuestion, answer, shown_days
from wattlas.studies.share_listings import answer_listings, answer_mapping
from wattlas.studies.shares import cap_problems, steps_per_day, zone_share


def _shares(_folder: Path) -> Iterator[str]:
    """Shares of zones on boards made by hand, with nobody in an hour, unmet caps, and forecasts."""
    utc = np.arange("2026-03-01T00", "2026-03-04T00", 6, dtype="datetime64[h]")
    draw = np.random.default_rng(5)
    kappa = draw.uniform(50, 500, (3, 12))
    asked = np.array([np.linspace(0.0, 0.9, 12), np.linspace(0.5, 0.0, 12), np.full(12, 3.0)])
    inf = np.inf
    clients = (
        RequestGroup("X", 0, asked[0], np.array([1.0, 1.2, inf]), np.array([0.5, 0.7, inf])),
        RequestGroup("X", 1, asked[1], np.array([inf, 0.8, inf]), np.array([inf, 0.9, 0.2])),
        RequestGroup("Y", 2, asked[2], np.array([1.1, 1.0, 1.3]), np.array([0.6, inf, 0.5])),
    )
    board = Board(
        ("X", "Y"), clients, kappa, utc.astype("datetime64[s]"), 6.0, True, 0.05, ("f",), "g", 0.1
    )
    guess = kappa * draw.uniform(0.8, 1.2, kappa.shape)
    guess[:, :4] = np.nan
    for zone in board.zones:
        yield line(intensity(board, zone))
        for place in ("local", "remote"):
            for each in (grams(board, zone, place), *foreseen(board, zone, place, guess)):
                yield line([each.baseline_g, *each.full_g, *each.green_g, *each.requests])
    yield line(grams(replace(board, moved_kwh=0.0), "Y", "remote").full_g)
    flat = board_of_table(("X", "Y"), kappa[:2] * 0, utc, green_share=0.4, step_h=6.0)
    yield line([*intensity(flat, "X"), flat.left_out, flat.moved_kwh, *flat.clients[1].green_kwh])
    yield from fault_lines(lambda: board_of_table(("X",), kappa[:1], utc, green_share=1.1))
    for rule in ("percentile", "budget", "blind"):
        for cap in (0.3, 0.8, 1.0):
            found = zone_share(board, "X", "local", rule, cap)
            yield f"{rule} {cap}: {found.verdict} {found.by_day()}"
        yield zone_share(flat, "X", "local", rule, cap_g=0.0).verdict
        yield zone_share(board, "X", "local", rule, cap_g=1.0).verdict
    for caps in (
        (None, None),
        (0.5, 1.0),
        (1.1, None),
        (-0.1, None),
        (None, -1.0),
        (None, inf),
        (0.0, None),
    ):
        yield str([p.what for p in cap_problems(*caps)])
    for step, whole in ((6.0, True), (6.0, False), (7.0, True), (0.5, True)):
        yield from tried(
            lambda s=step, w=whole: str(steps_per_day(replace(board, step_h=s, whole=w)))
        )
    for question in (
        ShareQuestion(None, ("budget",), ("local",), 0.8, None, days=2),
        ShareQuestion(
            ("X",), ("budget", "percentile"), ("local", "remote"), None, 120.0, days=1, first=True
        ),
        ShareQuestion(None, ("percentile", "budget"), ("remote",), 0.9, None, every_day=True),
        ShareQuestion(None, ("budget",), ("local",), 0.01, None),
        ShareQuestion(None, ("percentile",), ("local",), 0.01, None, targets=True),
    ):
        for forecast in ("", "mine"):
            query = BoardQuestion(question, board, board.zones, None, "", 0.5, guess, forecast)
            lines = list(fault_lines(lambda q=query: answer(q)))
            if lines != ["! nothing"]:
                yield from lines
                continue
            made = answer(query)
            for listing in answer_listings(query, made):
                yield from listing_lines(listing)
            yield from outline(
                "answer",
                {
                    k: v
                    for k, v in answer_mapping(query, made).items()
                    if k in ("class", "unit", "notice", "green_point", "forecast", "ahead")
                },
            )
            yield str([(row["zone"], row["day"]) for row in shown_days(question, made.days)])
    s = wattlas.example("tiny")
    here = board_of(s, "A")
    for cap in (0.0, 1e-5, 0.02, 9.0):
        for world in (s, replace(s, users=Users(count=5))):
            yield from tried(
                lambda w=world, c=cap: "\\n".join(
                    map(
                        str,
                        [
                            {k: number(v) for k, v in row.items()}
                            for row in levels(w, "A", here, here.zones[0], c)
                        ],
                    )
                )
            )
    for ways in (
        Ways(full="large-fast", green="small"),
        Ways(green_share=0.3, regions=("oslo",)),
        Ways(green="small", latency_factor=3.0, network_kwh_per_gb=0.5),
        Ways(green="large-fast"),
        Ways(full="small"),
        Ways(
            latency_factor=0.5, network_kwh_per_gb=-1.0, green="x", full="y", regions=("z", "oslo")
        ),
        Ways(green="small", green_share=2.0),
    ):
        for klass in ("A", "D"):
            lines = list(fault_lines(lambda w=ways, k=klass: board_of(s, k, w)))
            yield f"{klass} {lines}"
            if lines == ["! nothing"]:
                made_of = board_of(s, klass, ways)
                yield f"{made_of.full_points} {made_of.green_point} {number(made_of.moved_kwh)}"
                for client in made_of.clients:
                    energy = line([*client.full_kwh, *client.green_kwh])
                    yield f"{client.zone} {client.baseline} {energy}"
    late = tuple(replace(k, latency_budget_ms=1.0) for k in s.classes)
    silent = replace(s, demand_per_h=s.demand_per_h * np.array([0.0, 1.0])[None, :, None])
    for world in (replace(s, classes=late), silent):
        yield from fault_lines(lambda w=world: board_of(w, "A"))
    for profiles, hardware in (("", ""), ("", "abacus"), ("pack", "b200"), ("", "h1")):
        yield from tried(
            lambda p=profiles, h=hardware: str([o.id for o in candidate_points(s, p, h)[0]][:4])
        )
    served = class_menu(s, "A", g_per_kwh=100.0)
    for every in (True, False):
        yield from listing_lines(menu_listing(served, every=every))
    alone = replace(served, menu=served.menu.take([0]))
    yield from listing_lines(menu_listing(alone, every=True))
    tight = replace(s.classes[0], accuracy_min=0.9, latency_budget_ms=30.0)
    yield str(replace(served, klass=tight).table()["use"])
    yield from outline("menu", menu_mapping(replace(served, stated=False), None))


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "zones": _shares,
}
