"""Policies, forecasts and replays in cases that are seldom met, value by value and word by word.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.test_seldom import told
from tests.golden.values import compare, number, shown
from tests.policy.asked import driven, forecast, observed
from wattlas.errors import InfeasibleError, InputError, Problem, WattlasError
from wattlas.model.objective import Minimise
from wattlas.model.signals import Hours
from wattlas.policy.forecasts.history import History, Known
from wattlas.policy.forecasts.models import Persistence
from wattlas.policy.forecasts.vintages import AsKnown
from wattlas.policy.loop import STATES_TRIED, Loop, locked
from wattlas.policy.planned import optimum
from wattlas.policy.protocol import Forecast, Observed, State
from wattlas.policy.registry import check, policy_of
from wattlas.policy.rolling import rolling
from wattlas.replays import calibrate as fits
from wattlas.replays.arrivals.files import _cell
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.arrivals.trace import Trace, open_trace
from wattlas.replays.kernel.state import BINS
from wattlas.replays.outcome import edges_ms, quantiles_ms
from wattlas.replays.run import replay
from wattlas.replays.service.model import ServiceModel
from wattlas.replays.service.pool import serve

LINE = re.compile(r"\(line \d+ of [^)]*\)")
"""Where a policy failed."""


class _Says:
    """A policy that says one thing, or fails."""

    name = "says"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def route(self, observed: Observed, _forecast: Forecast, _state: State) -> Any:
        """Whatever it is."""
        return self.answer(observed) if callable(self.answer) else self.answer


def _loops() -> Iterator[str]:
    """What is told of a policy that fails or answers what is not allowed."""
    s = uneven(55, hours=Hours.range("2023-03-01T05:00:00", 3))
    good = optimum(s).route(observed(s, 0), forecast(s, 0), {})[0]
    full = ~good.degraded

    def fails(error: BaseException) -> Any:
        def fail(_observed: Observed) -> Any:
            raise error

        return fail

    answers: dict[str, Any] = {
        "fails": fails(KeyError("x")), "exits": fails(SystemExit(3)),
        "has none": fails(InfeasibleError("nothing fits")),
        "its own": fails(InputError([Problem("policy.says.x", "is y", "Give z."),
                                     Problem("elsewhere", "is w", "Give v.")])),
        "nothing": None, "no state": (good, None), "a set": (good, {"x": {1}}),
        "an array": (good, {"x": np.ones(2)}), "late": (replace(good, hold_s=3599.0), {}),
        "of another hour": (replace(good, issued_utc=s.hours.utc[1]), {}),
        "metros": (replace(good, metros=good.metros[::-1]), {}),
        "points": (replace(good, points=("a", "b", "c")), {}),
        "regions": (replace(good, regions=good.regions[:-1]), {}),
        "other regions": (replace(good, regions=("a", *good.regions[1:])), {}),
        "silent": (replace(good, **{n: getattr(good, n)[full & (good.metro > 0)] for n in COLUMNS}),
                   {}),
        "forbidden": (replace(good, region=np.full_like(good.region, 2)), {}),
        "just in time": (replace(good, hold_s=3600.0), {"n": 1}),
    }  # fmt: skip
    for title, answer in answers.items():
        loop = Loop.of(s, _Says(answer))
        try:
            made = loop.tick(observed(s, 0), forecast(s, 0))
            yield f"== {title}: {made.epoch} {dict(loop.state)}"
        except WattlasError as error:
            yield f"== {title}: {type(error).__name__} {error}"
    loop = Loop.of(s, _Says((good, {"x": {1}})))
    loop.epoch = STATES_TRIED
    yield f"not looked at: {loop.tick(observed(s, 0), forecast(s, 0)).epoch}"
    kept = locked(observed(s, 1))
    yield f"{[v.flags.writeable for v in vars(kept).values() if isinstance(v, np.ndarray)]}"
    assert locked(kept) is kept


COLUMNS = ("metro", "klass", "degraded", "region", "point", "share")


def _policies() -> Iterator[str]:
    """Policies where they have no answer."""
    s = uneven(56, 4)
    lawless = with_class(s, 1, accuracy_min=0.99)
    yield from told("rolling, lawless", lambda: rolling(lawless, 3))
    yield from told("rolling, short-sighted", lambda: rolling(s, 1, 3))
    nothing = np.full_like(s.signals.price_usd_per_mwh, np.nan)
    unpriced = replace(minimal(s, minimise=Minimise.CARBON),
                       signals=replace(s.signals, price_usd_per_mwh=nothing))  # fmt: skip
    dry = with_class(replace(s, reserved_gpu=s.reserved_gpu * 0.3), 2,
                     unserved_usd_per_request=None)  # fmt: skip
    for name in ("gar", "greedy:by=cost", "greedy", "best-region", "static-shares",
                 "hourly-shares", "least-cost", "least-carbon", "weighted:cost=1",
                 "weighted:cost=0", "plan",
                 "uniform", "nearest"):  # fmt: skip
        for title, world in {"unpriced": unpriced, "dry": dry, "lawless": lawless}.items():
            try:
                made = policy_of(world, name)
                routing = made.route(observed(world, 1), forecast(world, 1), {})[0]
                yield f"== {name}, {title}: {made.name} {number(float(routing.share.sum()))}"
                if title != "lawless":
                    columns = [getattr(routing, n) for n in COLUMNS]
                    rows = zip(*columns, strict=True)
                    yield " ".join(f"{i}{k}{low:d}{r}{o}={x:.4f}" for i, k, low, r, o, x in rows)
            except WattlasError as error:
                yield f"== {name}, {title}: {type(error).__name__} {error}"
    for hour, routing in enumerate(driven(dry, rolling(dry, 1))):
        gone = routing.region == len(dry.regions)
        yield f"== rolling, dry, hour {hour}: {number(float(routing.share[gone].sum()))}"
        yield from shown("share", routing.share[:9])
    for texts in ("greedy:by", "greedy:by=joy", "gar:share=x", "plan:x=1", "nowhere", "a.b:C",
                  "gar:share=0.5,budget_kg=3"):  # fmt: skip
        try:
            yield f"== {texts}: {check(texts)} {policy_of(s, texts).name}"
        except WattlasError as error:
            yield f"== {texts}: {type(error).__name__} {error}"


def _histories() -> Iterator[str]:
    """Histories that are none, and what is said of good ones."""
    start, value = np.datetime64("2023-03-01T00:00:00", "s"), np.arange(12.0).reshape(2, 6)
    known = (Known.MEASURED, Known.TARIFF)
    good: dict[str, Any] = {
        "ids": ("a", "b"), "start_utc": start, "value": value, "utc_offset_h": value * 0,
        "known": known,
    }  # fmt: skip
    wrong: dict[str, dict[str, Any]] = {
        "one row": {"value": value[:1]}, "flat": {"value": value[0]},
        "infinite": {"value": np.where(value == 3, np.inf, value)},
        "offset": {"utc_offset_h": value[:, :3]}, "known": {"known": known[:1]},
        "clue": {"clue": value[:, :2]}, "clue known": {"clue": value},
        "names": {"ids": ("a", 3)},
    }  # fmt: skip
    for title, changed in wrong.items():
        yield from told(title, lambda changed=changed: History(**{**good, **changed}))
    history = History(**good, clue=value + 1.0, clue_known=known)
    late = start + np.timedelta64(95, "m")
    yield f"{history.index(late)} {history.index(start - np.timedelta64(1, 's'))} {history.hours}"
    yield from shown("until", history.until(2))
    yield from shown("between", history.between(2, 5))
    yield AsKnown(Persistence(), None).name  # type: ignore[arg-type]


def _odd_replays() -> Iterator[str]:
    """What replays and their files say in odd cases."""
    bins = np.zeros(BINS, np.int64)
    yield f"{quantiles_ms(bins)} {[number(edge) for edge in edges_ms()[[0, 1, 99, -1]]]}"
    for at in (0, 1, 700, BINS - 1):
        bins[at] += 3
        yield " ".join(number(value) for value in quantiles_ms(bins, (0.0, 0.3, 0.5, 1.0)))
    s = uneven(57, hours=Hours.range("2023-03-01T05:00:00", 1))
    few = replace(
        s, demand_per_h=np.minimum(s.demand_per_h, 3.0), reserved_gpu=s.reserved_gpu + 9.0
    )
    made = replay(few, policy_of(few, "nearest"), AtRates(few, seed=2))
    yield from shown("quantile", made.quantile_ms("chat", "first token"))
    with pytest.raises(KeyError, match="chta"):
        made.quantile_ms("chta", "first token")
    yield f"{list(made.named_tables())}"
    texts = (None, "a", 1, [1, 2], {"a": 1}, True, 2.5)
    yield f"{[_cell(value, pl.String) for value in texts]}"
    yield f"{[_cell(value, pl.List(pl.Int64)) for value in texts]}"


def _served_log(file: Path, model: ServiceModel, count: int, replicas: int = 1) -> Trace:
    """What a server that is the model would log; of every ninth request no times of tokens."""
    draw = np.random.default_rng(count)
    came = draw.exponential(0.2, count).cumsum().round(3)
    tokens_in, tokens_out = draw.integers(20, 900, count), draw.integers(1, 90, count)
    served = serve(model, came, tokens_in, tokens_out, replicas=replicas)
    rows: list[dict[str, Any]] = []
    for n in range(count):
        row = {"input_toks": int(tokens_in[n]), "output_toks": int(tokens_out[n]),
               "queued_ts": 100.0 + came[n]}  # fmt: skip
        if n % 9 != 4:
            row |= {"first_token_ts": 100.0 + round(float(served.first_s[n]), 4),
                    "last_token_ts": 100.0 + round(float(served.last_s[n]), 4)}  # fmt: skip
        rows.append(row)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_trace(file)


def _calibrated(folder: Path) -> Iterator[str]:
    """Where a fit of a service model is after a few steps, and what is said of it."""
    true = ServiceModel(0.02, 4e-5, 1e-7, batch=8, step_tokens=600, kv_tokens=3000)
    log = _served_log(folder / "a.jsonl", true, 44)
    other = _served_log(folder / "b.jsonl", true, 30, 2)
    asked: dict[str, dict[str, Any]] = {
        "nothing": {}, "batch": {"batch": 8, "second": other},
        "all": {"batch": 8, "step_tokens": 600, "kv_tokens": 3000, "reserve": 0.4},
        "two": {"batch": 5, "replicas": 2},
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fits, "EVALUATIONS", 9)
        patch.setattr(fits, "ROUNDS", 2)
        for title, given in asked.items():
            made = fits.calibrate(other if title == "two" else log, **given)
            yield f"== {title}"
            yield from shown("made", made)
            yield from made.listing().notes
            yield from shown("table", made.table())
    few = _served_log(folder / "few.jsonl", true, 21)
    yield from told("few", lambda: fits.calibrate(few))


IN_A_FOLDER: dict[str, Callable[[Path], Iterator[str]]] = {"calibrated": _calibrated}
CASES: dict[str, Callable[[], Iterator[str]]] = {
    "loops": _loops, "policies": _policies, "histories": _histories, "odd_replays": _odd_replays,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_policies_seldom_met_are_as_in_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    places = (LINE.sub("(line)", line) for line in CASES[name]())
    compare(f"seldom_{name}", places)


@pytest.mark.parametrize("name", IN_A_FOLDER)
def test_files_seldom_met_are_as_in_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every value is that which was read and found right."""
    lines = (line.replace(str(tmp_path), "FOLDER") for line in IN_A_FOLDER[name](tmp_path))
    compare(f"seldom_{name}", lines)
