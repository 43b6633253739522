"""`wattlas tiers design --fleet resize`: beside the answer for the fleet as it is."""

from __future__ import annotations

import json
import re
from itertools import groupby

import pytest

from wattlas.cli import run
from wattlas.data.profiles_file import read_profiles
from wattlas.errors import InfeasibleError

USERS = (
    "tiny", "--class", "A", "--set", "classes.A.accuracy_min=0.8",
    "--set", "users={usd_per_mtok_in: 2, usd_per_mtok_out: 10, count: 200}",
)  # fmt: skip


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["tiers", "design", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_both_allocations_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The usual answer first and unchanged, then the fleets; likewise in JSON."""
    code, kept, _ = said(capsys, *USERS)
    assert code == 0
    assert "resized" not in kept
    code, text, stages = said(capsys, *USERS, "--fleet", "resize")
    assert code == 0
    told = re.findall(r"^Design: (\D+?)(?: \d.*)?$", stages, re.MULTILINE)
    assert [stage for stage, _ in groupby(told)] == [
        "the fleet without tiers", "full service", "tiers of class A", "the fleet without tiers",
        "fleets of class A",
    ]  # fmt: skip
    assert text.startswith(kept)
    for words in ("at the peak", "when carbon is high", "lease ends", "on demand"):
        assert words in text
    code, text, _ = said(capsys, *USERS, "--fleet", "resize", "--json")
    assert code == 0
    assert len(json.loads(text)["resized"]["allocations"]) == 2


@pytest.mark.parametrize("more", [[], ["--unfair"]])
def test_both_allocations_are_as_fair_as_asked(
    more: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--unfair` reaches the fleets that are resized, not the design alone."""
    told: list[bool] = []

    def noted(*_: object, fair: bool = True, **__: object) -> None:
        told.append(fair)

    monkeypatch.setattr("wattlas.studies.resized.resize", noted)
    assert said(capsys, *USERS, "--fleet", "resize", *more)[0] == 0
    assert told == [not more]


@pytest.mark.parametrize("more", [[], ["--hardware", "invented"], ["--profiles", "pack"]])
def test_the_fallbacks_are_those_that_are_asked_for(
    more: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profiles and hardware reach the design; without either it takes the scenario's own."""
    told: list[int | None] = []

    def noted(*_: object, points: tuple[object, ...] | None = None, **__: object) -> None:
        told.append(None if points is None else len(points))
        raise InfeasibleError("far enough")

    monkeypatch.setattr("wattlas.studies.offers.design_tiers", noted)
    assert said(capsys, *USERS, *more)[0] == 4
    few = None if not more else 3 if more[0] == "--hardware" else len(read_profiles("typical-2023"))
    assert told == [few]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--fleet", "halve"), 2, "halve"),
        (("--fleet", "resize", "--set", "regions.all.reserved_usd_per_gpu_year=0"), 3,
         "reserved_usd_per_gpu_year"),
    ],
)  # fmt: skip
def test_bad_questions(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    """One word too many, and accelerators that cost nothing to hold."""
    answer, _, error = said(capsys, *USERS, *arguments)
    assert answer == code
    assert words in error
