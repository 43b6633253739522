"""What is published of a month: the sums of all tenants together, and of nobody alone."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.live import Live, configuration
from tests.serve.toys import facts, outcome, row_of
from wattlas.errors import InputError
from wattlas.serve.config import PublishSection
from wattlas.serve.decision import Decision, End, Reason
from wattlas.serve.ledger.journal import CORRECTION, Batch, Row
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.published import PATHS, declaration
from wattlas.serve.run import check_files
from wattlas.serve.table import Place

SAID = PublishSection(
    provider="Acme, green@acme.example", methodology="https://acme.example/how",
    target="api.acme.example",
)  # fmt: skip
STATED = SAID.model_dump()
NOW_S = datetime(2026, 11, 1, 0, 0, 1, tzinfo=UTC).timestamp()
"""A second after October."""
OCTOBER_S = datetime(2026, 10, 15, tzinfo=UTC).timestamp()


def row(id: str, tenant: str, utc_s: float = OCTOBER_S, end: End = End.WHOLE, **more: Any) -> Row:
    """A request of a tenant."""
    asked = facts(id, utc_s=utc_s, tenant=tenant)
    decision = Decision(asked, "all", False, Place("oslo", "large"), Reason.CAP, 1)
    made = row_of(decision, outcome(decision, end, utc_s + 1))
    return made._replace(**{"facility_mj": 7_200_000, "average_ug": 500_000, **more})


class Kept:
    """A store of some rows."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def tenants(self) -> list[str]:
        """Whoever has rows."""
        return sorted({each.tenant for each in self._rows})

    def rows(self, tenant: str, since_us: int, until_us: int) -> Any:
        """A tenant's rows."""
        found = [
            r for r in self._rows if r.tenant == tenant and since_us <= r.admitted_us < until_us
        ]
        return type("Statement", (), {"rows": found})


def told(rows: list[Row], said: PublishSection = SAID) -> dict[str, Any] | None:
    """What is published of rows."""
    return declaration(Kept(rows), said, NOW_S)  # type: ignore[arg-type]


def test_corrections_are_published() -> None:
    """With the month that they correct; they make no tenant."""
    rows = [row("1", "a"), row("2", "b"), row("3", "c")]
    late = row("4", "a", facility_mj=0, average_ug=-250_000)
    late = late._replace(end=CORRECTION, corrects="2026-10-15T00:00Z", contract="")
    corrected = told([*rows, late])
    assert corrected is not None
    assert corrected["carbon-footprint"] == pytest.approx(1.25 / 1e3)
    assert told([*rows[:2], late]) is None


@examples(100)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 10**9), st.integers(0, 10**8)),
        min_size=1, max_size=20,
    ),
    st.integers(1, 4),
)  # fmt: skip
def test_sums_are_those_of_all_rows(made: list[tuple[str, int, int]], least: int) -> None:
    """kWh, kg and g/kWh of all tenants; nothing where there are too few of them."""
    rows = [
        row(str(n), tenant, facility_mj=mj, average_ug=ug)
        for n, (tenant, mj, ug) in enumerate(made)
    ]
    found = told(rows, SAID.model_copy(update={"least_tenants": least}))
    if len({tenant for tenant, _, _ in made}) < least:
        assert found is None
        return
    assert found is not None
    kwh, grams = sum(mj for _, mj, _ in made) / 3.6e9, sum(ug for _, _, ug in made) / 1e6
    assert found["energy-consumption"] == pytest.approx(kwh, rel=1e-5)
    assert found["carbon-footprint"] == pytest.approx(grams / 1e3, rel=1e-5)
    if kwh:
        assert found["carbon-intensity-gCO2e-per-kWh"] == pytest.approx(grams / kwh, rel=1e-5)
    assert found["reporting-period"] == "2026-10"
    text = json.dumps(found)
    assert not any(f'"{name}"' in text for name in "abcd")


def test_only_the_last_month_is_told() -> None:
    """The present one is not over, and the one before it is another."""
    others = (NOW_S, datetime(2026, 9, 30, 23, 59, tzinfo=UTC).timestamp())
    rows = [row(f"{tenant}-{at}", tenant, at) for tenant in "abc" for at in others]
    assert told(rows) is None
    found = told([*rows, *(row(tenant, tenant) for tenant in "abc")])
    assert found is not None
    assert found["energy-consumption"] == pytest.approx(3 * 7_200_000 / 3.6e9)


def test_a_sum_of_which_a_part_is_unknown_is_left_out() -> None:
    """Without an intensity no emissions, without tokens nothing; what failed takes no part."""
    rows = [row(tenant, tenant) for tenant in "abc"]
    failed = row("d", "d", end=End.FAILED, facility_mj=None, average_ug=None)
    assert told([*rows, failed]) == told(rows)
    found = told([*rows, row("d", "d", average_ug=None)])
    assert found is not None
    assert "energy-consumption" in found
    assert not any("carbon" in key for key in found)
    assert told([*rows, row("d", "d", facility_mj=None)]) is None


def test_an_answer_that_broke_counts_and_one_that_failed_does_not() -> None:
    """What was produced was drawn, whether the stream ended or not."""
    whole = [row(name, name, facility_mj=3_600_000_000, average_ug=1) for name in "abc"]
    more = [
        row(f"{name}2", name, end=End.BROKEN, facility_mj=3_600_000_000, average_ug=1)
        for name in "abc"
    ]
    failed = [row("d", "a", end=End.FAILED, facility_mj=3_600_000_000, average_ug=1)]
    sums = [told(rows) for rows in (whole, [*whole, *more], [*whole, *more, *failed])]
    kwh = [each["energy-consumption"] for each in sums if each is not None]
    assert kwh == [kwh[0], 2 * kwh[0], 2 * kwh[0]]


def test_the_form_is_that_of_the_draft() -> None:
    """The seven members that must be there, texts and numbers, and no others than it names."""
    found = told([row(tenant, tenant) for tenant in "abc"])
    assert found is not None
    must = {"updated", "capabilities", "provider", "measurement-method", "methodology-uri",
            "reporting-period", "target"}  # fmt: skip
    may = {"target-type", "energy-consumption", "energy-unit", "carbon-footprint", "carbon-unit",
           "carbon-accounting", "carbon-intensity-gCO2e-per-kWh"}  # fmt: skip
    assert must <= set(found) <= must | may
    assert all(isinstance(found[key], str) for key in must)
    assert datetime.fromisoformat(found["updated"]).timestamp() == NOW_S


def get(live: Live, path: bytes, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """What anybody is answered, without a key."""
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=10)
    connection.request(method, path.decode())
    answer = connection.getresponse()
    made = answer.status, dict(answer.headers), answer.read()
    connection.close()
    return made


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A service that publishes, with answers of the last month."""
    made = Live(tmp_path)
    store = SqliteStore(tmp_path / "ledger.sqlite")
    month_s = 31 * 86_400
    now_s = datetime.now(UTC).replace(day=15).timestamp()
    store.record(Batch([row(f"old-{t}", t, now_s - month_s) for t in ("acme", "plain", "gone")]))
    assert store.tenants() == ["acme", "gone", "plain"]
    store.close()
    made.start(publish=STATED)
    yield made
    made.stop()
    made.end()


def test_everybody_may_ask(live: Live) -> None:
    """Without a key, by either path; tenants that are no longer configured take part."""
    for path in PATHS:
        status, headers, text = get(live, path)
        assert (status, headers["content-type"]) == (200, "application/sustainability-data+json")
        assert json.loads(text)["energy-consumption"] == pytest.approx(3 * 7_200_000 / 3.6e9)
    assert get(live, PATHS[0], "HEAD")[::2] == (200, b"")
    assert get(live, PATHS[0], "POST")[0] == 405


def test_nothing_is_published_unasked(tmp_path: Path) -> None:
    """Without `publish` there is no such page."""
    live = Live(tmp_path)
    live.start()
    try:
        assert get(live, PATHS[0])[0] == 404
    finally:
        live.stop()
        live.end()


def test_a_method_needs_an_address(tmp_path: Path) -> None:
    """An address of https, which everybody can read."""
    live = Live(tmp_path)
    urls = {"oslo": "http://x:1", "austin": "http://x:1"}
    path = live.write(configuration(urls, publish={**STATED, "methodology": "how.html"}))
    live.end()
    with pytest.raises(InputError) as caught:
        check_files(path)
    assert [problem.where for problem in caught.value.problems] == ["publish.methodology"]
