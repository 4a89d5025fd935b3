"""The tree of RFC 6962, against published vectors and against the definition written out naively."""

import hashlib
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    consistency_spans,
    inclusion_proof,
    inclusion_spans,
    leaf_of,
    node_of,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The test tree that Certificate Transparency implementations share (google/certificate-transparency,
# transparency-dev/merkle), typed in.
DATA = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
INCLUSION = {  # (index, size): proof
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {  # (old size, new size): proof
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [leaf_of(data) for data in DATA]


def _hex(hashes: Sequence[bytes]) -> list[str]:
    return [item.hex() for item in hashes]


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_published_roots(size: int, root: str) -> None:
    assert root_of(LEAVES[:size]).hex() == root


@pytest.mark.parametrize(("place", "proof"), INCLUSION.items())
def test_published_inclusion_proofs(place: tuple[int, int], proof: list[str]) -> None:
    index, size = place
    assert _hex(inclusion_proof(index, LEAVES[:size])) == proof
    verify_inclusion(index, size, LEAVES[index], [bytes.fromhex(h) for h in proof], bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("sizes", "proof"), CONSISTENCY.items())
def test_published_consistency_proofs(sizes: tuple[int, int], proof: list[str]) -> None:
    old, new = sizes
    assert _hex(consistency_proof(old, LEAVES[:new])) == proof
    verify_consistency(
        old, new, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]), [bytes.fromhex(h) for h in proof]
    )


# --- the definition of RFC 6962 section 2.1, as it stands there --------------------------------------------------


def _mth(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\x01" + _mth(leaves[:k]) + _mth(leaves[k:])).digest()


def _split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def _path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*_path(m, leaves[:k]), _mth(leaves[k:])]
    return [*_path(m - k, leaves[k:]), _mth(leaves[:k])]


def _subproof(m: int, leaves: Sequence[bytes], complete: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if complete else [_mth(leaves)]
    k = _split(len(leaves))
    if m <= k:
        return [*_subproof(m, leaves[:k], complete), _mth(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], False), _mth(leaves[:k])]


MANY = [leaf_of(str(n).encode()) for n in range(70)]


@pytest.mark.parametrize("size", range(70))
def test_roots_proofs_and_frontiers_are_those_of_the_definition(size: int) -> None:
    leaves = MANY[:size]
    assert root_of(leaves) == _mth(leaves)
    for index in range(size):
        assert inclusion_proof(index, leaves) == _path(index, leaves)
    for old in range(1, size + 1):
        assert consistency_proof(old, leaves) == _subproof(old, leaves, True)


@given(
    leaves=st.lists(st.binary(min_size=32, max_size=32), max_size=300), cuts=st.lists(st.integers(0, 300), max_size=4)
)
def test_appending_in_any_portions_gives_the_same_tree(leaves: list[bytes], cuts: list[int]) -> None:
    frontier, done = Frontier(), 0
    for cut in sorted(cuts):
        frontier = frontier.extended(leaves[done:cut])
        frontier = Frontier.decode(frontier.size, frontier.encode())
        done = max(done, min(cut, len(leaves)))
    frontier = frontier.extended(leaves[done:])
    assert frontier == Frontier().extended(leaves)
    assert frontier.root() == _mth(leaves)


@given(data=st.data(), size=st.integers(1, 200))
def test_a_proof_shows_its_leaf_and_nothing_else(data: st.DataObject, size: int) -> None:
    leaves = [leaf_of(bytes([n % 256, n // 256])) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, leaves), root_of(leaves)
    verify_inclusion(index, size, leaves[index], proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index) if size > 1 else st.just(size))
    with pytest.raises(ProofError):
        verify_inclusion(other, size, leaves[index], proof, root)
    with pytest.raises(ProofError):
        verify_inclusion(index, size, leaf_of(b"another"), proof, root)
    with pytest.raises(ProofError):
        verify_inclusion(index, size, leaves[index], [*proof, leaves[0]], root)
    for position in range(len(proof)):
        with pytest.raises(ProofError):
            verify_inclusion(index, size, leaves[index], proof[:position] + proof[position + 1 :], root)
        wrong = [*proof[:position], leaf_of(b"another"), *proof[position + 1 :]]
        with pytest.raises(ProofError):
            verify_inclusion(index, size, leaves[index], wrong, root)


@given(data=st.data(), new=st.integers(2, 200))
def test_consistency_holds_for_prefixes_and_for_nothing_else(data: st.DataObject, new: int) -> None:
    leaves = [leaf_of(bytes([n % 256, n // 256])) for n in range(new)]
    old = data.draw(st.integers(1, new - 1))
    proof, old_root, new_root = consistency_proof(old, leaves), root_of(leaves[:old]), root_of(leaves)
    verify_consistency(old, new, old_root, new_root, proof)
    changed = data.draw(st.integers(0, old - 1))
    forged = [*leaves[:changed], leaf_of(b"another"), *leaves[changed + 1 :]]
    with pytest.raises(ProofError):
        verify_consistency(old, new, old_root, root_of(forged), consistency_proof(old, forged))
    with pytest.raises(ProofError):
        verify_consistency(old, new, root_of(forged[:old]), new_root, proof)
    with pytest.raises(ProofError):
        verify_consistency(old, new, old_root, new_root, [*proof, old_root])
    with pytest.raises(ProofError):
        verify_consistency(old, new, old_root, new_root, proof[:-1])


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "proof"),
    [
        (2, 1, ROOTS[2], ROOTS[1], []),
        (-1, 1, ROOTS[0], ROOTS[1], []),
        (0, 3, ROOTS[1], ROOTS[3], []),  # the empty tree has one root
        (0, 3, ROOTS[0], ROOTS[3], [ROOTS[1]]),
        (3, 3, ROOTS[3], ROOTS[4], []),  # one size, two roots: a fork
        (3, 3, ROOTS[3], ROOTS[3], [ROOTS[1]]),
        (3, 5, ROOTS[3], ROOTS[5], []),
        (2, 5, ROOTS[2], ROOTS[5], ["00"]),
    ],
)
def test_false_claims_of_consistency(old: int, new: int, old_root: str, new_root: str, proof: list[str]) -> None:
    with pytest.raises(ProofError):
        verify_consistency(
            old, new, bytes.fromhex(old_root), bytes.fromhex(new_root), [bytes.fromhex(item) for item in proof]
        )


def test_the_empty_tree_is_a_prefix_of_all() -> None:
    verify_consistency(0, 8, EMPTY_ROOT, bytes.fromhex(ROOTS[8]), [])
    assert consistency_spans(0, 8) == []


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3)])
def test_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_spans(index, size)
    with pytest.raises(ProofError, match="no such leaf"):
        verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(3, 2), (-1, 2)])
def test_no_consistency_backward(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="older tree"):
        consistency_spans(old, new)


@pytest.mark.parametrize(
    ("size", "roots"),
    [(0, (b"x" * 32,)), (3, (b"x" * 32,)), (1, (b"x" * 31,)), (-1, ())],
)
def test_a_frontier_that_does_not_fit_its_size_cannot_exist(size: int, roots: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Frontier(size, roots)


def test_leaf_and_node_hashes_cannot_be_confused() -> None:
    assert leaf_of(LEAVES[0] + LEAVES[1]) != node_of(LEAVES[0], LEAVES[1])


def test_appending_needs_neither_the_leaves_nor_much_time() -> None:
    """Guards against a quadratic append; the rate itself is reported by the benchmark."""
    leaves = [leaf_of(n.to_bytes(4)) for n in range(50_000)]
    begun = time.process_time()
    frontier = Frontier().extended(leaves)
    assert time.process_time() - begun < 5
    assert len(frontier.roots) == (50_000).bit_count()
