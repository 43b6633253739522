"""Every sentence of a study that holds a number says what its flows say, over the fleets.

The verdict, the actions and the notices are read as a person reads them, and each number in them is
compared with the second account of `tests.sceptic`; so are the tables that they are made from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.fleets import StudiedFleet
from tests.sceptic import Sceptic
from tests.studies.test_sceptic import close, flows_of

TIMES = {"": 1.0, "k": 1e3, "M": 1e6, "bn": 1e9, "T": 1e12}
KG = {"g": 1e-3, "kg": 1.0, "t": 1e3, "kt": 1e6, "Mt": 1e9}
USD_IN = re.compile(r"([−+])USD ([\d.,]+)(?: (bn|[kMT])\b)?")
KG_IN = re.compile(r"([−+])([\d.,]+) (g|kg|t|kt|Mt) of CO₂e")
SEND = re.compile(
    r"Send (?:([\d.]+) % of )?(.+?) of (\S+) to (\S+?)(?:, in ([\d.]+) % of the hours)?:"
)
SAID = {"rel": 5.1e-3, "abs": 1e-12}
"""Three significant digits."""

Pair = tuple[int, int, int]


def usd_in(text: str) -> float:
    """The change of money that a text states, USD; 0 where none."""
    found = USD_IN.search(text)
    if not found:
        return 0.0
    sign, figure, times = found.groups()
    return (-1 if sign == "−" else 1) * float(figure.replace(",", "")) * TIMES[times or ""]


def kg_in(text: str) -> float:
    """The change of carbon that a text states, kg; 0 where none."""
    found = KG_IN.search(text)
    if not found:
        return 0.0
    sign, figure, unit = found.groups()
    return (-1 if sign == "−" else 1) * float(figure.replace(",", "")) * KG[unit]


def percent(pattern: str, text: str) -> float | None:
    """The share before some words."""
    found = re.search(rf"([\d.]+) % {pattern}", text)
    return None if found is None else float(found.group(1)) / 100


def as_said(said: float, share: float) -> bool:
    """Whether a share is said to three significant digits, or to two below a tenth."""
    return bool(said == pytest.approx(share, rel=5.1e-3 if share >= 0.0995 else 5.1e-2))


def accounts(fleet: StudiedFleet) -> tuple[dict[str, float], dict[str, float]]:
    """Totals of the baseline and of the plan, from the flows."""
    plan, base = (fleet.sceptic.account(flows_of(fleet, which)) for which in ("plan", "baseline"))
    return base, plan


def moved(fleet: StudiedFleet) -> dict[Pair, dict[str, float]]:
    """(class, from, to) → requests, MWh, hours, USD and kg saved; the last region is unserved.

    What both policies serve of a metro and class in a region and hour stays; the rest is shared
    out in proportion. USD leaves out what is bought on top of reserved accelerators.
    """
    sceptic = fleet.sceptic
    before, after = (_cells(sceptic, flows_of(fleet, which)) for which in ("baseline", "plan"))
    sums: dict[Pair, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    hours: dict[Pair, set[int]] = defaultdict(set)
    regions = range(len(sceptic.r) + 1)
    for i, k, t in np.argwhere(sceptic.demand > 0):
        b, p = ({n: grid[i, k, :, t] for n, grid in side.items()} for side in (before, after))
        own = np.minimum(b["requests"], p["requests"])
        less, more = b["requests"] - own, p["requests"] - own
        dust = 1e-9 * b["requests"].sum()
        less, more = np.where(less > dust, less, 0.0), np.where(more > dust, more, 0.0)
        for a in regions:
            for z in regions:
                part = own[a] if a == z else less[a] * more[z] / max(less.sum(), 1e-300)
                if part <= 0:
                    continue
                row = sums[int(k), a, z]
                row["requests"] += part
                for name in ("usd", "kg"):
                    row[name] += part * (_each(b, name, a) - _each(p, name, z))
                row["mwh"] += part * _each(p, "mwh", z)
                if a != z:
                    hours[int(k), a, z].add(int(t))
    for pair, steps in hours.items():
        sums[pair]["hours"] = float(sceptic.span[list(steps)].sum())
    return sums


def _each(cell: Mapping[str, np.ndarray], name: str, r: int) -> float:
    return float(cell[name][r] / cell["requests"][r]) if cell["requests"][r] > 0 else 0.0


def _cells(sceptic: Sceptic, flows: Any) -> dict[str, np.ndarray]:
    """Requests, USD, kg and MWh by (metro, class, region or none, hour), hours counted."""
    x, lost = sceptic.dense(flows)
    x, lost = x * sceptic.span, lost * sceptic.span
    shed = np.array([usd or 0.0 for usd in sceptic.shed_usd])
    grids = {
        "requests": (x.sum(axis=3), lost),
        "usd": ((x * sceptic.usd()).sum(axis=3), lost * shed[None, :, None]),
        "kg": ((x * sceptic.kg).sum(axis=3), 0 * lost),
        "mwh": (np.einsum("ikrot,ko->ikrt", x, sceptic.kwh) / 1e3, 0 * lost),
    }
    return {
        name: np.concatenate([served, gone[:, :, None]], axis=2)
        for name, (served, gone) in grids.items()
    }


# -- the tables behind the sentences -----------------------------------------------------------


def test_changes(fleet: StudiedFleet) -> None:
    """Each pair of regions between which a class moves; all pairs save what the plan saves."""
    sceptic, s = fleet.sceptic, fleet.scenario
    names = [*(x.id for x in s.regions), "unserved"]
    own = moved(fleet)
    base, plan = accounts(fleet)
    served = _cells(sceptic, flows_of(fleet, "baseline"))["requests"].sum(axis=(0, 3))
    rows = fleet.rows("changes")
    pairs = {pair for pair, row in own.items() if pair[1] != pair[2] and row["requests"] > 0}
    seen = set()
    for row in rows:
        k = [c.id for c in s.classes].index(row["class"])
        pair = (k, names.index(row["from_region"]), names.index(row["to_region"]))
        seen.add(pair)
        expected = own[pair]
        assert row["requests"] == close(expected["requests"], served.sum()), row
        assert row["requests_share"] == pytest.approx(
            expected["requests"] / served[pair[:2]], abs=1e-9
        )
        assert row["hours_share"] == close(expected["hours"] / sceptic.span.sum())
        assert row["it_mwh"] == close(expected["mwh"], plan["it_mwh"])
        assert row["saving_kg"] == close(expected["kg"], base["carbon_kg"])
        if not _buys_on_top(sceptic):
            assert row["saving_usd"] == close(expected["usd"], base["cost_usd"])
    assert pairs <= seen
    for name, total in (("saving_usd", "cost_usd"), ("saving_kg", "carbon_kg")):
        together = sum(row[name] for row in rows)
        assert together == pytest.approx(base[total] - plan[total], abs=1e-6 * abs(base[total])), (
            name
        )


def _buys_on_top(sceptic: Sceptic) -> bool:
    return bool((~sceptic.only_hourly & (sceptic.most > sceptic.reserved).any(axis=1)).any())


def test_regions(fleet: StudiedFleet) -> None:
    """Where energy runs, what is paid for it, and how full the region is."""
    sceptic, s = fleet.sceptic, fleet.scenario
    x, base = (
        sceptic.dense(flows_of(fleet, which))[0] * sceptic.span for which in ("plan", "baseline")
    )
    kwh, before = (np.einsum("ikrot,ko->rt", side, sceptic.kwh) for side in (x, base))
    gpu = np.einsum("ikrot,ko->r", x, sceptic.gpu)
    hours = sceptic.span.sum()
    rows = fleet.rows("regions")
    assert sorted(row["region"] for row in rows) == sorted(region.id for region in s.regions)
    energies = [row["it_mwh"] for row in rows]
    assert energies == sorted(energies, reverse=True)
    for row in rows:
        r = [region.id for region in s.regions].index(row["region"])
        assert row["it_mwh"] == close(kwh[r].sum() / 1e3)
        assert row["plan_share"] == close(kwh[r].sum() / kwh.sum())
        assert row["baseline_share"] == close(before[r].sum() / before.sum())
        assert row["price_usd_per_mwh"] == close(sceptic.price[r] @ sceptic.span / hours)
        assert row["deciding_g_per_kwh"] == close(sceptic.grams[r] @ sceptic.span / hours)
        assert row["carbon_kg"] == close(sceptic.pue[r] * kwh[r] @ sceptic.grams[r] / 1e3)
        if kwh[r].sum() > 0:
            paid = kwh[r] @ sceptic.price[r] / kwh[r].sum()
            assert row["paid_usd_per_mwh"] == close(paid)
        available = float((sceptic.most[r] * sceptic.span).sum())
        if np.isfinite(available) and available > 0:
            assert row["utilisation"] == close(gpu[r] / available)
            assert 0 <= row["utilisation"] <= 1 + 1e-9


# -- the verdict -------------------------------------------------------------------------------


def test_the_verdict(fleet: StudiedFleet) -> None:
    """Money, carbon and their shares are of the baseline's own kind; no share over all of it."""
    said = fleet.study.meta["brief"]["sentence"]
    base, plan = accounts(fleet)
    for what, kind, change in (
        ("cost", "cost_usd", usd_in(said)),
        ("carbon", "carbon_kg", kg_in(said)),
    ):
        saved = base[kind] - plan[kind]
        if abs(saved) <= 1e-6 * max(abs(base[kind]), abs(plan[kind])):
            assert change == 0.0, said
            continue
        assert -change == pytest.approx(saved, **SAID), said
        share = percent(f"of all {what}", said)
        if base[kind] <= 0:
            assert f"no share, as the baseline's {what}" in said
        elif share is not None:
            assert as_said(share, abs(saved) / base[kind]), said
            assert share <= 1.0
        else:
            assert f"more than all {what}" in said or f"times the baseline's {what}" in said
    assert f"in {sum(fleet.sceptic.span):g} h" in said


def test_what_the_verdict_says_moves(fleet: StudiedFleet) -> None:
    """The share of the IT energy that another region serves, and the largest pair by name."""
    said = fleet.study.meta["brief"]["sentence"]
    own, none = moved(fleet), len(fleet.sceptic.r)
    energy: dict[tuple[int, int], float] = defaultdict(float)
    for (_, a, z), row in own.items():
        if a != z and none not in (a, z):
            energy[a, z] += row["mwh"]
    total = accounts(fleet)[1]["it_mwh"]
    share = percent("of the IT energy", said)
    if sum(energy.values()) <= 1e-6 * total:
        assert share is None
        return
    assert as_said(share, sum(energy.values()) / total), said
    names = [region.name or region.id for region in fleet.scenario.regions]
    a, z = max(energy, key=lambda pair: energy[pair])
    assert f"from {names[a]} to {names[z]}" in said
    assert ("most of it" in said) == (len(energy) > 1 and energy[a, z] > sum(energy.values()) / 2)


def test_what_the_verdict_says_of_service(fleet: StudiedFleet) -> None:
    """A plan that serves more or fewer requests than the baseline says so."""
    said = fleet.study.meta["brief"]["sentence"]
    base, plan = accounts(fleet)
    more = base["unserved_requests"] - plan["unserved_requests"]
    requests = float((fleet.sceptic.demand * fleet.sceptic.span).sum())
    stated = re.search(r"it (serves|leaves) a further ([\d.]+) % of the requests", said)
    if abs(more) <= 1e-6 * requests:
        assert stated is None, said
    else:
        assert stated is not None, said
        assert as_said(float(stated.group(2)) / 100, abs(more) / requests), said
        assert stated.group(1) == ("serves" if more > 0 else "leaves")


def test_one_fixed_table(fleet: StudiedFleet) -> None:
    """The tenths of the saving that one table of shares keeps are those of its own policy."""
    said = fleet.study.meta["brief"]["sentence"]
    policies = {row["policy"]: row for row in fleet.rows("policies")}
    share = fleet.study.meta["headline"]["static_share_of_saving"]
    base, plan = accounts(fleet)
    saved = base["cost_usd"] - plan["cost_usd"]
    static = policies["static_cost"]
    if abs(saved) <= 1e-9 * abs(base["cost_usd"]) or not static["feasible"]:
        assert share is None or np.isnan(share)
        assert "one fixed table" not in said
        return
    own = (base["cost_usd"] - static["cost_usd"]) / saved
    assert share == pytest.approx(own, rel=1e-6, abs=1e-9)
    assert own <= 1 + 1e-6  # the plan may do all that a table may
    tenths = re.search(r"one fixed table keeps (\d) tenth", said)
    if tenths:
        said_tenths = int(tenths.group(1))  # never ten: all is said of more than 0.995 only
        assert said_tenths == min(round(10 * share), 9)
        assert said_tenths - 0.51 <= 10 * own <= (9.96 if said_tenths == 9 else said_tenths + 0.51)


# -- the actions -------------------------------------------------------------------------------


def test_the_actions(fleet: StudiedFleet) -> None:
    """Each action's shares, money and carbon are those of its pair; no other pair saves more."""
    s, own = fleet.scenario, moved(fleet)
    names = [region.name or region.id for region in s.regions]
    labels = [f"{c.name} ({c.id})" if c.name and c.name != c.id else c.id for c in s.classes]
    served = _cells(fleet.sceptic, flows_of(fleet, "baseline"))["requests"].sum(axis=(0, 3))
    brief = fleet.study.meta["brief"]
    told = []
    for action in brief["actions"]:
        found = SEND.match(action)
        if found is None:
            continue  # another operating point, or service that begins or ends
        part, label, origin, target, hours = found.groups()
        pair = (labels.index(label), names.index(origin), names.index(target))
        row = own[pair]
        told.append(-usd_in(action))
        share = 1.0 if part is None else float(part) / 100
        assert share == pytest.approx(row["requests"] / served[pair[:2]], abs=6e-3), action
        when = 1.0 if hours is None else float(hours) / 100
        assert when == pytest.approx(row["hours"] / fleet.sceptic.span.sum(), abs=6e-3), action
        assert -kg_in(action) == pytest.approx(row["kg"], rel=6e-3, abs=1e-3), action
        if not _buys_on_top(fleet.sceptic):
            assert -usd_in(action) == pytest.approx(row["usd"], rel=6e-3, abs=1e-3), action
    assert len(brief["actions"]) <= 3
    moves = {(row["class"], row["from_region"], row["to_region"]) for row in brief["moves"]}
    assert len(moves) == len(brief["actions"])
    if told:
        assert told == sorted(told, reverse=True)


# -- notices and other words -------------------------------------------------------------------


def test_how_often_capacity_binds(fleet: StudiedFleet) -> None:
    """`full in 25% of hours, one more GPU-h worth 0.3 USD` is the mean over all hours."""
    sceptic = fleet.sceptic
    price = np.asarray(fleet.study.tables["hourly"]["capacity_price_usd_per_gpu_h"], dtype=float)
    price = price.reshape(len(sceptic.t), -1).T
    hours = sceptic.span.sum()
    for row in fleet.rows("candidates"):
        r = [region.id for region in fleet.scenario.regions].index(row["region"])
        often = ((price[r] > 1e-9) * sceptic.span).sum() / hours
        said = row["binding"]
        if row["reason"] or not often:
            assert said == ""
            continue
        share, worth = re.match(r"full in (\d+)% .* worth (\S+) USD", said).groups()  # type: ignore[union-attr]
        assert int(share) == pytest.approx(100 * often, abs=0.51)
        assert float(worth) == pytest.approx(price[r] @ sceptic.span / hours, rel=6e-3)


def test_notices(fleet: StudiedFleet) -> None:
    """What is said of billing, signals and distances holds for the scenario."""
    said = " ".join(fleet.study.meta["limits"])
    s = fleet.scenario
    marginal = s.signals.marginal_g_per_kwh
    assert ("marginal intensity is not in the data" in said) == (marginal is None)
    modelled = percent("of round-trip times", said.replace("%", " %"))
    assert (modelled or 0.0) == pytest.approx(s.network.modelled_share, abs=6e-3)
    assert ("Reserved accelerators are paid" in said) == bool((fleet.sceptic.reserved > 0).any())
    only = re.search(r"Every accelerator is on demand at (\S+) USD/GPU-h", said)
    prices = {region.on_demand_usd_per_gpu_h for region in s.regions}
    if only:
        assert prices == {float(only.group(1))}
        assert fleet.sceptic.only_hourly.all()
