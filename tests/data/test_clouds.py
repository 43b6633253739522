"""Public region ids: what they fill in, what may be shipped of it, and what is told as unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.scenario_files import Folder
from wattlas.data.clouds import cloud_regions
from wattlas.data.pack import embedded_packs, open_pack

FREE, FACTS = "redistributable with attribution", "facts, with attribution"
TERMS = {
    "GeoNames": FREE,
    "curated sites": FACTS,
    "one zone in the country": FACTS,
    "bidding zone of the place": FACTS,
    "market region of the place": FACTS,
    "balancing authority of the place": FACTS,
    "published by the provider": FACTS,
    "cloudping": FACTS,
    "google": FACTS,
    "microsoft": FACTS,
    "skyplane 2023": FREE,
    "sustain-cluster 2025": FREE,
}
"""Every kind of source that the pack may hold. None is under ODbL, and none is unclear."""
WORLD = """name: abroad
pack: typical-2023
time: {hours: 24}
metros: {only: [london, tokyo]}
nodes: {at: regions}
regions:
  table: regions.csv
classes:
  chat: {latency_budget_ms: 900, tokens_in: 500, tokens_out: 100, bytes_per_request: 1000}
demand: {totals: {requests_per_day: {"*": {chat: 1000}}}}
"""


@pytest.fixture
def world(tmp_path: Path) -> Folder:
    """Two regions of one cloud in the embedded world, one of them under a name of its own."""
    folder = Folder(tmp_path)
    folder.write("regions.csv", "region,cloud,pue\naws:us-east-1,,\nmain,aws:eu-central-1,1.2\n")
    return folder.write("scenario.yaml", WORLD)


def test_each_row_that_ships_has_known_terms() -> None:
    """No row of the pack has a source that may not be passed on, and none has no source."""
    pack = open_pack("clouds")
    regions = pack.frame("cloud_regions")
    places = {text.split(" ")[0] for text in regions["place_source"]}
    years = {text.rsplit(",", 1)[0] for text in regions["pue_source"].drop_nulls()}
    sources = places | years | set(regions["zone_source"].drop_nulls())
    for table in ("cloud_rtt", "cloud_egress"):
        assert not pack.frame(table)["source"].has_nulls()
        sources |= set(pack.frame(table)["source"])
    assert sources == set(TERMS)
    assert pack.manifest.tables["metros"].licence == "CC BY 4.0"
    assert set(pack.tables) == {"metros", "cloud_regions", "cloud_rtt", "cloud_egress"}
    assert (regions["zone"].is_null() == regions["zone_source"].is_null()).all()
    assert (regions["pue"].is_null() == regions["pue_source"].is_null()).all()


def test_every_measured_region_is_in_the_table() -> None:
    """Round trips and prices speak of regions that the pack knows, of one provider each."""
    pack, known = open_pack("clouds"), set(cloud_regions())
    for table in ("cloud_rtt", "cloud_egress"):
        for a, b in pack.frame(table).select("cloud", "to").iter_rows():
            assert a in known
            assert b == "internet" or (b in known and b.split(":")[0] == a.split(":")[0])


def test_an_id_fills_what_is_not_said(world: Folder) -> None:
    """Zone, place and PUE come from the id; what the scenario says comes first."""
    by_id = {region.id: region for region in world.load().regions}
    virginia, main = by_id["aws:us-east-1"], by_id["main"]
    facts = cloud_regions()["aws:us-east-1"]
    assert (virginia.zone, virginia.pue) == ("US-MIDA-PJM", facts["pue"])
    assert (virginia.lat_deg, virginia.timezone) == (facts["lat_deg"], "America/New_York")
    assert (main.zone, main.jurisdiction, main.pue) == ("DE", "EU", 1.2)


def test_round_trips_in_a_cloud_are_measured(world: Folder) -> None:
    """Pairs of one provider are measured, all others fitted and counted as modelled."""
    world.edit("scenario.yaml", "regions.csv", "regions.csv\n  gcp:europe-west9: {pue: 1.1}")
    world.add("network: {egress: {default_usd_per_gb: 0.5}}\n")
    scenario = world.load()
    ids = [region.id for region in scenario.regions]
    aws = [i.startswith("gcp") is False for i in ids]
    same = np.equal.outer(aws, aws)
    assert np.array_equal(scenario.network.modelled_node_region, ~same)
    assert scenario.network.modelled_metro_node[:, 0].all()
    pairs = {
        table: {(a, b): value for a, b, value, _ in open_pack("clouds").frame(table).iter_rows()}
        for table in ("cloud_egress", "cloud_rtt")
    }
    price, rtt = pairs["cloud_egress"], pairs["cloud_rtt"]
    clouds = ["aws:eu-central-1" if region == "main" else region for region in ids]
    assert rtt["aws:us-east-1", "aws:eu-central-1"] != rtt["aws:eu-central-1", "aws:us-east-1"]
    for i, a in enumerate(clouds):
        for j, b in enumerate(clouds):
            # What the other provider asks is not known, neither within it nor to the internet.
            usd = (price[a, b] + price[b, a]) / 2 if aws[i] and aws[j] else 0.5 * (i != j)
            if aws[i] and aws[j]:
                assert scenario.network.rtt_node_region_ms[i, j] == pytest.approx(rtt[a, b])
            assert scenario.network.egress_usd_per_gb[i, j] == pytest.approx(usd), (a, b)
    assert {p.what for p in scenario.provenance} >= {"regions", "rtt_node_region", "egress"}


def test_what_is_not_known_is_told_with_its_line(world: Folder) -> None:
    """A region without PUE, zone or hours names the line that brings it; a slip is one mistake."""
    world.edit("regions.csv", "main,aws:eu-central-1,1.2", "a,azure:westus3,\nb,aws:eu-north-1,1.1")
    world.edit("regions.csv", "aws:us-east-1,,", "aws:us-east-1,,\naws:us-eastt-1,,")
    problems = [str(problem) for problem in world.problems()]
    said = "\n".join(problems)
    for words in (
        "--set 'regions.\"a\".pue=1.15'",
        "--set 'regions.\"a\".zone=ZONE'",
        "wattlas data import FILE --from electricity-maps --into hours; then "
        "`pack: [typical-2023, ./hours]`",
        "`aws:us-eastt-1` is no public region that is known",
        "Did you mean `aws:us-east-1`?",
    ):
        assert words in said
    assert sum("us-eastt-1" in problem for problem in problems if "egress" not in problem) == 1


def test_open_database_files_stand_apart() -> None:
    """In every pack that ships, tables under ODbL lie in `odbl/` beside its notice, others not."""
    for name in embedded_packs():
        pack = open_pack(name)
        for table in pack.manifest.tables.values():
            is_open = "ODbL" in table.licence
            assert is_open == table.file.startswith("odbl/"), (name, table.file)
            assert not is_open or (pack.folder / "odbl" / "NOTICE.md").is_file()


def test_carbon_of_a_further_zone_ships_for_one_year(world: Folder) -> None:
    """Hours of 2022 serve a study of carbon in 2022, and are never filled into another year."""
    world.edit("regions.csv", "main,aws:eu-central-1,1.2", "north,aws:eu-north-1,1.1")
    assert any("the carbon of `carbon-2022`" in problem.fix for problem in world.problems())
    year = ("pack=[typical-2023, carbon-2022]",)
    said = "\n".join(map(str, world.problems(*year)))
    assert "without carbon in pack carbon-2022: carbon" in said
    assert "in the hours studied" in said
    scenario = world.load(*year, "signals.price.unknown=true", "objective.minimise=carbon")
    assert str(scenario.hours.start) == "2022-01-01T00:00:00"
    by_zone = dict(zip(scenario.signals.zones, scenario.signals.average_g_per_kwh, strict=True))
    assert by_zone["SE-SE3"].max() < 60 < by_zone["US-MIDA-PJM"].min()
    assert scenario.notice.startswith("Carbon: hours of 2022.")
    assert [p.period[:4] for p in scenario.provenance if p.what == "carbon"] == ["2022"]
