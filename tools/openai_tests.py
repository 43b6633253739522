"""Run openai-python's own tests against the embedded gateway, with servers of models that are ours.

    python tools/openai_tests.py

The tests are in the source archive of the library, not in what is installed: the archive of the
installed version, and a plugin that the tests need, are downloaded into a temporary folder, where
they are run and removed. Only what creates is run (`-k create`): the gateway keeps no answers that
could be listed or changed. Afterwards the ledger must hold every answer that a client got.

What cannot be downloaded is told loudly; WATTLAS_REQUIRE_OPENAI_TESTS=1 makes it a failure.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tests.serve.live import KEYS, Live, digest  # noqa: E402

FILES = [f"tests/api_resources/{name}" for name in
         ("chat/test_completions.py", "test_completions.py", "test_embeddings.py")]  # fmt: skip
"""The tests of endpoints that the gateway has. Those of `/v1/responses` name no model, or an answer
that a server keeps: the gateway refuses both."""
PLUGIN = "pytest-asyncio"
WAIT_S = 300.0
SHOWN = 8000
"""Characters that are shown of a run that failed."""


class NotHad(Exception):
    """Something cannot be downloaded."""


def downloaded(folder: Path) -> Path:
    """The archive of the installed version, unpacked in a folder; the plugin beside it, in `more`.

    Raises NotHad.
    """
    own = f"openai=={version('openai')}"
    _pip("download", "--no-binary", "openai", "--no-deps", own, "-d", folder)
    _pip("install", "--no-deps", "-c", ROOT / "constraints.txt", "--target", folder / "more",
         PLUGIN)  # fmt: skip
    (archive,) = folder.glob("openai-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    source = folder / archive.name.removesuffix(".tar.gz")
    missing = [name for name in FILES if not (source / name).is_file()]
    if missing:
        raise NotHad(f"{archive.name} has no {', '.join(missing)}")
    return source


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", arguments[0], "-q", *arguments[1:]]
    try:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotHad(f"pip {arguments[0]} took more than {WAIT_S:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise NotHad(f"pip {arguments[0]}: {said[-1]}")


def named(source: Path) -> tuple[str, list[str]]:
    """The key that the tests use, and the models that they ask for."""
    said = (source / "tests" / "conftest.py").read_text(encoding="utf-8")
    key = re.search(r'^api_key = "([^"]+)"', said, re.MULTILINE)
    if key is None:
        raise NotHad("the tests name no key")
    models = {
        name
        for file in FILES
        for name in re.findall(r'\bmodel="([^"]+)"', (source / file).read_text(encoding="utf-8"))
    }
    return key[1], sorted(models)


def carried_out(source: Path, live: Live) -> tuple[bool, str]:
    """Whether all tests passed and all answers are in the ledger, and what there is to say."""
    key, models = named(source)
    tenants = {"acme": {"keys_sha256": [digest(key), digest(KEYS["acme"])], "contract": "green"}}
    live.start(models={name: {"class": "chat"} for name in models}, tenants=tenants)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    environment["TEST_API_BASE_URL"] = f"{live.url}/v1"
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (source.parent / "more", source)))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider",
               "-k", "create", *FILES]  # fmt: skip
    done = subprocess.run(
        command, cwd=source, env=environment, text=True, timeout=WAIT_S, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        return False, f"FAILED\n{done.stdout[-SHOWN:]}"
    summary = done.stdout.strip().splitlines()[-1]
    ended = [row.end for row in live.settled()]
    answered = sum(len(stub.asked) for stub in live.stubs.values())
    passed = re.search(r"(\d+) passed", summary)
    good = passed is not None and ended == ["whole"] * answered and answered >= int(passed[1])
    return good, f"{summary}; {len(ended)} rows of {answered} answers"


def main() -> int:
    """Download and run; 0 where all passed, or nothing could be had and nobody requires it."""
    with tempfile.TemporaryDirectory(prefix="wattlas-openai-") as name:
        try:
            source = downloaded(Path(name))
        except NotHad as error:
            print(f"NOT RUN: openai-python's own tests cannot be had ({error}). "
                  "WATTLAS_REQUIRE_OPENAI_TESTS=1 minds that.")  # fmt: skip
            return int(os.environ.get("WATTLAS_REQUIRE_OPENAI_TESTS") == "1")
        served = Path(name, "served")
        served.mkdir()
        live = Live(served)
        try:
            good, said = carried_out(source, live)
            live.stop()
        finally:
            live.end()
    print(f"openai {version('openai')}, its own tests: {said}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
