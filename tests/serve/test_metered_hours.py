"""Meters of whole servers: an hour's energy is shared out among its requests, to the last mJ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.test_corrections import HOURS_US, MONTH, NOW_US, REQUESTS, leads, made_rows
from wattlas.cli import run
from wattlas.errors import InputError, UsageError
from wattlas.serve.corrected_rows import shared
from wattlas.serve.corrections import Revised, of_energy, of_signals
from wattlas.serve.ledger.journal import Batch, Row
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.metered_hours import of_meters
from wattlas.serve.revised import read_metered
from wattlas.serve.statements import statement_rows, total

WORDS = ("meters v1", "metered")
HEAD = "time_utc,region,it_kwh\n"


def by_tenant(first: Any, second: Any) -> dict[str, list[Row]]:
    """The rows of two tenants."""
    return {
        tenant: [row._replace(tenant=tenant, id=f"{tenant}-{row.id}") for row in made_rows(said)]
        for tenant, said in (("acme", first), ("other", second))
    }


def hour(rows: dict[str, list[Row]], region: str, moment_us: int) -> list[Row]:
    """Rows of all tenants of an hour in a region, corrections too."""
    ends_us = moment_us + 3_600_000_000
    return [
        row for own in rows.values() for row in own
        if row.region == region and moment_us <= row.admitted_us < ends_us
    ]  # fmt: skip


@examples(100)
@given(REQUESTS, REQUESTS, st.floats(0.05, 20.0))
def test_an_hour_comes_to_what_was_metered(first: Any, second: Any, factor: float) -> None:
    """Exactly, over tenants; each keeps its share, its intensity and its price; other hours and
    regions stay; the same again appends nothing."""
    rows = by_tenant(first, second)
    before = total(hour(rows, "oslo", HOURS_US[0]))
    assume(before["it_mj"] > 1000)
    others = total([r for own in rows.values() for r in own])["it_mj"] - before["it_mj"]
    metered = {("oslo", HOURS_US[0]): round(before["it_mj"] * factor)}
    for tenant, made in of_meters(rows, metered, WORDS, NOW_US).items():
        rows[tenant] += made
    after = total(hour(rows, "oslo", HOURS_US[0]))
    assert after["it_mj"] == metered["oslo", HOURS_US[0]]
    assert total([r for own in rows.values() for r in own])["it_mj"] - after["it_mj"] == others
    scale = after["it_mj"] / before["it_mj"]
    for name in ("facility_mj", "average_ug", "nano_usd"):
        assert after[name] == pytest.approx(before[name] * scale, abs=8 + abs(before[name]) * 1e-4)
    for name in ("requests", "whole", "degraded", "tokens_in", "unknown"):
        assert after[name] == before[name]
    assert not of_meters(rows, metered, WORDS, NOW_US)
    full = [row for row in hour(rows, "oslo", HOURS_US[0]) if row.corrects is None]
    if all(row.usual_mj == row.facility_mj for row in full):
        assert after["usual_mj"] == pytest.approx(after["facility_mj"], abs=8)


def test_signals_are_revised_on_metered_energy() -> None:
    """The difference of the meter counts at the revised signal; back again nothing is left over."""
    rows = by_tenant([(0, 0, 1000, "accra"), (0, 1, 3000, "accra")], [(0, 0, 500, "accra")])
    it_mj = total(hour(rows, "oslo", HOURS_US[0]))["it_mj"]
    for tenant, made in of_meters(rows, {("oslo", HOURS_US[0]): 3 * it_mj}, WORDS, NOW_US).items():
        rows[tenant] += made
    signals = {("oslo", HOURS_US[0]): Revised(None, 60.0)}
    for own in rows.values():
        own += of_signals(own, signals, "v2", "revised", NOW_US)
        assert not of_signals(own, signals, "v2", "revised", NOW_US)
    sums = total(hour(rows, "oslo", HOURS_US[0]))
    assert sums["average_ug"] == pytest.approx(sums["facility_mj"] / 3.6e9 * 60.0 * 1e6, abs=9)


@examples(50)
@given(REQUESTS, st.floats(0.05, 20.0))
def test_requests_of_metered_hours_are_corrected_one_by_one(said: Any, factor: float) -> None:
    """One gets the very energy that was given; each is taken out with its share of the meter, and
    nothing of the hour is left over; the others keep theirs, and none is taken out twice."""
    rows = by_tenant(said, [])
    own = rows["acme"]
    first = [row for row in hour(rows, "oslo", HOURS_US[0]) if row.it_mj]
    before = sum(row.it_mj or 0 for row in first)
    assume(before > 1000)
    others = total(own)["it_mj"] - before
    own += of_meters(rows, {("oslo", HOURS_US[0]): round(before * factor)}, WORDS, NOW_US).get(
        "acme", []
    )
    left = float(round(before * factor))
    for n, row in enumerate(first):
        share = (row.it_mj or 0) * factor
        if n == 0 and share >= 1.5:
            own.append(of_energy(own, row.id, 0.3, "read wrong", NOW_US))
            left += 300 - share
            share = 300.0
            assert total(own)["it_mj"] - others == pytest.approx(left, abs=len(first) + 1)
        if share >= 1.5:
            own.append(of_energy(own, row.id, None, "out", NOW_US))
            with pytest.raises(UsageError, match="already"):
                of_energy(own, row.id, None, "again", NOW_US)
            left -= share
            assert total(own)["it_mj"] - others == pytest.approx(left, abs=2 * len(first) + 1)
    sums = total(hour(rows, "oslo", HOURS_US[0]))
    for name in ("it_mj", "facility_mj", "average_ug", "nano_usd"):
        assert sums[name] == pytest.approx(0, abs=4 * len(first))


def test_an_hour_is_metered_again_whose_requests_were_corrected_to_what_was_added() -> None:
    """Then their own rows add up to nothing, and what holds is the meter's difference alone."""
    rows = by_tenant([(0, 0, 1000, "lagos")], [])
    own = rows["acme"]
    it_mj = own[0].it_mj or 0
    for metered_mj in (2 * it_mj, 3 * it_mj):
        own += of_meters(rows, {("oslo", HOURS_US[0]): metered_mj}, WORDS, NOW_US)["acme"]
        assert total(own)["it_mj"] == metered_mj
        own.append(of_energy(own, own[0].id, it_mj / 1e3, "as recorded", NOW_US))
        assert total(own)["it_mj"] == it_mj


@examples(200)
@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_shares_add_up_and_are_near(whole: int, weights: list[int]) -> None:
    """To the whole, each within one of its part."""
    assume(sum(weights))
    parts = shared(whole, weights)
    assert sum(parts) == whole
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - whole * weight) < sum(weights)


def test_a_meter_of_another_unit_is_refused() -> None:
    """A hundredfold is another unit, or another server; an hour without requests is nobody's."""
    rows = by_tenant([(0, 0, 1000, "lagos")], [])
    it_mj = total(rows["acme"])["it_mj"]
    for factor in (101, 0.0099):
        with pytest.raises(UsageError, match="another unit"):
            of_meters(rows, {("oslo", HOURS_US[0]): round(it_mj * factor)}, WORDS, NOW_US)
    assert not of_meters(rows, {("pune", HOURS_US[0]): 10**6}, WORDS, NOW_US)


def test_the_command_line_takes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is checked, shared out once, and the chain goes on."""
    path, table = tmp_path / "ledger.sqlite", tmp_path / "metered.csv"
    store = SqliteStore(path)
    for own in by_tenant([(0, 0, 9000, "lagos")], [(0, 0, 1000, "lagos")]).values():
        store.record(Batch(own))
    kwh = sum(total(store.rows(t, 0, 2**62).rows)["it_mj"] for t in store.tenants()) / 3.6e9
    for text, words in (
        ("2026-11-29T00:00Z,oslo,-1\n", "it_kwh"), ("", "there are none"),
        ("2026-11-29T00:10Z,oslo,1\n", "no beginning"),
    ):  # fmt: skip
        table.write_text(HEAD + text)
        with pytest.raises(InputError) as caught:
            read_metered(table)
        assert any(words in str(problem) for problem in caught.value.problems)
    table.write_text(f"{HEAD}2026-11-29T00:00Z,oslo,{2 * kwh:.9f}\n")
    command = ["ledger", "correct", str(path), "--energy", str(table)]
    assert run([*command, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [row["tenant"] for row in made] == ["acme", "other"]
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run([*command, "--tenant", "acme"]) == 2
    capsys.readouterr()
    table.write_text(f"{HEAD}2026-11-29T00:00Z,olso,1\n2026-11-29T09:00Z,oslo,1\n")
    assert run(command) == 0
    told = capsys.readouterr().err
    assert "`olso` took at 2026-11-29T00:00Z and 1 more hour" in told
    assert "0 rows appended" in told
    sums = [total(store.rows(t, 0, 2**62).rows)["it_mj"] for t in store.tenants()]
    assert sum(sums) == round(float(f"{2 * kwh:.9f}") * 3.6e9)
    assert all(leads(statement_rows(store, t, MONTH)) for t in store.tenants())
    store.close()
