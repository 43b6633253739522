"""What the repository itself holds to: licences, constraints, one set of commands, no traces."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from tests.test_imports import imports

ROOT = Path(__file__).resolve().parent.parent
TEST_COMMAND = (
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[test]' "
    "&& .venv/bin/pytest -q -n auto"
)
LOCK_FILES = {
    "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml",
    "package-lock.json", "yarn.lock", "pnpm-lock.yaml",
}  # fmt: skip
# Written in pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = ["/" + part + "/" for part in ("root", "home/[a-z]+", "Users", "work")]
REGISTRIES = [
    "pypi" + r"\.org",
    "pythonhosted" + r"\.org",
    r"registry\.npm" + "js",
    r"deb\.debian" + r"\.org",
    "/simple" + "/",
    "index-" + "url",
]
TEXT = {
    ".py", ".toml", ".md", ".txt", ".yaml", ".yml", ".json", ".js", ".css", ".html", ".csv",
    ".lp", ".cfg", ".svg", "",
}  # fmt: skip


@cache
def tracked() -> tuple[str, ...]:
    """Files under version control, or those of the tree where there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return tuple(name for name in listed if (ROOT / name).is_file())


def ours() -> list[str]:
    """Tracked text files that we wrote: not what is vendored."""
    return [n for n in tracked() if Path(n).suffix in TEXT and "/vendor/" not in f"/{n}"]


@cache
def texts() -> dict[str, str]:
    """All that we wrote, by name, read once."""
    return {n: (ROOT / n).read_text(encoding="utf-8", errors="replace") for n in ours()}


def offenders(pattern: str) -> list[str]:
    """Places in our files that match."""
    wanted = re.compile(pattern)
    found = []
    for name, text in texts().items():
        if wanted.search(text):
            lines = enumerate(text.splitlines(), 1)
            found += [f"{name}:{n}" for n, line in lines if wanted.search(line)]
    return found


@cache
def defined() -> tuple[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef], ...]:
    """Every function and class of the package, without its body."""
    found = tuple(
        (path, node)
        for path in sorted((ROOT / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    for _, node in found:
        node.body = []
    return found


def project() -> dict[str, object]:
    """The [project] table."""
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def test_the_licence_is_whole() -> None:
    """LICENSE is the Apache License 2.0, from its head to its appendix."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "limitations under the License." in text
    assert project()["license"] == "Apache-2.0"


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE", "CHANGELOG.md", "README.md"])
def test_what_a_visitor_looks_for_is_there(name: str) -> None:
    """Licence, notices, changes and an introduction exist and say something."""
    assert len((ROOT / name).read_text(encoding="utf-8").strip()) > 100


def test_the_changelog_has_an_open_section() -> None:
    """What is not released yet stands under its own heading."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", MACHINE_PATHS)
def test_no_path_of_a_machine(pattern: str) -> None:
    """No file speaks of a folder on the machine that it was written on."""
    assert offenders(rf"(?<![\w.$}}/]){pattern}") == []


@pytest.mark.parametrize("pattern", REGISTRIES)
def test_no_name_of_a_registry(pattern: str) -> None:
    """No file records where packages came from."""
    assert offenders(pattern) == []


def test_no_lock_file() -> None:
    """Versions are pinned in constraints.txt alone."""
    assert [n for n in tracked() if Path(n).name in LOCK_FILES] == []


def test_the_constraints_cover_every_dependency() -> None:
    """Each direct dependency of the package and its extras has a pinned version."""
    pinned = {
        re.split(r"==", line)[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    groups = [project()["dependencies"], *extras.values()]
    assert named(*groups) - {project()["name"]} - pinned == set()


def named(*groups: list[str]) -> set[str]:
    """Names of the distributions that groups of requirements ask for."""
    return {distribution(re.split(r"[<>=!~\[; ]", one)[0]) for group in groups for one in group}


def distribution(name: str) -> str:
    """A distribution's name as the constraints spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


distributions = cache(packages_distributions)
BROUGHT_ALONG = {"markupsafe", "pillow"}
"""Parts of what jinja2 and matplotlib offer, under a name of their own."""


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks"])
def test_the_test_command_installs_what_is_imported(folder: str) -> None:
    """What a module imports when it is loaded comes with the package or the extra `test`."""
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    installed = named(project()["dependencies"], extras["test"], extras["serve"]) | BROUGHT_ALONG
    ours = {
        "wattlas",
        "tests",
        "benchmarks",
        "tools",
        *(p.stem for p in (ROOT / folder).rglob("*.py")),
    }
    known = distributions()
    missing = {
        f"{path.relative_to(ROOT)}:{line}: {imported}"
        for path in (ROOT / folder).rglob("*.py")
        for imported, line, on_import in imports(path)
        if on_import
        and (root := imported.split(".")[0]) not in {*ours, *sys.stdlib_module_names}
        and not installed & {distribution(one) for one in known.get(root, [root])}
    }
    assert missing == set()


def test_the_constraints_are_pins_and_nothing_else() -> None:
    """No option, no address, no comment: a name, a version, and where it applies."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    odd = [x for x in lines if not re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; .+)?", x)]
    assert odd == []


def test_ci_runs_what_the_readme_says() -> None:
    """The README's test command is the one that CI runs, word for word."""
    assert TEST_COMMAND in (ROOT / "README.md").read_text(encoding="utf-8")
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_ci_runs_every_check() -> None:
    """Style, format, types and the first command of the README are part of CI."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (
        "ruff check",
        "ruff format --check",
        "mypy --strict",
        "wattlas",
        "benchmarks run killed",
        "benchmarks run soak idle",
        "tools/portable.py",
        "tools/openai_tests.py",
        "litellm==1.109.3",
        "litellm[proxy]",
    ):
        assert command in script
    assert "wattlas study" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_decision_records_are_numbered_once() -> None:
    """No two decision records share a number, and each has a heading."""
    folder, index = "docs/decisions/", "docs/decisions/README.md"
    records = [n for n in tracked() if n.startswith(folder) and n.endswith(".md") and n != index]
    numbers = [Path(n).name[:4] for n in records]
    assert len(set(numbers)) == len(numbers)
    assert all(number.isdigit() for number in numbers)
    headless = [n for n in records if not (ROOT / n).read_text().startswith("# ")]
    assert headless == []


def test_every_test_says_what_is_true() -> None:
    """Each test function has a docstring."""

    silent = []
    for name in tracked():
        if re.fullmatch(r"tests/.*test_[^/]*\.py", name):
            body = ast.parse((ROOT / name).read_text(encoding="utf-8")).body
            inside = [node.body for node in body if isinstance(node, ast.ClassDef)]
            for node in [*body, *chain.from_iterable(inside)]:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    silent += [] if ast.get_docstring(node) else [f"{name}:{node.lineno}"]
    assert silent == []


def test_functions_can_be_read_at_once() -> None:
    """No function of the package has more than 60 lines."""
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node in defined()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []


def test_functions_take_few_arguments() -> None:
    """No function has more than eight arguments, but what is compiled and the verbs' options."""
    many = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node in defined()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not {ast.unparse(name) for name in node.decorator_list}
        & {"kernel", "entry", "_compiled"}
        and not (path.parent.name == "cli" and "command" in node.name)
        and len([a for a in ast.walk(node.args) if isinstance(a, ast.arg) and a.arg != "self"]) > 8
    ]
    assert many == []


def test_a_class_has_a_name_of_its_own() -> None:
    """No two classes of the package share a name."""
    names = [node.name for _, node in defined() if isinstance(node, ast.ClassDef)]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_no_thread_holds_a_process_that_ends() -> None:
    """Each thread that the package starts by itself is a daemon: after an error nobody ends it."""
    texts = {path: path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")}
    started = {
        f"{path.relative_to(ROOT)}:{node.lineno}": {
            k.arg: ast.unparse(k.value) for k in node.keywords
        }
        for path, text in texts.items()
        if " Thread" in text or ".Thread" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Thread", "threading.Thread")
    }
    assert len(started) > 4
    assert [place for place, told in started.items() if told.get("daemon") != "True"] == []
