"""Sums over users, fits of choices, progress that is told, and ends of verbs that are rare."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.golden.printed import fault_lines, outline, table_lines, tried
from tests.golden.states.tiers import line
from tests.golden.states.verbs import told
from tests.replays.worlds import green, thin
from tests.serve.live import configuration, schedule
from tests.tiers.markets import made
from tests.tiers.simulate import Truth, kept, replaced, simulate
from wattlas.cli import bar, run, tiers_design
from wattlas.data.endpoints_file import read_endpoints
from wattlas.data.scenario_file import example_path, read
from wattlas.errors import LimitError
from wattlas.model.objective import Objective
from wattlas.model.plan import Totals
from wattlas.placement.tables import metrics
from wattlas.report.results import Results
from wattlas.report.stream_folder import Long, write_plan
from wattlas.report.vendor import fixed_bytes, vendored
from wattlas.serve.config import read_config
from wattlas.serve.schedule import read_schedule
from wattlas.studies.export.gateways import Setting
from wattlas.studies.export.httproute import http_routes
from wattlas.studies.export.live_litellm import live_config
from wattlas.studies.findings import Findings
from wattlas.studies.sweeps import carry_out, local
from wattlas.studies.training import Episodes
from wattlas.tiers.binned import Choosers, OfferAxes, _chosen, _edges, user_sums
from wattlas.tiers.choices import Spread, _range, scale_of, spread_of, tasks_of, term_values
from wattlas.tiers.ends import beyond, wrong_signs
from wattlas.tiers.estimate import clustered
from wattlas.tiers.fit import fit
from wattlas.tiers.goal import CARBON
from wattlas.tiers.identify import (
    decided,
    diverging,
    meaningless,
    too_few,
    unidentified,
    weakly_told,
)
from wattlas.tiers.logit import likelihood, logit
from wattlas.tiers.notes import population_notes, table_notes
from wattlas.tiers.offer import by_fallback
from wattlas.tiers.worth import Estimate


def _binned(_folder: Path) -> Iterator[str]:
    """Sums over few and many users, soft and hard, weighed or not: in bins and exactly."""
    draw = np.random.default_rng(4)
    for count in (32, 33, 4100):
        for scale in (0.0, 0.02, 1e-4, 5.0):
            weights = draw.uniform(0, 1, (2, count))[: 2 if scale == 0.02 else 0]
            users = Choosers(
                draw.uniform(-0.1, 0.3, (count, 2)),
                draw.uniform(0, 1e-3, count),
                draw.uniform(0, 0.05, count),
                draw.integers(1, 5, count) * 1.0,
                weights,
                scale,
            )
            offers = OfferAxes(
                np.array([[0.0, 0.4, 1.0], [0.1, 0.5, 0.9]]),
                np.array([[0.0, 20, 50], [1, 9, 99.0]]),
                np.array([0.0, 0.05, 0.3]),
            )
            for finer in (1.0, 3.0)[: 1 + (count == 33)]:
                sums = user_sums(users, offers, finer)
                yield f"{count} {scale} {finer}: {line(sums.adopted)} | {line(sums.lost)}"
                yield line(sums.weighed)
    for discounts in ([0.1], [0.0, 0.3], [0.0]):
        for scale, finer in ((0.0, 1.0), (0.02, 1.0), (0.02, 2.0), (1e-7, 1.0), (9.0, 1.0)):
            edges = _edges(np.array(discounts), scale, finer)
            yield line([len(edges), edges[0], edges[-1]])
    yield line(_chosen(np.array([0.0, 0.1]), np.array([-0.1, 0.0, 0.1, 0.2]), 0.0))
    yield line(_chosen(np.array([0.0, 0.1]), np.array([-0.1, 0.0, 0.1, 0.2]), 0.05))
    for seed in range(3):
        for scale in (0.0, 0.004):
            sold = made(seed, count=3, fallbacks=2, scale=scale)
            for size in (2,):
                for goal in ("profit", CARBON):
                    for each in by_fallback(sold, goal, size=size):
                        yield (
                            line([each.discount, each.share, each.profit_gain_usd])
                            if each
                            else "none"
                        )


def _choices(_folder: Path) -> Iterator[str]:
    """Tables of choices: what is told of terms, clusters, ends and scales."""
    base = simulate(40, 4, 3, Truth(), 1)
    for values in (np.array([np.nan]), np.array([2.0, np.nan]), np.array([1.0, 3.0])):
        yield f"{_range(values, 0.5)}"
    yield f"{scale_of(base)} {scale_of(replaced(base, carbon_g=0 * base.carbon_g), 10.0)}"
    rows = np.arange(len(base.task))
    for requests in (1.0, 4.0):
        tasks = tasks_of(base, rows[6:30], requests)
        yield f"{tasks.clusters} {line(tasks.price_usd[:3] * 1e3)} {tasks.there.sum()}"
        yield str(tasks.respondent.tolist())
    scale = scale_of(base)
    tasks = tasks_of(base, rows)
    for curvature in (0.0, 2.0):
        for additive in (True, False):
            design = term_values(tasks, scale, curvature, additive=additive)
            spread = spread_of(design, tasks.there)
            yield f"{design.names} {line(spread.norm)}"
            for name in design.names:
                part, weights = spread.told(name, [n for n in design.names if n != name])
                yield f"{name}: {line(part)} {line(list(weights.values()))} {spread.told(name, [])}"
            found = logit(design.values, tasks.there)
            yield line([*found.coefficients, found.loglik, *np.sqrt(np.diag(found.covariance))])
            yield line(
                np.sqrt(np.diag(clustered(found.covariance, found.scores, tasks.respondent)))
            )
            at = likelihood(design.values, tasks.there, 0.5 * found.coefficients)
            yield line([at.loglik, at.distance, *at.scores.sum(axis=0)])
            for count in (3, 4, 15, 16, 17):
                yield str([p.what for p in too_few(design, count)])
            yield from (p.what for p in decided(design, tasks.there))
            yield diverging(
                spread, np.array([1.0, 0.011, 0.009, -2.0, 0.0])[: len(design.names)]
            ).where
    flat = Spread(
        np.diag([1.0, 0.0, 1.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0, 1.0, 1.0]), design.names
    )
    yield f"{flat.told('latency', ['accuracy'])} {[p.where for p in unidentified(flat)]}"
    near = Spread(
        np.array(
            [
                [1.0, 0.999, 0, 0, 0],
                [0, 0.0447, 0, 0, 0],
                [0, 0, 1, 0, 0],
                [0, 0, 0, 1, 0],
                [0, 0, 0, 0, 1.0],
            ]
        ),
        np.ones(5),
        design.names,
    )
    yield from weakly_told(near)
    yield str([p.where for p in unidentified(near)])

    def figure(name: str, value: float, error: float, unit: str = "") -> Estimate:
        return Estimate("", name, value, error, unit)

    for values in (
        (-1.0, 2.0, 3.0),
        (1.0, 0.0, 3.0),
        (1.0, -1.0, -2.0),
        (1.0, 2.0, -3.0),
        (1.0, 2.0, 3.0),
    ):
        names = ("price_usd", "quality", "whole")
        from wattlas.tiers.choices import PRICE
        from wattlas.tiers.worth import QUALITY, WHOLE

        names = (PRICE, QUALITY, WHOLE)
        divisors = [figure(n, v, 0.5) for n, v in zip(names, values, strict=True)]
        yield str([(p.where, p.what) for p in meaningless(divisors)])
    from wattlas.tiers.worth import SHARE

    for value, error in (
        (-0.1, 0.01),
        (-0.1, 0.2),
        (1.1, 0.01),
        (1.1, 0.2),
        (0.5, 0.1),
        (-0.0196, 0.01),
        (-0.0195, 0.01),
    ):
        for name in ("consciousness", "weight_accuracy", "weight_latency"):
            for additive in (False, True):
                some = [replace(figure(name, value, error, SHARE))]
                with contextlib.suppress(KeyError):
                    yield str([(p.where, p.what) for p in wrong_signs(some, additive=additive)])
    for value in (-2e-9, -5e-10, 0.0, 0.5, 1.0, 1.0 + 5e-10, 1.0 + 2e-9):
        some = [figure("x", value, 0.1, SHARE), figure("y", value, 0.1, "USD")]
        yield str([end for end, _ in beyond(some)])
    yield from table_notes(
        base, replace(scale, accuracy_min=0.65, latency_max_ms=800.0), False, 10.0
    )
    yield from table_notes(base, scale, True, 1.0)
    halves = np.where(base.respondent % 2, "even", "odd")
    for more in ({}, {"requests": 10.0}, {"curvature": 0.5}, {"additive": True}):
        fitted = fit(base, **more)  # type: ignore[arg-type]
        yield line(
            [
                fitted.loglik,
                fitted.rho2,
                *(e.value for e in fitted.estimates),
                *(e.z for e in fitted.worth),
            ]
        )
    parts = fit(replaced(base, segment=halves))
    yield from population_notes(parts.segments)
    yield from population_notes(parts.segments[:1])
    yield from fault_lines(lambda: fit(kept(base, base.respondent < 3), curvature=None))


def _progress(folder: Path) -> Iterator[str]:
    """What is told on the way: of fleets beside a study, sweeps, bars with odd names."""
    s = wattlas.example("tiny").at_hours(range(2))
    heard: list[str] = []
    findings = Findings(s, 3, lambda what, _share: heard.append(what))
    findings._waits.set()
    with findings.fleet_meanwhile():
        yield type(findings.fleet).__name__
    yield str(sorted(set(heard)))
    steps: list[Any] = []
    wattlas.sweep(s, "regions.*.pue", (1.1, 1.2, 1.3), progress=lambda *a: steps.append(a))
    yield str([(what, round(share, 3)) for what, share in steps])

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with contextlib.redirect_stderr(out), bar.bar("[b]V[/b]", 9, "[i]u[/i]") as tell:
        tell("[u]s[/u]", 0.0)
        tell("[u]s[/u]", 0.5)
    yield str([mark in out.getvalue() for mark in ("[b]V[/b]", "[i]u[/i]", "[u]s[/u]")])
    yield str(fixed_bytes() > sum(part.bytes for part in vendored() if part.is_script))
    yield f"{Results({}, {}).named_tables()} {local.cores() > 0}"
    yield from fault_lines(lambda: carry_out.refuse("full"))
    carry_out.refuse(None)
    with local._environment({"WATTLAS_A": "1", "PATH": "x"}):
        import os

        yield os.environ["WATTLAS_A"] + os.environ["PATH"]
    yield str("WATTLAS_A" in os.environ or os.environ["PATH"] == "x")
    yield from fault_lines(lambda: write_plan(folder / "none", Long("i", 0, ())))
    with pytest.MonkeyPatch.context() as late:
        from wattlas.placement import api
        from wattlas.report import stream_folder

        lost = SimpleNamespace(ok=False, raise_if_infeasible=lambda: None)
        late.setattr(stream_folder, "plan", lambda *_a, **_k: lost)
        yield from fault_lines(lambda: write_plan(folder / "late", s))
        late.setattr(api, "plan", lambda *_a, **_k: lost)
        yield from told(lambda: run(["plan", "tiny"]))


def _verbs(folder: Path) -> Iterator[str]:
    """Verbs whose answers are rare: written files, notes, switching costs, failures."""
    with contextlib.chdir(folder):
        for words in (
            "frontier tiny --variant wait:D --at 0,1 --out w.csv --set time.hours=4",
            "forecast tiny --forecast persistence --out fo",
            "export routing tiny --hours 1 --out r.json",
            "sweep run tiny --set time.hours=1 --vary "
            "classes.A.latency_budget_ms=1,300 --jobs 1 --out s",
            "sweep run tiny --set time.hours=1 --vary "
            "classes.A.latency_budget_ms=1,300 --jobs 1 --out s --again --json",
            "sweep run tiny --vary regions.*.pue=1,,2",
            "sweep run tiny --vary regions.*.pue=",
        ):
            out, err = StringIO(), StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(words.split())
            lines = [
                each
                for each in err.getvalue().splitlines()
                if "%" not in each and "Sweep:" not in each
            ]
            shown = out.getvalue() if len(out.getvalue()) < 900 else out.getvalue()[:120]
            yield (
                f"$ {words} -> {int(code)}\n{shown if '{' not in shown else shown[:20]}"
                + "\n".join(lines)
            )
    s = read(
        example_path("tiny"), set=("time.hours=3", "frictions.start_usd_per_gpu_h=0.1")
    ).scenario
    design = SimpleNamespace(plan=SimpleNamespace(scenario=s))
    yield from told(lambda: tiers_design._split(design))  # type: ignore[arg-type]
    late = tuple(replace(k, latency_budget_ms=1.0) for k in s.classes)
    yield from fault_lines(lambda: wattlas.weights(replace(s, classes=late)))
    wave = np.array([[4.0, 0.2, 4.0], [0.2, 4.0, 0.2], [0.1, 0.1, 0.1]])
    yield from fault_lines(
        lambda: wattlas.weights(
            replace(wattlas.example("tiny").at_hours(range(3)), reserved_gpu=wave)
        )
    )
    failed = SimpleNamespace(ok=False, conflict="no place")
    yield str(metrics._savings(s, s, Totals(), lambda *_: failed))  # type: ignore[arg-type, return-value]
    base = Totals(requests=99.0, unserved_requests=1.0, energy_usd=5.0, carbon_kg=4.0)
    for unserved in (1.0, 1.0 + 0.9e-4, 1.0 + 1.1e-4, 1.0 - 1.1e-4, 9.0):
        other = SimpleNamespace(
            ok=True, totals=replace(base, unserved_requests=unserved, carbon_kg=1.0)
        )
        yield str(metrics._savings(s, s, base, lambda *_, o=other: o))  # type: ignore[arg-type, misc]
    asked: list[Any] = []
    for friction in (0.0, 0.5):
        for carbon in (0.0, 7.0):
            world = replace(
                s,
                frictions=replace(s.frictions, start_usd_per_gpu_h=friction),
                objective=Objective(carbon_price_usd_per_t=carbon),
            )
            metrics._savings(
                world,
                world,
                base,
                lambda w, o: (
                    asked.append(
                        (w.frictions.start_usd_per_gpu_h, str(o.minimise), o.carbon_price_usd_per_t)
                    )
                    or other
                ),
            )  # type: ignore
    yield str(asked)
    (folder / "ends.csv").write_text(
        "region,url,service\noslo,http://o:1,svc-o\naustin,http://a:2,\nmumbai,http://m:3,\n"
    )
    tiny = wattlas.example("tiny").at_hours(range(2))
    ends = read_endpoints(str(folder / "ends.csv"), tiny)
    shares = wattlas.weights(tiny)
    yield from (
        str(each["spec"]["rules"][0]["backendRefs"])
        for each in http_routes(shares, Setting(ends), 0)
    )
    (folder / "schedule.json").write_text(json.dumps(schedule()))
    stated = configuration({"oslo": "http://127.0.0.1:9", "austin": "http://127.0.0.1:9"})
    for lacking in ("models", "decisions"):
        (folder / "serve.yaml").write_text(
            json.dumps({k: v for k, v in stated.items() if k != lacking})
        )
        yield from fault_lines(
            lambda: live_config(
                read_config(folder / "serve.yaml"), read_schedule(folder / "schedule.json")
            )
        )
    small = thin(green(0.3), 0.02, 2)
    episodes = Episodes(small, hours=1)
    yield from outline("first", {k: v for k, v in episodes.begin(1).items() if k == "time_h"})
    n = np.zeros(1, dtype=np.int64)
    odd = SimpleNamespace(
        metro=n,
        klass=n,
        classes=("A", "B", "C"),
        degraded=n.astype(bool),
        region=n + 3,
        point=n,
        share=n + 1.0,
    )
    yield from fault_lines(lambda: episodes.weights_of(odd))  # type: ignore[arg-type]
    assert episodes.run is not None
    yield str(episodes._settled(len(episodes.run.tally.parts)) == Totals())

    def stuck() -> Iterator[int]:
        raise LimitError("queues grow")
        yield 0

    episodes._steps = stuck()
    _seen, reward, ended, cut, info = episodes.advance(np.ones(len(episodes.places.group)))
    yield f"{reward} {ended} {cut} {info}"
    yield from table_lines("places", {"n": [len(episodes.places.group)]})
    yield from tried(lambda: str(Episodes(small, usd_weight=-1.0)))
    yield from tried(lambda: str(type(Episodes(small, usd_weight=0.0, kg_weight=1.0)).__name__))


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "binned": _binned,
    "choices": _choices,
    "progress": _progress,
    "rare_verbs": _verbs,
}
