"""What holds of rows of one tenant: requests with the differences that were appended for them.

A correction is of one request, whose id it names, or of a group: all requests of an hour that were
served in one region and have one baseline region, and so met the same signals. A correction of a
group falls on each of its requests in proportion to what held of it then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wattlas.serve.ledger.journal import Row
from wattlas.serve.statements import MJ_PER_KWH, NANO, SUMS, UG_PER_G
from wattlas.units import KWH_PER_MWH

HOUR_US = 3_600_000_000


class Amount(NamedTuple):
    """An amount that a signal makes of an energy: `per` is its unit per kWh and unit of signal."""

    name: str
    energy: str
    signal: str
    per: float

    def per_mj(self, signal: float) -> float:
        """What one mJ comes to at a signal."""
        return signal * self.per / MJ_PER_KWH


AMOUNTS = tuple(
    Amount(f"{usual}{name}", energy, signal, per)
    for usual, energy in (("", "facility_mj"), ("usual_", "usual_mj"))
    for name, signal, per in (
        ("average_ug", "average_g_per_kwh", UG_PER_G),
        ("marginal_ug", "marginal_g_per_kwh", UG_PER_G),
        ("nano_usd", "price_usd_per_mwh", NANO / KWH_PER_MWH),
    )
)
OWN = ("it_mj", "facility_mj", "average_ug", "marginal_ug", "nano_usd")
"""Amounts that follow from a request's energy where it was served."""

ENERGIES = ("it_mj", "facility_mj", "usual_mj")


class Group(NamedTuple):
    """Requests that met the same signals."""

    hour_us: int
    region: str
    usual_region: str | None


@dataclass
class Members:
    """The requests of a group, and the sums of corrections of it."""

    rows: list[Row] = field(default_factory=list)
    corrections: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    filled: int = 0
    times: int = 0
    """How often something was appended for it."""

    def recorded(self, name: str) -> int:
        """The sum of a field of its requests, each with its own corrections."""
        return sum(getattr(row, name) or 0 for row in self.rows)

    def holds(self, name: str) -> int:
        """The same with corrections of all of them together."""
        return self.recorded(name) + self.corrections[name]


class Journal:
    """What holds of some rows of one tenant: requests, each with its own corrections, by group."""

    def __init__(self, rows: Sequence[Row]) -> None:
        singles: dict[str, list[Row]] = {}
        requests = {row.id: row for row in rows if row.corrects is None}
        self.groups: dict[Group, Members] = {}
        for row in rows:
            if row.corrects in requests:
                singles.setdefault(str(row.corrects), []).append(row)
            elif row.corrects is not None:
                members = self._members(row)
                members.times += 1
                members.filled += row.filled or 0
                for name in SUMS:
                    members.corrections[name] += getattr(row, name)
        self.times = {id: len(own) for id, own in singles.items()}
        """How often something was appended for a request."""
        self.requests = {id: _added(row, singles.get(id, ())) for id, row in requests.items()}
        for row in self.requests.values():
            self._members(row).rows.append(row)
        self.groups = {group: each for group, each in self.groups.items() if each.rows}

    def _members(self, row: Row) -> Members:
        return self.groups.setdefault(group_of(row), Members())


def group_of(row: Row) -> Group:
    """The group of a request, or of what corrects one."""
    hour_us = row.admitted_us // HOUR_US * HOUR_US
    return Group(hour_us, row.region, row.usual_region)


def _added(row: Row, corrections: Sequence[Row]) -> Row:
    """A request with the differences that were appended for it."""
    if not corrections:
        return row
    values: dict[str, Any] = {}
    for name in SUMS:
        difference = sum(getattr(each, name) for each in corrections)
        if difference:
            values[name] = (getattr(row, name) or 0) + difference
    return row._replace(**values)


def present_of(
    row: Row, members: Members, energies: Mapping[str, Mapping[str, int]]
) -> dict[str, int]:
    """What holds of a request. Where its whole group was corrected, that is its energy at the
    intensity, or price, of the group."""
    present: dict[str, int] = {name: getattr(row, name) or 0 for name in SUMS}
    present.update(energies[row.id])
    for amount in AMOUNTS:
        if members.corrections[amount.name]:
            whole = sum(each[amount.energy] for each in energies.values())
            own = present[amount.energy] * members.holds(amount.name)
            present[amount.name] = round(own / whole) if whole else 0
    return present


def energies_of(rows: Sequence[Row], group: Group) -> dict[str, dict[str, int]]:
    """What holds of the energies of each request of a group. A correction of all of them fell on
    each in proportion to what held of it then, so that the order of the rows counts."""
    energies: dict[str, dict[str, int]] = {}
    for row in rows:
        if group_of(row) != group:
            continue
        if row.corrects is None:
            energies[row.id] = {name: getattr(row, name) or 0 for name in ENERGIES}
        elif row.corrects in energies:
            for name in ENERGIES:
                energies[row.corrects][name] += getattr(row, name)
        else:
            for name in ENERGIES:
                before = [each[name] for each in energies.values()]
                if getattr(row, name) and sum(before):
                    after = shared(sum(before) + getattr(row, name), before)
                    for each, share in zip(energies.values(), after, strict=True):
                        each[name] = share
    return energies


def shared(whole: int, weights: Sequence[int]) -> list[int]:
    """A whole number in whole parts as near to the weights as can be: largest remainders."""
    total = sum(weights)
    parts = [whole * weight // total for weight in weights]
    rests = sorted(range(len(weights)), key=lambda n: -(whole * weights[n] % total))
    for n in rests[: whole - sum(parts)]:
        parts[n] += 1
    return parts
