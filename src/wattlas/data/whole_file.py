"""Files and folders that are written whole, also by two at once, also where one is killed.

A file is written under a temporary name beside its target and renamed. While that is done, its
writer holds a lock on it; one that nobody holds was left behind by a process that ended, and the
next writer of the same target removes it.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from wattlas.errors import MachineError, UsageError

HAS_LOCKS = os.name == "posix"
if HAS_LOCKS:
    import fcntl

log = logging.getLogger("wattlas")

_OS_ERROR = re.compile(r"os error (\d+)")
MARK = ".wattlas-"
"""Stands in the names of temporary files, so that no file of a user's is taken for one."""
LONGEST_SHOWN = 40
"""Characters of the target's name in a temporary one, which may not be much longer than that."""


@contextmanager
def whole_file(target: Path, mode: int = 0o666) -> Iterator[Path]:
    """A temporary file that is renamed to `target` when the block ends well, else removed.

    Missing folders are made, links are followed. Raises MachineError where the system refuses,
    UsageError for a target that is no regular file: a device would be replaced by a file.
    """
    target = Path(os.path.realpath(target)) if target.is_symlink() else target
    with in_words(target):
        if target.exists() and not target.is_file():
            raise UsageError(f"{target} is not a file that can be replaced. Name another one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = _locked_temporary(target)
        try:
            yield temporary
            # mkstemp makes files that only their owner can read; a result is meant to be shared.
            temporary.chmod(mode & ~_umask())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)


def write_text(path: Path, text: str, mode: int = 0o666) -> Path:
    """Write a text file whole, in UTF-8; nobody can read it before it has its mode."""
    with whole_file(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file whole."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_texts(
    folder: Path, texts: Mapping[str, str], executable: Collection[str] = ()
) -> list[Path]:
    """Write text files of a folder together: all lie there complete before the first is renamed.

    Those named `SUB/NAME` are a folder within, which changes as one: `SUB` is a link to it, and
    the link is renamed. Other writers of the folder wait. A process that is killed between two
    renames leaves old files beside new ones, each of them, and each folder within, whole.
    """
    within: dict[str, dict[str, str]] = {}
    for name, text in texts.items():
        if "/" in name:
            sub, _, inner = name.partition("/")
            within.setdefault(sub, {})[inner] = text
    alone = {folder / name: text for name, text in texts.items() if "/" not in name}
    with locked(folder), ExitStack() as renamed:
        for path, text in alone.items():
            mode = 0o777 if path.name in executable else 0o666
            temporary = renamed.enter_context(whole_file(path, mode))
            temporary.write_text(text, encoding="utf-8", newline="\n")
        for sub, inner_texts in within.items():
            _swap_folder(folder / sub, inner_texts)
    return [folder / name for name in texts]


def _swap_folder(link: Path, texts: Mapping[str, str]) -> None:
    """Write files into a new folder, let the link lead to it, and remove the one of before."""
    with in_words(link):
        if link.exists() and not link.is_symlink():
            raise UsageError(f"{link} is in the way. Move it, or name another folder.")
        prefix = f".{link.name}{MARK}"
        made = Path(tempfile.mkdtemp(dir=link.parent, prefix=prefix))
        leading = made / ".link"
        try:
            for name, text in texts.items():
                (made / name).write_text(text, encoding="utf-8", newline="\n")
            made.chmod(0o777 & ~_umask())
            leading.symlink_to(made.name)
            leading.replace(link)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        for entry in list(os.scandir(link.parent)):
            if is_temporary(entry.name, link.name) and entry.name != made.name:
                shutil.rmtree(entry.path, ignore_errors=True)


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder, made where it is missing, against other writers of ours.

    Nothing is left when it is let go, and a process that is killed lets go. Waits for another
    holder, or raises BlockingIOError without `wait`. A file system that knows no locks is told of
    and written to without.
    """
    with there(folder):
        handle = _held_folder(folder, wait)
        try:
            yield
        finally:
            if handle is not None:
                os.close(handle)


@contextmanager
def there(folder: Path) -> Iterator[None]:
    """A folder, made where it is missing; what was made and is still empty goes in the end."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _held_folder(folder: Path, wait: bool) -> int | None:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if not HAS_LOCKS:
            return None
        handle = os.open(folder, os.O_RDONLY)
        try:
            _hold(handle, folder, wait)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(folder)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # whoever held it before has removed it


def _hold(handle: int, path: Path, wait: bool = True) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError as error:
        log.warning("%s cannot be locked (%s): let no two write there at once", path, error)


def is_temporary(name: str, target: str = "") -> bool:
    """Whether a file of this name is a temporary one of ours, of one target or of any."""
    stem = re.escape(target[:LONGEST_SHOWN]) if target else ".+"
    return re.fullmatch(rf"\.{stem}{re.escape(MARK)}[a-z0-9_]{{8}}", name) is not None


def _locked_temporary(target: Path) -> tuple[int, Path]:
    """A new file beside a target, with its open handle, held by this process."""
    _remove_left_behind(target)
    while True:
        prefix = f".{target.name[:LONGEST_SHOWN]}{MARK}"
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix)
        if not HAS_LOCKS:
            return handle, Path(name)
        _hold(handle, target.parent)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(name)):
                return handle, Path(name)
        os.close(handle)  # another writer took it for left behind before we held it


def _remove_left_behind(target: Path) -> None:
    """Remove temporary files of a target that no running process holds."""
    if not HAS_LOCKS:
        return
    for entry in list(os.scandir(target.parent)):
        if is_temporary(entry.name, target.name) and entry.is_file(follow_symlinks=False):
            with suppress(OSError):
                handle = os.open(entry.path, os.O_RDONLY)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)
                finally:
                    os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def in_words(target: Path) -> Iterator[None]:
    """The system's refusals as MachineError, those that polars passes on as text included."""
    try:
        yield
    except OSError as error:
        raise MachineError.of(error, target) from None
    except Exception as error:
        match = _OS_ERROR.search(str(error))
        if match is None or not type(error).__module__.startswith("polars"):
            raise
        number = int(match[1])
        raise MachineError.of(OSError(number, os.strerror(number)), target) from None
