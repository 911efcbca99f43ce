"""The Merkle tree is RFC 6962's, grown leaf by leaf; the chain beside it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.merkle import EMPTY, START, Tree, leaf, linked, node, tree

LEAVES = [
    bytes.fromhex(data)
    for data in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Certificate Transparency's test vectors: https://github.com/google/certificate-transparency (merkle_tree_test.cc)."""

lines = st.lists(st.binary(max_size=40), max_size=40)


def grown(data: list[bytes]) -> Tree:
    """A tree of these leaves."""
    return EMPTY.with_leaves(map(leaf, data))


def reckoned(hashes: list[bytes]) -> bytes:
    """MTH as RFC 6962 §2.1 defines it, by division."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(reckoned(hashes[:half]), reckoned(hashes[half:]))


def test_the_empty_tree() -> None:
    """Its root is the hash of nothing."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert EMPTY.root.hex() == empty
    assert (EMPTY.size, EMPTY.written()) == (0, b"")


@pytest.mark.parametrize(("size", "root"), [*enumerate(ROOTS, start=1)])
def test_the_vectors_of_certificate_transparency(size: int, root: str) -> None:
    """Every size up to eight."""
    assert grown(LEAVES[:size]).root.hex() == root


def test_leaf_and_node_are_told_apart() -> None:
    """By the byte before them: no leaf can pass for a subtree."""
    one = b"a" * 64
    assert leaf(one) == hashlib.sha256(b"\x00" + one).digest()
    assert node(one[:32], one[32:]) == hashlib.sha256(b"\x01" + one).digest()
    assert len({leaf(one), node(one[:32], one[32:]), linked(one[:32], one[32:])}) == 3


def test_a_link_depends_on_both() -> None:
    """On what was before, and on the line."""
    assert linked(START, b"line") == hashlib.sha256(bytes(32) + b"line").digest()
    assert linked(START, b"line") != linked(linked(START, b""), b"line")
    assert len(START) == 32


@given(lines)
def test_growing_is_the_definition(data: list[bytes]) -> None:
    """Leaf by leaf, or by RFC 6962's division: the same root, and no more peaks than bits."""
    made = grown(data)
    assert made.root == reckoned([*map(leaf, data)])
    assert made.size == len(data)
    assert len(made.peaks) == len(data).bit_count()


@given(lines, lines)
def test_growing_in_parts_is_growing_at_once(first: list[bytes], then: list[bytes]) -> None:
    """A sealer that goes on from the peaks gets what one that begins anew would."""
    before = grown(first)
    assert before.with_leaves(map(leaf, then)) == grown(first + then)
    assert before == grown(first)  # what it was stays


@given(lines)
def test_what_is_written_is_read_again(data: list[bytes]) -> None:
    """The peaks and the size are all there is to keep."""
    made = grown(data)
    assert tree(made.size, made.written()) == made


@given(st.integers(-3, 40), st.binary(max_size=200))
def test_what_is_no_tree_is_refused(size: int, written: bytes) -> None:
    """The size says how many bytes there must be."""
    if size >= 0 and len(written) == 32 * size.bit_count():
        assert tree(size, written).size == size
    else:
        with pytest.raises(ValueError, match=f"not the peaks of a tree of {size}"):
            tree(size, written)


@given(lines.filter(bool), st.data())
def test_any_other_leaf_gives_another_root(data: list[bytes], drawn: st.DataObject) -> None:
    """Changed or left out, wherever it is."""
    place = drawn.draw(st.integers(0, len(data) - 1))
    other = drawn.draw(st.binary(max_size=40).filter(lambda one: one != data[place]))
    changed = [*data[:place], other, *data[place + 1 :]]
    assert grown(changed).root != grown(data).root
    assert grown(data[:place] + data[place + 1 :]).root != grown(data).root
