"""Bytes to a port, and what comes back."""

from __future__ import annotations

import socket
import time
from typing import Any


def connect(url: str) -> socket.socket:
    """A connection to a port of loopback."""
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def exchange(url: str, text: bytes, pause_s: float = 0.0) -> bytes:
    """What a port answers to some bytes, until it closes."""
    with connect(url) as connection:
        if pause_s:
            for at in range(len(text)):
                try:
                    connection.sendall(text[at : at + 1])
                except OSError:
                    break
                time.sleep(pause_s)
        else:
            connection.sendall(text)
        return until_closed(connection)


def until_closed(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    got = b""
    try:
        while piece := connection.recv(65_536):
            got += piece
    except ConnectionError:
        pass
    return got


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    """Until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
