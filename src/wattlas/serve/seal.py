"""A decision as a text that whoever carries it can neither forge nor change.

    ID.DECISION.MAC        BLAKE2b of the first two, keyed with a secret of the ledger

So a settlement is taken only of a request that was decided here, also by a process that was killed
in the meantime: nothing needs to be written down before a request is sent.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from binascii import b2a_base64
from hashlib import blake2b

import orjson

from wattlas.serve.decision import Asked, Decision, Facts, Reason
from wattlas.serve.table import Place

MAC_BYTES = 15
"""A forger would have to try 2^119 times on average; 15 bytes are 20 letters without padding."""
LONGEST = 4096


class Seal:
    """Seals decisions with a secret."""

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=MAC_BYTES)

    def sealed(self, decision: Decision) -> str:
        """The decision as a text of letters, digits, dashes and dots."""
        f = decision.facts
        said = orjson.dumps(
            (f.tenant, f.contract, f.metro, f.klass, f.asked, f.utc_s, decision.window,
             decision.degraded, *decision.place, decision.reason, decision.epoch)
        )  # fmt: skip
        text = b"%b.%b" % (f.id.encode(), _letters(said))
        return (b"%b.%b" % (text, self._mac(text))).decode()

    def _mac(self, text: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(text)
        return _letters(mac.digest())

    def id_of(self, text: str) -> str | None:
        """The request whose sealed decision a text is; None where it was not sealed here."""
        head, _, mac = text[:LONGEST].rpartition(".")
        if not text.isascii() or not hmac.compare_digest(mac.encode(), self._mac(head.encode())):
            return None
        return head.partition(".")[0]

    def opened(self, text: str) -> Decision | None:
        """The decision in a text; None where it was not sealed here."""
        if self.id_of(text) is None:
            return None
        id, said, _ = text[:LONGEST].split(".")
        try:
            (tenant, contract, metro, klass, asked, utc_s, window, degraded, region, point,
             reason, epoch) = orjson.loads(urlsafe_b64decode(said))  # fmt: skip
            facts = Facts(id, tenant, contract, metro, klass, Asked(asked), utc_s)
            return Decision(facts, window, degraded, Place(region, point), Reason(reason), epoch)
        except (ValueError, TypeError, NotBase64):
            return None  # of another version, with the same secret


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _letters(said: bytes) -> bytes:
    """Bytes in base64 of letters that no header or address minds."""
    return b2a_base64(said, newline=False).translate(_URL_SAFE)
