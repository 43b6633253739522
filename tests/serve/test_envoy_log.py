"""Envoy's access log: how answers ended, over its rotation, and lines that make no sense."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.live import Live, configuration, renamed, schedule
from wattlas.serve import envoy_log
from wattlas.serve.decision import Asked, End
from wattlas.serve.envoy_log import MOST_NUMBER, EnvoyLog, ended, numbers_of
from wattlas.serve.plane import Plane, open_plane
from wattlas.serve.run import store_of
from wattlas.serve.table import place_of, slashed


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ({"status": 200, "flags": "-", "bytes_out": 9}, End.WHOLE),
        ({"status": 200, "flags": None}, End.WHOLE),
        ({"status": 200, "flags": "DC", "bytes_out": 9}, End.BROKEN),
        ({"status": 200, "flags": "UC,DC", "bytes_out": 0}, End.FAILED),
        ({"status": 0, "flags": "DC"}, End.FAILED),
        ({"status": 503, "flags": "UF", "bytes_out": 90}, End.FAILED),
        ({"status": 429, "flags": "-", "bytes_out": 90}, End.FAILED),
        ({}, End.FAILED),
        ({"status": "200"}, End.FAILED),
    ],
)
def test_how_an_answer_ended(said: dict[str, Any], end: End) -> None:
    """Only a success that nothing cut off is whole."""
    status, _, bytes_out, _ = numbers_of(said)
    assert ended(status, said.get("flags"), bytes_out) is end


@pytest.fixture
def live(tmp_path: Path) -> Any:
    """A service that is not asked over the network."""
    made = Live(tmp_path)
    made.start()
    yield made
    made.stop()
    made.end()


def lines(live: Live, count: int, **more: Any) -> str:
    """Lines of so many decided requests."""
    plane = live.service.plane
    made = []
    for _ in range(count):
        facts = plane.facts(plane.new_id(), "acme", "chat", Asked.DEFAULT, "lagos")
        decision = plane.decide(facts)
        assert decision is not None
        said = {
            "id": plane.seal.sealed(decision), "status": 200, "flags": "-",
            "cluster": "/".join(decision.place), "bytes_in": 400, "bytes_out": 800, **more,
        }  # fmt: skip
        made.append(json.dumps(said) + "\n")
    return "".join(made)


def test_the_log_is_followed_over_its_rotation(live: Live, tmp_path: Path) -> None:
    """No line is lost: no half one, none that follows the renaming, none after emptying."""
    path = tmp_path / "access.log"

    async def follow() -> None:
        log = EnvoyLog(live.service.plane, path)
        running = asyncio.create_task(log.run())
        await asyncio.sleep(0.1)
        text = lines(live, 3)
        path.write_text(text[:-20])
        await asyncio.sleep(0.15)
        with path.open("a") as file:
            file.write(text[-20:])
            await asyncio.sleep(0.15)
            path.rename(tmp_path / "access.log.1")
            file.write(lines(live, 2))
        path.write_text(lines(live, 4, type="text/event-stream"))
        await asyncio.sleep(0.3)
        path.write_text("")
        await asyncio.sleep(0.15)
        path.write_text(lines(live, 1))
        await asyncio.sleep(0.2)
        running.cancel()

    live.call(follow())
    rows = live.settled()
    assert len(rows) == 10
    assert [row.tokens_out for row in rows].count(200) == 6
    assert [row.tokens_out for row in rows].count(round(800 / 180)) == 4


def test_what_is_written_to_the_log_before_is_taken(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that has not opened the new one yet; half a line is no less of one. After a
    while the log before is left."""
    path, log = tmp_path / "access.log", EnvoyLog(live.service.plane, tmp_path / "access.log")
    text = lines(live, 3)
    with path.open("w") as former:
        former.write(text[:-20])
        former.flush()
        log._read()
        path.rename(tmp_path / "access.log.1")
        path.write_text(lines(live, 1))  # before the old one is no longer written
        for _ in range(3):
            log._read()
        former.write(text[-20:] + lines(live, 2))
        former.flush()
        log._read()
        assert len(live.settled()) == 6
        monkeypatch.setattr(envoy_log, "FORMER_S", -1.0)
        path.rename(tmp_path / "access.log.2")
        path.write_text("")
        log._read()
        assert log._former is not None
        kept = log._former[0]
        log._read()
        assert kept.closed
        assert log._former is None
    log._close()


def test_a_log_that_cannot_be_read_is_told_once(
    live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that is not there yet is none; what is there and cannot be opened settles nothing."""
    path, plane = tmp_path / "access.log", live.service.plane
    log = EnvoyLog(plane, path)
    assert not log._read()
    assert plane.events["log_unreadable"] == 0
    path.mkdir()
    for _ in range(3):
        assert not log._read()
    assert plane.events["log_unreadable"] == 1
    assert "Is a directory" in caplog.text
    path.rmdir()
    path.write_text(lines(live, 2))
    log._read()
    assert len(live.settled()) == 2
    log._close()


def test_lines_that_make_no_sense_are_counted(live: Live, tmp_path: Path) -> None:
    """And settle nothing; a request that nobody decided has no row."""
    log = EnvoyLog(live.service.plane, tmp_path / "access.log")
    assert not log.take(b"")
    assert not log.take(b"{")
    assert not log.take(b"[]")
    assert not log.take(b'{"id": "a.b.c", "status": 200}')
    assert not log.take(b'{"id": null, "status": 200}')
    assert not log.take(b'{"id": null, "status": 401}')
    assert live.service.plane.events["log_lines_refused"] == 3
    assert live.service.plane.events["undecided_requests"] == 1
    assert live.settled() == []


def test_another_cluster_than_decided_is_another_place(live: Live, tmp_path: Path) -> None:
    """Served at the fallback although full service was decided: charged."""
    log = EnvoyLog(live.service.plane, tmp_path / "access.log")
    assert log.take(lines(live, 1, cluster="oslo/small").encode())
    row = live.settled()[-1]
    assert (row.degraded, row.point) == (True, "small")
    assert live.counts()[1] >= 1


NAMES = st.text(st.sampled_from("ab/%25F é"), max_size=5)


@given(own=st.tuples(NAMES, NAMES), other=st.tuples(NAMES, NAMES))
def test_the_name_of_a_cluster_is_of_one_place(
    own: tuple[str, str], other: tuple[str, str]
) -> None:
    """Whatever its region and point are called: it gives both back, and no other place has it."""
    assert place_of(slashed(*own)) == own
    assert (slashed(*own) == slashed(*other)) == (own == other)
    assert slashed("oslo", "small") == "oslo/small"
    assert place_of("a/b/c") is None


def test_a_region_with_a_slash_is_settled_where_it_was_served(tmp_path: Path) -> None:
    """By the name that the gateway was given for it; one of older configurations, which may be of
    two places, is taken for where it was decided."""
    live, names = Live(tmp_path), {"oslo": "a/b", "austin": "a", "large": "c", "small": "b/c"}
    upstreams = {name: {"url": "http://127.0.0.1:9"} for name in ("a/b", "a")}
    live.start(plan=renamed(schedule(), names), upstreams=upstreams)
    try:
        plane = live.service.plane
        log = EnvoyLog(plane, tmp_path / "access.log")
        sent = []
        for cluster in ("a%2Fb/c", "a/c", "a%2Fb/b%2Fc", "a/b/c"):
            line = json.loads(lines(live, 1, cluster=cluster))
            decided = plane.book.handed.get(line["id"]) or plane.seal.opened(line["id"])
            assert log.take(json.dumps(line).encode())
            sent.append(decided.place if cluster == "a/b/c" else place_of(cluster))
        live.stop()
        got = [(row.region, row.point, row.model_served) for row in live.rows()]
        models = {"c": "llama-70b", "b/c": "llama-8b"}
        assert sorted(got) == sorted((*place, models[place.point]) for place in sent)
    finally:
        live.end()


def test_what_was_given_up_is_not_settled_by_its_line(live: Live, tmp_path: Path) -> None:
    """A decision that is no longer in flight is refused, once, and books nothing."""
    plane = live.service.plane
    line = lines(live, 1).encode()
    (id,) = plane.book.in_flight
    decision = plane.book.in_flight[id]
    plane.book.handed[plane.sealed(decision)] = decision
    del plane.book.in_flight[id]
    assert not EnvoyLog(plane, tmp_path / "access.log").take(line)
    assert plane.events["settlements_refused"] == 1
    assert not plane.book.handed
    assert live.settled() == []


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A plane that nobody serves: what is booked stays where it is."""
    live = Live(tmp_path_factory.mktemp("plane"))
    made = open_plane(
        live.write(configuration({r: s.url for r, s in live.stubs.items()})), store_of
    )
    yield made
    made.store.close()
    live.end()


ODD = (None, "", "200", -1, 0, 1, 200.0, 2.5, True, 2**30, MOST_NUMBER - 1, MOST_NUMBER, [], {})
FLAGS = ("-", "-", "-", "DC", "UC,DC", "", None, 7)
TYPES = ("application/json", "text/event-stream; x", None, 3)
CLUSTERS = ("decided", "oslo/small", "nowhere", "", None, 3, [])
NUMBERS = st.integers(0, 5000) | st.sampled_from(ODD)
LINES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.just(200) | NUMBERS,
        "flags": st.sampled_from(FLAGS),
        "bytes_in": NUMBERS, "bytes_out": NUMBERS, "attempts": NUMBERS,
        "type": st.sampled_from(TYPES),
        "cluster": st.sampled_from(CLUSTERS),
    },
)  # fmt: skip


USUAL = {"status": 200, "flags": "-", "bytes_in": 400, "bytes_out": 800, "cluster": "decided"}
NEARLY = {
    "status": ODD, "bytes_in": ODD, "bytes_out": ODD, "attempts": ODD,
    "flags": FLAGS, "type": TYPES, "cluster": CLUSTERS,
}  # fmt: skip


@examples(200)
@given(said=LINES, asked=st.sampled_from(Asked))
def test_the_usual_line_is_settled_as_any(plane: Plane, said: dict[str, Any], asked: Asked) -> None:
    """Whatever a line tells, it settles what the long way makes of it, and never twice."""
    settles(plane, said, asked)


@pytest.mark.parametrize("name", NEARLY)
def test_a_line_with_an_odd_value_is_settled_as_any(plane: Plane, name: str) -> None:
    """The usual one but for each strange value of one of its keys, and without it."""
    for value in NEARLY[name]:
        settles(plane, {**USUAL, name: value}, Asked.DEFAULT)
    settles(plane, {key: value for key, value in USUAL.items() if key != name}, Asked.FLEX)


def settles(plane: Plane, said: dict[str, Any], asked: Asked) -> None:
    """A line settles what the long way makes of it, once."""
    facts = plane.facts(plane.new_id(), "acme", "chat", asked, "lagos")
    decision = plane.decide(facts)
    assert decision is not None
    if said.get("cluster") == "decided":
        said = {**said, "cluster": "/".join(decision.place)}
    log = EnvoyLog(plane, Path("none"))
    wanted = log._outcome(decision, said)
    line = json.dumps({**said, "id": plane.sealed(decision)}).encode()
    before = len(plane.book._ended)
    assert log.take(line)
    assert not log.take(line)
    assert len(plane.book._ended) == before + 1
    booked, outcome = plane.book._ended[-1]
    assert booked == decision
    assert outcome == wanted._replace(ended_s=outcome.ended_s)
    assert type(outcome.attempts) is int
    assert facts.id not in plane.book.in_flight
    assert not plane.book.handed
