"""Demand as totals per day or month: every window keeps its total, wherever its requests come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.scenario_files import Folder, tiny_folder
from tests.examples import examples
from wattlas.data.schema_models import TotalsDemand
from wattlas.data.totals import Total, spread
from wattlas.model.signals import Hours

ZONES = ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Lagos"]
CLOCK = {"hour_weights": "office", "weekend_factor": 0.3}


@examples(12)
@given(
    zone=st.sampled_from(ZONES),
    amount=st.floats(1, 1e9),
    per_day=st.booleans(),
    step_h=st.sampled_from([0.5, 1.0, 3.0]),
    month=st.integers(0, 11),
)
def test_every_month_keeps_its_total(
    zone: str, amount: float, per_day: bool, step_h: float, month: int
) -> None:
    """A month's requests are those stated, in months with clock changes and short ones alike; of
    two months each keeps its own.
    """
    first = np.datetime64("2024-01") + month
    days = [len(np.arange(m, m + 1, dtype="datetime64[D]")) for m in (first, first + 1)]
    hours = Hours.range(str(first), round(sum(days) * 24 / step_h), step_h)
    totals = [Total("X", {"a": 0.25, "b": 0.75}, "chat", amount, per_day)]
    made, problems = spread(
        totals, TotalsDemand(**CLOCK), hours, {"a": zone, "b": "UTC"}, ["batch", "chat"]
    )
    assert not problems
    assert (made >= 0).all()
    assert not made[:, 0].any()
    for part, count in zip(
        np.split(made, [round(days[0] * 24 / step_h)], axis=2), days, strict=True
    ):
        wanted = amount * (count if per_day else 1)
        assert part[:, 1].sum(axis=1) * step_h == pytest.approx([wanted / 4, wanted * 3 / 4])


def test_a_stretch_is_a_part_of_the_whole() -> None:
    """Hours studied apart have the demand that they have within a longer study."""
    totals = [Total("X", {"a": 1.0}, "chat", 5e5, True)]

    def made(start: str, count: int) -> np.ndarray:
        zones = {"a": "Europe/Paris"}
        hours = Hours.range(start, count)
        return spread(totals, TotalsDemand(**CLOCK), hours, zones, ["chat"])[0][0, 0]

    whole = made("2023-03-01", 61 * 24)
    assert made("2023-03-25T07:00", 30) == pytest.approx(whole[24 * 24 + 7 :][:30])


def test_a_named_day_keeps_its_total() -> None:
    """Rows of days hold on each of those days in UTC, whatever the local calendar says."""
    totals = [Total("X", {"a": 1.0}, "chat", n, True, period=f"2023-03-{n}") for n in range(25, 29)]
    hours = Hours.range("2023-03-25", 96)
    made, _ = spread(totals, TotalsDemand(**CLOCK), hours, {"a": "America/Denver"}, ["chat"])
    assert made.reshape(4, 24).sum(axis=1) == pytest.approx([25, 26, 27, 28])
    _, problems = spread(totals[1:], TotalsDemand(), hours, {"a": "UTC"}, ["chat"])
    assert "lacks 1 of the periods studied, the first 2023-03-25" in problems[0].what


def with_totals(folder: Folder, section: str) -> Folder:
    """The folder with another section `demand`."""
    text = folder.document.read_text(encoding="utf-8")
    start, end = text.index("demand:"), text.index("overrides:")
    folder.document.write_text(f"{text[:start]}demand:\n{section}\n{text[end:]}", "utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "tiny")


def test_a_country_is_shared_by_population(folder: Folder) -> None:
    """A country's total goes to its metros by population, `*` to all; tokens become requests."""
    section = (
        "  totals:\n"
        "    table: totals.csv\n"
        "    requests_per_day: {US: {A: 700}}\n"
        "    tokens_per_month: {'*': {D: 2.4e+6}}\n"
        "    hour_weights: waking"
    )
    folder.write("totals.csv", "country,class,requests_per_day\nDE,A,300\n")
    scenario = with_totals(folder, section).load("time.start=2023-06-01T00:00:00Z")
    requests = scenario.demand_per_h.sum(axis=2)
    by_id = {m.id: n for n, m in enumerate(scenario.metros)}
    people = np.array([m.population for m in scenario.metros])
    americans = [n for n, m in enumerate(scenario.metros) if m.country == "US"]
    shares = people[americans] / people[americans].sum()
    assert requests[americans, 0] == pytest.approx(700 * shares)
    assert requests[by_id["berlin"], 0] == pytest.approx(300)
    assert requests[:, 1] == pytest.approx(2.4e6 / 2400 / 30 * people / people.sum())


def test_every_mistake_is_told(folder: Folder) -> None:
    """Unknown places and classes, numbers that overlap, rows without a number: each with a fix."""
    section = (
        "  totals:\n"
        "    table: totals.csv\n"
        "    requests_per_day: {berlin: {A: 1}, ZZ: {A: 1}, oslo: {B: 1}}\n"
        "    hour_weights: wakin"
    )
    rows = "country,metro,class,requests_per_month,period\nDE,,A,5,2023-06-31\nDE,berlin,A,5,\n"
    folder.write("totals.csv", rows)
    said = "\n".join(map(str, with_totals(folder, section).problems()))
    assert "`wakin`, which is no hour profile. Did you mean `waking`?" in said
    folder.edit("scenario.yaml", "wakin", "waking")
    said = "\n".join(map(str, folder.problems()))
    for words in (
        "the period `2023-06-31`",
        "has 2 of metro, country filled in",
        "`ZZ` is no metro, and no metro is in a country of this name",
        "countries: {ZZ: [METRO]}",
        "`B` is not one of the classes",
    ):
        assert words in said
    folder.write("totals.csv", "country,class,requests_per_month\nDE,A,5\n")
    section = "  totals: {table: totals.csv, requests_per_day: {berlin: {A: 1}}}"
    said = "\n".join(map(str, with_totals(folder, section).problems()))
    assert "speaks of metro `berlin`, and so does `DE`/`A`" in said


def test_a_metro_may_be_of_its_country_in_one_class_alone(folder: Folder) -> None:
    """A country for one class and one of its metros for another do not overlap."""
    section = "  totals: {requests_per_day: {US: {A: 700}, chicago: {D: 50}}}"
    scenario = with_totals(folder, section).load("time.start=2023-06-01T00:00:00Z")
    assert scenario.demand_per_h.sum(axis=(0, 2)) == pytest.approx([700, 50])


def test_a_country_without_a_metro_has_one_named(folder: Folder) -> None:
    """`countries` says which metros stand for a country that has none."""
    section = "  totals: {requests_per_day: {NO: {A: 60, D: 9}}, countries: {NO: [berlin]}}"
    scenario = with_totals(folder, section).load()
    assert scenario.demand_per_h.sum() == pytest.approx(69)


def test_a_class_has_one_source(folder: Folder) -> None:
    """A class in the totals and in the population is told, not added up."""
    names = "zyxwvut"
    each, shares = (", ".join(f"{name}: {text}" for name in names) for text in ("1", "{share: 1}"))
    totals = f"demand:\n  totals: {{requests_per_day: {{DE: {{{each}}}}}}}"
    folder.edit("scenario.yaml", "demand:", totals)
    said = [p.what for p in folder.problems(f"demand.population.classes={{{shares}}}")]
    assert [what for what in said if " given " in what] == [
        f"class `{name}` is given by the totals and by the population" for name in sorted(names)
    ]
