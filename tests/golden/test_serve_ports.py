"""What the ports of decisions and of administration answer, and what the ledger has of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.exchanges.parts import ASKED, CHAT, HELLO, MESSAGES, RESPONSES
from tests.golden.kept import is_kept
from tests.golden.talks import Talk, Talks
from tests.serve.live import ADMIN, KEYS, TOKEN
from wattlas.serve import envoy_log

HERE = Path(__file__).parent / "serve"
GUARD, ACCOUNT = f"x-wattlas-token: {TOKEN}", f"authorization: Bearer {KEYS['acme']}"
PLAIN = f"authorization: Bearer {KEYS['plain']}"


def call(path: str, said: Any = None, *lines: str, keeps: bool = False, method: str = "") -> bytes:
    """A request to a port."""
    body = b"" if said is None else said if isinstance(said, bytes) else json.dumps(said).encode()
    told = [f"{method or ('GET' if said is None else 'POST')} {path} HTTP/1.1", "host: h", *lines]
    told += [*([] if keeps else ["connection: close"]), f"content-length: {len(body)}"]
    return "\r\n".join([*told, "", ""]).encode() + body


def decided(said: dict[str, Any], **more: Any) -> bytes:
    """A question to `/decide`."""
    return call("/decide", said, GUARD, **more)


def authz(path: str, said: Any, *lines: str, keeps: bool = False, method: str = "") -> bytes:
    """A client's request as Envoy shows it."""
    return call(f"/authz{path}", said, GUARD, *lines, keeps=keeps, method=method)


ACME: dict[str, Any] = {"tenant": "acme", "model": "llama"}
DECISIONS = (
    Talk("a decision", decided(ACME)),
    Talk("flex by class", decided({"tenant": "acme", "class": "chat", "service_tier": "flex"})),
    Talk("everything stated", decided({**ACME, "metro": "lagos", "service_tier": "default"})),
    Talk("no metro", decided({**ACME, "tenant": "plain", "metro": None, "class": "chat"})),
    Talk("a class that is null", decided({**ACME, "class": None})),
    Talk("no model", decided({"tenant": "acme"})),
    Talk("a model that is unknown, with a class", decided({**ACME, "model": "x", "class": "chat"})),
    Talk("a tier that is unknown", decided({**ACME, "service_tier": "gold"})),
    Talk("no token", call("/decide", ACME)),
    Talk("a wrong token", call("/decide", ACME, "x-wattlas-token: no")),
    Talk("two tokens", call("/decide", ACME, GUARD, GUARD)),
    Talk("a path with a question", call("/healthz?a=b", None, GUARD)),
    Talk("HEAD", call("/routing", None, GUARD, method="HEAD")),
    Talk("no JSON", call("/decide", b"{", GUARD)),
    Talk("too long", call("/decide", 20_001 * b" ", GUARD)),
    Talk("as long as it may be", call("/decide", 20_000 * b" ", GUARD)),
    Talk("a length with a sign", decided(ACME).replace(b"content-length: ", b"content-length: +")),
    Talk(
        "in chunks, too long",
        b"POST /decide HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked"
        b"\r\n\r\n5000\r\n" + 20_480 * b" ",
    ),
    Talk("no host", b"GET /healthz HTTP/1.1\r\n\r\n"),
    Talk(
        "asks to go on",
        (
            decided(ACME)
            .replace(b"host", b"expect: 100-continue\r\nhost")
            .partition(b"\r\n\r\n")[0]
            + b"\r\n\r\n",
            json.dumps(ACME).encode(),
        ),
    ),
    Talk(
        "three on a connection",
        (
            decided(ACME, keeps=True),
            decided({**ACME, "tenant": "plain"}, keeps=True),
            call("/nothing", None, GUARD, keeps=True) + decided(ACME),
        ),
    ),
    Talk("in pieces", (decided(ACME)[:20], decided(ACME)[20:-9], decided(ACME)[-9:])),
    Talk("HTTP/1.0", decided(ACME, keeps=True).replace(b"1.1", b"1.0")),
    Talk(
        "upgrade",
        call("/healthz", None, GUARD, "upgrade: x", "connection: upgrade, close", keeps=True),
    ),
    Talk(
        "the same question three times",
        (
            authz(CHAT, HELLO, ACCOUNT, keeps=True),
            authz(CHAT, {**HELLO, "service_tier": "flex"}, ACCOUNT, keeps=True),
            authz(CHAT, HELLO, ACCOUNT, keeps=True),
            authz(CHAT, HELLO, PLAIN),
        ),
    ),
    Talk(
        "the same head, refused, and on",
        (
            authz(CHAT, HELLO, PLAIN, keeps=True),
            authz(CHAT, b"{}", PLAIN, keeps=True),
            authz(CHAT, {**HELLO, "model": "x"}, PLAIN, keeps=True),
            authz(CHAT, 20_001 * b" ", PLAIN, keeps=True),
        ),
    ),
    Talk("a tier in the header", authz(CHAT, HELLO, ACCOUNT, "x-service-tier: default")),
    Talk("messages", authz(MESSAGES, ASKED[MESSAGES], f"x-api-key: {KEYS['plain']}")),
    Talk("messages that are refused", authz(MESSAGES, {}, f"x-api-key: {KEYS['plain']}")),
    Talk(
        "responses that refer to others",
        authz(RESPONSES, {**ASKED[RESPONSES], "store": True}, PLAIN),
    ),
    Talk("no key", authz(CHAT, HELLO)),
    Talk("GET of authz", authz(CHAT, None, ACCOUNT)),
    Talk("an unknown endpoint", authz("/v1/nothing", HELLO, ACCOUNT)),
    Talk("headers alone", call("/forward", None, GUARD, ACCOUNT)),
    Talk(
        "with a model and a tier",
        call("/forward", None, GUARD, PLAIN, "x-model: llama", "x-service-tier: priority"),
    ),
    Talk("with another model", call("/forward", None, GUARD, PLAIN, "x-model: gpt")),
    Talk("with another tier", call("/forward", None, GUARD, PLAIN, "x-service-tier: gold")),
    Talk("without a key", call("/forward", None, GUARD)),
    Talk("with a key twice", call("/forward", None, GUARD, PLAIN, PLAIN)),
    Talk("POST of headers", call("/forward", {}, GUARD, PLAIN)),
    Talk("routing", call("/routing", None, GUARD)),
)
SETTLEMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"end": "whole", "status": 200, "tokens_in": 10, "tokens_out": 20, "attempts": 2},
    {"end": "broken", "status": 502, "tokens_in": -1, "tokens_out": True, "method": "mine"},
    {"end": "failed", "status": 10**9, "attempts": 0, "model_asked": "llama", "model": "x\n"},
    {"end": "lost"},
    {"end": "other"},
    {"end": "whole", "region": "oslo", "point": "small"},
    {"region": "austin", "point": "large", "energy_j": 12.5, "tokens_in": 1, "tokens_out": 1},
    {"energy_j": -1, "method": 300 * "m"},
    {"energy_j": "9"},
    {"energy_j": 1e9, "tokens_in": 1, "tokens_out": 1},
    {"region": 7, "point": None, "model": "own", "method": "mine"},
)


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


LINES: tuple[dict[str, Any], ...] = (
    {},
    {"type": "text/event-stream; charset=utf-8"},
    {"attempts": 0},
    {"attempts": "left out"},
    {"attempts": 3},
    {"status": 503},
    {"status": True},
    {"flags": "DC"},
    {"flags": "UF", "bytes_out": 0},
    {"flags": None},
    {"flags": ""},
    {"bytes_in": -1},
    {"bytes_out": 2**40},
    {"bytes_out": 2**40 - 1},
    {"bytes_out": 1.5},
    {"cluster": "austin/large"},
    {"cluster": "oslo/small"},
    {"cluster": "x/y/z"},
    {"cluster": "none"},
    {"cluster": None},
    {"type": None},
    {"type": "left out"},
    {"id": "", "status": 200},
    {"id": None, "status": 200},
    {"id": "forged", "status": 200},
    {"id": "left out"},
    {"id": "", "status": 500},
    {"cluster": "oslo/small", "type": "text/event-stream", "flags": "DC", "bytes_out": 3600},
)


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
        lines = [re.sub(r"\b[0-9a-f]{24,}\b", "a hash", line) for line in tell(talks)]
    finally:
        talks.close()
    is_kept(HERE / f"ports_{name}.txt", lines)
