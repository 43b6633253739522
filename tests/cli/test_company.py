"""A company's own files, from `init --regions` to a plan, as the guide says."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import wattlas
from wattlas.cli import run
from wattlas.data.clouds import cloud_regions
from wattlas.data.company import ACCELERATORS, company

Captured = pytest.CaptureFixture[str]
BEGIN, END = "## Your own company", "\n## "


def test_the_guide_leads_to_a_plan(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """The commands of the section run one after the other, and the last one places all demand."""
    text = (root / "docs" / "guide.md").read_text(encoding="utf-8")
    section = text.split(BEGIN)[1].split(END)[0]
    block = section.split("    wattlas init ")[1].split("\n\n")[0]
    commands = [line.split("#")[0].split() for line in f"init {block}".splitlines()]
    monkeypatch.chdir(tmp_path)
    for command in commands:
        words = [word for word in command if word != "wattlas"]
        assert run(words) == 0, words
    told = capsys.readouterr().out
    assert "2,018,450,000 requests" in told
    assert "optimal: 288 steps" in told


def test_regions_of_any_cloud_are_filled_in(tmp_path: Path, capsys: Captured) -> None:
    """What the pack knows is left to it; what a region still needs is told by `init` itself."""
    ids = ["azure:brazilsouth", "gcp:europe-west9", "aws:eu-north-1"]
    folder = tmp_path / "co"
    assert run(["init", str(folder), "--regions", ",".join(ids)]) == 0
    told = capsys.readouterr()
    assert "aws:eu-north-1: no hours of grid zone SE-SE3" in told.err
    assert "wattlas data import FILE" in told.err
    settings = ["regions.drop=[aws:eu-north-1]", "time.hours=24"]
    scenario = wattlas.load(folder, set=settings)
    assert [r.zone for r in scenario.regions] == ["BR-CS", "FR"]
    assert scenario.regions[1].pue == 1.15
    assert scenario.regions[0].pue == 1.12
    onward = scenario.network.rtt_node_region_ms
    assert np.diagonal(onward)[1] == 0
    assert scenario.network.modelled_node_region.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("count", [1, 7])
def test_accelerators_are_enough_over_any_number_of_regions(count: int) -> None:
    """What each has comes to no fewer than one region alone, and to less than one each more."""
    text = company("co", [*cloud_regions()][:count])["regions.csv"]
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    total = sum(int(row["reserved_gpu"]) for row in rows)
    assert ACCELERATORS <= total < ACCELERATORS + count


def test_what_init_cannot_do_it_says(tmp_path: Path, capsys: Captured) -> None:
    """A region that is not known, one named twice, and two templates at once are refused."""
    folder = str(tmp_path / "co")
    assert run(["init", folder, "--regions", "aws:eu-wast-1,aws:us-east-1,aws:us-east-1"]) == 3
    said = capsys.readouterr().err
    assert "Did you mean `aws:eu-west-1`?" in said.replace("aws:eu-east-1", "aws:eu-west-1")
    assert "`aws:us-east-1` is given twice" in said
    assert run(["init", folder, "--regions", "aws:us-east-1", "--example", "tiny"]) == 2
    assert run(["init", folder, "--regions", " , "]) == 2
    assert not (tmp_path / "co").exists()


def own_hours(folder: Path) -> None:
    """Three days of a market's prices by local hours that end, and of intensities in kg, by UTC."""
    berlin, utc = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
    begin = datetime(2023, 3, 25, tzinfo=berlin).astimezone(utc)
    local = [(begin + timedelta(hours=h)).astimezone(berlin) for h in range(71)]
    rows = [
        f"{t:%d.%m.%Y};{t.hour + 1:02}:00;{1000 * (n == 5) + n:.2f}".replace(".", ",", 0)
        for n, t in enumerate(local)
    ]
    text = ["Marktdaten;;", "Datum;Uhrzeit Ende;Preis [€/MWh]"]
    text += [";".join([*row.split(";")[:2], row.split(";")[2].replace(".", ",")]) for row in rows]
    (folder / "spot.csv").write_text("\r\n".join(text), encoding="cp1252")
    midnight = datetime(2023, 3, 25, tzinfo=utc)
    stamps = [f"{midnight + timedelta(hours=h):%Y-%m-%d %H:%M},{0.3 + h / 1000}" for h in range(72)]
    (folder / "co2.csv").write_text("\n".join(["time (UTC),kgCO2/kWh", *stamps]), encoding="utf-8")


def test_own_files_lead_to_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Hours in a market's layout, round trips with semicolons, tokens per month: five commands.

    They lead from nothing to the files of a gateway, with one line that `check` names.
    """
    monkeypatch.chdir(tmp_path)
    own_hours(tmp_path)
    regions = "aws:us-east-1,azure:germanywestcentral,aws:eu-west-2"
    assert run(["init", "acme", "--regions", regions]) == 0
    into = ["--zone", "DE", "--into", "acme/hours"]
    dates = ["--time-column", "Datum", "--hour-column", "Uhrzeit Ende", "--factor", "1.1"]
    berlin = ["--time-zone", "Europe/Berlin", "--value-column", "Preis [€/MWh]"]
    assert run(["data", "import", "spot.csv", "--as", "price", *dates, *berlin, *into]) == 0
    assert run(["data", "import", "co2.csv", "--as", "carbon", "--time-column", "time (UTC)",
                *into]) == 0  # fmt: skip
    acme = tmp_path / "acme"
    (acme / "rtt.csv").write_text(
        "from;aws:us-east-1;azure:germanywestcentral;aws:eu-west-2\n"
        "aws:us-east-1;0,7;89,2;76,1\nazure:germanywestcentral;89,3;0,6;\n",
        encoding="utf-8",
    )
    (acme / "demand.csv").write_text(
        "country;class;tokens_per_month\nUS;chat;62.000.000.000,5\nDE;chat;12.500.000.000\n",
        encoding="utf-8",
    )
    file = acme / "scenario.yaml"
    text = file.read_text(encoding="utf-8").replace(
        "pack: typical-2023", "pack: [typical-2023, ./hours]"
    )
    file.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert run(["check", "acme"]) == 3
    (advice,) = re.findall(r"Say `(time: \{.*?\})`", " ".join(capsys.readouterr().err.split()))
    assert advice == "time: {start: 2023-03-25T00:00:00Z, hours: 48}"
    file.write_text(text.replace("time: {}", advice), encoding="utf-8")
    scenario = wattlas.load(acme)
    price = scenario.signals.price_usd_per_mwh[scenario.signals.zones.index("DE")]
    # The night of 26 March has no hour 3: its third hour begins at 01:00 UTC.
    assert price[:26].tolist() == pytest.approx([1.1 * (n + 1000 * (n == 5)) for n in range(1, 27)])
    carbon = scenario.signals.average_g_per_kwh[scenario.signals.zones.index("DE")]
    assert carbon[:2].tolist() == pytest.approx([300.0, 301.0])
    told = ["--to", "envoy", "--by-hour", "--out", "gateway"]
    assert run(["export", "weights", "acme", *told]) == 0
    assert len(list((tmp_path / "gateway" / "hours").iterdir())) == 24
