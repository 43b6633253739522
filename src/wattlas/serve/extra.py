"""The libraries of the extra `serve`, which nothing else needs."""

from __future__ import annotations

from importlib.util import find_spec

from wattlas.errors import MachineError

LIBRARIES = ("starlette", "httptools", "orjson", "prometheus_client")


def check_extra() -> None:
    """Raise MachineError where one is not installed."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise MachineError(
            f"{', '.join(missing)}: not installed. Install the extra: pip install 'wattlas[serve]'"
        )
