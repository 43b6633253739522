"""What parts of studies answer that no verb of one small folder reaches, value by value.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.abstract import abstract_folder
from tests.golden.printed import judge, number, outline, table_lines
from tests.golden.test_figures import NOON, _plane, _settled
from tests.golden.test_studies import LEFT_OUT, study_lines
from tests.golden.test_verbs import _said
from tests.long import long_tiny
from tests.replays.worlds import green, thin
from tests.studied import Studied
from tests.tiers.markets import PRICE, people, service
from tests.tiers.simulate import Truth, kept, replaced, simulate
from wattlas.cli.bar import StagePace, duration
from wattlas.cli.common import plain
from wattlas.cli.endings import end
from wattlas.cli.heap import trimmed
from wattlas.cli.streams import Screen, fitting, holds, one_line
from wattlas.errors import InputError, LimitError, MachineError, Problem, WattlasError
from wattlas.model.choices import Choices
from wattlas.model.frames import frame
from wattlas.model.service import Service
from wattlas.model.users import Scale
from wattlas.replays.service.serving import Serving
from wattlas.report.results import open_results, write_results
from wattlas.report.stream_folder import finished_parts, write_plan
from wattlas.report.view import Pages, ResultsServer
from wattlas.serve.metrics import metrics_text
from wattlas.serve.totals import MetricTotals
from wattlas.studies.brief import brief_html
from wattlas.studies.export.story import demo_story
from wattlas.studies.fit_listings import fit_listings, fit_mapping, fit_notes, users_yaml
from wattlas.studies.thinning import best_points, every_second, mean_days, thin_surface
from wattlas.studies.training import Episodes
from wattlas.tiers.fit import fit
from wattlas.tiers.grid import scan_grid
from wattlas.tiers.ladder import ladder
from wattlas.tiers.market import Market, market
from wattlas.tiers.offer import best, by_fallback, pareto
from wattlas.tiers.population import Population
from wattlas.tiers.verdict import offer_verdict

HERE = Path(__file__).parent / "parts"
Case = Callable[[Path, Studied], Iterator[str]]


def _fault(call: Callable[[], Any]) -> Iterator[str]:
    """In words what a call raises; or that it raises nothing."""
    try:
        call()
    except WattlasError as error:
        problems = error.problems if isinstance(error, InputError) else ()
        yield f"! {type(error).__name__}: {'' if problems else error}"
        for each in problems:
            yield f"!   {each.file or ''} {each.where}: {each.what} | {each.fix}"
    except (KeyError, ValueError) as error:
        yield f"! {error}"
    else:
        yield "! nothing"


def _training(_folder: Path, _made: Studied) -> Iterator[str]:
    """Two episodes under a contract: places, what is seen, what is paid."""
    world = thin(green(0.3), 0.02, 3)
    for weights, hours in (({"usd_weight": 0.5, "kg_weight": 2.0}, None), ({"kg_weight": 1.0}, 2)):
        episodes = Episodes(world, **weights, hours=hours)
        yield from table_lines("places", asdict(episodes.places))
        yield str(dict(episodes.shapes()))
        yield from outline("seen", episodes.begin(4))
        count = len(episodes.places.group)
        for step in range(3):
            weight = np.sin(np.arange(count) + step) if step != 1 else np.zeros(count)
            seen, reward, terminated, truncated, info = episodes.advance(weight * 1.7)
            yield f"step {step}: {number(reward)} {terminated} {truncated}"
            yield from outline("seen", seen)
            yield from outline("info", info)
            shares = episodes.places.shares(episodes.agent.weight)
            yield " ".join(number(share) for share in shares)
            if terminated:
                break
    yield from _fault(lambda: Episodes(world, usd_weight=0.0))
    yield from _fault(lambda: Episodes(world).advance(np.zeros(3)))
    yield from _fault(lambda: Episodes(world).observed())
    routing = wattlas.policy.registry.policy_of(world, "nearest")
    yield str(type(routing).__name__)


def _fitted(name: str, choices: Choices, **options: Any) -> Iterator[str]:
    yield f"== {name}"
    try:
        made = fit(choices, **options)
    except InputError as error:
        for each in error.problems:
            yield f"! {each.where}: {each.what} | {each.fix}"
        return
    yield from outline("fit", fit_mapping(made))
    for listing in fit_listings(made):
        yield f"{listing.title}: {' | '.join(c.heading for c in listing.columns)}"
        yield from (str(note) for note in listing.notes)
    yield from fit_notes(made)
    yield re.sub(r"\d+\.\d{4,}", lambda m: number(float(m[0])), users_yaml(made, "a table"))


def _fit(_folder: Path, _made: Studied) -> Iterator[str]:
    """Taste of drawn choices, and what their tables cannot tell."""
    base = simulate(60, 4, 3, Truth(), 1)
    truth = Truth(consciousness=0.02, weight_accuracy=0.95, weight_latency=0.02)
    halves = np.where(base.respondent % 2, "even", "odd")
    mirrored = base.accuracy / 1000
    yield from _fitted("plain", base)
    yield from _fitted("bent", simulate(80, 4, 3, Truth(curvature=1.5, outside_usd=0.001), 3),
                       curvature=None, requests=1000.0)  # fmt: skip
    yield from _fitted("ends", simulate(90, 4, 3, truth, 5), additive=True)
    yield from _fitted("segments", replaced(base, segment=halves), scale=Scale(0.5, 1, 100, 3000, 1))
    yield from _fitted("alike", simulate(60, 4, 3, Truth(), 2, shock_usd=0.01))
    yield from _fitted("constant", replaced(base, carbon_g=np.full_like(base.carbon_g, 0.2)))
    yield from _fitted("together", replaced(base, carbon_g=mirrored))
    yield from _fitted("few", kept(base, base.respondent < 9))
    yield from _fitted("worse", replaced(base, carbon_g=0.4 - base.carbon_g))
    yield from _fitted("slower", replaced(base, latency_ms=2200 - base.latency_ms))
    yield from _fitted("paid", replaced(base, price_usd=0.01 - base.price_usd))
    yield from _fitted("worst", replaced(base, accuracy=1.5 - base.accuracy), additive=True)
    levels = {"accuracy": np.array([0.6, 0.9]), "latency_ms": np.array([200.0, 900.0])}
    two = simulate(60, 4, 3, Truth(), 7, levels=levels)
    yield from _fitted("two levels", two, curvature=None)
    cheap = base.price_usd.reshape(-1, 3)
    cheapest = (cheap == cheap.min(axis=1)[:, None]) & (np.cumsum(
        cheap == cheap.min(axis=1)[:, None], axis=1) == 1)  # fmt: skip
    yield from _fitted("decided", replaced(base, chosen=cheapest.ravel()))
    yield from _fitted("options", base, curvature=99.0, requests=0.0)
    yield from _fitted("none", replaced(base, chosen=np.zeros_like(base.chosen)))


def _market(served: Service, users: Population) -> Market:
    return market(served, users, PRICE)


def _markets(_folder: Path, _made: Studied) -> Iterator[str]:
    """Offers to few users and to many, soft and hard, fair or not; ladders and fronts."""
    few = _market(service(), people(5, outside=0.3))
    for name, sold in (
        ("few", few),
        ("many", _market(service(8, 2, 3), people(60, 4, status_quo=0.02))),
        ("hard", _market(service(5, 2, 5), people(12, 6, scale=0.0))),
        ("hard, outside", _market(service(5, 2, 7), people(12, 8, scale=0.0, outside=0.2))),
        ("flat", _market(service(4, 2, 9, flat=True), people(40, 2, theta=0.5))),
        ("dear", _market(service(4, 2, 9, full_cost=0.05), people(40, 2, status_quo=0.9))),
    ):
        yield f"== {name}"
        for fair in (True, False):
            most, cleanest = (best(sold, goal, size=20, fair=fair) for goal in ("profit", "carbon"))
            for objective in ("profit", "carbon"):
                yield f"{objective} {fair}: {offer_verdict(sold, most, cleanest, objective)}"
            for n, chosen in enumerate((most, cleanest)):
                yield from outline(f"offer {n}", asdict(chosen) if chosen else {})
        for objective in ("profit", "carbon"):
            yield from outline("ladder", asdict(ladder(sold, 2, objective, size=12)))
        for offer in by_fallback(sold, size=12):
            yield from outline("fallback", asdict(offer) if offer else {})
        front = pareto(sold, scan_grid(sold, 12))
        yield from outline("front", [asdict(offer.contract) for offer in front])


def _view(folder: Path, made: Studied) -> Iterator[str]:
    """What the pages of a results folder are, and what the server answers."""
    results = made.results(frames={n: made.frames[n] for n in ("hourly", "places", "layers")})
    pages = Pages(results)
    for path in ("/meta.json", "/tables.json", "/tables/layers.csv", "/tables/layers.json",
                 "/tables/places.csv", "/tables/layers.parquet", "/", "/report.html", "/tables/x.csv",
                 "/tables/layers.txt", "/tables", "/layers.csv"):  # fmt: skip
        page = pages.get(path)
        kind, content = page or ("none", b"")
        shown = content.decode() if kind in ("csv", "json") and path != "/meta.json" else ""
        yield f"{path}: {kind}, {'some' if content else 'no'} bytes"
        yield re.sub(r"\d+\.\d{4,}", lambda m: number(float(m[0])), shown[:3000]).rstrip()
    with ResultsServer(results) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for method, path, host in (
            ("GET", "/tables.json?x=1", "LOCALHOST"), ("HEAD", "/", "127.0.0.1"),
            ("GET", "/tables%2flayers.csv", "127.0.0.1"), ("GET", "/none", "127.0.0.1"),
            ("GET", "/", "evil.example"), ("POST", "/", "127.0.0.1"),
        ):  # fmt: skip
            link = http.client.HTTPConnection("127.0.0.1", server.server_port)
            link.request(method, path, headers={"Host": f"{host}:{server.server_port}"})
            answer = link.getresponse()
            body = answer.read().decode()[:150]
            yield f"{method} {path} {host}: {answer.status} {body.strip()}"
            for name, value in answer.getheaders():
                if name not in ("Server", "Date", "Content-Length", "Content-Security-Policy"):
                    yield f"  {name}: {value}"
            link.close()
        for line in _fault(lambda: ResultsServer(results, server.server_port)):
            yield line.replace(str(server.server_port), "PORT")
        server.shutdown()
    yield from _fault(lambda: ResultsServer(results, 70_000))


def _results(folder: Path, made: Studied) -> Iterator[str]:
    """What is wrong with folders, tables and meta data, and what results say of themselves."""
    frames = {n: made.frames[n] for n in ("places", "layers", "relocatable")}
    results = write_results(folder / "a", made.meta, frames, lambda r: f"<p>{r.title}")
    read = open_results(folder / "a")
    yield f"{read!r} {read.status} | {read.title} | {read.notice}"
    yield f"{read.has('places')} {read.has('merit')} {sorted(read.tables)}"
    yield from outline("meta", {**read.meta["tables"]})
    yield read._repr_html_()
    yield brief_html({"scenario": {"name": "<x>"}, "status": "limit"})
    yield from _fault(lambda: read.table("nothing"))
    layers = frames["layers"]
    wrong = {
        "nothing": layers,
        "layers": layers.with_columns(
            pl.lit("x").alias("it_mwh"), pl.lit(None).alias("class"), pl.lit(1).alias("layer")
        ).drop("share"),
        "hourly": made.frames["hourly"].with_columns(
            pl.col("time_utc").dt.replace_time_zone(None), pl.lit(1).alias("region")
        ),
        "frontier": made.frames["frontier"].with_columns(pl.lit("y").alias("exact")),
    }
    yield from _fault(lambda: write_results(folder / "b", {"status": 3}, wrong))
    (folder / "a" / "note.txt").write_text("mine")
    yield from _fault(lambda: write_results(folder / "a", made.meta, frames))
    (folder / "a" / "note.txt").unlink()
    (folder / "a" / "layers.parquet").write_bytes(b"no")
    (folder / "a" / "places.parquet").unlink()
    yield from _fault(lambda: open_results(folder / "a"))
    for text in ("{", "[]", json.dumps({**made.meta, "status": 1, "tables": 3})):
        (folder / "a" / "meta.json").write_text(text)
        yield from _fault(lambda: open_results(folder / "a"))
    yield from _fault(lambda: open_results(folder / "none"))
    yield str(sorted(results.tables))


def _stream(folder: Path, _made: Studied) -> Iterator[str]:
    """A plan of three chunks, gone on with, and what stops that."""
    days = long_tiny(21)
    weight = np.where(np.arange(days.hours.count) % 2, 3.0, 1.0)
    world = replace(days, hours=replace(days.hours, weight=weight))
    told: list[int] = []
    meta = write_plan(folder / "p", world, done=told.append)
    yield f"{told} {[path.name for path in finished_parts(folder / 'p')]}"
    steady = {n: v for n, v in meta.items() if n not in (*LEFT_OUT, "engine_hours", "highs_hours")}
    steady["parts"] = [{n: v for n, v in p.items() if n != "sha256"} for p in meta["parts"]]
    yield from outline("meta", steady)
    head = json.loads((folder / "p" / "plan.json").read_text("utf-8"))
    yield f"{sorted(head)} {head['objective']} {head['chunk_steps']}"
    (folder / "p" / "meta.json").unlink()
    part = folder / "p" / "flows-000001.parquet"
    before = part.read_bytes()
    part.unlink()
    again = write_plan(folder / "p", world, resume=True)
    yield str([again[n] == meta[n] for n in ("totals", "regions", "parts", "window", "status")])
    (folder / "p" / "meta.json").unlink()
    part.write_bytes((folder / "p" / "flows-000000.parquet").read_bytes())
    yield from _fault(lambda: write_plan(folder / "p", world, resume=True))
    part.write_bytes(before[:100])
    words = list(_fault(lambda: write_plan(folder / "p", world, resume=True)))
    yield re.sub(r"cannot be read: .*", "cannot be read", "\n".join(words))
    (folder / "p" / "plan.json").write_text("{")
    yield from _fault(lambda: write_plan(folder / "p", world, resume=True))
    (folder / "p" / "plan.json").unlink()
    yield from _fault(lambda: write_plan(folder / "p", world))
    yield from _fault(lambda: write_plan(folder / "q", world, chunk_steps=0))
    tight = replace(world, reserved_gpu=world.reserved_gpu * 1e-6)
    yield from (line[:300] for line in _fault(lambda: write_plan(folder / "r", tight)))


class Stream(io.StringIO):
    """A terminal of another encoding, which may refuse."""

    encoding = "ascii"
    fault: OSError | None = None

    def write(self, text: str) -> int:
        """Take a text or refuse it."""
        if self.fault:
            raise self.fault
        return super().write(text)

    def fileno(self) -> int:
        """None that is open."""
        raise OSError


def _terminal(_folder: Path, _made: Studied) -> Iterator[str]:
    """Progress by a clock of ours, texts for odd terminals, and how commands end."""
    now = iter(range(0, 10_000, 7))
    for total, unit in ((0, ""), (48, "steps")):
        pace = StagePace(total, unit, now=lambda: float(next(now)))
        for stage, share in (("read", 0.0), ("place", 0.1), ("place", 0.4), ("place", 0.35),
                             ("place", 0.9), ("write", 0.0), ("write", 1.0)):  # fmt: skip
            yield f"{stage} {share}: {pace.step(stage, share)} {pace.words()}"
    yield ", ".join(duration(s) for s in (0.4, 59.4, 59.6, 200, 3599, 3599.6, 7500, 90_000))
    odd = "é → ≥\x1b[1m\u202e\n\tx√𝛼"
    yield f"{one_line(odd)} {fitting(odd, 'ascii')!r} {fitting(odd, 'latin-1')!r}"
    yield str([holds("a → b", Stream()), holds("a", Stream()), holds("\x07", io.StringIO())])
    stream = Stream()
    screen = Screen(stream, needed=True)
    screen.writelines(["a\x1b", "→\n"])
    screen.obeying.write("\x1b[K")
    yield f"{stream.getvalue()!r} {screen.encoding} {screen.writable()} {screen.isatty()}"
    stream.fault = OSError(28, "No space left")
    yield from _fault(lambda: screen.write("x"))
    yield f"{Screen(stream, needed=False).write('xy')}"
    stream.fault = BrokenPipeError(32, "pipe")
    yield from _fault(lambda: screen.write("x"))
    problem = Problem("a.b", "is\nwrong", "Do it.\nSo.", "f.yaml", 3)
    with trimmed():
        pass
    for error in (
        InputError([problem]), InputError([problem, Problem("c", "too", "")]), LimitError("late"),
        MachineError("no"), OSError(13, "Permission denied", "x.csv"), MemoryError(), KeyboardInterrupt(),
        ZeroDivisionError("by 0"), TypeError(),
    ):  # fmt: skip
        for as_json in (False, True):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = end(error, as_json=as_json)
            yield f"{int(code)} {' '.join(out.getvalue().split())}\n{err.getvalue()}"
    yield str(plain({1: (np.float64(2.5), np.inf, {3}), "p": Path("x"), "a": np.arange(3), "n": None}))


def _ledger(folder: Path, _made: Studied) -> Iterator[str]:
    """What the verbs of a ledger say of forty requests, and what they append."""
    now, totals = [NOON.timestamp() + 30.0], MetricTotals()
    plane = _plane(folder, now)
    _settled(plane, now, totals)
    assert metrics_text(plane, totals)
    file = next(path for path in folder.glob("*.sqlite"))
    row = next(row for row in plane.store.rows("acme", 0, 2**62).rows if row.it_mj).id
    plane.store.close()
    texts = {
        "signals.csv": "time_utc,region,price_usd_per_mwh,average_g_per_kwh,marginal_g_per_kwh\n"
                       "2026-11-29T12:00:00Z,oslo,66,41,90\n",
        "energy.csv": "time_utc,region,it_kwh\n2026-11-29T12:00:00Z,oslo,0.00001\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    with contextlib.chdir(folder):
        for words in (
            "ledger statement L acme 2026-11", "ledger statement L acme 2026-11 --json",
            "ledger statement L nobody 2026-11", "ledger statement L acme 2026-13",
            "ledger statement L acme 2026-11 --out s.txt", "ledger statement L acme 2026-11 --out s.csv",
            "ledger correct L --signals signals.csv --dry-run", "ledger correct L --signals signals.csv "
            "--tenant acme --why because", "ledger correct L --signals signals.csv --tenant acme",
            f"ledger correct L --row {row} --tenant acme --it-j 120", "ledger correct L --energy "
            "energy.csv --json --dry-run", f"ledger correct L --row {row} --tenant acme --void",
            "ledger correct L --row none --tenant acme --void", "ledger correct L --energy signals.csv",
            "ledger correct L --signals energy.csv", "ledger statement L plain 2026-11",
        ):  # fmt: skip
            yield re.sub(r"\b[0-9a-f]{12}\b", "a hash", _said(words.replace(" L ", f" {file.name} ")))


def _thinned(folder: Path, made: Studied) -> Iterator[str]:
    """Long tables made short, a demo's story, one field varied, and a class without prices."""
    n = np.arange(30)
    surface = frame({"k": ["a", "b"] * 15, "x_ms": n // 6 * 1.0, "y": n // 2 % 3, "v": n * 2.5})
    short = every_second(surface, ("k",), ("x_ms", "y"))
    yield from table_lines("surface", short.to_dict(as_series=False))
    kept_as_is, rule = thin_surface("t", surface, ("k",), ("x_ms", "y"))
    yield f"{kept_as_is.height} {rule}"
    many = pl.concat([surface] * 400)
    yield f"{thin_surface('t', many, ('k',), ('x_ms', 'y'))[0].height}"
    yield thin_surface("t", many, ("k",), ("x_ms", "y"))[1]
    days = frame({
        "time_utc": np.arange("2024-01-30T12", "2024-02-02T12", dtype="datetime64[h]").astype(
            "datetime64[ms]"),
        "hours_represented": np.resize([1.0, 3.0], 72), "region": ["r"] * 72,
        "requests": np.arange(72.0), "price": np.where(np.arange(72) % 7, np.arange(72.0), np.nan),
    }).with_columns(pl.col("price").fill_nan(None))  # fmt: skip
    yield from table_lines("mean day", mean_days(days).to_dict(as_series=False), 80)
    points = best_points(made.frames["candidates"])
    yield from table_lines("best", points.to_dict(as_series=False))
    story = demo_story(wattlas.example("tiny"))
    yield f"{story.rtt_ms if hasattr(story, 'rtt_ms') else ''} {len(asdict(story))}"
    world = wattlas.example("tiny")
    for path, values, times in (("regions.oslo.pue", (1.1, 1.5), False),
                                ("demand_per_h", (0.5, 90.0), True)):  # fmt: skip
        varied = wattlas.sweep(world, path, values, times=times)
        yield varied.heading()
        yield from table_lines(path, varied.table())
    for path, values in (("regions.oslo.pu", (1,)), ("regions.mars.pue", (1,)), ("pue", ()),
                         ("regions.oslo.pue", (0.5,)), ("nothing", (1,))):  # fmt: skip
        yield from _fault(lambda path=path, values=values: wattlas.sweep(world, path, values))
    yield from study_lines(wattlas.study(wattlas.load(abstract_folder(folder)), samples=3))


MASKS = ((r"\b[0-9a-f]{24,}\b", "a hash"), (r"(?<=profit_gain_usd )-?\d\S*e-\d\d\b", "0"))
CASES: dict[str, Case] = {
    "training": _training, "fit": _fit, "markets": _markets, "view": _view, "results": _results,
    "stream": _stream, "terminal": _terminal, "ledger": _ledger, "thinned": _thinned,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_parts_are_those_of_the_golden_files(
    name: str, tmp_path: Path, made: Studied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    text = "\n".join(CASES[name](tmp_path, made)).replace(str(tmp_path), "FOLDER")
    for pattern, steady in MASKS:
        text = re.sub(pattern, steady, text)
    judge(text, HERE / f"{name}.txt")
