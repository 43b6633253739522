"""stdout and stderr as they are: closed, full, not UTF-8, or a terminal that obeys what it reads.

While a command runs, both are a `Screen`: names from files cannot move a cursor, and a character
that the encoding lacks is written as one that it has. What cannot be written to stdout ends the
command in words; what cannot be written to stderr is lost, and changes nothing.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from wattlas.errors import MachineError, PipeClosed

CLEAR_LINE = "\r\x1b[K"
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # breaks of lines, changes of direction
    "\ud800-\udfff]"  # bytes of a file name that are not UTF-8
)
_PLAIN = {
    "→": "->", "←": "<-", "–": "-", "—": "-", "−": "-", "…": "...", "·": ".", "×": "x",
    "≥": ">=", "≤": "<=", "≈": "~", "²": "2", "▒": "+", "█": "#", "’": "'", "“": '"', "”": '"',
    "─": "-", "━": "-", "│": "|", "θ": "theta", "μ": "mu", "µ": "mu", "ρ": "rho", "σ": "sigma",
    "✓": "yes", "✔": "yes", "✗": "no", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
}  # fmt: skip
"""What stands for a character that an encoding lacks; any other is written as its number."""


def visible(text: str) -> str:
    r"""A text in which no character acts on a terminal: escape becomes `\x1b`; newlines stay."""
    return _UNSAFE.sub(lambda match: _number(match[0]), text)


def one_line(text: str) -> str:
    r"""A name as it is shown inside a line: as `visible`, and newline becomes `\n`."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def fitting(text: str, encoding: str) -> str:
    """A text of characters that an encoding has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_fitting_character(c, encoding) for c in text)
    return text


def _fitting_character(character: str, encoding: str) -> str:
    for candidate in (character, _PLAIN.get(character, "")):
        with suppress(UnicodeEncodeError):
            if candidate and candidate.encode(encoding):
                return candidate
    return _number(character)


def _number(character: str) -> str:
    code = ord(character)
    mark, digits = ("x", 2) if code < 0x100 else ("u", 4) if code < 0x10000 else ("U", 8)
    return f"\\{mark}{code:0{digits}x}"


def holds(text: str, stream: Any) -> bool:
    """Whether a stream writes a text just as it is."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return not _UNSAFE.search(text) and fitting(text, encoding) == text


class Screen:
    """A text stream that shows control characters instead of sending them on.

    It has no `buffer`, so that no library writes past it. `needed` says whether a fault of the
    stream ends the command.
    """

    def __init__(self, stream: TextIO, *, needed: bool, obeys: bool = False) -> None:
        self._stream, self._needed, self._obeys = stream, needed, obeys
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self.errors = "strict"

    @property
    def obeying(self) -> Screen:
        """The same stream for sequences of our own: it sends control characters on."""
        return Screen(self._stream, needed=self._needed, obeys=True)

    def write(self, text: str) -> int:
        """Write a text. Raises PipeClosed, or MachineError where the stream takes nothing."""
        shown = text if self._obeys else visible(text)
        with self._faults():
            self._stream.write(fitting(shown, self.encoding))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send on what was written. Raises as `write` does."""
        with self._faults():
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The number of the stream's file."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """A screen is written to."""
        return True

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _give_up(self._stream)
            if not self._needed:
                return
            if error.errno == errno.EPIPE:
                raise PipeClosed from None
            reason = (error.strerror or str(error)).lower()
            raise MachineError(
                f"The result cannot be written to stdout: {reason}. Free space there, or write "
                "to another place."
            ) from None


def _give_up(stream: TextIO) -> None:
    """Send what a stream still holds to nowhere, or it fails once more when Python ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def obeying(stream: Any) -> Any:
    """A stream for our own control characters, whether it is a screen or not."""
    return stream.obeying if isinstance(stream, Screen) else stream


def clear_line() -> None:
    """Clear the line of the terminal that stderr is."""
    line = obeying(sys.stderr)
    line.write(CLEAR_LINE)
    line.flush()


@contextmanager
def screens() -> Iterator[None]:
    """Put a screen before stdout and stderr. Raises MachineError where stdout is closed."""
    stdout, stderr = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stderr = Screen(stderr or nowhere, needed=False)
        sys.stdout = Screen(stdout or nowhere, needed=True)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = stdout, stderr


def occupy_descriptors() -> None:
    """Give the numbers 0 to 2 to nothing where they are closed, or a later file would get them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
