"""The totals that a scenario states, from its table and its own lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.data.draft import Draft
from wattlas.data.entities import Entity, check_id, unknown_ids
from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.workload import TOTALS
from wattlas.data.schema_models import TotalsDemand
from wattlas.data.totals import DAY_PERIOD, Total, overlaps, spread
from wattlas.errors import Problem
from wattlas.model.geography import is_timezone
from wattlas.model.signals import Hours
from wattlas.model.suggest import did_you_mean

AT = ("demand", "totals")
QUANTITIES = ("requests_per_day", "requests_per_month", "tokens_per_day", "tokens_per_month")
EVERYWHERE = "*"
Wrong = Callable[[str, str], Problem]


@dataclass(frozen=True)
class Stated:
    """A number as it was written, before its place is looked up."""

    place: str
    kind: str
    """`metro`, `country`, or empty where the place may be either."""
    klass: str
    quantity: str
    amount: float
    period: str
    wrong: Wrong


def from_totals(draft: Draft, section: TotalsDemand, hours: Hours) -> np.ndarray:
    """Requests per hour, shape (metros, classes, T); problems are noted in the draft's inputs."""
    inputs = draft.inputs
    zones = {m.id: str(m.get("timezone", "")) for m in draft.metros.kept}
    zones = {metro: zone if is_timezone(zone) else "UTC" for metro, zone in zones.items()}
    before = len(inputs.problems)
    numbers = list(_stated(draft, section))
    if not numbers and len(inputs.problems) == before:
        inputs.report(AT, "state no number", f"Add a `table`, or `{QUANTITIES[0]}`.")
    totals = [t for number in numbers if (t := _total(draft, section, number)) is not None]
    inputs.problems += overlaps(totals)
    classes = draft.classes.ids
    if len(inputs.problems) > before:
        return np.zeros((len(zones), len(classes), hours.count))
    kept = [total for total in totals if total.klass in classes]
    per_h, problems = spread(kept, section, hours, zones, classes)
    inputs.problems += problems
    return per_h


def classes_of(draft: Draft, section: TotalsDemand) -> set[str]:
    """Classes that the totals speak of."""
    quiet = replace(draft.inputs, problems=[], used=[])
    return {stated.klass for stated in _stated(replace(draft, inputs=quiet), section)}


def _stated(draft: Draft, section: TotalsDemand) -> Iterator[Stated]:
    """Every number of the table and of the document, in their order."""
    if section.table is not None:
        table = draft.inputs.table((*AT, "table"), TOTALS, section.table)
        if table is not None:
            yield from _of_table(draft, table)
    document = draft.inputs.document
    for quantity in QUANTITIES:
        for place, by_class in getattr(section, quantity).items():
            for klass, amount in by_class.items():
                path = (*AT, quantity, place, klass)
                draft.inputs.problems += check_id(document, path, klass, draft.classes)

                def wrong(what: str, fix: str, path: tuple[str, ...] = path) -> Problem:
                    return document.problem(path, what, fix)

                yield Stated(place, "", klass, quantity, amount, "", wrong)


def _of_table(draft: Draft, table: SourceTable) -> Iterator[Stated]:
    cells = typed(table)
    draft.inputs.problems += [*cells.problems, *_unknown_columns(table)]
    frame = cells.frame
    quantities = [name for name in QUANTITIES if name in frame.columns]
    places = [name for name in ("metro", "country") if name in frame.columns]
    if not quantities or not places or not cells.has("class"):
        for names, there in ((QUANTITIES, quantities), (("metro", "country"), places)):
            if not there:
                what, fix = "none of these columns is there", "Add one of them."
                draft.inputs.problems.append(table.problem(None, ", ".join(names), what, fix))
        return
    draft.inputs.problems += unknown_ids(table, frame, draft.classes)
    for row in frame.drop_nulls("class").iter_rows(named=True):
        yield from _of_row(draft, table, row, places, quantities)


def _of_row(
    draft: Draft,
    table: SourceTable,
    row: dict[str, object],
    places: Sequence[str],
    known: Sequence[str],
) -> Iterator[Stated]:
    """The number of a row: from one place, of one quantity."""
    number = int(str(row[ROW]))
    there = [name for name in places if row[name] is not None]
    amounts = [name for name in known if row[name] is not None]
    for names, filled in ((places, there), (known, amounts)):
        if len(filled) != 1:
            what = f"has {len(filled)} of {', '.join(names)} filled in, wanted one"
            problem = table.problem(number, names[0], what, "Fill in one of them in each row.")
            draft.inputs.problems.append(problem)
    if len(there) == 1 and len(amounts) == 1:
        kind, quantity = there[0], amounts[0]

        def wrong(what: str, fix: str) -> Problem:
            return table.problem(number, quantity, what, fix)

        place, klass = str(row[kind]), str(row["class"])
        period = str(row.get("period") or "")
        amount = float(str(row[quantity]))
        yield Stated(place, kind, klass, quantity, amount, period, wrong)


def _unknown_columns(table: SourceTable) -> Iterator[Problem]:
    """Columns that mean nothing here: a number in them would be left out unsaid."""
    for column in table.columns:
        if column not in TOTALS.by_name:
            fix = did_you_mean(column, TOTALS.by_name) or "Remove it."
            yield table.problem(None, column, "this column is not known", fix)


def _total(draft: Draft, section: TotalsDemand, stated: Stated) -> Total | None:
    """The number in requests, shared out among metros; None where that cannot be done."""
    problems = draft.inputs.problems
    before = len(problems)
    shares = _shares(draft, section, stated)
    requests = _requests(draft, stated)
    if stated.period and not _is_period(stated.period):
        fix = "Write a month as 2023-05 or a day as 2023-05-14, in UTC; or leave it empty."
        problems.append(stated.wrong(f"has the period `{stated.period}`", fix))
    per_day = stated.quantity.endswith("_day")
    if not per_day and len(stated.period) == DAY_PERIOD:
        what = f"is `{stated.quantity}`, and its period `{stated.period}` is a day"
        problems.append(stated.wrong(what, "Name the month, or give a number per day."))
    if len(problems) > before or shares is None or requests is None:
        return None
    at = stated.wrong("", "")
    return Total(stated.place, shares, stated.klass, requests, per_day, stated.period, at)


def _is_period(text: str) -> bool:
    try:
        return str(np.datetime64(text)) == text and len(text) in (len("2023-05"), DAY_PERIOD)
    except ValueError:
        return False


def _requests(draft: Draft, stated: Stated) -> float | None:
    """The number in requests: tokens over those of a request."""
    if stated.quantity.startswith("requests"):
        return stated.amount
    klass = next((k for k in draft.classes.every if k.id == stated.klass), None)
    if klass is None:
        return None
    tokens = sum(draft.tokens(klass).values())
    if tokens > 0:
        return stated.amount / tokens
    what = f"is in tokens, and class `{stated.klass}` does not say how many a request has"
    draft.inputs.problems.append(stated.wrong(what, "Give the class tokens, or count requests."))
    return None


def _shares(draft: Draft, section: TotalsDemand, stated: Stated) -> dict[str, float] | None:
    """Metro → share of what comes from a place; None where a problem was noted."""
    metros, kept = draft.metros, draft.metros.kept
    if stated.kind != "country" and stated.place in metros.ids:
        return {stated.place: 1.0}
    if stated.kind != "country" and metros.dropped(stated.place):
        return {}
    countries = metros.values("country") | set(section.countries)
    if stated.kind == "metro" or (stated.place not in countries and stated.place != EVERYWHERE):
        known = [m.id for m in metros.every] if stated.kind != "country" else []
        _nowhere(draft, stated, known + ([] if stated.kind == "metro" else sorted(countries)))
        return None
    if stated.place in section.countries:
        named = section.countries[stated.place]
        for n, metro in enumerate(named):
            path = (*AT, "countries", stated.place, n)
            draft.inputs.problems += check_id(draft.inputs.document, path, metro, metros)
        there = [m for m in kept if m.id in named]
    else:
        there = [m for m in kept if stated.place in (EVERYWHERE, m.get("country"))]
    if not there:
        _nowhere(draft, stated, [])
        return None
    return _by_population(draft, stated, there)


def _nowhere(draft: Draft, stated: Stated, known: list[str]) -> None:
    """Demand never disappears unsaid: a place without a metro is an error."""
    what = f"`{stated.place}` is no metro, and no metro is in a country of this name"
    if stated.kind:
        what = f"`{stated.place}` is " + (
            "no metro" if stated.kind == "metro" else "no metro's country"
        )
    fix = f"Add a metro there, or say `demand.totals.countries: {{{stated.place}: [METRO]}}`."
    if stated.kind == "metro":
        fix = "Add it to `metros:`."
    guess = did_you_mean(stated.place, known)
    fix = guess if guess.startswith("Did") else fix
    draft.inputs.problems.append(stated.wrong(what, fix))


def _by_population(draft: Draft, stated: Stated, there: list[Entity]) -> dict[str, float] | None:
    if len(there) == 1:
        return {there[0].id: 1.0}
    people = {m.id: float(m.get("population", 0.0)) for m in there}
    lacking = [metro for metro, count in people.items() if not count > 0]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        what = f"`{stated.place}` is shared by population, which `{lacking[0]}`{more} does not have"
        draft.inputs.problems.append(stated.wrong(what, "Give `population`, or totals by metro."))
        return None
    everyone = sum(people.values())
    return {metro: count / everyone for metro, count in people.items()}
