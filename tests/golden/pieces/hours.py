"""Tables of hours that are over, in which one thing each is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.golden.pieces.files import problems
from wattlas.errors import InputError
from wattlas.serve.revised import read_metered, read_revised

NOON, ONE = "2026-11-29T12:00Z", "2026-11-29T13:00Z"
PRICE, AVERAGE = "time_utc,region,price_usd_per_mwh", "time_utc,region,average_g_per_kwh"
METERED = "time_utc,region,it_kwh"
TABLES: dict[str, tuple[str, ...]] = {
    "whole": (f"{PRICE},average_g_per_kwh,marginal_g_per_kwh", "2026-11-29T12:00:00Z,oslo,50,20,-3",
              "2026-11-29 13:00Z,oslo,,30,", f"{NOON},austin,-5,,7"),
    "some columns": ("region,time_utc,average_g_per_kwh", f"oslo,{NOON},20"),
    "no values": ("time_utc,region", f"{NOON},oslo"),
    "empty values": (PRICE, f"{NOON},oslo,"),
    "no rows": (PRICE,),
    "twice": (PRICE, f"{NOON},oslo,1", f"{NOON},oslo,2"),
    "half hours": (PRICE, "2026-11-29T12:30Z,oslo,1"),
    "no numbers": (f"{PRICE},average_g_per_kwh", "noon,oslo,x,-1", ",,1,2"),
    "kg": (AVERAGE, f"{NOON},oslo,0.02", f"{ONE},oslo,3", f"{ONE},pune,0.1"),
    "per MWh": (AVERAGE, f"{NOON},oslo,20000", f"{ONE},oslo,3"),
    "at the limits": (AVERAGE, f"{NOON},oslo,2", f"{ONE},oslo,1500"),
    "metered": (METERED, f"{NOON},oslo,1.5", f"{ONE},oslo,0.25"),
    "metered below": (METERED, f"{NOON},oslo,-1", "2026-11-29T12:10Z,oslo,1"),
    "metered nothing": (METERED,),
}  # fmt: skip


def tables(folder: Path) -> Iterator[str]:
    """Hours that are over, as tables state them."""
    path = folder / "hours.csv"
    for name, lines in TABLES.items():
        path.write_text("\n".join(lines) + "\n")
        for kind, read in (("revised", read_revised), ("metered", read_metered)):
            if name.startswith("metered") is (kind == "metered"):
                yield f"{name}, {kind}"
                yield from problems(lambda read=read: read(path), folder)  # type: ignore[misc]
                try:
                    made = read(path)
                except InputError:
                    continue
                yield from (f"   {key} {value}" for key, value in made.items())


CASES = {"tables": tables}
