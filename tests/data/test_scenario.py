"""What a scenario says reaches the model, and nothing that is wrong with it stays unsaid."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.scenario_file import example, load
from wattlas.errors import InputError, UsageError
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Intensity
from wattlas.model.workload import LatencyTo, State, WhenNone


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "tiny")


@pytest.fixture(scope="module")
def whole_year() -> Scenario:
    """The embedded world in all hours of its year."""
    return example(set=["time.sample=null"])


@pytest.mark.parametrize(
    ("start", "hours"), [("2023-01-01T00:00:00Z", 24), ("2023-07-30T05:00:00Z", 100), (None, 800)]
)
def test_some_hours_of_the_world_are_those_of_its_year(
    start: str | None, hours: int, whole_year: Scenario
) -> None:
    """A study of some hours has the signals and the demand of the year at these hours."""
    given = ["time.sample=null", f"time.hours={hours}"]
    part, year = (
        example(set=given if start is None else [*given, f"time.start={start}"]),
        whole_year,
    )
    at = np.searchsorted(year.hours.utc, part.hours.utc)
    assert len(at) == hours
    np.testing.assert_array_equal(part.hours.utc, year.hours.utc[at])
    for name in ("price_usd_per_mwh", "average_g_per_kwh"):
        np.testing.assert_array_equal(getattr(part, name), getattr(year, name)[:, at])
    np.testing.assert_array_equal(part.demand_per_h, year.demand_per_h[:, :, at])


def test_hours_beside_the_world_are_missed(tmp_path: Path) -> None:
    """Where a study reaches beyond the year, or a table of its own has other steps, all is read."""
    with pytest.raises(InputError, match="lacks 24 of 48 hours"):
        example(set=["time.start=2023-12-31T00:00:00Z", "time.hours=48"])
    with pytest.raises(InputError, match="lacks 24 of 48 hours"):
        example(set=["time.start=2022-12-31T00:00:00Z", "time.hours=48"])
    zones = example(set=["time.hours=24"]).signals.zones
    times = np.arange("2023-01-01", "2023-04-01", 2, dtype="datetime64[h]")
    rows = [f"{time}:00:00Z,{zone},50" for zone in zones for time in times]
    table = tmp_path / "price.csv"
    table.write_text("time_utc,zone,price_usd_per_mwh\n" + "\n".join(rows), encoding="utf-8")
    made = example(set=[f"signals.price.table={table}", "time.hours=500"])
    assert (made.hours.count, made.hours.step_h) == (250, 2.0)
    hourly = example(set=["time.hours=500"]).signals.average_g_per_kwh
    assert np.allclose(made.signals.average_g_per_kwh, hourly.reshape(len(zones), 250, 2).mean(2))


def test_tiny_says_what_it_says(tiny: Folder) -> None:
    """Each section of the document reaches its field of the model."""
    s = tiny.load()
    assert [m.id for m in s.metros] == ["berlin", "chicago", "delhi", "lagos"]
    assert s.metros[2].timezone == "Asia/Kolkata"
    assert s.regions[0].zone == "NO"
    assert s.regions[2].pue == 1.40
    assert s.classes[0].tokens_in == 1000
    assert s.classes[1].latency_budget_ms == 3.6e6
    assert s.classes[1].latency_to is LatencyTo.FULL_ANSWER
    assert s.signals.deciding is Intensity.MARGINAL
    assert s.network.rtt_node_region_ms[1, 2] == 195
    assert s.network.egress_usd_per_gb[2, 0] == 0.09
    assert s.hours.utc[0] == np.datetime64("2023-06-01T00:00:00")
    assert not s.residency[0].permits("EU", "US")
    assert s.residency[0].permits("NG", "US")


def test_settings_reach_every_kind_of_value(tiny: Folder) -> None:
    """`--set` changes numbers, choices, lists and whole entries."""
    s = tiny.load(
        "regions.oslo.pue=1.3",
        "regions.all.reserved_usd_per_gpu_year=3",
        "objective.minimise=carbon",
        "classes.A.state=sticky",
        "classes.A.session_state_bytes=1e9",
        "classes.A.points=[large-fast]",
        "frictions={move_state: true, start_usd_per_gpu_h: 2}",
        "when_none=nearest",
        "unserved_usd_per_request=0.5",
        "signals.price.scale=2",
        "signals.price.add_usd_per_mwh=10",
        "capacity.scale=0.5",
        "network.egress.scale=0",
        "network.metro_node.add_ms=7",
    )
    assert s.regions[0].pue == 1.3
    assert {r.reserved_usd_per_gpu_year for r in s.regions} == {3.0}
    assert s.objective.minimise is Minimise.CARBON
    assert s.classes[0].state is State.STICKY
    assert s.classes[0].points == ("large-fast",)
    assert s.frictions.couples
    assert s.classes[1].when_none is WhenNone.NEAREST
    assert s.classes[1].unserved_usd_per_request == 0.5
    before = tiny.load()
    assert np.allclose(s.price_usd_per_mwh, 2 * before.price_usd_per_mwh + 10)
    assert np.allclose(s.reserved_gpu, before.reserved_gpu / 2)
    assert not s.network.egress_usd_per_gb.any()
    assert s.network.rtt_metro_node_ms[0, 0] == 22


def test_selection_and_additions(tiny: Folder) -> None:
    """`only` and `drop` choose rows, and an entry with a new id adds one."""
    assert [
        r.id for r in tiny.load("regions.drop=[mumbai]", "nodes.singapore.region=oslo").regions
    ] == [
        "oslo",
        "austin",
    ]
    added = (
        "{lat_deg: 1, lon_deg: 2, timezone: UTC, jurisdiction: EU, population: 10, node: frankfurt}"
    )
    s = tiny.load(f"metros.new={added}", "network.metro_node.pairs.new.frankfurt=9")
    assert s.metros[-1].id == "new"
    assert s.network.rtt_metro_node_ms[-1, 0] == 9


def test_tables_may_be_parquet(tiny: Folder) -> None:
    """A Parquet table with the same columns says the same."""
    before = tiny.load()
    frame = pl.read_csv(tiny.path / "price.csv", comment_prefix="#", try_parse_dates=True)
    frame = frame.with_columns(pl.col("time_utc").dt.convert_time_zone("UTC"))
    frame.write_parquet(tiny.path / "price.parquet")
    after = tiny.load("signals.price.table=price.parquet")
    assert np.array_equal(before.price_usd_per_mwh, after.price_usd_per_mwh)


def test_stamps_with_an_offset_are_moved_to_utc(tiny: Folder) -> None:
    """A time stamp with another zone is the same instant."""
    before = tiny.load()
    text = (tiny.path / "price.csv").read_text("utf-8")
    tiny.write("price.csv", text.replace("2023-06-01T05:00:00Z", "2023-06-01T07:00:00+02:00"))
    assert np.array_equal(before.price_usd_per_mwh, tiny.load().price_usd_per_mwh)


@pytest.mark.parametrize("dash", ["-", " - ", " to "])
@pytest.mark.parametrize("within", [False, True])
def test_stamps_that_are_ranges_are_one_mistake(dash: str, within: bool, tiny: Folder) -> None:
    """Ends are not taken for offsets; one error says what stands there and which verb reads it."""
    text = (tiny.path / "price.csv").read_text("utf-8")
    for h in range(24):
        span = f"2023-06-01 {h:02d}:00{dash}{h + 1:02d}:00"
        text = text.replace(f"2023-06-01T{h:02d}:00:00Z", span)
    tiny.write("price.csv", text)
    (problem,) = tiny.problems(*(["time.hours=12"] if within else []))
    assert f"holds ranges, the first `2023-06-01 00:00{dash}01:00`" in problem.what
    assert "price.csv" in str(problem.file)
    assert "`wattlas data import` takes their beginnings" in problem.fix


def test_capacity_may_vary_by_hour(tiny: Folder) -> None:
    """A capacity table replaces the number of the regions that it names, and no others."""
    rows = [f"2023-06-01T{h:02d}:00:00Z,oslo,{100 + h}" for h in range(24)]
    tiny.write("capacity.csv", "\n".join(["time_utc,region,reserved_gpu", *rows]))
    s = tiny.load("capacity=capacity.csv")
    assert np.array_equal(s.reserved_gpu[0], 100.0 + np.arange(24))
    assert np.array_equal(s.reserved_gpu[1], np.full(24, 12.0))
    assert np.isinf(tiny.load("regions.oslo.reserved_gpu=free").reserved_gpu[0]).all()
    assert np.isinf(tiny.load("regions.oslo.reserved_gpu=.inf").reserved_gpu[0]).all()


def test_demand_from_a_table(tiny: Folder) -> None:
    """A demand table gives its own rows; a pair without rows has no demand."""
    rows = [f"2023-06-01T{h:02d}:00:00Z,lagos,A,{h}" for h in range(24)]
    tiny.write("demand.csv", "\n".join(["time_utc,metro,class,requests_per_h", *rows]))
    s = tiny.load("demand=demand.csv", "demand.scale=2")
    assert np.array_equal(s.demand_per_h[3, 0], 2.0 * np.arange(24))
    assert s.demand_per_h.sum() == 2 * sum(range(24))


def test_distance_models(tiny: Folder) -> None:
    """A named distance model gives every pair, and says so; `missing` only what is not there."""
    s = tiny.load("network.node_region=fitted")
    assert s.network.modelled_node_region.all()
    km = (s.network.rtt_node_region_ms[0, 0] - 16.6) / 1.515 * 100
    assert 1000 < km < 1200
    tiny.edit("rtt_node_region.csv", "virginia,oslo,100,measured\n", "")
    s = tiny.load("network.node_region.missing=paper")
    assert s.network.modelled_node_region.sum() == 1
    assert s.network.modelled_node_region[1, 0]
    assert s.network.rtt_node_region_ms[0, 0] == 28


def test_nodes_at_metros_or_regions(tiny: Folder) -> None:
    """Without a table of nodes they may stand at each metro or at each region."""
    text = tiny.document.read_text("utf-8").replace("nodes: nodes.csv", "nodes: {at: metros}")
    tiny.write("scenario.yaml", text)
    tiny.edit("metros.csv", "population,node", "population,ignored_node")
    fitted = ("network.metro_node=fitted", "network.node_region=fitted")
    free = ("network.egress.table=null", "network.egress.default_usd_per_gb=0")
    s = tiny.load(*fitted, *free)
    assert [n.id for n in s.nodes] == [m.id for m in s.metros]
    assert np.array_equal(np.diagonal(s.network.rtt_metro_node_ms), np.zeros(4))
    s = tiny.load("nodes.at=regions", *fitted, *free)
    assert [n.region for n in s.nodes] == [r.id for r in s.regions]
    assert s.metros[0].node == "oslo"
    # What is added to a leg is added where nobody models how far a place is from itself, too.
    near = tiny.load(*fitted, *free, "network.metro_node.add_ms=7", "network.node_region.add_ms=3")
    assert np.diagonal(near.network.rtt_metro_node_ms).tolist() == [7.0] * 4
    assert not near.network.modelled_metro_node.diagonal().any()
    added = near.network.rtt_node_region_ms - tiny.load(*fitted, *free).network.rtt_node_region_ms
    assert np.allclose(added, 3.0)
    own = tiny.load("nodes.at=regions", *fitted, *free, "network.node_region.add_ms=3")
    assert np.diagonal(own.network.rtt_node_region_ms).tolist() == [3.0] * 3
    assert not own.network.modelled_node_region.diagonal().any()


def test_a_rate_of_a_metro_goes_before_that_of_its_country(tiny: Folder) -> None:
    """And that before the rate of everyone."""
    rates = ("by_country.DE=0.05", "by_metro.berlin=0.08", "by_country.US=0.03")
    plain = tiny.load().demand_per_h.sum(axis=(1, 2))
    told = tiny.load(*(f"demand.population.{rate}" for rate in rates)).demand_per_h.sum(axis=(1, 2))
    # Berlin, Chicago, Delhi and Lagos, beside 0.02 requests a person and day.
    assert told / plain == pytest.approx([4.0, 1.5, 1.0, 1.0])


def test_the_nearest_node_serves_a_metro_without_one(tiny: Folder) -> None:
    """A metro that names no node reaches the one of least round trip."""
    tiny.edit("metros.csv", "15000000,frankfurt", "15000000,")
    assert tiny.load().metros[3].node == "frankfurt"


def test_deciding_by_average(tiny: Folder) -> None:
    """`decide_by: average` leaves the marginal intensity out of decisions."""
    s = tiny.load("signals.decide_by=average")
    assert s.signals.deciding is Intensity.AVERAGE
    assert np.array_equal(s.deciding_g_per_kwh, s.average_g_per_kwh)


def test_accuracy_by_class(tiny: Folder) -> None:
    """Scores by class come from a table, and from the entry of a point before it."""
    tiny.write("scores.csv", "class,point,accuracy\nA,small,0.9\nD,small,0.5\n")
    s = tiny.load("points.accuracy_table=scores.csv", "points.small.accuracy_by_class={D: 0.6}")
    small = s.points[2]
    assert s.classes[0].accuracy(small) == 0.9
    assert s.classes[1].accuracy(small) == 0.6
    tiny.write("scores.csv", "class,point,accuracy\nA,smal,0.9\nDD,small,0.5\n")
    told = [str(p) for p in tiny.problems("points.accuracy_table=scores.csv")]
    assert len(told) == 2
    assert "scores.csv:2" in told[0]
    assert "`smal`" in told[0]
    assert "scores.csv:3" in told[1]
    assert "`DD`" in told[1]


def test_variants_are_shared_by_their_points(tiny: Folder) -> None:
    """A variant gives its points what they do not say themselves."""
    tiny.edit("points.csv", "9,16000000000,invented", "9,,invented")
    s = tiny.load("variants.small={weights_bytes: 5e9, accuracy: 0.1}")
    assert s.points[2].weights_bytes == 5e9
    assert s.points[2].accuracy == 0.74


def test_yaml_is_read_as_version_1_2(tiny: Folder) -> None:
    """Zone NO stays text, 1e6 is a number, and 12:30 is text."""
    tiny.add("\nnotice2: 0\n")
    assert [p.where for p in tiny.problems()] == ["notice2"]
    made = tiny_folder(tiny.path / "again")
    made.edit("scenario.yaml", "title: Three regions", "title: 12:30 Three regions")
    s = made.load("signals.price.constant={NO: 1e1}")
    assert s.title.startswith("12:30")
    assert np.array_equal(s.price_usd_per_mwh[0], np.full(24, 10.0))


def test_six_mistakes_are_six_problems(tiny: Folder) -> None:
    """Six mistakes in the document and its tables are told at once, each with place and fix."""
    tiny.edit("scenario.yaml", "accuracy_min: 0.8", "accuracy_mn: 0.8")
    tiny.edit("regions.csv", "Europe/Oslo,1.10", "Europe/Oslo,0.10")
    tiny.edit("metros.csv", "Africa/Lagos", "Africa/Lagoss")
    found = tiny.problems()
    assert [p.where for p in found] == ["classes.A.accuracy_mn"]

    tiny.edit("scenario.yaml", "accuracy_mn: 0.8", "accuracy_min: 0.8")
    tiny.edit("price.csv", "2023-06-01T05:00:00Z,NO,", "2023-06-01T05:00:00Z,NO,x")
    tiny.edit("scenario.yaml", "EU: [EU]", "EU: [UE]")
    tiny.edit("rtt_node_region.csv", "singapore,oslo,185,measured\n", "")
    tiny.edit("metros.csv", "4000000,frankfurt", "4000000,frankfort")
    found = tiny.problems()
    places = {(p.file.rsplit("/")[-1], p.line, p.where) for p in found if p.file}
    assert places == {
        ("regions.csv", tiny.line("regions.csv", "Oslo"), "regions.oslo.pue"),
        ("metros.csv", tiny.line("metros.csv", "Lagoss"), "metros.lagos.timezone"),
        ("metros.csv", tiny.line("metros.csv", "frankfort"), "metros.berlin.node"),
        ("price.csv", tiny.line("price.csv", "05:00:00Z,NO"), "price_usd_per_mwh"),
        ("scenario.yaml", tiny.line("scenario.yaml", "EU: [UE]"), "residency.eu-stays.EU[0]"),
        ("scenario.yaml", tiny.line("scenario.yaml", "node_region:"), "network.node_region"),
    }
    assert len(found) == 6
    assert all(p.fix for p in found)


BAD = [
    ("regions.oslo.pu=1", "regions.oslo.pu", "`pue`"),
    ("regions.oslo.pue=high", "regions.oslo.pue", "number"),
    ("regions.olso.pue=1.1", "regions.olso", "`oslo`"),
    ("regions.oslo.reserved_gpu=-1", "regions.oslo.reserved_gpu", "at least 0"),
    ("regions.oslo.lat_deg=95", "regions.oslo.lat_deg", "at most 90"),
    ("regions.oslo={lat_deg: 0, lon_deg: 0}", "regions.oslo.lat_deg", "(0, 0)"),
    ("regions.oslo.zone=NQ", "regions.oslo.zone", "without price"),
    ("regions.oslo.variants=[larg]", "regions.oslo.variants", "`large`"),
    ("regions.only=[olso]", "regions.only[0]", "`oslo`"),
    ("metros.lagos.population=0", "metros.lagos.population", "is 0"),
    ("metros.lagos.timezone=Lagos", "metros.lagos.timezone", "time zone"),
    ("metros.lagos.node=paris", "metros.lagos.node", "not one of the nodes"),
    ("metros.drop=[berlin, chicago, delhi, lagos]", "metros", "none is left"),
    ("classes.A.residency=eu", "classes.A.residency", "no residency rule"),
    ("classes.A.points=[huge]", "classes.A.points", "not one of the points"),
    ("classes.A.token_profile=chats", "classes.A.token_profile", "`chat`"),
    ("classes.A.accuracy_min=0.95", "classes.A.accuracy_min", "reaches 0.86"),
    ("classes.A.latency_budget_ms=0", "classes.A.latency_budget_ms", "more than 0"),
    ("classes.E={tokens_in: 1, tokens_out: 1}", "classes.E.latency_budget_ms", "is missing"),
    ("classes.E={latency_budget_ms: 10}", "classes.E", "`tokens_in`"),
    ("points.small.accuracy=74", "points.small.accuracy", "at most 1"),
    ("points.tiny={variant: x}", "points.tiny", "`accuracy`"),
    ("residency.eu-stays.UE=[EU]", "residency.eu-stays.UE", "no metro and no region"),
    ("demand.population.classes.A.share=0.6", "demand.population.classes", "add up to 0.9"),
    (
        "demand.population.classes.A.hour_weights=wake",
        "demand.population.classes.A.hour_weights",
        "`waking`",
    ),
    (
        "demand.population.hour_profiles.waking=[1, 2]",
        "demand.population.hour_profiles.waking",
        "2 weights",
    ),
    (
        f"demand.population.hour_profiles.waking={[0] * 24}",
        "demand.population.hour_profiles.waking",
        "add up to 0",
    ),
    ("demand.population.by_metro.logos=1", "demand.population.by_metro.logos", "`lagos`"),
    ("demand.population=null", "demand", "there is none"),
    ("demand.table=none.csv", "demand.table", "not there"),
    ("signals.price.table=none.txt", "signals.price.table", "not there"),
    ("signals.price.constant={XX: 4}", "signals.price.constant.XX", "zone of no region"),
    ("network.egress.table=null", "network.egress", "no price"),
    ("network.metro_node.pairs.lagos.paris=3", "network.metro_node.pairs.lagos.paris", "nodes"),
    ("network.node_region.model=fitted", "network.node_region.model", "beside a `table`"),
    ("frictions.start_usd_by_region.oso=3", "frictions.start_usd_by_region.oso", "`oslo`"),
    ("objective={carbon_cap_t: 1, cost_cap_usd: 3}", "objective.cost_cap_usd", "only one cap"),
    ("objective={cost_cap_usd: 3}", "objective.cost_cap_usd", "already made least"),
    ("objective.minimise=costs", "objective.minimise", "`cost`"),
    ("time.start=2023-06-01T00:00:00", "time.start", "with its zone"),
    ("time.start=2024-06-01T00:00:00Z", "regions", "in the hours studied"),
    (
        "time={start: 2023-06-01T01:00:00Z, hours: 23, sample: {days_per_month: 1}}",
        "time.sample",
        "whole days",
    ),
    ("time.hours=1.5", "time.hours", "whole number"),
    ("pack=nowhere", "pack", "nowhere"),
    ("scenarios.green=[carbon-10]", "scenarios.green", "carbon-10"),
]


@pytest.mark.parametrize(("setting", "where", "words"), BAD, ids=[b[0] for b in BAD])
def test_one_mistake_is_named(tiny: Folder, setting: str, where: str, words: str) -> None:
    """A single mistake is found at its path, in words that show the way."""
    found = tiny.problems(setting)
    assert any(p.where.startswith(where) and words in str(p) for p in found), found
    assert all(p.file for p in found)


def test_a_mistake_in_an_override_is_told_there(tiny: Folder) -> None:
    """A problem that an override brings in is reported at the override's line, chosen or not."""
    tiny.edit(
        "scenario.yaml",
        "  free-capacity: {capacity.free: true}",
        "  free-capacity: {capacity.fre: true}",
    )
    line = tiny.line("scenario.yaml", "capacity.fre:")
    for scenario in (None, "green"):
        (problem,) = tiny.problems(scenario=scenario)
        assert (problem.where, problem.line) == ("capacity.fre", line)
        assert "`free`" in problem.fix


def test_an_unknown_scenario_is_named(tiny: Folder) -> None:
    """A scenario that does not exist is refused, with the name that was meant."""
    (problem,) = tiny.problems(scenario="gren")
    assert "`green`" in problem.fix
    (problem,) = tiny.problems(scenario="carbon-100")
    assert "is an override" in problem.fix


def test_form_of_the_yaml(tiny: Folder) -> None:
    """Text that is no YAML, a key given twice, and a document that is a list are named by line."""
    text = tiny.document.read_text("utf-8")
    tiny.add("\nname: again\n")
    (problem,) = tiny.problems()
    assert "twice" in problem.what
    assert problem.line == len(text.splitlines()) + 2
    tiny.write("scenario.yaml", "name: [x\npack: y\n")
    (problem,) = tiny.problems()
    assert "not YAML" in problem.what
    assert problem.line == 2
    tiny.write("scenario.yaml", "- a\n- b\n")
    assert "a list" in tiny.problems()[0].what
    tiny.write("scenario.yaml", "")
    assert "name" in {p.where for p in tiny.problems()}


def test_missing_file_and_example() -> None:
    """A file or example that is not there is named, with the way out."""
    with pytest.raises(InputError, match="no such file"):
        load("nowhere/scenario.yaml")
    with pytest.raises(UsageError, match="tiny"):
        example("tinny")


def test_warnings_stop_nothing(tiny: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """Triangle inversions and state that moves for nothing are told, and the values kept."""
    tiny.edit("rtt_node_region.csv", "virginia,oslo,100", "virginia,oslo,900")
    loaded = tiny.read("classes.A.state=sticky", 'residency.eu-stays."*"=null')
    told = " ".join(map(str, loaded.warnings))
    assert "longer than a way round" in told
    assert "costs nothing" in told
    assert "says nothing on metros in IN, NG, US" in told
    assert loaded.scenario.network.rtt_node_region_ms[1, 0] == 900
    with caplog.at_level(logging.WARNING, logger="wattlas"):
        load(tiny.document)
    assert "way round" in caplog.text


def test_a_pack_gives_what_the_document_does_not(tiny: Folder) -> None:
    """A document may take all facts from a pack and state choices alone."""
    tiny.write(
        "scenario.yaml",
        "name: x\npack: typical-2023\ntime: {start: 2023-02-01T00:00:00Z, hours: 48}\n"
        "regions: {only: [fr-paris, us-texas]}\nmetros: {only: [london]}\n"
        "classes: {A: {latency_budget_ms: 300, token_profile: azure2023_conv}}\n"
        "demand: {population: {requests_per_person_day: 1, classes: {A: {share: 1}}}}\n",
    )
    s = tiny.load()
    assert (len(s.regions), len(s.metros), s.hours.count) == (2, 1, 48)
    assert "typical year" in s.notice
    assert any("ODbL" in p.licence for p in s.provenance)


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        "name: x\npack: typical-2023",
        "name: x\npack: typical-2023\nregions: {only: []}",
        "name: x\nregions: {a: {pue: 1}}\ntime: {start: 2023-01-01T00:00:00Z, hours: 2}",
        "name: x\nnodes: {at: metros}\nmetros: {m: {lat_deg: 1}}",
        "name: x\nnodes: {at: regions}\nnetwork: {metro_node: fitted, node_region: paper}",
        "name: x\nmetros:\nregions:\ntime:\n",
        "name: x\npoints: {p: {}}\nclasses: {A: {}}\ndemand: {population: {classes: {}}}",
    ],
)
def test_a_bare_document_is_told_what_it_lacks(tiny: Folder, text: str) -> None:
    """However little a document says, the answer is a list of problems, never a crash."""
    found = tiny.write("scenario.yaml", text + "\n").problems()
    assert found
    assert all(p.fix and p.file for p in found)


def test_a_result_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    """A scenario says where it comes from by a name that means something elsewhere, too."""
    assert example("tiny").source_path == "tiny, an example that ships"
    folder = tiny_folder(tmp_path / "own")
    assert load(folder.path.resolve()).source_path == "scenario.yaml"


def test_a_corrected_pair_is_no_longer_modelled(tiny: Folder) -> None:
    """A round trip that the user gives counts as known, whatever filled its place before."""
    s = tiny.load("network.metro_node=fitted", "network.metro_node.pairs.lagos.frankfurt=90")
    modelled = s.network.modelled_metro_node
    assert s.network.rtt_metro_node_ms[3, 0] == 90
    assert not modelled[3, 0]
    assert modelled.sum() == modelled.size - 1
    # Three of the four metros to their own node, beside nine measured pairs of node and region.
    assert np.isfinite(s.network.rtt_metro_node_ms).sum() == 4
    assert s.network.modelled_share == pytest.approx(3 / 13)
    tiny.edit("rtt_node_region.csv", "virginia,oslo,100,measured", "virginia,oslo,100,guessed")
    assert tiny.load().network.modelled_node_region.tolist()[1] == [True, False, False]
    tiny.edit("rtt_node_region.csv", "virginia,austin,36,measured", "virginia,austin,36,")
    assert tiny.load().network.modelled_node_region.tolist()[1] == [True, False, False]
    again = tiny.load("network.node_region.pairs.virginia.oslo=101", "network.node_region.add_ms=5")
    assert not again.network.modelled_node_region.any()
    assert again.network.rtt_node_region_ms[1, 0] == 106


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("{pue: 1.1, pue: 1.2}", "is given twice"),
        ("{[1]: 2}", "a key is not plain text"),
        ("{pue: &a [*a]}", "what it is a part of"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_of_the_file(
    value: str, what: str, tiny: Folder
) -> None:
    """What stands behind `--set` is read as strictly as the document."""
    with pytest.raises(UsageError) as refused:
        tiny.load(f"regions.oslo={value}")
    assert what in str(refused.value)
    tiny.add(f"\nmore: {value}\n")
    assert what in " ".join(problem.what for problem in tiny.problems())


def test_a_scale_is_of_average_and_marginal_alike(tiny: Folder) -> None:
    """`signals.carbon.scale` multiplies what is reported and what decides; prices add and scale."""
    plain, twice = tiny.load(), tiny.load("signals.carbon.scale=2")
    for name in ("average_g_per_kwh", "marginal_g_per_kwh", "deciding_g_per_kwh"):
        before, after = (np.asarray(getattr(s.signals, name)) for s in (plain, twice))
        assert np.array_equal(after, 2 * before)
    expensive = tiny.load("signals.price.scale=3", "signals.price.add_usd_per_mwh=7")
    assert np.allclose(expensive.price_usd_per_mwh, 3 * plain.price_usd_per_mwh + 7)


def test_a_zone_without_a_price_most_of_the_day_says_nothing_of_the_unit(tiny: Folder) -> None:
    """The size of a signal is that of the hours in which it is not 0; another unit is told."""
    head, *rows = (tiny.path / "price.csv").read_text("utf-8").splitlines()[1:]
    for free, scale, doubts in ((15, 1.0, 0), (0, 1e-3, 3)):
        lines = [head]
        for time, zone, price in (row.split(",") for row in rows):
            lines.append(
                f"{time},{zone},{0.0 if int(time[11:13]) < free else float(price) * scale}"
            )
        tiny.write("price.csv", "\n".join(lines) + "\n")
        told = [str(warning) for warning in tiny.read().warnings if "median" in str(warning)]
        assert len(told) == doubts


def test_a_misspelt_metro_is_no_new_one(tiny: Folder) -> None:
    """An entry that resembles a metro of the table and stands nowhere is told as a slip."""
    (first, *_) = tiny.problems("metros.berlni.population=5")
    assert "`berlin`" in first.fix
    assert "is not a known id" in first.what


def test_a_table_that_cannot_be_read_is_one_mistake(tiny: Folder) -> None:
    """Zones are not said to lack what stands under another name."""
    tiny.edit("price.csv", "price_usd_per_mwh", "dollars")
    (problem,) = tiny.problems()
    assert "this column is missing" in problem.what


def test_an_unknown_zone_is_one_mistake(tiny: Folder) -> None:
    """It has neither price nor carbon nor marginal intensity, which is told once."""
    (problem,) = tiny.problems("regions.austin.zone=XX")
    what = problem.what.replace(f"{tiny.path}/", "")
    assert what == "is `XX`, a zone without price in price.csv and without carbon in carbon.csv"
    assert "--as price --into hours and wattlas data import FILE --from" in problem.fix
