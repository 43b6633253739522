"""What servers of models answer on the endpoints with events of their own, invented for the tests.

`whole` and `streamed` give an answer to what was asked, by the path that it was asked at.
"""

from __future__ import annotations

import json
from typing import Any

WORDS = [f"wörd{n} " for n in range(5)]
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"


def named(kind: str, **said: Any) -> bytes:
    """An event with its name."""
    text = json.dumps({"type": kind, **said}, ensure_ascii=False)
    return f"event: {kind}\ndata: {text}\n\n".encode()


def response(model: str, text: str = "pong ✓", **changes: Any) -> dict[str, Any]:
    """An answer of `/v1/responses`."""
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [part]}  # fmt: skip
    usage = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 150,
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
        "model": model, "output": [item], "usage": usage, "error": None, "tools": [],
        "incomplete_details": None, "instructions": None, "metadata": {}, "tool_choice": "auto",
        "parallel_tool_calls": True, "service_tier": "auto", **changes,
    }  # fmt: skip


def response_events(model: str) -> list[bytes]:
    """A stream of `/v1/responses`: four events before the first word."""
    began = response(model, output=[], usage=None, status="in_progress")
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress",
            "content": []}  # fmt: skip
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    whole = response(model, "".join(WORDS))
    part = {"type": "output_text", "text": "", "annotations": []}
    full = {**part, "text": "".join(WORDS)}
    stages = [
        ("response.created", {"response": began}),
        ("response.in_progress", {"response": began}),
        ("response.output_item.added", {"output_index": 0, "item": item}),
        ("response.content_part.added", {**at, "part": part}),
        *[("response.output_text.delta", {**at, "delta": w, "logprobs": []}) for w in WORDS],
        ("response.output_text.done", {**at, "text": "".join(WORDS), "logprobs": []}),
        ("response.content_part.done", {**at, "part": full}),
        ("response.output_item.done", {"output_index": 0, "item": whole["output"][0]}),
        ("response.completed", {"response": whole}),
    ]
    return [named(kind, sequence_number=n, **said) for n, (kind, said) in enumerate(stages)]


def message(model: str, text: str = "pong ✓", **changes: Any) -> dict[str, Any]:
    """An answer of `/v1/messages`: of 100 tokens read, 90 are new."""
    usage = {"input_tokens": 90, "cache_read_input_tokens": 10, "output_tokens": 50,
             "service_tier": "standard"}  # fmt: skip
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
        "stop_sequence": None, "usage": usage, **changes,
    }  # fmt: skip


def message_events(model: str) -> list[bytes]:
    """A stream of `/v1/messages`: three events before the first word."""
    usage = {"input_tokens": 90, "cache_read_input_tokens": 10, "output_tokens": 1}
    began = message(model, content=[], stop_reason=None, usage=usage)
    words = [{"type": "text_delta", "text": word} for word in WORDS]
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        named("message_start", message=began),
        named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        named("ping"),
        *[named("content_block_delta", index=0, delta=delta) for delta in words],
        named("content_block_stop", index=0),
        named("message_delta", delta=end, usage={"output_tokens": 50}),
        named("message_stop"),
    ]


def whole(path: str, model: str) -> dict[str, Any] | None:
    """The answer of a path; None for those that are not ours."""
    if path == RESPONSES:
        return response(model)
    return message(model) if path == MESSAGES else None


def streamed(path: str, model: str) -> list[bytes] | None:
    """The events of a path; None for those that are not ours."""
    if path == RESPONSES:
        return response_events(model)
    return message_events(model) if path == MESSAGES else None
