"""Small states of verbs, pages, clusters and environments; how functions are called."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.golden.printed import (
    number,
    tried,
)
from tests.golden.states.tiers import line
from wattlas.cli import interrupts, run
from wattlas.report.view import _json
from wattlas.studies import points
from wattlas.studies.export.schedule import _places as places_of
from wattlas.studies.export.weights import _notes as weights_notes
from wattlas.studies.sweeps import cluster
from wattlas.studies.sweeps.found import _short
from wattlas.studies.training import OpenPlaces
from wattlas.units import some

NAN = float("nan")
CONSTANT = re.compile(r"(?m)^(_?[A-Z][A-Z0-9_]*(?:, [A-Z_]+)*)(?:: [^=\n]+)? = ")


def _odds(folder: Path) -> Iterator[str]:
    """Small states of verbs, pages, clusters, schedules and environments."""
    yield repr(_json({"a": "é", "p": Path("x"), "n": NAN}))
    for words in (
        "plan --wat --json",
        "wat --json",
        "plan nowhere --json",
        "-h",
        "",
        "--version",
        "tiers -h",
    ):
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(shlex.split(words))
        text = out.getvalue().replace(wattlas.__version__, "VERSION")
        yield f"$ {words} -> {int(code)}\n{text if len(text) < 900 else text[:60]}"
        yield err.getvalue()[:300]
    before = signal.getsignal(signal.SIGTERM)
    try:
        interrupts._terminate(15, None)
    except KeyboardInterrupt:
        interrupts.forget()
        yield f"interrupted {signal.getsignal(signal.SIGTERM) == signal.SIG_DFL}"
    signal.signal(signal.SIGTERM, before)
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(cluster, "CONNECT_S", -1.0)
        for cores, jobs in ((1, None), (2, None), (5, None), (5, 3), (5, 1)):
            yield from tried(lambda c=cores, j=jobs: cluster._enough("x", j, lambda: c))
        come = iter((1, 1, 4))
        quick.setattr(cluster, "CONNECT_S", 9.0)
        quick.setattr(cluster, "LOOK_EVERY_S", 0.0)
        yield str(cluster._enough("x", None, lambda: next(come)))
        yield from _named(quick)
    routing = SimpleNamespace(regions=("a", "b", "unserved"), points=("p", "q"))
    for share in ([0.25, 0.25, 0.5], [0.6, 0.4, 0.0], [0.2, 0.0, 0.8]):
        some = SimpleNamespace(
            region=np.array([0, 1, 2]), point=np.array([0, 1, 0]), share=np.array(share)
        )
        yield str([(p.region, p.point, number(p.share)) for p in places_of(routing, some)])  # type: ignore
    yield str(places_of(routing, None))  # type: ignore[arg-type]
    group = np.array([0, 0, 1, 1, 2])
    n = np.zeros(5, dtype=np.int64)
    open_ = OpenPlaces(n, n, n.astype(bool), n, n, group)
    for weight in (
        [0.0, 0.0, 1.0, 3.0, 0.0],
        [0.5, 0.5, 0.5, 0.5 + 1e-13, 1.0],
        [0.5, 0.5 + 1e-6, 1, 0, 2],
    ):
        shares = open_.shares(np.array(weight))
        yield f"{line(shares)} {bool((shares == np.array(weight)).all())}"
    names = (
        "studies",
        "report",
        "tiers",
        "placement.tables",
        "placement.breakeven",
        "placement.explain",
    )
    for name in names:
        yield from _signatures(f"wattlas.{name}")
    for name in ("studies", "report", "tiers", "cli", "compiled"):
        yield from _constants(f"wattlas.{name}")


def _named(quick: pytest.MonkeyPatch) -> Iterator[str]:
    """Sentences that name a few of many, and errors that are long."""
    for count in (1, 3, 4, 5, 6, 7):
        names = [f"n{n}" for n in range(count)]
        yield some(names, 3)
        world = SimpleNamespace(
            classes=[SimpleNamespace(id="A", state=None)], share_caps=(),
            metros=[SimpleNamespace(id=name) for name in [*names, "heard"]],
        )  # fmt: skip
        heard = SimpleNamespace(klass="A", metros=("heard",))
        yield str(list(weights_notes(world, (heard,))))  # type: ignore[arg-type]
        read = points.Measured(tuple(SimpleNamespace(id=name) for name in names), ())
        quick.setattr(points, "read_points", lambda *_, read=read: read)
        quick.setattr(points, "log_energy", lambda *_: "log")
        yield from tried(lambda: points.measured_points(["f"], energy_log="log").notes)
    for length in (199, 200, 201):

        def fails(length: int = length) -> None:
            with cluster._connecting("ray://x"):
                raise ValueError("\n ".join(["a", "b" * (length - 3) + "z"]))

        yield from tried(fails)
    for length in (159, 160, 161):
        yield _short(f"a \n{'b' * (length - 3)}z")
    yield f"{_short(None)!r} {_short('abcd', 4)} {_short('abcde', 4)}"


def _constants(package: str) -> Iterator[str]:
    """What the numbers are that the modules of a package name."""
    root = importlib.import_module(package)
    for module in sorted(m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.")):
        members = importlib.import_module(module)
        found = CONSTANT.findall(inspect.getsource(members))
        names = [name for names in found for name in names.split(", ")]
        told = {name: getattr(members, name, None) for name in names}
        said = [f"{name} {value}" for name, value in told.items() if _is_figure(value)]
        if said:
            yield f"{module.removeprefix('wattlas.')}: {'; '.join(said)}"


def _is_figure(value: Any) -> bool:
    """Whether a constant is a number, or numbers beside each other: words are read elsewhere."""
    if isinstance(value, tuple):
        return any(map(_is_figure, value))
    return type(value) in (int, float) and value == value


def _signatures(package: str) -> Iterator[str]:
    """How functions and classes of a package are called where something need not be said."""
    root = importlib.import_module(package)
    for module in sorted(m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.")):
        members = vars(importlib.import_module(module)).items()
        for name, each in sorted(members):
            if getattr(each, "__module__", "") == module and inspect.isfunction(
                each
            ) | inspect.isclass(each):
                yield from _defaults(f"{module.removeprefix('wattlas.')}.{name}", each)


def _defaults(name: str, each: Any) -> Iterator[str]:
    inside = vars(each).items() if inspect.isclass(each) else ()
    for method, of_class in sorted(inside):
        if inspect.isfunction(of_class) and not method.startswith("__"):
            yield from _defaults(f"{name}.{method}", of_class)
    try:
        given = inspect.signature(each).parameters.values()
    except ValueError:
        return
    stated = [p for p in given if p.default is not p.empty]
    if stated and "Error" not in name:
        said = ", ".join(f"{p.name}={_default(p.default)}" for p in stated)
        yield f"{name}({said})"


def _default(value: Any) -> str:
    if inspect.isfunction(value) or inspect.isbuiltin(value):
        return str(getattr(value, "__name__", ""))
    text = repr(value)
    return type(value).__name__ if "<" in text or len(text) > 90 else text


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "odds": _odds,
}
