"""Policies followed and replayed, and pools of replicas, value by value.

Properties judge them elsewhere; here is seen that nothing else moved. A change is made on purpose:
run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import uneven, with_class
from tests.golden.values import compare, number, shown
from tests.policy.asked import driven, forecast, observed
from tests.replays.worlds import Fixed, Given, Kept
from wattlas.errors import WattlasError
from wattlas.model.contract import ShareCap, Tier
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.policy.followed import followed
from wattlas.policy.forecasts.outlook import Perfect, forecast_outlook
from wattlas.policy.loop import Loop
from wattlas.policy.planned import optimum
from wattlas.policy.protocol import Observed, Policy
from wattlas.policy.registry import policy_of
from wattlas.policy.rolling import oracle, rolling
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.stream import AtRates, FromTrace
from wattlas.replays.arrivals.trace import open_trace
from wattlas.replays.calibrate import calibrate
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import replay
from wattlas.replays.service.model import PowerCurve, ServiceModel, of_point
from wattlas.replays.service.pool import serve
from wattlas.replays.service.serving import Serving
from wattlas.studies.training import Episodes

POWER = PowerCurve(np.array([0.0, 2.0, 8.0]), np.array([90.0, 310.0, 700.0]))


def _world(seed: int = 21, share: float = 0.05, hours: int = 5, **more: Any) -> Scenario:
    """Hours in a row under a tier, with whole replicas for little demand."""
    s = uneven(seed, hours=Hours.range("2023-03-01T05:00:00", hours))
    tier = Tier("green", 0.3, 0.7, latency_factor=2.0, classes=("code",),
                window=more.pop("window", Window.DAY), accuracy_min=0.5)  # fmt: skip
    s = offer(with_class(s, 1, accuracy_min=0.7), [tier])
    return replace(s, demand_per_h=s.demand_per_h * share, reserved_gpu=s.reserved_gpu + 3.0)


def _routing(routing: Routing) -> Iterator[str]:
    """A line for each set: where its requests go."""
    names = ("metro", "klass", "degraded", "region", "point", "share")
    columns = [getattr(routing, name) for name in names]
    for n in np.lexsort(columns[4::-1]):
        if columns[5][n] > 1e-6:
            yield " ".join([*(str(int(c[n])) for c in columns[:5]), f"{columns[5][n]:.4f}"])
    for name in ("saving_usd", "threshold_usd"):
        yield f"{name} {' '.join(number(float(v) * 1e6) for v in getattr(routing, name).ravel())}"


def _driven(title: str, s: Scenario, policy: Policy, hours: tuple[int, ...]) -> Iterator[str]:
    for hour, routing in enumerate(driven(s, policy)):
        if hour in hours:
            yield f"== {title}, hour {hour}, epoch {routing.epoch}, holds {routing.hold_s:g} s"
            yield from _routing(routing)


OPTIONS = (
    "greedy:by=latency", "weighted:cost=0.3,carbon=0", "weighted:latency=2,cost=0,carbon=1",
    "gar:budget_kg=9.6,rate=5", "gar:share=0.75,slack=0.2", "hourly-shares", "static-shares",
    "best-region",
)  # fmt: skip


def _asked() -> Iterator[str]:
    """Policies with options, that look ahead, and under switching costs."""
    s = _world(share=1.0)
    for name in OPTIONS:
        try:
            yield from _driven(name, s, policy_of(s, name), (1, 4))
        except WattlasError as error:
            yield f"== {name}: {error}"
    for window in (Window.DAY, Window.MONTH, Window.HOUR):
        capped = _world(share=1.0, window=window)
        yield from _driven(f"plan by {window}", capped, policy_of(capped, "plan"), (0, 3))
        yield from _driven(f"oracle by {window}", capped, oracle(capped), (2,))
        yield from _driven(f"rolling by {window}", capped, rolling(capped, 3, 2), (0, 1, 3))
    tied = replace(s, frictions=Frictions(start_usd_per_gpu_h=0.4, start_kwh_per_gpu_h=0.2,
                                          move_state=True))  # fmt: skip
    yield from _driven("rolling, tied", tied, rolling(tied, 3), (1, 4))
    bare = replace(s, reserved_gpu=s.reserved_gpu * 0.3)
    short = with_class(bare, 2, unserved_usd_per_request=None)
    yield from _driven("rolling, short", short, rolling(short, 2), (0, 3))
    yield from _driven("rolling, unserved", bare, rolling(bare, 2), (3,))


OWN = """
from wattlas.errors import UsageError
from wattlas.policy.registry import policy_of

class Mine:
    name = "mine"
    def __init__(self, scenario, by="carbon", twice=1.0):
        self.inner = policy_of(scenario, f"greedy:by={by}")
    def route(self, observed, forecast, state):
        return self.inner.route(observed, forecast, state)[0], {"asked": state.get("asked", 0) + 1}

class Nameless:
    def __init__(self, scenario): pass
    def route(self, observed): pass

class Broken:
    name = "broken"
    def __init__(self, scenario): raise OSError()

class Refusing:
    name = "refusing"
    def __init__(self, scenario): raise UsageError("not here")

class Failing(Mine):
    name = "failing"
    def route(self, observed, forecast, state): raise KeyError("price")

class Wordy(Mine):
    name = "wordy"
    def route(self, observed, forecast, state): return "everywhere"

class Forgetful(Mine):
    name = "forgetful"
    def route(self, observed, forecast, state):
        return super().route(observed, forecast, state)[0], {"at": {1, 2}}

NOTHING = 7
"""


def _own(folder: Path) -> Iterator[str]:
    """Policies of a file, and everything that is wrong with others."""
    s = _world(share=1.0, hours=3)
    file = folder / "own.py"
    file.write_text(OWN)
    (folder / "bad.py").write_text("import nothing_of_the_kind\n")
    yield from _driven("mine", s, policy_of(s, f"{file}:Mine:by=cost"), (2,))
    loop = Loop.of(s, policy_of(s, f"{file}:Mine"))
    for hour in range(3):
        loop.tick(observed(s, hour), forecast(s, hour))
    yield f"state {dict(loop.state)} epoch {loop.epoch}"
    places = (
        f"{file}:Nameless", f"{file}:Broken", f"{file}:Refusing", f"{file}:Failing",
        f"{file}:Wordy", f"{file}:Forgetful", f"{file}:None", f"{file}:NOTHING", f"{file}:",
        f"{folder / 'none.py'}:Mine", f"{folder / 'bad.py'}:Mine",
        "nearst", "greedy:by=luck", "greedy:bye=cost", "gar:share=-1", "weighted:cost=x",
    )  # fmt: skip
    for place in places:
        try:
            policy = policy_of(s, place)
            list(driven(s, policy))
        except WattlasError as error:
            yield f"== {place}: {type(error).__name__} {error}".replace(str(folder), "FOLDER")


def _changed(s: Scenario, **columns: Any) -> Callable[[Routing], Routing]:
    def change(routing: Routing) -> Routing:
        made = {n: v(getattr(routing, n)) if callable(v) else v for n, v in columns.items()}
        return replace(routing, **made)

    return change


def _wrong() -> Iterator[str]:
    """Answers that break a rule, in words."""
    s = _world(share=1.0, hours=2)
    late = s.hours.utc[0] - np.timedelta64(1, "h")
    changes: dict[str, dict[str, Any]] = {
        "other metros": {"metros": ("a", "b", "c")}, "shares": {"share": lambda v: v * 0.9},
        "negative": {"share": lambda v: -v}, "region": {"region": lambda v: v * 0 + 9},
        "point": {"point": lambda v: v * 0 - 1}, "metro": {"metro": lambda v: v * 0 + 7},
        "nan": {"share": lambda v: v * np.nan}, "issued": {"issued_utc": late},
        "holds": {"hold_s": 600.0}, "unlawful": {"region": lambda v: v * 0 + 2},
        "unserved": {"region": lambda v: v * 0 + 3}, "full": {"point": lambda v: v * 0 + 2},
        "degraded": {"degraded": lambda v: ~v}, "saving": {"saving_usd": np.zeros(3)},
        "threshold": {"threshold_usd": np.full(4, np.nan)}, "few": {"share": lambda v: v[:2]},
        "no thresholds": {"threshold_usd": np.zeros(3)},
        "words": {"share": lambda v: ["x"] * len(v)}, "square": {"share": lambda v: v[:, None]},
        "parts": {"metro": lambda v: v * 0.5}, "flags": {"degraded": lambda v: v * 2},
        "no time": {"issued_utc": "now"}, "never": {"issued_utc": np.datetime64("NaT", "s")},
        "names": {"points": (1, 2)}, "epoch": {"epoch": -1},
        "listed": {"region": list, "share": list, "degraded": list},
    }  # fmt: skip
    for title, columns in changes.items():
        policy: Any = Fixed(s, title, _changed(s, **columns))
        try:
            list(driven(s, policy))
            yield f"== {title}: nothing said"
        except WattlasError as error:
            yield f"== {title}: {error}"


def _followed() -> Iterator[str]:
    """Policies followed at rates, under forecasts that come true or not."""
    for window in (Window.ALL, Window.DAY, Window.HOUR):
        s = _world(share=1.0, window=window)
        day = Hours.range("2023-02-28T05:00:00", 24)
        past = offer(with_class(uneven(22, hours=day), 1, accuracy_min=0.7), s.tiers)
        outlooks = {
            "perfect": Perfect(s),
            "persistence": forecast_outlook(s, "persistence", past=past, look_ahead_h=3),
        }
        for name, outlook in outlooks.items():
            for policy in (optimum(s), rolling(s, 3), Fixed(s)):
                done: list[float] = []
                made = followed(s, policy, outlook, done.append)
                yield f"== {policy.name}, {window}, {name}"
                yield from shown("flows", made.flows)
                yield from shown("totals", made.totals)
                yield f"over {number(made.over_gpu)} {done}"


def _ahead() -> Iterator[str]:
    """What is told of the hours ahead, and what no forecast is made of."""
    s = uneven(24, hours=Hours.range("2023-03-10T00:00:00", 30))
    past = uneven(25, hours=Hours.range("2023-03-01T00:00:00", 24 * 9))
    for name, published in (
        ("persistence", None), ("persistence", {"coal": "day_ahead"}), ("climatology", None),
    ):  # fmt: skip
        outlook = forecast_outlook(s, name, past=past, look_ahead_h=5, published=published)
        for step in (0, 11, 27):
            told = outlook.at(step, s.demand_per_h[:, :, :step] * 1.2)
            yield f"== {name} {published} {step}"
            for column in ("price_usd_per_mwh", "carbon_g_per_kwh", "demand_per_h", "published"):
                yield from shown(column, np.asarray(getattr(told, column), dtype=float))
            yield from shown("utc", told.utc)
    halves = Hours(s.hours.start, np.arange(4), np.ones(4), step_h=0.5)
    cases: dict[str, tuple[Scenario, str, Scenario | None]] = {
        "no past": (s, "persistence", None), "short": (s, "climatology", past.at_hours(range(50))),
        "unknown": (s, "persistance", past), "later": (past, "persistence", s),
        "halves": (uneven(24, hours=halves), "persistence", past),
        "short of a year": (s, "boosted", past),
        "a gap": (s, "persistence", past.at_hours(range(100))),
    }  # fmt: skip
    for title, (world, name, known) in cases.items():
        try:
            outlook = forecast_outlook(world, name, past=known, look_ahead_h=5)
            yield f"== {title}: nothing said"
        except WattlasError as error:
            yield f"== {title}: {type(error).__name__} {error}"


def _outcome(title: str, outcome: Outcome) -> Iterator[str]:
    """What a replay comes to, and the head of its tables."""
    yield f"== {title}"
    for column in fields(outcome):
        value = getattr(outcome, column.name)
        if isinstance(value, Mapping):
            yield f"{column.name}: {'  '.join(value)}"
            rows = list(zip(*value.values(), strict=True))
            for row in rows[:: max(len(rows) // 12, 1)]:
                yield " " + "  ".join(number(each) for each in row)
        else:
            yield from shown(column.name, value)


class Moving(Fixed):
    """The nearest open place of each class in even hours, the farthest in odd ones."""

    def place(self, open_: np.ndarray, latency_ms: np.ndarray, observed: Observed) -> int:
        """As `Fixed`, or the other end."""
        hour = int((observed.utc - self.scenario.hours.utc[0]) / np.timedelta64(1, "h"))
        if hour % 2:
            return int(np.where(open_, latency_ms, -1.0).argmax())
        return super().place(open_, latency_ms, observed)


def _models(s: Scenario, **more: Any) -> dict[str, ServiceModel]:
    return {
        point.id: ServiceModel(0.02 + 0.007 * n, 3e-5, 2e-7, batch=6, power=POWER, **more)
        for n, point in enumerate(s.points)
    }


def _replays() -> Iterator[str]:
    """Replays of a changing policy, served in every way."""
    s = _world(share=0.03, hours=4)
    few = {"kv_tokens": 3100}
    servings = {
        "plain": Serving(_models(s)), "by figures": Serving(),
        "pooled": Serving(_models(s), pooled=True, start_s=500.0),
        "starting": Serving(_models(s), start_s=700.0, rtt_p95=1.6, seed=3),
        "little memory": Serving(_models(s, **few)),
        "pooled, little memory": Serving(_models(s, reserve=0.5, **few), pooled=True),
        "none fits": Serving(_models(s, kv_tokens=900)),
    }  # fmt: skip
    for title, serving in servings.items():
        kept = Kept()
        outcome = replay(s, Moving(s), AtRates(s, seed=4), serving=serving, sink=kept)
        yield from _outcome(title, outcome)
        when, what = kept.all()
        for n in range(0, len(when), max(len(when) // 9, 1)):
            yield " ".join(number(v) for v in (*when[n], *what[n]))
    yield from _outcome("even", replay(s, optimum(s), AtRates(s, even=True, scale=2.0),
                                       serving=servings["plain"]))  # fmt: skip
    for window in (Window.ALL, Window.HOUR):
        capped = _world(share=0.05, hours=3, window=window)
        yield from _outcome(f"by {window}", replay(capped, Fixed(capped), AtRates(capped, seed=1),
                                                   serving=servings["plain"]))  # fmt: skip
    short = replace(s, reserved_gpu=np.full_like(s.reserved_gpu, 2.0))
    short = replace(short, demand_per_h=short.demand_per_h * 40)
    short = with_class(short, 2, unserved_usd_per_request=1e-5)
    yield from _outcome("unserved", replay(short, policy_of(short, "plan"),
                                           AtRates(short, scale=0.02)))  # fmt: skip
    two = tuple(replace(cap, id=f"{cap.id}-{n}") for n in range(2) for cap in s.share_caps)
    few_gpu = replace(s, reserved_gpu=np.full_like(s.reserved_gpu, 0.7))
    refused = {"two caps": replace(s, share_caps=two), "overfull": short, "no replica": few_gpu}
    for title, world in refused.items():
        try:
            replay(world, Fixed(world), AtRates(world, scale=0.01), expected=True)
        except WattlasError as error:
            yield f"== {title}: {error}"


def _batched() -> Iterator[str]:
    """Requests written down, to one pool: its queue, memory, preemption and energy."""
    rng = np.random.default_rng(5)
    at_s = np.round(np.cumsum(rng.exponential(0.21, 40)), 3)
    tokens_in, tokens_out = rng.integers(30, 900, 40), rng.integers(5, 160, 40)
    plain = ServiceModel(0.02, 4e-5, 3e-7, batch=8, power=POWER)
    models = {
        "plain": plain, "narrow": replace(plain, batch=2), "alone": replace(plain, batch=1),
        "small steps": replace(plain, step_tokens=64),
        "preempts": replace(plain, kv_tokens=1800),
        "reserves": replace(plain, kv_tokens=1800, reserve=0.5),
        "refuses": replace(plain, kv_tokens=700, reserve=1.0),
    }  # fmt: skip
    for title, model in models.items():
        for replicas, pooled in ((1, False), (3, False), (3, True)):
            made = serve(model, at_s, tokens_in, tokens_out, replicas=replicas, pooled=pooled)
            yield f"== {title}, {replicas} {'pooled' if pooled else 'apart'}"
            yield from shown("served", made)
    alone = replace(uneven().points[1], itl_ms=0.0, ttft_ms=40.0, request_gpu_s=3.0)
    yield from shown("alone", of_point(alone, POWER))
    for point in uneven().points:
        yield from shown(point.id, of_point(point, POWER))
    yield from shown("scores", of_point(replace(uneven().points[0], itl_ms=0.0, ttft_ms=90.0)))


def _traces(folder: Path) -> Iterator[str]:
    """Requests of a file: scaled, with metros and classes, and calibrations of its server."""
    s = _world(share=0.03, hours=3)
    rng = np.random.default_rng(6)
    true = ServiceModel(0.03, 6e-5, 2e-7, batch=4, step_tokens=1024, kv_tokens=6000)
    at_s = np.cumsum(rng.exponential(0.8, 60))
    tokens_in, tokens_out = rng.integers(50, 900, 60), rng.integers(10, 200, 60)
    served = serve(true, at_s, tokens_in, tokens_out)
    rows = [
        {
            "input_toks": int(tokens_in[n]), "output_toks": int(tokens_out[n]),
            "queued_ts": 100.0 + at_s[n], "first_token_ts": 100.0 + served.first_s[n],
            "last_token_ts": 100.0 + served.last_s[n],
        }
        for n in range(60)
    ]  # fmt: skip
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = open_trace(file)
    hows: dict[str, dict[str, Any]] = {
        "given": {"step_tokens": 1024, "kv_tokens": 6000, "replicas": 2},
        "batch": {"batch": 4, "second": log},
    }  # fmt: skip
    for title, how in hows.items():
        made = calibrate(log, **how)
        listing = made.listing()
        yield f"== {title}: {re.sub(r'[0-9.]+ .s', 'so long', listing.notes[0])}"
        yield from (*listing.notes[1:], str(made.model.batch), str(made.model.kv_tokens))
        for errors in (made.fitted, made.held_out, made.second):
            if errors is not None:
                yield f"{errors.requests} {(np.abs(errors.mean) < 0.1).tolist()}"
    for title, stream in {
        "as it is": FromTrace(s, log, 1), "scaled": FromTrace(s, log, 2, 1.7),
        "of a class": FromTrace(s, log, 3, 0.6, "code"),
    }.items():  # fmt: skip
        yield f"== {title}"
        for came in stream.batches():
            yield from shown("came", came)
        yield from shown("notes", tuple(stream.notes()))
    given = Given(at_s * 50, rng.integers(0, 12, 60), np.stack([tokens_in, tokens_out], axis=1), 7)
    yield from _outcome("given", replay(s, Fixed(s), given, serving=Serving(_models(s))))


def _trained() -> Iterator[str]:
    """An environment whose agent weighs places."""
    episodes = Episodes(_world(share=0.03, hours=3), usd_weight=1.0, kg_weight=0.5)
    weights = np.random.default_rng(7).uniform(0.0, 1.0, (3, len(episodes.places.group)))
    yield from shown("places", episodes.places)
    yield from shown("first", episodes.begin(5))
    for weight in weights:
        yield from shown("step", episodes.advance(weight))


def _caps() -> Iterator[str]:
    """Share caps that stand by themselves, followed."""
    s = uneven(23, hours=Hours.range("2023-02-28T21:00:00", 6))
    caps = (
        ShareCap("low", ("code",), ("small",), 0.35, Window.DAY),
        ShareCap("hour", ("batch",), ("small",), 0.8, Window.HOUR),
    )
    s = replace(s, share_caps=caps)
    for policy in (policy_of(s, "plan"), rolling(s, 4), policy_of(s, "greedy")):
        made = followed(s, policy, Perfect(s))
        yield f"== {policy.name}"
        yield from shown("flows", made.flows)
        yield from shown("totals", made.totals)


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "asked": _asked, "wrong": _wrong, "followed": _followed, "caps": _caps, "replays": _replays,
    "batched": _batched, "trained": _trained, "ahead": _ahead,
}  # fmt: skip
IN_A_FOLDER: dict[str, Callable[[Path], Iterator[str]]] = {"own": _own, "traces": _traces}


@pytest.mark.parametrize("name", CASES)
def test_what_is_followed_is_that_of_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    compare(f"followed_{name}", CASES[name]())


@pytest.mark.parametrize("name", IN_A_FOLDER)
def test_what_files_hold_is_that_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every value is that which was read and found right."""
    compare(f"followed_{name}", IN_A_FOLDER[name](tmp_path))
