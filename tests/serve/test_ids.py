"""Ids as bits: each is taken once, whatever it looks like, over many recordings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattlas.serve.ledger.ids import PER_BLOCK, Block, Taken, place_of

NUMBERS = st.integers(0, 3 * PER_BLOCK).map(str) | st.sampled_from(["007", "", "²", "1" * 13, "x"])
IDS = st.tuples(st.sampled_from(["a", "b", "a-1", "", "-"]), NUMBERS).map(
    "-".join
) | st.sampled_from(["a", "b", "1", "-", ""])


@given(st.lists(st.lists(IDS, max_size=30), max_size=5))
def test_an_id_is_taken_once(recordings: list[list[str]]) -> None:
    """Within a recording and after it was written."""
    kept: dict[Block, bytes] = {}
    known: set[str] = set()
    for ids in recordings:
        taken = Taken(kept.get)
        for id in ids:
            assert taken.take(id) is (id not in known)
            known.add(id)
        kept.update({block: bytes(bits) for block, bits in taken.changed.items()})


@given(IDS, IDS)
def test_no_two_ids_share_a_place(one: str, other: str) -> None:
    """A number with a leading zero is another id than that without."""
    assert (place_of(one) == place_of(other)) is (one == other)


def test_every_number_is_a_bit_of_its_own() -> None:
    """Over several blocks, in one recording and once more from what was written."""
    ids = [f"a-{n}" for n in range(1, 2 * PER_BLOCK + 3)]
    taken = Taken({}.get)
    assert all(taken.take(id) for id in ids)
    kept = {block: bytes(bits) for block, bits in taken.changed.items()}
    assert sum(byte.bit_count() for bits in kept.values() for byte in bits) == len(ids)
    again = Taken(kept.get)
    assert not any(again.take(id) for id in ids)
    assert again.changed == {}
