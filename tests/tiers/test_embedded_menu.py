"""What docs/menu.md states of the profiles that ship, recomputed from their table."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.shipped import shipped
from wattlas.data.pack import open_pack
from wattlas.data.profiles_file import read_profiles
from wattlas.model.scenario import Scenario
from wattlas.model.workload import LatencyTo, WorkloadClass
from wattlas.tiers.menu import Menu, front_mask, menu

POINTS = read_profiles("typical-2023")


@cache
def world() -> Scenario:
    """The embedded world, by a sample of its hours."""
    return shipped("typical-2023", scenario="sample")


def klass(name: str) -> WorkloadClass:
    """A class of the embedded world."""
    return next(k for k in world().classes if k.id == name)


def wh(one: Menu, point: str) -> float:
    return float(one.energy_kwh[one.ids.index(point)]) * 1e3


def test_how_many_are_on_the_front() -> None:
    """Class A: 52 of 187; 36 of 96 on H100 alone, 40 of 91 on B200 alone."""
    found = {"": (52, 187), "H100": (36, 96), "B200": (40, 91)}
    for hardware, want in found.items():
        one = menu(klass("A"), [o for o in POINTS if hardware in o.hardware])
        assert (int(one.pareto.sum()), len(one.ids)) == want


def test_another_score_moves_the_front() -> None:
    """By GPQA 43 points are on the front of class A, all of them among the 52."""
    gpqa = dict(open_pack("typical-2023").frame("profiles").select("point", "gpqa").iter_rows())
    by_mmlu = menu(klass("A"), POINTS)
    by_gpqa = menu(klass("A"), [replace(o, accuracy=gpqa[o.id]) for o in POINTS])
    assert by_gpqa.pareto.sum() == 43
    assert not (by_gpqa.pareto & ~by_mmlu.pareto).any()


def test_batch_against_model() -> None:
    """Eight H100, class A: 0.149 Wh; in a batch of 256 0.081, a score down 0.075, both 0.052."""
    one = menu(klass("A"), POINTS)
    best, next_down = "qwen3-235b-a22b-fp8-8xh100", "llama-4-maverick-fp8-8xh100"
    found = [wh(one, f"{name}-b{n}") for name in (best, next_down) for n in (64, 256)]
    assert found == pytest.approx([0.149, 0.0807, 0.0746, 0.0522], rel=2e-3)
    assert wh(one, f"{best}-b8") / wh(one, f"{best}-b64") == pytest.approx(4.65, rel=2e-3)
    ms = dict(zip(one.ids, one.service_ms, strict=True))
    assert [round(ms[f"{best}-b{n}"]) for n in (64, 256)] == [71, 105]
    assert [round(ms[f"{next_down}-b{n}"]) for n in (64, 256)] == [46, 74]


def test_a_lower_score_may_take_more() -> None:
    """Scout (0.743), Llama 3.3 70B (0.689) and 405B (0.733) are beaten by Maverick (0.805)."""
    one = menu(klass("A"), POINTS)
    beaten = {"llama-4-scout", "llama-3.3-70b", "llama-3.1-70b", "llama-3.1-405b-fp8"}
    on_front = {v for v, on in zip(one.variants, one.pareto, strict=True) if on}
    assert not beaten & on_front
    assert set(one.variants) - on_front == {*beaten, "llama-3.1-405b"}
    assert wh(one, "llama-4-scout-8xh100-b64") == pytest.approx(0.1125, rel=2e-3)
    assert wh(one, "llama-3.3-70b-4xh100-b64") == pytest.approx(0.1277, rel=2e-3)


def test_how_much_of_the_energy_is_modelled() -> None:
    """The prompt's share at 64 sequences on H100: 17 to 63 % in class A, 56 to 92 % in class C."""
    for name, low, high in (("A", 0.17, 0.63), ("C", 0.56, 0.92)):
        own = klass(name)
        parts = [
            o.prefill_j_per_token * own.tokens_in / 3.6e6 / own.it_kwh(o)
            for o in POINTS
            if o.id.endswith("h100-b64")
        ]
        assert [min(parts), max(parts)] == pytest.approx([low, high], abs=0.005)


def test_larger_batches_are_slower_and_thriftier() -> None:
    """Within a model on a hardware energy falls and time rises with the batch, all the way."""
    answer = WorkloadClass("x", 1e9, 500.0, 300.0, latency_to=LatencyTo.FULL_ANSWER)
    settings: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for o in POINTS:
        batch = int(o.id.rsplit("-b", 1)[1])
        row = (batch, answer.it_kwh(o), answer.service_ms(o))
        settings.setdefault((o.variant, o.hardware), []).append(row)
    for rows in settings.values():
        table = np.array(sorted(rows))
        assert (np.diff(table[:, 1]) < 0).all()
        assert (np.diff(table[:, 2]) > 0).all()


def test_time_and_energy_have_nearly_one_front() -> None:
    """Of the 47 points of class A on the front of accelerator time, 45 are on that of energy."""
    one = menu(klass("A"), POINTS)
    by_time = front_mask(one.accuracy, one.service_ms, one.gpu_h)
    assert by_time.sum() == 47
    assert (by_time & one.pareto).sum() == 45


def test_two_points_of_the_embedded_world_are_beaten() -> None:
    """Class A: the medium model is slower and less accurate than the large one in a batch."""
    one = menu(klass("A"), world().points)
    lost = [o for o, on in zip(one.ids, one.pareto, strict=True) if not on]
    assert lost == ["medium-h100-fast", "medium-h100-batch"]
