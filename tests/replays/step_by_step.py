"""The service model without any shortcut: one engine step after another, in lists."""

from __future__ import annotations

from collections import deque

import numpy as np

from wattlas.replays.service.model import ServiceModel


class Engine:
    """One replica. `running` is in the order of admission; times in seconds."""

    def __init__(self, model: ServiceModel) -> None:
        self.model, self.now, self.energy_j = model, 0.0, 0.0
        self.running: list[int] = []
        self.waiting: deque[int] = deque()
        self.left: dict[int, int] = {}
        self.held: dict[int, int] = {}


def step_by_step(
    model: ServiceModel, arrival_s: np.ndarray, tokens_in: np.ndarray, tokens_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(first token, last token, preemptions, energy in J) of requests at one replica."""
    count, engine = len(arrival_s), Engine(model)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    done, sent_back = np.zeros(count, int), np.zeros(count, int)
    power_w = model.power.at(model.batch)
    came = 0
    while came < count or engine.waiting or engine.running:
        if not engine.running and not engine.waiting:
            later = max(engine.now, float(arrival_s[came]))
            engine.energy_j += power_w[0] * (later - engine.now)
            engine.now = later
        while came < count and arrival_s[came] <= engine.now:
            engine.waiting.append(came)
            came += 1
        full = _preempt(engine, sent_back)
        while engine.waiting and len(engine.running) < model.batch and not full:
            request = engine.waiting[0]
            if engine.running and not _fits(engine, request, tokens_in, tokens_out, done):
                break
            engine.waiting.popleft()
            engine.running.append(request)
            engine.left[request] = engine.held[request] = int(tokens_in[request] + done[request])
        decoding = [r for r in engine.running if engine.left[r] == 0]
        context = sum(engine.held[r] for r in decoding)
        room, tokens, ready = model.step_tokens - len(decoding), len(decoding), []
        for request in engine.running:
            part = min(engine.left[request], room)
            if part > 0:
                engine.left[request] -= part
                room, tokens = room - part, tokens + part
                if engine.left[request] == 0:
                    ready.append(request)
        lasts = model.step_s + model.token_s * tokens + model.context_s * context
        engine.energy_j += power_w[len(engine.running)] * lasts
        engine.now += lasts
        for request in [*decoding, *ready]:
            done[request] += 1
            engine.held[request] += 1
            if np.isnan(first[request]):
                first[request] = engine.now
            if done[request] == tokens_out[request]:
                last[request] = engine.now
                engine.running.remove(request)
    return first, last, sent_back, engine.energy_j


def _preempt(engine: Engine, sent_back: np.ndarray) -> bool:
    full = False
    while len(engine.running) > 1 and _next_use(engine) > engine.model.kv_tokens:
        youngest = engine.running.pop()
        engine.waiting.appendleft(youngest)
        sent_back[youngest] += 1
        full = True
    return full


def _next_use(engine: Engine) -> int:
    decoding = sum(engine.left[r] == 0 for r in engine.running)
    return sum(engine.held[r] for r in engine.running) + decoding


def _fits(
    engine: Engine, request: int, tokens_in: np.ndarray, tokens_out: np.ndarray, done: np.ndarray
) -> bool:
    now = _next_use(engine) + tokens_in[request] + done[request]
    everyone = [*engine.running, request]
    later = sum(tokens_in[r] + engine.model.reserve * tokens_out[r] for r in everyone)
    return bool(now <= engine.model.kv_tokens and later <= engine.model.kv_tokens)
