"""Ctrl-C and SIGTERM, which are not lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. In a destructor, or what a
weak reference calls, it is ignored, and the work would go on as if nobody had asked. So it is kept
that somebody did, and every step that is told to a bar looks for it.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

_ASKED: list[int] = []
"""Signals that asked; no lock, which a second one that comes meanwhile would wait for."""


def interrupt(number: int, _frame: Any) -> None:
    """The handler of a signal that asks to end."""
    _ASKED.append(number)
    raise KeyboardInterrupt


def forget() -> None:
    """A new command: nobody asked it to end yet."""
    _ASKED.clear()


def end_if_asked() -> None:
    """Raise KeyboardInterrupt where somebody asked to end; in the main thread alone, as Python."""
    if _ASKED and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def listen() -> None:
    """Take both signals. Where Ctrl-C is ignored, as in the background of a shell, it stays so."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def _terminate(number: int, frame: Any) -> None:
    """SIGTERM is taken like Ctrl-C, once: leftovers are removed. A second one ends at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    interrupt(number, frame)
