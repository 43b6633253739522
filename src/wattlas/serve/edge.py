"""Sockets that are listened at, and how they are written."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from wattlas.errors import UsageError
from wattlas.serve.config import host_port


def bound(listen: str | None, path: Path | None) -> socket.socket:
    """A socket on HOST:PORT, or a Unix socket that only this user may open. Raises UsageError."""
    family = socket.AF_UNIX if path else socket.AF_INET6 if "[" in str(listen) else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        if path is not None:
            _bind_unix(opened, path)
        else:
            assert listen is not None
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(host_port(listen))
    except OSError as error:
        opened.close()
        raise UsageError(
            f"{path or listen} cannot be listened at ({error.strerror or error}). Give another one."
        ) from error
    return opened


def _bind_unix(opened: socket.socket, path: Path) -> None:
    if path.is_socket():
        if _answers(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        path.unlink()  # left by a process that ended
    opened.bind(str(path))
    path.chmod(0o600)


def _answers(path: Path) -> bool:
    """Whether a process listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(str(path))
        except BlockingIOError:
            return True  # so many wait for it that no more may
        except OSError:
            return False
    return True


def address(opened: socket.socket) -> str:
    """Where a socket listens, as it is written."""
    name = opened.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"
