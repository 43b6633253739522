"""`wattlas plan --out FOLDER`: written as it is solved, interrupted and resumed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import load_scenario, print_json, progress, ready_engine, say
from wattlas.cli.heap import give_memory_back
from wattlas.cli.interrupts import interrupt
from wattlas.cli.tables import show
from wattlas.data.target import try_folder
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.report.stream_folder import Long


@dataclass(frozen=True)
class Chosen:
    """Which scenario."""

    path: Path | None
    scenario: str | None
    set: tuple[str, ...]


def to_folder(
    chosen: Chosen, out: Path, chunk: int, resume: bool, time_limit_s: float | None, as_json: bool
) -> None:
    """Plan into a folder and show its totals."""
    try_folder(out)
    give_memory_back()
    from wattlas.report.stream_folder import write_plan

    with progress("Reading"):
        long = _long(chosen, chunk)
    with interruptible(out), bar("Plan", long.steps, "steps") as tell:
        meta = write_plan(
            out, long, chunk_steps=chunk, resume=resume, time_limit_s=time_limit_s,
            done=lambda steps: tell("placing", steps / long.steps),
        )  # fmt: skip
    if as_json:
        print_json({**meta, **_sums(meta), "folder": str(out), "flows": str(out)})
    else:
        show_folder(meta)
        parts = len(meta["parts"])
        typer.echo(f"Flows: {out}, {parts} {noun(parts, 'part')}")


def _sums(meta: dict[str, Any]) -> dict[str, Any]:
    """Cost and carbon, where `wattlas plan --json` has them without a folder."""
    totals = meta["totals"]["plan"]
    return {name: totals[name] for name in ("cost_usd", "carbon_kg")}


def _long(chosen: Chosen, chunk: int) -> Long:
    """The scenario as it is to be planned: chunk by chunk where it is long."""
    from wattlas.data.months import is_long, load_months
    from wattlas.model.objective import Window
    from wattlas.placement.constraints.registry import coupling
    from wattlas.placement.streaming.stream import coupling_words
    from wattlas.placement.window.blocks import hours_up_to
    from wattlas.report.stream_folder import Long, whole

    if chosen.path is not None and is_long(chosen.path, scenario=chosen.scenario, set=chosen.set):
        months = load_months(chosen.path, scenario=chosen.scenario, set=chosen.set)
        outline = months.outline()
        window = coupling(outline)
        if window is not Window.ALL:
            ready_engine(outline, months.steps)
            say(f"note: {months.steps:,} steps are read chunk by chunk.")
            cut = partial(hours_up_to, window=window, steps=chunk)
            return Long(months.identity, months.steps, replace(months, cut=cut))
    loaded = load_scenario(chosen.path, chosen.scenario, chosen.set)
    words = coupling_words(loaded)
    if words:
        say(f"note: {words}.")
    ready_engine(loaded)
    return whole(loaded)


def show_folder(meta: dict[str, Any]) -> None:
    """A finished folder for the terminal."""
    from wattlas.model.plan import Totals
    from wattlas.model.totals_listing import totals_listing
    from wattlas.studies.plan_listings import regions_listing

    described, window = meta["scenario"], meta["window"]
    typer.echo(f"{described['title'] or described['name']}\n{described['notice']}".strip())
    gap = f", gap {meta['gap']:.1e}" if meta["gap"] else ""
    steps, programs = window["hours"], meta["programs"]
    typer.echo(
        f"{meta['status']}{gap}: {steps} {noun(steps, 'step')}, {meta['solver']}, "
        f"{programs} {noun(programs, 'program')}, {meta['seconds']:.2f} s; "
        f"{meta['intensity']['deciding']} carbon intensity decides"
    )
    fields = Totals.__dataclass_fields__
    totals = Totals(**{k: v for k, v in meta["totals"]["plan"].items() if k in fields})
    show(totals_listing(totals))
    show(regions_listing(meta["regions"]))


@contextmanager
def interruptible(out: Path) -> Iterator[None]:
    """SIGTERM is taken like Ctrl-C, and either says what is kept and how to go on."""
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: what is done is kept in {out}; the same command with --resume goes on")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
