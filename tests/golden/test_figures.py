"""Figures of policies, replays and the live plane over one small world, digit by digit.

Properties judge them elsewhere, by other means; here is seen that nothing else moved. A change is
made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.golden.kept import keep, without_hashes
from tests.policy.asked import driven
from tests.replays.worlds import green, thin
from tests.serve.live import KEYS, TOKEN, configuration
from tests.serve.live import schedule as stated_schedule
from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.policy.forecasts.outlook import forecast_outlook
from wattlas.policy.registry import policy_of
from wattlas.policy.rolling import rolling
from wattlas.policy.routing import Routing
from wattlas.replays.service.model import PowerCurve, ServiceModel
from wattlas.replays.service.serving import Serving
from wattlas.serve.config import PublishSection, read_config
from wattlas.serve.corrections import Revised, correct, correct_request
from wattlas.serve.decision import Asked, End, Reason, Settlement
from wattlas.serve.decisions import Decisions
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.heads import Head, answer_of
from wattlas.serve.metered_hours import correct_energy
from wattlas.serve.metrics import metrics_text
from wattlas.serve.plane import Plane, PlaneClock, open_plane
from wattlas.serve.published import declaration
from wattlas.serve.run import store_of
from wattlas.serve.statement_forms import FORMS
from wattlas.serve.table import Place
from wattlas.serve.totals import MetricTotals
from wattlas.studies.export.schedule import schedule_of
from wattlas.studies.meta import totals_dict
from wattlas.studies.replay_tables import listings

HERE = Path(__file__).parent / "figures"
POLICIES = (
    "nearest", "plan", "best-region", "static-shares", "hourly-shares", "uniform", "greedy",
    "greedy:by=carbon", "least-cost", "least-carbon", "weighted:cost=1,carbon=2,latency=0.5", "gar",
)  # fmt: skip


@cache
def world() -> Scenario:
    """The tiny example under a tier, with no factor that is 1, short of accelerators at times."""
    s = green(0.3)
    regions = tuple(
        replace(region, pue=1.1 + 0.13 * n, utilisation_max=0.7 + 0.1 * n)
        for n, region in enumerate(s.regions)
    )
    wave = 1 + 0.3 * np.sin(np.arange(s.hours.count))
    s = replace(s, regions=regions, demand_per_h=s.demand_per_h * wave)
    return replace(s, reserved_gpu=s.reserved_gpu * (1.1 - 0.2 * (np.arange(24) % 5 == 2)))


def _number(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{round(float(value), 9) + 0.0:.5g}"
    return str(value)


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    """A line for each row."""
    yield "  ".join(table)
    for row in zip(*table.values(), strict=True):
        yield "  ".join(_number(value) for value in row)


def _routing(routing: Routing) -> Iterator[str]:
    names = ("metro", "klass", "degraded", "region", "point", "share")
    columns = [getattr(routing, name) for name in names]
    order = np.lexsort(columns[4::-1])
    for n in order:
        if columns[5][n] > 1e-6:
            yield " ".join([*(str(int(c[n])) for c in columns[:5]), f"{columns[5][n]:.4f}"])
    for name in ("saving_usd", "threshold_usd"):
        yield f"{name} {' '.join(_number(v * 1e6) for v in getattr(routing, name).ravel())}"


def _policies(_folder: Path) -> Iterator[str]:
    """Where requests go in some hours."""
    s = world().at_hours(range(8))
    for name in (*POLICIES, "rolling"):
        policy = rolling(s, 3) if name == "rolling" else policy_of(s, name)
        for hour, routing in enumerate(driven(s, policy)):
            if hour in (2, 5):
                yield f"== {name}, hour {hour}, holds {routing.hold_s:g} s"
                yield from _routing(routing)


def _replays(_folder: Path) -> Iterator[str]:
    """Tables of a replay of two seeds, with power curves, starts and jitter."""
    s = thin(world(), 0.05, 5)
    power = PowerCurve(np.array([0.0, 8.0]), np.array([100.0, 900.0]))
    models = {
        p.id: ServiceModel(0.02 + 0.01 * n, 1e-4, 1e-6, batch=8, power=power)
        for n, p in enumerate(s.points)
    }
    made = wattlas.replay(
        s, ["plan", "greedy"], trial=wattlas.Trial(seeds=2, utilisation=0.9),
        serving=Serving(models, start_s=40.0, rtt_p95=1.3), against="uniform",
    )  # fmt: skip
    for name, table in made.named_tables().items():
        columns = {n: np.asarray(c)[:40] for n, c in table.items()}
        yield from (f"== {name}", *_table(columns))
    for listing in listings(made):
        heads = [column.heading for column in listing.columns]
        yield f"== {listing.title}: {' | '.join(heads)}"
        yield from _table({column.name: listing.table[column.name] for column in listing.columns})
        yield from listing.notes
    outcome = made["plan"]
    yield json.dumps({n: _number(v) for n, v in totals_dict(outcome.totals).items()}, indent=1)
    meta = {n: v for n, v in made.meta.items() if n not in ("wattlas", "created_utc", "identity")}
    for name in (
        "status",
        "policy",
        "policies",
        "requests",
        "seeds",
        "baseline",
        "brief",
        "limits",
    ):
        yield f"{name}: {meta[name]}"


DAY = np.timedelta64(1, "D")


def _forecasts(_folder: Path) -> Iterator[str]:
    """What is told of the hours ahead, at two steps: of the same day once more, by persistence."""
    past = world()
    next_day = replace(past, hours=Hours.range(str(past.hours.utc[0] + DAY), 24))
    outlooks = (
        forecast_outlook(next_day, "persistence", past=past, look_ahead_h=5,
                         published={past.regions[0].zone: "day_ahead"}),
        forecast_outlook(past.at_hours(range(12, 24)), "perfect"),
    )  # fmt: skip
    for outlook in outlooks:
        for step in (0, 7):
            told = outlook.at(step, outlook.scenario.demand_per_h[:, :, :step] * 1.5)
            yield f"== {outlook.name}, step {step}, {told.issued_utc} {told.step_h:g}"
            for column in ("price_usd_per_mwh", "carbon_g_per_kwh", "demand_per_h", "published"):
                values = np.asarray(getattr(told, column), dtype=float)
                yield f"{column} {' '.join(_number(v) for v in values[..., :4].ravel())}"


def _schedule(_folder: Path) -> Iterator[str]:
    """What the live plane is told for two hours."""
    s = world()
    moment = s.hours.utc[6].astype("datetime64[us]").item().replace(tzinfo=UTC)
    made = schedule_of(policy_of(s, "plan"), moment, 2, 41, "me")
    text = json.dumps(json.loads(made.model_dump_json(by_alias=True)), indent=1)
    yield re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda m: _number(float(m[0])), text)


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def _plane(folder: Path, now: list[float]) -> Plane:
    """A plane by a clock of ours, whose ids are always the same."""
    stated = stated_schedule()
    (hour,) = stated["hours"]
    hour["issued_utc"] = NOON.isoformat()
    signals = {"oslo": {"price_usd_per_mwh": 80.0, "average_g_per_kwh": 20.0}}
    later = {**hour, "issued_utc": NOON.replace(hour=13).isoformat(), "vintage": "later"}
    later["signals"] = signals
    hour["hold_s"] = 3600.0
    (folder / "schedule.json").write_text(json.dumps({**stated, "hours": [hour, later]}))
    urls = {name: f"http://{name}.in:8000" for name in ("oslo", "austin")}
    (folder / "serve.yaml").write_text(json.dumps(configuration(urls)))
    plane = open_plane(folder / "serve.yaml", store_of, PlaneClock(lambda: now[0], lambda: now[0]))
    plane.boot = "boot"
    return plane


def _settled(plane: Plane, now: list[float], totals: MetricTotals) -> None:
    """Forty requests of three tenants over two hours, which end in every way."""
    meters = (("", None), ("neuralwatt", 700.0), ("no-reading", None), ("neuralwatt", 1e9))
    for n in range(40):
        tenant = ("acme", "plain", "acme", "tiny")[n % 4]
        asked = (Asked.AUTO, Asked.FLEX, Asked.DEFAULT, Asked.AUTO, Asked.PRIORITY)[n % 5]
        decision = plane.decide(plane.facts(plane.new_id(), tenant, "chat", asked, "lagos"))
        assert decision is not None
        end = (End.WHOLE, End.WHOLE, End.WHOLE, End.BROKEN, End.FAILED, End.WHOLE)[n % 6]
        place = Place("oslo", "small") if n % 11 == 3 else decision.place
        meter, joules = meters[n % 4]
        outcome = Settlement(
            end, place, decision.degraded or n % 11 == 3, now[0] + 0.5 + 0.1 * n,
            200 if end is not End.FAILED else 503, ("llama", "sure")[n % 2],
            plane.model_of(place.point), None if n % 9 == 8 else 10 * n, 3 * n + 1, "usage",
            1 + n % 3, Reason.RECOVERED if n % 11 == 3 else None,
            now[0] + 0.1 if n % 2 else None, meter, joules,
        )  # fmt: skip
        assert plane.settle(decision.facts.id, outcome)
        now[0] += 171.0
        _record(plane, totals)


def _record(plane: Plane, totals: MetricTotals) -> None:
    while plane.book.make():
        pass
    batch = plane.book.collect()
    totals.take(batch.rows)
    plane.book.recorded(batch, plane.store.record(batch))


def _live(folder: Path) -> Iterator[str]:
    """Rows, metrics, corrections and statements of a plane."""
    now = [NOON.timestamp() + 30.0]
    plane, totals = _plane(folder, now), MetricTotals()
    _settled(plane, now, totals)
    yield "== metrics"
    told = metrics_text(plane, totals).decode()
    yield from (line for line in told.splitlines() if not line.startswith("#"))
    hour_us = int(NOON.timestamp() * 1e6)
    signals = Revised(66.0, 41.0, 90.0), Revised(None, 390.0)
    revised = dict(zip([("oslo", hour_us), ("austin", hour_us)], signals, strict=True))
    store = plane.store
    for tenant in store.tenants():
        made = correct(store, tenant, revised, "revised 2027", "published anew")
        yield f"== {tenant}: {len(made)} corrections of signals"
    first = next(row for row in store.rows("acme", 0, 2**62).rows if row.it_mj)
    correct_request(store, "acme", first.id, 123.0, "read wrong")
    correct_energy(store, {("oslo", hour_us): 9_000_000}, ("meter", "of servers"))
    for tenant in store.tenants():
        yield f"== rows of {tenant}"
        for row in store.rows(tenant, 0, 2**62).rows:
            yield " ".join("-" if v in (None, "") else str(v) for v in row)
        for ending in ("json", "csv"):
            yield FORMS[ending].made(store, tenant, "2026-11").rstrip()
        page = re.sub(r"(?s)<style.*?</style>", "", FORMS["html"].made(store, tenant, "2026-11"))
        yield from " ".join(re.sub(r"<[^>]*>", " ", page).split()).split(". ")
    said = PublishSection(provider="me", methodology="https://x.example", target="llm.example")
    yield json.dumps(declaration(store, said, NOON.timestamp() + 86_400 * 5), indent=1)
    store.close()


QUESTIONS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/decide", {"tenant": "acme", "model": "llama"}),
    ("POST", "/decide", {"tenant": "acme", "class": "chat", "service_tier": "flex"}),
    ("POST", "/decide", {"tenant": "plain", "model": "llama", "metro": "lagos"}),
    ("POST", "/decide", {"tenant": "acme", "model": "llama", "service_tier": "priority"}),
    ("POST", "/decide", {"tenant": "nobody", "model": "llama"}),
    ("POST", "/decide", {"tenant": "acme", "model": "llama", "metro": "mars"}),
    ("POST", "/decide", {"tenant": "acme", "model": 7}),
    ("POST", "/decide", {"tenant": "acme", "class": "video"}),
    ("POST", "/decide", [1]),
    ("GET", "/decide", None),
    ("POST", "/settle", [{"id": "none"}]),
    ("POST", "/settle", [{"id": 7}, {}]),
    ("POST", "/settle", {}),
    ("GET", "/routing", None),
    ("GET", "/healthz", None),
    ("GET", "/forward", None),
    ("POST", "/forward", None),
    ("GET", "/nowhere", None),
    ("POST", "/authz/v1/chat/completions", {"model": "llama", "messages": []}),
    ("POST", "/authz/v1/chat/completions", {"model": "gpt", "messages": []}),
    ("POST", "/authz/v1/chat/completions", {"model": "llama"}),
    ("POST", "/authz/v1/messages", {"model": "gpt", "messages": [], "max_tokens": 1}),
    ("POST", "/authz/v1/responses", {"model": "llama", "input": 7}),
    ("GET", "/authz/v1/chat/completions", None),
    ("POST", "/authz/v1/nothing", {"model": "llama"}),
    ("GET", "/openapi.json", None),
)


def _decisions(folder: Path) -> Iterator[str]:
    """What other gateways are answered, head and body."""
    now = [NOON.timestamp() + 30.0]
    plane = _plane(folder, now)
    port = plane.config.document.decisions
    assert port is not None
    answers = Decisions(plane, port)
    account = (b"authorization", b"Bearer " + KEYS["acme"].encode())
    token = (b"x-wattlas-token", TOKEN.encode())
    for n, (method, path, said) in enumerate(QUESTIONS):
        yield f"== {method} {path} {'' if said is None else json.dumps(said)}"
        headers = [token, account] if n % 7 != 4 else [token]
        body = b"" if said is None else json.dumps(said).encode()
        try:
            answered = answers(Head(method.encode(), path.encode(), headers, True, False), body)
        except Refusal as refusal:
            answered = refusal.status, refusal.headers, refusal.body
        if isinstance(answered, tuple):
            answered = answer_of(*answered)
        text = re.sub(r"boot-(\d+)\.[\w.=\-]+", r"boot-\1 sealed", answered.decode())
        lines = (line for line in text.split("\r\n") if not line.startswith("content-length"))
        yield "\n".join(_pretty(line) for line in lines).rstrip()
    yield str(sorted(plane.events.items()) + sorted(plane.reasons.items()))
    plane.store.close()


def _pretty(line: str) -> str:
    return json.dumps(json.loads(line), indent=1) if line.startswith(("{", "[")) else line


WRONG = """
schedule: schedule.json
gateway: {listen: "8080"}
decisions: {listen: "127.0.0.1:99999"}
admin: {socket: a.sock, listen: "127.0.0.1:1"}
upstreams:
  oslo: {url: "oslo:8000", key_env: NO_SUCH_KEY_HERE, points: {small: "ftp://x"}, meter: neurowatt}
  austin: {url: "http://a", meter: {header: x-energy}}
models: {llama: {class: chat, tier: gold}}
contracts: {green: {share_max: 1.5, zone: Mars/Base}, blue: {share_max: 2/0}}
tenants:
  acme: {keys_sha256: [abc], contract: gren}
  other: {keys_sha256: [], metro: lagos, most_in_flight: 0}
limits: {body_s: 0, nothing: 3}
publish: {provider: me, methodology: "http://x", target: t}
"""


def _config(folder: Path) -> Iterator[str]:
    """What is told of a configuration in which much is wrong, and of less."""
    texts = [WRONG]
    for drop in ("tier: gold", "limits: .*", "  other: .*", ", meter: .*neurowatt", "blue: .*/0"):
        texts.append(re.sub(drop, "", texts[-1]))
    for text in texts:
        (folder / "serve.yaml").write_text(text)
        yield "=="
        try:
            read_config(folder / "serve.yaml")
        except InputError as error:
            for each in error.problems:
                yield f"{each.where}: {each.what} | {each.fix}"


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "policies": _policies, "replays": _replays, "forecasts": _forecasts, "schedule": _schedule,
    "plane": _live, "decisions": _decisions, "config": _config,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_figures_are_those_of_the_golden_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every figure is that which was read and found right."""
    monkeypatch.setattr(time, "time", lambda: NOON.timestamp() + 86_400)
    found, file = "\n".join(CASES[name](tmp_path)) + "\n", HERE / f"{name}.txt"
    keep(without_hashes(found), file)
