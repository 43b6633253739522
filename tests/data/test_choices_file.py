"""Tables of choices: CSV, Parquet and frames read alike; each mistake is named by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wattlas
from wattlas.data.choices_file import choices_of, read_choices
from wattlas.data.scenario_file import EXAMPLES
from wattlas.errors import InputError, Problem
from wattlas.model.choices import ATTRIBUTES, Choices

EXAMPLE = EXAMPLES / "tiny" / "choices.csv"
HEAD = "respondent,task,alternative,accuracy,latency_ms,carbon_g,price_usd,chosen"
SOUND = [
    "r1,1,a,0.9,400,0.2,0.006,1",
    "r1,1,b,0.7,200,0.1,0.002,0",
    "r1,1,none,,,,,0",
    "r1,2,a,0.8,400,0.1,0.006,false",
    "r1,2,b,0.7,800,0.1,0.002,TRUE",
]


def written(folder: Path, *rows: str, head: str = HEAD) -> Path:
    """A table of these rows after a comment."""
    path = folder / "choices.csv"
    path.write_text("\n".join(["# made up", head, *rows]) + "\n", encoding="utf-8")
    return path


def problems(path: Path) -> list[Problem]:
    """What reading the table says is wrong."""
    with pytest.raises(InputError) as caught:
        read_choices(path)
    assert all(p.file == str(path) for p in caught.value.problems)
    return list(caught.value.problems)


def test_a_sound_table(tmp_path: Path) -> None:
    """Figures, marks in any spelling, and a row without attributes as none of these."""
    choices = read_choices(written(tmp_path, *SOUND))
    assert choices.chosen.tolist() == [True, False, False, False, True]
    assert choices.outside.tolist() == [False, False, True, False, False]
    assert choices.price_usd[:2].tolist() == [0.006, 0.002]
    assert choices.respondent.tolist() == ["r1"] * 5
    assert choices.segment is None
    assert choices.notes == ()


def same(one: Choices, other: Choices) -> None:
    """Both hold the same rows."""
    for name in ("respondent", "task", "alternative", *ATTRIBUTES, "chosen"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_parquet_and_frames_are_read_alike(tmp_path: Path) -> None:
    """Types of their own (booleans, integers, nulls) say the same as the text of a CSV."""
    read = read_choices(EXAMPLE)
    frame = pl.read_csv(EXAMPLE, comment_prefix="#")
    for chosen in (pl.Boolean, pl.Int8, pl.Float64):
        typed = frame.with_columns(pl.col("chosen").cast(chosen))
        typed.write_parquet(tmp_path / "choices.parquet")
        same(read_choices(tmp_path / "choices.parquet"), read)
        same(choices_of(typed), read)
    with_none = read_choices(written(tmp_path, *SOUND))
    again = pl.read_csv(tmp_path / "choices.csv", comment_prefix="#")
    same(choices_of(again.with_columns(pl.col("chosen").cast(pl.String))), with_none)


CELLS = [
    (0, "r1,1,a,0.9,fast,0.2,0.006,1", "latency_ms", "is `fast`, wanted a number"),
    (0, "r1,1,a,nan,400,0.2,0.006,1", "accuracy", "is `nan`, wanted a number"),
    (0, "r1,1,a,0.9,400,,0.006,1", "carbon_g", "is empty, wanted a number"),
    (0, "r1,1,a,90,400,0.2,0.006,1", "accuracy", "is 90, wanted 0..1"),
    (1, "r1,1,b,0.7,200,0.1,-0.002,0", "price_usd", "is -0.002, wanted 0 to 1e+12"),
    (1, "r1,1,b,0.7,200,0.1,0.002,maybe", "chosen", "is `maybe`, wanted 0 or 1"),
    (1, "r1,1,b,0.7,200,0.1,0.002,", "chosen", "is empty"),
    (1, ",1,b,0.7,200,0.1,0.002,0", "respondent", "is empty"),
    (1, "r1,1,a,0.7,200,0.1,0.002,0", "alternative", "a is given twice in task 1"),
]


@pytest.mark.parametrize(("row", "line", "where", "words"), CELLS)
def test_a_bad_cell_is_named_by_line(
    tmp_path: Path, row: int, line: str, where: str, words: str
) -> None:
    """Comments count; a task with a bad cell is not judged any further."""
    rows = [line if n == row else one for n, one in enumerate(SOUND)]
    found = problems(written(tmp_path, *rows))
    assert [(p.where, p.line) for p in found] == [(where, row + 3)]
    assert words in found[0].what


def test_a_task_is_named_by_its_first_line(tmp_path: Path) -> None:
    """Wrong tasks behind a row that was left out for its own fault keep their lines."""
    rows = [SOUND[0].replace("400", "x"), *SOUND[1:3], SOUND[3], SOUND[4].replace("TRUE", "0")]
    found = problems(written(tmp_path, *rows))
    assert [(p.where, p.line) for p in found] == [("latency_ms", 3), ("chosen", 6)]
    assert "task 2 of respondent r1 has no chosen" in found[1].what


def test_ranges_are_told_beside_cells_that_are_no_numbers(tmp_path: Path) -> None:
    """A cell that cannot be read hides no other cell of its row, task or column."""
    rows = ["r1,1,a,90,400,0.2,0.006,1", "r1,1,b,0.7,fast,-1,-0.002,maybe", *SOUND[3:]]
    found = problems(written(tmp_path, *rows))
    assert {(p.where, p.line) for p in found} == {
        ("accuracy", 3), ("latency_ms", 4), ("carbon_g", 4), ("price_usd", 4), ("chosen", 4),
    }  # fmt: skip


def test_missing_and_unknown_columns(tmp_path: Path) -> None:
    """Every missing column is told, with the one that was probably meant; others are noted."""
    head = HEAD.replace("price_usd", "price").replace("chosen", "marked").replace("task,", "")
    rows = [row.replace("r1,1,", "r1,").replace("r1,2,", "r1,") for row in SOUND]
    found = {p.where: p for p in problems(written(tmp_path, *rows, head=head))}
    assert set(found) == {"price_usd", "chosen", "task"}
    assert found["price_usd"].fix == "Rename price."
    assert found["task"].line == 2  # below a comment
    other = {p.where for p in problems(written(tmp_path, "1,2", head="x,y"))}
    assert other == set(HEAD.split(","))
    more = written(tmp_path, *(f"{row},x" for row in SOUND), head=f"{HEAD},channel")
    assert read_choices(more).notes == (f"column `channel` of {more} is not used",)


def test_names_that_other_tables_have(tmp_path: Path) -> None:
    """`choice` is `chosen` and `alt` is `alternative`; a mark that is none is told by that name."""
    head = HEAD.replace("chosen", "choice").replace("alternative", "alt")
    same(
        read_choices(written(tmp_path, *SOUND, head=head)), read_choices(written(tmp_path, *SOUND))
    )
    (problem, *_) = problems(written(tmp_path, SOUND[0] + "a", *SOUND[1:], head=head))
    assert (problem.where, problem.line) == ("choice", 3)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("c.csv", f"{HEAD},chosen\n{SOUND[0]},1", "the column `chosen` is there twice"),
        ("d.csv", "who,pick,cost_1,time_1,cost_2,time_2\n1,2,3,4,5,6", "in wide form"),
        ("e.csv", "who,pick,cost.bus,wait.bus,cost.tram,wait.tram\n1,2,3,4,5,6", "in wide form"),
        ("f.csv", "who,BUS_COST,BUS_TT,TRAM_COST,TRAM_TT\n1,2,3,4,5", "in wide form"),
    ],
)
def test_tables_of_another_form_are_one_problem(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    """Semicolons, tabs, a doubled name, one row per task in the ways that surveys write it."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    (problem,) = problems(path)
    assert words in problem.what
    assert problem.line == 1


def test_utf_16_a_folder_and_columns_of_lists(tmp_path: Path) -> None:
    """What a spreadsheet saves is read; a folder is told, a column of lists is wrong by row."""
    path = tmp_path / "mine.csv"
    plain = "\n".join([HEAD, *SOUND])
    path.write_text(plain)
    choices = read_choices(path)
    for text, encoding in ((plain, "utf-16"), (plain.replace(",", ";"), "utf-8")):
        path.write_text(text, encoding=encoding)
        np.testing.assert_array_equal(read_choices(path).chosen, choices.chosen)
    assert "is a folder" in problems(tmp_path)[0].what
    rows = [dict(zip(HEAD.split(","), row.split(","), strict=True)) for row in SOUND[:2]]
    lists = pl.DataFrame(rows).with_columns(price_usd=pl.concat_list("price_usd"))
    lists.write_parquet(tmp_path / "lists.parquet")
    found = problems(tmp_path / "lists.parquet")
    assert {p.where.split(",")[0] for p in found} == {"price_usd"}


def test_the_example_of_the_page_turns_a_wide_table(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of docs/fit.md make of a row per task one per alternative."""
    text = (root / "docs" / "fit.md").read_text(encoding="utf-8")
    code = next(block for block in text.split("```python\n")[1:] if "wide.csv" in block)
    monkeypatch.chdir(tmp_path)
    exec(code.split("```")[0], {})
    assert problems(tmp_path / "wide.csv")[0].where == "(columns)"
    choices = read_choices(tmp_path / "choices.csv")
    assert choices.chosen.tolist() == [False, True]
    assert choices.price_usd.tolist() == [0.006, 0.004]


def test_many_bad_marks_are_summed_up(tmp_path: Path) -> None:
    """After five marks the rest is a number."""
    rows = [f"r{n},1,{x},0.9,400,0.2,0.006,?" for n in range(5) for x in "ab"]
    found = problems(written(tmp_path, *rows))
    assert len(found) == 6
    assert "5 more rows" in found[-1].what


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("none.csv", None, "is not there"),
        ("table.txt", "x", "ends in `.txt`"),
        ("empty.csv", "", "is empty"),
        ("head.csv", HEAD + "\n", "the table has no rows"),
        ("wide.csv", f"{HEAD}\nr1,1,a,0.9,400,0.2,0.006,1,2\n", "9 cells where the header has 8"),
        ("broken.parquet", "no parquet", "cannot be read"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    """A file that is not there, of another kind, empty or broken is one problem."""
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert words in " ".join(p.what for p in problems(path))


def test_fit_users_takes_a_path_a_frame_or_choices() -> None:
    """All three say the same; the label of the table is in what is wrong with it."""
    frame = pl.read_csv(EXAMPLE, comment_prefix="#")
    told = [
        [(e.parameter, e.value, e.standard_error) for e in wattlas.fit_users(source).estimates]
        for source in (EXAMPLE, str(EXAMPLE), frame, read_choices(EXAMPLE))
    ]
    assert all(one == told[0] for one in told)
    with pytest.raises(InputError) as caught:
        wattlas.fit_users(frame.with_columns(carbon_g=0.2))
    assert [(p.where, p.file) for p in caught.value.problems] == [("carbon_g", "choices")]


def test_the_example_is_what_its_tool_makes(root: Path, tmp_path: Path) -> None:
    """The table that ships is simulated by a script, byte for byte, and small."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "example_choices", root / "tools" / "example_choices.py"
    )
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.main([str(tmp_path / "choices.csv")])
    assert (tmp_path / "choices.csv").read_bytes() == EXAMPLE.read_bytes()
    assert EXAMPLE.stat().st_size < 60_000
    assert EXAMPLE.read_text("utf-8").startswith("# Simulated")
