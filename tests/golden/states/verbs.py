"""What plans and fleets say on the terminal, of values made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.golden.printed import fault_lines, tried
from tests.golden.states.options import told
from tests.golden.states.studies import _fleet
from wattlas.cli import (
    fleet,
    interrupts,
    plan,
    streaming,
    study,
)
from wattlas.model.fleet import Reach, ReachedFleet
from wattlas.model.plan import SolveInfo
from wattlas.placement.fleet.certificate import FleetCertificate
from wattlas.placement.fleet.patience import Patience
from wattlas.studies.fleet_answer import FleetAnswer

TINY = "tiny"


def _plans(_folder: Path) -> Iterator[str]:
    """Plans, folders and certificates with and without a gap, a notice, duals, caps."""
    s = wattlas.example(TINY).at_hours(range(2))
    quiet = replace(s, title="", notice="")
    info = SolveInfo("highs", 1.25, programs=3, rows=4, columns=5, gap=0.0)
    made = wattlas.plan(s)
    for scenario in (s, quiet):
        for changes in (
            {},
            {"info": replace(info, gap=2e-5), "abatement_usd_per_t": np.array([1.5, 1 / 3])},
        ):
            yield from told(
                lambda w=scenario, c=changes: plan.show_plan(
                    replace(made, **{"scenario": w, "info": info, **c})
                )
            )
    for path in ("x", "x.csv", "x.pdf", ".", "x.JSON"):
        yield from tried(lambda p=path: str(plan._is_folder(Path(p))))
    meta = {
        "scenario": {"title": "", "name": "n", "notice": "b"},
        "window": {"hours": 3},
        "gap": 0.0,
        "status": "optimal",
        "solver": "s",
        "programs": 1,
        "seconds": 1.26,
        "intensity": {"deciding": "average"},
        "totals": {"plan": {"requests": 5.0, "odd": 1.0}},
        "regions": {"a": 1.0},
    }
    for changes in ({}, {"gap": 1e-4, "scenario": {"title": "T", "name": "n", "notice": ""}}):
        yield from told(lambda c=changes: streaming.show_folder({**meta, **c}))
    totals = {"plan": {"cost_usd": 1.0, "carbon_kg": 2.0, "requests": 3.0}}
    yield str(streaming._sums({"totals": totals}))

    def interrupted() -> None:
        with streaming.interruptible(Path("out")):
            streaming.interrupt(15, None)

    out = StringIO()
    with redirect_stderr(out), pytest.raises(KeyboardInterrupt):
        interrupted()
    interrupts.forget()
    yield out.getvalue()
    brief = {"sentence": "s", "actions": ["do a", "do b"], "fleet": "f"}
    about = {
        "scenario": {"title": "", "name": "n", "notice": ""},
        "brief": brief,
        "status": "limit",
        "window": {"hours": 1200, "hours_represented": 8760.4},
        "solver": "x",
        "intensity": {"deciding": "marginal"},
        "seconds": 12.34,
    }
    for changes in (
        {},
        {
            "scenario": {"title": "T", "name": "n", "notice": "b"},
            "brief": {"sentence": "s", "actions": []},
        },
    ):
        result = SimpleNamespace(meta={**about, **changes})
        yield from told(lambda r=result: study.head(r))  # type: ignore[arg-type]


def _fleets(folder: Path) -> Iterator[str]:
    """A fleet on the terminal, what is lost, how long to wait, where it is written."""
    s = wattlas.example(TINY).at_hours(range(2))
    made = _fleet(s)
    along = Reach("scale", (ReachedFleet(1.0, made.optimal, 60.0),), (), True)
    proof = FleetCertificate(70.0, 69.0, 0.01, {"a": 1e-9})
    patient = (Patience("D", 2.0, made),)
    quiet = replace(made, scenario=replace(s, notice=""))
    for answer, proved in (
        (FleetAnswer(made), None),
        (FleetAnswer(quiet, along), proof),
        (FleetAnswer(quiet, replace(along, complete=False), patience=patient), None),
    ):
        yield from told(lambda a=answer, p=proved: fleet._show(a, p))
    clouds = tuple(
        replace(r, id=name) for r, name in zip(s.regions, ("aws:a", "gcp:b", "c"), strict=True)
    )
    for world in (s, SimpleNamespace(regions=clouds, sites=s.sites)):
        for words in (["region"], ["zone"], ["cloud"], ["oslo, austin", "x"], []):
            yield from tried(lambda w=world, x=words: str(fleet.lost_sets(w, x)))
    for text in (None, "D:0,1", "0.5", "a:b:3", "D", "D:x", ":2"):
        yield from tried(lambda t=text: str(fleet._waits(t)))
    for given in (
        (None, None, False, None, None),
        (None, 3.0, False, None, None),
        (None, None, True, None, None),
        ("scale", 3.0, True, None, None),
        (None, None, False, 1.0, None),
        (None, None, False, 0.0, ["region"]),
    ):
        yield from fault_lines(lambda g=given: fleet._check(*g))
    (folder / "dir.csv").mkdir()
    for name in ("x.csv", "x.html", "x", "dir.csv", "x.b"):
        yield str(fleet._is_file(folder / name))
    heard: list[Any] = []
    fleet._told(lambda *a: heard.append(a), 1e-4)(SimpleNamespace(gap=1e-2))  # type: ignore[arg-type]
    yield str(heard)
    asked: list[Any] = []
    with pytest.MonkeyPatch.context() as world:
        from wattlas.placement.fleet import reach as reaching

        world.setattr(
            reaching,
            "reach",
            lambda _s, **k: asked.append({n: v for n, v in k.items() if n != "progress"}),
        )
        for kind, most, jumps in (
            ("scale", None, False),
            ("added_ms", None, True),
            ("scale", 2.0, False),
            (None, 1.0, True),
        ):
            fleet._reach(s, kind, most, jumps, None, lambda *_: None)
    yield str(asked)


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "verb_plans": _plans,
    "verb_fleets": _fleets,
}
