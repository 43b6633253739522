"""The tool that runs openai-python's own tests: what it reads there, what it does without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import openai_tests
from tools.openai_tests import FILES, NotHad, named


def written(folder: Path, conftest: str) -> Path:
    """An archive as it would be unpacked, with two models in its tests."""
    for n, name in enumerate(FILES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f'create(model="m{n % 2}", user_model="not this")\n')
    (folder / "tests" / "conftest.py").write_text(conftest)
    return folder


def test_key_and_models_are_those_of_the_tests(tmp_path: Path) -> None:
    """The gateway is configured by what the tests ask for, each model once."""
    source = written(tmp_path, 'base_url = "x"\napi_key = "a key"\nadmin_api_key = "other"\n')
    assert named(source) == ("a key", ["m0", "m1"])
    with pytest.raises(NotHad, match="no key"):
        named(written(tmp_path, 'admin_api_key = "other"\n'))


@pytest.mark.parametrize(("required", "status"), [("0", 0), ("1", 1)])
def test_what_cannot_be_had_is_told(
    required: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without the archive it says so in capitals, and fails where the tests are required."""
    monkeypatch.setattr(openai_tests, "version", lambda name: "0.0.0.nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("WATTLAS_REQUIRE_OPENAI_TESTS", required)
    assert openai_tests.main() == status
    assert capsys.readouterr().out.startswith("NOT RUN: openai-python's own tests cannot be had")
