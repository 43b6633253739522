"""A decision as a text that whoever carries it can neither forge nor change.

    ID.MOMENT.MAC‖REST      the MAC is BLAKE2b of REST.ID.MOMENT, keyed with a secret of the ledger

So a settlement is taken only of a request that was decided here, also by a process that was killed
in the meantime: nothing needs to be written down before a request is sent.
"""

from __future__ import annotations

import hmac
import struct
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from hashlib import blake2b
from typing import Any

import orjson

from wattlas.serve.decision import Asked, Decision, End, Facts, Reason, Settlement
from wattlas.serve.table import Place

MAC_BYTES, MAC_LETTERS = 15, 20
"""A forger would have to try 2^119 times on average; 15 bytes are 20 letters without padding."""
MOST_KNOWN = 4096
"""Decisions but for id and moment whose letters are kept: 5 MiB at most."""
_MOMENT = struct.Struct(">d")
LONGEST = 4096


class Seal:
    """Seals decisions with a secret."""

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=MAC_BYTES)
        self._known: dict[tuple[Any, ...], tuple[str, blake2b]] = {}
        """All of a decision but its id and moment → in letters, and the MAC as far as it is."""

    def sealed(self, decision: Decision) -> str:
        """The decision as a text of letters, digits, dashes and two dots: id, when, the rest.

        The rest is the same for many requests and is written once for them; the MAC is over all.
        """
        (
            (id, tenant, contract, metro, klass, asked, utc_s),
            window,
            degraded,
            place,
            reason,
            epoch,
        ) = decision
        said = (tenant, contract, metro, klass, asked._value_, window, degraded, place,
                reason._value_, epoch)  # fmt: skip
        rest, begun = self._known.get(said) or self._begun(said)
        begin = f"{id}.{_MOMENT.pack(utc_s).hex()}"
        mac = begun.copy()
        mac.update(begin.encode())
        letters = b2a_base64(mac.digest(), newline=False).translate(_URL_SAFE)
        return f"{begin}.{letters.decode()}{rest}"

    def _begun(self, said: tuple[Any, ...]) -> tuple[str, blake2b]:
        """The letters of all but id and moment, and a MAC that has taken them; both are kept."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        rest = _letters(*said)
        self._known[said] = made = rest, self._mac(rest)
        return made

    def _mac(self, rest: str) -> blake2b:
        """A MAC that has taken the rest; id and moment are still to come."""
        mac = self._keyed.copy()
        mac.update(f"{rest}.".encode("ascii"))
        return mac

    def _genuine(self, text: str) -> tuple[str, str, bytes] | None:
        """Id, moment and the rest of a text that was sealed here."""
        id, _, after = text[:LONGEST].partition(".")
        moment, _, letters = after.partition(".")
        rest = letters[MAC_LETTERS:]
        try:
            mac = a2b_base64(
                letters[:MAC_LETTERS].encode("ascii").translate(_PLAIN), strict_mode=True
            )
            said = a2b_base64(rest.encode("ascii").translate(_PLAIN), strict_mode=True)
            own = self._mac(rest)
            own.update(f"{id}.{moment}".encode("ascii"))
        except (NotBase64, UnicodeError):
            return None
        return (id, moment, said) if hmac.compare_digest(mac, own.digest()) else None

    def opened(self, text: str) -> Decision | None:
        """The decision in a text; None where it was not sealed here."""
        genuine = self._genuine(text)
        if genuine is None:
            return None
        id, moment, said = genuine
        try:
            (tenant, contract, metro, klass, asked, window, degraded, region, point, reason,
             epoch) = orjson.loads(said)  # fmt: skip
            (utc_s,) = _MOMENT.unpack(bytes.fromhex(moment))
            facts = Facts(id, tenant, contract, metro, klass, Asked(asked), utc_s)
            return Decision(facts, window, degraded, Place(region, point), Reason(reason), epoch)
        except (ValueError, TypeError, struct.error):
            return None  # of another version, with the same secret

    def line(self, decision: Decision, outcome: Settlement) -> bytes:
        """A request that has ended, as a line of text that `ended` reads again."""
        return orjson.dumps((self.sealed(decision), *outcome), default=tuple)

    def ended(self, line: bytes) -> tuple[Decision, Settlement] | None:
        """The request in a line; None where its decision was not sealed here."""
        try:
            text, *said = orjson.loads(line)
            plain = Settlement(*said)
            outcome = plain._replace(
                end=End(plain.end), place=Place(*plain.place),
                reason=None if plain.reason is None else Reason(plain.reason),
            )  # fmt: skip
            decision = self.opened(text)
        except (ValueError, TypeError, AttributeError):
            return None
        return None if decision is None else (decision, outcome)


_URL_SAFE, _PLAIN = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
"""Base64 of letters that no header or address minds, and back."""


def _letters(*said: Any) -> str:
    """All of a decision but for its id and moment, in letters."""
    *before, (region, point), reason, epoch = said
    text = orjson.dumps((*before, region, point, reason, epoch))
    return b2a_base64(text, newline=False).translate(_URL_SAFE).decode()
