"""`wattlas ledger correct`: rows are appended, none is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wattlas.cli.common import print_json, say
from wattlas.cli.ledger_file import LedgerArgument, opened, tenants_of
from wattlas.cli.options import JsonOption
from wattlas.errors import UsageError
from wattlas.units import noun


def command(
    ledger: LedgerArgument,
    signals: Annotated[
        Path | None,
        typer.Option(help="Revised signals: time_utc, region, price, average, marginal."),
    ] = None,
    energy: Annotated[
        Path | None, typer.Option(help="Metered energy: time_utc, region, it_kwh; of all tenants.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="Id of a wrong row, beside its tenant.")] = None,
    it_j: Annotated[
        float | None, typer.Option("--it-j", help="The IT energy of the row as it was, J.")
    ] = None,
    void: Annotated[bool, typer.Option("--void", help="Take the row out of the accounts.")] = False,
    tenant: Annotated[list[str] | None, typer.Option(help="Of these tenants; else of all.")] = None,
    why: Annotated[str, typer.Option(help="What the statement says of it.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be appended, and append nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Append what revised signals, or a wrong row, change in the accounts.

    The chain of hashes goes on: statements of before still hold, and the next one of the month
    tells the corrections apart. What was counted for a degradation cap does not change. The same
    file twice appends nothing.
    """
    if sum(each is not None for each in (signals, energy, row)) != 1:
        raise UsageError("give --signals FILE, --energy FILE, or --row ID with --it-j or --void.")
    if (row is not None) is not ((it_j is not None) is not void):
        raise UsageError("--row needs either --it-j or --void; no other has them.")
    named = tenant or []
    if energy is not None and named:
        raise UsageError("--energy is shared out among all tenants: leave --tenant out.")
    if row is not None and len(named) != 1:
        raise UsageError("--row needs the one --tenant whose row it is.")
    with opened(ledger) as store:
        from wattlas.serve import corrections, revised
        from wattlas.serve.metered_hours import correct_energy, unshared

        record = not dry_run
        if row is not None:
            tenants_of(store, named)
            reason = why or "wrong row"
            made = [corrections.correct_request(store, named[0], row, it_j, reason, record=record)]
        elif energy is not None:
            metered = revised.read_metered(energy)
            words = _named(energy), why or "metered"
            made = correct_energy(store, metered, words, record=record)
            _tell_unshared(unshared(store, metered))
        else:
            assert signals is not None
            made = []
            known, vintage = revised.read_revised(signals), _named(signals)
            for name in tenants_of(store, named):
                reason = why or "signals revised"
                made += corrections.correct(store, name, known, vintage, reason, record=record)
    _tell(made, as_json=as_json, dry_run=dry_run)


def _named(path: Path) -> str:
    """How rows name a file: by its name and content."""
    from hashlib import sha256

    return f"{path.name} {sha256(path.read_bytes()).hexdigest()[:12]}"


def _tell_unshared(hours: list[tuple[str, int]]) -> None:
    """What was metered and is nobody's: a region that is called otherwise, or one that stood by."""
    if not hours:
        return
    from datetime import UTC, datetime

    (region, hour_us), others = hours[0], len(hours) - 1
    first = datetime.fromtimestamp(hour_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:00Z")
    more = f" and {others} more {noun(others, 'hour')}" if others else ""
    say(f"No requests to share what `{region}` took at {first}{more}: nothing follows from that.")


def _tell(made: list[Any], *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_json([row._asdict() for row in made])
        return
    for row in made:
        typer.echo(
            f"{row.tenant} {row.corrects} {row.region}: {row.average_ug / 1e6:+.6g} g average, "
            f"{row.marginal_ug / 1e6:+.6g} g marginal, {row.nano_usd / 1e9:+.6g} USD, "
            f"usual {row.usual_average_ug / 1e6:+.6g} g"
        )
    rows = noun(len(made), "row")
    say(f"{len(made)} {rows} {'would be ' if dry_run else ''}appended.")
