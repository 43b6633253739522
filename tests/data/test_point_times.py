"""Points of a scenario state their service time as far as a class may need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.scenario_files import tiny_folder
from wattlas.errors import Problem


def problems(folder: Path, points: str, *changes: str) -> tuple[Problem, ...]:
    """What is wrong with the tiny example where its points lack some columns."""
    tiny = tiny_folder(folder / "t")
    table = tiny.path / "points.csv"
    lines = table.read_text(encoding="utf-8").replace("ttft_ms", "first")
    head = next(n for n, line in enumerate(lines.splitlines()) if line.startswith("point,"))
    rows = lines.splitlines()[head:]
    names = rows[0].split(",")
    kept = [n for n, name in enumerate(names) if name not in points.split()]
    cells = [",".join(row.split(",")[n] for n in kept) for row in rows]
    table.write_text("\n".join(cells).replace("first", "ttft_ms") + "\n", encoding="utf-8")
    return tiny.problems(*changes)


def test_a_scenario_without_times_to_the_first_token(tmp_path: Path) -> None:
    """Every point is named; none counts as an answer in no time."""
    found = problems(tmp_path, "first prefill_ms_per_token")
    assert found
    assert {p.what for p in found} == {"lacks its service time, `ttft_ms`"}
    assert all(p.where.startswith("points.") for p in found)


def test_times_between_tokens_are_needed_for_full_answers_alone(tmp_path: Path) -> None:
    """The class that needs them is named with the points."""
    found = problems(tmp_path, "itl_ms", "classes.A.latency_to=full_answer")
    assert any("lacks `itl_ms`" in p.what and "class `A`" in p.what for p in found)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([], "`large-fast`, `large-batched`, `small`"),
        (["points.small.itl_ms=9"], "`large-fast`, `large-batched`"),
        (["classes.D.points=[small, large-fast]"], "`large-fast`, `small`"),
        (["classes.D.points=[own, small]"], "`small`"),
        (["classes.D.points=[own]"], ""),
        (["classes.D.points=[small]", "points.small.itl_ms=9"], ""),
        (["classes.D.latency_to=first_token"], ""),
    ],
)
def test_a_time_between_tokens_is_needed_of_points_that_a_class_may_use(
    changes: list[str], names: str, tmp_path: Path
) -> None:
    """Of those of its list, if it has one; a point by the request has no such time."""
    own = "points.own={variant: small, accuracy: 0.5, request_j: 9, request_gpu_s: 1, ttft_ms: 1}"
    told = [p.what for p in problems(tmp_path, "itl_ms", own, *changes)]
    wanted = (
        f"lacks `itl_ms`, and the budget of class `D` ends with the full answer (points {names})"
    )
    assert told == ([wanted] if names else [])


@pytest.mark.parametrize(
    ("more", "sound"), [("prefill_ms_per_token: 1", False), ("ttft_ms: 0", True), ("", False)]
)
def test_a_point_by_the_request_states_the_time_of_one(
    more: str, sound: bool, tmp_path: Path
) -> None:
    """A time per prompt token says nothing of it; 0 does."""
    point = f"{{variant: x, accuracy: 0.5, request_j: 9, request_gpu_s: 1, {more}}}"
    tiny = tiny_folder(tmp_path / "t")
    if sound:
        assert tiny.load(f"points.extra={point}").points[-1].request_j == 9
        return
    (problem,) = tiny.problems(f"points.extra={point}")
    assert problem.what == "lacks its service time, `ttft_ms`"
    assert "the time of a whole request" in problem.fix
