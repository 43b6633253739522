"""Kernels step by step, as Python runs them: how many pivots they take, and which columns stay.

Their results are held against HiGHS and a simulation elsewhere; here is seen that the way there is
the same, with tuning constants turned down where no small program would reach what they guard. A
change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.golden.test_followed import Moving, _models, _world
from tests.golden.test_followed import _outcome as outcome_lines
from tests.golden.values import compare, number, shown
from tests.interpreted import as_written, interpreted
from tests.placement.engine.generate import KINDS, make
from tests.replays.worlds import Kept
from wattlas.placement.engine import Basis, HourlyProgram, HourlySolution, Meter, patience, solve
from wattlas.placement.engine.opening import solve_opening
from wattlas.placement.engine.solve import solve_program
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.kernel import settle as kernel_settle
from wattlas.replays.kernel import state as S
from wattlas.replays.run import replay
from wattlas.replays.service.model import PowerCurve, ServiceModel
from wattlas.replays.service.pool import pools_of, serve
from wattlas.replays.service.serving import Serving

TURNED_DOWN: dict[str, dict[str, float]] = {
    "as they are": {},
    "perturbed at once": {"_PATIENCE": -1, "_PERTURB": 1e-3},
    "Bland's rule": {"_LAST_PATIENCE": -1, "_PERTURBS": 0},
    "few pivots an inverse": {"_REFACTOR_EVERY": 3, "_WORN": 0.7, "_TAKE": 0.9},
    "found anew": {"_MANY": 2},
    "no gain is too small": {"ROUNDING": 0.05, "_MOVED": 1e-2},
    "no raise": {"_RAISES": 0, "_RAISE": 1.0},
    "no proof": {"_RAISES": 2, "_FARKAS": 1e100},
}

HARD = ("degenerate", "shedding", "binding_rows", "integer_transport", "infeasible")
"""What these are tried on."""


def _bases(basis: Basis) -> Iterator[str]:
    for n in range(len(basis)):
        keys = " ".join(f"{o}.{r}" for o, r in basis.keys[n])
        yield f"  keys {keys}"
        yield "  basics " + " ".join(".".join(map(str, column)) for column in basis.basics[n])


def _whole(answer: HourlySolution) -> Iterator[str]:
    yield f" {answer.pivots} pivots, status {answer.status.tolist()}"
    yield from shown(" objective", answer.objective)
    size = np.maximum(np.abs(answer.objective), 1e-9)
    yield from shown(" gap", (answer.gap / size).round(9))
    for name in ("capacity_dual", "demand_dual", "row_dual"):
        yield from shown(f" {name}", getattr(answer, name).sum(axis=0))
    for n in range(len(answer.hours)):
        flows = " ".join(f"{s}.{r}.{o}={number(x)}" for s, r, o, x in zip(*answer.flows(n),
                                                                      strict=True))  # fmt: skip
        yield f"  flows {flows}"
    yield from _bases(answer.basis)


def _priced(program: HourlyProgram, seed: int) -> HourlyProgram:
    """The same with a price of accelerators that changes with the hour."""
    _, regions, points, _, hours = program.sizes
    price = np.random.default_rng(seed).uniform(-0.2, 0.9, (regions, points, hours))
    return replace(program, per_gpu_h=price)


def _programs() -> Iterator[tuple[str, HourlyProgram]]:
    for kind in KINDS:
        for seed in (3,):
            yield f"{kind} {seed}", make(kind, seed, 3)
    for kind in ("shedding", "binding_rows"):
        yield f"{kind}, priced", _priced(make(kind, 5, 3), 5)


def _pivots() -> Iterator[str]:
    """The way to an optimum: from nothing, from the hour before, from another program's bases."""
    programs = dict(_programs())
    for title, constants in TURNED_DOWN.items():
        with as_written(**constants):
            for name, program in programs.items():
                if constants and name.partition(" ")[0] not in HARD:
                    continue
                answer = solve_program(program, keep_bases=True)
                yield f"== {title}, {name}"
                if constants:
                    yield f" {answer.pivots} pivots, status {answer.status.tolist()}"
                    continue
                yield from _whole(answer)
                draw = np.random.default_rng(1)
                allowed = program.allowed & (draw.random(program.allowed.shape) < 0.7)
                other = replace(program, allowed=allowed, capacity=program.capacity * 0.8)
                hot = solve_program(other, start=answer.basis)
                yield f" hot {hot.pivots} {hot.status.tolist()}"
                yield from _bases(hot.basis)


def _given_up() -> Iterator[str]:
    """Hours that take too many pivots, and what follows them."""
    with as_written(), pytest.MonkeyPatch.context() as patch:
        for most in (0, 5, 12):
            patch.setattr(solve, "MAX_PIVOTS", most)
            for kind in ("plain", "shedding", "binding_rows", "infeasible"):
                yield f"== {most}, {kind}"
                yield from _whole(solve_program(make(kind, 2, 5)))


def _opened() -> Iterator[str]:
    """Every budget of some hours, with meters, and hours that are left to another solver."""
    for kind in ("plain", "shedding", "negative_prices", "binding_rows", "infeasible", "ties"):
        for most in (5000, 9):
            program = make(kind, 6, 4)
            sources, regions, points, _, hours = program.sizes
            draw = np.random.default_rng(6)
            opens = draw.integers(0, 7, (sources, regions, points)).astype(float)
            x = np.array([1.0, 2.0, 3.5, 4.0, 6.0])
            meters = [
                Meter(draw.uniform(0, 1, (regions, hours)),
                      draw.uniform(0, 1e-3, (sources, regions, points)),
                      draw.uniform(0, 1, sources))
                for _ in range(2)
            ]  # fmt: skip
            done: list[int] = []
            with as_written(), pytest.MonkeyPatch.context() as patch:
                patch.setattr("wattlas.placement.engine.opening.MAX_PIVOTS", most)
                made = solve_opening(program, opens, x, meters, np.array([1.0, 2.0, 0.5, 3.0]),
                                     threads=2, progress=done.append)  # fmt: skip
            yield f"== {kind}, {most}: {made.programs} programs {sorted(done)}"
            yield from shown("made", made)


def _descended() -> Iterator[str]:
    """Steps over the cuts of a few hours: rates and weights after one round and after many."""
    for seed in range(4):
        draw = np.random.default_rng(seed)
        hours, cuts, sources = int(draw.integers(3, 9)), int(draw.integers(1, 5)), 3
        constant = draw.uniform(0.0, 3.0, (hours, cuts))
        slope = draw.normal(0.0, 1.0, (hours, cuts, sources))
        arrived = np.cumsum(draw.uniform(0.0, 2.0, (sources, hours)), axis=1)
        low = np.concatenate([np.zeros((sources, 2)), arrived[:, :-2]], axis=1)
        low[:, -1] = arrived[:, -1]
        weight = np.full((hours, cuts), 1.0 / cuts)
        run = np.diff(arrived, axis=1, prepend=0.0)
        step_run, step_weight = (
            draw.uniform(0.1, 1.0, (sources, hours)),
            draw.uniform(0.1, 1, hours),
        )
        mean_run, mean_weight = np.zeros_like(run), np.zeros_like(weight)
        price, after = np.zeros((hours, sources)), np.zeros((sources, hours))
        scratch = np.zeros((6, 2 * hours + 8))
        with as_written():
            for rounds in (1, 1, 8):
                patience.descend(
                    constant, slope, weight, run, step_run, step_weight, low, arrived, rounds,
                    price, after, scratch, mean_run, mean_weight,
                )  # fmt: skip
                yield f"== {seed}, {rounds} rounds"
                for name, values in {"run": run, "weight": weight, "mean run": mean_run,
                                     "mean weight": mean_weight}.items():  # fmt: skip
                    yield from shown(name, values)


def _served() -> Iterator[str]:
    """Requests at a few replicas, with little memory, long prompts and one queue."""
    power = PowerCurve(np.array([0.0, 2.0, 8.0]), np.array([50.0, 200.0, 300.0]))
    base = ServiceModel(0.01, 1e-4, 1e-5, batch=5, step_tokens=40, kv_tokens=4000, power=power)
    models: dict[str, ServiceModel] = {
        "roomy": base, "little memory": replace(base, kv_tokens=160),
        "reserve": replace(base, kv_tokens=160, reserve=0.5),
        "one at a time": replace(base, batch=1), "level": replace(base, context_s=0.0),
    }  # fmt: skip
    for title, model in models.items():
        for replicas, pooled in ((1, False), (3, False), (3, True)):
            draw = np.random.default_rng(len(title))
            count = 30
            came = draw.exponential(0.06, count).cumsum().round(2)
            with as_written():
                made = serve(model, came, draw.integers(1, 90, count), draw.integers(1, 40, count),
                             replicas=replicas, pooled=pooled)  # fmt: skip
            yield f"== {title}, {replicas} {pooled}"
            yield from shown("made", made)


def _replayed() -> Iterator[str]:
    """Requests of a contract whose place changes, with jitter, starts and little memory."""
    s = _world(share=0.02, hours=3)
    s = replace(s, demand_per_h=np.minimum(s.demand_per_h, 7.0))
    servings = {
        "apart": Serving(_models(s, kv_tokens=3100), start_s=700.0, rtt_p95=1.6, seed=3),
        "pooled": Serving(_models(s, reserve=0.5), pooled=True, start_s=300.0),
    }
    for title, serving in servings.items():
        ended = Kept()
        with as_written():
            made = replay(s, Moving(s), AtRates(s, seed=4), serving=serving, sink=ended)
        yield from outcome_lines(title, made)
        when, what = ended.all()
        for row in range(0, len(when), 7):
            yield " ".join(number(value) for value in (*when[row], *what[row]))


def _judged() -> Iterator[str]:
    """Latencies beside a budget and beside the edges of bins, and a share beside its cap."""
    settle = interpreted(kernel_settle._settle)
    share, to_first = np.array([[1, 4]]), np.array([1, 0])
    for klass, longest_s in ((0, 2.0), (1, 4.0), (0, 0.001), (1, 1e9)):
        pools = pools_of([ServiceModel(1.0)], [1], False)
        fleet, sums = S.new_fleet(pools, 4), S.new_sums(2, share, to_first)
        for first_s in (np.nextafter(longest_s, 0), longest_s, np.nextafter(longest_s, 1e12)):
            for low in (0, 1):
                job = fleet.slot[0]
                job.arrived, job.first_token, job.network_s = 0.0, first_s / (1 + klass), 0.0
                job.longest_s, job.kind, job.ledger = longest_s, 2 * klass + low, 0
                settle(fleet, sums, 0, first_s)
        yield f"{klass} {longest_s}: {sums.served.tolist()} {sums.counts.tolist()}"
        yield f" bins {np.argwhere(sums.bins).tolist()}"


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "pivots": _pivots, "given_up": _given_up, "opened": _opened, "descended": _descended,
    "served": _served, "replayed": _replayed, "judged": _judged,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_golden_file(name: str) -> None:
    """Every step is the one that was taken when the results were found right."""
    compare(f"kernel_{name}", CASES[name]())
