"""The direction of imports, read from the source: nobody imports from above."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "wattlas"

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "units": set(),
    "compiled": set(),
    "model": {"errors", "units"},
    "data": {"errors", "units", "model"},
    "placement": {"errors", "units", "compiled", "model"},
    "tiers": {"errors", "units", "compiled", "model"},
    "policy": {"errors", "units", "model", "placement", "tiers"},
    "replays": {"errors", "units", "compiled", "model", "data", "placement", "tiers", "policy"},
    "serve": {"errors", "units", "model", "data", "placement", "tiers", "policy", "replays"},
}
_BELOW = {"errors", "units", "model", "data", "placement", "tiers", "policy", "replays", "serve"}
MAY_IMPORT |= {
    "studies": _BELOW,
    "report": _BELOW | {"studies"},
    "cli": _BELOW | {"studies", "report"},
}
"""Layers and what they may import; the package itself, which is the public API, may import all."""

ONLY_IN: dict[str, set[str]] = {
    "pydantic": {"data", "serve"},
    "ruamel": {"data", "serve"},
    "yaml": set(),
    "highspy": {"placement"},
    "scipy": {"tiers", "replays", "studies"},
    "sklearn": {"policy"},
    "linopy": set(),
    "pulp": set(),
    "swiglpk": set(),
    "llvmlite": set(),
    "joblib": {"studies"},
    "ray": {"studies"},
    "dask": set(),
    "distributed": {"studies"},
    "gymnasium": {"studies"},
    "numba": {"compiled", "placement", "tiers", "replays"},
    "platformdirs": {"compiled"},
    "typer": {"cli"},
    "rich": {"cli"},
    "jinja2": {"report", "serve"},
    "requests": set(),
    "httpx": {"data", "serve", "report"},
    "starlette": {"serve", "report"},
    "uvicorn": {"serve"},
    "httptools": {"serve"},
    "uvloop": {"serve"},
    "aiohttp": {"serve"},
    "orjson": {"serve"},
    "sqlite3": {"serve", "replays"},
    "asyncpg": {"serve"},
    "prometheus_client": {"serve"},
    "http": {"serve", "report"},
    "urllib": {"data", "serve", "report"},
    "socket": {"serve", "report"},
}
"""Libraries that have a place; one that is not named may be imported anywhere but in model."""

HEAVY = {
    "jinja2",
    "polars",
    "pydantic",
    "highspy",
    "ruamel",
    "rich",
    "xarray",
    "scipy",
    "sklearn",
    "pandas",
    "aiohttp",
    "uvicorn",
    "starlette",
    "joblib",
    "ray",
    "distributed",
    "gymnasium",
}
"""Too slow to import for `wattlas --help`: in the package and the verbs inside functions only."""

MODEL_INSIDE_FUNCTIONS = {"polars", "xarray", "pandas", "matplotlib"}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def layer(path: Path) -> str:
    """First part of the path: `model`, `errors`, …; empty for the package's own __init__."""
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return "" if first.startswith("__") else first


@cache
def imports(path: Path) -> tuple[tuple[str, int, bool], ...]:
    """(dotted name, line, whether at run time on import) of everything a module imports."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, _at_import(tree.body)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno} is a relative import"
            if node.module == "wattlas":
                for alias in node.names:
                    yield f"wattlas.{alias.name}", node.lineno, id(node) in top
            else:
                yield node.module or "", node.lineno, id(node) in top


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported; `if TYPE_CHECKING` does not."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        for field in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _at_import(getattr(node, field, []))


def test_nothing_imports_from_above() -> None:
    """errors, units ← model ← {data, placement, tiers} ← policy ← replays ← serve ← studies ← …"""
    for path in modules():
        here = layer(path)
        if not here:
            continue
        allowed = {here, "__version__", *MAY_IMPORT[here]}
        for imported, line, _ in imports(path):
            parts = imported.split(".")
            if parts[0] == "wattlas":
                whole = here in ("cli", "report") and len(parts) == 1
                target = parts[1] if len(parts) > 1 else ""
                public = here == "cli" and target not in MAY_IMPORT
                assert whole or public or target in allowed, (
                    f"{name(path)}:{line}: `{here}` may not import `{imported}`"
                )


def test_libraries_stay_in_their_place() -> None:
    """A solver only in placement, files' models only at the edge, HTTP only where it is served."""
    for path in modules():
        here = layer(path)
        for imported, line, _ in imports(path):
            library = imported.split(".")[0]
            where = ONLY_IN.get(library)
            assert where is None or here in where, (
                f"{name(path)}:{line}: `{library}` belongs in {sorted(where or ())}"
            )


def test_the_model_needs_numpy_alone() -> None:
    """model, errors and units import numpy and the standard library; tables inside functions."""
    for path in [p for p in modules() if layer(p) in ("model", "errors", "units")]:
        for imported, line, on_import in imports(path):
            library = imported.split(".")[0]
            if library in MODEL_INSIDE_FUNCTIONS and not name(path).startswith(("errors", "units")):
                assert not on_import, f"{name(path)}:{line}: import `{library}` inside the function"
                continue
            assert library in {"numpy", "wattlas", *sys.stdlib_module_names}, (
                f"{name(path)}:{line}: `{library}`"
            )


def test_the_way_in_is_light() -> None:
    """The package and the verbs import heavy libraries inside functions only."""
    for path in [p for p in modules() if layer(p) in ("", "cli")]:
        for imported, line, on_import in imports(path):
            library = imported.split(".")[0]
            assert not (on_import and library in HEAVY), (
                f"{name(path)}:{line}: `{library}` is heavy"
            )


def test_placement_reads_no_files() -> None:
    """Placement is a function of a scenario: it neither opens nor names files."""
    for path in [p for p in modules() if layer(p) == "placement"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        opened = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "open"]
        assert not opened
        assert not [
            i
            for i, _, _ in imports(path)
            if i.split(".")[0] in ("pathlib", "io", "shutil", "tempfile")
        ]


def _sources(*roots: Path) -> dict[str, Path]:
    """Every module of some packages by its dotted name."""
    found = {}
    for root in roots:
        for path in root.rglob("*.py"):
            parts = path.relative_to(root.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _needs(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of ours that one imports, inside functions too; `if TYPE_CHECKING` does not count."""
    needs: set[str] = set()
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            needs |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            needs |= {name for name in inner if name in known}
            needs |= {node.module} if inner - set(known) else set()
    return needs & set(known)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        test = child.test if isinstance(child, ast.If) else None
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from _running(other)
            continue
        yield child
        yield from _running(child)


def _circles(needs: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules that all need each other, in however many steps."""
    reach = {name: set(needs[name]) for name in needs}
    for middle in needs:
        for name in needs:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    return {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in needs
        if name in reach[name]
    }


def test_no_imports_run_in_a_circle() -> None:
    """Neither the package nor the benchmarks have modules that need each other."""
    known = _sources(SOURCE, SOURCE.parent.parent / "benchmarks")
    assert _circles({name: _needs(path, known) for name, path in known.items()}) == set()


ROOMS = (
    "problem constraints engine hour window solution explain api compare frontier fleet breakeven "
    "tables streaming"
).split()
"""Rooms of placement from the lowest up: each may import from those before it."""
UPSTAIRS = {("explain", "api")}
"""A proof asks what a plan makes least; nothing below asks for a proof."""


def test_rooms_of_placement_import_downwards() -> None:
    """No room needs one above it, and every room has its place."""
    placement = SOURCE / "placement"
    known = _sources(SOURCE)
    wrong = []
    for path in sorted(placement.rglob("*.py")):
        room = path.relative_to(placement).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        assert room in ROOMS, f"{room} has no place among the rooms"
        for needed in _needs(path, known):
            if needed.startswith("wattlas.placement."):
                other = needed.split(".")[2]
                below = ROOMS.index(other) <= ROOMS.index(room)
                if not below and (room, other) not in UPSTAIRS:
                    wrong.append(f"{path.name} of {room} imports {needed}")
    assert wrong == []


def test_circles_are_found_in_any_number_of_steps(tmp_path: Path) -> None:
    """Inside functions and over three modules, but not for types alone."""
    package = tmp_path / "p"
    package.mkdir()
    texts = {
        "a": "def f():\n    from p import b\n",
        "b": "import p.c\n",
        "c": "from p.a import f\nfrom p.d import g\n",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import c\n",
        "__init__": "",
    }
    for module, text in texts.items():
        (package / f"{module}.py").write_text(text)
    known = _sources(package)
    found = _circles({module: _needs(path, known) for module, path in known.items()})
    assert found == {frozenset({"p.a", "p.b", "p.c"})}
