"""Plain data as YAML that every parser reads alike.

Gateways read YAML 1.1 and 1.2, which take a bare `NO`, `on` or `1e6` for different things: here
every text is in double quotes, and keys are where they need it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def yaml_text(documents: Sequence[Mapping[str, Any]], comments: Sequence[str] = ()) -> str:
    """Documents one after the other, below comments."""
    head = [f"# {line}" for comment in comments for line in comment.splitlines()]
    texts = ["\n".join(_lines(document)) for document in documents]
    return "\n".join([*head, "\n---\n".join(texts)]) + "\n"


def _lines(value: Any) -> Iterator[str]:
    """The lines of a mapping or a sequence, not indented."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{_key(str(key))}:", item)
    else:
        for item in value:
            if isinstance(item, Mapping | list | tuple) and item:
                first, *rest = _lines(item)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
            else:
                yield f"- {_scalar(item)}"


def _entry(head: str, item: Any) -> Iterator[str]:
    if isinstance(item, Mapping | list | tuple) and item:
        yield head
        yield from (f"  {line}" for line in _lines(item))
    else:
        yield f"{head} {_scalar(item)}"


def _key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS
    return key if plain else json.dumps(key, ensure_ascii=False)


def _scalar(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
