"""What golden files let pass, and what they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.kept import keep, same


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a 1.2346 b", "a 1.2345 b"),
        ("x=-0.5", "x=-0.50001"),
        ("1e-07,1.2346e+12", "1e-07,1.2345e+12"),
        ("12346", "12345"),
        ("[1, 2.0001]", "[1.0001, 2]"),
        ("99999.5 t", "1e+05 t"),
    ],
)
def test_one_in_the_fifth_digit_is_rounding(before: str, after: str) -> None:
    """Either way."""
    assert same(before, after)
    assert same(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a 1.2346 b", "a 1.2344 b"),
        ("a 1.2346 b", "a 1.2346 c"),
        ("3 rows", "4 rows"),
        ("123456", "123457"),
        ("1234", "1235"),
        ("0", "1e-07"),
        ("-1.5", "1.5"),
        ("v1.2346", "v1.2345"),
        ("1.5", "1.5\n"),
        ("a\nb", "b\na"),
        ("h2=1.5", "h3=1.5"),
        ("2026-11-29", "2026-11-30"),
        ("nan", "0"),
    ],
)
def test_all_else_is_a_difference(before: str, after: str) -> None:
    """Words, lines, order, counts, signs and more than the last digit."""
    assert not same(before, after)
    assert not same(after, before)


def test_a_file_is_written_only_where_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that writing anew on another processor changes no line."""
    file = tmp_path / "kept" / "a.txt"
    with pytest.raises(AssertionError, match=r"no golden file a\.txt"):
        keep("1.2346", file)
    monkeypatch.setenv("WATTLAS_GOLDEN", "write")
    keep("1.2346 \n\n", file)
    keep("1.2345", file)
    assert file.read_text() == "1.2346\n"
    keep("1.2344", file)
    assert file.read_text() == "1.2344\n"
    monkeypatch.delenv("WATTLAS_GOLDEN")
    keep("1.2345", file)
    with pytest.raises(AssertionError, match=r"-1\.2344\n\+1\.2346"):
        keep("1.2346", file)
