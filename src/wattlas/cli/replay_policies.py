"""`wattlas replay policies`: which policies there are."""

from __future__ import annotations

from wattlas.cli.common import print_json
from wattlas.cli.options import JsonOption
from wattlas.cli.tables import show


def command(as_json: JsonOption = False) -> None:
    """List the policies that `--policy` knows, with their options.

    Those of other distributions are among them; a class of yours is ./file.py:Class.
    """
    from wattlas.model.table import Listing, columns
    from wattlas.policy.registry import listed

    rows = listed()
    if as_json:
        print_json({"policies": rows})
        return
    heads = columns("policy:text does:text options:text")
    table = {head.name: [row[head.name] for row in rows] for head in heads}
    show(Listing("Policies", heads, table))
