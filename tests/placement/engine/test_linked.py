"""Object code that LLVM links does what numba's does, and is used only where it may be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from generate import KINDS, make

from wattlas.placement.engine import kept, linked, solve_hours, warm_up
from wattlas.placement.engine.door import alone, door
from wattlas.placement.engine.solve import walk
from wattlas.placement.engine.warm import found_in_trial


@pytest.fixture
def entry() -> Iterator[linked.Entry]:
    """The entry of the hours, compiled; whatever a test links is let go again."""
    warm_up()
    before = walk._linked, walk._looked
    yield walk
    walk._linked, walk._looked = before


@pytest.fixture
def content(entry: linked.Entry) -> bytes:
    """The object code that is kept for this processor."""
    found = kept.read(entry._file())
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_linked_code_finds_what_numba_finds(kind: str, entry: linked.Entry, content: bytes) -> None:
    """Objective, flows and prices agree to the last bit."""
    program = make(kind, 5, 24)
    entry.link(None)
    theirs = solve_hours(program)
    entry.link(content)
    assert entry.is_linked
    ours = solve_hours(program)
    for name in ("status", "objective", "source", "region", "value", "capacity_dual", "row_dual"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert ours.pivots == theirs.pivots


def test_a_process_that_links_needs_no_compiler(content: bytes) -> None:
    """Once compiled, a fresh process solves hours without importing numba."""
    code = (
        "import sys; from wattlas.placement.engine.warm import found_in_trial, walk; "
        "print(found_in_trial(), walk.is_linked, 'numba' in sys.modules, sep='; ')"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert said.strip() == f"{found_in_trial()}; True; False"


def test_other_arguments_go_to_numba(entry: linked.Entry, content: bytes) -> None:
    """Another type, another number of axes or items apart from each other are not taken."""
    found = linked.linked(content)
    assert found is not None
    like = [3 if axes < 0 else np.zeros((1,) * axes, np.dtype(kind)) for kind, axes in found.kinds]
    assert found.takes(like)
    for wrong in (like[0].astype(np.float32), like[0][0], np.zeros((4, 4))[:, ::2]):
        assert not found.takes([wrong, *like[1:]])
    assert not found.takes([*like[:-1], 3.0])
    assert not found.takes(like[:-1])


@pytest.mark.parametrize("damage", [b"", b"[]\n", b"nonsense", b"{}\nnonsense", b"null\n", None])
def test_what_is_damaged_is_left_alone(
    damage: bytes | None, entry: linked.Entry, content: bytes
) -> None:
    """It is not linked, and the hours are solved by numba all the same."""
    code = content[:-100] if damage is None else damage
    assert linked.linked(code) is None
    before = found_in_trial()
    entry.link(code)
    assert not entry.is_linked
    assert found_in_trial() == before


def test_what_breaks_a_process_is_not_kept() -> None:
    """The process that tries an object ends by itself, and this one goes on."""
    assert not linked._proves(linked.packed([("<f8", 1)], b"no object code"))
    assert not linked._proves(b"not even packed")


def test_code_that_finds_something_else_is_not_kept(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process must find exactly what numba's code finds here, and in time."""
    assert linked._proves(content)
    with monkeypatch.context() as patch:
        patch.setattr("wattlas.placement.engine.warm.found_in_trial", lambda: "something else")
        assert not linked._proves(content)
    monkeypatch.setattr(linked, "PROOF_S", 0.01)
    assert not linked._proves(content)


def test_code_older_than_the_source_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not fresh, not read, and deleted where numba's own is."""
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    assert kept.write("hours.walk-x.obj", b"code")
    assert kept.read("hours.walk-x.obj") == b"code"
    assert kept.read("hours.walk-y.obj") is None
    assert kept.drop_stale() == 0
    before = kept.newest_source() - 1
    os.utime(tmp_path / "kept" / "hours.walk-x.obj", (before, before))
    assert kept.fresh("*.obj") == []
    assert kept.read("hours.walk-x.obj") is None
    assert kept.drop_stale() == 1
    assert list((tmp_path / "kept").iterdir()) == []


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error: numba keeps its own somewhere else."""
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "file")
    assert not kept.write("hours.walk-x.obj", b"code")
    assert kept.fresh("*.obj") == []


def test_numba_can_be_told_to_interpret(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NUMBA_DISABLE_JIT no object code is looked for, nor with an LLVM that is too old."""
    assert linked.usable()
    with monkeypatch.context() as patch:
        patch.setenv("NUMBA_DISABLE_JIT", "1")
        assert not linked.usable()
    monkeypatch.setattr("llvmlite.__version__", "0.44.1")
    assert not linked.usable()


def test_a_door_opens_on_any_entry() -> None:
    """An entry of numba's that adds an array to another, times an integer, reached by the door."""
    import numba

    def add(into: np.ndarray, what: np.ndarray, times: int) -> None:
        for i in range(into.shape[0]):
            for j in range(into.shape[1]):
                into[i, j] += times * what[j]

    compiled = numba.njit(error_model="numpy")(add)
    arguments = (np.zeros((2, 3)), np.arange(3, dtype=np.int32), 5)
    compiled(*arguments)
    code = linked.object_code(compiled, arguments)
    assert code is not None
    ours = linked.linked(code)
    assert ours is not None
    ours(arguments)
    np.testing.assert_array_equal(arguments[0], np.tile(2 * 5 * np.arange(3.0), (2, 1)))


def test_an_entry_with_arguments_of_other_types_has_no_door() -> None:
    """A fraction is no integer: no object code is made of it."""
    import numba

    def scale(into: np.ndarray, times: float) -> None:
        into *= times

    compiled = numba.njit(scale)
    compiled(np.ones(2), 2.0)
    assert linked.object_code(compiled, (np.ones(2), 2.0)) is None


def test_the_wrapper_is_taken_off() -> None:
    """Of the code only what the door needs is left, and what frees arrays does nothing."""
    text = (
        "define i32 @_ZN4walk(ptr %a) {\n  ret i32 0\n}\n"
        "define ptr @_ZN7cpython4walk(ptr %b) {\n  ret ptr %b\n}\n"
        "define linkonce_odr void @helper() {\n  ret void\n}\n"
        "declare void @NRT_Free(ptr captures(none)) local_unnamed_addr\n"
    )
    left, entries = alone(text)
    assert entries == ["_ZN4walk"]
    assert "cpython" not in left
    assert "define internal void @NRT_Free(ptr %0) { ret void }" in left
    assert "@_ZN4walk(ptr %result, ptr %error)" in door("_ZN4walk", [])


def test_compiling_says_so_once(entry: linked.Entry, content: bytes) -> None:
    """A warm-up of what is kept has nothing to say and takes no time."""
    said: list[str] = []
    began = time.process_time()
    assert warm_up(said.append) is False
    assert said == []
    assert time.process_time() - began < 1.0
