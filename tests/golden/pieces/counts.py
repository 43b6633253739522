"""Usage and energy as they are counted, and decisions as they are sealed."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, nan
from pathlib import Path
from typing import Any

from wattlas.serve.config import TenantSection
from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.gateway.usage import TokenMeter
from wattlas.serve.ledger.ids import Taken, place_of
from wattlas.serve.meters import EnergyMeter, MeterSection, is_odd, meter_of
from wattlas.serve.seal import Seal
from wattlas.serve.table import Place

METERS: tuple[dict[str, Any], ...] = (
    {"kind": "neuralwatt"},
    {"header": "X-J", "unit": "mJ"},
    {"field": "usage.j", "unit": "Wh", "covers": "server"},
    {"field": "j", "unit": "kWh", "it_per_metered": 2.0},
    {"field": "usage.power.j", "unit": "J"},
)
READINGS = (1, 2.5, b"3", b"x", True, None, "4", 0, -1, inf, nan, 1e308, b"nan")
BODIES: tuple[Any, ...] = (
    {"energy": {"energy_joules": 5}},
    {"usage": {"j": 0.5}},
    {"j": 0.25},
    {"j": {}},
    {"usage": {"power": {"j": 3, "power": 4}}},
    {"usage": {"power": 5}},
    {"usage": 7},
    None,
    [],
)
COMMENTS = (
    b": energy 7\n\n",
    b': energy {"energy_joules": 8}\n\n',
    b": energy {}\n\n",
    b": energy x\n\n",
    b"data: : energy 1\n\n",
    b"x\n: energy 3\n\n",
    b": energies 4\n\n",
)


def counts(_folder: Path) -> Iterator[str]:
    """Tokens and energy of what servers say."""
    for said in METERS:
        meter = meter_of(MeterSection(**said))
        yield f"{meter} {meter.key!r}"
        yield f"   {[meter.of_body(body) for body in BODIES]}"
        yield f"   {[meter.of_comments(event) for event in COMMENTS]}"
        yield f"   {[meter.joules(reading) for reading in READINGS]}"
    for metered, profile in (
        (1, 100),
        (0.99, 100),
        (10_000, 100),
        (10_001, 100),
        (1, 0),
        (1, nan),
        (1e9, -1),
    ):
        yield f"{metered} of {profile}: {is_odd(metered, profile)}"
    yield from token_meters(
        meter_of(MeterSection(**METERS[0])), meter_of(MeterSection(**METERS[1]))
    )


def token_meters(own: EnergyMeter, header: EnergyMeter) -> Iterator[str]:
    """A request's counts, step by step."""
    steps: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("began", (7,)),
        ("began", (-1,)),
        ("event", (10,)),
        ("event", (11,)),
        ("content", (9,)),
        ("usage", ({"prompt_tokens": 3},)),
        ("usage", ({"prompt_tokens": 3, "completion_tokens": None},)),
        ("usage", ([],)),
        ("counted", (1, True)),
        ("counted", (0, 100_000_000)),
        ("counted", (100_000_001, 1)),
        ("told", ({"energy": {"energy_joules": 6}},)),
        ("told", ({},)),
        ("commented", (COMMENTS[0],)),
        ("commented", (b"data: x\n\n",)),
        ("answered", ({b"x-j": b"250"},)),
        ("told", ({"energy": {"energy_joules": -6}},)),
    )
    for energy in (None, own, header):
        meter = TokenMeter(102)
        meter.restart(energy)
        yield f"{energy and energy.name} {meter.key!r} {tell(meter)}"
        for name, given in steps:
            getattr(meter, name)(*given)
            yield f"   {name}{given} {tell(meter)}"
        meter.restart(energy)
        yield f"   anew {tell(meter)}"
        meter.event(6)
        yield f"   {tell(meter)}"


def tell(meter: TokenMeter) -> str:
    """What a meter comes to, by how the answer ended."""
    return " ".join(f"{meter.tokens(end)} {meter.energy(end)}" for end in (End.WHOLE, End.FAILED))


def seals(_folder: Path) -> Iterator[str]:
    """Sealed decisions, what is not sealed, ids, and who is a tenant."""
    seal, other = Seal(b"secret"), Seal(b"other")
    facts = Facts("boot-7", "acme", "green", "lagos", "chat", Asked.AUTO, 1795953630.25)
    for degraded, place, reason in (
        (True, Place("oslo", "small"), Reason.SAVING),
        (False, Place("å", "ö"), Reason.CAP),
    ):
        decision = Decision(facts, "2026-11", degraded, place, reason, 3)
        text = seal.sealed(decision)
        own = text == seal.sealed(decision), seal.opened(text) == decision
        yield f"{text} {own} {other.opened(text)}"
        forged = (
            "",
            ".",
            "..",
            text[:-1],
            text + "A",
            "x" + text,
            text.replace("boot-7", "boot-8"),
            text.upper(),
            "å" + text,
            text + "." * 5000,
        )
        yield f"   {[seal.opened(each) for each in forged]}"
        settled = Settlement(
            End.BROKEN,
            place,
            degraded,
            1.5,
            502,
            "a",
            "b",
            1,
            None,
            "usage",
            2,
            Reason.RECOVERED,
            1.25,
            "m",
            0.5,
        )
        line = seal.line(decision, settled)
        yield f"   {line.decode()} {seal.ended(line) == (decision, settled)}"
        plain = settled._replace(reason=None)
        both = seal.ended(seal.line(decision, plain)) == (decision, plain), other.ended(line)
        odd = line.replace(b"broken", b"gone"), line.replace(b"recovered", b"gone"), line[:-1]
        yield f"   {both} {[seal.ended(each) for each in (b'', b'[]', b'7', b'{}', *odd)]}"
    for id in (
        "boot-7",
        "boot-0",
        "boot-07",
        "boot-",
        "-7",
        "7",
        "a-b-4095",
        "a-4096",
        "a-999999999999",
        "a-1000000000000",
        "a-٣",
        "",
    ):
        yield f"{id!r} {place_of(id)}"
    kept: dict[Any, bytes] = {("a", 0): bytes([6]) + bytes(511)}
    taken = Taken(kept.get)
    for id in ("a-1", "a-2", "a-3", "a-8", "a-9", "a-9", "a-4096", "b", "b", "a-3", "a-4095"):
        yield f"{id} {taken.take(id)}"
    for block, bits in taken.changed.items():
        yield f"{block} {[n for n in range(4096) if bits[n >> 3] >> (n & 7) & 1]}"
    yield f"{TenantSection(keys_sha256=['x'])}"


CASES = {"counts": counts, "seals": seals}
