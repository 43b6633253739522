"""Text that nobody trusts: YAML that grows, other encodings, nested cells, formulas in CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.data.yaml_lines import DEEPEST, parse_value, parse_yaml
from wattlas.errors import InputError
from wattlas.model.frames import csv_text
from wattlas.report.files import write_table

pytestmark = pytest.mark.portable


def doubling(levels: int, item: str = "1") -> str:
    """A document whose last value holds 8 ** levels items, in a few hundred bytes."""
    lines = [f"k0: &k0 [{', '.join([item] * 8)}]"]
    lines += [f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 8)}]" for n in range(1, levels)]
    return "\n".join(lines)


def problem(text: str) -> tuple[str, int | None]:
    """What is wrong with a document that has one fault, and its line."""
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "s.yaml")
    (found,) = caught.value.problems
    return found.what, found.line


@pytest.mark.parametrize("item", ["1", "{a: 2}"])
def test_aliases_of_aliases_are_bounded(item: str) -> None:
    """Ten levels would be a billion values; the line where it goes too far is told."""
    what, line = problem(doubling(10, item))
    assert "repeat more than 50,000 values" in what
    assert line is not None


def test_merged_mappings_are_bounded() -> None:
    """A merge repeats what it names, too."""
    lines = ["m0: &m0 {x: [1, 2, 3, 4, 5, 6, 7, 8]}"]
    for n in range(1, 20):
        lines.append(f"m{n}: &m{n} {{<<: *m{n - 1}, a{n}: *m{n - 1}, b{n}: *m{n - 1}}}")
    assert "repeat more than" in problem("\n".join(lines))[0]


@pytest.mark.parametrize(
    "text",
    ["a: 1\nb: &b\n  c: *b\n", "a: 1\nb: &b [2, *b]\n", "a: 1\nb: &b\n  <<: *b\n  c: 3\n"],
)
def test_a_value_within_itself_is_an_error(text: str) -> None:
    """Mappings, lists and merges that refer to what they are a part of."""
    what, line = problem(text)
    assert "part of" in what
    assert line in (2, 3)


@pytest.mark.parametrize("levels", [DEEPEST + 1, 400, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_depth_is_bounded(levels: int, opening: str, closing: str) -> None:
    """However deep, the answer is one error, in a document as in --set."""
    text = opening * levels + "1" + closing * levels
    assert "deeper than" in problem(f"a: {text}")[0]
    with pytest.raises(InputError, match="deeper than"):
        parse_value(text, "--set")


def test_what_people_write_is_read() -> None:
    """An alias used a hundred times, a merge, and as many levels as are allowed."""
    uses = "\n".join(f"r{n}: *base" for n in range(100))
    read = parse_yaml(f"base: &base {{pue: 1.1, gpus: [1, 2]}}\nmore:\n  <<: *base\n{uses}", "s")
    assert read.data["r99"] == read.data["more"] == {"pue": 1.1, "gpus": [1, 2]}
    levels = DEEPEST - 1
    parse_yaml("a: " + "[" * levels + "]" * levels, "s")


@pytest.mark.parametrize(
    ("encoding", "words"), [("utf-16", "UTF-16"), ("latin-1", "0xe3"), ("cp1252", "0xe3")]
)
def test_a_scenario_in_another_encoding_is_told(
    encoding: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file, the line and what to do; no word of a library."""
    tiny: Folder = tiny_folder(tmp_path / "t")
    file = tiny.path / "scenario.yaml"
    text = file.read_text("utf-8")
    file.write_bytes(f"{text}# São Paulo\n".encode(encoding))
    assert run(["check", str(tiny.path)]) == 3
    told = capsys.readouterr().err
    assert "scenario.yaml" in told
    assert words in told
    assert "Save it as UTF-8" in told
    assert "codec" not in told


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("name", ["metros.csv", "price.csv"])
def test_tables_in_other_encodings_are_read_right(
    name: str, encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As spreadsheets save them: the same figures as in UTF-8."""
    tiny: Folder = tiny_folder(tmp_path / "t")
    file = tiny.path / name
    text = f"{file.read_text('utf-8')}# São Paulo\n"
    told = []
    for code in ("utf-8", encoding):
        file.write_bytes(text.encode(code))
        assert run(["check", str(tiny.path)]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


START = datetime(2024, 2, 1, tzinfo=UTC)
TABLE = {
    "time_utc": [START + timedelta(hours=h) for h in range(48)],
    "zone": ["FR"] * 48,
    "average_g_per_kwh": [60.0 + h % 24 for h in range(48)],
}
NESTED = {
    "a list": lambda cell: [cell],
    "a structure": lambda cell: {"of": cell},
    "bytes": lambda cell: b"\xff\x00",
}


@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("column", TABLE)
@pytest.mark.parametrize(
    "command",
    [
        "tiers share --hours {}",
        "tiers fit {}",
        "data check {}",
        "data import {} --zone-column zone --value-column average_g_per_kwh --into {}.pack",
        "demand {} --time time_utc --class average_g_per_kwh --country zone --into {}.demand",
    ],
)
def test_nested_cells_are_wrong_cells(
    command: str, column: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever reads a Parquet table tells the column: exit 3, never a bug."""
    wrong = {**TABLE, column: [NESTED[kind](cell) for cell in TABLE[column]]}
    file = tmp_path / "h.parquet"
    pl.DataFrame(wrong).write_parquet(file)
    assert run(command.replace("{}", str(file)).split()) == 3
    told = capsys.readouterr()
    said = told.out + told.err
    assert "fit" in command or column in said
    assert "bug" not in said


def test_texts_that_were_written_as_bytes_are_texts(tmp_path: Path) -> None:
    """Some programs write Parquet without saying that bytes are text."""
    file = tmp_path / "h.parquet"
    pl.DataFrame({**TABLE, "zone": [b"FR"] * 48}).write_parquet(file)
    assert run(["tiers", "share", "--hours", str(file)]) == 0


def test_a_table_for_people_begins_no_formula(tmp_path: Path) -> None:
    """What `--out` writes as CSV is guarded; the same table as JSON and Parquet holds the name."""
    table = {"zone": ["=1+1"], "share": [0.5]}
    written = {e: write_table(tmp_path / f"t{e}", table) for e in (".csv", ".json", ".parquet")}
    assert written[".csv"].read_text("utf-8") == "zone,share\n'=1+1,0.5\n"
    assert '"=1+1"' in written[".json"].read_text("utf-8")
    assert pl.read_parquet(written[".parquet"])["zone"].to_list() == ["=1+1"]


def test_no_cell_of_a_csv_begins_a_formula() -> None:
    """Texts that a spreadsheet would run begin with an apostrophe; numbers stay numbers."""
    texts = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "plain", "a=b", "", None]
    frame = pl.DataFrame({"name": texts, "value": [-1.0] * len(texts)})
    frame = frame.with_columns(kind=pl.col("name").cast(pl.Categorical))
    rows = list(csv.reader(io.StringIO(csv_text(frame), newline="")))[1:]
    expected = [f"'{t}" if t and t[0] in "=+-@\t\r" else t or "" for t in texts]
    assert [row[0] for row in rows] == [row[2] for row in rows] == expected
    assert {row[1] for row in rows} == {"-1.0"}
