"""What the figures were measured on: without it a number of seconds means nothing."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = (
    "wattlas numpy polars highspy numba pydantic ruamel.yaml typer rich linopy pulp scipy"
).split()


def machine() -> dict[str, Any]:
    """Date, processor, cores, load, memory, system, Python and the versions of the libraries."""
    return {
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": _system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def words(facts: dict[str, Any]) -> str:
    """The machine in one line."""
    return (
        f"{facts['date_utc'][:10]}, {facts['cores']} cores ({facts['processor']}), "
        f"{facts['memory_gib']} GiB, {facts['system']}, Python {facts['python']}, "
        f"load {facts['load_1min']:.1f}"
    )


def forget_peak() -> None:
    """Let the greatest resident memory of this process count from now on (Linux)."""
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5", encoding="ascii")


def peak_mib() -> float:
    """Greatest resident memory of this process since `forget_peak`, MiB; nan where none says it.

    Not that of `getrusage`, which never forgets what ran before, nor what began this process.
    """
    text = _first("/proc/self/status", "VmHWM")
    return float(text.split()[0]) / 1024 if text else float("nan")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _system() -> str:
    name = _first("/etc/os-release", "PRETTY_NAME", "=").strip('"')
    return name or platform.platform()


def _first(path: str, key: str, apart: str = ":") -> str:
    """Value of the first line `key … apart value`; empty where there is none."""
    file = Path(path)
    for line in file.read_text().splitlines() if file.exists() else ():
        name, _, value = line.partition(apart)
        if name.strip() == key:
            return value.strip()
    return ""
