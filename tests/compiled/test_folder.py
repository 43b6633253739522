"""The folder of compiled code belongs to the user, is closed to others, and is one of two."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from wattlas.compiled import folder
from wattlas.compiled.folder import drop_older, folder_for, is_private

KEY = "0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory of the user's, beside an empty temporary directory."""
    user, shared = tmp_path / "user", tmp_path / "shared"
    user.mkdir()
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setattr(folder.platformdirs, "user_cache_path", lambda *_, **__: user / "wattlas")
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    return user / "wattlas"


@pytest.fixture
def shared(cache: Path) -> Path:
    """The folder of this user's own in the temporary directory, not made yet."""
    return cache.parent.parent / "shared" / f"wattlas-{os.getuid()}"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_cache_directory_comes_first(cache: Path) -> None:
    """All that is made there is closed to others; the same key has the same folder."""
    found = folder_for(KEY)
    assert found == cache / "compiled" / KEY
    assert {mode(cache), mode(found.parent), mode(found)} == {0o700}
    assert folder_for(KEY) == found
    assert list(found.iterdir()) == []


def test_a_cache_directory_that_does_not_exist_yet_is_made(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without `~/.cache` gets one."""
    deep = cache / "not" / "there" / "wattlas"
    monkeypatch.setattr(folder.platformdirs, "user_cache_path", lambda *_, **__: deep)
    assert folder_for(KEY) == deep / "compiled" / KEY


@pytest.mark.parametrize("where", ["nowhere", "relative"])
def test_without_a_cache_directory_the_temporary_one_serves(
    where: str, cache: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in its place, or an unknown home directory: a private folder is made elsewhere."""
    cache.parent.joinpath("file").touch()
    path = cache.parent / "file" / "wattlas" if where == "nowhere" else Path("~/.cache/wattlas")
    monkeypatch.setattr(folder.platformdirs, "user_cache_path", lambda *_, **__: path)
    monkeypatch.chdir(cache.parent)
    assert folder_for(KEY) == shared / KEY
    assert {mode(shared), mode(shared / KEY)} == {0o700}
    assert not Path("~").exists()


def _link(path: Path) -> None:
    target = path.parent / "elsewhere"
    target.mkdir(mode=0o700)
    path.symlink_to(target, target_is_directory=True)


def _open_to_readers(path: Path) -> None:
    path.mkdir()
    path.chmod(0o750)


def _open_to_writers(path: Path) -> None:
    path.mkdir()
    path.chmod(0o722)


HOSTILE = {
    "link": _link,
    "file": Path.touch,
    "readers": _open_to_readers,
    "writers": _open_to_writers,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("part", ["compiled", f"compiled/{KEY}"])
def test_a_hostile_folder_in_the_cache_directory_is_not_used(
    kind: str, part: str, cache: Path, shared: Path
) -> None:
    """A link, a file, or one that others may look into or write to: the next place is taken."""
    path = cache / part
    for parent in reversed(path.relative_to(cache.parent).parents[:-1]):
        (cache.parent / parent).mkdir(mode=0o700)
    HOSTILE[kind](path)
    assert folder_for(KEY) == shared / KEY


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("part", ["", KEY])
def test_a_hostile_folder_in_the_temporary_directory_is_not_used(
    kind: str, part: str, cache: Path, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What another user may have put there is left alone; the cost is told once."""
    cache.touch()
    if part:
        shared.mkdir(mode=0o700)
    HOSTILE[kind](shared / part)
    found = folder_for(KEY)
    assert found is not None
    assert not found.is_relative_to(shared)
    assert mode(found) == 0o700
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "25 seconds" in caplog.text


def test_the_folder_of_another_user_is_not_used(
    cache: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose it is counts, also where this user may write to it."""
    assert folder_for(KEY) == cache / "compiled" / KEY
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert not is_private(cache / "compiled" / KEY)
    assert not is_private(cache)


def test_a_temporary_directory_where_others_may_rename_is_not_used(
    cache: Path, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Open to all and not sticky, anybody could exchange a folder in it after it was looked at."""
    cache.touch()
    shared.parent.chmod(0o777)
    found = folder_for(KEY)
    assert found is not None
    assert not shared.exists()
    assert "compiles it anew" in caplog.text


def test_a_folder_that_can_only_be_read_serves_where_it_holds_code(
    cache: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that was compiled when it was built runs from a disk that is read-only."""
    found = folder_for(KEY)
    assert found is not None

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert folder_for(KEY) != found
    (found / "hours.walk-1.py311.nbi").touch()
    assert folder_for(KEY) == found


def test_what_cannot_be_kept_is_removed_at_exit(tmp_path: Path) -> None:
    """A process without any folder of its own leaves nothing behind and says what it costs."""
    (tmp_path / "file").touch()
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    code = (
        "from wattlas.compiled.folder import folder_for; "
        f"path = folder_for({KEY!r}); print(path, path.is_dir())"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file"), "TMPDIR": str(shared)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    path, existed = ran.stdout.split()
    assert existed == "True"
    assert Path(path).parent == shared
    assert list(shared.iterdir()) == []
    assert "every process that plans compiles it anew, about 25 seconds" in ran.stderr


def _revisions(root: Path, count: int) -> list[Path]:
    """Folders of revisions, the oldest first, a minute apart."""
    root.mkdir(mode=0o700, parents=True)
    made = [root / f"{n:024x}" for n in range(count)]
    for n, path in enumerate(made):
        path.mkdir(mode=0o700)
        (path / "code.nbc").touch()
        os.utime(path, (1e9 + 60 * n, 1e9 + 60 * n))
    return made


def test_only_the_two_newest_are_kept(cache: Path) -> None:
    """The one at hand and the newest of the others stay; what is not a revision is left alone."""
    made = _revisions(cache / "compiled", 4)
    other = cache / "compiled" / "notes"
    other.mkdir()
    found = folder_for(KEY)
    assert found is not None
    assert {path.name for path in found.parent.iterdir()} == {KEY, made[3].name, "notes"}


def test_using_a_folder_makes_it_newest(cache: Path) -> None:
    """Whoever goes back and forth between two revisions compiles each once."""
    old, new = _revisions(cache / "compiled", 2)
    assert folder_for(old.name) == old
    assert folder_for(KEY) is not None
    assert old.exists()
    assert not new.exists()


def test_a_removal_that_was_cut_short_is_finished(cache: Path) -> None:
    """A folder that was renamed to be removed goes with the next look."""
    (old,) = _revisions(cache / "compiled", 1)
    old.rename(old.parent / f".{old.name}.{'0' * 32}")
    found = folder_for(KEY)
    assert found is not None
    assert [path.name for path in found.parent.iterdir()] == [KEY]


def test_a_folder_that_is_gone_already_is_no_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes may remove the same folder at once."""
    root = cache / "compiled"
    made = _revisions(root, 3)
    rename = os.rename

    def too_late(source: str, target: str) -> None:
        rename(source, root / "taken-by-another")
        rename(source, target)

    monkeypatch.setattr(os, "rename", too_late)
    drop_older(root, made[2].name)
    assert not made[0].exists()
    assert made[1].exists()
