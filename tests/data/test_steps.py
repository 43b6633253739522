"""Steps of a study and of its series; hours laid over a pack; places judged by distance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.pack_checks import check_path
from wattlas.data.place_checks import Site, _towns, implausible_trip, misplaced
from wattlas.data.scenario_file import example, read
from wattlas.errors import InputError


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "tiny")


def finer(tiny: Folder, name: str, add: float = 0.0) -> None:
    """Cut each hour of a table into quarters that differ by `add`, with the same mean."""
    head, *rows = [r for r in (tiny.path / name).read_text("utf-8").splitlines() if r[0] != "#"]
    lines = [head]
    for row in rows:
        stamp, zone, value, *rest = row.split(",")
        for n, minute in enumerate((0, 15, 30, 45)):
            cell = f"{float(value) + add * (n - 1.5):g}"
            lines.append(
                ",".join([stamp.replace(":00:00Z", f":{minute:02d}:00Z"), zone, cell, *rest])
            )
    tiny.write(name, "\n".join(lines) + "\n")


def test_hours_are_hours_whatever_the_step(tiny: Folder) -> None:
    """Quarter hours of price: 24 hours are 96 steps, carbon is repeated, demand is the same."""
    plain = tiny.load()
    finer(tiny, "price.csv", 2.0)
    made = tiny.load()
    assert (made.hours.count, made.hours.step_h) == (96, 0.25)
    assert np.allclose(
        made.signals.average_g_per_kwh, np.repeat(plain.signals.average_g_per_kwh, 4, axis=1)
    )
    requests = [(s.demand_per_h * s.hours.hours).sum() for s in (plain, made)]
    assert requests[0] == pytest.approx(requests[1])
    tiny.edit("scenario.yaml", "  hours: 24\n", "")
    assert tiny.load().hours.count == 96
    assert tiny.load("time.step_h=0.2").hours.count == 120
    hourly = tiny.load("time.step_h=1")
    assert np.allclose(hourly.signals.price_usd_per_mwh, plain.signals.price_usd_per_mwh)
    tiny.edit("price.csv", "2023-06-01T05:15:00Z,NO", "2023-06-02T05:15:00Z,NO")
    (problem,) = [p for p in tiny.problems("time.step_h=1", "time.hours=24") if "lacks" in p.what]
    assert "`NO` lacks 1 of 24 hours, the first 2023-06-01T05:00:00Z" in problem.what


def test_hours_fill_whole_steps(tiny: Folder) -> None:
    """25 hours are no number of steps of two hours."""
    assert "no whole number of steps" in tiny.problems("time.hours=23", "time.step_h=2")[0].what


def test_half_hours_past_are_split_in_a_study(tiny: Folder) -> None:
    """Hours that begin at half past count by halves in each hour of the study."""
    text = (tiny.path / "price.csv").read_text("utf-8")
    tiny.write("late.csv", text.replace(":00:00Z,IN", ":30:00Z,IN"))
    plain = tiny.load().signals
    made = tiny.load(
        "signals.price.table=late.csv", "time={start: 2023-06-01T01:00:00Z, hours: 22}"
    )
    n = plain.zones.index("IN")
    price = plain.price_usd_per_mwh[n]
    assert np.allclose(made.signals.price_usd_per_mwh[n], (price[:22] + price[1:23]) / 2)


def test_hours_of_one_zone_are_laid_over_a_pack(tmp_path: Path) -> None:
    """`missing: pack` keeps the pack's hours of all other zones; without it the way is told."""
    file = tmp_path / "p.csv"
    rows = [f"2023-01-01T{h:02d}:00Z,DE,{h}" for h in range(24)]
    file.write_text("time_utc,zone,price_usd_per_mwh\n" + "\n".join(rows), encoding="utf-8")
    own = f"signals.price.table={file}"
    plain = example(set=["time.hours=24"]).signals
    made = example(set=[own, "signals.price.missing=pack", "time.hours=24"])
    n = plain.zones.index("DE")
    assert made.signals.price_usd_per_mwh[n].tolist() == list(range(24))
    others = np.arange(len(plain.zones)) != n
    assert np.array_equal(made.signals.price_usd_per_mwh[others], plain.price_usd_per_mwh[others])
    assert {p.what for p in made.provenance} >= {"price"}
    with pytest.raises(InputError, match=r"signals\.price\.missing: pack"):
        example(set=[own, "time.hours=24"])
    more = ["signals.carbon.missing=pack", "time.hours=48"]
    with pytest.raises(InputError) as caught:
        example(set=[own, "signals.price.missing=pack", *more])
    told = [p.what for p in caught.value.problems]
    assert any("no table of your own" in what for what in told)
    assert any("`DE` lacks 24 of 48 hours" in what for what in told)


def test_a_matrix_of_round_trips_is_read(tiny: Folder) -> None:
    """Nodes in the first column, regions in the header; an empty cell is a missing pair."""
    plain = tiny.load().network.rtt_node_region_ms
    rows = [("frankfurt", plain[0]), ("virginia", plain[1]), ("singapore", plain[2])]
    lines = ["," + "oslo,austin,mumbai", *(f"{n},{','.join(map(str, r))}" for n, r in rows)]
    tiny.write("rtt_node_region.csv", "\n".join(lines) + "\n")
    assert np.array_equal(tiny.load().network.rtt_node_region_ms, plain)
    assert check_path(str(tiny.path / "rtt_node_region.csv")).sound
    cells = [f"{n};{';'.join(f'{float(v):.1f} ms'.replace('.', ',') for v in r)}" for n, r in rows]
    tiny.write("german.csv", "\n".join(["von;oslo;austin;mumbai", *cells]) + "\n")
    made = tiny.load("network.node_region.table=german.csv").network.rtt_node_region_ms
    assert np.array_equal(made, plain)
    tiny.edit("rtt_node_region.csv", f"singapore,{plain[2][0]}", "singapore,")
    assert "has no round trip for `singapore` to `oslo`" in tiny.problems()[0].what


@pytest.mark.parametrize(
    ("place", "zone", "words"),
    [
        (Site(30.27, 97.74), "America/Chicago", "wrong sign"),
        (Site(-59.9, 10.7), "Europe/Oslo", "latitude looks"),
        (Site(13.4, 52.5), "Europe/Berlin", "swapped"),
        (Site(10.0, 100.0), "America/Denver", "from the sun"),
        (Site(43.8, 87.6), "Asia/Shanghai", ""),
        (Site(64.1, -21.9), "Atlantic/Reykjavik", ""),
        (Site(1.9, -157.4), "Pacific/Kiritimati", ""),
        (Site(-36.8, 174.8), "Pacific/Auckland", ""),
        (Site(0.0, 0.0), "UTC", ""),
        # Far from its town, and a slip would put it nearer, yet not three times as near.
        (Site(36.0, -10.0), "Europe/Berlin", ""),
        (Site(60.0, -34.0), "Europe/Berlin", ""),
    ],
)
def test_places_are_judged_by_their_time_zone(place: Site, zone: str, words: str) -> None:
    """A slip of sign or order is named with what was meant; far places of wide zones are not."""
    told = misplaced(place, zone)
    assert (told is None) is (words == "")
    assert words in (told[0] if told else "")


def test_nothing_outruns_light(tiny: Folder) -> None:
    """A round trip that light cannot make is told; studies and checks warn of places."""
    oslo, sydney = Site(59.9, 10.7), Site(-33.9, 151.2)
    assert implausible_trip(oslo, sydney, 110.0) is None
    told = implausible_trip(oslo, sydney, 55.0)
    assert told is not None
    assert "where light takes 106" in told[0]
    tiny.edit("rtt_node_region.csv", "singapore,oslo,", "singapore,oslo,0")
    tiny.edit("metros.csv", "41.88,-87.63", "41.88,87.63")
    found = [w.what for w in read(tiny.path).warnings]
    assert any("wrong sign" in what for what in found)
    judged = check_path(str(tiny.path / "metros.csv"))
    assert judged.sound
    assert "wrong sign" in judged.warnings[0].what


def test_towns_of_zones_are_where_they_are() -> None:
    """Degrees and minutes, with seconds or without, on every side of the world."""
    towns = _towns()
    for zone, place in (
        ("Europe/Berlin", Site(52.5, 13 + 22 / 60)),
        ("America/New_York", Site(40 + 42 / 60 + 51 / 3600, -(74 + 23 / 3600))),
        ("Australia/Sydney", Site(-(33 + 52 / 60), 151 + 13 / 60)),
    ):
        assert (towns[zone].lat_deg, towns[zone].lon_deg) == pytest.approx(
            (place.lat_deg, place.lon_deg), abs=1e-9
        )
