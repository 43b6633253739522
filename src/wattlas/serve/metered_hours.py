"""What meters of whole servers said of an hour, against what its requests were accounted for.

Such a meter (a counter of all accelerators of a server, as TensorRT-LLM has one) knows no request.
Its hour is shared out among the requests of the region in proportion to the energy that holds for
them, to the mJ, whose they ever are; what follows from energy keeps its intensity and price. What
was served as usual has its usual changed alike. A correction by hour carries the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wattlas.errors import UsageError
from wattlas.serve.corrected_rows import HOUR_US, OWN, Journal, Members, shared
from wattlas.serve.corrections import now_us, of_group
from wattlas.serve.ledger.journal import Batch, Row, Store
from wattlas.serve.meters import is_odd
from wattlas.serve.statements import SUMS

USUAL = ("usual_mj", "usual_average_ug", "usual_marginal_ug", "usual_nano_usd")

Metered = Mapping[tuple[str, int], int]
"""(region, beginning of the hour in µs) → IT energy, mJ."""


def of_meters(
    by_tenant: Mapping[str, Sequence[Row]], metered: Metered, words: tuple[str, str], at_us: int
) -> dict[str, list[Row]]:
    """The rows, by tenant, that bring the hours of regions to what was metered. `by_tenant` holds
    all rows of these hours, `words` vintage and reason. Raises UsageError for a reading that is a
    hundred times more or less than what was accounted for."""
    journals = {tenant: Journal(rows) for tenant, rows in by_tenant.items()}
    made: dict[str, list[Row]] = {}
    for (region, hour_us), it_mj in sorted(metered.items()):
        found = [
            (tenant, group, members)
            for tenant, journal in sorted(journals.items())
            for group, members in sorted(journal.groups.items(), key=str)
            if (group.region, group.hour_us) == (region, hour_us)
        ]
        holds = [members.holds("it_mj") for _, _, members in found]
        recorded = sum(members.recorded("it_mj") for _, _, members in found)
        if not sum(holds):
            continue
        if is_odd(it_mj, sum(holds)):
            raise UsageError(
                f"{region} is metered at {it_mj / 1e3:g} J in an hour and accounted for at "
                f"{sum(holds) / 1e3:g} J: that is another unit, or not all its requests are here."
            )
        # Requests that were corrected by themselves since may leave nothing of what was recorded.
        factor = it_mj / (recorded if recorded > 0 else sum(holds))
        for (tenant, group, members), share in zip(found, shared(it_mj, holds), strict=True):
            differences = _differences(members, share, factor)
            if any(differences.values()):
                row = of_group(group, members, (differences, 0), words, at_us)
                made.setdefault(tenant, []).append(row)
    return made


def _differences(members: Members, it_mj: int, factor: float) -> dict[str, int]:
    """What changes of a group that took so much, where all requests of its hour take `factor` times
    what was recorded of them."""
    differences = dict.fromkeys(SUMS, 0)
    before = members.holds("it_mj")
    for name in OWN if before else ():
        holds = members.holds(name)
        differences[name] = (it_mj if name == "it_mj" else round(holds * it_mj / before)) - holds
    home_mj = sum(row.usual_mj or 0 for row in members.rows if row.usual_mj == row.facility_mj)
    usual_mj = members.recorded("usual_mj") - home_mj + round(home_mj * factor)
    holds_mj = members.holds("usual_mj")
    for name in USUAL if holds_mj and usual_mj != holds_mj else ():
        holds = members.holds(name)
        differences[name] = round(holds * usual_mj / holds_mj) - holds
    return differences


def _rows(store: Store, metered: Metered) -> dict[str, list[Row]]:
    """The rows of all tenants from the first to the last hour that was metered."""
    since, until = min(h for _, h in metered), max(h for _, h in metered) + HOUR_US
    return {tenant: store.rows(tenant, since, until).rows for tenant in store.tenants()}


def unshared(store: Store, metered: Metered) -> list[tuple[str, int]]:
    """Hours of regions that took energy and had no requests to share it, by region."""
    if not metered:
        return []
    holds = Counter[tuple[str, int]]()
    for rows in _rows(store, metered).values():
        for group, members in Journal(rows).groups.items():
            holds[group.region, group.hour_us] += members.holds("it_mj")
    return sorted(hour for hour in metered if not holds[hour])


def correct_energy(
    store: Store, metered: Metered, words: tuple[str, str], *, record: bool = True
) -> list[Row]:
    """Append what brings the hours of regions to what was metered, or only say what that is."""
    if not metered:
        return []
    made = of_meters(_rows(store, metered), metered, words, now_us())
    flat = [row for own in made.values() for row in own]
    if flat and record:
        store.record(Batch(flat))
    return flat
