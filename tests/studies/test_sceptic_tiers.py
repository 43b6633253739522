"""Every figure of a tier is what its formula gives for the plan's flows, in the fleet with users.

Sections 7 and 8 of the model written down once more for a population of segments: what a request
costs and emits in full and at a fallback, who adopts a contract, and what that brings.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fleets
from tests.oracle import accuracy
from tests.sceptic import Sceptic, entries
from tests.studies.test_sceptic import close

Row = dict[str, Any]


class OwnMarket:
    """One class of a plan: per request and hour in full service, and at each fallback."""

    def __init__(self, fleet: fleets.StudiedFleet, klass: str) -> None:
        sceptic = fleet.sceptic
        s = self.s = fleet.scenario
        assert s.users is not None
        self.users, self.sceptic = s.users, sceptic
        k = self.k = [c.id for c in s.classes].index(klass)
        self.klass = s.classes[k]
        self.price_usd = (
            self.klass.tokens_in * s.users.usd_per_mtok_in
            + self.klass.tokens_out * s.users.usd_per_mtok_out
        ) / 1e6
        dual = np.asarray(fleet.study.tables["hourly"]["capacity_price_usd_per_gpu_h"], dtype=float)
        dual = dual.reshape(len(sceptic.t), len(sceptic.r)).T
        paid = np.where(sceptic.only_hourly, sceptic.hourly_usd, 0.0)[:, None] + dual
        x, _ = sceptic.dense(fleet.study.plan.flows)
        x = x[:, k] * sceptic.span
        self.requests = x.sum(axis=(0, 1, 2))
        total = self.total = float(self.requests.sum())
        self.per_kwh = sceptic.pue[:, None] * sceptic.price / 1e3
        self.grams = sceptic.pue[:, None] * sceptic.grams
        self.paid = paid
        egress = np.einsum("irot,ir->t", x, sceptic.usd_per_gb) * sceptic.gb[k]
        kwh = np.einsum("irot,o->rt", x, sceptic.kwh[k])
        gpu = np.einsum("irot,o->rt", x, sceptic.gpu[k])
        self.egress = egress / self.requests
        self.share = x.sum(axis=(0, 2)) / self.requests
        self.full_usd = (kwh * self.per_kwh + gpu * paid).sum(axis=0) / self.requests + self.egress
        self.full_g = (kwh * self.grams).sum(axis=0) / self.requests
        by_point = x.sum(axis=(0, 1, 3)) / total
        self.accuracy = float(by_point @ [accuracy(s, k, o) for o in sceptic.o])
        way = sceptic.reach[:, None] + self.klass.round_trips * sceptic.rtt
        queue = np.array([region.queue_ms for region in s.regions])
        self.network = float((x.sum(axis=(2, 3)) * (way + queue)).sum() / total)
        self.service = np.array([self.klass.service_ms(o) for o in s.points])
        self.latency = self.network + float(by_point @ self.service)

    def mean(self, by_hour: np.ndarray) -> float:
        """Demand-weighted."""
        return float(self.requests @ by_hour / self.total)

    @cached_property
    def reference_g(self) -> float:
        """c_ref: what full service emits in the mean."""
        return self.mean(self.full_g)

    def felt(self, segment: Any, score: float, ms: float) -> float:
        """Q of a segment with linear parts: accuracy from 0 to 1, latency to twice the budget."""
        assert segment.curvature == 0.0
        k_a, k_l = segment.weight_accuracy, segment.weight_latency
        late = min(max(1 - ms / (2 * self.klass.latency_budget_ms), 0.0), 1.0)
        return k_a * score + k_l * late + (1 - k_a - k_l) * score * late

    def saved(self, point: str, share: float) -> tuple[float, float, float]:
        """(grams, USD) that a request under a contract saves, and the share that is degraded.

        The hours where a degraded request saves most carbon come first, and none that saves none;
        no more is degraded than the cap on carbon asks for.
        """
        o = [p.id for p in self.s.points].index(point)
        kwh, gpu = self.sceptic.kwh[self.k, o], self.sceptic.gpu[self.k, o]
        usd = (self.share * (kwh * self.per_kwh + gpu * self.paid)).sum(axis=0) + self.egress
        gain_g = self.full_g - (self.share * kwh * self.grams).sum(axis=0)
        gain_usd = self.full_usd - usd
        left, sums = share, np.zeros(3)
        cap = self.s.terms.cap_share
        needed = math.inf if cap is None else (1 - cap) * self.reference_g
        for t in np.argsort(-gain_g, kind="stable"):
            part = min(left, self.requests[t] / self.total)
            part = min(part, (needed - sums[0]) / max(gain_g[t], 1e-300))
            if gain_g[t] <= 0 or part <= 0:
                break
            sums += part * np.array([gain_g[t], gain_usd[t], 1.0])
            left -= part
        return float(sums[0]), float(sums[1]), float(sums[2])

    def adoption(self, row: Row) -> Iterator[tuple[Any, float, float, float]]:
        """(segment, share of the requests, probability, v_green − v_standard) for an offer."""
        point = row["fallback"]
        o = [p.id for p in self.s.points].index(point)
        grams, _, used = self.saved(point, row["share"])
        total = sum(segment.share for segment in self.users.segments)
        price, mu = self.price_usd, self.users.scale * self.price_usd
        for segment in self.users.segments:
            worth, theta = segment.value * price, segment.consciousness
            full = self.felt(segment, self.accuracy, self.latency)
            less = self.felt(
                segment, accuracy(self.s, self.k, o), self.network + float(self.service[o])
            )
            lost = used * worth * (1 - theta) * (full - less)
            gain = row["discount"] * price - lost + grams * worth * theta / self.reference_g
            over = gain - self.users.status_quo * price
            yield segment, segment.share / total, 1 / (1 + math.exp(-over / mu)), gain

    def outcome(self, row: Row) -> tuple[float, float, float]:
        """(adoption, profit gained in USD, kg saved) of an offer, by its row."""
        grams, usd, _ = self.saved(row["fallback"], row["share"])
        adopted = sum(share * chance for _, share, chance, _ in self.adoption(row))
        margin = usd - row["discount"] * self.price_usd
        return adopted, self.total * adopted * margin, self.total * adopted * grams / 1e3


@pytest.fixture(scope="session")
def cloud(run_folder: Path) -> fleets.StudiedFleet:
    """The fleet that has subscribers."""
    return fleets.studied("one-cloud", run_folder)


@pytest.fixture(scope="session")
def markets(cloud: fleets.StudiedFleet) -> dict[str, OwnMarket]:
    """Each class of it."""
    return {k.id: OwnMarket(cloud, k.id) for k in cloud.scenario.classes}


def test_full_service_is_what_the_plan_does(
    cloud: fleets.StudiedFleet, markets: dict[str, OwnMarket]
) -> None:
    """Cost, carbon, accuracy and latency of a request in full service, and what it sells for."""
    rows = cloud.rows("tier_verdicts")
    assert {row["class"] for row in rows} == set(markets)
    for row in rows:
        own = markets[row["class"]]
        assert row["price_usd"] == close(own.price_usd)
        assert row["full_cost_usd"] == close(own.mean(own.full_usd))
        assert row["full_carbon_g"] == close(own.mean(own.full_g))
        assert row["full_accuracy"] == close(own.accuracy)
        assert row["full_latency_ms"] == close(own.latency)


def test_the_chosen_offer(cloud: fleets.StudiedFleet, markets: dict[str, OwnMarket]) -> None:
    """Adoption, profit and carbon of the offer; its shares of full service's own."""
    chosen = [row for row in cloud.rows("tier_verdicts") if row["worth"]]
    assert chosen
    for row in chosen:
        own = markets[row["class"]]
        adopted, usd, kg = own.outcome(row)
        assert row["adoption"] == pytest.approx(adopted, rel=1e-6)
        assert row["profit_gain_usd"] == pytest.approx(usd, rel=1e-6)
        assert row["carbon_saved_kg"] == pytest.approx(kg, rel=1e-6)
        revenue = own.price_usd * own.total
        profit = revenue - own.mean(own.full_usd) * own.total
        assert row["profit_gain_share"] == pytest.approx(usd / profit, rel=1e-6)
        assert row["carbon_saved_share"] == pytest.approx(
            kg * 1e3 / (own.mean(own.full_g) * own.total), rel=1e-6
        )
        assert 0 <= row["carbon_saved_share"] <= 1
        if "profit_gain_revenue_share" in row:
            assert row["profit_gain_revenue_share"] == pytest.approx(usd / revenue, rel=1e-6)


@pytest.mark.parametrize("table", ["tier_pareto", "tier_fallbacks", "tier_grid"])
def test_other_offers(
    cloud: fleets.StudiedFleet, markets: dict[str, OwnMarket], table: str
) -> None:
    """The same for offers of the grid, of the front, and of each fallback."""
    for row in cloud.rows(table)[::7]:
        if table == "tier_fallbacks" and not row["worth"]:
            continue
        own = markets[row["class"]]
        adopted, usd, kg = own.outcome(row)
        size = own.total * own.price_usd
        assert row["adoption"] == pytest.approx(adopted, rel=2e-3), row
        assert row["profit_gain_usd"] == pytest.approx(usd, rel=5e-3, abs=1e-6 * size), row
        assert row["carbon_saved_kg"] == pytest.approx(kg, rel=5e-3, abs=1e-6 * size), row


def test_who_adopts(cloud: fleets.StudiedFleet, markets: dict[str, OwnMarket]) -> None:
    """Adoption and gain of each segment; the segments together are the offer."""
    rows: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in cloud.rows("tier_segments"):
        rows[row["class"]][row["segment"]] = row
    for offer in cloud.rows("tier_verdicts"):
        if not offer["worth"]:
            continue
        stated = rows[offer["class"]]
        for segment, share, chance, gain in markets[offer["class"]].adoption(offer):
            row = stated[segment.id]
            assert row["requests_share"] == close(share)
            assert row["adoption"] == pytest.approx(chance, rel=1e-6)
            assert row["gain_usd_per_million"] == pytest.approx(gain * 1e6, rel=1e-6, abs=1e-6)
            assert row["rational"] == (gain >= -1e-12)
        together = sum(row["requests_share"] * row["adoption"] for row in stated.values())
        assert offer["adoption"] == pytest.approx(together, rel=1e-6)


def test_the_menu(cloud: fleets.StudiedFleet) -> None:
    """Energy, time, accuracy and carbon of each operating point at the baseline region."""
    sceptic, s = cloud.sceptic, cloud.scenario
    for row in cloud.rows("tier_menu"):
        k = [c.id for c in s.classes].index(row["class"])
        o = [p.id for p in s.points].index(row["point"])
        requests = sceptic.demand[:, k] * sceptic.span
        weight = np.zeros((len(sceptic.r), len(sceptic.t)))
        for i in sceptic.i:
            weight[sceptic.baseline_region[i, k]] += requests[i] / requests.sum()
        pue = float(weight.sum(axis=1) @ sceptic.pue)
        grams = float((weight * sceptic.grams).sum())
        assert row["energy_wh"] == close(sceptic.kwh[k, o] * 1e3)
        assert row["gpu_s"] == close(sceptic.gpu[k, o] * 3600)
        assert row["accuracy"] == accuracy(s, k, o)
        assert row["service_ms"] == close(s.classes[k].service_ms(s.points[o]))
        assert row["carbon_g"] == close(sceptic.kwh[k, o] * pue * grams)


def test_targets_keep_their_cap(cloud: fleets.StudiedFleet) -> None:
    """At the end of each step the point emits the cap at most, and better ones are dirtier."""
    menus: dict[str, list[Row]] = defaultdict(list)
    for row in cloud.rows("tier_menu"):
        menus[row["class"]].append(row)
    for row in cloud.rows("tier_targets"):
        menu = {point["point"]: point for point in menus[row["class"]]}
        own = menu[row["point"]]
        pue_grams = own["carbon_g"] / own["energy_wh"]
        assert pue_grams > 0
        end = row["to_g_per_kwh"]
        if end is None or math.isnan(end):
            continue
        pue = row["cap_g"] / (own["energy_wh"] / 1e3 * end)
        assert pue >= 1.0 - 1e-9  # at most the cap with the PUE that the class meets, ≥ 1


def test_what_users_feel(cloud: fleets.StudiedFleet, markets: dict[str, OwnMarket]) -> None:
    """(1 − θ)·Q of each segment over accuracy and latency, at what full service emits."""
    segments = {segment.id: segment for segment in cloud.scenario.users.segments}
    for row in cloud.rows("tier_utility")[::97]:
        segment = segments[row["segment"]]
        own = markets[row["class"]].felt(segment, row["accuracy"], row["latency_ms"])
        assert row["utility"] == pytest.approx((1 - segment.consciousness) * own, rel=1e-9)


def test_geography_and_tiers_add_up(cloud: fleets.StudiedFleet) -> None:
    """Each part is saved against one baseline; geography is what the plan saves; the rest is told.

    All is variable cost, the kind of the headline's saving.
    """
    rows = {row["part"]: row for row in cloud.rows("tier_split")}
    for unit, total in (("usd", "variable_usd"), ("kg", "carbon_kg")):
        column = f"{'cost' if unit == 'usd' else 'carbon'}_{unit}"
        base = rows["baseline"][column]
        for part in ("baseline", "geography", "tiers", "both"):
            assert rows[part][f"saving_{unit}"] == close(base - rows[part][column], base)
        parts = rows["geography"][f"saving_{unit}"] + rows["tiers"][f"saving_{unit}"]
        beyond = rows["both"][f"saving_{unit}"] - parts
        assert rows["interaction"][f"saving_{unit}"] == close(beyond, base)
        assert base == close(cloud.study.meta["totals"]["baseline"][total])
        assert rows["geography"][column] == close(cloud.study.meta["totals"]["plan"][total])
    least = max(rows[part]["saving_usd"] for part in ("geography", "tiers"))
    assert rows["both"]["saving_usd"] >= least * (1 - 1e-9)


def test_sensitivities_start_from_the_offer(cloud: fleets.StudiedFleet) -> None:
    """With nothing varied each assumption gives the offer of the card."""
    chosen = {row["class"]: row for row in cloud.rows("tier_verdicts") if row["worth"]}
    varied = [row for row in cloud.rows("tier_sensitivity") if row["class"] in chosen]
    assert varied
    for row in varied:
        offer = chosen[row["class"]]
        assert row["profit_gain_base_usd"] == pytest.approx(offer["profit_gain_usd"], rel=1e-6)
        assert row["carbon_saved_base_kg"] == pytest.approx(offer["carbon_saved_kg"], rel=1e-6)


def test_shares_that_carbon_asks_for(cloud: fleets.StudiedFleet) -> None:
    """Shares of the rules at the baseline region, recomputed by walking through the hours."""
    sceptic, s = cloud.sceptic, cloud.scenario
    chosen = max(
        (row for row in cloud.rows("tier_verdicts") if row["worth"]),
        key=lambda row: row["profit_gain_usd"],
    )
    k = [c.id for c in s.classes].index(chosen["class"])
    green = [p.id for p in s.points].index(chosen["fallback"])
    rows = [row for row in cloud.rows("tier_shares") if row["place"] == "local"]
    assert rows
    for zone in {row["zone"] for row in rows}:
        here = [row for row in rows if row["zone"] == zone]
        members = [i for i in sceptic.i if s.regions[sceptic.baseline_region[i, k]].zone == zone]
        r = int(sceptic.baseline_region[members[0], k])
        volume = (sceptic.demand[members, k] * sceptic.span).sum(axis=0)
        blind = {row["cap_share"]: row["share"] for row in here if row["rule"] == "blind"}
        inner = [(cap, share) for cap, share in blind.items() if share and 0 < share < 1]
        if not inner:
            continue
        less = (1 - inner[0][0]) / inner[0][1]  # 1 − e_green/e_full
        ratios = 1 - sceptic.kwh[k, green] / sceptic.kwh[k]
        assert np.isclose(ratios, less, rtol=1e-6).any()
        for row in here:
            own = _needed(row["rule"], sceptic.grams[r], volume, row["cap_share"], less)
            stated = row["share"]
            assert (math.nan if stated is None else stated) == pytest.approx(
                own, rel=1e-6, abs=1e-9, nan_ok=True
            ), row


def _needed(rule: str, grams: np.ndarray, volume: np.ndarray, cap: float, less: float) -> float:
    """The least share of the volume to degrade; nan where none is enough."""
    total, emitted = float(volume.sum()), float(volume @ grams)
    if rule == "blind":
        share = (1 - cap) / less
        return share if share <= 1 + 1e-12 else math.nan
    order = np.argsort(-grams, kind="stable")
    degraded, kept, left = 0.0, total, emitted
    saved, most = 0.0, cap * emitted / total
    for t in order:
        if rule == "budget":
            need = emitted * (1 - cap) - saved
            part = max(min(need / (grams[t] * less), volume[t]), 0.0)
            degraded, saved = degraded + part, saved + part * grams[t] * less
        else:  # so much of the hour that the mean of what is served in full meets the cap
            over = left - most * kept
            part = max(min(over / (grams[t] - most), volume[t]) if grams[t] > most else 0.0, 0.0)
            degraded, kept, left = degraded + part, kept - part, left - part * grams[t]
    if rule == "budget" and saved < emitted * (1 - cap) * (1 - 1e-9):
        return math.nan
    if rule == "percentile" and left > most * kept * (1 + 1e-9):
        degraded = total
    return degraded / total


def test_flows_of_the_plan_are_in_the_market(
    cloud: fleets.StudiedFleet, markets: dict[str, OwnMarket]
) -> None:
    """All requests that the plan serves of a class are in its market."""
    sceptic: Sceptic = cloud.sceptic
    served: dict[int, float] = defaultdict(float)
    for _, k, r, _, t, rate in entries(cloud.study.plan.flows):
        served[k] += rate * sceptic.span[t] if r >= 0 else 0.0
    for own in markets.values():
        assert own.total == pytest.approx(served[own.k])
