"""A plane through its life: schedules and configurations that follow each other, what is settled
late, what a killed process left, and what it logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.golden.pieces.ledgers import NOON_S, Said, words
from tests.serve.live import configuration, schedule
from wattlas.errors import WattlasError
from wattlas.serve.decision import Asked, Decision, End, Settlement
from wattlas.serve.decisions import health
from wattlas.serve.plane import Plane, PlaneClock, open_plane
from wattlas.serve.run import check_files, store_of
from wattlas.serve.table import Place

POINTS = ("large", "small", "tiny")
URLS = {"oslo": "http://oslo.in:8000", "austin": "http://austin.in:8000"}


def plan(share: float = 0.5, **changes: Any) -> dict[str, Any]:
    """A schedule of noon, with another share of oslo."""
    made = schedule(**{"hold_s": 7200.0, **changes})
    made["hours"][0]["issued_utc"] = "2026-11-29T12:00:00Z"
    for each in made["hours"][0]["sets"]:
        each["full"][0]["share"], each["full"][1]["share"] = share, 1 - share
    return made


class Life:
    """A plane in a folder, by a clock of ours."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder, self.now = folder, [NOON_S + 60.0]
        self.config, self.schedule = folder / "serve.yaml", folder / "schedule.json"
        self.write(plan(), configuration(URLS, **changes))

    def write(self, made: Any = None, stated: Any = None) -> None:
        """Write one or both of the files."""
        if made is not None:
            self.schedule.write_text(made if isinstance(made, str) else json.dumps(made))
        if stated is not None:
            self.config.write_text(json.dumps(stated))

    def open(self, boot: str) -> Plane:
        """The plane of the files."""
        made = open_plane(
            self.config, store_of, PlaneClock(lambda: self.now[0], lambda: self.now[0])
        )
        made.boot = boot
        return made


def tell(name: str, plane: Plane) -> str:
    """What a plane holds."""
    routing = {
        k: [(*p, s) for p, s in pair.full.shares]
        for k, pair in plane.schedule.hours[0].table.pairs.items()
    }
    due = plane.due_s and plane.due_s - NOON_S
    return (
        f"{name}: epoch {plane.schedule.epoch} writer {plane.schedule.writer}"
        f" due {due} {plane.is_due} {routing}"
        f" events {dict(sorted(plane.events.items()))} metro {plane.config.document.metro}"
    )


def planes(folder: Path) -> Iterator[str]:
    """Files that change, one after the other."""
    said, life = Said(), Life(folder, limits={"follow_s": 100.0})
    plane = life.open("boot")
    yield tell("new", plane)
    steps: tuple[tuple[str, Any, float, bool], ...] = (
        ("the same", plan(), 0, True),
        ("another", plan(0.6), 1, False),
        ("and back", plan(0.5), 1, False),
        ("and forth", plan(0.6), 1, False),
        ("on", plan(0.7), 150, False),
        ("by another", plan(0.7, writer="w"), 1, False),
        ("at a higher epoch", plan(0.7, writer="w", epoch=4), 1, False),
        ("back at once", plan(0.6, writer="w", epoch=4), 1, True),
        ("broken", "{", 1, True),
        ("older", plan(0.6, writer="w"), 1, True),
        ("without austin", plan(1.0, writer="w", epoch=5), 1, True),
        ("waits", plan(0.2, writer="w", epoch=5), 1, False),
        ("due", plan(0.2, writer="w", epoch=5), 400, False),
    )
    for name, made, passed_s, at_once in steps:
        life.write(made)
        life.now[0] += passed_s
        problems = plane.take_schedule(life.schedule, at_once=at_once)
        yield tell(f"{name}, {[str(p) for p in problems]}", plane)
        yield from said.told()
    usual = configuration(URLS, limits={})
    for name, stated in (
        ("the same", usual),
        ("another metro", {**usual, "metro": "paris"}),
        ("no models", {**usual, "models": {}}),
        (
            "a model's name",
            {
                **usual,
                "served": {"llama-70b": "big", "small": "tiny"},
                "upstreams": {
                    **usual["upstreams"],
                    "oslo": {"url": "http://o:1", "points": {"small": "http://s:2"}},
                },
            },
        ),
        (
            "no contract",
            {**usual, "contracts": {}, "tenants": {"acme": {"keys_sha256": ["a" * 64]}}},
        ),
    ):
        names = (
            [plane.model_of(p) for p in ("large", "small", "tiny")],
            [plane.url_of("oslo", p) for p in ("large", "small")],
        )
        life.write(None, stated)
        problems = plane.take_config(life.config)
        yield tell(f"{name}, {[str(p) for p in problems]}, before {names}", plane)
        yield f"   {[plane.model_of(p) for p in POINTS]}"
        yield f"   {[plane.url_of('oslo', p) for p in POINTS]}"
        yield from said.told()
    yield f"{health(plane)}"
    life.now[0] = NOON_S - 1
    yield f"{health(plane)}"
    close(plane)
    said.close()
    life.write(plan(), {**usual, "metro": "paris", "upstreams": {}})
    for work in (lambda: life.open("x"), lambda: check_files(life.config)):
        try:
            work()
        except WattlasError as error:
            yield f"{error}".replace(str(folder), "FOLDER")
    (folder / "gone").write_text("a file")
    life.write(plan(), {**usual, "spool": "gone/ended"})
    try:
        life.open("x")
    except WattlasError as error:
        yield f"{error}".replace(str(folder), "FOLDER")


def close(plane: Plane) -> None:
    """Let go of its files as a kill does."""
    plane.store.close()
    if plane.spool is not None:
        plane.spool._slot.close()


def kills(folder: Path) -> Iterator[str]:
    """Decisions of a process that is killed, which are settled by the next ones."""
    life = Life(folder)
    first = life.open("first")
    sealed = []
    for n in range(6):
        made = first.decide(
            first.facts(first.new_id(), ("acme", "plain")[n == 4], "chat", Asked.AUTO, "lagos")
        )
        assert made is not None
        sealed.append((made, first.sealed(made)))
        life.now[0] += 1

    def outcome(decision: Decision) -> Settlement:
        place = Place("oslo", "small") if decision.facts.id.endswith("3") else decision.place
        where, low = second.served_at(decision, place)
        return Settlement(
            End.WHOLE, where, low, life.now[0], tokens_in=3, tokens_out=4, method="usage"
        )

    second = first
    made = sealed[0][0]
    yield f"{first.settle(made.facts.id, outcome(made))} {first.settle('none', outcome(made))}"
    for n, spooled in ((1, True), (1, True), (2, False)):
        yield f"{n} {first.settle_sealed(sealed[n][1], outcome, spooled=spooled)}"
    yield tell("the first", first)
    close(first)
    with (folder / "ledger.sqlite-ended-0a").open("ab") as left:
        left.write(b"nonsense\n")
    second = life.open("second")
    yield tell("the second", second)
    for n in (2, 3, 4, 3, 1):
        yield f"settled {n}: {second.settle_sealed(sealed[n][1], outcome)}"
    text = sealed[5][1]
    for forged in (text[:-1], "", "second-1.x.y"):
        yield f"forged: {second.settle_sealed(forged, outcome)}"
    yield tell("and later", second)
    for place in (None, Place("oslo", "large"), Place("oslo", "small"), Place("x", "y")):
        yield f"served at {place}: {second.served_at(sealed[5][0], place)}"
    batch = second.book.collect()
    second.book.recorded(batch, second.store.record(batch))
    for row in batch.rows:
        yield words(row)
    returned = [(tuple(k), v) for k, v in batch.returned.items()]
    yield f"{sorted(batch.charged)} {returned} {second.store.tenants()}"
    close(second)


CASES = {"planes": planes, "kills": kills}
