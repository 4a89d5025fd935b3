"""A stranger's arithmetic over the topics: honest evidence holds, every single falsification shows."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest

from broker.audit.actions import Action
from lienvien.prove import inboxes
from lienvien.prove.answers import check_answers
from lienvien.prove.evidence import DumpedRecord, Hospital, load, write_dump, write_manifest
from lienvien.prove.report import Claim
from lienvien.prove.signed import exchange_keyring
from schemas.reasons import Refused
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType, inbox_topic, submit_topic
from tests.certs.pki import BAC_GIANG, BACH_MAI, EXCHANGE, make_pki
from tests.lienvien.evidence_world import EvidenceWorld, honest_world

NAMES = ("stamps", "numbers", "receipts", "sources", "answers", "lost", "doubled")


def run(world: EvidenceWorld, folder: Path) -> dict[str, Claim]:
    """All checks of the topics, by name."""
    evidence = world.evidence(folder)
    exchange = exchange_keyring(EXCHANGE, evidence.exchange_certificate, evidence.authority)
    claims = {name: Claim(name, name) for name in NAMES} | {"repeats": Claim("repeats", "repeats", at_least=0)}
    stamped = inboxes.stamped_records(evidence, exchange, claims["stamps"])
    inboxes.check_numbers(stamped, claims["numbers"])
    receipts = inboxes.read_receipts(stamped, exchange, claims["receipts"])
    inboxes.check_sources(evidence, receipts, claims["sources"])
    check_answers(evidence, world.log, receipts, claims["answers"])
    inboxes.check_repeats(receipts, claims["repeats"])
    inboxes.check_deliveries(stamped, receipts, claims["lost"])
    inboxes.check_doubles(evidence, stamped, receipts, claims["doubled"])
    return claims


def failed(claims: dict[str, Claim]) -> set[str]:
    return {name for name, claim in claims.items() if not claim.holds}


def test_honest_evidence_holds(tmp_path: Path) -> None:
    world, _ = honest_world(tmp_path)
    assert failed(run(world, tmp_path)) == set()


def test_a_repeat_answered_with_the_same_bytes_holds(tmp_path: Path) -> None:
    world, message_id = honest_world(tmp_path)
    _repeat(world, message_id)
    claims = run(world, tmp_path)
    assert failed(claims) == set()
    assert claims["repeats"].count == 1


def test_a_repeat_before_the_acknowledgement_goes_out_under_a_new_number(tmp_path: Path) -> None:
    world, message_id = honest_world(tmp_path)
    _repeat(world, message_id)
    world.deliver(b"sealed", message_id)
    assert failed(run(world, tmp_path)) == set()


def test_a_repeat_sealed_anew_goes_out_with_the_new_bytes(tmp_path: Path) -> None:
    world, message_id = honest_world(tmp_path)
    _repeat(world, message_id, b"sealed anew")
    world.deliver(b"sealed anew", message_id)
    assert failed(run(world, tmp_path)) == set()


def test_junk_that_nobody_signed_for_needs_no_answer_but_is_counted(tmp_path: Path) -> None:
    world, _ = honest_world(tmp_path)
    for _ in range(3):
        world.submit(b"noise")
    world.log.append({"action": Action.JUNK_COUNTED, "topic": submit_topic(BAC_GIANG), "count": 3})
    assert failed(run(world, tmp_path)) == set()


def test_what_was_set_aside_needs_no_answer(tmp_path: Path) -> None:
    world, _ = honest_world(tmp_path)
    world.judged(world.submit(b"poison"), Action.RECORD_QUARANTINED)
    assert failed(run(world, tmp_path)) == set()


def _repeat(world: EvidenceWorld, message_id: str, sealed: bytes = b"sealed") -> None:
    """The same message once more; answered as it was before."""
    world.judged(world.submit(sealed), Action.MESSAGE_REPEATED, message_id)
    first = world.topics[inbox_topic(BAC_GIANG)][0].value
    world.put(BAC_GIANG, RecordType.RECEIPT, first, message_id=message_id)


def _more_repairs_than_repeats(world: EvidenceWorld, message_id: str) -> None:
    _repeat(world, message_id)
    for _ in range(2):
        world.deliver(b"sealed", message_id)


def _repair_with_bytes_of_no_repeat(world: EvidenceWorld, message_id: str) -> None:
    _repeat(world, message_id)
    world.deliver(b"sealed by nobody", message_id)


def _leave_a_repeat_unanswered(world: EvidenceWorld, message_id: str) -> None:
    world.judged(world.submit(b"sealed"), Action.MESSAGE_REPEATED, message_id)


def _more_noise_than_was_counted(world: EvidenceWorld, _: str) -> None:
    world.log.append({"action": Action.JUNK_COUNTED, "topic": submit_topic(BAC_GIANG), "count": 1})
    for _ in range(2):
        world.submit(b"noise")


def _log_names_other_bytes(world: EvidenceWorld, _: str) -> None:
    world.log[0] |= {"record_sha256": "0" * 64}


def _drop_delivery(world: EvidenceWorld, _: str) -> None:
    world.topics[inbox_topic(BACH_MAI)].clear()


def _deliver_twice(world: EvidenceWorld, message_id: str) -> None:
    world.deliver(b"sealed", message_id)


def _deliver_what_nobody_accepted(world: EvidenceWorld, _: str) -> None:
    world.deliver(b"other", str(uuid4()))


def _change_a_delivery(world: EvidenceWorld, _: str) -> None:
    world.spoil(inbox_topic(BACH_MAI), 0, value=b"changed")


def _remove_the_stamp(world: EvidenceWorld, _: str) -> None:
    record = world.topics[inbox_topic(BACH_MAI)][0]
    world.spoil(inbox_topic(BACH_MAI), 0, headers=record.headers[:1])


def _two_stamps(world: EvidenceWorld, _: str) -> None:
    record = world.topics[inbox_topic(BACH_MAI)][0]
    world.spoil(inbox_topic(BACH_MAI), 0, headers=(*record.headers, record.headers[-1]))


def _copy_to_another_inbox(world: EvidenceWorld, _: str) -> None:
    record = world.topics[inbox_topic(BACH_MAI)][0]
    world.append(inbox_topic(BAC_GIANG), record.value, record.headers)


def _skip_a_number(world: EvidenceWorld, message_id: str) -> None:
    world.numbers[BAC_GIANG] += 1
    first = world.topics[inbox_topic(BAC_GIANG)][0].value
    world.put(BAC_GIANG, RecordType.RECEIPT, first, message_id=message_id)


def _leave_one_unanswered(world: EvidenceWorld, _: str) -> None:
    world.submit(b"another")


def _change_the_answer(world: EvidenceWorld, message_id: str) -> None:
    source = world.submit(b"sealed")
    world.judged(source, Action.MESSAGE_REFUSED, message_id)
    refusal = world.receipt(source, message_id, verdict=Verdict.REFUSED)
    world.put(BAC_GIANG, RecordType.RECEIPT, world.sign(refusal), message_id=message_id)


def _receipt_of_a_stranger(world: EvidenceWorld, message_id: str) -> None:
    forger = make_pki(Path(mkdtemp()))
    real, world.pki = world.pki, forger
    value = world.sign(world.receipt(world.topics["xfer.submit.24001"][0], message_id))
    world.pki = real
    world.put(BAC_GIANG, RecordType.RECEIPT, value, message_id=message_id)


def _source_elsewhere(world: EvidenceWorld, _: str) -> None:
    world.spoil("xfer.submit.24001", 0, value=b"swapped on the broker's disk")


@pytest.mark.parametrize(
    ("falsify", "shows"),
    [
        (_drop_delivery, {"lost", "doubled"}),
        (_deliver_twice, {"doubled"}),
        (_deliver_what_nobody_accepted, {"doubled"}),
        (_change_a_delivery, {"stamps", "lost", "doubled"}),
        (_remove_the_stamp, {"stamps", "lost", "doubled"}),
        (_two_stamps, {"stamps", "lost", "doubled"}),
        (_copy_to_another_inbox, {"stamps"}),
        (_skip_a_number, {"numbers"}),
        (_leave_one_unanswered, {"answers"}),
        (_leave_a_repeat_unanswered, {"answers"}),
        (_more_noise_than_was_counted, {"answers"}),
        (_log_names_other_bytes, {"answers"}),
        (_more_repairs_than_repeats, {"doubled"}),
        (_repair_with_bytes_of_no_repeat, {"doubled"}),
        (_change_the_answer, {"repeats"}),
        (_receipt_of_a_stranger, {"receipts"}),
        (_source_elsewhere, {"sources", "answers", "doubled"}),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_falsification_shows(tmp_path: Path, falsify: Callable[[EvidenceWorld, str], None], shows: set[str]) -> None:
    world, message_id = honest_world(tmp_path)
    falsify(world, message_id)
    assert failed(run(world, tmp_path)) == shows


def test_a_certificate_of_another_exchange_is_refused(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    with pytest.raises(Refused):
        exchange_keyring("khac", pki.exchange.signing.certificate, pki.authority.certificate)


def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    pki, other = make_pki(tmp_path / "a"), make_pki(tmp_path / "b")
    with pytest.raises(Refused):
        exchange_keyring(EXCHANGE, pki.exchange.signing.certificate, other.authority.certificate)


def test_a_dump_reads_back_as_written(tmp_path: Path) -> None:
    record = DumpedRecord(
        "xfer.submit.24001", 3, 5, b"key", (("record_type", b"envelope"), ("x", b"\xff")), b"\x00\xff"
    )
    assert DumpedRecord.from_json(record.topic, record.to_json()) == record
    assert "\n" not in record.to_json()


def test_a_folder_reads_back_as_written(tmp_path: Path) -> None:
    world, _ = honest_world(tmp_path / "pki")
    folder = tmp_path / "proof"
    for topic, records in world.topics.items():
        assert write_dump(folder, topic, records) == len(records)
    hospital = Hospital(BAC_GIANG, "Bắc Giang", Path("../a/export"), Path("../a/incoming"), {"x.xml": "0" * 64})
    write_manifest(folder, EXCHANGE, [hospital])
    pem = world.authority.public_bytes(encoding=_pem())
    (folder / "ca.pem").write_bytes(pem)
    (folder / "exchange-signing.crt").write_bytes(world.pki.exchange.signing.certificate.public_bytes(_pem()))
    evidence = load(folder)
    assert {topic: list(records) for topic, records in evidence.topics.items()} == world.topics
    assert evidence.hospitals[BAC_GIANG].export == (tmp_path / "a/export")
    assert json.loads((folder / "manifest.json").read_text())["exchange"] == EXCHANGE


def _pem():  # type: ignore[no-untyped-def]
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.PEM
