"""The Merkle tree of RFC 6962 section 2.1: index, size and hashes in, hashes out; no storage, no entries.

Terms. A *leaf* is a 32-byte leaf hash. A *span* is a half-open range of leaf indices; a proof is the list of the hashes
of certain spans, named by ``inclusion_spans`` and ``consistency_spans``, so that whoever keeps tiles or rows can fetch
them one by one. A ``Frontier`` is what has to be kept to append: the roots of the perfect subtrees that the size is
made of, largest first (one per set bit), about log2(size) hashes.

Verification follows RFC 9162 sections 2.1.3.2 and 2.1.4.2, which verify the same trees.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Span = tuple[int, int]


class ProofError(Exception):
    """A proof does not show what it claims. The text says which step failed and holds no hash."""


def leaf_of(data: bytes) -> bytes:
    """The leaf hash of leaf data."""
    return hashlib.sha256(b"\0" + data).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree's right edge: ``size`` leaves, and one root per set bit of the size, largest subtree first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.roots) != self.size.bit_count() or any(len(r) != HASH_BYTES for r in self.roots):
            raise ValueError("the hashes do not fit the size of the tree")

    def extended(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier after appending leaves in order. Two hashes a leaf, amortised; constant memory."""
        sha256, size, stack = hashlib.sha256, self.size, list(self.roots)
        for leaf in leaves:
            node, full = leaf, size
            while full & 1:  # a subtree of equal size stands to the left: merge
                node = sha256(b"\1" + stack.pop() + node).digest()
                full >>= 1
            stack.append(node)
            size += 1
        return Frontier(size, tuple(stack))

    def root(self) -> bytes:
        """The root of the tree, 32 bytes; the empty tree's is SHA-256 of nothing."""
        if not self.roots:
            return EMPTY_ROOT
        node = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            node = node_of(left, node)
        return node

    def encode(self) -> bytes:
        """The roots one after another, largest subtree first."""
        return b"".join(self.roots)

    @classmethod
    def decode(cls, size: int, encoded: bytes) -> "Frontier":
        """The frontier behind ``encode``. Raises ValueError where the hashes do not fit the size."""
        return cls(size, tuple(encoded[at : at + HASH_BYTES] for at in range(0, len(encoded), HASH_BYTES)))


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaves in order."""
    return Frontier().extended(leaves).root()


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The spans whose hashes prove that leaf ``index`` is in the tree of ``size``, deepest first (RFC 6962 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    spans: list[Span] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _left_size(end - begin)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((begin, middle))
            begin = middle
    return spans[::-1]


def consistency_spans(old_size: int, new_size: int) -> list[Span]:
    """The spans whose hashes prove that the tree of ``old_size`` is a prefix of that of ``new_size`` (RFC 6962 2.1.2).

    Empty where one of the trees is empty or both have one size.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError("the older tree is the larger one")
    spans: list[Span] = []
    if old_size == 0:
        return spans
    begin, end, known = 0, new_size, True  # known: the verifier holds the hash of this very span, as the older root
    while end != old_size:
        middle = begin + _left_size(end - begin)
        if old_size <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((begin, middle))
            begin, known = middle, False
    if not known:
        spans.append((begin, end))
    return spans[::-1]


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The proof for one leaf of a tree that is at hand as a whole."""
    return [root_of(leaves[begin:end]) for begin, end in inclusion_spans(index, len(leaves))]


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The proof between an older tree and the one that is at hand as a whole."""
    return [root_of(leaves[begin:end]) for begin, end in consistency_spans(old_size, len(leaves))]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Checks that ``leaf`` stands at ``index`` in the tree of this size and root (RFC 9162 section 2.1.3.2).

    Raises:
        ProofError: it does not, or the proof is too short or too long.
    """
    if not 0 <= index < size:
        raise ProofError("no such leaf in a tree of this size")
    place, last, node = index, size - 1, leaf
    for sibling in _hashes(proof):
        if last == 0:
            raise ProofError("the proof is too long")
        if place & 1 or place == last:
            node = node_of(sibling, node)
            place, last = _climbed(place, last)
        else:
            node = node_of(node, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    if node != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Checks that the older tree is a prefix of the newer one (RFC 9162 section 2.1.4.2).

    Raises:
        ProofError: it is not, or the proof is too short or too long.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError("the older tree is the larger one")
    if old_size in (0, new_size):
        if proof:
            raise ProofError("the proof is too long")
        if old_root != (EMPTY_ROOT if old_size == 0 else new_root):
            raise ProofError("one size, two roots" if old_size else "the empty tree has another root")
        return
    hashes = _hashes(proof)
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = old_root if place == 0 else _next(hashes)
    for sibling in hashes:
        if last == 0:
            raise ProofError("the proof is too long")
        if place & 1 or place == last:
            older, newer = node_of(sibling, older), node_of(sibling, newer)
            place, last = _climbed(place, last)
        else:
            newer = node_of(newer, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    if older != old_root or newer != new_root:
        raise ProofError("the proof leads to another root")


def _left_size(size: int) -> int:
    """The largest power of two smaller than ``size`` (size ≥ 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _climbed(place: int, last: int) -> tuple[int, int]:
    """On the right edge: up to the level where the node has a left sibling (place > 0)."""
    while not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _hashes(proof: Sequence[bytes]) -> Iterator[bytes]:
    if any(len(item) != HASH_BYTES for item in proof):
        raise ProofError("a hash of the proof has another length")
    return iter(proof)


def _next(hashes: Iterator[bytes]) -> bytes:
    try:
        return next(hashes)
    except StopIteration:
        raise ProofError("the proof is too short") from None
