"""A plan on disk while it is made: one Parquet file for each chunk of hours, and what they sum to.

    plan.json            which plan this folder holds, written first
    flows-000000.parquet the flows of the first chunk, and in its metadata what they come to
    …
    meta.json            totals, status, solver counts and the parts, written last

Each file is written under a temporary name and renamed. A part carries its own summary, so that
the two cannot come apart: whatever stops the work, what is done stays done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wattlas.data.digest import sha256_of
from wattlas.data.frame_file import write_frame
from wattlas.data.whole_file import in_words, locked, write_text
from wattlas.errors import InputError, LimitError, Problem, UsageError
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.solution.concat import solver_words
from wattlas.placement.streaming.fingerprint import fingerprint
from wattlas.placement.streaming.stream import CHUNK_STEPS, Summary, chunk_scenarios
from wattlas.report.results import META, json_text
from wattlas.report.whole_folder import refuse_others
from wattlas.studies.meta import described, totals_dict

HEAD = "plan.json"
PART = "flows-{:06d}.parquet"
PARTS = "flows-*.parquet"
_KEY = "wattlas"

Done = Callable[[int], None]
"""Called with the number of steps that are done, whenever it grows."""


@dataclass(frozen=True)
class Long:
    """A scenario in stretches of time that follow each other, made one after the other.

    `identity` names everything that the stretches are made from: another one is another plan.
    """

    identity: str
    steps: int
    stretches: Scenario | Iterable[Scenario]


def write_plan(
    folder: str | Path,
    scenario: Scenario | Long,
    *,
    objective: Objective | None = None,
    chunk_steps: int = CHUNK_STEPS,
    resume: bool = False,
    time_limit_s: float | None = None,
    done: Done | None = None,
) -> dict[str, Any]:
    """Plan chunk by chunk into a folder, and return its meta data.

    Ended at any moment, the folder keeps the chunks that are done, and `resume` goes on after
    them. `time_limit_s` is for each chunk. Raises UsageError for a folder that holds a plan
    without `resume`, InputError with `resume` where the scenario, the objective, the length of
    chunks or the version is not what the folder was begun with, InfeasibleError and LimitError
    where a chunk has no plan; what was done before stays.
    """
    target = Path(folder)
    long = scenario if isinstance(scenario, Long) else whole(scenario)
    with _alone(target):
        _claim(target, _head(long.identity, objective, chunk_steps), resume)
        if (target / META).is_file():
            return _read(target / META)
        total, parts, ends = Summary(), list[dict[str, Any]](), list[Scenario]()
        chunks = chunk_scenarios(long.stretches, objective=objective, steps=chunk_steps)
        for n, chunk in enumerate(chunks):
            path = target / PART.format(n)
            entry = _stored_entry(path, chunk) or _written_entry(path, chunk, time_limit_s)
            total = total.plus(Summary.from_dict(entry.pop("summary")))
            parts.append(entry)
            ends = [*ends[:1], chunk]
            if done:
                done(total.steps)
        if not ends:
            raise UsageError("there is no hour to plan")
        meta = _meta(ends[0], ends[-1], total, parts)
        write_text(target / META, json_text(meta))
        return meta


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the folder; two that write one plan would do all of it twice."""
    with ExitStack() as held:
        with in_words(target):
            try:
                held.enter_context(locked(target, wait=False))
            except BlockingIOError:
                raise UsageError(
                    f"Another process is writing a plan to {target}. Wait for it, or give another "
                    "folder."
                ) from None
        yield


def whole(scenario: Scenario) -> Long:
    """A scenario that is there as a whole."""
    return Long(fingerprint(scenario), scenario.hours.count, scenario)


def finished_parts(folder: str | Path) -> list[Path]:
    """The parts of a folder that are whole, in the order of their hours."""
    return sorted(Path(folder).glob(PARTS))


def _head(identity: str, objective: Objective | None, chunk_steps: int) -> dict[str, Any]:
    """What must be the same for the parts of one plan to belong together."""
    from wattlas import __version__

    return {
        "wattlas": __version__,
        "scenario": identity,
        "objective": "the scenario's" if objective is None else repr(objective),
        "chunk_steps": chunk_steps,
    }


def _claim(target: Path, head: Mapping[str, Any], resume: bool) -> None:
    """Make the folder this plan's, or refuse: nothing of another plan is lost or mixed in."""
    path = target / HEAD
    if path.is_file():
        if not resume:
            raise UsageError(
                f"{target} holds a plan already. Go on with it by --resume, "
                "or give another folder, or delete this one."
            )
        problems = list(_differences(_read(path), head, str(path)))
        if problems:
            raise InputError(problems)
    elif finished_parts(target) or (target / META).exists():
        raise UsageError(f"{target} holds other results. Give another folder.")
    else:
        refuse_others(target, {HEAD})
    if not path.is_file():
        write_text(path, json.dumps(head, indent=2) + "\n")


_SAID = {
    "wattlas": "the version of Wattlas",
    "scenario": "the scenario",
    "objective": "the objective",
    "chunk_steps": "the length of a chunk",
}


def _differences(begun: Mapping[str, Any], head: Mapping[str, Any], file: str) -> Iterator[Problem]:
    for key, words in _SAID.items():
        if begun.get(key) != head[key]:
            what = f"{words} is not what this plan was begun with"
            shown = key in ("wattlas", "chunk_steps")
            what += f": {head[key]}, it was {begun.get(key)}" if shown else ""
            fix = "Give what it was begun with, or begin anew in another folder."
            yield Problem(f"{HEAD}: {key}", what, fix, file)


def _stored_entry(path: Path, chunk: Scenario) -> dict[str, Any] | None:
    """What a part that is there says of itself; None where there is none."""
    if not path.is_file():
        return None
    import polars as pl

    fix = "Begin anew in another folder."
    try:
        stored = json.loads(pl.read_parquet_metadata(path)[_KEY])
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        what = f"cannot be read: {error}"
        raise InputError([Problem("part", what, "Delete the file.", str(path))]) from error
    if stored["fingerprint"] != fingerprint(chunk):
        what = "was made from other hours than these: the scenario has changed"
        raise InputError([Problem("part", what, fix, str(path))])
    return {**stored["entry"], "summary": stored["summary"], "sha256": sha256_of(path)}


def _written_entry(path: Path, chunk: Scenario, time_limit_s: float | None) -> dict[str, Any]:
    """Plan a chunk and write its part."""
    placement = plan(chunk, time_limit_s=time_limit_s)
    placement.raise_if_infeasible()
    if not placement.ok:
        raise LimitError("The time limit ended the work before a placement was found.")
    summary = Summary.of(placement).as_dict()
    frame, utc = placement.to_polars(), chunk.hours.utc
    del placement  # its flows are as large as the table
    entry = {"file": path.name, "rows": frame.height, "first": f"{utc[0]}Z", "last": f"{utc[-1]}Z"}
    about = {"entry": entry, "summary": summary, "fingerprint": fingerprint(chunk)}
    write_frame(path, frame, {_KEY: json.dumps(about)})
    return {**entry, "summary": summary, "sha256": sha256_of(path)}


def _meta(
    first: Scenario, last: Scenario, total: Summary, parts: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a finished folder says of itself, in the layout of a results folder."""
    from wattlas import __version__

    about, begin = described(last), described(first)["window"]["start_utc"]
    represented: dict[str, Any] = {"hours_represented": total.hours, "sample": None}
    if total.hours != total.steps * last.hours.step_h:
        represented["sample"] = f"{total.steps} steps stand for {total.hours:,.0f} hours"
    return {
        "wattlas": __version__,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
        "window": {**about["window"], "start_utc": begin, "hours": total.steps, **represented},
        "status": str(total.status),
        "objective_value": total.objective,
        "solver": solver_words(total.info),
        **{name: getattr(total, name) for name in _COUNTS},
        "abatement_usd_per_t": list(total.abatement_usd_per_t),
        "totals": {"plan": totals_dict(total.totals)},
        "regions": _by_region(last, total),
        "parts": parts,
        "tables": {},
    }


_COUNTS = ("seconds", "engine_hours", "highs_hours", "programs", "gap")


def _by_region(scenario: Scenario, total: Summary) -> dict[str, float]:
    """IT energy of each region, MWh."""
    return dict(zip((r.id for r in scenario.regions), total.it_mwh_by_region, strict=True))


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        fix = "Begin anew in another folder."
        raise InputError([Problem(path.name, f"not JSON: {error}", fix, str(path))]) from error
    return dict(read)
