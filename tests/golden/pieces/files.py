"""What is told of configurations, schedules and tables in which one thing each is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from math import inf, nan
from pathlib import Path
from typing import Any

from tests.serve.live import configuration, digest, schedule
from wattlas.errors import InputError
from wattlas.serve.agreement import mismatches
from wattlas.serve.config import ServeDocument, host_port, read_config
from wattlas.serve.schedule import read_schedule
from wattlas.serve.table import Place

URLS = {"oslo": "http://oslo.in:8000", "austin": "https://[::1]"}
Path_ = tuple[Any, ...]
GONE = "left out"
CHANGES: tuple[tuple[Path_, Any], ...] = (
    (("schedule",), GONE),
    (("schedule",), 7),
    (("ledger",), "postgres://h/d"),
    (("ledger",), "sub/l.db"),
    (("spool",), "here"),
    (("metro",), None),
    (("metro",), "logos"),
    (("gateway",), GONE),
    (("gateway",), {}),
    (("decisions",), GONE),
    (("admin",), GONE),
    (("models",), {}),
    (("tenants",), {}),
    (("upstreams",), {}),
    (("nothing",), 1),
    *(
        (("gateway", "listen"), text)
        for text in ("8080", "h:65535", "h:65536", "h:", ":80", "[::1]:0", "h:123456")
    ),
    (("decisions", "listen"), GONE),
    (("decisions", "socket"), "s"),
    (("decisions", "token_sha256"), GONE),
    (("decisions", "token_sha256"), "AB" * 32),
    (("admin",), {"socket": "a"}),
    (("admin", "token_sha256"), "a" * 63),
    (("admin",), {"socket": "a", "token_sha256": "a" * 65}),
    *(
        (("upstreams", "oslo", "url"), text)
        for text in (
            "oslo:1",
            "http://h:0",
            "http://h:65535",
            "http://h:65536",
            "http://h/p",
            " http://h ",
        )
    ),
    (("upstreams", "oslo", "points"), {"small": "x", "large": "http://l:1"}),
    (("upstreams", "oslo", "key_env"), "NO_SUCH_KEY"),
    (("upstreams", "oslo", "key_env"), "A_KEY"),
    (("upstreams", "oslo", "key_env"), "AN_EMPTY_KEY"),
    (("upstreams", "oslo", "endpoints"), []),
    (("upstreams", "oslo", "endpoints"), ["messages", "chat"]),
    *(
        (("upstreams", "oslo", "meter"), meter)
        for meter in (
            "neuralwatt",
            "neuro",
            {},
            {"kind": "neuralwatt", "unit": "J"},
            {"header": "x"},
            {"header": "x", "unit": "W"},
            {"header": "X-J", "unit": "Wh", "covers": "server"},
            {"field": "a.b", "unit": "kWh", "it_per_metered": 1.25},
            {"field": "a..b", "unit": "J"},
            {"header": "å", "unit": "J"},
            {"header": "x", "field": "y", "unit": "mJ"},
            {"header": "x", "unit": "mJ", "it_per_metered": 0.9},
            {"header": "x", "unit": "mJ", "it_per_metered": 10.5},
            {"kind": "neuralwatt", "covers": "server"},
        )
    ),
    (("models", "llama"), {}),
    (("models", "llama", "tier"), "gold"),
    (("models", "llama", "tier"), "flex"),
    *(
        (("contracts", "green", "share_max"), share)
        for share in ("3/20", 0.15, "0.25", 0, 1, 1.01, -0.1, "2/0", "x", "1/3/5")
    ),
    (("contracts", "green", "window"), "year"),
    (("contracts", "green", "window"), "day"),
    (("contracts", "green", "zone"), "Europe/Berlin"),
    (("contracts", "green", "zone"), "Mars/Base"),
    (("contracts",), {}),
    (("tenants", "acme", "contract"), "gren"),
    (("tenants", "acme", "contract"), None),
    (("tenants", "acme", "keys_sha256"), []),
    (("tenants", "acme", "keys_sha256"), ["x", digest("sk-plain")]),
    (("tenants", "acme", "metro"), "paris"),
    (("tenants", "acme", "most_in_flight"), 0),
    (("telemetry",), {"endpoint": "x"}),
    (("telemetry",), {"endpoint": "http://c:1", "every_s": 0.04}),
    (("telemetry",), {"endpoint": "http://c:1", "every_s": 0.05, "traces": True}),
    (("publish",), {"provider": "", "methodology": "http://m", "target": "", "least_tenants": 0}),
    (("publish",), {"provider": "p", "methodology": "http://m", "target": "t"}),
    (
        ("publish",),
        {"provider": "p", "methodology": "https://m", "target": "t", "least_tenants": 1},
    ),
    *(
        (("limits", name), value)
        for name in ("header_bytes", "body_bytes", "answer_bytes", "event_bytes")
        for value in (1023, 1024)
    ),
    *(
        (("limits", name), value)
        for name in (
            "header_s",
            "body_s",
            "connect_s",
            "first_byte_s",
            "idle_s",
            "answer_s",
            "drain_s",
        )
        for value in (0, 1e-9)
    ),
    *((("limits", "attempts"), value) for value in (0, 1, 10, 11)),
    (("limits", "follow_s"), -1),
    (("limits", "follow_s"), 0),
)


def changed(stated: dict[str, Any], path: Path_, value: Any) -> dict[str, Any]:
    """A document with another value at a path."""
    made = copy.deepcopy(stated)
    at: Any = made
    for key in path[:-1]:
        at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
    if value == GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return made


def problems(read: Callable[[], Any], folder: Path) -> Iterator[str]:
    """What is wrong, or nothing."""
    try:
        read()
    except InputError as error:
        for each in error.problems:
            yield f"   {each}".replace(str(folder), "FOLDER")


def configs(folder: Path) -> Iterator[str]:
    """One wrong thing after the other, and what the rest comes to."""
    yield f"defaults: {ServeDocument(schedule='s').model_dump(exclude={'tenants'})}"
    path = folder / "serve.yaml"
    plain = {**configuration(URLS), "limits": {}}
    (folder / "schedule.json").write_text(json.dumps(schedule()))
    made = read_schedule(folder / "schedule.json")
    for where, value in CHANGES:
        path.write_text(json.dumps(changed(plain, where, value)))
        yield f"{'.'.join(where)} = {value}"
        wrong = list(problems(lambda: read_config(path), folder))
        yield from wrong
        if wrong:
            continue
        config = read_config(path)
        for each in mismatches(config, made):
            yield f"   mismatch {each.where}: {each.what} | {each.fix}"
        yield from (f"   {line}" for line in derived(config, where[0]))
    path.write_text(json.dumps({**plain, "gateway": None, "decisions": None}))
    yield from problems(lambda: read_config(path), folder)
    for text in ("[::1]:80", "h:0", "0.0.0.0:8080"):
        yield f"{text} is {host_port(text)}"


def derived(config: Any, part: str) -> Iterator[str]:
    """What a part of a configuration comes to."""
    if part in ("ledger", "spool"):
        for name in ("schedule_path", "ledger_path", "spool_path"):
            path = getattr(config, name)
            yield f"{name} {path and path.relative_to(config.folder)}"
        yield f"in PostgreSQL {config.in_postgres}"
    elif part == "upstreams" and "oslo" in config.document.upstreams:
        yield " ".join(f"{e.region}/{e.point} {e.address.url}" for e in config.endpoints.listed)
        yield f"{config.upstream_keys} {config.meters}"
        yield " ".join(
            str(config.serves("oslo", name)) for name in ("messages", "chat/completions")
        )
    elif part in ("contracts", "tenants", "metro"):
        for (tenant, name), terms in config.contracts.items():
            yield f"{tenant} {name} {terms.share_max} {terms.calendar.window} {terms.calendar.zone}"
        yield " ".join(f"{t} from {config.metro_of(t)}" for t in config.document.tenants)
        yield " ".join(sorted(config.tenants_by_digest.values()))


HOUR = ("hours", 0)
SIGNAL = (*HOUR, "signals", "oslo")
SET = (*HOUR, "sets", 0)
SCHEDULES: tuple[tuple[Path_, Any], ...] = (
    (("format",), "wattlas-schedule-2"),
    (("epoch",), -1),
    (("epoch",), 0),
    (("more",), 1),
    (("hours",), []),
    (("classes",), [{"id": "chat"}]),
    (("classes",), [{"id": "chat~green"}]),
    (("points", "small"), GONE),
    (("points", "large", "variant"), GONE),
    (("points", "large", "request_j"), -1),
    (("points", "large", "decode_j_per_token"), 2e6),
    (("points", "large", "prefill_j_per_token"), 1e6),
    (("regions", "oslo"), GONE),
    (("regions", "oslo", "pue"), 0.99),
    (("regions", "oslo", "pue"), 100.5),
    (("regions", "oslo", "pue"), 100),
    (("usual", "lagos", "chat", "region"), "pune"),
    (("usual", "lagos", "chat", "point"), "tiny"),
    (("usual",), {}),
    ((*HOUR, "issued_utc"), "noon"),
    ((*HOUR, "issued_utc"), "2026-11-29T12:00:00"),
    ((*HOUR, "issued_utc"), "2026-11-29T17:30:00+05:30"),
    ((*HOUR, "hold_s"), 0),
    ((*HOUR, "vintage"), 7),
    ((*SET, "class"), "video"),
    ((*SET, "metro"), "paris"),
    ((*SET, "saving_usd"), 1e7),
    ((*SET, "saving_usd"), None),
    ((*SET, "saving_usd"), 5e-5),
    ((*SET, "degraded"), []),
    ((*SET, "full"), []),
    ((*SET, "full", 0, "share"), 1.5),
    ((*SET, "full", 0, "share"), 0.4),
    ((*SET, "full", 0, "region"), "pune"),
    ((*SET, "degraded", 0, "point"), "tiny"),
    ((*HOUR, "sets", 1, "class"), "chat~green"),
    ((*HOUR, "threshold_usd", "video"), 1),
    ((*HOUR, "threshold_usd"), {}),
    ((*HOUR, "threshold_usd", "chat~green"), None),
    ((*HOUR, "signals", "pune"), {}),
    ((*SIGNAL, "average_g_per_kwh"), -1),
    ((*SIGNAL, "average_g_per_kwh"), 1500),
    ((*SIGNAL, "average_g_per_kwh"), 1500.5),
    ((*SIGNAL, "average_g_per_kwh"), None),
    ((*SIGNAL, "marginal_g_per_kwh"), -40),
    ((*SIGNAL, "price_usd_per_mwh"), -20_000.5),
    ((*SIGNAL, "price_usd_per_mwh"), 20_000),
    ((*SIGNAL, "price_usd_per_mwh"), 2e6),
    (
        (*HOUR, "signals"),
        {"oslo": {"average_g_per_kwh": 0.4}, "austin": {"average_g_per_kwh": 1.9}},
    ),
    (
        (*HOUR, "signals"),
        {"oslo": {"average_g_per_kwh": 0.4}, "austin": {"average_g_per_kwh": 2.0}},
    ),
    ((*HOUR, "signals"), {"oslo": {"average_g_per_kwh": 0}}),
    *(
        (path, value)
        for value in (inf, nan)
        for path in (
            ("points", "large", "request_j"),
            ("regions", "oslo", "pue"),
            ((*HOUR, "hold_s")),
            ((*SET, "saving_usd")),
            ((*SET, "full", 0, "share")),
            ((*SIGNAL, "average_g_per_kwh")),
            ((*SIGNAL, "price_usd_per_mwh")),
            ((*HOUR, "threshold_usd", "chat")),
        )
    ),
)


def schedules(folder: Path) -> Iterator[str]:
    """One wrong thing after the other, and the tables of what is right."""
    path = folder / "schedule.json"
    plain = schedule()
    (hour,) = plain["hours"]
    hour["issued_utc"] = "2026-11-29T12:00:00+00:00"
    for where, value in SCHEDULES:
        path.write_text(json.dumps(changed(plain, where, value)))
        yield f"{'.'.join(map(str, where))} = {value}"
        wrong = list(problems(lambda: read_schedule(path), folder))
        yield from wrong
        if not wrong:
            yield from (f"   {line}" for line in told(path))
    later = {**hour, "issued_utc": "2026-11-29T13:00:00+00:00", "vintage": "later"}
    for name, hours in (
        ("twice", [hour, hour]),
        ("backwards", [{**later, "issued_utc": "2026-11-29T14:00:00Z"}, later, hour]),
        ("a gap", [hour, {**later, "issued_utc": "2026-12-01T13:00:00Z"}]),
    ):
        path.write_text(json.dumps({**plain, "hours": hours}))
        yield name
        yield from problems(lambda: read_schedule(path), folder)
        if name != "twice":
            made = read_schedule(path)
            begin = made.hours[0].table.issued_s
            for moment in (-1, 0, 3599.9, 3600, 86_400, 1e9, 0):
                yield f"   {moment:g} s: {made.at(begin + moment).vintage}"
            yield f"   until {made.until_s}, {made.bases}, {made.under('chat')}"
            classes = [
                made.class_of(*pair) for pair in (("chat", "green"), ("chat", "x"), ("v", ""))
            ]
            yield f"   {sorted(made.metros)} {classes}"
    for text in ("", "{", "[]", "7"):
        path.write_text(text)
        yield f"text {text!r}"
        yield from problems(lambda: read_schedule(path), folder)
    yield from problems(lambda: read_schedule(folder / "none.json"), folder)
    yield from problems(lambda: read_schedule(folder), folder)


def told(path: Path) -> Iterator[str]:
    """Tables and baseline of a schedule."""
    made = read_schedule(path)
    table = made.hours[0].table
    for key, pair in table.pairs.items():
        low = "-" if pair.low is None else pair.low.shares
        yield f"{key} {[(*p, s) for p, s in pair.full.shares]} {low} {pair.degrades}"
    usual = made.usual.get(("lagos", "chat"), Place("-", "-"))
    yield f"{table.issued_s} {table.until_s} {tuple(usual)} {len(made.places)}"


CASES = {"configs": configs, "schedules": schedules}
