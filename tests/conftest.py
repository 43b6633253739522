"""What every test may ask for, and a summary that does not let a skipped test pass quietly."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import fleets
from tests.examples import PROFILE
from tests.studied import CLASSES, SMALLEST, Studied, studied

ROOT = Path(__file__).resolve().parent.parent

# Bytecode is kept whatever the shell says: hundreds of processes would compile all sources again,
# and every worker would rewrite the assertions of all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that starts the suite in the background has it, and what it starts, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Garbage in circles is looked for once in fifty thousand new objects, not in seven hundred: that
# took one part in twenty-five of all time. `pytest_collection_finish` and `garbage` do the rest.
gc.set_threshold(50_000, 20, 20)

# A test that carries one of these may be skipped where its part is missing, unless the variable
# says that the part is required: then skipping is failing.
OPTIONAL = {
    "shared": "WATTLAS_REQUIRE_SHARED",
    "browser": "WATTLAS_REQUIRE_BROWSER",
    "train": "WATTLAS_REQUIRE_TRAIN",
    "gateways": "WATTLAS_REQUIRE_GATEWAYS",
    "postgres": "WATTLAS_REQUIRE_POSTGRES",
    "acceptance": "WATTLAS_REQUIRE_ACCEPTANCE",
    "nginx": "WATTLAS_REQUIRE_NGINX",
    "traefik": "WATTLAS_REQUIRE_TRAEFIK",
    "litellm_before": "WATTLAS_REQUIRE_LITELLM_BEFORE",
    "litellm_proxy": "WATTLAS_REQUIRE_LITELLM_PROXY",
}

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("ci"))
settings.register_profile(
    "search", settings.get_profile("ci"), derandomize=False, max_examples=1000
)
settings.load_profile(PROFILE)


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than cores, since browsers and servers are waited for."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 2


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def garbage() -> Iterator[None]:
    """What was left open in a circle fails the last test of a worker, if none before."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real signals and traces: `WATTLAS_SHARED`, or `../shared` beside the root."""
    given = os.environ.get("WATTLAS_SHARED")
    folder = Path(given) if given else ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data: {folder / 'data'} is not a folder (WATTLAS_SHARED names it)")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def made(run_folder: Path) -> Studied:
    """The study of the tiny example with four classes, of which two are worth a tier."""
    return studied(run_folder, "four-classes", CLASSES)


@pytest.fixture(scope="session")
def smallest(run_folder: Path) -> Studied:
    """The same of one region, one metro and one hour."""
    return studied(run_folder, "smallest", (*CLASSES, *SMALLEST))


@pytest.fixture(scope="session", params=fleets.NAMES)
def fleet(request: pytest.FixtureRequest, run_folder: Path) -> fleets.StudiedFleet:
    """Each of the regression fleets with its study."""
    return fleets.studied(request.param, run_folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that uses the `shared` fixture carries the marker without being told."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")


def pytest_collection_finish() -> None:
    """What thousands of tests consist of stays: no search for garbage walks over it again."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skipping is failing where the missing part is required."""
    report = yield
    for marker, variable in OPTIONAL.items():
        required = os.environ.get(variable) == "1" and item.get_closest_marker(marker)
        if report.skipped and required and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"{variable}=1, but the test was skipped: {call.excinfo}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests did not run for want of data, a browser, or gateways."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = Counter(m for report in skipped for m in OPTIONAL if m in report.keywords)
    for marker, number in sorted(count.items()):
        terminalreporter.write_line(
            f"NOT RUN: {number} `{marker}` test(s) were skipped. {OPTIONAL[marker]}=1 makes that "
            "a failure.",
            yellow=True,
            bold=True,
        )
