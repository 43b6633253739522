"""Packs made, merged and checked; typical years."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.golden.inputs.pack_imports import (
    FIRST,
    IMPORTS,
    RTT,
    SPOILT,
    changed_manifests,
    new_rows,
)
from tests.golden.inputs.worlds import figures
from tests.golden.telling import Lines, kept, outcome, plain, put, tell
from tests.golden.test_imports import rows_of
from wattlas.data import typical
from wattlas.data.pack import MANIFEST, Generator, Pack, PackTime, open_pack, shipped
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_import import ImportResult, import_hours
from wattlas.data.pack_lock import NEXT, pack_to_change
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.schema.hours import TIME

HERE = Path(__file__).parent / "reading"


def _written(made: ImportResult) -> Lines:
    """What an import wrote, and the whole manifest."""
    lines = [f"{made.table}: {made.rows} rows of {', '.join(made.zones)}; {made.counts.words}"]
    lines += [*(f"note: {n}" for n in made.notes), *(f"gap: {g}" for g in made.gaps)]
    for name, entry in made.manifest.tables.items():
        facts = {k: v for k, v in entry.model_dump().items() if k != "sha256" and v}
        lines.append(f"{name}: {plain(facts)}")
        pack = Pack(made.folder, made.manifest)
        lines += rows_of(pack.frame(name))
    about = made.manifest
    lines.append(
        f"{about.name}, {about.title}, {about.kind}, {about.time}, "
        f"{about.intensity_kind}, {about.missing}"
    )
    return Lines(lines)


def _packs(folder: Path) -> Iterator[str]:
    """Hours that go into a pack, one after the other."""
    for name, (new, rules, options) in IMPORTS.items():
        yield f"== {name}"
        yield from outcome(
            lambda new=new, rules=rules, options=options: _written(
                import_hours(new, folder / "pack", rules, **options)
            )
        )
    yield "== checked"
    yield from outcome(lambda: check_path(str(folder / "pack")), derived=True)
    yield from tell(open_pack(str(folder / "pack")).provenance(), "from")
    yield "== into a typical pack, into one of facts"
    facts = PackHead(name="f", title="Facts", kind="facts", notice="Mind it")
    write_pack(folder / "f", facts, {"rtt_node_region": NewTable(RTT, "us")})
    yield from outcome(lambda: _written(import_hours(new_rows(FIRST), folder / "f")))
    egress = new_rows(RTT.rename({"rtt_ms": "egress_usd_per_gb"}), "egress", "egress_usd_per_gb")
    yield from outcome(lambda: _written(import_hours(egress, folder / "g")))
    pack = Pack(folder / "f", open_pack(str(folder / "f")).manifest)
    yield from outcome(lambda: pack.frame("egress"))
    yield f"{shipped('carbon', 'FR')} {shipped('price', 'FR')} {open_pack('typical-2023').tables}"
    typed = json.loads((folder / "pack" / MANIFEST).read_text()) | {"kind": "typical"}
    put(folder / "typical", MANIFEST, typed)
    yield from outcome(lambda: _written(import_hours(new_rows(FIRST), folder / "typical")))
    year = {n: NewTable(t, "us") for n, t in figures(np.random.default_rng(8)).items()}
    head = PackHead(
        "year",
        "A year",
        PackTime(start_utc="2023-01-01T00:00:00Z", hours=8760),
        kind="typical",
        generator=Generator(method="month-hour-1", seed=5),
    )
    write_pack(folder / "year", head, year)
    made = import_hours(egress, folder / "year").manifest
    yield f"{made.kind}, {made.time}, {made.generator}, {open_pack(str(folder / 'year')).tables}"


def _spoilt(folder: Path) -> Iterator[str]:
    """Packs in which something is wrong, and writers that were killed."""
    head = PackHead("p", "P", missing=("price.A: nothing.", "and more"), generator=None)
    manifest = write_pack(folder / "p", head, SPOILT)
    yield from tell(manifest.told_gaps("price"), "told")
    yield from outcome(lambda: check_path(str(folder / "p")), derived=True)
    document = json.loads((folder / "p" / MANIFEST).read_text())
    for name, change in changed_manifests(document).items():
        yield f"== {name}"
        put(folder / "p", MANIFEST, {**document, **change})
        # A digest of Parquet is one of its writer's version.
        lines = outcome(lambda: check_path(str(folder / "p" / MANIFEST)), derived=True)
        yield from (
            line.replace(document["tables"]["nodes"]["sha256"][:12], "DIGEST") for line in lines
        )
        yield from (
            line.replace(document["tables"]["nodes"]["sha256"][:12], "DIGEST")
            for line in outcome(lambda: open_pack(str(folder / "p")).name)
        )
    put(folder / "p", MANIFEST, "{")
    yield from outcome(lambda: check_path(str(folder / "p")))
    yield from outcome(lambda: open_pack("nowhere", folder))
    yield from outcome(lambda: check_path(str(folder / "none")))
    for name, following in (
        ("whole", document),
        ("torn", {**document, "tables": {"price": {**document["tables"]["price"], "sha256": "1"}}}),
        (
            "half torn",
            {
                **document,
                "tables": {
                    **document["tables"],
                    "price": document["tables"]["price"] | {"sha256": "1"},
                },
            },
        ),
        ("odd", {}),
    ):
        put(folder / "p", NEXT, following)
        put(folder / "p", MANIFEST, {"old": 1})
        with pack_to_change(folder / "p"):
            now = json.loads((folder / "p" / MANIFEST).read_text())
        yield (
            f"{name}: {'taken' if now == document else 'forgotten'}, left "
            f"{(folder / 'p' / NEXT).exists()}"
        )


def _figures(rng: np.random.Generator, zones: int) -> typical.SeriesFigures:
    mean = rng.uniform(20, 60, (zones, 12, 24))
    std = rng.uniform(0, 30, (zones, 12, 24))
    std[:, 2] = 0.0
    tail = np.where(rng.random((zones, 12, 24)) < 0.5, 1.0, -1.0)
    low, high = (
        mean.min(axis=2) - rng.uniform(0, 20, (zones, 12)),
        mean.max(axis=2) + rng.uniform(0, 90, (zones, 12)),
    )
    return typical.SeriesFigures(mean, std, tail, low, high, rng.uniform(0, 1, zones))


def _typical(_folder: Path) -> Iterator[str]:
    """A typical year of figures of ours, its first hours and parts by which it is made."""
    rng = np.random.default_rng(5)
    correlation = np.array(
        [[1, 0.5, 0.2, 0], [0.5, 1, 0.1, 0.3], [0.2, 0.1, 1, 0.4], [0, 0.3, 0.4, 1]]
    )
    figures = typical.TypicalFigures(
        ("A", "B"), _figures(rng, 2), _figures(rng, 2), correlation, 2023, 7
    )
    made = typical.generate(figures, 4)
    yield f"{made.zones} {made.start} {made.price_usd_per_mwh.shape}"
    for name in ("price_usd_per_mwh", "average_g_per_kwh"):
        values = getattr(made, name)
        yield from tell(values[:, :48], name)
        yield from tell(values, f"all {name}")
        yield from tell(values[:, 59 * 24 :][:, :40].ravel()[:60], f"{name} without spread")
    yield from tell(typical.standard_normal(3, 9), "normal")
    yield from tell(typical.normal_pairs(3, 6, 2), "pairs")
    yield from tell(
        typical.latent_series(correlation, np.array([0.0, 0.3, 0.9, 1.0]), 12, 5), "latent"
    )
    yield from tell(
        typical.latent_series(correlation, np.array([0.0, 0.3, 0.9, 1.0]), 12, 5, 3),
        "latent, first",
    )
    yield from tell(typical.days_in_months(2024), "days")
    hours = np.random.default_rng(1).normal(40, 9, (2, 8760)).round(3)
    hours[1, :744] = 5.0
    left = typical.residuals(hours, 2023)
    yield from tell(left, "residuals")
    yield from tell(left[:, :30], "first residuals")
    yield from tell(typical.lag_one(np.vstack([hours.cumsum(axis=1), np.ones((1, 8760))])), "lag")
    cells = np.random.default_rng(2).normal(size=(6, 30))
    bounds = [
        np.array(v, dtype=float)
        for v in (
            [10, 10, 10, 10, 10, 10],
            [3, 30, 3, 0, 5, 5],
            [1, 1, -1, 1, -1, 1],
            [0, 9, 0, 0, 0, 10],
            [50, 12, 11, 20, 10, 30],
        )
    ]
    shaped = typical.shape_cells(cells, *bounds)
    yield from tell(
        np.stack([shaped.mean(axis=1), shaped.std(axis=1), shaped.min(axis=1), shaped.max(axis=1)]),
        "cells",
    )
    yield from (f"  {' '.join(plain(float(v)) for v in row[:10])}" for row in shaped)
    yield from _embedded()


def _embedded() -> Iterator[str]:
    """The embedded year up to March, as far as it is made for a study of hours."""
    pack = open_pack("typical-2023")
    until = np.datetime64("2023-02-03T00:00:00")
    frame = pack.frame("price", until)
    yield f"kept: {[pack.frame(n, until) is pack.frame(n, until) for n in ('price', 'carbon')]}"
    yield (
        f"{frame.height} {frame.columns} {frame['zone'].n_unique()} {frame[TIME].min()} "
        f"{frame[TIME].max()}"
    )
    yield from tell(frame["price_usd_per_mwh"].to_numpy(), "embedded")
    for text in (
        "2023-01-01T00:00:00",
        "2023-01-01T00:00:01",
        "2023-02-01T00:00:00",
        "2023-02-01T01:00:00",
        "2024-05-01T00:00:00",
        "2020-01-01T00:00:00",
    ):
        yield f"{text}: {pack._months(np.datetime64(text))} months"


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "packs": _packs,
    "spoilt": _spoilt,
    "typical": _typical,
}


@pytest.mark.parametrize("name", CASES)
def test_packs_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every row, sentence and figure is that which was read and found right."""
    kept(HERE / f"pack-{name}.txt", CASES[name](tmp_path), tmp_path)
