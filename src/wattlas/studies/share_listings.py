"""The answer of `studies.share_answer` as listings and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.studies.share_answer import BoardQuestion, Row, Rows, ShareAnswer

STRIP = str.maketrans("fsd", "·▒█")
"""How an hour is drawn: in full, split, degraded."""
CLOCK = "0     6     12    18"
FEWER = " requests than an even share"


def answer_mapping(query: BoardQuestion, answer: ShareAnswer) -> dict[str, Any]:
    """An answer for JSON."""
    board, world, question = query.board, query.world, query.question
    return {
        "class": query.klass or None,
        "unit": unit_of(query),
        "intensity": str(world.signals.deciding) if world else "average",
        "notice": world.notice if world else "",
        "full_points": board.full_points,
        "green_point": board.green_point or None,
        "green_share": query.green_share,
        "left_out_share": board.left_out,
        "cap_share": question.cap_share,
        "cap_g": question.cap_g,
        "forecast": query.forecast or None,
        "zones": answer.zones,
        "ahead": answer.ahead,
        "days": answer.days,
        "targets": answer.targets,
    }


def unit_of(query: BoardQuestion) -> str:
    """What grams are counted per."""
    return "g per request" if query.world else "g per kWh of full service"


def answer_listings(query: BoardQuestion, answer: ShareAnswer) -> Iterator[Listing]:
    """Shares of each zone, then what else was asked for."""
    yield _zones(query, answer.zones)
    if answer.ahead:
        yield _ahead(query, answer.ahead)
    yield from _days(query, answer.days)
    if answer.targets:
        yield _targets(answer.targets)


def _zones(query: BoardQuestion, rows: Rows) -> Listing:
    """With several places a narrow terminal does without what is the same for each of them."""
    question = query.question
    several = len(question.places) > 1
    place = [Column("place", Kind.TEXT)] if several else []
    beyond = [Column("relative", head="of baseline")] if several else []
    shown = (
        {
            **row,
            "variation": f"{row['variation']:.2f}",
            "relative": row["full_g"] / row["baseline_g"] if row["baseline_g"] > 0 else None,
            "short": _short(row, question.main),
        }
        for row in rows
    )
    columns = (
        Column("zone", Kind.TEXT),
        *place,
        Column("mean_g_per_kwh", head="g/kWh", wide=several),
        Column("variation", head="varies", wide=several),
        *beyond,
        *(Column(rule, Kind.SHARE) for rule in question.rules),
        Column("blind", Kind.SHARE, head="even", wide=several),
        Column("short", Kind.TEXT, head="against even"),
    )
    return Listing("Requests to degrade", columns, table_of(shown))


def _short(row: Row, rule: str) -> str:
    """The verdict in a few words."""
    words = str(row["verdict"][rule])
    if words.startswith(("cannot", "no share")):
        return f"least {row['least_g']:.3g} g"
    if words.startswith("nothing"):
        return "none needed"
    return words.partition(":")[0].removeprefix("degrades ").removesuffix(FEWER)


def _ahead(query: BoardQuestion, rows: Rows) -> Listing:
    place = [Column("place", Kind.TEXT)] if len(query.question.places) > 1 else []
    shown = (
        {
            **row,
            "planned": _over_cap(row["planned_g"], row["cap_g"]),
            "delivered": _over_cap(row["delivered_g"], row["cap_g"]),
        }
        for row in rows
    )
    columns = (
        Column("zone", Kind.TEXT),
        *place,
        Column("rule", Kind.TEXT),
        Column("hindsight_share", Kind.SHARE, head="hindsight"),
        Column("blind_share", Kind.SHARE, head="even", wide=True),
        Column("share", Kind.SHARE, head="ahead"),
        Column("planned", wide=True),
        Column("delivered"),
        Column("kept", Kind.FLAG),
        Column("short_days", Kind.COUNT, head="short", wide=True),
    )
    within_cap = sum(bool(row["kept"]) for row in rows)
    notes = (
        f"Forecast: {query.forecast}.",
        f"The cap was kept in {within_cap} of {len(rows)}.",
        "short: days on which, by the forecast, no share would do.",
    )
    title = "Planned day by day; delivered is over the cap"
    return Listing(title, columns, table_of(shown), notes)


def _over_cap(grams: float, cap: float) -> str | None:
    """As a share of the cap; nothing where nobody was served in full."""
    return f"{grams / cap:.4f}" if cap > 0 and grams == grams else None


def _days(query: BoardQuestion, rows: Rows) -> Iterator[Listing]:
    """One listing per zone, place and plan, with the hours of each day as a strip."""
    question = query.question
    order = "first" if question.first else "dirtiest"
    for key in dict.fromkeys((row["zone"], row["place"], row["plan"]) for row in rows):
        of_key = [row for row in rows if (row["zone"], row["place"], row["plan"]) == key]
        clock = CLOCK if max(len(row["hours"]) for row in of_key) == 24 else "steps"
        zone, place, plan = key
        yield Listing(
            f"{zone}, {place}, by {question.main}, {plan}: the {order} days",
            (
                Column("day", Kind.TEXT, head="day, UTC"),
                Column("full_g", head="g in full"),
                Column("degraded_share", Kind.SHARE, head="degraded"),
                Column("strip", Kind.TEXT, head=clock),
            ),
            table_of({**row, "strip": row["hours"].translate(STRIP)} for row in of_key),
        )


def _targets(rows: Rows) -> Listing:
    shown = (
        {**row, "point": row["point"] or "nothing keeps it"}
        for row in rows
        if row["requests_share"] > 0
    )
    return Listing(
        "Targets where every request keeps the cap by itself",
        (
            Column("zone", Kind.TEXT),
            Column("from_g_per_kwh", head="g/kWh"),
            Column("to_g_per_kwh", head="up to"),
            Column("point", Kind.TEXT),
            Column("accuracy", head="score"),
            Column("service_ms", head="ms"),
            Column("requests_share", Kind.SHARE, head="requests"),
        ),
        table_of(shown, rows[0]),
    )
