"""What verbs say that follow each other in one folder, as JSON, and what they refuse.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.every_option import BASES, ROWS, SMALL, USERS, write_files
from tests.golden.printed import judge, plain
from wattlas.cli import run

HERE = Path(__file__).parent / "verbs"
STEP = "--set time.step_h=0.5 --set regions.oslo.reserved_gpu=3 --set regions.austin.pue=1.37"
SESSIONS = {
    "study": (
        f"study tiny {STEP} --samples 3 --out a",
        f"study tiny {STEP} --samples 3 --out a --json",
        f"plan tiny {STEP} --out p",
        "compare a p",
        "compare a p --json --worse-than cost=1%,carbon_kg=0.5",
        "compare a nowhere",
        "compare a p --worse-than cost",
        "compare a p --worse-than moved=1%",
        "compare a p --worse-than it=1%",
        "compare a p --policy plan",
    ),
    "plan-folder": (
        f"plan tiny {STEP} --out p --chunk 7",
        f"plan tiny {STEP} --out p --chunk 7",
        f"plan tiny {STEP} --out p --chunk 7 --resume --json",
        f"plan tiny {STEP} --out p --chunk 8 --resume",
        "plan tiny --out p --chunk 7 --resume",
        f"plan tiny {STEP} --set objective.minimise=carbon --out q",
        "compare p q", "compare p q --anyway",
        "compare p q --anyway --worse-than cost=1%,carbon=0.1",
        "compare q p --anyway --worse-than carbon=50%,energy=90 --json",
        "plan tiny --set objective.carbon_cap_share=0.99 --out r --chunk 3",
        "plan tiny --set regions.oslo.reserved_gpu=0.001 --out s",
        "plan tiny --out flows.csv", "plan tiny --out flows.json --json",
        "plan tiny --out taken", "plan tiny --time-limit-s 0 --out t",
    ),
}  # fmt: skip
MASKS = (
    (r"(?m)^(Plan|Fleet|Replay|Weights|Design|Sweep|Study): .*\n", ""),
    (r"\b\d+(\.\d+)? s\b", "so many s"),
    (r"\b(highs|SCIP) [\d.]+", r"\1"),
    (r"(?<!\d)\d(\.\d+)?e[-−](0[6-9]|[1-9]\d)\b", "~0"),
    (r"[\d,]+ programs", "so many programs"),
    (r"\b([0-9a-f]{64}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16})\b", "a hash"),
)
MOMENTS = {"wattlas", "created_utc", "seconds", "build_seconds", "epoch", "solver", "programs",
           "gap", "bound_usd", "engine_hours", "highs_hours", "sha256", "rows", "columns"}  # fmt: skip


def _steady(value: object) -> object:
    """An answer without moments, durations, and what a search leaves open."""
    if isinstance(value, dict):
        return {k: "…" if k in MOMENTS else _steady(v) for k, v in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value


def _answer(text: str) -> str:
    """JSON of five digits, a list or a flat mapping in one line; other text as it is."""
    if not text.startswith(("{", "[")):
        return text
    said = json.dumps(plain(_steady(json.loads(text))), indent=1, ensure_ascii=False)
    while said != (flat := re.sub(r"[\[{]\n([^\[\]{}]{0,2000})[\]}]", _one_line, said)):
        said = flat
    return said


def _one_line(match: re.Match[str]) -> str:
    return match[0].replace("\n", " ") if len(match[0]) < 400 else match[0]


def _said(words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(shlex.split(words))
    return f"$ wattlas {words}\n-> {int(code)}\n{_answer(out.getvalue())}{err.getvalue()}"


def _masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER")
    for pattern, steady in MASKS:
        text = re.sub(pattern, steady, text)
    return text


@pytest.mark.parametrize("name", SESSIONS)
def test_sessions_are_those_of_the_golden_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    write_files(tmp_path)
    with contextlib.chdir(tmp_path):
        said = [_said(words) for words in SESSIONS[name]]
    made = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*")) if p.is_file()]
    judge(_masked("\n".join([*said, *made]), tmp_path), HERE / f"{name}.txt")
