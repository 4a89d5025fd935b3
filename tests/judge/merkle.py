"""The tree of RFC 6962 section 2.1, computed leaf by leaf."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

EMPTY: Final = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes, salt: bytes) -> bytes:
    """The leaf of a salted entry: its data is SHA-256(salt, entry)."""
    return hashlib.sha256(b"\x00" + hashlib.sha256(salt + entry).digest()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """An inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(leaves: Sequence[bytes], sizes: Collection[int]) -> dict[int, bytes]:
    """The root of the first ``n`` leaves for each wanted ``n``; sizes beyond the leaves are left out."""
    wanted, found = set(sizes), {}
    peaks: list[tuple[int, bytes]] = []  # (height, hash) of full subtrees, the largest first
    if 0 in wanted:
        found[0] = EMPTY
    for size, leaf in enumerate(leaves, 1):
        height, node = 0, leaf
        while peaks and peaks[-1][0] == height:
            node = node_hash(peaks.pop()[1], node)
            height += 1
        peaks.append((height, node))
        if size in wanted:
            found[size] = _fold(peaks)
    return found


def _fold(peaks: list[tuple[int, bytes]]) -> bytes:
    node = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        node = node_hash(left, node)
    return node
