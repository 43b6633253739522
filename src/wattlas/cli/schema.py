"""`wattlas schema`: the JSON Schema that editors complete and check `scenario.yaml` with."""

from __future__ import annotations


def command() -> None:
    """Print the JSON Schema of scenario.yaml.

    Editors find it through the first line of a file: # yaml-language-server: $schema=PATH
    """
    from importlib.resources import files

    from wattlas.cli.common import put_json

    put_json((files("wattlas.data") / "scenario.schema.json").read_text(encoding="utf-8"))
