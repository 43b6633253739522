"""Layouts of traces of requests: one row here is all that the reader knows of a format.

A layout says the unit of its times, or that they are stamps; nothing is guessed from the numbers.
docs/replay.md says where each was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from wattlas.errors import UsageError
from wattlas.model.suggest import did_you_mean

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Unit of a number → seconds."""
STAMP = "stamp"
"""The unit of times that are dates."""
UNITS = (*SECONDS, STAMP)
Prepare = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class TraceLayout:
    """How a trace is laid out. Names are those of its columns; empty: it has none.

    `unit` is one of `UNITS`. `first` and `last` are the times of the first and the last token, as
    a log of a server has them. `tells` are further columns that a file of this layout has, and
    `lacks` such that it has not: with them layouts of like columns are told apart.
    """

    name: str
    time: str
    unit: str
    tokens_in: str
    tokens_out: str
    first: str = ""
    last: str = ""
    klass: str = ""
    metro: str = ""
    contract: str = ""
    """Column of the contract under which a request of a class came; empty for none."""
    place: tuple[str, ...] = ()
    """Columns of where each request was served: a service model is that of one place."""
    trace: str = ""
    """Column that names one of several traces in the file."""
    chat: str = ""
    """Column of a request's id, and `parent` of the one that it follows in the same chat; where
    both are one column it names the chat."""
    parent: str = ""
    calls: str = ""
    """Column of the calls of a session, each with tokens, and with `tool` the time after it."""
    tool: str = ""
    unknown_tokens: bool = False
    """Whether tokens may be missing, of answers that were lost: they count as none."""
    rate: str = ""
    """Requests per second, where the file has rates and no requests; `cv` is how irregular their
    gaps are, `client` whose they are."""
    cv: str = ""
    client: str = ""
    tells: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    prepare: Prepare | None = None
    """What makes rows of a file that has none."""
    source: str = ""

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UsageError(f"--unit: `{self.unit}` is none; wanted one of {', '.join(UNITS)}")

    @property
    def columns(self) -> dict[str, str]:
        """Our name of each column → the file's."""
        tokens = ("tokens_in", "tokens_out", "first", "last")
        ours = ("time", *tokens, "klass", "metro", "contract", "rate", "cv", "client")
        return {name: getattr(self, name) for name in ours if getattr(self, name)}

    @property
    def names(self) -> list[str]:
        """All columns that are read where a file has them."""
        others = (self.trace, self.chat, self.parent, *self.place)
        return list(dict.fromkeys(filter(None, (*self.columns.values(), *others))))

    @property
    def sessions(self) -> dict[str, str]:
        """`columns` of a file that holds sessions alone: the tokens are those of their calls."""
        own = {name: column for name, column in self.columns.items() if "tokens" not in name}
        return {**own, "calls": self.calls} if self.calls else {}

    def fits(self, names: Collection[str]) -> bool:
        """Whether a file with these columns is of this layout."""
        has = set(names)
        wanted = {*self.columns.values(), *self.tells, *([self.trace] if self.trace else [])}
        if self.sessions and set(self.sessions.values()) <= has:
            return True
        return wanted <= has and not set(self.lacks) & has


_DETAILED = ("input_lens", "output_lens", "ttfts", "itls", "start_times")


def _detailed(body: pl.DataFrame) -> pl.DataFrame:
    """vLLM's detailed results hold lists beside each other; times of tokens are sums of gaps."""
    rows = body.select(_DETAILED).explode(_DETAILED)
    first = pl.col("start_times") + pl.col("ttfts")
    return rows.with_columns(
        first.alias("first"), (first + pl.col("itls").list.sum()).alias("last")
    )


LAYOUTS: Mapping[str, TraceLayout] = {
    layout.name: layout
    for layout in (
        TraceLayout(
            "azure", "TIMESTAMP", STAMP, "ContextTokens", "GeneratedTokens",
            source="Azure Public Dataset, LLM inference traces 2023 and 2024",
        ),
        TraceLayout(
            "mooncake", "timestamp", "ms", "input_length", "output_length", lacks=("chat_id",),
            source="Mooncake traces; vLLM's timed traces and AIPerf take the same",
        ),
        TraceLayout(
            "burstgpt", "Timestamp", "s", "Request tokens", "Response tokens", tells=("Model",),
            chat="Session ID", parent="Session ID", source="BurstGPT, with or without sessions",
        ),
        TraceLayout(
            "qwen-bailian", "timestamp", "s", "input_length", "output_length", tells=("chat_id",),
            chat="chat_id", parent="parent_chat_id", source="Qwen-Bailian usage traces",
        ),
        TraceLayout(
            "llmservingsim", "arrival_time_ns", "ns", "input_toks", "output_toks",
            chat="session_id", parent="session_id", calls="sub_requests", tool="tool_duration_ns",
            source="LLMServingSim workloads: requests, sessions of agents, or both",
        ),
        TraceLayout(
            "vllm-log", "queued_ts", "s", "input_toks", "output_toks", "first_token_ts",
            "last_token_ts", source="vLLM request log as LLMServingSim's benchmark writes it",
        ),
        TraceLayout(
            "vllm-detailed", "start_times", "s", "input_lens", "output_lens", "first", "last",
            tells=_DETAILED, prepare=_detailed,
            source="vllm bench serve --save-result --save-detailed",
        ),
        TraceLayout(
            "vidur", "arrived_at", "s", "num_prefill_tokens", "num_decode_tokens", source="Vidur",
        ),
        TraceLayout(
            "gateway", "admitted_us", "us", "tokens_in", "tokens_out", "first_us", "ended_us",
            klass="klass", metro="metro", contract="contract", place=("region", "point"),
            unknown_tokens=True, source="the ledger of Wattlas's own gateway",
        ),
        TraceLayout(
            "servegen", "t_s", "s", "", "", trace="model", rate="rate_rps", cv="interarrival_cv",
            client="client", source="ServeGen: rates of clients and how bursty they are",
        ),
        TraceLayout(
            "servegen-total", "t", "s", "", "", trace="model", rate="rate_rps", lacks=("client",),
            source="ServeGen: the rate of all clients together",
        ),
        TraceLayout(
            "requests", "t_s", "s", "input_tokens", "output_tokens", trace="trace",
            source="a table of several traces with a column `trace`",
        ),
    )
}  # fmt: skip
"""Name → layout."""
MADE = {"vllm-detailed": ("first", "last")}
"""Columns that a layout's `prepare` makes: a file does not have them."""


def layout_of(names: Collection[str], given: str | None, changed: Mapping[str, Any]) -> TraceLayout:
    """The layout of that name, or the one that fits the columns; with the fields of `changed`.

    Raises UsageError for a name that is none, and where no layout fits, or more than one.
    """
    if given is not None:
        if given not in LAYOUTS:
            raise UsageError(f"--layout: there is no `{given}`. {did_you_mean(given, LAYOUTS)}")
        return replace(LAYOUTS[given], **changed)
    if {"time", "unit", "tokens_in", "tokens_out"} <= set(changed):
        return TraceLayout("own", **changed)
    fitting = [x for x in LAYOUTS.values() if _without_made(x).fits(names)]
    if len(fitting) == 1:
        return replace(fitting[0], **changed)
    known = ", ".join(LAYOUTS)
    if fitting:
        several = ", ".join(layout.name for layout in fitting)
        raise UsageError(f"--layout: the trace may be {several}. Name the one it is.")
    raise UsageError(
        f"--layout: no layout fits the columns {', '.join(names)}. Name one of {known}, or say all "
        f"of --time-column, --unit ({', '.join(UNITS)}), --in-column and --out-column."
    )


def _without_made(layout: TraceLayout) -> TraceLayout:
    absent: dict[str, Any] = dict.fromkeys(MADE.get(layout.name, ()), "")
    return replace(layout, **absent)
