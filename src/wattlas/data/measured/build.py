"""Files of measurements and the facts beside them → operating points, or all that is lacking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wattlas.data.measured import derive
from wattlas.data.measured.facts import FACTS, GIVEN_BY, Given
from wattlas.data.measured.files import Record, open_file, records
from wattlas.data.measured.names import hardware_of, names_of, point_id, slug
from wattlas.data.measured.vision import vision_table_points
from wattlas.errors import InputError, Problem
from wattlas.model.workload import OperatingPoint

OVER = ("model", "hardware", "accelerators", "ttft_ms", "itl_ms", "accuracy")
"""Facts that count more than what a file says; others fill what it leaves open."""
ENERGY = ("energy_j", "power_w", "j_per_token", "request_j")
TOKENS = {
    "tokens_in": ("tokens_in", "total_tokens_in"),
    "tokens_out": ("tokens_out", "total_tokens_out", "tokens_out_per_s"),
    "requests": ("requests", "requests_per_s"),
}
"""A fact → the quantities of which each makes it needless."""
MODELLED = "energy modelled"
SAME_LENGTH = 0.1
"""A log of energy that is longer or shorter by more than this part is told."""
LOGS = ("codecarbon", "zeus")
WORDS = {
    "ttft": "the time to the first token (without tokens, of a request)",
    "itl": "the time between tokens",
    "tokens_in": "prompt tokens",
    "requests": "the number of requests",
    "duration": "how long it took",
}


@dataclass(frozen=True)
class Measured:
    """Points in the order of the files, and what a reader should know of them."""

    points: tuple[OperatingPoint, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ReadingTerms:
    """How measurements are read: `layout` by name or "" to recognise it, `prompts` the part 0..1 of
    energy and accelerator time that prompts take, `only` a text that points must have in them.
    """

    layout: str = ""
    prompts: float = 0.0
    only: str = ""


def read_points(files: Sequence[Path], given: Given, terms: ReadingTerms) -> Measured:
    """The points of some files. Raises InputError with everything that is wrong or lacking."""
    points: list[OperatingPoint] = []
    notes: dict[str, None] = {}
    problems: list[Problem] = []
    known: set[str] = set()
    for path in files:
        try:
            opened = open_file(path, terms.layout)
            if opened.layout.kind == "vision":
                made = vision_table_points(opened, given, terms.only)
                points += made
                if any(MODELLED in o.source for o in made):
                    notes[
                        f"{opened.layout.title}: energy is modelled at board power, from above"
                    ] = None
                known |= {name for o in made for name in (o.variant, o.hardware)}
                continue
            measured = records(opened)
        except InputError as fault:
            problems += fault.problems
            continue
        for record in measured:
            known |= set(names_of(record.values, record.label))
            points += _point(record, given, terms, notes, problems)
    if not problems and not points:
        problems.append(Problem("--only", f"`{terms.only}` is in none of the points", "Check it."))
    problems = _summed(problems)
    problems += given.unused(sorted(known), strangers=bool(problems))
    if problems:
        raise InputError(problems)
    models = len({point.variant for point in points})
    if models > 1 and ("accuracy", "") in given.used:
        notes[f"one accuracy stands for {models} models; NAME=SCORE gives each its own"] = None
    return Measured(tuple(_apart(points)), tuple(notes))


def log_energy(path: Path, window: str, given: Given) -> str:
    """Give the energy of one measurement of a log to all files; a note on it. Raises InputError."""
    opened = open_file(path)
    if opened.layout.id not in LOGS:
        what = f"is of {opened.layout.title}, wanted a log of energy (CodeCarbon, Zeus)"
        raise InputError([Problem("--energy-log", what, "Name the log.", str(path))])
    matching = [r for r in records(opened) if window in ("", r.values.get("run"))]
    runs = ", ".join(f"`{r.values.get('run', '')}`" for r in records(opened))
    if len(matching) != 1:
        what = f"holds {len(matching)} measurements" + (f" named `{window}`" if window else "")
        fix = f"Name one with --window: {runs}."
        raise InputError([Problem("--energy-log", what, fix, str(path))])
    energy = derive.it_energy_j(matching[0].values)
    given.values = {**given.values, "energy_j": {"": energy or 0.0}}
    given.log_s = length = matching[0].values.get("duration_s", 0.0)
    mean = f", the mean of {matching[0].count} windows" if matching[0].count > 1 else ""
    return f"energy is {energy:,.4g} J over {length:,.4g} s of {path.name}{mean}"


def _point(
    record: Record,
    given: Given,
    terms: ReadingTerms,
    notes: dict[str, None],
    problems: list[Problem],
) -> Iterator[OperatingPoint]:
    """The point of one measurement; nothing where it lacks something, or is not wanted."""
    values, name = _with_facts(record, given)
    if not _wanted(terms, name, *names_of(record.values, record.label)):
        return
    tokens = derive.has_tokens(values)
    figures, lacking = _figures(values, tokens, terms.prompts)
    lacking += [f.removesuffix("_ms") for f in ("model", "accuracy", "ttft_ms") if f not in values]
    if lacking:
        problems.append(_lack(record, name, lacking))
        return
    notes.update(dict.fromkeys(_notes(record, values, tokens, terms)))
    length = values.get("duration_s")
    if given.log_s and length and abs(given.log_s / length - 1.0) > SAME_LENGTH:
        what = f"the log of energy covers {given.log_s:,.4g} s, the measurement {length:,.4g} s"
        notes[f"{what}: what was used before or after is in its energy"] = None
    count = float(values["accelerators"] or 1.0)
    yield OperatingPoint(
        id=name,
        variant=slug(values["model"]),
        accuracy=float(values["accuracy"]),
        ttft_ms=float(values["ttft_ms"]),
        itl_p95_ms=float(values.get("itl_p95_ms", 0.0)) if tokens else 0.0,
        hardware=hardware_of(values),
        accelerators=count,
        source=_source(record, values, tokens, terms),
        **figures,
    )


def _figures(
    values: Mapping[str, Any], tokens: bool, prompts: float
) -> tuple[dict[str, Any], list[str]]:
    """What is computed of a measurement, and the facts that it takes and that are not there."""
    steps: tuple[Callable[[], dict[str, float]], ...] = (
        lambda: derive.request_gpu_s(values),
        lambda: derive.request_energy(values),
    )
    if tokens:
        steps = (
            lambda: derive.token_gpu_s(values, prompts),
            lambda: derive.token_energy(values, prompts),
            lambda: derive.token_time(values),
        )
    figures: dict[str, Any] = {}
    lacking: dict[str, None] = {}
    for step in steps:
        try:
            figures |= step()
        except derive.Lacking as lack:
            lacking[lack.fact] = None
    return figures, list(lacking)


def _with_facts(record: Record, given: Given) -> tuple[dict[str, Any], str]:
    """What the file says with what was given beside it, and the name of the point."""
    values = dict(record.values)
    names = names_of(values, record.label)

    def take(*facts: str, more: Sequence[str] = ()) -> None:
        for fact in facts:
            value = given.of(fact, (*more, *names))
            if value is not None:
                values[fact] = value

    take("model", "hardware", "accelerators")
    names = names_of(values, record.label)
    name = point_id(values, record.label)
    take("accuracy", "ttft_ms", "itl_ms", more=[name])
    if not any(quantity in values for quantity in ENERGY):
        take("energy_j", more=[name])
        if "energy_j" not in values:
            take("power_w", more=[name])
    for fact, tells in TOKENS.items():
        if not any(quantity in values for quantity in tells):
            take(fact, more=[name])
    return values, name


def _wanted(terms: ReadingTerms, *names: str) -> bool:
    return any(terms.only.lower() in name.lower() for name in names)


def _lack(record: Record, name: str, lacking: list[str]) -> Problem:
    options = []
    for fact in lacking:
        ways = [f"{FACTS[f].option} {FACTS[f].metavar}" for f in GIVEN_BY[fact]]
        ways += ["--energy-log FILE"] if fact == "energy" else []
        options += [" or ".join(ways)] if ways else []
    fix = f"Add {', '.join(options)}." if options else "Give what the tool wrote, whole."
    never = set(lacking) <= set(record.layout.lacks)
    what = f"lacks {', '.join(WORDS.get(fact, fact) for fact in lacking)}"
    what += f", as {record.layout.title} does not tell" if never else ""
    return Problem(name, what, fix, record.label)


def _summed(problems: list[Problem]) -> list[Problem]:
    """Measurements of a file that lack the same as one problem, with how many more there are."""
    first: dict[tuple[str, str, str | None], list[Problem]] = {}
    for p in problems:
        first.setdefault((p.what, p.fix, p.file), []).append(p)
    return [
        p
        if len(alike) == 1
        else Problem(f"{p.where} and {len(alike) - 1} more", p.what, p.fix, p.file, p.line)
        for alike in first.values()
        for p in alike[:1]
    ]


def _notes(
    record: Record, values: Mapping[str, Any], tokens: bool, terms: ReadingTerms
) -> Iterator[str]:
    layout = record.layout
    facts = _facts(record, values)
    if facts:
        yield f"{layout.title}: {', '.join(facts)} as given by options"
    if layout.note:
        yield f"{layout.title}: {layout.note}"
    if values.get("failed"):
        what = f"{values['failed']:g} requests failed; their time and energy are in the others'"
        yield f"{Path(record.label).name}: {what}"
    if not tokens:
        return
    if "ttft_ms" in record.values:
        yield (
            f"{layout.title}: the time to the first token has the prompt and the queue of the "
            "measurement in it"
        )
    if not terms.prompts:
        yield (
            "energy and accelerator time of prompts are in those of answer tokens: as measured for "
            "such lengths alone; --prompt-share gives prompts their part"
        )


def _facts(record: Record, values: Mapping[str, Any]) -> list[str]:
    """What options gave of a measurement."""
    return [fact for fact in FACTS if fact in values and values[fact] != record.values.get(fact)]


def _source(record: Record, values: Mapping[str, Any], tokens: bool, terms: ReadingTerms) -> str:
    """Where the figures come from, for whoever reads the table."""
    parts = [f"{record.layout.title}, {Path(record.label).name}"]
    run = record.values.get("run")
    parts += [str(run)] if run else []
    facts = [f for f in FACTS if f in values and values[f] != record.values.get(f) and f != "model"]
    if tokens:
        share = f"{terms.prompts:g} of energy and time"
        parts.append(f"prompts {share}" if terms.prompts else "prompts within answer tokens")
    if facts:
        parts.append(f"given: {', '.join(facts)}")
    return "; ".join(parts)


def _apart(points: list[OperatingPoint]) -> Iterator[OperatingPoint]:
    """Points of one name told apart by a number."""
    count: dict[str, int] = {}
    for point in points:
        count[point.id] = n = count.get(point.id, 0) + 1
        yield point if n == 1 else replace(point, id=f"{point.id}-{n}")
