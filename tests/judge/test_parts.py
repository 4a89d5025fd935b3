"""Parts of the judge against what is known from elsewhere."""

import hashlib
from pathlib import Path

import pytest

from tests.judge.honest import DESTINATION, SENDER, facility_signer, finish, honest_story, iso
from tests.judge.judging import judge
from tests.judge.merkle import EMPTY, roots
from tests.judge.mistakes import MISTAKES, inbox, stamp_of
from tests.judge.states import START, between, step
from tests.judge.tokens import Keys, NotSignedError, open_token

# The reference leaves and roots of the RFC 6962 test vectors of Certificate Transparency.
LEAVES = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def test_the_tree_is_that_of_rfc_6962() -> None:
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(leaf)).digest() for leaf in LEAVES]
    found = roots(leaves, {0, *ROOTS, 9})
    assert found.pop(0) == EMPTY
    assert {size: root.hex() for size, root in found.items()} == ROOTS


def test_acks_move_the_delivery_and_nothing_undoes_it() -> None:
    delivered = START._replace(delivery="delivered")
    assert delivered in set(between(START))
    assert START not in set(between(delivered))
    assert step(START._replace(delivery="unreadable"), "transfer-accept", None) is None


def test_a_cancelled_patient_may_still_arrive() -> None:
    cancelled = START._replace(decision="cancelled")
    assert step(cancelled, "transfer-arrived", "emergency") == cancelled._replace(journey="arrived", loop="owed")


@pytest.mark.parametrize("change", ["signature", "claims", "typ", "none", "member"])
def test_a_token_is_taken_only_as_it_was_signed(change: str) -> None:
    own = facility_signer(SENDER)
    keys = Keys()
    keys.add(own.certificate)
    token = own.sign("lienvien-ack+jws", {"a": 1})
    assert open_token(token, "lienvien-ack+jws", keys) == {"a": 1}
    head, body, signature = token.split(b".")
    changed = {
        "signature": b".".join((head, body, signature[:-8] + b"AAAAAAAA")),
        "claims": b".".join((head, b"eyJhIjoyfQ", signature)),
        "typ": own.sign("lienvien-receipt+jws", {"a": 1}),
        "none": b".".join((b"eyJhbGciOiJub25lIiwidHlwIjoibGllbnZpZW4tYWNrK2p3cyIsImtpZCI6IngifQ", body, b"")),
        "member": facility_signer(DESTINATION).sign("lienvien-ack+jws", {"a": 1}),
    }[change]
    with pytest.raises(NotSignedError):
        open_token(changed, "lienvien-ack+jws", keys)


def test_a_number_published_twice_with_the_same_bytes_is_no_mistake(tmp_path: Path) -> None:
    story = honest_story()
    scene = finish(story)
    scene.topics[f"xfer.inbox.{SENDER}"].append(inbox(scene, SENDER)[-1])
    assert judge(scene.write(tmp_path / "run"))[1].red == set()


def test_a_missing_number_that_was_asked_for_may_come_late(tmp_path: Path) -> None:
    story = honest_story()
    scene, records = story.scene, inbox(story.scene, DESTINATION)
    records[0], records[1] = records[1], records[0]
    scene.status(DESTINATION, missing=[stamp_of(records[1])["delivery_seq"]])
    assert judge(finish(story).write(tmp_path / "run"))[1].red == set()


def test_a_clear_no_is_repeated_without_a_mark(tmp_path: Path) -> None:
    story = honest_story()
    scene = story.scene
    line = next(line for line in scene.receivers[DESTINATION] if line["key"] == story.foreign.message_id)
    line["answered"] = 422
    line["at"] = iso(scene.now)
    scene.hand_over(story.foreign)
    assert judge(finish(story).write(tmp_path / "run"))[1].red == set()


def test_there_are_mistakes_of_every_kind() -> None:
    named = set().union(*(mistake.red for mistake in MISTAKES))
    assert len(MISTAKES) >= 60
    assert named == {"inputs", "run", "stamps", "receipts", *(f"I{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 14))}
