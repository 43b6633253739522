"""What sweeps state, rank and say in rare states."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.golden.printed import (
    fault_lines,
    listing_lines,
    number,
    outline,
    table_lines,
    tried,
)
from wattlas.data.scenario_file import example_path
from wattlas.errors import MachineError
from wattlas.model.scenario import Scenario
from wattlas.studies.sweeps import ranking as by_axis
from wattlas.studies.sweeps.carry_out import Here, WorkerDied, carry_out
from wattlas.studies.sweeps.change import Held, Written, with_value
from wattlas.studies.sweeps.cluster import cluster_at
from wattlas.studies.sweeps.design import Axis, DesignKind, SweepDesign, axis_of
from wattlas.studies.sweeps.folder import RunRow, SweepFolder, open_sweep, sweep_in
from wattlas.studies.sweeps.found import SweepFindings, heading, said
from wattlas.studies.sweeps.ranking import ranking
from wattlas.studies.sweeps.runs import run_of, work
from wattlas.studies.sweeps.statement import differences, statement
from wattlas.studies.sweeps.verbs import VERBS

GRID, SOBOL = DesignKind.GRID, DesignKind.SOBOL


def _design(_folder: Path) -> Iterator[str]:
    """Axes and designs: what is a number, how many runs, what is wrong, all at once."""
    for text in (
        "a.b=1,2.5",
        "a.b=true,1",
        "a.b=x,[1, 2],'y,z'",
        " a.b = 3 ",
        "a.b=1:2",
        "=1",
        "a",
    ):
        yield from tried(lambda text=text: axis_of(text, GRID))
    for text in ("a.b=1:2", "a.b=2", "a.b=x:2", "a=-1.5:1e3"):
        yield from tried(lambda text=text: axis_of(text, SOBOL))
    for axis in (
        Axis("a", (1, 2.5)),
        Axis("b", (True, 1)),
        Axis("c", ("x",)),
        Axis("d", low=1.0, high=3.0),
    ):
        yield f"{axis.json()} {axis.is_numeric} {str(Axis.from_json(axis.json())) == str(axis)}"
    ab, narrow = Axis("a.b", (1, 2, 3)), Axis("a.b", low=1.0, high=3.0)
    cd = Axis("c.d", low=-1.0, high=0.5)
    whole = Axis("x.y", tuple(range(1001)))
    for design in (
        lambda: SweepDesign(()),
        lambda: SweepDesign((ab,), "wat"),
        lambda: SweepDesign((ab, ab)),
        lambda: SweepDesign((ab,), samples=4),
        lambda: SweepDesign((ab,), seeds=0),
        lambda: SweepDesign((ab,), seeds=2),
        lambda: SweepDesign((ab,), "replay", seeds=2),
        lambda: SweepDesign((narrow,)),
        lambda: SweepDesign((Axis("a.b", (1, 1)), narrow)),
        lambda: SweepDesign((Axis("a.b", (1, 1.0, "1")),)),
        lambda: SweepDesign((narrow, cd), "plan", SOBOL, 4),
        lambda: SweepDesign((narrow, cd), "plan", SOBOL, 1),
        lambda: SweepDesign((narrow, cd), "plan", SOBOL, 2),
        lambda: SweepDesign((narrow, cd), "plan", SOBOL, 6),
        lambda: SweepDesign((narrow,), "plan", SOBOL, 2),
        lambda: SweepDesign((replace(narrow, high=1.0), cd), "plan", SOBOL, 2),
        lambda: SweepDesign((replace(narrow, high=np.inf), cd), "plan", SOBOL, 2),
        lambda: SweepDesign((ab,), settings={"a.b": 1, "x": 2}),
        lambda: SweepDesign(
            (ab,),
            "replay",
            settings={
                "policy": 3,
                "polic": "x",
                "even": 1,
                "scale": True,
                "hours": 2.0,
                "trace": "t",
                "rtt_p95": 1,
            },
        ),
        lambda: SweepDesign((Axis("policy", ("plan", 3)),), "replay"),
        lambda: SweepDesign(
            (Axis("scale", low=0.1, high=1.0), Axis("hours", low=1.0, high=2.0)), "replay", SOBOL, 2
        ),
        lambda: SweepDesign((whole, replace(whole, field="z.y"))),
        lambda: SweepDesign((whole, Axis("z.y", tuple(range(999))))),
        lambda: SweepDesign.of({"a.b": (1, 2)}, samples=2),
        lambda: SweepDesign.of({"a.b": 3}, samples=2),
        lambda: SweepDesign.of({"a.b": (1, "x")}, samples=2),
    ):
        yield from fault_lines(design)
    for made in (
        SweepDesign((ab, Axis("c.d", (5, 6)))),
        SweepDesign((ab,), "replay", seeds=3),
        SweepDesign.of({"a.b": [1, 2]}, "replay", seeds=2, policy="plan"),
        SweepDesign.of({"a.b": (1, 2), "c.d": (0, 8)}, samples=2),
        SweepDesign((narrow, cd), "replay", SOBOL, 2, 2),
    ):
        yield f"{made.verb} {made.kind} {made.size} {made.columns} {made.seeds} {made.settings}"
        for point in list(made.points())[:40]:
            yield f"  {' '.join(map(number, point.values))} {point.seed}"


def _stated(design: SweepDesign) -> dict[str, Any]:
    runs = [
        {"hash": f"h{n}", "values": list(p.values), "seed": p.seed}
        for n, p in enumerate(design.points())
    ]
    return {"runs": runs, "run": design.verb}


BASE = Written(example_path("tiny"))


def _found(design: SweepDesign, rows: Sequence[RunRow], order: Sequence[int]) -> SweepFindings:
    sweep = SweepFolder(Path("folder"), BASE, design, _stated(design))
    return SweepFindings(sweep, sweep.frame(list(zip(order, rows, strict=True))))


def _ranking(_folder: Path) -> Iterator[str]:
    """What matters on a grid and in a sample, with runs that failed, and of what does not vary."""
    design = SweepDesign((Axis("a.b", (1, 2)), Axis("c.d", ("x", True)), Axis("e.f", (5,))))
    costs = (10.0, 14.0, 20.0, 30.0)
    rows = [
        RunRow(
            "optimal",
            {"cost_usd": usd, "variable_usd": 3.0, "carbon_kg": -usd, "rtt_mean_ms": float("nan")},
        )
        for usd in costs
    ]
    bad = [
        RunRow("infeasible", error=f"no  place {n}\n" + "x" * 50 * n, exit_code=4 + n)
        for n in range(4)
    ]
    some = [
        (design, rows, range(4)),
        (design, [*rows[:3], bad[1]], range(4)),
        (design, [rows[3], bad[3], bad[2]], (3, 0, 1)),
        (design, bad, range(4)),
        (design, rows[:1], (2,)),
    ]
    draws = np.random.default_rng(3).uniform(1.0, 2.0, 64)
    sobol = SweepDesign.of({"a.b": (1.0, 2.0), "c.d": (0.0, 5.0)}, samples=8)
    values = [
        RunRow(
            "optimal",
            {
                "cost_usd": p.values[0] * 3 + p.values[1] + 0.1 * d,
                "variable_usd": d,
                "carbon_kg": p.values[1],
                "rtt_mean_ms": 1.0,
            },
        )
        for p, d in zip(sobol.points(), draws[:32], strict=True)
    ]
    some += [
        (sobol, values, range(32)),
        (sobol, [*values[:30], bad[0], bad[1]], range(32)),
        (sobol, values[:24], range(24)),
    ]
    two = SweepDesign.of(
        {"scale": (0.1, 0.2), "utilisation": (0.5, 1.0)}, "replay", samples=2, seeds=2
    )
    seeded = [
        RunRow("replayed", {"variable_usd": d, "saved_usd": -d, "late_share": 0.0})
        for d in draws[:16]
    ]
    some.append((two, seeded, range(16)))
    with pytest.MonkeyPatch.context() as few:
        few.setattr(by_axis, "RESAMPLES", 20)
        for made, ended, order in some:
            yield from _told(_found(made, ended, tuple(order)))
    yield f"{heading('cost_usd')} {said('cost_usd')} {said('gap')} {said('late_share')}"


def _told(found: SweepFindings) -> Iterator[str]:
    """All that is said of the runs that were found."""
    made = found.sweep.design
    yield f"== {made.kind} {found.rows.height}: {found.exit_code} {found.failed_words()}"
    yield found.sentence()
    for listing in found.listings():
        yield from listing_lines(listing)
    told = found.json()
    yield f"{sorted(told)} {told['missing']} {found.notes} {found.is_sobol}"
    ranked, notes = ranking(made, found.rows)
    yield from table_lines("ranking", {k: [r[k] for r in ranked] for k in (ranked or [{}])[0]})
    yield f"{notes} {found.meta()['limits']} {found.meta()['status']}"
    page = found.page_tables()["sweep_ranking"]
    yield f"{page.height} {dict(page.schema)}"
    runs = found.named_tables()["runs"]
    yield f"{runs.height} {list(map(str, runs.schema.values()))[:12]}"


def _changes(_folder: Path) -> Iterator[str]:
    """A scenario with one value changed, in memory and as its file has it."""
    s = wattlas.example("tiny").at_hours(range(2))
    mixed = replace(
        s,
        regions=(
            replace(s.regions[0], reserved_gpu=4.0),
            replace(s.regions[1], reserved_gpu=0.0),
            s.regions[2],
            *s.regions[3:],
        ),
        reserved_gpu=np.array([[4.0, 2.0], [0.0, 1.0], [7.0, np.inf]]),
    )

    def shown(changed: Scenario) -> str:
        regions = [(r.id, r.pue, r.reserved_gpu, r.name) for r in changed.regions]
        goal = changed.objective.carbon_price_usd_per_t
        return f"{regions} {changed.reserved_gpu.tolist()} {goal} {changed.demand_per_h.sum():.6g}"

    for path, value, times in (
        ("regions.*.pue", 1.5, False),
        ("regions.austin.pue", 1.5, True),
        ("points.small.accelerators", 2.0, True),
        ("regions.*.reserved_gpu", 8.0, False),
        ("regions.*.reserved_gpu", 3.0, True),
        ("regions.oslo.reserved_gpu", 8.0, False),
        ("regions.oslo.reserved_gpu", 0.5, True),
        ("objective.carbon_price_usd_per_t", 7.0, False),
        ("demand_per_h", 2.0, True),
        ("demand_per_h", 2.0, False),
        ("name", "x", False),
        ("regions.mars.pue", 1, False),
        ("regions.pue", 1, False),
        ("regions.", 1, False),
        ("regions", 1, False),
        ("regions.oslo", 1, False),
        ("regions.oslo.pue.x", 1, False),
        ("regions.oslo.name", 2, True),
        ("hours", 1, False),
        ("classes.A.points", 1, False),
        ("classes.A.points", ("small",), True),
        ("wat", 1, False),
        ("objective.wat", 1, False),
        ("regions.oslo.pue", 2.0, True),
    ):
        yield f"{path} {value} {times}"
        yield from tried(lambda p=path, v=value, t=times: shown(with_value(mixed, p, v, t)))
    yield shown(Held(mixed, times=True).changed({"regions.*.pue": 1.1, "demand_per_h": 0.5}))
    yield shown(Held(mixed).changed({}))
    written = replace(BASE, settings=("time.hours=2", "regions.oslo.pue=1.3"))
    for values in (
        {"regions.*.pue": 1.4},
        {"regions.oslo.pue": 1.5, "demand.scale": 2.0},
        {},
        {"*.pue": 1},
        {"regions.*": 1},
        {"objective.*.x": 1},
    ):
        yield str(values)
        yield from tried(lambda v=values: shown(written.changed(v)))


class _Dying(Here):
    """Workers that die, or begin nothing."""

    def __init__(self, begins: bool, dies: bool) -> None:
        self.begins, self.dies, self.batches = begins, dies, []  # type: ignore[var-annotated]

    def run(self, folder: Path, indices: Sequence[int], finished: Callable[[], None]) -> None:
        """Begin the runs, or none, and die."""
        self.batches.append(list(indices))
        sweep = open_sweep(folder)
        for index in indices if self.begins else ():
            with sweep.under_way(index).open("a") as file:
                file.write("here 1\n")
        finished()
        if self.dies:
            raise WorkerDied("out of memory")


def _folders(folder: Path) -> Iterator[str]:
    """A sweep's folder while workers die, when it is damaged, and when it is another's."""
    axes = (Axis("regions.*.pue", (1.1, 1.2)), Axis("objective.carbon_price_usd_per_t", (0,)))
    base = replace(BASE, settings=("time.hours=1",))
    design = SweepDesign(axes)
    for begins, dies in ((True, True), (False, True), (False, False)):
        sweep = sweep_in(folder / f"{begins} {dies}", base, design)
        workers, told = _Dying(begins, dies), []  # type: ignore[var-annotated]
        yield from fault_lines(
            lambda s=sweep, w=workers, t=told: carry_out(s, w, lambda *a: t.append(a))
        )
        yield f"{workers.batches} {told} {sweep.missing()} {[sweep.tries(n) for n in (0, 1)]}"
        yield str([sweep.ended(n) for n in (0, 1) if n not in sweep.missing()])
    sweep = open_sweep(folder / "True True")
    yield f"{sweep.table().height} {[sweep.index_of(w) for w in ('1', sweep.hashes[1], '0')]}"
    for which in ("2", "-1", "x"):
        yield from fault_lines(lambda which=which: sweep.index_of(which))
    sweep.forget_failed()
    yield f"{sweep.missing()} {carry_out(sweep, Here())} {sweep.missing()}"
    yield str(carry_out(sweep, Here()))
    yield from outline("run", {k: v for k, v in sweep.table().to_dicts()[0].items() if k != "hash"})
    yield str(work(str(folder / "True True"), 0))
    yield str(work(str(folder / "nothing"), 0)).partition(" does not")[2]
    text = (sweep.folder / "sweep.json").read_text()
    stated = json.loads(text)
    for part, value in (
        ("runs", []),
        ("samples", 3),
        ("run", "wat"),
        ("axes", [{"field": "x"}]),
        ("runs", [{**stated["runs"][0], "values": [1]}]),
        ("design", "x"),
    ):
        (sweep.folder / "sweep.json").write_text(json.dumps({**stated, part: value}))
        yield from fault_lines(lambda: open_sweep(sweep.folder))
    (sweep.folder / "sweep.json").write_text("[")
    yield from fault_lines(lambda: open_sweep(sweep.folder))
    (sweep.folder / "sweep.json").write_text(text)
    first, another = (
        statement(base, design),
        SweepDesign((axes[0],), "replay", settings={"hours": 1}),
    )
    told = statement(replace(base, settings=("time.hours=2",)), another)
    yield from differences({**first, "inputs": {"wattlas": "0"}}, told)
    yield from differences(first, first)
    whole = statement(
        base, SweepDesign((Axis("regions.*.pue", (1.1, 1.2)), replace(axes[1], values=(0.0,))))
    )
    yield str([a["hash"] == b["hash"] for a, b in zip(first["runs"], whole["runs"], strict=True)])
    files = [str(folder / name) for name in ("one", "two")]
    for path in files:
        Path(path).write_text(f"trace {path}")
    both = [
        statement(base, SweepDesign((Axis("trace", tuple(each)),), "replay"))
        for each in (files, files[::-1])
    ]
    hashes = [[run["hash"] for run in each["runs"]] for each in both]
    yield str([hashes[0] == hashes[1][::-1], hashes[0] == hashes[1]])
    (folder / "file").write_text("x")
    yield from fault_lines(lambda: sweep_in(folder / "file", base, design))
    (folder / "full").mkdir()
    for n in range(5):
        (folder / "full" / f"f{n}").write_text("x")
        yield from fault_lines(lambda: sweep_in(folder / "full", base, design))
    for address in ("ray://", "http://x", "tcp:host", "x"):
        yield from fault_lines(lambda address=address: cluster_at(address, 2))


def _verbs(folder: Path) -> Iterator[str]:
    """What runs come to: a plan, a fleet, a replay, and one that fails."""
    (folder / "trace.csv").write_text(
        "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,9,4\n90,70,5\n200,8,90\n"
    )
    s = wattlas.example("tiny").at_hours(range(1))
    for verb, settings in (
        ("plan", {}),
        ("fleet", {}),
        ("fleet", {"exact": 0.5}),
        ("replay", {"scale": 0.01, "policy": "nearest"}),
        ("replay", {"trace": str(folder / "trace.csv"), "klass": "A"}),
    ):
        status, metrics = VERBS[verb].measure(s, settings, 3)
        yield from outline(f"{verb} {status}", dict(metrics))
    design = SweepDesign((Axis("classes.A.latency_budget_ms", (1,)), Axis("exact", (3,))), "fleet")
    sweep = SweepFolder(folder, BASE, design, _stated(design))
    yield str(run_of(sweep, 0))
    for error in (KeyError("x"), MachineError("full")):
        yield from fault_lines(lambda error=error: run_of(_failing(sweep, error), 0))
        if isinstance(error, KeyError):
            yield str(run_of(_failing(sweep, error), 0))
    yield str(pl.DataFrame(sweep.frame([])).schema)


def _failing(sweep: SweepFolder, error: Exception) -> Any:
    """The sweep, with a scenario that cannot be read for a reason that nobody foresaw."""

    class Failing:
        def changed(self, _values: object) -> Scenario:
            raise error

    return replace(sweep, base=Failing())  # type: ignore[arg-type]


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "sweep_designs": _design,
    "sweep_rankings": _ranking,
    "sweep_changes": _changes,
    "sweep_folders": _folders,
    "sweep_verbs": _verbs,
}
