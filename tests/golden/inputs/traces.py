"""Traces of requests, odd and broken ones, and files of service models."""

from __future__ import annotations

import gzip
import json
from typing import Any

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


VIDUR = "arrived_at,num_prefill_tokens,num_decode_tokens\n"


LOG = "admitted_us,ended_us,metro,klass,contract,region,point,tokens_in,tokens_out,first_us\n"


BURST = "Timestamp,Session ID,Request tokens,Response tokens,Model\n"


RATES = "t_s,model,client,rate_rps,interarrival_cv\n"


REQUESTS = "trace,t_s,input_tokens,output_tokens\n"


def _lines(*rows: dict[str, Any] | str) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def _call(i: int, o: int, tool: float | None) -> dict[str, Any]:
    return {"input_toks": i, "output_toks": o, "tool_duration_ns": tool}


Q = {"chat_id": 1, "parent_chat_id": -1, "timestamp": 1.0, "input_length": 10, "output_length": 2}


S = {
    "arrival_time_ns": 1e9,
    "session_id": "s",
    "sub_requests": [_call(5, 6, 2e9), _call(7, 8, None), _call(9, 1, 1e9)],
}


FILES: dict[str, tuple[str, str | bytes, dict[str, Any]]] = {
    "stamps": (
        "csv",
        AZURE + "2023-11-16 18:15:46.68,374,44\n2023-11-16T18:15:50.99,396,109\n",
        {},
    ),
    "stamps with zones": (
        "csv",
        AZURE + "2023-11-16 18:15:46+01:00,3,4\n2023-11-16 17:15:50Z,3,1\n",
        {},
    ),
    "stamps mixed": ("csv", AZURE + "2023-11-16 18:15:46+01:00,3,4\n2023-11-16 18:15:50,3,1\n", {}),
    "stamps odd": ("csv", AZURE + "2023-11-16 18:15:46,3,4\nsoon,3,1\n", {}),
    "stamps empty": ("csv", AZURE + "2023-11-16 18:15:46,3,4\n,3,1\n", {}),
    "numbers": ("csv", VIDUR + "5,3,4\n6.5,0,2\n6.5,4,0\n9,1,1\n", {}),
    "number odd": ("csv", VIDUR + "5,3,4\nx,3,1\n", {}),
    "number endless": ("csv", VIDUR + "5,3,4\ninf,3,1\n", {}),
    "backwards": ("csv", VIDUR + "5,3,4\n4.25,3,1\n", {}),
    "far apart": ("csv", VIDUR + "5,3,4\n3e6,3,1\n", {}),
    "tokens odd": ("csv", VIDUR + "5,3.5,4\n", {}),
    "tokens less": ("csv", VIDUR + "5,-3,4\n", {}),
    "tokens empty": ("csv", VIDUR + "5,3,\n", {}),
    "tokens of text": ("csv", VIDUR + "5,a,4\n", {}),
    "no row": ("csv", VIDUR, {}),
    "other unit": (
        "csv",
        VIDUR + "5000,3,4\n6500,3,1\n",
        {"layout": "vidur", "changed": {"unit": "ms"}},
    ),
    "odd unit": ("csv", VIDUR + "5,3,4\n", {"layout": "vidur", "changed": {"unit": "h"}}),
    "own": (
        "csv",
        "when,in,out\n5,3,4\n",
        {"changed": {"time": "when", "unit": "s", "tokens_in": "in", "tokens_out": "out"}},
    ),
    "own without": ("csv", "when,in,out\n5,3,4\n", {}),
    "own misnamed": ("csv", "when,in,out\n5,3,4\n", {"layout": "vidur"}),
    "named wrong": ("csv", VIDUR + "5,3,4\n", {"layout": "vidr"}),
    "two layouts": (
        "csv",
        "arrived_at,num_prefill_tokens,num_decode_tokens,TIMESTAMP,ContextTokens,"
        "GeneratedTokens\n1,2,3,4,5,6\n",
        {},
    ),
    "packed": ("csv.gz", gzip.compress((VIDUR + "5,3,4\n").encode(), mtime=0), {}),
    "packed lines": ("jsonl.gz", gzip.compress(_lines({**Q}).encode(), mtime=0), {}),
    "lines": (
        "jsonl",
        "\ufeff"
        + _lines(
            Q,
            {**Q, "chat_id": 2, "parent_chat_id": 1, "timestamp": 2.5},
            "",
            {**Q, "chat_id": 3, "timestamp": 3},
            {**Q, "chat_id": 4, "parent_chat_id": 2, "timestamp": 4},
        ),
        {},
    ),
    "lines odd": ("jsonl", _lines(Q, "[1]"), {}),
    "lines cut": ("jsonl", _lines(Q, '{"chat_id": '), {}),
    "lines of nothing": ("jsonl", "\n\n", {}),
    "lines of text": ("jsonl", _lines({**Q, "timestamp": "NaN"}, {**Q, "input_length": [1]}), {}),
    "sessions": (
        "jsonl",
        _lines(
            S,
            {"arrival_time_ns": 1.5e9, "input_toks": 3, "output_toks": 4, "session_id": "t"},
            {**S, "arrival_time_ns": 2e9, "session_id": "u"},
        ),
        {},
    ),
    "sessions backwards": ("jsonl", _lines(S, {**S, "arrival_time_ns": 5e8}), {}),
    "sessions of tools backwards": (
        "jsonl",
        _lines({**S, "sub_requests": [_call(1, 1, -5.0)]}),
        {},
    ),
    "chats": (
        "csv",
        BURST + "5,a,3,4,G\n6,b,3,4,G\n7,a,5,6,G\n8,,5,6,G\n9,-1,5,6,G\n10,b,5,6,G\n",
        {},
    ),
    "log": (
        "csv",
        LOG + "2000000,3500000,oslo,a,,north,big,30,4,2500000\n"
        "1000000,,delhi,b,green,north,tiny,,,\n"
        "2500000,2600000,delhi,b,green,south,tiny,7,2,\n",
        {"place": "north/big"},
    ),
    "log of all": (
        "csv",
        LOG + "1000000,1500000,oslo,a,,north,big,30,4,1200000\n"
        "2000000,2500000,oslo,b,green,north,big,30,4,2200000\n",
        {},
    ),
    "log of nowhere": (
        "csv",
        LOG + "1000000,1500000,oslo,a,,north,big,30,4,1200000\n",
        {"place": "west/big"},
    ),
    "several": ("csv", REQUESTS + "x,1,2,3\ny,2,2,3\nx,4,5,6\n", {"only": "x"}),
    "several unnamed": ("csv", REQUESTS + "x,1,2,3\ny,2,2,3\n", {}),
    "several misnamed": ("csv", REQUESTS + "x,1,2,3\n", {"only": "z"}),
    "rates": (
        "csv",
        RATES + "0,m,c1,0.5,2\n0,m,c2,0.25,\n60,m,c1,0,1\n60,m,c2,0.5,0.001\n120,m,c1,0.1,1\n",
        {},
    ),
    "rates less": ("csv", RATES + "0,m,c,1,1\n60,m,c,-1,1\n", {}),
    "rates of one window": ("csv", RATES + "0,m,c,1,1\n", {}),
    "rates in all": ("csv", "t,model,rate_rps\n0,m,0.5\n30,m,1\n60,m,0\n", {}),
    "rates of none": ("csv", RATES + "0,m,c,1,1\n60,m,c,1,1\n", {"only": "n"}),
    "no json": ("json", "{", {}),
    "a list": ("json", "[1]", {}),
    "lists uneven": (
        "json",
        json.dumps(
            {
                "input_lens": [1, 2],
                "output_lens": [1],
                "ttfts": [0.1],
                "itls": [[]],
                "start_times": 3,
            }
        ),
        {"layout": "vllm-detailed"},
    ),
    "odd database": ("sqlite", b"SQLite format 3\x00 and no more", {}),
    "text": ("csv", "", {}),
    "binary": ("parquet", b"PAR1", {}),
}


SERVICES: dict[str, Any] = {
    "sound": {
        "big": {
            "step_s": 0.02,
            "token_s": 1e-4,
            "batch": 8,
            "power": {"running": [0, 8], "power_w": [100, 900], "source": "us"},
        },
        "tiny": {"step_s": 0.01, "source": "log"},
    },
    "wrong": {
        "big": {"step": 0.02, "power": {"running": [0]}},
        "tiny": 3,
        "x": {"step_s": -1, "batch": 0.5},
        "y": {"step_s": 0.1, "power": {"running": ["a"], "power_w": [1]}},
        "z": {"step_s": 0.1, "power": {"running": [3, 1], "power_w": [1, 2]}},
    },
    "list": [1],
}
