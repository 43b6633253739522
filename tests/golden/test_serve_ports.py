"""What the ports of decisions and of administration answer, and what the ledger has of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.exchanges.decisions import (
    ACME,
    DECISIONS,
    GUARD,
    LINES,
    PLAIN,
    SETTLEMENTS,
    call,
    decided,
)
from tests.golden.exchanges.parts import CHAT, HELLO
from tests.golden.kept import keep, without_hashes
from tests.golden.talks import Talk, Talks
from tests.serve.live import ADMIN, KEYS
from wattlas.serve import envoy_log

HERE = Path(__file__).parent / "serve"


def masked(line: str) -> str:
    return re.sub(r"boot-(\d+)\.[\w.=\-]+", r"boot-\1 sealed", line)


def decisions(talks: Talks) -> Iterator[str]:
    """What others are told, and what they tell."""
    for talk in DECISIONS:
        # What is decided stays open here: no row is waited for.
        yield from map(masked, talks.said(talk, "decisions"))
        talks.live.service.plane.book.in_flight.clear()
    plane = talks.live.service.plane
    tiers = ("default", "flex", "auto")
    for n, outcome in enumerate(SETTLEMENTS):
        asked = {**ACME, "tenant": ("acme", "plain")[n % 5 == 4], "service_tier": tiers[n % 3]}
        id = talks.sealed(decided(asked))
        said = [{"id": id, **outcome}, {"id": id}, 7, {"id": id[:-1]}]
        yield f"== settled: {outcome}"
        yield from map(masked, talks.told(Talk("", call("/settle", said, GUARD)), "decisions"))
    late = talks.sealed(decided({**ACME, "service_tier": "flex"}))
    talks.live.service.plane.book.in_flight.clear()
    plane.book.handed.clear()
    yield from talks.told(
        Talk("of this process, and forgotten", call("/settle", [{"id": late}], GUARD)), "decisions"
    )
    plane.boot = "after"
    for name in ("of another process", "and again"):
        settled = call("/settle", [{"id": late, "tokens_in": 4, "tokens_out": 2}], GUARD)
        yield from talks.told(Talk(name, settled), "decisions")
    yield f"events: {sorted(plane.events.items())}"
    yield f"reasons: {sorted(plane.reasons.items())}"


def log_line(talks: Talks, said: dict[str, Any], **more: Any) -> bytes:
    """A line of the log of a request that is decided now."""
    id = talks.sealed(decided({**ACME, **said}))
    plane = talks.live.service.plane
    place = plane.book.in_flight[id.partition(".")[0]].place
    usual = {
        "id": id,
        "status": 200,
        "flags": "-",
        "bytes_in": 100,
        "bytes_out": 1000,
        "attempts": 1,
        "cluster": f"{place.region}/{place.point}",
        "type": "application/json",
    }
    line = {k: v for k, v in {**usual, **more}.items() if v != "left out"}
    return json.dumps(line).encode()


def access_log(talks: Talks) -> Iterator[str]:
    """Rows of what a log tells: one line at a time, a file that is another, one that is emptied."""
    path = talks.live.folder / "access.log"
    plane = talks.live.service.plane

    def told(name: str, *lines: bytes, mode: str = "ab", end: bytes = b"\n") -> Iterator[str]:
        yield f"== {name}"
        with path.open(mode) as log:
            log.write(b"\n".join(lines) + end)
        if end:
            yield from talks.rows()

    for n, line in enumerate(LINES):
        tiers = {
            "service_tier": ("default", "flex")[n % 2],
            "tenant": ("acme", "plain")[n % 7 == 6],
        }
        lost = "id" in line
        written = log_line(talks, tiers, **line)
        if lost:
            plane.book.in_flight.clear()
        yield from told(f"{line}", written)
    first = log_line(talks, {})
    yield from told("half a line is left", first[:50], end=b"")
    yield from told("and the rest of it", first[50:], log_line(talks, {"tenant": "plain"}))
    path.rename(path.with_suffix(".1"))
    yield from told("another file", log_line(talks, {}), mode="wb")
    yield from told("emptied", log_line(talks, {"tenant": "plain"}, attempts=9), mode="wb")
    yield from told("no JSON", b"nonsense", b"[]", b"7", log_line(talks, {}))
    talks.wait(lambda: plane.events["log_lines_refused"] >= 4)
    yield f"events: {sorted(plane.events.items())}"


def asked(path: str, said: Any = None, *lines: str, **more: Any) -> bytes:
    """A request to the port of administration."""
    return call(path, said, f"authorization: Bearer {ADMIN}", *lines, **more)


def admin(talks: Talks) -> Iterator[str]:
    """Health, metrics, statements and what is wrong with files that are taken anew."""
    live, folder = talks.live, talks.live.folder

    def told(name: str, sent: bytes) -> Iterator[str]:
        for line in talks.said(Talk(name, sent), "admin"):
            yield "" if line.startswith("content-length") else line  # names the folder

    for key, said in (("acme", {**HELLO, "stream": True}), ("plain", HELLO), ("acme", HELLO)):
        list(talks.told(Talk("", call(CHAT, said, f"authorization: Bearer {KEYS[key]}"))))
    yield from told("health", asked("/healthz"))
    yield from told("no token", call("/healthz"))
    yield from told("a wrong token", call("/metrics", None, "authorization: Bearer no"))
    yield from told("POST of health", asked("/healthz", {}))
    yield from told("HEAD of health", asked("/healthz", method="HEAD"))
    yield from told("an unknown path", asked("/nothing%20here?a"))
    yield from told("a body that is too long", asked("/reload", 20_001 * b" "))
    for name in (
        "acme/2026-11.json",
        "acme/2026-11.csv",
        "plain/2026-11.html",
        "acme/2026-10.csv",
        "acme/2026-11.pdf",
        "acme/2026-13.csv",
        "acme/now.json",
        "none/2026-11.csv",
    ):
        yield from told(name, asked(f"/statements/{name}"))
    yield from told("metrics", asked("/metrics"))
    yield from told("taken anew", asked("/reload", {}))
    before = json.loads((folder / "schedule.json").read_text())
    changes: dict[str, Any]
    for name, changes in (
        ("an older epoch", {"epoch": 2}),
        ("another writer", {"writer": "x"}),
        ("no hours", {"hours": []}),
        ("newer", {"epoch": 4, "writer": "y"}),
    ):
        (folder / "schedule.json").write_text(json.dumps({**before, **changes}))
        yield from told(name, asked("/reload", {}))
    stated = json.loads((folder / "serve.yaml").read_text())
    for name, changes in (
        ("no region", {"upstreams": {}}),
        ("another metro", {"metro": "logos"}),
        ("no tenants", {"tenants": {}}),
    ):
        (folder / "serve.yaml").write_text(json.dumps({**stated, **changes}))
        yield from told(name, asked("/reload", {}))
    yield from told("a statement of nobody", asked("/statements/acme/2026-11.csv"))
    talks.now[0] += 86_400 * 3
    yield from told("stale", asked("/healthz"))
    yield f"events: {sorted(live.service.plane.events.items())}"


def published(talks: Talks) -> Iterator[str]:
    """What everybody may see of the month before, and the descriptions of both ports."""
    for key in ("acme", "plain", "tiny"):
        list(talks.told(Talk("", call(CHAT, HELLO, f"authorization: Bearer {KEYS[key]}"))))
    path = "/.well-known/sustainability"
    yield from talks.said(Talk("too early", call(f"{path}-data")))
    talks.now[0] += 86_400 * 2
    yield from talks.said(Talk("of November", call(f"{path}-data")))
    yield from talks.said(Talk("its head", call(path, method="HEAD")))
    talks.now[0] += 86_400 * 31
    yield from talks.said(Talk("of December", call(path)))
    yield from talks.said(Talk("described", call("/openapi.json", None, PLAIN)))
    yield from talks.said(
        Talk("the quota of one", call(CHAT, {}, f"authorization: Bearer {KEYS['tiny']}"))
    )


PUBLISH = {"provider": "me", "methodology": "https://x.example", "target": "llm.example"}
CASES: dict[str, tuple[Callable[[Talks], Iterator[str]], dict[str, Any]]] = {
    "decisions": (decisions, {}),
    "access_log": (access_log, {"access_log": "access.log"}),
    "admin": (admin, {}),
    "published": (published, {"publish": PUBLISH}),
}


@pytest.mark.parametrize("name", CASES)
def test_ports_answer_as_the_golden_file_has_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte and each row is that which was read and found right."""
    tell, changes = CASES[name]
    monkeypatch.setattr(envoy_log, "POLL_S", 0.005)
    talks = Talks(tmp_path, monkeypatch, **changes)
    try:
        lines = [without_hashes(line) for line in tell(talks)]
    finally:
        talks.close()
    keep("\n".join(lines), HERE / f"ports_{name}.txt", exact=True)
