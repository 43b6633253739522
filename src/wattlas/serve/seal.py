"""A decision as a text that whoever carries it can neither forge nor change.

    ID.MAC‖DECISION        the MAC is BLAKE2b of id and decision, keyed with a secret of the ledger

So a settlement is taken only of a request that was decided here, also by a process that was killed
in the meantime: nothing needs to be written down before a request is sent.
"""

from __future__ import annotations

import hmac
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
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
        """The decision as a text of letters, digits, dashes and a dot."""
        f = decision.facts
        said = orjson.dumps(
            (f.tenant, f.contract, f.metro, f.klass, f.asked._value_, f.utc_s, decision.window,
             decision.degraded, *decision.place, decision.reason._value_, decision.epoch)
        )  # fmt: skip
        letters = b2a_base64(self._mac(f.id, said) + said, newline=False).translate(_URL_SAFE)
        return f"{f.id}.{letters.decode()}"

    def _mac(self, id: str, said: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(b"%b.%b" % (id.encode(), said))
        return mac.digest()

    def _genuine(self, text: str) -> tuple[str, bytes] | None:
        """Id and decision of a text that was sealed here."""
        id, _, letters = text[:LONGEST].partition(".")
        try:
            both = a2b_base64(letters.encode("ascii").translate(_PLAIN), strict_mode=True)
        except (NotBase64, UnicodeError):
            return None
        mac, said = both[:MAC_BYTES], both[MAC_BYTES:]
        genuine = id.isascii() and hmac.compare_digest(mac, self._mac(id, said))
        return (id, said) if genuine else None

    def opened(self, text: str) -> Decision | None:
        """The decision in a text; None where it was not sealed here."""
        found = self._genuine(text)
        if found is None:
            return None
        id, said = found
        try:
            (tenant, contract, metro, klass, asked, utc_s, window, degraded, region, point,
             reason, epoch) = orjson.loads(said)  # fmt: skip
            facts = Facts(id, tenant, contract, metro, klass, Asked(asked), utc_s)
            return Decision(facts, window, degraded, Place(region, point), Reason(reason), epoch)
        except (ValueError, TypeError):
            return None  # of another version, with the same secret


_URL_SAFE, _PLAIN = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
"""Base64 of letters that no header or address minds, and back."""
