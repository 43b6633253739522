"""Corrections: rows that are appended to a tenant's chain, and change no row that is there.

A signal that was revised later is corrected by hour, served region and baseline region: within such
a group every request met the same signals, so that one row holds the differences of all. A wrong
row is corrected by one that names its id.

    revised amount   recorded energy · revised signal, rounded for each request
    difference       Σ revised amounts - (Σ recorded amounts + earlier corrections)

Revised amounts are of the energy that holds: where a meter of whole servers corrected that of a
group, its difference counts at the revised signal, too (`serve/metered_hours.py`).

What is corrected again gets the difference to what holds then: the same file twice appends nothing.
No correction counts in a window of a contract: the degradation cap is kept by what was served.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from wattlas.errors import UsageError
from wattlas.serve.corrected_rows import (
    AMOUNTS,
    HOUR_US,
    OWN,
    Amount,
    Group,
    Journal,
    Members,
    energies_of,
    group_of,
    present_of,
)
from wattlas.serve.ledger.journal import CORRECTION, Batch, Row, Store
from wattlas.serve.meters import MOST_J
from wattlas.serve.statements import ALWAYS_US, SUMS

ID_LETTERS = 24


class Revised(NamedTuple):
    """Signals of an hour in a region as they are known now; None is not revised."""

    price_usd_per_mwh: float | None = None
    average_g_per_kwh: float | None = None
    marginal_g_per_kwh: float | None = None


Signals = Mapping[tuple[str, int], Revised]
"""(region, beginning of the hour in µs) → signals."""


def of_signals(
    rows: Sequence[Row], signals: Signals, vintage: str, why: str, now_us: int
) -> list[Row]:
    """The rows that bring a tenant's accounts to revised signals. `rows` are all of the hours that
    are revised."""
    made = []
    for group, members in sorted(Journal(rows).groups.items(), key=lambda each: str(each[0])):
        own = signals.get((group.region, group.hour_us), Revised())
        usual = signals.get((group.usual_region or "", group.hour_us), Revised())
        differences = dict.fromkeys(SUMS, 0)
        for amount in AMOUNTS:
            told = usual if amount.energy == "usual_mj" else own
            signal = getattr(told, amount.signal)
            if signal is not None:
                new = sum(_revised(row, amount, signal) for row in members.rows)
                new += round(members.corrections[amount.energy] * amount.per_mj(signal))
                differences[amount.name] = new - members.holds(amount.name)
        known = sum(_is_filled(row, own, usual) for row in members.rows)
        filled = max(known - members.filled, 0)
        if any(differences.values()) or filled:
            made.append(of_group(group, members, (differences, filled), (vintage, why), now_us))
    return made


def of_group(
    group: Group,
    members: Members,
    what: tuple[Mapping[str, int], int],
    words: tuple[str, str],
    now_us: int,
) -> Row:
    """The row of differences of a group: `what` are these and how many requests it makes known,
    `words` vintage and reason."""
    (differences, filled), (vintage, why) = what, words
    first = members.rows[0]._replace(admitted_us=group.hour_us, point="", vintage=vintage)
    said = _Said(_stamp(group.hour_us), differences, filled, why, members.times)
    return _row(first, said, now_us)


def _revised(row: Row, amount: Amount, signal: float) -> int:
    """An amount of a request by a revised signal. One that differs by no more than the rounding of
    recorded energy is as it was."""
    energy_mj: int | None = getattr(row, amount.energy)
    old: int | None = getattr(row, amount.name)
    if energy_mj is None:
        return old or 0
    per_mj = amount.per_mj(signal)
    new = round(energy_mj * per_mj)
    return old if old is not None and abs(new - old) <= 1 + abs(per_mj) else new


def _is_filled(row: Row, own: Revised, usual: Revised) -> bool:
    """Whether signals tell all that is not known of a request."""
    missing = [name for name in SUMS if getattr(row, name) is None]
    signals = {
        each.name: getattr(usual if each.energy == "usual_mj" else own, each.signal)
        for each in AMOUNTS
        if getattr(row, each.energy) is not None
    }
    return bool(missing) and all(signals.get(name) is not None for name in missing)


def of_energy(rows: Sequence[Row], id: str, it_j: float | None, why: str, now_us: int) -> Row:
    """The row that brings one request to another IT energy, J, or takes it out of the accounts
    (None), its usual too. `rows` are all of its tenant's hour. Raises UsageError."""
    journal = Journal(rows)
    row = journal.requests.get(id)
    if row is None:
        raise UsageError(f"`{id}` is no request of this tenant. Name one as its row does.")
    if it_j is not None and not 0 <= it_j <= MOST_J:
        raise UsageError(f"{it_j:g} J is no energy. Give what the request took, 0 to {MOST_J:g} J.")
    present = present_of(row, journal.groups[group_of(row)], energies_of(rows, group_of(row)))
    if it_j is not None and not present["it_mj"]:
        raise UsageError(f"of `{id}` no energy is recorded, so that nothing follows from another.")
    if it_j is None:
        differences = {name: -amount for name, amount in present.items()}
    else:
        factor = it_j * 1e3 / present["it_mj"]
        wanted = {name: round(present[name] * factor) for name in OWN}
        differences = {n: wanted[n] - present[n] if n in wanted else 0 for n in present}
    if not any(differences.values()):
        raise UsageError(f"`{id}` is accounted for so already.")
    return _row(row, _Said(id, differences, 0, why, journal.times.get(id, 0)), now_us)


class _Said(NamedTuple):
    """What a correction says: of what, its differences, why, and how often was before."""

    corrects: str
    differences: Mapping[str, int]
    filled: int
    why: str
    times: int


def _row(corrected: Row, said: _Said, now_us: int) -> Row:
    """A row of differences. Its id follows from what it does, so that two who append the same at
    once append it once."""
    whole = (corrected.tenant, corrected.region, corrected.usual_region, corrected.vintage, *said)
    digest = sha256(repr(whole).encode()).hexdigest()[:ID_LETTERS]
    values: dict[str, Any] = {**dict.fromkeys(_NO_TEXT, ""), **said.differences}
    return corrected._replace(
        id=f"{CORRECTION}.{digest}", ended_us=now_us, degraded=False, reason=said.why,
        end=CORRECTION, status=0, attempts=0, epoch=0, first_us=None, energy=CORRECTION,
        corrects=said.corrects, filled=said.filled, **values,
    )  # fmt: skip


_NO_TEXT = (
    "contract",
    "window",
    "metro",
    "klass",
    "asked",
    "model_asked",
    "model_served",
    "method",
)


def _stamp(moment_us: int) -> str:
    return datetime.fromtimestamp(moment_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:00Z")


def correct(
    store: Store, tenant: str, signals: Signals, vintage: str, why: str, *, record: bool = True
) -> list[Row]:
    """Append what brings a tenant's accounts to revised signals, or only say what that is."""
    moments = [hour_us for _, hour_us in signals]
    if not moments:
        return []
    kept = store.rows(tenant, min(moments), max(moments) + HOUR_US)
    made = of_signals(kept.rows, signals, vintage, why, now_us())
    if made and record:
        store.record(Batch(made))
    return made


def correct_request(
    store: Store, tenant: str, id: str, it_j: float | None, why: str, *, record: bool = True
) -> Row:
    """Append what brings one request to another IT energy, J, or takes it out of the accounts.
    Raises UsageError."""
    made = of_energy(store.rows(tenant, 0, ALWAYS_US).rows, id, it_j, why, now_us())
    if record:
        store.record(Batch([made]))
    return made


def now_us() -> int:
    """The present moment, µs since 1970."""
    return round(time.time() * 1e6)
