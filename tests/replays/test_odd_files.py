"""Files of requests as they really come: read right, or refused with the request and the rule."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from wattlas.errors import InputError
from wattlas.replays.arrivals import files as files_module
from wattlas.replays.arrivals.trace import open_trace

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
TWO = AZURE + "2024-05-10 00:00:00+00:00,1,2\n2024-05-10 00:00:01.5+00:00,1,2\n"
ONE = '{"timestamp":0,"input_length":1,"output_length":2}\n'
NEXT = '{"timestamp":1500,"input_length":1,"output_length":2}\n'


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("mark.csv", b"\xef\xbb\xbf" + TWO.encode()),
        ("wide.csv", TWO.encode("utf-16")),
        ("lines.csv", TWO.replace("\n", "\r\n").encode()),
        ("semicolons.csv", TWO.replace(",", ";").encode()),
        ("packed.csv.gz", gzip.compress(TWO.encode(), mtime=0)),
        ("LOUD.CSV.GZ", gzip.compress(TWO.encode(), mtime=0)),
        ("loud.JSONL.Gz", gzip.compress((ONE + NEXT).encode(), mtime=0)),
        ("LOUD.JSONL", (ONE + NEXT).encode()),
        ("with.dots.v1.2.csv", TWO.encode()),
        ("offsets.csv", TWO.replace("00:00:01.5+00:00", "05:30:01.5+05:30").encode()),
        ("zulu.csv", TWO.replace("+00:00", "Z").replace(" ", "T").encode()),
        ("mark.jsonl", b"\xef\xbb\xbf" + (ONE + NEXT).encode()),
        ("empty_lines.jsonl", ("\n" + ONE + "\n \n" + NEXT).encode()),
        ("packed.jsonl.gz", gzip.compress((ONE + NEXT).encode(), mtime=0)),
        ("not_ended.jsonl", (ONE + NEXT.rstrip()).encode()),
    ],
)
def test_ways_to_write_a_file(tmp_path: Path, name: str, body: bytes) -> None:
    """Marks, encodings, separators, offsets, packing: two requests, 1.5 s apart."""
    path = tmp_path / name
    path.write_bytes(body)
    requests = open_trace(path).log()
    np.testing.assert_allclose(requests.t_s, [0.0, 1.5])
    np.testing.assert_array_equal(requests.tokens_out, [2, 2])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.jsonl", "", r"\(file\): is empty"),
        ("a.jsonl", "\n\n", r"\(file\): is empty"),
        ("a.jsonl", ONE + '{"timestamp":5,"inp', "line 2: is no JSON object"),
        ("a.jsonl", ONE + "\n[1, 2]\n", "line 3: is no JSON object"),
        ("a.jsonl", ONE + NEXT.replace("1500", "NaN"), "request 2, timestamp: is `NaN`"),
        ("a.jsonl", ONE + NEXT.replace("1500", "null"), "request 2, timestamp: is empty"),
        ("a.jsonl", ONE + NEXT.replace('"input_length":1,', ""), "input_length: is empty"),
        ("a.json", json.dumps([json.loads(ONE)]), "is not one JSON object"),
        ("a.csv", AZURE + "2024-05-10 00:00:00,1,2\n2024-05-10 00:00:01,1", "Tokens: is empty"),
        ("a.csv", AZURE.replace("\n", ",TIMESTAMP\n"), "`TIMESTAMP` is there twice"),
    ],
)
def test_what_is_no_request(tmp_path: Path, name: str, text: str, words: str) -> None:
    """The line or the request is named, and what is wrong with it."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        list(open_trace(path).batches())


def test_types_that_come_late(tmp_path: Path) -> None:
    """Whole milliseconds, then fractions; no parent, then one: a later type is no mistake."""
    rows: list[dict[str, Any]] = [
        {"timestamp": n, "input_length": 1, "output_length": 2, "chat_id": n,
         "parent_chat_id": None} for n in range(300)
    ]  # fmt: skip
    rows.append({**rows[-1], "timestamp": 299.75, "chat_id": 300, "parent_chat_id": 7, "x": 1})
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    requests = open_trace(path).log()
    assert requests.t_s[-1] == 299.75
    assert requests.chat is not None
    np.testing.assert_array_equal(requests.chat, [*range(300), 7])


def test_dates_where_numbers_are_meant(tmp_path: Path) -> None:
    """A column of dates in a layout of seconds is refused at its first request."""
    path = tmp_path / "a.parquet"
    times = np.array(["2024-05-10T00:00", "2024-05-10T00:01"], dtype="datetime64[us]")
    pl.DataFrame(
        {"arrived_at": times, "num_prefill_tokens": [1, 1], "num_decode_tokens": [1, 1]}
    ).write_parquet(path)
    with pytest.raises(InputError, match=r"request 1, arrived_at: .*wanted a number of s"):
        list(open_trace(path).batches())
    assert open_trace(path, "vidur", changed={"unit": "stamp"}).log().t_s[1] == 60.0


def test_lists_of_unequal_length(tmp_path: Path) -> None:
    """Every list of a result of vLLM has a value per request, or it is told which has not."""
    body = {"input_lens": [1, 2], "output_lens": [1, 2], "ttfts": [0.5], "itls": [[], [0.5]]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**body, "start_times": [0.0, 1.0]}))
    with pytest.raises(InputError, match=r"unequal length: input_lens 2, .*ttfts 1"):
        list(open_trace(path).batches())
    path.write_text(json.dumps({**body, "start_times": 3}))
    with pytest.raises(InputError, match="start_times: is no list"):
        list(open_trace(path).batches())


def test_sessions_name_their_chats(tmp_path: Path) -> None:
    """BurstGPT with sessions: what has one follows the first of it, the rest stands alone."""
    path = tmp_path / "a.csv"
    path.write_text(
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens\n"
        "5,x,1,GPT-4,1,1\n6,,1,GPT-4,1,1\n7,x,1,GPT-4,1,1\n8,,1,GPT-4,1,1\n"
    )
    chat = open_trace(path).log().chat
    assert chat is not None
    np.testing.assert_array_equal(chat, [0, 1, 0, 3])


def _session(at_ns: int, *tools_ns: int, id: str = "s") -> str:
    calls = [{"input_toks": 10 + n, "output_toks": 5, "tool_duration_ns": tool}
             for n, tool in enumerate(tools_ns)]  # fmt: skip
    return json.dumps({"session_id": id, "arrival_time_ns": at_ns, "sub_requests": calls}) + "\n"


def test_calls_of_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call comes after the tools before it, among the requests of other lines, in order of
    time however the file is cut; a session is a chat, and a note says what is left out."""
    s = 10**9
    flat = json.dumps({"arrival_time_ns": 4 * s, "input_toks": 7, "output_toks": 5}) + "\n"
    path = tmp_path / "a.jsonl"
    text = _session(0, 3 * s, 3 * s, 0, id="a") + _session(s, s, 0, id="b") + flat
    path.write_text(text)
    for piece in (1 << 20, 150):
        monkeypatch.setattr(files_module, "PIECE_BYTES", piece)
        opened = open_trace(path)
        assert opened.layout.name == "llmservingsim"
        requests = opened.log()
        np.testing.assert_allclose(requests.t_s, [0, 1, 2, 3, 4, 6])
        np.testing.assert_array_equal(requests.tokens_in, [10, 10, 11, 11, 7, 12])
        assert requests.chat is not None
        np.testing.assert_array_equal(requests.chat, [0, 1, 1, 0, 4, 0])
        assert any("what its answers take is not added" in note for note in opened.notes)
        list(open_trace(path).batches())  # in order of time, as a replay demands
    path.write_text(_session(s, 0, id="a") + _session(s, 0, id="b"))  # at the same moment
    assert sum(len(batch) for batch in open_trace(path).batches()) == 2
    for broken, words in (
        (_session(s, 0) + _session(0, 0), "line 2, arrival_time_ns: is 0, no time, or one before"),
        (_session(0, -s, 0), f"line 1, tool_duration_ns: is -{s:g}"),
    ):
        path.write_text(broken)
        with pytest.raises(InputError, match=words.replace("+", r"\+")):
            list(open_trace(path).batches())
