"""Files that are written whole, and places that cannot be written to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.golden.telling import kept, outcome, put
from wattlas.data import whole_file
from wattlas.data.target import try_file, try_folder

HERE = Path(__file__).parent / "reading"


def _written(folder: Path) -> Iterator[str]:
    """Files that are written whole, and places that cannot be written to."""
    mask = os.umask(0o022)
    try:
        yield from _whole(folder)
    finally:
        os.umask(mask)


def _listed(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = re.sub(r"\.wattlas-\w{8}", ".wattlas-RANDOM", str(path.relative_to(folder)))
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else path.read_text()
        yield f"  {name} {path.stat().st_mode & 0o777:o} {kind!r}"


def _whole(folder: Path) -> Iterator[str]:
    place = folder / "deep" / "er"
    yield str(whole_file.write_text(place / "a.txt", "one\n"))
    whole_file.write_text(place / "a.txt", "two\n", 0o600)
    whole_file.write_bytes(place / "b.txt", b"bytes")
    (place / "link").symlink_to("a.txt")
    whole_file.write_text(place / "link", "by the link\n")
    for name in (".a.txt.wattlas-abcdefgh", ".b.txt.wattlas-abcdefgh", ".a.txt.wattlas-ABCDEFGH"):
        put(place, name, "left behind")
    whole_file.write_text(place / "a.txt", "three\n")
    yield from _listed(folder)
    texts = {"run.sh": "#!", "x.txt": "x", "sub/y.txt": "y", "sub/z.txt": "z"}
    for made in (texts, {"sub/y.txt": "again"}):
        written = whole_file.write_texts(folder / "many", made, ["run.sh"])
        yield f"{[str(path.relative_to(folder)) for path in written]}"
        yield from (line for line in _listed(folder / "many") if "RANDOM" not in line)
    for wrong in (folder, folder / "a" / "b"):
        put(folder, "a", "a file")
        yield from outcome(lambda wrong=wrong: whole_file.write_text(wrong, "x"))
        yield from outcome(lambda wrong=wrong: try_file(wrong))
        yield from outcome(lambda wrong=wrong: try_folder(wrong / "c"))
    (folder / "many" / "in the way").mkdir()
    yield from outcome(lambda: whole_file.write_texts(folder / "many", {"in the way/x": "y"}))
    yield from outcome(lambda: try_file(folder / ("n" * 300)))
    yield from outcome(lambda: try_file(folder / "new" / "x.txt"))
    yield from outcome(lambda: try_file(folder / "a"))
    told = list(outcome(lambda: try_folder(folder, 1 << 62)))
    yield from (re.sub(r"[\d.]+ MB are free", "N MB are free", line) for line in told)
    yield f"left: {sorted(p.name for p in folder.iterdir())}"
    with whole_file.locked(folder / "many"):
        try:
            with whole_file.locked(folder / "many", wait=False):
                yield "held twice"
        except BlockingIOError:
            yield "held by another"
    with whole_file.locked(folder / "gone"):
        yield f"there {(folder / 'gone').is_dir()}"
    yield f"there {(folder / 'gone').is_dir()}"
    try:
        with whole_file.whole_file(folder / "f.txt") as temporary:
            temporary.write_text("half")
            raise KeyError
    except KeyError:
        yield f"half written: {(folder / 'f.txt').exists()}"
    for fault in (OSError(28, "full"), pl.exceptions.ComputeError("No space (os error 28)")):
        yield from outcome(lambda fault=fault: _refused(folder / "f.txt", fault))
    for other in (ValueError("of ours (os error 28)"), pl.exceptions.ComputeError("no number")):
        try:
            _refused(folder / "f.txt", other)
        except (ValueError, pl.exceptions.ComputeError) as error:
            yield f"as it is: {error!r}"


def _refused(path: Path, fault: Exception) -> None:
    with whole_file.in_words(path):
        raise fault


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "written": _written,
}


@pytest.mark.parametrize("name", CASES)
def test_files_are_written_as_the_golden_file_has_it(name: str, tmp_path: Path) -> None:
    """What is there afterwards is that which was read and found right."""
    kept(HERE / f"world-{name}.txt", CASES[name](tmp_path), tmp_path)
