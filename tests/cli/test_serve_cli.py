"""`wattlas serve` and `export envoy`: what they refuse before anything is opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.serve.live import configuration, schedule
from wattlas.cli import run

URLS = {"oslo": "http://127.0.0.1:9", "austin": "http://127.0.0.1:9"}


def written(folder: Path, plan: Any = None, **changes: Any) -> str:
    """A configuration and its schedule."""
    (folder / "schedule.json").write_text(json.dumps(plan or schedule()))
    path = folder / "serve.yaml"
    path.write_text(json.dumps(configuration(URLS, **changes)))
    return str(path)


def test_check_says_that_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And makes no ledger."""
    assert run(["serve", written(tmp_path), "--check"]) == 0
    assert "no problem was found" in capsys.readouterr().out
    assert not (tmp_path / "ledger.sqlite").exists()


def test_check_names_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file and line, of the configuration or of the schedule."""
    path = written(tmp_path, contracts={"green": {"share_max": 2}}, gateway={"listen": "x"})
    assert run(["serve", path, "--check"]) == 3
    said = capsys.readouterr().err
    assert "contracts.green.share_max" in said
    assert "gateway.listen" in said
    assert "serve.yaml:1" in said
    assert run(["serve", written(tmp_path, schedule(hours=[])), "--check"]) == 3
    assert "schedule.json" in capsys.readouterr().err
    assert run(["serve", str(tmp_path / "none.yaml")]) == 3


@pytest.mark.parametrize("told", [[], ["x.yaml", "--demo"], ["x.yaml", "--page", "127.0.0.1:0"]])
def test_a_file_or_the_demo(told: list[str]) -> None:
    """Not both, and not neither."""
    assert run(["serve", *told]) == 2


def test_envoy_needs_decisions_and_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is said with its fix; a token is written only where it is given."""
    assert run(["export", "envoy", written(tmp_path)]) == 2
    assert "--token-file" in capsys.readouterr().err
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    told = ["--token-file", str(token)]
    assert run(["export", "envoy", written(tmp_path), *told]) == 2
    assert "access_log" in capsys.readouterr().err
    path = written(tmp_path, access_log="access.log")
    assert run(["export", "envoy", path, *told, "--listen", "nowhere"]) == 2
    assert run(["export", "envoy", path, *told, "--out", str(tmp_path / "envoy.json")]) == 0
    made = json.loads((tmp_path / "envoy.json").read_text())
    assert "secret-token" in json.dumps(made)
    # While the service is away requests are let through, in full.
    assert '"failure_mode_allow": true' in json.dumps(made)
    assert (tmp_path / "envoy.json").stat().st_mode & 0o077 == 0
    assert [c["name"] for c in made["static_resources"]["clusters"]] == [
        "austin/large", "oslo/large", "oslo/small", "wattlas-decisions",
    ]  # fmt: skip


def test_nginx_has_each_limit_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time for a head, that for a body, and the largest body, each at its own directive."""
    limits = {"header_s": 3.0, "body_s": 7.25, "body_bytes": 54_321}
    said = written(
        tmp_path, access_log="access.log", limits={**configuration(URLS)["limits"], **limits}
    )
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    assert run(["export", "nginx", said, "--token-file", str(token)]) == 0
    lines = {line.strip() for line in capsys.readouterr().out.splitlines()}
    assert "client_header_timeout 3000ms;" in lines
    assert "client_body_timeout 7250ms;" in lines
    assert "client_max_body_size 54321;" in lines
