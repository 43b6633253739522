"""Run the tests marked `portable` where users are: other interpreters, newest and lowest versions.

    python tools/portable.py            all runs, two at a time
    python tools/portable.py --list     what would be run, and with which interpreter

Each run installs the package into an environment of its own: with the newest versions of
everything on each other interpreter that `pyproject.toml` names, and with the lowest versions it
declares on this one. An interpreter counts where it answers `--version`: a name on PATH may be a
shim that does not. What is not there is told loudly; WATTLAS_REQUIRE_PORTABLE=1 makes it a failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2
SHOWN = 8000
"""Characters that are shown of a run that failed."""
GOAL_S = 90
"""Seconds that the tests of one run should take, the compilation of the engine included."""


@dataclass(frozen=True)
class Run:
    """An interpreter and what is installed beside the package; None is the newest of all."""

    name: str
    python: Path
    pins: tuple[str, ...] | None = None


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def versions() -> list[str]:
    """The versions of Python that the project names."""
    found = [re.fullmatch(r".*:: Python :: (3\.\d+)", line) for line in project()["classifiers"]]
    return [match[1] for match in found if match]


def lowest(dependencies: Sequence[str]) -> tuple[str, ...]:
    """The lowest version that each requirement allows, pinned."""
    pins = []
    for requirement in dependencies:
        match = re.match(r"([\w.-]+)[^;]*?>=\s*([\w.]+)", requirement)
        if match is None:
            raise SystemExit(f"{requirement} declares no lowest version")
        pins.append(f"{match[1]}=={match[2]}")
    return tuple(pins)


def interpreter(version: str) -> Path | None:
    """A Python of this version that answers, on PATH or among those of pyenv."""
    for candidate in _candidates(version):
        try:
            said = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
            return Path(candidate)
    return None


def _candidates(version: str) -> Iterator[str]:
    roots = [Path(os.environ["PYENV_ROOT"])] if os.environ.get("PYENV_ROOT") else []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(f"python{version}", path=folder)
        if found:
            yield found
            roots += [Path(folder).parent] if Path(folder).name == "shims" else []
    for root in dict.fromkeys(roots):
        installed = (root / "versions").glob(f"{version}.*/bin/python")
        yield from (str(path) for path in sorted(installed, reverse=True))


def runs() -> tuple[list[Run], list[str]]:
    """What can be run, and the versions of Python that are not there."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found, absent = [], []
    for version in versions():
        if version == here:
            pins = lowest(project()["dependencies"])
            found.append(Run(f"{version}, lowest versions", Path(sys.executable), pins))
            continue
        python = interpreter(version)
        if python is None:
            absent.append(version)
        else:
            found.append(Run(f"{version}, newest versions", python))
    return found, absent


def tests() -> list[str]:
    """The files that hold a portable test; others may import what is not installed."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(f.relative_to(ROOT)) for f in files if "mark.portable" in f.read_text("utf-8")]


def carry_out(run: Run) -> tuple[bool, str]:
    """Whether a run passed, and what there is to say of it."""
    with tempfile.TemporaryDirectory(prefix="wattlas-portable-") as folder:
        python = Path(folder, "bin", "python")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        install = [
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-compile",
            ".[portable]",
            *(run.pins or ()),
        ]
        test = [python, "-m", "pytest", "-q", "-m", "portable", "-p", "no:cacheprovider", *tests()]
        said, began = "", time.monotonic()
        for command in ([run.python, "-m", "venv", folder], install, test):
            began = time.monotonic()
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said = done.stdout
            if done.returncode:
                return False, f"FAILED: Python {run.name}\n{said[-SHOWN:]}"
    took = time.monotonic() - began
    late = f" More than {GOAL_S} s: choose fewer." if took > GOAL_S else ""
    return True, f"Python {run.name}: {said.strip().splitlines()[-1]}.{late}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0 where every run passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    found, absent = runs()
    for run in found if options.list else ():
        print(f"{run.name}: {run.python}")
    passed = True
    if not options.list:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for good, said in pool.map(carry_out, found):
                passed &= good
                print(said, flush=True)
    for version in absent:
        print(f"NOT RUN: no Python {version} answers here. WATTLAS_REQUIRE_PORTABLE=1 minds that.")
    required = os.environ.get("WATTLAS_REQUIRE_PORTABLE") == "1"
    return 0 if passed and not (absent and required) else 1


if __name__ == "__main__":
    sys.exit(main())
