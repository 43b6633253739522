"""Traces: every layout end to end; what breaks a rule is refused with the request and the rule."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattlas.errors import InputError, UsageError
from wattlas.replays.arrivals import files as files_module
from wattlas.replays.arrivals.layouts import LAYOUTS, TraceLayout, layout_of
from wattlas.replays.arrivals.trace import open_trace

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2225670,879,55
"""
LINE = {"timestamp": 0, "input_length": 10, "output_length": 2, "hash_ids": [1]}


def _lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _samples(folder: Path) -> dict[str, Path]:
    """A file of three requests, 0, 1.5 and 4 s after the first, in each layout as published."""
    made = {}

    def table(name: str, head: str, times: list[str], rest: str = "") -> None:
        rows = [f"{t},{n}0,{n}{rest}" for n, t in enumerate(times, 1)]
        made[name] = folder / f"{name}.csv"
        made[name].write_text("\n".join([head, *rows]) + "\n")

    def lines(name: str, rows: list[dict[str, object]]) -> None:
        made[name] = _lines(folder / f"{name}.jsonl", rows)

    stamps = ["2024-05-10 00:00:00.000000+00:00", "2024-05-10 00:00:01.500000+00:00",
              "2024-05-10 00:00:04.000000+00:00"]  # fmt: skip
    table("azure", "TIMESTAMP,ContextTokens,GeneratedTokens", stamps)
    lengths = [{"input_length": 10 * n, "output_length": n} for n in (1, 2, 3)]
    seconds = [0.0, 1.5, 4.0]
    lines("mooncake", [{"timestamp": int(1e3 * t), **x, "hash_ids": []}
                       for t, x in zip(seconds, lengths, strict=True)])  # fmt: skip
    lines("qwen-bailian", [{"chat_id": 1, "parent_chat_id": -1, "timestamp": 7 + t, **x, "turn": 1}
                           for t, x in zip(seconds, lengths, strict=True)])  # fmt: skip
    burst = "Timestamp,Request tokens,Response tokens,Model,Log Type"
    table("burstgpt", burst, ["5", "6.5", "9"], ",GPT-4,API log")
    table("vidur", "arrived_at,num_prefill_tokens,num_decode_tokens", ["0", "1.5", "4"])
    tokens = [{"input_toks": 10 * n, "output_toks": n} for n in (1, 2, 3)]
    lines("llmservingsim", [{"arrival_time_ns": int(1e9 * t), **x}
                            for t, x in zip(seconds, tokens, strict=True)])  # fmt: skip
    lines("vllm-log", [
        {"queued_ts": 50 + t, **x, "first_token_ts": 50.5 + t, "last_token_ts": 51 + t}
        for t, x in zip(seconds, tokens, strict=True)
    ])  # fmt: skip
    made["vllm-detailed"] = folder / "vllm-detailed.json"
    made["vllm-detailed"].write_text(json.dumps({
        "completed": 3, "input_lens": [10, 20, 30], "output_lens": [1, 2, 3],
        "start_times": [9.0, 10.5, 13.0], "ttfts": [0.5, 0.5, 0.5],
        "itls": [[], [0.5], [0.25, 0.25]], "errors": ["", "", ""],
    }))  # fmt: skip
    made["gateway"] = folder / "gateway.csv"  # of PostgreSQL; tests/serve reads a ledger in SQLite
    moments = 1_767_225_600_000_000 + (1e6 * np.array(seconds)).astype(int)
    pl.DataFrame({
        "admitted_us": moments, "ended_us": moments + 1_000_000, "metro": ["oslo"] * 3,
        "klass": ["A"] * 3, "contract": [""] * 3, "region": ["r"] * 3, "point": ["large"] * 3,
        "tokens_in": [10, 20, 30], "tokens_out": [1, 2, 3], "first_us": moments + 500_000,
    }).write_csv(made["gateway"])  # fmt: skip
    made["requests"] = folder / "requests.parquet"
    pl.DataFrame({"trace": ["x"] * 3, "t_s": seconds, "input_tokens": [10, 20, 30],
                  "output_tokens": [1, 2, 3]}).write_parquet(made["requests"])  # fmt: skip
    return made


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if not layout.rate])
def test_every_layout_is_read_alike(tmp_path: Path, name: str) -> None:
    """The layout is known from the columns, and the unit of time from the layout."""
    opened = open_trace(_samples(tmp_path)[name])
    assert opened.layout.name == name
    requests = opened.log()
    np.testing.assert_allclose(requests.t_s, [0.0, 1.5, 4.0])
    np.testing.assert_array_equal(requests.tokens_in, [10, 20, 30])
    np.testing.assert_array_equal(requests.tokens_out, [1, 2, 3])
    np.testing.assert_array_equal(requests.row, [0, 1, 2])
    if opened.layout.first:
        assert requests.first_s is not None
        np.testing.assert_allclose(requests.first_s, requests.t_s + 0.5)


def test_rows_in_any_order_are_the_requests_in_order_of_time(tmp_path: Path) -> None:
    """A log is in order of time, from its first request on, whatever the order of its rows."""
    rows = [(10.0, 0.5, [0.5], 7), (11.5, 0.25, [7.0, 0.25], 8), (13.0, 0.25, [0.75], 9)]
    for order in permutations(rows):
        start, first, gaps, tokens_in = zip(*order, strict=True)
        path = tmp_path / "log.json"
        path.write_text(json.dumps({
            "completed": 3, "input_lens": tokens_in, "output_lens": [1 + len(g) for g in gaps],
            "start_times": start, "ttfts": first, "itls": gaps, "errors": ["", "", ""],
        }))  # fmt: skip
        requests = open_trace(path).log()
        assert requests.first_s is not None
        assert requests.last_s is not None
        np.testing.assert_allclose(requests.t_s, [0.0, 1.5, 3.0])
        np.testing.assert_allclose(requests.first_s, [0.5, 1.75, 3.25])
        np.testing.assert_allclose(requests.last_s, [1.0, 9.0, 4.0])
        np.testing.assert_array_equal(requests.tokens_in, [7, 8, 9])
        np.testing.assert_array_equal(requests.tokens_out, [2, 3, 2])
        np.testing.assert_array_equal(requests.row, [order.index(row) for row in rows])


def test_real_heads(shared: Path) -> None:
    """The traces that people download, as they are."""
    data = shared / "data"
    azure = open_trace(data / "traces_native" / "azure_llm_2023_conv_head.csv").log()
    assert (len(azure), azure.tokens_in[0], azure.tokens_out[1]) == (2000, 374, 109)
    assert azure.t_s[1] == pytest.approx(4.314579)
    mooncake = open_trace(data / "traces_native" / "mooncake_conversation_head.jsonl").log()
    assert (len(mooncake), mooncake.t_s[-1]) == (500, 165.0)
    several = data / "llm_requests.parquet"
    assert len(open_trace(several, only="azure2023_code").log()) == 8819
    with pytest.raises(UsageError, match=r"the file holds azure2023_code, .*Name one"):
        open_trace(several).log()


def test_batches_join_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a file is cut, the requests and their rows are the same."""
    rows = [{**LINE, "timestamp": 7 * n, "output_length": 1 + n % 3} for n in range(1000)]
    path = _lines(tmp_path / "a.jsonl", rows)
    whole = open_trace(path).log()
    monkeypatch.setattr(files_module, "PIECE_BYTES", 1000)
    parts = list(open_trace(path).batches())
    assert len(parts) > 10
    np.testing.assert_array_equal(np.concatenate([p.row for p in parts]), whole.row)
    np.testing.assert_allclose(np.concatenate([p.t_s for p in parts]), whole.t_s)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("2023-11-16 18:15:42.0,9", r"TIMESTAMP: comes 4.6\d* s before the request above"),
        ("2023-11-16 18:15:50.0,-3", "ContextTokens: is -3, wanted a whole number"),
        ("2023-11-16 18:15:50.0,3.5", "ContextTokens: is 3.5, wanted a whole number"),
        ("2023-11-16 18:15:50.0+01:00,3", r"TIMESTAMP: is `.*\+01:00`.*mixed units"),
        ("50.5,3", "TIMESTAMP: is `50.5`, wanted a date with its time.*mixed units"),
    ],
)
def test_rows_that_break_a_rule(tmp_path: Path, second: str, words: str) -> None:
    """The request is named, and the rule."""
    path = tmp_path / "a.csv"
    path.write_text(AZURE.replace("2023-11-16 18:15:50.9951690,396", second))
    with pytest.raises(InputError, match=f"request 2, {words}"):
        list(open_trace(path).batches())


def test_units_that_change_on_the_way(tmp_path: Path) -> None:
    """Seconds since 1970 and then milliseconds: a gap of centuries is no pause."""
    path = tmp_path / "a.csv"
    path.write_text(
        "arrived_at,num_prefill_tokens,num_decode_tokens\n1700000000,1,1\n1700000001000,1,1\n"
    )
    with pytest.raises(InputError, match=r"request 2, arrived_at: .*mixed units"):
        list(open_trace(path).batches())


def test_units_that_nobody_said(tmp_path: Path) -> None:
    """A file of no known layout is asked for its unit, never guessed."""
    path = tmp_path / "own.csv"
    path.write_text("when,prompt,answer\n0,5,5\n1500,5,5\n")
    with pytest.raises(UsageError, match="say all of --time-column, --unit"):
        open_trace(path)
    named = {"time": "when", "tokens_in": "prompt", "tokens_out": "answer"}
    with pytest.raises(UsageError, match="no layout fits"):
        open_trace(path, changed=named)
    for unit, second in {"s": 0, "ms": 3, "us": 6, "ns": 9}.items():
        requests = open_trace(path, changed={**named, "unit": unit}).log()
        np.testing.assert_allclose(requests.t_s, [0.0, 1500 / 10**second], rtol=1e-12)
    with pytest.raises(UsageError, match="`minutes` is none"):
        TraceLayout("x", "t", "minutes", "a", "b")


def test_files_that_are_none(tmp_path: Path) -> None:
    """A missing file, an empty one, a wrong layout: in words."""
    with pytest.raises(InputError, match="there is no such file"):
        open_trace(tmp_path / "none.csv")
    path = tmp_path / "a.csv"
    path.write_text(AZURE)
    with pytest.raises(InputError, match="no such column"):
        open_trace(path, "vidur")
    with pytest.raises(UsageError, match="there is no `azur`"):
        open_trace(path, "azur")
    path.write_text(AZURE.splitlines()[0] + "\n")
    with pytest.raises(InputError, match="holds no request"):
        open_trace(path).log()


def test_requests_without_answer_are_told(tmp_path: Path) -> None:
    """Failed requests are left out, empty prompts count as a token, and both are said."""
    path = _lines(
        tmp_path / "a.jsonl", [LINE, {**LINE, "output_length": 0}, {**LINE, "input_length": 0}]
    )
    opened = open_trace(path)
    parts = list(opened.batches())
    np.testing.assert_array_equal(parts[0].row, [0, 2])
    np.testing.assert_array_equal(parts[0].tokens_in, [10, 1])
    assert len(opened.notes) == 2


def test_a_layout_that_is_found_takes_what_is_said(tmp_path: Path) -> None:
    """As one that is named does: a column that it does not know of, or another unit."""
    names = ["arrived_at", "num_prefill_tokens", "num_decode_tokens", "city"]
    for given in (None, "vidur"):
        layout = layout_of(names, given, {"metro": "city"})
        assert (layout.name, layout.metro) == ("vidur", "city")
