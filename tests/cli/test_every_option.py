"""Every option of every verb does what it says: the verb runs without it and with it.

An option without a row in `every_option.py` fails, and so does one that changes nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.every_option import (
    ANY,
    BASES,
    LISTED_ONLY,
    READ_WORLD,
    ROWS,
    WRITES,
    Row,
    write_files,
)
from wattlas.cli import VERBS, command_of, run

COMMON = {
    "--json", "--out", "--set", "--scenario", "--install-completion", "--show-completion", "--help",
}  # fmt: skip
"""Options that several verbs have alike: their tests are below, for all verbs at once."""
CLOCKS = {"seconds", "build_seconds", "created_utc", "epoch"}
"""What an answer says of the moment and the duration of its making."""
ELSEWHERE = {
    "compare": "test_compare_cli.py, on two folders",
    "view": "tests/report/test_view.py, with a server",
    "serve": "test_serve_cli.py, with a configuration",
    "export envoy": "test_serve_cli.py, with a configuration",
    "export nginx": "test_serve_cli.py, with a configuration",
    "export litellm": "test_serve_cli.py, with a configuration",
    "ledger correct": "tests/serve, on a ledger",
    "export grafana": "tests/studies/test_grafana.py",
}
"""Verbs that need more than a small file."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every verb by what it is called."""

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        parts = getattr(command, "commands", {})
        if not parts:
            yield name, command
        for part, found in parts.items():
            yield from walk(found, f"{name} {part}")

    for verb in VERBS:
        yield from walk(command_of(verb), verb)


COMMANDS = dict(commands())


def options_of(verb: str) -> set[str]:
    """The long names of a verb's options."""
    return {
        max(part.opts, key=len)
        for part in COMMANDS[verb].params
        if part.param_type_name == "option"
    }


def asked(words: str, folder: Path) -> tuple[int, Any, str]:
    """Exit code, answer with the texts of what was written, and what was said on stderr."""
    out, err = io.StringIO(), io.StringIO()
    folder.mkdir()
    write_files(folder)
    given = {path.name for path in folder.iterdir()}
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([*shlex.split(words), "--json"])
    told = _lasting(json.loads(out.getvalue())) if out.getvalue() else {}
    if isinstance(told, dict) and code == 0:
        paths = [p for p in folder.rglob("*") if p.is_file()]
        new = [p for p in paths if p.relative_to(folder).parts[0] not in given]
        told["text"] = {str(p.relative_to(folder)): _text(p) for p in new}
    return code, told, err.getvalue()


def _lasting(answer: Any) -> Any:
    """An answer without what differs from one run to the next."""
    if isinstance(answer, dict):
        return {k: _lasting(v) for k, v in answer.items() if k not in CLOCKS}
    return [_lasting(each) for each in answer] if isinstance(answer, list) else answer


def _text(path: Path) -> str:
    """What stands in a file, Parquet as text."""
    if path.suffix != ".parquet":
        return path.read_text("utf-8")
    import polars as pl

    return str(pl.read_parquet(path).to_dicts())


def _cases() -> Iterator[tuple[str, str, tuple[Row, ...]]]:
    """Verb, name, rows that one call tries: those that are told apart by their own checks."""
    for verb, rows in ROWS.items():
        together: dict[tuple[str, str], dict[str, Row]] = {}
        for option, row in rows.items():
            if row.alone or row.code or row.was or row.check is ANY:
                yield verb, option, (row,)
            else:
                together.setdefault((row.verb, row.base), {})[option] = row
        for several in together.values():
            yield verb, " ".join(several), tuple(several.values())


CASES = list(_cases())


def test_every_option_says_what_it_does() -> None:
    """As help shows it, of arguments, too."""
    params = [(verb, part) for verb, command in COMMANDS.items() for part in command.params]
    assert [f"{verb} {part.name}" for verb, part in params if not part.help] == []


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a verb answers without the option; computed once for each wording."""
    known: dict[str, tuple[int, Any, str]] = {}

    def answer(words: str) -> tuple[int, Any, str]:
        if words not in known:
            known[words] = asked(words, tmp_path_factory.mktemp("before") / "here")
        return known[words]

    return answer


@pytest.mark.parametrize(
    ("verb", "rows"), [case[::2] for case in CASES], ids=[f"{v} {name}" for v, name, _ in CASES]
)
def test_an_option_is_heard(verb: str, rows: tuple[Row, ...], before: Any, tmp_path: Path) -> None:
    """With it the answer is another one, as the option says, or a refusal that names it."""
    row = rows[0]
    words = f"{row.verb or BASES[verb]} {row.base}".strip()
    given = " ".join(each.given for each in rows)
    code, after, said = asked(f"{words} {given}", tmp_path / "here")
    assert code == row.code, said
    if row.code:
        assert row.words in " ".join(said.split())
        return
    was, then, told = before(words)
    assert was == row.was, told
    if not row.was:
        assert after != then
        for each in rows:
            assert each.check(then, after), each.given


def test_each_option_has_a_row() -> None:
    """And no row is of an option that is no more."""
    for verb in COMMANDS.keys() - ELSEWHERE.keys():
        told = ROWS.get(verb, {}).keys() | {option for name, option in LISTED_ONLY if name == verb}
        assert options_of(verb) - COMMON == told, verb
    assert ELSEWHERE.keys() <= COMMANDS.keys()
    has_out = {verb for verb in BASES if "--out" in options_of(verb)}
    assert has_out == WRITES.keys()
    assert {verb for verb in BASES if "--set" in options_of(verb)} == READ_WORLD.keys()


@pytest.mark.parametrize("verb", READ_WORLD)
def test_the_world_that_is_named_is_read(verb: str, tmp_path: Path) -> None:
    """A scenario that is not there, a name inside it and a value that it cannot have are refused
    by every verb that reads one.
    """
    for number, (more, code, words) in enumerate((
        ("-s nobody", 3, "nobody"), ("--set regions.oslo.pue=0.9", 3, "regions.oslo.pue"),
    )):  # fmt: skip
        ended, _, said = asked(f"{BASES[verb]} {more}", tmp_path / f"n{number}")
        assert (ended, words in said) == (code, True), said
    ended, _, said = asked(BASES[verb].replace("tiny", "nowhere", 1), tmp_path / "path")
    assert (ended, "nowhere" in said) == (3, True), said


@pytest.mark.parametrize("verb", WRITES)
def test_what_is_written_is_where_out_says(verb: str, before: Any, tmp_path: Path) -> None:
    """With --out there is a file, and without it none of that name."""
    given, file = WRITES[verb]
    code, told, said = asked(f"{BASES[verb]} --out {given}", tmp_path / "here")
    assert code == 0, said
    assert file in told["text"]
    assert file not in before(BASES[verb])[1].get("text", {})
