"""`wattlas tiers share` for people: tables that fit a terminal of 80 columns."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import typer

from wattlas.cli.common import say
from wattlas.cli.tables import figure, percent, table
from wattlas.cli.tiers_share_answer import Answer, Asked, Rows

STRIP = str.maketrans("fsd", "·▒█")
CLOCK = "0     6     12    18"
FEWER = " requests than an even share"
NARROW = 105
"""Terminals below this many columns do without some figures."""


def show(asked: Asked, found: Answer) -> None:
    """Shares, then what else was asked for."""
    if asked.world is not None and asked.world.notice:
        typer.echo(asked.world.notice)
    typer.echo("\n".join(_head(asked)))
    _show_zones(asked, found.zones)
    if found.ahead:
        _show_ahead(asked, found.ahead)
    if found.days:
        _show_days(asked, found.days)
    if found.targets:
        _show_targets(found.targets)
    left = asked.board.left_out
    if left > 5e-4:
        say(f"note: {percent(left)} of the requests have no place in full service; left out.")


def _head(asked: Asked) -> list[str]:
    """What the table's figures are."""
    of, board, world = asked.question, asked.board, asked.world
    if world is None:
        lines = [f"Degraded service takes {figure(asked.green_share)} of full. Demand is flat."]
    else:
        lesser = board.green_point or f"{figure(asked.green_share)} of that energy"
        lines = [f"class {asked.klass} in full: {', '.join(board.full_points)}; degraded: {lesser}"]
    unit = "g per request" if world else "g per kWh of full service"
    cap = f"{figure(of.cap_g)} {unit}"
    if of.cap_share is not None:
        cap = f"{of.cap_share:.4g} of what full service at home emits in the mean"
    deciding = f"the {world.signals.deciding}" if world else "the average"
    lines.append(f"Cap: {cap}, by {deciding} intensity.")
    if "percentile" in of.rules:
        lines.append("percentile: degrade until what is served in full keeps the cap in the mean.")
    if "budget" in of.rules:
        lines.append("budget: until all requests together do. even: the same without looking.")
    else:
        lines.append("even: until all requests together do, alike in every step.")
    if len(of.places) > 1:
        lines.append("of home: what a request in full emits there, over full service at home.")
    return lines


def _show_zones(asked: Asked, rows: Rows) -> None:
    of = asked.question
    heads = ["zone", "place", "g/kWh", "varies", "of home", *of.rules, "even", "against even"]
    cells = [
        [
            row["zone"],
            row["place"],
            row["mean_g_per_kwh"],
            f"{row['variation']:.2f}",
            figure(row["full_g"] / row["home_g"] if row["home_g"] > 0 else None),
            *(_share(row[rule]) for rule in of.rules),
            _share(row["blind"]),
            _short(row, of.main),
        ]
        for row in rows
    ]
    unseen = {"place", "of home"}
    if len(of.places) > 1:
        unseen = {"g/kWh", "varies", "even"} if _narrow() else set()
    _table("Requests to degrade", heads, cells, unseen)


def _table(title: str, heads: list[str], cells: list[list[Any]], unseen: set[str]) -> None:
    """A table without some of its columns."""
    seen = [n for n, head in enumerate(heads) if head not in unseen]
    table(title, [heads[n] for n in seen], [[row[n] for n in seen] for row in cells])


def _narrow() -> bool:
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < NARROW


def _share(share: float | None) -> str:
    return ("–" if share is None else percent(share)).rjust(6)


def _short(row: dict[str, object], rule: str) -> str:
    """The verdict in a few words."""
    verdicts = row["verdict"]
    assert isinstance(verdicts, dict)
    words = str(verdicts[rule])
    if words.startswith(("cannot", "no share")):
        return f"least {figure(row['least_g'])} g"
    if words.startswith("nothing"):
        return "none needed"
    return words.partition(":")[0].removeprefix("degrades ").removesuffix(FEWER)


def _show_ahead(asked: Asked, rows: Rows) -> None:
    heads = "zone place rule hindsight even ahead promised delivered kept short".split()
    cells = [
        [
            row["zone"],
            row["place"],
            row["rule"],
            _share(row["hindsight_share"]),
            _share(row["blind_share"]),
            _share(row["share"]),
            *(_of_cap(row[name], row["cap_g"]) for name in ("promised_g", "delivered_g")),
            "yes" if row["kept"] else "no",
            row["short_days"],
        ]
        for row in rows
    ]
    unseen = {"even", "promised", "short"} if _narrow() else set()
    unseen |= {"place"} if len(asked.question.places) == 1 else set()
    _table("Planned day by day; delivered is over the cap", heads, cells, unseen)
    typer.echo(f"Forecast: {asked.forecast}.")
    kept = sum(row["kept"] for row in rows)
    typer.echo(f"The cap was kept in {kept} of {len(rows)}.")
    if "short" not in unseen:
        typer.echo("short: days on which, by the forecast, no share would do.")


def _of_cap(grams: float, cap: float) -> str:
    """As a share of the cap; nothing where nobody was served in full."""
    return f"{grams / cap:.4f}" if cap > 0 and grams == grams else "–"


def _show_days(asked: Asked, rows: Rows) -> None:
    of = asked.question
    which = "first" if of.first else "dirtiest"
    for key in dict.fromkeys((row["zone"], row["place"], row["plan"]) for row in rows):
        own = [row for row in rows if (row["zone"], row["place"], row["plan"]) == key]
        width = max(len(row["hours"]) for row in own)
        cells = [
            [
                row["day"],
                figure(row["full_g"]),
                _share(row["degraded_share"]),
                row["hours"].translate(STRIP),
            ]
            for row in own
        ]
        zone, place, plan = key
        title = f"{zone}, {place}, by {of.main}, {plan}: the {which} days"
        clock = CLOCK if width == 24 else "steps"
        table(title, ["day, UTC", "g in full", "degraded", clock], cells)
    typer.echo("Hours: · in full, ▒ split, █ degraded.")


def _show_targets(rows: Rows) -> None:
    cells = [
        [
            row["zone"],
            row["from_g_per_kwh"],
            row["to_g_per_kwh"],
            row["point"] or "nothing keeps it",
            row["accuracy"],
            row["service_ms"],
            _share(row["requests_share"]),
        ]
        for row in rows
        if row["requests_share"] > 0
    ]
    title = "Targets where every request keeps the cap by itself"
    table(title, ["zone", "g/kWh", "up to", "point", "score", "ms", "requests"], cells)
