"""What an answer says of how many requests its tenant may have open at once.

`x-ratelimit-*-requests` are what SDKs of OpenAI's API read; `RateLimit-Policy` and `RateLimit` are
of the draft `draft-ietf-httpapi-ratelimit-headers`, whose unit `concurrent-requests` is for this.
Such a limit has no window: one more is free as soon as an answer ends.
"""

from __future__ import annotations

from functools import lru_cache

AGAIN_S = 1
"""When to try again where none is free: an answer may end at any moment."""
POLICY = "in-flight"


@lru_cache(maxsize=4096)
def quota_lines(most: int, in_flight: int) -> tuple[bytes, ...]:
    """Lines of a head. `in_flight` counts the request that is answered."""
    free = max(most - in_flight, 0)
    again_s = 0 if free else AGAIN_S
    text = (
        f"x-ratelimit-limit-requests: {most}",
        f"x-ratelimit-remaining-requests: {free}",
        f"x-ratelimit-reset-requests: {again_s}s",
        f'ratelimit-policy: "{POLICY}";q={most};qu="concurrent-requests"',
        f'ratelimit: "{POLICY}";r={free};t={again_s}',
    )
    return tuple(line.encode() for line in text)
