"""Corrections: appended to the chain, exact in sums, and nothing to the degradation cap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.live import KEYS, Live
from tests.serve.test_accounts import PLACES, START_S, schedule
from wattlas.cli import run
from wattlas.errors import InputError, UsageError
from wattlas.replays.arrivals.trace import open_trace
from wattlas.serve import corrections
from wattlas.serve.accounts import rows_of
from wattlas.serve.corrected_rows import HOUR_US
from wattlas.serve.corrections import Revised, of_energy, of_signals
from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.ledger.journal import Batch, ContractWindow, Row
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.revised import read_revised
from wattlas.serve.statements import SUMS, statement, statement_csv, statement_rows, total

HOURS_US = [round(START_S * 1e6) + n * HOUR_US for n in range(2)]
MONTH = "2026-11"
SCHEDULE = schedule()
NOW_US = HOURS_US[0] + 99 * HOUR_US
AMOUNTS = ("average_ug", "marginal_ug", "nano_usd")


def made_rows(said: list[tuple[int, int, int, str]]) -> list[Row]:
    """Rows of requests: hour, place, tokens, metro; `accra` has no baseline region."""
    ended = []
    for n, (hour, place, tokens, metro) in enumerate(said):
        utc_s = START_S + 3600 * hour + n
        facts = Facts(f"boot-{n + 1}", "acme", "g", metro, "chat", Asked.AUTO, utc_s)
        low = PLACES[place].point == "small"
        decision = Decision(facts, MONTH, low, PLACES[place], Reason.SAVING, 3)
        outcome = Settlement(
            End.WHOLE, PLACES[place], low, utc_s + 1, 200, "llama", "l", tokens, tokens
        )
        ended.append((decision, outcome))
    return rows_of(lambda: SCHEDULE)(ended)


REQUESTS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 100_000),
              st.sampled_from(["lagos", "accra"])), min_size=1, max_size=12,
)  # fmt: skip
SIGNAL = st.none() | st.floats(-500, 2000)
REVISED = st.dictionaries(
    st.tuples(st.sampled_from(["oslo", "pune"]), st.sampled_from(HOURS_US)),
    st.builds(Revised, SIGNAL, st.none() | st.floats(0, 2000), SIGNAL), max_size=4,
)  # fmt: skip
FIRST = {
    ("oslo", HOURS_US[0]): Revised(-12.5, 30.0), ("pune", HOURS_US[0]): Revised(80.1, 700.3, -4.4),
    ("oslo", HOURS_US[1]): Revised(None, 31.7, 900.9),
}  # fmt: skip
"""Those of the schedule."""


def wanted(rows: list[Row], signals: dict[tuple[str, int], Revised]) -> dict[str, float]:
    """Sums of amounts by the revised signals, as the formula is written; what is not revised stays
    as it was recorded."""
    sums = dict.fromkeys([f"{usual}{name}" for usual in ("", "usual_") for name in AMOUNTS], 0.0)
    for row in rows:
        hour_us = row.admitted_us // HOUR_US * HOUR_US
        for usual, region, mj in (
            ("", row.region, row.facility_mj), ("usual_", row.usual_region, row.usual_mj),
        ):  # fmt: skip
            told = signals.get((str(region), hour_us), Revised())
            kwh = (mj or 0) / 1e3 / 3.6e6
            for name, signal, per in (
                ("average_ug", told.average_g_per_kwh, 1e6),
                ("marginal_ug", told.marginal_g_per_kwh, 1e6),
                ("nano_usd", told.price_usd_per_mwh, 1e6),
            ):
                recorded = getattr(row, f"{usual}{name}") or 0
                revised = signal is not None and mj is not None
                sums[f"{usual}{name}"] += kwh * signal * per if revised else recorded
    return sums


def close(found: dict[str, int], sums: dict[str, float], rows: int) -> bool:
    """Each amount of a request is rounded once, and one that hardly differs stays as it was."""
    return all(abs(found[name] - amount) <= 2.6 * rows for name, amount in sums.items())


@examples(150)
@given(REQUESTS, REVISED, REVISED)
def test_sums_are_those_of_revised_signals(said: Any, first: Any, second: Any) -> None:
    """After one revision and another one on top; the same again appends nothing, and energy
    and counts are as they were."""
    rows = made_rows(said)
    kept = list(rows)
    for signals in (first, second):
        kept += of_signals(kept, signals, "v2", "revised", NOW_US)
        assert not of_signals(kept, signals, "v2", "revised", NOW_US)
    merged = {key: Revised(*(b if b is not None else a for a, b in zip(
        first.get(key, Revised()), second.get(key, Revised()), strict=True,
    ))) for key in {*first, *second}}  # fmt: skip
    after, before = total(kept), total(rows)
    assert close(after, wanted(rows, merged), len(rows))
    assert 0 <= after["unknown"] <= before["unknown"]
    for name in ("requests", "whole", "degraded", "tokens_in", "it_mj", "facility_mj", "usual_mj"):
        assert after[name] == before[name]


@examples(100)
@given(REQUESTS)
def test_signals_of_before_lead_back_exactly(said: Any) -> None:
    """To the last digit, where they were known then."""
    rows = made_rows([each for each in said if each[:2] != (1, 2)])
    kept = list(rows)
    for signals in ({key: Revised(1.0, 1.0, 1.0) for key in FIRST}, FIRST):
        kept += of_signals(kept, signals, "v1", "revised", NOW_US)
    for name in ("average_ug", "usual_average_ug"):
        assert total(kept)[name] == total(rows)[name]


def test_what_becomes_known_is_no_longer_unknown() -> None:
    """Pune tells nothing in the second hour; a revision that tells all of it does."""
    rows = made_rows([(1, 2, 1000, "lagos"), (1, 2, 3000, "lagos")])
    assert total(rows)["unknown"] == 2
    signals = {
        ("pune", HOURS_US[1]): Revised(80.0, 700.0, 10.0), ("oslo", HOURS_US[1]): Revised(20.0),
    }  # fmt: skip
    made = of_signals(rows, signals, "v2", "late", NOW_US)
    sums = total([*rows, *made])
    assert (sums["unknown"], sums["corrections"]) == (0, len(made))
    assert close(sums, wanted(rows, signals), 2)
    known = [row._replace(**{n: 7 for n in SUMS if getattr(row, n) is None}) for row in rows]
    assert total(known)["unknown"] == 0
    made = of_signals(known, signals, "v2", "late", NOW_US)
    assert made
    assert [row.filled for row in made] == [0] * len(made)


def test_a_wrong_row_is_corrected_by_its_id() -> None:
    """To half its energy, then to nothing; after the signals of its hour were revised, too. What it
    was is not touched."""
    rows = made_rows([(0, 0, 1000, "lagos"), (0, 0, 3000, "lagos"), (0, 1, 500, "lagos")])
    signals = {("oslo", HOURS_US[0]): Revised(50.0, 60.0, 70.0)}
    kept = [*rows, *of_signals(rows, signals, "v2", "revised", NOW_US)]
    it_mj = rows[0].it_mj
    assert it_mj
    kept.append(of_energy(kept, rows[0].id, it_mj / 2e3, "half", NOW_US))
    half = [rows[0]._replace(it_mj=it_mj // 2, facility_mj=round(it_mj / 2 * 1.07)), *rows[1:]]
    assert abs(total(kept)["it_mj"] - total(half)["it_mj"]) <= 1
    own = {name: n for name, n in wanted(half, signals).items() if not name.startswith("usual")}
    assert close(total(kept), own, 4)
    kept.append(of_energy(kept, rows[0].id, None, "none", NOW_US))
    sums = total(kept)
    assert sums["it_mj"] == sum(row.it_mj or 0 for row in rows[1:])
    assert close(sums, wanted(rows[1:], signals), 4)
    assert kept[:3] == rows
    for id, energy, words in (
        ("boot-9", 1.0, "no request"), (rows[0].id, None, "already"),
        (rows[1].id, -1.0, "no energy"), (kept[-1].id, 1.0, "no request"),
        (rows[1].id, 1e300, "no energy"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            of_energy(kept, id, energy, "again", NOW_US)
    assert len({row.id for row in kept}) == len(kept)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A ledger with rows of two hours, and a cap of which half is used."""
    made = SqliteStore(tmp_path / "ledger.sqlite")
    rows = made_rows([(n % 2, n % 3, 1000 * n, "lagos") for n in range(12)])
    made.record(Batch(rows, charged={row.id for row in rows if row.degraded}))
    yield made
    made.close()


ACCOUNT = ContractWindow("acme", "g", MONTH)


def leads(text: bytes) -> bool:
    """Whether the rows of a statement lead from its head before to its head."""
    told, *lines = text.splitlines()
    said = json.loads(told)
    head = bytes.fromhex(said["head_before"])
    for line in lines:
        head = sha256(head + line).digest()
    return bool(head.hex() == said["head"])


def test_the_old_statement_still_holds(store: SqliteStore) -> None:
    """Its rows are the first of the new one's, whose chain passes through its head; parts of the
    new one add up, and the counts of the cap are as they were."""
    before, counts = statement_rows(store, "acme", MONTH), store.counts(ACCOUNT)
    signals = {("oslo", HOURS_US[0]): Revised(None, 99.0)}
    made = corrections.correct(store, "acme", signals, "v2", "revised")
    assert made
    after = statement_rows(store, "acme", MONTH)
    assert leads(before)
    assert leads(after)
    old, new = before.splitlines(), after.splitlines()
    assert new[1 : len(old)] == old[1:]
    assert len(new) == len(old) + len(made)
    assert json.loads(old[0])["head_before"] == json.loads(new[0])["head_before"]
    assert store.counts(ACCOUNT) == counts
    told = statement(store, "acme", MONTH)
    assert told["chain"]["head"] == json.loads(new[0])["head"]
    assert told["chain"]["head_before"] == json.loads(new[0])["head_before"]
    assert told["total"]["requests"] == told["uncorrected"]["requests"] == 12
    for name in told["total"]:
        for part in ("by_region", "by_hour"):
            assert sum(sums[name] for sums in told[part].values()) == told["total"][name]
    for name in ("average_ug", "usual_average_ug"):
        differences = sum(each[name] for each in told["corrections"])
        assert told["total"][name] == told["uncorrected"][name] + differences
    assert {each["corrects"] for each in told["corrections"]} == {"2026-11-29T00:00Z"}
    methods = told["methods"]["energy"].values()
    assert sum(each["requests"] for each in methods) == 12
    assert sum(each["it_mj"] for each in methods) == told["total"]["it_mj"]
    assert statement_csv(told).count("\n") == 1 + 2 + 2 + len(told["by_hour_and_region"]) + 1
    again = corrections.correct(store, "acme", signals, "v2", "revised")
    assert not again


def test_two_at_once_append_once(store: SqliteStore) -> None:
    """Who read the same accounts makes the same rows, and the ledger takes each id once."""
    signals = {("oslo", HOURS_US[0]): Revised(None, 99.0)}
    rows = store.rows("acme", HOURS_US[0], HOURS_US[1]).rows
    made = of_signals(rows, signals, "v2", "revised", NOW_US)
    other = of_signals(rows, signals, "v2", "revised", NOW_US + 5)
    assert store.record(Batch(made)).rows == len(made)
    assert store.record(Batch(other)).rows == 0


TABLE = "time_utc,region,price_usd_per_mwh,average_g_per_kwh,marginal_g_per_kwh\n"


def test_a_table_of_revised_signals_is_checked(tmp_path: Path) -> None:
    """With every problem, and never in another unit."""
    path = tmp_path / "revised.csv"
    path.write_text(TABLE + "2026-11-29T00:00Z,oslo,,31.5,-4\n2026-11-29T01:00Z,oslo,-7,,\n")
    found = read_revised(path)
    assert found == {
        ("oslo", HOURS_US[0]): Revised(None, 31.5, -4.0), ("oslo", HOURS_US[1]): Revised(-7.0),
    }  # fmt: skip
    for text, words in (
        ("2026-11-29T00:30Z,oslo,1,30,\n", "no beginning of an hour"),
        ("2026-11-29T00:00Z,oslo,1,30,\n" * 2, "given twice"),
        ("2026-11-29T00:00Z,oslo,1,0.031,\n", "as nowhere"),
        ("2026-11-29T00:00Z,oslo,1,31000,\n", "as nowhere"),
        ("2026-11-29T00:00Z,oslo,1,-31,\n", "average_g_per_kwh"),
        ("2026-11-29T00:00Z,oslo,,,\n", "nothing is revised"),
        ("2026-11-29T00:00Z,oslo,1e300,30,\n", "price_usd_per_mwh"),
        ("2026-11-29T00:00Z,oslo,1,30,-1e300\n", "marginal_g_per_kwh"),
        ("<html>,oslo,1,30,\n", "time_utc"),
    ):
        path.write_text(TABLE + text)
        with pytest.raises(InputError) as caught:
            read_revised(path)
        assert any(words in str(problem) for problem in caught.value.problems), words
    path.write_text("time_utc,region\n2026-11-29T00:00Z,oslo\n")
    with pytest.raises(InputError, match="no column of values"):
        read_revised(path)


def test_a_ledger_in_use_is_corrected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line, while the service serves: it goes on, rows of requests are as they
    were, no permit is gained or lost, and a replay sees no other requests."""
    live = Live(tmp_path)
    live.start()
    messages: Any = [{"role": "user", "content": "ping"}]
    try:
        client = openai.OpenAI(base_url=f"{live.url}/v1", api_key=KEYS["acme"], max_retries=0)
        with client:
            for _ in range(4):
                client.chat.completions.create(model="llama", messages=messages)
            rows, counts = live.settled(), live.counts()
            hour = datetime.fromtimestamp(rows[-1].admitted_us // 10**6, UTC)
            revised = tmp_path / "revised.csv"
            revised.write_text(TABLE + "".join(
                f"{hour:%Y-%m-%dT%H:00Z},{region},60,99,120\n" for region in ("oslo", "austin")
            ))  # fmt: skip
            ledger = str(tmp_path / "ledger.sqlite")
            words = ["ledger", "correct", ledger, "--signals", str(revised)]
            assert run([*words, "--dry-run", "--json"]) == 0
            dry = json.loads(capsys.readouterr().out)
            assert dry
            assert live.rows() == rows
            assert run([*words, "--why", "final"]) == 0
            assert len(capsys.readouterr().out.splitlines()) == len(dry)
            assert run(words) == 0
            assert not capsys.readouterr().out
            assert run(["ledger", "correct", ledger, "--row", rows[0].id, "--tenant", "acme",
                        "--void"]) == 0  # fmt: skip
            assert run(["ledger", "correct", ledger, "--row", rows[0].id, "--tenant", "acme",
                        "--void"]) == 2  # fmt: skip
            client.chat.completions.create(model="llama", messages=messages)
        capsys.readouterr()
        after = live.settled()
        requests = [row for row in after if row.corrects is None]
        assert requests[:4] == rows
        assert len(requests) == 5
        assert live.counts()[0] == counts[0] + 1
        month = f"{hour:%Y-%m}"
        assert run(["ledger", "statement", ledger, "acme", month, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["total"]["corrections"] == len(after) - 5
        assert {each["why"] for each in told["corrections"]} == {"final", "wrong row"}
        assert leads(statement_rows(live.service.plane.store, "acme", month))
        where = [f"{row.region}/{row.point}" for row in requests if row.end == "whole"]
        log = open_trace(tmp_path / "ledger.sqlite", place=where[0]).log()
        assert len(log.t_s) == where.count(where[0])
    finally:
        live.stop()
        live.end()


@pytest.mark.parametrize(
    ("words", "told"),
    [(["correct", "nowhere.sqlite", "--signals", "x.csv"], "is no ledger"),
     (["correct", "x"], "give --signals"), (["correct", "x", "--row", "a"], "--row needs either"),
     (["correct", "x", "--row", "a", "--void"], "the one --tenant"),
     (["statement", "nowhere.sqlite", "acme", "2026-11"], "is no ledger")],
)  # fmt: skip
def test_wrong_usage_is_told(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is opened."""
    assert run(["ledger", *words]) == 2
    assert told in capsys.readouterr().err
