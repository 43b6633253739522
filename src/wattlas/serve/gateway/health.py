"""Which servers are worth a try: those that failed several times in a row rest for a while.

And a budget for second tries, so that they never multiply the load when everything fails.
"""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 5
"""So many in a row, and a server rests."""
REST_S = 5.0
LONGEST_REST_S = 60.0
TRY_SHARE = 0.2
"""Second tries per request, over time."""
TRIES_AHEAD = 20.0
"""Second tries that may be saved up."""


class Health:
    """Failures of servers in a row, by URL. `clock` is a steady one, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._rests_until_s: dict[str, float] = {}
        self._tries = TRIES_AHEAD

    def rests(self, url: str) -> bool:
        """Whether a server is left alone now. The first who asks after its rest tries it, the
        others wait for what comes of it."""
        until = self._rests_until_s.get(url)
        if until is None:
            return False
        now = self._clock()
        if now < until:
            return True
        self._rests_until_s[url] = now + REST_S
        return False

    def failed(self, url: str) -> None:
        """A server failed."""
        count = self._failures[url] = self._failures.get(url, 0) + 1
        if count >= FAILURES:
            rest = min(REST_S * 2.0 ** (count - FAILURES), LONGEST_REST_S)
            self._rests_until_s[url] = self._clock() + rest

    def answered(self, url: str) -> None:
        """A server answered as it should."""
        if url in self._failures:
            del self._failures[url]
            self._rests_until_s.pop(url, None)

    def request(self) -> None:
        """A request arrived: it earns a part of a second try."""
        self._tries = min(self._tries + TRY_SHARE, TRIES_AHEAD)

    def may_retry(self) -> bool:
        """Use up a second try, if there is one."""
        if self._tries < 1.0:
            return False
        self._tries -= 1.0
        return True

    @property
    def resting(self) -> list[str]:
        """Servers that rest."""
        now = self._clock()
        return sorted(url for url, until in self._rests_until_s.items() if now < until)
