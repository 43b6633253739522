"""What verbs say that follow each other in one folder, as JSON, and what they refuse.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import time
from pathlib import Path
from string import Template
from typing import Any

import polars as pl
import pytest

from tests.cli.every_option import BY_HOUR, PRICES, SMALL, STATE, USERS, write_files
from tests.cli.test_every_option import COMMANDS
from tests.golden.kept import keep
from tests.golden.printed import left_out_where_narrow, number, outline, table_lines
from wattlas.cli import run
from wattlas.data.scenario_file import EXAMPLES
from wattlas.placement.engine import MESSAGE

HERE = Path(__file__).parent / "verbs"
STEP = "--set time.step_h=0.5 --set regions.oslo.reserved_gpu=3 --set regions.mumbai.pue=1.37"
BINDS = "--set regions.oslo.reserved_gpu=3"
FEW = "replay run tiny --hours 2 --scale 0.02"
MOVE = "-k D --from mumbai --to oslo"
NAMES = {
    "STEP": STEP, "BINDS": BINDS, "FEW": FEW, "MOVE": MOVE, "BY_HOUR": BY_HOUR, "SMALL": SMALL,
    "STATE": STATE, "USERS": USERS, "PRICES": PRICES,
}  # fmt: skip
"""What stands for `$NAME` in sessions.txt."""


def _sessions() -> dict[str, list[str]]:
    """Name of the golden file → what is asked, one after the other in one folder."""
    sessions: dict[str, list[str]] = {}
    for line in (HERE.parent / "sessions.txt").read_text("utf-8").splitlines():
        if line.startswith("== "):
            sessions[line.removeprefix("== ")] = []
        elif line:
            list(sessions.values())[-1].append(Template(line).substitute(NAMES))
    return sessions


SESSIONS = _sessions()
TEXTS = (".csv", ".json", ".yaml", ".sh")
LARGEST, ROWS = 9_000, 6
"""Bytes of a text beyond which only its name is told, and rows that are told of a table."""
MASKS = (
    (r"(?m)^! (Plan|Fleet|Replay|Weights|Design|Sweep|Study|Frontier): .*\n", ""),
    (r"\b\d+(\.\d+)? s\b", "so many s"),
    (f"! {re.escape(MESSAGE)}\n", ""),
    (r"\b(highs|SCIP) [\d.]+", r"\1"),
    (r"[-−]?(?<!\d)\d(\.\d+)?e[-−](0[89]|[1-9]\d)\b", "0"),
    (r"\b(gap|within|residual) \d(\.\d+)?e-\d\d\b", r"\1 so small"),
    (r"[\d,]+ programs", "so many programs"),
    (r"\b([0-9a-f]{64}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16})\b", "a hash"),
)
MOMENTS = {
    "wattlas", "created_utc", "seconds", "build_seconds", "epoch", "solver", "programs", "gap",
    "bound_usd", "engine_hours", "highs_hours", "sha256", "rows", "columns",
}  # fmt: skip


def _steady(value: object) -> object:
    """An answer without moments, durations, and what a search leaves open."""
    if isinstance(value, dict):
        assert 0.0 <= (value.get("seconds") or 0.0) < time.perf_counter()
        return {k: "…" if k in MOMENTS else _steady(v) for k, v in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value


def _answer(text: str) -> str:
    """JSON in few lines; other text as it is."""
    if not text.startswith(("{", "[")):
        return text
    return "\n".join(outline("json", _steady(json.loads(text)))) + "\n"


def _said(words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(shlex.split(words))
    told = "".join(f"! {line}\n" if line else "\n" for line in err.getvalue().splitlines())
    return f"$ wattlas {words}\n-> {int(code)}\n{_answer(out.getvalue())}{told}"


def _written(path: Path, name: str) -> str:
    """A file: a table as such, a short text as it is with numbers of five digits."""
    if path.suffix == ".parquet":
        table = pl.read_parquet(path)
        return "\n".join(table_lines(name, table.to_dict(as_series=False), ROWS))
    if path.suffix not in TEXTS or path.stat().st_size > LARGEST:
        return f"== {name}"
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return f"== {name}\n{_answer(text)}"
    return f"== {name}\n" + re.sub(r"\d+\.\d{4,}(e-?\d+)?", lambda m: number(float(m[0])), text)


def _masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER").replace(str(EXAMPLES), "EXAMPLES")
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
    given = {path.name for path in tmp_path.iterdir()}
    narrow = left_out_where_narrow(monkeypatch)
    with contextlib.chdir(tmp_path):
        said = [_said(words) for words in SESSIONS[name]]
    said += narrow
    given |= {"here", "runs", "routes.yaml"}  # the last are those of the present hour
    made = [p for p in sorted(tmp_path.rglob("*")) if p.is_file()]
    names = [str(p.relative_to(tmp_path)) for p in made]
    said += [_written(p, n) for p, n in zip(made, names, strict=True)
             if not given & {*n.split("/")} and "/." not in n]  # fmt: skip
    keep(_masked("\n".join(said), tmp_path), HERE / f"{name}.txt")


def _parameter(part: Any) -> str:
    """How an option and its value are called, its default and bounds, and what help says of it."""
    told = part.default if isinstance(part.default, str | int | float | Path) else "-"
    holder = part if hasattr(part, "min") else part.type  # as the version of typer has it
    bounds = [str(getattr(holder, name, None)) for name in ("min", "max")]
    names = "/".join(part.opts or [part.name])
    words = " ".join(str(getattr(part, "help", None)).split())
    shown = f" {part.metavar}" if part.metavar else ""
    return f"  {names}{shown} = {told} [{' '.join(bounds)}] {words}"


def test_options_are_those_of_the_golden_file() -> None:
    """Every verb has these options, with these defaults, bounds and words."""
    lines = []
    for name, command in COMMANDS.items():
        lines += [f"{name}: {' '.join((command.help or '').split())}"]
        lines += sorted(_parameter(p) for p in command.params if "completion" not in p.name)
    keep("\n".join(lines), HERE / "options.txt")


def test_every_golden_file_is_asked_for() -> None:
    """A file that no session writes is left over."""
    assert {path.stem for path in HERE.iterdir()} == {*SESSIONS, "options"}
