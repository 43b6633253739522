"""Code that is kept runs again, and never that of another revision."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import wattlas
from wattlas.compiled.revision import PACKAGE, SOURCES, revision

ENTRY = """
from functools import partial
from wattlas.compiled import has_code, kept
from wattlas.placement.engine.inner import inner
import numba

@partial(kept, apart={apart})
@numba.njit
def outer(x):
    return 10 * inner(x)
"""
INNER = """
import numba

@numba.njit
def inner(x):
    return x + {added}
"""
RUN = """
from wattlas.placement.engine.outer import outer, has_code
known = has_code(outer)
value = outer(1)
stats = outer.stats
print(value, known, sum(stats.cache_hits.values()), stats.cache_path)
"""


AS_NOBODY = """
import ctypes, os, struct
system = ctypes.CDLL(None)
system.prctl(8, 1, 0, 0, 0)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
system.capset(struct.pack("2I", 0x20080522, 0), struct.pack("6I", 4, 4, 0, 0, 0, 0))
del os.environ["HOME"], os.environ["XDG_CACHE_HOME"]
"""
"""Become a user without rights, but for reading: the interpreter may lie in root's home."""


FORKS = """
import json, os, sys, tempfile, traceback
import numba
numba.njit(lambda x: x)(1)
for line in sys.stdin:
    asked = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, name in ((1, "said"), (2, "error")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(asked["env"])
    tempfile.tempdir = None
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    status = 0
    try:
        exec(asked["code"], {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
"""
"""Answer each line with a process in which numba is there, and nothing of ours: to import numba and
to begin its compiler takes ten times as long as the two functions of `Copy`."""


class Forks:
    """Processes of one interpreter that has imported numba."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._from = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", FORKS],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, code: str, env: Mapping[str, str]) -> tuple[int, str, str]:
        """Exit code, output and errors of a process that runs some code."""
        said, error = self._folder / "said", self._folder / "error"
        line = {"code": code, "env": dict(env), "said": str(said), "error": str(error)}
        assert self._from.stdin is not None
        assert self._from.stdout is not None
        self._from.stdin.write(json.dumps(line) + "\n")
        self._from.stdin.flush()
        return int(self._from.stdout.readline()), said.read_text(), error.read_text()

    def end(self) -> None:
        self._from.communicate()


class Copy:
    """A package with the real `compiled` and an engine of two functions in two modules."""

    def __init__(self, folder: Path, forks: Forks | None) -> None:
        self.folder, self.cache = folder, folder / "cache" / "wattlas" / "compiled"
        self.forks = forks
        package = folder / "src" / "wattlas"
        shutil.copytree(PACKAGE / "compiled", package / "compiled")
        self.engine = package / "placement" / "engine"
        self.engine.mkdir(parents=True)
        (package / "__init__.py").touch()
        self.write(apart=False)
        self.edit(1)

    def write(self, *, apart: bool) -> None:
        """Write the entry, compiled in a process of its own or not."""
        (self.engine / "outer.py").write_text(ENTRY.format(apart=apart))

    def edit(self, added: int) -> None:
        """Write another inner function, of the same length and the same time of writing."""
        (self.engine / "inner.py").write_text(INNER.format(added=added))
        os.utime(self.engine / "inner.py", (1e9, 1e9))

    def start(self, code: str = RUN, **env: str) -> subprocess.Popen[str]:
        """An interpreter of its own."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env=self._env(env),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, code: str = RUN, **env: str) -> list[str]:
        """(value, whether code was known, hits, folder) of a process, which must say no more.

        numba reads its settings when it is imported: with one it is an interpreter of its own.
        """
        if self.forks is None or any(name.startswith("NUMBA_") for name in env):
            return ended(self.start(code, **env))
        return words(*self.forks.run(code, self._env(env)))

    def _env(self, env: Mapping[str, str]) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "src"), str(self.folder)])
        own = {"XDG_CACHE_HOME": str(self.folder / "cache"), "PYTHONPATH": path}
        return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **own, **env}

    @property
    def folders(self) -> Sequence[str]:
        """The revisions that are kept, the newest first."""
        return [
            path.name
            for path in sorted(self.cache.iterdir(), key=lambda path: -path.stat().st_mtime_ns)
        ]


def ended(process: subprocess.Popen[str]) -> list[str]:
    said, error = process.communicate(timeout=120)
    return words(process.returncode, said, error)


def words(status: int, said: str, error: str) -> list[str]:
    assert status == 0, error
    assert error == ""
    return said.split()


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks | None]:
    """One interpreter for all tests; None where there are no forks."""
    if not hasattr(os, "fork"):
        yield None
        return
    made = Forks(tmp_path_factory.mktemp("forks"))
    yield made
    made.end()


@pytest.fixture
def copy(tmp_path: Path, forks: Forks | None) -> Copy:
    """A package of this test's own."""
    return Copy(tmp_path, forks)


@pytest.mark.portable
def test_code_of_another_revision_never_runs(copy: Copy) -> None:
    """An edit of a function in another module counts, forth and back; two revisions are kept."""
    value, known, hits, first = copy.run()
    assert (value, known, hits) == ("20", "False", "0")
    assert Path(first).parent == copy.cache
    copy.edit(2)
    value, known, hits, second = copy.run()
    assert (value, known, hits) == ("30", "False", "0")
    assert second != first
    copy.edit(1)
    assert copy.run() == ["20", "True", "1", first]
    copy.edit(3)
    value, _, _, third = copy.run()
    assert value == "40"
    assert copy.folders == [Path(third).name, Path(first).name]


def test_code_of_another_revision_in_the_same_folder_is_not_read(copy: Copy) -> None:
    """Even files that were put into the folder of this revision by hand are known as others'."""
    first = Path(copy.run()[3])
    copy.edit(2)
    second = Path(copy.run()[3])
    shutil.rmtree(second)
    shutil.copytree(first, second)
    assert copy.run()[0] == "30"


def test_sources_edited_under_a_running_process_keep_nothing(copy: Copy) -> None:
    """What was imported before the edit and compiled after it belongs to no revision."""
    inner = copy.engine / "inner.py"
    edit = f"from pathlib import Path; Path({str(inner)!r}).write_text({INNER.format(added=2)!r})\n"
    before = "from wattlas.placement.engine.outer import outer, has_code\n" + edit
    assert copy.run(before + RUN) == ["20", "False", "0", "None"]
    after = "from wattlas.placement.engine.outer import outer, has_code\nhas_code(outer)\n" + edit
    copy.edit(1)
    assert copy.run(after + RUN)[:3] == ["20", "False", "0"]
    assert not list(copy.cache.glob("*/*.nbc"))
    assert copy.run()[:2] == ["30", "False"]


def test_stale_bytecode_leaves_nothing_behind(copy: Copy) -> None:
    """Sources of the same size and time: Python runs its old bytecode, whose code is not kept."""
    write = {"PYTHONDONTWRITEBYTECODE": ""}
    assert copy.run(**write)[0] == "20"
    copy.edit(2)
    assert copy.run(**write)[:3] == ["20", "False", "0"]
    shutil.rmtree(copy.engine / "__pycache__")
    assert copy.run()[:3] == ["30", "False", "0"]


def test_bytecode_that_python_knows_as_stale_is_no_obstacle(copy: Copy) -> None:
    """Left over of sources of another time, it is not run: what is compiled now is kept."""
    assert copy.run(PYTHONDONTWRITEBYTECODE="")[0] == "20"
    copy.edit(2)
    inner = copy.engine / "inner.py"
    os.utime(inner, (inner.stat().st_atime, inner.stat().st_mtime + 10))
    for known in ("False", "True"):
        assert copy.run(PYTHONDONTWRITEBYTECODE="1")[:2] == ["30", known]


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="NOT RUN: not root")
def test_nobody_runs_it(copy: Copy) -> None:
    """A user without a home, who can write to nothing of ours, compiles once and runs it again."""
    shared = copy.folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    environment = {"TMPDIR": str(shared), "HOME": "", "XDG_CACHE_HOME": ""}
    for known in ("False", "True"):
        value, found, _, path = copy.run(AS_NOBODY + RUN, **environment)
        assert (value, found) == ("20", known)
        assert Path(path).is_relative_to(shared)
    assert not copy.cache.exists()


def test_what_is_damaged_is_compiled_anew(copy: Copy) -> None:
    """An empty index and code that is none are no errors; the next process has whole code again."""
    path = copy.run()[3]
    for suffix, content in (("nbi", b""), ("nbc", b"nonsense")):
        (damaged,) = Path(path).glob(f"*.{suffix}")
        damaged.write_bytes(content)
        assert copy.run()[0] == "20"
    assert copy.run() == ["20", "True", "1", path]


def test_processes_at_once_do_not_disturb_each_other(copy: Copy) -> None:
    """Three that start cold, of two revisions, all find their own; a later one finds its code."""
    ready = "from wattlas.placement.engine.outer import outer\nprint(flush=True)\n"
    first = [copy.start(ready + RUN), copy.start(ready + RUN)]
    for process in first:
        assert process.stdout is not None
        process.stdout.readline()
    copy.edit(2)
    assert ended(copy.start())[0] == "30"
    assert [ended(process)[0] for process in first] == ["20", "20"]
    assert copy.run()[:3] == ["30", "True", "1"]


def test_a_folder_removed_under_a_process_comes_back(copy: Copy) -> None:
    """Another process may remove it between the look and the writing; it comes back closed."""
    remove = (
        "from wattlas.placement.engine.outer import outer, has_code\n"
        "has_code(outer)\nimport shutil\nshutil.rmtree(outer._cache.cache_path)\n"
    )
    path = copy.run(remove + RUN)[3]
    assert Path(path).stat().st_mode & 0o777 == 0o700
    assert copy.run()[:3] == ["20", "True", "1"]


LIBRARY = "import numba\n\n@numba.njit(cache=True)\ndef own(x):\n    return -x\n"
WITH_LIBRARY = "import library\nlibrary.own(1)\n" + RUN + "print(library.own.stats.cache_path)"


@pytest.mark.parametrize("setting", [False, True])
def test_the_caches_of_other_libraries_stay_where_they_are(copy: Copy, setting: bool) -> None:
    """Beside their source, or where NUMBA_CACHE_DIR says; ours heeds neither."""
    (copy.folder / "library.py").write_text(LIBRARY)
    beside, elsewhere = copy.folder / "__pycache__", copy.folder / "elsewhere"
    env = {"NUMBA_CACHE_DIR": str(elsewhere)} if setting else {}
    *_, ours, theirs = copy.run(WITH_LIBRARY, **env)
    assert Path(ours).parent == copy.cache
    assert Path(theirs).is_relative_to(elsewhere if setting else beside)
    assert list(Path(theirs).glob("library.own*.nbc"))
    assert not list(Path(theirs).glob("outer*"))


def test_a_locator_of_the_users_choice_is_not_ours(copy: Copy) -> None:
    """numba can be told where all functions are kept; ours stay with their revision."""
    path = copy.run(NUMBA_CACHE_LOCATOR_CLASSES="InTreeCacheLocator")[3]
    assert Path(path).parent == copy.cache


def test_numba_can_be_told_to_interpret(copy: Copy) -> None:
    """With NUMBA_DISABLE_JIT there is nothing to keep, and nothing to wait for."""
    code = "from wattlas.placement.engine.outer import outer, has_code as known\n"
    code += "print(outer(1), known(outer))"
    assert copy.run(code, NUMBA_DISABLE_JIT="1") == ["20", "True"]
    assert not copy.cache.exists()


def test_the_revision_covers_all_that_is_compiled() -> None:
    """Every module that imports numba, and every module of ours that such a one imports."""
    covered = {path for pattern in SOURCES for path in PACKAGE.glob(pattern)}
    for path in PACKAGE.rglob("*.py"):
        # What is not covered has only to be parsed where it may import numba.
        if path not in covered and "numba" not in path.read_text(encoding="utf-8"):
            continue
        names = _imports(path)
        if any(name.split(".")[0] == "numba" for name in names):
            assert path in covered, path
        if path in covered:
            ours = {name for name in names if name.startswith("wattlas.")}
            assert {_file(name) for name in ours} <= covered, path


def _imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_the_revision_is_of_text_and_names(tmp_path: Path) -> None:
    """Another text is another revision, so is another name; without sources there is none."""
    assert revision(tmp_path) == ""
    file = tmp_path / "placement" / "engine" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n")
    first = revision(tmp_path)
    file.write_text("x = 2\n")
    second = revision(tmp_path)
    third = revision(_renamed(file, tmp_path))
    assert len({first, second, third, ""}) == 4


def _renamed(file: Path, package: Path) -> Path:
    file.rename(file.with_name("b.py"))
    return package


@pytest.mark.portable
def test_the_engine_keeps_its_code() -> None:
    """All entries of the package are kept in the folder of this revision."""
    from wattlas.compiled.cache import KeptCode
    from wattlas.placement.engine import hours, opening
    from wattlas.replays.kernel import loop
    from wattlas.tiers import binned

    entries: list[Any] = [hours.walk, opening.walk_open, binned._fill, loop.advance]
    assert all(isinstance(entry._cache, KeptCode) for entry in entries)
    assert len({entry._cache.cache_path for entry in entries}) == 1
    assert Path(wattlas.__file__).parent not in Path(entries[0]._cache.cache_path).parents


def test_the_process_that_compiles_runs_what_it_keeps(copy: Copy) -> None:
    """A child compiles, and both this process and a later one load what it left."""
    copy.write(apart=True)
    value, known, hits, path = copy.run()
    assert (value, known, hits) == ("20", "False", "1")
    assert copy.run() == ["20", "True", "1", path]


def test_without_a_child_the_process_compiles_by_itself(copy: Copy) -> None:
    """Where no Python can be started, nothing is lost but the equal ties."""
    copy.write(apart=True)
    embedded = "import sys; sys.executable = '/usr/bin/server'\n"
    assert copy.run(embedded + RUN)[:3] == ["20", "False", "0"]
    gone = "import sys; sys.executable = '/nowhere/python3'\n"
    copy.edit(2)
    assert copy.run(gone + RUN)[:3] == ["30", "False", "0"]


def test_several_functions_are_compiled_in_one_process(copy: Copy) -> None:
    """A child runs a function that calls them, and this process loads what it left."""
    copy.write(apart=True)
    with (copy.engine / "outer.py").open("a") as file:
        file.write("\ndef both():\n    outer(1), outer(1.5)\n")
    together = (
        "from wattlas.compiled import compile_together\n"
        "from wattlas.placement.engine.outer import outer, both\n"
        "assert compile_together(outer, both)\n"
        "assert not outer.signatures\n"
        "print(outer(1), outer(1.5), sum(outer.stats.cache_hits.values()))"
    )
    assert copy.run(together) == ["20", "25.0", "2"]
